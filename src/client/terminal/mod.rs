//! The person's side of the client: lines in, lines out, and nothing that knows what they mean.
//!
//! Three ways of doing it behind one handle. `line_editor` when a person sits at a terminal: editing, history, and what
//! arrives appears above the line being typed. `full_screen` when they asked for it: everything at a glance. `plain`
//! everywhere else: the same questions on standard output, one answer a line, so that a script can hold the
//! conversation.
//!
//! Lines are pulled: one is read only when [`Terminal::ask`], [`Terminal::ask_secret`] or [`Terminal::listen`] asked for
//! it, so a piped answer is never taken before its question. Nothing here makes text printable; the caller did.

mod begun;
mod completion;
mod compose;
mod deliver;
mod full_screen;
mod line_editor;
mod lines;
mod mode;
mod notice;
mod paint;
mod plain;
mod screen;
mod secret;
#[cfg(test)]
mod sheet;
mod signals;
mod typed_ahead;
mod wrap;

use std::{
    io::{self, IsTerminal},
    time::Instant,
};

pub use begun::Aim;
pub use notice::{Notify, NotifyError};
pub use paint::Emphasis;
pub(super) use secret::ask_beside;

use completion::Known;
use deliver::Deliver;
use full_screen::{FullScreen, Settings, Way};
use line_editor::LineEditor;
use lines::Lines;
use mode::SavedMode;
use notice::Notices;
use paint::Paint;
use plain::{Plain, Surroundings};
use signals::EndOnSignal;

use super::{Overview, phrase::Phrase};
use crate::wire::Username;

/// How a person wants to see the conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum View {
    /// Line by line, with an editor for the line being typed where the terminal can have one.
    #[default]
    Lines,
    /// Line by line, and nothing else: no cursor is moved, nothing is painted or drawn again.
    Plain,
    /// The whole screen.
    FullScreen {
        /// The mouse scrolls and chooses contacts, instead of selecting text.
        mouse: bool,
    },
}

/// The most a typed line may hold, in bytes; far over what a message may, so that the words about a message that is too
/// long come from where messages are known.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Why the whole screen cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoFullScreen {
    /// Something is a pipe or a file.
    NotATerminal,
    /// `TERM` says that it cannot move its cursor.
    Dumb,
}

/// What a person does.
#[derive(Debug)]
pub enum Input {
    /// A line, without its end. On a terminal a paste of several lines is one `Line` with line feeds inside, once its
    /// person said that it is one message.
    Line(String),
    /// No more input: its end, Ctrl-D, Ctrl-C, a signal to end, or nobody left to read the output. May come more than
    /// once.
    End,
    /// Standard input cannot be read.
    Failed(io::Error),
}

/// Where a person types and reads.
///
/// Dropped or closed, it leaves the terminal in the mode it was found in.
#[derive(Debug)]
pub struct Terminal {
    kind: Kind,
    lines: Lines,
    notices: Notices,
    interactive: bool,
    _signals: Option<EndOnSignal>,
}

#[derive(Debug)]
enum Kind {
    Plain(Plain),
    Editor(LineEditor),
    FullScreen(FullScreen),
}

impl Terminal {
    /// Whether the whole screen can be had here.
    ///
    /// # Errors
    /// [`NoFullScreen`] says why not.
    pub fn may_be_full_screen() -> Result<(), NoFullScreen> {
        match (Surroundings::look().is_interactive(), is_clever()) {
            (false, _) => Err(NoFullScreen::NotATerminal),
            (true, false) => Err(NoFullScreen::Dumb),
            (true, true) => Ok(()),
        }
    }

