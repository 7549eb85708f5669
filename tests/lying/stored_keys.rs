//! Kept keys that the operator set back, removed, exchanged or damaged.

use serde_json::json;

use crate::{
    common::{TestClient, TestServer, invite, open_conversation},
    stored::{edit, edit_key, forgets, leave, meet_again, says, server_with_a_conversation, warnings},
};

/// `/rekey`, accepted by both.
fn agree_on_a_new_key(one: &mut TestClient, other: &mut TestClient, epoch: u32) {
    one.types("/rekey");
    for client in [&mut *one, &mut *other] {
        client.is_asked_about_the_key();
        client.types("yes");
    }
    for client in [one, other] {
        client.sees(&format!("goes on under key number {epoch}"));
    }
}

/// What both are warned of, at the key and at the log, when they meet again.
fn warned(server: &TestServer) -> (Vec<String>, Vec<String>) {
    let (alice, bob) = meet_again(server);
    let warned = (warnings(&alice), warnings(&bob));
    leave(alice, bob);
    // The new key is a kept key like any other: there is nothing more to warn of.
    let (alice, bob) = meet_again(server);
    let old: Vec<_> = warnings(&alice).into_iter().filter(|warning| warning.contains("new key")).collect();
    assert_eq!(old, Vec::<String>::new());
    assert!(alice.transcript().contains("The kept key with bob"), "{}", alice.transcript());
    leave(alice, bob);
    warned
}

#[test]
fn a_key_set_back_to_an_older_one_is_named_to_both() {
    let mut server = server_with_a_conversation();
    let before = server.data_file("keys_dico.json");
    let (mut alice, mut bob) = (server.logs_in("alice"), server.logs_in("bob"));
    open_conversation(&mut alice, &mut bob);
    agree_on_a_new_key(&mut alice, &mut bob, 2);
    says(&mut alice, &mut bob, "under the second key");
    leave(alice, bob);

    edit(&mut server, "keys_dico.json", |_| before);
    let (alice, bob) = warned(&server);
    for (warned, peer) in [(alice, "bob"), (bob, "alice")] {
        let set_back = format!(
            "the server shows key number 1 for {peer}, but you have used number 2. Its files were set back to an \
             older state; a new key is needed"
        );
        let keyless = "number 5 of alice cannot be opened: there is no key number 2 for it";
        assert_eq!(warned, [set_back.as_str(), keyless]);
    }
}

#[test]
fn a_kept_key_removed_is_named_to_both() {
    let mut server = server_with_a_conversation();
    edit(&mut server, "keys_dico.json", |_| "{}\n".into());
    let (alice, bob) = warned(&server);
    for (warned, peer) in [(alice, "bob"), (bob, "alice")] {
        let gone = format!(
            "you and {peer} agreed on key number 1, and the server has no record of it. It lost the key, or hides \
             it; a new key is needed"
        );
        assert_eq!(warned[0], gone);
        assert!(
            warned[1..].iter().all(|line| line.contains("there is no key number 1 for it")),
            "{warned:#?}"
        );
    }
}

#[test]
fn a_kept_key_of_another_id_is_named_to_both() {
    let mut server = server_with_a_conversation();
    edit_key(&mut server, |key| key["key_id"] = json!("AAAAAAAAAAAAAAAAAAAAAA=="));
    let (alice, bob) = warned(&server);
    for (warned, peer) in [(alice, "bob"), (bob, "alice")] {
        let swapped = format!(
            "the server shows another key number 1 for {peer} than you agreed on; a new key is needed"
        );
        assert_eq!(warned[0], swapped);
    }
}

#[test]
fn a_key_of_another_number_is_named_to_both() {
    let mut server = server_with_a_conversation();
    edit_key(&mut server, |key| key["epoch"] = json!(2));
    let (alice, bob) = warned(&server);
    for (warned, peer) in [(alice, "bob"), (bob, "alice")] {
        let altered = format!(
            "your copy of key number 2 with {peer} does not open: it was altered; a new key is needed"
        );
        assert_eq!(warned[0], altered);
    }
}

#[test]
fn exchanged_copies_are_named_to_both() {
    let mut server = server_with_a_conversation();
    edit_key(&mut server, |key| {
        let (alices, bobs) = (key["sealed"]["alice"].clone(), key["sealed"]["bob"].clone());
        key["sealed"] = json!({ "alice": bobs, "bob": alices });
    });
    let (alice, bob) = warned(&server);
    for (warned, peer) in [(alice, "bob"), (bob, "alice")] {
        let altered = format!(
            "your copy of key number 1 with {peer} does not open: it was altered; a new key is needed"
        );
        assert_eq!(warned[0], altered);
    }
}

#[test]
fn a_damaged_copy_of_who_is_invited_is_named_to_both_and_a_new_key_mends_it() {
    let mut server = server_with_a_conversation();
    edit_key(&mut server, |key| key["sealed"]["bob"] = key["sealed"]["alice"].clone());
    let (mut alice, mut bob) = (server.logs_in("alice"), server.logs_in("bob"));
    invite(&mut alice, &mut bob);
    bob.sees("WARNING: your copy of key number 1 with alice does not open: it was altered");
    alice.sees(
        "bob's machine knows another kept key than the server shows; name bob again to agree on a new one",
    );
    alice.is_in_the_lobby();
    open_conversation(&mut alice, &mut bob);
    assert!(bob.transcript().contains("A new key with alice (number 2)"), "{}", bob.transcript());
    says(&mut alice, &mut bob, "it goes on");
}

#[test]
fn a_machine_without_memory_says_that_it_cannot_tell() {
    let server = server_with_a_conversation();
    forgets(&server, "bob");
    let (alice, bob) = meet_again(&server);
    let note =
        "note: this machine has no memory of alice, so it cannot tell whether the server set something back";
    assert!(bob.transcript().contains(note), "{}", bob.transcript());
    alice.never_saw("no memory");
}

#[test]
fn a_key_set_back_is_not_proven_to_a_machine_without_memory() {
    let mut server = server_with_a_conversation();
    let before = server.data_file("keys_dico.json");
    let (mut alice, mut bob) = (server.logs_in("alice"), server.logs_in("bob"));
    open_conversation(&mut alice, &mut bob);
    agree_on_a_new_key(&mut alice, &mut bob, 2);
    leave(alice, bob);
    edit(&mut server, "keys_dico.json", |_| before);
    // Alice would go on with the old key; bob's machine remembers the new one.
    forgets(&server, "alice");
    let (mut alice, mut bob) = (server.logs_in("alice"), server.logs_in("bob"));
    invite(&mut alice, &mut bob);
    bob.sees("WARNING: the server shows key number 1 for alice, but you have used number 2");
    bob.sees("the kept key (number 1) that alice wants to go on with is not the newest known here; declined");
    alice.sees("bob's machine knows another kept key than the server shows");
    // Her machine's next number is one that his has used: it says so, and she goes on from there.
    alice.is_in_the_lobby();
    invite(&mut alice, &mut bob);
    bob.sees("alice proposed key number 2, and number 2 is used already; declined");
    alice.sees("bob's machine has used key number 2 already; name bob again to go on from there");
    alice.is_in_the_lobby();
    open_conversation(&mut alice, &mut bob);
    assert!(alice.transcript().contains("A new key with bob (number 3)"), "{}", alice.transcript());
}
