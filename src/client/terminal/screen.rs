//! What the line editor's threads share: what is being asked, and what waits to be shown above the line being typed.
//!
//! The editor draws; while it runs nobody else writes. Text to show waits here, a bell is rung, and the editor takes the
//! text the next time it draws its prompt, so that text and prompt are one write. While it does not run, text is written
//! at once. Each text is therefore shown exactly once and in order, whatever moment the editor starts or ends at.

use std::{
    fmt,
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, TrySendError};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{
    begun::{Aim, Begun},
    completion::Known,
    deliver::Deliver,
    mode, wrap,
};
use crate::{client::words, wire::Username};

/// How much text may wait for the editor before whoever shows more waits, in bytes. It draws at once, except while it
/// waits for the second key of a combination or inside a search of the history.
///
/// One drawing is one write, and what is typed is not echoed before it is out: on a slow line this is a second or two.
const WAITING_BYTES_MAX: usize = 64 * 1024;

/// The same while the person writes in an editor of their own, in bytes: nothing is drawn for as long as that takes.
const AWAY_BYTES_MAX: usize = 4 << 20;

/// How long a closing terminal waits for the editor to draw.
const LAST_DRAWING: Duration = Duration::from_secs(1);

/// The prompt of a line, after the name of whom it goes to.
const LISTENING: &str = "> ";

/// Back to the first column, and the line erased (ECMA-48 section 8.3.41).
const ERASE_LINE: &str = "\r\x1b[K";

/// Bracketed paste off, as the editor does at its own end, and a new line.
const LEAVE_EDITOR: &str = "\x1b[?2004l\n";

/// The shared state; see the module.
pub(super) struct Screen {
    state: Mutex<State>,
    drawn: Condvar,
    deliver: Deliver,
}

struct State {
    output: Box<dyn Write + Send>,
    stage: Stage,
    /// Text for above the line being typed; empty unless the stage is `Editing`.
    waiting: String,
    /// The bell of the editor there is now.
    bell: Option<Sender<()>>,
    /// The editor was started for the line that is asked for.
    started: bool,
    /// How often it drew its prompt for it.
    drawings: u64,
    /// The last of them drew text as well.
    drew: bool,
    /// The question shown last that the outstanding line answers.
    question: Option<String>,
    /// A hidden line is to be asked for after the visible one that is outstanding.
    secret_next: bool,
    conversational: bool,
    /// To whom a line goes that answers no question.
    focus: Option<String>,
    /// The prompt that the line being typed should have.
    prompt: String,
    /// What stands in the line being typed, and the place of the cursor in it, in bytes.
    line: (String, usize),
    /// The input thread asks something of its own, about a line that was typed; that is the draft.
    holding: bool,
    /// The terminal is another program's.
    away: bool,
    known: Arc<Known>,
    begun: Begun,
    gone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No line is asked for.
    Idle,
    /// A line is asked for: the editor runs, or is about to, or has just ended.
    Editing,
    /// A hidden line is asked for. `shown`: the question stands at the end of the output.
    Secret { shown: bool },
    /// Nothing is asked or shown any more.
    Closed,
}

/// What the input thread is to read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A line, in the editor, with this prompt.
    Line { prompt: String, remember: bool },
    /// A hidden line.
    Secret,
}

impl Screen {
    pub(super) fn new(output: Box<dyn Write + Send>, deliver: Deliver) -> Self {
        let state = State {
            output,
            stage: Stage::Idle,
            waiting: String::new(),
            bell: None,
            started: false,
            drawings: 0,
            drew: false,
            question: None,
            secret_next: false,
            conversational: false,
            focus: None,
            prompt: String::new(),
            line: (String::new(), 0),
            holding: false,
            away: false,
            known: Arc::default(),
            begun: Begun::default(),
            gone: false,
        };
        Self { state: Mutex::new(state), drawn: Condvar::new(), deliver }
    }

