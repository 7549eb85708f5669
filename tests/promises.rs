//! What the original promised and did not do: each line of that list is a test here.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    net::TcpListener,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use common::{PATIENCE, TestClient, TestServer, open_conversation, password_of, reach_the_key, securechat};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use data_encoding::{BASE64, HEXLOWER};
use parking_lot::Mutex;
use securechat::{
    transport::{Acceptor, Link, ServerIdentity, Stragglers},
    wire::{Event, Frames, PROTOCOL_VERSION, Registration, Request, encode, limits},
};
use serde_json::Value;

// Logging in sent the password in clear, and the server opened the user's key file on its own disk.

/// A server that lets everybody in, and keeps what it is sent.
struct Eavesdropper {
    address: String,
    key: String,
    visits: thread::JoinHandle<Vec<Value>>,
}

impl Eavesdropper {
    /// Listens for so many visits, each of one request.
    fn listens_for(visits: usize) -> Self {
        let pair = ServerIdentity::generate().unwrap();
        let identity = ServerIdentity::from_pem(&pair.certificate, &pair.key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let acceptor = Acceptor::new(&identity, &Stragglers::start().unwrap()).unwrap();
        let visits = thread::spawn(move || (0..visits).map(|_| hears(&acceptor, &listener)).collect());
        Self { address, key: identity.fingerprint().to_string(), visits }
    }
}

/// The one request of a visit, as it came; then the visitor is in, and leaves.
fn hears(acceptor: &Acceptor, listener: &TcpListener) -> Value {
    let deadline = Instant::now() + PATIENCE;
    let link: Link = acceptor.accept(listener.accept().unwrap().0, deadline).unwrap();
    let mut frames = Frames::new(limits::FRAME_BYTES_MAX);
    let say = |event: &Event| {
        link.queue(&encode(event, limits::FRAME_BYTES_MAX).unwrap());
        link.flush_by(deadline).unwrap();
    };
    say(&Event::Hello { version: PROTOCOL_VERSION, registration: Registration::Open });
    let heard = loop {
        if let Some(heard) = frames.take().unwrap() {
            break heard;
        }
        assert!(link.receive(&mut frames, Some(deadline)).unwrap());
    };
    say(&Event::LoggedIn {});
    // The client asks for its contacts before it shows the lobby.
    while link.receive(&mut frames, Some(deadline)).unwrap() {
        while let Some(asked) = frames.take::<Request>().unwrap() {
            if let Request::Contacts { .. } = asked {
                say(&Event::Contacts { contacts: Vec::new(), more: false });
            }
        }
    }
    heard
}

#[test]
fn nothing_password_like_travels_when_registering_and_logging_in() {
    let server = Eavesdropper::listens_for(3);
    let password = "Tr0ub4dor&3 Pferd";
    let folder = tempfile::tempdir().unwrap();
    let enters = |home: &str, has_account: bool| {
        let mut command = securechat();
        command.args(["client", "--host", &server.address, "--server-key", &server.key]);
        command.arg("--home").arg(folder.path().join(home));
        command.args(["--key-file-memory-mib", "19", "--key-file-passes", "2"]);
        let mut alice = TestClient::starts("alice", command);
        alice.sees("(yes/no) ");
        alice.types(if has_account { "yes" } else { "no" });
        alice.sees("Username: ");
        alice.types("alice");
        alice.sees("Password: ");
        alice.types(password);
        alice.is_in_the_lobby();
        alice.logs_out();
    };
    enters("one", false);
    enters("one", true);
    enters("other", false);
    let heard = server.visits.join().unwrap();
    let fields = |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(fields(&heard[0]), ["register"]);
    assert_eq!(fields(&heard[0]["register"]), ["login_key", "signature", "username"]);
    assert_eq!(fields(&heard[1]), ["login"]);
    assert_eq!(fields(&heard[1]["login"]), ["signature", "username"]);
    for request in &heard {
        let text = request.to_string();
        for form in
            [password.to_owned(), HEXLOWER.encode(password.as_bytes()), BASE64.encode(password.as_bytes())]
        {
            assert!(!text.contains(&form), "{text}");
        }
    }
    // The same name and password on another machine: nothing that travels can be tested against guesses.
    assert_ne!(heard[0]["register"]["login_key"], heard[2]["register"]["login_key"]);
}

fn files_under(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { found.extend(files_under(&entry)) } else { found.push(entry) }
    }
    found
}

