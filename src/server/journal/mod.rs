//! The journal: what every conversation's new lines are brought to the disk with, by one write and one sync.
//!
//! - `record`: batches of lines as bytes;
//! - `segment`: one of the two files;
//! - `heal`: what a start does with a journal that still holds something;
//! - `bring`: brings the logs themselves to the disk;
//! - here: writing, and making room.
//!
//! A line is in its pair's log already when it comes here, but its log need not be on the disk. The
//! committer writes all that waits into one file of the journal and syncs that: then they are stored.
//! When the file is full, and when nothing is to be done for a while, the other file takes over, and one
//! thread brings the logs themselves to the disk; after that the first file is free again. So the logs
//! lack nothing that is not in the journal.
//!
//! Invariant: of every log, all bytes before the first line that a file in use has of it are on the disk.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use tracing::warn;

mod bring;
mod heal;
mod record;
mod segment;

pub(super) use heal::{Lacking, as_healed, files, heal, held, is_journal};

use super::{
    commit::{Medium, Work},
    conversation_log::{Log, LogError},
    error::{Chain, ServerError},
    fail_stop::FailStop,
    limits::{JOURNAL_BYTES_MAX, JOURNAL_GROWTH},
    logs::LOGS_FOLDER,
};
use crate::{
    crypto::random::random,
    store::{Action, StoreError},
};
use bring::sync_logs;
use record::{Batch, Kind};
use segment::{Generations, Segment};

/// The names of the two files in the data folder.
const FILES: [&str; 2] = ["journal-0", "journal-1"];

/// Logs with lines that are not on the disk but in the journal, by where they are in memory: they stay open.
type Unsynced = HashMap<usize, Arc<Log>>;

/// See the module.
pub(super) struct Journal {
    current: Segment,
    /// The logs that have lines in it, ...
    unsynced: Unsynced,
    /// ... and how many these may be.
    unsynced_max: usize,
    syncer: Syncer,
    generations: Generations,
    batch: Batch,
    folder: PathBuf,
    fail_stop: FailStop,
}

/// The way to the thread that brings logs to the disk, and back.
struct Syncer {
    full: Option<Sender<Full>>,
    free: Receiver<Segment>,
    thread: Option<JoinHandle<()>>,
}

/// A file of the journal that is to be free again.
struct Full {
    segment: Segment,
    /// The logs that are to be on the disk before.
    unsynced: Unsynced,
    /// How long it is to be from then on.
    bytes: u64,
}

impl Journal {
    /// Opens the journal of a data folder whose logs are healed. A file that is not there is made with
    /// `bytes`; beyond `unsynced_max` logs are synced before the file is full.
    pub(super) fn open(
        data: &Path,
        bytes: u64,
        unsynced_max: usize,
        fail_stop: FailStop,
    ) -> Result<Self, ServerError> {
        let mut generations = Generations::new(random()?);
        let mut open = |name: &str| -> Result<Segment, StoreError> {
            let generation = generations.next();
            let mut segment = fail_stop.watch(Segment::open(&data.join(name), bytes, generation))?;
            fail_stop.watch(segment.reset(generation, Kind::Lines))?;
            Ok(segment)
        };
        let [first, second] = FILES;
        let (current, free) = (open(first)?, open(second)?);
        let folder = data.join(LOGS_FOLDER);
        let syncer = Syncer::start(free, folder.clone(), fail_stop.clone())
            .map_err(ServerError::system("a thread"))?;
        let (unsynced, batch) = (Unsynced::new(), Batch::new());
        Ok(Self { current, unsynced, unsynced_max, syncer, generations, batch, folder, fail_stop })
    }

    /// Writes lines into the journal and waits for the disk, in as few parts as they fit into.
    fn write(&mut self, work: &[Work]) -> Result<(), LogError> {
        let mut from = 0;
        for (at, Work { log, lines, .. }) in work.iter().enumerate() {
            let Some(lines) = lines else { continue };
            if self.batch.bytes_with(log.name(), &lines.bytes) > self.current.left() {
                self.put(work.get(from..at).unwrap_or_default())?;
                from = at;
                // Unless that changed over by itself.
                if self.batch.bytes_with(log.name(), &lines.bytes) > self.current.left() {
                    self.change_over()?;
                }
            }
            self.batch.push(log.name(), lines.offset, &lines.bytes);
        }
        self.put(work.get(from..).unwrap_or_default())
    }

