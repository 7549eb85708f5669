//! What an open log does not keep in memory of its streams: records in a file beside it, each found by a few
//! reads, however many there are.
//!
//! The file is a hash table in parts. Each part is for four times as many records as the one before it and has
//! twice the room that they need, and no record ever moves. A secret decides about the places: who chooses
//! streams does not choose those. As the index, which has the secret, the table is made from the log, and
//! nobody waits for the disk to have it: the index also says how many records there are and a sum over them
//! and their places, and a table that has not this sum is as good as none.

use std::{
    fs::File,
    hash::{BuildHasher, Hasher, RandomState},
    io, iter,
    path::{Path, PathBuf},
};

use crate::{
    store::{self, Action, StoreError},
    wire::{Bytes, StreamId},
};

/// The ending of its name, in the place of the log's `.txt`.
pub(super) const EXTENSION: &str = "streams";

/// A record's name, in bytes: sender, stream, which of its records.
const NAME_BYTES: usize = 1 + 16 + 8;

/// A record, in bytes: its name and two numbers.
const RECORD_BYTES: usize = NAME_BYTES + 2 * 8;

/// Places for records that are read at once.
const BUCKET_RECORDS: usize = 16;

/// The same, in bytes.
const BUCKET_BYTES: usize = BUCKET_RECORDS * RECORD_BYTES;

/// Records for each bucket of a part: half of its places.
const RECORDS_PER_BUCKET: u64 = 8;

/// The first part's buckets.
const FIRST_BUCKETS: u64 = 128;

/// Each part has so many times the buckets of the one before.
const GROWTH: u64 = 4;

/// Buckets that are read at a time when all of a table is.
const BUCKETS_READ: usize = 100;

/// Which of the pair's two members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Sender {
    Lower = 0,
    Higher = 1,
}

/// A record's name: whose stream, and which of the stream's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) sender: Sender,
    pub(super) stream: StreamId,
    pub(super) which: u64,
}

/// The records of a log, of which this is all that is in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// How many there are.
    pub(super) count: u64,
    /// Over all of them and their places.
    pub(super) sum: u64,
    /// Decides about their places.
    pub(super) secret: [u128; 2],
}

/// A part of the file.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Its first bucket, counted from the file's beginning.
    first: u64,
    buckets: u64,
}

/// A place in the file, in bytes from its beginning, and the record that is there.
type Place = (u64, Option<[u8; RECORD_BYTES]>);

/// The path of a log's table.
pub(super) fn path_of(log: &Path) -> PathBuf {
    log.with_extension(EXTENSION)
}

impl Default for Table {
    /// One without records.
    fn default() -> Self {
        let random = || u128::from(RandomState::new().build_hasher().finish());
        // Odd, so that a difference in any bit of a stream is one in its place.
        let secret = || (random() << 64 | random()) | 1;
        Self { count: 0, sum: 0, secret: [secret(), secret()] }
    }
}

impl Table {
    /// Whether there is a file of it.
    pub(super) fn is_used(&self) -> bool {
        self.count > 0
    }

    /// What the record of that name says, if there is one.
    pub(super) fn get(&self, log: &Path, name: &Name) -> Result<Option<[u64; 2]>, StoreError> {
        if !self.is_used() {
            return Ok(None);
        }
        let path = path_of(log);
        let found = self.look_up(&open(&path)?, &path, &to_bytes(name))?;
        Ok(found.map(|(_, record)| numbers_of(&record)))
    }

    /// Writes records, each in the place of an older one of its name. After an error nothing is known of the table.
    pub(super) fn put(
        &mut self,
        log: &Path,
        records: impl IntoIterator<Item = (Name, [u64; 2])>,
    ) -> Result<(), StoreError> {
        let path = path_of(log);
        let file = if self.is_used() { open(&path)? } else { make(&path)? };
        for (name, [first, second]) in records {
            let name = to_bytes(&name);
            let (at, old) = match self.look_up(&file, &path, &name)? {
                Some((at, record)) => (at, Some(record)),
                None => (self.new_place(&file, &path, &name)?, None),
            };
            let mut record = [0; RECORD_BYTES];
            let fields = name.iter().copied().chain(first.to_be_bytes()).chain(second.to_be_bytes());
            record.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
            store::write_at(&file, &path, &record, at)?;
            self.sum = self.sum.wrapping_add(weight(at, &record));
            match old {
                Some(old) => self.sum = self.sum.wrapping_sub(weight(at, &old)),
                None => self.count += 1,
            }
        }
        Ok(())
    }

