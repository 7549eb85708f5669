//! The published vectors of every primitive, through the wrappers that the rest of the code calls;
//! and our own vector of a whole agreement, whose random bytes are known.
//!
//! The files are in tests/vectors; what needs no inside is checked by tests/vectors.rs.

// The sources of known 'random' bytes are ring's own, for tests, and not promised to stay.
#![allow(deprecated)]

use std::collections::BTreeMap;

use argon2::{Algorithm, Argon2, ParamsBuilder, Version};
use data_encoding::HEXLOWER_PERMISSIVE;
use ring::test::rand::{FixedByteRandom, FixedSliceRandom};
use serde::Deserialize;

use super::{
    aead,
    agreement::{Agreed, Members, offer_from, reply_from},
    identity::Identity,
    kdf,
    kem::{KemKey, PeerKemKey},
    label::{Label, encode, hash},
    password::{KdfCost, argon2id},
    secret::Secret,
    signature::SigningKey,
    x25519::Ephemeral,
};
use crate::wire::{Blob, Bytes};

/// One file: where its cases come from, and the cases. A case is named texts and hexadecimal bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    source: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Case(BTreeMap<String, String>);

impl Case {
    fn text(&self, field: &str) -> &str {
        self.0.get(field).unwrap_or_else(|| panic!("{}: no field {field}", self.name()))
    }

    fn name(&self) -> &str {
        self.0.get("name").map_or("a case without a name", String::as_str)
    }

    fn bytes(&self, field: &str) -> Vec<u8> {
        HEXLOWER_PERMISSIVE.decode(self.text(field).as_bytes()).unwrap()
    }

    fn array<const N: usize>(&self, field: &str) -> [u8; N] {
        self.bytes(field).try_into().unwrap()
    }

    fn secret<const N: usize>(&self, field: &str) -> Secret<N> {
        Secret::copied(&self.bytes(field)).unwrap()
    }

    fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, field: &str) -> T {
        self.text(field).parse().unwrap()
    }
}

type Check = fn(&Case);

/// Every file, and what is done with each of its cases.
const FILES: [(&str, Check); 7] = [
    (include_str!("../../tests/vectors/chacha20-poly1305.json"), chacha20_poly1305),
    (include_str!("../../tests/vectors/hkdf-sha256.json"), hkdf_sha256),
    (include_str!("../../tests/vectors/x25519.json"), x25519),
    (include_str!("../../tests/vectors/ed25519.json"), ed25519),
    (include_str!("../../tests/vectors/ml-kem-768.json"), ml_kem_768),
    (include_str!("../../tests/vectors/argon2id.json"), argon2id_cases),
    (include_str!("../../tests/vectors/agreement.json"), agreement),
];

#[test]
fn every_case_of_every_file_holds() {
    for (text, check) in FILES {
        let file: File = serde_json::from_str(text).unwrap();
        assert!(!file.cases.is_empty(), "{}", file.source);
        for case in &file.cases {
            println!("{}: {}", file.source, case.name());
            check(case);
        }
    }
}

fn chacha20_poly1305(case: &Case) {
    let (key, nonce, aad) = (case.secret("key"), case.array("nonce"), case.bytes("aad"));
    let plaintext = case.bytes("plaintext");
    let mut room = aead::with_room_for_tag(plaintext.len());
    room.extend_from_slice(&plaintext);
    let sealed = case.bytes("sealed");
    assert_eq!(aead::seal(&key, nonce, &aad, room), sealed, "{}", case.name());
    assert_eq!(*aead::open(&key, nonce, &aad, &sealed).unwrap(), plaintext, "{}", case.name());
}

fn hkdf_sha256(case: &Case) {
    let key = kdf::extract(&case.bytes("salt"), &case.bytes("ikm"));
    assert_eq!(key.expose().as_slice(), case.bytes("prk"), "{}", case.name());
    let info = case.bytes("info");
    let expected = case.bytes("okm");
    match expected.len() {
        42 => assert_eq!(kdf::expand_unlabelled::<42>(&key, &info).as_slice(), expected, "{}", case.name()),
        82 => assert_eq!(kdf::expand_unlabelled::<82>(&key, &info).as_slice(), expected, "{}", case.name()),
        other => panic!("no case has {other} bytes"),
    }
}

fn x25519(case: &Case) {
    let private: [u8; 32] = case.array("private");
    let mine = Ephemeral::generate(&FixedSliceRandom { bytes: &private }).unwrap();
    if case.0.contains_key("public") {
        assert_eq!(mine.public().0, case.array("public"), "{}", case.name());
    }
    let shared = mine.agree(&Bytes(case.array("peer"))).unwrap();
    assert_eq!(*shared.expose(), case.array("shared"), "{}", case.name());
}

fn ed25519(case: &Case) {
    let key = SigningKey::from_seed(&case.secret("seed"));
    assert_eq!(key.public().0, case.array("public"), "{}", case.name());
    assert_eq!(key.sign_unlabelled(&case.bytes("message")), case.array("signature"), "{}", case.name());
}

