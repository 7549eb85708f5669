//! Messages of other days: their times are those of the reader's clock, and a line says where a day begins. Nobody waits
//! for midnight here: a message says itself when it was sent.

use std::path::Path;

use chrono::{DateTime, Utc};
use securechat::wire::{Event, Request};

use crate::{
    common::{Pty, password_of},
    impostor::{Impostor, Talk},
    liar::{Liar, heard},
};

/// When, and what. In New York the clocks were put forward in the night to 10 March 2024, from 2 to 3.
const SAID: [(&str, &str); 6] = [
    ("2024-03-09T14:50:00Z", "before midnight in Tokyo"),
    ("2024-03-09T15:10:00Z", "after it"),
    ("2024-03-10T06:59:00Z", "a minute before the clocks change in New York"),
    ("2024-03-10T07:01:00Z", "two minutes later"),
    ("2024-03-11T03:59:00Z", "before midnight in New York"),
    ("2024-03-11T04:01:00Z", "after it"),
];

/// What bob, whose clock is that of this zone, sees of all that once the conversation is open: his whole screen of so
/// many rows and columns.
fn screen(view: &[&str], (rows, columns): (u16, u16), zone: &str) -> String {
    let liar = Liar::starts();
    let mut command = liar.client_command("bob");
    command.args(view).env("TZ", zone).env("LC_ALL", "C.UTF-8");
    let mut bob = Pty::spawn(command);
    bob.resizes(rows, columns);
    let line = liar.greets();
    let password = password_of("bob");
    for (question, answer) in [
        ("Do you already have an account? (yes/no)", "no"),
        ("Username:", "bob"),
        ("Password:", &password),
        ("Repeat password:", &password),
    ] {
        bob.sees(question);
        bob.types(&format!("{answer}\r"));
    }
    heard!(line.hears(), Request::Register { .. } => ());
    line.says(&Event::LoggedIn {});
    bob.sees("Who do you want to start a conversation with?");
    let alice = Impostor::poses_as("alice", "bob");
    let agreed = alice.reaches_the_question(&line, 1, 1);
    bob.sees("Accept this key?");
    bob.types("yes\r");
    line.hears_acceptance();
    line.says_agreed("alice", 1, agreed.acceptance());
    bob.sees("Conversation with alice is open.");
    let mut talk = Talk::new(alice.name.clone(), agreed.into_key(), None);
    for (number, (sent, text)) in (1..).zip(SAID) {
        let sent: DateTime<Utc> = sent.parse().unwrap();
        let body = talk.seals_at(sent, text);
        talk.delivers(&line, number, &body);
    }
    // The last of them is there, and the line being typed below it.
    bob.types("so long");
    let last = format!("{}so long", if view.is_empty() { "alice> " } else { " > " });
    bob.waits_until("all of it", |screen| {
        screen.contents().matches("after it").count() == 2 && screen.line_typed() == last
    });
    let screen = bob.screen().contents();
    let rows = screen.lines().map(str::trim_end).skip_while(|row| !row.contains("is open."));
    rows.collect::<Vec<_>>().join("\n")
}

/// A zone by its name, or by its rule where the system does not know the names of zones.
fn zone(name: &'static str, rule: &'static str) -> &'static str {
    if Path::new("/usr/share/zoneinfo").join(name).exists() { name } else { rule }
}

fn tokyo() -> &'static str {
    zone("Asia/Tokyo", "JST-9")
}

fn new_york() -> &'static str {
    zone("America/New_York", "EST5EDT,M3.2.0,M11.1.0")
}

#[test]
fn a_day_begins_at_the_readers_midnight_and_clocks_that_change_are_followed() {
    assert_eq!(
        screen(&[], (24, 80), tokyo()),
        "\
Conversation with alice is open. Type a message, or exit to leave.
--- Saturday 9 March 2024 ---
[23:50] alice: before midnight in Tokyo
--- Sunday 10 March 2024 ---
[00:10] alice: after it
[15:59] alice: a minute before the clocks change in New York
[16:01] alice: two minutes later
--- Monday 11 March 2024 ---
[12:59] alice: before midnight in New York
[13:01] alice: after it
alice> so long"
    );
    assert_eq!(
        screen(&[], (24, 80), new_york()),
        "\
Conversation with alice is open. Type a message, or exit to leave.
--- Saturday 9 March 2024 ---
[09:50] alice: before midnight in Tokyo
[10:10] alice: after it
--- Sunday 10 March 2024 ---
[01:59] alice: a minute before the clocks change in New York
[03:01] alice: two minutes later
[23:59] alice: before midnight in New York
--- Monday 11 March 2024 ---
[00:01] alice: after it
alice> so long"
    );
}

#[test]
fn the_line_of_a_day_stands_whole_on_a_narrow_screen() {
    assert_eq!(
        screen(&[], (16, 40), tokyo()),
        "\
Conversation with alice is open. Type a
  message, or exit to leave.
--- Saturday 9 March 2024 ---
[23:50] alice: before midnight in Tokyo
--- Sunday 10 March 2024 ---
[00:10] alice: after it
[15:59] alice: a minute before the
        clocks change in New York
[16:01] alice: two minutes later
--- Monday 11 March 2024 ---
[12:59] alice: before midnight in New
        York
[13:01] alice: after it
alice> so long"
    );
}

#[test]
fn the_full_screen_view_shows_the_same_days() {
    assert_eq!(
        screen(&["--full-screen"], (24, 80), tokyo()),
        "                   │ - Conversation with alice is open. Type a message, or exit
                   │   to leave.
                   │ ── Saturday 9 March 2024 ──
                   │ 23:50 alice  before midnight in Tokyo
                   │ ── Sunday 10 March 2024 ──
                   │ 00:10 alice  after it
                   │ 15:59 alice  a minute before the clocks change in New York
                   │ 16:01 alice  two minutes later
                   │ ── Monday 11 March 2024 ──
                   │ 12:59 alice  before midnight in New York
                   │ 13:01 alice  after it
───────────────────┴────────────────────────────────────────────────────────────
 > so long"
    );
    assert_eq!(
        screen(&["--full-screen"], (20, 40), new_york()),
        " - Conversation with alice is open.
   Type a message, or exit to leave.
 ── Saturday 9 March 2024 ──
 09:50 alice  before midnight in Tokyo
 10:10 alice  after it
 ── Sunday 10 March 2024 ──
 01:59 alice  a minute before the
              clocks change in New York
 03:01 alice  two minutes later
 23:59 alice  before midnight in New
              York
 ── Monday 11 March 2024 ──
 00:01 alice  after it
────────────────────────────────────────
 > so long"
    );
}
