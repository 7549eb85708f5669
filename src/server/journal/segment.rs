//! One of the journal's two files: made with all its bytes, written from its front, used again and again.

use std::{
    fs::File,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::record::{BLOCK_BYTES, Batch, Generation, Kind};
use crate::store::{self, Action, StoreError};

/// What is written of zeros at a time, in bytes.
const ZEROS_BYTES: usize = 256 * 1024;

/// The next generation of any file of this journal: a random part, and a number that grows.
#[derive(Debug)]
pub(super) struct Generations {
    random: [u8; 8],
    next: u64,
}

impl Generations {
    pub(super) fn new(random: [u8; 8]) -> Self {
        Self { random, next: 0 }
    }

    pub(super) fn next(&mut self) -> Generation {
        self.next += 1;
        let mut generation = [0; 16];
        let (random, number) = generation.split_at_mut(8);
        random.copy_from_slice(&self.random);
        number.copy_from_slice(&self.next.to_be_bytes());
        generation
    }
}

/// See the module. Invariant: `next <= bytes`, both multiples of [`BLOCK_BYTES`].
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    path: PathBuf,
    bytes: u64,
    generation: Generation,
    /// Where the next batch goes, ...
    next: u64,
    /// ... and its number.
    number: u64,
}

impl Segment {
    /// Opens a file whose content is of no more use, or makes it with so many bytes. They are written,
    /// not only reserved: a disk that is full says so now, and no later sync has more to bring to the
    /// disk than the batches.
    pub(super) fn open(path: &Path, bytes: u64, generation: Generation) -> Result<Self, StoreError> {
        let bytes = bytes.next_multiple_of(BLOCK_BYTES as u64);
        let there = match store::open(path)? {
            Some(file) => Some(store::length(&file, path)?).filter(|length| *length >= bytes).map(|_| file),
            None => None,
        };
        let file = match there {
            Some(file) => file,
            None => make(path, bytes)?,
        };
        let whole_blocks = store::length(&file, path)? / BLOCK_BYTES as u64;
        let bytes = whole_blocks * BLOCK_BYTES as u64;
        Ok(Self { file, path: path.to_owned(), bytes, generation, next: 0, number: 0 })
    }

    /// Begins anew at the front. What is there is of no more use.
    pub(super) fn begin(&mut self, generation: Generation) {
        (self.generation, self.next, self.number) = (generation, 0, 0);
    }

    /// How many bytes of batches it still takes.
    pub(super) fn left(&self) -> usize {
        usize::try_from(self.bytes - self.next).unwrap_or(usize::MAX)
    }

    /// Writes a batch that fits. A failure leaves it as it was: a part of a batch is none.
    pub(super) fn write(&mut self, batch: &mut Batch, kind: Kind) -> Result<(), StoreError> {
        let left = self.left();
        let bytes = batch.sealed(&self.generation, self.number, kind);
        if bytes.len() > left {
            return Err(StoreError::at(Action::Write, &self.path)(ErrorKind::StorageFull.into()));
        }
        store::write_at(&self.file, &self.path, bytes, self.next)?;
        self.next += bytes.len() as u64;
        self.number += 1;
        Ok(())
    }

    /// Waits until what was written is on the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        store::sync_file(&self.file, &self.path)
    }

    /// Says in place of everything else that there is nothing to bring into the logs: as long as the
    /// server runs, or for good.
    pub(super) fn reset(&mut self, generation: Generation, kind: Kind) -> Result<(), StoreError> {
        self.begin(generation);
        self.write(&mut Batch::new(), kind)?;
        self.sync()?;
        if kind == Kind::Lines {
            // The marker may be written over: it has done what it was for.
            self.begin(generation);
        }
        Ok(())
    }

    /// Makes it longer while it is of no use; as long as it was where the disk has no room for that.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), StoreError> {
        if bytes <= self.bytes || zeros(&self.file, &self.path, self.bytes, bytes).is_err() {
            return Ok(());
        }
        self.sync()?;
        self.bytes = bytes;
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn make(path: &Path, bytes: u64) -> Result<File, StoreError> {
    store::remove(path)?;
    let unfinished = store::unfinished_file(store::parent(path))?;
    zeros(unfinished.as_file(), unfinished.path(), 0, bytes)?;
    store::finish_new(unfinished, path)?;
    store::open_or_create(path)
}

fn zeros(file: &File, path: &Path, from: u64, to: u64) -> Result<(), StoreError> {
    let zeros = vec![0; ZEROS_BYTES];
    let mut at = from;
    while at < to {
        let part = usize::try_from(to - at).unwrap_or(ZEROS_BYTES).min(ZEROS_BYTES);
        store::write_at(file, path, zeros.get(..part).unwrap_or_default(), at)?;
        at += part as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const BYTES: u64 = 3 * BLOCK_BYTES as u64;

    #[test]
    fn a_file_is_made_as_long_as_is_asked_for_and_one_that_is_longer_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let open = |bytes| {
            let segment = Segment::open(&path, bytes, [1; 16]).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().len(), segment.bytes());
            segment.bytes()
        };
        assert_eq!(open(BYTES - 1), BYTES);
        let longer = ZEROS_BYTES as u64 + 2 * BYTES;
        assert_eq!(open(longer), longer, "one that is too short is made anew");
        fs::write(&path, vec![7; usize::try_from(longer).unwrap()]).unwrap();
        assert_eq!(open(BYTES), longer);
        assert!(fs::read(&path).unwrap().iter().all(|byte| *byte == 7), "and is not written yet");
    }

    #[test]
    fn while_a_server_runs_the_mark_of_its_start_takes_no_room_and_that_of_a_good_end_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut segment = Segment::open(&folder.path().join("journal"), BYTES, [1; 16]).unwrap();
        segment.reset([2; 16], Kind::Lines).unwrap();
        assert_eq!(segment.left() as u64, BYTES);
        segment.reset([3; 16], Kind::Clean).unwrap();
        assert_eq!(segment.left() as u64, BYTES - BLOCK_BYTES as u64);
    }
}
