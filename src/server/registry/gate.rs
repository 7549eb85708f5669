//! What lets a connection store something, until a newer login closes it.

use parking_lot::{Mutex, MutexGuard};

/// Held while a connection stores something. Closed, nothing more of that connection is stored.
#[derive(Debug, Default)]
pub(in crate::server) struct Gate(Mutex<Passage>);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Passage {
    #[default]
    Open,
    Closed,
}

/// The right to store, while it is held.
pub(in crate::server) struct Passing<'a> {
    _open: MutexGuard<'a, Passage>,
}

impl Gate {
    /// The right to store; `None` once closed.
    pub(in crate::server) fn enter(&self) -> Option<Passing<'_>> {
        let open = self.0.lock();
        (*open == Passage::Open).then_some(Passing { _open: open })
    }

    /// Waits for what is being stored, and lets nothing more through.
    pub(super) fn close(&self) {
        *self.0.lock() = Passage::Closed;
    }
}
