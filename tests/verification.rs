//! Comparing identities: the safety number, marking and unmarking, and what this machine remembers of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{TestClient, TestServer, open_conversation, reach_the_key};

/// Waits for the safety number with this peer, in three lines of four groups: its digits.
fn reads_the_number(person: &mut TestClient, peer: &str) -> String {
    person.sees(&format!("the safety number of you and {peer}:\n"));
    let lines = [person.reads_line(), person.reads_line(), person.reads_line()].join(" ");
    let groups: Vec<&str> = lines.split(' ').collect();
    assert!(groups.len() == 12 && groups.iter().all(|group| group.len() == 5), "{lines}");
    lines
}

/// The number with its last digit changed.
fn another(number: &str) -> String {
    let last = if number.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &number[..number.len() - 1])
}

#[test]
fn both_see_one_number_and_mark_each_other_once_they_saw_it() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.leaves(&mut bob);
    // A yes without a number on the screen compares nothing: the number is shown instead.
    alice.types("/verify bob yes");
    alice.sees("  known since ");
    let of_alice = reads_the_number(&mut alice, "bob");
    alice.sees("bob sees the same number with /verify alice");
    bob.types("/verify alice");
    assert_eq!(reads_the_number(&mut bob, "alice"), of_alice);
    alice.types("/verify bob yes");
    alice.sees("bob's identity is now verified\n");
    alice.types("/verify bob");
    alice.sees("  verified on ");
    alice.sees("by the safety number, on the machine ");
    assert_eq!(reads_the_number(&mut alice, "bob"), of_alice);
    // It is remembered, and it is Alice's alone: no code is shown to her any more.
    alice.logs_out();
    let mut alice = server.logs_in("alice");
    assert!(matches!(reach_the_key(&mut alice, &mut bob), (None, Some(_))));
    alice.types("no");
    alice.is_in_the_lobby();
    bob.is_in_the_lobby();
    // And it can be taken back.
    alice.types("/verify bob no");
    alice.sees("bob's identity is not verified any more");
    alice.types("/verify bob no");
    alice.sees("bob's identity was not verified");
    assert!(matches!(reach_the_key(&mut alice, &mut bob), (Some(_), Some(_))));
}

#[test]
fn a_number_that_is_typed_is_compared_by_the_program() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    bob.types("/verify");
    let number = reads_the_number(&mut bob, "alice");
    alice.types(&format!("/verify {}", another(&number)));
    alice.sees("the safety numbers differ: someone may be between you");
    alice.types(&format!("/verify bob {}", number.replace(' ', "")));
    alice.sees("bob's identity is now verified\n");
    bob.types("/verify");
    bob.sees("not verified\n");
    bob.never_saw("now verified");
}

#[test]
fn the_number_answers_the_question_about_a_key_as_the_code_does() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    reach_the_key(&mut alice, &mut bob);
    alice.types("/verify yes");
    alice.sees("that has to wait until the key is answered");
    bob.types("/verify");
    let number = reads_the_number(&mut bob, "alice");
    // A slip is no try at a code: three of them refuse nothing.
    for _ in 0..3 {
        alice.types(&another(&number));
        alice.sees("the safety numbers differ");
        alice.sees("Accept this key? ");
    }
    alice.types(&number);
    bob.types("yes");
    alice.talks_with("bob");
    bob.talks_with("alice");
    alice.types("/verify");
    alice.sees("by the safety number, on the machine ");
}

#[test]
fn a_code_at_the_key_is_remembered_as_what_verified_the_contact() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    let (of_alice, of_bob) = reach_the_key(&mut alice, &mut bob);
    alice.types(&of_bob.unwrap());
    bob.types("yes");
    alice.talks_with("bob");
    bob.talks_with("alice");
    alice.types("/verify");
    alice.sees("by the code at the question about a key, on the machine ");
    bob.types(&format!("/verify alice {}", of_alice.unwrap()));
    bob.sees("alice's identity is now verified\n");
    bob.types("/verify");
    bob.sees("by the code in a conversation, on the machine ");
}

#[test]
fn whose_identity_is_meant_is_asked_for_where_nobody_is_talked_to() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    for line in ["/verify", "/verify yes", "/verify no"] {
        alice.types(line);
        alice.sees("whose identity? Type /verify and a name");
    }
    alice.types("/verify carol yes");
    alice.sees("this machine knows no identity of carol\n");
    alice.types("/verify carol maybe");
    alice.sees("/verify takes a name, and then nothing, or yes, or no,");
}

#[test]
fn a_new_account_of_a_known_name_is_told_apart_and_accepted_by_what_its_person_says() {
    let mut server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.leaves(&mut bob);
    bob.logs_out();
    // Bob loses his machine, and the operator lets him make a new account of that name.
    server.stops();
    let mut accounts: serde_json::Value = serde_json::from_str(&server.data_file("dico.json")).unwrap();
    assert!(accounts.as_object_mut().unwrap().remove("bob").is_some());
    std::fs::write(server.data().join("dico.json"), accounts.to_string()).unwrap();
    std::fs::remove_dir_all(server.home_of("bob")).unwrap();
    server.restarts();
    alice.sees("connected again");
    let mut bob = server.registers("bob");
    reach_the_key(&mut bob, &mut alice);
    alice.types("yes");
    alice.sees("bob's identity changed, so a plain yes is not enough");
    // What she could type off her own screen would compare nothing.
    alice.types("/verify");
    alice.sees("the safety number with an identity that changed has to come from bob");
    bob.types("/verify");
    let number = reads_the_number(&mut bob, "alice");
    alice.types(&number);
    bob.types("yes");
    alice.talks_with("bob");
    bob.talks_with("alice");
    alice.never_saw("the safety number of you and bob");
    open_again(&mut alice, &mut bob);
}

/// They meet again, and nothing is said to have changed any more.
fn open_again(alice: &mut TestClient, bob: &mut TestClient) {
    alice.leaves(bob);
    let before = alice.saw_times("THIS IDENTITY CHANGED");
    open_conversation(alice, bob);
    assert_eq!(alice.saw_times("THIS IDENTITY CHANGED"), before);
}
