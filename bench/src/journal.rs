//! The durable relays' journal: one preallocated file, one `fdatasync` for all that waits.

use std::{fs::File, io::Write, os::unix::fs::FileExt, path::Path, sync::Arc, thread};

use anyhow::Result;
use parking_lot::{Condvar, Mutex};

use crate::relay::Connection;

/// The journal's length: it is written from the start again when it is full, as one that is recycled is.
const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;

/// Where lines wait for the disk.
pub(crate) struct Journal(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    /// Told when another batch is on the disk.
    stored: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    acknowledgements: Vec<(Arc<Connection>, Vec<u8>)>,
    /// Batches that the committer took, ...
    taken: u64,
    /// ... and those of them that are on the disk.
    stored: u64,
}

impl Journal {
    /// Makes the file, and starts the thread that brings it to the disk.
    pub(crate) fn start(path: &Path) -> Result<Self> {
        let mut file = File::create(path)?;
        // Written and not only reserved: a sync then has nothing but the bytes to bring to the disk.
        let zeros = vec![0; 1024 * 1024];
        for _ in 0..JOURNAL_BYTES / zeros.len() as u64 {
            file.write_all(&zeros)?;
        }
        file.sync_all()?;
        let shared = Arc::new(Shared::default());
        let committer = Arc::clone(&shared);
        thread::Builder::new().name("committer".to_owned()).spawn(move || committer.commit(&file))?;
        Ok(Self(shared))
    }

    /// Leaves lines to be brought to the disk, and what to say to their sender then.
    pub(crate) fn write(&self, lines: &[u8], sender: &Arc<Connection>, acknowledgements: &[u8]) {
        let mut waiting = self.0.waiting.lock();
        let first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(lines);
        waiting.acknowledgements.push((Arc::clone(sender), acknowledgements.to_vec()));
        drop(waiting);
        if first {
            self.0.wake.notify_one();
        }
    }

    /// Leaves lines to be brought to the disk, and waits until they are there.
    pub(crate) fn write_and_wait(&self, lines: &[u8]) {
        let mut waiting = self.0.waiting.lock();
        if waiting.lines.is_empty() {
            self.0.wake.notify_one();
        }
        waiting.lines.extend_from_slice(lines);
        let batch = waiting.taken + 1;
        while waiting.stored < batch {
            self.0.stored.wait(&mut waiting);
        }
    }
}

impl Shared {
    fn commit(&self, file: &File) {
        let (mut lines, mut acknowledgements, mut at) = (Vec::new(), Vec::new(), 0);
        loop {
            {
                let mut waiting = self.waiting.lock();
                while waiting.lines.is_empty() {
                    self.wake.wait(&mut waiting);
                }
                std::mem::swap(&mut waiting.lines, &mut lines);
                std::mem::swap(&mut waiting.acknowledgements, &mut acknowledgements);
                waiting.taken += 1;
            }
            let length = lines.len() as u64;
            if at + length > JOURNAL_BYTES {
                at = 0;
            }
            if file.write_all_at(&lines, at).and_then(|()| file.sync_data()).is_err() {
                return;
            }
            at += length;
            lines.clear();
            self.waiting.lock().stored += 1;
            self.stored.notify_all();
            acknowledge(&mut acknowledgements);
        }
    }
}

/// One write for each sender, whatever the number of its acknowledgements.
fn acknowledge(waiting: &mut Vec<(Arc<Connection>, Vec<u8>)>) {
    waiting.sort_by_key(|(sender, _)| Arc::as_ptr(sender).addr());
    let mut waiting = waiting.drain(..);
    let mut current = waiting.next();
    while let Some((sender, mut bytes)) = current.take() {
        for (other, more) in waiting.by_ref() {
            if !Arc::ptr_eq(&other, &sender) {
                current = Some((other, more));
                break;
            }
            bytes.extend_from_slice(&more);
        }
        // A sender that is gone wants no answer.
        let _ = sender.send(&bytes);
    }
}
