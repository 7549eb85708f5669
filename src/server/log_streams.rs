//! What is known of a log's streams: of those used last in memory, of all older ones in the log's table on the disk.
//!
//! A stream can be continued, and a message of it repeated, however old it is. So each has to be found again, and
//! a peer can make as many as there are messages. Nothing is written to the table before there is more than a log
//! may keep in memory; most logs never have one.

use std::{
    collections::{HashMap, VecDeque},
    io,
    ops::Range,
    path::Path,
};

use tracing::warn;

use super::{
    error::Chain,
    limits::{COUNTERS_PER_MARK, MARKS_IN_MEMORY_MAX, STREAMS_IN_MEMORY_MAX},
    log_table::{self, Name, Sender, Table},
};
use crate::{
    store::{Action, StoreError},
    wire::StreamId,
};

/// Whose stream, and which.
pub(super) type Key = (Sender, StreamId);

/// A sender's stream in a log.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    /// The counter that comes next.
    pub(super) next: u64,
    /// The number of the first line.
    pub(super) first: u64,
    /// The numbers of the lines whose counters are multiples of [`COUNTERS_PER_MARK`] but 0: the last of these.
    /// Those before are in the table.
    pub(super) marks: VecDeque<u64>,
    /// When it was used last: a higher number is later.
    pub(super) used: u64,
}

/// All streams of a log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Streams {
    recent: HashMap<Key, Stream>,
    /// Counts the uses.
    uses: u64,
    older: Older,
}

/// The streams that are not in memory.
#[derive(Debug, PartialEq, Eq)]
enum Older {
    Table(Table),
    /// The table could not be written or read. Then nothing can be said of a stream that is not in memory.
    Lost,
}

impl Default for Older {
    fn default() -> Self {
        Self::Table(Table::default())
    }
}

impl Streams {
    /// Those of which an index knew, the one used last at the end.
    pub(super) fn of(recent: Vec<(Key, Stream)>, table: Table) -> Self {
        let mut streams = Self { older: Older::Table(table), ..Self::default() };
        for (key, stream) in recent {
            streams.uses += 1;
            streams.recent.insert(key, Stream { used: streams.uses, ..stream });
        }
        streams
    }

    /// Those in memory, the one used last at the end.
    pub(super) fn recent(&self) -> Vec<(&Key, &Stream)> {
        let mut recent: Vec<_> = self.recent.iter().collect();
        recent.sort_unstable_by_key(|(_, stream)| stream.used);
        recent
    }

    /// The others; `None` when nothing can be said of them.
    pub(super) fn table(&self) -> Option<&Table> {
        match &self.older {
            Older::Table(table) => Some(table),
            Older::Lost => None,
        }
    }

    /// The counter that comes next in a stream. After an error the log has to be read anew.
    pub(super) fn next(&mut self, log: &Path, key: &Key) -> Result<u64, StoreError> {
        match self.recent.get(key) {
            Some(stream) => Ok(stream.next),
            None => Ok(self.old(log, key)?.map_or(0, |stream| stream.next)),
        }
    }

    /// Has a stream in memory, whose next counter this is, so that [`Self::count`] can take note of its lines.
    pub(super) fn hold(&mut self, log: &Path, key: &Key, next: u64) -> Result<(), StoreError> {
        self.uses += 1;
        if let Some(stream) = self.recent.get_mut(key) {
            stream.used = self.uses;
            if stream.marks.len() < MARKS_IN_MEMORY_MAX {
                return Ok(());
            }
            let records: Vec<_> = stream.mark_records(key).take(MARKS_IN_MEMORY_MAX / 2).collect();
            stream.marks.drain(..records.len());
            return self.put(log, records);
        }
        // A stream of which the beginning is not known is searched for from the log's.
        let unknown = Stream { next, first: 1, ..Stream::default() };
        let stream = match next {
            0 => Stream::default(),
            _ if self.table().is_some() => self.old(log, key)?.unwrap_or(unknown),
            _ => unknown,
        };
        if self.recent.len() >= STREAMS_IN_MEMORY_MAX {
            self.put_away_older_half(log)?;
        }
        self.recent.insert(*key, Stream { used: self.uses, ..stream });
        Ok(())
    }

