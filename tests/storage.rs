//! What the server keeps, and what it does when something is wrong with it: killed at any moment,
//! stopped, started on files that were damaged, asked twice for the same folder.

// A test fails by a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "storage/log_file.rs"]
mod log_file;
#[path = "storage/traced.rs"]
mod traced;

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    net::TcpStream,
    time::{Duration, Instant, SystemTime},
};

use common::{Noise, PATIENCE, TestServer, WireClient, open_conversation};
use log_file::{LOG, LogLine, lines_of};
use securechat::{
    crypto::{hash::body_hash, random::random},
    wire::{Body, ErrorCode, Event, Request, Username},
};

/// Exit statuses of the sysexits manner.
const DATA: i32 = 65;
const NO_INPUT: i32 = 66;
const UNAVAILABLE: i32 = 69;

/// alice and bob in conversation, and what alice sends.
fn alice_and_bob(server: &TestServer) -> (WireClient, WireClient, Noise) {
    let mut alice = WireClient::registers(server, "alice");
    let mut bob = WireClient::registers(server, "bob");
    alice.agrees_with(&mut bob);
    (alice, bob, Noise::new())
}

/// A server whose alice and bob have so many messages, all confirmed; nobody is connected.
fn server_with_messages(count: u64) -> TestServer {
    let server = TestServer::starts();
    let (mut alice, bob, mut noise) = alice_and_bob(&server);
    for number in 1..=count {
        alice.sends(bob.name(), &noise.body(0));
        assert_eq!(alice.hears_it_is_stored(), number);
    }
    server
}

#[test]
fn a_client_that_ended_well_has_every_line_on_the_disk_of_a_server_killed_at_once() {
    let mut server = TestServer::starts();
    let (mut alice, mut bob) = (server.registers("alice"), server.registers("bob"));
    open_conversation(&mut alice, &mut bob);
    for number in 1..=30 {
        alice.types(&format!("line {number} of thirty"));
    }
    alice.closes_input();
    alice.ends_well();
    server.is_killed();
    bob.is_killed();
    assert_eq!(lines_of(&server, LOG).len(), 30);

    server.restarts();
    let (mut alice, mut bob) = (server.logs_in("alice"), server.logs_in("bob"));
    open_conversation(&mut bob, &mut alice);
    bob.types("/history 30");
    for number in 1..=30 {
        bob.sees(&format!("alice: line {number} of thirty"));
    }
}

#[test]
fn the_log_is_one_line_a_message_in_the_documented_form() {
    let before = SystemTime::now();
    let server = TestServer::starts();
    let (mut alice, mut bob, mut noise) = alice_and_bob(&server);
    let mut answers = Noise::new();
    let mut sent = Vec::new();
    for steps in [0, 1, 2, 64, 65, 0, 1] {
        sent.push((alice.name().clone(), noise.body(steps)));
        alice.sends(bob.name(), &sent.last().unwrap().1);
        alice.hears_it_is_stored();
        sent.push((bob.name().clone(), answers.body(steps)));
        bob.sends(alice.name(), &sent.last().unwrap().1);
        bob.hears_it_is_stored();
    }
    let lines = lines_of(&server, LOG);
    let stored: Vec<_> = lines.iter().map(|line| (line.sender.clone(), line.body.clone())).collect();
    assert_eq!(stored, sent, "every message, both sides, in order");
    assert!(lines.iter().all(|line| before <= line.time + Duration::from_millis(1)));
    assert!(lines.iter().all(|line| line.time <= SystemTime::now()));
    let entries = alice.reads_all(bob.name());
    let read: Vec<_> = entries.into_iter().map(|entry| (entry.sender, entry.body)).collect();
    assert_eq!(read, sent, "the log is what is read back");
}

#[test]
fn a_torn_last_line_is_set_aside_and_nothing_is_glued_to_it() {
    let mut server = server_with_messages(3);
    server.is_killed();
    let path = server.data().join(LOG);
    let whole = fs::read_to_string(&path).unwrap();
    let last = whole.lines().last().unwrap();
    let half = &last[..last.len() / 2];
    fs::write(&path, format!("{whole}{half}")).unwrap();

    server.restarts();
    server.warns("a torn last line was set aside");
    server.warns("alice+bob.txt");
    assert_eq!(fs::read_to_string(&path).unwrap(), whole);
    assert_eq!(server.data_file(format!("{LOG}.torn")), format!("{half}\n"));

    let (mut alice, bob) = (WireClient::logs_in(&server, "alice"), WireClient::logs_in(&server, "bob"));
    alice.sends(bob.name(), &Noise::new().body(0));
    assert_eq!(alice.hears_it_is_stored(), 4);
    assert_eq!(lines_of(&server, LOG).len(), 4);
    assert!(server.data_file(LOG).starts_with(&whole));
}

