//! The server's key in a form that people compare: `SHA256:` and base64, as OpenSSH writes it.

use std::{fmt, str::FromStr};

use data_encoding::BASE64_NOPAD;
use rustls::{
    crypto::ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256, pki_types::CertificateDer,
    server::ParsedCertificate,
};
use thiserror::Error;

/// What a fingerprint begins with: the hash that made it.
const PREFIX: &str = "SHA256:";

/// Base64 of 32 bytes, without padding, in characters.
const BASE64_CHARS: usize = 43;

/// Why a text is not a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FingerprintError {
    /// It does not begin with `SHA256:`.
    #[error("a server key's fingerprint begins with SHA256:")]
    Prefix,
    /// What follows is not base64 of 32 bytes.
    #[error("a server key's fingerprint has 43 characters of base64 after SHA256:")]
    Base64,
}

/// The SHA-256 of a server's SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7).
///
/// Of the key and not of the certificate: a certificate renewed under the same key stays the same server.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The hash itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The fingerprint of the key in a certificate.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Result<Self, rustls::Error> {
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        sha256(&key).map(Self).ok_or_else(|| rustls::Error::General("no SHA-256".to_owned()))
    }
}

/// The hash of a cipher suite that both sides speak, so that this folder names no second source of cryptography.
fn sha256(bytes: &[u8]) -> Option<[u8; 32]> {
    let hash = TLS13_CHACHA20_POLY1305_SHA256.tls13()?.common.hash_provider;
    hash.hash(bytes).as_ref().try_into().ok()
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let base64 = text.strip_prefix(PREFIX).ok_or(FingerprintError::Prefix)?;
        // Some tools pad: one `=` is right for 32 bytes.
        let base64 = base64.strip_suffix('=').unwrap_or(base64);
        if base64.len() != BASE64_CHARS {
            return Err(FingerprintError::Base64);
        }
        let bytes = BASE64_NOPAD.decode(base64.as_bytes()).map_err(|_| FingerprintError::Base64)?;
        bytes.try_into().map(Self).map_err(|_| FingerprintError::Base64)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{PREFIX}{}", BASE64_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fingerprint_is_read_with_and_without_padding_and_in_no_other_form() {
        let text = Fingerprint([7; 32]).to_string();
        assert_eq!(text, "SHA256:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc");
        assert_eq!(text.parse(), Ok(Fingerprint([7; 32])));
        assert_eq!(format!("{text}=").parse(), Ok(Fingerprint([7; 32])));
        assert_eq!(format!("{text}==").parse::<Fingerprint>(), Err(FingerprintError::Base64));
        assert_eq!(text[7..].parse::<Fingerprint>(), Err(FingerprintError::Prefix));
        assert_eq!(text[..49].parse::<Fingerprint>(), Err(FingerprintError::Base64));
        assert_eq!("SHA256:".parse::<Fingerprint>(), Err(FingerprintError::Base64));
        let trailing_bits = format!("{}d", &text[..49]);
        assert_eq!(trailing_bits.parse::<Fingerprint>(), Err(FingerprintError::Base64));
    }

    #[test]
    fn the_hash_is_sha_256() {
        let expected = "SHA256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0";
        assert_eq!(Fingerprint(sha256(b"abc").unwrap()).to_string(), expected, "FIPS 180-4's example");
    }

    proptest! {
        #[test]
        fn a_fingerprint_survives_being_written(bytes: [u8; 32]) {
            prop_assert_eq!(Fingerprint(bytes).to_string().parse(), Ok(Fingerprint(bytes)));
        }
    }
}
