//! The committer: nothing is called stored before the disk has it, and what arrives together waits together.
//!
//! A line is written to its log by the thread that received it; then the line and its acknowledgement
//! come here, and that thread goes on. ONE thread takes all that waits, brings it to the disk at once,
//! and only then sends the acknowledgements. After a sync that failed nothing is known of what was
//! written before (the kernel may have dropped it, and a second sync would succeed all the same):
//! nothing of the batch is acknowledged, and the server stops itself.
//!
//! What waits is bounded: there must be room for a line before it is written. With `--durability os`
//! there is none of this, and what is written is acknowledged at once.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::{
    conversation_log::{Log, LogError},
    fail_stop::FailStop,
    limits::{ACKNOWLEDGED_BYTES_STEP, COMMIT_BYTES_WAITING_MAX, COMMITTER_RESTS_AFTER},
    outgoing::{Outgoing, Touched},
};

/// Where lines are brought to the disk.
pub(super) trait Medium: Send {
    /// Waits until these are on the disk: their lines, and for those in doubt all of their logs.
    fn commit(&mut self, work: &[Work]) -> Result<(), LogError>;
    /// There was nothing to do for a while.
    fn rest(&mut self) -> Result<(), LogError>;
    /// There will be nothing more to do.
    fn close(&mut self) -> Result<(), LogError>;
}

/// Messages that are in their log, and who waits to hear that the disk has them.
pub(super) struct Work {
    pub(super) log: Arc<Log>,
    /// `None` when the message was there already.
    pub(super) lines: Option<Lines>,
    /// Whether the log has lines from before of which it is not known that the disk has them.
    pub(super) in_doubt: bool,
    pub(super) to: Outgoing,
    /// The acknowledgements.
    pub(super) frame: Vec<u8>,
}

/// Lines as they were written to their log, by one write.
pub(super) struct Lines {
    /// Where they begin in the log.
    pub(super) offset: u64,
    /// With their newlines.
    pub(super) bytes: Vec<u8>,
}

/// The way to the committer. When it is dropped, the thread does what waits, and ends.
pub(super) struct Committer {
    /// `None` when nothing waits for the disk.
    shared: Option<Arc<Shared>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the committer and its callers share.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    /// The committer waits here for work, ...
    filled: Condvar,
    /// ... those who bring it for room, ...
    freed: Condvar,
    /// ... and those who wait for all of it, here.
    done: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Work>,
    /// Of the lines that wait, and of those for which there is room.
    bytes: usize,
    /// Of the lines for which there is room alone.
    promised: usize,
    /// Rooms that are not filled yet.
    rooms: usize,
    /// How many were brought since the beginning, ...
    brought: u64,
    /// ... and how many of them are acknowledged.
    acknowledged: u64,
    phase: Phase,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// What waits is done; then the medium is closed.
    Closing,
    /// What waits is done.
    Leaving,
    /// The thread has ended; whether everything was done and closed.
    Ended { well: bool },
}

/// What the committer is to do next.
enum Next {
    Commit,
    Rest,
    Close,
    Leave,
}

impl Committer {
    /// Acknowledges at once: what is written is with the operating system, and that is enough.
    pub(super) fn of_the_system() -> Self {
        Self { shared: None, thread: Mutex::new(None) }
    }

    /// Starts the thread. It ends, and stops the server, if the disk refuses.
    pub(super) fn start(mut medium: impl Medium + 'static, fail_stop: FailStop) -> std::io::Result<Self> {
        let (mut committer, shared) = Self::queue();
        let thread = thread::Builder::new().name("committer".to_owned());
        let thread = thread.spawn(move || {
            if let Err(reason) = run(&shared, &mut medium, &fail_stop, Some(COMMITTER_RESTS_AFTER)) {
                fail_stop.stop(reason);
            }
        })?;
        committer.thread = Mutex::new(Some(thread));
        Ok(committer)
    }

    /// The way to a committer that has not begun, and what [`run`] takes from it.
    pub(super) fn queue() -> (Self, Arc<Shared>) {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue::default()),
            filled: Condvar::default(),
            freed: Condvar::default(),
            done: Condvar::default(),
        });
        (Self { shared: Some(Arc::clone(&shared)), thread: Mutex::new(None) }, shared)
    }

    /// Room for a line of so many bytes; waits while too many wait already. `None` when nothing is
    /// stored any more. It is asked for before the line is written: then no lock is held.
    pub(super) fn room(&self, bytes: usize) -> Option<Room<'_>> {
        let Some(shared) = self.shared.as_deref() else { return Some(Room { shared: None, bytes }) };
        let mut queue = shared.queue.lock();
        while queue.phase == Phase::Open && queue.bytes > 0 && queue.bytes + bytes > COMMIT_BYTES_WAITING_MAX
        {
            // Nobody else may have called the committer for what waits.
            shared.filled.notify_one();
            shared.freed.wait(&mut queue);
        }
        if queue.phase != Phase::Open {
            return None;
        }
        queue.bytes += bytes;
        queue.promised += bytes;
        queue.rooms += 1;
        Some(Room { shared: Some(shared), bytes })
    }

    /// Has the committer look at what was brought. Whoever brings something calls this once no more
    /// comes for now, and when its receivers are written to: so that what came together waits together,
    /// and nobody waits for a thread to wake.
    pub(super) fn nudge(&self) {
        if let Some(shared) = &self.shared {
            shared.filled.notify_one();
        }
    }

    /// Waits until everything before is acknowledged; false when that took longer, or failed.
    pub(super) fn drain(&self, timeout: Duration) -> bool {
        let Some(shared) = &self.shared else { return true };
        shared.filled.notify_one();
        let deadline = Instant::now() + timeout;
        let mut queue = shared.queue.lock();
        let all = queue.brought;
        while queue.acknowledged < all && !queue.has_ended() && Instant::now() < deadline {
            shared.done.wait_until(&mut queue, deadline);
        }
        queue.acknowledged >= all && queue.phase != Phase::Ended { well: false }
    }

    /// Has everything acknowledged, and nothing more taken; waits for that, and for the medium to be
    /// closed. False when that took longer, or failed.
    pub(super) fn close(&self, timeout: Duration) -> bool {
        let Some(shared) = &self.shared else { return true };
        let deadline = Instant::now() + timeout;
        let mut queue = shared.queue.lock();
        shared.turn_to(&mut queue, Phase::Closing);
        while !queue.has_ended() && Instant::now() < deadline {
            shared.done.wait_until(&mut queue, deadline);
        }
        queue.phase == Phase::Ended { well: true }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.turn_to(&mut shared.queue.lock(), Phase::Leaving);
        }
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