#[test]
fn the_server_never_has_a_key_file() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.says_to(&mut bob, "a secret between us");
    alice.leaves(&mut bob);
    alice.types("/passwd");
    alice.sees("Current password: ");
    alice.types(&password_of("alice"));
    alice.sees("New password: ");
    alice.types("another one");
    alice.sees("Password changed");
    let files = files_under(&server.data());
    let names: Vec<_> = files.iter().map(|file| file.strip_prefix(server.data()).unwrap()).collect();
    for expected in ["dico.json", "keys_dico.json", "conversations/alice+bob.txt"] {
        assert!(names.contains(&Path::new(expected)), "{names:?}");
    }
    let of_alice = fs::read_to_string(server.key_file_of("alice")).unwrap();
    let sealed = of_alice.lines().find_map(|line| line.strip_prefix("sealed: ")).unwrap().to_owned();
    for file in &files {
        assert_ne!(file.file_name().unwrap(), "alice.txt");
        let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        for hidden in
            ["securechat key file", "argon2id", sealed.as_str(), "a secret between us", "another one"]
        {
            assert!(!text.contains(hidden), "{hidden:?} in {}", file.display());
        }
    }
}

#[test]
fn each_keeps_only_a_sealed_copy_of_the_key_with_the_server_and_the_two_differ() {
    let server = TestServer::starts();
    let _both = server.two_in_conversation("alice", "bob");
    let keys: Value = serde_json::from_str(&server.data_file("keys_dico.json")).unwrap();
    let text = keys["alice+bob"].to_string();
    let copies: Vec<&Value> =
        ["alice", "bob"].iter().filter_map(|name| find(&keys["alice+bob"], name)).collect();
    assert_eq!(copies.len(), 2, "{text}");
    assert_ne!(copies[0], copies[1], "sealed by the same key, or not at all: {text}");
}

/// The first value of that name, however deep.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(name).or_else(|| map.values().find_map(|value| find(value, name))),
        Value::Array(list) => list.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}

// One global yes/no served every pair, in busy loops.

/// Time on a processor that this process had so far, in hundredths of a second.
fn processor_ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // After the name, which may hold anything: the state is field 3, user and system time are 14 and 15 (proc(5)).
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 1..].split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

const PAIRS: usize = 30;

/// Where many wait for each other. Whoever fails lets go, so that a failure is no endless wait.
struct Gathering {
    arrivals: (Sender<()>, Receiver<()>),
    opening: (Mutex<Option<Sender<()>>>, Receiver<()>),
}

impl Gathering {
    fn new() -> Self {
        let (open, opened) = bounded(0);
        Self { arrivals: unbounded(), opening: (Mutex::new(Some(open)), opened) }
    }

    /// Says that one is there, and waits until the doors open.
    fn arrives(&self) {
        self.arrivals.0.send(()).unwrap();
        // Nothing is ever sent: the channel ends when the doors open.
        let _ = self.opening.1.recv_timeout(PATIENCE);
    }

    fn waits_for(&self, count: usize) {
        for number in 0..count {
            assert!(self.arrivals.1.recv_timeout(PATIENCE).is_ok(), "only {number} of {count} came");
        }
    }

    fn opens(&self) {
        self.opening.0.lock().take();
    }
}

/// Two people of their own, from the account to the words that only they hear.
fn pair_meets_among_others(server: &TestServer, number: usize, asked: &Gathering, talking: &Gathering) {
    let (a, b) = (format!("a{number}"), format!("b{number}"));
    let (mut one, mut other) = server.registers_two(&a, &b);
    let (code, _) = reach_the_key(&mut one, &mut other);
    let one_waits = number.is_multiple_of(3);
    if one_waits {
        one.types("yes");
        one.sees(&format!("Waiting for {b} to answer..."));
    }
    asked.arrives();
    if number % 3 == 1 {
        other.types("no");
        one.sees(&format!("{b} refused the key\n"));
        one.is_in_the_lobby();
        other.is_in_the_lobby();
        reach_the_key(&mut other, &mut one);
    }
    if !one_waits {
        one.types("yes");
    }
    other.types(if one_waits { code.as_deref().unwrap() } else { "yes" });
    one.talks_with(&b);
    other.talks_with(&a);
    talking.arrives();
    one.says_to(&mut other, &format!("only for {b}"));
    other.says_to(&mut one, &format!("only for {a}"));
    for (person, peer) in [(&one, &b), (&other, &a)] {
        assert_eq!(person.saw_times("] "), 1, "{}", person.transcript());
        assert_eq!(person.saw_times("Conversation with "), 1, "{}", person.transcript());
        assert_eq!(person.saw_times(&format!("Conversation with {peer} is open")), 1);
    }
}