    /// Whether the file has exactly these records. Reads all of it, a piece at a time.
    pub(super) fn is_there(&self, log: &Path) -> Result<bool, StoreError> {
        if !self.is_used() {
            return Ok(true);
        }
        let path = path_of(log);
        let Some(file) = store::open(&path)? else { return Ok(false) };
        let end = self.parts().last().map_or(0, Part::end);
        if store::length(&file, &path)? != end {
            return Ok(false);
        }
        let (mut count, mut sum, mut at) = (0, 0_u64, 0);
        let mut block = vec![0; BUCKETS_READ * BUCKET_BYTES];
        while at < end {
            let size = usize::try_from(end - at).unwrap_or(block.len()).min(block.len());
            let part = block.get_mut(..size).unwrap_or_default();
            store::read_exact_at(&file, &path, part, at)?;
            for record in part.as_chunks().0 {
                if !is_empty(record) {
                    count += 1;
                    sum = sum.wrapping_add(weight(at, record));
                }
                at += RECORD_BYTES as u64;
            }
        }
        Ok((count, sum) == (self.count, self.sum))
    }

    fn look_up(
        &self,
        file: &File,
        path: &Path,
        name: &[u8; NAME_BYTES],
    ) -> Result<Option<(u64, [u8; RECORD_BYTES])>, StoreError> {
        for part in self.parts() {
            if let (at, Some(record)) = self.look_in(part, file, path, name)? {
                return Ok(Some((at, record)));
            }
        }
        Ok(None)
    }

    /// The place for a new record, in a file that is long enough for it.
    fn new_place(&self, file: &File, path: &Path, name: &[u8; NAME_BYTES]) -> Result<u64, StoreError> {
        let part = parts().take_while(|part| part.records_before() <= self.count).last();
        let part = part.unwrap_or(FIRST);
        if part.records_before() == self.count {
            store::cut(file, path, part.end())?;
        }
        Ok(self.look_in(part, file, path, name)?.0)
    }

    /// Where a part has the record of that name, or could have it.
    fn look_in(
        &self,
        part: Part,
        file: &File,
        path: &Path,
        name: &[u8; NAME_BYTES],
    ) -> Result<Place, StoreError> {
        let first = part.bucket(self.hash(name));
        let mut block = [0; BUCKET_BYTES];
        for bucket in (first..part.buckets).chain(0..first) {
            let mut at = (part.first + bucket) * BUCKET_BYTES as u64;
            store::read_exact_at(file, path, &mut block, at)?;
            for record in block.as_chunks().0 {
                if record.starts_with(name) {
                    return Ok((at, Some(*record)));
                }
                if is_empty(record) {
                    return Ok((at, None));
                }
                at += RECORD_BYTES as u64;
            }
        }
        // Half of it is free: somebody else wrote here.
        Err(StoreError::at(Action::Read, path)(io::ErrorKind::InvalidData.into()))
    }

    /// The parts that have records.
    fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        let count = self.count;
        parts().take_while(move |part| part.records_before() < count)
    }

    /// Evenly spread for who does not know the secret: the upper half of products with random factors.
    fn hash(&self, name: &[u8; NAME_BYTES]) -> u64 {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
        let (whose, which) = name.split_at(1 + 16);
        let (sender, stream) = whose.split_at(1);
        let [by_stream, by_which] = self.secret;
        let rest = number(which) << 8 | number(sender);
        let product = by_stream.wrapping_mul(number(stream)).wrapping_add(by_which.wrapping_mul(rest));
        u64::try_from(product >> 64).unwrap_or_default()
    }
}

const FIRST: Part = Part { first: 0, buckets: FIRST_BUCKETS };

/// All parts that there could be.
fn parts() -> impl Iterator<Item = Part> {
    iter::successors(Some(FIRST), |part| {
        Some(Part {
            first: part.first.checked_add(part.buckets)?,
            buckets: part.buckets.checked_mul(GROWTH)?,
        })
    })
}

impl Part {
    /// How many records there are when this part gets its first.
    fn records_before(&self) -> u64 {
        self.first.saturating_mul(RECORDS_PER_BUCKET)
    }

    /// Where it ends, in bytes from the file's beginning.
    fn end(self) -> u64 {
        (self.first + self.buckets) * BUCKET_BYTES as u64
    }

    /// One of its buckets.
    fn bucket(&self, hash: u64) -> u64 {
        u64::try_from((u128::from(hash) * u128::from(self.buckets)) >> 64).unwrap_or_default()
    }
}

/// A table's file, new and empty.
fn make(path: &Path) -> Result<File, StoreError> {
    let file = store::open_or_create_unsynced(path)?;
    store::cut(&file, path, 0)?;
    Ok(file)
}

