//! Coming back: what the person sees and what goes on by itself.

use std::time::{Duration, Instant};

use crate::{
    both_over_lines,
    common::{Cut, Proxy, TestServer, Way},
    conversation_is, first_over_a_line, no_alarm, owned,
};

const LOST: &str = "the connection to the server was lost; trying to get it back\n";
const QUESTION: &str = "Accept this key?";
const BACK: &str = "connected again\n";

#[test]
fn a_cut_line_comes_back_by_itself_and_the_conversation_with_it() {
    for how in [Cut::Ends, Cut::Breaks] {
        let server = TestServer::starts();
        let (line, mut alice, mut bob) = first_over_a_line(&server);
        alice.says_to(&mut bob, "before");
        let asked = [alice.saw_times(QUESTION), bob.saw_times(QUESTION)];
        line.cuts(how);
        alice.sees(LOST);
        alice.sees(BACK);
        alice.sees("Conversation with bob is open again.\n");
        bob.sees("alice's connection was lost");
        bob.sees("Conversation with alice is open again.\n");
        alice.says_to(&mut bob, "after");
        bob.says_to(&mut alice, "yes");
        conversation_is(&server, &mut alice, &mut bob, &owned(&["before", "after"]), &owned(&["yes"]));
        let asked_again = [alice.saw_times(QUESTION), bob.saw_times(QUESTION)];
        assert_eq!(asked_again, asked, "nobody is asked again");
        assert_eq!(alice.saw_times("Password: "), 1);
    }
}

#[test]
fn what_is_typed_without_a_connection_is_sent_once_there_is_one() {
    let server = TestServer::starts();
    let (line, mut alice, mut bob) = first_over_a_line(&server);
    line.refuses(true);
    line.cuts(Cut::Breaks);
    alice.sees(LOST);
    for word in ["one", "two", "three"] {
        alice.types(word);
        alice.sees("(this is sent when the connection is back)\n");
    }
    line.refuses(false);
    alice.sees("Conversation with bob is open again.\n");
    alice.says_to(&mut bob, "four");
    assert_eq!(crate::arrived(&bob, "alice"), ["one", "two", "three", "four"]);
    conversation_is(&server, &mut alice, &mut bob, &owned(&["one", "two", "three", "four"]), &[]);
}

#[test]
fn what_the_other_wrote_meanwhile_is_shown_once() {
    let server = TestServer::starts();
    let ([line, other], mut alice, mut bob) = both_over_lines(&server);
    // Bob's line dies too, and he comes back first: what he typed is in the log before Alice returns.
    line.refuses(true);
    other.refuses(true);
    line.cuts(Cut::Ends);
    other.cuts(Cut::Ends);
    alice.sees(LOST);
    bob.sees(LOST);
    alice.types("from alice");
    alice.sees("(this is sent");
    bob.types("from bob 1");
    bob.sees("(this is sent");
    bob.types("from bob 2");
    bob.sees("(this is sent");
    other.refuses(false);
    bob.sees("alice is not here; the conversation opens again when both of you are\n");
    line.refuses(false);
    alice.sees("Conversation with bob is open again.\n");
    bob.sees("Conversation with alice is open again.\n");
    alice.says_to(&mut bob, "and now");
    assert_eq!(crate::arrived(&alice, "bob"), ["from bob 1", "from bob 2"]);
    assert_eq!(crate::arrived(&bob, "alice"), ["from alice", "and now"]);
    let (of_alice, of_bob) = (owned(&["from alice", "and now"]), owned(&["from bob 1", "from bob 2"]));
    conversation_is(&server, &mut alice, &mut bob, &of_alice, &of_bob);
    // And nothing seems missing or new when all is read again by programs started anew.
    alice.leaves(&mut bob);
    alice.logs_out();
    bob.logs_out();
    let (mut alice, mut bob) = (line.logs_in(&server, "alice"), other.logs_in(&server, "bob"));
    crate::open_conversation(&mut bob, &mut alice);
    conversation_is(&server, &mut alice, &mut bob, &of_alice, &of_bob);
}

#[test]
fn both_cut_at_once_meet_again() {
    let server = TestServer::starts();
    let ([line, other], mut alice, mut bob) = both_over_lines(&server);
    for round in 0..3 {
        alice.says_to(&mut bob, &format!("round {round}"));
        line.cuts(Cut::Breaks);
        other.cuts(Cut::Breaks);
        alice.sees("Conversation with bob is open again.\n");
        bob.sees("Conversation with alice is open again.\n");
    }
    let words: Vec<String> = (0..3).map(|round| format!("round {round}")).collect();
    conversation_is(&server, &mut alice, &mut bob, &words, &[]);
}

#[test]
fn a_server_killed_and_started_again_changes_nothing() {
    let mut server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.says_to(&mut bob, "before");
    server.is_killed();
    alice.sees(LOST);
    bob.sees(LOST);
    alice.types("meanwhile");
    alice.sees("(this is sent");
    server.restarts();
    alice.sees("Conversation with bob is open again.\n");
    bob.sees("Conversation with alice is open again.\n");
    bob.says_to(&mut alice, "after");
    conversation_is(&server, &mut alice, &mut bob, &owned(&["before", "meanwhile"]), &owned(&["after"]));
}

