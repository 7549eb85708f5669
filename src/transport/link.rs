//! One TLS connection, shared by one thread that reads and any number that write.
//!
//! This file is what others see of it; the halves are in `sending` and `receiving`. Three locks, none
//! held across a system call, none taken while another is held:
//!
//! - the outbox: plain bytes queued, and who writes (held for a copy in memory);
//! - the TLS state: keys and sequence numbers of both directions (held while sealing or opening);
//! - the inbound buffer: taken out by the reader for the time of a read.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use parking_lot::{Condvar, Mutex};
use rustls::Connection;

use super::{
    error::TransportError,
    fingerprint::Fingerprint,
    receiving::{Inbound, Patience},
    sending::Outbox,
    socket::Socket,
    stragglers::Waiting,
};
use crate::wire::Frames;

/// Bytes that may wait for one peer, from [`Link::queue`] until the system took them. Over it the link is closed:
/// what a peer does not read is in the log, and is not kept in memory for it.
pub const QUEUED_BYTES_MAX: usize = 1024 * 1024;

/// The label of the channel binding (RFC 9266, section 2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// A handle on one connection; its clones are the same connection. It ends with [`Link::close`] or with the last handle.
#[derive(Clone)]
pub struct Link {
    pub(super) shared: Arc<Shared>,
}

/// What the handles of one connection share.
pub(super) struct Shared {
    pub(super) socket: Arc<Socket>,
    pub(super) tls: Mutex<Connection>,
    pub(super) outbox: Mutex<Outbox>,
    /// Told when bytes went out, when the writer's part is free, and when the link closes.
    pub(super) drained: Condvar,
    pub(super) inbound: Mutex<Inbound>,
    /// What came from the socket since the handshake, in bytes.
    pub(super) received_bytes: AtomicU64,
    /// Nothing more goes out. Set once.
    pub(super) closed: AtomicBool,
    /// Nothing more comes in either: this side hung up. Set once, and implies `closed`.
    pub(super) hung_up: AtomicBool,
    /// Where what a slow peer does not take waits; none on a client, which has one peer.
    pub(super) stragglers: Option<Arc<Waiting>>,
    exporter: [u8; 32],
    peer_fingerprint: Option<Fingerprint>,
    peer_addr: SocketAddr,
}

impl Link {
    pub(super) fn new(
        socket: Arc<Socket>,
        mut tls: Connection,
        stragglers: Option<Arc<Waiting>>,
    ) -> Result<Self, TransportError> {
        // The outbox has its own bound, and what is sealed is taken out at once.
        tls.set_buffer_limit(None);
        let exporter =
            tls.export_keying_material([0; 32], EXPORTER_LABEL, Some(b"")).map_err(TransportError::Tls)?;
        let certificate = tls.peer_certificates().and_then(<[_]>::first);
        let peer_fingerprint = certificate.map(Fingerprint::of).transpose().map_err(TransportError::Tls)?;
        let peer_addr = socket.peer_addr()?;
        let shared = Shared {
            socket,
            tls: Mutex::new(tls),
            outbox: Mutex::new(Outbox::new()),
            drained: Condvar::new(),
            inbound: Mutex::new(Inbound::default()),
            received_bytes: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            hung_up: AtomicBool::new(false),
            stragglers,
            exporter,
            peer_fingerprint,
            peer_addr,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// 32 bytes that only the two ends of this one connection know (RFC 9266): a signature over them
    /// is worth nothing on another connection.
    #[must_use]
    pub fn exporter(&self) -> [u8; 32] {
        self.shared.exporter
    }

    /// The key that the server proved; `None` on the server's end, as clients have no certificate.
    #[must_use]
    pub fn peer_fingerprint(&self) -> Option<Fingerprint> {
        self.shared.peer_fingerprint
    }

    /// The other end's address.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.shared.peer_addr
    }

    /// Waits for one read, until `deadline` or for ever, and adds what it brought to `frames`; that may
    /// be a part of a frame, or of a TLS record and so nothing yet.
    ///
    /// `false` when there is nothing more to come: the other side closed, with or without saying so in
    /// TLS (a frame cut short is the caller's to notice), or [`Link::close`] was called on this side.
    /// All that arrived before the other side's end is given out first. One thread reads a link, not two.
    ///
    /// # Errors
    /// [`TransportError::TimedOut`]: the link is still good; any other error is the end of it.
    pub fn receive(&self, frames: &mut Frames, deadline: Option<Instant>) -> Result<bool, TransportError> {
        self.shared.receive(frames, deadline.map_or(Patience::Endless, Patience::Until))
    }

    /// As [`Link::receive`], and never waits: [`TransportError::TimedOut`] when nothing is there now.
    pub(super) fn receive_now(&self, frames: &mut Frames) -> Result<bool, TransportError> {
        self.shared.receive(frames, Patience::None)
    }

    /// How many bytes came through the network since the handshake, TLS's own among them.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.shared.received_bytes.load(Ordering::Relaxed)
    }

    /// Puts one whole frame behind those queued before, by whichever thread.
    ///
    /// Memory only: it neither waits nor calls the system, and may be called under other locks. Follow it
    /// by [`Link::flush`] once they are released. On a closed link it does nothing; past
    /// [`QUEUED_BYTES_MAX`] it closes the link.
    pub fn queue(&self, frame: &[u8]) {
        self.queue_written(|out| out.extend_from_slice(frame));
    }

    /// As [`Link::queue`], with whole frames that are written at the end of those that wait. On a closed link nothing
    /// is called.
    pub fn queue_written(&self, write: impl FnOnce(&mut Vec<u8>)) {
        self.shared.queue(write);
    }

    /// Sends all that is queued as far as the system takes it now; it never waits for the peer.
    ///
    /// If another thread is at it, that one sends these bytes too. What the system does not take goes out
    /// later by the server's [`super::Stragglers`]; on a client, by the next flush of either kind.
    pub fn flush(&self) {
        self.shared.flush();
    }

    /// Sends all that is queued and waits until the system took it: only for the thread's own peer.
    ///
    /// # Errors
    /// [`TransportError::TimedOut`] when the peer did not take it by `deadline`: it stays queued, and the
    /// caller closes the link or tries again. [`TransportError::Closed`] when the link is closed.
    pub fn flush_by(&self, deadline: Instant) -> Result<(), TransportError> {
        self.shared.flush_by(deadline)
    }

    /// Hangs up: what is queued and TLS's farewell are sent if the system takes them at once, then both
    /// directions end and a reader that waits returns. Frames that must arrive: [`Link::flush_by`] first.
    pub fn close(&self) {
        self.shared.hang_up();
    }

    /// Whether nothing more can be sent. Bytes that arrived before may still be waiting for the reader.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    #[cfg(test)]
    pub(super) fn socket(&self) -> &Socket {
        &self.shared.socket
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.hang_up();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Link")
            .field("peer_addr", &self.peer_addr())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
