//! What was sent and never confirmed: the connection or the server ended first, and the peer may have seen
//! it all the same. It is known as one's own the next time, so that it is no alarm and the chain goes on.

use std::collections::BTreeSet;

use super::{app::App, conversation::Conversation, pins::PeerPins};
use crate::wire::{Seen, Username};

/// The first number of the log that may hold an own message of which only the log can tell.
pub(super) fn first_in_question(pins: &PeerPins) -> u64 {
    match (pins.unconfirmed.is_empty(), pins.own) {
        (true, _) => u64::MAX,
        (false, None) => 1,
        (false, Some(own)) => own.number.saturating_add(1),
    }
}

impl App<'_> {
    /// What was sent to this peer in this session and is not confirmed.
    pub(super) fn unconfirmed_with(&self, peer: &Username) -> Vec<Seen> {
        let talks = self.retired.iter().chain(self.talks.get(peer)).filter(|talk| talk.peer() == peer);
        talks.flat_map(Conversation::unconfirmed_seen).collect()
    }

    /// Puts it in the memory of peers, before that is written.
    pub(super) fn remember_unconfirmed(&mut self) {
        let talks = self.retired.iter().chain(self.talks.values());
        let peers: BTreeSet<Username> = talks.map(|talk| talk.peer().clone()).collect();
        for peer in peers {
            let unconfirmed = self.unconfirmed_with(&peer);
            self.pins.peer_mut(&peer).unconfirmed = unconfirmed;
        }
    }
}
