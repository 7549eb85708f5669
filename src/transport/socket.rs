//! One TCP socket, with writes that never wait and reads and writes that wait until a moment.
//!
//! The socket stays in blocking mode: the one reading thread sleeps in the kernel. A write that
//! must not wait says so by a flag of its own (`MSG_DONTWAIT`).

use std::{
    io::{self, Read},
    net::{Shutdown, SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rustix::net::RecvFlags;
use socket2::{SockRef, TcpKeepalive};

/// After so long without a byte the system asks whether the other side is still there ...
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// ... and asks again so often ...
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// ... and gives up after so many questions.
#[cfg(unix)]
const KEEPALIVE_RETRIES: u32 = 3;

/// How long sent bytes may stay unacknowledged before the connection counts as broken (RFC 5482);
/// without it a vanished peer is noticed after a quarter of an hour.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(60);

/// A write to a connection that is gone is an error and never a signal.
#[cfg(target_os = "linux")]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
#[cfg(not(target_os = "linux"))]
const NO_SIGNAL: i32 = 0;

pub(super) struct Socket {
    stream: TcpStream,
    /// Whether a read timeout is set now: saves a system call where none is wanted.
    times_reads: AtomicBool,
}

impl Socket {
    /// Takes a connected stream and sets what every connection here has: no delay of small writes,
    /// notice of a peer that vanished.
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        // Some systems hand a listener's non-blocking mode on to what it accepts.
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
        #[cfg(unix)]
        let keepalive = keepalive.with_retries(KEEPALIVE_RETRIES);
        socket.set_tcp_keepalive(&keepalive)?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
        Ok(Self { stream, times_reads: AtomicBool::new(false) })
    }

    /// The other end, an IPv4 address written as one.
    pub(super) fn peer_addr(&self) -> io::Result<SocketAddr> {
        let addr = self.stream.peer_addr()?;
        Ok(SocketAddr::new(addr.ip().to_canonical(), addr.port()))
    }

    /// Writes what the system takes at once; `WouldBlock` when that is nothing.
    pub(super) fn send_now(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes, NO_SIGNAL | libc::MSG_DONTWAIT)
    }

    /// Writes what the system takes, waiting until `deadline` for it to take anything.
    pub(super) fn send_by(&self, bytes: &[u8], deadline: Instant) -> io::Result<usize> {
        match self.send_now(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.stream.set_write_timeout(Some(left_until(deadline)?))?;
                self.send(bytes, NO_SIGNAL)
            }
            other => other,
        }
    }

    fn send(&self, bytes: &[u8], flags: i32) -> io::Result<usize> {
        loop {
            match SockRef::from(&self.stream).send_with_flags(bytes, flags) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Reads once, waiting until `deadline` or for ever; 0 bytes when the other side ended.
    pub(super) fn receive(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        loop {
            match deadline {
                Some(deadline) => {
                    self.stream.set_read_timeout(Some(left_until(deadline)?))?;
                    self.times_reads.store(true, Ordering::Relaxed);
                }
                None if self.times_reads.swap(false, Ordering::Relaxed) => {
                    self.stream.set_read_timeout(None)?;
                }
                None => {}
            }
            match (&self.stream).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Reads what is there now; `WouldBlock` when that is nothing, 0 bytes when the other side ended.
    pub(super) fn receive_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::net::recv(&self.stream, &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((_, count)) => return Ok(count),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Ends both directions. Whoever is blocked in a read or a write returns.
    pub(super) fn shut_down(&self) {
        // It fails only when the connection is gone already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    #[cfg(test)]
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// The time left, never zero, which the system would take for 'no limit'.
fn left_until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left.max(Duration::from_micros(1))) }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    /// What the server promises of a client that vanished: no more than this until it is gone.
    const VANISHED_MAX: Duration = Duration::from_secs(90);

    #[test]
    fn a_peer_that_vanished_is_noticed_within_90_seconds() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = Socket::new(listener.accept().unwrap().0).unwrap();
        let set = SockRef::from(&socket.stream);
        assert!(set.keepalive().unwrap());
        // Nothing under way: the questions of the idle connection, and what may have come before.
        let idle = set.tcp_keepalive_time().unwrap();
        let asking = set.tcp_keepalive_interval().unwrap() * set.tcp_keepalive_retries().unwrap();
        assert!(idle + asking <= VANISHED_MAX, "{idle:?} and {asking:?}");
        // Bytes under way: the system asks no such questions then, and this is the limit.
        #[cfg(target_os = "linux")]
        assert!(set.tcp_user_timeout().unwrap().unwrap() <= VANISHED_MAX);
    }
}