    /// Opens standard input and output: the whole screen when that is wanted (and can be had, which
    /// [`Terminal::may_be_full_screen`] tells), the line editor when both are terminals, `TERM` is
    /// not `dumb` and the view is not the plain one, else plain lines.
    ///
    /// `deliver` is called with every input, from a thread of this module and never from a caller's; it may wait.
    /// SIGINT, SIGTERM and SIGHUP become [`Input::End`]; a second one ends the process as it would by default.
    ///
    /// # Errors
    /// When the terminal cannot be opened or a thread cannot be started.
    pub fn open(view: View, notify: Notify, deliver: Box<dyn Fn(Input) + Send>) -> io::Result<Self> {
        let deliver = Deliver::new(deliver);
        let mode = SavedMode::of_standard_input();
        let surroundings = Surroundings::look();
        let interactive = surroundings.is_interactive();
        let clever = view != View::Plain && is_clever();
        let errors_are_terminal = surroundings.errors_are_terminal;
        let paint = Paint::choose(surroundings.output_is_terminal && clever);
        // Nothing but words goes into a pipe or a file.
        let notices = Notices::new(if surroundings.output_is_terminal { notify } else { Notify::Off });
        if let (View::FullScreen { mouse }, true) = (view, interactive && clever) {
            let way = Way::new(mode, mouse)?;
            let out = way.clone();
            let signals = EndOnSignal::start(deliver.clone(), move || out.leave())?;
            let settings = Settings { colours: paint.has_colours(), errors_are_terminal };
            let kind = Kind::FullScreen(FullScreen::open(deliver, way, settings)?);
            return Ok(Self {
                kind,
                lines: Lines::unbroken(paint),
                notices,
                interactive,
                _signals: Some(signals),
            });
        }
        let found = mode.clone();
        let signals = EndOnSignal::start(deliver.clone(), move || found.restore())?;
        let (kind, lines) = if interactive && clever {
            let editor = LineEditor::open(deliver, mode, errors_are_terminal)?;
            (Kind::Editor(editor), Lines::broken(paint, mode::columns))
        } else {
            (Kind::Plain(Plain::standard(deliver, mode, surroundings)?), Lines::unbroken(paint))
        };
        Ok(Self { kind, lines, notices, interactive, _signals: Some(signals) })
    }

    /// Plain lines to `output`, and no input.
    #[cfg(any(test, fuzzing))]
    pub(super) fn over(output: Box<dyn io::Write + Send>) -> io::Result<Self> {
        let plain = Plain::over(
            io::empty(),
            output,
            Box::new(io::sink()),
            Surroundings::default(),
            Deliver::new(Box::new(drop)),
            SavedMode::of_standard_input(),
        )?;
        let (kind, lines) = (Kind::Plain(plain), Lines::unbroken(Paint::none()));
        let notices = Notices::new(Notify::Off);
        Ok(Self { kind, lines, notices, interactive: false, _signals: None })
    }

    /// Whether a person sits at it: standard input and output are both terminals.
    #[must_use]
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// From now on (or no longer) questions are shown as lines of their own, and the prompt of the line being typed is
    /// `> `, or `bob> ` when it goes to bob: what is asked can change while a line is half typed. Plain lines do not
    /// care.
    pub fn conversational(&mut self, conversational: bool) {
        match &self.kind {
            Kind::Plain(_) => {}
            Kind::Editor(editor) => editor.conversational(conversational),
            Kind::FullScreen(view) => view.conversational(conversational),
        }
    }

    /// What there is to see at a glance has changed. The line editor's prompt says to whom a line goes, and Tab completes
    /// who is known; plain lines show nothing of it.
    pub fn overview(&mut self, overview: &Overview) {
        let focus = overview.focus.as_ref().map(Username::to_string);
        match &mut self.kind {
            Kind::Plain(plain) => plain.talks(focus.is_some()),
            Kind::Editor(editor) => {
                editor.set_known(Known::of(overview));
                editor.set_focus(focus);
            }
            Kind::FullScreen(view) => view.overview(overview),
        }
    }

    /// Something of this person's arrived just now, and whoever sits here may look elsewhere.
    pub fn arrived(&mut self, from: &Username) {
        if let Some(notice) = self.notices.arrived(from.as_str(), Instant::now()) {
            match &mut self.kind {
                Kind::Plain(plain) => plain.rings(&notice),
                Kind::Editor(editor) => editor.show(&notice),
                Kind::FullScreen(view) => view.ring(notice),
            }
        }
    }

