//! The line editor: rustyline on a thread of its own, with what arrives drawn above the line being typed.
//!
//! Its external printer is used as a bell only. What is handed to it may stay in its channel until the next line is read;
//! so the text itself waits in [`Screen`], and the editor takes it each time it draws its prompt.

mod above;
mod reader;

use std::{
    io::{self, Write},
    sync::Arc,
    thread,
};

use crossbeam_channel::{Sender, bounded};

use super::{
    begun::Aim,
    completion::Known,
    deliver::Deliver,
    mode::SavedMode,
    screen::{Screen, Wanted},
};
use crate::wire::Username;
use reader::Reader;

/// The line editor; see the module.
#[derive(Debug)]
pub(super) struct LineEditor {
    screen: Arc<Screen>,
    wanted: Sender<Wanted>,
    deliver: Deliver,
    mode: SavedMode,
    errors_are_terminal: bool,
}

impl LineEditor {
    pub(super) fn open(deliver: Deliver, mode: SavedMode, errors_are_terminal: bool) -> io::Result<Self> {
        let screen = Arc::new(Screen::new(Box::new(io::stdout()), deliver.clone()));
        let (wanted, asked) = bounded(1);
        let reader = Reader::new(Arc::clone(&screen), deliver.clone(), mode.clone())?;
        thread::Builder::new().name("input".to_owned()).spawn(move || reader.run(&asked))?;
        mode.between_lines();
        Ok(Self { screen, wanted, deliver, mode, errors_are_terminal })
    }

    pub(super) fn conversational(&self, conversational: bool) {
        self.screen.set_conversational(conversational);
    }

    /// To whom a line goes that answers no question.
    pub(super) fn set_focus(&self, focus: Option<String>) {
        self.screen.set_focus(focus);
    }

    /// What Tab completes.
    pub(super) fn set_known(&self, known: Known) {
        self.screen.set_known(known);
    }

    pub(super) fn show(&self, lines: &str) {
        self.screen.show(lines);
    }

    /// `painted` for the terminal, `bare` for standard error when that goes elsewhere.
    pub(super) fn diagnose(&self, painted: &str, bare: &str) {
        if self.errors_are_terminal {
            self.screen.show(painted);
        } else {
            // Nobody can be told that telling failed.
            let _ = io::stderr().write_all(bare.as_bytes());
        }
    }

    pub(super) fn ask(&self, question: &str) {
        self.want(self.screen.ask(question));
    }

    pub(super) fn take_begun(&self) -> Option<Aim> {
        self.screen.take_begun()
    }

    pub(super) fn listen(&self, to: Option<&Username>) {
        self.want(self.screen.listen(to));
    }

    pub(super) fn ask_secret(&self, question: &str) {
        self.want(self.screen.ask_secret(question));
    }

    fn want(&self, wanted: Option<Wanted>) {
        if let Some(wanted) = wanted {
            // Room for one, and at most one is outstanding: never waits.
            let _ = self.wanted.send(wanted);
        }
    }
}

impl Drop for LineEditor {
    /// The input thread may stay in the middle of a line; the process ends, or never asks again.
    fn drop(&mut self) {
        self.deliver.stop();
        self.screen.close();
        self.mode.restore();
    }
}
