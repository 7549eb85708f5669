//! The door: accepts connections, asks the doorkeeper, gives each that is let in its thread, and can end them all.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use tracing::{debug, warn};

use super::{
    connection,
    doorkeeper::{Offence, TurnedAway},
    error::Chain,
    hall::Hall,
    limits::{ACCEPT_PAUSE, REFUSAL_TIMEOUT, REFUSALS_AT_ONCE_MAX, STACK_BYTES},
};
use crate::{
    transport::{Acceptor, Link, TransportError},
    wire::{ErrorCode, Event, encode, limits::FRAME_BYTES_MAX_BEFORE_LOGIN},
};

/// How long the door's own knock may take when it is to be shut.
const KNOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// Every connection there is, and the way to end them all.
#[derive(Default)]
pub(super) struct Door {
    shut: AtomicBool,
    inside: Mutex<Inside>,
    /// Told when a connection has ended.
    left: Condvar,
}

#[derive(Default)]
struct Inside {
    /// By connection number; `None` until the handshake is over.
    connections: HashMap<u64, Option<Link>>,
    /// How many of them have shaken hands.
    known: usize,
    last: u64,
    /// How many of them are only being told why they are not let in.
    refusals: usize,
}

impl Door {
    /// Accepts until the door is shut. No failure of one connection ends it.
    pub(super) fn accept(self: &Arc<Self>, listener: &TcpListener, acceptor: &Acceptor, hall: &Arc<Hall>) {
        loop {
            let accepted = listener.accept();
            if self.shut.load(Ordering::Acquire) {
                return;
            }
            match accepted {
                Ok((stream, address)) => self.admit(stream, address, acceptor, hall),
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    // No files or no memory left: they come back as connections end. Without the pause
                    // this loop would take a whole core until then.
                    warn!(%error, "no connection could be accepted");
                    thread::sleep(ACCEPT_PAUSE);
                }
            }
        }
    }

    fn admit(
        self: &Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        acceptor: &Acceptor,
        hall: &Arc<Hall>,
    ) {
        let ticket = match hall.doorkeeper.admit(address.ip()) {
            Ok(ticket) => ticket,
            Err(reason) => return self.turn_away(stream, reason, acceptor),
        };
        let entrance = self.enter();
        let number = entrance.number;
        debug!(connection = number, %address, "connected");
        let (acceptor, hall) = (acceptor.clone(), Arc::clone(hall));
        let deadline = Instant::now() + hall.config.login_timeout;
        start(format!("connection {number}"), move || {
            let link = match connection::shake_hands(&acceptor, stream, deadline) {
                Ok(link) => link,
                Err(reason) => {
                    debug!(connection = number, reason = %Chain(&reason), "no secure channel");
                    if let TransportError::TimedOut = reason {
                        ticket.offends(Offence::NoHandshake);
                    }
                    return;
                }
            };
            if entrance.known_as(&link) {
                connection::serve(&hall, &link, number, ticket, deadline);
            }
        });
    }

    /// Says why, where there is something to do about it and few are being told; else only closes.
    fn turn_away(self: &Arc<Self>, stream: TcpStream, reason: TurnedAway, acceptor: &Acceptor) {
        let code = match reason {
            TurnedAway::Full => ErrorCode::ServerFull,
            TurnedAway::AddressFull => ErrorCode::AddressFull,
            // Under attack nothing is spent on either.
            TurnedAway::Crowd | TurnedAway::Penalised => return,
        };
        let Some(refusal) = self.refuse() else { return };
        let acceptor = acceptor.clone();
        let deadline = Instant::now() + REFUSAL_TIMEOUT;
        start("refusal".to_owned(), move || {
            let Ok(link) = connection::shake_hands(&acceptor, stream, deadline) else { return };
            let event = Event::Error { code, peer: None };
            if let Ok(frame) = encode(&event, FRAME_BYTES_MAX_BEFORE_LOGIN) {
                link.queue(&frame);
                let _ = link.flush_by(deadline);
            }
            link.close();
            drop(refusal);
        });
    }

    fn refuse(self: &Arc<Self>) -> Option<Refusal> {
        let mut inside = self.inside.lock();
        if inside.refusals >= REFUSALS_AT_ONCE_MAX {
            return None;
        }
        inside.refusals += 1;
        Some(Refusal { door: Arc::clone(self) })
    }

    /// Lists a connection that was let in, so that it can be ended.
    fn enter(self: &Arc<Self>) -> Entrance {
        let mut inside = self.inside.lock();
        inside.last += 1;
        let number = inside.last;
        inside.connections.insert(number, None);
        Entrance { door: Arc::clone(self), number }
    }

    /// Lets the accepting thread return: the flag, and a knock to wake it. False when the knock was not
    /// heard (a firewall, no loopback): that thread then stays where it is, and lets nobody in any more.
    pub(super) fn shut(&self, local: SocketAddr) -> bool {
        self.shut.store(true, Ordering::Release);
        let mut knock = local;
        if local.ip().is_unspecified() {
            match local {
                SocketAddr::V4(_) => knock.set_ip(Ipv4Addr::LOCALHOST.into()),
                SocketAddr::V6(_) => knock.set_ip(Ipv6Addr::LOCALHOST.into()),
            }
        }
        TcpStream::connect_timeout(&knock, KNOCK_TIMEOUT).is_ok()
    }

    /// Ends every connection, and waits for their threads until the deadline. True when all are gone.
    ///
    /// Those without a handshake are not waited for: they have asked nothing, and will not be served.
    pub(super) fn empty(&self, deadline: Instant) -> bool {
        let links: Vec<Link> = self.inside.lock().connections.values().flatten().cloned().collect();
        for link in links {
            link.close();
        }
        let mut inside = self.inside.lock();
        while inside.known > 0 {
            if self.left.wait_until(&mut inside, deadline).timed_out() {
                break;
            }
        }
        inside.known == 0
    }
}

/// A connection on the list: off it when this is dropped, however its thread ends.
struct Entrance {
    door: Arc<Door>,
    number: u64,
}

impl Entrance {
    /// The connection can be ended from outside from now on; false when it is too late to begin.
    fn known_as(&self, link: &Link) -> bool {
        let mut inside = self.door.inside.lock();
        inside.connections.insert(self.number, Some(link.clone()));
        inside.known += 1;
        !self.door.shut.load(Ordering::Acquire)
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        let mut inside = self.door.inside.lock();
        if let Some(Some(_)) = inside.connections.remove(&self.number) {
            inside.known -= 1;
        }
        drop(inside);
        self.door.left.notify_all();
    }
}

/// Somebody being told why they are not let in.
struct Refusal {
    door: Arc<Door>,
}

impl Drop for Refusal {
    fn drop(&mut self) {
        self.door.inside.lock().refusals -= 1;
    }
}

/// Does a connection's work on a thread of its own; without one the connection is closed.
fn start(name: String, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(work) {
        warn!(%error, "no thread for a connection, which is closed");
    }
}

/// A connection that was gone before it was accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::Interrupted | K::TimedOut)
}
