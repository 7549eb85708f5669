//! A few threads that receive all newcomers: handshakes, and the wait for the first frame after them.
//!
//! A newcomer that has nothing to read or to be written waits in the kernel (epoll), which wakes one
//! thread of the pool for one newcomer that has. That thread takes it as far as it goes without waiting
//! and puts it back: so a peer that sends a byte a second costs its bytes, and occupies no thread. One
//! more thread ends those whose time is up.
//!
//! Invariant: a newcomer is either in the table, or in the hands of one thread. It is armed for one event
//! at a time, after it was put into the table.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    net::TcpStream,
    os::fd::OwnedFd,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use parking_lot::{Condvar, Mutex};
use rustix::event::{EventfdFlags, epoll, eventfd};

use super::{
    Acceptor,
    newcomer::{Arrival, Newcomer, Wanted, Welcome},
    socket::Socket,
};

/// The stack of a thread that receives, in bytes: the deepest work of a connection is done here.
const STACK_BYTES: usize = 512 * 1024;

/// The event that ends the threads; newcomers are counted from 1.
const STOP: u64 = 0;

/// The threads that receive newcomers. They end with it, or with [`Reception::stop`].
pub struct Reception {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Called once with what became of a newcomer, on a thread of the reception: it must not wait for anybody.
type Then = Box<dyn FnOnce(Arrival) + Send>;

struct Shared {
    acceptor: Acceptor,
    epoll: OwnedFd,
    stop: OwnedFd,
    state: Mutex<State>,
    /// Told when the earliest deadline is nearer than the one that is slept for, and at the end.
    sooner: Condvar,
}

#[derive(Default)]
struct State {
    waiting: HashMap<u64, Guest>,
    /// Of all that wait or are in the hands of a thread.
    deadlines: BTreeSet<(Instant, u64)>,
    /// Until when the thread of the deadlines sleeps; `None` is until it is told.
    alarm: Option<Instant>,
    last: u64,
    stopped: bool,
}

/// A newcomer, and what is done when it has arrived.
struct Guest {
    newcomer: Newcomer,
    deadline: Instant,
    then: Then,
}

impl Reception {
    /// Starts so many threads.
    ///
    /// # Errors
    /// The system's, when it gives no threads.
    pub fn start(acceptor: Acceptor, threads: usize) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Never read, so that it ends every thread.
        epoll::add(&epoll, &stop, epoll::EventData::new_u64(STOP), epoll::EventFlags::IN)?;
        let (state, sooner) = (Mutex::new(State::default()), Condvar::new());
        let shared = Arc::new(Shared { acceptor, epoll, stop, state, sooner });
        let reception = Self { shared, threads: Mutex::default() };
        for number in 1..=threads.max(1) {
            reception.spawn(format!("reception {number}"), Shared::receive)?;
        }
        reception.spawn("reception time".to_owned(), Shared::watch_deadlines)?;
        Ok(reception)
    }