#[test]
fn tries_become_rarer() {
    let server = TestServer::starts();
    let (line, mut alice, _bob) = first_over_a_line(&server);
    line.refuses(true);
    let (before, start) = (line.taken(), Instant::now());
    line.cuts(Cut::Breaks);
    line.waits_for_tries(before + 4);
    // After 250, 500, 1000 and 2000 ms.
    assert!(start.elapsed() >= Duration::from_millis(3750), "{:?}", start.elapsed());
    line.refuses(false);
    alice.sees(BACK);
}

#[test]
fn a_time_for_it_is_kept_and_what_was_not_confirmed_is_named() {
    let server = TestServer::starts();
    let line = Proxy::to(&server);
    let alice = line.registers(&server, "alice");
    drop(alice);
    let mut alice = crate::TestClient::starts("alice", line.command(&server, "alice", &["--retry", "1"]));
    alice.says_who_they_are("alice", &crate::common::password_of("alice"));
    let mut bob = server.registers("bob");
    crate::open_conversation(&mut alice, &mut bob);
    line.refuses(true);
    line.cuts(Cut::Breaks);
    alice.sees(LOST);
    alice.types("never confirmed");
    assert_eq!(alice.ends().code(), Some(75));
    alice.sees("NOT CONFIRMED: never confirmed\n");
    alice.is_warned("error: the connection to the server was lost\n");
}

#[test]
fn split_and_slow_bytes_are_the_same_bytes() {
    let server = TestServer::starts();
    let line = Proxy::to(&server);
    line.splits(1);
    let mut alice = line.registers(&server, "alice");
    let mut bob = server.registers("bob");
    crate::open_conversation(&mut alice, &mut bob);
    let long = "many bytes ".repeat(400);
    alice.says_to(&mut bob, long.trim());
    line.splits(100);
    line.delays(Duration::from_millis(2));
    bob.says_to(&mut alice, long.trim());
    conversation_is(&server, &mut alice, &mut bob, &owned(&[long.trim()]), &owned(&[long.trim()]));
    assert_eq!(line.taken(), 1, "the connection was never lost");
}

#[test]
fn a_line_that_holds_everything_for_a_while_loses_nothing() {
    let server = TestServer::starts();
    let (line, mut alice, mut bob) = first_over_a_line(&server);
    line.stalls(true);
    alice.types("held");
    bob.types("held too");
    line.stalls(false);
    bob.sees("alice: held\n");
    alice.sees("bob: held too\n");
    alice.never_saw("was lost");
    conversation_is(&server, &mut alice, &mut bob, &owned(&["held"]), &owned(&["held too"]));
}

/// Not cut: nothing says so to anyone, but a message that stays unconfirmed does.
#[test]
fn a_silent_line_is_given_up_when_an_answer_is_owed() {
    let server = TestServer::starts();
    let (line, mut alice, mut bob) = first_over_a_line(&server);
    let start = Instant::now();
    line.stalls(true);
    alice.types("into the void");
    alice.sees(LOST);
    let noticed = start.elapsed();
    // The next connection is good again.
    line.stalls(false);
    assert!(noticed >= Duration::from_secs(19) && noticed < Duration::from_secs(28), "{noticed:?}");
    alice.sees("Conversation with bob is open again.\n");
    bob.sees("alice: into the void\n");
    conversation_is(&server, &mut alice, &mut bob, &owned(&["into the void"]), &[]);
}

#[test]
fn a_line_lost_in_the_lobby_comes_back_to_the_lobby() {
    let server = TestServer::starts();
    let line = Proxy::to(&server);
    let mut alice = line.registers(&server, "alice");
    let mut bob = server.registers("bob");
    line.cuts(Cut::Ends);
    alice.sees(LOST);
    alice.sees(BACK);
    bob.types("alice");
    alice.sees("bob wants to start a conversation with you\n");
    alice.is_asked_about_the_key();
    alice.types("yes");
    bob.is_asked_about_the_key();
    bob.types("yes");
    bob.talks_with("alice");
    no_alarm(&[&alice, &bob]);
}

#[test]
fn who_typed_exit_is_not_brought_back_although_the_line_died_on_the_way() {
    let server = TestServer::starts();
    let (line, mut alice, mut bob) = first_over_a_line(&server);
    alice.says_to(&mut bob, "bye");
    line.cuts_after(Way::Up, 1, Cut::Breaks);
    alice.types("exit");
    alice.sees("You left the conversation\n");
    alice.sees(BACK);
    alice.is_in_the_lobby();
    bob.sees("alice left the conversation (connection lost)\n");
    bob.is_in_the_lobby();
    crate::open_conversation(&mut alice, &mut bob);
    conversation_is(&server, &mut alice, &mut bob, &owned(&["bye"]), &[]);
}

#[test]
fn the_end_of_input_waits_for_what_was_typed_before_it_even_over_a_cut() {
    let server = TestServer::starts();
    let (line, mut alice, mut bob) = first_over_a_line(&server);
    line.cuts_after(Way::Up, 200, Cut::Breaks);
    alice.types("first");
    alice.types("last words");
    alice.closes_input();
    alice.ends_well();
    let mut alice = line.logs_in(&server, "alice");
    bob.is_in_the_lobby();
    crate::open_conversation(&mut alice, &mut bob);
    conversation_is(&server, &mut alice, &mut bob, &owned(&["first", "last words"]), &[]);
}
