//! A conversation's file as bytes: its lines, its last line, and a torn end set aside.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use tracing::warn;

use super::{
    conversation_log::LogError,
    log_line::{self, LINE_BYTES_MAX},
};
use crate::store::{self, Action, StoreError};

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
    at: u64,
    end: u64,
}

impl std::io::Read for Span<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let count = self.file.read_at(buffer.get_mut(..length).unwrap_or_default(), self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl<'a> Lines<'a> {
    /// From the line numbered `first`, at `start`.
    pub(super) fn new(file: &'a File, path: &'a Path, first: u64, start: u64, end: u64) -> Self {
        let input = BufReader::with_capacity(READ_BYTES, Span { file, at: start, end });
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
    let length = file.metadata().map_err(StoreError::at(Action::Read, path))?.len();
    let mut last = [0; 1];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1).map_err(StoreError::at(Action::Read, path))?;
    }
    if length == 0 || last == *b"\n" {
        return Ok(false);
    }
    let good = whole_lines(file, path, length)?;
    let torn = usize::try_from(length - good).unwrap_or(usize::MAX);
    let mut bytes = vec![0; torn];
    file.read_exact_at(&mut bytes, good).map_err(StoreError::at(Action::Read, path))?;
    bytes.push(b'\n');
    let mut aside_path = path.as_os_str().to_owned();
    aside_path.push(".torn");
    let aside_path = PathBuf::from(aside_path);
    let aside = store::open_or_create(&aside_path)?;
    let end = aside.metadata().map_err(StoreError::at(Action::Read, &aside_path))?.len();
    store::write_at(&aside, &aside_path, &bytes, end)?;
    store::sync_file(&aside, &aside_path)?;
    store::cut(file, path, good)?;
    store::sync_file(file, path)?;
    warn!(file = ?path, bytes = torn, aside = ?aside_path, "a torn last line was set aside");
    Ok(true)
}

/// The number in the last line of a mended file; `None` when there is no line, or none of ours.
pub(super) fn last_number(file: &File, path: &Path) -> Result<Option<u64>, StoreError> {
    let length = file.metadata().map_err(StoreError::at(Action::Read, path))?.len();
    let start = length.saturating_sub(LINE_BYTES_MAX as u64 + 1);
    let mut end = vec![0; usize::try_from(length - start).unwrap_or_default()];
    file.read_exact_at(&mut end, start).map_err(StoreError::at(Action::Read, path))?;
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
        file.read_exact_at(part, start).map_err(StoreError::at(Action::Read, path))?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
