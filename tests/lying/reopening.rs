//! Connections that the server cuts, and what a client does by itself then: it opens again what was
//! open, under the key that was accepted, and nothing else.

use chrono::Utc;
use securechat::{
    crypto::{hash::body_hash, resume},
    wire::{Agreement, Bytes, Decline, Entry, Event, Outcome, Request, ResumeReply, Role},
};

use crate::{
    common::TestClient,
    impostor::{Impostor, Talk},
    liar::{Liar, Line, heard},
};

/// Bob, in a conversation with an alice, on a client that gets lost connections back.
fn in_conversation() -> (Liar, TestClient, Line, Impostor, Talk) {
    let liar = Liar::starts_for_clients_that_retry("60");
    let (mut bob, line) = liar.registers("bob");
    let alice = Impostor::poses_as("alice", "bob");
    let talk = alice.opens_at_epoch(&mut bob, &line, 1, 1);
    (liar, bob, line, alice, talk)
}

#[test]
fn a_cut_connection_begins_no_new_key_in_a_persons_name() {
    let (liar, mut bob, line, _alice, talk) = in_conversation();
    line.hangs_up();
    let line = liar.comes_back();
    line.hears_invitation("alice");
    // The client invites by itself: to go on with the kept key, which the server hides.
    line.starts("alice", 2, Role::Initiator, None);
    bob.sees("WARNING: you and alice agreed on key number 1, and the server has no record of it");
    bob.sees("opening the conversation with alice again takes a new key; name alice to agree on one");
    line.hears_refusal();
    line.hangs_up();

    // Nor does the peer's word make it begin one.
    let line = liar.comes_back();
    line.hears_invitation("alice");
    line.starts("alice", 3, Role::Initiator, talk.kept);
    heard!(line.hears_step(), Agreement::Resume(step) => assert!(step.reopens));
    line.says_step("alice", 3, Agreement::Decline(Decline::KeptKey {}));
    bob.sees("alice's machine knows another kept key than the server shows");
    line.hangs_up();
    let line = liar.comes_back();
    line.hears_invitation("alice");
    line.starts("alice", 4, Role::Initiator, None);
    line.hears_refusal();
}

#[test]
fn a_person_who_names_the_peer_after_a_cut_agrees_on_a_new_key() {
    let (liar, mut bob, line, alice, _talk) = in_conversation();
    line.hangs_up();
    let line = liar.comes_back();
    line.hears_invitation("alice");
    line.starts("alice", 2, Role::Initiator, None);
    line.hears_refusal();
    line.says_outcome("alice", 2, Outcome::Refused { by: "bob".parse().unwrap() });
    bob.is_in_the_lobby();
    bob.types("alice");
    line.hears_invitation("alice");
    alice.answers(&line, 3);
    bob.sees("A new key with alice (number 2)");
    bob.sees("Accept this key? ");
}

#[test]
fn a_conversation_left_is_not_opened_again_by_a_cut() {
    let (liar, mut bob, line, _alice, _talk) = in_conversation();
    bob.types("exit");
    heard!(line.hears(), Request::Leave { .. } => ());
    line.hangs_up();
    bob.sees("You left the conversation");
    let line = liar.comes_back();
    bob.sees("Who do you want to start a conversation with? ");
    bob.types("/who");
    // The first that is heard: no invitation came before it.
    heard!(line.hears(), Request::Who {} => ());
}

#[test]
fn a_conversation_left_is_not_opened_again_by_a_loss_the_server_makes_up() {
    let (_liar, mut bob, line, alice, talk) = in_conversation();
    bob.types("exit");
    heard!(line.hears(), Request::Leave { .. } => ());
    line.says(&Event::Closed { peer: alice.name.clone(), by: alice.name.clone(), lost: true });
    bob.is_in_the_lobby();
    line.starts("alice", 2, Role::Responder, talk.kept);
    let (_, step) = resume::resume(&alice.as_initiator(), talk.key, None, true).unwrap();
    line.says_step("alice", 2, Agreement::Resume(step));
    heard!(line.hears_step(), Agreement::ResumeReply(reply) => assert!(!reply.reopens));
    bob.sees("Accept this key? ");
}

#[test]
fn a_reopening_is_believed_only_with_the_peers_proof() {
    let (liar, mut bob, line, _alice, talk) = in_conversation();
    line.hangs_up();
    let line = liar.comes_back();
    line.hears_invitation("alice");
    line.starts("alice", 2, Role::Initiator, talk.kept);
    heard!(line.hears_step(), Agreement::Resume(step) => assert!(step.reopens));
    let reply = ResumeReply { nonce: Bytes([7; 32]), seen: None, reopens: true };
    line.says_step("alice", 2, Agreement::ResumeReply(reply));
    let (own, _) = line.hears_acceptance();
    line.says_agreed("alice", 2, own);
    bob.sees("alice's proof does not verify");
    heard!(line.hears(), Request::Leave { .. } => ());
    bob.never_saw("open again");
}

