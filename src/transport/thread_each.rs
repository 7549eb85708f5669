//! The reception of systems without epoll: a thread for each newcomer until it has arrived.

use std::{
    io,
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::{
    Acceptor,
    newcomer::{Arrival, Newcomer, Wanted, Welcome},
    socket::Socket,
};

/// The stack of a thread that receives, in bytes.
const STACK_BYTES: usize = 512 * 1024;

/// Between two looks at whether the reception has stopped.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Receives newcomers until it is stopped.
// Where it is in use it is public; on Linux only tests see it.
#[cfg_attr(target_os = "linux", expect(unreachable_pub))]
pub struct Reception {
    acceptor: Acceptor,
    stopped: Arc<AtomicBool>,
}

#[cfg_attr(target_os = "linux", expect(unreachable_pub))]
impl Reception {
    /// Ready to receive.
    ///
    /// # Errors
    /// None; the reception of Linux has some.
    pub fn start(acceptor: Acceptor, _threads: usize) -> io::Result<Self> {
        Ok(Self { acceptor, stopped: Arc::default() })
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
        let newcomer = Newcomer::new(Arc::new(Socket::new(stream)?), welcome);
        let (acceptor, stopped) = (self.acceptor.clone(), Arc::clone(&self.stopped));
        let thread = thread::Builder::new().name("reception".to_owned()).stack_size(STACK_BYTES);
        thread.spawn(move || {
            if let Some(arrival) = arrive(newcomer, &acceptor, deadline, &stopped) {
                then(arrival);
            }
        })?;
        Ok(())
    }

    /// Ends every connection that has not arrived.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }
}

/// What becomes of a newcomer; `None` when the reception stops first.
fn arrive(
    mut newcomer: Newcomer,
    acceptor: &Acceptor,
    deadline: Instant,
    stopped: &AtomicBool,
) -> Option<Arrival> {
    let socket = newcomer.socket();
    loop {
        let wanted = match newcomer.advance(acceptor) {
            Ok(wanted) => wanted,
            Err(arrival) => return Some(arrival),
        };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if stopped.load(Ordering::Acquire) {
                return None;
            }
            if left.is_zero() {
                return Some(newcomer.give_up());
            }
            match wait(&socket, wanted, left.min(LOOK_AGAIN)) {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => return Some(Arrival::Failed(io::Error::from(error).into())),
            }
        }
    }
}

/// Whether what is wanted came within that time.
fn wait(socket: &Socket, wanted: Wanted, within: Duration) -> Result<bool, Errno> {
    let flags = match wanted {
        Wanted::Bytes => PollFlags::IN,
        Wanted::Room => PollFlags::OUT,
    };
    let mut waiting = [PollFd::new(socket, flags)];
    let within = Timespec { tv_sec: 0, tv_nsec: within.as_nanos().try_into().unwrap_or(0) };
    match poll(&mut waiting, Some(&within)) {
        Err(Errno::INTR) => Ok(false),
        other => Ok(other? > 0),
    }
}
