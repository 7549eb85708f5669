//! The identity key: who a user is to other users. The server holds none.

use data_encoding::BASE32_NOPAD;

use super::{
    label::{Encoded, Label, hash},
    secret::Secret,
    signature::{self, SigningKey},
};
use crate::wire::Bytes;

/// A user's identity key (Ed25519). It signs transcripts of agreements and nothing else.
#[derive(Debug)]
pub struct Identity(SigningKey);

impl Identity {
    pub(super) fn from_seed(seed: &Secret<32>) -> Self {
        Self(SigningKey::from_seed(seed))
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> Bytes<32> {
        self.0.public()
    }

    pub(super) fn sign(&self, transcript: &Encoded) -> Bytes<64> {
        self.0.sign(transcript)
    }
}

/// Whether a transcript is signed by this identity.
pub(super) fn is_signed_by(identity: &Bytes<32>, transcript: &Encoded, signature: &Bytes<64>) -> bool {
    signature::verify(identity, transcript, signature)
}

/// An identity key's fingerprint, for two people to compare: eight groups of four characters.
///
/// 160 bits of a hash, in base 32, which has neither 0 nor 1 to be taken for o and l. Another key
/// with the same fingerprint is as hard to find as a preimage of those 160 bits.
#[must_use]
pub fn identity_fingerprint(identity: &Bytes<32>) -> String {
    let hash = hash(Label::Fingerprint, &[&identity.0]);
    let bytes: &[u8; 20] = hash.first_chunk().unwrap_or(&[0; 20]);
    let mut shown = String::with_capacity(39);
    for (i, character) in BASE32_NOPAD.encode(bytes).to_ascii_lowercase().chars().enumerate() {
        if i > 0 && i % 4 == 0 {
            shown.push(' ');
        }
        shown.push(character);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_eight_short_groups_and_differs_between_keys() {
        let one = identity_fingerprint(&Bytes([1; 32]));
        assert_eq!(one.split(' ').map(str::len).collect::<Vec<_>>(), [4; 8]);
        assert_ne!(one, identity_fingerprint(&Bytes([2; 32])));
    }

    #[test]
    fn debug_does_not_show_the_seed() {
        let identity = Identity::from_seed(&Secret::copied(&[7; 32]).unwrap());
        assert_eq!(format!("{identity:?}"), format!("Identity(SigningKey(public {:?}))", identity.public()));
    }
}
