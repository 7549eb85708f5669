//! Opening the lines of one pair's log: each under the key of its epoch, as its sender's, and in its place in
//! that sender's chain. It shows nothing and asks nobody; keys are handed in.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use chrono::{DateTime, TimeZone, Utc};

use super::{
    chain::{Break, Chains, Side},
    phrase::Phrase,
    words,
};
use crate::{
    crypto::{
        conversation_key::ConversationKey,
        hash::body_hash,
        session::{self, Plain},
    },
    wire::{Bytes, Entry, Seen, StreamId, Username},
};

/// Own messages remembered, to compare with what the peer says to have seen.
const OWN_REMEMBERED: usize = 4096;

/// What opens the lines of one pair.
pub(super) struct Opener {
    me: Username,
    peer: Username,
    keys: BTreeMap<u32, ConversationKey>,
    /// Epochs for which there is no key to be had.
    keyless: BTreeSet<u32>,
    own_sent: OwnSent,
}

/// What a line came to.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// What is wrong with it, or with its place.
    pub(super) warnings: Vec<Phrase>,
    /// The message.
    pub(super) message: Option<Said>,
}

/// A message that opened as its sender's.
#[derive(Debug)]
pub(super) struct Said {
    /// This user wrote it.
    pub(super) own: bool,
    /// As its sender says; `None` for a time that there is not.
    pub(super) sent: Option<DateTime<Utc>>,
    /// As it was written.
    pub(super) text: String,
}

/// What this client is sending meanwhile: the peer may have seen it sooner than it is confirmed here.
#[derive(Clone, Copy)]
pub(super) struct Sending<'a> {
    /// The stream that is sealed in, if any.
    pub(super) stream: Option<StreamId>,
    /// Whether the message of that hash is on its way.
    pub(super) has: &'a dyn Fn(&Bytes<32>) -> bool,
}

impl Opened {
    fn warning(text: Phrase) -> Self {
        Self { warnings: vec![text], message: None }
    }
}

impl Opener {
    /// For a pair, without keys yet.
    pub(super) fn new(me: Username, peer: Username) -> Self {
        let (keys, keyless, own_sent) = (BTreeMap::new(), BTreeSet::new(), OwnSent::default());
        Self { me, peer, keys, keyless, own_sent }
    }

    /// With whom it is.
    pub(super) fn peer(&self) -> &Username {
        &self.peer
    }

    /// The key of an epoch, if it is here.
    pub(super) fn key_of(&self, epoch: u32) -> Option<&ConversationKey> {
        self.keys.get(&epoch)
    }

    /// An epoch whose key is to be had before this entry can be opened.
    pub(super) fn missing_epoch(&self, entry: &Entry) -> Option<u32> {
        let epoch = entry.body.header().epoch;
        (!self.keys.contains_key(&epoch) && !self.keyless.contains(&epoch)).then_some(epoch)
    }

    /// The key of an epoch, or that there is none.
    pub(super) fn add_key(&mut self, epoch: u32, key: Option<ConversationKey>) {
        match key {
            Some(key) => {
                self.keys.insert(epoch, key);
            }
            None => {
                self.keyless.insert(epoch);
            }
        }
    }

    /// This user's own message is known here.
    pub(super) fn remember_own(&mut self, seen: Seen) {
        self.own_sent.insert(seen);
    }

    /// Opens an entry and places it in `chains`.
    pub(super) fn open_into(&mut self, chains: &mut Chains, entry: &Entry, sending: Sending<'_>) -> Opened {
        let mut opened = self.open_and_place(chains, entry, sending);
        opened.warnings = opened.warnings.into_iter().map(|warning| warning.about(&self.peer)).collect();
        opened
    }

