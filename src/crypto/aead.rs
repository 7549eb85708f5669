//! ChaCha20-Poly1305 (RFC 8439). Who calls says why the key and nonce are never used twice.
//!
//! ring keeps its own copy of the key for the length of one call and does not erase it.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::secret::Secret;

/// The bytes of a nonce.
pub(super) const NONCE_BYTES: usize = 12;

/// Encrypts, and appends the 16-byte tag. `plaintext` is encrypted where it lies, so no copy remains.
pub(super) fn seal(
    key: &Secret<32>,
    nonce: [u8; NONCE_BYTES],
    aad: &[u8],
    mut plaintext: Vec<u8>,
) -> Vec<u8> {
    // The tag is appended: without room for it, growing would leave the plaintext's old memory unerased.
    debug_assert!(plaintext.capacity() >= plaintext.len() + CHACHA20_POLY1305.tag_len());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let sealed = prepared(key).seal_in_place_append_tag(nonce, Aad::from(aad), &mut plaintext);
    // Nothing half sealed may leave this function as if it were sealed.
    assert!(sealed.is_ok(), "sealing fails only for hundreds of gigabytes");
    plaintext
}

/// Decrypts, or `None` when key, nonce, additional data or ciphertext differ from what was sealed.
pub(super) fn open(
    key: &Secret<32>,
    nonce: [u8; NONCE_BYTES],
    aad: &[u8],
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let mut bytes = Zeroizing::new(sealed.to_vec());
    let length = prepared(key).open_in_place(nonce, Aad::from(aad), &mut bytes).ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}

fn prepared(key: &Secret<32>) -> LessSafeKey {
    match UnboundKey::new(&CHACHA20_POLY1305, key.expose()) {
        Ok(key) => LessSafeKey::new(key),
        Err(_) => unreachable!("the algorithm's keys are 32 bytes"),
    }
}

/// A plaintext's memory: `length` bytes, and room for the tag.
pub(super) fn with_room_for_tag(length: usize) -> Vec<u8> {
    Vec::with_capacity(length + CHACHA20_POLY1305.tag_len())
}
