//! What both kinds of run end in: a key, and a proof of it for the other side.

use std::fmt;

use thiserror::Error;

use super::{
    conversation_key::{Code, ConversationKey},
    kdf,
    label::{Encoded, Label, encode},
    random::RandomError,
    secret::Secret,
};
use crate::wire::{Bytes, NameError, Pair, Role, Username};

/// Why a run ends here. Nothing is to be shown or stored of it, and no step of it used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AgreementError {
    /// The other side has this side's own identity: its own words, reflected.
    #[error("the other side claims this side's own identity")]
    OwnIdentity,
    /// Not signed, by the identity in the step, over this run as this side has seen it.
    #[error("a step of the agreement is not signed by its sender")]
    Signature,
    /// The nonce is not the one that was committed to.
    #[error("the nonce is not the one that was committed to")]
    Commitment,
    /// An X25519 key whose shared secret everybody knows.
    #[error("an X25519 key of low order")]
    LowOrder,
    /// Not an ML-KEM-768 key or ciphertext.
    #[error("not a valid ML-KEM key or ciphertext")]
    Kem,
    /// Epochs begin at 1.
    #[error("an epoch that no key has")]
    Epoch,
    /// The other side means another kept key.
    #[error("the other side means another kept key")]
    OtherKey,
    /// The key is another pair's.
    #[error("the kept key is another pair's")]
    OtherPair,
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// The two members of a run and their roles. Their names differ, or there is no such value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    initiator: Username,
    responder: Username,
    pair: Pair,
}

impl Members {
    /// Who begins, and who answers.
    ///
    /// # Errors
    /// [`NameError::SameTwice`]: nobody agrees on a key with themselves.
    pub fn new(initiator: Username, responder: Username) -> Result<Self, NameError> {
        let pair = Pair::new(&initiator, &responder)?;
        Ok(Self { initiator, responder, pair })
    }

    /// Who sends the first step.
    #[must_use]
    pub fn initiator(&self) -> &Username {
        &self.initiator
    }

    /// Who answers it.
    #[must_use]
    pub fn responder(&self) -> &Username {
        &self.responder
    }

    /// The two, in no role.
    #[must_use]
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// The first four fields of every transcript. With the roles beside the names, a step sent back to
    /// its sender, or used in a run the other way round, is of another transcript.
    pub(super) fn fields(&self) -> [&[u8]; 4] {
        [
            self.initiator.as_str().as_bytes(),
            role_name(Role::Initiator),
            self.responder.as_str().as_bytes(),
            role_name(Role::Responder),
        ]
    }
}

/// A role as it is in transcripts and acceptances.
fn role_name(role: Role) -> &'static [u8] {
    match role {
        Role::Initiator => b"initiator",
        Role::Responder => b"responder",
    }
}

fn other(role: Role) -> Role {
    match role {
        Role::Initiator => Role::Responder,
        Role::Responder => Role::Initiator,
    }
}

/// A run's key, which nobody has accepted yet: the other side holds it only if its acceptance
/// verifies, and what the server says of it is a hint.
pub struct Agreed {
    key: ConversationKey,
    role: Role,
    transcript: [u8; 32],
    peer_identity: Option<Bytes<32>>,
    codes: [Code; 2],
}

impl Agreed {
    /// `transcript` is the hash of the whole run's encoding, `role` this side's part in it.
    pub(super) fn new(
        key: ConversationKey,
        members: &Members,
        role: Role,
        transcript: [u8; 32],
        peer_identity: Option<Bytes<32>>,
    ) -> Self {
        let (lower, higher) = key.codes();
        let me = match role {
            Role::Initiator => &members.initiator,
            Role::Responder => &members.responder,
        };
        let codes = if me == key.pair().lower() { [lower, higher] } else { [higher, lower] };
        Self { key, role, transcript, peer_identity, codes }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &ConversationKey {
        &self.key
    }

    /// The identity that signed its half of the run; `None` when a kept key was resumed, which has its
    /// identity beside it in its sealed copy.
    #[must_use]
    pub fn peer_identity(&self) -> Option<Bytes<32>> {
        self.peer_identity
    }

    /// The code that this side's person reads out.
    #[must_use]
    pub fn own_code(&self) -> &Code {
        let [own, _] = &self.codes;
        own
    }

    /// The code that the other person reads out, to be typed here.
    #[must_use]
    pub fn peer_code(&self) -> &Code {
        let [_, peer] = &self.codes;
        peer
    }

    /// This side's acceptance: proof to the other that this side has the key, in this run, and accepts.
    #[must_use]
    pub fn acceptance(&self) -> Bytes<32> {
        Bytes(kdf::mac(&self.acceptance_key(), &self.acceptance_of(self.role)))
    }

    /// Whether this is the other side's acceptance; in constant time. This side's own, sent back, is
    /// not: it is over the other role.
    #[must_use]
    pub fn verify(&self, acceptance: &Bytes<32>) -> bool {
        kdf::mac_is(&self.acceptance_key(), &self.acceptance_of(other(self.role)), &acceptance.0)
    }

    /// The key, once it is accepted.
    #[must_use]
    pub fn into_key(self) -> ConversationKey {
        self.key
    }

    fn acceptance_key(&self) -> Secret<32> {
        self.key.expand(&encode(Label::AcceptanceKey, &[]))
    }

    /// The transcript is in it, so that an acceptance is of one run: an earlier one under the same key,
    /// replayed, is of another.
    fn acceptance_of(&self, role: Role) -> Encoded {
        encode(Label::Acceptance, &[role_name(role), &self.transcript])
    }

    #[cfg(test)]
    pub(super) fn transcript(&self) -> &[u8; 32] {
        &self.transcript
    }
}

impl fmt::Debug for Agreed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Agreed({:?}, {:?})", self.role, self.key)
    }
}
