//! A reader's proof that their client has the other's messages, for the one who wrote them.
//!
//! Whoever does not hold the key that sealed a message cannot make one for it: a server can keep a receipt
//! back, and no more.

use super::{
    conversation_key::ConversationKey,
    kdf,
    label::{Encoded, Label, encode},
    secret::Secret,
};
use crate::wire::{Bytes, Username};

/// The proof that `reader` has the message of this number, whose body has this hash. `key` is the one that
/// sealed it.
#[must_use]
pub fn prove(key: &ConversationKey, reader: &Username, number: u64, hash: &Bytes<32>) -> Bytes<32> {
    Bytes(kdf::mac(&receipt_key(key), &bound(key, reader, number, hash)))
}

/// Whether this is that proof; in constant time. One of the message's own writer is none.
#[must_use]
pub fn verify(
    key: &ConversationKey,
    reader: &Username,
    number: u64,
    hash: &Bytes<32>,
    proof: &Bytes<32>,
) -> bool {
    kdf::mac_is(&receipt_key(key), &bound(key, reader, number, hash), &proof.0)
}

fn receipt_key(key: &ConversationKey) -> Secret<32> {
    key.expand(&encode(Label::ReceiptKey, &[]))
}

fn bound(key: &ConversationKey, reader: &Username, number: u64, hash: &Bytes<32>) -> Encoded {
    let pair = key.pair().to_string();
    encode(Label::Receipt, &[pair.as_bytes(), reader.as_str().as_bytes(), &number.to_be_bytes(), &hash.0])
}

#[cfg(test)]
mod tests {
    use super::*;
    fn key(pair: &str, secret: u8) -> ConversationKey {
        ConversationKey::new(pair.parse().unwrap(), 1, Secret::copied(&[secret; 32]).unwrap())
    }

    fn hash(mark: u8) -> Bytes<32> {
        Bytes([mark; 32])
    }

    #[test]
    fn a_receipt_is_of_one_reader_number_message_and_key() {
        let (alice, bob): (Username, Username) = ("alice".parse().unwrap(), "bob".parse().unwrap());
        let right = key("alice+bob", 1);
        let proof = prove(&right, &bob, 7, &hash(1));
        assert!(verify(&right, &bob, 7, &hash(1), &proof));
        assert!(!verify(&right, &alice, 7, &hash(1), &proof), "another reader");
        assert!(!verify(&right, &bob, 8, &hash(1), &proof), "another number");
        assert!(!verify(&right, &bob, 7, &hash(2), &proof), "another message");
        assert!(!verify(&key("alice+bob", 2), &bob, 7, &hash(1), &proof), "another key");
        assert!(!verify(&key("bob+carol", 1), &bob, 7, &hash(1), &proof), "another pair");
    }
}
