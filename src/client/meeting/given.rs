//! What a run of the agreement is given at its beginning: by the server, and by what this client knows.

use crate::{
    client::pins::PeerPins,
    crypto::key_file::Unlocked,
    wire::{KeptKey, Role, Username},
};

/// What this client knows and a run needs.
pub(in crate::client) struct Known<'a> {
    pub(in crate::client) me: &'a Username,
    pub(in crate::client) keys: &'a Unlocked,
    pub(in crate::client) pins: &'a PeerPins,
    /// An epoch that the peer said it has used, in a run before this one.
    pub(in crate::client) epoch_floor: u32,
    /// The peer said that it knows another kept key than the server shows.
    pub(in crate::client) kept_key_declined: bool,
    /// A lost connection closed the conversation with this peer a moment ago, under this epoch.
    pub(in crate::client) reopening: Option<u32>,
    /// The invitation was the client's own, to open that again: no new key is offered on it.
    pub(in crate::client) asked_by_itself: bool,
}

/// How a run begins, as the server says.
pub(in crate::client) struct Start {
    pub(in crate::client) peer: Username,
    pub(in crate::client) run: u64,
    pub(in crate::client) role: Role,
    pub(in crate::client) new_key: bool,
    pub(in crate::client) kept: Option<KeptKey>,
}
