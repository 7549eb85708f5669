//! What `benches/` measures of the server's insides; nothing else may use it.

use std::{path::Path, sync::Arc};

use super::{
    conversation_log::{Log, Written},
    fail_stop::FailStop,
    limits::{ANSWER_TIMEOUT, Limits},
    log_index::Run,
    outgoing::{Outgoing, Outlet},
    parcel::Parcel,
    registry::{Effects, Registry},
    rendezvous::Rendezvous,
};
use crate::wire::{Body, Pair, Username};

/// One pair's log, on the disk.
pub struct PairLog(Log);

impl PairLog {
    /// In a folder that exists.
    #[must_use]
    pub fn new(folder: &Path, pair: Pair) -> Self {
        Self(Log::new(folder, pair, Run::new(true), FailStop::new().0))
    }

    /// Writes a message; its number, or `None` where it was refused.
    #[must_use]
    pub fn append(&self, sender: &Username, body: &Body) -> Option<u64> {
        let mut parcel = Parcel::default();
        parcel.begin(sender, &body.lent(), 0);
        let mut number = None;
        let written = |written: Written| number = Some(written.number);
        let again = self.0.append(sender, parcel.after(0)?, written).ok()?;
        again.map(|again| again.number).or(number)
    }
}

/// People who are logged in.
pub struct People(Registry);

/// A connection that hears nothing.
struct Deaf;

impl Outlet for Deaf {
    fn queue(&self, _: &mut dyn FnMut(&mut Vec<u8>)) {}
    fn flush(&self) {}
    fn close(&self) {}
}

impl People {
    /// These, each on the connection of their place in the list.
    #[must_use]
    pub fn new(names: &[Username]) -> Self {
        let registry =
            Registry::new(Arc::new(Rendezvous::default()), ANSWER_TIMEOUT, &Limits::for_clients(1));
        for (connection, name) in (0..).zip(names) {
            registry.enter(
                name,
                &Outgoing::new(connection, Arc::new(Deaf)),
                || true,
                &mut Effects::default(),
            );
        }
        Self(registry)
    }

    /// Looks the receiver up, as a message's way through the registry does, and delivers.
    pub fn deliver(&self, receiver: &Username, frame: &[u8]) {
        self.0.deliver(receiver, &mut Effects::default(), |out| out.extend_from_slice(frame));
    }
}
