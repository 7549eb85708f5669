//! X25519 (RFC 7748): a key for one agreement, used up by it.

use std::fmt;

use ring::{
    agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral},
    rand::SecureRandom,
};

use super::{random::RandomError, secret::Secret};
use crate::wire::Bytes;

/// A private key for one agreement. ring keeps it to itself and does not erase it.
pub(super) struct Ephemeral {
    private: EphemeralPrivateKey,
    public: Bytes<32>,
}

/// The other side's public key is one of the few points for which every private key gives zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LowOrderPoint;

impl Ephemeral {
    /// A fresh key.
    pub(super) fn generate(source: &dyn SecureRandom) -> Result<Self, RandomError> {
        let private = EphemeralPrivateKey::generate(&X25519, source).map_err(|_| RandomError)?;
        let computed = private.compute_public_key().map_err(|_| RandomError)?;
        let public = computed.as_ref().try_into().map(Bytes).map_err(|_| RandomError)?;
        Ok(Self { private, public })
    }

    /// What is sent to the other side.
    pub(super) fn public(&self) -> Bytes<32> {
        self.public
    }

    /// The shared secret.
    ///
    /// An all-zero result is an error (ring checks; RFC 7748, section 6.1): it would be the same for
    /// every private key, so somebody between the two could have arranged it.
    pub(super) fn agree(self, peer: &Bytes<32>) -> Result<Secret<32>, LowOrderPoint> {
        let peer = UnparsedPublicKey::new(&X25519, peer.0);
        let shared = agree_ephemeral(self.private, &peer, Secret::copied);
        shared.ok().flatten().ok_or(LowOrderPoint)
    }
}

impl fmt::Debug for Ephemeral {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Ephemeral(public {:?})", self.public)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use data_encoding::HEXLOWER;
    use ring::rand::SystemRandom;

    use super::*;

    /// The points of order 1, 2, 4 and 8, and the encodings of the same that are not below p = 2^255 - 19.
    pub(in crate::crypto) const LOW_ORDER_POINTS: [&str; 7] = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];

    #[test]
    fn a_low_order_point_is_refused() {
        for point in LOW_ORDER_POINTS {
            let mut bytes: [u8; 32] = HEXLOWER.decode(point.as_bytes()).unwrap().try_into().unwrap();
            let mine = Ephemeral::generate(&SystemRandom::new()).unwrap();
            assert_eq!(mine.agree(&Bytes(bytes)).err(), Some(LowOrderPoint), "{point}");
            // The highest bit is ignored (RFC 7748, section 5), so it hides nothing.
            bytes[31] |= 0x80;
            let mine = Ephemeral::generate(&SystemRandom::new()).unwrap();
            assert_eq!(mine.agree(&Bytes(bytes)).err(), Some(LowOrderPoint), "{point} with its highest bit");
        }
    }

    #[test]
    fn two_sides_agree() {
        let one = Ephemeral::generate(&SystemRandom::new()).unwrap();
        let other = Ephemeral::generate(&SystemRandom::new()).unwrap();
        let (one_public, other_public) = (one.public(), other.public());
        let secret = one.agree(&other_public).unwrap();
        assert_eq!(secret.expose(), other.agree(&one_public).unwrap().expose());
    }
}