    /// The editor to wake from now on.
    pub(super) fn set_bell(&self, bell: Sender<()>) {
        self.state.lock().bell = Some(bell);
    }

    pub(super) fn set_conversational(&self, conversational: bool) {
        self.state.lock().conversational = conversational;
    }

    /// To whom a line goes that answers no question: the prompt says it.
    pub(super) fn set_focus(&self, focus: Option<String>) {
        let mut state = self.state.lock();
        state.focus = focus;
        state.change_prompt();
    }

    /// What Tab completes from now on.
    pub(super) fn set_known(&self, known: Known) {
        self.state.lock().known = Arc::new(known);
    }

    /// What Tab completes.
    pub(super) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.state.lock().known)
    }

    /// Shows whole lines, now or above the line being typed.
    pub(super) fn show(&self, lines: &str) {
        let mut state = self.state.lock();
        while state.stage == Stage::Editing && state.waiting.len() > state.waiting_bytes_max() {
            self.drawn.wait(&mut state);
        }
        self.put(&mut state, lines);
    }

    /// The same for the input thread, which must not wait for itself.
    pub(super) fn note(&self, lines: &str) {
        self.put(&mut self.state.lock(), lines);
    }

    fn put(&self, state: &mut State, lines: &str) {
        match state.stage {
            Stage::Editing => {
                state.waiting.push_str(lines);
                state.ring();
            }
            Stage::Secret { shown: true } => {
                let question = state.question.clone().unwrap_or_default();
                self.write(state, &format!("{ERASE_LINE}{lines}{question}"));
            }
            Stage::Idle | Stage::Secret { shown: false } | Stage::Closed => self.write(state, lines),
        }
    }

    /// Asks for a line that answers this question. `Some` is for the input thread; `None`: a line is outstanding already.
    pub(super) fn ask(&self, question: &str) -> Option<Wanted> {
        self.want(Some(question), Aim::Answer(question.to_owned()))
    }

    /// The same for a line that answers no question, and goes to this person, if there is one.
    pub(super) fn listen(&self, to: Option<&Username>) -> Option<Wanted> {
        self.want(None, Aim::to(to))
    }

    fn want(&self, question: Option<&str>, aim: Aim) -> Option<Wanted> {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.begun.asks(aim);
        let changed = state.question.as_deref() != question;
        match state.stage {
            Stage::Closed => None,
            Stage::Idle => {
                let above = question.filter(|_| state.conversational);
                if let Some(question) = above {
                    self.put(state, &as_line(question));
                }
                let remember = state.conversational || question.is_none();
                state.question = question.map(str::to_owned);
                state.prompt = state.prompt();
                let prompt = state.prompt.clone();
                (state.started, state.drawings, state.drew) = (false, 0, false);
                state.begun.stands(false);
                state.stage = Stage::Editing;
                Some(Wanted::Line { prompt, remember })
            }
            Stage::Editing => {
                state.secret_next = false;
                if let Some(question) = question.filter(|_| changed) {
                    self.put(state, &as_line(question));
                }
                state.question = question.map(str::to_owned);
                if state.conversational {
                    state.change_prompt();
                }
                None
            }
            Stage::Secret { shown } => {
                self.change_secret(state, shown, question);
                None
            }
        }
    }

    /// Asks for a hidden line, after the visible one if one is outstanding.
    pub(super) fn ask_secret(&self, question: &str) -> Option<Wanted> {
        let mut state = self.state.lock();
        let state = &mut *state;
        match state.stage {
            Stage::Closed => None,
            Stage::Idle => {
                state.question = Some(question.to_owned());
                state.stage = Stage::Secret { shown: false };
                Some(Wanted::Secret)
            }
            Stage::Editing => {
                if !state.secret_next || state.question.as_deref() != Some(question) {
                    self.put(state, &format!("{}\n", words::press_enter_first(question.trim_end()).text()));
                }
                state.secret_next = true;
                state.question = Some(question.to_owned());
                state.begun.asks(Aim::Answer(question.to_owned()));
                None
            }
            Stage::Secret { shown } => {
                self.change_secret(state, shown, Some(question));
                None
            }
        }
    }

    fn change_secret(&self, state: &mut State, shown: bool, question: Option<&str>) {
        if state.question.as_deref() != question && shown {
            self.write(state, &format!("{ERASE_LINE}{}", question.unwrap_or_default()));
        }
        state.question = question.map(str::to_owned);
    }

    /// Whether to read the hidden line: not once closed. `hide` sets the terminal's mode, before the question is shown.
    pub(super) fn secret_begins(&self, hide: impl FnOnce()) -> bool {
        let mut state = self.state.lock();
        if state.stage != (Stage::Secret { shown: false }) {
            return false;
        }
        hide();
        let question = state.question.clone().unwrap_or_default();
        self.write(&mut state, &question);
        state.stage = Stage::Secret { shown: true };
        true
    }

    /// The hidden line came or will not come; its end was not shown. `unhide` sets the mode for what follows, if anything.
    pub(super) fn secret_ended(&self, unhide: impl FnOnce()) {
        let mut state = self.state.lock();
        if let Stage::Secret { shown } = state.stage {
            if shown {
                self.write(&mut state, "\n");
                unhide();
            }
            state.question = None;
            state.stage = Stage::Idle;
        }
    }

    /// Whether to start the editor: not once closed.
    pub(super) fn line_begins(&self) -> bool {
        let mut state = self.state.lock();
        state.started = state.stage == Stage::Editing;
        state.started
    }

    /// The editor ended: what it did not draw is written now. `Some`: the line is not delivered, this is read instead.
    pub(super) fn line_ended(&self) -> Option<Wanted> {
        let mut state = self.state.lock();
        if state.stage != Stage::Editing {
            return None;
        }
        let waiting = std::mem::take(&mut state.waiting);
        self.write(&mut state, &waiting);
        self.drawn.notify_all();
        state.holding = false;
        state.begun.ends();
        if std::mem::take(&mut state.secret_next) {
            state.stage = Stage::Secret { shown: false };
            return Some(Wanted::Secret);
        }
        state.question = None;
        state.stage = Stage::Idle;
        None
    }

    /// Whether nothing is asked or shown any more.
    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().stage == Stage::Closed
    }

    /// What stands in the line being typed, and where in it the cursor is.
    pub(super) fn draft_is(&self, line: &str, cursor: usize) {
        let mut state = self.state.lock();
        if !state.holding {
            state.begun.stands(!line.is_empty());
            line.clone_into(&mut state.line.0);
            state.line.1 = cursor;
        }
    }

    /// What stands in the line being typed: before the cursor, and after it.
    pub(super) fn draft(&self) -> (String, String) {
        let state = self.state.lock();
        let (line, cursor) = &state.line;
        let (before, after) = line.split_at_checked(*cursor).unwrap_or((line, ""));
        (before.to_owned(), after.to_owned())
    }

    /// The prompt that the line being typed should have now.
    pub(super) fn prompt(&self) -> String {
        self.state.lock().prompt.clone()
    }

    /// Whether a line being typed under this prompt should have another.
    pub(super) fn wants_another_prompt(&self, prompt: &str) -> bool {
        let state = self.state.lock();
        state.stage == Stage::Editing && state.conversational && !state.holding && state.prompt != prompt
    }

    /// Whether the line that is asked for goes to somebody, as far as is known now.
    pub(super) fn is_message(&self) -> bool {
        let state = self.state.lock();
        state.conversational && state.question.is_none() && state.focus.is_some()
    }

    /// The input thread begins or ends to ask something of its own about a line that was typed.
    pub(super) fn hold(&self, holding: bool) {
        let mut state = self.state.lock();
        if holding {
            // A line that is to be written in another editor may be empty here.
            state.begun.stands(true);
        }
        state.holding = holding;
    }

    /// Another program has the terminal, or has it no more.
    pub(super) fn away(&self, away: bool) {
        self.state.lock().away = away;
    }

    /// Has the editor draw once more.
    pub(super) fn ring(&self) {
        self.state.lock().ring();
    }

    /// For what the line that ended was begun; told once.
    pub(super) fn take_begun(&self) -> Option<Aim> {
        self.state.lock().begun.take()
    }

    /// Whether the editor may be running.
    pub(super) fn is_editing(&self) -> bool {
        let state = self.state.lock();
        state.stage == Stage::Editing && !state.away
    }

    /// The editor is about to draw its prompt: the text to draw above it.
    pub(super) fn drawing(&self) -> String {
        let mut state = self.state.lock();
        state.drawings += 1;
        state.drew = !state.waiting.is_empty();
        self.drawn.notify_all();
        std::mem::take(&mut state.waiting)
    }

    /// Waits until everything shown is out, and shows nothing more.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        if state.stage == Stage::Editing && !state.away {
            self.wait_for_drawing(&mut state);
        }
        let waiting = std::mem::take(&mut state.waiting);
        self.write(&mut state, &waiting);
        let end = match state.stage {
            Stage::Idle | Stage::Closed | Stage::Secret { shown: false } => "",
            Stage::Secret { shown: true } => "\n",
            Stage::Editing => LEAVE_EDITOR,
        };
        self.write(&mut state, end);
        state.stage = Stage::Closed;
    }

    /// Has the editor draw what waits, and once more: that tells that the drawing before is out. One that was started
    /// and did not draw yet may still be about to change the terminal's mode, so it is waited for too.
    fn wait_for_drawing(&self, state: &mut MutexGuard<'_, State>) {
        let drawings = if !state.started {
            0
        } else if state.drawings == 0 || !state.waiting.is_empty() {
            2
        } else {
            u64::from(state.drew)
        };
        let deadline = Instant::now() + LAST_DRAWING;
        for _ in 0..drawings {
            let before = state.drawings;
            state.ring();
            while state.stage == Stage::Editing && state.drawings == before {
                if self.drawn.wait_until(state, deadline).timed_out() {
                    return;
                }
            }
        }
    }

    fn write(&self, state: &mut State, text: &str) {
        if state.gone || text.is_empty() {
            return;
        }
        let written = state.output.write_all(text.as_bytes()).and_then(|()| state.output.flush());
        if written.is_err() {
            state.gone = true;
            self.deliver.end_soon();
        }
    }
}

