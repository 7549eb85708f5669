//! The server's end of a new connection.

use std::{net::TcpStream, sync::Arc, time::Instant};

use rustls::{
    Connection, ServerConfig, ServerConnection, crypto::ring, server::NoServerSessionStorage,
    sign::SingleCertAndKey, version::TLS13,
};

use super::{
    ALPN, error::TransportError, handshake, identity::ServerIdentity, link::Link, socket::Socket,
    stragglers::Stragglers,
};

/// Turns accepted connections into [`Link`]s under one server identity.
#[derive(Clone)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    stragglers: Stragglers,
}

impl Acceptor {
    /// For a server of this identity, whose slow clients wait at `stragglers`.
    ///
    /// # Errors
    /// [`TransportError::Tls`] when the cryptography does not start.
    pub fn new(identity: &ServerIdentity, stragglers: &Stragglers) -> Result<Self, TransportError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(TransportError::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified())));
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Nothing is resumed: a ticket costs a sixth of a login and would outlive the proof of the key.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // A greeting goes out with the server's part of the handshake. It is for anybody who asks.
        config.send_half_rtt_data = true;
        Ok(Self { config: Arc::new(config), stragglers: stragglers.clone() })
    }

    /// Runs the handshake on an accepted connection; all of it ends by `deadline`.
    ///
    /// # Errors
    /// [`TransportError::TimedOut`], [`TransportError::Closed`], or what the other side is instead
    /// of a client of this version.
    pub fn accept(&self, stream: TcpStream, deadline: Instant) -> Result<Link, TransportError> {
        let socket = Arc::new(Socket::new(stream)?);
        let mut tls = self.connection()?;
        handshake::run(&mut tls, &socket, deadline)?;
        self.link(socket, tls)
    }

    /// TLS before its first byte.
    pub(super) fn connection(&self) -> Result<Connection, TransportError> {
        let tls = ServerConnection::new(Arc::clone(&self.config)).map_err(TransportError::Tls)?;
        Ok(Connection::from(tls))
    }

    /// The link that a finished handshake made.
    pub(super) fn link(&self, socket: Arc<Socket>, tls: Connection) -> Result<Link, TransportError> {
        Link::new(socket, tls, Some(self.stragglers.waiting()))
    }
}