    fn open_and_place(&mut self, chains: &mut Chains, entry: &Entry, sending: Sending<'_>) -> Opened {
        let Entry { number, sender, body, .. } = entry;
        let (header, hash) = (*body.header(), body_hash(body));
        let (side, other) = if *sender == self.me {
            (Side::Own, &self.peer)
        } else if *sender == self.peer {
            (Side::Theirs, &self.me)
        } else {
            return Opened::warning(words::does_not_open(*number, sender));
        };
        let Some(key) = self.keys.get(&header.epoch) else {
            return Opened::warning(words::no_key_for(*number, sender, header.epoch));
        };
        let Plain { sent, seen, text } = match session::open(key, sender, body) {
            Ok(plain) => plain,
            Err(_) if session::open(key, other, body).is_ok() => {
                return Opened::warning(words::relabelled(*number, sender, other));
            }
            Err(_) => return Opened::warning(words::does_not_open(*number, sender)),
        };
        // It opened: it is this sender's own word. Only now does anything change.
        let mut warnings = Vec::new();
        match chains.advance(side, *number, &header, hash) {
            Ok(()) => {}
            Err(Break::Repeat) => return Opened::warning(words::repeat(*number, sender)),
            Err(Break::Gap) => warnings.push(words::gap(*number, sender)),
            Err(Break::Late) => warnings.push(words::late(*number, sender)),
            Err(Break::OldKey) => warnings.push(words::old_key(*number, sender)),
        }
        warnings.extend(seen.and_then(|seen| self.judge_seen(chains, side, *number, &seen, sending)));
        if side == Side::Own {
            self.remember_own(Seen { stream: header.stream, counter: header.counter, hash });
        }
        let sent = Utc.timestamp_millis_opt(sent).single();
        Opened { warnings, message: Some(Said { own: side == Side::Own, sent, text }) }
    }

    /// What a message's sender had seen of the other member when they wrote it: a warning when that
    /// cannot be, by what was sent here or by what was shown until now.
    fn judge_seen(
        &self,
        chains: &Chains,
        side: Side,
        number: u64,
        seen: &Seen,
        sending: Sending<'_>,
    ) -> Option<Phrase> {
        let (sender, other, of) = match side {
            Side::Own => (&self.me, &self.peer, Side::Theirs),
            Side::Theirs => (&self.peer, &self.me, Side::Own),
        };
        let ahead = chains.is_ahead(of, seen) && !(sending.has)(&seen.hash);
        if side == Side::Theirs
            && self.own_sent.differs_from(seen)
            && (!ahead || Some(seen.stream) == sending.stream)
        {
            return Some(words::peer_saw_other(&self.peer));
        }
        ahead.then(|| words::answers_unseen(number, sender, other))
    }
}

/// This user's last messages, to be found by their place: that is asked of every message of the peer.
#[derive(Default)]
struct OwnSent {
    in_order: VecDeque<Seen>,
    by_stream: HashMap<StreamId, BTreeMap<u64, Bytes<32>>>,
}

impl OwnSent {
    fn insert(&mut self, Seen { stream, counter, hash }: Seen) {
        let counters = self.by_stream.entry(stream).or_default();
        // One that is here was sealed here, or opened: there is no other of its place.
        if counters.contains_key(&counter) {
            return;
        }
        counters.insert(counter, hash);
        self.in_order.push_back(Seen { stream, counter, hash });
        if self.in_order.len() > OWN_REMEMBERED
            && let Some(oldest) = self.in_order.pop_front()
            && let Some(counters) = self.by_stream.get_mut(&oldest.stream)
        {
            counters.remove(&oldest.counter);
            if counters.is_empty() {
                self.by_stream.remove(&oldest.stream);
            }
        }
    }

    /// Whether somebody saw, under this user's name, something this client knows not to be so.
    fn differs_from(&self, seen: &Seen) -> bool {
        let Some(counters) = self.by_stream.get(&seen.stream) else { return false };
        match counters.get(&seen.counter) {
            Some(hash) => *hash != seen.hash,
            None => counters.last_key_value().is_some_and(|(highest, _)| seen.counter > *highest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(stream: u8, counter: u64, mark: u8) -> Seen {
        Seen { stream: Bytes([stream; 16]), counter, hash: Bytes([mark; 32]) }
    }

    #[test]
    fn what_was_not_sent_is_told_from_what_is_forgotten_or_never_known() {
        let mut own = OwnSent::default();
        for counter in 0..=OWN_REMEMBERED as u64 {
            own.insert(seen(1, counter, 1));
        }
        own.insert(seen(1, 5, 9));
        assert_eq!(own.in_order.len(), OWN_REMEMBERED);
        assert!(!own.differs_from(&seen(1, 5, 1)) && own.differs_from(&seen(1, 5, 9)));
        assert!(!own.differs_from(&seen(1, 0, 9)), "forgotten");
        assert!(own.differs_from(&seen(1, 5000, 1)), "beyond the last");
        assert!(!own.differs_from(&seen(2, 5, 1)), "of a stream that is not known");
        for counter in 0..OWN_REMEMBERED as u64 {
            own.insert(seen(3, counter, 1));
        }
        assert_eq!(own.by_stream.len(), 1, "nothing of the first stream is left");
    }
}