/// A place for a line among those that wait. One that is not used is given back.
pub(super) struct Room<'a> {
    shared: Option<&'a Shared>,
    bytes: usize,
}

impl Room<'_> {
    /// Brings the work, for which [`Committer::nudge`] is still to be called. Called while the log is
    /// held, so that lines come here in their order in it.
    pub(super) fn fill(mut self, work: Work) {
        let Some(shared) = self.shared.take() else { return work.to.queue(&work.frame) };
        let mut queue = shared.queue.lock();
        queue.promised -= self.bytes;
        queue.rooms -= 1;
        queue.brought += 1;
        queue.waiting.push(work);
    }

    /// The same with acknowledgements that are still to be written, to `to`: at once where it waits for no disk.
    pub(super) fn fill_with(
        self,
        to: &Outgoing,
        write: impl FnOnce(&mut Vec<u8>),
        work: impl FnOnce(Vec<u8>) -> Work,
    ) {
        if self.shared.is_none() {
            return to.queue_written(write);
        }
        let mut frame = Vec::new();
        write(&mut frame);
        self.fill(work(frame));
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let Some(shared) = self.shared else { return };
        let mut queue = shared.queue.lock();
        queue.bytes -= self.bytes;
        queue.promised -= self.bytes;
        queue.rooms -= 1;
        shared.freed.notify_all();
        shared.filled.notify_one();
    }
}

impl Queue {
    fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }
}

impl Shared {
    fn turn_to(&self, queue: &mut Queue, phase: Phase) {
        if queue.phase == Phase::Open {
            queue.phase = phase;
            self.freed.notify_all();
            self.filled.notify_one();
        }
    }

    /// Waits for something to do. All that waits goes into `batch`, which is empty. `idle` is how long
    /// nothing is to happen before there is a rest.
    fn next(&self, batch: &mut Vec<Work>, idle: Option<Duration>) -> Next {
        let deadline = idle.map(|idle| Instant::now() + idle);
        let mut queue = self.queue.lock();
        loop {
            if !queue.waiting.is_empty() {
                std::mem::swap(&mut queue.waiting, batch);
                queue.bytes = queue.promised;
                self.freed.notify_all();
                return Next::Commit;
            }
            match queue.phase {
                Phase::Closing if queue.rooms == 0 => return Next::Close,
                Phase::Leaving if queue.rooms == 0 => return Next::Leave,
                _ => {}
            }
            match deadline {
                Some(deadline) if Instant::now() >= deadline => return Next::Rest,
                Some(deadline) => {
                    self.filled.wait_until(&mut queue, deadline);
                }
                None => self.filled.wait(&mut queue),
            }
        }
    }

    fn acknowledged(&self, count: usize) {
        self.queue.lock().acknowledged += count as u64;
        self.done.notify_all();
    }

    fn ended(&self, well: bool) {
        let mut queue = self.queue.lock();
        queue.phase = Phase::Ended { well };
        queue.waiting.clear();
        self.freed.notify_all();
        self.done.notify_all();
    }
}

/// Acknowledges until there is nothing more to come, or the disk refuses.
pub(super) fn run(
    shared: &Shared,
    medium: &mut impl Medium,
    fail_stop: &FailStop,
    idle: Option<Duration>,
) -> Result<(), LogError> {
    let done = work(shared, medium, fail_stop, idle);
    shared.ended(matches!(done, Ok(true)));
    done.map(|_| ())
}

/// Whether everything was done, and the medium closed.
fn work(
    shared: &Shared,
    medium: &mut impl Medium,
    fail_stop: &FailStop,
    idle: Option<Duration>,
) -> Result<bool, LogError> {
    let mut batch: Vec<Work> = Vec::new();
    let mut patience = None;
    loop {
        match shared.next(&mut batch, patience) {
            Next::Commit => {}
            Next::Rest => {
                medium.rest()?;
                patience = None;
                continue;
            }
            Next::Close => return medium.close().map(|()| true),
            Next::Leave => return Ok(false),
        }
        patience = idle;
        if !fail_stop.stopped() {
            medium.commit(&batch)?;
        }
        if fail_stop.stopped() {
            return Ok(false);
        }
        acknowledge(&batch);
        shared.acknowledged(batch.len());
        batch.clear();
    }
}

/// Tells everybody, each with few writes.
fn acknowledge(batch: &[Work]) {
    let (mut touched, mut queued) = (Touched::default(), 0);
    for Work { to, frame, .. } in batch {
        to.queue(frame);
        touched.add(to);
        queued += frame.len();
        if queued >= ACKNOWLEDGED_BYTES_STEP {
            touched.flush();
            queued = 0;
        }
    }
    touched.flush();
}

#[cfg(test)]
mod tests;
