//! The line dies while a key is agreed on, answered, or replaced.

use crate::{
    both_over_lines,
    common::{Cut, Proxy, TestClient, TestServer, Way, open_conversation},
    conversation_is, first_over_a_line, no_alarm, owned,
};

/// From wherever two people are after a cut to an open conversation, by what the screen asks of them.
///
/// Each of them answers questions about keys with yes; the first names the second when both are in the lobby.
fn meet_again(first: &mut TestClient, second: &mut TestClient) {
    let open = format!("Conversation with {} is open", second.name());
    loop {
        first.types(second.name());
        second.sees(&format!("{} wants to start a conversation with you", first.name()));
        second.is_asked_about_the_key();
        second.types("yes");
        first.is_asked_about_the_key();
        first.types("yes");
        if first.sees_any(&[&open, "Who do you want"]) == open {
            second.talks_with(first.name());
            return;
        }
    }
}

#[test]
fn a_line_lost_while_asked_ends_the_run_for_both_and_they_can_begin_again() {
    let server = TestServer::starts();
    let line = Proxy::to(&server);
    let mut alice = line.registers(&server, "alice");
    let mut bob = server.registers("bob");
    crate::common::reach_the_key(&mut alice, &mut bob);
    line.cuts(Cut::Breaks);
    alice.sees("your meeting with bob ended with the connection; name them again\n");
    alice.is_in_the_lobby();
    bob.sees("alice is not connected any more; no key was agreed on\n");
    bob.is_in_the_lobby();
    meet_again(&mut alice, &mut bob);
    bob.says_to(&mut alice, "at last");
    conversation_is(&server, &mut alice, &mut bob, &[], &owned(&["at last"]));
}

/// Whoever accepted and never heard the outcome holds a key that the other may hold as agreed.
#[test]
fn a_key_whose_outcome_was_lost_is_taken_up_at_the_next_meeting() {
    let server = TestServer::starts();
    let ([line, other], mut alice, mut bob) = {
        let lines = [Proxy::to(&server), Proxy::to(&server)];
        let alice = lines[0].registers(&server, "alice");
        let bob = lines[1].registers(&server, "bob");
        (lines, alice, bob)
    };
    crate::common::reach_the_key(&mut alice, &mut bob);
    alice.types("yes");
    alice.sees("Waiting for bob to answer...");
    // The outcome is stored and goes out to both; to Alice not a byte of it arrives.
    line.cuts_after(Way::Down, 1, Cut::Breaks);
    bob.types("yes");
    bob.talks_with("alice");
    alice.sees("your meeting with bob ended with the connection; name them again\n");
    bob.sees("alice left the conversation (connection lost)\n");
    alice.is_in_the_lobby();
    bob.is_in_the_lobby();
    open_conversation(&mut alice, &mut bob);
    alice.never_saw("(number 2)");
    alice.says_to(&mut bob, "the same key");
    conversation_is(&server, &mut alice, &mut bob, &owned(&["the same key"]), &[]);
    // The other way round, and both at once.
    alice.leaves(&mut bob);
    crate::common::reach_the_key(&mut bob, &mut alice);
    bob.types("yes");
    bob.sees("Waiting for alice to answer...");
    for line in [&line, &other] {
        line.cuts_after(Way::Down, 1, Cut::Ends);
    }
    alice.types("yes");
    for (person, peer) in [(&mut alice, "bob"), (&mut bob, "alice")] {
        person.sees(&format!("your meeting with {peer} ended with the connection"));
        person.is_in_the_lobby();
    }
    open_conversation(&mut alice, &mut bob);
    conversation_is(&server, &mut alice, &mut bob, &owned(&["the same key"]), &[]);
}

/// Each step of the agreement, cut in the middle: whatever the two are left with, they meet, with no alarm.
#[test]
fn an_agreement_cut_at_any_step_can_be_begun_again() {
    let server = TestServer::starts();
    for (round, (way, after)) in [
        (Way::Up, 1),
        (Way::Up, 60),
        (Way::Down, 20),
        (Way::Down, 300),
        (Way::Up, 1500),
        (Way::Down, 1500),
        (Way::Up, 2200),
        (Way::Down, 2600),
    ]
    .into_iter()
    .enumerate()
    {
        let (first, second) = (format!("a{round}"), format!("b{round}"));
        let line = Proxy::to(&server);
        let mut alice = line.registers(&server, &first);
        let mut bob = server.registers(&second);
        line.cuts_after(way, after, if round % 2 == 0 { Cut::Breaks } else { Cut::Ends });
        alice.types(&second);
        let lost = "the connection to the server was lost";
        if alice.sees_any(&[lost, "Accept this key? "]) == lost {
            alice.sees("connected again");
            alice.is_in_the_lobby();
        } else {
            // It died behind the last step, or waits to.
            line.cuts_no_more();
            line.cuts(Cut::Breaks);
            alice.sees("connected again");
            alice.is_in_the_lobby();
        }
        line.cuts_no_more();
        // Bob was asked or not; whatever he was asked is over before he is asked anew.
        alice.types(&second);
        alice.is_asked_about_the_key();
        alice.types("yes");
        alice.sees(&format!("Waiting for {second} to answer..."));
        bob.types("yes");
        bob.talks_with(&first);
        alice.talks_with(&second);
        alice.says_to(&mut bob, "hello");
        no_alarm(&[&alice, &bob]);
    }
}

