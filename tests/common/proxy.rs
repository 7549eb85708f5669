//! A bad line: a TCP proxy before the server that the test cuts, holds, splits and slows as it likes.
//!
//! It forwards bytes and understands none of them.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use socket2::SockRef;

use super::{PATIENCE, TestClient, password_of, securechat, server::TestServer};

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Both ends hear that the other has ended (FIN); what was forwarded before arrives.
    Ends,
    /// Both ends hear that the connection is broken (RST); what was not read yet is gone.
    Breaks,
}

/// A direction, as seen by the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// The line of one or more clients to one server.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    line: Mutex<Line>,
    changed: Condvar,
}

/// What the line is like now.
struct Line {
    server: SocketAddr,
    refuses: bool,
    stalled: bool,
    /// The most bytes that are written at once.
    piece: usize,
    /// Before each write.
    delay: Duration,
    /// Cuts when so many more bytes have gone that way.
    cut_after: Option<(Way, u64, Cut)>,
    /// Bytes forwarded so far: up, down.
    forwarded: [u64; 2],
    /// Connections taken so far.
    taken: u64,
    open: Vec<Arc<Wires>>,
    over: bool,
}

/// The two sockets of one connection.
struct Wires {
    client: TcpStream,
    server: TcpStream,
}

impl Wires {
    /// Neither direction is of use any more; the sockets close with their last holder.
    fn cut(&self, how: Cut) {
        for stream in [&self.client, &self.server] {
            match how {
                Cut::Ends => {
                    let _ = stream.shutdown(Shutdown::Both);
                }
                Cut::Breaks => {
                    // Closed with no time to linger, a socket says RST. Only the reading half is shut
                    // before: that wakes the threads and says nothing to the other side.
                    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
                    let _ = stream.shutdown(Shutdown::Read);
                }
            }
        }
    }
}

