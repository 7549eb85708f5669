//! What the committer promises, on a medium that tests slow down and break.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use super::*;
use crate::{
    server::{log_index::Run, outgoing::Outlet, testing::Recorder},
    transport::QUEUED_BYTES_MAX,
    wire::Event,
};

#[derive(Default)]
struct Disk {
    commits: AtomicU32,
    rests: AtomicU32,
    closed: AtomicBool,
    broken: AtomicBool,
    /// Held by a test to keep the committer waiting.
    slow: Mutex<()>,
}

impl Medium for Arc<Disk> {
    fn commit(&mut self, _: &[Work]) -> Result<(), LogError> {
        let _wait = self.slow.lock();
        self.commits.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) { Err(LogError::OutOfOrder) } else { Ok(()) }
    }

    fn rest(&mut self) -> Result<(), LogError> {
        self.rests.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn close(&mut self) -> Result<(), LogError> {
        self.closed.store(true, Ordering::SeqCst);
        Ok(())
    }
}

const LONG: Duration = Duration::from_secs(20);

/// Waits with [`LONG`] for its bound, and not until it is over.
fn in_time(wait: impl FnOnce(Duration) -> bool) -> bool {
    let begin = Instant::now();
    let result = wait(LONG);
    assert!(begin.elapsed() < LONG, "what was waited for is not what ended it");
    result
}

const LINE_BYTES: usize = 100;

fn log() -> Arc<Log> {
    Arc::new(Log::new(
        Path::new("/nowhere"),
        "alice+bob".parse().unwrap(),
        Run::new(true),
        FailStop::default(),
    ))
}

fn work(to: &Outgoing) -> Work {
    let frame = crate::server::outgoing::frame(&Event::LoggedIn {}).unwrap();
    let lines = Some(Lines { offset: 0, bytes: vec![b'x'; LINE_BYTES] });
    Work { log: log(), lines, in_doubt: false, to: to.clone(), frame }
}

/// A client that reads whatever is written to it, and the most that ever waited to be written.
#[derive(Default)]
struct Reader {
    waiting: Mutex<usize>,
    most: Mutex<usize>,
    all: Mutex<usize>,
}

impl Outlet for Reader {
    fn queue(&self, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let mut frame = Vec::new();
        write(&mut frame);
        let mut waiting = self.waiting.lock();
        *waiting += frame.len();
        *self.all.lock() += frame.len();
        let mut most = self.most.lock();
        *most = (*most).max(*waiting);
    }

    fn flush(&self) {
        *self.waiting.lock() = 0;
    }

    fn close(&self) {}
}

#[test]
fn after_a_slow_sync_a_client_that_reads_has_never_more_waiting_than_may_wait_for_it() {
    let reader = Arc::new(Reader::default());
    let outgoing = Outgoing::new(1, Arc::clone(&reader) as Arc<dyn Outlet>);
    let frame = vec![b'x'; 200];
    let count = 3 * QUEUED_BYTES_MAX / frame.len();
    let waited: Vec<Work> =
        (0..count).map(|_| Work { frame: frame.clone(), lines: None, ..work(&outgoing) }).collect();
    acknowledge(&waited);
    assert_eq!((*reader.all.lock(), *reader.waiting.lock()), (count * frame.len(), 0));
    let most = *reader.most.lock();
    assert!(most < ACKNOWLEDGED_BYTES_STEP + frame.len(), "{most}");
    const { assert!(2 * ACKNOWLEDGED_BYTES_STEP <= QUEUED_BYTES_MAX) };
}

#[test]
fn what_waits_together_shares_one_commit_and_one_write() {
    let disk = Arc::new(Disk::default());
    let committer = Committer::start(Arc::clone(&disk), FailStop::default()).unwrap();
    let (alice, outgoing) = Recorder::new(1);
    {
        let _slow = disk.slow.lock();
        for _ in 0..100 {
            committer.room(LINE_BYTES).unwrap().fill(work(&outgoing));
            committer.nudge();
        }
        assert!(alice.events().is_empty(), "nothing is acknowledged before the disk has it");
        assert!(!committer.drain(Duration::ZERO), "not everything is acknowledged");
    }
    assert!(in_time(|long| committer.drain(long)));
    assert_eq!(alice.events().len(), 100);
    assert!(disk.commits.load(Ordering::SeqCst) <= 3);
    assert!(alice.flushes() <= 3);
}

#[test]
fn who_finds_no_room_waits_and_whoever_brings_work_does_not() {
    let disk = Arc::new(Disk::default());
    let committer = Committer::start(Arc::clone(&disk), FailStop::default()).unwrap();
    let (_, outgoing) = Recorder::new(1);
    let first = committer.room(COMMIT_BYTES_WAITING_MAX - LINE_BYTES).unwrap();
    let second = committer.room(LINE_BYTES).unwrap();
    std::thread::scope(|scope| {
        let third = scope.spawn(|| committer.room(LINE_BYTES).is_some());
        let slow = disk.slow.lock();
        // There is room for these, so that nobody who holds a log waits.
        second.fill(work(&outgoing));
        first.fill(work(&outgoing));
        committer.nudge();
        drop(slow);
        assert!(third.join().unwrap());
    });
    let given_back = committer.room(COMMIT_BYTES_WAITING_MAX).unwrap();
    drop(given_back);
    assert!(committer.room(COMMIT_BYTES_WAITING_MAX).is_some());
}

