//! What the full-screen view says by itself.

use crate::{
    client::{
        overview::{Presence, Trust},
        phrase::{Arg, Phrase, Sentence},
    },
    wire::Username,
};

pub(in crate::client) const VIEW_YOU: Sentence = Sentence("view_you");
pub(in crate::client) const VIEW_CONNECTED: Sentence = Sentence("view_connected");
pub(in crate::client) const VIEW_NOT_CONNECTED: Sentence = Sentence("view_not_connected");
pub(in crate::client) const VIEW_CONTACTS: Sentence = Sentence("view_contacts");
pub(in crate::client) const VIEW_NO_CONTACTS: Sentence = Sentence("view_no_contacts");
pub(in crate::client) const VIEW_NO_CONVERSATION: Sentence = Sentence("view_no_conversation");
pub(in crate::client) const VIEW_HELP_KEY: Sentence = Sentence("view_help_key");
pub(in crate::client) const VIEW_HIDDEN: Sentence = Sentence("view_hidden");
pub(in crate::client) const VIEW_MORE_BELOW: Sentence = Sentence("view_more_below");
pub(in crate::client) const VIEW_LINE_TOO_LONG: Sentence = Sentence("view_line_too_long");
pub(in crate::client) const VIEW_NOTHING_ASKED: Sentence = Sentence("view_nothing_asked");
pub(in crate::client) const VIEW_HELP: Sentence = Sentence("view_help");

/// The state of the key with a contact, in a title.
pub(in crate::client) fn view_trust(trust: Trust) -> Phrase {
    match trust {
        Trust::None => say!("view_trust_none"),
        Trust::New => say!("view_trust_new"),
        Trust::Known => say!("view_trust_known"),
        Trust::Verified => say!("view_trust_verified"),
        Trust::Changed => say!("view_trust_changed"),
    }
}

/// Whether a contact is there; nothing where that is not known.
pub(in crate::client) fn view_presence(presence: Presence) -> Option<Phrase> {
    match presence {
        Presence::Connected => Some(say!("view_present")),
        Presence::Away => Some(say!("view_away")),
        Presence::Unknown => None,
    }
}

/// A message that was written in an editor, while its conversation was left.
pub(in crate::client) fn view_waits_with(peer: &str) -> Phrase {
    say!("view_waits_with", peer)
}

/// Somebody was chosen who is there, and has no conversation open with this person: the line asks for one.
pub(in crate::client) fn view_enter_asks(peer: &Username) -> Phrase {
    say!("view_enter_asks", peer)
}

/// The same, where the line holds something else.
pub(in crate::client) fn view_with_asks(peer: &Username) -> Phrase {
    say!("view_with_asks", peer)
}

/// What the word being typed could become.
pub(in crate::client) fn view_any_of(all: &str) -> Phrase {
    say!("view_any_of", all)
}

/// `contacts`: their names, each with a count.
pub(in crate::client) fn view_unread(contacts: &str) -> Phrase {
    say!("view_unread", contacts)
}

pub(in crate::client) fn view_new_below(count: usize) -> Phrase {
    say!("view_new_below", count)
}

pub(in crate::client) fn view_paste(lines: usize, bytes: usize) -> Phrase {
    say!("view_paste", lines, bytes)
}

/// A line was begun for somebody, or outside of any conversation, and would go to somebody else.
pub(in crate::client) fn view_begun_elsewhere(before: Option<&str>, now: Option<&str>) -> Phrase {
    match (before, now) {
        (Some(before), Some(now)) => say!("view_begun_for", before, now),
        (None, Some(now)) => say!("view_begun_before", now),
        (_, None) => say!("view_begun_inside"),
    }
}

pub(in crate::client) fn view_too_small(columns: u16, rows: u16) -> Phrase {
    say!("view_too_small", columns = u64::from(columns), rows = u64::from(rows))
}

/// What the signs mean.
pub(in crate::client) fn view_signs(
    (sent, stored, delivered, failed): (&str, &str, &str, &str),
    (present, away): (&str, &str),
) -> Phrase {
    say!("view_signs", sent, stored, delivered, failed, present, away)
}
