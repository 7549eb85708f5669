//! A conversation's file as bytes: its lines, its last line, and a torn end set aside.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use chrono::TimeDelta;
use tracing::warn;

use super::{
    conversation_log::LogError,
    log_line::{self, LINE_BYTES_MAX},
};
use crate::store::{self, Action, StoreError};

/// How long a line can have been written and not be on the disk: far longer than any sync takes.
const UNSYNCED_AGE_MAX: TimeDelta = TimeDelta::minutes(10);

/// How much of a log can have been written and not be on the disk, in bytes: generously.
const UNSYNCED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is read of a file at a time, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// The whole lines of a part of a file, each without its newline.
pub(super) struct Lines<'a> {
    path: &'a Path,
    input: BufReader<Span<'a>>,
    line: Vec<u8>,
    /// The number of the line given last.
    number: u64,
}

/// A part of a file as a reader.
struct Span<'a> {
    file: &'a File,
    path: &'a Path,
    at: u64,
    end: u64,
}

impl std::io::Read for Span<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let count =
            store::read_at(self.file, self.path, buffer.get_mut(..length).unwrap_or_default(), self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl<'a> Lines<'a> {
    /// From the line numbered `first`, at `start`.
    pub(super) fn new(file: &'a File, path: &'a Path, first: u64, start: u64, end: u64) -> Self {
        let input = BufReader::with_capacity(READ_BYTES, Span { file, path, at: start, end });
        Self { path, input, line: Vec::new(), number: first.saturating_sub(1) }
    }

    /// The next line and its number.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, LogError> {
        self.line.clear();
        self.number += 1;
        // A line longer than any of ours is not read into memory whole.
        let mut limited = std::io::Read::take(&mut self.input, LINE_BYTES_MAX as u64 + 1);
        limited.read_until(b'\n', &mut self.line).map_err(StoreError::at(Action::Read, self.path))?;
        if self.line.is_empty() {
            return Ok(None);
        }
        match self.line.strip_suffix(b"\n") {
            Some(line) => Ok(Some((self.number, line))),
            None => Err(LogError::Damaged { path: self.path.to_owned(), line: self.number }),
        }
    }
}

/// Sets a torn last line aside: a crash can leave a part of one, and nothing may be glued to it.
/// What is cut off is on the disk in `*.torn` before it is cut. True when there was one.
pub(super) fn mend(file: &File, path: &Path) -> Result<bool, StoreError> {
    let length = store::length(file, path)?;
    let mut last = [0; 1];
    if length > 0 {
        store::read_exact_at(file, path, &mut last, length - 1)?;
    }
    if length == 0 || last == *b"\n" {
        return Ok(false);
    }
    let good = whole_lines(file, path, length)?;
    set_aside(file, path, good, length, "a torn last line was set aside")?;
    Ok(true)
}

/// Sets the end of a log aside if it is what a power cut leaves of lines that nobody was told are stored:
/// a disk that had not written them yet, or only some of them, has zeros in their place, which no line
/// of ours has. True when it was; anything else is damage, and is left as it is.
///
/// What is acknowledged is on the disk, or was brought into the log from the journal before this: so what
/// is lost in this way lies after every acknowledged line, and is as young as what a disk can owe
/// ([`UNSYNCED_AGE_MAX`]).
pub(super) fn mend_hole(file: &File, path: &Path, good: u64) -> Result<bool, StoreError> {
    let length = store::length(file, path)?;
    let Some(size) = usize::try_from(length - good).ok().filter(|size| *size <= UNSYNCED_BYTES_MAX) else {
        return Ok(false);
    };
    let mut tail = vec![0; size];
    store::read_exact_at(file, path, &mut tail, good)?;
    let mut lines = tail.split(|byte| *byte == b'\n');
    if !lines.next().is_some_and(|first| first.contains(&0)) {
        return Ok(false);
    }
    let mut times = lines.filter_map(log_line::read).map(|entry| entry.time);
    if let Some(first) = times.next()
        && times.next_back().is_some_and(|last| last - first > UNSYNCED_AGE_MAX)
    {
        return Ok(false);
    }
    set_aside(file, path, good, length, "zeros of a power cut were set aside, with what follows them")?;
    Ok(true)
}

/// Moves what comes after the first `good` bytes of a log to the end of its `*.torn`.
pub(super) fn set_aside(
    file: &File,
    path: &Path,
    good: u64,
    length: u64,
    words: &str,
) -> Result<(), StoreError> {
    let torn = usize::try_from(length - good).unwrap_or(usize::MAX);
    let mut bytes = vec![0; torn];
    store::read_exact_at(file, path, &mut bytes, good)?;
    bytes.push(b'\n');
    let aside = put_aside(path, &bytes)?;
    store::cut(file, path, good)?;
    store::sync_file(file, path)?;
    warn!(file = ?path, bytes = torn, ?aside, "{words}");
    Ok(())
}

