//! The full-screen view, for people who would rather look than read: contacts at one side, the conversation with its
//! scrollback, the state of its key, what is asked, and the line being typed.
//!
//! What it knows is one model; what is typed and what the client says change it, and `draw` makes a screen of it. All of
//! that is pure. Three threads do the rest: `input` reads the keys, `screen` draws when something changed, `window`
//! hears of the terminal's size and of being put aside. Locks are taken in this order: the terminal, the model. The
//! model's guards memory only; the terminal's is held over a write, as a screen has an order.

mod decode;
mod draw;
mod editor;
mod keys;
mod layout;
mod model;
mod palette;
mod rows;
mod scrollback;
mod secret;
mod tty;
mod typing;
mod wrap;

use std::{
    fmt,
    io::{self, ErrorKind, Write},
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::{
    consts::{SIGCONT, SIGTSTP, SIGWINCH},
    iterator::Signals,
    low_level::emulate_default_handler,
};

use super::{Aim, Emphasis, Input, compose, deliver::Deliver};
use crate::{
    client::{
        overview::{Mark, Overview},
        phrase::Phrase,
    },
    wire::Username,
};
use decode::Decoder;
use model::Model;
use palette::{Glyphs, Palette};
use tty::Tty;
pub(super) use tty::Way;
use typing::Effect;

/// The least time from one frame to the next: about thirty a second.
const FRAME: Duration = Duration::from_millis(33);

/// How long the end waits for a frame that is being written.
const LAST_FRAME: Duration = Duration::from_secs(1);

/// How long a lone escape may be the beginning of a key's sequence, in nanoseconds.
const ESCAPE_NS: i64 = 100_000_000;

/// How the view is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) colours: bool,
    pub(super) errors_are_terminal: bool,
}

/// The view; see the module.
pub(super) struct FullScreen {
    shared: Arc<Shared>,
    deliver: Deliver,
    errors_are_terminal: bool,
}

struct Shared {
    tty: Mutex<Tty>,
    model: Mutex<Model>,
    way: Way,
    wake: Sender<()>,
    closed: AtomicBool,
    /// Another program has the terminal: the person's editor.
    lent: AtomicBool,
}

impl FullScreen {
    pub(super) fn open(deliver: Deliver, way: Way, settings: Settings) -> io::Result<Self> {
        let glyphs = if characters_are_utf8() { &Glyphs::UNICODE } else { &Glyphs::ASCII };
        let palette = Palette { glyphs, colours: settings.colours };
        let (columns, rows) = way.size();
        let signals = Signals::new([SIGWINCH, SIGTSTP, SIGCONT])?;
        leave_on_panic(way.clone());
        let (wake, woken) = bounded(1);
        let shared = Arc::new(Shared {
            tty: Mutex::new(Tty::enter(way.clone())?),
            model: Mutex::new(Model::new(columns, rows, palette)),
            way,
            wake,
            closed: AtomicBool::new(false),
            lent: AtomicBool::new(false),
        });
        let view = Self { shared, deliver, errors_are_terminal: settings.errors_are_terminal };
        view.start(signals, woken)?;
        view.shared.changed();
        Ok(view)
    }

    fn start(&self, signals: Signals, woken: Receiver<()>) -> io::Result<()> {
        let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
        };
        let (shared, deliver) = (Arc::clone(&self.shared), self.deliver.clone());
        start("input", Box::new(move || shared.read(&deliver)))?;
        let (shared, deliver) = (Arc::clone(&self.shared), self.deliver.clone());
        start("screen", Box::new(move || shared.draw(&woken, &deliver)))?;
        let shared = Arc::clone(&self.shared);
        start("window", Box::new(move || shared.hear(signals)))
    }

    /// Changes the model, and has it drawn.
    fn change<T>(&self, change: impl FnOnce(&mut Model) -> T) -> T {
        let result = change(&mut self.shared.model.lock());
        self.shared.changed();
        result
    }

    pub(super) fn conversational(&self, conversational: bool) {
        self.change(|model| model.conversational = conversational);
    }

    pub(super) fn show(&self, emphasis: Emphasis, what: &Phrase) {
        self.change(|model| model.show(emphasis, what));
    }

    pub(super) fn mark(&self, mark: &Mark) {
        self.change(|model| model.mark(mark));
    }

    pub(super) fn diagnose(&self, what: &Phrase) {
        if self.errors_are_terminal {
            self.show(Emphasis::Warning, what);
        } else {
            // Nobody can be told that telling failed.
            let _ = writeln!(io::stderr(), "{}", what.text().trim_end_matches('\n'));
        }
    }

    pub(super) fn overview(&self, overview: &Overview) {
        self.change(|model| model.look_at(overview.clone()));
    }

    /// Sends the terminal what tells a person who looks elsewhere that something arrived.
    pub(super) fn ring(&self, notice: String) {
        self.change(|model| model.notice = Some(notice));
    }

    pub(super) fn ask(&self, question: &Phrase) {
        self.change(|model| model.ask(question.clone()));
    }

    pub(super) fn listen(&self, to: Option<&Username>) {
        self.change(|model| model.listen(to));
    }

    pub(super) fn ask_secret(&self, question: &Phrase) {
        self.change(|model| model.ask_secret(question.clone()));
    }

    pub(super) fn take_begun(&self) -> Option<Aim> {
        self.change(|model| model.begun.take())
    }
}

