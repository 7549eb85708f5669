//! Who the server is: a certificate and its key, made at the first start or given.
//!
//! Nothing is read or written here; the server keeps the two texts where it keeps its files.

use std::{fmt, sync::Arc};

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ED25519};
use rustls::{
    InconsistentKeys,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    sign::CertifiedKey,
};
use thiserror::Error;
use zeroize::Zeroizing;

use super::fingerprint::Fingerprint;

/// Why two texts are not a server's certificate and key.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The certificate's text is damaged.
    #[error("the certificate is not valid PEM")]
    CertificatePem(#[source] pem::Error),
    /// The text holds no certificate.
    #[error("there is no certificate in the certificate file")]
    NoCertificate,
    /// The key's text is damaged, or holds no private key.
    #[error("there is no private key in the key file")]
    NoKey(#[source] pem::Error),
    /// Both are well-formed and do not belong together.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// A certificate or key that TLS here cannot use.
    #[error("the certificate or its key cannot be used")]
    Unusable(#[source] rustls::Error),
    /// A new identity could not be made.
    #[error("no certificate could be made")]
    Generate(#[source] rcgen::Error),
}

/// A certificate and its private key as text, for files.
pub struct PemPair {
    /// The certificate, PEM.
    pub certificate: String,
    /// The private key, PKCS #8 in PEM: a secret.
    pub key: Zeroizing<String>,
}

impl fmt::Debug for PemPair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PemPair").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// The key a server proves in every handshake, and the certificates that carry it.
#[derive(Clone)]
pub struct ServerIdentity {
    certified: Arc<CertifiedKey>,
    fingerprint: Fingerprint,
}

impl ServerIdentity {
    /// Makes a new key (Ed25519) and a certificate that it signs itself.
    ///
    /// The certificate names no host and does not expire: clients know the server by its key.
    ///
    /// # Errors
    /// [`IdentityError::Generate`] when the system gives no random bytes.
    pub fn generate() -> Result<PemPair, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(IdentityError::Generate)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(IdentityError::Generate)?;
        params.distinguished_name.push(DnType::CommonName, "securechat server");
        let certificate = params.self_signed(&key).map_err(IdentityError::Generate)?;
        Ok(PemPair { certificate: certificate.pem(), key: Zeroizing::new(key.serialize_pem()) })
    }

    /// The identity in two PEM texts: the certificate with any intermediates after it, and its key.
    ///
    /// # Errors
    /// As the variants of [`IdentityError`] say.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, IdentityError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(IdentityError::CertificatePem)?;
        let end_entity = chain.first().ok_or(IdentityError::NoCertificate)?;
        let fingerprint = Fingerprint::of(end_entity).map_err(IdentityError::Unusable)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(IdentityError::NoKey)?;
        let certified =
            CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => IdentityError::Mismatch,
                other => IdentityError::Unusable(other),
            })?;
        Ok(Self { certified: Arc::new(certified), fingerprint })
    }

    /// The fingerprint that clients compare and pin.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ServerIdentity({})", self.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_the_same_after_its_texts_were_kept() {
        let pair = ServerIdentity::generate().unwrap();
        let one = ServerIdentity::from_pem(&pair.certificate, &pair.key).unwrap();
        let again = ServerIdentity::from_pem(&pair.certificate, &pair.key).unwrap();
        assert_eq!(one.fingerprint(), again.fingerprint());
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (one, other) = (ServerIdentity::generate().unwrap(), ServerIdentity::generate().unwrap());
        let error = ServerIdentity::from_pem(&one.certificate, &other.key).unwrap_err();
        assert!(matches!(error, IdentityError::Mismatch), "{error}");
    }

    #[test]
    fn each_missing_or_damaged_text_is_named() {
        let pair = ServerIdentity::generate().unwrap();
        let error = ServerIdentity::from_pem("", &pair.key).unwrap_err();
        assert!(matches!(error, IdentityError::NoCertificate), "{error}");
        let error = ServerIdentity::from_pem(&pair.certificate, "").unwrap_err();
        assert!(matches!(error, IdentityError::NoKey(_)), "{error}");
        let swapped = ServerIdentity::from_pem(&pair.key, &pair.certificate).unwrap_err();
        assert!(matches!(swapped, IdentityError::NoCertificate), "{swapped}");
        // In the text itself, not in the line that begins it.
        let damaged = pair.certificate.replacen("-----\n", "-----\n!", 1);
        let error = ServerIdentity::from_pem(&damaged, &pair.key).unwrap_err();
        assert!(matches!(error, IdentityError::CertificatePem(_)), "{error}");
    }

    #[test]
    fn the_private_key_is_not_shown_by_debug() {
        let pair = ServerIdentity::generate().unwrap();
        let identity = ServerIdentity::from_pem(&pair.certificate, &pair.key).unwrap();
        for text in [format!("{pair:?}"), format!("{identity:?}")] {
            assert!(!text.contains("PRIVATE KEY"), "{text}");
        }
    }
}