impl State {
    /// The prompt of the line that is asked for: its question, or to whom it goes. In a conversation questions are lines
    /// of their own, and what answers one goes to nobody.
    fn prompt(&self) -> String {
        match (&self.question, &self.focus) {
            (Some(question), _) if !self.conversational => question.clone(),
            (None, Some(peer)) => format!("{peer}{LISTENING}"),
            _ => LISTENING.to_owned(),
        }
    }

    fn change_prompt(&mut self) {
        self.prompt = self.prompt();
        if self.stage == Stage::Editing {
            self.ring();
        }
    }

    fn waiting_bytes_max(&self) -> usize {
        if self.away { AWAY_BYTES_MAX } else { WAITING_BYTES_MAX }
    }

    fn ring(&mut self) {
        if self.away {
            return;
        }
        if let Some(bell) = &self.bell {
            // A full bell is about to ring anyway, and draws everything that waits.
            if let Err(TrySendError::Disconnected(())) = bell.try_send(()) {
                self.bell = None;
            }
        }
    }
}

/// A question as a line of its own.
fn as_line(question: &str) -> String {
    format!("{}\n", wrap::rows(question.trim_end(), mode::columns(), 2).join("\n"))
}

impl fmt::Debug for Screen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Screen")
    }
}

#[cfg(test)]
mod tests;
