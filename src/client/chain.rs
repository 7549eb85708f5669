//! What a pair's log proves, and what it does not: each sender's messages as a chain of hashes.
//!
//! Every message names the hash of its sender's previous one (PROTOCOL.md, section 7), so whatever a
//! server drops, repeats, reorders or passes off shows as a break, and is named. The text is opened by
//! the caller; here is only the order. A break never stops a conversation: the chain goes on from the
//! message that was shown.

use std::collections::{BTreeSet, HashSet, VecDeque};

use super::pins::{Link, PeerPins};
use crate::wire::{Bytes, Header, Seen};

/// How many hashes of shown messages are remembered, to tell a repeat from a late message.
const HASHES_REMEMBERED: usize = 4096;

/// How many numbers are remembered that were taken before one below them.
const BEYOND_MAX: usize = 65_536;

/// Whose message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// This user's own.
    Own,
    /// The peer's.
    Theirs,
}

/// What is wrong with a message's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// One or more of the sender's messages before this one are missing.
    Gap,
    /// This message was here before.
    Repeat,
    /// This message comes after one that its sender wrote later.
    Late,
    /// Sealed with a key older than the sender's last message.
    OldKey,
}

/// What is known of a sender's last message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing, not even whether there are messages: a machine without memory, in the middle of a log.
    Unknown,
    /// The sender has written nothing yet.
    Start,
    /// This one.
    At(Link),
}

/// The two chains of a pair.
#[derive(Debug)]
pub(super) struct Chains {
    own: End,
    theirs: End,
    highest_number: u64,
    /// Every number up to this one was taken. Own messages are confirmed, and the peer's arrive, in two
    /// orders of their own: a high number says nothing of those below it.
    complete_to: u64,
    /// Numbers above it that were taken before one below them.
    beyond: BTreeSet<u64>,
    shown: ShownHashes,
}

/// The hashes of what was shown last: looked up for every message, so not one after the other.
#[derive(Debug, Default)]
struct ShownHashes {
    in_order: VecDeque<Bytes<32>>,
    all: HashSet<Bytes<32>>,
}

impl ShownHashes {
    fn insert(&mut self, hash: Bytes<32>) {
        if !self.all.insert(hash) {
            return;
        }
        self.in_order.push_back(hash);
        if self.in_order.len() > HASHES_REMEMBERED
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.all.remove(&oldest);
        }
    }
}

impl Chains {
    /// From what this machine remembers.
    #[must_use]
    pub(super) fn remembered(pins: &PeerPins) -> Self {
        let end = |link: Option<Link>| link.map_or(End::Start, End::At);
        let mut chains = Self {
            own: end(pins.own),
            theirs: end(pins.theirs),
            highest_number: pins.highest_number,
            complete_to: pins.complete_to,
            beyond: BTreeSet::new(),
            shown: ShownHashes::default(),
        };
        for link in [pins.own, pins.theirs].into_iter().flatten() {
            chains.remember(link.seen.hash);
        }
        chains
    }

    /// For reading from the middle of a log of which nothing is remembered.
    #[must_use]
    pub(super) fn unknown() -> Self {
        Self::at(End::Unknown)
    }

    /// For reading a log from its first line.
    #[must_use]
    pub(super) fn from_the_start() -> Self {
        Self::at(End::Start)
    }

    fn at(end: End) -> Self {
        Self {
            own: end,
            theirs: end,
            highest_number: 0,
            complete_to: 0,
            beyond: BTreeSet::new(),
            shown: ShownHashes::default(),
        }
    }

    /// The highest number seen.
    #[must_use]
    pub(super) fn highest_number(&self) -> u64 {
        self.highest_number
    }

    /// The number up to which every message was taken: what comes after it is to be read from the log.
    #[must_use]
    pub(super) fn complete_to(&self) -> u64 {
        self.complete_to
    }

    /// This number was looked at in the log, whatever came of it.
    pub(super) fn note_number(&mut self, number: u64) {
        self.highest_number = self.highest_number.max(number);
        if number > self.complete_to {
            self.beyond.insert(number);
        }
        while self.beyond.first() == Some(&(self.complete_to + 1)) {
            self.beyond.pop_first();
            self.complete_to += 1;
        }
        if self.beyond.len() > BEYOND_MAX {
            // Forgotten is only that it was taken: it is read again, and known by its hash or its place.
            self.beyond.pop_last();
        }
    }

    /// Everything up to this number is as good as read: what is older is not looked at.
    pub(super) fn begin_after(&mut self, number: u64) {
        self.complete_to = self.complete_to.max(number);
        self.beyond = self.beyond.split_off(&(self.complete_to + 1));
    }

