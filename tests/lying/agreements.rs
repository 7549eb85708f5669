//! Lies while two people agree on a key.

use securechat::{
    crypto::{agreement, random, resume, safety_number::SafetyNumber},
    wire::{Agreement, Bytes, Decline, Event, Outcome, Request, Role},
};

use crate::{
    common::TestClient,
    impostor::Impostor,
    liar::{Liar, Line, heard},
};

/// Bob, in the lobby, and somebody who calls herself alice.
fn bob_and_an_alice() -> (Liar, TestClient, Line, Impostor) {
    let liar = Liar::starts();
    let (bob, line) = liar.registers("bob");
    (liar, bob, line, Impostor::poses_as("alice", "bob"))
}

/// The person is told, no conversation opened, and the server hears that nothing is open.
fn the_proof_is_refused(bob: &mut TestClient, line: &Line, conversations: usize) {
    bob.sees("the server says that alice accepted, but alice's proof does not verify. This key is not used");
    bob.is_in_the_lobby();
    heard!(line.hears(), Request::Leave { .. } => ());
    assert_eq!(bob.saw_times("Conversation with alice is open"), conversations, "{}", bob.transcript());
}

#[test]
fn a_swapped_identity_is_noticed_by_both_codes() {
    let liar = Liar::starts();
    let (mut alice, to_alice) = liar.registers("alice");
    let (mut bob, to_bob) = liar.registers("bob");
    let (false_bob, false_alice) = (Impostor::poses_as("bob", "alice"), Impostor::poses_as("alice", "bob"));

    alice.types("bob");
    to_alice.hears_invitation("bob");
    false_bob.answers(&to_alice, 1);
    false_alice.reaches_the_question(&to_bob, 1, 1);

    let alices = alice.is_asked_about_the_key().unwrap();
    let bobs = bob.is_asked_about_the_key().unwrap();
    for (person, line, read_out) in [(&mut alice, &to_alice, bobs), (&mut bob, &to_bob, alices)] {
        for _ in 0..2 {
            person.types(&read_out);
            person.sees("codes differ: someone may be between you\n");
            person.sees("Accept this key? ");
        }
        person.types(&read_out);
        person.sees("codes differ: someone may be between you. That was the third; the key is refused");
        // The first that is heard since the agreement: no acceptance came before it.
        line.hears_refusal();
    }
}

#[test]
fn a_changed_identity_is_not_accepted_by_a_plain_yes() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    alice.opens_at_epoch(&mut bob, &line, 1, 1);
    alice.leaves(&mut bob, &line);

    let other = Impostor::poses_as("alice", "bob");
    let agreed = other.reaches_the_question(&line, 2, 2);
    bob.sees("WARNING: THIS IDENTITY CHANGED; another one was known since ");
    bob.sees("Accept this key? ");
    bob.types("yes");
    bob.sees("alice's identity changed, so a plain yes is not enough");
    bob.sees("Accept this key? ");
    bob.types("no");
    line.hears_refusal();
    line.says_outcome("alice", 2, Outcome::Refused { by: "bob".parse().unwrap() });
    bob.sees("You refused the key");
    drop(agreed);

    // The code that she reads out is enough, and nothing less.
    let agreed = other.reaches_the_question(&line, 3, 2);
    bob.sees("THIS IDENTITY CHANGED");
    bob.sees("Accept this key? ");
    bob.types(&agreed.own_code().to_string());
    let (acceptance, _) = line.hears_acceptance();
    assert!(agreed.verify(&acceptance));
}

