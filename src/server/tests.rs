//! A whole server and real connections to it.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    sync::{LazyLock, mpsc},
};

use super::*;
use crate::{
    crypto::key_file::{KdfCost, KeyFile, Password, Unlocked},
    transport::{Link, Trust, connect},
    wire::{
        Blob, Body, Bytes, ErrorCode, Event, Frames, Header, Outcome, OwnCopy, Registration, Request,
        Username, encode,
        limits::{FRAME_BYTES_MAX, PADDED_BYTES_MAX, TAG_BYTES},
    },
};

/// Long enough that only a real failure reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

/// One login key for everybody here: a signature names whose login it is.
static UNLOCKED: LazyLock<Unlocked> = LazyLock::new(|| {
    let password = Password::new("correct horse".to_owned()).unwrap();
    KeyFile::create(&name("anybody"), &password, KdfCost::FLOOR).unwrap().1
});

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

fn body(counter: u64, padded: usize) -> Body {
    let header = Header { epoch: 1, stream: Bytes([7; 16]), counter, previous: Bytes([0; 32]) };
    Body::new(&header, &vec![1; padded + TAG_BYTES]).unwrap()
}

struct TestServer {
    server: Option<Server>,
    folder: Option<tempfile::TempDir>,
}

impl TestServer {
    fn start() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(config(folder.path(), change)).unwrap();
        Self { server: Some(server), folder: Some(folder) }
    }

    /// Stops it and starts another on the same folder.
    fn restarted(mut self) -> Self {
        self.server.take().unwrap().stop();
        let folder = self.folder.take().unwrap();
        let server = Server::start(config(folder.path(), |_| ())).unwrap();
        Self { server: Some(server), folder: Some(folder) }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn data(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    /// A connection.
    fn reaches(&self) -> Client {
        let Announcement { address, fingerprint } = self.server().announcement();
        let link = connect("127.0.0.1", address.port(), &Trust::Fingerprint(fingerprint), PATIENCE).unwrap();
        Client { link, frames: Frames::new(FRAME_BYTES_MAX) }
    }

    /// A connection that has been greeted.
    fn connect(&self) -> Client {
        let mut client = self.reaches();
        assert_eq!(client.sees(), Event::Hello { version: 1, registration: Registration::Open });
        client
    }

    /// Someone who has registered just now.
    fn register(&self, who: &str) -> Client {
        let mut client = self.connect();
        client.registers(who);
        assert_eq!(client.sees(), Event::LoggedIn {});
        client
    }

    fn log_in(&self, who: &str) -> Client {
        let mut client = self.connect();
        client.logs_in(who);
        assert_eq!(client.sees(), Event::LoggedIn {});
        client
    }

    fn talking(&self, one: &str, other: &str) -> (Client, Client) {
        let (mut alice, mut bob) = (self.register(one), self.register(other));
        alice.asks(&Request::Invite { peer: name(other), new_key: false });
        assert_eq!(bob.sees(), Event::Invited { peer: name(one) });
        let Event::Started { run, .. } = alice.sees() else { panic!() };
        bob.sees();
        for (client, peer) in [(&mut alice, other), (&mut bob, one)] {
            let copy = Some(OwnCopy { epoch: 1, key_id: Bytes([1; 16]), sealed: Blob(vec![1]) });
            client.asks(&Request::Accept { peer: name(peer), run, acceptance: Bytes([2; 32]), copy });
        }
        for client in [&mut alice, &mut bob] {
            assert!(matches!(client.sees(), Event::Outcome { outcome: Outcome::Agreed { .. }, .. }));
        }
        (alice, bob)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

fn config(data: &Path, change: impl FnOnce(&mut ServerConfig)) -> ServerConfig {
    let mut config = ServerConfig::new(data.to_owned());
    config.listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    change(&mut config);
    config
}

struct Client {
    link: Link,
    frames: Frames,
}

impl Client {
    fn queues(&self, request: &Request) {
        self.link.queue(&encode(request, FRAME_BYTES_MAX).unwrap());
    }

    fn asks(&mut self, request: &Request) {
        self.queues(request);
        self.link.flush_by(Instant::now() + PATIENCE).unwrap();
    }

    fn registers(&mut self, who: &str) {
        let login = &UNLOCKED.login;
        let signature = login.sign_register(&name(who), &self.link.exporter());
        self.asks(&Request::Register {
            username: name(who),
            login_key: login.public(),
            signature,
            invitation: None,
        });
    }

    fn logs_in(&mut self, who: &str) {
        let signature = UNLOCKED.login.sign_login(&name(who), &self.link.exporter());
        self.asks(&Request::Login { username: name(who), signature });
    }

    fn sends(&mut self, peer: &str, counter: u64) {
        self.asks(&Request::Send { peer: name(peer), body: body(counter, 128) });
    }

    /// The next event; `None` when the server has closed.
    fn next(&mut self) -> Option<Event> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.frames.take().unwrap() {
                return Some(event);
            }
            if !self.link.receive(&mut self.frames, Some(deadline)).unwrap() {
                return None;
            }
        }
    }

    fn sees(&mut self) -> Event {
        self.next().expect("the server closed")
    }

    fn sees_error(&mut self, expected: ErrorCode) {
        match self.sees() {
            Event::Error { code, .. } => assert_eq!(code, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_account_is_made_once_and_logs_in_after_a_restart() {
    let server = TestServer::start();
    let alice = server.register("alice");
    let mut other = server.connect();
    other.registers("alice");
    other.sees_error(ErrorCode::NameTaken);
    other.registers("bob");
    assert_eq!(other.sees(), Event::LoggedIn {}, "the same connection may try another name");
    drop((alice, other));
    let server = server.restarted();
    let mut alice = server.log_in("alice");
    alice.asks(&Request::Who {});
    assert_eq!(alice.sees(), Event::Who { connected: vec![name("alice")], total: 1 });
}

#[test]
fn a_wrong_login_an_unknown_name_and_another_connections_signature_are_one_answer() {
    let server = TestServer::start();
    drop(server.register("alice"));
    let elsewhere = server.connect();
    let signature = UNLOCKED.login.sign_login(&name("alice"), &elsewhere.link.exporter());
    let mut client = server.connect();
    client.asks(&Request::Login { username: name("alice"), signature });
    let wrong = client.sees();
    assert_eq!(wrong, Event::Error { code: ErrorCode::WrongUsernameOrPassword, peer: None });
    let mut client = server.connect();
    let start = Instant::now();
    client.logs_in("nobody");
    assert_eq!(client.sees(), wrong);
    assert!(start.elapsed() >= limits::WRONG_LOGIN_DELAY_MIN, "a wrong login is answered late");
    client.logs_in("alice");
    assert_eq!(client.sees(), Event::LoggedIn {});
}

#[test]
fn messages_of_one_write_are_stored_in_order_and_delivered_in_order() {
    let server = TestServer::start();
    let (alice, mut bob) = server.talking("alice", "bob");
    let mut alice = alice;
    for counter in 0..200 {
        alice.queues(&Request::Send { peer: name("bob"), body: body(counter, 128) });
    }
    alice.link.flush_by(Instant::now() + PATIENCE).unwrap();
    for counter in 0..200 {
        assert!(
            matches!(alice.sees(), Event::Stored { counter: c, number, .. } if (c, number) == (counter, counter + 1))
        );
        assert!(matches!(bob.sees(), Event::Message { entry, .. } if entry.number == counter + 1));
    }
    drop((alice, bob));
    let text = fs::read_to_string(server.data().join("conversations/alice+bob.txt")).unwrap();
    assert_eq!(text.lines().count(), 200);
    let server = server.restarted();
    let mut bob = server.log_in("bob");
    bob.asks(&Request::Read { peer: name("alice"), from: 150, count: 500 });
    assert!(matches!(bob.sees(), Event::Entries { entries, last: 200, .. } if entries.len() == 51));
}

#[test]
fn a_newer_login_takes_over_and_the_older_connection_ends() {
    let server = TestServer::start();
    let (mut alice, mut bob) = server.talking("alice", "bob");
    let mut newer = server.log_in("alice");
    assert_eq!(alice.sees(), Event::TakenOver {});
    assert_eq!(alice.next(), None);
    assert_eq!(bob.sees(), Event::Closed { peer: name("alice"), by: name("alice"), lost: true });
    newer.asks(&Request::Who {});
    assert!(matches!(newer.sees(), Event::Who { total: 2, .. }));
}

#[test]
fn whoever_disconnects_is_gone_and_their_peer_is_told() {
    let server = TestServer::start();
    let (mut alice, bob) = server.talking("alice", "bob");
    drop(bob);
    assert_eq!(alice.sees(), Event::Closed { peer: name("bob"), by: name("bob"), lost: true });
    alice.asks(&Request::Invite { peer: name("bob"), new_key: false });
    alice.sees_error(ErrorCode::NotConnected);
}

#[test]
fn what_is_no_message_ends_the_connection_with_one_clear_error() {
    let server = TestServer::start();
    for (frame, logged_in) in [
        (b"\0\0\0\x02{}".to_vec(), false),
        (b"\0\0\x20\0".to_vec(), false),
        (b"\0\0\0\x0b{\"who\":{}}xx".to_vec(), true),
        (b"\xff\xff\xff\xff".to_vec(), true),
        (encode(&Request::Who {}, 100).unwrap(), false),
    ] {
        let mut client = server.connect();
        if logged_in {
            client.registers(&format!("user{}", frame.len()));
            assert_eq!(client.sees(), Event::LoggedIn {});
        }
        client.link.queue(&frame);
        client.link.flush();
        client.sees_error(ErrorCode::BadRequest);
        assert_eq!(client.next(), None);
    }
}

#[test]
fn who_does_not_log_in_in_time_is_closed() {
    let server = TestServer::with(|config| config.login_timeout = Duration::from_millis(300));
    let mut client = server.connect();
    client.sees_error(ErrorCode::TooSlow);
    assert_eq!(client.next(), None);
    // Not even a handshake: the connection is dropped all the same.
    let mut silent = TcpStream::connect(server.server().address).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let read = std::io::Read::read(&mut silent, &mut [0; 1]);
    assert!(matches!(read, Ok(0)) || read.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
}

#[test]
fn a_full_server_says_so_until_a_connection_ends() {
    let server = TestServer::with(|config| config.max_clients = 2);
    let (alice, _bob) = (server.register("alice"), server.register("bob"));
    let mut carol = server.reaches();
    carol.sees_error(ErrorCode::ServerFull);
    assert_eq!(carol.next(), None);
    drop(alice);
    let deadline = Instant::now() + PATIENCE;
    while !matches!(server.reaches().next(), Some(Event::Hello { .. })) {
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn a_peer_that_does_not_read_delays_nobody_and_is_disconnected() {
    let server = TestServer::with(|config| config.write_timeout = Duration::from_millis(500));
    let (mut alice, bob) = server.talking("alice", "bob");
    let (mut carol, mut dave) = server.talking("carol", "dave");
    let (mut stored, mut counter) = (0, 0);
    loop {
        for _ in 0..20 {
            alice.queues(&Request::Send { peer: name("bob"), body: body(counter, PADDED_BYTES_MAX) });
            counter += 1;
        }
        alice.link.flush_by(Instant::now() + PATIENCE).unwrap();
        let mut closed = false;
        while stored < counter {
            match alice.sees() {
                Event::Stored { .. } => stored += 1,
                Event::Closed { lost: true, .. } => closed = true,
                other => panic!("{other:?}"),
            }
        }
        carol.sends("dave", counter / 20 - 1);
        assert!(matches!(carol.sees(), Event::Stored { .. }));
        assert!(matches!(dave.sees(), Event::Message { .. }));
        if closed {
            break;
        }
        assert!(counter < 100_000, "bob is never disconnected");
    }
    drop(bob);
    let mut bob = server.log_in("bob");
    bob.asks(&Request::Read { peer: name("alice"), from: counter, count: 1 });
    assert!(
        matches!(bob.sees(), Event::Entries { last, .. } if last == counter),
        "what was missed is in the log"
    );
}

#[test]
fn many_reads_at_once_do_not_close_the_reader_that_takes_them() {
    let server = TestServer::start();
    let (mut alice, _bob) = server.talking("alice", "bob");
    for counter in 0..4 {
        alice.asks(&Request::Send { peer: name("bob"), body: body(counter, PADDED_BYTES_MAX) });
        alice.sees();
    }
    for _ in 0..100 {
        alice.queues(&Request::Read { peer: name("bob"), from: 1, count: 500 });
    }
    alice.link.flush_by(Instant::now() + PATIENCE).unwrap();
    for _ in 0..100 {
        assert!(matches!(alice.sees(), Event::Entries { entries, .. } if entries.len() == 2));
    }
}

#[test]
fn a_changed_password_logs_in_and_the_old_one_does_not() {
    let server = TestServer::start();
    let mut alice = server.register("alice");
    let password = Password::new("another".to_owned()).unwrap();
    let (_, new) = UNLOCKED.with_new_password(&name("alice"), &password, KdfCost::FLOOR).unwrap();
    let exporter = alice.link.exporter();
    let login_key = new.login.public();
    let forged = new.login.sign_change(&name("alice"), &login_key, &exporter);
    alice.asks(&Request::ChangePassword { login_key, signature: forged });
    alice.sees_error(ErrorCode::WrongUsernameOrPassword);
    let signature = UNLOCKED.login.sign_change(&name("alice"), &login_key, &exporter);
    alice.asks(&Request::ChangePassword { login_key, signature });
    assert_eq!(alice.sees(), Event::PasswordChanged {});
    let server = server.restarted();
    let mut again = server.connect();
    again.logs_in("alice");
    again.sees_error(ErrorCode::WrongUsernameOrPassword);
    let signature = new.login.sign_login(&name("alice"), &again.link.exporter());
    again.asks(&Request::Login { username: name("alice"), signature });
    assert_eq!(again.sees(), Event::LoggedIn {});
}

#[test]
fn a_second_server_on_the_folder_or_the_port_is_refused_with_a_hint() {
    let server = TestServer::start();
    let same_folder = Server::start(config(server.data(), |_| ())).err().unwrap();
    assert!(matches!(same_folder, ServerError::DataInUse { .. }), "{same_folder}");
    let other = tempfile::tempdir().unwrap();
    let port = Some(server.server().address);
    let same_port = Server::start(config(other.path(), |config| config.listen = port)).err().unwrap();
    assert!(matches!(same_port, ServerError::PortTaken { .. }), "{same_port}");
    assert!(same_folder.hint().is_some() && same_port.hint().is_some());
}

#[test]
fn damaged_and_missing_files_stop_the_start_by_name_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Server::start(config(folder.path(), |_| ())).err().unwrap();
    fs::write(folder.path().join(ACCOUNTS_FILE), "{\n\"alice\":{}}\n").unwrap();
    let error = start();
    assert!(matches!(error, ServerError::Damaged { line: 2, .. }), "{error}");
    assert!(error.to_string().contains("dico.json\" is damaged at line 2"), "{error}");
    fs::remove_file(folder.path().join(ACCOUNTS_FILE)).unwrap();
    fs::write(folder.path().join(KEYS_FILE), "{}").unwrap();
    assert!(matches!(start(), ServerError::Missing { missing, .. } if missing.ends_with(ACCOUNTS_FILE)));
    fs::remove_file(folder.path().join(KEYS_FILE)).unwrap();
    fs::create_dir(folder.path().join(LOGS_FOLDER)).unwrap();
    fs::write(folder.path().join("conversations/alice+bob.txt"), "x\n").unwrap();
    assert!(matches!(start(), ServerError::Missing { missing, .. } if missing.ends_with(KEYS_FILE)));
}

#[test]
fn on_a_signal_everyone_is_told_and_the_server_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (announced, announcement) = mpsc::channel();
    let config = config(folder.path(), |_| ());
    let again = config.clone();
    let running = thread::spawn(move || run(config, &mut |said| announced.send(said).unwrap()));
    let said = announcement.recv_timeout(PATIENCE).unwrap();
    let trust = Trust::Fingerprint(said.fingerprint);
    let link = connect("127.0.0.1", said.address.port(), &trust, PATIENCE).unwrap();
    let mut alice = Client { link, frames: Frames::new(FRAME_BYTES_MAX) };
    alice.sees();
    alice.registers("alice");
    assert_eq!(alice.sees(), Event::LoggedIn {});
    signal_hook::low_level::raise(SIGTERM).unwrap();
    assert_eq!(alice.sees(), Event::Stopping {});
    assert_eq!(alice.next(), None);
    running.join().unwrap().unwrap();
    let server = Server::start(again).expect("the folder is free again");
    assert_eq!(server.announcement().fingerprint, said.fingerprint, "the key is kept");
    assert_eq!(server.hall.accounts.count(), 1);
    server.stop();
}
