//! The view's own words.

use crate::client::overview::{Presence, Trust};

pub(super) fn you() -> String {
    "you".into()
}

/// The state of a key, for the title of a conversation.
pub(super) fn trust(trust: Trust) -> &'static str {
    match trust {
        Trust::None => "no key yet",
        Trust::New => "key new, not verified",
        Trust::Known => "key not verified",
        Trust::Verified => "key verified",
        Trust::Changed => "KEY CHANGED",
    }
}

pub(super) fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Connected => "connected",
        Presence::Away => "away",
        Presence::Unknown => "",
    }
}
