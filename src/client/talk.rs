//! What a conversation brings: opening it from the log, messages both ways, its end, its history.

use super::{
    app::App,
    chain::Side,
    conversation::{Conversation, Shown},
    error::ClientError,
    meeting::Concluded,
    overview::Mark,
    place::Kind,
    words,
};
use crate::{
    crypto::{hash::body_hash, session::SessionError},
    printable::Printable,
    wire::{Body, Bytes, Entry, ErrorCode, Header, Request, Seen, StreamId, Username, limits},
};

impl App<'_> {
    /// Both accepted: reads and checks the log, shows the last messages, and says that it is open.
    pub(super) fn open_conversation(
        &mut self,
        peer: &Username,
        concluded: Concluded,
    ) -> Result<(), ClientError> {
        self.reopenings.forget(peer);
        let peer_saw = concluded.peer_saw;
        self.begin_talk(peer, concluded, Kind::Together)?;
        self.compare_with_what_the_peer_saw(peer, peer_saw);
        self.remember_chains(peer);
        self.desk.notice(&words::conversation_open(peer));
        Ok(())
    }

    /// A conversation under this key: reads and checks the log, and shows the last messages.
    pub(super) fn begin_talk(
        &mut self,
        peer: &Username,
        concluded: Concluded,
        kind: Kind,
    ) -> Result<(), ClientError> {
        let pins = self.pins.peer(peer);
        let mut conversation = Conversation::new(self.me.clone(), peer.clone(), concluded, &pins)
            .map_err(|_| ClientError::Protocol("no stream could be begun"))?;
        conversation.one_sided = kind == Kind::OneSided;
        self.retire(peer);
        self.talks.insert(peer.clone(), conversation);
        self.scripts.is_quiet_no_more(peer);
        self.place.open(peer, kind, true);
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
        self.contacts.is_read(peer);
        self.remember_chains(peer);
        self.owes_a_receipt(peer);
        self.look_at_kept_receipt(peer)
    }

    /// Forgets a conversation, but for what it still waits for: its confirmations name their stream.
    pub(super) fn retire(&mut self, peer: &Username) {
        let earlier = self.talks.remove(peer);
        self.retired.extend(earlier.filter(|earlier| !earlier.is_settled()));
    }

    /// After a lost connection: shows what was missed, and goes on where it was.
    pub(super) fn reopen_conversation(
        &mut self,
        peer: &Username,
        concluded: Concluded,
    ) -> Result<(), ClientError> {
        if !self.talks.get(peer).is_some_and(Conversation::is_open) {
            // The connection was lost before its person saw any of it.
            return self.open_conversation(peer, concluded);
        }
        // Where nothing else has the lines, or they were meant for it all the time.
        let focus = self.is_typed_for(peer) || self.place.focus().is_none();
        self.reopenings.forget(peer);
        if self.left_unsaid.as_ref() == Some(peer) {
            self.left_unsaid = None;
        }
        self.place.open(peer, Kind::Together, focus);
        self.catch_up(peer)?;
        self.compare_with_what_the_peer_saw(peer, concluded.peer_saw);
        self.remember_chains(peer);
        self.desk.notice(&words::conversation_open_again(peer));
        Ok(())
    }

    /// Shows what came while there was no connection.
    pub(super) fn catch_up(&mut self, peer: &Username) -> Result<(), ClientError> {
        let Some(last) = self.log_end(peer)? else { return Ok(()) };
        let (seen, complete_to) = self
            .talks
            .get(peer)
            .map_or((0, 0), |talk| (talk.chains.highest_number(), talk.chains.complete_to()));
        if seen > last {
            self.desk.warn(&words::log_shortened(peer, last, seen));
        }
        for entry in self.read_range(peer, complete_to + 1, last)? {
            self.take_missed(peer, &entry)?;
        }
        self.remember_chains(peer);
        self.owes_a_receipt(peer);
        Ok(())
    }

    /// An entry that may have been missed. Own ones are on the screen since they were typed, and those
    /// that were confirmed or shown before are only counted.
    fn take_missed(&mut self, peer: &Username, entry: &Entry) -> Result<(), ClientError> {
        let hash = body_hash(&entry.body);
        if let Some(talk) = self.talks.get_mut(peer).filter(|talk| talk.chains.was_shown(&hash)) {
            talk.chains.note_number(entry.number);
            return Ok(());
        }
        let own = entry.sender == self.me;
        let shown = self.take(peer, entry)?;
        self.tell_listeners(peer, &shown);
        self.show_or_keep(peer, Shown { message: shown.message.filter(|_| !own), ..shown });
        Ok(())
    }

    /// What the peer saw of this user's messages is in the log, now that it is read. Not before: a
    /// message that was stored and whose confirmation was lost is known from there.
    fn compare_with_what_the_peer_saw(&mut self, peer: &Username, peer_saw: Option<Seen>) {
        let more = self.talks.get(peer).zip(peer_saw).is_some_and(|(talk, seen)| {
            match talk.chains.last(Side::Own).map(|link| link.seen) {
                None => true,
                Some(own) => own.stream == seen.stream && own.counter < seen.counter,
            }
        });
        if more {
            self.desk.warn(&words::peer_saw_more(peer));
        }
    }

    pub(super) fn show(&mut self, shown: &Shown) {
        for warning in &shown.warnings {
            self.desk.warn(warning);
        }
        if let Some(message) = &shown.message {
            self.desk.show(message);
        }
    }

    /// What the chains now know is remembered.
    pub(super) fn remember_chains(&mut self, peer: &Username) {
        let Some(talk) = self.talks.get(peer) else { return };
        let chains = &talk.chains;
        let (own, theirs) = (chains.last(Side::Own), chains.last(Side::Theirs));
        let (highest, complete_to) = (chains.highest_number(), chains.complete_to());
        self.remember(peer, |pins| {
            pins.own = own;
            pins.theirs = theirs;
            pins.highest_number = pins.highest_number.max(highest);
            pins.complete_to = pins.complete_to.max(complete_to);
        });
    }

    /// A message from the peer, as it was just stored.
    pub(super) fn on_message(&mut self, peer: &Username, entry: &Entry) -> Result<(), ClientError> {
        if !self.place.is_open(peer) {
            return self.on_message_elsewhere(peer, entry);
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
        self.tell_listeners(peer, &shown);
        if shown.message.is_some() && entry.sender == *peer {
            self.desk.arrived(peer);
        }
        self.show_or_keep(peer, shown);
        self.remember_chains(peer);
        self.owes_a_receipt(peer);
        Ok(())
    }

    /// A typed line in the conversation: sealed and sent.
    pub(super) fn send_text(&mut self, peer: &Username, text: &str) -> Result<(), ClientError> {
        if self.pins.peer(peer).in_doubt.is_some() {
            let text = Printable::line(text).to_string();
            self.desk.warn(&words::not_sent(&text, words::identity_in_doubt(peer).text()).about(peer));
            return Ok(());
        }
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
            Ok(body) => {
                let Header { stream, counter, .. } = *body.header();
                self.mark_message(&Mark::Sent { peer: peer.clone(), stream, counter, text: text.to_owned() });
                return Some(body);
            }
            Err(SessionError::TooLong) => {
                self.desk.warn(&words::too_long(text.len(), limits::TEXT_BYTES_MAX).about(peer));
            }
            Err(error) => {
                let text = Printable::line(text).to_string();
                self.desk.warn(&words::not_sent(&text, &words::reason(&error)).about(peer));
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

    pub(super) fn on_stored(
        &mut self,
        peer: &Username,
        at: (StreamId, u64),
        number: u64,
        hash: Bytes<32>,
    ) -> Result<(), ClientError> {
        let Some(talk) = self.awaiting(peer, at) else { return Ok(()) };
        let one_sided = talk.one_sided;
        if let Some(warning) = talk.stored(at.0, at.1, number, hash) {
            self.desk.warn(&warning);
        } else {
            let (stream, counter) = at;
            self.mark_message(&Mark::Stored { peer: peer.clone(), stream, counter, number });
            if one_sided {
                self.remember(peer, |pins| pins.left_to = pins.left_to.max(number));
            }
        }
        if self.scripts.is_quiet(peer) {
            self.remember_own(peer);
        } else {
            self.remember_chains(peer);
        }
        // The peer may have said that they have it before the server said that it is stored.
        self.look_at_kept_receipt(peer)
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
            let why = words::refusal(code, Some(peer));
            self.mark_message(&Mark::NotStored { peer: peer.clone(), stream: at.0, counter: at.1 });
            self.scripts.refused(at, &why);
            self.desk.warn(&words::not_sent(&text, why.text()).about(peer));
        }
        Ok(())
    }

    /// The conversation is over, for both.
    pub(super) fn on_closed(&mut self, peer: &Username, by: &Username, lost: bool) {
        if !self.place.is_together(peer) {
            return;
        }
        let left = self.place.is_leaving(peer);
        let had_lines = self.place.close(peer);
        let run =
            if self.place.run().is_some_and(|run| run.peer == *peer) { self.place.take_run() } else { None };
        if run.is_some() {
            self.say_waiting_at = None;
        }
        self.rekey_asked = self.rekey_asked.take().filter(|asked| asked != peer);
        if *by == self.me {
            self.say_left(peer, had_lines);
        } else if lost {
            self.may_reopen(peer, left, had_lines);
            self.on_peer_lost(peer);
        } else {
            self.desk.notice(&words::left_by(peer, false));
        }
        if *by != self.me && had_lines {
            self.say_what_is_still_open();
        }
        self.count_if(run.is_some_and(|run| run.died_unanswered()), peer);
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
}