    /// A message of this person's has come so far. What was typed is on the screen already, and what goes wrong
    /// is said: neither the line editor nor plain lines mark it.
    pub fn mark(&mut self, mark: &super::Mark) {
        if let Kind::FullScreen(view) = &self.kind {
            view.mark(mark);
        }
    }

    /// Shows one or more whole lines. Never tears a line being typed.
    pub fn show(&mut self, what: &Phrase) {
        self.show_as(Emphasis::Plain, what);
    }

    /// Shows one or more whole lines with emphasis, where there are colours and `NO_COLOR` is not set.
    pub fn show_as(&mut self, emphasis: Emphasis, what: &Phrase) {
        let lines = self.lines.of(emphasis, what);
        match &mut self.kind {
            Kind::Plain(plain) => plain.show(&lines),
            Kind::Editor(editor) => editor.show(&lines),
            Kind::FullScreen(view) => view.show(emphasis, what),
        }
    }

    /// Asks for one line. With a request already outstanding only the question shown changes: the line that comes
    /// answers whatever was asked last. The very same question is not shown twice.
    pub fn ask(&mut self, question: &Phrase) {
        match &mut self.kind {
            Kind::Plain(plain) => plain.ask(question.text()),
            Kind::Editor(editor) => editor.ask(question.text()),
            Kind::FullScreen(view) => view.ask(question),
        }
    }

    /// Whoever opened the terminal has the input that was delivered last. Plain lines ask nothing before: the line may
    /// have come while the caller was about to ask the same thing again.
    pub fn taken(&mut self) {
        if let Kind::Plain(plain) = &self.kind {
            plain.taken();
        }
    }

    /// For what the line that was delivered last was begun, which may be something else than what is asked by now. Told
    /// once. Nothing of an empty line, and of those from a pipe: they are pulled, so none is begun early.
    pub fn take_begun(&mut self) -> Option<Aim> {
        match &self.kind {
            Kind::Plain(plain) => plain.take_begun(),
            Kind::Editor(editor) => editor.take_begun(),
            Kind::FullScreen(view) => view.take_begun(),
        }
    }

    /// Asks for one line with no question: what is typed is sent to this person, if there is one.
    pub fn listen(&mut self, to: Option<&Username>) {
        match &mut self.kind {
            Kind::Plain(plain) => plain.listen(to),
            Kind::Editor(editor) => editor.listen(to),
            Kind::FullScreen(view) => view.listen(to),
        }
    }

    /// Asks for a line that is not shown while it is typed (on a terminal; elsewhere it is a line like any other) and
    /// that no history keeps.
    ///
    /// In the line editor, a visible line that was still outstanding is thrown away and the secret is asked after it.
    pub fn ask_secret(&mut self, question: &Phrase) {
        match &mut self.kind {
            Kind::Plain(plain) => plain.ask_secret(question.text()),
            Kind::Editor(editor) => editor.ask_secret(question.text()),
            Kind::FullScreen(view) => view.ask_secret(question),
        }
    }

    /// Shows a diagnostic on standard error.
    pub fn diagnose(&mut self, what: &Phrase) {
        match &mut self.kind {
            Kind::Plain(plain) => plain.diagnose(&Lines::bare(what)),
            Kind::Editor(editor) => {
                editor.diagnose(&self.lines.of(Emphasis::Warning, what), &Lines::bare(what));
            }
            Kind::FullScreen(view) => view.diagnose(what),
        }
    }

    /// Delivers no more input, waits until everything shown is out, and leaves the terminal in its normal mode.
    pub fn close(self) {
        drop(self);
    }
}

/// Whole lines for standard error, once no view is open: broken to the terminal's width where one would read them there,
/// but for who wants plain lines.
#[must_use]
pub fn last_lines(said: &[Phrase], plain: bool) -> String {
    let is_terminal = io::stderr().is_terminal() && io::stdout().is_terminal();
    let broken = is_terminal && is_clever() && !plain;
    said.iter().map(|what| if broken { Lines::broken_once(what) } else { Lines::bare(what) }).collect()
}

/// Whether the terminal can move its cursor.
fn is_clever() -> bool {
    !matches!(std::env::var("TERM").as_deref(), Ok("dumb" | "cons25" | "emacs"))
}
