//! What a conversation brings: opening it from the log, messages both ways, its end, its history.

use std::collections::BTreeSet;

use super::{
    app::{App, Place},
    chain::{Chains, Side},
    conversation::{Conversation, Shown},
    error::ClientError,
    meeting::Concluded,
    pins::{Link, PeerPins},
    words,
};
use crate::{
    crypto::{conversation_key::ConversationKey, hash::body_hash, session::SessionError},
    printable::Printable,
    wire::{self, Body, Bytes, Entry, ErrorCode, Pair, Request, Seen, StreamId, Username, limits},
};

/// Messages of before that are shown when a conversation opens.
const SHOWN_AT_OPENING: u64 = 20;

/// Entries asked for at a time when looking far back.
const PAGE_ENTRIES: u64 = 200;

impl App<'_> {
    /// Both accepted: reads and checks the log, shows the last messages, and says that it is open.
    pub(super) fn open_conversation(
        &mut self,
        peer: &Username,
        concluded: Concluded,
    ) -> Result<(), ClientError> {
        (self.reopening, self.leaving) = (None, false);
        let pins = self.pins.peer(peer);
        let conversation = Conversation::new(self.me.clone(), peer.clone(), concluded, &pins)
            .map_err(|_| ClientError::Protocol("no stream could be begun"))?;
        self.retire(peer);
        self.talks.insert(peer.clone(), conversation);
        self.place = Place::Talking(peer.clone(), None);
        let shown = match self.log_end(peer)? {
            Some(last) => self.read_log(peer, &pins, last)?,
            None => Vec::new(),
        };
        if let Some(conversation) = self.talks.get_mut(peer) {
            conversation.open();
        }
        for shown in shown {
            self.show(&shown);
        }
        self.remember_chains(peer);
        self.desk.notice(&words::conversation_open(peer));
        Ok(())
    }

    /// Forgets a conversation, but for what it still waits for: its confirmations name their stream.
    pub(super) fn retire(&mut self, peer: &Username) {
        let earlier = self.talks.remove(peer);
        self.retired.extend(earlier.filter(|earlier| !earlier.is_settled()));
    }

    /// After a lost connection: shows what was missed, and goes on where it was.
    pub(super) fn reopen_conversation(&mut self, peer: &Username) -> Result<(), ClientError> {
        (self.reopening, self.leaving) = (None, false);
        self.place = Place::Talking(peer.clone(), None);
        let last = self.log_end(peer)?.unwrap_or(0);
        let seen = self.talks.get(peer).map_or(0, |talk| talk.chains.highest_number());
        if seen > last {
            self.desk.warn(&words::log_shortened(peer, last, seen));
        }
        // From the other's last on: their words may stand below own ones that were sent again and stored.
        let theirs = self.talks.get(peer).and_then(|talk| talk.chains.last(Side::Theirs));
        let from = theirs.map_or(0, |link| link.number).min(seen).saturating_add(1);
        for entry in self.read_range(peer, from, last)? {
            let own = entry.sender == self.me;
            let hash = body_hash(&entry.body);
            if own
                && entry.number <= seen
                && self.talks.get(peer).is_some_and(|talk| talk.chains.was_shown(&hash))
            {
                continue;
            }
            let shown = self.take(peer, &entry)?;
            // This person's own words are on the screen since they were typed.
            self.show(&Shown { message: shown.message.filter(|_| !own), ..shown });
        }
        self.remember_chains(peer);
        self.desk.notice(&words::conversation_open_again(peer));
        Ok(())
    }

    fn show(&mut self, shown: &Shown) {
        for warning in &shown.warnings {
            self.desk.warn(warning);
        }
        if let Some(message) = &shown.message {
            self.desk.show(message);
        }
    }

    /// The number of the log's last entry now. Whatever is stored after this question comes as a message
    /// too, since the conversation is open on the server before it says so.
    fn log_end(&mut self, peer: &Username) -> Result<Option<u64>, ClientError> {
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
    fn read_log(&mut self, peer: &Username, pins: &PeerPins, last: u64) -> Result<Vec<Shown>, ClientError> {
        let shown_from = last.saturating_sub(SHOWN_AT_OPENING - 1).max(1);
        let remembered = pins.highest_number > 0;
        if !remembered && shown_from > 1 {
            return self.read_unremembered(peer, shown_from, last);
        }
        let mut all = Vec::new();
        if pins.highest_number > last {
            all.push(warning(words::log_shortened(peer, last, pins.highest_number)));
        }
        let seen_last = pins.highest_number.min(last);
        let from = shown_from.min(seen_last.saturating_add(1));
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
    fn read_range(&mut self, peer: &Username, from: u64, to: u64) -> Result<Vec<Entry>, ClientError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut next = from;
        while next <= to {
            let left = to - next + 1;
            let count = u32::try_from(left).unwrap_or(u32::MAX).min(limits::READ_ENTRIES_MAX);
            let request = Request::Read { peer: peer.clone(), from: next, count };
            let page = match self.ask_server(&request, |event| answers_read(event, peer))? {
                wire::Event::Entries { entries, .. } if !entries.is_empty() => entries,
                _ => {
                    self.desk.warn(&words::log_unreadable(peer));
                    return Ok(entries);
                }
            };
            for entry in page {
                if entry.number != next {
                    self.desk.warn(&words::log_numbering(peer, next, entry.number));
                    return Ok(entries);
                }
                entries.push(entry);
                // Also where more came than was asked for, and at the end of all numbers.
                if next == to {
                    return Ok(entries);
                }
                next += 1;
            }
        }
        Ok(entries)
    }

    fn take(&mut self, peer: &Username, entry: &Entry) -> Result<Shown, ClientError> {
        self.fetch_key(peer, entry)?;
        Ok(self.talks.get_mut(peer).map(|talk| talk.take(entry)).unwrap_or_default())
    }

    fn take_into(
        &mut self,
        peer: &Username,
        chains: &mut Chains,
        entry: &Entry,
    ) -> Result<Shown, ClientError> {
        self.fetch_key(peer, entry)?;
        Ok(self.talks.get_mut(peer).map(|talk| talk.take_into(chains, entry)).unwrap_or_default())
    }

    /// Gets the key of an older epoch from the server, if this entry needs one, and checks that it is the
    /// key that was agreed on.
    fn fetch_key(&mut self, peer: &Username, entry: &Entry) -> Result<(), ClientError> {
        let Some(epoch) = self.talks.get(peer).and_then(|talk| talk.missing_epoch(entry)) else {
            return Ok(());
        };
        let request = Request::Key { peer: peer.clone(), epoch };
        let is_answer = |event: &wire::Event| match event {
            wire::Event::Key { peer: of, epoch: answered, .. } => of == peer && *answered == epoch,
            wire::Event::Error { peer: of, .. } => of.as_ref() == Some(peer),
            _ => false,
        };
        let kept = match self.ask_server(&request, is_answer)? {
            wire::Event::Key { kept, .. } => kept.filter(|kept| kept.epoch == epoch),
            _ => None,
        };
        let pinned = self.pins.peer(peer).epochs.get(&epoch).map(|pinned| pinned.key_id);
        let agreed = |kept: &wire::KeptKey| pinned.is_none_or(|key_id| key_id == kept.key_id);
        let pair = Pair::new(&self.me, peer).ok();
        let key = kept.filter(agreed).zip(pair).and_then(|(kept, pair)| {
            ConversationKey::open(&self.keys.vault, &pair, &kept).ok().map(|(key, _)| key)
        });
        if let Some(talk) = self.talks.get_mut(peer) {
            talk.add_key(epoch, key);
        }
        Ok(())
    }

    /// What was sent to this peer in this session and is not confirmed.
    pub(super) fn unconfirmed_with(&self, peer: &Username) -> Vec<Seen> {
        let talks = self.retired.iter().chain(self.talks.get(peer)).filter(|talk| talk.peer() == peer);
        talks.flat_map(Conversation::unconfirmed_seen).collect()
    }

    /// At the end: what is still not confirmed is known as one's own the next time.
    pub(super) fn remember_unconfirmed(&mut self) {
        let talks = self.retired.iter().chain(self.talks.values());
        let peers: BTreeSet<Username> = talks.map(|talk| talk.peer().clone()).collect();
        for peer in peers {
            let unconfirmed = self.unconfirmed_with(&peer);
            self.pins.peer_mut(&peer).unconfirmed = unconfirmed;
        }
    }

    /// What the chains now know is remembered.
    fn remember_chains(&mut self, peer: &Username) {
        let Some(talk) = self.talks.get(peer) else { return };
        let chains = &talk.chains;
        let (own, theirs, highest) =
            (chains.last(Side::Own), chains.last(Side::Theirs), chains.highest_number());
        self.remember(peer, |pins| {
            pins.own = own;
            // From here on the conversation itself knows what it waits for.
            pins.unconfirmed.clear();
            pins.theirs = theirs;
            pins.highest_number = pins.highest_number.max(highest);
        });
    }

    /// A message from the peer, as it was just stored.
    pub(super) fn on_message(&mut self, peer: &Username, entry: &Entry) -> Result<(), ClientError> {
        if !matches!(&self.place, Place::Talking(talking, _) if talking == peer) {
            return Ok(());
        }
        let hash = body_hash(&entry.body);
        if self
            .talks
            .get(peer)
            .is_some_and(|talk| entry.number <= talk.read_to && talk.chains.was_shown(&hash))
        {
            // Stored while the log was being read: it was read there.
            return Ok(());
        }
        let shown = self.take(peer, entry)?;
        self.show(&shown);
        self.remember_chains(peer);
        Ok(())
    }

    /// A typed line in the conversation: sealed and sent.
    pub(super) fn send_text(&mut self, peer: &Username, text: &str) -> Result<(), ClientError> {
        match self.seal_text(peer, text) {
            Some(body) => self.connection.send(&Request::Send { peer: peer.clone(), body }),
            None => Ok(()),
        }
    }

    /// Seals a typed line; it is remembered until it is confirmed, whether there is a connection or not.
    pub(super) fn seal_text(&mut self, peer: &Username, text: &str) -> Option<Body> {
        if text.is_empty() {
            return None;
        }
        match self.talks.get_mut(peer)?.seal(text) {
            Ok(body) => return Some(body),
            Err(SessionError::TooLong) => {
                self.desk.warn(&words::too_long(text.len(), limits::TEXT_BYTES_MAX));
            }
            Err(error) => {
                let text = Printable::line(text).to_string();
                self.desk.warn(&words::not_sent(&text, &error.to_string()));
            }
        }
        None
    }

    /// The conversation with this peer, or an earlier one, that waits for this confirmation.
    fn awaiting(&mut self, peer: &Username, at: (StreamId, u64)) -> Option<&mut Conversation> {
        self.retired.retain(|talk| !talk.is_settled());
        let talks = self.talks.get_mut(peer).into_iter().chain(&mut self.retired);
        talks.into_iter().find(|talk| talk.awaits(at.0, at.1))
    }

    pub(super) fn on_stored(&mut self, peer: &Username, at: (StreamId, u64), number: u64, hash: Bytes<32>) {
        let Some(talk) = self.awaiting(peer, at) else { return };
        if let Some(warning) = talk.stored(at.0, at.1, number, hash) {
            self.desk.warn(&warning);
        }
        self.remember_chains(peer);
    }

    pub(super) fn on_not_stored(
        &mut self,
        peer: &Username,
        at: (StreamId, u64),
        code: ErrorCode,
    ) -> Result<(), ClientError> {
        let Some(talk) = self.awaiting(peer, at) else { return Ok(()) };
        let refused = talk.not_stored(at.0, at.1);
        let refused = refused.map_err(|_| ClientError::Protocol("no stream could be begun"))?;
        if let Some(text) = refused {
            self.desk.warn(&words::not_sent(&text, &words::refusal(code, Some(peer))));
        }
        Ok(())
    }

    /// The conversation is over, for both.
    pub(super) fn on_closed(&mut self, peer: &Username, by: &Username, lost: bool) {
        if !matches!(&self.place, Place::Talking(talking, _) if talking == peer) {
            return;
        }
        self.say_waiting_at = None;
        self.rekey_asked = false;
        let before = std::mem::replace(&mut self.place, Place::Lobby);
        if *by == self.me {
            self.leaving = false;
            self.desk.notice(words::YOU_LEFT);
        } else {
            if lost {
                self.may_reopen(peer);
            }
            self.leaving = false;
            self.desk.notice(&words::left_by(peer, lost));
        }
        if let Place::Talking(_, Some(run)) = before {
            self.count_if(run.died_unanswered(), peer);
        }
    }

    /// `/rekey`, accepted by both.
    pub(super) fn continue_under(
        &mut self,
        peer: &Username,
        concluded: Concluded,
    ) -> Result<(), ClientError> {
        let Some(talk) = self.talks.get_mut(peer) else { return Ok(()) };
        let epoch = talk.rekey(concluded).map_err(|_| ClientError::Protocol("no stream could be begun"))?;
        self.desk.notice(&words::rekeyed(peer, epoch));
        Ok(())
    }

    /// `/history n`
    pub(super) fn show_history(&mut self, count: u32) -> Result<(), ClientError> {
        let Place::Talking(peer, _) = &self.place else {
            self.desk.show(words::OPEN_CONVERSATION_ONLY);
            return Ok(());
        };
        let peer = peer.clone();
        let Some(last) = self.log_end(&peer)? else { return Ok(()) };
        let from = last.saturating_sub(u64::from(count).saturating_sub(1)).max(1);
        let mut chains = if from == 1 { Chains::from_the_start() } else { Chains::unknown() };
        for entry in self.read_range(&peer, from, last)? {
            let shown = self.take_into(&peer, &mut chains, &entry)?;
            self.show(&shown);
        }
        Ok(())
    }

    /// `/verify` with the code that the peer read out.
    pub(super) fn verify_by_code(&mut self, peer: &Username, typed: &str) -> Result<(), ClientError> {
        let Some((own_code, peer_code)) = self.talks.get(peer).map(Conversation::codes) else {
            self.desk.show(words::CODE_ONLY_AT_A_KEY);
            return Ok(());
        };
        if peer_code.matches(typed) {
            let epoch = self.talks.get(peer).map_or(0, Conversation::epoch);
            self.remember(peer, |pins| {
                if let Some(pinned) = pins.epochs.get(&epoch).cloned() {
                    pins.mark_proven(epoch, pinned, true, chrono::Utc::now());
                }
            });
            self.save_pins()?;
            self.desk.notice(&words::now_verified(peer));
        } else if own_code.matches(typed) {
            self.desk.show(&words::that_is_your_own_code(peer));
        } else {
            self.desk.warn(words::CODES_DIFFER);
        }
        Ok(())
    }
}

fn answers_read(event: &wire::Event, peer: &Username) -> bool {
    match event {
        wire::Event::Entries { peer: of, .. } => of == peer,
        wire::Event::Error { peer: of, .. } => of.as_ref() == Some(peer),
        _ => false,
    }
}

fn warning(text: String) -> Shown {
    Shown { warnings: vec![text], message: None }
}

/// Keeps what is to be shown: every warning, and the messages within the last ones.
fn keep(all: &mut Vec<Shown>, shown: Shown, with_message: bool) {
    let message = shown.message.filter(|_| with_message);
    if message.is_some() || !shown.warnings.is_empty() {
        all.push(Shown { warnings: shown.warnings, message });
    }
}
