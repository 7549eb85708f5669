//! Two people in conversation; the server, or one of their programs, is killed again and again.

use crate::{
    Chance,
    common::{TestClient, TestServer},
    dictionaries_are_valid, no_alarm, rounds,
};

/// The words of `name` in the conversation as `person` reads it back from the server.
fn read_back(person: &mut TestClient, name: &str) -> Vec<String> {
    let before = person.transcript().len();
    person.types("/history 10000");
    person.types("/help");
    person.sees("/help           this list");
    let shown = person.transcript().split_off(before);
    let begin = format!("] {name}: ");
    let lines = shown.lines().filter(|line| line.starts_with('['));
    lines.filter_map(|line| Some(line.split_once(&begin)?.1.to_owned())).collect()
}

#[test]
fn a_server_killed_in_the_middle_of_talk_loses_and_doubles_nothing() {
    let mut chance = Chance::new("server");
    let mut server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let (mut of_alice, mut of_bob) = (Vec::new(), Vec::new());
    for round in 0..rounds() {
        for number in 0..3 {
            for (person, words) in [(&mut alice, &mut of_alice), (&mut bob, &mut of_bob)] {
                let word = format!("{} {round}-{number}", person.name());
                person.types(&word);
                words.push(word);
            }
        }
        chance.waits(12);
        server.is_killed();
        dictionaries_are_valid(&server);
        server.restarts();
        alice.sees("Conversation with bob is open again.");
        bob.sees("Conversation with alice is open again.");
    }
    for (person, mark) in [(&mut alice, "last of alice"), (&mut bob, "last of bob")] {
        person.types(mark);
    }
    alice.sees("last of bob");
    bob.sees("last of alice");
    of_alice.push("last of alice".to_owned());
    of_bob.push("last of bob".to_owned());
    for person in [&mut alice, &mut bob] {
        assert_eq!(read_back(person, "alice"), of_alice);
        assert_eq!(read_back(person, "bob"), of_bob);
        no_alarm(person);
    }
    let log = server.data_file("conversations/alice+bob.txt");
    assert_eq!(log.lines().count(), of_alice.len() + of_bob.len());
}

/// What a killed client had not been told to be stored may be lost with it; what is stored is a beginning of
/// what was typed, once and in order, and the next program raises no alarm over it.
#[test]
fn a_client_killed_in_the_middle_of_talk_leaves_a_beginning_of_what_was_typed_and_no_alarm() {
    let mut chance = Chance::new("client");
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let (mut of_alice, mut of_bob) = (Vec::new(), Vec::new());
    for round in 0..rounds() {
        let typed: Vec<String> = (0..4).map(|number| format!("alice {round}-{number}")).collect();
        for (number, word) in typed.iter().enumerate() {
            alice.types(word);
            let answer = format!("bob {round}-{number}");
            bob.types(&answer);
            of_bob.push(answer);
        }
        // Sometimes longer than what is remembered waits to be written.
        let most_ms = if chance.pick(4) == 0 { 1300 } else { 15 };
        chance.waits(most_ms);
        alice.is_killed();
        no_alarm(&alice);
        // Bob's program has read all his lines: none of them is left to be the answer to a question.
        bob.types("/help");
        bob.sees("//text ");
        alice = server.logs_in("alice");
        alice.types("bob");
        alice.is_asked_about_the_key();
        alice.types("yes");
        alice.sees("Waiting for bob to answer...");
        bob.types("yes");
        alice.talks_with("bob");
        bob.talks_with("alice");
        let there = read_back(&mut alice, "alice");
        let new = there.strip_prefix(of_alice.as_slice()).expect("what was there before");
        assert_eq!(new, &typed[..new.len()], "a beginning of what was typed");
        of_alice = there;
        assert_eq!(read_back(&mut bob, "alice"), of_alice);
        assert_eq!(read_back(&mut alice, "bob"), of_bob, "bob's program lives: nothing of his is lost");
        no_alarm(&alice);
        no_alarm(&bob);
    }
}