/// A table's file, which is there.
fn open(path: &Path) -> Result<File, StoreError> {
    store::open(path)?.ok_or_else(|| StoreError::at(Action::Open, path)(io::ErrorKind::NotFound.into()))
}

/// Sender (1 or 2, so that it is no empty place), stream, which.
fn to_bytes(name: &Name) -> [u8; NAME_BYTES] {
    let Name { sender, stream: Bytes(stream), which } = name;
    let mut bytes = [0; NAME_BYTES];
    let fields = iter::once(*sender as u8 + 1).chain(*stream).chain(which.to_be_bytes());
    bytes.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
    bytes
}

fn numbers_of(record: &[u8; RECORD_BYTES]) -> [u64; 2] {
    let number = |from: usize| {
        let bytes = record.get(from..).and_then(|rest| rest.first_chunk());
        bytes.copied().map(u64::from_be_bytes).unwrap_or_default()
    };
    [number(NAME_BYTES), number(NAME_BYTES + 8)]
}

/// A place where no record was written.
fn is_empty(record: &[u8; RECORD_BYTES]) -> bool {
    record.first().is_none_or(|first| *first == 0)
}

/// A record's part in the sum.
fn weight(at: u64, record: &[u8; RECORD_BYTES]) -> u64 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&at.to_be_bytes());
    sum.update(record);
    u64::from(sum.finalize())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn name(number: u64) -> Name {
        let sender = if number.is_multiple_of(2) { Sender::Lower } else { Sender::Higher };
        let stream = Bytes([(number / 4).to_be_bytes(), [0; 8]].concat().try_into().unwrap());
        Name { sender, stream, which: number / 2 % 2 }
    }

    #[test]
    fn every_record_is_found_until_another_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a+b.txt");
        let mut table = Table::default();
        assert_eq!(table.get(&log, &name(0)).unwrap(), None);
        assert!(table.is_there(&log).unwrap());
        for from in (0..8000).step_by(1000) {
            table.put(&log, (from..from + 1000).map(|number| (name(number), [number, 1]))).unwrap();
            assert!(table.is_there(&log).unwrap());
        }
        for number in 0..8000 {
            assert_eq!(table.get(&log, &name(number)).unwrap(), Some([number, 1]));
        }
        assert_eq!(table.get(&log, &name(8000)).unwrap(), None);
        let before = (table.count, fs::metadata(path_of(&log)).unwrap().len());
        table.put(&log, (0..8000).step_by(7).map(|number| (name(number), [number, 2]))).unwrap();
        assert_eq!((table.count, fs::metadata(path_of(&log)).unwrap().len()), before);
        for number in 0..8000_u64 {
            let second = if number.is_multiple_of(7) { 2 } else { 1 };
            assert_eq!(table.get(&log, &name(number)).unwrap(), Some([number, second]));
        }
        assert!(table.is_there(&log).unwrap());
        let others = Table { secret: Table::default().secret, ..table.clone() };
        let found = (0..100).filter(|number| others.get(&log, &name(*number)).unwrap().is_some()).count();
        assert!(found < 50, "the places are a secret: {found}");
    }

    #[test]
    fn records_that_differ_in_one_thing_have_places_that_have_nothing_to_do_with_each_other() {
        let table = Table::default();
        let names = [Sender::Lower, Sender::Higher].into_iter().flat_map(|sender| {
            let streams = (0..32).map(|at| Bytes(std::array::from_fn(|byte| u8::from(at == byte) * 0x80)));
            streams.flat_map(move |stream| (0..32).map(move |which| Name { sender, stream, which }))
        });
        let places: Vec<u64> = names.map(|name| table.hash(&to_bytes(&name)) >> 32).collect();
        let mut different = places.clone();
        different.sort_unstable();
        different.dedup();
        // All but a few of 1,088, of which half the streams are all zeros.
        assert!(different.len() >= 1080, "{} of {}", different.len(), places.len());
    }

    #[test]
    fn a_table_that_is_full_of_something_else_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a+b.txt");
        let mut table = Table::default();
        table.put(&log, [(name(0), [1, 1])]).unwrap();
        let length = fs::metadata(path_of(&log)).unwrap().len();
        fs::write(path_of(&log), vec![9; usize::try_from(length).unwrap()]).unwrap();
        assert!(!table.is_there(&log).unwrap());
        assert!(table.get(&log, &name(0)).is_err());
        assert!(table.put(&log, [(name(1), [1, 1])]).is_err());
    }
}
