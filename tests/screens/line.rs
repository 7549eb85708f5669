//! The line view: questions, messages above the line being typed.

use crate::stage::{Person, SIZES, Stage};

/// From the lobby to an open conversation: both read their codes to each other.
fn meet(alice: &Person<'_>, bob: &Person<'_>) {
    for person in [alice, bob] {
        person.sees("Who do you want to start a conversation with?");
        person.sees_last(">");
    }
    alice.types("bob\r");
    bob.sees("alice wants to start a conversation with you");
    let (of_alice, of_bob) = (alice.is_asked_about_the_key(), bob.is_asked_about_the_key());
    alice.types(&format!("{of_bob}\r"));
    alice.sees("Waiting for bob to answer...");
    bob.types(&format!("{of_alice}\r"));
    for person in [alice, bob] {
        person.sees("is open. Type a message, or exit to leave.");
        person.sees_last(">");
    }
}

#[test]
fn a_first_meeting_and_a_conversation() {
    for size in SIZES {
        let Some(stage) = Stage::opens(size, &[]) else { return };
        let (alice, bob) = (stage.registers("alice"), stage.registers("bob"));
        alice.sees("Who do you want to start a conversation with?");
        alice.shows("line-lobby");
        meet(&alice, &bob);
        alice.shows("line-met");
        alice.types("hello bob\r");
        bob.sees("alice: hello bob");
        bob.types("only you can read this, and nobody on the way from my keyboard to your screen can\r");
        alice.sees("your screen can");
        alice.types("漢字 too");
        alice.sees_last("> 漢字 too");
        alice.shows("line-conversation");
    }
}
