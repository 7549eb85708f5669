//! The half of a link that sends: a queue of plain bytes, and one writer at a time.
//!
//! The writer's part is a value, [`Writer`]: whoever holds it, and nobody else, seals and writes. It
//! is in the outbox when nobody does. A flush that does not find it leaves: the holder looks into the
//! queue once more before it puts the part back, under the lock that queueing takes, so nothing is
//! forgotten. A slow peer's writer is held by the stragglers' thread.
//!
//! Invariants: bytes are sealed in the order they were queued; a sealed byte is written before any
//! that was sealed later; `sent <= queued <= sent + QUEUED_BYTES_MAX`.

use std::{
    io::{self, Write as _},
    mem,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    error::TransportError,
    link::{QUEUED_BYTES_MAX, Shared},
    stragglers::Straggler,
};

/// Plain bytes sealed for one write: eight full TLS records. More only holds the TLS lock longer.
const SEALED_BYTES_STEP: usize = 8 * 16 * 1024;

/// Batches that one flush sends for others' queueing before it leaves the rest to the stragglers' thread:
/// a talkative link must not keep a thread that has its own peer to serve.
const BATCHES_MAX: usize = 8;

/// What each buffer of an idle link may keep of its memory, in bytes.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// How long the end of a link waits for a thread that writes to it at that moment and need not wait for the peer
/// itself: one that the system let stand.
const FAREWELL_WAIT: Duration = Duration::from_secs(1);

/// What waits to be sent, and the writer's part while nobody is at it.
pub(super) struct Outbox {
    plain: Vec<u8>,
    /// Plain bytes ever queued.
    queued: u64,
    /// Those of them that the system took, counted by whole batches.
    sent: u64,
    /// Whether TLS itself has something to say.
    control: bool,
    /// Whether the bound was passed: to be hung up by the next to flush, as queueing calls no system.
    overflowed: bool,
    writer: Option<Writer>,
    /// The writer's part is with somebody who waits for the peer, or gone: it does not come back soon.
    away: bool,
}

/// The writer's part: one batch, partly sealed, partly written.
#[derive(Default)]
pub(super) struct Writer {
    /// The batch, as it was queued.
    plain: Vec<u8>,
    /// Bytes at the front of `plain` that are sealed; `sealed <= plain.len()`.
    sealed: usize,
    cipher: Vec<u8>,
    /// Bytes at the front of `cipher` that the system took; `written <= cipher.len()`.
    written: usize,
    /// What [`Outbox::sent`] becomes when this batch is out.
    end: u64,
}

/// How far a batch got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The system took all of it.
    Out,
    /// The system takes nothing now. Whether it took anything of the batch this time.
    Blocked {
        /// As said.
        moved: bool,
    },
    /// The connection is of no more use.
    Failed,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            plain: Vec::new(),
            queued: 0,
            sent: 0,
            control: false,
            overflowed: false,
            writer: Some(Writer::default()),
            away: false,
        }
    }

    /// Takes the writer's part if it is here and has something to do.
    fn claim(&mut self) -> Option<Writer> {
        let mut writer = self.writer.take()?;
        if writer.is_done() && !self.load(&mut writer) {
            self.writer = Some(writer);
            return None;
        }
        Some(writer)
    }

    /// Gives the writer all that is queued; `false` when there is nothing.
    fn load(&mut self, writer: &mut Writer) -> bool {
        if self.plain.is_empty() && !self.control {
            return false;
        }
        self.control = false;
        writer.plain.clear();
        writer.sealed = 0;
        // The buffers change places, so that neither side allocates once both have grown.
        mem::swap(&mut self.plain, &mut writer.plain);
        writer.end = self.queued;
        true
    }
}

impl Writer {
    fn is_done(&self) -> bool {
        self.sealed == self.plain.len() && self.written == self.cipher.len()
    }

    /// Gives back what a large batch needed.
    fn trim(&mut self) {
        for buffer in [&mut self.plain, &mut self.cipher] {
            buffer.clear();
            if buffer.capacity() > KEPT_BYTES_MAX {
                buffer.shrink_to(KEPT_BYTES_MAX);
            }
        }
        (self.sealed, self.written) = (0, 0);
    }
}

impl Shared {
    pub(super) fn queue(&self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let mut outbox = self.outbox.lock();
        let before = outbox.plain.len();
        write(&mut outbox.plain);
        let more = outbox.plain.len().saturating_sub(before) as u64;
        if outbox.queued + more - outbox.sent > QUEUED_BYTES_MAX as u64 {
            outbox.overflowed = true;
            outbox.plain = Vec::new();
            self.closed.store(true, Ordering::Release);
            return;
        }
        outbox.queued += more;
    }

