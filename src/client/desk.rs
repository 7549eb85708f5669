//! The person's desk: the terminal, and the one channel on which what they type arrives; or a program in their
//! place, which is told and asks as JSON.

use std::borrow::Cow;

use crossbeam_channel::{Receiver, RecvError, Sender, bounded, never, select};

use super::{
    error::ClientError,
    overview::{Mark, Overview},
    phrase::Phrase,
    scripts::{Call, Program},
    terminal::{Aim, Emphasis, Input, Notify, Terminal, View},
    words,
};
use crate::wire::Username;

/// Calls of programs that wait to be taken: then their readers wait too.
const CALLS_WAITING_MAX: usize = 64;

/// Who is at it, and what they say.
pub(super) struct Desk {
    front: Front,
    typed: Receiver<Input>,
    calls: Receiver<Call>,
    calling: Sender<Call>,
    /// Whatever arrives is read, though no person reads it.
    reads_everything: bool,
}

/// Who is at the desk.
enum Front {
    Person(Terminal),
    Program(Program),
}

impl Desk {
    /// Opens the terminal on standard input and output.
    pub(super) fn open(view: View, notify: Notify) -> Result<Self, ClientError> {
        // One line is asked for at a time, so one is all that ever waits here, and one end.
        let (sender, typed) = bounded(2);
        let deliver = move |input| {
            let _ = sender.send(input);
        };
        let terminal = Terminal::open(view, notify, Box::new(deliver))?;
        Ok(Self::with(Front::Person(terminal), typed, bounded(CALLS_WAITING_MAX), false))
    }

    /// A program at standard input and output.
    pub(super) fn program() -> Result<Self, ClientError> {
        let calls = bounded(CALLS_WAITING_MAX);
        let program = Program::at_standard_streams(&calls.0)?;
        Ok(Self::with(Front::Program(program), never(), calls, true))
    }

    /// Nobody: what is asked ends it.
    pub(super) fn nobody(reads_everything: bool) -> Result<Self, ClientError> {
        let calls = bounded(CALLS_WAITING_MAX);
        let program = Program::nobody(&calls.0)?;
        Ok(Self::with(Front::Program(program), never(), calls, reads_everything))
    }

    /// Where nobody types and everything shown goes to `output`.
    #[cfg(any(test, fuzzing))]
    pub(super) fn over(output: Box<dyn std::io::Write + std::marker::Send>) -> Result<Self, ClientError> {
        let (_, typed) = bounded(0);
        let terminal = Terminal::over(output)?;
        Ok(Self::with(Front::Person(terminal), typed, bounded(CALLS_WAITING_MAX), false))
    }

    fn with(
        front: Front,
        typed: Receiver<Input>,
        (calling, calls): (Sender<Call>, Receiver<Call>),
        reads_everything: bool,
    ) -> Self {
        Self { front, typed, calls, calling, reads_everything }
    }

    /// Whether whoever is here sees what is asked before they answer it: a person at a terminal, or a program
    /// that answers by the number of the question. A script that types lines does not.
    pub(super) fn is_interactive(&self) -> bool {
        match &self.front {
            Front::Person(terminal) => terminal.is_interactive(),
            Front::Program(_) => true,
        }
    }

    /// Whether a person sits at a terminal.
    pub(super) fn is_person(&self) -> bool {
        matches!(&self.front, Front::Person(terminal) if terminal.is_interactive())
    }

    /// Whether a secret is typed without being seen.
    pub(super) fn hides_secrets(&self) -> bool {
        self.is_person()
    }

    /// Whether there is nobody who could be asked.
    pub(super) fn is_nobody(&self) -> bool {
        matches!(&self.front, Front::Program(program) if program.is_nobody())
    }

    /// Whether whatever arrives is read, though no person reads it.
    pub(super) fn reads_everything(&self) -> bool {
        self.reads_everything
    }

    /// The account is open: from now on questions may change while a line is being typed.
    pub(super) fn converse(&mut self) {
        if let Front::Person(terminal) = &mut self.front {
            terminal.conversational(true);
        }
    }

    /// Something of this person's arrived just now: a message, an invitation.
    pub(super) fn arrived(&mut self, from: &Username) {
        if let Front::Person(terminal) = &mut self.front {
            terminal.arrived(from);
        }
    }

    /// What there is to see at a glance has changed.
    pub(super) fn overview(&mut self, overview: &Overview) {
        match &mut self.front {
            Front::Person(terminal) => terminal.overview(overview),
            Front::Program(program) => program.overview(overview),
        }
    }

    /// A message of this person's has come so far. A program is told of those that it sent, by who took them.
    pub(super) fn mark(&mut self, mark: &Mark) {
        if let Front::Person(terminal) = &mut self.front {
            terminal.mark(mark);
        }
    }

    /// The channel that what is typed comes on, to be selected on; then [`Desk::taken`].
    pub(super) fn typed(&self) -> &Receiver<Input> {
        &self.typed
    }

    /// What was typed has been taken from its channel.
    pub(super) fn taken(&mut self, typed: Result<Input, RecvError>) -> Input {
        if let Front::Person(terminal) = &mut self.front {
            terminal.taken();
        }
        typed.unwrap_or(Input::End)
    }

