//! One pair's conversation: `conversations/alice+bob.txt`, one line a message, only ever appended to.
//!
//! In memory are, per open log, where it ends and what comes next in the streams used last (`log_streams`);
//! a page is found by the numbers in the file (`log_search`), a repeat through the nearest counter, and a
//! long log is opened by its index (`log_index`). Nothing here waits for the disk but [`Log::sync`], which is for those who
//! bring logs to it.
//!
//! Lines before those that the index covers are not read when a log is opened: damage in them is found
//! when they are, and then the conversation is refused as if it had been found at once.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use thiserror::Error;
use tracing::{debug, error};

use super::{
    error::Chain,
    fail_stop::FailStop,
    limits::{INDEX_EVERY_LINES, INDEXED_LINES_MIN},
    log_file::{Lines, last_number, mend, mend_hole},
    log_index::{Index, Run},
    log_line, log_search,
    log_streams::{Key, Streams},
    log_table::{Sender, Table},
    parcel::Part,
};
use crate::{
    store::{self, StoreError},
    wire::{Entry, Pair, Username},
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

/// Messages that were stored now.
#[derive(Debug)]
pub(super) struct Written {
    /// The first one's number, ...
    pub(super) number: u64,
    /// ... and how many they are.
    pub(super) count: usize,
    /// Of them all.
    pub(super) time: DateTime<Utc>,
    /// Their lines, with the newlines, ...
    pub(super) lines: Vec<u8>,
    /// ... and where these begin in the file.
    pub(super) offset: u64,
    /// As [`Again::in_doubt`].
    pub(super) in_doubt: bool,
}

/// A message that was stored before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) number: u64,
    /// The log has lines of before this server's start, and it is not known that the disk has them all.
    pub(super) in_doubt: bool,
}

/// One pair's log. The lock guards this pair's file and nothing else.
#[derive(Debug)]
pub(super) struct Log {
    pair: Pair,
    /// The pair's name.
    name: String,
    path: PathBuf,
    run: Run,
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
    streams: Streams,
    /// So many lines the index covers.
    indexed: u64,
    /// As [`Again::in_doubt`].
    in_doubt: bool,
    /// A write failed half-way and could not be cut off: the file is to be read anew before it is used.
    unsure: bool,
}

impl Log {
    /// The log of a pair in a folder of logs. Nothing is read before it is asked for.
    pub(super) fn new(folder: &Path, pair: Pair, run: Run, fail_stop: FailStop) -> Self {
        let path = folder.join(file_name(&pair));
        let name = pair.to_string();
        Self { pair, name, path, run, inner: Mutex::new(Inner::Unread), fail_stop }
    }

