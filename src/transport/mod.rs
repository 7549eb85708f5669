//! TCP, TLS 1.3 and deadlines: everything between a host name and a stream of frames.
//!
//! A [`Link`] is one connection, shared by one reading thread and any number of writing ones. It
//! carries bytes that [`crate::wire`] cut into frames and knows nothing of what they say. Who the
//! server is, is decided here ([`Trust`]); who the person is, is not: TLS authenticates no client,
//! the [`Link::exporter`] lets a login do it (RFC 9266).
//!
//! Both sides insist on TLS 1.3 and on the application protocol [`ALPN`] (RFC 7301). There are no
//! session tickets and nothing is ever resumed: every connection proves the server's key anew.

mod accept;
mod connect;
mod error;
mod fingerprint;
mod handshake;
mod identity;
mod link;
mod listen;
mod newcomer;
mod receiving;
#[cfg(target_os = "linux")]
mod reception;
mod sending;
mod socket;
mod stragglers;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
#[cfg(any(test, not(target_os = "linux")))]
mod thread_each;
mod trust;

pub use accept::Acceptor;
pub use connect::connect;
pub use error::TransportError;
pub use fingerprint::{Fingerprint, FingerprintError};
pub use identity::{IdentityError, PemPair, ServerIdentity};
pub use link::{Link, QUEUED_BYTES_MAX};
pub use listen::listen;
pub use newcomer::{Arrival, HANDSHAKE_BYTES_MAX, Welcome};
#[cfg(target_os = "linux")]
pub use reception::Reception;
pub use stragglers::{STRAGGLER_DEADLINE, Stragglers};
#[cfg(not(target_os = "linux"))]
pub use thread_each::Reception;
pub use trust::Trust;

/// The application protocol that both sides require, with its version (RFC 7301).
pub const ALPN: &[u8] = b"securechat/1";