fn ml_kem_768(case: &Case) {
    match case.text("kind") {
        "decapsulate" => {
            let key = KemKey::from_seed(&case.secret("seed"));
            assert_eq!(key.public().0, case.bytes("ek"), "{}", case.name());
            let shared = key.decapsulate(&Blob(case.bytes("c"))).unwrap();
            assert_eq!(*shared.expose(), case.array("k"), "{}", case.name());
        }
        "decapsulate_refused" => {
            let key = KemKey::from_seed(&case.secret("seed"));
            assert!(key.decapsulate(&Blob(case.bytes("c"))).is_err(), "{}", case.name());
        }
        "encapsulate" => {
            let key = PeerKemKey::parse(&Blob(case.bytes("ek"))).unwrap();
            let (ciphertext, shared) =
                key.encapsulate(&FixedSliceRandom { bytes: &case.bytes("m") }).unwrap();
            assert_eq!(ciphertext.0, case.bytes("c"), "{}", case.name());
            assert_eq!(*shared.expose(), case.array("k"), "{}", case.name());
        }
        "encapsulate_refused" => {
            assert!(PeerKemKey::parse(&Blob(case.bytes("ek"))).is_err(), "{}", case.name());
        }
        other => panic!("no case is a {other}"),
    }
}

/// RFC 9106's own case has four lanes, a secret and associated data, which we never use: it checks the
/// library. The others are as we call it.
fn argon2id_cases(case: &Case) {
    let cost = KdfCost { memory_kib: case.number("memory_kib"), passes: case.number("passes") };
    let (password, salt) = (case.bytes("password"), case.bytes("salt"));
    let tag: [u8; 32] = if case.text("lanes") == "1" {
        *argon2id(&password, &salt, cost).unwrap().expose()
    } else {
        let secret = case.bytes("secret");
        let params = ParamsBuilder::new()
            .m_cost(cost.memory_kib)
            .t_cost(cost.passes)
            .p_cost(case.number("lanes"))
            .data(case.bytes("data").as_slice().try_into().unwrap())
            .build()
            .unwrap();
        let argon2 = Argon2::new_with_secret(&secret, Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let mut tag = [0; 32];
        argon2.hash_password_into(&password, &salt, &mut tag).unwrap();
        tag
    };
    assert_eq!(tag, case.array("tag"), "{}", case.name());
}

/// A whole run in which every random byte of a side is the same known byte.
fn agreement(case: &Case) {
    let initiator = Identity::from_seed(&case.secret("initiator_seed"));
    let responder = Identity::from_seed(&case.secret("responder_seed"));
    let members =
        Members::new(case.text("initiator").parse().unwrap(), case.text("responder").parse().unwrap())
            .unwrap();
    let source = |field| FixedByteRandom { byte: case.number(field) };
    let (offering, offer) =
        offer_from(&source("initiator_random"), &initiator, &members, case.number("epoch")).unwrap();
    let (replied, reply) = reply_from(&source("responder_random"), &responder, &members, &offer).unwrap();
    let (first, confirm) = offering.receive(&initiator, &reply).unwrap();
    let second = replied.receive(&confirm).unwrap();

    assert_eq!(offer.identity.0, case.array("initiator_identity"));
    assert_eq!(reply.identity.0, case.array("responder_identity"));
    assert_eq!(offer.x25519.0, case.array("initiator_x25519"));
    assert_eq!(reply.x25519.0, case.array("responder_x25519"));
    assert_eq!(offer.commitment.0, case.array("commitment"));
    assert_eq!(hash_of(&offer.kem_key.0), case.text("kem_key_sha256"));
    assert_eq!(reply.kem_ciphertext.0, case.bytes("kem_ciphertext"));
    assert_eq!(reply.signature.0, case.array("reply_signature"));
    assert_eq!(confirm.signature.0, case.array("confirm_signature"));
    let same: [fn(&Agreed) -> Vec<u8>; 3] = [
        |agreed| agreed.transcript().to_vec(),
        |agreed| agreed.key().secret().to_vec(),
        |agreed| agreed.key().key_id().0.to_vec(),
    ];
    for (field, of) in ["transcript", "key", "key_id"].into_iter().zip(same) {
        assert_eq!(of(&first), case.bytes(field), "the initiator's {field}");
        assert_eq!(of(&second), case.bytes(field), "the responder's {field}");
    }
    assert_eq!(first.own_code().to_string(), case.text("initiator_code"));
    assert_eq!(second.own_code().to_string(), case.text("responder_code"));
    assert_eq!(first.acceptance().0, case.array("initiator_acceptance"));
    assert_eq!(second.acceptance().0, case.array("responder_acceptance"));
}

fn hash_of(bytes: &[u8]) -> String {
    HEXLOWER_PERMISSIVE.encode(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

/// The encoding and a hash over it, written out by hand.
#[test]
fn a_hash_is_sha_256_of_lengths_label_and_fields() {
    let encoded = encode(Label::Commitment, &[&[7; 3]]);
    assert_eq!(encoded.as_bytes(), b"\0\0\0\x17securechat/1 commitment\0\0\0\x03\x07\x07\x07");
    assert_eq!(HEXLOWER_PERMISSIVE.encode(&hash(Label::Commitment, &[&[7; 3]])), hash_of(encoded.as_bytes()));
}
