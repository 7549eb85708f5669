//! What there is to see at a glance: who is there, what is unread, whom the person is talking to.
//!
//! Plain values, made anew whenever something of it changed. The terminal may show them, or not.

use super::{
    app::{App, Place},
    pins::{PeerPins, Status},
};
use crate::wire::Username;

/// Everything at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// Whose client this is.
    pub me: Username,
    /// The server, as it was named.
    pub server: String,
    /// Whether there is a connection to it.
    pub connected: bool,
    /// Those with whom this person has a key, or something open, in the order of their names.
    pub contacts: Vec<Contact>,
    /// To whom a typed line goes.
    pub focus: Option<Username>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Their name.
    pub name: Username,
    /// Whether they are connected.
    pub presence: Presence,
    /// Messages of theirs that this person has not seen.
    pub unread: u64,
    /// Whether a conversation with them is open.
    pub open: bool,
    /// What is known of their identity.
    pub standing: Trust,
}

/// Whether somebody is connected, as the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// They are.
    Connected,
    /// They are not.
    Away,
    /// Nothing was said of it.
    Unknown,
}

/// How sure this person is of somebody's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// There is no key with them yet.
    None,
    /// Their identity is shown for the first time now.
    New,
    /// Accepted with a plain yes.
    Known,
    /// Accepted with the code that they read out.
    Verified,
    /// Another one than before is shown now.
    Changed,
}

impl App<'_> {
    /// Tells the terminal, if anything of it changed.
    pub(super) fn tell_overview(&mut self) {
        // While more is coming in, the last word is soon enough.
        if !self.connection.incoming().is_empty() {
            return;
        }
        let overview = self.overview(true);
        self.tell(overview);
    }

    /// The same, of a client without a connection.
    pub(super) fn tell_overview_offline(&mut self) {
        let overview = self.overview(false);
        self.tell(overview);
    }

    fn tell(&mut self, overview: Overview) {
        if self.overview_told.as_ref() != Some(&overview) {
            self.desk.overview(&overview);
            self.overview_told = Some(overview);
        }
    }

    fn overview(&self, connected: bool) -> Overview {
        let focus = match &self.place {
            Place::Talking(peer, _) => Some(peer.clone()),
            _ => None,
        };
        let contacts = self.pins.peers().map(|(name, pins)| Contact {
            name: name.clone(),
            presence: Presence::Unknown,
            unread: 0,
            open: focus.as_ref() == Some(name),
            standing: standing(pins),
        });
        Overview {
            me: self.me.clone(),
            server: self.door.server().to_string(),
            connected,
            contacts: contacts.collect(),
            focus,
        }
    }
}

fn standing(pins: &PeerPins) -> Trust {
    match pins.identity.as_ref().map(|pinned| pinned.status) {
        None => Trust::None,
        Some(Status::Known) => Trust::Known,
        Some(Status::Verified) => Trust::Verified,
    }
}
