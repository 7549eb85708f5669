//! Somebody who is not here: leaving messages for them, under the key that both have proved to hold.
//!
//! Nothing is sealed under a key that was not proved here, an older one, or that of a changed identity: a
//! machine that does not remember this peer must meet them first.

use std::collections::BTreeSet;

use super::{
    app::App, conversation::Conversation, error::ClientError, meeting::Concluded, place::Kind, words,
};
use crate::{
    crypto::{conversation_key::ConversationKey, hash::body_hash},
    wire::Username,
};

/// Own messages that are counted as waiting; more are 'at least so many'.
const WAITING_COUNTED_MAX: u64 = 1000;

/// Why nothing can be left for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoWay {
    /// The pair has no key: the first meeting needs both.
    NoKey,
    /// There is a key, of which this machine knows nothing, or not that it was proved.
    NotHere,
    /// The peer showed another identity, which is not resolved.
    InDoubt,
    /// The server does not give back the key that was agreed on.
    KeyGone,
}

impl App<'_> {
    /// Whoever was invited is not here. Those who were named by `/with` are left a message instead.
    pub(super) fn on_absent(&mut self, peer: &Username) -> Result<(), ClientError> {
        if std::mem::take(&mut self.would_write) {
            match self.open_one_sided(peer)? {
                Ok(waiting) => self.desk.notice(&words::open_one_sided(peer, waiting)),
                Err(why) => self.desk.show(&words::nothing_can_be_left(peer, why)),
            }
            return Ok(());
        }
        let known = self.proven_key(peer).is_ok();
        let waiting = if known { self.count_waiting(peer)? } else { 0 };
        self.desk.show(&words::not_connected(peer, waiting));
        if known && self.desk.is_interactive() {
            self.desk.show(&words::with_leaves_a_message(peer));
        }
        Ok(())
    }

    /// Opens a conversation of this side alone: reads and checks the log, shows the last messages, and
    /// gives how many of this user's wait for the peer.
    pub(super) fn open_one_sided(&mut self, peer: &Username) -> Result<Result<u64, NoWay>, ClientError> {
        let concluded = match self.conclude_alone(peer)? {
            Ok(concluded) => concluded,
            Err(why) => return Ok(Err(why)),
        };
        self.begin_talk(peer, concluded, Kind::OneSided)?;
        Ok(Ok(self.count_waiting(peer)?))
    }

    /// The pair's newest key, proved here before, with its codes.
    pub(super) fn conclude_alone(
        &mut self,
        peer: &Username,
    ) -> Result<Result<Concluded, NoWay>, ClientError> {
        let epoch = match self.proven_key(peer) {
            Ok(epoch) => epoch,
            Err(why) => return Ok(Err(why)),
        };
        let Some((key, identity)) = self.kept_key(peer, epoch)? else { return Ok(Err(NoWay::KeyGone)) };
        let pins = self.pins.peer(peer);
        let same = pins.identity.as_ref().is_some_and(|pinned| pinned.key == identity);
        let (own_code, peer_code) = (key.code_of(&self.me), key.code_of(peer));
        let (Some(own_code), Some(peer_code)) = (own_code.filter(|_| same), peer_code) else {
            return Ok(Err(NoWay::InDoubt));
        };
        Ok(Ok(Concluded { key, own_code, peer_code, peer_saw: None }))
    }

    /// The epoch of the pair's newest key, if it was proved here, and nothing speaks against it.
    fn proven_key(&self, peer: &Username) -> Result<u32, NoWay> {
        let pins = self.pins.peer(peer);
        let shown = self.contacts.epoch(peer);
        let Some((epoch, pinned)) = pins.highest_proven() else {
            return Err(if shown.is_some() { NoWay::NotHere } else { NoWay::NoKey });
        };
        let identity = pins.identity.as_ref().map(|identity| identity.key);
        if pins.in_doubt.is_some() || identity != Some(pinned.peer_identity) {
            return Err(NoWay::InDoubt);
        }
        // A number that was accepted and not proved may be the newest for the peer; one that this machine
        // has never seen was agreed on elsewhere.
        if pins.highest_used() != epoch || shown.is_some_and(|shown| shown > epoch) {
            return Err(NoWay::NotHere);
        }
        if shown.is_some_and(|shown| shown < epoch) {
            return Err(NoWay::KeyGone);
        }
        Ok(epoch)
    }

    /// A key of the pair, from the open conversation or from this user's own kept copy.
    pub(super) fn key_of(
        &mut self,
        peer: &Username,
        epoch: u32,
    ) -> Result<Option<&ConversationKey>, ClientError> {
        let is_here = |talk: &Conversation| talk.key_of(epoch).is_some();
        if !self.talks.get(peer).is_some_and(is_here)
            && let Some((key, _)) = self.kept_key(peer, epoch)?
        {
            self.spare_keys.insert(peer.clone(), key);
        }
        let talk = self.talks.get(peer).and_then(|talk| talk.key_of(epoch));
        Ok(talk.or_else(|| self.spare_keys.get(peer).filter(|key| key.epoch() == epoch)))
    }

    /// How many of this user's messages the peer's client has not proved to have.
    pub(super) fn count_waiting(&mut self, peer: &Username) -> Result<u64, ClientError> {
        self.look_at_kept_receipt(peer)?;
        let delivered = self.pins.peer(peer).delivered;
        let last = self.log_end(peer)?.unwrap_or(0);
        let from = last.saturating_sub(WAITING_COUNTED_MAX - 1).max(delivered + 1);
        let mut waiting = BTreeSet::new();
        for entry in self.read_range(peer, from, last)? {
            if entry.sender == self.me {
                waiting.insert(body_hash(&entry.body).0);
            }
        }
        // What is still on its way may be in the log already, and is counted once.
        let talks = self.retired.iter().chain(self.talks.values()).filter(|talk| talk.peer() == peer);
        waiting.extend(talks.flat_map(Conversation::on_their_way).map(|hash| hash.0));
        Ok(waiting.len() as u64)
    }
}
