//! Pages of a pair's log that are asked for before the ones ahead of them have come: a long log takes as long
//! as its bytes, not as its round trips.

use std::collections::{BTreeMap, VecDeque};

use crate::wire::{Entry, limits};

/// Entries in a page that is asked for ahead: as many short ones as a frame holds.
const PAGE_AHEAD_ENTRIES: u64 = 150;

/// Pages asked for ahead.
const PAGES_AHEAD: usize = 8;

/// See the module.
pub(super) struct ReadAhead {
    /// The number that is handed out next.
    pub(super) next: u64,
    to: u64,
    /// From where nothing was asked for yet.
    unasked: u64,
    /// What was asked for and has not come: first and last number, in the order of asking.
    asked: VecDeque<(u64, u64)>,
    /// What came, by the number that was asked for. A page may be shorter than asked: its rest is asked for
    /// again, and comes after pages behind it.
    pages: BTreeMap<u64, VecDeque<Entry>>,
    /// The rest of short pages.
    rest: VecDeque<(u64, u64)>,
}

impl ReadAhead {
    /// For the entries of these numbers.
    pub(super) fn new(from: u64, to: u64) -> Self {
        Self {
            next: from,
            to,
            unasked: from,
            asked: VecDeque::new(),
            pages: BTreeMap::new(),
            rest: VecDeque::new(),
        }
    }

    /// The next page to ask for, while there is room for one: its first number, and how many.
    pub(super) fn ask(&mut self) -> Option<(u64, u32)> {
        if self.asked.len() == PAGES_AHEAD {
            return None;
        }
        let (from, last) = match self.rest.pop_front() {
            Some(rest) => rest,
            None if self.unasked > self.to => return None,
            None => {
                let last = self.to.min(self.unasked.saturating_add(PAGE_AHEAD_ENTRIES - 1));
                let from = std::mem::replace(&mut self.unasked, last.saturating_add(1));
                (from, last)
            }
        };
        self.asked.push_back((from, last));
        Some((from, u32::try_from(last - from + 1).unwrap_or(limits::READ_ENTRIES_MAX)))
    }

    /// A page came: the answer to what was asked for first.
    pub(super) fn came(&mut self, page: Vec<Entry>) {
        let Some((from, last)) = self.asked.pop_front() else { return };
        // More than was asked for is not taken.
        let wanted = usize::try_from(last - from + 1).unwrap_or(usize::MAX);
        let page: VecDeque<Entry> = page.into_iter().take(wanted).collect();
        let came = page.len() as u64;
        if came < last - from + 1 {
            self.rest.push_back((from + came, last));
        }
        self.pages.insert(from, page);
    }

    /// The next entry, if it is there.
    pub(super) fn take(&mut self) -> Option<Entry> {
        let (first, mut page) = self.pages.pop_first()?;
        if first != self.next {
            self.pages.insert(first, page);
            return None;
        }
        let entry = page.pop_front()?;
        if !page.is_empty() {
            self.pages.insert(first.saturating_add(1), page);
        }
        Some(entry)
    }

    /// How many pages were asked for and have not come.
    pub(super) fn under_way(&self) -> usize {
        self.asked.len()
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::wire::Body;

    fn entry(number: u64) -> Entry {
        let body = Body::from_bytes(vec![1; 205]).unwrap();
        Entry { number, time: Utc::now(), sender: "bob".parse().unwrap(), body }
    }

    proptest! {
        #[test]
        fn pages_that_come_short_are_completed_and_every_entry_comes_once_in_order(
            from in 1..400_u64, count in 0..3_000_u64, lengths in vec(1..200_u64, 1..20),
        ) {
            let to = from + count;
            let (mut ahead, mut lengths) = (ReadAhead::new(from, to), lengths.into_iter().cycle());
            let mut sent = VecDeque::new();
            while ahead.next <= to {
                while let Some(asked) = ahead.ask() {
                    prop_assert!(asked.1 <= limits::READ_ENTRIES_MAX);
                    sent.push_back(asked);
                }
                prop_assert!(sent.len() <= PAGES_AHEAD);
                let (first, asked) = sent.pop_front().unwrap();
                let length = u64::from(asked).min(lengths.next().unwrap());
                ahead.came((first..first + length).map(entry).collect());
                while let Some(entry) = ahead.take() {
                    prop_assert_eq!(entry.number, ahead.next);
                    ahead.next += 1;
                }
            }
            prop_assert_eq!((ahead.next, ahead.asked.len(), ahead.pages.len()), (to + 1, 0, 0));
        }
    }
}
