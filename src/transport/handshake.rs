//! A TLS handshake with one deadline for all of it: a peer that sends a byte a second gains nothing.

use std::{
    io::{self, Read},
    time::Instant,
};

use rustls::Connection;

use super::{ALPN, error::TransportError, socket::Socket};

/// Runs the handshake to its end, and sees that the other side chose our application protocol.
///
/// Application data that arrived with the last of it stays in `tls`.
pub(super) fn run(tls: &mut Connection, socket: &Socket, deadline: Instant) -> Result<(), TransportError> {
    let mut outgoing = Vec::new();
    loop {
        send(tls, socket, deadline, &mut outgoing)?;
        if !tls.is_handshaking() {
            break;
        }
        if tls.read_tls(&mut Incoming { socket, deadline })? == 0 {
            return Err(TransportError::Closed);
        }
        if let Err(error) = tls.process_new_packets() {
            // The other side is told why, if it listens; the error is what matters here.
            let _ = send(tls, socket, deadline, &mut outgoing);
            return Err(error.into());
        }
    }
    // A peer with no application protocol at all passes the library's own check.
    if tls.alpn_protocol() == Some(ALPN) { Ok(()) } else { Err(TransportError::NotSecurechat) }
}

/// Sends all that TLS has to say, a whole flight in one write.
fn send(
    tls: &mut Connection,
    socket: &Socket,
    deadline: Instant,
    outgoing: &mut Vec<u8>,
) -> Result<(), TransportError> {
    outgoing.clear();
    while tls.wants_write() {
        tls.write_tls(outgoing)?;
    }
    let mut rest = outgoing.as_slice();
    while !rest.is_empty() {
        let count = socket.send_by(rest, deadline)?;
        rest = rest.get(count..).unwrap_or_default();
    }
    Ok(())
}

struct Incoming<'a> {
    socket: &'a Socket,
    deadline: Instant,
}

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.receive(buffer, Some(self.deadline))
    }
}
