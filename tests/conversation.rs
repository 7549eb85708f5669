//! The open conversation: messages, its history, its commands, a new key, and every way out of it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

#[path = "conversation/new_key.rs"]
mod new_key;

use common::{TestClient, TestServer, invite, open_conversation, reach_the_key};

const LOBBY_ONLY: &str = "that works outside a conversation; type exit to leave this one first\n";
const CONVERSATION_ONLY: &str = "that works in an open conversation; name somebody first\n";

/// The messages on a screen between two places, in order: `sender: text`.
fn messages(shown: &str) -> Vec<String> {
    let message = |line: &str| {
        let (time, rest) = line.strip_prefix('[')?.split_once("] ")?;
        (time.len() == 5 && time.as_bytes()[2] == b':').then(|| rest.to_owned())
    };
    shown.lines().filter_map(message).collect()
}

#[test]
fn messages_go_both_ways_with_their_time_and_sender() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.types("hello");
    bob.sees("] alice: hello\n");
    bob.types("hello yourself");
    alice.sees("] bob: hello yourself\n");
    assert_eq!(messages(&bob.transcript()), ["alice: hello"]);
    assert_eq!(messages(&alice.transcript()), ["bob: hello yourself"]);
}

#[test]
fn a_conversation_reopens_with_its_last_twenty_messages() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let mut said = Vec::new();
    for number in 1..=30 {
        let (from, to) = if number % 3 == 0 { (&mut bob, &mut alice) } else { (&mut alice, &mut bob) };
        from.says_to(to, &format!("message {number}"));
        said.push(format!("{}: message {number}", from.name()));
    }
    alice.leaves(&mut bob);
    alice.logs_out();
    // One who was there all the time, and one who comes back.
    let mut alice = server.logs_in("alice");
    reach_the_key(&mut bob, &mut alice);
    bob.types("yes");
    bob.sees("Waiting for alice to answer...");
    let before = bob.transcript().len();
    alice.types("yes");
    alice.talks_with("bob");
    bob.talks_with("alice");
    assert_eq!(messages(&alice.transcript()), said[10..]);
    assert_eq!(messages(&bob.transcript()[before..]), said[10..]);
    for person in [&alice, &bob] {
        person.never_saw("WARNING");
    }
    // Shown once, before it is said to be open.
    alice.says_to(&mut bob, "message 31");
    assert!(alice.transcript().trim_end().ends_with("or exit to leave."), "{}", alice.transcript());
}

#[test]
fn exit_by_either_ends_it_for_both_and_only_the_word_alone_is_an_exit() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.says_to(&mut bob, "exit now?");
    alice.says_to(&mut bob, "Exit");
    alice.leaves(&mut bob);
    open_conversation(&mut alice, &mut bob);
    bob.leaves(&mut alice);
    // The word is a message no more, and ends the client.
    alice.logs_out();
    bob.logs_out();
}

#[test]
fn the_end_of_input_ends_with_status_0_wherever_it_comes() {
    let server = TestServer::starts();
    let mut bob = server.registers("bob");
    server.registers("alice").logs_out();

    // Before the login.
    for (seen, typed) in
        [("Do you already have an account? (yes/no) ", "yes"), ("Username: ", "alice"), ("Password: ", "")]
    {
        let mut alice = server.client("alice");
        for (question, answer) in [
            ("Do you already have an account? (yes/no) ", "yes"),
            ("Username: ", "alice"),
            ("Password: ", ""),
        ] {
            alice.sees(question);
            if question == seen {
                break;
            }
            alice.types(answer);
        }
        alice.closes_input();
        alice.ends_well();
        assert!(alice.stderr().is_empty(), "{seen} {typed}: {}", alice.stderr());
    }

    // In the lobby.
    let mut alice = server.logs_in("alice");
    alice.closes_input();
    alice.ends_well();
    bob.types("alice");
    bob.sees("alice is not connected\n");

    // Asked about the key.
    let mut alice = server.logs_in("alice");
    reach_the_key(&mut alice, &mut bob);
    alice.closes_input();
    alice.ends_well();
    bob.sees_any(&["alice took the invitation back\n", "alice refused the key\n"]);
    bob.is_in_the_lobby();

    // Waiting for the other's answer.
    let mut alice = server.logs_in("alice");
    reach_the_key(&mut alice, &mut bob);
    alice.types("yes");
    alice.sees("Waiting for bob to answer...");
    alice.closes_input();
    alice.ends_well();
    bob.sees("alice took the invitation back\n");
    bob.is_in_the_lobby();

    // Talking.
    let mut alice = server.logs_in("alice");
    open_conversation(&mut alice, &mut bob);
    alice.types("last words");
    alice.closes_input();
    alice.ends_well();
    bob.sees("] alice: last words\n");
    bob.sees("alice left the conversation\n");
    bob.is_in_the_lobby();
    alice.sees("You left the conversation\n");

    // Waiting for somebody busy.
    let mut alice = server.logs_in("alice");
    let mut carol = server.registers("carol");
    open_conversation(&mut bob, &mut carol);
    invite(&mut alice, &mut bob);
    alice.sees("bob is busy");
    alice.closes_input();
    alice.ends_well();
    bob.sees("alice does not wait for you any more\n");

    // Inviting: the server has not answered yet.
    let mut alice = server.logs_in("alice");
    server.is_frozen(true);
    alice.types("carol");
    alice.closes_input();
    server.is_frozen(false);
    alice.ends_well();
    carol.sees("alice wants to start a conversation with you");
    carol.sees("alice does not wait for you any more\n");
}

