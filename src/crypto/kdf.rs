//! HKDF with SHA-256 (RFC 5869), and HMAC (RFC 2104) under a derived key.
//!
//! ring keeps its own copies of the keys given to it and does not erase them; they live as long as
//! one call.

use ring::{hkdf, hmac};

use super::{label::Encoded, secret::Secret};

/// HKDF-Extract (RFC 5869, section 2.2): a uniform key from input that is secret but not uniform.
///
/// By HMAC, which is its definition: ring's own result cannot be read out, and a conversation key is
/// kept.
pub(super) fn extract(salt: &[u8], input: &[u8]) -> Secret<32> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
    let tag = hmac::sign(&key, input);
    Secret::filled(|bytes| bytes.copy_from_slice(tag.as_ref()))
}

/// HKDF-Expand (RFC 5869, section 2.3): a key of its own for each purpose.
pub(super) fn expand<const N: usize>(key: &Secret<32>, info: &Encoded) -> Secret<N> {
    Secret::filled(|out| fill(key, info.as_bytes(), out))
}

fn fill<const N: usize>(key: &Secret<32>, info: &[u8], out: &mut [u8; N]) {
    const { assert!(N <= 255 * 32, "HKDF-Expand gives at most 255 blocks") };
    let key = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, key.expose());
    let filled = key.expand(&[info], Length(N)).and_then(|okm| okm.fill(out));
    // A key of zeros must never leave this function: the length was checked when compiling.
    assert!(filled.is_ok(), "HKDF-Expand fails only for a length over its limit");
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HMAC-SHA256 of an encoding.
pub(super) fn mac(key: &Secret<32>, message: &Encoded) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), message.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

/// Whether `tag` is the HMAC-SHA256 of an encoding; in constant time.
pub(super) fn mac_is(key: &Secret<32>, message: &Encoded, tag: &[u8; 32]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), message.as_bytes(), tag).is_ok()
}

/// For the published vectors, whose info has no label.
#[cfg(test)]
pub(super) fn expand_unlabelled<const N: usize>(key: &Secret<32>, info: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    fill(key, info, &mut out);
    out
}