    /// A sender's last message.
    #[must_use]
    pub(super) fn last(&self, side: Side) -> Option<Link> {
        match self.end(side) {
            End::At(link) => Some(link),
            End::Start | End::Unknown => None,
        }
    }

    /// The hash that a sender's next message is to name: zeros before the first.
    #[must_use]
    pub(super) fn previous(&self, side: Side) -> Bytes<32> {
        self.last(side).map_or(Bytes([0; 32]), |link| link.seen.hash)
    }

    /// Whether this sender's end is not known at all.
    #[must_use]
    pub(super) fn is_unknown(&self, side: Side) -> bool {
        self.end(side) == End::Unknown
    }

    /// The log was read from its first line and this sender has written nothing.
    pub(super) fn know_nothing_written(&mut self, side: Side) {
        *self.end_mut(side) = End::Start;
    }

    /// Whether this hash belongs to a message that was shown.
    #[must_use]
    pub(super) fn was_shown(&self, hash: &Bytes<32>) -> bool {
        self.shown.all.contains(hash)
    }

    /// Whether somebody who had seen this message of `side` had seen more than was shown until now: lines
    /// are missing then, or in another order than they were written in.
    #[must_use]
    pub(super) fn is_ahead(&self, side: Side, seen: &Seen) -> bool {
        match self.end(side) {
            _ if self.was_shown(&seen.hash) => false,
            End::Unknown => false,
            End::Start => true,
            End::At(last) => last.seen.stream == seen.stream && last.seen.counter < seen.counter,
        }
    }

    /// A message was read again from the log: its hash is remembered, to know a repeat by.
    pub(super) fn note_shown(&mut self, hash: Bytes<32>) {
        self.remember(hash);
    }

    /// Places the next message of a sender: says what is wrong with its place, and moves on.
    ///
    /// The message must have been opened: nothing here may change on the word of the server.
    pub(super) fn advance(
        &mut self,
        side: Side,
        number: u64,
        header: &Header,
        hash: Bytes<32>,
    ) -> Result<(), Break> {
        let placed = self.place(side, header, &hash);
        if !matches!(placed, Err(Break::Repeat | Break::Late)) {
            let seen = Seen { stream: header.stream, counter: header.counter, hash };
            *self.end_mut(side) = End::At(Link { number, epoch: header.epoch, seen });
        }
        if placed != Err(Break::Repeat) {
            self.remember(hash);
        }
        self.note_number(number);
        placed
    }

    fn place(&self, side: Side, header: &Header, hash: &Bytes<32>) -> Result<(), Break> {
        if self.was_shown(hash) {
            return Err(Break::Repeat);
        }
        match self.end(side) {
            End::Unknown => Ok(()),
            End::Start if header.previous == Bytes([0; 32]) && header.counter == 0 => Ok(()),
            End::Start => Err(Break::Gap),
            End::At(last) if last.seen.stream == header.stream && header.counter <= last.seen.counter => {
                Err(Break::Late)
            }
            End::At(last) if header.previous != last.seen.hash => Err(Break::Gap),
            End::At(last) if header.epoch < last.epoch => Err(Break::OldKey),
            End::At(_) => Ok(()),
        }
    }

    fn remember(&mut self, hash: Bytes<32>) {
        self.shown.insert(hash);
    }

    fn end(&self, side: Side) -> End {
        match side {
            Side::Own => self.own,
            Side::Theirs => self.theirs,
        }
    }

    fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Own => &mut self.own,
            Side::Theirs => &mut self.theirs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> Bytes<32> {
        Bytes([n; 32])
    }

    fn header(counter: u64, previous: u8) -> Header {
        Header { epoch: 1, stream: Bytes([1; 16]), counter, previous: hash(previous) }
    }

    fn three() -> Chains {
        let mut chains = Chains::from_the_start();
        for n in 1..=3 {
            let n8 = u8::try_from(n).unwrap();
            assert_eq!(chains.advance(Side::Theirs, n, &header(n - 1, n8 - 1), hash(n8)), Ok(()));
        }
        chains
    }

    #[test]
    fn a_dropped_message_is_a_gap_and_the_chain_goes_on_after_it() {
        let mut chains = three();
        assert_eq!(chains.advance(Side::Theirs, 4, &header(4, 4), hash(5)), Err(Break::Gap));
        assert_eq!(chains.advance(Side::Theirs, 5, &header(5, 5), hash(6)), Ok(()));
    }

    #[test]
    fn a_whole_stream_dropped_between_two_others_is_a_gap() {
        let mut chains = three();
        let later = Header { stream: Bytes([2; 16]), ..header(0, 77) };
        assert_eq!(chains.advance(Side::Theirs, 4, &later, hash(8)), Err(Break::Gap));
    }

