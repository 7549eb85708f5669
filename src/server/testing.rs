//! For the unit tests: an outlet that remembers what was said to it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use parking_lot::{Condvar, Mutex};

use super::outgoing::{Outgoing, Outlet};
use crate::wire::{Event, Frames, limits::FRAME_BYTES_MAX};

/// Everything queued for one connection.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    events: Mutex<Vec<Event>>,
    /// How many of them a test has looked at.
    seen: AtomicUsize,
    said: Condvar,
    flushes: AtomicUsize,
    closed: AtomicBool,
}

impl Recorder {
    pub(super) fn new(connection: u64) -> (Arc<Self>, Outgoing) {
        let recorder = Arc::new(Self::default());
        let outgoing = Outgoing::new(connection, Arc::clone(&recorder) as Arc<dyn Outlet>);
        (recorder, outgoing)
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.events.lock().clone()
    }

    /// The next event that was not looked at yet; waits for it.
    pub(super) fn next(&self) -> Event {
        let mut events = self.events.lock();
        let at = self.seen.fetch_add(1, Ordering::SeqCst);
        loop {
            if let Some(event) = events.get(at) {
                return event.clone();
            }
            let waited = self.said.wait_for(&mut events, std::time::Duration::from_secs(20));
            assert!(!waited.timed_out(), "nothing was said after {events:?}");
        }
    }

    /// Asserts that everything said was looked at.
    pub(super) fn nothing_more(&self) {
        let events = self.events.lock();
        assert_eq!(events.get(self.seen.load(Ordering::SeqCst)..), Some(&[][..]));
    }

    pub(super) fn flushes(&self) -> usize {
        self.flushes.load(Ordering::SeqCst)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

impl Outlet for Recorder {
    fn queue(&self, frame: &[u8]) {
        let mut frames = Frames::new(FRAME_BYTES_MAX);
        frames.push(frame);
        let event = frames.take().unwrap().unwrap();
        self.events.lock().push(event);
        self.said.notify_all();
    }

    fn flush(&self) {
        self.flushes.fetch_add(1, Ordering::SeqCst);
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}