#[test]
fn a_changed_identity_is_named_with_what_may_have_happened_and_accepted_by_its_safety_number() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    alice.opens_at_epoch(&mut bob, &line, 1, 1);
    alice.leaves(&mut bob, &line);

    let other = Impostor::poses_as("alice", "bob");
    let (offering, reply) = other.hears_the_reply(&line, 2, 2);
    let agreed = other.confirms(&line, 2, offering, &reply);
    bob.sees("WARNING: THIS IDENTITY CHANGED; another one was known since ");
    bob.sees("either alice lost the key file, or has a new machine without it, and made a new");
    bob.sees("or someone is between you, or poses as alice");
    bob.sees("nothing is sent, and yes is not taken here");
    bob.sees("the code that alice's client shows to alice, or");
    bob.sees("the safety number that alice sees with /verify bob");
    let names = ["alice", "bob"].map(|name| name.parse().unwrap());
    let number = |alices: &Bytes<32>| SafetyNumber::of((&names[0], alices), (&names[1], &reply.identity));
    bob.types(&number(&alice.keys.identity.public()).to_string());
    bob.sees("the safety numbers differ: someone may be between you, or that number is an older one");
    bob.types("/verify alice yes");
    bob.sees("that has to wait until the key is answered");
    bob.types(&number(&other.keys.identity.public()).to_string());
    let (acceptance, _) = line.hears_acceptance();
    assert!(agreed.verify(&acceptance));
}

#[test]
fn an_identity_that_was_not_accepted_leaves_a_doubt_until_the_known_one_is_proven() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    alice.opens_at_epoch(&mut bob, &line, 1, 1);
    alice.leaves(&mut bob, &line);
    Impostor::poses_as("alice", "bob").reaches_the_question(&line, 2, 2);
    bob.sees("Accept this key? ");
    bob.types("no");
    line.hears_refusal();
    line.says_outcome("alice", 2, Outcome::Refused { by: "bob".parse().unwrap() });
    bob.types("/verify alice");
    bob.sees("another identity was shown as alice's, and not accepted; this is the one of before");
    let agreed = alice.reaches_the_question(&line, 3, 2);
    bob.sees("another identity was shown as alice's, and not accepted; this is the one of before");
    alice.opens(&mut bob, &line, 3, agreed);
    bob.types("/verify");
    bob.sees("  known since ");
    bob.sees("the safety number of you and alice:");
    assert_eq!(bob.saw_times("another identity was shown"), 2, "{}", bob.transcript());
}

#[test]
fn a_verified_identity_that_changed_is_said_to_have_been_verified() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    let agreed = alice.reaches_the_question(&line, 1, 1);
    bob.sees("Accept this key? ");
    bob.types(&agreed.own_code().to_string());
    line.hears_acceptance();
    line.says_agreed("alice", 1, agreed.acceptance());
    bob.talks_with("alice");
    alice.leaves(&mut bob, &line);

    // The same identity needs no code any more; another is not taken for it.
    alice.reaches_the_question(&line, 2, 2);
    bob.sees("this identity was verified on ");
    assert!(bob.is_asked_about_the_key().is_none());
    bob.types("no");
    line.hears_refusal();
    line.says_outcome("alice", 2, Outcome::Refused { by: "bob".parse().unwrap() });
    Impostor::poses_as("alice", "bob").reaches_the_question(&line, 3, 2);
    bob.sees("WARNING: THIS IDENTITY CHANGED; another one was verified since ");
    assert!(bob.is_asked_about_the_key().is_some());
}

#[test]
fn an_old_offer_is_declined_by_its_number() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    let (offering, offer) = agreement::offer(&alice.keys.identity, &alice.as_initiator(), 1).unwrap();
    line.starts("alice", 1, Role::Responder, None);
    line.says_step("alice", 1, Agreement::Offer(offer.clone()));
    let reply = heard!(line.hears_step(), Agreement::Reply(reply) => reply);
    let agreed = alice.confirms(&line, 1, offering, &reply);
    alice.opens(&mut bob, &line, 1, agreed);
    alice.leaves(&mut bob, &line);

    line.starts("alice", 2, Role::Responder, None);
    line.says_step("alice", 2, Agreement::Offer(offer));
    bob.sees("alice proposed key number 1, and number 1 is used already; declined");
    let declined = heard!(line.hears_step(), Agreement::Decline(why) => why);
    assert_eq!(declined, Decline::Epoch { highest_used: 1 });
    line.hears_refusal();
}

