//! The login key, and what it signs: PROTOCOL.md, section 4.
//!
//! Every signature is over this TLS connection's exporter (RFC 9266), so a server that relays it to
//! another server, or replays it later, has a signature for a connection that is not this one.

use super::{
    label::{Encoded, Label, encode},
    secret::Secret,
    signature::{self, SigningKey},
};
use crate::wire::{Bytes, Username};

/// What TLS derives for one connection and shows to its two ends only (RFC 9266).
pub type Exporter = [u8; 32];

/// A user's login key (Ed25519), from the key file's secret and the password together: the server,
/// which has neither, cannot even test guesses at the password.
#[derive(Debug)]
pub struct LoginKey(SigningKey);

impl LoginKey {
    pub(super) fn from_seed(seed: &Secret<32>) -> Self {
        Self(SigningKey::from_seed(seed))
    }

    /// The public key, which the server stores.
    #[must_use]
    pub fn public(&self) -> Bytes<32> {
        self.0.public()
    }

    /// Registers this key under a name.
    #[must_use]
    pub fn sign_register(&self, name: &Username, exporter: &Exporter) -> Bytes<64> {
        self.0.sign(&register(&self.public(), name, exporter))
    }

    /// Logs in.
    #[must_use]
    pub fn sign_login(&self, name: &Username, exporter: &Exporter) -> Bytes<64> {
        self.0.sign(&login(name, exporter))
    }

    /// Gives the account over to the key `new`.
    #[must_use]
    pub fn sign_change(&self, name: &Username, new: &Bytes<32>, exporter: &Exporter) -> Bytes<64> {
        self.0.sign(&change(name, new, exporter))
    }
}

/// Whether a registration is signed by the key that it registers.
#[must_use]
pub fn verify_register(key: &Bytes<32>, name: &Username, exporter: &Exporter, signature: &Bytes<64>) -> bool {
    signature::verify(key, &register(key, name, exporter), signature)
}

/// Whether a login is signed by the account's key.
#[must_use]
pub fn verify_login(key: &Bytes<32>, name: &Username, exporter: &Exporter, signature: &Bytes<64>) -> bool {
    signature::verify(key, &login(name, exporter), signature)
}

/// Whether a change to the key `new` is signed by the account's key, `old`.
#[must_use]
pub fn verify_change(
    old: &Bytes<32>,
    name: &Username,
    new: &Bytes<32>,
    exporter: &Exporter,
    signature: &Bytes<64>,
) -> bool {
    signature::verify(old, &change(name, new, exporter), signature)
}

/// The key is in it, so that nobody registers a key by somebody else's signature.
fn register(key: &Bytes<32>, name: &Username, exporter: &Exporter) -> Encoded {
    encode(Label::Register, &[name.as_str().as_bytes(), &key.0, exporter])
}

fn login(name: &Username, exporter: &Exporter) -> Encoded {
    encode(Label::Login, &[name.as_str().as_bytes(), exporter])
}

/// The new key is in it: the old key's word is for that one only.
fn change(name: &Username, new: &Bytes<32>, exporter: &Exporter) -> Encoded {
    encode(Label::ChangePassword, &[name.as_str().as_bytes(), &new.0, exporter])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> LoginKey {
        LoginKey::from_seed(&Secret::copied(&[seed; 32]).unwrap())
    }

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    #[test]
    fn a_signature_is_for_one_name_one_connection_and_one_purpose() {
        let (key, alice) = (key(1), name("alice"));
        let here = [1; 32];
        let login = key.sign_login(&alice, &here);
        assert!(verify_login(&key.public(), &alice, &here, &login));
        assert!(!verify_login(&key.public(), &alice, &[2; 32], &login), "relayed to another connection");
        assert!(!verify_login(&key.public(), &name("bob"), &here, &login), "another name");
        assert!(!verify_login(&super::tests::key(2).public(), &alice, &here, &login), "another key");
        assert!(!verify_register(&key.public(), &alice, &here, &login), "a login for a registration");

        let register = key.sign_register(&alice, &here);
        assert!(verify_register(&key.public(), &alice, &here, &register));
        assert!(!verify_register(&key.public(), &alice, &[2; 32], &register), "relayed");
        assert!(!verify_login(&key.public(), &alice, &here, &register), "a registration for a login");
    }

    #[test]
    fn a_change_is_signed_by_the_old_key_for_one_new_key() {
        let (old, new, alice, here) = (key(1), key(2).public(), name("alice"), [1; 32]);
        let change = old.sign_change(&alice, &new, &here);
        assert!(verify_change(&old.public(), &alice, &new, &here, &change));
        assert!(!verify_change(&old.public(), &alice, &key(3).public(), &here, &change), "another new key");
        assert!(!verify_change(&new, &alice, &new, &here, &change), "not signed by the new key");
        assert!(!verify_change(&old.public(), &alice, &new, &[2; 32], &change), "relayed");
    }

    #[test]
    fn debug_does_not_show_the_seed() {
        let key = key(7);
        assert_eq!(format!("{key:?}"), format!("LoginKey(SigningKey(public {:?}))", key.public()));
    }
}
