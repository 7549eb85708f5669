//! The full-screen view, at each size: an account, a key, a conversation.

use std::{fs, path::Path};

use crate::{
    common::password_of,
    stage::{Person, SIZES, Stage},
};

/// This person with a new account, made in the view: in the lobby.
pub(crate) fn registers<'s>(stage: &'s Stage, name: &'static str) -> Person<'s> {
    let person = stage.person(name);
    let password = password_of(name);
    for (question, answer) in [
        ("Do you already have an account? (yes/no)>", "no"),
        ("Username:>", name),
        ("Password:>(not shown)", &password),
        ("Repeat password:>(not shown)", &password),
    ] {
        person.sees_last(question);
        person.types(&format!("{answer}\r"));
    }
    person.sees_last("Who do you want to start a conversation with?>");
    person
}

/// From the question about the key to an open conversation.
pub(crate) fn answer_the_key(alice: &Person<'_>, bob: &Person<'_>, of_alice: &str, of_bob: &str) {
    alice.types(&format!("{of_bob}\r"));
    alice.sees("Waiting for bob to answer...");
    bob.types(&format!("{of_alice}\r"));
    for person in [alice, bob] {
        person.sees("key verified");
        person.sees_last(">");
    }
}

#[test]
fn a_first_meeting_and_a_conversation_on_the_whole_screen() {
    for size in SIZES {
        let Some(stage) = Stage::opens(size, &["--full-screen"]) else { return };
        let (alice, bob) = (registers(&stage, "alice"), registers(&stage, "bob"));
        alice.shows("full-screen-lobby");
        alice.types("bob\r");
        let (of_alice, of_bob) = (alice.is_asked_about_the_key(), bob.is_asked_about_the_key());
        alice.shows("full-screen-key");
        answer_the_key(&alice, &bob, &of_alice, &of_bob);
        alice.types("hello bob\r");
        bob.sees("hello bob");
        bob.types("only you can read this, and nobody on the way from my keyboard to your screen can\r");
        alice.sees("your screen can");
        alice.types("漢字 too");
        alice.sees_last("> 漢字 too");
        alice.shows("full-screen-conversation");
        alice.presses("C-u");
        alice.presses("F1");
        alice.shows("full-screen-help");
    }
}

/// The README shows the conversation without its empty rows.
#[test]
fn the_readme_shows_the_view_as_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let screen = fs::read_to_string(folder.join("tests/screens/full-screen-conversation-80x24.txt")).unwrap();
    let shown: String =
        screen.lines().filter(|row| row.trim() != "│").map(|row| format!("    {row}\n")).collect();
    assert!(readme.contains(&shown), "the README does not show:\n{shown}");
}
