//! What is said of messages, and of the log they are read from.

use std::io;

use chrono::{DateTime, Datelike, Local, NaiveDate, Utc};

use super::reason;
use crate::{
    client::{
        Language,
        phrase::{Arg, Phrase, Sentence},
    },
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

/// What each later line of a message begins with where it is shown: no line of the client's does.
const GUTTER: &str = "      | ";

/// A message of more lines than this is shown in one, with its line breaks escaped: it would take the whole screen away.
const LINES_MAX: usize = 500;

/// A message as it is shown: `[14:03] bob: hello`, each later line of it with a mark of its own before it.
pub(in crate::client) fn message(message: &Message<'_>) -> Phrase {
    let Message { peer, from, own, number, sent, text } = message;
    let local = sent.map(|sent| sent.with_timezone(&Local));
    let time = local.map_or_else(|| "--:--".to_owned(), |sent| sent.format("%H:%M").to_string());
    let printable = Printable::line(text).to_string();
    let line = format!("[{time}] {from}: {}", in_lines(text, &printable));
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

/// What a person typed, shown to them again.
pub(in crate::client) fn given_back(typed: &str) -> String {
    in_lines(typed, Printable::line(typed).as_str())
}

/// A message that was looked for: with its number and its day, on one line.
pub(in crate::client) fn found_message(message: &Phrase) -> Phrase {
    let said = |name| match message.arg(name) {
        Some(Arg::Text(said)) => said.as_str(),
        _ => "",
    };
    let number = match message.arg("number") {
        Some(Arg::Number(number)) => *number,
        _ => 0,
    };
    let sent = match message.arg("sent") {
        Some(Arg::Time(sent)) => sent.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string(),
        _ => "--:--".to_owned(),
    };
    let text = format!("{number:>6}  [{sent}] {}: {}", said("from"), said("text"));
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

fn in_lines(text: &str, in_one: &str) -> String {
    match text.matches('\n').count() {
        0 => in_one.to_owned(),
        breaks if breaks < LINES_MAX => Printable::text(text).as_str().replace('\n', &format!("\n{GUTTER}")),
        _ => in_one.to_owned(),
    }
}

/// The line between the messages of two days: `--- Tuesday 24 November 2026 ---`.
pub(in crate::client) fn day(date: NaiveDate) -> Phrase {
    say!("day", day = day_name(date).text())
}

/// A day as it is spoken of: `Tuesday 24 November 2026`.
pub(in crate::client) fn day_name(date: NaiveDate) -> Phrase {
    let name = |all: Sentence, number: u32| {
        let all = Phrase::from(all);
        all.text().split(' ').nth(usize::try_from(number).unwrap_or_default()).unwrap_or_default().to_owned()
    };
    let weekday = name(WEEKDAYS, date.weekday().num_days_from_monday());
    let (month, year) = (name(MONTHS, date.month0()), date.year().to_string());
    say!("day_name", weekday, day = day_number(date.day(), Language::spoken()), month, year)
}

/// French has a word for the first of a month, and numbers for the other days.
fn day_number(day: u32, language: Language) -> String {
    if (language, day) == (Language::French, 1) { "1er".to_owned() } else { day.to_string() }
}

const WEEKDAYS: Sentence = Sentence("weekdays");
const MONTHS: Sentence = Sentence("months");

/// What is asked before several lines are sent.
pub(in crate::client) fn several_lines(lines: usize) -> Phrase {
    say!("several_lines", lines)
}

pub(in crate::client) const SEVERAL_NOT_SENT: Sentence = Sentence("several_not_sent");

pub(in crate::client) fn not_composed(why: &str) -> Phrase {
    say!("not_composed", why)
}

// Why a message was not written in the person's own editor.

pub(in crate::client) fn editor_has_no_file(error: &io::Error) -> Phrase {
    say!("editor_has_no_file", why = reason(error))
}

pub(in crate::client) fn editor_not_started(error: &io::Error) -> Phrase {
    say!("editor_not_started", why = reason(error))
}

/// `editor`: the command, as its person named it.
pub(in crate::client) fn editor_not_there(editor: &str) -> Phrase {
    say!("editor_not_there", editor = Printable::line(editor).to_string())
}

pub(in crate::client) fn editor_failed(status: i32) -> Phrase {
    say!("editor_failed", status = i64::from(status).unsigned_abs())
}

pub(in crate::client) const EDITOR_KILLED: Sentence = Sentence("editor_killed");

pub(in crate::client) const EDITOR_LEFT_NO_TEXT: Sentence = Sentence("editor_left_no_text");

pub(in crate::client) fn editor_left_too_much(max: usize) -> Phrase {
    say!("editor_left_too_much", max)
}

pub(in crate::client) const EDIT_NEEDS_A_TERMINAL: Sentence = Sentence("edit_needs_a_terminal");

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn the_first_of_a_month_has_its_french_name() {
        let numbers = |language| [1, 2, 31].map(|day| day_number(day, language));
        assert_eq!(numbers(Language::French), ["1er", "2", "31"]);
        assert_eq!(numbers(Language::English), ["1", "2", "31"]);
    }

    fn shown(text: &str) -> Phrase {
        let bob: Username = "bob".parse().unwrap();
        let sent = Local.with_ymd_and_hms(2026, 11, 22, 14, 3, 0).unwrap().with_timezone(&Utc);
        message(&Message { peer: &bob, from: &bob, own: false, number: 7, sent: Some(sent), text })
    }

    #[test]
    fn a_message_shows_when_it_was_sent_and_by_whom() {
        assert_eq!(shown("hello").text(), "[14:03] bob: hello");
    }

    #[test]
    fn each_later_line_of_a_message_is_marked_so_that_it_passes_for_nothing_else() {
        let forged = shown("one\n[14:04] carol: FORGED\n\n\u{301}\\n\r\n");
        assert_eq!(
            forged.text(),
            "[14:03] bob: one\n      | [14:04] carol: FORGED\n      | \n      | \\u{301}\\\\n\\r\n      | "
        );
        assert_eq!(shown(&"\n".repeat(LINES_MAX - 1)).text().lines().count(), LINES_MAX);
        assert_eq!(shown(&"\n".repeat(LINES_MAX)).text().lines().count(), 1);
    }

    #[test]
    fn a_day_is_named_in_full() {
        let date = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
        assert_eq!(day(date(2026, 11, 24)).text(), "--- Tuesday 24 November 2026 ---");
        assert_eq!(day(date(2027, 1, 3)).text(), "--- Sunday 3 January 2027 ---");
    }

    #[test]
    fn a_message_is_shown_printable_and_kept_exact() {
        let evil = shown("red \u{1b}[31m");
        assert!(!evil.text().contains('\u{1b}'), "{}", evil.text());
        assert_eq!(evil.arg("exact"), Some(&Arg::Exact("red \u{1b}[31m".into())));
        let plain = shown("hello");
        assert_eq!((plain.arg("exact"), plain.arg("text")), (None, Some(&Arg::Text("hello".into()))));
        assert_eq!((plain.arg("number"), plain.arg("own")), (Some(&Arg::Number(7)), Some(&Arg::Flag(false))));
    }
}
