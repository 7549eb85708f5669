//! The journal's batches as bytes: what was written together, under one checksum.
//!
//! A batch is a head, the records of its lines, and zeros up to a multiple of [`BLOCK_BYTES`], so that no
//! batch ever changes a block that holds another. The head names the *generation* of its file's content,
//! which is new each time the file is used anew, and the batch's number in it, from 0: what is torn has
//! a wrong checksum, what is left of before has another generation, and both end what is read.

use crate::wire::Pair;

/// Where batches begin: at multiples of it, in bytes. A disk writes no less than this at once.
pub(super) const BLOCK_BYTES: usize = 512;

/// The first bytes of every batch. No line of a log has such bytes, so that no line looks like a batch.
const MAGIC: [u8; 8] = *b"\xffjournal";

/// Magic, checksum, generation, number, kind, length of the records.
const HEAD_BYTES: usize = 8 + 4 + 16 + 8 + 1 + 4;

/// Where the part begins that the checksum is over.
const CHECKED_FROM: usize = 8 + 4;

/// What a record has besides its pair and its lines: the pair's length, the offset, the lines' length.
const RECORD_BYTES: usize = 1 + 8 + 4;

/// A buffer of more than this is not kept between two batches, in bytes.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// What tells one use of a file from every other.
pub(super) type Generation = [u8; 16];

/// What a batch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// These lines were written to their logs.
    Lines = 0,
    /// There is nothing to bring into the logs: every log is on the disk, and the server has ended.
    Clean = 1,
}

/// A line, and where it is in its pair's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) struct Record {
    pub(in crate::server) pair: Pair,
    pub(in crate::server) offset: u64,
    /// With its newline.
    pub(in crate::server) line: Vec<u8>,
}

/// What a file of the journal holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) records: Vec<Record>,
    /// Whether the server ended well after everything before.
    pub(super) is_clean: bool,
}

/// A batch has the right checksum, and is not what this version writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a batch of the journal that this version cannot read")]
pub(super) struct Foreign;

/// A batch that is being put together.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; HEAD_BYTES] }
    }

    /// Begins another.
    pub(super) fn clear(&mut self) {
        self.bytes.truncate(HEAD_BYTES);
        self.bytes.shrink_to(KEPT_BYTES_MAX);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() == HEAD_BYTES
    }

    /// How long it would be in the file with one more record.
    pub(super) fn bytes_with(&self, pair: &str, lines: &[u8]) -> usize {
        (self.bytes.len() + RECORD_BYTES + pair.len() + lines.len()).next_multiple_of(BLOCK_BYTES)
    }

    /// Adds a record: lines that follow each other in one log.
    pub(super) fn push(&mut self, pair: &str, offset: u64, lines: &[u8]) {
        // A pair has at most 65 bytes; lines that are written at once are at most some 100,000.
        self.bytes.push(u8::try_from(pair.len()).unwrap_or(u8::MAX));
        self.bytes.extend_from_slice(pair.as_bytes());
        self.bytes.extend_from_slice(&offset.to_be_bytes());
        self.bytes.extend_from_slice(&u32::try_from(lines.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.bytes.extend_from_slice(lines);
    }

    /// The batch as it is written.
    pub(super) fn sealed(&mut self, generation: &Generation, number: u64, kind: Kind) -> &[u8] {
        let length = self.bytes.len() - HEAD_BYTES;
        let checked: [&[u8]; 4] = [
            generation,
            &number.to_be_bytes(),
            &[kind as u8],
            &u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes(),
        ];
        self.put(CHECKED_FROM, &checked.concat());
        let sum = crc32fast::hash(self.bytes.get(CHECKED_FROM..).unwrap_or_default());
        self.put(0, &[MAGIC.as_slice(), &sum.to_be_bytes()].concat());
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK_BYTES), 0);
        &self.bytes
    }

    fn put(&mut self, at: usize, part: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + part.len()) {
            place.copy_from_slice(part);
        }
    }
}