    fn spawn(&self, name: String, work: fn(&Shared)) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(name).stack_size(STACK_BYTES);
        self.threads.lock().push(thread.spawn(move || work(&shared))?);
        Ok(())
    }

    /// Receives a connection: all of it ends by `deadline`, and then `then` is called. It is dropped uncalled
    /// when the reception stops before.
    ///
    /// # Errors
    /// The system's, of this one connection.
    pub fn receive(
        &self,
        stream: TcpStream,
        welcome: Welcome,
        deadline: Instant,
        then: impl FnOnce(Arrival) + Send + 'static,
    ) -> io::Result<()> {
        let socket = Arc::new(Socket::new(stream)?);
        let newcomer = Newcomer::new(Arc::clone(&socket), welcome);
        let mut state = self.shared.state.lock();
        if state.stopped {
            return Ok(());
        }
        state.last += 1;
        let number = state.last;
        state.waiting.insert(number, Guest { newcomer, deadline, then: Box::new(then) });
        state.deadlines.insert((deadline, number));
        let sooner = state.alarm.is_none_or(|alarm| deadline < alarm);
        drop(state);
        if sooner {
            self.shared.sooner.notify_all();
        }
        let added = epoll::add(&self.shared.epoll, &socket, data(number), flags(Wanted::Bytes));
        if added.is_err() {
            drop(self.shared.take(number));
        }
        Ok(added?)
    }

    /// How many are being received now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.state.lock().deadlines.len()
    }

    /// Ends every connection that has not arrived, and the threads.
    pub fn stop(&self) {
        let waiting = {
            let mut state = self.shared.state.lock();
            state.stopped = true;
            state.deadlines.clear();
            std::mem::take(&mut state.waiting)
        };
        drop(waiting);
        self.shared.sooner.notify_all();
        // A counter that is full has been told already.
        let _ = rustix::io::write(&self.shared.stop, &1_u64.to_ne_bytes());
        for thread in self.threads.lock().drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Reception {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// The work of one thread: newcomer after newcomer.
    fn receive(&self) {
        loop {
            // One at a time, so that the next is another thread's.
            let mut events = [epoll::Event { flags: epoll::EventFlags::empty(), data: data(STOP) }];
            match epoll::wait(&self.epoll, &mut events, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            let [event] = events;
            match event.data.u64() {
                STOP if self.state.lock().stopped => return,
                number => {
                    let guest = self.state.lock().waiting.remove(&number);
                    if let Some(guest) = guest {
                        self.serve(number, guest);
                    }
                }
            }
        }
    }

    /// Takes one as far as it goes.
    fn serve(&self, number: u64, mut guest: Guest) {
        let socket = guest.newcomer.socket();
        match guest.newcomer.advance(&self.acceptor) {
            Ok(wanted) => self.put_back(number, guest, &socket, wanted),
            Err(arrival) => {
                self.state.lock().deadlines.remove(&(guest.deadline, number));
                // A connection that lives on is no business of this pool.
                let _ = epoll::delete(&self.epoll, &socket);
                (guest.then)(arrival);
            }
        }
    }

    fn put_back(&self, number: u64, guest: Guest, socket: &Socket, wanted: Wanted) {
        let late = {
            let mut state = self.state.lock();
            // Its deadline is gone when its time was up meanwhile, or everybody's is.
            if state.deadlines.contains(&(guest.deadline, number)) {
                state.waiting.insert(number, guest);
                None
            } else if state.stopped {
                return;
            } else {
                Some(guest)
            }
        };
        if let Some(guest) = late {
            return (guest.then)(guest.newcomer.give_up());
        }
        // Whoever takes it out now finds the socket open: it is held here.
        if epoll::modify(&self.epoll, socket, data(number), flags(wanted)).is_err() {
            drop(self.take(number));
        }
    }

    fn take(&self, number: u64) -> Option<Guest> {
        let mut state = self.state.lock();
        let guest = state.waiting.remove(&number)?;
        state.deadlines.remove(&(guest.deadline, number));
        Some(guest)
    }

    /// The work of the thread that ends those whose time is up.
    fn watch_deadlines(&self) {
        let mut state = self.state.lock();
        while !state.stopped {
            let now = Instant::now();
            match state.deadlines.first().copied() {
                Some((deadline, number)) if deadline <= now => {
                    state.deadlines.pop_first();
                    // One in the hands of a thread is that thread's to give up.
                    if let Some(guest) = state.waiting.remove(&number) {
                        drop(state);
                        let _ = epoll::delete(&self.epoll, guest.newcomer.socket());
                        (guest.then)(guest.newcomer.give_up());
                        state = self.state.lock();
                    }
                }
                Some((deadline, _)) => {
                    state.alarm = Some(deadline);
                    self.sooner.wait_until(&mut state, deadline);
                }
                None => {
                    state.alarm = None;
                    self.sooner.wait(&mut state);
                }
            }
        }
    }
}

fn data(number: u64) -> epoll::EventData {
    epoll::EventData::new_u64(number)
}

/// Armed once: the next event is for whoever put the newcomer back.
fn flags(wanted: Wanted) -> epoll::EventFlags {
    epoll::EventFlags::ONESHOT
        | match wanted {
            Wanted::Bytes => epoll::EventFlags::IN,
            Wanted::Room => epoll::EventFlags::OUT,
        }
}
