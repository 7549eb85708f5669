//! Where a connected user is: with whom they are in conversation, and what else they are doing.

use std::collections::BTreeSet;

use crate::{
    server::limits::STEPS_MAX,
    wire::{Role, Username},
};

/// Where a connected user is: any number of conversations, and at most one other thing under way.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// With whom a conversation is open. Invariant: each of them has this user in theirs.
    pub(super) talking: BTreeSet<Username>,
    pub(super) engaged: Engaged,
}

/// What a user is doing besides talking. Exactly one of these at a time.
#[derive(Debug, Default)]
pub(super) enum Engaged {
    /// Nothing.
    #[default]
    Free,
    /// Has invited someone who is busy.
    Waiting {
        /// Whom.
        on: Username,
    },
    /// In a run.
    Meeting {
        /// The own part in it.
        part: Part,
        /// What it leads to.
        within: Within,
    },
}

/// Where a run began.
#[derive(Debug)]
pub(super) enum Within {
    /// Outside a conversation: it leads to one.
    Nothing,
    /// In the open conversation of the two, which goes on under the new key.
    Conversation,
    /// In a conversation that was closed since: it leads to nothing. Of the closing this user is told
    /// when the run is settled, and free: a name typed at once would meet this run.
    Closed(Closing),
}

/// How a conversation was closed.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) by: Username,
    pub(super) lost: bool,
}

/// One member's part in a run that is not settled.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) run: u64,
    pub(super) peer: Username,
    pub(super) role: Role,
    /// Whether this member has been told that the run began.
    pub(super) told: bool,
    /// Steps of the agreement that this member has sent.
    pub(super) steps: u32,
}

impl Part {
    pub(super) fn initiator(run: u64, peer: Username) -> Self {
        Self { run, peer, role: Role::Initiator, told: false, steps: 0 }
    }

    pub(super) fn responder(run: u64, peer: Username) -> Self {
        Self { run, peer, role: Role::Responder, told: false, steps: 0 }
    }

    fn is_responder(&self) -> bool {
        self.role == Role::Responder
    }

    /// Whether the run is known to this member, and the peer was not sent more steps than any agreement has.
    pub(super) fn may_send_a_step(&self) -> bool {
        self.told && self.steps < STEPS_MAX
    }
}

impl Place {
    /// Whether an invitation begins a run at once.
    pub(super) fn is_lobby(&self) -> bool {
        self.is_free() && self.talking.is_empty()
    }

    /// Whether nothing but conversations is under way.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.engaged, Engaged::Free)
    }

    /// Whether an invitation of this user waits for `name`.
    pub(super) fn waits_for(&self, name: &Username) -> bool {
        matches!(&self.engaged, Engaged::Waiting { on } if on == name)
    }

    /// The part in a run.
    pub(super) fn part(&self) -> Option<&Part> {
        match &self.engaged {
            Engaged::Meeting { part, .. } => Some(part),
            Engaged::Free | Engaged::Waiting { .. } => None,
        }
    }

    /// As [`Place::part`].
    pub(super) fn part_mut(&mut self) -> Option<&mut Part> {
        match &mut self.engaged {
            Engaged::Meeting { part, .. } => Some(part),
            Engaged::Free | Engaged::Waiting { .. } => None,
        }
    }

    /// Whether `peer` began the run that this user is about to begin with them: the two asked at the same
    /// moment, the peer's invitation came first, and this is it.
    pub(super) fn crosses(&self, peer: &Username, new_key: bool) -> bool {
        match &self.engaged {
            Engaged::Meeting { part, within } => {
                part.peer == *peer && part.is_responder() && new_key == within.is_conversation()
            }
            Engaged::Free | Engaged::Waiting { .. } => false,
        }
    }
}

impl Within {
    fn is_conversation(&self) -> bool {
        matches!(self, Self::Conversation)
    }
}
