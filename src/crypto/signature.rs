//! Ed25519 (RFC 8032): a key that signs encodings, and the check of a signature.

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::{label::Encoded, secret::Secret};
use crate::wire::Bytes;

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

/// Whether `signature` over this encoding is by `key`. Strict: one signature has one form.
pub(super) fn verify(key: &Bytes<32>, message: &Encoded, signature: &Bytes<64>) -> bool {
    verify_bytes(key, message.as_bytes(), signature)
}

fn verify_bytes(key: &Bytes<32>, message: &[u8], signature: &Bytes<64>) -> bool {
    UnparsedPublicKey::new(&ED25519, key.0).verify(message, &signature.0).is_ok()
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

    #[test]
    fn debug_shows_the_public_key_only() {
        let seed = [0xAB; 32];
        let key = SigningKey::from_seed(&Secret::copied(&seed).unwrap());
        assert_eq!(format!("{key:?}"), format!("SigningKey(public {:?})", key.public()));
    }
}