/// Reads a file of the journal, up to the first batch that is torn or of before.
pub(super) fn scan(mut bytes: &[u8]) -> Result<Scanned, Foreign> {
    let mut scanned = Scanned::default();
    let mut first = None;
    let mut number = 0;
    while let Some((head, records)) = batch(bytes) {
        if *first.get_or_insert(head.generation) != head.generation || head.number != number {
            break;
        }
        match head.kind {
            kind if kind == Kind::Lines as u8 => read_records(records, &mut scanned.records)?,
            kind if kind == Kind::Clean as u8 && records.is_empty() => scanned.is_clean = true,
            _ => return Err(Foreign),
        }
        number += 1;
        let length = (HEAD_BYTES + records.len()).next_multiple_of(BLOCK_BYTES);
        bytes = bytes.get(length..).unwrap_or_default();
    }
    Ok(scanned)
}

struct Head {
    generation: Generation,
    number: u64,
    kind: u8,
}

/// The whole batch that `bytes` begin with, if they do: its head and its records.
fn batch(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (sum, checked) = rest.split_first_chunk::<4>()?;
    let (generation, rest) = checked.split_first_chunk::<16>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (kind, rest) = rest.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let records = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let checked = checked.get(..HEAD_BYTES - CHECKED_FROM + records.len())?;
    let head = Head { generation: *generation, number: u64::from_be_bytes(*number), kind: *kind };
    (crc32fast::hash(checked) == u32::from_be_bytes(*sum)).then_some((head, records))
}

fn read_records(mut bytes: &[u8], into: &mut Vec<Record>) -> Result<(), Foreign> {
    while !bytes.is_empty() {
        bytes = record(bytes, into).ok_or(Foreign)?;
    }
    Ok(())
}

