//! A log's index: a small file beside a long log, so that opening it reads the end and not all of it.
//!
//! It says how far it covers the log, what the last line of that part is, and what is known of the
//! streams in it. It is made from the log and never trusted over it: one that does not fit the log, was
//! torn, or is not there is as good as none, and then all of the log is read. So nobody waits for the
//! disk to have it. Nor is one trusted that another run of the server wrote which did not end well: a
//! power cut may have taken what it was made from.

use std::{
    collections::HashMap,
    fs::File,
    hash::{BuildHasher, Hasher, RandomState},
    path::{Path, PathBuf},
};

use super::log_line::LINE_BYTES_MAX;
use crate::{
    store::{self, StoreError},
    wire::{Bytes, StreamId},
};

/// The first bytes of an index, with the version of its form.
const MAGIC: [u8; 8] = *b"\xffindex\x00\x01";

/// The ending of its name, in the place of the log's `.txt`.
const EXTENSION: &str = "idx";

/// Which of the pair's two members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Sender {
    Lower = 0,
    Higher = 1,
}

/// A sender's stream in a log.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    /// The counter that comes next.
    pub(super) next: u64,
    /// The numbers of the lines with the counters 0, [`super::limits::COUNTERS_PER_MARK`], ...
    pub(super) marks: Vec<u64>,
}

/// All streams of a log.
pub(super) type Streams = HashMap<(Sender, StreamId), Stream>;

/// One run of the server, from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    id: u64,
    /// Whether the run before ended well, so that the disk has all that it wrote.
    pub(super) is_after_good_end: bool,
}

impl Run {
    /// Another one.
    pub(super) fn new(is_after_good_end: bool) -> Self {
        Self { id: RandomState::new().build_hasher().finish(), is_after_good_end }
    }
}

/// What is known of the first lines of a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// Which run wrote it.
    pub(super) run: Run,
    /// How long that part is, in bytes.
    pub(super) bytes: u64,
    /// The last line in it, with its newline.
    pub(super) line: Vec<u8>,
    pub(super) streams: Streams,
}

/// The path of a log's index.
pub(super) fn path_of(log: &Path) -> PathBuf {
    log.with_extension(EXTENSION)
}

/// Whether a path is that of an index.
pub(super) fn is_index(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION)
}

impl Index {
    /// The index of a log, if there is one that fits it.
    pub(super) fn load(file: &File, log: &Path, run: Run) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = store::read(&path_of(log))? else { return Ok(None) };
        let Some(index) = Self::read(&bytes, run) else { return Ok(None) };
        let start = index.bytes.checked_sub(index.line.len() as u64);
        let Some(start) = start.filter(|_| index.bytes <= store::length(file, log).unwrap_or(0)) else {
            return Ok(None);
        };
        let mut line = vec![0; index.line.len()];
        store::read_exact_at(file, log, &mut line, start)?;
        Ok((line == index.line).then_some(index))
    }

    /// Writes it beside its log.
    pub(super) fn save(&self, log: &Path) -> Result<(), StoreError> {
        let path = path_of(log);
        let file = store::open_or_create_unsynced(&path)?;
        let bytes = self.to_bytes();
        store::write_at(&file, &path, &bytes, 0)?;
        store::cut(&file, &path, bytes.len() as u64)
    }

    /// Magic, checksum of the rest; run, bytes, length of the line, line; count of streams, and each: sender,
    /// stream, next counter, count of marks, marks. Integers are big-endian.
    fn to_bytes(&self) -> Vec<u8> {
        let mut rest = self.run.id.to_be_bytes().to_vec();
        rest.extend_from_slice(&self.bytes.to_be_bytes());
        put_count(&mut rest, self.line.len());
        rest.extend_from_slice(&self.line);
        put_count(&mut rest, self.streams.len());
        for ((sender, stream), Stream { next, marks }) in &self.streams {
            rest.push(*sender as u8);
            rest.extend_from_slice(&stream.0);
            rest.extend_from_slice(&next.to_be_bytes());
            put_count(&mut rest, marks.len());
            marks.iter().for_each(|mark| rest.extend_from_slice(&mark.to_be_bytes()));
        }
        [&MAGIC[..], &crc32fast::hash(&rest).to_be_bytes(), &rest].concat()
    }

    fn read(bytes: &[u8], run: Run) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&MAGIC)?;
        let sum = u32::from_be_bytes(*take::<4>(&mut rest)?);
        if crc32fast::hash(rest) != sum {
            return None;
        }
        let is_of_this_run = u64::from_be_bytes(*take::<8>(&mut rest)?) == run.id;
        if !is_of_this_run && !run.is_after_good_end {
            return None;
        }
        let bytes = u64::from_be_bytes(*take::<8>(&mut rest)?);
        let length = count(&mut rest).filter(|length| *length <= LINE_BYTES_MAX)?;
        let line;
        (line, rest) = rest.split_at_checked(length)?;
        let mut streams = Streams::new();
        for _ in 0..count(&mut rest)? {
            let sender = match take::<1>(&mut rest)? {
                [0] => Sender::Lower,
                [1] => Sender::Higher,
                _ => return None,
            };
            let stream = Bytes(*take::<16>(&mut rest)?);
            let next = u64::from_be_bytes(*take::<8>(&mut rest)?);
            let marks = (0..count(&mut rest)?).map(|_| Some(u64::from_be_bytes(*take::<8>(&mut rest)?)));
            let marks = marks.collect::<Option<Vec<u64>>>()?;
            streams.insert((sender, stream), Stream { next, marks });
        }
        (rest.is_empty() && line.ends_with(b"\n")).then(|| Self { run, bytes, line: line.to_vec(), streams })
    }
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