    /// Lets the next flush send what TLS itself has to say.
    pub(super) fn queue_control(&self) {
        self.outbox.lock().control = true;
    }

    pub(super) fn flush(self: &Arc<Self>) {
        let writer = {
            let mut outbox = self.outbox.lock();
            if outbox.overflowed { Err(()) } else { Ok(outbox.claim()) }
        };
        match writer {
            Ok(Some(writer)) => self.drive(writer),
            Ok(None) => {}
            Err(()) => self.hang_up(),
        }
    }

    pub(super) fn flush_by(self: &Arc<Self>, deadline: Instant) -> Result<(), TransportError> {
        let (target, overflowed) = {
            let outbox = self.outbox.lock();
            (outbox.queued, outbox.overflowed)
        };
        if overflowed {
            self.hang_up();
        }
        while let Some(mut writer) = self.wait_for_writer(target, deadline)? {
            match self.send_batch(&mut writer, Some(deadline)) {
                // What others queued since is sent as by their own flush.
                Progress::Out => {
                    if let Some(writer) = self.settle(writer) {
                        self.drive(writer);
                    }
                }
                Progress::Blocked { .. } => {
                    self.leave(writer);
                    return Err(TransportError::TimedOut);
                }
                Progress::Failed => self.fail(),
            }
        }
        Ok(())
    }

    /// The writer's part, or `None` when everything before `target` is out already.
    fn wait_for_writer(&self, target: u64, deadline: Instant) -> Result<Option<Writer>, TransportError> {
        let mut outbox = self.outbox.lock();
        loop {
            if self.closed.load(Ordering::Acquire) {
                return Err(TransportError::Closed);
            }
            if outbox.sent >= target && !outbox.control {
                return Ok(None);
            }
            if let Some(writer) = outbox.claim() {
                return Ok(Some(writer));
            }
            if Instant::now() >= deadline {
                return Err(TransportError::TimedOut);
            }
            self.drained.wait_until(&mut outbox, deadline);
        }
    }

    /// Sends batch after batch without waiting, and leaves what the system does not take.
    fn drive(self: &Arc<Self>, mut writer: Writer) {
        let mut batches = 0;
        // With nobody to leave it to, the thread that is at it goes on.
        while batches < BATCHES_MAX || self.stragglers.is_none() {
            batches += 1;
            match self.send_batch(&mut writer, None) {
                Progress::Out => match self.settle(writer) {
                    Some(more) => writer = more,
                    None => return,
                },
                Progress::Blocked { .. } => break,
                Progress::Failed => return self.fail(),
            }
        }
        self.leave(writer);
    }

    /// One batch is out: the next, or `None` when there is none and the writer's part is back in its place.
    pub(super) fn settle(&self, mut writer: Writer) -> Option<Writer> {
        let mut outbox = self.outbox.lock();
        outbox.sent = writer.end;
        let more = outbox.load(&mut writer);
        if more {
            drop(outbox);
            self.drained.notify_all();
            return Some(writer);
        }
        writer.trim();
        if outbox.plain.capacity() > KEPT_BYTES_MAX {
            outbox.plain.shrink_to(KEPT_BYTES_MAX);
        }
        outbox.writer = Some(writer);
        outbox.away = false;
        drop(outbox);
        self.drained.notify_all();
        None
    }

    /// A batch stays unfinished: to the stragglers' thread with it, or back until the next flush.
    fn leave(self: &Arc<Self>, writer: Writer) {
        match &self.stragglers {
            Some(stragglers) => {
                self.is_away(true);
                stragglers.add(Straggler::new(Arc::clone(self), writer));
            }
            None => {
                self.outbox.lock().writer = Some(writer);
                self.drained.notify_all();
            }
        }
    }

    /// Seals and writes the writer's batch, without waiting or until `deadline`.
    pub(super) fn send_batch(&self, writer: &mut Writer, deadline: Option<Instant>) -> Progress {
        let mut moved = false;
        loop {
            if writer.written == writer.cipher.len() && self.seal(writer).is_err() {
                return Progress::Failed;
            }
            let rest = writer.cipher.get(writer.written..).unwrap_or_default();
            if rest.is_empty() {
                return Progress::Out;
            }
            let sent = match deadline {
                Some(deadline) => self.send_by(rest, deadline),
                None => self.socket.send_now(rest),
            };
            match sent {
                Ok(count) => {
                    writer.written += count;
                    moved |= count > 0;
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Progress::Blocked { moved };
                }
                Err(_) => return Progress::Failed,
            }
        }
    }

