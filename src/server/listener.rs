//! The door: accepts connections, counts them, and gives each its thread.

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
    error::Chain,
    hall::Hall,
    limits::{ACCEPT_PAUSE, STACK_BYTES},
};
use crate::transport::{Acceptor, Link};

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
    turned_away: u64,
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
        let Some(entrance) = self.enter(hall.config.max_clients) else {
            return;
        };
        let number = entrance.number;
        debug!(connection = number, %address, "connected");
        let (acceptor, hall) = (acceptor.clone(), Arc::clone(hall));
        let deadline = Instant::now() + hall.config.login_timeout;
        let thread = thread::Builder::new().name(format!("connection {number}")).stack_size(STACK_BYTES);
        let started = thread.spawn(move || {
            let link = match connection::shake_hands(&acceptor, stream, deadline) {
                Ok(link) => link,
                Err(reason) => {
                    debug!(connection = number, reason = %Chain(&reason), "no secure channel");
                    return;
                }
            };
            if entrance.known_as(&link) {
                connection::serve(&hall, &link, number, deadline);
            }
        });
        if let Err(error) = started {
            warn!(%error, "no thread for a connection, which is closed");
        }
    }

    /// Counts a connection in; `None`, and the connection is dropped, when there are too many.
    fn enter(self: &Arc<Self>, max: usize) -> Option<Entrance> {
        let mut inside = self.inside.lock();
        if inside.connections.len() >= max {
            inside.turned_away += 1;
            let turned_away = inside.turned_away;
            drop(inside);
            // The 1st, 2nd, 4th, 8th, ...: a flood of connections is not a flood of lines.
            if turned_away.is_power_of_two() {
                warn!(max, turned_away, "full: connections are turned away");
            }
            return None;
        }
        inside.last += 1;
        let number = inside.last;
        inside.connections.insert(number, None);
        Some(Entrance { door: Arc::clone(self), number })
    }

    /// Lets the accepting thread return: the flag, and a knock to wake it.
    pub(super) fn shut(&self, local: SocketAddr) {
        self.shut.store(true, Ordering::Release);
        let mut knock = local;
        if local.ip().is_unspecified() {
            match local {
                SocketAddr::V4(_) => knock.set_ip(Ipv4Addr::LOCALHOST.into()),
                SocketAddr::V6(_) => knock.set_ip(Ipv6Addr::LOCALHOST.into()),
            }
        }
        let _ = TcpStream::connect_timeout(&knock, KNOCK_TIMEOUT);
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

/// A connection's place in the count: free again when this is dropped, however its thread ends.
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

/// A connection that was gone before it was accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::Interrupted | K::TimedOut)
}
