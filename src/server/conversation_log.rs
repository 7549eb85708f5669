//! One pair's conversation: `conversations/alice+bob.txt`, one line a message, only ever appended to.
//!
//! In memory are, per open log, the offset of some lines and one number per sender's stream; a page
//! is read through the nearest offset, a repeat is found through the nearest counter. Nothing here
//! waits for the disk but [`Log::sync`], which is the committer's.

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use thiserror::Error;
use tracing::error;

use super::{
    fail_stop::FailStop,
    limits::{COUNTERS_PER_MARK, LINES_PER_OFFSET},
    log_file::{Lines, last_number, mend, mend_hole},
    log_line,
};
use crate::{
    store::{self, StoreError},
    wire::{Body, Entry, Pair, StreamId, Username},
};

/// Why a log gives or takes nothing.
#[derive(Debug, Error)]
pub(super) enum LogError {
    /// A line is not what the server writes: this conversation is refused until it is repaired.
    #[error("{path:?} is damaged at line {line}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
    },
    /// The counter is not the next of its stream.
    #[error("a counter that is not the next of its stream")]
    OutOfOrder,
    /// Another body is stored under that stream and counter.
    #[error("another body is stored under that counter")]
    Different,
    /// The sender is not one of the two.
    #[error("a sender who is not of the pair")]
    NotAMember,
    /// The file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A part of a log, as it was at one moment.
#[derive(Debug)]
pub(super) struct Page {
    /// Consecutive entries from the number asked for.
    pub(super) entries: Vec<Entry>,
    /// The number of the log's last entry; 0 when empty.
    pub(super) last: u64,
}

/// One pair's log. The lock guards this pair's file and nothing else.
#[derive(Debug)]
pub(super) struct Log {
    pair: Pair,
    path: PathBuf,
    inner: Mutex<Inner>,
    fail_stop: FailStop,
}

#[derive(Debug)]
enum Inner {
    /// Not read yet.
    Unread,
    Open(Open),
    Damaged {
        line: u64,
    },
}

/// What is known of an open log. Invariant: the file's first `bytes` bytes are `last` whole lines.
#[derive(Debug)]
struct Open {
    file: Arc<File>,
    bytes: u64,
    last: u64,
    last_time: DateTime<Utc>,
    /// Of lines 1, 1 + [`LINES_PER_OFFSET`], ...
    offsets: Vec<u64>,
    streams: HashMap<(Sender, StreamId), Stream>,
    /// A write failed half-way and could not be cut off: the file is to be read anew before it is used.
    unsure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sender {
    Lower,
    Higher,
}

/// A sender's stream in this log.
#[derive(Debug, Default)]
struct Stream {
    /// The counter that comes next.
    next: u64,
    /// The numbers of the lines with the counters 0, [`COUNTERS_PER_MARK`], ...
    marks: Vec<u64>,
}

impl Log {
    /// The log of a pair in a folder of logs. Nothing is read before it is asked for.
    pub(super) fn new(folder: &Path, pair: Pair, fail_stop: FailStop) -> Self {
        let path = folder.join(file_name(&pair));
        Self { pair, path, inner: Mutex::new(Inner::Unread), fail_stop }
    }

    /// The number of the last entry; 0 when there is none. Of a log that is not open only the last line
    /// is read, so that a conversation begins as fast after a million messages as after one.
    pub(super) fn last(&self) -> Result<u64, LogError> {
        {
            let inner = self.inner.lock();
            if matches!(*inner, Inner::Unread) {
                let Some(file) = store::open(&self.path)? else { return Ok(0) };
                self.fail_stop.watch(mend(&file, &self.path))?;
                if let Some(number) = last_number(&file, &self.path)? {
                    return Ok(number);
                }
            }
        }
        // Reading all of it names the damaged line.
        Ok(self.open(false)?.map_or(0, |open| open.last))
    }

