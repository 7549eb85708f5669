//! Ed25519 (RFC 8032): a key that signs encodings, and the check of a signature.

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::{label::Encoded, secret::Secret};
use crate::wire::Bytes;

/// The y-coordinates of the points of small order, in every form in which they can be written. Who has such a point
/// for a key needs no secret to sign: one signature is right for many messages.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
    [
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
];

/// A key that signs.
///
/// ring neither lends out nor erases the expanded key inside; it stays in memory until that memory is
/// used again. The seed that it comes from is erased by [`Secret`].
pub(super) struct SigningKey {
    pair: Ed25519KeyPair,
    public: Bytes<32>,
}

impl SigningKey {
    /// The key of this seed.
    pub(super) fn from_seed(seed: &Secret<32>) -> Self {
        // 'Unchecked' is about a public key stored beside the seed, which here is computed instead.
        match Ed25519KeyPair::from_seed_unchecked(seed.expose()) {
            Ok(pair) => {
                let mut public = [0; 32];
                public.copy_from_slice(pair.public_key().as_ref());
                Self { pair, public: Bytes(public) }
            }
            Err(_) => unreachable!("every 32 bytes are a seed"),
        }
    }

    /// What verifies its signatures.
    pub(super) fn public(&self) -> Bytes<32> {
        self.public
    }

    /// Signs an encoding: never bytes without a label, so no signature serves two purposes.
    pub(super) fn sign(&self, message: &Encoded) -> Bytes<64> {
        Bytes(self.sign_bytes(message.as_bytes()))
    }

    fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        signature
    }

    /// For the published vectors, whose messages have no label.
    #[cfg(test)]
    pub(super) fn sign_unlabelled(&self, message: &[u8]) -> [u8; 64] {
        self.sign_bytes(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SigningKey(public {:?})", self.public)
    }
}

/// Whether `signature` over this encoding is by `key`. Strict: one signature has one form, and a key of small order
/// has signed nothing.
pub(super) fn verify(key: &Bytes<32>, message: &Encoded, signature: &Bytes<64>) -> bool {
    verify_bytes(key, message.as_bytes(), signature)
}

fn verify_bytes(key: &Bytes<32>, message: &[u8], signature: &Bytes<64>) -> bool {
    !is_of_small_order(key) && UnparsedPublicKey::new(&ED25519, key.0).verify(message, &signature.0).is_ok()
}

fn is_of_small_order(key: &Bytes<32>) -> bool {
    // The last bit is not of y: it tells one of two points from the other.
    let mut y = key.0;
    if let Some(last) = y.last_mut() {
        *last &= 0x7F;
    }
    SMALL_ORDER.contains(&y)
}

/// For the published vectors, whose messages have no label.
#[cfg(test)]
pub(super) fn verify_unlabelled(key: &Bytes<32>, message: &[u8], signature: &Bytes<64>) -> bool {
    verify_bytes(key, message, signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::label::{Label, encode};

    #[test]
    fn a_signature_is_for_one_label_and_one_key() {
        let key = SigningKey::from_seed(&Secret::copied(&[1; 32]).unwrap());
        let other = SigningKey::from_seed(&Secret::copied(&[2; 32]).unwrap());
        let message = encode(Label::Login, &[b"alice"]);
        let signature = key.sign(&message);
        assert!(verify(&key.public(), &message, &signature));
        assert!(!verify(&other.public(), &message, &signature));
        assert!(!verify(&key.public(), &encode(Label::Register, &[b"alice"]), &signature));
    }

    /// The points of small order have these y-coordinates, as all of which they can be written.
    fn keys_of_small_order() -> impl Iterator<Item = Bytes<32>> {
        let near_p = |last: u8| {
            let mut y = [0xFF; 32];
            (y[0], y[31]) = (last, 0x7F);
            y
        };
        let small = |y: u8| {
            let mut bytes = [0; 32];
            bytes[0] = y;
            bytes
        };
        let hex = |text: &[u8]| data_encoding::HEXLOWER.decode(text).unwrap().try_into().unwrap();
        let of_order_eight = [
            hex(b"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            hex(b"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        ];
        let ys = [small(0), small(1), near_p(0xEC), near_p(0xED), near_p(0xEE)];
        ys.into_iter().chain(of_order_eight).flat_map(|y| {
            let mut other = y;
            other[31] |= 0x80;
            [Bytes(y), Bytes(other)]
        })
    }

    #[test]
    fn a_key_of_small_order_has_signed_nothing() {
        for key in keys_of_small_order() {
            for of in keys_of_small_order() {
                let signature = Bytes([of.0, [0; 32]].concat().try_into().unwrap());
                let right = (0..64_u8).filter(|number| verify_bytes(&key, &[*number], &signature)).count();
                assert_eq!(right, 0, "{:02x?} {:02x?}", key.0, of.0);
            }
        }
    }

    #[test]
    fn debug_shows_the_public_key_only() {
        let seed = [0xAB; 32];
        let key = SigningKey::from_seed(&Secret::copied(&seed).unwrap());
        assert_eq!(format!("{key:?}"), format!("SigningKey(public {:?})", key.public()));
    }
}