impl Drop for FullScreen {
    /// The threads may stay where they wait; the process ends, or never asks again.
    fn drop(&mut self) {
        self.deliver.stop();
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.changed();
        // A frame that is being written is waited for, so that it does not come after the end.
        let tty = self.shared.tty.try_lock_for(LAST_FRAME);
        self.shared.way.leave();
        drop(tty);
        let unseen = self.shared.model.lock().take_unseen();
        if !thread::panicking() {
            self.shared.way.say(&unseen);
        }
    }
}

impl fmt::Debug for FullScreen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("FullScreen")
    }
}

impl Shared {
    fn changed(&self) {
        // One that waits already draws this too.
        let _ = self.wake.try_send(());
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    // The thread that draws.

    fn draw(&self, woken: &Receiver<()>, deliver: &Deliver) {
        let _alive = Alive { deliver };
        while woken.recv().is_ok() && !self.is_closed() {
            if self.frame().is_err() {
                deliver.end_soon();
                return;
            }
            thread::sleep(FRAME);
        }
    }

    fn frame(&self) -> io::Result<()> {
        let mut tty = self.tty.lock();
        if self.is_closed() {
            return Ok(());
        }
        let (columns, rows, notice) = {
            let mut model = self.model.lock();
            (model.columns, model.rows, model.notice.take())
        };
        let notice = notice.unwrap_or_default();
        tty.frame((columns, rows), &notice, |buffer| draw::draw(&self.model.lock(), buffer))
    }

    // The thread that reads keys.

    fn read(&self, deliver: &Deliver) {
        let _alive = Alive { deliver };
        let mut decoder = Decoder::default();
        let mut bytes = zeroize::Zeroizing::new([0_u8; 1024]);
        let input = rustix::stdio::stdin();
        while !self.is_closed() {
            let wait = Timespec { tv_sec: 0, tv_nsec: ESCAPE_NS };
            let wait = decoder.is_undecided().then_some(&wait);
            match poll(&mut [PollFd::new(&input, PollFlags::IN)], wait) {
                Ok(0) => {
                    if let Some(typed) = decoder.time_is_over() {
                        self.take(typed, deliver);
                    }
                    continue;
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return deliver.deliver(Input::Failed(error.into())),
            }
            match rustix::io::read(input, bytes.as_mut_slice()) {
                // The terminal is gone.
                Ok(0) => return deliver.deliver(Input::End),
                Ok(read) => {
                    for byte in bytes.get(..read).unwrap_or_default() {
                        if let Some(typed) = decoder.take(*byte) {
                            self.take(typed, deliver);
                        }
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return deliver.deliver(Input::End),
            }
        }
    }

    fn take(&self, typed: decode::Typed, deliver: &Deliver) {
        let effect = self.model.lock().typed(typed);
        match effect {
            Some(Effect::Deliver(input)) => deliver.deliver(input),
            Some(Effect::Redraw) => self.tty.lock().forget(),
            Some(Effect::Compose(begun)) => self.compose(&begun, deliver),
            // To the whole job, as the terminal itself would; this program hears of it as of any other signal.
            Some(Effect::Suspend) => {
                let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
            }
            None => {}
        }
        self.changed();
    }

    /// Has a message written in the person's own editor, on the normal screen.
    fn compose(&self, begun: &str, deliver: &Deliver) {
        {
            // A frame that is being written is waited for.
            let _tty = self.tty.lock();
            self.lent.store(true, Ordering::SeqCst);
            self.way.leave();
        }
        let written = deliver.without_interrupts(|| compose::compose(&compose::editor(), begun));
        self.model.lock().composed(written.map_err(|error| error.said()));
        self.lent.store(false, Ordering::SeqCst);
        self.come_back();
    }

    // The thread that hears signals.

    fn hear(&self, mut signals: Signals) {
        for signal in signals.forever() {
            if self.is_closed() {
                // From now on they do what they always do.
                let _ = emulate_default_handler(signal);
                continue;
            }
            match signal {
                // It was the editor that was put aside, and this program stands still with it.
                SIGTSTP if self.lent.load(Ordering::SeqCst) => {
                    let _ = emulate_default_handler(SIGTSTP);
                }
                SIGCONT if self.lent.load(Ordering::SeqCst) => {}
                SIGTSTP => {
                    let tty = self.tty.lock();
                    self.way.leave();
                    // The program stands still here until it is called back.
                    let _ = emulate_default_handler(SIGTSTP);
                    drop(tty);
                    self.come_back();
                }
                SIGCONT => self.come_back(),
                _ => {}
            }
            let (columns, rows) = self.way.size();
            self.model.lock().resize(columns, rows);
            self.changed();
        }
    }

    fn come_back(&self) {
        let mut tty = self.tty.lock();
        if !self.is_closed() {
            // One that cannot be written to is noticed at the next frame.
            let _ = tty.enter_again();
        }
    }
}

/// A thread without which there is no view: when it fails, so does the input.
struct Alive<'d> {
    deliver: &'d Deliver,
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.deliver.end_soon();
        }
    }
}

/// A panic's words belong on the normal screen.
fn leave_on_panic(way: Way) {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        way.leave();
        before(info);
    }));
}

/// Whether the characters of this terminal are UTF-8, as the environment says.
fn characters_are_utf8() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    locale.is_some_and(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
