//! Reading a pair's log from the server, and comparing it with what this machine remembers of it.

use std::ops::ControlFlow;

use super::{
    app::App,
    chain::{Chains, Side},
    conversation::Shown,
    error::ClientError,
    phrase::Phrase,
    pins::{Link, PeerPins},
    read_ahead::ReadAhead,
    words,
};
use crate::{
    crypto::{conversation_key::ConversationKey, hash::body_hash},
    wire::{self, Bytes, Entry, ErrorCode, Pair, Request, Username},
};

/// Messages of before that are shown when a conversation opens.
const SHOWN_AT_OPENING: u64 = 20;

/// Entries asked for at a time when looking far back.
const PAGE_ENTRIES: u64 = 200;

/// How a reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// All was read, or as much as was wanted.
    Done,
    /// The server gave nothing more.
    Refused,
    /// It gave an entry whose number is not the next.
    Misnumbered { expected: u64, got: u64 },
}

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

    /// The same, one by one as they come.
    pub(super) fn read_each(
        &mut self,
        peer: &Username,
        from: u64,
        to: u64,
        mut each: impl FnMut(&mut Self, Entry) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        let read = self.read_while(peer, from, to, |app, entry| {
            each(app, entry)?;
            Ok(ControlFlow::Continue(()))
        })?;
        match read {
            Reading::Done => {}
            Reading::Refused => self.desk.warn(&words::log_unreadable(peer)),
            Reading::Misnumbered { expected, got } => {
                self.desk.warn(&words::log_numbering(peer, expected, got));
            }
        }
        Ok(())
    }

    /// The same until `each` has enough; how that ended is the caller's to say.
    pub(super) fn read_while(
        &mut self,
        peer: &Username,
        from: u64,
        to: u64,
        mut each: impl FnMut(&mut Self, Entry) -> Result<ControlFlow<()>, ClientError>,
    ) -> Result<Reading, ClientError> {
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
                    self.drain(peer, ahead.under_way().saturating_sub(1))?;
                    return Ok(Reading::Refused);
                }
            };
            ahead.came(page);
            while let Some(entry) = ahead.take() {
                if entry.number != ahead.next {
                    let (expected, got) = (ahead.next, entry.number);
                    self.drain(peer, ahead.under_way())?;
                    return Ok(Reading::Misnumbered { expected, got });
                }
                if each(self, entry)?.is_break() || ahead.next == to {
                    self.drain(peer, ahead.under_way())?;
                    return Ok(Reading::Done);
                }
                ahead.next += 1;
            }
        }
        Ok(Reading::Done)
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

pub(super) fn answers_read(event: &wire::Event, peer: &Username) -> bool {
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
    use super::*;

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
