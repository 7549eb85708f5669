//! What the server could do to a run, and that each of it is noticed.

use data_encoding::HEXLOWER;

use super::*;
use crate::{
    crypto::x25519::tests::LOW_ORDER_POINTS,
    wire::{Blob, NameError},
};

fn identity(seed: u8) -> Identity {
    Identity::from_seed(&Secret::copied(&[seed; 32]).unwrap())
}

fn alice() -> Identity {
    identity(1)
}

fn bob() -> Identity {
    identity(2)
}

fn members(initiator: &str, responder: &str) -> Members {
    Members::new(initiator.parse().unwrap(), responder.parse().unwrap()).unwrap()
}

fn alice_to_bob() -> Members {
    members("alice", "bob")
}

/// A run of alice with bob, untouched.
fn run() -> (Agreed, Agreed) {
    let (offering, offer) = offer(&alice(), &alice_to_bob(), 1).unwrap();
    let (replied, reply) = reply(&bob(), &alice_to_bob(), &offer).unwrap();
    let (one, confirm) = offering.receive(&alice(), &reply).unwrap();
    (one, replied.receive(&confirm).unwrap())
}

#[test]
fn two_agree_on_one_key_and_read_each_other_the_same_codes() {
    let (one, other) = run();
    assert_eq!(one.key().secret(), other.key().secret());
    assert_eq!(one.key().key_id(), other.key().key_id());
    assert_eq!((one.key().epoch(), one.key().pair().to_string().as_str()), (1, "alice+bob"));
    assert_eq!(one.peer_identity(), Some(bob().public()));
    assert_eq!(other.peer_identity(), Some(alice().public()));
    assert!(one.peer_code().matches(&other.own_code().to_string()));
    assert!(other.peer_code().matches(&one.own_code().to_string()));
    assert!(one.verify(&other.acceptance()) && other.verify(&one.acceptance()));
}

#[test]
fn two_runs_give_two_keys() {
    let ((one, _), (other, _)) = (run(), run());
    assert_ne!(one.key().secret(), other.key().secret());
    assert_ne!(one.acceptance(), other.acceptance());
}

#[test]
fn an_acceptance_sent_back_or_of_another_run_does_not_verify() {
    let ((one, other), (_, earlier)) = (run(), run());
    assert!(!one.verify(&one.acceptance()) && !other.verify(&other.acceptance()));
    assert!(!one.verify(&earlier.acceptance()));
}

/// Whatever the server does to a field of the offer, alice does not accept the reply to it.
#[test]
fn a_change_to_any_field_of_the_offer_is_noticed() {
    type Change = fn(&mut Offer, &Offer);
    let other = offer(&alice(), &alice_to_bob(), 1).unwrap().1;
    let changes: [(&str, Change); 5] = [
        ("identity", |offer, _| offer.identity = identity(3).public()),
        ("epoch", |offer, _| offer.epoch = 2),
        ("x25519", |offer, other| offer.x25519 = other.x25519),
        ("kem key", |offer, other| offer.kem_key = other.kem_key.clone()),
        ("commitment", |offer, other| offer.commitment = other.commitment),
    ];
    for (field, change) in changes {
        let (offering, mut step) = offer(&alice(), &alice_to_bob(), 1).unwrap();
        change(&mut step, &other);
        let (_, reply) = reply(&bob(), &alice_to_bob(), &step).unwrap();
        let received = offering.receive(&alice(), &reply);
        assert_eq!(received.err(), Some(AgreementError::Signature), "{field}");
    }
}

#[test]
fn a_change_to_any_field_of_the_reply_is_noticed() {
    type Change = fn(&mut Reply);
    let changes: [(&str, Change); 5] = [
        ("identity", |reply| reply.identity = identity(3).public()),
        ("x25519", |reply| reply.x25519.0[0] ^= 1),
        ("kem ciphertext", |reply| reply.kem_ciphertext.0[500] ^= 1),
        ("nonce", |reply| reply.nonce.0[0] ^= 1),
        ("signature", |reply| reply.signature.0[0] ^= 1),
    ];
    for (field, change) in changes {
        let (offering, offer) = offer(&alice(), &alice_to_bob(), 1).unwrap();
        let (_, mut step) = reply(&bob(), &alice_to_bob(), &offer).unwrap();
        change(&mut step);
        let received = offering.receive(&alice(), &step);
        assert_eq!(received.err(), Some(AgreementError::Signature), "{field}");
    }
}

#[test]
fn a_change_to_any_field_of_the_confirmation_is_noticed() {
    type Change = fn(&mut Confirm);
    let changes: [(Change, AgreementError); 2] = [
        (|confirm| confirm.nonce.0[0] ^= 1, AgreementError::Commitment),
        (|confirm| confirm.signature.0[0] ^= 1, AgreementError::Signature),
    ];
    for (change, error) in changes {
        let (offering, offer) = offer(&alice(), &alice_to_bob(), 1).unwrap();
        let (replied, reply) = reply(&bob(), &alice_to_bob(), &offer).unwrap();
        let (_, mut confirm) = offering.receive(&alice(), &reply).unwrap();
        change(&mut confirm);
        assert_eq!(replied.receive(&confirm).err(), Some(error));
    }
}