    /// Stores a message: writes its line, or finds it already written. Gives its number.
    ///
    /// `written` is called for a new line while the log is held, so that what it queues is in the log's order.
    pub(super) fn append(
        &self,
        sender: &Username,
        body: &Body,
        written: impl FnOnce(Entry),
    ) -> Result<u64, LogError> {
        let place = place(&self.pair, sender).ok_or(LogError::NotAMember)?;
        self.fail_stop.check(&self.path)?;
        let Some(mut open) = self.open(true)? else { return Err(LogError::OutOfOrder) };
        let header = body.header();
        let key = (place, header.stream);
        let next = open.streams.get(&key).map_or(0, |stream| stream.next);
        if header.counter > next || header.counter == u64::MAX {
            return Err(LogError::OutOfOrder);
        }
        if header.counter < next {
            return open.find(&self.path, key, sender, body);
        }
        let time = log_line::now().max(open.last_time);
        let entry = Entry { number: open.last + 1, time, sender: sender.clone(), body: body.clone() };
        let line = log_line::write(&entry);
        if let Err(error) = store::write_at(&open.file, &self.path, &line, open.bytes) {
            // A part of the line may be in the file. It must not stay there for the next to be glued to,
            // nor come back after a power cut to be mixed with it.
            let cut = store::cut(&open.file, &self.path, open.bytes)
                .and_then(|()| store::sync_file(&open.file, &self.path));
            open.unsure = self.fail_stop.watch(cut).is_err();
            return Err(error.into());
        }
        open.count(&entry, key, line.len() as u64);
        let number = entry.number;
        written(entry);
        Ok(number)
    }

    /// Entries from number `from`: at most `count`, and no more than `bytes_max` bytes of lines, each
    /// counted with `bytes_extra` more; but at least one if there is one.
    pub(super) fn read(
        &self,
        from: u64,
        count: u32,
        bytes_max: usize,
        bytes_extra: usize,
    ) -> Result<Page, LogError> {
        // Lines once written never change: what is here under the lock is enough to read without it.
        let (file, last, span) = {
            let Some(open) = self.open(false)? else { return Ok(Page { entries: Vec::new(), last: 0 }) };
            (Arc::clone(&open.file), open.last, open.span(from))
        };
        let mut entries = Vec::new();
        let mut bytes = 0;
        let Some((first, start, end)) = span.filter(|_| count > 0) else { return Ok(Page { entries, last }) };
        let mut lines = Lines::new(&file, &self.path, first, start, end);
        while let Some((number, line)) = lines.next()? {
            if number < from {
                continue;
            }
            bytes += line.len() + bytes_extra;
            if !entries.is_empty() && bytes > bytes_max {
                break;
            }
            let entry = log_line::read(line).filter(|entry| entry.number == number);
            entries.push(entry.ok_or_else(|| self.damaged(number))?);
            if entries.len() as u64 >= u64::from(count) {
                break;
            }
        }
        Ok(Page { entries, last })
    }

    /// Waits until every line written so far is on the disk. After a failure nothing is known of them.
    pub(super) fn sync(&self) -> Result<(), LogError> {
        let file = {
            let Some(open) = self.open(false)? else { return Ok(()) };
            Arc::clone(&open.file)
        };
        // A failure on another path, as of the folder with this file's name, may be one of this file too.
        self.fail_stop.watch(store::sync_file(&file, &self.path))?;
        Ok(self.fail_stop.check(&self.path)?)
    }

    fn damaged(&self, line: u64) -> LogError {
        LogError::Damaged { path: self.path.clone(), line }
    }

    /// The open log, read if it was not yet; `None` when there is no file and none is to be made.
    fn open(&self, create: bool) -> Result<Option<MappedMutexGuard<'_, Open>>, LogError> {
        let mut inner = self.inner.lock();
        if matches!(*inner, Inner::Unread | Inner::Open(Open { unsure: true, .. })) {
            let file = if create {
                Some(self.fail_stop.watch(store::open_or_create(&self.path))?)
            } else {
                store::open(&self.path)?
            };
            let Some(file) = file else { return Ok(None) };
            self.fail_stop.watch(mend(&file, &self.path))?;
            let (open, damage) = Open::read(file, &self.path, &self.pair)?;
            *inner = match damage {
                None => Inner::Open(open),
                Some(_) if self.fail_stop.watch(mend_hole(&open.file, &self.path, open.bytes))? => {
                    Inner::Open(open)
                }
                Some(line) => {
                    error!(file = ?self.path, line, "a conversation's log is damaged: that conversation is refused");
                    Inner::Damaged { line }
                }
            };
        }
        if let Inner::Damaged { line } = *inner {
            return Err(self.damaged(line));
        }
        let open = MutexGuard::try_map(inner, |inner| match inner {
            Inner::Open(open) => Some(open),
            Inner::Unread | Inner::Damaged { .. } => None,
        });
        Ok(open.ok())
    }
}