/// Adds to the end of a log's `*.torn`, on the disk; gives its path.
pub(super) fn put_aside(path: &Path, bytes: &[u8]) -> Result<PathBuf, StoreError> {
    let mut aside_path = path.as_os_str().to_owned();
    aside_path.push(".torn");
    let aside_path = PathBuf::from(aside_path);
    let aside = store::open_or_create(&aside_path)?;
    let end = store::length(&aside, &aside_path)?;
    store::write_at(&aside, &aside_path, bytes, end)?;
    store::sync_file(&aside, &aside_path)?;
    Ok(aside_path)
}

/// The number in the last line of a mended file; `None` when there is no line, or none of ours.
pub(super) fn last_number(file: &File, path: &Path) -> Result<Option<u64>, StoreError> {
    let length = store::length(file, path)?;
    let start = length.saturating_sub(LINE_BYTES_MAX as u64 + 1);
    let mut end = vec![0; usize::try_from(length - start).unwrap_or_default()];
    store::read_exact_at(file, path, &mut end, start)?;
    let line = end.strip_suffix(b"\n").and_then(|lines| lines.rsplit(|byte| *byte == b'\n').next());
    Ok(line.and_then(log_line::read).map(|entry| entry.number))
}

/// The length of a file up to its last newline, in bytes; searched from its end.
fn whole_lines(file: &File, path: &Path, length: u64) -> Result<u64, StoreError> {
    let mut end = length;
    let mut block = vec![0; READ_BYTES];
    while end > 0 {
        let start = end.saturating_sub(READ_BYTES as u64);
        let size = usize::try_from(end - start).unwrap_or(READ_BYTES);
        let part = block.get_mut(..size).unwrap_or_default();
        store::read_exact_at(file, path, part, start)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::wire::{
        Body, Bytes, Entry, Header,
        limits::{BODY_BYTES_MAX, HEADER_BYTES},
    };

    /// A line that is as long as one can be.
    fn longest() -> Vec<u8> {
        let header = Header { epoch: 1, stream: Bytes([7; 16]), counter: 3, previous: Bytes([0; 32]) };
        let body = Body::new(&header, &vec![9; BODY_BYTES_MAX - HEADER_BYTES]).unwrap();
        let time = "2026-11-22T23:29:01.123Z".parse().unwrap();
        let sender = "a".repeat(32).parse().unwrap();
        log_line::write(&Entry { number: u64::MAX, time, sender, body })
    }

    #[test]
    fn the_longest_line_is_read_and_a_longer_one_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a+b.txt");
        let text = [b"before\n", longest().as_slice()].concat();
        fs::write(&path, &text).unwrap();
        let file = store::open(&path).unwrap().unwrap();
        assert_eq!(last_number(&file, &path).unwrap(), Some(u64::MAX));
        let mut lines = Lines::new(&file, &path, 1, 0, text.len() as u64);
        assert_eq!(lines.next().unwrap(), Some((1, b"before".as_slice())));
        assert_eq!(lines.next().unwrap().unwrap().1, longest().strip_suffix(b"\n").unwrap());
        assert!(lines.next().unwrap().is_none());
        let longer = vec![b'x'; LINE_BYTES_MAX + 1];
        fs::write(&path, [&longer, b"\n".as_slice()].concat()).unwrap();
        let mut lines = Lines::new(&file, &path, 1, 0, u64::MAX);
        assert!(matches!(lines.next(), Err(LogError::Damaged { line: 1, .. })));
    }

    #[test]
    fn megabytes_of_zeros_are_set_aside_and_more_than_a_disk_can_owe_are_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a+b.txt");
        fs::write(&path, b"good\n").unwrap();
        let file = store::open(&path).unwrap().unwrap();
        file.set_len(5 + UNSYNCED_BYTES_MAX as u64 + 1).unwrap();
        assert!(!mend_hole(&file, &path, 5).unwrap());
        file.set_len(5 + 2 * 1024 * 1024).unwrap();
        assert!(mend_hole(&file, &path, 5).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"good\n");
    }

    #[test]
    fn of_a_log_of_any_length_only_what_follows_its_last_whole_line_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a+b.txt");
        for whole in [0, 1, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 3 * READ_BYTES] {
            for torn in [1, 100, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 2 * READ_BYTES] {
                let good =
                    if whole == 0 { Vec::new() } else { [vec![b'x'; whole - 1], vec![b'\n']].concat() };
                fs::write(&path, [good.clone(), vec![b'y'; torn]].concat()).unwrap();
                let file = store::open(&path).unwrap().unwrap();
                assert!(mend(&file, &path).unwrap());
                assert!(fs::read(&path).unwrap() == good, "{whole} {torn}");
                let aside = path.with_extension("txt.torn");
                assert_eq!(fs::read(&aside).unwrap(), [vec![b'y'; torn], vec![b'\n']].concat());
                fs::remove_file(aside).unwrap();
                assert!(!mend(&file, &path).unwrap(), "nothing is torn any more");
            }
        }
    }
}
