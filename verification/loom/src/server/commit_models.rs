//! Senders, the committer and a stop: nothing is acknowledged before the sync that covers it, everything is
//! acknowledged once, a stop waits for all of it, and after a failure of the disk nobody hangs and nothing is
//! acknowledged.

use std::{sync::Arc, time::Duration};

use loom::thread;
use parking_lot::Mutex;

use super::outgoing::{Outgoing, Outlet};

/// A log: how many lines were written, how many of them the disk has, and what was acknowledged.
#[derive(Debug, Default)]
struct Lines {
    written: usize,
    synced: usize,
    acknowledged: Vec<u8>,
    /// How many syncs work before one fails.
    good_syncs: usize,
}

/// The log and its readers in one: an acknowledgement is checked the moment it is queued.
#[derive(Debug)]
struct Disk(Mutex<Lines>);

impl Disk {
    fn new(good_syncs: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Lines { good_syncs, ..Lines::default() })))
    }

    /// Appends a line; its number.
    fn append(&self) -> u8 {
        let mut lines = self.0.lock();
        lines.written += 1;
        u8::try_from(lines.written).unwrap()
    }

    /// What a sync that works does: the disk has what was written when it began.
    fn sync_once(&self) -> bool {
        let mut lines = self.0.lock();
        let works = lines.good_syncs > 0;
        if works {
            lines.good_syncs -= 1;
            lines.synced = lines.written;
        }
        works
    }

    fn acknowledged(&self) -> Vec<u8> {
        let mut all = self.0.lock().acknowledged.clone();
        all.sort_unstable();
        all
    }
}

impl Outlet for Disk {
    fn queue(&self, frame: &[u8]) {
        let mut lines = self.0.lock();
        assert!(usize::from(frame[0]) <= lines.synced, "acknowledged before the disk has it");
        lines.acknowledged.push(frame[0]);
    }

    fn flush(&self) {}

    fn close(&self) {}
}

macro_rules! models {
    ($module:ident) => {
        pub mod $module {
            use super::*;
            use crate::server::{
                conversation_log::LogError,
                fail_stop::FailStop,
                $module::{Committer, Durable, run},
            };

            struct Log(Arc<Disk>);

            impl Durable for Log {
                fn sync(&self) -> Result<(), LogError> {
                    if self.0.sync_once() { Ok(()) } else { Err(LogError) }
                }
            }

            fn send(committer: &Committer, disk: &Arc<Disk>, log: &Arc<Log>) -> u8 {
                let outgoing = Outgoing::new(1, Arc::clone(disk) as Arc<dyn Outlet>);
                let number = disk.append();
                committer.acknowledge(Arc::clone(log) as Arc<dyn Durable>, &outgoing, vec![number]);
                number
            }

            /// So many senders with one message each, and a stop that waits for all that came before it.
            /// This thread is the committer.
            pub fn senders(senders: usize) {
                let disk = Disk::new(usize::MAX);
                let log = Arc::new(Log(Arc::clone(&disk)));
                let (committer, waiting) = Committer::queue();
                let sending: Vec<_> = (0..senders)
                    .map(|_| {
                        let (committer, disk, log) = (committer.clone(), Arc::clone(&disk), Arc::clone(&log));
                        thread::spawn(move || {
                            send(&committer, &disk, &log);
                        })
                    })
                    .collect();
                let stopping = {
                    let (disk, log) = (Arc::clone(&disk), Arc::clone(&log));
                    thread::spawn(move || {
                        let own = send(&committer, &disk, &log);
                        assert!(committer.drain(Duration::from_secs(1)));
                        assert!(disk.acknowledged().contains(&own), "a stop waits for what came before it");
                    })
                };
                assert!(run(&waiting, &FailStop::default()).is_ok(), "the committer ends with the last way to it");
                sending.into_iter().for_each(|sender| sender.join().unwrap());
                stopping.join().unwrap();
                let all: Vec<u8> = (1..=u8::try_from(senders + 1).unwrap()).collect();
                assert_eq!(disk.acknowledged(), all, "each once");
            }

            /// The disk fails at the sync after `good_syncs`: sender and stop are not held up, and what that
            /// sync was to cover is never acknowledged.
            pub fn a_failing_disk(good_syncs: usize) {
                let disk = Disk::new(good_syncs);
                let log = Arc::new(Log(Arc::clone(&disk)));
                let (committer, waiting) = Committer::queue();
                let sender = {
                    let (disk, log) = (Arc::clone(&disk), Arc::clone(&log));
                    thread::spawn(move || {
                        // One more than the queue holds: the last one may have to wait for the committer.
                        for _ in 0..3 {
                            send(&committer, &disk, &log);
                        }
                        let drained = committer.drain(Duration::from_secs(1));
                        let all = disk.acknowledged().len() == 3;
                        assert_eq!(drained, all, "drained says that everything is acknowledged");
                        all
                    })
                };
                let ended = run(&waiting, &FailStop::default()).is_ok();
                drop(waiting);
                assert_eq!(sender.join().unwrap(), ended, "a failure is told, and only a failure");
                let lines = disk.0.lock();
                assert!(lines.acknowledged.iter().all(|number| usize::from(*number) <= lines.synced));
            }
        }
    };
}

models!(commit);
models!(commit_unsynced);
models!(commit_late_batch);