#[test]
fn an_old_confirm_is_noticed_before_anything_is_asked() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    let (offering, offer) = agreement::offer(&alice.keys.identity, &alice.as_initiator(), 1).unwrap();
    line.starts("alice", 1, Role::Responder, None);
    line.says_step("alice", 1, Agreement::Offer(offer.clone()));
    let reply = heard!(line.hears_step(), Agreement::Reply(reply) => reply);
    let (_, confirm) = offering.receive(&alice.keys.identity, &reply).unwrap();
    line.says_step("alice", 1, Agreement::Confirm(confirm.clone()));
    bob.sees("Accept this key? ");
    line.says_outcome("alice", 1, Outcome::Lost { by: "alice".parse().unwrap() });
    bob.is_in_the_lobby();

    // Nobody accepted, so the number is free and the old offer is as good as a new one; its end is not.
    line.starts("alice", 2, Role::Responder, None);
    line.says_step("alice", 2, Agreement::Offer(offer));
    heard!(line.hears_step(), Agreement::Reply(_) => ());
    line.says_step("alice", 2, Agreement::Confirm(confirm));
    bob.sees("the agreement with alice failed: a step of the agreement is not signed by its sender");
    heard!(line.hears_step(), Agreement::Decline(Decline::Invalid {}) => ());
    line.hears_refusal();
    assert_eq!(bob.saw_times("Accept this key? "), 1, "{}", bob.transcript());
}

#[test]
fn an_old_reply_is_noticed_before_anything_is_asked() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    bob.types("alice");
    line.hears_invitation("alice");
    line.starts("alice", 1, Role::Initiator, None);
    let offer = heard!(line.hears_step(), Agreement::Offer(offer) => offer);
    let (_, reply) = agreement::reply(&alice.keys.identity, &alice.as_responder(), &offer).unwrap();
    line.says_step("alice", 1, Agreement::Reply(reply.clone()));
    heard!(line.hears_step(), Agreement::Confirm(_) => ());
    bob.sees("Accept this key? ");
    line.says_outcome("alice", 1, Outcome::Lost { by: "alice".parse().unwrap() });
    bob.is_in_the_lobby();

    bob.types("alice");
    line.hears_invitation("alice");
    line.starts("alice", 2, Role::Initiator, None);
    heard!(line.hears_step(), Agreement::Offer(_) => ());
    line.says_step("alice", 2, Agreement::Reply(reply));
    bob.sees("the agreement with alice failed: a step of the agreement is not signed by its sender");
    heard!(line.hears_step(), Agreement::Decline(Decline::Invalid {}) => ());
    line.hears_refusal();
    assert_eq!(bob.saw_times("Accept this key? "), 1, "{}", bob.transcript());
}

#[test]
fn an_offer_sent_back_to_its_sender_is_noticed() {
    // Zoe's name is the higher one: of two offers that cross, the other's stands.
    let liar = Liar::starts();
    let (mut zoe, line) = liar.registers("zoe");
    zoe.types("alice");
    line.hears_invitation("alice");
    line.starts("alice", 1, Role::Initiator, None);
    let step = line.hears_step();
    line.says_step("alice", 1, step);
    zoe.sees("the agreement with alice failed: the other side claims this side's own identity");
    heard!(line.hears_step(), Agreement::Decline(Decline::Invalid {}) => ());
    line.hears_refusal();
}

#[test]
fn an_agreed_before_the_person_answered_opens_nothing() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    let agreed = alice.reaches_the_question(&line, 1, 1);
    bob.sees("Accept this key? ");
    // Even with a proof that is right: this person has not accepted.
    line.says_agreed("alice", 1, agreed.acceptance());
    the_proof_is_refused(&mut bob, &line, 0);
}

