//! The line view and the plain one: questions, and messages above the line being typed or line by line.

use crate::stage::{Person, SIZES, Stage};

/// From the lobby to an open conversation: both read their codes to each other.
pub(crate) fn meet(alice: &Person<'_>, bob: &Person<'_>) {
    are_asked(alice, bob);
    accept(alice, bob);
}

/// From the lobby to the question about the key.
fn are_asked(alice: &Person<'_>, bob: &Person<'_>) {
    for person in [alice, bob] {
        person.sees("Who do you want to start a conversation with?");
    }
    alice.types("bob\r");
    bob.sees("alice wants to start a conversation with you");
}

/// From the question about the key to an open conversation.
fn accept(alice: &Person<'_>, bob: &Person<'_>) {
    let (of_alice, of_bob) = (alice.is_asked_about_the_key(), bob.is_asked_about_the_key());
    alice.types(&format!("{of_bob}\r"));
    alice.sees("Waiting for bob to answer...");
    bob.types(&format!("{of_alice}\r"));
    for person in [alice, bob] {
        person.sees("is open. Type a message, or exit to leave.");
    }
}

#[test]
fn a_first_meeting_and_a_conversation_line_by_line() {
    for size in SIZES {
        let Some(stage) = Stage::opens(size, &[]) else { return };
        let (alice, bob) = (stage.registers("alice"), stage.registers("bob"));
        alice.sees_last(">");
        alice.shows("line-lobby");
        bob.sees_last(">");
        are_asked(&alice, &bob);
        bob.sees_last(">");
        bob.shows("line-asked");
        accept(&alice, &bob);
        alice.sees_last("bob>");
        bob.sees_last("alice>");
        alice.shows("line-met");
        alice.types("hello bob\r");
        bob.sees("alice: hello bob");
        bob.types("only you can read this, and nobody on the way from my keyboard to your screen can\r");
        alice.sees("your screen can");
        bob.pastes(
            "fn main() {\n    // 漢字 are two columns wide, and this line is longer than many a screen is\n}",
        );
        bob.sees_last("}");
        bob.types("\r");
        bob.sees_last("Send these 3 lines as one message? (yes/no/edit)");
        // Above it he may have been told that alice is waited for.
        bob.shows_from("line-several", "Conversation with alice is open");
        bob.types("yes\r");
        alice.sees("      | }");
        alice.types("half a line 漢字");
        alice.sees_last("bob> half a line 漢字");
        alice.shows("line-conversation");
    }
}

#[test]
fn tab_lists_who_is_known_above_the_line() {
    let Some(stage) = Stage::opens((80, 24), &[]) else { return };
    let (alice, bob) = (stage.registers("alice"), stage.registers("bob"));
    meet(&alice, &bob);
    alice.sees_last("bob>");
    alice.types("/h");
    alice.presses("Tab");
    alice.sees("/help  /history");
    alice.types("elp bo");
    alice.presses("Tab");
    alice.sees_last("bob> /help bob");
    alice.shows("line-completed");
}

#[test]
fn a_line_longer_than_the_screen_is_wide_is_whole_after_what_arrives_and_after_a_new_size() {
    let Some(stage) = Stage::opens((40, 12), &[]) else { return };
    let (alice, bob) = (stage.registers("alice"), stage.registers("bob"));
    meet(&alice, &bob);
    alice.sees_last("bob>");
    bob.sees_last("alice>");
    let draft = "漢字 and words, more than two rows of them, 漢字漢字漢字漢字漢字漢字漢字 and on";
    alice.types(draft);
    alice.sees_last(draft);
    bob.types("this arrives above it\r");
    alice.sees("this arrives above it");
    alice.sees_last(&format!("bob> {draft}"));
    alice.shows("line-draft");
    alice.resizes((60, 12));
    bob.types("and this at another width\r");
    alice.sees("and this at another width");
    alice.sees_last(&format!("bob> {draft}"));
    alice.types("\r");
    bob.sees(&format!("alice: {draft}"));
}

#[test]
fn a_first_meeting_and_a_conversation_in_plain_lines() {
    for size in SIZES {
        let Some(stage) = Stage::opens(size, &["--plain"]) else { return };
        let (alice, bob) = (stage.registers("alice"), stage.registers("bob"));
        meet(&alice, &bob);
        alice.types("hello bob\r");
        bob.sees("alice: hello bob");
        bob.types("only you can read this, and nobody on the way from my keyboard to your screen can\r");
        alice.sees("your screen can");
        alice.types("exit\r");
        bob.sees("alice left the conversation");
        alice.sees_last("Who do you want to start a conversation with?");
        alice.shows("plain-conversation");
    }
}

#[test]
fn in_plain_lines_what_arrives_begins_a_line_and_a_half_typed_one_is_said_again() {
    let Some(stage) = Stage::opens((80, 24), &["--plain"]) else { return };
    let (alice, bob) = (stage.registers("alice"), stage.registers("bob"));
    meet(&alice, &bob);
    bob.types("nothing is typed yet\r");
    alice.sees("bob: nothing is typed yet");
    alice.types("half a lime");
    alice.sees_last("half a lime");
    bob.types("in between\r");
    alice.waits_until("each on a line of its own", |screen| {
        let rows: Vec<&str> = screen.trim_end().lines().rev().take(4).collect();
        rows[0] == "half a lime"
            && rows[1].ends_with("] bob: in between")
            && rows[2] == "half a lime"
            && rows[3].ends_with("] bob: nothing is typed yet")
    });
    alice.types("\u{7f}\u{7f}ne\r");
    bob.sees("alice: half a line");
    // Begun in the conversation, it is no answer to what is asked after it.
    alice.types("yes");
    alice.sees_last("yes");
    bob.types("exit\r");
    alice.sees_last("Who do you want to start a conversation with? yes");
    alice.types("\r");
    alice.sees("not sent, and nobody was invited: yes");
}
