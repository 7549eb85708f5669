//! What is said of several conversations, of who is here, and of messages for who is not.

use crate::{
    client::{away::NoWay, overview::Presence},
    wire::Username,
};

/// The most of a message that is shown while lines go to another conversation, in characters.
const MENTION_MAX: usize = 100;

pub(in crate::client) const NOTHING_TO_LEAVE: &str = "no conversation is open here; type exit to log out";

fn listed(names: &[Username]) -> String {
    names.iter().map(Username::as_str).collect::<Vec<_>>().join(", ")
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".into() } else { format!("{count} messages") }
}

pub(in crate::client) fn invited_elsewhere(peer: &Username) -> String {
    format!("{peer} wants to start a conversation with you (/with {peer} answers)")
}

pub(in crate::client) fn peer_is_busy_meanwhile(peer: &Username) -> String {
    format!("{peer} is busy; they are told, and your invitation waits. /leave {peer} takes it back")
}

pub(in crate::client) fn one_at_a_time(peer: &Username) -> String {
    format!("one thing at a time: you and {peer} are not done yet (/leave {peer} ends that)")
}

pub(in crate::client) fn talking_with(peer: &Username) -> String {
    format!("You are talking with {peer}")
}

pub(in crate::client) fn you_left(peer: &Username) -> String {
    format!("You left the conversation with {peer}")
}

pub(in crate::client) fn nothing_open_with(peer: &Username) -> String {
    format!("there is no conversation with {peer} to leave")
}

pub(in crate::client) fn still_open(peers: &[Username]) -> String {
    format!("still open: {} (/with and a name goes on there)", listed(peers))
}

/// A message in a conversation that has not the lines, shortened; `message` as it is shown otherwise.
pub(in crate::client) fn elsewhere(peer: &Username, message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(MENTION_MAX).collect();
    if short.len() < message.len() {
        short.push_str("...");
    }
    format!("{short} (/with {peer})")
}

pub(in crate::client) fn unread(counts: &[(Username, u64)]) -> String {
    let mut text = String::new();
    for (peer, count) in counts {
        let what = if text.is_empty() { "unread from" } else { "from" };
        let separator = if text.is_empty() { "" } else { ", " };
        text.push_str(&format!("{separator}{count} {what} {peer}"));
    }
    text + " (/with and a name shows them)"
}

pub(in crate::client) fn not_connected(peer: &Username, waiting: u64) -> String {
    match waiting {
        0 => format!("{peer} is not connected"),
        waiting => format!("{peer} is not connected; they have {} from you waiting", messages(waiting)),
    }
}

pub(in crate::client) fn with_leaves_a_message(peer: &Username) -> String {
    format!("/with {peer} leaves them a message")
}

pub(in crate::client) fn open_one_sided(peer: &Username, waiting: u64) -> String {
    let waiting = if waiting == 0 { String::new() } else { format!(" ({waiting} waiting)") };
    format!("{peer} is not connected; what you type waits for them{waiting}")
}

pub(in crate::client) fn nothing_can_be_left(peer: &Username, why: NoWay) -> String {
    match why {
        NoWay::NoKey => {
            format!(
                "{peer} is not connected, and you have no key with {peer}: the first meeting needs you both"
            )
        }
        NoWay::NotHere => format!(
            "{peer} is not connected, and this machine has not seen {peer} prove your newest key: meet {peer} once \
             with this machine, then you can leave messages"
        ),
        NoWay::InDoubt => format!("{peer} is not connected. {}", identity_in_doubt(peer)),
        NoWay::KeyGone => format!(
            "{peer} is not connected, and the server does not give back the key that you and {peer} agreed on: \
             meet {peer} to agree on another"
        ),
    }
}

pub(in crate::client) fn identity_in_doubt(peer: &Username) -> String {
    format!(
        "{peer} showed another identity than before, and that is not resolved: nothing is sent to {peer} until you \
         have met and compared codes"
    )
}

pub(in crate::client) fn delivered(peer: &Username) -> String {
    format!("{peer} has received the messages that you left")
}

pub(in crate::client) fn receipt_forged(peer: &Username) -> String {
    format!("WARNING: the server says that {peer} has received a message, and {peer}'s proof does not verify")
}

pub(in crate::client) fn contacts(contacts: &[(Username, Presence, u64)]) -> String {
    let one = |(name, presence, unread): &(Username, Presence, u64)| {
        let presence = match presence {
            Presence::Connected => "here",
            Presence::Away => "away",
            Presence::Unknown => "not known",
        };
        let unread = if *unread == 0 { String::new() } else { format!(", {unread} unread") };
        format!("{name} ({presence}{unread})")
    };
    format!("your contacts: {}", contacts.iter().map(one).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_unread_is_one_line() {
        let counts = [(name("bob"), 2), (name("carol"), 1)];
        assert_eq!(unread(&counts), "2 unread from bob, 1 from carol (/with and a name shows them)");
    }

    #[test]
    fn a_mention_is_one_short_line() {
        let long = format!("[14:03] bob: {}", "x".repeat(500));
        for message in [long.as_str(), "[14:03] bob: one\ntwo\nthree"] {
            let mention = elsewhere(&name("bob"), message);
            assert!(!mention.contains('\n') && mention.chars().count() < 130, "{mention}");
            assert!(mention.ends_with("... (/with bob)"), "{mention}");
        }
        assert_eq!(elsewhere(&name("bob"), "[14:03] bob: hi"), "[14:03] bob: hi (/with bob)");
    }
}