#[test]
fn a_line_lost_while_the_log_is_read_reads_it_at_the_next_opening() {
    let server = TestServer::starts();
    let (line, mut alice, mut bob) = first_over_a_line(&server);
    let words: Vec<String> = (0..60).map(|number| format!("word {number} {}", "x".repeat(300))).collect();
    for word in &words {
        bob.types(word);
    }
    alice.sees("word 59 ");
    alice.leaves(&mut bob);
    for after in [300, 2_000, 9_000] {
        crate::common::reach_the_key(&mut bob, &mut alice);
        bob.types("yes");
        bob.sees("Waiting for alice to answer...");
        line.cuts_after(Way::Down, after, Cut::Ends);
        alice.types("yes");
        bob.talks_with("alice");
        alice.sees("the connection to the server was lost");
        bob.sees("alice's connection was lost");
        // Both accepted; she saw nothing of it yet, and sees it now.
        line.cuts_no_more();
        if alice.sees_any(&["your meeting with bob ended", "Conversation with bob is open"])
            == "your meeting with bob ended"
        {
            alice.is_in_the_lobby();
            bob.is_in_the_lobby();
            open_conversation(&mut bob, &mut alice);
        } else {
            bob.sees("Conversation with alice is open again");
        }
        alice.leaves(&mut bob);
    }
    open_conversation(&mut bob, &mut alice);
    conversation_is(&server, &mut alice, &mut bob, &[], &words);
}

/// `/rekey`, cut at each of its steps on the side that asked for it.
#[test]
fn a_new_key_cut_at_any_step_leaves_a_conversation_that_goes_on() {
    let server = TestServer::starts();
    let (lines, mut alice, mut bob) = both_over_lines(&server);
    let line = &lines[0];
    let mut words = Vec::new();
    let steps =
        [(Way::Up, 1), (Way::Down, 1), (Way::Up, 300), (Way::Down, 400), (Way::Up, 1400), (Way::Down, 1700)];
    for (round, (way, after)) in steps.into_iter().enumerate() {
        line.cuts_after(way, after, if round % 2 == 0 { Cut::Ends } else { Cut::Breaks });
        alice.types("/rekey");
        let open = "Conversation with bob is open again.\n";
        if alice.sees_any(&[open, "Accept this key? "]) != open {
            line.cuts_no_more();
            line.cuts(Cut::Breaks);
            alice.sees(open);
        }
        bob.sees("Conversation with alice is open again.\n");
        let word = format!("after step {round}");
        alice.says_to(&mut bob, &word);
        words.push(word);
    }
    conversation_is(&server, &mut alice, &mut bob, &words, &[]);
}

#[test]
fn a_new_key_whose_outcome_one_side_never_heard_is_offered_to_both_again() {
    let server = TestServer::starts();
    let ([line, _other], mut alice, mut bob) = both_over_lines(&server);
    alice.says_to(&mut bob, "under the first");
    alice.types("/rekey");
    alice.is_asked_about_the_key();
    bob.is_asked_about_the_key();
    alice.types("yes");
    alice.sees("Waiting for bob to answer...");
    line.cuts_after(Way::Down, 1, Cut::Breaks);
    bob.types("yes");
    // What Bob heard first, the outcome or the loss, is the server's to say; the key is the same one.
    bob.sees("alice left the conversation (connection lost)");
    alice.sees("the connection to the server was lost");
    for person in [&mut alice, &mut bob] {
        person.is_asked_about_the_key();
    }
    alice.types("yes");
    bob.types("yes");
    alice.sees("Conversation with bob is open");
    bob.sees("Conversation with alice is open");
    alice.says_to(&mut bob, "under the second");
    bob.says_to(&mut alice, "me too");
    let of_alice = owned(&["under the first", "under the second"]);
    conversation_is(&server, &mut alice, &mut bob, &of_alice, &owned(&["me too"]));
    alice.types("/rekey");
    assert!(alice.reads_after("A new key with bob (number ").starts_with('3'));
}
