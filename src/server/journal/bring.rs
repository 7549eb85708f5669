//! Brings the logs themselves to the disk, several at a time.
//!
//! One sync takes the time of the disk, and on a busy machine the time until its thread runs again; a
//! thousand logs one after the other kept the journal waiting for seconds where a disk that is asked for
//! several at once needs a tenth of one.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::Unsynced;
use crate::{
    server::{
        conversation_log::{Log, LogError},
        fail_stop::FailStop,
        limits::{LOG_SYNC_STACK_BYTES, LOG_SYNC_THREADS_MAX, LOGS_PER_SYNC_THREAD},
    },
    store::{self, Action, StoreError},
};

/// Waits until these logs and their names are on the disk. After the first failure no other is begun.
pub(super) fn sync_logs(logs: &Unsynced, folder: &Path, fail_stop: &FailStop) -> Result<(), LogError> {
    if logs.is_empty() {
        return Ok(());
    }
    let logs: Vec<&Arc<Log>> = logs.values().collect();
    let helpers = (logs.len() / LOGS_PER_SYNC_THREAD).min(LOG_SYNC_THREADS_MAX).saturating_sub(1);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let bring = || bring(&logs, &next);
        let thread = || thread::Builder::new().name("log-sync".to_owned()).stack_size(LOG_SYNC_STACK_BYTES);
        // Where the system gives no thread, there is one less.
        let helpers: Vec<_> = (0..helpers).map_while(|_| thread().spawn_scoped(scope, bring).ok()).collect();
        let mut done = bring();
        for helper in helpers {
            // One that panicked left a log of which nothing is known.
            let helped = helper.join().unwrap_or_else(|_| Err(unknown(folder)));
            done = done.and(helped);
        }
        done
    })?;
    Ok(fail_stop.watch(store::sync_folder(folder))?)
}

fn unknown(folder: &Path) -> LogError {
    LogError::Store(StoreError::at(Action::Sync, folder)(io::ErrorKind::Other.into()))
}

/// Syncs one log after the other of those that no other thread has taken.
fn bring(logs: &[&Arc<Log>], next: &AtomicUsize) -> Result<(), LogError> {
    while let Some(log) = logs.get(next.fetch_add(1, Ordering::Relaxed)) {
        log.sync().inspect_err(|_| next.store(logs.len(), Ordering::Relaxed))?;
    }
    Ok(())
}
