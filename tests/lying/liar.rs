//! The server's end of real clients' connections, in the hands of a test.
//!
//! Registering and logging in are honest and short, as every lie here comes later. Reading the log and
//! asking for older keys are answered from the line's [`Archive`], which holds what the test put there;
//! every other request waits for the test to hear it.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::Mutex;
use securechat::{
    crypto::login,
    transport::{Acceptor, Link, ServerIdentity, Stragglers, listen},
    wire::{
        Agreement, Body, Bytes, Contact, Entry, Event, Frames, KeptKey, Outcome, OwnCopy, PROTOCOL_VERSION,
        Received, Registration, Request, Role, encode, limits::FRAME_BYTES_MAX,
    },
};

use crate::common::{PATIENCE, TestClient, password_of, securechat};

/// Takes a request apart, or fails with what was heard instead.
macro_rules! heard {
    ($heard:expr, $pattern:pat => $value:expr) => {
        match $heard {
            $pattern => $value,
            other => panic!("heard {other:?}"),
        }
    };
}
pub(crate) use heard;

/// A server that does what the test says.
pub struct Liar {
    folder: tempfile::TempDir,
    address: SocketAddr,
    key: String,
    /// For how long a client tries to get a lost connection back, in seconds.
    retry: &'static str,
    connections: Receiver<Link>,
}

impl Liar {
    /// Clients take the first lost connection for the end.
    pub fn starts() -> Self {
        Self::starts_for_clients_that_retry("0")
    }

    /// Clients try to get a lost connection back, for so many seconds.
    pub fn starts_for_clients_that_retry(retry: &'static str) -> Self {
        let pem = ServerIdentity::generate().unwrap();
        let identity = ServerIdentity::from_pem(&pem.certificate, &pem.key).unwrap();
        let acceptor = Acceptor::new(&identity, &Stragglers::start().unwrap()).unwrap();
        let listener = listen(Some(([127, 0, 0, 1], 0).into()), 0).unwrap();
        let (address, (sender, connections)) = (listener.local_addr().unwrap(), unbounded());
        std::thread::spawn(move || accept_all(&listener, &acceptor, &sender));
        let folder = tempfile::tempdir().unwrap();
        Self { folder, address, key: identity.fingerprint().to_string(), retry, connections }
    }

    /// Takes this person's machine its memory of peers.
    pub fn forgets(&self, name: &str) {
        forget(&self.home_of(name), name);
    }

    /// Where this person's client keeps its files for this server.
    pub fn home_of(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).join(format!("127.0.0.1~{}", self.address.port()))
    }

    /// The command of this person's client; key files cost as little as is allowed.
    pub fn client_command(&self, name: &str) -> Command {
        let mut command = securechat();
        command.arg("client").args(["--host", &self.address.to_string()]);
        command.arg("--home").arg(self.folder.path().join(name));
        command.args(["--server-key", &self.key, "--retry", self.retry]);
        command.env("SECURECHAT_KEY_FILE_MEMORY_MIB", "19").env("SECURECHAT_KEY_FILE_PASSES", "2");
        command
    }

    /// Starts a client.
    pub fn client(&self, name: &str) -> TestClient {
        TestClient::starts(name, self.client_command(name))
    }

    /// The next connection, before a word is said on it.
    pub fn connection(&self) -> Link {
        self.connections.recv_timeout(PATIENCE).expect("a connection")
    }

    /// The next connection, greeted.
    pub fn greets(&self) -> Line {
        let line = Line::new(self.connection());
        line.says(&Event::Hello { version: PROTOCOL_VERSION, registration: Registration::Open });
        line
    }

    /// A new account: the person is in the lobby.
    pub fn registers(&self, name: &str) -> (TestClient, Line) {
        let (mut client, line) = self.account(name, "no");
        let (username, key, signature) = heard!(line.hears(),
            Request::Register { username, login_key, signature, .. } => (username, login_key, signature));
        assert!(login::verify_register(&key, &username, &line.exporter(), &signature));
        line.says(&Event::LoggedIn {});
        client.sees("Account created");
        client.is_in_the_lobby();
        (client, line)
    }

    /// Somebody who has an account: the person is in the lobby.
    pub fn logs_in(&self, name: &str) -> (TestClient, Line) {
        let (mut client, line) = self.account(name, "yes");
        heard!(line.hears(), Request::Login { .. } => ());
        line.says(&Event::LoggedIn {});
        client.is_in_the_lobby();
        (client, line)
    }

    /// A client that lost its connection logs in again, by itself.
    pub fn comes_back(&self) -> Line {
        let line = self.greets();
        heard!(line.hears(), Request::Login { .. } => ());
        line.says(&Event::LoggedIn {});
        line
    }

    /// The first questions, answered.
    pub fn account(&self, name: &str, has_account: &str) -> (TestClient, Line) {
        let mut client = self.client(name);
        let line = self.greets();
        client.sees("Do you already have an account? (yes/no) ");
        client.types(has_account);
        client.sees("Username: ");
        client.types(name);
        client.sees("Password: ");
        client.types(&password_of(name));
        (client, line)
    }
}

/// Removes what a client remembers of peers from its folder for a server, and leaves the key file.
pub fn forget(home: &Path, name: &str) {
    fs::remove_file(home.join(format!("{name}.pins"))).unwrap();
}

fn accept_all(listener: &TcpListener, acceptor: &Acceptor, connections: &Sender<Link>) {
    while let Ok((stream, _)) = listener.accept() {
        let Ok(link) = acceptor.accept(stream, Instant::now() + PATIENCE) else { continue };
        if connections.send(link).is_err() {
            return;
        }
    }
}

