//! Waiting: for an answer, for somebody who is busy, and what ends it.

use super::*;

#[test]
fn no_answer_in_time_ends_it_for_both() {
    let server = TestServer::starts_with(&["--answer-timeout", "1"]);
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    for accepted in [false, true] {
        reach_the_key(&mut alice, &mut bob);
        if accepted {
            alice.types("yes");
            alice.sees("Waiting for bob to answer...");
        }
        alice.sees("not both of you answered in time; no key was agreed on with bob\n");
        bob.sees("not both of you answered in time; no key was agreed on with alice\n");
        back_in_the_lobby([&mut alice, &mut bob]);
    }
    // Too late is no answer any more, but a name.
    bob.types("yes");
    bob.sees("that word has a meaning of its own here");
}

#[test]
fn a_peer_who_leaves_while_asked_is_named() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    reach_the_key(&mut alice, &mut bob);
    alice.types("yes");
    alice.sees("Waiting for bob to answer...");
    bob.types("/quit");
    bob.ends_well();
    alice.sees_any(&["bob refused the key\n", "bob is not connected any more; no key was agreed on\n"]);
    alice.is_in_the_lobby();
    alice.types("bob");
    alice.sees("bob is not connected\n");
}

#[test]
fn a_peer_who_is_killed_while_asked_is_noticed_at_once() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    for accepted in [false, true] {
        let mut bob = if accepted { server.logs_in("bob") } else { server.registers("bob") };
        reach_the_key(&mut alice, &mut bob);
        if accepted {
            alice.types("yes");
            alice.sees("Waiting for bob to answer...");
        }
        let killed = Instant::now();
        bob.is_killed();
        alice.sees("bob is not connected any more; no key was agreed on\n");
        assert!(killed.elapsed() < NOTICED_WITHIN, "{:?}", killed.elapsed());
        alice.is_in_the_lobby();
        alice.types("bob");
        alice.sees("bob is not connected\n");
        alice.is_in_the_lobby();
    }
}

#[test]
fn an_invitation_to_somebody_in_conversation_waits_and_begins_when_they_are_free() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let mut carol = server.registers("carol");
    invite(&mut carol, &mut bob);
    carol.sees("bob is busy; they are told, and your invitation waits.");
    // Being told disturbs nothing.
    alice.says_to(&mut bob, "still here");
    bob.says_to(&mut alice, "me too");
    bob.leaves(&mut alice);
    carol.is_asked_about_the_key();
    bob.is_asked_about_the_key();
    carol.types("yes");
    bob.types("yes");
    carol.talks_with("bob");
    bob.talks_with("carol");
    alice.never_saw("carol");
}

#[test]
fn whoever_is_named_is_told_while_asked_about_another_key_and_while_waiting() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    let (mut carol, mut dave) = server.registers_two("carol", "dave");
    reach_the_key(&mut alice, &mut bob);
    // Bob is asked about another key.
    invite(&mut carol, &mut bob);
    carol.sees("bob is busy");
    // Carol waits for Bob.
    invite(&mut dave, &mut carol);
    dave.sees("carol is busy");
    // Bob has answered, and waits for Alice.
    bob.types("yes");
    bob.sees("Waiting for alice to answer...");
    let mut erin = server.registers("erin");
    invite(&mut erin, &mut bob);
    erin.sees("bob is busy");
    // In the order in which they asked.
    alice.types("no");
    bob.sees("alice refused the key\n");
    carol.is_asked_about_the_key();
    bob.is_asked_about_the_key();
    bob.types("no");
    carol.sees("bob refused the key\n");
    erin.is_asked_about_the_key();
    bob.is_asked_about_the_key();
    dave.is_asked_about_the_key();
    carol.is_asked_about_the_key();
}

#[test]
fn an_invitation_that_waits_can_be_taken_back() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let mut carol = server.registers("carol");
    invite(&mut carol, &mut bob);
    carol.sees("Type no to take it back\n");
    carol.types("no");
    carol.sees("You took back your invitation to bob\n");
    carol.is_in_the_lobby();
    bob.sees("carol does not wait for you any more\n");
    alice.leaves(&mut bob);
    // Bob is free, and nothing begins by itself.
    bob.types("nobody");
    bob.sees("nobody is unknown");
    carol.never_saw("Accept this key?");
}

#[test]
fn an_invitation_ends_with_its_inviter_and_with_the_one_they_wait_for() {
    let server = TestServer::starts();
    let (_alice, mut bob) = server.two_in_conversation("alice", "bob");
    let (mut carol, mut dave) = server.registers_two("carol", "dave");
    invite(&mut carol, &mut bob);
    invite(&mut dave, &mut bob);
    dave.sees("bob is busy");
    dave.is_killed();
    bob.sees("dave does not wait for you any more\n");
    carol.sees("bob is busy");
    bob.is_killed();
    carol.sees("bob is not connected\n");
    carol.is_in_the_lobby();
}

#[test]
fn two_who_wait_for_the_same_one_do_not_hinder_each_other_from_meeting() {
    let server = TestServer::starts();
    let (_alice, mut bob) = server.two_in_conversation("alice", "bob");
    let (mut carol, mut dave) = server.registers_two("carol", "dave");
    invite(&mut carol, &mut bob);
    carol.sees("bob is busy");
    // Carol waits for Bob; Dave names Carol; she changes her mind.
    invite(&mut dave, &mut carol);
    carol.types("no");
    carol.sees("You took back your invitation to bob\n");
    carol.is_asked_about_the_key();
    dave.is_asked_about_the_key();
    carol.types("yes");
    dave.types("yes");
    carol.talks_with("dave");
}

#[test]
fn a_line_typed_while_the_server_is_asked_answers_the_next_question() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    server.is_frozen(true);
    alice.types("bob");
    alice.types("yes");
    server.is_frozen(false);
    bob.is_asked_about_the_key();
    bob.types("yes");
    alice.talks_with("bob");
    bob.talks_with("alice");
    alice.never_saw("a meaning of its own");
}