    /// Takes note of lines of a stream that is held, the first with this number.
    pub(super) fn count(&mut self, key: Key, counters: Range<u64>, number: u64) {
        let stream = self.recent.entry(key).or_default();
        if counters.start == 0 {
            stream.first = number;
        }
        if counters.start != stream.next {
            stream.marks.clear();
        }
        // Those of the counters that have a mark.
        let mut marked = counters.start.max(1).checked_next_multiple_of(COUNTERS_PER_MARK);
        while let Some(at) = marked.filter(|at| *at < counters.end) {
            stream.marks.push_back(number + (at - counters.start));
            marked = at.checked_add(COUNTERS_PER_MARK);
        }
        stream.next = counters.end;
    }

    /// The number of a line of a stream from where on a counter's is found soon. The stream has the counter.
    pub(super) fn near(&mut self, log: &Path, key: &Key, counter: u64) -> Result<u64, StoreError> {
        let which = counter / COUNTERS_PER_MARK;
        let (first, mark) = match self.recent.get(key) {
            Some(stream) => (stream.first, stream.mark(which)),
            None => (self.old(log, key)?.map_or(1, |stream| stream.first), None),
        };
        let mark = match mark {
            // Without it the search only takes longer.
            None if which > 0 && self.table().is_some() => {
                self.get(log, &name(key, which))?.map(|[_, line]| line)
            }
            mark => mark,
        };
        Ok(mark.unwrap_or(first).max(1))
    }

    /// A stream that is not in memory, if there is one.
    fn old(&mut self, log: &Path, key: &Key) -> Result<Option<Stream>, StoreError> {
        let record = self.get(log, &name(key, 0))?;
        Ok(record.map(|[next, first]| Stream { next, first, ..Stream::default() }))
    }

    fn put_away_older_half(&mut self, log: &Path) -> Result<(), StoreError> {
        let mut uses: Vec<u64> = self.recent.values().map(|stream| stream.used).collect();
        let (_, middle, _) = uses.select_nth_unstable(STREAMS_IN_MEMORY_MAX / 2);
        let middle = *middle;
        let older = self.recent.iter().filter(|(_, stream)| stream.used < middle);
        // One without a message is that of a line that could not be written.
        let older = older.filter(|(_, stream)| stream.next > 0);
        let records = older.flat_map(|(key, stream)| {
            stream.mark_records(key).chain([(name(key, 0), [stream.next, stream.first])])
        });
        let records = records.collect();
        self.put(log, records)?;
        self.recent.retain(|_, stream| stream.used >= middle);
        Ok(())
    }

    fn get(&mut self, log: &Path, name: &Name) -> Result<Option<[u64; 2]>, StoreError> {
        match &self.older {
            Older::Table(table) => table.get(log, name).inspect_err(|error| self.older = lost(error)),
            Older::Lost => Err(StoreError::at(Action::Read, &log_table::path_of(log))(io::Error::other(
                "what it says was lost",
            ))),
        }
    }

    /// Writes to the table, if there still is one.
    fn put(&mut self, log: &Path, records: Vec<(Name, [u64; 2])>) -> Result<(), StoreError> {
        match &mut self.older {
            Older::Table(table) => table.put(log, records).inspect_err(|error| self.older = lost(error)),
            Older::Lost => Ok(()),
        }
    }
}

fn lost(reason: &StoreError) -> Older {
    warn!(reason = %Chain(reason), "what is known of a log's older streams was lost: it is read again when it is needed");
    Older::Lost
}

impl Stream {
    /// Which mark is the newest; 0 when there is none yet.
    fn newest_mark(&self) -> u64 {
        self.next.saturating_sub(1) / COUNTERS_PER_MARK
    }

    /// A mark that is in memory.
    fn mark(&self, which: u64) -> Option<u64> {
        let from_end = usize::try_from(self.newest_mark().checked_sub(which)?).ok()?;
        self.marks.get(self.marks.len().checked_sub(from_end + 1)?).copied()
    }

    /// The marks in memory as records, from the oldest on.
    fn mark_records(&self, key: &Key) -> impl Iterator<Item = (Name, [u64; 2])> + use<'_> {
        let key = *key;
        let after = self.newest_mark() + 1;
        let from = after.saturating_sub(self.marks.len() as u64);
        (from..after).zip(&self.marks).map(move |(which, line)| (name(&key, which), [0, *line]))
    }
}

/// The name of a stream's record (0), or of one of its marks.
fn name(&(sender, stream): &Key, which: u64) -> Name {
    Name { sender, stream, which }
}

#[cfg(test)]
#[path = "log_streams_tests.rs"]
mod tests;