impl Proxy {
    /// A good line to this server.
    pub fn to(server: &TestServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let line = Line {
            server: SocketAddr::from(([127, 0, 0, 1], server.port())),
            refuses: false,
            stalled: false,
            piece: usize::MAX,
            delay: Duration::ZERO,
            cut_after: None,
            forwarded: [0, 0],
            taken: 0,
            open: Vec::new(),
            over: false,
        };
        let shared = Arc::new(Shared { line: Mutex::new(line), changed: Condvar::new() });
        let taking = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if taking.line.lock().over {
                    return;
                }
                taking.take(stream);
            }
        });
        Self { port, shared }
    }

    /// Its address, for `--host`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The command of this person's client, over this line. `more` are further arguments.
    pub fn command(&self, server: &TestServer, name: &str, more: &[&str]) -> Command {
        let direct = server.client_command(name);
        let mut command = securechat();
        let host = server.host();
        for argument in direct.get_args() {
            if argument == host.as_str() {
                command.arg(self.host());
            } else {
                command.arg(argument);
            }
        }
        command.args(more);
        command.envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    /// Starts this person's client over this line.
    pub fn client(&self, server: &TestServer, name: &str) -> TestClient {
        TestClient::starts(name, self.command(server, name, &[]))
    }

    /// A new account over this line: the person is in the lobby.
    pub fn registers(&self, server: &TestServer, name: &str) -> TestClient {
        let mut client = self.client(server, name);
        client.says_they_are_new(name, &password_of(name));
        client.sees("Account created");
        client.is_in_the_lobby();
        client
    }

    /// Somebody who has an account, over this line: the person is in the lobby.
    pub fn logs_in(&self, server: &TestServer, name: &str) -> TestClient {
        let mut client = self.client(server, name);
        client.says_who_they_are(name, &password_of(name));
        client.is_in_the_lobby();
        client
    }

    /// Cuts every connection that is open now.
    pub fn cuts(&self, how: Cut) {
        let mut line = self.shared.line.lock();
        for wires in line.open.drain(..) {
            wires.cut(how);
        }
        drop(line);
        self.shared.changed.notify_all();
    }

    /// Cuts every connection that is open once exactly so many more bytes have gone that way.
    pub fn cuts_after(&self, way: Way, bytes: u64, how: Cut) {
        self.shared.line.lock().cut_after = Some((way, bytes, how));
    }

    /// Waits until no more than so many connections are open: what the farewell of an earlier one still
    /// brings would count for a cut, and the cut would come too early.
    pub fn waits_for_open(&self, connections: usize) {
        self.waits_until("the end of earlier connections", |line| line.open.len() <= connections);
    }

    /// Whether the cut that was ordered has happened.
    pub fn has_cut(&self) -> bool {
        self.shared.line.lock().cut_after.is_none()
    }

    /// No cut is ordered any more.
    pub fn cuts_no_more(&self) {
        self.shared.line.lock().cut_after = None;
    }

    /// Waits until the cut that was ordered has happened.
    pub fn waits_for_the_cut(&self) {
        self.waits_until("a cut", |line| line.cut_after.is_none());
    }

    /// Holds every byte of both directions, on connections open and new, or lets them go on.
    pub fn stalls(&self, stalled: bool) {
        self.shared.line.lock().stalled = stalled;
        self.shared.changed.notify_all();
    }

    /// Takes no new connections for now: whoever tries hears that at once.
    pub fn refuses(&self, refuses: bool) {
        self.shared.line.lock().refuses = refuses;
    }

    /// Writes at most so many bytes at once.
    pub fn splits(&self, bytes: usize) {
        self.shared.line.lock().piece = bytes;
    }

    /// Waits so long before each write.
    pub fn delays(&self, delay: Duration) {
        self.shared.line.lock().delay = delay;
    }

    /// Bytes that went that way so far.
    pub fn forwarded(&self, way: Way) -> u64 {
        self.shared.line.lock().forwarded[way as usize]
    }

    /// Connections tried so far.
    pub fn taken(&self) -> u64 {
        self.shared.line.lock().taken
    }

    /// Waits until so many connections were tried.
    pub fn waits_for_tries(&self, tries: u64) {
        self.waits_until("tries to connect", |line| line.taken >= tries);
    }

    /// Waits until more than so many bytes went that way.
    pub fn waits_for_bytes(&self, way: Way, more_than: u64) {
        self.waits_until("bytes", |line| line.forwarded[way as usize] > more_than);
    }

    fn waits_until(&self, what: &str, holds: impl Fn(&Line) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut line = self.shared.line.lock();
        while !holds(&line) {
            assert!(!self.shared.changed.wait_until(&mut line, deadline).timed_out(), "{what} did not come");
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.line.lock().over = true;
        self.cuts(Cut::Ends);
        self.stalls(false);
        // The thread that takes connections looks once more, and ends.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn take(self: &Arc<Self>, client: TcpStream) {
        let (refuses, server) = {
            let mut line = self.line.lock();
            line.taken += 1;
            (line.refuses, line.server)
        };
        self.changed.notify_all();
        let server = if refuses { None } else { TcpStream::connect(server).ok() };
        let Some(server) = server else {
            let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let wires = Arc::new(Wires { client, server });
        self.line.lock().open.push(Arc::clone(&wires));
        for way in [Way::Up, Way::Down] {
            let (shared, wires) = (Arc::clone(self), Arc::clone(&wires));
            thread::spawn(move || shared.pump(&wires, way));
        }
    }

    /// Forwards one direction until it ends.
    fn pump(&self, wires: &Arc<Wires>, way: Way) {
        let (mut from, mut to) = match way {
            Way::Up => (&wires.client, &wires.server),
            Way::Down => (&wires.server, &wires.client),
        };
        let mut chunk = vec![0_u8; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut chunk) {
            let mut rest = &chunk[..read];
            while !rest.is_empty() {
                let Some((now, cut, delay)) = self.allow(wires, way, rest.len()) else { return };
                if !delay.is_zero() {
                    thread::sleep(delay);
                }
                let written = to.write_all(&rest[..now]).is_ok();
                if let Some(how) = cut {
                    self.cut_here(how);
                    return;
                }
                if !written {
                    break;
                }
                rest = &rest[now..];
            }
        }
        // One end is gone: so is the other. A broken one is passed on as an ended one.
        let _ = to.shutdown(Shutdown::Write);
        self.line.lock().open.retain(|open| !Arc::ptr_eq(open, wires));
        self.changed.notify_all();
    }

    /// How many of these bytes may go now, and whether the line is cut after them; `None` when it is cut.
    fn allow(&self, wires: &Arc<Wires>, way: Way, bytes: usize) -> Option<(usize, Option<Cut>, Duration)> {
        let mut line = self.line.lock();
        while line.stalled && line.open.iter().any(|open| Arc::ptr_eq(open, wires)) {
            self.changed.wait(&mut line);
        }
        if !line.open.iter().any(|open| Arc::ptr_eq(open, wires)) {
            return None;
        }
        let mut now = bytes.min(line.piece);
        let mut cut = None;
        if let Some((which, left, how)) = &mut line.cut_after
            && *which == way
        {
            now = now.min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= now as u64;
            cut = (*left == 0).then_some(*how);
        }
        line.forwarded[way as usize] += now as u64;
        let delay = line.delay;
        drop(line);
        self.changed.notify_all();
        Some((now, cut, delay))
    }

    fn cut_here(&self, how: Cut) {
        let mut line = self.line.lock();
        for wires in line.open.drain(..) {
            wires.cut(how);
        }
        line.cut_after = None;
        drop(line);
        self.changed.notify_all();
    }
}
