//! The steps of an agreement, which the server hands on as they are: see `crypto::agreement` and `resume`.

use serde::{Deserialize, Serialize};

use super::{
    body::StreamId,
    bytes::{Blob, Bytes},
};

/// A step of the agreement, relayed by the server as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// New key, step 1, by the initiator.
    Offer(Offer),
    /// New key, step 2, by the responder.
    Reply(Reply),
    /// New key, step 3, by the initiator.
    Confirm(Confirm),
    /// Kept key, step 1, by the initiator.
    Resume(Resume),
    /// Kept key, step 2, by the responder.
    ResumeReply(ResumeReply),
    /// This side will not go on, and why.
    Decline(Decline),
}

/// New key, step 1: see `crypto::agreement`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The initiator's identity key (Ed25519).
    pub identity: Bytes<32>,
    /// The proposed epoch, from 1.
    pub epoch: u32,
    /// A fresh X25519 public key.
    pub x25519: Bytes<32>,
    /// A fresh ML-KEM-768 encapsulation key, 1,184 bytes.
    pub kem_key: Blob,
    /// The hash of the nonce that step 3 opens.
    pub commitment: Bytes<32>,
}

/// New key, step 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The responder's identity key (Ed25519).
    pub identity: Bytes<32>,
    /// A fresh X25519 public key.
    pub x25519: Bytes<32>,
    /// The ML-KEM-768 ciphertext, 1,088 bytes.
    pub kem_ciphertext: Blob,
    /// A fresh nonce.
    pub nonce: Bytes<32>,
    /// By the responder's identity, over everything so far.
    pub signature: Bytes<64>,
}

/// New key, step 3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The nonce that step 1 committed to.
    pub nonce: Bytes<32>,
    /// By the initiator's identity, over the whole transcript.
    pub signature: Bytes<64>,
}

/// Kept key, step 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The kept key's epoch.
    pub epoch: u32,
    /// The kept key's id.
    pub key_id: Bytes<16>,
    /// A fresh nonce.
    pub nonce: Bytes<32>,
    /// What the initiator last saw of the responder's messages.
    pub seen: Option<Seen>,
    /// The initiator's program opens again what a lost connection had closed, and does not ask its person.
    pub reopens: bool,
}

/// Kept key, step 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeReply {
    /// A fresh nonce.
    pub nonce: Bytes<32>,
    /// What the responder last saw of the initiator's messages.
    pub seen: Option<Seen>,
    /// The same of the responder's program.
    pub reopens: bool,
}

/// A place in a sender's messages: which one, and its body's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The stream.
    pub stream: StreamId,
    /// The counter in it.
    pub counter: u64,
    /// The hash of the body.
    pub hash: Bytes<32>,
}

/// Why a side will not go on with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decline {
    /// The epoch is used already, or too far ahead: this is the responder's own highest.
    Epoch {
        /// The highest that the responder has used.
        highest_used: u32,
    },
    /// Too many runs broke off after this side's reply; its person must name the peer first.
    Paused {},
    /// The kept key that the server shows is not the one this side knows.
    KeptKey {},
    /// A step that does not verify, or not at this point.
    Invalid {},
}
