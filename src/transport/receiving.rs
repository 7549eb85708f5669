//! The half of a link that receives.
//!
//! The read waits in the kernel with no lock held; what it brought is opened under the TLS lock.

use std::{
    io::{self, BufRead as _},
    mem,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use rustls::Connection;

use super::{
    error::{TransportError, means_gone},
    link::Shared,
};
use crate::wire::Frames;

/// The read buffer of a link that says little, in bytes: there are thousands of them.
const BUFFER_BYTES_MIN: usize = 2 * 1024;

/// The read buffer of a link that says much, in bytes.
const BUFFER_BYTES_MAX: usize = 16 * 1024;

/// Reads in a row that need less than a quarter of the buffer before it is halved.
const SMALL_READS_MAX: u32 = 16;

/// How long a read may wait.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// Not at all.
    None,
    /// Until that moment.
    Until(Instant),
    /// For ever.
    Endless,
}

/// What the reading thread keeps between two reads.
#[derive(Default)]
pub(super) struct Inbound {
    buffer: Vec<u8>,
    small_reads: u32,
    /// Whether what the handshake's last read brought has been looked for.
    started: bool,
    end: Option<End>,
}

/// Why there is nothing more to read.
enum End {
    Closed,
    Broken(rustls::Error),
}

impl Inbound {
    /// Fits the buffer to what reads bring: twice as large when one fills it, half when many in a row need little.
    fn fit(&mut self, count: usize) {
        let size = self.buffer.len();
        self.small_reads = if count < size / 4 { self.small_reads + 1 } else { 0 };
        if count == size && size < BUFFER_BYTES_MAX {
            self.buffer.resize(size * 2, 0);
        } else if self.small_reads >= SMALL_READS_MAX && size > BUFFER_BYTES_MIN {
            self.buffer.truncate(size / 2);
            self.buffer.shrink_to_fit();
            self.small_reads = 0;
        }
    }
}

impl Shared {
    pub(super) fn receive(
        self: &Arc<Self>,
        frames: &mut Frames,
        patience: Patience,
    ) -> Result<bool, TransportError> {
        // Taken out for the time of the read: no lock is held while it waits.
        let mut inbound = mem::take(&mut *self.inbound.lock());
        let outcome = self.receive_with(&mut inbound, frames, patience);
        *self.inbound.lock() = inbound;
        outcome
    }

    fn receive_with(
        self: &Arc<Self>,
        inbound: &mut Inbound,
        frames: &mut Frames,
        patience: Patience,
    ) -> Result<bool, TransportError> {
        if self.hung_up.load(Ordering::Acquire) {
            return Ok(false);
        }
        if !mem::replace(&mut inbound.started, true) {
            inbound.buffer.resize(BUFFER_BYTES_MIN, 0);
            if self.open(&[], inbound, frames) {
                return Ok(true);
            }
            // It may even have brought the farewell.
            if self.tls.lock().process_new_packets().is_ok_and(|state| state.peer_has_closed()) {
                inbound.end = Some(End::Closed);
            }
        }
        match inbound.end.take() {
            None => {}
            Some(End::Closed) => {
                inbound.end = Some(End::Closed);
                return Ok(false);
            }
            Some(End::Broken(error)) => {
                inbound.end = Some(End::Closed);
                return Err(TransportError::Tls(error));
            }
        }
        let received = match patience {
            Patience::None => self.socket.receive_now(&mut inbound.buffer),
            Patience::Until(deadline) => self.socket.receive(&mut inbound.buffer, Some(deadline)),
            Patience::Endless => self.socket.receive(&mut inbound.buffer, None),
        };
        let count = match received {
            Ok(count) => count,
            Err(error) if means_gone(error.kind()) => 0,
            Err(error) => return Err(error.into()),
        };
        self.received_bytes.fetch_add(count as u64, Ordering::Relaxed);
        if count == 0 || self.hung_up.load(Ordering::Acquire) {
            inbound.end = Some(End::Closed);
            return Ok(false);
        }
        let buffer = mem::take(&mut inbound.buffer);
        let brought = self.open(buffer.get(..count).unwrap_or_default(), inbound, frames);
        inbound.buffer = buffer;
        inbound.fit(count);
        match inbound.end.take() {
            // Nothing came before it: it is told at once.
            Some(End::Broken(error)) if !brought => {
                inbound.end = Some(End::Closed);
                Err(TransportError::Tls(error))
            }
            end => {
                let ended = end.is_some();
                inbound.end = end;
                Ok(brought || !ended)
            }
        }
    }

    /// Opens `bytes` from the socket and adds what they say to `frames`; whether they said anything.
    fn open(self: &Arc<Self>, bytes: &[u8], inbound: &mut Inbound, frames: &mut Frames) -> bool {
        let mut tls = self.tls.lock();
        let mut brought = drain(&mut tls, frames);
        let mut rest = bytes;
        // TLS takes a few kilobytes at a time, and no more while what it opened is not taken out.
        while !rest.is_empty() && inbound.end.is_none() {
            inbound.end = step(&mut tls, &mut rest).err();
            brought |= drain(&mut tls, frames);
        }
        let control = tls.wants_write();
        drop(tls);
        if control {
            self.queue_control();
            self.flush();
        }
        brought
    }
}

/// Feeds TLS once.
fn step(tls: &mut Connection, rest: &mut &[u8]) -> Result<(), End> {
    match tls.read_tls(rest) {
        // Bytes after `close_notify` are ignored (RFC 8446, section 6.1).
        Ok(0) => return Err(End::Closed),
        Ok(_) => {}
        Err(error) => return Err(End::Broken(rustls::Error::General(error.to_string()))),
    }
    match tls.process_new_packets() {
        Ok(state) if state.peer_has_closed() => Err(End::Closed),
        Ok(_) => Ok(()),
        Err(error) => Err(End::Broken(error)),
    }
}

/// Moves all opened bytes on; whether there were any.
fn drain(tls: &mut Connection, frames: &mut Frames) -> bool {
    let mut any = false;
    loop {
        let mut reader = tls.reader();
        let count = match reader.fill_buf() {
            Ok(chunk) => {
                frames.push(chunk);
                chunk.len()
            }
            Err(error) => {
                debug_assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                0
            }
        };
        if count == 0 {
            return any;
        }
        reader.consume(count);
        any = true;
    }
}
