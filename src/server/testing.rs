//! For the unit tests: people without sockets, in a server that has everything else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crossbeam_channel::Receiver;
use parking_lot::{Condvar, Mutex};

use super::{
    ServerConfig, ServerError,
    conversation_log::LogError,
    fail_stop::FailStop,
    hall::Hall,
    open_hall,
    outgoing::{Outgoing, Outlet},
    parcel::Parcel,
    registry::{Caller, Effects, Entered},
    requests::{Desk, Flow},
};
use crate::wire::{
    Blob, Bytes, Event, Frames, Outcome, OwnCopy, Request, Role, Username, limits::FRAME_BYTES_MAX,
};

/// What each of the journal's files has in a test, in bytes: some dozen lines.
pub(super) const JOURNAL_BYTES: u64 = 16 * 1024;

/// Everything queued for one connection.
#[derive(Default)]
pub(super) struct Recorder {
    events: Mutex<Vec<Event>>,
    /// How many of them a test has looked at.
    seen: AtomicUsize,
    said: Condvar,
    flushes: AtomicUsize,
    closed: AtomicBool,
    listener: Mutex<Option<Listener>>,
}

/// Hears every event in the moment in which it is queued.
pub(super) type Listener = Box<dyn Fn(&Event) + Send>;

impl Recorder {
    pub(super) fn new(connection: u64) -> (Arc<Self>, Outgoing) {
        let recorder = Arc::new(Self::default());
        let outgoing = Outgoing::new(connection, Arc::clone(&recorder) as Arc<dyn Outlet>);
        (recorder, outgoing)
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.events.lock().clone()
    }

    /// The next event that was not looked at yet; waits for it.
    pub(super) fn next(&self) -> Event {
        let mut events = self.events.lock();
        let at = self.seen.fetch_add(1, Ordering::SeqCst);
        loop {
            if let Some(event) = events.get(at) {
                return event.clone();
            }
            let waited = self.said.wait_for(&mut events, Duration::from_secs(20));
            assert!(!waited.timed_out(), "nothing was said after {events:?}");
        }
    }

    /// Asserts that everything said was looked at.
    pub(super) fn nothing_more(&self) {
        let events = self.events.lock();
        assert_eq!(events.get(self.seen.load(Ordering::SeqCst)..), Some(&[][..]));
    }

