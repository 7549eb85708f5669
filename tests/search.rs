//! `/search`: words in the whole log of a conversation, on the screen of whoever looks for them and nowhere else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fmt::Write;

use common::{TestServer, open_conversation};

#[test]
fn words_are_found_in_any_case_and_order_with_time_sender_and_number() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.says_to(&mut bob, "The Key is under the mat");
    bob.says_to(&mut alice, "which mat?");
    alice.says_to(&mut bob, "the one with the KEYS");
    bob.types("/search KEY the");
    bob.sees("     1  [");
    bob.sees("] alice: The Key is under the mat\n");
    bob.sees("     3  [");
    bob.sees("] alice: the one with the KEYS\n");
    bob.sees("found all of these in 2 of 3 messages with alice: KEY the\n");
    bob.types("/search @alice nowhere");
    bob.sees("found all of these in 0 of 3 messages with alice: nowhere\n");
    bob.types("/search @carol key");
    bob.sees("the conversation with carol is not open; /with carol opens it\n");
    alice.leaves(&mut bob);
    bob.types("/search key");
    bob.sees("that works in an open conversation");
    bob.types("/search");
    bob.sees("/search takes the words to look for");
}

#[test]
fn a_long_log_is_searched_to_its_beginning_and_only_the_newest_are_shown() {
    const MESSAGES: usize = 1_500;
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let mut lines = String::new();
    for number in 1..=MESSAGES {
        // Some long, so that a page is not as many entries as were asked for.
        let tail = if number % 7 == 0 { "x".repeat(3_000) } else { String::new() };
        writeln!(lines, "needle{} {number} {tail}", if number % 10 == 0 { " hay" } else { "" }).unwrap();
    }
    alice.types_bytes(lines.as_bytes());
    bob.sees(&format!("] alice: needle hay {MESSAGES} \n"));
    alice.types("/search needle 1 hay");
    alice.sees(" messages with bob: needle 1 hay (the newest 50 are shown)\n");
    alice.types("/search needle");
    alice.sees(&format!(
        "found all of these in {MESSAGES} of {MESSAGES} messages with bob: needle (the newest 50 are shown)\n"
    ));
    alice.types("/search @bob 777");
    alice.sees("   777  [");
    alice.sees(&format!("found all of these in 1 of {MESSAGES} messages with bob: 777\n"));
    // The conversation goes on as if nothing had been.
    bob.says_to(&mut alice, "still here");
    alice.says_to(&mut bob, "so am I");
    alice.leaves(&mut bob);
    open_conversation(&mut alice, &mut bob);
    for person in [&alice, &bob] {
        assert!(!person.transcript().contains("WARNING"), "{}", person.transcript());
    }
}
