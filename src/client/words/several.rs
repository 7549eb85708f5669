//! What is said of several conversations, of who is here, and of messages for who is not.

use std::collections::BTreeSet;

use crate::{
    client::{
        away::NoWay,
        overview::Presence,
        phrase::{Arg, Phrase, Sentence},
    },
    wire::Username,
};

/// The most of a message that is shown while lines go to another conversation, in characters.
const MENTION_MAX: usize = 100;

pub(in crate::client) const NOTHING_TO_LEAVE: Sentence = Sentence("nothing_to_leave");

fn listed(names: &[Username]) -> String {
    names.iter().map(Username::as_str).collect::<Vec<_>>().join(", ")
}

pub(in crate::client) fn invited_elsewhere(peer: &Username) -> Phrase {
    say!("invited_elsewhere", peer)
}

pub(in crate::client) fn peer_is_busy_meanwhile(peer: &Username) -> Phrase {
    say!("peer_is_busy_meanwhile", peer)
}

pub(in crate::client) fn one_at_a_time(peer: &Username) -> Phrase {
    say!("one_at_a_time", peer)
}

pub(in crate::client) fn talking_with(peer: &Username) -> Phrase {
    say!("talking_with", peer)
}

pub(in crate::client) fn you_left(peer: &Username) -> Phrase {
    say!("you_left_one", peer)
}

pub(in crate::client) fn nothing_open_with(peer: &Username) -> Phrase {
    say!("no_such_conversation", peer)
}

pub(in crate::client) fn still_open(peers: &[Username]) -> Phrase {
    say!("still_open", names = listed(peers))
}

/// A message in a conversation that has not the lines, shortened; `message` as it is shown otherwise.
pub(in crate::client) fn elsewhere(peer: &Username, message: &Phrase) -> Phrase {
    let line = message.text().lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(MENTION_MAX).collect();
    if short.len() < message.text().len() {
        short.push_str("...");
    }
    say!("elsewhere", short, peer)
}

/// So many unread of one, so many of another, in one line.
pub(in crate::client) fn unread(counts: &[(Username, u64)]) -> Phrase {
    let mut words = Vec::new();
    for (peer, count) in counts {
        let (peer, count) = (peer, *count);
        let one =
            if words.is_empty() { say!("unread_from", count, peer) } else { say!("and_from", count, peer) };
        words.push(one.text().to_owned());
    }
    let names: Vec<Username> = counts.iter().map(|(peer, _)| peer.clone()).collect();
    let total = counts.iter().map(|(_, count)| count).sum::<u64>();
    let args = vec![("names", Arg::from(listed(&names))), ("total", Arg::from(total))];
    let hint = say!("with_shows_them");
    Phrase::composed("unread", args, format!("{} {}", words.join(", "), hint.text()))
}

pub(in crate::client) fn not_connected(peer: &Username, waiting: u64) -> Phrase {
    match waiting {
        0 => say!("peer_not_connected", peer),
        1 => say!("peer_has_one_waiting", peer),
        waiting => say!("peer_has_waiting", peer, waiting),
    }
}

pub(in crate::client) fn with_leaves_a_message(peer: &Username) -> Phrase {
    say!("with_leaves_a_message", peer)
}

pub(in crate::client) fn open_one_sided(peer: &Username, waiting: u64) -> Phrase {
    match waiting {
        0 => say!("open_one_sided", peer),
        waiting => say!("open_one_sided_waiting", peer, waiting),
    }
}

pub(in crate::client) fn nothing_can_be_left(peer: &Username, why: NoWay) -> Phrase {
    match why {
        NoWay::NoKey => say!("nothing_left_without_a_key", peer),
        NoWay::NotHere => say!("nothing_left_from_this_machine", peer),
        NoWay::InDoubt => identity_in_doubt(peer),
        NoWay::KeyGone => say!("nothing_left_without_the_kept_key", peer),
    }
}

pub(in crate::client) fn identity_in_doubt(peer: &Username) -> Phrase {
    say!("identity_in_doubt", peer)
}

pub(in crate::client) fn delivered(peer: &Username) -> Phrase {
    say!("delivered", peer)
}

pub(in crate::client) fn receipt_forged(peer: &Username) -> Phrase {
    say!("receipt_forged", peer)
}

/// This person's own contacts, who of them is here, and what is unread.
pub(in crate::client) fn contacts(contacts: &[(Username, Presence, u64)]) -> Phrase {
    let mut all = Vec::new();
    for (name, presence, unread) in contacts {
        let presence = match presence {
            Presence::Connected => say!("presence_here"),
            Presence::Away => say!("presence_away"),
            Presence::Unknown => say!("presence_unknown"),
        };
        let presence = presence.text();
        let one = match *unread {
            0 => say!("contact", name, presence),
            unread => say!("contact_with_unread", name, presence, unread),
        };
        all.push(one.text().to_owned());
    }
    say!("contacts", names = all.join(", "))
}

/// Who invited this person, and waits for an answer.
pub(in crate::client) fn waiting_for_you(names: &BTreeSet<Username>) -> Phrase {
    let names: Vec<&str> = names.iter().map(Username::as_str).collect();
    say!("waiting_for_you", names = names.join(", "))
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
        let said = unread(&counts);
        assert_eq!(said.text(), "2 unread from bob, 1 from carol (/with and a name shows them)");
        assert_eq!(said.arg("total"), Some(&Arg::Number(3)));
    }

    #[test]
    fn a_mention_is_one_short_line() {
        let long = format!("[14:03] bob: {}", "x".repeat(500));
        for message in [long.as_str(), "[14:03] bob: one\ntwo\nthree"] {
            let mention = elsewhere(&name("bob"), &Phrase::literal(message));
            let mention = mention.text();
            assert!(!mention.contains('\n') && mention.chars().count() < 130, "{mention}");
            assert!(mention.ends_with("... (/with bob)"), "{mention}");
        }
        let short = elsewhere(&name("bob"), &Phrase::literal("[14:03] bob: hi"));
        assert_eq!(short.text(), "[14:03] bob: hi (/with bob)");
    }
}
