//! The view's own words.

use super::{palette::Glyphs, scrollback::Mark};
use crate::client::overview::{Presence, Trust};

pub(super) fn you() -> String {
    "you".into()
}

/// The state of a key, for the title of a conversation.
pub(super) fn trust(trust: Trust) -> &'static str {
    match trust {
        Trust::None => "no key yet",
        Trust::New => "new key, not verified",
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

pub(super) fn connected() -> String {
    "connected".into()
}

pub(super) fn not_connected() -> String {
    "not connected".into()
}

pub(super) fn contacts() -> String {
    "Contacts".into()
}

pub(super) fn no_contacts() -> String {
    "nobody yet".into()
}

pub(super) fn nobody() -> String {
    "no conversation".into()
}

pub(super) fn welcome() -> String {
    "securechat".into()
}

pub(super) fn help_hint() -> String {
    "F1 help".into()
}

pub(super) fn hidden() -> String {
    "(not shown)".into()
}

pub(super) fn unread(who: &str) -> String {
    format!("unread: {who}")
}

pub(super) fn more_below(new: usize) -> String {
    match new {
        0 => "more below".into(),
        new => format!("{new} new below"),
    }
}

pub(super) fn paste_question(lines: usize, bytes: usize) -> String {
    format!("{lines} lines were pasted ({bytes} bytes). Enter takes them as one message, Escape drops them")
}

pub(super) fn line_too_long() -> String {
    "that is longer than a line may be".into()
}

pub(super) fn not_yet() -> String {
    "nothing is asked at this moment; the line stays here".into()
}

pub(super) fn begun_elsewhere(before: Option<&str>, now: Option<&str>) -> String {
    match (before, now) {
        (Some(before), Some(now)) => {
            format!("that line was begun for {before}; Enter again sends it to {now}")
        }
        (None, Some(now)) => {
            format!("that line was begun before this conversation; Enter again sends it to {now}")
        }
        (_, None) => "that line was begun in a conversation; Enter again takes it all the same".into(),
    }
}

pub(super) fn too_small(columns: u16, rows: u16) -> String {
    format!("too small: {columns}x{rows} needed")
}

pub(super) fn help(glyphs: &Glyphs) -> Vec<String> {
    let marks = format!(
        "your messages: {} sent, {} stored, {} delivered, {} not sent",
        glyphs.mark(Mark::Sent),
        glyphs.mark(Mark::Stored),
        glyphs.mark(Mark::Delivered),
        glyphs.mark(Mark::Failed)
    );
    let people = format!("contacts: {} connected, {} away", glyphs.connected, glyphs.away);
    let keys = [
        "Enter            send, or answer",
        "Alt-Enter        a new line within the message",
        "PgUp PgDn        look at earlier messages; Home, End: the first, the last",
        "Tab, Ctrl-N, P   next or previous contact; Alt-1 to Alt-9: that one",
        "Up, Down         lines typed before",
        "Ctrl-A E B F     move; Alt-B, Alt-F: by words",
        "Ctrl-K U W Y     cut to the end, to the start, a word; put back",
        "Ctrl-L, Ctrl-Z   draw anew; put the program aside (fg brings it back)",
        "Ctrl-C, Ctrl-D   leave and log out",
        "/help            the commands",
    ];
    let keys = keys.into_iter().map(str::to_owned);
    keys.chain([marks, people, "any key closes this; ? once more types a ?".into()]).collect()
}
