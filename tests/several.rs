//! Several conversations in one client, messages for who is not here, and what was read: real clients and
//! a real server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Cut, Proxy, TestClient, TestServer, open_conversation};

/// The first, who has conversations open, names the second by `/with`; both accept, and it is open.
fn opens_another(first: &mut TestClient, second: &mut TestClient) {
    first.types(&format!("/with {}", second.name()));
    second.sees(&format!("{} wants to start a conversation with you", first.name()));
    both_accept(first, second);
}

/// The first invites the second, who has conversations open and answers by `/with`.
fn is_answered(first: &mut TestClient, second: &mut TestClient) {
    first.types(second.name());
    let asked = format!("{0} wants to start a conversation with you (/with {0} answers)", first.name());
    second.sees(&asked);
    first.sees(&format!("{} is busy; they are told, and your invitation waits.", second.name()));
    second.types(&format!("/with {}", first.name()));
    both_accept(first, second);
}

fn both_accept(first: &mut TestClient, second: &mut TestClient) {
    first.is_asked_about_the_key();
    second.is_asked_about_the_key();
    first.types("yes");
    second.types("yes");
    first.talks_with(second.name());
    second.talks_with(first.name());
}

/// Turns to an open conversation.
fn turns_to(person: &mut TestClient, peer: &str) {
    person.types(&format!("/with {peer}"));
    person.sees(&format!("You are talking with {peer}\n"));
}

/// Two people who have met, both in the lobby.
fn acquainted(server: &TestServer) -> (TestClient, TestClient) {
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.says_to(&mut bob, "hello");
    bob.says_to(&mut alice, "hello yourself");
    alice.leaves(&mut bob);
    (alice, bob)
}

/// Logs in; what is said of unread messages before the first question.
fn comes_back(server: &TestServer, name: &str) -> (TestClient, String) {
    let mut client = server.client(name);
    client.says_who_they_are(name, &common::password_of(name));
    client.is_in_the_lobby();
    let unread = client.transcript().lines().find(|line| line.contains(" unread from ")).map(str::to_owned);
    (client, unread.unwrap_or_default())
}

#[test]
fn one_person_talks_with_three_and_each_hears_what_is_for_them() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let (mut carol, mut dave) = server.registers_two("carol", "dave");
    opens_another(&mut alice, &mut carol);
    is_answered(&mut dave, &mut alice);
    alice.says_to(&mut dave, "to dave");
    turns_to(&mut alice, "bob");
    alice.says_to(&mut bob, "to bob");
    turns_to(&mut alice, "carol");
    alice.says_to(&mut carol, "to carol");
    // What comes elsewhere is one line now, and all of it when she turns there.
    bob.types("from bob, and more");
    alice.sees("] bob: from bob, and more (/with bob)\n");
    carol.says_to(&mut alice, "from carol");
    turns_to(&mut alice, "bob");
    alice.sees("] bob: from bob, and more\n");
    // Leaving goes back to who was there before.
    alice.types("/leave");
    alice.sees("You left the conversation\n");
    alice.sees("You are talking with carol\n");
    bob.sees("alice left the conversation\n");
    bob.is_in_the_lobby();
    alice.says_to(&mut carol, "still with you");
    alice.types("/leave dave");
    alice.sees("You left the conversation with dave\n");
    dave.sees("alice left the conversation\n");
    alice.leaves(&mut carol);
    for (person, others) in [(&bob, ["to dave", "to carol"]), (&carol, ["to dave", "to bob"])] {
        others.iter().for_each(|words| person.never_saw(words));
    }
    alice.logs_out();
}

#[test]
fn pairs_and_one_in_three_conversations_do_not_hear_each_other() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let (mut erin, mut frank) = server.two_in_conversation("erin", "frank");
    let mut carol = server.registers("carol");
    opens_another(&mut alice, &mut carol);
    for n in 0..5 {
        erin.says_to(&mut frank, &format!("pair {n}"));
        turns_to(&mut alice, "bob");
        alice.says_to(&mut bob, &format!("bob {n}"));
        turns_to(&mut alice, "carol");
        alice.says_to(&mut carol, &format!("carol {n}"));
        frank.says_to(&mut erin, &format!("answer {n}"));
    }
    for (person, foreign) in [(&bob, "carol 0"), (&carol, "bob 0"), (&erin, "bob 0"), (&alice, "pair 0")] {
        person.never_saw(foreign);
    }
}

#[test]
fn when_the_other_one_leaves_the_next_line_goes_to_nobody_else() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let mut carol = server.registers("carol");
    opens_another(&mut alice, &mut carol);
    carol.types("exit");
    alice.sees("carol left the conversation\n");
    alice.sees("still open: bob (/with and a name goes on there)\n");
    alice.is_in_the_lobby();
    alice.types("this was for carol");
    alice.is_in_the_lobby();
    turns_to(&mut alice, "bob");
    alice.says_to(&mut bob, "this is for bob");
    bob.never_saw("this was for carol");
}

