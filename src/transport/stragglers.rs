//! One thread for all peers that do not read as fast as they are written to.
//!
//! Nobody else waits for such a peer: whoever flushed leaves the unfinished batch here, and this
//! thread tries again until the batch is out or its time is up, and then the link is closed. The time
//! is the batch's and starts once: a peer that reads a byte now and then does not prolong it.
//!
//! It tries by the clock and does not ask the system which sockets are ready: stragglers are few, and
//! the standard library has no way to ask. Without stragglers the thread sleeps until there is one.

use std::{
    io, mem,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::{
    link::Shared,
    sending::{Progress, Writer},
};

/// How long a peer may take over one batch.
pub const STRAGGLER_DEADLINE: Duration = Duration::from_secs(10);

/// The pause after a try that moved something, ...
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// ... doubled after each that moved nothing, up to this one.
const PAUSE_MAX: Duration = Duration::from_millis(64);

/// A handle on the thread; with the last handle it ends, and closes the links that wait.
#[derive(Clone)]
pub struct Stragglers {
    handle: Arc<Handle>,
}

struct Handle {
    waiting: Arc<Waiting>,
}

/// What links and the thread share.
pub(super) struct Waiting {
    state: Mutex<State>,
    /// Told when a straggler is added and when the thread is to end.
    changed: Condvar,
    deadline: Duration,
}

#[derive(Default)]
struct State {
    stragglers: Vec<Straggler>,
    stopped: bool,
}

/// A link whose peer does not read, with the writer's part and its unfinished batch.
pub(super) struct Straggler {
    link: Arc<Shared>,
    writer: Writer,
    /// When this batch's time is up; set as it is added.
    deadline: Option<Instant>,
    retry: Instant,
    pause: Duration,
}

impl Stragglers {
    /// Starts the thread, with the usual deadline for a batch.
    ///
    /// # Errors
    /// The system's, when it gives no thread.
    pub fn start() -> io::Result<Self> {
        Self::start_with(STRAGGLER_DEADLINE)
    }

    /// Starts the thread; each batch has `deadline` to be taken.
    ///
    /// # Errors
    /// The system's, when it gives no thread.
    pub fn start_with(deadline: Duration) -> io::Result<Self> {
        let waiting =
            Arc::new(Waiting { state: Mutex::new(State::default()), changed: Condvar::new(), deadline });
        let of_thread = Arc::clone(&waiting);
        thread::Builder::new().name("stragglers".to_owned()).spawn(move || of_thread.run())?;
        Ok(Self { handle: Arc::new(Handle { waiting }) })
    }

    /// How many links wait now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.handle.waiting.state.lock().stragglers.len()
    }

    pub(super) fn waiting(&self) -> Arc<Waiting> {
        Arc::clone(&self.handle.waiting)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.waiting.state.lock().stopped = true;
        self.waiting.changed.notify_all();
    }
}

impl Waiting {
    pub(super) fn add(&self, mut straggler: Straggler) {
        straggler.deadline = Some(Instant::now() + self.deadline);
        let mut state = self.state.lock();
        if state.stopped {
            drop(state);
            straggler.link.hang_up();
            return;
        }
        state.stragglers.push(straggler);
        drop(state);
        self.changed.notify_all();
    }

    fn run(&self) {
        let mut due = Vec::new();
        while self.wait_for_due(&mut due) {
            due.retain_mut(|straggler| straggler.is_still_one_after_a_try(self.deadline));
            self.state.lock().stragglers.append(&mut due);
        }
        let left = mem::take(&mut self.state.lock().stragglers);
        for straggler in left {
            straggler.link.hang_up();
        }
    }

    /// Waits until some are to be tried again and moves them into `due`; `false` when the thread is to end.
    fn wait_for_due(&self, due: &mut Vec<Straggler>) -> bool {
        let mut state = self.state.lock();
        loop {
            if state.stopped {
                return false;
            }
            let now = Instant::now();
            due.extend(state.stragglers.extract_if(.., |straggler| straggler.retry <= now));
            if !due.is_empty() {
                return true;
            }
            match state.stragglers.iter().map(|straggler| straggler.retry).min() {
                Some(retry) => {
                    self.changed.wait_until(&mut state, retry);
                }
                None => self.changed.wait(&mut state),
            }
        }
    }
}

impl Straggler {
    pub(super) fn new(link: Arc<Shared>, writer: Writer) -> Self {
        Self { link, writer, deadline: None, retry: Instant::now(), pause: PAUSE_MIN }
    }

    /// Tries one batch at most, so that no link keeps the others waiting.
    fn is_still_one_after_a_try(&mut self, batch_deadline: Duration) -> bool {
        let now = Instant::now();
        if self.link.is_overflowed() {
            self.link.hang_up();
            return false;
        }
        match self.link.send_batch(&mut self.writer, None) {
            Progress::Out => {
                let Some(writer) = self.link.settle(mem::take(&mut self.writer)) else { return false };
                // A new batch, with its own time; tried as soon as the others had their turn.
                self.writer = writer;
                self.deadline = Some(now + batch_deadline);
                self.pause = PAUSE_MIN;
                self.retry = now;
                true
            }
            Progress::Blocked { .. } if self.deadline.is_none_or(|deadline| deadline <= now) => {
                self.link.hang_up();
                false
            }
            Progress::Blocked { moved } => {
                self.pause = if moved { PAUSE_MIN } else { (self.pause * 2).min(PAUSE_MAX) };
                self.retry = now + self.pause;
                true
            }
            Progress::Failed => {
                self.link.fail();
                false
            }
        }
    }
}
