//! Two hashes: of a message's body, which chains a sender's messages and is what 'stored' and 'seen'
//! name; and of an invitation code, which is all that a server keeps of one.

use super::label::{Label, hash};
use crate::wire::{Body, BodyRef, Bytes, InvitationCode};

/// The hash of a body, header and ciphertext, under its label.
#[must_use]
pub fn body_hash(body: &Body) -> Bytes<32> {
    lent_body_hash(&body.lent())
}

/// The same of a body that is lent.
#[must_use]
pub fn lent_body_hash(body: &BodyRef<'_>) -> Bytes<32> {
    Bytes(hash(Label::Body, &[body.as_bytes()]))
}

/// The hash of an invitation code, under its label. A code is 80 random bits: no slow hash is needed.
#[must_use]
pub fn invitation_hash(code: &InvitationCode) -> Bytes<32> {
    Bytes(hash(Label::Invitation, &[code.as_bytes()]))
}
