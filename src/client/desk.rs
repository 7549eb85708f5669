//! The person's desk: the terminal, and the one channel on which what they type arrives.

use std::{borrow::Cow, io};

use crossbeam_channel::{Receiver, bounded};

use super::{
    error::ClientError,
    overview::{Mark, Overview},
    phrase::Phrase,
    terminal::{Emphasis, Input, Notify, Terminal, View},
};
use crate::wire::Username;

/// The terminal and its input.
pub(super) struct Desk {
    terminal: Terminal,
    typed: Receiver<Input>,
}

impl Desk {
    /// Opens the terminal on standard input and output.
    pub(super) fn open(view: View, notify: Notify) -> Result<Self, ClientError> {
        // One line is asked for at a time, so one is all that ever waits here, and one end.
        let (sender, typed) = bounded(2);
        let deliver = move |input| {
            let _ = sender.send(input);
        };
        Ok(Self { terminal: Terminal::open(view, notify, Box::new(deliver))?, typed })
    }

    /// Where nobody types and everything shown goes to `output`.
    #[cfg(any(test, fuzzing))]
    pub(super) fn over(output: Box<dyn io::Write + Send>) -> Result<Self, ClientError> {
        let (_, typed) = bounded(0);
        Ok(Self { terminal: Terminal::over(output)?, typed })
    }

    /// Whether a person sits at a terminal.
    pub(super) fn is_interactive(&self) -> bool {
        self.terminal.is_interactive()
    }

    /// The account is open: from now on questions may change while a line is being typed.
    pub(super) fn converse(&mut self) {
        self.terminal.conversational(true);
    }

    /// Something of this person's arrived just now: a message, an invitation.
    pub(super) fn arrived(&mut self, from: &Username) {
        self.terminal.arrived(from);
    }

    /// What there is to see at a glance has changed.
    pub(super) fn overview(&mut self, overview: &Overview) {
        self.terminal.overview(overview);
    }

    /// A message of this person's has come so far.
    pub(super) fn mark(&mut self, mark: &Mark) {
        self.terminal.mark(mark);
    }

    /// The channel that what is typed comes on, to be selected on.
    pub(super) fn typed(&self) -> &Receiver<Input> {
        &self.typed
    }

    /// Asks, and waits for the line; `None` at the end of input.
    pub(super) fn ask<'p>(
        &mut self,
        question: impl Into<Cow<'p, Phrase>>,
    ) -> Result<Option<String>, ClientError> {
        self.terminal.ask(&question.into());
        self.wait()
    }

    /// Asks for a line that is not echoed, and waits for it; `None` at the end of input.
    pub(super) fn ask_secret<'p>(
        &mut self,
        question: impl Into<Cow<'p, Phrase>>,
    ) -> Result<Option<String>, ClientError> {
        self.terminal.ask_secret(&question.into());
        self.wait()
    }

    fn wait(&mut self) -> Result<Option<String>, ClientError> {
        match self.typed.recv() {
            Ok(Input::Line(line)) => Ok(Some(line)),
            Ok(Input::End) => Ok(None),
            Ok(Input::Failed(error)) => Err(ClientError::Terminal(error)),
            Err(_) => Err(ClientError::Terminal(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Puts a question, without waiting.
    pub(super) fn put_question<'p>(&mut self, question: impl Into<Cow<'p, Phrase>>) {
        self.terminal.ask(&question.into());
    }

    /// Wants a line, without a question.
    pub(super) fn listen(&mut self) {
        self.terminal.listen();
    }

    /// Shows whole lines.
    pub(super) fn show<'p>(&mut self, what: impl Into<Cow<'p, Phrase>>) {
        self.terminal.show(&what.into());
    }

    /// Shows whole lines as something the person should not overlook.
    pub(super) fn warn<'p>(&mut self, what: impl Into<Cow<'p, Phrase>>) {
        self.terminal.show_as(Emphasis::Warning, &what.into());
    }

    /// Shows whole lines with emphasis.
    pub(super) fn show_as<'p>(&mut self, emphasis: Emphasis, what: impl Into<Cow<'p, Phrase>>) {
        self.terminal.show_as(emphasis, &what.into());
    }

    /// Shows whole lines that say what has changed.
    pub(super) fn notice<'p>(&mut self, what: impl Into<Cow<'p, Phrase>>) {
        self.terminal.show_as(Emphasis::Notice, &what.into());
    }

    /// Whether the line that just came was begun before the question that it seems to answer.
    pub(super) fn take_stale_draft(&mut self) -> bool {
        self.terminal.take_stale_draft()
    }

    /// Writes to standard error.
    pub(super) fn diagnose<'p>(&mut self, what: impl Into<Cow<'p, Phrase>>) {
        self.terminal.diagnose(&what.into());
    }

    /// Leaves the terminal as it was.
    pub(super) fn close(self) {
        self.terminal.close();
    }
}
