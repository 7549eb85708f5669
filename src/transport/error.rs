//! Why there is no connection, in words for people.
//!
//! Each text says what happened; what to do about it is the client's to add.

use std::io;

use rustls::{AlertDescription, CertificateError, PeerMisbehaved};
use thiserror::Error;

use super::fingerprint::Fingerprint;
use crate::printable::Printable;

/// Why a connection was not made, or is of no more use.
#[derive(Debug, Error)]
pub enum TransportError {
    /// The name has no address.
    #[error("host not found: {host}")]
    HostNotFound {
        /// As it was asked for.
        host: Printable,
        /// What the resolver said, where it was asked.
        #[source]
        source: Option<io::Error>,
    },
    /// The host is there, and nothing listens on that port.
    #[error("connection refused by {host} port {port}")]
    Refused {
        /// As it was asked for.
        host: Printable,
        /// The port.
        port: u16,
    },
    /// A deadline passed.
    #[error("no answer in time")]
    TimedOut,
    /// What answers does not speak TLS at all.
    #[error("the other side does not speak TLS")]
    NotTls,
    /// What answers speaks TLS, but not with us: an older TLS, or no application protocol chosen.
    #[error("the other side does not speak securechat")]
    NotSecurechat,
    /// None of the application protocols offered is known to the other side. Web servers say the same.
    #[error("the other side speaks another version of the protocol, or is not a securechat server")]
    OtherVersion,
    /// The server holds another key than the one expected, and proved that it holds it.
    #[error("the server's key is not the expected one: expected {expected}, found {actual}")]
    WrongServerKey {
        /// The key it should have.
        expected: Fingerprint,
        /// The key it has.
        actual: Fingerprint,
    },
    /// No authority of this system vouches for the certificate, or not for this host, or not today.
    #[error("the server's certificate is not trusted by this system: {}", reason(.0))]
    Untrusted(CertificateError),
    /// This system has no authorities to trust.
    #[error("no certificate authorities were found on this system")]
    NoAuthorities(#[source] Option<io::Error>),
    /// What the other side said before the channel was secure is longer than any handshake of ours.
    #[error("a handshake of more than {limit} bytes")]
    HandshakeTooLong {
        /// What is allowed, in bytes.
        limit: usize,
    },
    /// The other side, or this one, closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// TLS failed in another way: a peer that breaks its rules, or bytes changed on their way.
    #[error("the secure channel failed")]
    Tls(#[source] rustls::Error),
    /// The machine or the network failed.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut,
            kind if means_gone(kind) => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// Before the handshake is over an error says what kind of thing is at the other end.
impl From<rustls::Error> for TransportError {
    fn from(error: rustls::Error) -> Self {
        use rustls::Error as E;
        match error {
            E::NoApplicationProtocol | E::AlertReceived(AlertDescription::NoApplicationProtocol) => {
                Self::OtherVersion
            }
            E::InvalidMessage(_) | E::PeerSentOversizedRecord => Self::NotTls,
            E::PeerIncompatible(_)
            | E::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol)
            | E::AlertReceived(
                AlertDescription::ProtocolVersion
                | AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity
                | AlertDescription::UnrecognisedName
                | AlertDescription::MissingExtension
                | AlertDescription::CertificateRequired,
            ) => Self::NotSecurechat,
            other => Self::Tls(other),
        }
    }
}

/// Whether an error of a read or write says that the other side is gone.
pub(super) fn means_gone(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as K;
    matches!(
        kind,
        K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe | K::NotConnected | K::UnexpectedEof
    )
}

/// A certificate's fault in a few words; the library's own are for programmers.
fn reason(error: &CertificateError) -> String {
    use CertificateError as C;
    match error {
        C::UnknownIssuer => "no known authority issued it".to_owned(),
        C::NotValidForName | C::NotValidForNameContext { .. } => "it is for another host".to_owned(),
        C::Expired | C::ExpiredContext { .. } => "it has expired".to_owned(),
        C::NotValidYet | C::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        C::Revoked => "it was revoked".to_owned(),
        other => Printable::line(&other.to_string()).to_string(),
    }
}