#[test]
fn a_damaged_line_refuses_its_conversation_and_no_other() {
    let mut server = server_with_messages(5);
    server.stops();
    let path = server.data().join(LOG);
    let text = fs::read_to_string(&path).unwrap();
    let third = text.lines().nth(2).unwrap();
    let damaged = text.replacen(third, &third.replacen(" alice 3 ", " alice 7 ", 1), 1);
    assert_ne!(damaged, text);
    fs::write(&path, &damaged).unwrap();

    server.restarts();
    let (mut alice, mut bob) = (WireClient::logs_in(&server, "alice"), WireClient::logs_in(&server, "bob"));
    alice.asks(&Request::Read { peer: bob.name().clone(), from: 1, count: 20 });
    let refused = Event::Error { code: ErrorCode::Storage, peer: Some(bob.name().clone()) };
    assert_eq!(alice.hears(), refused);
    alice.sends(bob.name(), &Noise::new().body(0));
    assert!(matches!(alice.hears(), Event::NotStored { code: ErrorCode::Storage, .. }));
    alice.asks(&Request::Invite { peer: bob.name().clone(), new_key: false });
    assert_eq!(bob.hears_of(|event| matches!(event, Event::Invited { .. }).then_some(())), ());
    assert_eq!(alice.hears(), refused, "a conversation that cannot be read is not begun");
    server.warns("alice+bob.txt\" is damaged at line 3");

    let mut carol = WireClient::registers(&server, "carol");
    alice.agrees_with(&mut carol);
    alice.sends(carol.name(), &Noise::new().body(0));
    assert_eq!(alice.hears_it_is_stored(), 1);
    assert_eq!(fs::read_to_string(&path).unwrap(), damaged, "a damaged file is left to whoever repairs it");
}

#[test]
fn a_damaged_dictionary_stops_the_start_and_is_left_as_it_was() {
    let mut server = server_with_messages(1);
    server.stops();
    for name in ["dico.json", "keys_dico.json"] {
        let path = server.data().join(name);
        let good = fs::read_to_string(&path).unwrap();
        let entry = good.lines().nth(1).unwrap().trim_end_matches([',', '}']).to_owned() + "}";
        let entry = if name == "dico.json" { entry } else { good.lines().nth(1).unwrap().to_owned() };
        let entry = entry.trim_end_matches(',');
        let key = entry.split(':').next().unwrap();
        let value = entry.strip_prefix(&format!("{key}:")).unwrap();
        let mut not_text = good.clone().into_bytes();
        not_text[5] = 0xff;
        let damages: Vec<(&str, Vec<u8>)> = vec![
            ("truncated", good.as_bytes()[..good.len() / 2].to_vec()),
            ("without its end", good.trim_end().trim_end_matches('}').into()),
            ("empty", Vec::new()),
            ("only zeros", vec![0; good.len()]),
            ("trailing bytes", format!("{good}x").into()),
            ("twice the dictionary", format!("{good}{good}").into()),
            ("not text", not_text),
            ("a list", "[]\n".into()),
            ("nothing at all", "null\n".into()),
            ("a name twice", format!("{{\n{key}:{value},\n{key}:{value}\n}}\n").into()),
            ("a number for a value", format!("{{\n{key}:7}}\n").into()),
            ("an empty value", format!("{{\n{key}:{{}}}}\n").into()),
            ("a name that is a path", good.replacen(key, "\"../x\"", 1).into()),
            ("an unknown field", good.replacen("\"created\"", "\"extra\":1,\"created\"", 1).into()),
            ("a field twice", good.replacen("\"created\"", "\"created\":\"\",\"created\"", 1).into()),
            ("a number for a time", good.replacen("\"created\":\"", "\"created\":1,\"x\":\"", 1).into()),
        ];
        for (what, bytes) in damages {
            fs::write(&path, &bytes).unwrap();
            let before = everything_in(&server);
            let (status, said) = server.is_refused_a_start();
            assert_eq!(status, Some(DATA), "{name}, {what}: {said}");
            assert!(said.contains(&format!("{name}\" is damaged at line ")), "{name}, {what}: {said}");
            assert!(said.contains(", column ") && said.contains("hint: "), "{name}, {what}: {said}");
            assert!(everything_in(&server) == before, "{name}, {what}: the folder was changed");
        }
        fs::write(&path, good).unwrap();
    }
    server.restarts();
}