#[test]
fn after_a_failure_nothing_is_acknowledged_nobody_waits_and_the_server_is_told() {
    let (fail_stop, reason) = FailStop::new();
    let disk = Arc::new(Disk::default());
    let committer = Committer::start(Arc::clone(&disk), fail_stop).unwrap();
    disk.broken.store(true, Ordering::SeqCst);
    let (alice, outgoing) = Recorder::new(1);
    let full = committer.room(COMMIT_BYTES_WAITING_MAX).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| committer.room(LINE_BYTES).is_some());
        full.fill(work(&outgoing));
        committer.nudge();
        assert!(reason.recv_timeout(LONG).is_ok());
        // It may have got the room that the failing batch left; nothing comes of it.
        let _ = waiting.join().unwrap();
    });
    disk.broken.store(false, Ordering::SeqCst);
    assert!(!in_time(|long| committer.close(long)));
    assert!(committer.room(LINE_BYTES).is_none());
    assert!(!in_time(|long| committer.drain(long)) && !disk.closed.load(Ordering::SeqCst));
    assert!(alice.events().is_empty());
}

#[test]
fn a_close_waits_for_what_has_room_and_takes_nothing_more() {
    let disk = Arc::new(Disk::default());
    let committer = Committer::start(Arc::clone(&disk), FailStop::default()).unwrap();
    let (alice, outgoing) = Recorder::new(1);
    let room = committer.room(LINE_BYTES).unwrap();
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| in_time(|long| committer.close(long)));
        while committer.room(LINE_BYTES).is_some() {
            std::thread::yield_now();
        }
        assert!(!disk.closed.load(Ordering::SeqCst));
        room.fill(work(&outgoing));
        committer.nudge();
        assert!(closing.join().unwrap());
    });
    assert!(disk.closed.load(Ordering::SeqCst));
    assert_eq!(alice.events().len(), 1);
}

#[test]
fn one_that_is_dropped_does_what_waits_and_closes_nothing() {
    let disk = Arc::new(Disk::default());
    let committer = Committer::start(Arc::clone(&disk), FailStop::default()).unwrap();
    let (alice, outgoing) = Recorder::new(1);
    committer.room(LINE_BYTES).unwrap().fill(work(&outgoing));
    drop(committer);
    assert_eq!(alice.events().len(), 1);
    assert!(!disk.closed.load(Ordering::SeqCst));
}

#[test]
fn it_rests_once_after_work_and_never_before() {
    let disk = Arc::new(Disk::default());
    let (committer, shared) = Committer::queue();
    let (_, outgoing) = Recorder::new(1);
    committer.room(LINE_BYTES).unwrap().fill(work(&outgoing));
    std::thread::scope(|scope| {
        let mut medium = Arc::clone(&disk);
        scope.spawn(move || run(&shared, &mut medium, &FailStop::default(), Some(Duration::ZERO)));
        while disk.rests.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        assert!(in_time(|long| committer.close(long)));
    });
    assert_eq!((disk.commits.load(Ordering::SeqCst), disk.rests.load(Ordering::SeqCst)), (1, 1));
}

#[test]
fn with_the_systems_word_for_it_nothing_waits() {
    let committer = Committer::of_the_system();
    let (alice, outgoing) = Recorder::new(1);
    committer.room(usize::MAX).unwrap().fill(work(&outgoing));
    assert_eq!(alice.events().len(), 1);
    assert!(in_time(|long| committer.drain(long)) && in_time(|long| committer.close(long)));
}

#[test]
fn whoever_finds_no_room_sleeps_until_what_waits_is_taken() {
    let (committer, shared) = Committer::queue();
    let (_, outgoing) = Recorder::new(1);
    // What is larger than all the room there is may come alone.
    drop(committer.room(COMMIT_BYTES_WAITING_MAX + 1).unwrap());
    committer.room(COMMIT_BYTES_WAITING_MAX - LINE_BYTES).unwrap().fill(work(&outgoing));
    committer.room(LINE_BYTES).unwrap().fill(work(&outgoing));
    std::thread::scope(|scope| {
        let late = scope.spawn(|| committer.room(1).is_some());
        // Woken with nothing changed, it sleeps again.
        for _ in 0..3 {
            let deadline = Instant::now() + LONG;
            while shared.freed.notify_all() == 0 {
                assert!(Instant::now() < deadline && !late.is_finished(), "nobody waits");
                std::thread::yield_now();
            }
        }
        let mut batch = Vec::new();
        assert!(matches!(shared.next(&mut batch, None), Next::Commit));
        assert_eq!(batch.len(), 2);
        assert!(late.join().unwrap());
    });
    // What was given back is free again, byte for byte.
    committer.room(COMMIT_BYTES_WAITING_MAX - 1).unwrap().fill(work(&outgoing));
    drop(committer.room(1).unwrap());
    committer.room(1).unwrap().fill(work(&outgoing));
    assert_eq!(shared.queue.lock().bytes, COMMIT_BYTES_WAITING_MAX);
}

#[test]
fn there_is_no_rest_before_its_time() {
    let (committer, shared) = Committer::queue();
    let (_, outgoing) = Recorder::new(1);
    std::thread::scope(|scope| {
        let next = scope.spawn(|| shared.next(&mut Vec::new(), Some(LONG)));
        for _ in 0..3 {
            while shared.filled.notify_all() == 0 {
                assert!(!next.is_finished(), "it rests already");
                std::thread::yield_now();
            }
        }
        committer.room(LINE_BYTES).unwrap().fill(work(&outgoing));
        committer.nudge();
        assert!(matches!(next.join().unwrap(), Next::Commit));
    });
    assert!(matches!(shared.next(&mut Vec::new(), Some(Duration::ZERO)), Next::Rest));
}
