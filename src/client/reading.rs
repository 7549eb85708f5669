//! Reading a pair's log from the server, and comparing it with what this machine remembers of it.

use std::collections::{BTreeMap, VecDeque};

use super::{
    app::App,
    chain::{Chains, Side},
    conversation::Shown,
    error::ClientError,
    phrase::Phrase,
    pins::{Link, PeerPins},
    words,
};
use crate::{
    crypto::{conversation_key::ConversationKey, hash::body_hash},
    wire::{self, Bytes, Entry, ErrorCode, Pair, Request, Username, limits},
};

/// Messages of before that are shown when a conversation opens.
const SHOWN_AT_OPENING: u64 = 20;

/// Entries in a page that is asked for ahead: as many short ones as a frame holds.
const PAGE_AHEAD_ENTRIES: u64 = 150;

/// Pages asked for ahead.
const PAGES_AHEAD: usize = 8;

/// Entries asked for at a time when looking far back.
const PAGE_ENTRIES: u64 = 200;

impl App<'_> {
    /// The number of the log's last entry now. Whatever is stored after this question comes as a message
    /// too, since the conversation is open on the server before it says so.
    pub(super) fn log_end(&mut self, peer: &Username) -> Result<Option<u64>, ClientError> {
        let request = Request::Read { peer: peer.clone(), from: 1, count: 1 };
        let wire::Event::Entries { last, .. } =
            self.ask_server(&request, |event| answers_read(event, peer))?
        else {
            self.desk.warn(&words::log_unreadable(peer));
            return Ok(None);
        };
        if let Some(talk) = self.talks.get_mut(peer) {
            talk.read_to = last;
        }
        Ok(Some(last))
    }

    /// Reads what is to be shown and what is new, and compares the log with what is remembered of it.
    pub(super) fn read_log(
        &mut self,
        peer: &Username,
        pins: &PeerPins,
        last: u64,
    ) -> Result<Vec<Shown>, ClientError> {
        let shown_from = last.saturating_sub(SHOWN_AT_OPENING - 1).max(1);
        let remembered = pins.highest_number > 0;
        if !remembered && shown_from > 1 {
            return self.read_unremembered(peer, shown_from, last);
        }
        let mut all = Vec::new();
        if pins.highest_number > last {
            all.push(warning(words::log_shortened(peer, last, pins.highest_number)));
        }
        let from = shown_from.min(pins.complete_to.min(last) + 1);
        let mut earlier = if from == 1 { Chains::from_the_start() } else { Chains::unknown() };
        for link in [pins.own, pins.theirs].into_iter().flatten().filter(|link| link.number < from) {
            if !self.is_as_remembered(peer, &link)? {
                all.push(warning(words::log_altered(peer, link.number)));
            }
        }
        for entry in self.read_range(peer, from, last)? {
            let hash = body_hash(&entry.body);
            // By its bytes: it need not open to be what was seen.
            let links = [pins.own, pins.theirs].into_iter().flatten();
            for link in links.filter(|link| link.number == entry.number && link.seen.hash != hash) {
                all.push(warning(words::log_altered(peer, link.number)));
            }
            // What comes after the last one seen of its sender is new, also below the other's last: it was
            // stored while this client was away, or never confirmed to it.
            let last_seen = if entry.sender == self.me { pins.own } else { pins.theirs };
            let shown = if last_seen.is_some_and(|link| entry.number <= link.number) {
                let shown = self.take_into(peer, &mut earlier, &entry)?;
                if let Some(conversation) = self.talks.get_mut(peer) {
                    conversation.chains.note_shown(hash);
                    conversation.chains.note_number(entry.number);
                }
                shown
            } else {
                earlier.note_shown(hash);
                self.take(peer, &entry)?
            };
            keep(&mut all, shown, entry.number >= shown_from);
        }
        Ok(all)
    }

    /// A log of which this machine remembers nothing: what is shown is checked in itself, and each
    /// sender's last message is looked for, so that what comes next is chained to it.
    fn read_unremembered(
        &mut self,
        peer: &Username,
        shown_from: u64,
        last: u64,
    ) -> Result<Vec<Shown>, ClientError> {
        let mut all = vec![warning(words::log_no_memory(peer))];
        if let Some(conversation) = self.talks.get_mut(peer) {
            conversation.chains = Chains::unknown();
        }
        let page = self.read_range(peer, shown_from, last)?;
        let mut whole = page.last().is_some_and(|entry| entry.number == last);
        for entry in page {
            let shown = self.take(peer, &entry)?;
            keep(&mut all, shown, true);
        }
        let mut to = shown_from.saturating_sub(1);
        while whole && to > 0 && !self.unknown_sides(peer).is_empty() {
            let from = to.saturating_sub(PAGE_ENTRIES - 1).max(1);
            let page = self.read_range(peer, from, to)?;
            whole = page.last().is_some_and(|entry| entry.number == to);
            for entry in page.iter().rev() {
                let side = if entry.sender == self.me { Side::Own } else { Side::Theirs };
                if self.unknown_sides(peer).contains(&side) {
                    let _ = self.take(peer, entry)?;
                }
            }
            to = from - 1;
        }
        if !whole {
            // Why was said; what was not read stays unknown.
            return Ok(all);
        }
        let unknown = self.unknown_sides(peer);
        if let Some(conversation) = self.talks.get_mut(peer) {
            for side in unknown {
                conversation.chains.know_nothing_written(side);
            }
            conversation.chains.begin_after(last);
        }
        Ok(all)
    }

    fn unknown_sides(&self, peer: &Username) -> Vec<Side> {
        let sides = [Side::Own, Side::Theirs].into_iter();
        self.talks
            .get(peer)
            .map_or(Vec::new(), |talk| sides.filter(|side| talk.chains.is_unknown(*side)).collect())
    }

    /// Whether the server still shows, at that number, the message that was seen there.
    fn is_as_remembered(&mut self, peer: &Username, link: &Link) -> Result<bool, ClientError> {
        let page = self.read_range(peer, link.number, link.number)?;
        Ok(page.first().is_some_and(|entry| body_hash(&entry.body) == link.seen.hash))
    }

    /// The entries of these numbers, in order. What the server leaves out or misnumbers is said, and ends it.
    pub(super) fn read_range(
        &mut self,
        peer: &Username,
        from: u64,
        to: u64,
    ) -> Result<Vec<Entry>, ClientError> {
        let mut entries: Vec<Entry> = Vec::new();
        self.read_each(peer, from, to, |_, entry| {
            entries.push(entry);
            Ok(())
        })?;
        Ok(entries)
    }

    /// The same, one by one as they come. Several pages are asked for ahead: a long log takes as long as
    /// its bytes, not as its round trips.
    pub(super) fn read_each(
        &mut self,
        peer: &Username,
        from: u64,
        to: u64,
        mut each: impl FnMut(&mut Self, Entry) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        // What was left over by a reading that was given up answers nothing of this one.
        self.deferred.retain(|event| !matches!(event, wire::Event::Entries { peer: of, .. } if of == peer));
        let mut ahead = ReadAhead::new(from, to);
        while ahead.next <= to {
            while let Some((from, count)) = ahead.ask() {
                self.connection.send(&Request::Read { peer: peer.clone(), from, count })?;
            }
            let page = match self.next_answer(|event| answers_read(event, peer))? {
                wire::Event::Entries { entries, .. } if !entries.is_empty() => entries,
                _ => {
                    self.desk.warn(&words::log_unreadable(peer));
                    return self.drain(peer, ahead.asked.len().saturating_sub(1));
                }
            };
            ahead.came(page);
            while let Some(entry) = ahead.take() {
                if entry.number != ahead.next {
                    self.desk.warn(&words::log_numbering(peer, ahead.next, entry.number));
                    return self.drain(peer, ahead.asked.len());
                }
                each(self, entry)?;
                if ahead.next == to {
                    return self.drain(peer, ahead.asked.len());
                }
                ahead.next += 1;
            }
        }
        Ok(())
    }

    /// Waits for the answers that are not wanted any more, so that none is taken for another's.
    fn drain(&mut self, peer: &Username, count: usize) -> Result<(), ClientError> {
        for _ in 0..count {
            self.next_answer(|event| answers_read(event, peer))?;
        }
        Ok(())
    }

    pub(super) fn take(&mut self, peer: &Username, entry: &Entry) -> Result<Shown, ClientError> {
        self.fetch_key(peer, entry)?;
        Ok(self.talks.get_mut(peer).map(|talk| talk.take(entry)).unwrap_or_default())
    }

    pub(super) fn take_into(
        &mut self,
        peer: &Username,
        chains: &mut Chains,
        entry: &Entry,
    ) -> Result<Shown, ClientError> {
        self.fetch_key(peer, entry)?;
        Ok(self.talks.get_mut(peer).map(|talk| talk.take_into(chains, entry)).unwrap_or_default())
    }

    /// Gets the key of an older epoch from the server, if this entry needs one.
    fn fetch_key(&mut self, peer: &Username, entry: &Entry) -> Result<(), ClientError> {
        let Some(epoch) = self.talks.get(peer).and_then(|talk| talk.missing_epoch(entry)) else {
            return Ok(());
        };
        let key = self.kept_key(peer, epoch)?.map(|(key, _)| key);
        if let Some(talk) = self.talks.get_mut(peer) {
            talk.add_key(epoch, key);
        }
        Ok(())
    }

    /// This user's copy of an epoch's key, and the peer's identity in it: from the server, opened, and
    /// checked to be the key that was agreed on.
    pub(super) fn kept_key(
        &mut self,
        peer: &Username,
        epoch: u32,
    ) -> Result<Option<(ConversationKey, Bytes<32>)>, ClientError> {
        let request = Request::Key { peer: peer.clone(), epoch };
        let is_answer = |event: &wire::Event| match event {
            wire::Event::Key { peer: of, epoch: answered, .. } => of == peer && *answered == epoch,
            event => refuses_reading(event, peer),
        };
        let kept = match self.ask_server(&request, is_answer)? {
            wire::Event::Key { kept, .. } => kept.filter(|kept| kept.epoch == epoch),
            _ => None,
        };
        let pinned = self.pins.peer(peer).epochs.get(&epoch).map(|pinned| pinned.key_id);
        let agreed = |kept: &wire::KeptKey| pinned.is_none_or(|key_id| key_id == kept.key_id);
        let pair = Pair::new(&self.me, peer).ok();
        Ok(kept
            .filter(agreed)
            .zip(pair)
            .and_then(|(kept, pair)| ConversationKey::open(&self.keys.vault, &pair, &kept).ok()))
    }

    /// The entries of these numbers of a peer's log, opened and each checked against the one before it: for
    /// looking back, which changes nothing of what is remembered. There is a conversation with that peer.
    pub(super) fn look_back(
        &mut self,
        peer: &Username,
        from: u64,
        to: u64,
    ) -> Result<Vec<Shown>, ClientError> {
        let mut chains = if from == 1 { Chains::from_the_start() } else { Chains::unknown() };
        let mut all = Vec::new();
        for entry in self.read_range(peer, from, to)? {
            all.push(self.take_into(peer, &mut chains, &entry)?);
        }
        Ok(all)
    }

    /// `/history n`
    pub(super) fn show_history(&mut self, count: u32) -> Result<(), ClientError> {
        let Some(peer) = self.place.focus().cloned() else {
            self.desk.show(words::OPEN_CONVERSATION_ONLY);
            return Ok(());
        };
        let Some(last) = self.log_end(&peer)? else { return Ok(()) };
        let from = last.saturating_sub(u64::from(count).saturating_sub(1)).max(1);
        for shown in self.look_back(&peer, from, last)? {
            self.show(&shown);
        }
        Ok(())
    }
}