#[test]
fn a_dictionary_that_is_gone_is_not_begun_anew() {
    let mut server = server_with_messages(1);
    server.stops();
    for (gone, still_there) in [("keys_dico.json", "conversations"), ("dico.json", "keys_dico.json")] {
        let (path, aside) = (server.data().join(gone), server.data().with_file_name("aside"));
        fs::rename(&path, &aside).unwrap();
        let before = everything_in(&server);
        let (status, said) = server.is_refused_a_start();
        assert_eq!(status, Some(NO_INPUT), "{said}");
        assert!(said.contains(gone) && said.contains(still_there), "{said}");
        assert!(everything_in(&server) == before, "{gone}: the folder was changed");
        fs::rename(&aside, &path).unwrap();
    }
    server.restarts();
}

/// The key that everybody's client has pinned: a new certificate would be of a new key, over the old one.
#[test]
fn a_lost_certificate_does_not_cost_the_key_that_clients_know() {
    let mut server = server_with_messages(1);
    server.stops();
    let (path, aside) = (server.data().join("tls-cert.pem"), server.data().with_file_name("aside"));
    fs::rename(&path, &aside).unwrap();
    let before = everything_in(&server);
    let (status, said) = server.is_refused_a_start();
    assert_eq!(status, Some(NO_INPUT), "{said}");
    assert!(said.contains("tls-cert.pem") && said.contains("tls-key.pem"), "{said}");
    assert!(everything_in(&server) == before, "the folder was changed");
    fs::rename(&aside, &path).unwrap();
    server.restarts();
}

/// Every file of the data folder with its bytes.
fn everything_in(server: &TestServer) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![server.data()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    files
}

#[test]
fn a_second_server_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let server = TestServer::starts();
    let (mut alice, bob, mut noise) = alice_and_bob(&server);
    let before = everything_in(&server);
    let (status, said) = server.is_refused_a_start();
    assert_eq!(status, Some(UNAVAILABLE), "{said}");
    assert!(said.contains("is in use by another server"), "{said}");
    assert!(everything_in(&server) == before, "the second changed something");
    alice.sends(bob.name(), &noise.body(0));
    assert_eq!(alice.hears_it_is_stored(), 1);
}

/// From SIGTERM to the end of the process.
const STOP_TIME: Duration = Duration::from_secs(5);

#[test]
fn a_server_asked_to_stop_tells_its_clients_and_has_everything_stored() {
    let mut server = TestServer::starts();
    let (mut alice, mut bob) = (server.registers("alice"), server.registers("bob"));
    open_conversation(&mut alice, &mut bob);
    let (mut carol, mut dave) =
        (WireClient::registers(&server, "carol"), WireClient::registers(&server, "dave"));
    carol.agrees_with(&mut dave);
    // Somebody who never says a word, and somebody who never logs in.
    let _silent = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let _stranger = WireClient::connects(&server, "stranger").unwrap();
    alice.types("the last words");
    bob.sees("alice: the last words");
    let (mut noise, mut sent) = (Noise::new(), Vec::new());
    for _ in 0..500 {
        sent.push(noise.body(4));
        carol.sends(dave.name(), sent.last().unwrap());
    }

    let asked = Instant::now();
    let status = server.stops();
    let took = asked.elapsed();
    assert!(status.success(), "{status}");
    assert!(took < STOP_TIME, "it took {took:?}");
    for client in [&mut alice, &mut bob] {
        client.sees("the connection to the server was lost");
    }

    let lines = lines_of(&server, "conversations/carol+dave.txt");
    let told = events_left(&mut carol);
    assert!(told.contains(&Event::Stopping {}), "{:?}", told.last());
    for event in told {
        if let Event::Stored { number, hash, .. } = event {
            let line = &lines[usize::try_from(number).unwrap() - 1];
            assert_eq!(body_hash(&line.body), hash, "told stored, and not what is there");
        }
    }
    assert!(lines.iter().map(|line| &line.body).eq(&sent[..lines.len()]), "in order and none left out");
    assert_eq!(lines_of(&server, LOG).len(), 1);
    server.restarts();
    assert!(!server.errors().contains("torn"), "{}", server.errors());
    alice.sees("Conversation with bob is open again.");
    bob.sees("Conversation with alice is open again.");
    bob.types("were not the last");
    alice.sees("bob: were not the last");
    assert_eq!(lines_of(&server, LOG).len(), 2);
}

/// A connection that has said nothing yet has nothing to lose: nobody waits for it.
#[test]
fn a_connection_without_a_handshake_does_not_delay_the_stop() {
    let mut server = TestServer::starts();
    let _silent = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    // The connection made before this one has been accepted when this one is answered.
    let _later = WireClient::connects(&server, "somebody").unwrap();
    let asked = Instant::now();
    assert!(server.stops().success());
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(2), "it took {took:?}");
}

/// What a connection that has ended still brings.
fn events_left(client: &mut WireClient) -> Vec<Event> {
    std::iter::from_fn(|| client.next(PATIENCE)).collect()
}

