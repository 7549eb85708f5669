//! A line that is being typed goes to whom it was begun for, and to nobody else.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{
    Pty, TestClient, TestServer,
    at_a_terminal::{VIEWS, open_from_the_pipe, registers_at_a_terminal, registers_in_any_view},
};

#[test]
fn a_line_typed_while_the_conversation_ends_is_neither_a_name_nor_lost() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    let _carol = server.registers("carol");
    let mut bob = registers_at_a_terminal(&server, "bob");
    open_from_the_pipe(&mut alice, &mut bob, "bob");
    bob.types("car");
    bob.sees_line_typed("alice> car");
    alice.types("exit");
    bob.sees("alice left the conversation");
    bob.sees_line_typed("> car");
    bob.types("ol\r");
    bob.sees("not sent, and nobody was invited: carol");
    bob.sees_line_typed(">");
    bob.types("carol\r");
    bob.sees("Accept this key?");
}

#[test]
fn whoever_sits_at_a_terminal_is_told_while_they_type_a_name() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    let mut bob = registers_at_a_terminal(&server, "bob");
    bob.types("ali");
    bob.sees_line_typed("> ali");
    alice.types("bob");
    bob.sees("alice wants to start a conversation with you");
    bob.sees("Accept this key?");
    bob.sees_line_typed("> ali");
    // It was begun before the question: neither an answer nor a refusal.
    bob.types("ce\r");
    bob.sees_line_typed(">");
    bob.types("yes\r");
    alice.is_asked_about_the_key();
    alice.types("yes");
    alice.talks_with("bob");
    bob.sees("Conversation with alice is open.");
}

/// Alice, at a terminal, talks with Bob and has accepted Carol's key: what Carol says to it decides when her
/// conversation opens.
fn waits_for_carol_while_she_talks_with_bob(
    server: &TestServer,
    command: std::process::Command,
) -> (Pty, TestClient, TestClient) {
    let (mut bob, mut carol) = server.registers_two("bob", "carol");
    let mut alice = registers_in_any_view(command, "alice");
    bob.types("alice");
    bob.is_asked_about_the_key();
    bob.types("yes");
    alice.sees("Accept this key?");
    alice.types("yes\r");
    alice.sees("Conversation with bob is open.");
    bob.talks_with("alice");
    alice.types("/with carol\r");
    carol.is_asked_about_the_key();
    alice.sees("Accept this key? (yes / no / the code carol reads to you)");
    alice.types("yes\r");
    alice.sees("Waiting for carol to answer...");
    (alice, bob, carol)
}

/// The same in this view, with the beginning of a line for Bob.
fn begins_a_line_for_bob(view: &[&str]) -> (TestServer, Pty, TestClient, TestClient) {
    let server = TestServer::starts();
    let mut command = server.client_command("alice");
    command.args(view);
    let (mut alice, bob, carol) = waits_for_carol_while_she_talks_with_bob(&server, command);
    alice.types("for bob on");
    alice.sees("for bob on");
    (server, alice, bob, carol)
}

/// Carol's conversation opens while "for bob on" is typed for bob: the whole line is given back.
fn carols_opens_before_the_line_ends(alice: &mut Pty, carol: &mut TestClient) {
    carol.types("yes");
    carol.talks_with("alice");
    alice.sees("Conversation with carol is open.");
    alice.types("ly\r");
    alice.sees("not sent to carol, as you began it for bob: for bob only");
}

#[test]
fn a_line_begun_for_one_person_does_not_go_to_another_whose_conversation_opens_meanwhile() {
    for view in VIEWS {
        let (_server, mut alice, mut bob, mut carol) = begins_a_line_for_bob(view);
        carols_opens_before_the_line_ends(&mut alice, &mut carol);
        alice.types("/with bob\r");
        alice.sees("You are talking with bob");
        alice.types("for bob only\r");
        bob.sees("] alice: for bob only\n");
        alice.types("/with carol\r");
        alice.sees("You are talking with carol");
        alice.types("for carol\r");
        carol.sees("] alice: for carol\n");
        carol.never_saw("for bob");
    }
}

#[test]
fn a_line_begun_for_who_left_does_not_go_to_another_whose_conversation_opens_meanwhile() {
    for view in VIEWS {
        let (_server, mut alice, mut bob, mut carol) = begins_a_line_for_bob(view);
        if view.is_empty() {
            bob.types("exit");
            bob.is_in_the_lobby();
        } else {
            bob.is_killed();
        }
        alice.sees("bob left the conversation");
        carols_opens_before_the_line_ends(&mut alice, &mut carol);
        alice.types("for carol\r");
        carol.sees("] alice: for carol\n");
        carol.never_saw("for bob");
    }
}

#[test]
fn a_line_begun_for_one_person_goes_to_nobody_else_while_there_is_no_connection() {
    for view in VIEWS {
        let (mut server, mut alice, bob, mut carol) = begins_a_line_for_bob(view);
        carol.types("yes");
        carol.talks_with("alice");
        alice.sees("Conversation with carol is open.");
        server.is_killed();
        alice.sees("the connection to the server was lost; trying to get it back");
        if view.is_empty() {
            alice.sees_line_typed("carol> for bob on");
        }
        alice.types("ly\r");
        alice.sees("not sent to carol, as you began it for bob: for bob only");
        alice.types("/help\r");
        alice.sees("sends a message that begins with /");
        alice.types("for carol\r");
        alice.sees("(this is sent when the connection is back)");
        server.restarts();
        carol.sees("] alice: for carol\n");
        carol.never_saw("for bob");
        bob.never_saw("for carol");
    }
}

#[test]
fn a_command_about_one_conversation_is_not_carried_out_on_another_that_opened_meanwhile() {
    let server = TestServer::starts();
    let command = server.client_command("alice");
    let (mut alice, mut bob, mut carol) = waits_for_carol_while_she_talks_with_bob(&server, command);
    alice.types("/lea");
    alice.sees_line_typed("bob> /lea");
    carol.types("yes");
    carol.talks_with("alice");
    alice.sees_line_typed("carol> /lea");
    alice.types("ve\r");
    alice.sees("not done, as something else stood here when you began it: /leave");
    carol.types("still here");
    alice.sees("] carol: still here");
    alice.types("/leave bob\r");
    bob.sees("alice left the conversation\n");
}

#[test]
fn what_was_written_in_an_editor_for_one_person_does_not_go_to_another() {
    let server = TestServer::starts();
    let mut command = server.client_command("alice");
    command.args(["--plain"]).env("VISUAL", "sh -c 'echo EDITING; read line; echo for bob only > \"$1\"' sh");
    let (mut alice, bob, mut carol) = waits_for_carol_while_she_talks_with_bob(&server, command);
    alice.types("/edit\r");
    alice.sees("EDITING");
    carol.types("yes");
    carol.talks_with("alice");
    alice.types("\r");
    alice.sees("not sent to carol, as you began it for bob: for bob only");
    bob.never_saw("for bob only");
    carol.never_saw("for bob only");
}
