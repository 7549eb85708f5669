//! Project Wycheproof's cases, of where implementations went wrong, through the wrappers that the rest of the
//! code calls. Each test says how many cases it had, and counts those that the wrappers cannot even be asked.

// The source of known 'random' bytes is ring's own, for tests, and not promised to stay.
#![allow(deprecated)]

use ring::test::rand::FixedSliceRandom;
use wycheproof::{TestResult, aead as aeads, eddsa, hkdf, mlkem, xdh};

use super::{
    aead, kdf,
    kem::{KemKey, PeerKemKey},
    secret::Secret,
    signature,
    x25519::Ephemeral,
};
use crate::wire::{Blob, Bytes};

/// All cases were looked at; `unaskable` are those whose inputs the types do not admit.
fn counted(what: &str, cases: usize, unaskable: usize, expected: (usize, usize)) {
    println!("{what}: {cases} cases, {unaskable} of them not to be had through the types");
    assert_eq!((cases, unaskable), expected, "{what}");
}

/// 254 'acceptable' cases are of points with a small-order part, or not reduced, and their shared secret is as
/// given; those of an all-zero secret are refused, as RFC 7748, section 6.1, allows and PROTOCOL.md demands.
#[test]
fn x25519() {
    let mut cases = 0;
    for group in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups {
        for case in group.tests {
            cases += 1;
            let mine = Ephemeral::generate(&FixedSliceRandom { bytes: &case.private_key }).unwrap();
            let peer = Bytes(case.public_key.as_slice().try_into().unwrap());
            let shared = mine.agree(&peer);
            let zero = case.shared_secret.iter().all(|byte| *byte == 0);
            assert_eq!(shared.is_err(), zero, "{}", case.tc_id);
            if let Ok(shared) = shared {
                assert_eq!(shared.expose().as_slice(), case.shared_secret.as_slice(), "{}", case.tc_id);
            }
        }
    }
    counted("X25519", cases, 0, (518, 0));
}

#[test]
fn ed25519() {
    let (mut cases, mut unaskable) = (0, 0);
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = Bytes(group.key.pk.as_slice().try_into().unwrap());
        for case in group.tests {
            cases += 1;
            let Ok(signature) = case.sig.as_slice().try_into().map(Bytes) else {
                unaskable += 1;
                assert!(case.result.must_fail());
                continue;
            };
            let right = signature::verify_unlabelled(&key, &case.msg, &signature);
            assert_eq!(right, case.result == TestResult::Valid, "{}: {}", case.tc_id, case.comment);
        }
    }
    counted("Ed25519", cases, unaskable, (151, 12));
}

#[test]
fn chacha20_poly1305() {
    let (mut cases, mut unaskable) = (0, 0);
    for group in aeads::TestSet::load(aeads::TestName::ChaCha20Poly1305).unwrap().test_groups {
        for case in group.tests {
            cases += 1;
            let Ok(nonce) = case.nonce.as_slice().try_into() else {
                unaskable += 1;
                assert!(case.result.must_fail());
                continue;
            };
            let key = Secret::copied(&case.key).unwrap();
            let sealed = [case.ct.as_slice(), case.tag.as_slice()].concat();
            let opened = aead::open(&key, nonce, &case.aad, &sealed);
            if case.result.must_fail() {
                assert!(opened.is_none(), "{}: {}", case.tc_id, case.comment);
                continue;
            }
            assert_eq!(opened.unwrap().as_slice(), case.pt.as_slice(), "{}", case.tc_id);
            let mut room = aead::with_room_for_tag(case.pt.len());
            room.extend_from_slice(&case.pt);
            assert_eq!(aead::seal(&key, nonce, &case.aad, room), sealed, "{}", case.tc_id);
        }
    }
    counted("ChaCha20-Poly1305", cases, unaskable, (325, 9));
}

/// Lengths are known when compiling: those of the cases, and no other, are compiled here.
#[test]
fn hkdf_sha256() {
    fn expand<const N: usize>(key: &Secret<32>, info: &[u8]) -> Vec<u8> {
        kdf::expand_unlabelled::<N>(key, info).to_vec()
    }
    let (mut cases, mut unaskable) = (0, 0);
    for group in hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap().test_groups {
        for case in group.tests {
            cases += 1;
            let key = kdf::extract(&case.salt, &case.ikm);
            let expand = match case.size {
                20 => expand::<20>,
                32 => expand::<32>,
                42 => expand::<42>,
                56 => expand::<56>,
                64 => expand::<64>,
                80 => expand::<80>,
                82 => expand::<82>,
                128 => expand::<128>,
                8160 => expand::<8160>,
                // More than 255 blocks does not compile.
                _ => {
                    unaskable += 1;
                    assert!(case.result.must_fail(), "{}", case.size);
                    continue;
                }
            };
            assert!(!case.result.must_fail());
            assert_eq!(expand(&key, &case.info).as_slice(), case.okm.as_slice(), "{}", case.tc_id);
        }
    }
    counted("HKDF-SHA256", cases, unaskable, (86, 3));
}

/// The set of expanded private keys is left out: a private key is never anything but its seed here.
#[test]
fn ml_kem_768() {
    let (mut cases, mut unaskable) = (0, 0);
    let sets =
        [mlkem::TestName::MlKem768, mlkem::TestName::MlKem768Encaps, mlkem::TestName::MlKem768KeyGenSeed];
    for set in sets {
        for case in mlkem::TestSet::load(set).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            cases += 1;
            let held = match (&case.seed, &case.msg) {
                (None, Some(message)) => encapsulates(&case, message),
                (Some(seed), None) => match Secret::copied(seed) {
                    Some(seed) => decapsulates(&case, &seed),
                    None => {
                        unaskable += 1;
                        false
                    }
                },
                _ => panic!("a case of no kind: {}", case.tc_id),
            };
            assert_eq!(held, case.result == TestResult::Valid, "{set:?} {}: {}", case.tc_id, case.comment);
        }
    }
    counted("ML-KEM-768", cases, unaskable, (566, 20));
}

/// Whether the key is taken and gives what the case says.
fn encapsulates(case: &mlkem::Test, message: &[u8]) -> bool {
    let Ok(key) = PeerKemKey::parse(&Blob(case.encaps_key.as_ref().unwrap().to_vec())) else { return false };
    let (ciphertext, shared) = key.encapsulate(&FixedSliceRandom { bytes: message }).unwrap();
    ciphertext.0 == case.ct.as_ref().unwrap().as_slice()
        && shared.expose().as_slice() == case.shared_secret.as_ref().unwrap().as_slice()
}

/// Whether the seed gives this public key, and the ciphertext, if there is one, this secret.
fn decapsulates(case: &mlkem::Test, seed: &Secret<64>) -> bool {
    let key = KemKey::from_seed(seed);
    if case.encaps_key.as_ref().is_some_and(|public| key.public().0 != public.as_slice()) {
        return false;
    }
    let Some(ciphertext) = &case.ct else { return true };
    key.decapsulate(&Blob(ciphertext.to_vec()))
        .is_ok_and(|shared| shared.expose().as_slice() == case.shared_secret.as_ref().unwrap().as_slice())
}