    /// The channel that programs' calls come on, to be selected on.
    pub(super) fn called(&self) -> &Receiver<Call> {
        &self.calls
    }

    /// Where programs put their calls.
    pub(super) fn calls(&self) -> &Sender<Call> {
        &self.calling
    }

    /// Asks, and waits for the line; `None` at the end of input.
    pub(super) fn ask<'p>(
        &mut self,
        question: impl Into<Cow<'p, Phrase>>,
    ) -> Result<Option<String>, ClientError> {
        self.put(&question.into(), false)?;
        self.wait()
    }

    /// Asks for a line that is not echoed, and waits for it; `None` at the end of input.
    pub(super) fn ask_secret<'p>(
        &mut self,
        question: impl Into<Cow<'p, Phrase>>,
    ) -> Result<Option<String>, ClientError> {
        self.put(&question.into(), true)?;
        self.wait()
    }

    fn put(&mut self, question: &Phrase, secret: bool) -> Result<(), ClientError> {
        match &mut self.front {
            Front::Person(terminal) if secret => terminal.ask_secret(question),
            Front::Person(terminal) => terminal.ask(question),
            Front::Program(program) if program.is_nobody() => {
                return Err(ClientError::NeedsAnswer(question.text().trim_end().to_owned()));
            }
            Front::Program(program) => program.ask(question, secret),
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<Option<String>, ClientError> {
        loop {
            select! {
                recv(self.typed) -> input => return match self.taken(input) {
                    Input::Line(line) => Ok(Some(line)),
                    Input::End => Ok(None),
                    Input::Failed(error) => Err(ClientError::Terminal(error)),
                },
                recv(self.calls) -> call => match call {
                    Ok(Call::Asked(caller, asked)) => match asked.answers() {
                        Some((question, text)) if caller.owns_the_client() => {
                            if self.is_answered(question) {
                                return Ok(Some(text));
                            }
                            caller.refuse(None, words::not_asked(question));
                        }
                        _ if asked.quits() && caller.owns_the_client() => return Ok(None),
                        _ => caller.refuse(asked.id(), words::NOT_LOGGED_IN),
                    },
                    Ok(Call::Gone(_)) => {}
                    Ok(Call::End) | Err(_) => return Ok(None),
                },
            }
        }
    }

    /// Whether this is the number of the question that a program is asked: then it is answered.
    pub(super) fn is_answered(&mut self, question: u64) -> bool {
        match &mut self.front {
            Front::Person(_) => false,
            Front::Program(program) => program.is_answered(question),
        }
    }

    /// Puts a question, without waiting.
    pub(super) fn put_question<'p>(&mut self, question: impl Into<Cow<'p, Phrase>>) {
        // Where nobody is, nothing is asked; whoever must be answered is refused by the one who asks.
        let _ = self.put(&question.into(), false);
    }

    /// Wants a line, without a question: it goes to this person, if there is one.
    pub(super) fn listen(&mut self, to: Option<&Username>) {
        match &mut self.front {
            Front::Person(terminal) => terminal.listen(to),
            Front::Program(program) => program.asks_nothing(),
        }
    }

    /// Shows whole lines.
    pub(super) fn show<'p>(&mut self, what: impl Into<Cow<'p, Phrase>>) {
        self.show_as(Emphasis::Plain, what);
    }

    /// Shows whole lines as something the person should not overlook.
    pub(super) fn warn<'p>(&mut self, what: impl Into<Cow<'p, Phrase>>) {
        self.show_as(Emphasis::Warning, what);
    }

    /// Shows whole lines with emphasis.
    pub(super) fn show_as<'p>(&mut self, emphasis: Emphasis, what: impl Into<Cow<'p, Phrase>>) {
        match &mut self.front {
            Front::Person(terminal) => terminal.show_as(emphasis, &what.into()),
            Front::Program(program) => program.show_as(emphasis, &what.into()),
        }
    }

    /// Shows whole lines that say what has changed.
    pub(super) fn notice<'p>(&mut self, what: impl Into<Cow<'p, Phrase>>) {
        self.show_as(Emphasis::Notice, what);
    }

    /// For what the line that just came was begun, where that is known: at a terminal.
    pub(super) fn take_begun(&mut self) -> Option<Aim> {
        match &mut self.front {
            Front::Person(terminal) => terminal.take_begun(),
            Front::Program(_) => None,
        }
    }

    /// Writes to standard error.
    pub(super) fn diagnose<'p>(&mut self, what: impl Into<Cow<'p, Phrase>>) {
        match &mut self.front {
            Front::Person(terminal) => terminal.diagnose(&what.into()),
            Front::Program(program) => program.diagnose(&what.into()),
        }
    }

    /// The client has ended so.
    pub(super) fn ended(&mut self, ended: &Result<(), ClientError>) {
        if let Front::Program(program) = &self.front {
            program.ended(ended);
        }
    }

    /// Leaves the terminal as it was.
    pub(super) fn close(self) {
        if let Front::Person(terminal) = self.front {
            terminal.close();
        }
    }
}