#[test]
fn an_agreed_with_a_random_proof_opens_nothing() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    alice.reaches_the_question(&line, 1, 1);
    bob.sees("Accept this key? ");
    bob.types("yes");
    line.hears_acceptance();
    line.says_agreed("alice", 1, Bytes(random::random().unwrap()));
    the_proof_is_refused(&mut bob, &line, 0);
}

#[test]
fn an_agreed_with_the_persons_own_proof_opens_nothing() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    alice.reaches_the_question(&line, 1, 1);
    bob.sees("Accept this key? ");
    bob.types("yes");
    let (own, _) = line.hears_acceptance();
    line.says_agreed("alice", 1, own);
    the_proof_is_refused(&mut bob, &line, 0);
}

#[test]
fn a_number_once_accepted_is_never_used_for_a_second_key() {
    let (liar, mut bob, line, alice) = bob_and_an_alice();
    alice.reaches_the_question(&line, 1, 1);
    bob.sees("Accept this key? ");
    bob.types("yes");
    line.hears_acceptance();
    line.says_outcome("alice", 1, Outcome::TimedOut {});
    bob.is_in_the_lobby();
    the_first_number_is_declined(&mut bob, &line, &alice, 2);

    // Nor after a crash: the mark was on the disk before the acceptance went out.
    bob.is_killed();
    let (mut bob, line) = liar.logs_in("bob");
    the_first_number_is_declined(&mut bob, &line, &alice, 3);
}

#[test]
fn a_number_accepted_just_before_a_crash_is_used() {
    let (liar, mut bob, line, alice) = bob_and_an_alice();
    alice.reaches_the_question(&line, 1, 1);
    bob.sees("Accept this key? ");
    bob.types("yes");
    line.hears_acceptance();
    bob.is_killed();
    let (mut bob, line) = liar.logs_in("bob");
    the_first_number_is_declined(&mut bob, &line, &alice, 2);
}

#[test]
fn a_machine_without_memory_knows_from_its_kept_key_which_number_is_used() {
    let (liar, mut bob, line, alice) = bob_and_an_alice();
    let talk = alice.opens_at_epoch(&mut bob, &line, 1, 1);
    alice.leaves(&mut bob, &line);
    bob.types("exit");
    bob.ends_well();
    liar.forgets("bob");
    let (mut bob, line) = liar.logs_in("bob");
    line.starts("alice", 2, Role::Responder, talk.kept);
    alice.offers(&line, 2, 1);
    bob.sees("alice proposed key number 1, and number 1 is used already; declined");
    heard!(line.hears_step(), Agreement::Decline(Decline::Epoch { highest_used: 1 }) => ());
    line.hears_refusal();
}

fn the_first_number_is_declined(bob: &mut TestClient, line: &Line, alice: &Impostor, run: u64) {
    line.starts("alice", run, Role::Responder, None);
    alice.offers(line, run, 1);
    bob.sees("alice proposed key number 1, and number 1 is used already; declined");
    heard!(line.hears_step(), Agreement::Decline(Decline::Epoch { highest_used: 1 }) => ());
    line.hears_refusal();
    line.says_outcome("alice", run, Outcome::Refused { by: "bob".parse().unwrap() });
}

#[test]
fn a_second_offer_in_a_run_that_was_accepted_ends_it() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    alice.reaches_the_question(&line, 1, 1);
    bob.sees("Accept this key? ");
    bob.types("yes");
    line.hears_acceptance();
    alice.offers(&line, 1, 2);
    bob.sees("the agreement with alice failed: a step came that does not belong here");
    heard!(line.hears_step(), Agreement::Decline(Decline::Invalid {}) => ());
    line.hears_refusal();
}

