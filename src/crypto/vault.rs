//! The vault: seals what its owner keeps at rest, on the own disk and at the server.

use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    aead, kdf,
    label::{Encoded, Label, encode},
    random::{RandomError, random},
    secret::Secret,
};
use crate::wire::{Bytes, Pair, Username};

/// The salt before each sealed record, in bytes.
const SALT_BYTES: usize = 16;

/// Why a record is not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VaultError {
    /// Damaged, another record than the one asked for, or sealed by somebody else.
    #[error("a sealed record does not open: it is damaged, or not the record that was asked for")]
    NotOpened,
    /// It opened, and its key is not the one that its id names.
    #[error("a kept key is not the key that its id names")]
    OtherKey,
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Which record: sealed as one, it opens only as the same.
#[derive(Debug, Clone, Copy)]
pub enum Record<'a> {
    /// A pair's key of one epoch. The server keeps it and hands it back: without these fields it could
    /// hand back another pair's key, or an older one.
    ConversationKey {
        /// Whose.
        pair: &'a Pair,
        /// Which in order.
        epoch: u32,
        /// Which exactly.
        key_id: &'a Bytes<16>,
    },
    /// What is pinned about a peer, on the own disk.
    Pins {
        /// About whom.
        name: &'a Username,
    },
}

impl Record<'_> {
    fn encoded(&self) -> Encoded {
        match self {
            Self::ConversationKey { pair, epoch, key_id } => {
                let pair = pair.to_string();
                let fields: [&[u8]; 3] = [pair.as_bytes(), &epoch.to_be_bytes(), &key_id.0];
                encode(Label::ConversationKeyRecord, &fields)
            }
            Self::Pins { name } => encode(Label::PinsRecord, &[name.as_str().as_bytes()]),
        }
    }
}

/// A user's vault key.
#[derive(Debug)]
pub struct Vault(Secret<32>);

impl Vault {
    pub(super) fn new(key: Secret<32>) -> Self {
        Self(key)
    }

    /// Seals a record: 16 bytes of salt, then the ciphertext with its tag.
    ///
    /// # Errors
    /// [`VaultError::Random`].
    pub fn seal(&self, record: &Record<'_>, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        let salt = random::<SALT_BYTES>()?;
        let (key, nonce) = self.subkey(&salt);
        let mut bytes = aead::with_room_for_tag(plaintext.len());
        bytes.extend_from_slice(plaintext);
        let sealed = aead::seal(&key, nonce, record.encoded().as_bytes(), bytes);
        Ok([salt.as_slice(), &sealed].concat())
    }

    /// Opens a record.
    ///
    /// # Errors
    /// [`VaultError::NotOpened`].
    pub fn open(&self, record: &Record<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (salt, ciphertext) = sealed.split_first_chunk().ok_or(VaultError::NotOpened)?;
        let (key, nonce) = self.subkey(salt);
        let opened = aead::open(&key, nonce, record.encoded().as_bytes(), ciphertext);
        opened.ok_or(VaultError::NotOpened)
    }

    /// A key and a nonce for one record. The 96 bits of a nonce are too few to be drawn at random for
    /// every record of a lifetime under one key; 128 bits of salt, of a key and nonce each, are not.
    fn subkey(&self, salt: &[u8; SALT_BYTES]) -> (Secret<32>, [u8; aead::NONCE_BYTES]) {
        let derived: Secret<44> = kdf::expand(&self.0, &encode(Label::RecordKey, &[salt]));
        let (key, nonce) = derived.expose().split_at(32);
        let key = Secret::filled(|bytes| bytes.copy_from_slice(key));
        let mut nonce_bytes = [0; aead::NONCE_BYTES];
        nonce_bytes.copy_from_slice(nonce);
        (key, nonce_bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn vault(key: u8) -> Vault {
        Vault::new(Secret::copied(&[key; 32]).unwrap())
    }

    #[test]
    fn a_record_opens_only_as_what_it_was_sealed_as() {
        let vault = vault(1);
        let (alice_bob, alice_carol): (Pair, Pair) =
            ("alice+bob".parse().unwrap(), "alice+carol".parse().unwrap());
        let (id, other_id) = (Bytes([1; 16]), Bytes([2; 16]));
        let record = Record::ConversationKey { pair: &alice_bob, epoch: 3, key_id: &id };
        let sealed = vault.seal(&record, b"the key").unwrap();
        assert_eq!(*vault.open(&record, &sealed).unwrap(), b"the key");

        let others = [
            Record::ConversationKey { pair: &alice_carol, epoch: 3, key_id: &id },
            Record::ConversationKey { pair: &alice_bob, epoch: 2, key_id: &id },
            Record::ConversationKey { pair: &alice_bob, epoch: 3, key_id: &other_id },
            Record::Pins { name: alice_bob.lower() },
        ];
        for other in others {
            assert_eq!(vault.open(&other, &sealed).err(), Some(VaultError::NotOpened), "{other:?}");
        }
        assert_eq!(super::tests::vault(2).open(&record, &sealed).err(), Some(VaultError::NotOpened));
    }

    #[test]
    fn the_same_record_is_never_sealed_twice_alike() {
        let name = "bob".parse().unwrap();
        let record = Record::Pins { name: &name };
        assert_ne!(vault(1).seal(&record, b"same").unwrap(), vault(1).seal(&record, b"same").unwrap());
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", vault(0xAB)), "Vault(Secret(32 bytes))");
    }

    proptest! {
        #[test]
        fn a_changed_or_shortened_record_does_not_open(
            plaintext in vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>(), bit in 0..8_u8,
        ) {
            let name = "bob".parse().unwrap();
            let record = Record::Pins { name: &name };
            let sealed = vault(1).seal(&record, &plaintext).unwrap();
            prop_assert_eq!(&*vault(1).open(&record, &sealed).unwrap(), &plaintext);
            let mut changed = sealed.clone();
            changed[at.index(sealed.len())] ^= 1 << bit;
            prop_assert!(vault(1).open(&record, &changed).is_err());
            prop_assert!(vault(1).open(&record, &sealed[..at.index(sealed.len())]).is_err());
        }
    }
}