    /// Sends some of it, and waits for the peer only if the system takes nothing now.
    fn send_by(&self, rest: &[u8], deadline: Instant) -> io::Result<usize> {
        match self.socket.send_now(rest) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.is_away(true);
                let sent = self.socket.send_by(rest, deadline);
                self.is_away(false);
                sent
            }
            sent => sent,
        }
    }

    fn is_away(&self, away: bool) {
        self.outbox.lock().away = away;
        self.drained.notify_all();
    }

    /// Seals the next part of the batch, as few records as it fits in, behind what TLS has to say itself.
    fn seal(&self, writer: &mut Writer) -> io::Result<()> {
        writer.cipher.clear();
        writer.written = 0;
        let rest = writer.plain.get(writer.sealed..).unwrap_or_default();
        let part = rest.get(..SEALED_BYTES_STEP).unwrap_or(rest);
        let mut tls = self.tls.lock();
        if !part.is_empty() {
            tls.writer().write_all(part)?;
        }
        while tls.wants_write() {
            tls.write_tls(&mut writer.cipher)?;
        }
        drop(tls);
        writer.sealed += part.len();
        Ok(())
    }

    /// Nothing more goes out: the connection broke under a write. What arrived before may still be read,
    /// the other side's last words among it; the reader meets the same break after them.
    pub(super) fn fail(&self) {
        self.closed.store(true, Ordering::Release);
        let mut outbox = self.outbox.lock();
        outbox.plain = Vec::new();
        outbox.away = true;
        drop(outbox);
        self.drained.notify_all();
    }

    /// Ends both directions, with what is queued and a farewell, if they can be said at once.
    pub(super) fn hang_up(&self) {
        if self.hung_up.swap(true, Ordering::AcqRel) {
            return;
        }
        let healthy = !self.closed.swap(true, Ordering::AcqRel);
        if let Some(mut writer) = healthy.then(|| self.last_writer()).flatten() {
            self.say_farewell(&mut writer);
        }
        self.socket.shut_down();
        self.fail();
    }

    /// The writer's part, for the last time; from whoever is at it now, too, unless they wait for the peer.
    fn last_writer(&self) -> Option<Writer> {
        let deadline = Instant::now() + FAREWELL_WAIT;
        let mut outbox = self.outbox.lock();
        while outbox.writer.is_none() && !outbox.away {
            if self.drained.wait_until(&mut outbox, deadline).timed_out() {
                break;
            }
        }
        outbox.writer.take()
    }

    /// The rest of the queue and `close_notify` (RFC 8446, section 6.1), as far as the system takes them now.
    fn say_farewell(&self, writer: &mut Writer) {
        loop {
            if self.send_batch(writer, None) != Progress::Out {
                return;
            }
            if !self.outbox.lock().load(writer) {
                break;
            }
        }
        self.tls.lock().send_close_notify();
        self.send_batch(writer, None);
    }

    /// Whether the stragglers' thread has to give this link up.
    pub(super) fn is_overflowed(&self) -> bool {
        self.outbox.lock().overflowed
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::{
        transport::testing::{PATIENCE, TestServer},
        wire::{Frames, encode},
    };

    /// A thread can be let stand between its write and putting the writer's part back, and what comes next is
    /// the last word.
    #[test]
    fn the_last_word_goes_out_though_another_thread_is_at_the_writer() {
        let server = TestServer::start(PATIENCE);
        let (server_end, client_end) = server.pair();
        let shared = &server_end.shared;
        server_end.queue(&encode(&"a word", 64).unwrap());
        let mut writer = shared.outbox.lock().claim().unwrap();
        assert_eq!(shared.send_batch(&mut writer, None), Progress::Out);
        server_end.queue(&encode(&"the last word", 64).unwrap());
        server_end.flush();
        thread::scope(|scope| {
            scope.spawn(|| server_end.close());
            while !shared.closed.load(Ordering::Acquire) {
                thread::yield_now();
            }
            while let Some(more) = shared.settle(writer) {
                writer = more;
                assert_eq!(shared.send_batch(&mut writer, None), Progress::Out);
            }
        });
        let mut frames = Frames::new(64);
        let deadline = Instant::now() + PATIENCE;
        while client_end.receive(&mut frames, Some(deadline)).unwrap() {}
        let heard: Vec<String> = std::iter::from_fn(|| frames.take().unwrap()).collect();
        assert_eq!(heard, ["a word", "the last word"]);
    }

    /// Somebody who waits for a peer that reads nothing does not keep the end of the link waiting too.
    #[test]
    fn the_end_waits_for_nobody_who_waits_for_the_peer() {
        let server = TestServer::start(PATIENCE);
        let (server_end, _client_end) = server.pair();
        let shared = &server_end.shared;
        let writer = shared.outbox.lock().writer.take();
        assert!(writer.is_some());
        shared.is_away(true);
        let before = Instant::now();
        server_end.close();
        assert!(before.elapsed() < FAREWELL_WAIT);
    }
}
