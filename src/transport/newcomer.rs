//! A connection from its acceptance to its first whole frame, one step at a time: no step ever waits.
//!
//! What the other side has not sent yet is waited for elsewhere (`reception`). Until its first bytes a
//! newcomer costs no TLS state.

use std::{io, io::Write as _, sync::Arc};

use rustls::Connection;

use super::{ALPN, Acceptor, error::TransportError, link::Link, socket::Socket};
use crate::wire::Frames;

/// What is read at a time during the handshake, in bytes: more than a whole flight of a client.
const READ_BYTES: usize = 4 * 1024;

/// The most that a newcomer may say before its channel is secure, in bytes. A client of this program says some 2 KiB;
/// without a bound TLS would keep up to 64 KiB of an unfinished message, of thousands that nobody knows.
pub const HANDSHAKE_BYTES_MAX: usize = 16 * 1024;

/// What became of a newcomer.
#[derive(Debug)]
pub enum Arrival {
    /// The channel is secure and what was wanted is there: the first whole frame, or bytes that begin none; or
    /// nothing at all, where only the handshake was wanted.
    Here(Link, Frames),
    /// The channel is secure, and less than a frame was said in time.
    Silent(Link),
    /// There is no secure channel, or it ended before anything was said.
    Failed(TransportError),
}

/// How a newcomer is received.
#[derive(Debug, Clone)]
pub struct Welcome {
    /// Frames that it is sent with the server's part of the handshake, as bytes.
    pub greeting: Arc<[u8]>,
    /// The most that its first frame may have, in bytes of JSON; `None` when only the greeting matters.
    pub frame_bytes_max: Option<usize>,
}

/// What a newcomer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Bytes from the other side.
    Bytes,
    /// Room for what it is to be sent.
    Room,
}

/// One connection that has not said its first frame.
pub(super) struct Newcomer {
    socket: Arc<Socket>,
    welcome: Welcome,
    stage: Stage,
}

enum Stage {
    /// Nothing was said yet.
    Knocking,
    Shaking(Box<Handshake>),
    Listening(Link, Frames),
    /// What became of it was given out.
    Over,
}

struct Handshake {
    tls: Connection,
    /// What the other side has said, in bytes.
    heard: usize,
    /// What TLS has to say, from `written` on still to be taken by the system.
    outgoing: Vec<u8>,
    written: usize,
    greeted: bool,
    /// Why the handshake failed: told to the other side first, if it takes that.
    failure: Option<rustls::Error>,
}

/// What one step of a handshake came to.
enum Step {
    Wants(Wanted),
    /// Whether something that was said after it is here already.
    Shaken(bool),
}

impl Newcomer {
    pub(super) fn new(socket: Arc<Socket>, welcome: Welcome) -> Self {
        Self { socket, welcome, stage: Stage::Knocking }
    }

    pub(super) fn socket(&self) -> Arc<Socket> {
        Arc::clone(&self.socket)
    }

    /// Goes on as far as it can with one read: what it waits for, or what became of it.
    pub(super) fn advance(&mut self, acceptor: &Acceptor) -> Result<Wanted, Arrival> {
        self.go_on(acceptor).unwrap_or_else(|error| Err(Arrival::Failed(error)))
    }

    fn go_on(&mut self, acceptor: &Acceptor) -> Result<Result<Wanted, Arrival>, TransportError> {
        if let Stage::Knocking = self.stage {
            self.stage = Stage::Shaking(Box::new(Handshake::new(acceptor.connection()?)));
        }
        if let Stage::Shaking(handshake) = &mut self.stage {
            match handshake.step(&self.socket, &self.welcome.greeting)? {
                Step::Wants(wanted) => return Ok(Ok(wanted)),
                Step::Shaken(more_is_here) => {
                    let Stage::Shaking(handshake) = std::mem::replace(&mut self.stage, Stage::Over) else {
                        return Err(TransportError::Closed);
                    };
                    let link = acceptor.link(Arc::clone(&self.socket), handshake.tls)?;
                    let Some(limit) = self.welcome.frame_bytes_max else {
                        return Ok(Err(Arrival::Here(link, Frames::new(0))));
                    };
                    self.stage = Stage::Listening(link, Frames::new(limit));
                    if !more_is_here {
                        return Ok(Ok(Wanted::Bytes));
                    }
                }
            }
        }
        self.listen()
    }

