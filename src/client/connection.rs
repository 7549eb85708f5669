//! One connection to the server: requests out, and a thread that turns what comes in into events.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::{address::ServerAddress, error::ClientError};
use crate::{
    transport::{Link, TransportError},
    wire::{self, ErrorCode, FrameError, Frames, PROTOCOL_VERSION, Registration, Request, limits},
};

/// How long the server may take to answer what needs no person.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request may take to leave this machine.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// Events that wait here at most: then the server waits too.
const EVENTS_WAITING_MAX: usize = 1024;

/// What comes in: an event, or why there will be none any more.
pub(super) type Incoming = Result<wire::Event, ClientError>;

/// What a connection needs of its link.
pub(super) trait Carrier {
    /// Sends a frame; waits until it has left, with a deadline.
    fn carry(&self, frame: &[u8]) -> Result<(), TransportError>;
    /// The channel binding of this connection (RFC 9266).
    fn exporter(&self) -> [u8; 32];
    /// Whether it has ended.
    fn is_closed(&self) -> bool;
    /// Ends it.
    fn close(&self);
}

impl Carrier for Link {
    fn carry(&self, frame: &[u8]) -> Result<(), TransportError> {
        self.queue(frame);
        self.flush_by(Instant::now() + WRITE_TIMEOUT)
    }

    fn exporter(&self) -> [u8; 32] {
        Self::exporter(self)
    }

    fn is_closed(&self) -> bool {
        Self::is_closed(self)
    }

    fn close(&self) {
        Self::close(self);
    }
}

/// A connection whose server has greeted in this version of the protocol.
pub(super) struct Connection {
    link: Box<dyn Carrier>,
    incoming: Receiver<Incoming>,
    since: Instant,
    registration: Registration,
}

impl Connection {
    /// Starts reading, and waits for the greeting.
    pub(super) fn start(link: Link, address: &ServerAddress) -> Result<Self, ClientError> {
        let (sender, incoming) = bounded(EVENTS_WAITING_MAX);
        let reading = link.clone();
        std::thread::Builder::new().name("from-server".into()).spawn(move || read_all(&reading, &sender))?;
        let registration = Registration::Open;
        let mut connection = Self { link: Box::new(link), incoming, since: Instant::now(), registration };
        match connection.answer()? {
            wire::Event::Hello { version, registration } if version == PROTOCOL_VERSION => {
                connection.registration = registration;
                Ok(connection)
            }
            wire::Event::Error { code: code @ (ErrorCode::ServerFull | ErrorCode::AddressFull), .. } => {
                Err(ClientError::TurnedAway { address: address.clone(), code })
            }
            wire::Event::Hello { version, .. } => Err(ClientError::Version {
                address: address.clone(),
                theirs: version,
                ours: PROTOCOL_VERSION,
            }),
            _ => Err(ClientError::Protocol("it did not greet")),
        }
    }

    /// One that has greeted already, over anything.
    #[cfg(any(test, fuzzing))]
    pub(super) fn over(link: Box<dyn Carrier>, incoming: Receiver<Incoming>) -> Self {
        Self { link, incoming, since: Instant::now(), registration: Registration::Open }
    }

    /// Sends one request; waits until it has left, with a deadline.
    pub(super) fn send(&self, request: &Request) -> Result<(), ClientError> {
        let frame = wire::encode(request, limits::FRAME_BYTES_MAX)
            .map_err(|_| ClientError::Protocol("a request was too large"))?;
        self.link.carry(&frame).map_err(|source| ClientError::Lost(Some(source)))
    }

    /// What the server says next, when nothing but an answer is to be expected.
    pub(super) fn answer(&self) -> Incoming {
        match self.incoming.recv_timeout(ANSWER_TIMEOUT) {
            Ok(Ok(wire::Event::Stopping {})) => Err(ClientError::Stopping),
            Ok(incoming) => incoming,
            Err(RecvTimeoutError::Timeout) => Err(ClientError::Lost(Some(TransportError::TimedOut))),
            Err(RecvTimeoutError::Disconnected) => Err(ClientError::Lost(None)),
        }
    }

    /// Who may make an account, as the server said when it greeted.
    pub(super) fn registration(&self) -> Registration {
        self.registration
    }

    /// The channel that events come on, to be selected on.
    pub(super) fn incoming(&self) -> &Receiver<Incoming> {
        &self.incoming
    }

    /// The channel binding of this connection (RFC 9266).
    pub(super) fn exporter(&self) -> [u8; 32] {
        self.link.exporter()
    }

    /// How long it has been open, and whether it still is.
    pub(super) fn is_younger_than(&self, age: Duration) -> bool {
        self.since.elapsed() < age && !self.link.is_closed()
    }

    /// Ends the connection.
    pub(super) fn close(&self) {
        self.link.close();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

/// Reads until the end. Whole frames that come with the end are given out before it.
fn read_all(link: &Link, events: &Sender<Incoming>) {
    let mut frames = Frames::new(limits::FRAME_BYTES_MAX_BEFORE_LOGIN);
    let last = loop {
        match frames.take::<wire::Event>() {
            Ok(Some(event)) => {
                if matches!(event, wire::Event::LoggedIn {}) {
                    frames.set_limit(limits::FRAME_BYTES_MAX);
                }
                if events.send(Ok(event)).is_err() {
                    return;
                }
                continue;
            }
            Ok(None) => {}
            Err(FrameError::TooLarge { .. }) => break ClientError::Protocol("it sent more than it may"),
            Err(_) => break ClientError::Protocol("it sent what is no message"),
        }
        match link.receive(&mut frames, None) {
            Ok(true) => {}
            Ok(false) => break ClientError::Lost(None),
            Err(error) => break ClientError::Lost(Some(error)),
        }
    };
    link.close();
    let _ = events.send(Err(last));
}
