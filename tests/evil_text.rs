//! Evil text: whatever a peer seals, and their program need not be ours, the terminal of who reads it gets
//! nothing but characters to show.
//!
//! The peer is the library's cryptography without a client: it agrees on a key over the real server, and
//! seals anything. The reader is the real client on a pseudo-terminal, seen through a terminal emulator.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

#[path = "evil_text/payloads.rs"]
mod payloads;

use chrono::Utc;
use common::{
    Pty, TestServer, password_of,
    wire_client::{WireClient, user},
};
use securechat::{
    crypto::{
        agreement::{self, Members},
        hash::body_hash,
        key_file::{KdfCost, KeyFile, Password},
        session::{Plain, Stream},
    },
    printable::Printable,
    wire::{Agreement, Bytes, Event, Outcome, Request},
};

/// What the reader is typing while all of it arrives.
const DRAFT: &str = "half a line, not sent";

/// Somebody who seals what they like, in conversation with bob.
struct Cheat {
    client: WireClient,
    stream: Stream,
    previous: Bytes<32>,
}

impl Cheat {
    /// Registers, names bob, agrees with his program, and accepts; bob's person is asked meanwhile.
    fn meets(server: &TestServer, bob: &mut Pty) -> Self {
        let mut client = WireClient::registers(server, "alice");
        let (alice, peer) = (user("alice"), user("bob"));
        let password = Password::new("anything".to_owned()).unwrap();
        let (_, keys) = KeyFile::create(&alice, &password, KdfCost::FLOOR).unwrap();
        client.asks(&Request::Invite { peer: peer.clone(), new_key: false });
        let run = client.hears_of(|event| match event {
            Event::Started { run, .. } => Some(*run),
            _ => None,
        });
        let members = Members::new(alice.clone(), peer.clone()).unwrap();
        let (offering, offer) = agreement::offer(&keys.identity, &members, 1).unwrap();
        client.asks(&Request::Agree { peer: peer.clone(), run, step: Agreement::Offer(offer) });
        let reply = client.hears_of(|event| match event {
            Event::Agree { step: Agreement::Reply(reply), .. } => Some(reply.clone()),
            _ => None,
        });
        let (agreed, confirm) = offering.receive(&keys.identity, &reply).unwrap();
        client.asks(&Request::Agree { peer: peer.clone(), run, step: Agreement::Confirm(confirm) });
        let copy = Some(agreed.key().seal(&keys.vault, &reply.identity).unwrap());
        client.asks(&Request::Accept { peer, run, acceptance: agreed.acceptance(), copy });
        bob.sees("Accept this key?");
        bob.types("yes\r");
        client.hears_of(|event| match event {
            Event::Outcome { outcome: Outcome::Agreed { .. }, .. } => Some(()),
            Event::Outcome { outcome, .. } => panic!("{outcome:?}"),
            _ => None,
        });
        let stream = Stream::start(agreed.key(), &alice).unwrap();
        Self { client, stream, previous: Bytes([0; 32]) }
    }

    fn writes(&mut self, text: &str) {
        let plain = Plain { sent: Utc::now().timestamp_millis(), seen: None, text: text.to_owned() };
        let body = self.stream.seal(&self.previous, &plain).unwrap();
        self.previous = body_hash(&body);
        self.client.sends(&user("bob"), &body);
    }
}

fn bob_on_a_terminal(server: &TestServer, arguments: &[&str]) -> Pty {
    let mut command = server.client_command("bob");
    command.args(arguments).env("LC_ALL", "C.UTF-8");
    let mut bob = Pty::spawn(command);
    let password = password_of("bob");
    for (question, answer) in [
        ("Do you already have an account? (yes/no)", "no"),
        ("Username:", "bob"),
        ("Password:", password.as_str()),
        ("Repeat password:", password.as_str()),
    ] {
        bob.sees(question);
        bob.types(&format!("{answer}\r"));
    }
    bob.sees("Who do you want to start a conversation with?");
    bob
}

/// Whether a terminal could take this for anything but a character to show: judged here, not by the filter.
fn is_evil(c: char) -> bool {
    matches!(u32::from(c),
        0x00..=0x1f | 0x7f..=0x9f
        | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb
        | 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0xe0000..=0xe0fff | 0x000f_0000..=0x0010_ffff)
}

/// Joiners and variation selectors have honest uses between the letters and pictures they join.
fn is_joiner_in_place(c: char, before: Option<char>) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
        && before.is_some_and(|before| !before.is_ascii() && !is_evil(before))
}

