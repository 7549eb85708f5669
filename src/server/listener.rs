//! The door: accepts connections, asks the doorkeeper, hands those that are let in to the reception, and can end them all.

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
    arrival::{self, Stranger},
    doorkeeper::TurnedAway,
    hall::Hall,
    limits::{ACCEPT_PAUSE, REFUSAL_TIMEOUT, REFUSALS_AT_ONCE_MAX},
    outgoing,
};
use crate::{
    transport::{Link, Reception, Welcome},
    wire::{ErrorCode, Event, limits::FRAME_BYTES_MAX_BEFORE_LOGIN},
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
    /// By connection number; `None` until the first frame is there.
    connections: HashMap<u64, Option<Link>>,
    /// How many of them have said one.
    known: usize,
    last: u64,
    /// How many of them are only being told why they are not let in.
    refusals: usize,
}

impl Door {
    /// Accepts until the door is shut. No failure of one connection ends it.
    pub(super) fn accept(self: &Arc<Self>, listener: &TcpListener, reception: &Reception, hall: &Arc<Hall>) {
        let greeting = arrival::greeting(hall);
        loop {
            let accepted = listener.accept();
            if self.shut.load(Ordering::Acquire) {
                return;
            }
            match accepted {
                Ok((stream, address)) => self.admit(stream, address, &greeting, reception, hall),
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
        greeting: &Arc<[u8]>,
        reception: &Reception,
        hall: &Arc<Hall>,
    ) {
        let ticket = match hall.doorkeeper.admit(address.ip()) {
            Ok(ticket) => ticket,
            Err(reason) => return self.turn_away(stream, reason, reception),
        };
        let entrance = self.enter();
        debug!(connection = entrance.number, %address, "connected");
        let deadline = Instant::now() + hall.config.login_timeout;
        let welcome =
            Welcome { greeting: Arc::clone(greeting), frame_bytes_max: Some(FRAME_BYTES_MAX_BEFORE_LOGIN) };
        let stranger = Stranger { hall: Arc::clone(hall), entrance, ticket, deadline };
        let received = reception.receive(stream, welcome, deadline, move |arrival| stranger.arrives(arrival));
        if let Err(error) = received {
            debug!(%error, "a connection could not be received");
        }
    }

    /// Says why, where there is something to do about it and few are being told; else only closes.
    fn turn_away(self: &Arc<Self>, stream: TcpStream, reason: TurnedAway, reception: &Reception) {
        let code = match reason {
            TurnedAway::Full => ErrorCode::ServerFull,
            TurnedAway::AddressFull => ErrorCode::AddressFull,
            // Under attack nothing is spent on any of these.
            TurnedAway::TooOften | TurnedAway::Crowd | TurnedAway::Penalised => return,
        };
        let Some(refusal) = self.refuse() else { return };
        let Some(greeting) = outgoing::frame(&Event::Error { code, peer: None }) else { return };
        let welcome = Welcome { greeting: greeting.into(), frame_bytes_max: None };
        let deadline = Instant::now() + REFUSAL_TIMEOUT;
        // Heard with the handshake's end; then the link is dropped, and with it closed.
        let _ = reception.receive(stream, welcome, deadline, move |_| drop(refusal));
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
    /// Those that have asked nothing are not waited for: they are the reception's, which ends them.
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
pub(super) struct Entrance {
    door: Arc<Door>,
    pub(super) number: u64,
}

impl Entrance {
    /// The connection can be ended from outside from now on; false when it is too late to begin.
    pub(super) fn known_as(&self, link: &Link) -> bool {
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

/// A connection that was gone before it was accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::Interrupted | K::TimedOut)
}
