//! The committer: nothing is called stored before the disk has it, and what arrives together waits together.
//!
//! A line is written by the thread that received it; its acknowledgement comes here. ONE thread takes
//! every acknowledgement that waits, brings each log of them to the disk once, and only then sends
//! them. After a sync that failed nothing is known of what was written before (the kernel may have
//! dropped it, and a second sync would succeed all the same): nothing of the batch is acknowledged,
//! and the server stops itself.

use std::{
    collections::HashMap,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{
    conversation_log::{Log, LogError},
    fail_stop::FailStop,
    limits::COMMITS_WAITING_MAX,
    outgoing::{Outgoing, Touched},
};

/// What can be brought to the disk. A log is one; a journal that many logs share could be another.
pub(super) trait Durable: Send + Sync {
    /// Waits until everything written so far is on the disk.
    fn sync(&self) -> Result<(), LogError>;
}

impl Durable for Log {
    fn sync(&self) -> Result<(), LogError> {
        Self::sync(self)
    }
}

pub(super) enum Work {
    Acknowledge {
        durable: Arc<dyn Durable>,
        to: Outgoing,
        frame: Vec<u8>,
    },
    /// Everything before this is done.
    Barrier(Sender<()>),
}

/// The way to the committer. When the last one is dropped, it ends.
#[derive(Clone)]
pub(super) struct Committer {
    work: Sender<Work>,
}

impl Committer {
    /// Starts the thread. It ends, and stops the server, if the disk refuses.
    pub(super) fn start(fail_stop: FailStop) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (committer, waiting) = Self::queue();
        let thread = thread::Builder::new().name("committer".to_owned());
        let thread = thread.spawn(move || {
            if let Err(reason) = run(&waiting, &fail_stop) {
                fail_stop.stop(reason);
            }
        })?;
        Ok((committer, thread))
    }

    /// The way to a committer that has not begun, and what [`run`] takes from it.
    pub(super) fn queue() -> (Self, Receiver<Work>) {
        let (work, waiting) = bounded(COMMITS_WAITING_MAX);
        (Self { work }, waiting)
    }

    /// Sends `frame` to `to` once `durable` is on the disk. Waits while too many wait already. After a
    /// failure of the disk nothing is sent any more.
    pub(super) fn acknowledge(&self, durable: Arc<dyn Durable>, to: &Outgoing, frame: Vec<u8>) {
        let _ = self.work.send(Work::Acknowledge { durable, to: to.clone(), frame });
    }

    /// Waits until everything before is acknowledged; false when that took longer, or failed.
    pub(super) fn drain(&self, timeout: Duration) -> bool {
        let (done, wait) = bounded(1);
        self.work.send_timeout(Work::Barrier(done), timeout).is_ok() && wait.recv_timeout(timeout).is_ok()
    }
}

/// Acknowledges until the last way to it is dropped, or the disk refuses.
pub(super) fn run(waiting: &Receiver<Work>, fail_stop: &FailStop) -> Result<(), LogError> {
    while let Ok(first) = waiting.recv() {
        // A batch has an end, or senders that are faster than this loop would keep it from the disk.
        let more = waiting.try_iter().take(COMMITS_WAITING_MAX);
        let batch: Vec<Work> = std::iter::once(first).chain(more).collect();
        let mut distinct: HashMap<*const (), &Arc<dyn Durable>> = HashMap::new();
        for work in &batch {
            if let Work::Acknowledge { durable, .. } = work {
                distinct.insert(Arc::as_ptr(durable).cast(), durable);
            }
        }
        for durable in distinct.into_values() {
            durable.sync()?;
        }
        if fail_stop.stopped() {
            return Ok(());
        }
        let mut touched = Touched::default();
        let mut barriers = Vec::new();
        for work in batch {
            match work {
                Work::Acknowledge { to, frame, .. } => {
                    to.queue(&frame);
                    touched.add(&to);
                }
                Work::Barrier(done) => barriers.push(done),
            }
        }
        touched.flush();
        for done in barriers {
            let _ = done.send(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use parking_lot::Mutex;

    use super::*;
    use crate::{server::testing::Recorder, wire::Event};

    #[derive(Default)]
    struct Disk {
        syncs: AtomicU32,
        broken: AtomicBool,
        /// Held by a test to keep the committer waiting.
        slow: Mutex<()>,
    }

    impl Durable for Disk {
        fn sync(&self) -> Result<(), LogError> {
            let _wait = self.slow.lock();
            self.syncs.fetch_add(1, Ordering::SeqCst);
            if self.broken.load(Ordering::SeqCst) { Err(LogError::OutOfOrder) } else { Ok(()) }
        }
    }

    const LONG: Duration = Duration::from_secs(20);

    fn frame() -> Vec<u8> {
        crate::server::outgoing::frame(&Event::LoggedIn {}).unwrap()
    }

    #[test]
    fn what_waits_together_shares_one_sync_and_one_write() {
        let (committer, _thread) = Committer::start(FailStop::default()).unwrap();
        let disk = Arc::new(Disk::default());
        let (alice, outgoing) = Recorder::new(1);
        {
            let _slow = disk.slow.lock();
            for _ in 0..100 {
                committer.acknowledge(Arc::clone(&disk) as Arc<dyn Durable>, &outgoing, frame());
            }
            assert!(alice.events().is_empty(), "nothing is acknowledged before the disk has it");
        }
        assert!(committer.drain(LONG));
        assert_eq!(alice.events().len(), 100);
        assert!(disk.syncs.load(Ordering::SeqCst) <= 3);
        assert!(alice.flushes() <= 3);
    }

    #[test]
    fn after_a_failed_sync_nothing_is_acknowledged_and_the_server_is_told() {
        let (fail_stop, reason) = FailStop::new();
        let (committer, thread) = Committer::start(fail_stop).unwrap();
        let disk = Arc::new(Disk::default());
        disk.broken.store(true, Ordering::SeqCst);
        let (alice, outgoing) = Recorder::new(1);
        committer.acknowledge(Arc::clone(&disk) as Arc<dyn Durable>, &outgoing, frame());
        assert!(reason.recv_timeout(LONG).is_ok());
        thread.join().unwrap();
        disk.broken.store(false, Ordering::SeqCst);
        committer.acknowledge(disk, &outgoing, frame());
        assert!(!committer.drain(Duration::from_millis(10)));
        assert!(alice.events().is_empty());
    }
}
