//! Senders, the committer and a stop: nothing is acknowledged before the commit that covers it, everything
//! that was taken is acknowledged once, a stop waits for all of it, and after a failure of the disk nobody
//! hangs and nothing is acknowledged.

use std::{sync::Arc, time::Duration};

use loom::thread;
use parking_lot::Mutex;

use super::outgoing::{Outgoing, Outlet};

/// How many lines were written, which of them the disk has, and what was acknowledged.
#[derive(Debug, Default)]
struct Lines {
    written: u8,
    committed: Vec<u8>,
    acknowledged: Vec<u8>,
    /// How many commits work before one fails.
    good_commits: usize,
    closed: bool,
}

/// The disk and the readers in one: an acknowledgement is checked the moment it is queued.
#[derive(Debug)]
struct Disk(Mutex<Lines>);

impl Disk {
    fn new(good_commits: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Lines { good_commits, ..Lines::default() })))
    }

    /// Writes a line; its number.
    fn append(&self) -> u8 {
        let mut lines = self.0.lock();
        lines.written += 1;
        lines.written
    }

    fn commit_once(&self, numbers: impl Iterator<Item = u8>) -> bool {
        let mut lines = self.0.lock();
        assert!(!lines.closed, "written after the end");
        let works = lines.good_commits > 0;
        if works {
            lines.good_commits -= 1;
            lines.committed.extend(numbers);
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
    fn queue(&self, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let mut frame = Vec::new();
        write(&mut frame);
        let mut lines = self.0.lock();
        assert!(lines.committed.contains(&frame[0]), "acknowledged before the disk has it");
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
                conversation_log::{Log, LogError},
                fail_stop::FailStop,
                $module::{Committer, Lines, Medium, Work, run},
            };

            struct Journal(Arc<Disk>);

            impl Medium for Journal {
                fn commit(&mut self, work: &[Work]) -> Result<(), LogError> {
                    let numbers = work.iter().map(|work| work.frame[0]);
                    if self.0.commit_once(numbers) { Ok(()) } else { Err(LogError) }
                }

                fn rest(&mut self) -> Result<(), LogError> {
                    Ok(())
                }

                fn close(&mut self) -> Result<(), LogError> {
                    self.0.0.lock().closed = true;
                    Ok(())
                }
            }

            /// The number of the message; `None` when it is not taken.
            fn send(committer: &Committer, disk: &Arc<Disk>) -> Option<u8> {
                let to = Outgoing::new(1, Arc::clone(disk) as Arc<dyn Outlet>);
                let room = committer.room(1)?;
                let number = disk.append();
                let lines = Some(Lines { offset: 0, bytes: vec![number] });
                room.fill(Work { log: Arc::new(Log), lines, in_doubt: false, to, frame: vec![number] });
                Some(number)
            }

            /// So many senders with one message each, and a stop that waits for all that came before it.
            /// This thread is the committer.
            pub fn senders(senders: usize) {
                let disk = Disk::new(usize::MAX);
                let (committer, shared) = Committer::queue();
                let committer = Arc::new(committer);
                let sending: Vec<_> = (0..senders)
                    .map(|_| {
                        let (committer, disk) = (Arc::clone(&committer), Arc::clone(&disk));
                        thread::spawn(move || {
                            let sent = send(&committer, &disk);
                            committer.nudge();
                            sent
                        })
                    })
                    .collect();
                let stopping = {
                    let disk = Arc::clone(&disk);
                    thread::spawn(move || {
                        let own = send(&committer, &disk);
                        assert!(committer.drain(Duration::from_secs(1)));
                        assert!(disk.acknowledged().contains(&own.unwrap()), "a stop waits for what came before it");
                        assert!(committer.close(Duration::from_secs(1)));
                        assert!(send(&committer, &disk).is_none(), "nothing is taken after the end");
                        own
                    })
                };
                assert!(run(&shared, &mut Journal(Arc::clone(&disk)), &FailStop::default(), None).is_ok());
                let sent = sending.into_iter().map(|sender| sender.join().unwrap());
                let mut all: Vec<u8> = sent.chain([stopping.join().unwrap()]).flatten().collect();
                all.sort_unstable();
                assert_eq!(disk.acknowledged(), all, "each that was taken, once");
            }

            /// The disk fails at the commit after `good_commits`: sender and stop are not held up, and what
            /// that commit was to cover is never acknowledged.
            pub fn a_failing_disk(good_commits: usize) {
                let disk = Disk::new(good_commits);
                let (committer, shared) = Committer::queue();
                let sender = {
                    let disk = Arc::clone(&disk);
                    thread::spawn(move || {
                        // One more than there is room for: the last one may have to wait for the committer.
                        let sent = (0..3).filter_map(|_| send(&committer, &disk)).count();
                        let drained = committer.drain(Duration::from_secs(1));
                        let all = sent == 3 && disk.acknowledged().len() == 3;
                        assert_eq!(drained, all, "drained says that everything is acknowledged");
                        all
                    })
                };
                let ended = run(&shared, &mut Journal(Arc::clone(&disk)), &FailStop::default(), None).is_ok();
                assert_eq!(sender.join().unwrap(), ended, "a failure is told, and only a failure");
            }
        }
    };
}

models!(commit);
models!(commit_unsynced);
models!(commit_late_batch);
models!(commit_no_room);
