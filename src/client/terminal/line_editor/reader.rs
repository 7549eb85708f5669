//! The input thread: lines from the editor, and what is asked about them before they go out.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crossbeam_channel::{Receiver, bounded};
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Editor, Event, EventContext,
    EventHandler, ExternalPrinter, KeyEvent, RepeatCount, error::ReadlineError, history::MemHistory,
};

use super::{
    super::{
        Input, LINE_BYTES_MAX,
        compose::{self, Several},
        deliver::Deliver,
        lines::Lines,
        mode::SavedMode,
        screen::{Screen, Wanted},
        secret, typed_ahead,
    },
    above::{AboveThePrompt, AnotherPrompt},
};
use crate::client::{phrase::Phrase, words};

/// How long Escape waits for the rest of a key's sequence. Without a limit the editor draws nothing after a lone Escape
/// until another key comes.
const ESCAPE_MS: u16 = 300;

/// How many lines the history holds.
const HISTORY_LINES_MAX: usize = 500;

/// What the bell prints: up a line and down again. The editor stands at the start of its cleared prompt then and draws
/// it anew, which is what the bell is for.
const BELL: &str = "\x1b[A\n";

type Rustyline = Editor<AboveThePrompt, MemHistory>;

/// What the input thread works with.
pub(super) struct Reader {
    screen: Arc<Screen>,
    deliver: Deliver,
    mode: SavedMode,
    editor: Rustyline,
}

impl Reader {
    pub(super) fn new(screen: Arc<Screen>, deliver: Deliver, mode: SavedMode) -> io::Result<Self> {
        let editor = new_editor(&screen, MemHistory::with_config(&config()?))?;
        Ok(Self { screen, deliver, mode, editor })
    }