impl Open {
    /// Reads a log, strictly: all of it, or up to a line that is damaged, and which that is.
    fn read(file: File, path: &Path, pair: &Pair) -> Result<(Self, Option<u64>), StoreError> {
        let length = store::length(&file, path)?;
        let file = Arc::new(file);
        let mut open = Self {
            file: Arc::clone(&file),
            bytes: 0,
            last: 0,
            last_time: DateTime::<Utc>::MIN_UTC,
            offsets: Vec::new(),
            streams: HashMap::new(),
            unsure: false,
        };
        let mut lines = Lines::new(&file, path, 1, 0, length);
        loop {
            let (number, line) = match lines.next() {
                Ok(Some(next)) => next,
                Ok(None) => return Ok((open, None)),
                Err(LogError::Store(error)) => return Err(error),
                Err(_) => {
                    let line = open.last + 1;
                    return Ok((open, Some(line)));
                }
            };
            let bytes = line.len() as u64 + 1;
            let known = log_line::read(line).and_then(|entry| Some((place(pair, &entry.sender)?, entry)));
            match known {
                Some((sender, entry)) if entry.number == open.last + 1 && entry.time >= open.last_time => {
                    let key = (sender, entry.body.header().stream);
                    open.count(&entry, key, bytes);
                }
                _ => return Ok((open, Some(number))),
            }
        }
    }

    /// Takes note of the line after the last, of `bytes` bytes with its newline.
    fn count(&mut self, entry: &Entry, key: (Sender, StreamId), bytes: u64) {
        if (entry.number - 1).is_multiple_of(LINES_PER_OFFSET) {
            self.offsets.push(self.bytes);
        }
        let counter = entry.body.header().counter;
        let stream = self.streams.entry(key).or_default();
        if counter.is_multiple_of(COUNTERS_PER_MARK) {
            stream.marks.push(entry.number);
        }
        stream.next = counter.saturating_add(1);
        self.bytes += bytes;
        self.last = entry.number;
        self.last_time = entry.time;
    }

    /// Where to read for line `from`: the number and offset of a line at or before it, and the end.
    fn span(&self, from: u64) -> Option<(u64, u64, u64)> {
        if from == 0 || from > self.last {
            return None;
        }
        let step = (from - 1) / LINES_PER_OFFSET;
        let offset = *self.offsets.get(usize::try_from(step).ok()?)?;
        Some((step * LINES_PER_OFFSET + 1, offset, self.bytes))
    }

    /// The number under which this very message is stored already.
    fn find(
        &self,
        path: &Path,
        key: (Sender, StreamId),
        sender: &Username,
        body: &Body,
    ) -> Result<u64, LogError> {
        let mark = usize::try_from(body.header().counter / COUNTERS_PER_MARK).ok();
        let from = mark.and_then(|mark| self.streams.get(&key)?.marks.get(mark)).copied().unwrap_or(1);
        let Some((first, start, end)) = self.span(from) else { return Err(LogError::Different) };
        let mut lines = Lines::new(&self.file, path, first, start, end);
        while let Some((number, line)) = lines.next()? {
            let Some(entry) = log_line::read(line) else {
                return Err(LogError::Damaged { path: path.to_owned(), line: number });
            };
            let header = entry.body.header();
            if entry.sender == *sender && (header.stream, header.counter) == (key.1, body.header().counter) {
                return if entry.body == *body { Ok(number) } else { Err(LogError::Different) };
            }
        }
        Err(LogError::Different)
    }
}

fn place(pair: &Pair, sender: &Username) -> Option<Sender> {
    if sender == pair.lower() {
        Some(Sender::Lower)
    } else if sender == pair.higher() {
        Some(Sender::Higher)
    } else {
        None
    }
}

/// The name of a pair's log. It ends in `.txt`, and what is set aside in `.torn`: a user called
/// `bob.txt` has `alice+bob.txt.txt`, so none is another's.
pub(super) fn file_name(pair: &Pair) -> String {
    format!("{pair}.txt")
}

/// The pair whose log has that name; `None` when it is no log's.
pub(super) fn pair_of(file_name: &str) -> Option<Pair> {
    file_name.strip_suffix(".txt")?.parse().ok()
}

#[cfg(test)]
#[path = "conversation_log_tests.rs"]
mod tests;
