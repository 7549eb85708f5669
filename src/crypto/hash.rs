//! The hash of a message's body: what chains a sender's messages, and what 'stored' and 'seen' name.

use super::label::{Label, hash};
use crate::wire::{Body, Bytes};

/// The hash of a body, header and ciphertext, under its label.
#[must_use]
pub fn body_hash(body: &Body) -> Bytes<32> {
    Bytes(hash(Label::Body, &[body.as_bytes()]))
}