fn count(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(*take::<4>(rest)?)).ok()
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    const RUN: Run = Run { id: 7, is_after_good_end: false };

    fn index(line: &[u8], bytes: usize) -> Index {
        let stream = |next, marks: &[u64]| Stream { next, marks: marks.to_vec() };
        let streams = Streams::from([
            ((Sender::Lower, Bytes([1; 16])), stream(300, &[1, 400])),
            ((Sender::Higher, Bytes([1; 16])), stream(1, &[7])),
        ]);
        Index { run: RUN, bytes: bytes as u64, line: line.to_vec(), streams }
    }

    #[test]
    fn only_an_index_that_fits_its_log_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alice+bob.txt");
        let text = b"first line\nsecond line\nthird\n";
        fs::write(&path, text).unwrap();
        let log = store::open(&path).unwrap().unwrap();
        assert_eq!(Index::load(&log, &path, RUN).unwrap(), None);
        let longer = index(b"second line\nand more\n", 44);
        longer.save(&path).unwrap();
        assert_eq!(Index::load(&log, &path, RUN).unwrap(), None, "the log is shorter");
        let index = index(b"second line\n", 23);
        index.save(&path).unwrap();
        assert_eq!(Index::load(&log, &path, RUN).unwrap(), Some(index));
        let (after_crash, after_good_end) = (Run::new(false), Run::new(true));
        assert_eq!(Index::load(&log, &path, after_crash).unwrap(), None);
        assert_eq!(Index::load(&log, &path, after_good_end).unwrap().unwrap().bytes, 23);
        let good = fs::read(path_of(&path)).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(path_of(&path), &bad).unwrap();
            assert_eq!(Index::load(&log, &path, RUN).unwrap(), None, "{at}");
            fs::write(path_of(&path), &good[..at]).unwrap();
            assert_eq!(Index::load(&log, &path, RUN).unwrap(), None, "{at}");
        }
        fs::write(path_of(&path), &good).unwrap();
        fs::write(&path, b"first line\nsecont line\nthird\n").unwrap();
        assert_eq!(Index::load(&log, &path, RUN).unwrap(), None, "another line is there");
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_index_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Index::read(&bytes, RUN);
            let sum = crc32fast::hash(&bytes).to_be_bytes();
            let _ = Index::read(&[&MAGIC[..], &sum, &bytes].concat(), Run::new(true));
        }
    }
}
