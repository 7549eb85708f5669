//! Which servers a client believes: the key it expects, one the system's authorities vouch for, or any.
//!
//! In every mode the server proves in the handshake that it holds the key of its certificate
//! (RFC 8446, section 4.4.3), and an expected key is compared only after that proof: a key that is
//! reported as found was not merely claimed.

use std::sync::Arc;

use parking_lot::Mutex;
use rustls::{
    CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{error::TransportError, fingerprint::Fingerprint};

/// Which servers a connection may end at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The one with this key, whatever its certificate says of names and dates.
    Fingerprint(Fingerprint),
    /// One whose certificate this system's authorities issued for this host.
    Authorities,
    /// Any: the caller shows [`super::Link::peer_fingerprint`] to the person, or compares it, before it sends anything.
    Any,
}

/// Checks a server's certificate and its proof, and remembers which other key was proved instead.
#[derive(Debug)]
pub(super) struct Verifier {
    expected: Option<Fingerprint>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    schemes: WebPkiSupportedAlgorithms,
    /// The key that was proved where another was expected.
    found: Mutex<Option<Fingerprint>>,
}

impl Verifier {
    pub(super) fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Self, TransportError> {
        let (expected, authorities) = match trust {
            Trust::Fingerprint(expected) => (Some(*expected), None),
            Trust::Authorities => (None, Some(authorities(provider)?)),
            Trust::Any => (None, None),
        };
        let schemes = provider.signature_verification_algorithms;
        Ok(Self { expected, authorities, schemes, found: Mutex::new(None) })
    }

    /// A handshake's failure, told apart from others where this verifier caused it.
    pub(super) fn explain(&self, error: TransportError) -> TransportError {
        match (error, self.expected, *self.found.lock()) {
            (TransportError::Tls(_), Some(expected), Some(actual)) => {
                TransportError::WrongServerKey { expected, actual }
            }
            (TransportError::Tls(rustls::Error::InvalidCertificate(fault)), None, _)
                if self.authorities.is_some() =>
            {
                TransportError::Untrusted(fault)
            }
            (other, ..) => other,
        }
    }
}

/// The authorities of this system. Ones that cannot be read are passed over as long as any can.
fn authorities(provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, TransportError> {
    let mut loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        let fault = loaded.errors.pop().map(std::io::Error::other);
        return Err(TransportError::NoAuthorities(fault));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|fault| TransportError::NoAuthorities(Some(std::io::Error::other(fault))))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.authorities {
            Some(webpki) => {
                webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            // An expected key is compared below, once it is proved.
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("only TLS 1.3 is spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let proved = verify_tls13_signature(message, cert, dss, &self.schemes)?;
        if let Some(expected) = self.expected {
            let actual = Fingerprint::of(cert)?;
            if actual != expected {
                *self.found.lock() = Some(actual);
                return Err(rustls::Error::InvalidCertificate(
                    CertificateError::ApplicationVerificationFailure,
                ));
            }
        }
        Ok(proved)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.supported_schemes()
    }
}