#[test]
fn a_confirmation_or_an_offer_of_an_earlier_run_gives_nobody_a_key() {
    let (offering, old_offer) = offer(&alice(), &alice_to_bob(), 1).unwrap();
    let (_, old_reply) = reply(&bob(), &alice_to_bob(), &old_offer).unwrap();
    let (_, old_confirm) = offering.receive(&alice(), &old_reply).unwrap();

    let (replied, _) = reply(&bob(), &alice_to_bob(), &old_offer).unwrap();
    let replayed = replied.receive(&old_confirm);
    assert_eq!(replayed.err(), Some(AgreementError::Signature), "the old run, offer and confirmation");

    let (offering, _) = offer(&alice(), &alice_to_bob(), 1).unwrap();
    let replayed = offering.receive(&alice(), &old_reply);
    assert_eq!(replayed.err(), Some(AgreementError::Signature), "an old reply to a new offer");
}

#[test]
fn a_run_whose_sides_differ_about_names_or_roles_ends() {
    for (initiator, responder) in [("bob", "alice"), ("alice", "carol"), ("carol", "bob")] {
        let (offering, offer) = offer(&alice(), &alice_to_bob(), 1).unwrap();
        let (_, reply) = reply(&bob(), &members(initiator, responder), &offer).unwrap();
        assert_eq!(offering.receive(&alice(), &reply).err(), Some(AgreementError::Signature));
    }
}

#[test]
fn nobody_agrees_with_themselves() {
    let alone = Members::new("alice".parse().unwrap(), "alice".parse().unwrap());
    assert_eq!(alone, Err(NameError::SameTwice));

    let (offering, step) = offer(&alice(), &alice_to_bob(), 1).unwrap();
    let reflected = reply(&alice(), &alice_to_bob(), &step);
    assert_eq!(reflected.err(), Some(AgreementError::OwnIdentity), "the own offer, sent back");

    let (_, mut answer) = reply(&bob(), &alice_to_bob(), &step).unwrap();
    answer.identity = alice().public();
    answer.signature = alice().sign(&up_to_reply(&alice_to_bob(), &step, &answer));
    let received = offering.receive(&alice(), &answer);
    assert_eq!(received.err(), Some(AgreementError::OwnIdentity), "a reply under the own identity");
}

/// A peer that signs what it sends and sends a point that makes the shared secret known to all.
#[test]
fn a_low_order_x25519_key_is_refused_by_either_side() {
    for point in LOW_ORDER_POINTS {
        let point = Bytes(HEXLOWER.decode(point.as_bytes()).unwrap().try_into().unwrap());
        let (offering, step) = offer(&alice(), &alice_to_bob(), 1).unwrap();
        let weak = Offer { x25519: point, ..step.clone() };
        let refused = reply(&bob(), &alice_to_bob(), &weak);
        assert_eq!(refused.err(), Some(AgreementError::LowOrder));

        let (_, mut answer) = reply(&bob(), &alice_to_bob(), &step).unwrap();
        answer.x25519 = point;
        answer.signature = bob().sign(&up_to_reply(&alice_to_bob(), &step, &answer));
        let refused = offering.receive(&alice(), &answer);
        assert_eq!(refused.err(), Some(AgreementError::LowOrder));
    }
}

#[test]
fn a_bad_ml_kem_key_or_ciphertext_is_refused() {
    let (offering, step) = offer(&alice(), &alice_to_bob(), 1).unwrap();
    for bad in [Blob(vec![]), Blob(vec![0; 1183]), Blob(vec![0xFF; 1184])] {
        let refused = reply(&bob(), &alice_to_bob(), &Offer { kem_key: bad, ..step.clone() });
        assert_eq!(refused.err(), Some(AgreementError::Kem));
    }
    let (_, mut answer) = reply(&bob(), &alice_to_bob(), &step).unwrap();
    answer.kem_ciphertext.0.pop();
    answer.signature = bob().sign(&up_to_reply(&alice_to_bob(), &step, &answer));
    assert_eq!(offering.receive(&alice(), &answer).err(), Some(AgreementError::Kem));
}

#[test]
fn epoch_zero_is_no_epoch() {
    assert_eq!(offer(&alice(), &alice_to_bob(), 0).err(), Some(AgreementError::Epoch));
    let (_, step) = offer(&alice(), &alice_to_bob(), 1).unwrap();
    let refused = reply(&bob(), &alice_to_bob(), &Offer { epoch: 0, ..step });
    assert_eq!(refused.err(), Some(AgreementError::Epoch));
}

/// The salt is the hash of the transcript: the same shared secrets in another run are another key.
#[test]
fn the_key_depends_on_all_that_was_said() {
    let shared = Secret::copied(&[5; 64]).unwrap();
    let key = |nonce| {
        let whole = whole_run(&encode(Label::Reply, &[]), &[nonce; 32]);
        derive(&alice_to_bob(), 1, &whole, &shared)
    };
    assert_ne!(key(1).secret(), key(2).secret());
}

#[test]
fn debug_shows_no_secret_of_any_stage() {
    let (offering, step) = offer(&alice(), &alice_to_bob(), 1).unwrap();
    let (replied, answer) = reply(&bob(), &alice_to_bob(), &step).unwrap();
    let shown = format!("{offering:?}");
    assert!(shown.contains("KemKey(secret)") && shown.contains("nonce: Secret(32 bytes)"), "{shown}");
    assert!(format!("{replied:?}").contains("shared: Secret(64 bytes)"));
    let (agreed, _) = offering.receive(&alice(), &answer).unwrap();
    let shown = format!("{agreed:?}");
    assert!(shown.contains("Secret(32 bytes)") && !shown.contains(&agreed.own_code().to_string()));
}
