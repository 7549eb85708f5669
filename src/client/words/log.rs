//! What is said of messages, and of the log they are read from.

use chrono::{DateTime, Local, Utc};

use crate::{
    client::phrase::{Arg, Phrase},
    printable::Printable,
    wire::Username,
};

pub(in crate::client) fn log_shortened(peer: &Username, last: u64, seen: u64) -> Phrase {
    say!("log_shortened", peer, last, seen)
}

pub(in crate::client) fn log_altered(peer: &Username, number: u64) -> Phrase {
    say!("log_altered", peer, number)
}

pub(in crate::client) fn log_numbering(peer: &Username, expected: u64, got: u64) -> Phrase {
    say!("log_numbering", peer, expected, got)
}

pub(in crate::client) fn log_unreadable(peer: &Username) -> Phrase {
    say!("log_unreadable", peer)
}

pub(in crate::client) fn log_no_memory(peer: &Username) -> Phrase {
    say!("log_no_memory", peer)
}

pub(in crate::client) fn gap(number: u64, sender: &Username) -> Phrase {
    say!("gap", number, sender)
}

pub(in crate::client) fn repeat(number: u64, sender: &Username) -> Phrase {
    say!("repeat", number, sender)
}

pub(in crate::client) fn late(number: u64, sender: &Username) -> Phrase {
    say!("late", number, sender)
}

pub(in crate::client) fn answers_unseen(number: u64, sender: &Username, other: &Username) -> Phrase {
    say!("answers_unseen", number, sender, other)
}

pub(in crate::client) fn old_key(number: u64, sender: &Username) -> Phrase {
    say!("old_key", number, sender)
}

pub(in crate::client) fn does_not_open(number: u64, sender: &Username) -> Phrase {
    say!("does_not_open", number, sender)
}

pub(in crate::client) fn relabelled(number: u64, shown: &Username, real: &Username) -> Phrase {
    say!("relabelled", number, shown, real)
}

pub(in crate::client) fn no_key_for(number: u64, sender: &Username, epoch: u32) -> Phrase {
    say!("no_key_for", number, sender, epoch)
}

pub(in crate::client) fn peer_saw_other(peer: &Username) -> Phrase {
    say!("peer_saw_other", peer)
}

pub(in crate::client) fn stored_differs(peer: &Username) -> Phrase {
    say!("stored_differs", peer)
}

pub(in crate::client) fn not_sent(text: &str, why: &str) -> Phrase {
    say!("not_sent", text, why)
}

pub(in crate::client) fn fate_unknown(text: &str) -> Phrase {
    say!("fate_unknown", text)
}

pub(in crate::client) fn too_long(bytes: usize, max: usize) -> Phrase {
    say!("too_long", bytes, max)
}

/// A message, opened and placed.
pub(in crate::client) struct Message<'a> {
    pub(in crate::client) peer: &'a Username,
    pub(in crate::client) from: &'a Username,
    /// This person wrote it.
    pub(in crate::client) own: bool,
    /// Its number in the log.
    pub(in crate::client) number: u64,
    /// As its sender says; `None` for a time that there is not.
    pub(in crate::client) sent: Option<DateTime<Utc>>,
    /// As it was written.
    pub(in crate::client) text: &'a str,
}

/// A message as it is shown: `[14:03] bob: hello`, with the day when it is not today's.
pub(in crate::client) fn message(message: &Message<'_>, now: DateTime<Local>) -> Phrase {
    let Message { peer, from, own, number, sent, text } = message;
    let local = sent.map(|sent| sent.with_timezone(&Local));
    let time = match local {
        Some(sent) if sent.date_naive() == now.date_naive() => sent.format("%H:%M").to_string(),
        Some(sent) => sent.format("%Y-%m-%d %H:%M").to_string(),
        None => "--:--".into(),
    };
    let printable = Printable::line(text).to_string();
    let line = format!("[{time}] {from}: {printable}");
    let mut args = vec![
        ("peer", Arg::from(*peer)),
        ("from", Arg::from(*from)),
        ("own", Arg::Flag(*own)),
        ("number", Arg::Number(*number)),
    ];
    args.extend(sent.map(|sent| ("sent", Arg::Time(sent))));
    args.extend((printable != *text).then(|| ("exact", Arg::Exact((*text).to_owned()))));
    args.push(("text", Arg::Text(printable)));
    Phrase::composed("message", args, line)
}

/// A message that was looked for: its number before it.
pub(in crate::client) fn found_message(message: &Phrase) -> Phrase {
    let Some(Arg::Number(number)) = message.arg("number") else { return message.clone() };
    let text = format!("{number:>6}  {}", message.text());
    Phrase::composed("found_message", message.args().to_vec(), text)
}

pub(in crate::client) fn found(
    peer: &Username,
    looked_for: &str,
    count: u64,
    shown: u64,
    read: u64,
) -> Phrase {
    let words = Printable::line(looked_for).to_string();
    if shown < count {
        say!("found_more", peer, words, count, shown, read)
    } else {
        say!("found", peer, words, count, read)
    }
}

pub(in crate::client) fn search_needs_it_open(peer: &Username) -> Phrase {
    say!("search_needs_it_open", peer)
}

pub(in crate::client) fn more_is_wrong(peer: &Username, count: usize) -> Phrase {
    say!("more_is_wrong", peer, count)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn shown(day: u32, hour: u32, text: &str) -> Phrase {
        let bob: Username = "bob".parse().unwrap();
        let at = |day, hour| Local.with_ymd_and_hms(2026, 11, day, hour, 3, 0).unwrap();
        let sent = Some(at(day, hour).with_timezone(&Utc));
        let message_of = Message { peer: &bob, from: &bob, own: false, number: 7, sent, text };
        message(&message_of, at(22, 15))
    }

    #[test]
    fn a_message_shows_its_day_only_when_it_is_another() {
        assert_eq!(shown(22, 14, "hello").text(), "[14:03] bob: hello");
        assert_eq!(shown(21, 14, "hello").text(), "[2026-11-21 14:03] bob: hello");
    }

    #[test]
    fn a_message_is_shown_printable_and_kept_exact() {
        let evil = shown(22, 14, "red \u{1b}[31m");
        assert!(!evil.text().contains('\u{1b}'), "{}", evil.text());
        assert_eq!(evil.arg("exact"), Some(&Arg::Exact("red \u{1b}[31m".into())));
        let plain = shown(22, 14, "hello");
        assert_eq!((plain.arg("exact"), plain.arg("text")), (None, Some(&Arg::Text("hello".into()))));
        assert_eq!((plain.arg("number"), plain.arg("own")), (Some(&Arg::Number(7)), Some(&Arg::Flag(false))));
    }
}