    fn listen(&mut self) -> Result<Result<Wanted, Arrival>, TransportError> {
        let Stage::Listening(link, frames) = &mut self.stage else { return Err(TransportError::Closed) };
        let goes_on = match link.receive_now(frames) {
            Err(TransportError::TimedOut) => true,
            other => other?,
        };
        if frames.has_next() {
            let Stage::Listening(link, frames) = std::mem::replace(&mut self.stage, Stage::Over) else {
                return Err(TransportError::Closed);
            };
            return Ok(Err(Arrival::Here(link, frames)));
        }
        if goes_on { Ok(Ok(Wanted::Bytes)) } else { Err(TransportError::Closed) }
    }

    /// Its time is up.
    pub(super) fn give_up(self) -> Arrival {
        match self.stage {
            Stage::Listening(link, _) => Arrival::Silent(link),
            Stage::Knocking | Stage::Shaking(_) | Stage::Over => Arrival::Failed(TransportError::TimedOut),
        }
    }
}

impl Handshake {
    fn new(tls: Connection) -> Self {
        Self { tls, heard: 0, outgoing: Vec::new(), written: 0, greeted: false, failure: None }
    }

    /// One read at most, and all that follows from it.
    fn step(&mut self, socket: &Socket, greeting: &[u8]) -> Result<Step, TransportError> {
        let mut bytes = [0; READ_BYTES];
        let mut more_is_here = false;
        if self.flush(socket)? {
            match socket.receive_now(&mut bytes) {
                Ok(0) => return Err(TransportError::Closed),
                Ok(count) => {
                    more_is_here = self.take(bytes.get(..count).unwrap_or_default(), greeting)?;
                    self.heard += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !self.flush(socket)? {
            return Ok(Step::Wants(Wanted::Room));
        }
        if self.tls.is_handshaking() {
            if self.heard > HANDSHAKE_BYTES_MAX {
                return Err(TransportError::HandshakeTooLong { limit: HANDSHAKE_BYTES_MAX });
            }
            return Ok(Step::Wants(Wanted::Bytes));
        }
        // A peer with no application protocol at all passes the library's own check.
        if self.tls.alpn_protocol() == Some(ALPN) {
            Ok(Step::Shaken(more_is_here))
        } else {
            Err(TransportError::NotSecurechat)
        }
    }

    /// Hands TLS what was read; whether it brought anything that is no part of the handshake.
    fn take(&mut self, mut bytes: &[u8], greeting: &[u8]) -> Result<bool, TransportError> {
        let mut more_is_here = false;
        while !bytes.is_empty() {
            if self.tls.read_tls(&mut bytes)? == 0 {
                return Ok(true);
            }
            match self.tls.process_new_packets() {
                Ok(state) => more_is_here |= state.plaintext_bytes_to_read() > 0 || state.peer_has_closed(),
                Err(error) => {
                    self.failure = Some(error);
                    break;
                }
            }
        }
        if !self.greeted && self.tls.alpn_protocol() == Some(ALPN) {
            self.greeted = true;
            self.tls.writer().write_all(greeting)?;
        }
        Ok(more_is_here)
    }

    /// Sends what TLS has to say, a whole flight in one write; whether the system took all of it.
    fn flush(&mut self, socket: &Socket) -> Result<bool, TransportError> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.outgoing)?;
        }
        while let Some(rest) = self.outgoing.get(self.written..).filter(|rest| !rest.is_empty()) {
            match socket.send_now(rest) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.failure.is_none() => {
                    return Ok(false);
                }
                Err(error) => return Err(self.failure.take().map_or_else(|| error.into(), Into::into)),
            }
        }
        self.outgoing.clear();
        self.written = 0;
        self.failure.take().map_or(Ok(true), |failure| Err(failure.into()))
    }
}
