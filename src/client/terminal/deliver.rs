//! Handing inputs to whoever opened the terminal, from several threads.

use std::{
    fmt,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::Input;

type Receiver = Box<dyn Fn(Input) + Send>;

/// How long after another program had the terminal a Ctrl-C still counts as that program's: the system tells both,
/// and this one may hear of it when the other has ended already.
const INTERRUPT_LATE_MAX: Duration = Duration::from_millis(500);

/// The caller's function, shared by the input thread and the signal thread; `None` once the terminal is closed.
#[derive(Clone)]
pub(super) struct Deliver {
    receiver: Arc<Mutex<Option<Receiver>>>,
    interrupts: Arc<Mutex<Interrupts>>,
}

/// Whose a Ctrl-C is.
#[derive(Debug, Clone, Copy, Default)]
enum Interrupts {
    /// This program's.
    #[default]
    Own,
    /// Another program's, which has the terminal.
    Others,
    /// The other program's until then: it had the terminal just now.
    OthersUntil(Instant),
}

impl Deliver {
    pub(super) fn new(receiver: Receiver) -> Self {
        Self { receiver: Arc::new(Mutex::new(Some(receiver))), interrupts: Arc::default() }
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
        *self.interrupts.lock() = Interrupts::Others;
        let result = run();
        *self.interrupts.lock() = Interrupts::OthersUntil(Instant::now() + INTERRUPT_LATE_MAX);
        result
    }

    /// Whether Ctrl-C is not for this program now.
    pub(super) fn is_uninterrupted(&self) -> bool {
        match *self.interrupts.lock() {
            Interrupts::Own => false,
            Interrupts::Others => true,
            Interrupts::OthersUntil(until) => Instant::now() < until,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_that_is_heard_of_late_is_still_the_other_programs() {
        let deliver = Deliver::new(Box::new(drop));
        assert!(!deliver.is_uninterrupted());
        deliver.without_interrupts(|| assert!(deliver.is_uninterrupted()));
        assert!(deliver.is_uninterrupted());
        *deliver.interrupts.lock() = Interrupts::OthersUntil(Instant::now());
        assert!(!deliver.is_uninterrupted());
    }
}
