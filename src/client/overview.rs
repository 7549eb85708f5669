//! What there is to see at a glance: who is there, what is unread, whom the person is talking to.
//!
//! Plain values, made anew whenever something of it changed. The terminal may show them, or not.

use std::collections::BTreeSet;

use super::{
    app::App,
    pins::{PeerPins, Status},
};
use crate::wire::{StreamId, Username};

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
    /// Compared with them, by a code or the safety number.
    Verified,
    /// Another one than before was shown, and neither has been proven since.
    Changed,
}

/// How far a message of this person's has come: for a view that marks it. A message is known by its stream
/// and counter until it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// Sealed, and sent as soon as there is a connection.
    Sent {
        /// To whom.
        peer: Username,
        /// Its stream.
        stream: StreamId,
        /// Its counter.
        counter: u64,
        /// What it says, as it was typed.
        text: String,
    },
    /// On the server's disk.
    Stored {
        /// To whom.
        peer: Username,
        /// Its stream.
        stream: StreamId,
        /// Its counter.
        counter: u64,
        /// Its number in the log.
        number: u64,
    },
    /// Refused; why is said.
    NotStored {
        /// To whom.
        peer: Username,
        /// Its stream.
        stream: StreamId,
        /// Its counter.
        counter: u64,
    },
    /// The peer's client proved to have everything up to this number.
    Delivered {
        /// Who has it.
        peer: Username,
        /// The number in the log.
        number: u64,
    },
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

    /// The same, of a client without a connection: one looks at the conversation that lines go to all the same, and who
    /// is here is not known.
    pub(super) fn tell_overview_offline(&mut self) {
        let focus = self.talking_offline();
        let mut overview = Overview { focus, ..self.overview(false) };
        for contact in &mut overview.contacts {
            contact.presence = Presence::Unknown;
        }
        self.tell(overview);
    }

    fn tell(&mut self, overview: Overview) {
        if self.overview_told.as_ref() != Some(&overview) {
            self.desk.overview(&overview);
            self.overview_told = Some(overview);
        }
    }

    fn overview(&self, connected: bool) -> Overview {
        let names: BTreeSet<&Username> = self
            .pins
            .peers()
            .map(|(name, _)| name)
            .chain(self.contacts.names())
            .chain(self.place.open_with())
            .collect();
        let contacts = names.into_iter().map(|name| Contact {
            name: name.clone(),
            presence: self.contacts.presence(name),
            unread: self.contacts.unread(name),
            open: self.place.is_open(name),
            standing: self.trust(name),
        });
        Overview {
            me: self.me.clone(),
            server: self.door.server().to_string(),
            connected,
            contacts: contacts.collect(),
            focus: self.place.focus().cloned(),
        }
    }

    fn trust(&self, name: &Username) -> Trust {
        let new = self.place.run().is_some_and(|run| run.peer == *name && run.is_asking());
        match standing(&self.pins.peer(name)) {
            Trust::None if new => Trust::New,
            standing => standing,
        }
    }
}

fn standing(pins: &PeerPins) -> Trust {
    if pins.in_doubt.is_some() {
        return Trust::Changed;
    }
    match pins.identity.as_ref().map(|pinned| pinned.status) {
        None => Trust::None,
        Some(Status::Known) => Trust::Known,
        Some(Status::Verified) => Trust::Verified,
    }
}
