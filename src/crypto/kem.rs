//! ML-KEM-768 (FIPS 203): a key pair for one agreement, and a secret sent to it.

use std::fmt;

use ml_kem::{
    DecapsulationKey768, EncapsulationKey768,
    kem::{Decapsulate, KeyExport},
};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::{
    random::{self, RandomError},
    secret::Secret,
};
use crate::wire::Blob;

/// The other side's key or ciphertext is not one: of another length, or with a coefficient that is
/// not reduced (the checks of FIPS 203, sections 7.2 and 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotValid;

/// A decapsulation key for one agreement. The crate erases it when it is dropped, but not the copies
/// of its seed on the stack on the way there.
pub(super) struct KemKey(DecapsulationKey768);

impl KemKey {
    /// A fresh key.
    pub(super) fn generate(source: &dyn SecureRandom) -> Result<Self, RandomError> {
        Ok(Self::from_seed(&random::draw_secret(source)?))
    }

    /// The key of this seed, which is d | z of FIPS 203, algorithm 16.
    pub(super) fn from_seed(seed: &Secret<64>) -> Self {
        Self(DecapsulationKey768::from_seed((*seed.expose()).into()))
    }

    /// The encapsulation key, sent to the other side: 1,184 bytes.
    pub(super) fn public(&self) -> Blob {
        Blob(self.0.encapsulation_key().to_bytes().to_vec())
    }

    /// The secret in this ciphertext.
    ///
    /// A ciphertext that was tampered with gives another secret rather than an error, by design
    /// (FIPS 203, section 6.3); the two sides' transcripts and proofs then differ.
    pub(super) fn decapsulate(self, ciphertext: &Blob) -> Result<Secret<32>, NotValid> {
        let shared = self.0.decapsulate_slice(&ciphertext.0).map(Zeroizing::new).map_err(|_| NotValid)?;
        Secret::copied(shared.as_slice()).ok_or(NotValid)
    }
}

impl fmt::Debug for KemKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KemKey(secret)")
    }
}

/// An encapsulation key that passed the checks of FIPS 203, section 7.2.
#[derive(Debug)]
pub(super) struct PeerKemKey(EncapsulationKey768);

impl PeerKemKey {
    /// Checks the length, and that every coefficient is below q.
    pub(super) fn parse(bytes: &Blob) -> Result<Self, NotValid> {
        let bytes = bytes.0.as_slice().try_into().map_err(|_| NotValid)?;
        EncapsulationKey768::new(bytes).map(Self).map_err(|_| NotValid)
    }

    /// A fresh secret, and the ciphertext (1,088 bytes) that carries it to the key's holder.
    pub(super) fn encapsulate(&self, source: &dyn SecureRandom) -> Result<(Blob, Secret<32>), RandomError> {
        // With the randomness given, because the crate's own source of it is another library's.
        let message = random::draw_secret::<32>(source)?;
        let (ciphertext, shared) = self.0.encapsulate_deterministic(&(*message.expose()).into());
        let shared = Zeroizing::new(shared);
        Ok((Blob(ciphertext.to_vec()), Secret::filled(|bytes| bytes.copy_from_slice(shared.as_slice()))))
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    #[test]
    fn the_secret_arrives() {
        let key = KemKey::generate(&SystemRandom::new()).unwrap();
        let peer = PeerKemKey::parse(&key.public()).unwrap();
        let (ciphertext, sent) = peer.encapsulate(&SystemRandom::new()).unwrap();
        assert_eq!((key.public().0.len(), ciphertext.0.len()), (1184, 1088));
        assert_eq!(key.decapsulate(&ciphertext).unwrap().expose(), sent.expose());
    }

    #[test]
    fn a_key_that_is_not_reduced_or_of_another_length_is_refused() {
        let key = KemKey::generate(&SystemRandom::new()).unwrap().public();
        let mut not_reduced = key.clone();
        not_reduced.0[..3].fill(0xFF);
        assert_eq!(PeerKemKey::parse(&not_reduced).err(), Some(NotValid));
        for length in [0, 1183, 1185] {
            let mut other = key.clone();
            other.0.resize(length, 0);
            assert_eq!(PeerKemKey::parse(&other).err(), Some(NotValid), "{length}");
        }
    }

    #[test]
    fn a_ciphertext_of_another_length_is_refused() {
        for length in [0, 1087, 1089] {
            let key = KemKey::generate(&SystemRandom::new()).unwrap();
            assert_eq!(key.decapsulate(&Blob(vec![0; length])).err(), Some(NotValid), "{length}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let key = KemKey::generate(&SystemRandom::new()).unwrap();
        assert_eq!(format!("{key:?}"), "KemKey(secret)");
    }
}