    /// The name of the pair.
    pub(super) fn name(&self) -> &str {
        &self.name
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

    /// Stores the first of these messages and, by the same write, those after it that go on in its stream. Or
    /// finds the first already written, and gives that.
    ///
    /// `written` is called for new lines while the log is held, so that what it queues is in the log's order.
    pub(super) fn append(
        &self,
        sender: &Username,
        messages: Part<'_>,
        written: impl FnOnce(Written),
    ) -> Result<Option<Again>, LogError> {
        let place = place(&self.pair, sender).ok_or(LogError::NotAMember)?;
        self.fail_stop.check(&self.path)?;
        let header = &messages.first().header;
        let key = (place, header.stream);
        let Some((mut open, next)) = self.open_for(&key)? else { return Err(LogError::OutOfOrder) };
        if header.counter > next || header.counter == u64::MAX {
            return Err(LogError::OutOfOrder);
        }
        if header.counter < next {
            let found = open.find(&self.path, &key, sender, messages);
            let again = found.map(|number| Again { number, in_doubt: open.in_doubt });
            drop(open);
            return again.map(Some).map_err(|reason| self.judge(reason));
        }
        open.streams.hold(&self.path, &key, next)?;
        let run = messages.of_one_stream().without_gap();
        let time = log_line::now().max(open.last_time);
        let mut lines = Vec::with_capacity(run.bytes() + run.len() * (log_line::HEAD_BYTES_MAX + 1));
        let form = log_line::Lines::new(&time, sender);
        for ((_, text), number) in run.iter().zip(open.last + 1..) {
            form.push(&mut lines, number, text);
        }
        if let Err(error) = store::write_at(&open.file, &self.path, &lines, open.bytes) {
            // A part of the lines may be in the file. It must not stay there for the next to be glued to,
            // nor come back after a power cut to be mixed with it.
            let cut = store::cut(&open.file, &self.path, open.bytes)
                .and_then(|()| store::sync_file(&open.file, &self.path));
            open.unsure = self.fail_stop.watch(cut).is_err();
            return Err(error.into());
        }
        let (number, count, offset) = (open.last + 1, run.len(), open.bytes);
        open.count(key, next, count as u64, lines.len() as u64, time);
        if open.last - open.indexed >= INDEX_EVERY_LINES {
            open.save_index(&self.path, self.run);
        }
        written(Written { number, count, time, lines, offset, in_doubt: open.in_doubt });
        Ok(None)
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
        let (file, last, end) = {
            let Some(open) = self.open(false)? else { return Ok(Page { entries: Vec::new(), last: 0 }) };
            (Arc::clone(&open.file), open.last, open.bytes)
        };
        let mut page = Page { entries: Vec::new(), last };
        if (1..=last).contains(&from) && count > 0 {
            let read = self.read_lines(&file, end, from, count, (bytes_max, bytes_extra), &mut page);
            read.map_err(|reason| self.judge(reason))?;
        }
        Ok(page)
    }

    fn read_lines(
        &self,
        file: &File,
        end: u64,
        from: u64,
        count: u32,
        (bytes_max, bytes_extra): (usize, usize),
        page: &mut Page,
    ) -> Result<(), LogError> {
        let near = log_search::near(file, &self.path, from, (page.last + 1, end))?;
        let (first, start) = near.ok_or_else(|| self.damaged(from))?;
        let Page { entries, .. } = page;
        let (mut bytes, mut time) = (0, DateTime::<Utc>::MIN_UTC);
        let mut lines = Lines::new(file, &self.path, first, start, end);
        while let Some((number, line)) = lines.next()? {
            if number < from {
                continue;
            }
            bytes += line.len() + bytes_extra;
            if !entries.is_empty() && bytes > bytes_max {
                break;
            }
            let in_place = |entry: &Entry| {
                entry.number == number && entry.time >= time && place(&self.pair, &entry.sender).is_some()
            };
            let entry = log_line::read(line).filter(in_place).ok_or_else(|| self.damaged(number))?;
            time = entry.time;
            entries.push(entry);
            if entries.len() as u64 >= u64::from(count) {
                break;
            }
        }
        Ok(())
    }

    /// Has a long log's end read quickly when it is opened the next time.
    pub(super) fn put_aside(&self) {
        if let Inner::Open(open) = &mut *self.inner.lock()
            // A table that went on without its index is as good as none.
            && (open.last - open.indexed >= INDEXED_LINES_MIN || open.streams.table().is_some_and(Table::is_used))
        {
            open.save_index(&self.path, self.run);
        }
    }

    /// Looks at why something could not be read. Damage refuses all of the conversation from now on, and
    /// is named by the line that is the first.
    fn judge(&self, reason: LogError) -> LogError {
        let LogError::Damaged { line, .. } = reason else { return reason };
        let mut inner = self.inner.lock();
        let Inner::Open(open) = &mut *inner else { return reason };
        // Reading it writes its table anew.
        open.unsure = true;
        let damage = match Open::read(Arc::clone(&open.file), &self.path, &self.pair, None) {
            Ok((_, damage)) => damage.unwrap_or(line),
            Err(error) => return error.into(),
        };
        error!(file = ?self.path, line = damage, "a conversation's log is damaged: that conversation is refused");
        *inner = Inner::Damaged { line: damage };
        self.damaged(damage)
    }

    /// Waits until every line written so far is on the disk. After a failure nothing is known of them.
    pub(super) fn sync(&self) -> Result<(), LogError> {
        let file = {
            let Some(open) = self.open(false)? else { return Ok(()) };
            Arc::clone(&open.file)
        };
        // A failure on another path, as of the folder with this file's name, may be one of this file too.
        self.fail_stop.watch(store::sync_file(&file, &self.path))?;
        self.fail_stop.check(&self.path)?;
        // All that was there when it was opened is on the disk now.
        if let Some(mut open) = self.open(false)?
            && Arc::ptr_eq(&open.file, &file)
        {
            open.in_doubt = false;
        }
        Ok(())
    }

    fn damaged(&self, line: u64) -> LogError {
        LogError::Damaged { path: self.path.clone(), line }
    }

    /// The open log, which is made if there is none, and the counter that comes next in a stream of it.
    fn open_for(&self, key: &Key) -> Result<Option<(MappedMutexGuard<'_, Open>, u64)>, LogError> {
        if let Some(mut open) = self.open(true)? {
            match open.streams.next(&self.path, key) {
                Ok(next) => return Ok(Some((open, next))),
                // All that is known of the streams is made from the log.
                Err(_) => open.unsure = true,
            }
        }
        let Some(mut open) = self.open(true)? else { return Ok(None) };
        let next = open.streams.next(&self.path, key)?;
        Ok(Some((open, next)))
    }

    /// The open log, read if it was not yet; `None` when there is no file and none is to be made.
    fn open(&self, create: bool) -> Result<Option<MappedMutexGuard<'_, Open>>, LogError> {
        let mut inner = self.inner.lock();
        if matches!(*inner, Inner::Unread | Inner::Open(Open { unsure: true, .. })) {
            // Of a name made here the disk learns with the lines that come into the file.
            let file = if create {
                Some(store::open_or_create_unsynced(&self.path)?)
            } else {
                store::open(&self.path)?
            };
            let Some(file) = file else { return Ok(None) };
            self.fail_stop.watch(mend(&file, &self.path))?;
            let index = Index::load(&file, &self.path, self.run)?;
            let (mut open, damage) = Open::read(Arc::new(file), &self.path, &self.pair, index)?;
            open.in_doubt = open.bytes > 0 && !self.run.is_after_good_end;
            if damage.is_none() && open.last - open.indexed >= INDEX_EVERY_LINES {
                open.save_index(&self.path, self.run);
            }
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
    /// Reads a log, strictly: what its index does not cover of it, or all; up to its end, or to a line that
    /// is damaged, and which that is.
    fn read(
        file: Arc<File>,
        path: &Path,
        pair: &Pair,
        index: Option<Index>,
    ) -> Result<(Self, Option<u64>), StoreError> {
        let length = store::length(&file, path)?;
        let covered = index.and_then(|index| {
            let entry = log_line::read(index.line.strip_suffix(b"\n")?)?;
            Some((index.bytes, entry.number, entry.time, index.streams))
        });
        let nothing = || (0, 0, DateTime::<Utc>::MIN_UTC, Streams::default());
        let (bytes, last, last_time, streams) = covered.unwrap_or_else(nothing);
        let mut open = Self {
            file: Arc::clone(&file),
            bytes,
            last,
            last_time,
            streams,
            indexed: last,
            in_doubt: false,
            unsure: false,
        };
        let mut lines = Lines::new(&file, path, last + 1, bytes, length);
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
                    let header = entry.body.header();
                    let key = (sender, header.stream);
                    // Without what is lost by this, only messages of old streams are refused.
                    let _ = open.streams.hold(path, &key, header.counter);
                    open.count(key, header.counter, 1, bytes, entry.time);
                }
                _ => return Ok((open, Some(number))),
            }
        }
    }

    /// Takes note of `count` lines after the last, of `bytes` bytes with their newlines, all of one stream
    /// with the counters from `counter` on.
    fn count(&mut self, key: Key, counter: u64, count: u64, bytes: u64, time: DateTime<Utc>) {
        self.streams.count(key, counter..counter.saturating_add(count), self.last + 1);
        self.bytes += bytes;
        self.last += count;
        self.last_time = time;
    }

    /// Writes the index. What cannot be written is read again the next time.
    fn save_index(&mut self, path: &Path, run: Run) {
        let start = self.bytes.saturating_sub(log_line::LINE_BYTES_MAX as u64);
        let mut end = vec![0; usize::try_from(self.bytes - start).unwrap_or_default()];
        let read = store::read_exact_at(&self.file, path, &mut end, start);
        let line = end.split_inclusive(|byte| *byte == b'\n').next_back().unwrap_or_default().to_vec();
        let streams = std::mem::take(&mut self.streams);
        let index = Index { run, bytes: self.bytes, line, streams };
        if let Err(reason) = read.and_then(|()| index.save(path)) {
            debug!(reason = %Chain(&reason), "a log's index was not written");
        }
        self.streams = index.streams;
        self.indexed = self.last;
    }

    /// The number under which this very message is stored already.
    fn find(
        &mut self,
        path: &Path,
        key: &Key,
        sender: &Username,
        messages: Part<'_>,
    ) -> Result<u64, LogError> {
        let counter = messages.first().header.counter;
        let from = self.streams.near(path, key, counter)?;
        let damaged = |line| LogError::Damaged { path: path.to_owned(), line };
        let near = log_search::near(&self.file, path, from, (self.last + 1, self.bytes))?;
        let (first, start) = near.ok_or_else(|| damaged(from))?;
        let mut lines = Lines::new(&self.file, path, first, start, self.bytes);
        while let Some((number, line)) = lines.next()? {
            let entry = log_line::read(line).filter(|entry| entry.number == number);
            let entry = entry.ok_or_else(|| damaged(number))?;
            let header = entry.body.header();
            if entry.sender == *sender && (header.stream, header.counter) == (key.1, counter) {
                let same = messages.iter().next().is_some_and(|(_, text)| entry.body.as_text() == text);
                return if same { Ok(number) } else { Err(LogError::Different) };
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