#[test]
fn thirty_rendezvous_at_once_are_each_their_own_and_waiting_costs_no_processor() {
    let server = TestServer::starts();
    let (asked, talking) = (Gathering::new(), Gathering::new());
    thread::scope(|scope| {
        for number in 0..PAIRS {
            let (server, asked, talking) = (&server, &asked, &talking);
            scope.spawn(move || pair_meets_among_others(server, number, asked, talking));
        }
        asked.waits_for(PAIRS);
        let before = processor_ticks(server.process());
        // Not for anything to happen: the time over which nothing is to happen.
        thread::sleep(Duration::from_millis(800));
        let used = processor_ticks(server.process()) - before;
        asked.opens();
        talking.waits_for(PAIRS);
        talking.opens();
        // One busy loop alone is 80.
        assert!(used <= 20, "{used} hundredths of a second of the processor in 0.8 s of waiting");
    });
}

// Only a list of connections that was never cleaned was checked.

#[test]
fn who_left_is_not_connected_at_once_and_who_never_was_is_unknown() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    for how in ["exit", "end", "killed", "TERM"] {
        let mut bob = if how == "exit" { server.registers("bob") } else { server.logs_in("bob") };
        alice.types("/who");
        assert_eq!(alice.reads_after("connected: "), "alice, bob");
        match how {
            "exit" => bob.logs_out(),
            "end" => {
                bob.closes_input();
                bob.ends_well();
            }
            "killed" => bob.is_killed(),
            signal => {
                bob.is_signalled(signal);
                bob.ends_well();
            }
        }
        // A killed client's end is the system's to tell the server: so it may be a moment later.
        let deadline = Instant::now() + PATIENCE;
        loop {
            alice.types("/who");
            if alice.reads_after("connected: ") == "alice" {
                break;
            }
            assert!(how == "killed" && Instant::now() < deadline, "{how}: still connected");
        }
        alice.types("bob");
        alice.sees("bob is not connected\n");
    }
    alice.types("carol");
    alice.sees("carol is unknown: nobody has an account of that name\n");
}

// Each side wrote the log at its exit, overwriting the other's.

#[test]
fn every_message_of_both_sides_is_in_the_log_in_order_and_outlives_a_killed_server() {
    let mut server = TestServer::starts();
    for name in ["alice", "bob"] {
        server.registers(name).logs_out();
    }
    let (mut alice, mut bob) = (server.logs_in_without_retry("alice"), server.logs_in_without_retry("bob"));
    open_conversation(&mut alice, &mut bob);
    let mut said = Vec::new();
    for number in 1..=12 {
        let (from, to) = if number % 4 == 0 { (&mut bob, &mut alice) } else { (&mut alice, &mut bob) };
        from.says_to(to, &format!("message {number}"));
        said.push((from.name().to_owned(), format!("message {number}")));
    }
    server.is_killed();
    assert_eq!(alice.ends().code(), Some(75));
    assert_eq!(bob.ends().code(), Some(75));
    let log = server.data_file("conversations/alice+bob.txt");
    for (number, (line, (sender, text))) in log.lines().zip(&said).enumerate() {
        let fields: Vec<&str> = line.split(' ').collect();
        assert_eq!(fields.len(), 4, "{line}");
        assert!(fields[0].len() == 24 && fields[0].ends_with('Z'), "{line}");
        assert_eq!((fields[1], fields[2]), (sender.as_str(), (number + 1).to_string().as_str()));
        assert!(BASE64.decode(fields[3].as_bytes()).is_ok() && !line.contains(text));
    }
    assert_eq!(log.lines().count(), said.len());
    server.restarts();
    let (mut alice, mut bob) = (server.logs_in("alice"), server.logs_in("bob"));
    open_conversation(&mut bob, &mut alice);
    for person in [&mut alice, &mut bob] {
        let shown = person.transcript();
        let mut rest = shown.as_str();
        for (sender, text) in &said {
            let line = format!("] {sender}: {text}\n");
            let at = rest.find(&line).unwrap_or_else(|| panic!("{line:?} in its order:\n{shown}"));
            rest = &rest[at + line.len()..];
        }
        person.never_saw("WARNING");
    }
    alice.says_to(&mut bob, "and on");
    assert_eq!(server.data_file("conversations/alice+bob.txt").lines().count(), 13);
}

