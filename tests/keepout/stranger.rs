//! Whoever comes to the server's door: raw connections, and TLS ones that say whatever the test wants.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use securechat::{
    transport::{self, Link, TransportError, Trust},
    wire::{Bytes, ErrorCode, Event, Frames, Request, encode, limits::FRAME_BYTES_MAX},
};

use crate::common::{PATIENCE, TestServer, user};

/// A TLS connection, and the frames that came on it.
pub(crate) struct Stranger {
    link: Link,
    frames: Frames,
}

impl Stranger {
    /// Through the handshake, and no further.
    pub(crate) fn tries(server: &TestServer) -> Result<Self, TransportError> {
        let trust = Trust::Fingerprint(server.key().parse().unwrap());
        let link = transport::connect("127.0.0.1", server.port(), &trust, PATIENCE)?;
        Ok(Self { link, frames: Frames::new(FRAME_BYTES_MAX) })
    }

    /// Through the handshake and the greeting.
    pub(crate) fn is_greeted(server: &TestServer) -> Self {
        let mut stranger = Self::tries(server).unwrap();
        assert!(matches!(stranger.hears(), Some(Event::Hello { .. })));
        stranger
    }

    /// Sends bytes as they are; false when the connection is gone.
    pub(crate) fn says_bytes(&self, bytes: &[u8]) -> bool {
        self.link.queue(bytes);
        self.link.flush_by(Instant::now() + PATIENCE).is_ok()
    }

    pub(crate) fn says(&self, request: &Request) -> bool {
        self.says_bytes(&encode(request, FRAME_BYTES_MAX).unwrap())
    }

    /// The next event; `None` when the server closed.
    pub(crate) fn hears(&mut self) -> Option<Event> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.frames.take().unwrap() {
                return Some(event);
            }
            match self.link.receive(&mut self.frames, Some(deadline)) {
                Ok(true) => {}
                Ok(false) | Err(TransportError::Closed) => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub(crate) fn hears_error(&mut self) -> ErrorCode {
        match self.hears() {
            Some(Event::Error { code, .. }) => code,
            other => panic!("heard {other:?}, and no error"),
        }
    }

    /// A login that cannot be right.
    pub(crate) fn guesses(&self, name: &str) -> bool {
        self.says(&Request::Login { username: user(name), signature: Bytes([7; 64]) })
    }
}

/// A TCP connection that says bytes of its own.
pub(crate) struct Dripper {
    stream: TcpStream,
}

impl Dripper {
    pub(crate) fn connects(server: &TestServer) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream }
    }

    /// Says one byte of a handshake record that is never complete; false when the server has closed.
    pub(crate) fn drips(&mut self, at: usize) -> bool {
        // A handshake record of 16 KiB, whose first message is a client's hello of as much.
        let head = [22, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb];
        let byte = head.get(at).copied().unwrap_or(0);
        match self.stream.write(&[byte]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        match self.stream.read(&mut [0; 64]) {
            Ok(0) => false,
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// One value of `/proc/PID/status` (a number, in KiB or so many), where there is such a file.
pub(crate) fn status_of(process: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The smallest value that so many in a hundred do not exceed.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}
