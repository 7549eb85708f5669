//! Stopping when the disk can no longer be believed.
//!
//! After a sync that failed nothing is known of what was written before: the kernel may have dropped
//! it, and another sync would succeed all the same. So the first such failure, wherever it happens,
//! is the last thing that the disk is asked: from then on nothing is stored and nothing acknowledged,
//! and the server stops itself with that reason. What is on the disk is found out at the next start.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossbeam_channel::{Receiver, Sender, bounded};
use tracing::error;

use super::{conversation_log::LogError, error::Chain};
use crate::store::{Action, StoreError};

/// Shared by everything that writes for the server.
#[derive(Debug, Clone)]
pub(super) struct FailStop {
    stopped: Arc<AtomicBool>,
    reason: Sender<LogError>,
}

impl FailStop {
    /// With whoever is to stop the server: it gets the first reason, once.
    pub(super) fn new() -> (Self, Receiver<LogError>) {
        let (reason, stopping) = bounded(1);
        (Self { stopped: Arc::default(), reason }, stopping)
    }

    /// `Ok` while the disk can be believed. Asked before anything is written, and before anything is
    /// acknowledged.
    pub(super) fn check(&self, path: &Path) -> Result<(), StoreError> {
        if self.stopped() {
            let reason = io::Error::other("the disk failed before, and the server is stopping");
            return Err(StoreError { action: Action::Sync, path: path.to_owned(), source: reason });
        }
        Ok(())
    }

    /// Whether the disk failed.
    pub(super) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Looks at what came of a write: a sync that failed stops the server. Every other failure left the
    /// disk as it was, and only its request is refused.
    pub(super) fn watch<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result
            && error.action == Action::Sync
        {
            self.stop(LogError::Store(error.again()));
        }
        result
    }

    /// Stops the server, if nothing did before.
    pub(super) fn stop(&self, reason: LogError) {
        if !self.stopped.swap(true, Ordering::SeqCst) {
            error!(reason = %Chain(&reason), "the disk did not take what was written: stopping");
            let _ = self.reason.try_send(reason);
        }
    }
}

#[cfg(any(test, fuzzing))]
impl Default for FailStop {
    fn default() -> Self {
        Self::new().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(action: Action) -> Result<(), StoreError> {
        Err(StoreError { action, path: "x".into(), source: io::Error::from_raw_os_error(5) })
    }

    #[test]
    fn only_a_failed_sync_stops_and_its_reason_is_told_once() {
        let (fail_stop, stopping) = FailStop::new();
        for action in [Action::Open, Action::Read, Action::Write, Action::Replace] {
            assert!(fail_stop.watch(failure(action)).is_err());
        }
        assert!(fail_stop.check(Path::new("x")).is_ok());
        assert!(fail_stop.watch(failure(Action::Sync)).is_err());
        assert!(fail_stop.watch(failure(Action::Sync)).is_err());
        assert!(fail_stop.check(Path::new("x")).is_err());
        let reasons: Vec<String> = stopping.try_iter().map(|reason| reason.to_string()).collect();
        assert_eq!(reasons, ["could not bring to the disk \"x\""]);
    }
}