#[test]
fn a_replayed_resume_proves_nothing() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    let talk = alice.opens_at_epoch(&mut bob, &line, 1, 1);
    alice.leaves(&mut bob, &line);

    // An honest run over the kept key, recorded.
    line.starts("alice", 2, Role::Responder, talk.kept.clone());
    let (resuming, step) = resume::resume(&alice.as_initiator(), talk.key, None, false).unwrap();
    line.says_step("alice", 2, Agreement::Resume(step.clone()));
    let reply = heard!(line.hears_step(), Agreement::ResumeReply(reply) => reply);
    let agreed = resuming.receive(&reply);
    let recorded = agreed.acceptance();
    bob.sees("The kept key with alice (number 1)");
    alice.opens(&mut bob, &line, 2, agreed);
    alice.leaves(&mut bob, &line);

    line.starts("alice", 3, Role::Responder, talk.kept);
    line.says_step("alice", 3, Agreement::Resume(step));
    heard!(line.hears_step(), Agreement::ResumeReply(_) => ());
    bob.sees("Accept this key? ");
    bob.types("yes");
    line.hears_acceptance();
    line.says_agreed("alice", 3, recorded);
    the_proof_is_refused(&mut bob, &line, 2);
}

#[test]
fn a_replayed_reply_to_a_resume_proves_nothing() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    let talk = alice.opens_at_epoch(&mut bob, &line, 1, 1);
    alice.leaves(&mut bob, &line);

    bob.types("alice");
    line.hears_invitation("alice");
    line.starts("alice", 2, Role::Initiator, talk.kept.clone());
    let step = heard!(line.hears_step(), Agreement::Resume(step) => step);
    let (agreed, reply) = resume::resume_reply(&alice.as_responder(), talk.key, &step, None, false).unwrap();
    line.says_step("alice", 2, Agreement::ResumeReply(reply.clone()));
    let recorded = agreed.acceptance();
    alice.opens(&mut bob, &line, 2, agreed);
    alice.leaves(&mut bob, &line);

    bob.types("alice");
    line.hears_invitation("alice");
    line.starts("alice", 3, Role::Initiator, talk.kept);
    heard!(line.hears_step(), Agreement::Resume(_) => ());
    line.says_step("alice", 3, Agreement::ResumeReply(reply));
    bob.sees("Accept this key? ");
    bob.types("yes");
    line.hears_acceptance();
    line.says_agreed("alice", 3, recorded);
    the_proof_is_refused(&mut bob, &line, 2);
}

#[test]
fn the_server_starts_nothing_in_a_persons_name() {
    let (_liar, mut bob, line, _alice) = bob_and_an_alice();
    line.starts("alice", 1, Role::Initiator, None);
    bob.sees("the server tried to start a key with alice in your name; refused");
    line.hears_refusal();

    // A word about somebody who is busy is no act of the person either.
    line.says(&Event::Waiting { peer: "alice".parse().unwrap() });
    line.starts("alice", 2, Role::Initiator, None);
    bob.sees("the server tried to start a key with alice in your name; refused");
    line.hears_refusal();

    // One act is one offer: a run that died is not begun again without another.
    bob.types("alice");
    line.hears_invitation("alice");
    line.starts("alice", 3, Role::Initiator, None);
    heard!(line.hears_step(), Agreement::Offer(_) => ());
    line.says_outcome("alice", 3, Outcome::Lost { by: "alice".parse().unwrap() });
    line.starts("alice", 4, Role::Initiator, None);
    bob.sees("the server tried to start a key with alice in your name; refused");
    line.hears_refusal();
}

#[test]
fn a_new_key_that_nobody_asked_for_is_not_begun_in_a_persons_name() {
    let (_liar, mut bob, line, alice) = bob_and_an_alice();
    alice.opens_at_epoch(&mut bob, &line, 1, 1);
    let peer = alice.name.clone();
    line.says(&Event::Started { peer, run: 2, role: Role::Initiator, new_key: true, kept: None });
    bob.sees("the server tried to start a key with alice in your name; refused");
    line.hears_refusal();
}