/// One talker of the killing rounds: what it sent, what of it is not confirmed, what it was told.
struct Talker {
    name: &'static str,
    peer: Username,
    noise: Noise,
    waiting: VecDeque<Body>,
    confirmed: Vec<(u64, Body)>,
    delivered: BTreeMap<u64, Body>,
}

impl Talker {
    fn new(name: &'static str, peer: &str) -> Self {
        let (noise, waiting) = (Noise::new(), VecDeque::new());
        let (confirmed, delivered) = (Vec::new(), BTreeMap::new());
        Self { name, peer: common::user(peer), noise, waiting, confirmed, delivered }
    }

    /// Sends again what was not confirmed, then more, without waiting for any answer.
    fn sends(&mut self, client: &WireClient, more: usize) {
        for _ in 0..more {
            self.waiting.push_back(self.noise.body(more % 3));
        }
        for body in &self.waiting {
            client.sends(&self.peer, body);
        }
    }

    /// Takes in one event; whether it was a confirmation.
    fn hears(&mut self, event: Event) -> bool {
        match event {
            Event::Stored { number, counter, hash, .. } => {
                let body = self.waiting.pop_front().expect("a confirmation of something sent");
                assert_eq!((body.header().counter, body_hash(&body)), (counter, hash));
                self.confirmed.push((number, body));
                true
            }
            Event::NotStored { code, .. } => panic!("{}: not stored: {code:?}", self.name),
            Event::Message { entry, .. } => {
                let before = self.delivered.insert(entry.number, entry.body.clone());
                assert!(before.is_none_or(|before| before == entry.body), "{} is two messages", entry.number);
                false
            }
            _ => false,
        }
    }
}

#[test]
fn fifty_times_killed_what_was_confirmed_is_in_the_log_once() {
    const ROUNDS: usize = 50;
    let mut server = TestServer::starts();
    drop(alice_and_bob(&server));
    let mut talkers = [Talker::new("alice", "bob"), Talker::new("bob", "alice")];
    for round in 0..=ROUNDS {
        let [mut alice, mut bob] = ["alice", "bob"].map(|name| WireClient::logs_in(&server, name));
        alice.meets_again(&mut bob);
        let [more_of_alice, more_of_bob, patience, who] = random::<4>().unwrap().map(usize::from);
        talkers[0].sends(&alice, 1 + more_of_alice % 24);
        talkers[1].sends(&bob, 1 + more_of_bob % 24);
        if round == ROUNDS {
            for (talker, client) in talkers.iter_mut().zip([&mut alice, &mut bob]) {
                while !talker.waiting.is_empty() {
                    talker.hears(client.hears());
                }
            }
            break;
        }
        // Anywhere from before the first confirmation to after the last: the rest is under way.
        let watched = who % 2;
        let client = if watched == 0 { &mut alice } else { &mut bob };
        let enough = patience % (talkers[watched].waiting.len() + 1);
        // Of the first there is one, or there may not be a log yet.
        let enough = if round == 0 { enough.max(1) } else { enough };
        let mut confirmed = 0;
        while confirmed < enough {
            confirmed += usize::from(talkers[watched].hears(client.hears()));
        }
        server.is_killed();
        for (talker, client) in talkers.iter_mut().zip([&mut alice, &mut bob]) {
            for event in events_left(client) {
                talker.hears(event);
            }
        }
        // A kill in the middle of a write leaves a part of a line, which the start sets aside.
        server.restarts();
        check_log(&server, &talkers);
    }
    let lines = check_log(&server, &talkers);
    let sent: usize = talkers.iter().map(|talker| talker.confirmed.len()).sum();
    assert_eq!(lines.len(), sent, "nothing that was not sent, nothing twice");
    assert!(sent > ROUNDS, "only {sent} messages in all");
}

/// Whatever was confirmed or delivered is under its number, and nothing is there twice.
fn check_log(server: &TestServer, talkers: &[Talker]) -> Vec<LogLine> {
    let lines = lines_of(server, LOG);
    for talker in talkers {
        for (number, body) in &talker.confirmed {
            let line = &lines[usize::try_from(*number).unwrap() - 1];
            assert!(
                line.body == *body && line.sender.as_str() == talker.name,
                "{number} is not what {} sent",
                talker.name
            );
        }
        for (number, body) in &talker.delivered {
            let line = &lines[usize::try_from(*number).unwrap() - 1];
            assert!(line.body == *body, "{number} is not what {} saw", talker.name);
        }
        // Counters 0, 1, 2, ...: each once and in order.
        let own = lines.iter().filter(|line| line.sender.as_str() == talker.name);
        assert!(own.enumerate().all(|(counter, line)| line.body.header().counter == counter as u64));
    }
    lines
}