#[test]
fn messages_wait_for_who_is_away_and_are_marked_when_they_have_them() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = acquainted(&server);
    bob.logs_out();
    alice.types("bob");
    alice.sees("bob is not connected\n");
    alice.is_in_the_lobby();
    alice.types("/with bob");
    alice.sees("] alice: hello\n");
    alice.sees("bob is not connected; what you type waits for them\n");
    for words in ["one", "two", "three"] {
        alice.types(words);
    }
    alice.types("exit");
    alice.sees("You left the conversation\n");
    alice.is_in_the_lobby();
    alice.types("bob");
    alice.sees("bob is not connected; they have 3 messages from you waiting\n");
    alice.is_in_the_lobby();
    alice.types("/with bob");
    alice.sees("bob is not connected; what you type waits for them (3 waiting)\n");
    let (mut bob, unread) = comes_back(&server, "bob");
    assert_eq!(unread, "3 unread from alice (/with and a name shows them)");
    open_conversation(&mut bob, &mut alice);
    assert!(bob.transcript().contains("] alice: one\n"), "{}", bob.transcript());
    alice.sees("bob has received the messages that you left\n");
    alice.says_to(&mut bob, "welcome back");
    bob.leaves(&mut alice);
    bob.logs_out();
    alice.types("bob");
    alice.sees("bob is not connected\n");
    alice.never_saw("WARNING");
    bob.never_saw("WARNING");
}

#[test]
fn the_writer_learns_at_the_next_login_what_was_received_meanwhile() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = acquainted(&server);
    bob.logs_out();
    alice.types("/with bob");
    alice.sees("what you type waits for them\n");
    alice.types("left for you");
    alice.types("/quit");
    alice.ends_well();
    // He reads it on his own: she is not here either.
    let (mut bob, unread) = comes_back(&server, "bob");
    assert_eq!(unread, "1 unread from alice (/with and a name shows them)");
    bob.types("/with alice");
    bob.sees("] alice: left for you\n");
    bob.sees("alice is not connected; what you type waits for them\n");
    bob.types("thank you");
    bob.types("/quit");
    bob.ends_well();
    let (mut alice, unread) = comes_back(&server, "alice");
    assert_eq!(unread, "1 unread from bob (/with and a name shows them)");
    alice.types("bob");
    alice.sees("bob has received the messages that you left\n");
    alice.sees("bob is not connected\n");
    alice.never_saw("waiting");
    let (_bob, unread) = comes_back(&server, "bob");
    assert_eq!(unread, "", "what was read is not unread again");
}

#[test]
fn unread_messages_are_counted_for_each_at_login_and_while_here() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = acquainted(&server);
    let mut carol = server.registers("carol");
    open_conversation(&mut carol, &mut bob);
    carol.leaves(&mut bob);
    bob.logs_out();
    for (writer, count) in [(&mut alice, 2), (&mut carol, 1)] {
        writer.types("/with bob");
        writer.sees("what you type waits for them\n");
        (0..count).for_each(|n| writer.types(&format!("number {n}")));
        writer.types("exit");
        writer.sees("You left the conversation\n");
    }
    let (mut bob, unread) = comes_back(&server, "bob");
    assert_eq!(unread, "2 unread from alice, 1 from carol (/with and a name shows them)");
    bob.types("/who");
    bob.sees("your contacts: alice (connected, 2 unread), carol (connected, 1 unread)\n");
    open_conversation(&mut bob, &mut alice);
    // Carol has a conversation with him open on her side alone by now: he is told once, and it is counted.
    carol.types("bob");
    bob.sees("carol wants to start a conversation with you (/with carol answers)\n");
    bob.types("/who");
    bob.sees("your contacts: alice (connected), carol (connected, 1 unread)\n");
    bob.types("/with carol");
    both_accept(&mut carol, &mut bob);
    bob.types("/who");
    bob.sees("your contacts: alice (connected), carol (connected)\n");
}

#[test]
fn who_waits_for_an_answer_is_listed_until_they_do_not() {
    let server = TestServer::starts();
    let (_alice, mut bob) = server.two_in_conversation("alice", "bob");
    let (mut carol, mut dave) = server.registers_two("carol", "dave");
    for person in [&mut carol, &mut dave] {
        person.types("bob");
        person.sees("bob is busy; they are told, and your invitation waits.");
    }
    bob.sees("dave wants to start a conversation with you (/with dave answers)\n");
    bob.types("/who");
    bob.sees("waiting for you: carol, dave (/with and a name answers)\n");
    carol.types("no");
    bob.sees("carol does not wait for you any more\n");
    bob.types("/who");
    bob.sees("waiting for you: dave (/with and a name answers)\n");
    bob.types("/with dave");
    both_accept(&mut dave, &mut bob);
    bob.types("/who");
    bob.says_to(&mut dave, "hello");
    assert_eq!(bob.saw_times("waiting for you"), 2);
}