/// Reads the record that `bytes` begin with, line by line; what comes after it.
fn record<'a>(bytes: &'a [u8], into: &mut Vec<Record>) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first()?;
    let (pair, rest) = rest.split_at_checked(usize::from(*length))?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (lines, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let pair: Pair = std::str::from_utf8(pair).ok()?.parse().ok()?;
    lines.strip_suffix(b"\n")?;
    let mut offset = u64::from_be_bytes(*offset);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        into.push(Record { pair: pair.clone(), offset, line: line.to_vec() });
        offset = offset.checked_add(line.len() as u64)?;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NEW: Generation = [7; 16];
    const OLD: Generation = [6; 16];

    fn lines(batch: &mut Batch, offsets: std::ops::Range<u64>) {
        batch.clear();
        for offset in offsets {
            batch.push("alice+bob", offset, format!("line at {offset}\n").as_bytes());
        }
    }

    #[test]
    fn a_record_of_several_lines_is_read_line_by_line() {
        let mut batch = Batch::new();
        batch.push("alice+bob", 100, b"one\ntwo\n\n");
        batch.push("carol+dave", 7, b"three\n");
        let scanned = scan(batch.sealed(&NEW, 0, Kind::Lines)).unwrap();
        let read: Vec<_> =
            scanned.records.iter().map(|record| (record.offset, record.line.as_slice())).collect();
        assert_eq!(read, [(100, b"one\n".as_slice()), (104, b"two\n"), (108, b"\n"), (7, b"three\n")]);
        let mut cut = Batch::new();
        cut.push("alice+bob", 100, b"one\ntw");
        assert_eq!(scan(cut.sealed(&NEW, 0, Kind::Lines)), Err(Foreign));
        let mut beyond = Batch::new();
        beyond.push("alice+bob", u64::MAX - 1, b"one\ntwo\n");
        assert_eq!(scan(beyond.sealed(&NEW, 0, Kind::Lines)), Err(Foreign));
    }

    fn offsets(scanned: &Scanned) -> Vec<u64> {
        scanned.records.iter().map(|record| record.offset).collect()
    }

    /// Two batches of this generation, after which lies what is left of the one before.
    fn file() -> Vec<u8> {
        let mut batch = Batch::new();
        let mut file = Vec::new();
        for number in 0..4 {
            lines(&mut batch, number * 10..number * 10 + 3);
            let generation = if number < 2 { NEW } else { OLD };
            file.extend_from_slice(batch.sealed(&generation, number, Kind::Lines));
        }
        file
    }

    #[test]
    fn what_is_left_of_before_ends_what_is_read() {
        let scanned = scan(&file()).unwrap();
        assert_eq!(offsets(&scanned), [0, 1, 2, 10, 11, 12]);
        assert_eq!(scanned.records[1].line, b"line at 1\n");
        assert_eq!(scanned.records[1].pair.to_string(), "alice+bob");
        assert!(!scanned.is_clean);
    }

    #[test]
    fn a_torn_batch_ends_what_is_read_wherever_it_is_torn() {
        let file = file();
        let second = BLOCK_BYTES;
        for at in second..second + HEAD_BYTES + 3 * (RECORD_BYTES + 9 + 11) {
            let mut torn = file.clone();
            torn[at] ^= 1;
            assert_eq!(offsets(&scan(&torn).unwrap()), [0, 1, 2], "{at}");
        }
        for length in 0..file.len() {
            let scanned = scan(&file[..length]).unwrap();
            assert!(scanned.records.len() <= 6 && scanned.records.len().is_multiple_of(3));
        }
        assert_eq!(scan(&[0; 4096]).unwrap(), Scanned::default());
    }

    #[test]
    fn a_batch_that_was_left_out_ends_what_is_read() {
        let mut batch = Batch::new();
        lines(&mut batch, 0..1);
        let first = batch.sealed(&NEW, 0, Kind::Lines).to_vec();
        lines(&mut batch, 1..2);
        let third = batch.sealed(&NEW, 2, Kind::Lines).to_vec();
        assert_eq!(offsets(&scan(&[first, third].concat()).unwrap()), [0]);
    }

    #[test]
    fn a_good_end_is_told_from_an_empty_file() {
        let mut batch = Batch::new();
        let clean = batch.sealed(&NEW, 0, Kind::Clean).to_vec();
        assert!(scan(&clean).unwrap().is_clean);
        let mut batch = Batch::new();
        let running = batch.sealed(&NEW, 0, Kind::Lines).to_vec();
        assert_eq!(scan(&running).unwrap(), Scanned::default());
    }

    /// What was written, as another kind of batch.
    fn of_kind(kind: u8, sealed: &[u8], bytes: usize) -> Vec<u8> {
        let mut sealed = sealed.to_vec();
        sealed[CHECKED_FROM + 16 + 8] = kind;
        let sum = crc32fast::hash(&sealed[CHECKED_FROM..bytes]);
        sealed[CHECKED_FROM - 4..CHECKED_FROM].copy_from_slice(&sum.to_be_bytes());
        sealed
    }

    #[test]
    fn what_another_version_wrote_is_never_taken_for_nothing() {
        let empty = Batch::new().sealed(&NEW, 0, Kind::Clean).to_vec();
        assert!(scan(&of_kind(Kind::Clean as u8, &empty, HEAD_BYTES)).unwrap().is_clean);
        assert_eq!(scan(&of_kind(9, &empty, HEAD_BYTES)), Err(Foreign));
        let mut batch = Batch::new();
        batch.push("alice+bob", 0, b"line\n");
        assert_eq!(scan(batch.sealed(&NEW, 0, Kind::Clean)), Err(Foreign), "a good end has no lines");
        let mut batch = Batch::new();
        batch.push("not a pair", 0, b"line\n");
        assert_eq!(scan(batch.sealed(&NEW, 0, Kind::Lines)), Err(Foreign));
        let mut batch = Batch::new();
        batch.push("alice+bob", 0, b"no newline");
        assert_eq!(scan(batch.sealed(&NEW, 0, Kind::Lines)), Err(Foreign));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_fault_of_ours(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = scan(&bytes);
            let _ = scan(&[MAGIC.as_slice(), &bytes].concat());
        }

        #[test]
        fn what_is_written_is_read_back(
            lengths in prop::collection::vec(prop::collection::vec(0..2000_usize, 0..6), 1..5),
        ) {
            let (mut file, mut written, mut batch) = (Vec::new(), Vec::new(), Batch::new());
            for (number, lengths) in (0..).zip(&lengths) {
                batch.clear();
                for (offset, length) in (0..).zip(lengths) {
                    let line = [vec![b'x'; *length], b"\n".to_vec()].concat();
                    let expected = batch.bytes_with("a+b", &line);
                    batch.push("a+b", offset, &line);
                    prop_assert_eq!(batch.bytes.len().next_multiple_of(BLOCK_BYTES), expected);
                    written.push(Record { pair: "a+b".parse().unwrap(), offset, line });
                }
                file.extend_from_slice(batch.sealed(&NEW, number, Kind::Lines));
            }
            prop_assert_eq!(scan(&file).unwrap().records, written);
        }
    }
}