    pub(super) fn run(mut self, asked: &Receiver<Wanted>) {
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
        let input = self.message(prompt, remember);
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

    /// A line; one that goes to somebody may be written in another editor, and is asked about if it is several.
    fn message(&mut self, prompt: &str, remember: bool) -> Input {
        let mut start = (String::new(), String::new());
        loop {
            let line = match self.read_line(prompt, start, remember) {
                Input::Line(line) => line,
                ended => return ended,
            };
            let Some((text, composed)) = self.perhaps_composed(line) else { return Input::End };
            let is_command = text.starts_with('/') && !text.starts_with("//");
            if !self.screen.is_message() || is_command || !(composed || text.contains('\n')) {
                return Input::Line(text);
            }
            if !text.contains('\n') {
                // One line from the other editor: it is there to be sent, or not.
                start = (text, String::new());
                continue;
            }
            match self.ask_about(&text) {
                Ok(Several::Send) => {
                    if composed {
                        // It was in the other editor alone.
                        self.note(&Phrase::literal(&words::given_back(&format!("> {text}"))));
                    }
                    return Input::Line(text);
                }
                Ok(Several::Edit) => start = (text, String::new()),
                Ok(Several::Drop) => {
                    self.note(&words::SEVERAL_NOT_SENT.into());
                    start = (String::new(), String::new());
                }
                Err(ended) => return ended,
            }
        }
    }

    /// A line, or what was written in the person's own editor when they asked for that instead, and whether it was.
    /// Nothing once the terminal is closed.
    fn perhaps_composed(&mut self, line: String) -> Option<(String, bool)> {
        let by_key =
            self.editor.helper().is_some_and(|helper| helper.elsewhere.swap(false, Ordering::Relaxed));
        let begun = if by_key { Some(line.as_str()) } else { compose::begun_by_command(&line) };
        let composed = match begun.filter(|_| self.screen.is_message()).map(str::to_owned) {
            Some(begun) => (self.compose(&begun), true),
            None => (line, false),
        };
        (!self.screen.is_closed()).then_some(composed)
    }

    fn read_line(&mut self, prompt: &str, start: (String, String), remember: bool) -> Input {
        let (mut prompt, mut start) = (prompt.to_owned(), start);
        loop {
            let editor = &mut self.editor;
            let read = AssertUnwindSafe(|| editor.readline_with_initial(&prompt, (&start.0, &start.1)));
            let read = match catch_unwind(read) {
                Ok(read) => read,
                Err(other) if !other.is::<AnotherPrompt>() => resume_unwind(other),
                Err(_) => {
                    (prompt, start) = (self.screen.prompt(), self.screen.draft());
                    if self.screen.is_closed() {
                        return Input::End;
                    }
                    continue;
                }
            };
            if let Some(helper) = self.editor.helper() {
                helper.at_the_top.store(false, Ordering::Relaxed);
            }
            start = (String::new(), String::new());
            let mut line = match read {
                Ok(line) => line,
                Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Input::End,
                Err(error) => return Input::Failed(as_io(error)),
            };
            if line.len() > LINE_BYTES_MAX {
                self.note(&words::line_too_long(LINE_BYTES_MAX));
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

    /// Asks whether several lines are to be sent as one message; or how the input ended instead.
    fn ask_about(&mut self, text: &str) -> Result<Several, Input> {
        self.screen.hold(true);
        let answer = self.answer_about(text);
        // What is sent stays the draft: the question that it answers may have changed meanwhile.
        if !matches!(answer, Ok(Several::Send)) {
            self.screen.hold(false);
        }
        answer
    }

    fn answer_about(&mut self, text: &str) -> Result<Several, Input> {
        let question = words::several_lines(text.lines().count());
        loop {
            // What was typed before the question is no answer: it may be the rest of a paste.
            typed_ahead::drop();
            self.new_editor().map_err(Input::Failed)?;
            match self.editor.readline(question.text()) {
                Ok(answer) => {
                    if let Some(answer) = Several::read(&answer) {
                        return Ok(answer);
                    }
                }
                Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Err(Input::End),
                Err(error) => return Err(Input::Failed(as_io(error))),
            }
        }
    }

    /// Has a text written in the person's own editor; the same as it began when that fails. What arrives waits meanwhile.
    fn compose(&mut self, begun: &str) -> String {
        self.screen.hold(true);
        self.screen.away(true);
        self.mode.restore();
        let written = self.deliver.without_interrupts(|| compose::compose(&compose::editor(), begun));
        if self.screen.is_closed() {
            return begun.to_owned();
        }
        self.mode.between_lines();
        self.screen.away(false);
        self.screen.hold(false);
        match written {
            Ok(text) => {
                let _ = self.editor.add_history_entry(text.as_str());
                text
            }
            Err(error) => {
                self.note(&error.said());
                begun.to_owned()
            }
        }
    }

    fn note(&self, what: &Phrase) {
        self.screen.note(&Lines::broken_once(what));
    }

    fn secret(&mut self) -> Option<Input> {
        if !self.screen.secret_begins(|| self.mode.hide()) {
            return None;
        }
        let answer = secret::read();
        self.screen.secret_ended(|| self.mode.between_lines());
        // What was typed ahead of the question may be the secret, typed early, and would become a visible line.
        match self.new_editor() {
            Ok(()) => answer,
            Err(error) => Some(Input::Failed(error)),
        }
    }

    /// Another editor with the same history: it drops what the one before had read ahead.
    fn new_editor(&mut self) -> io::Result<()> {
        let history = std::mem::take(self.editor.history_mut());
        self.editor = new_editor(&self.screen, history)?;
        Ok(())
    }
}

fn config() -> io::Result<Config> {
    let builder = Config::builder().max_history_size(HISTORY_LINES_MAX).map_err(as_io)?;
    // Colours are forced so that the prompt is drawn through `AboveThePrompt` always; it adds none of its own.
    let builder = builder.color_mode(ColorMode::Forced).completion_type(CompletionType::List);
    Ok(builder.keyseq_timeout(Some(ESCAPE_MS)).build())
}

/// An editor with its bell.
fn new_editor(screen: &Arc<Screen>, history: MemHistory) -> io::Result<Rustyline> {
    let mut editor = Editor::with_history(config()?, history).map_err(as_io)?;
    let helper = AboveThePrompt::new(Arc::clone(screen));
    let elsewhere = Elsewhere { screen: Arc::clone(screen), wanted: Arc::clone(&helper.elsewhere) };
    let at_the_top = Arc::clone(&helper.at_the_top);
    editor.set_helper(Some(helper));
    // As in shells.
    let keys = Event::KeySeq(vec![KeyEvent::ctrl('X'), KeyEvent::ctrl('E')]);
    editor.bind_sequence(keys, EventHandler::Conditional(Box::new(elsewhere)));
    let cleared = Cleared(at_the_top);
    editor.bind_sequence(KeyEvent::ctrl('L'), EventHandler::Conditional(Box::new(cleared)));
    let printer = editor.create_external_printer().map_err(as_io)?;
    let (bell, rung) = bounded(1);
    let watched = Arc::clone(screen);
    thread::Builder::new().name("bell".to_owned()).spawn(move || ring(printer, &rung, &watched))?;
    screen.set_bell(bell);
    Ok(editor)
}

/// The keys that take the line being typed to the person's own editor.
struct Elsewhere {
    screen: Arc<Screen>,
    wanted: Arc<AtomicBool>,
}

impl ConditionalEventHandler for Elsewhere {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        if !self.screen.is_message() {
            return Some(Cmd::Noop);
        }
        self.wanted.store(true, Ordering::Relaxed);
        Some(Cmd::AcceptLine)
    }
}

/// The key that clears the screen.
struct Cleared(Arc<AtomicBool>);

impl ConditionalEventHandler for Cleared {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        self.0.store(true, Ordering::Relaxed);
        Some(Cmd::ClearScreen)
    }
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