#[test]
fn a_last_line_without_its_end_is_a_line() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.types_bytes(b"cut off here");
    alice.closes_input();
    alice.ends_well();
    bob.sees("] alice: cut off here\n");
    bob.sees("alice left the conversation\n");
}

#[test]
fn a_signal_to_end_leaves_first_and_ends_with_status_0() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.is_signalled("TERM");
    alice.ends_well();
    bob.sees("alice left the conversation\n");
    bob.is_in_the_lobby();
}

#[test]
fn a_killed_client_is_said_to_have_lost_its_connection() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.is_killed();
    bob.sees("alice left the conversation (connection lost)\n");
    bob.is_in_the_lobby();
}

#[test]
fn who_is_answered_before_what_is_asked_is_asked_again() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    let lobby = "Who do you want to start a conversation with? ";
    let before = alice.saw_times(lobby);
    alice.types("/who");
    alice.types("nobody");
    alice.sees("nobody is unknown");
    let said = alice.transcript();
    let answers: Vec<&str> = said.split(lobby).skip(before).collect();
    assert!(answers[0].starts_with("\nconnected: alice, bob\n"), "{said}");
    assert!(answers[1].starts_with("\nnobody is unknown"), "asked once: {said}");
    // At a key too.
    alice.types("bob");
    bob.is_asked_about_the_key();
    alice.is_asked_about_the_key();
    let key = "Accept this key? (yes / no / the code bob reads to you) ";
    let before = alice.saw_times(key);
    alice.types("/who");
    alice.types("no");
    alice.sees("You refused the key\n");
    let said = alice.transcript();
    let answers: Vec<&str> = said.split(key).skip(before).collect();
    assert!(answers[0].starts_with("\nconnected: alice, bob\n"), "{said}");
    assert_eq!(answers.len(), 2, "asked once: {said}");
}

#[test]
fn help_who_and_unknown_commands_work_everywhere() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    let in_every_place = |alice: &mut TestClient| {
        alice.types("/help");
        for command in ["/help", "/who", "/history [n]", "/verify", "/rekey", "/passwd", "/quit", "//text"] {
            alice.sees(&format!("\n{command} "));
        }
        alice.types("/who");
        assert_eq!(alice.reads_after("connected: "), "alice, bob");
        for (line, said) in [
            ("/nonsense", "there is no command /nonsense; /help lists them"),
            ("/", "there is no command /; /help lists them"),
            ("/history all", "/history takes a number from 1 to 10000, or nothing\n"),
            ("/with", "/with takes a name: /with bob\n"),
            ("/quit now", "nothing can follow /quit\n"),
        ] {
            alice.types(line);
            alice.sees(said);
        }
    };
    in_every_place(&mut alice);
    reach_the_key(&mut alice, &mut bob);
    in_every_place(&mut alice);
    alice.types("yes");
    alice.sees("Waiting for bob to answer...");
    in_every_place(&mut alice);
    bob.types("yes");
    alice.talks_with("bob");
    in_every_place(&mut alice);
    // None of it was sent.
    alice.says_to(&mut bob, "a message");
    assert_eq!(messages(&bob.transcript()), ["alice: a message"]);
}

