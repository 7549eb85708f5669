//! The server: accounts, presence, the meeting of two people, and the storage of what it cannot read.
//!
//! In reading order:
//!
//! - `fail_stop`: what happens when the disk can no longer be believed;
//! - `accounts`, `keyring` (over `json_file`): the two dictionaries;
//! - `log_line`, `log_file`, `log_search`, `log_table`, `log_streams`, `log_index`, `conversation_log`, `logs`:
//!   the conversations;
//! - `journal`, `commit`: when they are stored;
//! - `contacts`, `receipts`: who has a key with whom, and what they say to have of each other's messages;
//! - `registry`, `rendezvous`, `hall`: who is where, two answers and one outcome, and what joins them;
//! - `doorkeeper` (over `ledger`), `rates`, `invites`: who is let in, and how fast they may ask;
//! - `outgoing`, `requests`, `connection`, `arrival`, `listener`: one client, and all of them;
//! - `check`, `backup`: what is done to a data folder from outside;
//! - `capacity`: what the system allows;
//! - here: start and stop.
//!
//! Locks: each guards one part's memory, none is held across IO or a wait but a log's own (its file)
//! and a connection's gate (its append). Where two are held they are taken in this order: gate, log,
//! the committer's queue, registry, rendezvous, a link's outbox.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, bounded, select};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
use tracing::{info, warn};

mod accounts;
mod arrival;
pub mod backup;
#[doc(hidden)]
pub mod benching;
mod capacity;
pub mod check;
mod commit;
mod connection;
mod contacts;
mod conversation_log;
#[cfg(test)]
mod disk_tests;
mod doorkeeper;
mod error;
mod fail_stop;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod hall;
mod identity;
mod invites;
mod journal;
mod json_file;
mod keyring;
mod ledger;
pub mod limits;
mod listener;
pub mod log;
mod log_file;
mod log_index;
mod log_line;
mod log_search;
mod log_streams;
mod log_table;
mod logs;
mod outgoing;
mod parcel;
mod rates;
mod receipts;
mod registry;
mod rendezvous;
mod requests;
#[cfg(test)]
mod several_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod timing_tests;

pub use error::ServerError;
pub use invites::invite;

use accounts::{ACCOUNTS_FILE, Accounts};
use commit::Committer;
use contacts::Contacts;
use conversation_log::LogError;
use doorkeeper::Doorkeeper;
use fail_stop::FailStop;
use hall::Hall;
use invites::Invites;
use journal::Journal;
use keyring::{KEYS_FILE, Keyring};
use limits::Limits;
use listener::Door;
use log_index::Run;
use logs::{LOGS_FOLDER, Logs};
use receipts::Receipts;
use registry::{Effects, Registry};
use rendezvous::Rendezvous;

use crate::{
    store::{self, FolderLock},
    transport::{self, Acceptor, Fingerprint, Reception, Stragglers},
    wire::{DEFAULT_PORT, Registration},
};

/// What a server is told.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where to listen; `None` is [`DEFAULT_PORT`] of every interface, port 0 any free port.
    pub listen: Option<SocketAddr>,
    /// The folder with everything the server keeps; made if it is not there.
    pub data: PathBuf,
    /// A certificate's file and its key's, both PEM; `None` is the server's own, made at its first start.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Connections at once, logged in or not.
    pub max_clients: usize,
    /// From the accepted connection to the answered login.
    pub login_timeout: Duration,
    /// From the start of a run to both people's answers.
    pub answer_timeout: Duration,
    /// How long a client may leave what it is sent unread before it is disconnected.
    pub write_timeout: Duration,
    /// When a message is said to be stored.
    pub durability: Durability,
    /// What each of the journal's two files has at first, in bytes. They grow as they are used.
    pub journal_bytes: u64,
    /// Who may make an account.
    pub registration: Registration,
    /// What keeps people out and keeps serving the others.
    pub limits: Limits,
}

/// When a message is said to be stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// Once the disk has it: it is there after a power cut.
    #[default]
    Disk,
    /// Once the operating system has it: it is there after a crash of the server, and a power cut may
    /// lose what was stored in the last half a minute or so.
    Os,
}

