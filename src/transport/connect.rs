//! The client's end: from a host name to a [`Link`], within one deadline.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, Connection, client::Resumption, crypto::ring, pki_types::ServerName,
    version::TLS13,
};

use super::{
    ALPN,
    error::TransportError,
    handshake,
    link::Link,
    socket::Socket,
    trust::{Trust, Verifier},
};
use crate::printable::Printable;

/// Connects to a securechat server.
///
/// Every address of the host is tried; looking it up, connecting and the handshake share `timeout`.
/// With [`Trust::Any`] the caller decides by [`Link::peer_fingerprint`] before it sends anything.
///
/// # Errors
/// As the variants of [`TransportError`] say; each says what to do differently.
pub fn connect(host: &str, port: u16, trust: &Trust, timeout: Duration) -> Result<Link, TransportError> {
    let deadline = Instant::now() + timeout;
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Verifier::new(trust, &provider)?);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(TransportError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();

    let stream = reach(host, port, deadline)?;
    let name = server_name(host, stream.peer_addr()?.ip());
    let socket = Arc::new(Socket::new(stream)?);
    let tls = ClientConnection::new(Arc::new(config), name).map_err(TransportError::Tls)?;
    let mut tls = Connection::from(tls);
    handshake::run(&mut tls, &socket, deadline).map_err(|error| verifier.explain(error))?;
    Link::new(socket, tls, None)
}

/// The name the certificate is for; an address that is no name to TLS (one with a zone) counts as itself.
fn server_name(host: &str, address: IpAddr) -> ServerName<'static> {
    let name = ServerName::try_from(host.to_owned());
    name.unwrap_or_else(|_| ServerName::IpAddress(address.into()))
}

/// A TCP connection to the first address that answers.
fn reach(host: &str, port: u16, deadline: Instant) -> Result<TcpStream, TransportError> {
    let addresses = resolve(host, port, deadline)?;
    let (mut refused, mut failed) = (false, None);
    for (tried, address) in addresses.iter().enumerate() {
        // An address that swallows packets must leave time for the others.
        let others = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(Instant::now()) / others.max(1);
        if share.is_zero() {
            return Err(TransportError::TimedOut);
        }
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => refused = true,
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        // A refusal is an answer; that another address was unreachable says less.
        _ if refused => Err(TransportError::Refused { host: Printable::line(host), port }),
        Some(error) => Err(error.into()),
        None => Err(TransportError::HostNotFound { host: Printable::line(host), source: None }),
    }
}

/// The host's addresses. The system's look-up has no deadline, so it runs on a thread that may be left behind.
fn resolve(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, TransportError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (answer, answers) = mpsc::channel();
    let asked = host.to_owned();
    thread::Builder::new().name("resolve".to_owned()).spawn(move || {
        let found = (asked.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        // Nobody waits for it any more after the deadline.
        let _ = answer.send(found);
    })?;
    match answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => {
            Err(TransportError::HostNotFound { host: Printable::line(host), source: Some(error) })
        }
        Err(_) => Err(TransportError::TimedOut),
    }
}
