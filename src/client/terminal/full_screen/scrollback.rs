//! What was said in one place: a conversation, or outside of all of them. And how far one has scrolled in it. Pure.

use std::collections::{BTreeSet, VecDeque};

use chrono::{NaiveDate, NaiveDateTime};

use super::{
    super::Emphasis,
    palette::Glyphs,
    rows::{self, Row},
};
use crate::wire::StreamId;

/// How many entries a scrollback holds; the oldest make room.
pub(super) const ENTRIES_MAX: usize = 10_000;

/// How many bytes of text a scrollback holds.
pub(super) const BYTES_MAX: usize = 16 << 20;

/// By what a message is known before it has a number: its stream, and its counter there.
pub(super) type Sealed = (StreamId, u64);

/// How far a message of this person's has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// Sent, and nothing heard of it.
    Sent,
    /// The server has it on its disk.
    Stored,
    /// The other's client has it.
    Delivered,
    /// It was not stored; the words below say why.
    Failed,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// A message, in the conversation with `peer`; `sent` in local time.
    Message {
        peer: String,
        from: String,
        own: bool,
        number: Option<u64>,
        sent: Option<NaiveDateTime>,
        text: String,
        progress: Progress,
        /// What an own message is known by until it has a number.
        sealed: Option<Sealed>,
    },
    /// The client's words.
    Notice { emphasis: Emphasis, text: String },
    /// What this person typed that is no message.
    Typed(String),
}

impl Said {
    fn bytes(&self) -> usize {
        match self {
            Self::Message { from, text, .. } => from.len() + text.len(),
            Self::Notice { text, .. } | Self::Typed(text) => text.len(),
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Message { number, .. } => *number,
            _ => None,
        }
    }

    fn day(&self) -> Option<NaiveDate> {
        match self {
            Self::Message { sent, .. } => sent.map(|sent| sent.date()),
            _ => None,
        }
    }
}

/// Which entry; the same in every scrollback that holds it.
pub(super) type Id = u64;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: Id,
    pub(super) said: Said,
}

/// The top row that is seen: of which entry, and which of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Top {
    id: Id,
    row: usize,
}

/// What was said in one place; see the module.
#[derive(Debug, Default)]
pub(super) struct Scrollback {
    entries: VecDeque<Entry>,
    bytes: usize,
    numbers: BTreeSet<u64>,
    /// `None`: the end is seen, whatever comes.
    top: Option<Top>,
    /// What came since the end was seen.
    new_below: usize,
}

/// How many rows and columns it is seen through, and with what signs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) glyphs: &'static Glyphs,
    /// An entry that is drawn elsewhere.
    pub(super) hidden: Option<Id>,
}

impl Scrollback {
    #[cfg(test)]
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Adds at the end; a message that was read from the log again stands in its place by its number, once.
    pub(super) fn add(&mut self, id: Id, said: Said) {
        let at = match said.number() {
            None => self.entries.len(),
            Some(number) if !self.numbers.insert(number) => return,
            Some(number) if self.numbers.last() == Some(&number) => self.entries.len(),
            Some(number) => self.place_of(number),
        };
        self.bytes += said.bytes();
        if self.top.is_some() && at == self.entries.len() {
            self.new_below += 1;
        }
        self.entries.insert(at, Entry { id, said });
        while self.entries.len() > ENTRIES_MAX || (self.bytes > BYTES_MAX && self.entries.len() > 1) {
            let Some(dropped) = self.entries.pop_front() else { return };
            self.bytes -= dropped.said.bytes();
            if let Some(number) = dropped.said.number() {
                self.numbers.remove(&number);
            }
            if self.top.is_some_and(|top| top.id == dropped.id) {
                self.top = self.entries.front().map(|entry| Top { id: entry.id, row: 0 });
            }
        }
    }

    fn place_of(&self, number: u64) -> usize {
        let later = |entry: &Entry| entry.said.number().is_some_and(|other| other > number);
        self.entries.iter().position(later).unwrap_or(self.entries.len())
    }

    fn sealed(&mut self, sealed: Sealed) -> Option<&mut Said> {
        let known = |entry: &&mut Entry| matches!(&entry.said, Said::Message { sealed: Some(of), .. } if *of == sealed);
        // It is among the last.
        self.entries.iter_mut().rev().find(known).map(|entry| &mut entry.said)
    }

    /// That message was stored, under this number.
    pub(super) fn stored(&mut self, sealed: Sealed, stored: u64) {
        if let Some(Said::Message { number, progress, sealed, .. }) = self.sealed(sealed) {
            (*number, *progress, *sealed) = (Some(stored), Progress::Stored, None);
            self.numbers.insert(stored);
        }
    }