#[test]
fn somebody_whom_one_has_never_met_can_be_left_nothing() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    bob.logs_out();
    alice.types("/with bob");
    alice.sees("you have no key with bob: the first meeting needs you both\n");
    alice.is_in_the_lobby();
    alice.types("/with nobody");
    alice.sees("nobody is unknown: nobody has an account of that name\n");
    alice.types("/with alice");
    alice.sees("that is you; name somebody else\n");
}

#[test]
fn a_machine_that_has_not_met_somebody_leaves_them_nothing() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = acquainted(&server);
    alice.logs_out();
    bob.logs_out();
    std::fs::remove_file(server.folder_of("alice").join("alice.pins")).unwrap();
    let (mut alice, _) = comes_back(&server, "alice");
    alice.types("/with bob");
    alice.sees("this machine has not seen bob prove your newest key: meet bob once with this machine");
    alice.is_in_the_lobby();
}

#[test]
fn two_conversations_come_back_after_a_cut_with_what_was_typed_and_missed() {
    let server = TestServer::starts();
    let line = Proxy::to(&server);
    let mut alice = line.registers(&server, "alice");
    let (mut bob, mut carol) = server.registers_two("bob", "carol");
    open_conversation(&mut alice, &mut bob);
    opens_another(&mut alice, &mut carol);
    for how in [Cut::Ends, Cut::Breaks] {
        line.refuses(true);
        line.cuts(how);
        alice.sees("the connection to the server was lost; trying to get it back\n");
        alice.types("typed without a line");
        alice.sees("(this is sent when the connection is back)\n");
        line.refuses(false);
        alice.sees("connected again\n");
        // First the one that she was typing to, and then the other.
        alice.sees("Conversation with carol is open again.\n");
        alice.sees("Conversation with bob is open again.\n");
        bob.sees("Conversation with alice is open again.\n");
        carol.sees("] alice: typed without a line\n");
        alice.says_to(&mut carol, "after");
        carol.says_to(&mut alice, "yes");
        bob.types("and here");
        alice.sees("] bob: and here (/with bob)\n");
        turns_to(&mut alice, "bob");
        alice.says_to(&mut bob, "here too");
        turns_to(&mut alice, "carol");
    }
    assert_eq!(alice.saw_times("Accept this key?"), 2, "nobody is asked again");
    for person in [&alice, &bob, &carol] {
        ["WARNING", "NOT SENT", "NOT CONFIRMED"].iter().for_each(|words| person.never_saw(words));
    }
    assert_eq!(carol.saw_times("typed without a line"), 2);
}

#[test]
fn a_server_that_starts_again_gets_every_conversation_back() {
    let mut server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let mut carol = server.registers("carol");
    opens_another(&mut alice, &mut carol);
    is_answered_by_second(&mut bob, &mut carol);
    server.stops();
    server.restarts();
    for (person, peers) in
        [(&mut alice, ["bob", "carol"]), (&mut bob, ["alice", "carol"]), (&mut carol, ["alice", "bob"])]
    {
        for _ in peers {
            let words = peers.map(|peer| format!("Conversation with {peer} is open again.\n"));
            person.sees_any(&[&words[0], &words[1]]);
        }
    }
    for (person, peer) in [(&mut alice, "bob"), (&mut bob, "carol"), (&mut carol, "alice")] {
        turns_to(person, peer);
    }
    alice.types("round");
    bob.sees("] alice: round");
    bob.types("and");
    carol.sees("] bob: and");
    carol.types("about");
    alice.sees("] carol: about");
}

/// Both have conversations open: the first names the second by `/with`, who answers likewise.
fn is_answered_by_second(first: &mut TestClient, second: &mut TestClient) {
    first.types(&format!("/with {}", second.name()));
    second.sees(&format!("{} wants to start a conversation with you (/with", first.name()));
    second.types(&format!("/with {}", first.name()));
    both_accept(first, second);
}

#[test]
fn so_many_conversations_and_no_more() {
    let server = TestServer::starts_with(&["--max-open-conversations", "1"]);
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let mut carol = server.registers("carol");
    alice.types("/with carol");
    alice.sees("you have as many conversations open as the server allows; leave one first\n");
    alice.says_to(&mut bob, "only you, then");
    alice.leaves(&mut bob);
    open_conversation(&mut alice, &mut carol);
}
