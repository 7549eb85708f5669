//! The line editor: rustyline on a thread of its own, with what arrives drawn above the line being typed.
//!
//! Its external printer is used as a bell only. What is handed to it may stay in its channel until the next line is read;
//! so the text itself waits in [`Screen`], and the editor takes it each time it draws its prompt.

use std::{
    borrow::Cow,
    io::{self, Write},
    sync::Arc,
    thread,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustyline::{
    ColorMode, Config, Editor, ExternalPrinter, Helper,
    completion::Completer,
    error::ReadlineError,
    highlight::{CmdKind, Highlighter},
    hint::Hinter,
    history::MemHistory,
    validate::Validator,
};

use super::{
    Input, LINE_BYTES_MAX,
    deliver::Deliver,
    mode::SavedMode,
    screen::{Screen, Wanted},
    secret,
};
use crate::client::words;

/// How long Escape waits for the rest of a key's sequence. Without a limit the editor draws nothing after a lone Escape
/// until another key comes.
const ESCAPE_MS: u16 = 300;

/// How many lines the history holds.
const HISTORY_LINES_MAX: usize = 500;

/// What the bell prints: up a line and down again. The editor stands at the start of its cleared prompt then and draws
/// it anew, which is what the bell is for.
const BELL: &str = "\x1b[A\n";

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
        let editor = new_editor(&screen, MemHistory::with_config(&config()?))?;
        let (wanted, asked) = bounded(1);
        let reader =
            Reader { screen: Arc::clone(&screen), deliver: deliver.clone(), mode: mode.clone(), editor };
        thread::Builder::new().name("input".to_owned()).spawn(move || reader.run(&asked))?;
        mode.between_lines();
        Ok(Self { screen, wanted, deliver, mode, errors_are_terminal })
    }

    pub(super) fn conversational(&self, conversational: bool) {
        self.screen.set_conversational(conversational);
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
        self.want(self.screen.ask(Some(question)));
    }

    pub(super) fn take_stale_draft(&self) -> bool {
        self.screen.take_stale_draft()
    }

    pub(super) fn listen(&self) {
        self.want(self.screen.ask(None));
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

type Rustyline = Editor<AboveThePrompt, MemHistory>;

/// What the input thread works with.
struct Reader {
    screen: Arc<Screen>,
    deliver: Deliver,
    mode: SavedMode,
    editor: Rustyline,
}

impl Reader {
    fn run(mut self, asked: &Receiver<Wanted>) {
        while let Ok(wanted) = asked.recv() {
            let answer = match wanted {
                Wanted::Line { prompt, remember } => self.line(&prompt, remember),
                Wanted::Secret => self.secret(),
            };
            if let Some(answer) = answer {
                self.deliver.deliver(answer);
            }
        }
    }

    fn line(&mut self, prompt: &str, remember: bool) -> Option<Input> {
        if !self.screen.line_begins() {
            return None;
        }
        let input = self.read_line(prompt, remember);
        if self.screen.is_closed() {
            // The editor put back the mode it had found, after the terminal's own had been put back.
            self.mode.restore();
            return None;
        }
        match (self.screen.line_ended(), input) {
            (Some(Wanted::Secret), Input::Line(_)) => self.secret(),
            (Some(_), input) => {
                self.screen.secret_ended(|| {});
                Some(input)
            }
            (None, input) => Some(input),
        }
    }

    fn read_line(&mut self, prompt: &str, remember: bool) -> Input {
        loop {
            let mut line = match self.editor.readline(prompt) {
                Ok(line) => line,
                Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Input::End,
                Err(error) => return Input::Failed(as_io(error)),
            };
            if line.len() > LINE_BYTES_MAX {
                self.screen.show(&format!("{}\n", words::line_too_long(LINE_BYTES_MAX).text()));
                continue;
            }
            // A paste may bring the end of its last line with it.
            line.truncate(line.trim_end_matches(['\n', '\r']).len());
            if remember {
                // In memory only, where adding cannot fail.
                let _ = self.editor.add_history_entry(line.as_str());
            }
            return Input::Line(line);
        }
    }

    fn secret(&mut self) -> Option<Input> {
        if !self.screen.secret_begins(|| self.mode.hide()) {
            return None;
        }
        let answer = secret::read();
        self.screen.secret_ended(|| self.mode.between_lines());
        // A new editor drops what was typed ahead of the question: it may be the secret, typed early, and would become
        // a visible line.
        let history = std::mem::take(self.editor.history_mut());
        match new_editor(&self.screen, history) {
            Ok(editor) => self.editor = editor,
            Err(error) => return Some(Input::Failed(error)),
        }
        answer
    }
}

fn config() -> io::Result<Config> {
    let builder = Config::builder().max_history_size(HISTORY_LINES_MAX).map_err(as_io)?;
    // Colours are forced so that the prompt is drawn through `AboveThePrompt` always; it adds none of its own.
    Ok(builder.color_mode(ColorMode::Forced).keyseq_timeout(Some(ESCAPE_MS)).build())
}

/// An editor with its bell.
fn new_editor(screen: &Arc<Screen>, history: MemHistory) -> io::Result<Rustyline> {
    let mut editor = Editor::with_history(config()?, history).map_err(as_io)?;
    editor.set_helper(Some(AboveThePrompt { screen: Arc::clone(screen) }));
    let printer = editor.create_external_printer().map_err(as_io)?;
    let (bell, rung) = bounded(1);
    let watched = Arc::clone(screen);
    thread::Builder::new().name("bell".to_owned()).spawn(move || ring(printer, &rung, &watched))?;
    screen.set_bell(bell);
    Ok(editor)
}

/// Wakes the editor each time the bell is rung. The printer may wait for the editor to read the next line, so it has a
/// thread of its own; both end with the editor.
fn ring(mut printer: impl ExternalPrinter, rung: &Receiver<()>, screen: &Screen) {
    while rung.recv().is_ok() {
        if screen.is_editing() && printer.print(BELL.to_owned()).is_err() {
            return;
        }
    }
}

fn as_io(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// Draws what waits above the prompt, in the same write as the prompt. The editor measures from where its prompt
/// begins, so whole lines before it do not disturb it.
struct AboveThePrompt {
    screen: Arc<Screen>,
}

impl Highlighter for AboveThePrompt {
    fn highlight<'l>(&self, line: &'l str, _pos: usize) -> Cow<'l, str> {
        self.screen.draft_is(line);
        Cow::Borrowed(line)
    }

    /// Called for every key, also where the line is not drawn anew.
    fn highlight_char(&self, line: &str, _pos: usize, _kind: CmdKind) -> bool {
        self.screen.draft_is(line);
        false
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _default: bool) -> Cow<'b, str> {
        let above = self.screen.drawing();
        if above.is_empty() { Cow::Borrowed(prompt) } else { Cow::Owned(above + prompt) }
    }
}

impl Completer for AboveThePrompt {
    type Candidate = String;
}

impl Hinter for AboveThePrompt {
    type Hint = String;
}

impl Validator for AboveThePrompt {}

impl Helper for AboveThePrompt {}
