//! Handing inputs to whoever opened the terminal, from several threads.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use parking_lot::Mutex;

use super::Input;

type Receiver = Box<dyn Fn(Input) + Send>;

/// The caller's function, shared by the input thread and the signal thread; `None` once the terminal is closed.
#[derive(Clone)]
pub(super) struct Deliver {
    receiver: Arc<Mutex<Option<Receiver>>>,
    /// Ctrl-C is another program's, which has the terminal.
    uninterrupted: Arc<AtomicBool>,
}

impl Deliver {
    pub(super) fn new(receiver: Receiver) -> Self {
        Self { receiver: Arc::new(Mutex::new(Some(receiver))), uninterrupted: Arc::default() }
    }

    /// Calls the caller's function; it may wait, so this is for threads of this module only.
    pub(super) fn deliver(&self, input: Input) {
        if let Some(receiver) = self.receiver.lock().as_ref() {
            receiver(input);
        }
    }

    /// Delivers the end from a thread of its own: whoever shows something may be the one who receives.
    pub(super) fn end_soon(&self) {
        let deliver = self.clone();
        // Without a thread to say so, the end is noticed when the next line is asked for.
        let _ = thread::Builder::new().name("end".to_owned()).spawn(move || deliver.deliver(Input::End));
    }

    /// Runs another program in the terminal: Ctrl-C is for that alone, though the system tells all.
    pub(super) fn without_interrupts<T>(&self, run: impl FnOnce() -> T) -> T {
        self.uninterrupted.store(true, Ordering::SeqCst);
        let result = run();
        self.uninterrupted.store(false, Ordering::SeqCst);
        result
    }

    /// Whether Ctrl-C is not for this program now.
    pub(super) fn is_uninterrupted(&self) -> bool {
        self.uninterrupted.load(Ordering::SeqCst)
    }

    /// Delivers nothing any more. Does not wait for a delivery under way.
    pub(super) fn stop(&self) {
        if let Some(mut receiver) = self.receiver.try_lock() {
            *receiver = None;
        }
    }
}

impl fmt::Debug for Deliver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Deliver")
    }
}
