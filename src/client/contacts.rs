//! Those with whom this person has a key, as the server says: who is here, and what of theirs is unread.
//!
//! Hints, all of it: a conversation is read and checked when it is opened. So a server that lies here
//! makes somebody look who need not have looked.

use std::collections::{BTreeMap, BTreeSet};

use super::{app::App, error::ClientError, overview::Presence, words};
use crate::wire::{self, Contact, Received, Request, Username, limits};

/// Unread messages of one peer that are counted; more are 'at least so many'.
const UNREAD_COUNTED_MAX: u64 = 2 * limits::READ_ENTRIES_MAX as u64;

/// Messages of one peer that are mentioned one by one while the lines go to another.
pub(super) const MENTIONED_AT_ONCE: u64 = 20;

/// Contacts that are asked for; a server that has more for ever is not asked for ever.
const CONTACTS_ASKED_MAX: usize = 10_000;

/// People who are remembered to wait for this person; a server lets fewer wait.
const INVITING_MAX: usize = 1000;

/// What the server said of one of them, and what came since.
#[derive(Debug, Default, Clone)]
struct Known {
    connected: Option<bool>,
    /// The epoch of the pair's newest key; 0 where nothing was said.
    epoch: u32,
    unread: u64,
    /// A receipt of theirs that is not looked at yet.
    received: Option<Received>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    by_name: BTreeMap<Username, Known>,
    /// Who invited this person, and waits; contacts or not.
    inviting: BTreeSet<Username>,
    /// They were asked for, on this connection.
    asked: bool,
}

impl Contacts {
    /// On a new connection.
    pub(super) fn ask_again(&mut self) {
        self.asked = false;
        self.inviting.clear();
    }

    /// Somebody invited this person.
    pub(super) fn invites(&mut self, peer: &Username) {
        if self.inviting.len() < INVITING_MAX {
            self.inviting.insert(peer.clone());
        }
    }

    /// They wait no more, or the two meet.
    pub(super) fn invites_no_more(&mut self, peer: &Username) {
        self.inviting.remove(peer);
    }

    /// Somebody came or went.
    pub(super) fn came_or_went(&mut self, peer: &Username, connected: bool) {
        if let Some(known) = self.by_name.get_mut(peer) {
            known.connected = Some(connected);
        }
    }

    /// This person has met somebody: they are here, and this is the newest key.
    pub(super) fn met(&mut self, peer: &Username, epoch: u32) {
        let known = self.by_name.entry(peer.clone()).or_default();
        (known.connected, known.epoch) = (Some(true), epoch);
    }

    /// Whether somebody is connected.
    pub(super) fn presence(&self, peer: &Username) -> Presence {
        match self.by_name.get(peer).and_then(|known| known.connected) {
            Some(true) => Presence::Connected,
            Some(false) => Presence::Away,
            None => Presence::Unknown,
        }
    }

    /// The names.
    pub(super) fn names(&self) -> impl Iterator<Item = &Username> {
        self.by_name.keys()
    }

    /// The epoch of the pair's newest key, as the server says.
    pub(super) fn epoch(&self, peer: &Username) -> Option<u32> {
        self.by_name.get(peer).map(|known| known.epoch).filter(|epoch| *epoch > 0)
    }

    /// How many messages of theirs this person has not seen.
    pub(super) fn unread(&self, peer: &Username) -> u64 {
        self.by_name.get(peer).map_or(0, |known| known.unread)
    }

    /// One more that this person has not seen: how many that makes.
    pub(super) fn is_unread(&mut self, peer: &Username) -> u64 {
        let known = self.by_name.entry(peer.clone()).or_default();
        known.unread = known.unread.saturating_add(1);
        known.unread
    }

    /// Everything of theirs was shown.
    pub(super) fn is_read(&mut self, peer: &Username) {
        if let Some(known) = self.by_name.get_mut(peer) {
            known.unread = 0;
        }
    }

    /// A receipt to be looked at when their conversation is open.
    pub(super) fn keep_receipt(&mut self, peer: &Username, received: Received) {
        self.by_name.entry(peer.clone()).or_default().received = Some(received);
    }

    /// Takes the receipt that is to be looked at.
    pub(super) fn take_receipt(&mut self, peer: &Username) -> Option<Received> {
        self.by_name.get_mut(peer)?.received.take()
    }

    fn heard(&mut self, contact: &Contact) {
        let known = self.by_name.entry(contact.peer.clone()).or_default();
        known.connected = Some(contact.connected);
        known.epoch = contact.epoch;
        known.received = contact.received;
    }
}

impl App<'_> {
    /// Once on each connection: asks for the contacts, and says what is unread.
    pub(super) fn look_around(&mut self) -> Result<(), ClientError> {
        if std::mem::replace(&mut self.contacts.asked, true) {
            return Ok(());
        }
        let mut found: Vec<Contact> = Vec::new();
        let mut after = None;
        loop {
            let request = Request::Contacts { after };
            let is_answer = |event: &wire::Event| {
                matches!(event, wire::Event::Contacts { .. } | wire::Event::Error { peer: None, .. })
            };
            let answer = self.ask_server(&request, is_answer)?;
            let wire::Event::Contacts { contacts, more } = answer else { break };
            // In order, each page after the last: else it would have no end.
            let before = found.last().map(|contact| contact.peer.clone());
            let goes_on = contacts.first().zip(before).is_none_or(|(first, before)| first.peer > before);
            after = contacts.last().map(|contact| contact.peer.clone());
            found.extend(contacts);
            if !more || !goes_on || after.is_none() || found.len() >= CONTACTS_ASKED_MAX {
                break;
            }
        }
        self.count_unread(&found)
    }

    fn count_unread(&mut self, found: &[Contact]) -> Result<(), ClientError> {
        let mut unread = Vec::new();
        let me = self.me.clone();
        for contact in found.iter().filter(|contact| contact.peer != me) {
            self.contacts.heard(contact);
            let peer = &contact.peer;
            let pins = self.pins.peer(peer);
            // Of somebody whom this machine does not know it knows nothing to be new either.
            if pins.identity.is_none() || self.place.is_open(peer) || contact.last <= pins.complete_to {
                continue;
            }
            let to = contact.last.min(pins.complete_to.saturating_add(UNREAD_COUNTED_MAX));
            let entries = self.read_range(peer, pins.complete_to + 1, to)?;
            let theirs = entries.iter().filter(|entry| entry.sender == *peer);
            let count =
                theirs.filter(|entry| pins.theirs.is_none_or(|link| entry.number > link.number)).count();
            let said = self.contacts.unread(peer);
            if let Some(known) = self.contacts.by_name.get_mut(peer) {
                known.unread = count as u64;
            }
            // After a lost connection only what is new since.
            if count as u64 > said {
                unread.push((peer.clone(), count as u64));
            }
        }
        if !unread.is_empty() {
            self.desk.notice(&words::unread(&unread));
        }
        self.read_unread(&unread)
    }

    /// `/who`: who is connected, what there is of this person's own contacts, and who waits for an answer.
    pub(super) fn show_who(&mut self, connected: &[Username], total: u64) {
        self.desk.show(&words::who(connected, total));
        let contacts: Vec<_> = self
            .contacts
            .names()
            .map(|name| (name.clone(), self.contacts.presence(name), self.contacts.unread(name)))
            .collect();
        if !contacts.is_empty() {
            self.desk.show(&words::contacts(&contacts));
        }
        if !self.contacts.inviting.is_empty() {
            self.desk.show(&words::waiting_for_you(&self.contacts.inviting));
        }
    }
}