/// Pages of a log that are asked for before the ones ahead of them have come.
struct ReadAhead {
    /// The number that is handed out next.
    next: u64,
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
    fn new(from: u64, to: u64) -> Self {
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
    fn ask(&mut self) -> Option<(u64, u32)> {
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
    fn came(&mut self, page: Vec<Entry>) {
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
    fn take(&mut self) -> Option<Entry> {
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
}

fn answers_read(event: &wire::Event, peer: &Username) -> bool {
    match event {
        wire::Event::Entries { peer: of, .. } => of == peer,
        event => refuses_reading(event, peer),
    }
}

/// Whether this refuses a reading. An invitation of the same peer may be under way too, and be refused
/// before: that is another answer, which is not to be taken for this one.
fn refuses_reading(event: &wire::Event, peer: &Username) -> bool {
    let wire::Event::Error { code, peer: of } = event else { return false };
    let of_reading = matches!(
        code,
        ErrorCode::Storage
            | ErrorCode::UnknownUser
            | ErrorCode::Yourself
            | ErrorCode::NoKey
            | ErrorCode::BadRequest
    );
    of_reading && of.as_ref() == Some(peer)
}

fn warning(text: Phrase) -> Shown {
    Shown { warnings: vec![text], message: None }
}

/// Keeps what is to be shown: every warning, and the messages within the last ones.
fn keep(all: &mut Vec<Shown>, shown: Shown, with_message: bool) {
    let message = shown.message.filter(|_| with_message);
    if message.is_some() || !shown.warnings.is_empty() {
        all.push(Shown { warnings: shown.warnings, message });
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn entry(number: u64) -> Entry {
        let body = wire::Body::from_bytes(vec![1; 205]).unwrap();
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

    #[test]
    fn the_refusal_of_an_invitation_answers_no_reading() {
        let [bob, carol] = ["bob", "carol"].map(|name| name.parse::<Username>().unwrap());
        let refusal = |code, peer: &Username| wire::Event::Error { code, peer: Some(peer.clone()) };
        assert!(answers_read(&refusal(ErrorCode::Storage, &bob), &bob));
        assert!(!answers_read(&refusal(ErrorCode::Storage, &carol), &bob));
        for code in [ErrorCode::NotConnected, ErrorCode::Busy, ErrorCode::PeerBusy, ErrorCode::NotOpen] {
            assert!(!answers_read(&refusal(code, &bob), &bob), "{code:?}");
        }
    }
}
