//! Runs that a server lets die, to try codes in silence: each is shown and counted.

use securechat::{
    crypto::{agreement::Offering, random},
    wire::{Agreement, Bytes, Confirm, Decline, Event, Outcome, Reply, Request, Role},
};

use crate::{
    common::TestClient,
    impostor::Impostor,
    liar::{Liar, Line, heard},
};

/// Runs die in this way, three times; the fourth is declined until the person names the peer.
fn is_counted(dies: impl Fn(&Line, &Impostor, u64, Offering, &Reply)) {
    let liar = Liar::starts();
    let (mut bob, line) = liar.registers("bob");
    let alice = Impostor::poses_as("alice", "bob");
    for run in 1..=3 {
        let (offering, reply) = alice.hears_the_reply(&line, run, 1);
        dies(&line, &alice, run, offering, &reply);
        is_shown_once(&mut bob, run);
    }

    line.starts("alice", 4, Role::Responder, None);
    bob.sees("alice's invitation was declined: too many keys with alice broke off within an hour");
    heard!(line.hears_step(), Agreement::Decline(Decline::Paused {}) => ());
    line.hears_refusal();

    bob.types("alice");
    line.hears_invitation("alice");
    alice.reaches_the_question(&line, 5, 1);
    bob.sees("Accept this key? ");
}

fn is_shown_once(bob: &mut TestClient, run: u64) {
    bob.sees(&format!("a key with alice broke off before you answered ({run} of 3 within an hour; "));
    assert_eq!(bob.saw_times("broke off before you answered"), usize::try_from(run).unwrap());
}

fn outcome(line: &Line, run: u64, outcome: Outcome) {
    line.says_outcome("alice", run, outcome);
}

#[test]
fn runs_whose_peer_is_lost_are_shown_and_counted() {
    is_counted(|line, alice, run, _, _| outcome(line, run, Outcome::Lost { by: alice.name.clone() }));
}

#[test]
fn runs_that_die_at_the_question_are_shown_and_counted() {
    is_counted(|line, alice, run, offering, reply| {
        alice.confirms(line, run, offering, reply);
        outcome(line, run, Outcome::Withdrawn { by: alice.name.clone() });
    });
}

#[test]
fn runs_that_the_server_says_the_person_refused_are_shown_and_counted() {
    is_counted(|line, _, run, _, _| outcome(line, run, Outcome::Refused { by: "bob".parse().unwrap() }));
}

#[test]
fn runs_that_the_server_says_the_person_took_back_are_shown_and_counted() {
    is_counted(|line, _, run, _, _| outcome(line, run, Outcome::Withdrawn { by: "bob".parse().unwrap() }));
}

#[test]
fn runs_that_end_by_a_wrong_step_are_shown_and_counted() {
    is_counted(|line, _, run, _, _| {
        let confirm = Confirm { nonce: Bytes(random::random().unwrap()), signature: Bytes([0; 64]) };
        line.says_step("alice", run, Agreement::Confirm(confirm));
        heard!(line.hears_step(), Agreement::Decline(Decline::Invalid {}) => ());
        line.hears_refusal();
        outcome(line, run, Outcome::Refused { by: "bob".parse().unwrap() });
    });
}

#[test]
fn runs_that_end_by_a_forged_agreed_are_shown_and_counted() {
    is_counted(|line, _, run, _, _| {
        line.says_agreed("alice", run, Bytes([0; 32]));
        heard!(line.hears(), Request::Leave { .. } => ());
    });
}

#[test]
fn the_count_outlives_the_client_and_has_the_run_in_which_it_ended() {
    let liar = Liar::starts();
    let (mut bob, mut line) = liar.registers("bob");
    let alice = Impostor::poses_as("alice", "bob");
    for run in 1..=2 {
        alice.hears_the_reply(&line, run, 1);
        outcome(&line, run, Outcome::Lost { by: alice.name.clone() });
        is_shown_once(&mut bob, run);
    }
    alice.hears_the_reply(&line, 3, 1);
    bob.closes_input();
    bob.ends_well();
    (bob, line) = liar.logs_in("bob");
    line.starts("alice", 4, Role::Responder, None);
    bob.sees("alice's invitation was declined: too many keys with alice broke off within an hour");
    heard!(line.hears_step(), Agreement::Decline(Decline::Paused {}) => ());
}

#[test]
fn a_run_is_not_hidden_behind_a_busy_peer() {
    let liar = Liar::starts();
    let (mut bob, line) = liar.registers("bob");
    let alice = Impostor::poses_as("alice", "bob");
    alice.hears_the_reply(&line, 1, 1);
    line.says(&Event::Waiting { peer: alice.name.clone() });
    line.starts("alice", 2, Role::Responder, None);
    line.hears_refusal();
    line.says_outcome("alice", 1, Outcome::Lost { by: alice.name.clone() });
    bob.sees("a key with alice broke off before you answered (1 of 3 within an hour; ");
}

#[test]
fn a_run_within_a_conversation_is_counted_when_the_conversation_is_cut_off() {
    let liar = Liar::starts();
    let (mut bob, line) = liar.registers("bob");
    let alice = Impostor::poses_as("alice", "bob");
    alice.opens_at_epoch(&mut bob, &line, 1, 1);
    let (peer, role) = (alice.name.clone(), Role::Responder);
    line.says(&Event::Started { peer: peer.clone(), run: 2, role, new_key: true, kept: None });
    bob.sees("alice wants to agree on a new key; until both accept it, the old one is used");
    alice.offers(&line, 2, 2);
    heard!(line.hears_step(), Agreement::Reply(_) => ());
    line.says(&Event::Closed { peer: peer.clone(), by: peer, lost: true });
    bob.sees("a key with alice broke off before you answered (1 of 3 within an hour; ");
}

#[test]
fn runs_cut_off_with_the_connection_are_shown_and_counted() {
    let liar = Liar::starts_for_clients_that_retry("60");
    let (mut bob, mut line) = liar.registers("bob");
    let alice = Impostor::poses_as("alice", "bob");
    for run in 1..=3 {
        alice.hears_the_reply(&line, run, 1);
        line.hangs_up();
        is_shown_once(&mut bob, run);
        line = liar.comes_back();
    }
    line.starts("alice", 4, Role::Responder, None);
    bob.sees("alice's invitation was declined: too many keys with alice broke off within an hour");
    heard!(line.hears_step(), Agreement::Decline(Decline::Paused {}) => ());
}