    #[test]
    fn a_repeat_and_a_late_message_are_told_apart_and_move_nothing() {
        let mut chains = three();
        assert_eq!(chains.advance(Side::Theirs, 4, &header(1, 1), hash(2)), Err(Break::Repeat));
        assert_eq!(chains.advance(Side::Theirs, 4, &header(1, 1), hash(99)), Err(Break::Late));
        assert_eq!(chains.advance(Side::Theirs, 4, &header(3, 3), hash(4)), Ok(()));
    }

    #[test]
    fn only_so_many_hashes_are_remembered_and_the_oldest_is_forgotten_first() {
        let mut hashes = ShownHashes::default();
        let of = |n: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            Bytes(bytes)
        };
        (0..=HASHES_REMEMBERED).for_each(|n| hashes.insert(of(n)));
        hashes.insert(of(5));
        assert_eq!((hashes.in_order.len(), hashes.all.len()), (HASHES_REMEMBERED, HASHES_REMEMBERED));
        assert!(!hashes.all.contains(&of(0)) && hashes.all.contains(&of(1)));
        assert!(hashes.all.contains(&of(HASHES_REMEMBERED)));
    }

    #[test]
    fn the_first_message_ever_names_nothing_before_it() {
        let mut chains = Chains::from_the_start();
        assert_eq!(chains.advance(Side::Own, 1, &header(0, 5), hash(1)), Err(Break::Gap));
        let mut chains = Chains::from_the_start();
        assert_eq!(chains.advance(Side::Own, 1, &header(1, 0), hash(1)), Err(Break::Gap));
        let mut chains = Chains::unknown();
        assert_eq!(chains.advance(Side::Own, 9, &header(4, 5), hash(1)), Ok(()));
    }

    #[test]
    fn a_message_under_an_older_key_than_before_is_named() {
        let mut chains = Chains::from_the_start();
        let new = Header { epoch: 2, ..header(0, 0) };
        assert_eq!(chains.advance(Side::Own, 1, &new, hash(1)), Ok(()));
        let old = Header { stream: Bytes([2; 16]), ..header(0, 1) };
        assert_eq!(chains.advance(Side::Own, 2, &old, hash(2)), Err(Break::OldKey));
    }

    #[test]
    fn a_confirmed_number_does_not_pass_for_those_below_it() {
        let mut chains = Chains::from_the_start();
        let own = |counter: u8| Header { stream: Bytes([9; 16]), ..header(counter.into(), 50 + counter) };
        assert_eq!(chains.advance(Side::Theirs, 1, &header(0, 0), hash(1)), Ok(()));
        assert_eq!(chains.advance(Side::Own, 4, &Header { previous: hash(0), ..own(0) }, hash(51)), Ok(()));
        assert_eq!(chains.advance(Side::Own, 5, &own(1), hash(52)), Ok(()));
        assert_eq!((chains.complete_to(), chains.highest_number()), (1, 5), "2 and 3 were not seen");
        assert_eq!(chains.advance(Side::Theirs, 2, &header(1, 1), hash(2)), Ok(()));
        assert_eq!(chains.complete_to(), 2);
        assert_eq!(chains.advance(Side::Theirs, 3, &header(2, 2), hash(3)), Ok(()));
        assert_eq!(chains.complete_to(), 5);
        chains.begin_after(9);
        assert_eq!(chains.complete_to(), 9);
    }

    #[test]
    fn a_message_seen_and_not_shown_is_ahead_and_an_older_one_is_not() {
        let seen = |stream, counter, mark| Seen { stream: Bytes([stream; 16]), counter, hash: hash(mark) };
        assert!(Chains::from_the_start().is_ahead(Side::Theirs, &seen(1, 0, 1)));
        assert!(!Chains::unknown().is_ahead(Side::Theirs, &seen(1, 0, 1)));
        let chains = three();
        assert!(!chains.is_ahead(Side::Theirs, &seen(1, 2, 3)));
        assert!(!chains.is_ahead(Side::Theirs, &seen(1, 0, 1)));
        assert!(chains.is_ahead(Side::Theirs, &seen(1, 3, 4)));
        assert!(!chains.is_ahead(Side::Theirs, &seen(9, 7, 77)), "an earlier stream, not read this time");
    }

    #[test]
    fn one_sender_says_nothing_of_the_other() {
        let mut chains = three();
        assert_eq!(chains.advance(Side::Own, 4, &header(0, 0), hash(50)), Ok(()));
        assert_eq!(chains.last(Side::Theirs).map(|link| link.number), Some(3));
        assert_eq!(chains.previous(Side::Own), hash(50));
    }
}