    pub(super) fn flushes(&self) -> usize {
        self.flushes.load(Ordering::SeqCst)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

impl Outlet for Recorder {
    fn queue(&self, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        write(&mut bytes);
        let mut frames = Frames::new(FRAME_BYTES_MAX);
        frames.push(&bytes);
        while let Some(event) = frames.take().unwrap() {
            if let Some(listener) = &*self.listener.lock() {
                listener(&event);
            }
            self.events.lock().push(event);
        }
        assert!(frames.is_empty(), "a frame that is not whole");
        self.said.notify_all();
    }

    fn flush(&self) {
        self.flushes.fetch_add(1, Ordering::SeqCst);
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

/// A whole server but its sockets, in a folder of its own.
pub(super) struct Stage {
    pub(super) folder: tempfile::TempDir,
    pub(super) hall: Arc<Hall>,
    settler: Option<JoinHandle<()>>,
    connections: AtomicU64,
    /// Gets the reason when the disk refuses.
    pub(super) failure: Receiver<LogError>,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::with(Duration::from_secs(600))
    }

    /// With so long for both answers.
    pub(super) fn with(answer_timeout: Duration) -> Self {
        Self::within(tempfile::tempdir().unwrap(), answer_timeout)
    }

    fn within(folder: tempfile::TempDir, answer_timeout: Duration) -> Self {
        Self::opened(folder, answer_timeout).unwrap()
    }

    /// On a folder that may have something in it; the folder goes with it when it does not start.
    pub(super) fn opened(folder: tempfile::TempDir, answer_timeout: Duration) -> Result<Self, ServerError> {
        let mut config = ServerConfig::new(folder.path().to_owned());
        config.answer_timeout = answer_timeout;
        // Short, so that it is filled again and again.
        config.journal_bytes = JOURNAL_BYTES;
        let (fail_stop, failure) = FailStop::new();
        let hall = Arc::new(open_hall(config, &fail_stop)?);
        let settler = Some(hall.start_settler().unwrap());
        Ok(Self { folder, hall, settler, connections: AtomicU64::new(0), failure })
    }

    /// The same folder, opened by a server that knows nothing of the last one.
    pub(super) fn restarted(mut self) -> Self {
        self.end();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        drop(self);
        Self::within(folder, Duration::from_secs(600))
    }

    /// Someone with an account, logged in.
    pub(super) fn enter(&self, name: &str) -> Person {
        let username: Username = name.parse().unwrap();
        let _ = self.hall.accounts.register(&username, Bytes([1; 32]));
        let connection = self.connections.fetch_add(1, Ordering::SeqCst) + 1;
        let (seen, outgoing) = Recorder::new(connection);
        let mut effects = Effects::default();
        let entered = self.hall.registry.enter(&username, &outgoing, || true, &mut effects);
        let Entered::In(gate) = entered else { panic!("{name} is not let in") };
        self.hall.finish(effects).flush();
        assert_eq!(seen.next(), Event::LoggedIn {});
        let caller = Caller { name: username, connection };
        let hall = Arc::clone(&self.hall);
        Person {
            desk: Desk {
                hall,
                caller,
                outgoing,
                gate,
                exporter: [0; 32],
                answered: 0,
                gathered: Parcel::default(),
            },
            seen,
        }
    }

    /// Two people in a conversation under a new key of this epoch.
    pub(super) fn talking(&self, one: &str, other: &str) -> (Person, Person) {
        let (mut one, mut other) = (self.enter(one), self.enter(other));
        meet(&mut one, &mut other, Some(1));
        (one, other)
    }

    fn end(&mut self) {
        self.hall.rendezvous.stop();
        if let Some(settler) = self.settler.take() {
            settler.join().unwrap();
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.end();
    }
}

/// A client without a socket: what it asks is carried out at once, what it is told is remembered.
pub(super) struct Person {
    pub(super) desk: Desk,
    seen: Arc<Recorder>,
}

impl Person {
    pub(super) fn asks(&mut self, request: Request) -> Flow {
        let mut effects = Effects::default();
        let mut flow = self.desk.handle(request, &mut effects);
        if flow == Flow::Next {
            flow = self.desk.finish(&mut effects);
        }
        self.desk.hall.finish(effects).flush();
        self.desk.hall.committer.nudge();
        flow
    }

    pub(super) fn name(&self) -> Username {
        self.desk.caller.name.clone()
    }

    pub(super) fn invites(&mut self, peer: &str) {
        self.asks(Request::Invite { peer: peer.parse().unwrap(), new_key: false });
    }

    pub(super) fn withdraws(&mut self, peer: &str) {
        self.asks(Request::Withdraw { peer: peer.parse().unwrap() });
    }

    pub(super) fn leaves(&mut self, peer: &str) {
        self.asks(Request::Leave { peer: peer.parse().unwrap() });
    }

    /// Accepts, with a copy for a new key of that epoch.
    pub(super) fn accepts(&mut self, peer: &Username, run: u64, epoch: Option<u32>) {
        let sealed = Blob(self.name().as_str().as_bytes().to_vec());
        let copy = epoch.map(|epoch| OwnCopy { epoch, key_id: Bytes([9; 16]), sealed });
        let acceptance = self.proof();
        self.asks(Request::Accept { peer: peer.clone(), run, acceptance, copy });
    }

    /// What this person's acceptance looks like.
    pub(super) fn proof(&self) -> Bytes<32> {
        let mut proof = [0; 32];
        for (to, from) in proof.iter_mut().zip(self.name().as_str().bytes()) {
            *to = from;
        }
        Bytes(proof)
    }

    /// The next thing this person is told.
    pub(super) fn sees(&self) -> Event {
        self.seen.next()
    }

    /// Expects the beginning of a run: its number and the own part.
    pub(super) fn sees_a_start(&self) -> (u64, Role) {
        match self.sees() {
            Event::Started { run, role, .. } => (run, role),
            other => panic!("{} saw {other:?}", self.name()),
        }
    }

    pub(super) fn sees_the_outcome(&self) -> Outcome {
        match self.sees() {
            Event::Outcome { outcome, .. } => outcome,
            other => panic!("{} saw {other:?}", self.name()),
        }
    }

    pub(super) fn sees_nothing_more(&self) {
        self.seen.nothing_more();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.seen.is_closed()
    }

    /// Has somebody hear all that this person is told, in the moment in which it is queued.
    pub(super) fn is_overheard_by(&self, listener: Listener) {
        *self.seen.listener.lock() = Some(listener);
    }

    /// The connection is lost.
    pub(super) fn disconnects(&self) {
        let mut effects = Effects::default();
        self.desk.hall.registry.disconnect(&self.desk.caller, &mut effects);
        self.desk.hall.finish(effects).flush();
    }
}

/// The whole way from the lobby to a conversation.
pub(super) fn meet(one: &mut Person, other: &mut Person, epoch: Option<u32>) {
    one.invites(other.name().as_str());
    assert_eq!(other.sees(), Event::Invited { peer: one.name() });
    let (run, role) = one.sees_a_start();
    assert_eq!(role, Role::Initiator);
    assert_eq!(other.sees_a_start(), (run, Role::Responder));
    other.accepts(&one.name(), run, epoch);
    one.accepts(&other.name(), run, epoch);
    assert_eq!(one.sees_the_outcome(), Outcome::Agreed { acceptance: other.proof() });
    assert_eq!(other.sees_the_outcome(), Outcome::Agreed { acceptance: one.proof() });
}
