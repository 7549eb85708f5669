//! What the plain lines are written on, and how far it is: the question that stands open, the line that was begun.

use std::io::{ErrorKind, Write};

use super::{
    super::{LINE_BYTES_MAX, begun::Begun, deliver::Deliver},
    Surroundings,
    typing::{Did, Keys, Typing},
};
use crate::client::words;

/// What is written to, and how far it is. Its lock is the right to write: held over each write, as output has an order.
pub(super) struct Page {
    pub(super) output: Box<dyn Write + Send>,
    pub(super) errors: Box<dyn Write + Send>,
    pub(super) surroundings: Surroundings,
    pub(super) deliver: Deliver,
    /// A line was asked for and has not come.
    pub(super) outstanding: bool,
    /// A line came and is not in the caller's hands yet: until then nothing more is asked, because that line is
    /// the answer to what stood there when it was typed.
    pub(super) delivered: bool,
    /// The question that line answers; `None` when it answers none.
    pub(super) question: Option<String>,
    /// The line is one that is not shown.
    pub(super) secret: bool,
    /// A question stands at the end of the last line of the output.
    pub(super) open: bool,
    /// The reader of the output is gone: nothing more is written.
    pub(super) gone: bool,
    /// A line that answers no question goes to somebody.
    pub(super) talks: bool,
    /// What is shown once the terminal is this program's again; another has it now.
    pub(super) waiting: Option<String>,
    /// The line being typed, where this program echoes it.
    pub(super) typing: Typing,
    /// For what it was begun.
    pub(super) begun: Begun,
    /// The view is closed: the terminal is as it was found.
    pub(super) closed: bool,
}

impl Page {
    /// Nothing written and nothing asked yet.
    pub(super) fn new(
        (output, errors): (Box<dyn Write + Send>, Box<dyn Write + Send>),
        surroundings: Surroundings,
        deliver: Deliver,
    ) -> Self {
        Self {
            output,
            errors,
            surroundings,
            deliver,
            outstanding: false,
            delivered: false,
            question: None,
            secret: false,
            open: false,
            gone: false,
            talks: false,
            waiting: None,
            typing: Typing::default(),
            begun: Begun::default(),
            closed: false,
        }
    }

    /// Puts a question at the end of the output, in place of one that stands there.
    pub(super) fn put(&mut self, question: Option<&str>) {
        self.close_question();
        self.question = question.map(str::to_owned);
        if let Some(question) = question {
            self.write(question);
            self.open = true;
        }
        let begun = self.typing.shown();
        self.write(&begun);
    }

    /// Ends the line of a question that stands open, or that was half typed.
    pub(super) fn close_question(&mut self) {
        if std::mem::take(&mut self.open) || !self.typing.is_empty() {
            self.write("\n");
        }
    }

    /// What was half typed, after its question, where something came in between.
    pub(super) fn say_again(&mut self) {
        if !self.typing.is_empty() {
            self.say_what_is_open();
        }
    }

    /// On a line of its own, for who looked elsewhere: what is asked, and what was half typed.
    pub(super) fn say_all_again(&mut self) {
        self.close_question();
        self.say_what_is_open();
    }

    fn say_what_is_open(&mut self) {
        if let Some(question) = self.question.clone() {
            self.write(&question);
            self.open = true;
        }
        let begun = self.typing.shown();
        self.write(&begun);
    }

    /// A key at a terminal whose lines are echoed here; what it delivers.
    pub(super) fn typed(&mut self, byte: u8, keys: &Keys) -> Option<Typed> {
        match self.typing.take(byte, keys) {
            Did::Nothing => {}
            Did::Echo(text) => self.write(&text),
            Did::Again => {
                self.say_all_again();
            }
            Did::Line(line) => {
                self.write("\n");
                self.begun.ends();
                return Some(Typed::of(line));
            }
            Did::End => return Some(Typed::End),
        }
        self.begun.stands(!self.typing.is_empty());
        None
    }

    /// The line came: its own end moved the cursor only where it was echoed.
    pub(super) fn answered(&mut self, echoed: bool) {
        self.outstanding = false;
        self.delivered = true;
        self.question = None;
        if echoed {
            self.open = false;
        }
        self.close_question();
    }

    /// What came is not what was asked for.
    pub(super) fn still_asks(&mut self) {
        self.outstanding = true;
        self.delivered = false;
    }

    pub(super) fn diagnose(&mut self, lines: &str) {
        if self.surroundings.errors_are_terminal && self.surroundings.output_is_terminal {
            self.close_question();
        }
        // Nobody can be told that telling failed.
        let _ = self.errors.write_all(lines.as_bytes()).and_then(|()| self.errors.flush());
        if self.surroundings.errors_are_terminal && self.surroundings.output_is_terminal {
            self.say_again();
        }
    }

    pub(super) fn write(&mut self, text: &str) {
        if let Some(waiting) = &mut self.waiting {
            waiting.push_str(text);
            return;
        }
        if self.gone {
            return;
        }
        let written = self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush());
        let Err(error) = written else { return };
        self.gone = true;
        self.open = false;
        if error.kind() != ErrorKind::BrokenPipe {
            self.diagnose(&(words::output_failed(&error).text().to_owned() + "\n"));
        }
        self.deliver.end_soon();
    }
}

/// What standard input held next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Line(String),
    End,
    TooLong,
    NotText,
}

impl Typed {
    /// A whole line, without its end.
    pub(super) fn of(line: Vec<u8>) -> Self {
        if line.len() > LINE_BYTES_MAX {
            return Self::TooLong;
        }
        String::from_utf8(line).map_or(Self::NotText, Self::Line)
    }
}
