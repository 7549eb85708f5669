//! Several conversations: turning from one to another, leaving one, and what comes in those that have not
//! the lines.

use super::{
    app::App,
    contacts::MENTIONED_AT_ONCE,
    conversation::Shown,
    error::ClientError,
    place::{Engaged, Kind},
    words,
};
use crate::wire::{Entry, Request, Username};

impl App<'_> {
    /// `/with name`: to an open conversation, or by an invitation to a new one. Somebody who waits is
    /// answered by it; somebody who is not here can be left a message.
    pub(super) fn turn_to_or_invite(&mut self, name: &Username) -> Result<(), ClientError> {
        if *name == self.me {
            self.desk.show(words::YOURSELF);
        } else if self.place.is_open(name) {
            self.turn_to(name);
        } else if let Some(busy_with) = self.place.engaged.peer().cloned() {
            self.desk.show(&words::one_at_a_time(&busy_with));
        } else {
            self.would_write = true;
            self.invite(name)?;
        }
        Ok(())
    }

    /// Lines go to this open conversation from now on; what came in it is shown.
    pub(super) fn turn_to(&mut self, peer: &Username) {
        if !self.place.switch_to(peer) {
            return;
        }
        self.asks_something_else();
        self.desk.notice(&words::talking_with(peer));
        self.show_what_came(peer);
    }

    fn show_what_came(&mut self, peer: &Username) {
        let came = self.talks.get_mut(peer).map(|talk| std::mem::take(&mut talk.unseen)).unwrap_or_default();
        self.contacts.is_read(peer);
        for shown in &came {
            self.show(shown);
        }
    }

    /// `/leave [name]`: one conversation, an invitation that waits, or a run.
    pub(super) fn leave(&mut self, name: Option<Username>) -> Result<(), ClientError> {
        let engaged = self.place.engaged.peer().filter(|peer| !self.place.is_open(peer));
        let Some(peer) = name.or_else(|| self.place.focus().cloned()).or_else(|| engaged.cloned()) else {
            self.desk.show(words::NOTHING_TO_LEAVE);
            return Ok(());
        };
        if self.place.is_open(&peer) {
            return self.leave_conversation(&peer);
        }
        match &mut self.place.engaged {
            // Whoever is asked has answered by that.
            Engaged::Meeting(run) if run.peer == peer && run.is_asking() => {
                let refusal = run.refuse();
                self.connection.send(&refusal)
            }
            Engaged::Meeting(run) if run.peer == peer && !run.has_accepted() => {
                self.connection.send(&Request::Refuse { peer, run: run.run })
            }
            Engaged::Inviting(named) | Engaged::Waiting(named) if *named == peer => {
                self.connection.send(&Request::Withdraw { peer })
            }
            Engaged::Meeting(run) if run.peer == peer => self.connection.send(&Request::Withdraw { peer }),
            _ => {
                self.desk.show(&words::nothing_open_with(&peer));
                Ok(())
            }
        }
    }

    /// Ends an open conversation, on an act of the person's.
    pub(super) fn leave_conversation(&mut self, peer: &Username) -> Result<(), ClientError> {
        match self.place.kind(peer) {
            // Of the other kind the server knows nothing.
            Some(Kind::OneSided) => {
                let had_lines = self.place.close(peer);
                self.say_left(peer, had_lines);
                Ok(())
            }
            Some(Kind::Together) if !self.place.is_leaving(peer) => {
                self.place.leaves(peer);
                self.connection.send(&Request::Leave { peer: peer.clone() })
            }
            Some(Kind::Together) | None => Ok(()),
        }
    }

    /// The person left: back to the conversation of before, if there is one.
    pub(super) fn say_left(&mut self, peer: &Username, had_lines: bool) {
        if !had_lines {
            self.desk.notice(&words::you_left(peer));
            return;
        }
        self.desk.notice(&words::YOU_LEFT.about(peer));
        // Not while a question about another stands open: what is typed answers that.
        if let Some(previous) = self.place.switch_to_previous().cloned() {
            self.turn_to(&previous);
        }
    }

    /// The other one left, and the lines go to nobody: a line that was begun for them is for no other.
    pub(super) fn say_what_is_still_open(&mut self) {
        let open: Vec<Username> = self.place.open_with().cloned().collect();
        if !open.is_empty() {
            self.desk.show(&words::still_open(&open));
        }
    }

    /// Shows what came in a conversation, or mentions it where the lines go to another, to be shown in
    /// full when the person turns to it.
    pub(super) fn show_or_keep(&mut self, peer: &Username, shown: Shown) {
        // A program is told of every message whole, and turns to nobody.
        if self.place.focus() == Some(peer) || self.scripts.reads_everything() {
            self.show(&shown);
            return;
        }
        for warning in &shown.warnings {
            self.desk.warn(warning);
        }
        let Shown { message: Some(message), .. } = shown else { return };
        if let Some(talk) = self.talks.get_mut(peer) {
            talk.keep_unseen(Shown { warnings: Vec::new(), message: Some(message.clone()) });
        }
        if self.contacts.is_unread(peer) <= MENTIONED_AT_ONCE {
            self.desk.notice(&words::elsewhere(peer, &message));
        }
    }

    /// A message of somebody with whom no conversation is open: it is in the log, and is counted.
    pub(super) fn on_unread(&mut self, peer: &Username, entry: &Entry) {
        let pins = self.pins.peer(peer);
        if pins.identity.is_none() || entry.sender != *peer || entry.number <= pins.complete_to {
            return;
        }
        // The word of the server alone, until it is opened: so it is said once, and not for each.
        if self.contacts.is_unread(peer) == 1 {
            self.desk.arrived(peer);
            self.desk.notice(&words::unread(&[(peer.clone(), 1)]).about(peer));
        }
    }
}
