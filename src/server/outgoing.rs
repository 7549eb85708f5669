//! Where a connection's events go: queued in memory under any lock, written once the lock is free.

use std::{fmt, sync::Arc};

use tracing::error;

use crate::wire::{Event, encode_event, limits::FRAME_BYTES_MAX};

/// The writing half of a connection, as the registry and the committer see it.
pub(super) trait Outlet: Send + Sync {
    /// Has frames written behind those that wait, whole ones: memory only, never a wait. Not called where
    /// nothing is taken any more.
    fn queue(&self, write: &mut dyn FnMut(&mut Vec<u8>));
    /// Writes what is queued, as far as that needs no waiting.
    fn flush(&self);
    /// Ends the connection; its reader notices.
    fn close(&self);
}

/// One connection's outlet, with the number that tells it from every other connection.
#[derive(Clone)]
pub(super) struct Outgoing {
    /// Unique in the life of the server.
    pub(super) connection: u64,
    outlet: Arc<dyn Outlet>,
}

impl Outgoing {
    pub(super) fn new(connection: u64, outlet: Arc<dyn Outlet>) -> Self {
        Self { connection, outlet }
    }

    /// Queues an event; how many bytes that were.
    pub(super) fn say(&self, event: &Event) -> usize {
        match frame(event) {
            Some(frame) => {
                self.queue(&frame);
                frame.len()
            }
            None => 0,
        }
    }

    /// Queues events that are encoded already.
    pub(super) fn queue(&self, frames: &[u8]) {
        self.outlet.queue(&mut |out| out.extend_from_slice(frames));
    }

    /// Queues events that are encoded where they wait.
    pub(super) fn queue_written(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut write = Some(write);
        self.outlet.queue(&mut |out| {
            if let Some(write) = write.take() {
                write(out);
            }
        });
    }

    /// Writes what is queued, without waiting.
    pub(super) fn flush(&self) {
        self.outlet.flush();
    }

    /// Ends the connection.
    pub(super) fn close(&self) {
        self.outlet.close();
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Outgoing({})", self.connection)
    }
}

/// An event as its frame. No event of ours is over the limit; one that were would be a fault of ours,
/// and is logged and left out rather than sent in part.
pub(super) fn frame(event: &Event) -> Option<Vec<u8>> {
    match encode_event(event, FRAME_BYTES_MAX) {
        Ok(frame) => Some(frame),
        Err(fault) => {
            error!(reason = %fault, "an event that fits no frame was not sent");
            None
        }
    }
}

/// The connections that got something queued: each is written to once, at the end.
///
/// Mostly that is one or two, however many events it was: so they are a short list, and no table.
#[derive(Debug, Default)]
pub(super) struct Touched(Vec<Outgoing>);

impl Touched {
    /// Remembers one.
    pub(super) fn add(&mut self, outgoing: &Outgoing) {
        if self.0.last().is_none_or(|last| last.connection != outgoing.connection) {
            self.0.push(outgoing.clone());
        }
    }

    /// Writes to all, waiting for none.
    pub(super) fn flush(&mut self) {
        if self.0.len() > 1 {
            self.0.sort_unstable_by_key(|outgoing| outgoing.connection);
            self.0.dedup_by_key(|outgoing| outgoing.connection);
        }
        for outgoing in self.0.drain(..) {
            outgoing.flush();
        }
    }
}