impl ServerConfig {
    /// The defaults, with this data folder.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        Self {
            listen: None,
            data,
            tls: None,
            max_clients: limits::CLIENTS_MAX,
            login_timeout: limits::LOGIN_TIMEOUT,
            answer_timeout: limits::ANSWER_TIMEOUT,
            write_timeout: limits::WRITE_TIMEOUT,
            durability: Durability::Disk,
            journal_bytes: limits::JOURNAL_BYTES,
            registration: Registration::Open,
            limits: Limits::for_clients(limits::CLIENTS_MAX),
        }
    }
}

/// What a server says of itself once it accepts connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Where it listens, with the port it got.
    pub address: SocketAddr,
    /// The fingerprint of its key, for clients to compare and pin.
    pub fingerprint: Fingerprint,
}

/// Runs a server until SIGTERM or SIGINT. `announce` is called once, when connections are accepted.
///
/// On a signal the clients are told, what was accepted is stored, and this returns `Ok` within
/// [`limits::STOP_TIMEOUT`]. Nothing else of the process is touched.
///
/// # Errors
/// As the variants of [`ServerError`] say; [`ServerError::DiskFailed`] when the server stopped itself.
pub fn run(config: ServerConfig, announce: &mut dyn FnMut(Announcement)) -> Result<(), ServerError> {
    // Before anything is opened: a signal while starting is not lost.
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(ServerError::system("signals"))?;
    let (signalled, signal) = bounded(1);
    let handle = signals.handle();
    let watcher = spawn("signals", move || {
        for signal in signals.forever() {
            let _ = signalled.try_send(signal);
        }
    })?;
    let result = Server::start(config).and_then(|server| {
        announce(server.announcement());
        let failed = select! {
            recv(signal) -> _ => None,
            recv(server.failure) -> reason => reason.ok(),
        };
        server.stop();
        failed.map_or(Ok(()), |reason| Err(reason.into()))
    });
    handle.close();
    let _ = watcher.join();
    result
}

/// A running server.
struct Server {
    hall: Arc<Hall>,
    door: Arc<Door>,
    reception: Arc<Reception>,
    listening: JoinHandle<()>,
    settler: JoinHandle<()>,
    /// Gets the reason when the disk refuses.
    failure: Receiver<LogError>,
    address: SocketAddr,
    fingerprint: Fingerprint,
    /// Last: the folder is free when everything above has ended.
    _lock: FolderLock,
}

impl Server {
    /// Opens everything and accepts connections.
    fn start(mut config: ServerConfig) -> Result<Self, ServerError> {
        capacity::fit(&mut config);
        let data = config.data.clone();
        store::create_folder(&data)?;
        let lock =
            store::lock_folder(&data)?.ok_or_else(|| ServerError::DataInUse { folder: data.clone() })?;
        store::clear_unfinished(&data)?;
        let identity = identity::load(&data, config.tls.as_ref())?;
        let fingerprint = identity.fingerprint();
        let stragglers =
            Stragglers::start_with(config.write_timeout).map_err(ServerError::system("a thread"))?;
        let acceptor = Acceptor::new(&identity, &stragglers)?;
        let (fail_stop, failure) = FailStop::new();
        let hall = Arc::new(open_hall(config, &fail_stop)?);
        let listen = hall.config.listen;
        let listener = transport::listen(listen, DEFAULT_PORT)
            .map_err(|source| ServerError::listen(listen, DEFAULT_PORT, source))?;
        let address = listener.local_addr().map_err(ServerError::system("the local address"))?;
        let settler = hall.start_settler().map_err(ServerError::system("a thread"))?;
        let door = Arc::new(Door::default());
        let reception = Reception::start(acceptor, limits::reception_threads());
        let reception = Arc::new(reception.map_err(ServerError::system("a thread"))?);
        let listening = listening(listener, &door, &reception, &hall)?;
        info!(%address, "accepting connections");
        Ok(Self { hall, door, reception, listening, settler, failure, address, fingerprint, _lock: lock })
    }

    fn announcement(&self) -> Announcement {
        Announcement { address: self.address, fingerprint: self.fingerprint }
    }

