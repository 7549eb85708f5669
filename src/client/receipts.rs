//! What was delivered: saying that the peers' messages are here, and believing what they prove to have.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{app::App, chain::Side, error::ClientError, overview::Mark, words};
use crate::{
    crypto::{hash::body_hash, receipt},
    wire::{Bytes, Received, Request, Username},
};

/// A peer is told at most so often what is here of theirs.
const RECEIPTS_EVERY: Duration = Duration::from_secs(1);

/// What is said to whom, and when.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    by_peer: BTreeMap<Username, Said>,
}

#[derive(Debug, Default)]
struct Said {
    /// The number of the last receipt.
    number: u64,
    /// When it was sent.
    at: Option<Instant>,
    /// When the next is to be.
    due: Option<Instant>,
}

impl Receipts {
    /// When the next one is to be sent.
    pub(super) fn due(&self) -> Option<Instant> {
        self.by_peer.values().filter_map(|said| said.due).min()
    }
}

impl App<'_> {
    /// Something of this peer's was shown, or is kept to be shown.
    pub(super) fn owes_a_receipt(&mut self, peer: &Username) {
        let newest = self.talks.get(peer).and_then(|talk| talk.chains.last(Side::Theirs));
        let Some(newest) = newest else { return };
        let said = self.receipts.by_peer.entry(peer.clone()).or_default();
        if newest.number > said.number && said.due.is_none() {
            let now = Instant::now();
            said.due = Some(said.at.map_or(now, |at| (at + RECEIPTS_EVERY).max(now)));
        }
    }

    /// Sends those whose time has come: one for all of a peer's messages that are here.
    pub(super) fn send_receipts(&mut self, now: Instant) -> Result<(), ClientError> {
        let due = |said: &Said| said.due.is_some_and(|due| due <= now);
        let peers: Vec<Username> = self
            .receipts
            .by_peer
            .iter()
            .filter(|(_, said)| due(said))
            .map(|(peer, _)| peer.clone())
            .collect();
        for peer in peers {
            let newest = self.talks.get(&peer).and_then(|talk| talk.newest_of_theirs());
            let said = self.receipts.by_peer.entry(peer.clone()).or_default();
            said.due = None;
            if let Some(Received { number, proof }) = newest.filter(|newest| newest.number > said.number) {
                (said.number, said.at) = (number, Some(now));
                self.connection.send(&Request::Receipt { peer, number, proof })?;
            }
        }
        Ok(())
    }

    /// At the end: what waited for its time.
    pub(super) fn send_all_receipts(&mut self) -> Result<(), ClientError> {
        for said in self.receipts.by_peer.values_mut().filter(|said| said.due.is_some()) {
            said.due = Some(Instant::now());
        }
        self.send_receipts(Instant::now())
    }

    /// A peer's client says that it has this user's messages.
    pub(super) fn on_receipt(
        &mut self,
        peer: &Username,
        number: u64,
        proof: Bytes<32>,
    ) -> Result<(), ClientError> {
        self.contacts.keep_receipt(peer, Received { number, proof });
        if self.place.is_open(peer) || self.scripts.is_quiet(peer) {
            self.look_at_kept_receipt(peer)
        } else {
            Ok(())
        }
    }

    /// Compares the peer's newest receipt with the message that it is of. What does not verify is said, and
    /// changes nothing.
    pub(super) fn look_at_kept_receipt(&mut self, peer: &Username) -> Result<(), ClientError> {
        let Some(received) = self.contacts.take_receipt(peer) else { return Ok(()) };
        let Received { number, proof } = received;
        if number <= self.pins.peer(peer).delivered {
            return Ok(());
        }
        if number > self.highest_seen(peer) {
            // Of a message that the peer has sooner than its confirmation is here; or of none.
            self.contacts.keep_receipt(peer, received);
            return Ok(());
        }
        let Some((epoch, hash)) = self.own_message(peer, number)? else { return Ok(()) };
        // Without the key there is nothing to compare, which is said where it is missing.
        let Some(key) = self.key_of(peer, epoch)? else { return Ok(()) };
        if !receipt::verify(key, peer, number, &hash, &proof) {
            self.desk.warn(&words::receipt_forged(peer));
            return Ok(());
        }
        let left_to = self.pins.peer(peer).left_to;
        self.remember(peer, |pins| {
            pins.delivered = pins.delivered.max(number);
            pins.left_to = pins.left_to.saturating_sub(if number >= left_to { left_to } else { 0 });
        });
        self.mark_message(&Mark::Delivered { peer: peer.clone(), number });
        if left_to > 0 && number >= left_to {
            self.desk.show(&words::delivered(peer));
        }
        Ok(())
    }

    fn highest_seen(&self, peer: &Username) -> u64 {
        let talk = self.talks.get(peer).map_or(0, |talk| talk.chains.highest_number());
        talk.max(self.pins.peer(peer).highest_number)
    }

    /// The epoch and the hash of this user's own message of that number; `None` if it is not theirs.
    fn own_message(&mut self, peer: &Username, number: u64) -> Result<Option<(u32, Bytes<32>)>, ClientError> {
        let last = self.talks.get(peer).and_then(|talk| talk.chains.last(Side::Own));
        let last = last.or(self.pins.peer(peer).own).filter(|link| link.number == number);
        if let Some(link) = last {
            return Ok(Some((link.epoch, link.seen.hash)));
        }
        let page = self.read_range(peer, number, number)?;
        let own = page.first().filter(|entry| entry.sender == self.me);
        Ok(own.map(|entry| (entry.body.header().epoch, body_hash(&entry.body))))
    }
}