/// What a line answers by itself.
#[derive(Default)]
pub struct Archive {
    pub log: Vec<Entry>,
    /// What is said to be the log's last number, if not what it is.
    pub said_last: Option<u64>,
    pub keys: Vec<KeptKey>,
    /// What is said of the person's contacts.
    pub contacts: Vec<Contact>,
    /// What the client said to have received.
    pub receipts: Vec<Received>,
}

impl Archive {
    fn last(&self) -> u64 {
        self.said_last.unwrap_or_else(|| self.log.last().map_or(0, |entry| entry.number))
    }
}

/// The server's end of one client's connection.
pub struct Line {
    link: Link,
    archive: Arc<Mutex<Archive>>,
    heard: Receiver<Request>,
}

impl Line {
    pub fn new(link: Link) -> Self {
        let archive = Arc::new(Mutex::new(Archive::default()));
        let (sender, heard) = unbounded();
        let (reading, kept) = (link.clone(), Arc::clone(&archive));
        std::thread::spawn(move || read_all(&reading, &kept, &sender));
        Self { link, archive, heard }
    }

    pub fn exporter(&self) -> [u8; 32] {
        self.link.exporter()
    }

    /// What reading the log and asking for keys is answered from.
    pub fn archives(&self, change: impl FnOnce(&mut Archive)) {
        change(&mut self.archive.lock());
    }

    pub fn says(&self, event: &Event) {
        say(&self.link, event);
    }

    /// Sends what need not be a frame.
    pub fn says_bytes(&self, bytes: &[u8]) {
        self.link.queue(bytes);
        self.link.flush_by(Instant::now() + PATIENCE).unwrap();
    }

    /// Hangs up.
    pub fn hangs_up(&self) {
        self.link.close();
    }

    /// The next request.
    pub fn hears(&self) -> Request {
        self.heard.recv_timeout(PATIENCE).expect("a request")
    }

    /// An invitation of this person; nothing else came before it.
    pub fn hears_invitation(&self, peer: &str) {
        let invited = heard!(self.hears(), Request::Invite { peer, .. } => peer);
        assert_eq!(invited.as_str(), peer);
    }

    /// The next request, a step of the agreement.
    pub fn hears_step(&self) -> Agreement {
        heard!(self.hears(), Request::Agree { step, .. } => step)
    }

    /// The next request, a refusal.
    pub fn hears_refusal(&self) {
        heard!(self.hears(), Request::Refuse { .. } => ());
    }

    /// The next request, an acceptance: the proof, and the sealed copy of a new key.
    pub fn hears_acceptance(&self) -> (Bytes<32>, Option<OwnCopy>) {
        heard!(self.hears(), Request::Accept { acceptance, copy, .. } => (acceptance, copy))
    }

    /// The next request, a message.
    pub fn hears_message(&self) -> Body {
        heard!(self.hears(), Request::Send { body, .. } => body)
    }

    /// Says that a run begins.
    pub fn starts(&self, peer: &str, run: u64, role: Role, kept: Option<KeptKey>) {
        let peer = peer.parse().unwrap();
        self.says(&Event::Started { peer, run, role, new_key: false, kept });
    }

    pub fn says_step(&self, peer: &str, run: u64, step: Agreement) {
        self.says(&Event::Agree { peer: peer.parse().unwrap(), run, step });
    }

    pub fn says_outcome(&self, peer: &str, run: u64, outcome: Outcome) {
        self.says(&Event::Outcome { peer: peer.parse().unwrap(), run, outcome });
    }

    pub fn says_agreed(&self, peer: &str, run: u64, acceptance: Bytes<32>) {
        self.says_outcome(peer, run, Outcome::Agreed { acceptance });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.link.close();
    }
}

fn say(link: &Link, event: &Event) {
    link.queue(&encode(event, FRAME_BYTES_MAX).unwrap());
    // A client that is gone has its test fail by what it does not see.
    let _ = link.flush_by(Instant::now() + PATIENCE);
}

fn read_all(link: &Link, archive: &Mutex<Archive>, heard: &Sender<Request>) {
    let mut frames = Frames::new(FRAME_BYTES_MAX);
    loop {
        while let Some(request) = frames.take::<Request>().unwrap() {
            if let Request::Receipt { number, proof, .. } = request {
                archive.lock().receipts.push(Received { number, proof });
                continue;
            }
            match from_archive(&archive.lock(), &request) {
                Some(answer) => say(link, &answer),
                None if heard.send(request).is_err() => return,
                None => {}
            }
        }
        if !matches!(link.receive(&mut frames, None), Ok(true)) {
            return;
        }
    }
}

fn from_archive(archive: &Archive, request: &Request) -> Option<Event> {
    match request {
        Request::Read { peer, from, count } => {
            let page = archive.log.iter().filter(|entry| entry.number >= *from).take(*count as usize);
            let entries = page.cloned().collect();
            Some(Event::Entries { peer: peer.clone(), entries, last: archive.last() })
        }
        Request::Key { peer, epoch } => {
            let kept = archive.keys.iter().find(|kept| kept.epoch == *epoch).cloned();
            Some(Event::Key { peer: peer.clone(), epoch: *epoch, kept })
        }
        Request::Contacts { .. } => Some(Event::Contacts { contacts: archive.contacts.clone(), more: false }),
        _ => None,
    }
}