#[test]
fn a_command_says_where_it_makes_sense() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    for command in ["/history", "/history 3", "/rekey"] {
        alice.types(command);
        alice.sees(CONVERSATION_ONLY);
    }
    alice.types("/verify 123456");
    alice.sees("whose identity? Type /verify and a name, or open a conversation first\n");
    alice.types("/verify bob 123456");
    alice.sees("there is no key with a code to compare here\n");
    reach_the_key(&mut alice, &mut bob);
    for (command, told) in [
        ("/passwd", LOBBY_ONLY),
        ("/history", CONVERSATION_ONLY),
        ("/rekey", "that has to wait until the key is answered\n"),
    ] {
        alice.types(command);
        alice.sees(told);
    }
    alice.types("yes");
    alice.sees("Waiting for bob to answer...");
    alice.types("/passwd");
    alice.sees(LOBBY_ONLY);
    bob.types("yes");
    alice.talks_with("bob");
    alice.types("/passwd");
    alice.sees(LOBBY_ONLY);
    alice.types("/verify carol");
    alice.sees("this machine knows no identity of carol\n");
}

#[test]
fn two_slashes_send_one() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    for (typed, sent) in [("//help", "/help"), ("///", "//"), ("// ", "/ ")] {
        alice.types(typed);
        bob.sees(&format!("] alice: {sent}\n"));
    }
}

#[test]
fn history_shows_as_many_as_asked_for_from_both_sides() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let mut said = Vec::new();
    for number in 1..=25 {
        let (from, to) = if number % 2 == 0 { (&mut bob, &mut alice) } else { (&mut alice, &mut bob) };
        from.says_to(to, &format!("message {number}"));
        said.push(format!("{}: message {number}", from.name()));
    }
    for (command, count) in [("/history 3", 3), ("/history", 20), ("/history 100", 25), ("/history 1", 1)] {
        let before = alice.transcript().len();
        alice.types(command);
        alice.sees("alice: message 25\n");
        assert_eq!(messages(&alice.transcript()[before..]), said[25 - count..], "{command}");
    }
    alice.never_saw("WARNING");
}

#[test]
fn quit_leaves_and_logs_out_from_anywhere() {
    let server = TestServer::starts();
    let mut bob = server.registers("bob");
    server.registers("alice").logs_out();
    let mut alice = server.logs_in("alice");
    alice.types("/quit");
    alice.ends_well();
    let mut alice = server.logs_in("alice");
    reach_the_key(&mut alice, &mut bob);
    alice.types("/quit");
    alice.ends_well();
    bob.sees_any(&["alice refused the key\n", "alice took the invitation back\n"]);
    bob.is_in_the_lobby();
    let mut alice = server.logs_in("alice");
    open_conversation(&mut alice, &mut bob);
    alice.types("/quit");
    alice.sees("You left the conversation\n");
    alice.ends_well();
    bob.sees("alice left the conversation\n");
    bob.types("alice");
    bob.sees("alice is not connected\n");
}

#[test]
fn a_contact_can_be_verified_later_in_the_conversation() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    let (of_alice, of_bob) = open_conversation(&mut alice, &mut bob);
    let (of_alice, of_bob) = (of_alice.unwrap(), of_bob.unwrap());
    alice.types("/verify");
    alice.sees("bob's identity: ");
    alice.sees("not verified\n");
    alice.sees("your identity: ");
    assert_eq!(alice.reads_after("your code: "), of_alice);
    let wrong = if of_bob == "111111" || of_alice == "111111" { "222222" } else { "111111" };
    alice.types(&format!("/verify {wrong}"));
    alice.sees("codes differ: someone may be between you\n");
    alice.types(&format!("/verify {of_alice}"));
    alice.sees("that is your own code; ask bob for theirs\n");
    alice.types(&format!("/verify {of_bob}"));
    alice.sees("bob's identity is now verified\n");
    alice.types("/verify bob");
    alice.sees("  verified on ");
    alice.leaves(&mut bob);
    alice.types("/verify bob");
    alice.sees("  verified on ");
    // It is remembered, and it is Alice's alone.
    alice.logs_out();
    let mut alice = server.logs_in("alice");
    let (none, some) = reach_the_key(&mut alice, &mut bob);
    assert!(none.is_none() && some.is_some());
    bob.never_saw("verified on");
}