#[test]
fn a_peer_who_started_anew_is_not_opened_again_without_asking() {
    let (liar, mut bob, line, alice, talk) = in_conversation();
    line.hangs_up();
    let line = liar.comes_back();
    line.hears_invitation("alice");
    line.starts("alice", 2, Role::Initiator, talk.kept);
    let step = heard!(line.hears_step(), Agreement::Resume(step) => step);
    let (agreed, reply) = resume::resume_reply(&alice.as_responder(), talk.key, &step, None, false).unwrap();
    line.says_step("alice", 2, Agreement::ResumeReply(reply));
    alice.opens(&mut bob, &line, 2, agreed);
}

#[test]
fn messages_missed_at_the_end_of_all_numbers_do_not_end_the_client() {
    let (liar, mut bob, line, alice, mut talk) = in_conversation();
    talk.writes(&line, u64::MAX, "numbered by a liar");
    bob.sees("alice: numbered by a liar");
    line.hangs_up();
    let line = liar.comes_back();
    line.hears_invitation("alice");
    line.archives(|archive| archive.said_last = Some(u64::MAX));
    opens_again(&mut bob, &line, &alice, talk);
}

/// Bob's client goes on with the kept key, and so does alice's.
fn opens_again(bob: &mut TestClient, line: &Line, alice: &Impostor, talk: Talk) {
    line.starts("alice", 2, Role::Initiator, talk.kept);
    let step = heard!(line.hears_step(), Agreement::Resume(step) => step);
    let (agreed, reply) = resume::resume_reply(&alice.as_responder(), talk.key, &step, None, true).unwrap();
    line.says_step("alice", 2, Agreement::ResumeReply(reply));
    line.hears_acceptance();
    line.says_agreed("alice", 2, agreed.acceptance());
    bob.sees("Conversation with alice is open again");
}

#[test]
fn what_came_during_a_cut_is_shown_also_when_an_own_message_was_stored_after_it() {
    let (liar, mut bob, line, alice, mut talk) = in_conversation();
    bob.types("mine");
    let mine = line.hears_message();
    line.hangs_up();
    let hers = talk.seals("hers, while he was away");
    let entries = vec![
        talk.entry(1, &hers),
        Entry { number: 2, time: Utc::now(), sender: "bob".parse().unwrap(), body: mine.clone() },
    ];
    let line = liar.comes_back();
    line.archives(|archive| archive.log = entries);
    assert_eq!(line.hears_message(), mine, "the same bytes again");
    let (peer, header) = (alice.name.clone(), mine.header());
    let (stream, counter, hash) = (header.stream, header.counter, body_hash(&mine));
    line.says(&Event::Stored { peer, stream, counter, number: 2, hash });
    line.hears_invitation("alice");
    opens_again(&mut bob, &line, &alice, talk);
    assert_eq!(bob.saw_times("alice: hers, while he was away"), 1, "{}", bob.transcript());
    bob.never_saw("WARNING");
}

#[test]
fn an_own_message_stored_and_not_confirmed_is_no_reason_to_warn() {
    let (liar, mut bob, line, alice, mut talk) = in_conversation();
    bob.types("mine");
    let mine = line.hears_message();
    let hers = talk.writes(&line, 2, "hers");
    bob.sees("alice: hers");
    let entries = vec![
        Entry { number: 1, time: Utc::now(), sender: "bob".parse().unwrap(), body: mine },
        talk.entry(2, &hers),
    ];
    // The server goes before it confirmed, and so does the client.
    alice.leaves(&mut bob, &line);
    bob.types_bytes(b"exit\n");
    line.hangs_up();
    bob.sees("NOT CONFIRMED: mine");
    drop(bob);
    let (mut bob, line) = liar.logs_in("bob");
    line.archives(|archive| archive.log = entries);
    line.starts("alice", 2, Role::Responder, talk.kept);
    let (resuming, step) = resume::resume(&alice.as_initiator(), talk.key, None, false).unwrap();
    line.says_step("alice", 2, Agreement::Resume(step));
    let agreed = resuming.receive(&heard!(line.hears_step(), Agreement::ResumeReply(reply) => reply));
    alice.opens(&mut bob, &line, 2, agreed);
    bob.never_saw("WARNING");
    assert_eq!((bob.saw_times("bob: mine"), bob.saw_times("alice: hers")), (1, 1));
}
