//! Real clients over a bad line: cut, held, split and slow, at every point of the way through.
//!
//! What must hold after all of it: what was confirmed is in the log once, in its sender's order, and
//! both read it; what was not is sent again or named; and nobody is warned of a thing that did not happen.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

#[path = "bad_line/account.rs"]
mod account;
#[path = "bad_line/coming_back.rs"]
mod coming_back;
#[path = "bad_line/cut_anywhere.rs"]
mod cut_anywhere;
#[path = "bad_line/key.rs"]
mod key;
#[path = "bad_line/password.rs"]
mod password;
#[path = "bad_line/storm.rs"]
mod storm;

use common::{Proxy, TestClient, TestServer, open_conversation};

/// What no honest run may show.
const ALARMS: [&str; 6] =
    ["WARNING", "may be lying", "Someone may be between", "the server tried", "NOT SENT", "NOT CONFIRMED"];

/// Nobody was warned of what did not happen.
fn no_alarm(people: &[&TestClient]) {
    for person in people {
        for words in ALARMS {
            person.never_saw(words);
            assert!(!person.stderr().contains(words), "{}: {}", person.name(), person.stderr());
        }
    }
}

/// Two people in conversation, the first over a line of their own.
fn first_over_a_line(server: &TestServer) -> (Proxy, TestClient, TestClient) {
    let line = Proxy::to(server);
    let mut alice = line.registers(server, "alice");
    let mut bob = server.registers("bob");
    open_conversation(&mut alice, &mut bob);
    (line, alice, bob)
}

/// Two people in conversation, each over a line of their own.
fn both_over_lines(server: &TestServer) -> ([Proxy; 2], TestClient, TestClient) {
    let lines = [Proxy::to(server), Proxy::to(server)];
    let mut alice = lines[0].registers(server, "alice");
    let mut bob = lines[1].registers(server, "bob");
    open_conversation(&mut alice, &mut bob);
    (lines, alice, bob)
}

/// The whole conversation as the person reads it back from the server, `alice: hello` a line.
fn history(person: &mut TestClient) -> Vec<String> {
    let before = person.transcript().len();
    person.types("/history 10000");
    person.types("/help");
    person.sees("/help           this list");
    let shown = person.transcript().split_off(before);
    let lines = shown.lines().filter(|line| line.starts_with('['));
    lines.map(|line| line.split_once("] ").expect("a time").1.to_owned()).collect()
}

/// What one person wrote, of a conversation read back.
fn words_of<'a>(history: &'a [String], name: &str) -> Vec<&'a str> {
    let begin = format!("{name}: ");
    history.iter().filter_map(|line| line.strip_prefix(&begin)).collect()
}

/// Both read the same conversation, with exactly these words of each, and the log has no line more.
fn conversation_is(
    server: &TestServer,
    alice: &mut TestClient,
    bob: &mut TestClient,
    of_alice: &[String],
    of_bob: &[String],
) {
    let (first, second) = (history(alice), history(bob));
    assert_eq!(first, second, "both read the same");
    assert_eq!(words_of(&first, "alice"), of_alice, "what alice wrote");
    assert_eq!(words_of(&first, "bob"), of_bob, "what bob wrote");
    let log = server.data_file("conversations/alice+bob.txt");
    assert_eq!(log.lines().count(), of_alice.len() + of_bob.len());
    no_alarm(&[alice, bob]);
}

/// What a person saw arrive from the other, in order.
fn arrived(person: &TestClient, peer: &str) -> Vec<String> {
    let begin = format!("] {peer}: ");
    let transcript = person.transcript();
    let lines = transcript.lines().filter(|line| line.starts_with('['));
    lines.filter_map(|line| Some(line.split_once(&begin)?.1.to_owned())).collect()
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&words| words.to_owned()).collect()
}