#[test]
fn nothing_that_a_peer_writes_reaches_the_terminal_but_characters_to_show() {
    let server = TestServer::starts();
    let mut bob = bob_on_a_terminal(&server, &[]);
    let mut cheat = Cheat::meets(&server, &mut bob);
    bob.sees("Conversation with alice is open.");
    bob.types(DRAFT);
    bob.sees_line_typed(&format!("alice> {DRAFT}"));
    let modes = bob.screen().modes();
    let payloads = payloads::all();
    assert!(payloads.len() >= 150, "{} payloads", payloads.len());
    println!("{} payloads", payloads.len());
    for (number, payload) in payloads.iter().enumerate() {
        cheat.writes(&message_of(number, payload));
        bob.waits_until(payload, |screen| screen.raw().contains(&format!("|{number:03}>")));
    }
    // The line being typed is whole, below all of it, and the terminal in the mode it was in.
    bob.sees_line_typed(&format!("alice> {DRAFT}"));
    assert_eq!(bob.screen().modes(), modes);
    let raw = bob.screen().raw();
    for (number, payload) in payloads.iter().enumerate() {
        let message = message_of(number, payload);
        let (begin, end) = (format!("<{number:03}|"), format!("|{number:03}>"));
        let from = raw.find(&begin).unwrap();
        let to = from + raw[from..].find(&end).unwrap() + end.len();
        let shown = &raw[from..to];
        let (first, later) = shown.split_once("\r\n").unwrap_or((shown, ""));
        let mut whole = first.to_owned();
        for row in later.split("\r\n").filter(|row| !row.is_empty()) {
            // Nothing of it stands in a row of its own, as a line of the program's would: each row is marked.
            match (row.strip_prefix("      |"), row.strip_prefix("        ")) {
                (Some(line), _) => whole = whole + "\n" + line,
                (None, Some(rest)) => whole += rest,
                (None, None) => panic!("{payload:?} came out as {shown:?}"),
            }
        }
        let mut before = None;
        for c in whole.chars().filter(|c| *c != '\n') {
            assert!(!is_evil(c) || is_joiner_in_place(c, before), "{payload:?} came out as {shown:?}");
            before = Some(c);
        }
        // Blanks are where lines are broken; everything else is as it was sent.
        let squeezed = |text: &str| text.replace(' ', "");
        let printable = match message.matches('\n').count() {
            // Too many to be shown as lines.
            500.. => Printable::line(&message),
            _ => Printable::text(&message),
        };
        assert_eq!(squeezed(&whole), squeezed(printable.as_str()));
    }
    no_row_is_forged(&bob);
    // The same from the log: the last twenty are shown again, as history.
    bob.types("\u{15}/history 400\r");
    let last = payloads.len() - 1;
    bob.waits_until("the history", |screen| screen.raw().matches(&format!("|{last:03}>")).count() == 2);
    bob.sees_line_typed("alice>");
    assert_eq!(bob.screen().modes(), modes);
    no_row_is_forged(&bob);
}

/// A payload between marks that it is found by; a row may end before the last.
fn message_of(number: usize, payload: &str) -> String {
    format!("<{number:03}|{payload} |{number:03}>")
}

/// What was drawn without the sequences that the full-screen view draws with: places, colours, the cursor, what it
/// erases and the modes it enters with.
fn without_the_views_own(raw: &str) -> String {
    let own = r"\x1b\[(?:\d+;\d+H|[0-9;]*m|2J|\?25[lh]|\?1049h|\?2004h)";
    regex::Regex::new(own).unwrap().replace_all(raw, "").into_owned()
}

#[test]
fn nothing_that_a_peer_writes_reaches_the_full_screen_view_but_characters_to_show() {
    let server = TestServer::starts();
    let mut bob = bob_on_a_terminal(&server, &["--full-screen"]);
    let mut cheat = Cheat::meets(&server, &mut bob);
    bob.sees("Conversation with alice is open.");
    bob.types(DRAFT);
    bob.sees_line_typed(&format!(" > {DRAFT}"));
    let modes = bob.screen().modes();
    let begun = bob.screen().raw().len();
    for (number, payload) in payloads::all().iter().enumerate() {
        cheat.writes(payload);
        // Each is drawn: the next comes when what follows it is seen.
        cheat.writes(&format!("after number {number}."));
        bob.sees(&format!("after number {number}."));
        let screen = bob.screen();
        assert_eq!(screen.modes(), modes, "{payload:?}");
        for row in screen.contents().lines().skip(2) {
            // What is said stands behind the line beside the contacts, and moves neither it nor the line being typed.
            let beside = row.chars().nth(19);
            assert!(
                matches!(beside, Some('│' | '┴')) || row == format!(" > {DRAFT}"),
                "{payload:?}: {row:?}"
            );
        }
    }
    let raw = without_the_views_own(&bob.screen().raw()[begun..]);
    let mut before = None;
    for c in raw.chars() {
        assert!(!is_evil(c) || is_joiner_in_place(c, before), "{c:?} after {before:?}");
        before = Some(c);
    }
    bob.types("\u{15}exit\r");
    bob.sees("Who do you want to start a conversation with?");
}

/// Words that only the program says begin no row, though the payloads are full of them.
fn no_row_is_forged(bob: &Pty) {
    for row in bob.screen().everything() {
        for words in ["FORGED", "[00:00] carol:", "WARNING: forged", "carol wants to start"] {
            assert!(!row.starts_with(words), "{row:?}");
        }
    }
}
