//! A new key in the open conversation.

use super::*;

#[test]
fn a_new_key_that_both_accept_carries_the_conversation_on() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.says_to(&mut bob, "under the first key");
    alice.types("/rekey");
    alice.sees("asking bob to agree on a new key\n");
    bob.sees("alice wants to agree on a new key; until both accept it, the old one is used\n");
    for (person, peer) in [(&mut alice, "bob"), (&mut bob, "alice")] {
        person.sees(&format!("A new key with {peer} (number 2)\n"));
        person.sees(&format!("Accept this key? (yes / no / the code {peer} reads to you) "));
    }
    alice.types("yes");
    alice.sees("Waiting for bob to answer...");
    // Until both accept it, the old one is used.
    alice.says_to(&mut bob, "in between");
    bob.types("yes");
    alice.sees("The conversation with bob goes on under key number 2\n");
    bob.sees("The conversation with alice goes on under key number 2\n");
    alice.says_to(&mut bob, "under the second key");
    bob.says_to(&mut alice, "I read you");
    // History reads across both keys, here and after coming back.
    let said =
        ["alice: under the first key", "alice: in between", "alice: under the second key", "bob: I read you"];
    let before = bob.transcript().len();
    bob.types("/history");
    bob.sees("bob: I read you\n");
    assert_eq!(messages(&bob.transcript()[before..]), said);
    alice.leaves(&mut bob);
    alice.logs_out();
    let mut alice = server.logs_in("alice");
    open_conversation(&mut bob, &mut alice);
    assert_eq!(alice.saw_times("The kept key with bob (number 2)"), 1);
    assert_eq!(messages(&alice.transcript()), said);
    for person in [&alice, &bob] {
        person.never_saw("WARNING");
    }
}

#[test]
fn a_new_key_that_one_refuses_leaves_the_conversation_as_it_was() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    for refusing_is_bob in [true, false] {
        alice.types("/rekey");
        alice.is_asked_about_the_key();
        bob.is_asked_about_the_key();
        let (refusing, other) = if refusing_is_bob { (&mut bob, &mut alice) } else { (&mut alice, &mut bob) };
        refusing.types("no");
        refusing.sees("You refused the key\n");
        other.sees(&format!("{} refused the key\n", refusing.name()));
        alice.says_to(&mut bob, "still the old key");
        bob.says_to(&mut alice, "yes, still");
    }
    alice.leaves(&mut bob);
    reach_the_key(&mut alice, &mut bob);
    assert_eq!(alice.saw_times("The kept key with bob (number 1)"), 1);
}

#[test]
fn who_asked_for_a_new_key_and_accepted_it_can_take_it_back() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.types("/rekey");
    alice.is_asked_about_the_key();
    bob.is_asked_about_the_key();
    alice.types("yes");
    alice.sees("Waiting for bob to answer... (no takes it back)\n");
    alice.types("no");
    alice.sees("You took back your invitation to bob\n");
    bob.sees("alice took the invitation back\n");
    alice.says_to(&mut bob, "never mind");
    assert_eq!(messages(&bob.transcript()), ["alice: never mind"]);
}

#[test]
fn both_asking_for_a_new_key_at_once_is_one_new_key() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    for epoch in 2..=6 {
        alice.types("/rekey");
        bob.types("/rekey");
        alice.is_asked_about_the_key();
        bob.is_asked_about_the_key();
        alice.types("yes");
        bob.types("yes");
        alice.sees(&format!("goes on under key number {epoch}\n"));
        bob.sees(&format!("goes on under key number {epoch}\n"));
        alice.says_to(&mut bob, &format!("under {epoch}"));
    }
}

#[test]
fn leaving_in_the_middle_of_a_new_key_ends_both() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    // Whoever is told of it is free, and may name the other in the same moment.
    for _ in 0..10 {
        alice.types("/rekey");
        alice.is_asked_about_the_key();
        bob.is_asked_about_the_key();
        alice.types("yes");
        alice.types("exit");
        bob.sees("alice left the conversation\n");
        open_conversation(&mut bob, &mut alice);
    }
    alice.says_to(&mut bob, "again");
}
