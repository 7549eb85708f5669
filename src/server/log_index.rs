//! A log's index: a small file beside a long log, so that opening it reads the end and not all of it.
//!
//! It says how far it covers the log, what the last line of that part is, and what is known of the
//! streams in it: of those used last all, of the others how their table (`log_table`) can be known. It is made from the log and never trusted over it: one that does not fit the log, was
//! torn, or is not there is as good as none, and then all of the log is read. So nobody waits for the
//! disk to have it. Nor is one trusted that another run of the server wrote which did not end well: a
//! power cut may have taken what it was made from.

use std::{
    fs::File,
    hash::{BuildHasher, Hasher, RandomState},
    path::{Path, PathBuf},
};

use super::{
    log_line::LINE_BYTES_MAX,
    log_streams::{Key, Stream, Streams},
    log_table::{self, Sender, Table},
};
use crate::{
    store::{self, StoreError},
    wire::Bytes,
};

/// The first bytes of an index, with the version of its form.
const MAGIC: [u8; 8] = *b"\xffindex\x00\x02";

/// The ending of its name, in the place of the log's `.txt`.
const EXTENSION: &str = "idx";

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

/// Whether a path is that of an index or of its table.
pub(super) fn is_index(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION || extension == log_table::EXTENSION)
}

/// Deletes what was made from a log that is to become another.
pub(super) fn remove(log: &Path) -> Result<(), StoreError> {
    store::remove(&path_of(log))?;
    store::remove(&log_table::path_of(log))
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
        let table_is_there = index.streams.table().is_some_and(|table| table.is_there(log).unwrap_or(false));
        Ok((line == index.line && table_is_there).then_some(index))
    }

    /// Writes it beside its log, unless its streams were lost.
    pub(super) fn save(&self, log: &Path) -> Result<(), StoreError> {
        let Some(table) = self.streams.table() else { return Ok(()) };
        let path = path_of(log);
        let file = store::open_or_create_unsynced(&path)?;
        let bytes = self.to_bytes(table);
        store::write_at(&file, &path, &bytes, 0)?;
        store::cut(&file, &path, bytes.len() as u64)
    }

    /// Magic, checksum of the rest; run, bytes, length of the line, line; of the table: count, sum, both parts of
    /// the secret; count of streams, and each: sender, stream, next counter, first line, count of marks, marks.
    /// Integers are big-endian.
    fn to_bytes(&self, table: &Table) -> Vec<u8> {
        let mut rest = self.run.id.to_be_bytes().to_vec();
        rest.extend_from_slice(&self.bytes.to_be_bytes());
        put_count(&mut rest, self.line.len());
        rest.extend_from_slice(&self.line);
        rest.extend_from_slice(&table.count.to_be_bytes());
        rest.extend_from_slice(&table.sum.to_be_bytes());
        table.secret.iter().for_each(|part| rest.extend_from_slice(&part.to_be_bytes()));
        let recent = self.streams.recent();
        put_count(&mut rest, recent.len());
        for ((sender, stream), Stream { next, first, marks, .. }) in recent {
            rest.push(*sender as u8);
            rest.extend_from_slice(&stream.0);
            rest.extend_from_slice(&next.to_be_bytes());
            rest.extend_from_slice(&first.to_be_bytes());
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
        let is_of_this_run = number(&mut rest)? == run.id;
        if !is_of_this_run && !run.is_after_good_end {
            return None;
        }
        let bytes = number(&mut rest)?;
        let length = count(&mut rest).filter(|length| *length <= LINE_BYTES_MAX)?;
        let line;
        (line, rest) = rest.split_at_checked(length)?;
        let (count_of_records, sum) = (number(&mut rest)?, number(&mut rest)?);
        let mut secret = || Some(u128::from_be_bytes(*take::<16>(&mut rest)?));
        let secret = [secret()?, secret()?];
        let table = Table { count: count_of_records, sum, secret };
        let recent = (0..count(&mut rest)?).map(|_| read_stream(&mut rest)).collect::<Option<_>>()?;
        let streams = Streams::of(recent, table);
        (rest.is_empty() && line.ends_with(b"\n")).then(|| Self { run, bytes, line: line.to_vec(), streams })
    }
}

fn read_stream(rest: &mut &[u8]) -> Option<(Key, Stream)> {
    let sender = match take::<1>(rest)? {
        [0] => Sender::Lower,
        [1] => Sender::Higher,
        _ => return None,
    };
    let stream = Bytes(*take::<16>(rest)?);
    let (next, first) = (number(rest)?, number(rest)?);
    let marks = (0..count(rest)?).map(|_| number(rest)).collect::<Option<_>>()?;
    Some(((sender, stream), Stream { next, first, marks, ..Stream::default() }))
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

fn count(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(*take::<4>(rest)?)).ok()
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*take::<8>(rest)?))
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
        let stream = |next, first, marks: &[u64]| Stream {
            next,
            first,
            marks: marks.iter().copied().collect(),
            ..Stream::default()
        };
        let streams = vec![
            ((Sender::Lower, Bytes([1; 16])), stream(300, 1, &[400])),
            ((Sender::Higher, Bytes([1; 16])), stream(1, 7, &[])),
        ];
        let streams = Streams::of(streams, Table::default());
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

    #[test]
    fn an_index_ends_where_it_says_and_its_line_is_whole() {
        let file = |line: &[u8], more: &[u8]| {
            let bytes = index(line, 23).to_bytes(&Table::default());
            let rest = [&bytes[MAGIC.len() + 4..], more].concat();
            [&MAGIC[..], &crc32fast::hash(&rest).to_be_bytes(), &rest].concat()
        };
        assert!(Index::read(&file(b"second line\n", b""), RUN).is_some());
        assert!(Index::read(&file(b"second line\n", b"more"), RUN).is_none());
        assert!(Index::read(&file(b"second line", b""), RUN).is_none());
    }

    #[test]
    fn what_was_made_from_a_log_is_removed_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alice+bob.txt");
        remove(&path).unwrap();
        for made in [path_of(&path), log_table::path_of(&path)] {
            fs::write(made, b"of the log before").unwrap();
        }
        remove(&path).unwrap();
        assert!(!path_of(&path).exists() && !log_table::path_of(&path).exists());
    }

    #[test]
    fn what_is_made_from_a_log_is_told_from_the_log() {
        for (name, is_made) in [
            ("alice+bob.idx", true),
            ("alice+bob.streams", true),
            ("alice+bob.txt", false),
            ("alice+bob.idx.txt", false),
            ("alice+bob.txt.torn", false),
            ("idx", false),
        ] {
            assert_eq!(is_index(Path::new(name)), is_made, "{name}");
        }
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