#[test]
fn a_newer_login_takes_over_and_the_older_client_says_so_and_ends() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let mut newer = server.logs_in("alice");
    assert_eq!(alice.ends().code(), Some(77));
    alice.is_warned("error: this account has logged in elsewhere; this client has ended\n");
    alice.is_warned("hint: if that was not you, change the password with /passwd at once\n");
    bob.sees("alice left the conversation (connection lost)\n");
    bob.is_in_the_lobby();
    open_conversation(&mut bob, &mut newer);
    newer.says_to(&mut bob, "it is me, here now");
    // In the middle of being asked, too.
    newer.leaves(&mut bob);
    reach_the_key(&mut newer, &mut bob);
    let mut newest = server.logs_in("alice");
    assert_eq!(newer.ends().code(), Some(77));
    bob.sees("alice is not connected any more; no key was agreed on\n");
    bob.is_in_the_lobby();
    open_conversation(&mut newest, &mut bob);
}

#[test]
fn a_server_that_stops_says_so_and_what_was_said_is_kept() {
    let mut server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.says_to(&mut bob, "before the stop");
    assert!(server.stops().success());
    for person in [&mut alice, &mut bob] {
        person.sees("the connection to the server was lost; trying to get it back\n");
    }
    alice.types("while it was away");
    alice.sees("(this is sent when the connection is back)\n");
    server.restarts();
    alice.sees("connected again\n");
    bob.sees("connected again\n");
    bob.sees("] alice: while it was away\n");
    alice.says_to(&mut bob, "and after");
    bob.says_to(&mut alice, "all of it");
    assert_eq!(
        messages(&bob.transcript()),
        ["alice: before the stop", "alice: while it was away", "alice: and after"]
    );
    for person in [&alice, &bob] {
        person.never_saw("WARNING");
        // Nobody is asked about a key that both accepted a moment ago.
        assert_eq!(person.saw_times("your code: "), 1, "{}", person.transcript());
    }
}

#[test]
fn a_client_told_not_to_retry_ends_with_its_server() {
    let mut server = TestServer::starts();
    server.registers("alice").logs_out();
    let mut alice = server.logs_in_without_retry("alice");
    assert!(server.stops().success());
    assert_eq!(alice.ends().code(), Some(69));
    alice.is_warned("error: the server is stopping\nhint: start the client again in a while\n");
}

#[test]
fn a_message_that_the_server_never_confirmed_is_named() {
    let mut server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.says_to(&mut bob, "this one is stored");
    // Whoever leaves waits until all they said is confirmed.
    alice.leaves(&mut bob);
    alice.logs_out();
    let mut alice = server.logs_in_without_retry("alice");
    open_conversation(&mut alice, &mut bob);
    server.is_frozen(true);
    alice.types("this one is not");
    // Asking takes the same way out as the message: it has left when the client listens again.
    alice.types("/help");
    alice.sees("//text ");
    server.is_killed();
    assert_eq!(alice.ends().code(), Some(75));
    alice.sees("NOT CONFIRMED: this one is not\n");
    alice.never_saw("NOT CONFIRMED: this one is stored");
    alice.is_warned("error: the connection to the server was lost\n");
}

#[test]
fn a_message_that_was_seen_and_never_confirmed_is_known_as_ones_own_the_next_time() {
    let mut server = TestServer::starts();
    for name in ["alice", "bob"] {
        server.registers(name).logs_out();
    }
    // A message is seen before the disk has it and its sender is told so: a power cut may come in between.
    for round in 0..8 {
        let (mut alice, mut bob) =
            (server.logs_in_without_retry("alice"), server.logs_in_without_retry("bob"));
        open_conversation(&mut alice, &mut bob);
        alice.says_to(&mut bob, &format!("message {round}"));
        // The answer has a higher number than what Alice may not have been told of.
        bob.says_to(&mut alice, &format!("answer {round}"));
        server.is_killed();
        for person in [&mut alice, &mut bob] {
            assert_eq!(person.ends().code(), Some(75));
            person.never_saw("WARNING");
        }
        server.restarts();
    }
}
