//! A conversation that is open to no person: for what scripts send, and for what arrives where one listens.
//!
//! Its key is one that both have proved to hold, as for messages to somebody who is away. What a person has
//! not seen stays unread for them, unless no person reads at all.

use super::super::{
    app::App,
    away::NoWay,
    chain::Side,
    conversation::{Conversation, Shown},
    error::ClientError,
};
use super::Message;
use crate::{
    crypto::hash::body_hash,
    wire::{Entry, Username, limits},
};

/// Unread messages that are told at most when somebody begins to listen.
const UNREAD_TOLD_MAX: u64 = 10 * limits::READ_ENTRIES_MAX as u64;

impl App<'_> {
    /// Begins such a conversation with this peer, if there is none already, nor one that is open.
    pub(super) fn talk_quietly(&mut self, peer: &Username) -> Result<Result<(), NoWay>, ClientError> {
        if self.place.is_open(peer) || (self.scripts.is_quiet(peer) && self.talks.contains_key(peer)) {
            return Ok(Ok(()));
        }
        let concluded = match self.conclude_alone(peer)? {
            Ok(concluded) => concluded,
            Err(why) => return Ok(Err(why)),
        };
        let pins = self.pins.peer(peer);
        let conversation = Conversation::new(self.me.clone(), peer.clone(), concluded, &pins)
            .map_err(|_| ClientError::Protocol("no stream could be begun"))?;
        self.retire(peer);
        self.talks.insert(peer.clone(), conversation);
        self.scripts.quiet.insert(peer.clone());
        let last = self.log_end(peer)?;
        let shown = match last {
            Some(last) => self.read_log(peer, &pins, last)?,
            None => Vec::new(),
        };
        if let Some(conversation) = self.talks.get_mut(peer) {
            conversation.open();
        }
        for warning in shown.iter().flat_map(|shown| &shown.warnings) {
            self.desk.warn(warning);
        }
        let reads = self.scripts.reads_everything || !self.scripts.listeners.is_empty();
        if let Some(last) = last.filter(|last| reads && *last > pins.complete_to) {
            let from = (pins.complete_to + 1).max(last.saturating_sub(UNREAD_TOLD_MAX));
            let seen = pins.theirs.map_or(0, |link| link.number);
            for shown in self.look_back(peer, from, last)? {
                let number = shown.message.as_ref().and_then(Message::of).filter(|message| !message.own);
                if number.is_some_and(|message| message.number > seen) {
                    // Its warnings were said above.
                    self.arrived(peer, &Shown { warnings: Vec::new(), ..shown });
                }
            }
            self.is_read_by_program(peer);
        }
        Ok(Ok(()))
    }

    /// A message in a conversation that is not open: told where somebody listens, else counted.
    pub(in crate::client) fn on_message_elsewhere(
        &mut self,
        peer: &Username,
        entry: &Entry,
    ) -> Result<(), ClientError> {
        let reads = self.scripts.reads_everything || !self.scripts.listeners.is_empty();
        if !reads || self.pins.peer(peer).identity.is_none() || self.talk_quietly(peer)?.is_err() {
            self.on_unread(peer, entry);
            return Ok(());
        }
        let hash = body_hash(&entry.body);
        let known = |talk: &Conversation| entry.number <= talk.read_to && talk.chains.was_shown(&hash);
        if !self.talks.get(peer).is_some_and(known) {
            let shown = self.take(peer, entry)?;
            self.arrived(peer, &shown);
        }
        if self.scripts.reads_everything {
            self.is_read_by_program(peer);
        } else {
            self.on_unread(peer, entry);
        }
        Ok(())
    }

    /// Where no person reads: what came of these while the client was away.
    pub(in crate::client) fn read_unread(&mut self, unread: &[(Username, u64)]) -> Result<(), ClientError> {
        if self.scripts.reads_everything {
            for (peer, _) in unread {
                // Of whom nothing can be read stays unread, as it was said.
                let _ = self.talk_quietly(peer)?;
            }
        }
        Ok(())
    }

    fn arrived(&mut self, peer: &Username, shown: &Shown) {
        self.tell_listeners(peer, shown);
        if self.scripts.reads_everything {
            self.show(shown);
        } else {
            shown.warnings.iter().for_each(|warning| self.desk.warn(warning));
        }
    }

    fn is_read_by_program(&mut self, peer: &Username) {
        if self.scripts.reads_everything {
            self.remember_chains(peer);
            self.contacts.is_read(peer);
            self.owes_a_receipt(peer);
        }
    }

    /// What was stored in such a conversation is remembered, and nothing of what came: that is not seen yet.
    pub(in crate::client) fn remember_own(&mut self, peer: &Username) {
        let Some(own) = self.talks.get(peer).and_then(|talk| talk.chains.last(Side::Own)) else { return };
        self.remember(peer, |pins| {
            pins.own = Some(own);
            pins.highest_number = pins.highest_number.max(own.number);
        });
    }
}