    /// Tells the clients, stores what was accepted, and ends every thread that ends in time.
    fn stop(self) {
        let deadline = Instant::now() + limits::STOP_TIMEOUT;
        info!("stopping");
        if self.door.shut(self.address) {
            let _ = self.listening.join();
        }
        self.reception.stop();
        // What was acknowledged so far is said before the farewell, and what comes after it is stored too.
        let drained = self.hall.committer.drain(limits::STOP_TIMEOUT / 4);
        let mut effects = Effects::default();
        self.hall.registry.stop(&mut effects);
        effects.touched.flush();
        let gone = self.door.empty(deadline - limits::STOP_TIMEOUT / 2);
        let stored = self.hall.committer.close(deadline - Instant::now());
        self.hall.logs.put_aside();
        self.hall.rendezvous.stop();
        let _ = self.settler.join();
        info!(drained, gone, stored, "stopped");
    }
}

/// Reads everything the server keeps.
fn open_hall(config: ServerConfig, fail_stop: &FailStop) -> Result<Hall, ServerError> {
    let data = config.data.clone();
    check_companions(&data)?;
    let accounts = Accounts::load(&data, fail_stop.clone())?;
    let keyring = Keyring::load(&data, fail_stop.clone())?;
    let contacts = keyring.pairs(|pairs| Contacts::of_pairs(pairs));
    let receipts = Receipts::open(&data)?;
    let healed = fail_stop.watch(journal::heal(&data))?;
    if healed.torn > 0 {
        warn!(logs = healed.torn, "logs ended in a torn line: a crash, or a full disk");
    }
    let run = Run::new(healed.clean);
    let open_logs = capacity::open_logs(config.max_clients);
    let (logs, conversations) = Logs::open(&data, open_logs, run, fail_stop.clone())?;
    info!(accounts = accounts.count(), pairs = keyring.count(), conversations, "opened {data:?}");
    let committer = open_committer(&config, open_logs / 2, fail_stop)?;
    let rendezvous = Arc::new(Rendezvous::default());
    let registry = Registry::new(Arc::clone(&rendezvous), config.answer_timeout, &config.limits);
    let invites = Invites::load(&config.data, &accounts, fail_stop.clone())?;
    let doorkeeper = Arc::new(Doorkeeper::new(config.max_clients, config.limits.clone()));
    Ok(Hall {
        config,
        doorkeeper,
        accounts,
        invites,
        keyring,
        contacts,
        logs,
        receipts,
        registry,
        rendezvous,
        committer,
    })
}

/// What stands between a message and its acknowledgement. So many logs may be open for the journal's sake.
fn open_committer(
    config: &ServerConfig,
    unsynced_max: usize,
    fail_stop: &FailStop,
) -> Result<Committer, ServerError> {
    if config.durability == Durability::Os {
        // Without one the next start knows that the disk may lack something.
        for path in journal::files(&config.data) {
            store::remove(&path)?;
        }
        return Ok(Committer::of_the_system());
    }
    let journal = Journal::open(&config.data, config.journal_bytes, unsynced_max, fail_stop.clone())?;
    Committer::start(journal, fail_stop.clone()).map_err(ServerError::system("a thread"))
}

/// A file that is gone while another is there that only comes after it: never taken for a first start.
fn check_companions(data: &Path) -> Result<(), ServerError> {
    let (accounts, keys) = (data.join(ACCOUNTS_FILE), data.join(KEYS_FILE));
    if Logs::any(data)? && !keys.exists() {
        return Err(ServerError::Missing { missing: keys, there: data.join(LOGS_FOLDER) });
    }
    if keys.exists() && !accounts.exists() {
        return Err(ServerError::Missing { missing: accounts, there: keys });
    }
    Ok(())
}

fn listening(
    listener: TcpListener,
    door: &Arc<Door>,
    reception: &Arc<Reception>,
    hall: &Arc<Hall>,
) -> Result<JoinHandle<()>, ServerError> {
    let (door, reception, hall) = (Arc::clone(door), Arc::clone(reception), Arc::clone(hall));
    spawn("listener", move || door.accept(&listener, &reception, &hall))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, ServerError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(ServerError::system("a thread"))
}