    /// Writes the batch, which is that of `work`. Where that fails, the logs themselves are brought to
    /// the disk instead.
    fn put(&mut self, work: &[Work]) -> Result<(), LogError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let written = self.current.write(&mut self.batch, Kind::Lines);
        self.batch.clear();
        let lines = work.iter().filter(|work| work.lines.is_some());
        match written {
            Ok(()) => {
                self.fail_stop.watch(self.current.sync())?;
                for Work { log, .. } in lines {
                    self.unsynced.entry(Arc::as_ptr(log).addr()).or_insert_with(|| Arc::clone(log));
                }
            }
            Err(reason) => {
                warn!(reason = %Chain(&reason), "the journal took nothing: the logs themselves go to the disk");
                let logs = lines.map(|work| (Arc::as_ptr(&work.log).addr(), Arc::clone(&work.log)));
                sync_logs(&logs.collect(), &self.folder, &self.fail_stop)?;
            }
        }
        if self.unsynced.len() >= self.unsynced_max { self.change_over() } else { Ok(()) }
    }

    /// Has the other file take over. Waits while that one is not free yet.
    fn change_over(&mut self) -> Result<(), LogError> {
        let mut free = self.syncer.take(&self.fail_stop, &self.folder)?;
        free.begin(self.generations.next());
        let segment = std::mem::replace(&mut self.current, free);
        // One that is nearly full was too short: the less often the logs are synced, the better.
        let is_full = (segment.left() as u64) < segment.bytes() / 2;
        let bytes = if is_full { segment.bytes() * JOURNAL_GROWTH } else { segment.bytes() };
        let unsynced = std::mem::take(&mut self.unsynced);
        self.syncer.give(Full { segment, unsynced, bytes: bytes.min(JOURNAL_BYTES_MAX) });
        Ok(())
    }
}

impl Medium for Journal {
    fn commit(&mut self, work: &[Work]) -> Result<(), LogError> {
        // Of these the disk may lack something that is before their new lines.
        let doubtful = work.iter().filter(|work| work.in_doubt);
        for log in
            doubtful.map(|work| (Arc::as_ptr(&work.log), &work.log)).collect::<HashMap<_, _>>().values()
        {
            log.sync()?;
        }
        self.write(work)
    }

    fn rest(&mut self) -> Result<(), LogError> {
        if self.unsynced.is_empty() { Ok(()) } else { self.change_over() }
    }

    fn close(&mut self) -> Result<(), LogError> {
        self.rest()?;
        // When the thread gives this one back, all that it was given before is done.
        let mut other = self.syncer.take(&self.fail_stop, &self.folder)?;
        for segment in [&mut self.current, &mut other] {
            self.fail_stop.watch(segment.reset(self.generations.next(), Kind::Clean))?;
        }
        Ok(self.fail_stop.check(&self.folder)?)
    }
}

impl Syncer {
    fn start(free: Segment, folder: PathBuf, fail_stop: FailStop) -> std::io::Result<Self> {
        let (full, waiting) = bounded::<Full>(1);
        let (done, freed) = bounded(1);
        let _ = done.send(free);
        let thread = thread::Builder::new().name("log-syncer".to_owned()).spawn(move || {
            for full in waiting {
                match full.make_free(&folder, &fail_stop) {
                    Ok(segment) => {
                        let _ = done.send(segment);
                    }
                    Err(reason) => return fail_stop.stop(reason),
                }
            }
        })?;
        Ok(Self { full: Some(full), free: freed, thread: Some(thread) })
    }

    /// The file that is not in use, once it is free.
    fn take(&self, fail_stop: &FailStop, folder: &Path) -> Result<Segment, LogError> {
        self.free.recv().or_else(|_| {
            fail_stop.check(folder)?;
            Err(LogError::Store(StoreError::at(Action::Sync, folder)(std::io::ErrorKind::Other.into())))
        })
    }

    fn give(&self, full: Full) {
        if let Some(way) = &self.full {
            let _ = way.send(full);
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.full = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Full {
    /// Brings the logs to the disk.
    fn make_free(mut self, folder: &Path, fail_stop: &FailStop) -> Result<Segment, LogError> {
        sync_logs(&self.unsynced, folder, fail_stop)?;
        if self.bytes > self.segment.bytes() {
            fail_stop.watch(self.segment.grow(self.bytes))?;
        }
        Ok(self.segment)
    }
}

#[cfg(test)]
mod tests;