// 256-byte reads cut long messages and joined short ones.

#[test]
fn sixteen_kibibytes_of_any_unicode_arrive_whole_and_one_byte_more_is_refused() {
    const MAX: usize = 16 * 1024;
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let filled = |piece: &str| {
        let text = piece.repeat(MAX / piece.len());
        let rest = MAX - text.len();
        text + &"x".repeat(rest)
    };
    for piece in
        ["0123456789abcdef", "😀", "漢字かな", "e\u{301}o\u{308}", "שלום עולם ", "नमस्ते ", "𝔘𝔫𝔦", "👩‍👩‍👧"]
    {
        let text = filled(piece);
        assert_eq!(text.len(), MAX);
        alice.types(&text);
        bob.sees(&format!("] alice: {text}\n"));
        alice.types(&format!("{text}x"));
        alice.sees(&format!(
            "NOT SENT: that message has {} bytes and may have {MAX}; send it in parts\n",
            MAX + 1
        ));
    }
    alice.says_to(&mut bob, "the last");
    assert_eq!(bob.saw_times("] alice: "), 9);
    bob.never_saw("WARNING");
}

#[test]
fn short_messages_typed_at_once_stay_one_message_each() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let lines: String = (0..300).map(|number| format!("{number}\n")).collect();
    alice.types_bytes(lines.as_bytes());
    bob.sees("] alice: 299\n");
    let shown: Vec<String> = bob
        .transcript()
        .lines()
        .filter_map(|line| line.split_once("] alice: ").map(|(_, text)| text.to_owned()))
        .collect();
    assert_eq!(shown, (0..300).map(|number| number.to_string()).collect::<Vec<_>>());
}

// The pair key was two names put together; names were used as paths.

#[test]
fn names_that_read_the_same_when_put_together_are_different_pairs() {
    let server = TestServer::starts();
    let (mut ali, mut b) = server.two_in_conversation("ali", "b");
    let (mut a, mut lib) = server.two_in_conversation("a", "lib");
    ali.says_to(&mut b, "between ali and b");
    a.says_to(&mut lib, "between a and lib");
    let mut ab = server.registers("ab");
    ali.leaves(&mut b);
    a.leaves(&mut lib);
    open_conversation(&mut a, &mut b);
    a.says_to(&mut b, "between a and b");
    a.leaves(&mut b);
    open_conversation(&mut ab, &mut b);
    ab.says_to(&mut b, "between ab and b");
    for (pair, mine) in [("ali+b", "ali"), ("a+lib", "a"), ("a+b", "a"), ("ab+b", "ab")] {
        let log = server.data_file(format!("conversations/{pair}.txt"));
        assert_eq!(log.lines().count(), 1, "{pair}:\n{log}");
        assert_eq!(log.split(' ').nth(1), Some(mine));
    }
    ab.leaves(&mut b);
    // Reopened, each shows its own and nothing else.
    open_conversation(&mut ali, &mut b);
    ali.types("/history");
    ali.sees("] ali: between ali and b\n");
    ali.never_saw("between a and lib");
}

// Recursion for every wrong answer: a stubborn user could overflow the stack.

#[test]
fn two_hundred_wrong_answers_in_a_row_overflow_nothing_at_any_question() {
    let server = TestServer::starts();
    let mut bob = server.registers("bob");
    let mut alice = server.client("alice");
    let stubborn = |alice: &mut TestClient, question: &str, answer: &str| {
        alice.sees(question);
        let before = alice.saw_times(question);
        alice.types_bytes(format!("{answer}\n").repeat(200).as_bytes());
        for _ in 0..200 {
            alice.sees(question);
        }
        assert_eq!(alice.saw_times(question), before + 200);
    };
    stubborn(&mut alice, "Do you already have an account? (yes/no) ", "perhaps");
    alice.types("no");
    stubborn(&mut alice, "Username: ", "not a name");
    alice.types("alice");
    stubborn(&mut alice, "Password: ", "");
    alice.types(&password_of("alice"));
    stubborn(&mut alice, "Who do you want to start a conversation with? ", "nobody");
    alice.types("bob");
    stubborn(&mut alice, "Accept this key? ", "what?");
    alice.types("yes");
    bob.types("yes");
    alice.talks_with("bob");
}
