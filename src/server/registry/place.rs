//! Where a connected user is.

use crate::{
    server::limits::STEPS_MAX,
    wire::{Role, Username},
};

/// Where a connected user is. Exactly one of these at a time.
#[derive(Debug)]
pub(super) enum Place {
    /// Free for an invitation.
    Lobby,
    /// Has invited someone who is busy.
    Waiting {
        /// Whom.
        on: Username,
    },
    /// In a run that leads to a conversation.
    Meeting {
        /// The own part in it.
        part: Part,
        /// The run began within a conversation that was closed since: it leads to nothing. Of the closing
        /// this user is told when the run is settled, and free: a name typed at once would meet this run.
        closed: Option<Closing>,
    },
    /// In a conversation. Invariant: the peer is too, with this user.
    Talking {
        /// With whom.
        peer: Username,
        /// The own part in a run for a new key, within the conversation.
        rekey: Option<Part>,
    },
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

    pub(super) fn is_responder(&self) -> bool {
        self.role == Role::Responder
    }

    /// Whether the run is known to this member, and the peer was not sent more steps than any agreement has.
    pub(super) fn may_send_a_step(&self) -> bool {
        self.told && self.steps < STEPS_MAX
    }
}

impl Place {
    /// The part in a run, wherever it is going on.
    pub(super) fn part(&self) -> Option<&Part> {
        match self {
            Self::Meeting { part, .. } | Self::Talking { rekey: Some(part), .. } => Some(part),
            Self::Lobby | Self::Waiting { .. } | Self::Talking { rekey: None, .. } => None,
        }
    }

    /// As [`Place::part`].
    pub(super) fn part_mut(&mut self) -> Option<&mut Part> {
        match self {
            Self::Meeting { part, .. } | Self::Talking { rekey: Some(part), .. } => Some(part),
            Self::Lobby | Self::Waiting { .. } | Self::Talking { rekey: None, .. } => None,
        }
    }
}