    /// That message was not stored.
    pub(super) fn failed(&mut self, sealed: Sealed) {
        if let Some(Said::Message { progress, sealed, .. }) = self.sealed(sealed) {
            (*progress, *sealed) = (Progress::Failed, None);
        }
    }

    /// Every own message up to this number has come to the other's client.
    pub(super) fn delivered(&mut self, up_to: u64) {
        for entry in &mut self.entries {
            if let Said::Message { own: true, number: Some(number), progress, .. } = &mut entry.said
                && *number <= up_to
            {
                *progress = Progress::Delivered;
            }
        }
    }

    /// How much came below since the end was seen.
    pub(super) fn new_below(&self) -> usize {
        self.new_below
    }

    fn position(&self, id: Id) -> Option<usize> {
        self.entries.iter().rposition(|entry| entry.id == id)
    }

    /// The rows of an entry, after a line with its day where that is another than before.
    fn rows(&self, at: usize, window: Window) -> Vec<Row> {
        let Some(entry) = self.entries.get(at).filter(|entry| window.hidden != Some(entry.id)) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        if let Some(day) = entry.said.day() {
            let before = self.entries.range(..at).rev().find_map(|entry| entry.said.day());
            if before != Some(day) {
                all.push(rows::day(day, window.columns, window.glyphs));
            }
        }
        all.extend(rows::of(&entry.said, window.columns, window.glyphs));
        all
    }

    /// The top when the end is seen.
    fn top_at_end(&self, window: Window) -> Option<Top> {
        let mut left = window.rows;
        for (at, entry) in self.entries.iter().enumerate().rev() {
            let count = self.rows(at, window).len();
            if count >= left {
                return Some(Top { id: entry.id, row: count - left });
            }
            left -= count;
        }
        self.entries.front().map(|entry| Top { id: entry.id, row: 0 })
    }

    fn is_before(&self, one: Top, other: Top) -> bool {
        (self.position(one.id), one.row) < (self.position(other.id), other.row)
    }

    /// The rows that are seen, from the top; and whether there is something below them.
    pub(super) fn seen(&self, window: Window) -> (Vec<Row>, bool) {
        let end = self.top_at_end(window);
        let top = match (self.top, end) {
            // A wider window may show the end by itself.
            (Some(top), Some(end)) if self.is_before(top, end) => top,
            (_, Some(end)) => end,
            (_, None) => return (Vec::new(), false),
        };
        let mut seen = Vec::new();
        let first = self.position(top.id).unwrap_or(0);
        for at in first..self.entries.len() {
            let rows = self.rows(at, window);
            let from = if at == first { top.row.min(rows.len()) } else { 0 };
            seen.extend(rows.into_iter().skip(from));
            if seen.len() >= window.rows {
                break;
            }
        }
        seen.truncate(window.rows);
        (seen, Some(top) != end)
    }

    /// Goes up by so many rows.
    pub(super) fn up(&mut self, by: usize, window: Window) {
        let Some(from) = self.top.or_else(|| self.top_at_end(window)) else { return };
        let Some(mut at) = self.position(from.id) else { return };
        let (mut left, mut row) = (by, from.row);
        while left > row {
            left -= row;
            let Some(above) = at.checked_sub(1) else {
                (left, row) = (0, 0);
                break;
            };
            at = above;
            row = self.rows(at, window).len();
        }
        self.go_to(at, row.saturating_sub(left), window);
    }

    /// Goes down by so many rows, at most to the end.
    pub(super) fn down(&mut self, by: usize, window: Window) {
        let Some(from) = self.top else { return };
        let Some(mut at) = self.position(from.id) else { return };
        let mut row = from.row + by;
        loop {
            let count = self.rows(at, window).len();
            if row < count || at + 1 >= self.entries.len() {
                break;
            }
            row -= count;
            at += 1;
        }
        self.go_to(at, row, window);
    }

    pub(super) fn see_start(&mut self, window: Window) {
        self.go_to(0, 0, window);
    }

    /// Sees the end from now on.
    pub(super) fn see_end(&mut self) {
        (self.top, self.new_below) = (None, 0);
    }

    fn go_to(&mut self, at: usize, row: usize, window: Window) {
        let top = self.entries.get(at).map(|entry| Top { id: entry.id, row });
        self.top = match (top, self.top_at_end(window)) {
            (Some(top), Some(end)) if self.is_before(top, end) => Some(top),
            _ => None,
        };
        if self.top.is_none() {
            self.new_below = 0;
        }
    }
}

#[cfg(test)]
#[path = "scrollback_tests.rs"]
mod tests;
