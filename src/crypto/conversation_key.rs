//! A pair's key of one epoch: what everything in a conversation comes from, and how it is kept.

use super::{
    kdf,
    label::{Encoded, Label, encode},
    secret::Secret,
    vault::{Record, Vault, VaultError},
};
use crate::wire::{Blob, Bytes, KeptKey, OwnCopy, Pair, Username};

pub use super::code::{Code, looks_like_code};

/// A key that two people agreed on. It encrypts nothing itself: it is expanded into one key for each
/// purpose.
#[derive(Debug)]
pub struct ConversationKey {
    pair: Pair,
    epoch: u32,
    key_id: Bytes<16>,
    secret: Secret<32>,
}

impl ConversationKey {
    pub(super) fn new(pair: Pair, epoch: u32, secret: Secret<32>) -> Self {
        let key_id: Secret<16> = kdf::expand(&secret, &encode(Label::KeyId, &[]));
        Self { pair, epoch, key_id: Bytes(*key_id.expose()), secret }
    }

    /// Which of the pair's keys it is: 1, 2, 3, ...
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Its name. Not a commitment: it says which key is meant, and proves nothing.
    #[must_use]
    pub fn key_id(&self) -> Bytes<16> {
        self.key_id
    }

    /// Whose it is.
    #[must_use]
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// This member's copy to be kept by the server: the key and the identity it was agreed with,
    /// sealed by the member's own vault.
    ///
    /// # Errors
    /// [`VaultError::Random`].
    pub fn seal(&self, vault: &Vault, peer_identity: &Bytes<32>) -> Result<OwnCopy, VaultError> {
        let identity = Secret::filled(|bytes| bytes.copy_from_slice(&peer_identity.0));
        let plaintext = Secret::joined(&self.secret, &identity);
        let record = Record::ConversationKey { pair: &self.pair, epoch: self.epoch, key_id: &self.key_id };
        let sealed = Blob(vault.seal(&record, plaintext.expose())?);
        Ok(OwnCopy { epoch: self.epoch, key_id: self.key_id, sealed })
    }

    /// Opens a kept copy: the key, and the peer's identity it was agreed with.
    ///
    /// # Errors
    /// [`VaultError::NotOpened`] when it is not this member's copy of that pair, epoch and key id;
    /// [`VaultError::OtherKey`] when the key in it has another id.
    pub fn open(vault: &Vault, pair: &Pair, kept: &KeptKey) -> Result<(Self, Bytes<32>), VaultError> {
        let record = Record::ConversationKey { pair, epoch: kept.epoch, key_id: &kept.key_id };
        let opened = vault.open(&record, &kept.sealed.0)?;
        let plaintext = Secret::<64>::copied(&opened).ok_or(VaultError::NotOpened)?;
        let (secret, identity) = plaintext.split();
        let key = Self::new(pair.clone(), kept.epoch, secret);
        // What two members compare by the id must be the same key, whoever sealed this.
        if key.key_id == kept.key_id {
            Ok((key, Bytes(*identity.expose())))
        } else {
            Err(VaultError::OtherKey)
        }
    }

    /// A member's code, or `None` when `member` is not of the pair.
    ///
    /// The codes belong to the key and the names: whoever begins a run, today or in a year, a
    /// person's code under this key is the same. The lower name has the first.
    #[must_use]
    pub fn code_of(&self, member: &Username) -> Option<Code> {
        let (first, second) = self.codes();
        match member {
            member if member == self.pair.lower() => Some(first),
            member if member == self.pair.higher() => Some(second),
            _ => None,
        }
    }

    /// The codes of the lower and of the higher name.
    #[must_use]
    pub fn codes(&self) -> (Code, Code) {
        let codes: Secret<16> = self.expand(&encode(Label::Codes, &[]));
        let number = u128::from_be_bytes(*codes.expose());
        // Two 64-bit numbers; the remainder by a million favours none of the codes noticeably.
        let low = number & u128::from(u64::MAX);
        let half = |number: u128| Code::from_number(u64::try_from(number).unwrap_or_default());
        (half(number >> 64), half(low))
    }

    pub(super) fn expand<const N: usize>(&self, info: &Encoded) -> Secret<N> {
        kdf::expand(&self.secret, info)
    }

    #[cfg(test)]
    pub(super) fn secret(&self) -> &[u8; 32] {
        self.secret.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pair: &str, epoch: u32, secret: u8) -> ConversationKey {
        ConversationKey::new(pair.parse().unwrap(), epoch, Secret::copied(&[secret; 32]).unwrap())
    }

    fn vault(key: u8) -> Vault {
        Vault::new(Secret::copied(&[key; 32]).unwrap())
    }

    fn kept(copy: OwnCopy) -> KeptKey {
        KeptKey { epoch: copy.epoch, key_id: copy.key_id, sealed: copy.sealed }
    }

    #[test]
    fn a_kept_key_comes_back_with_the_identity_it_was_agreed_with() {
        let key = key("alice+bob", 4, 1);
        let kept = kept(key.seal(&vault(9), &Bytes([5; 32])).unwrap());
        let (again, identity) = ConversationKey::open(&vault(9), key.pair(), &kept).unwrap();
        assert_eq!((again.epoch(), again.key_id(), again.secret()), (4, key.key_id(), key.secret()));
        assert_eq!(identity, Bytes([5; 32]));
    }

    #[test]
    fn a_copy_of_another_pair_epoch_id_or_member_does_not_open() {
        let key = key("alice+bob", 4, 1);
        let good = kept(key.seal(&vault(9), &Bytes([5; 32])).unwrap());
        let refused = |vault: &Vault, pair: &str, kept: &KeptKey| {
            ConversationKey::open(vault, &pair.parse().unwrap(), kept).err() == Some(VaultError::NotOpened)
        };
        assert!(refused(&vault(9), "alice+carol", &good));
        assert!(refused(&vault(9), "alice+bob", &KeptKey { epoch: 5, ..good.clone() }));
        assert!(refused(&vault(9), "alice+bob", &KeptKey { key_id: Bytes([0; 16]), ..good.clone() }));
        assert!(refused(&vault(8), "alice+bob", &good));
        assert!(refused(&vault(9), "alice+bob", &KeptKey { sealed: Blob(vec![0; 5]), ..good }));
    }

    #[test]
    fn a_copy_whose_id_is_not_its_keys_is_refused() {
        let (pair, id) = ("alice+bob".parse().unwrap(), Bytes([7; 16]));
        let record = Record::ConversationKey { pair: &pair, epoch: 1, key_id: &id };
        let sealed = Blob(vault(9).seal(&record, &[1; 64]).unwrap());
        let kept = KeptKey { epoch: 1, key_id: id, sealed };
        assert_eq!(ConversationKey::open(&vault(9), &pair, &kept).err(), Some(VaultError::OtherKey));
    }

    #[test]
    fn each_member_has_a_code_of_their_own() {
        let key = key("alice+bob", 1, 1);
        let (alice, bob) = (key.code_of(&"alice".parse().unwrap()), key.code_of(&"bob".parse().unwrap()));
        let (alice, bob) = (alice.unwrap(), bob.unwrap());
        assert!(alice.matches(&alice.to_string()) && !alice.matches(&bob.to_string()));
        assert!(key.code_of(&"carol".parse().unwrap()).is_none());
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", key("alice+bob", 1, 0xAB));
        assert!(shown.contains("secret: Secret(32 bytes)") && !shown.contains("171"), "{shown}");
    }
}
