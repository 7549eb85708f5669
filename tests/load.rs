//! Many at once, and one who does not read: nobody else waits, nothing spins, nothing is lost.

// A test fails by a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    io::Write,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use common::{Noise, PATIENCE, TestServer, WireClient, user};
use securechat::wire::{Event, Request};

/// More than 1,024, and many more than the standard library's 128.
const CROWD: usize = 1500;

/// Files that this test needs besides its crowd.
const OTHER_FILES: usize = 200;

/// A connection that the system did not take at once is tried again after a second.
const AT_ONCE: Duration = Duration::from_millis(900);

/// The server's: how long a client may leave what it is sent unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two looks at what nothing announces.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The threads of a process.
fn threads_of(server: &TestServer) -> usize {
    fs::read_dir(format!("/proc/{}/task", server.process())).unwrap().count()
}

/// The files that a process has open, sockets among them.
fn files_of(server: &TestServer) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.process())).unwrap().count()
}

fn wait_for_threads(server: &TestServer, wanted: usize) {
    wait_for("threads", wanted, || threads_of(server));
}

fn wait_for(what: &str, wanted: usize, count: impl Fn() -> usize) {
    let deadline = Instant::now() + PATIENCE;
    while count() != wanted {
        assert!(Instant::now() < deadline, "{} {what}, not {wanted}", count());
        thread::sleep(LOOK_AGAIN);
    }
}

/// The processor time a process has used so far, in hundredths of a second.
fn processor_time_of(server: &TestServer) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.process())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = fields.split(' ').collect();
    // utime and stime: fields 14 and 15 of proc(5), counted from 1; the first after the name is the third.
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// How many files this process, and a server that it starts, may have open.
fn files_allowed() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX)
}

#[test]
fn a_crowd_that_arrives_at_once_is_let_in_at_once_and_costs_no_thread_before_it_speaks() {
    let queue: usize = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
    if files_allowed() < CROWD + OTHER_FILES || queue < CROWD {
        let why = format!("{} files, a queue of {queue}", files_allowed());
        let _ =
            writeln!(std::io::stderr(), "LEFT OUT: {CROWD} connections at once (the system allows {why})");
        return;
    }
    let server = TestServer::starts();
    let (before, files_before) = (threads_of(&server), files_of(&server));
    // Nothing is accepted now: all of them are in the backlog, or one is not taken and this fails.
    server.is_frozen(true);
    let address = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let crowd: Vec<TcpStream> = (1..=CROWD)
        .map(|number| match TcpStream::connect_timeout(&address, AT_ONCE) {
            Ok(stream) => stream,
            Err(error) => panic!("connection {number}: {error}"),
        })
        .collect();
    server.is_frozen(false);
    let let_in = Instant::now();
    wait_for("files", files_before + CROWD, || files_of(&server));
    assert!(let_in.elapsed() < Duration::from_secs(5), "it took {:?}", let_in.elapsed());
    let _alice = WireClient::registers(&server, "alice");
    wait_for_threads(&server, before + 1);
    drop(crowd);
    wait_for("files", files_before + 1, || files_of(&server));
}

/// Starts a server that may have so many files open, as a shell sets it: `-n` for good, `-Sn` for the time being.
fn with_files(limit: &str, arguments: &[&str]) -> TestServer {
    TestServer::starts_under(&["sh", "-c", &format!("ulimit {limit}; exec \"$@\""), "sh"], arguments)
}

#[test]
fn what_the_system_does_not_allow_is_said_in_one_line_and_the_rest_is_served() {
    let server = with_files("-n 579", &["--max-clients", "400"]);
    server.warns("--max-clients 400 is more than this system allows: at most 3 are let in; ");
    server.warns("open files 579, needed 976: LimitNOFILE=976 in the systemd unit, or ulimit -n 976");
    let _people: Vec<_> =
        ["alice", "bob", "carol"].iter().map(|name| WireClient::registers(&server, name)).collect();
    let mut dave = server.client("dave");
    assert_eq!(dave.ends().code(), Some(69), "{}", dave.stderr());
}

#[test]
fn the_server_raises_its_own_limit_of_open_files() {
    if files_allowed() < CROWD {
        return;
    }
    let server = with_files("-Sn 64", &["--max-clients", "400"]);
    let _people: Vec<_> =
        (0..80).map(|number| WireClient::registers(&server, &format!("person{number}"))).collect();
    assert!(!server.errors().contains("--max-clients"), "{}", server.errors());
}

#[test]
fn waiting_costs_one_thread_a_person_and_no_processor_time() {
    const PAIRS: usize = 25;
    let server = TestServer::starts();
    let before = threads_of(&server);
    let mut people: Vec<WireClient> =
        (0..2 * PAIRS).map(|number| WireClient::registers(&server, &format!("person{number}"))).collect();
    // Every pair is at the key, and the first of it has answered.
    for pair in people.chunks_exact_mut(2) {
        let [one, other] = pair else { panic!("two people") };
        let run = one.reaches_the_key_with(other);
        one.accepts(other.name(), run, true);
    }
    // One more waits for somebody who is busy.
    let mut late = WireClient::registers(&server, "late");
    late.asks(&Request::Invite { peer: people[0].name().clone(), new_key: false });
    assert_eq!(late.hears(), Event::Waiting { peer: people[0].name().clone() });
    wait_for_threads(&server, before + 2 * PAIRS + 1);

    let used_before = processor_time_of(&server);
    // Not to wait for something: the time that is measured.
    thread::sleep(Duration::from_secs(1));
    let used = processor_time_of(&server) - used_before;
    assert!(used <= 2, "{used} hundredths of a second in one second of waiting");
}

/// Somebody else's conversation, back and forth until told to stop: how often, and the longest answer.
fn back_and_forth(one: &mut WireClient, other: &mut WireClient, stop: &AtomicBool) -> (u64, Duration) {
    let (mut noise, mut rounds, mut longest) = (Noise::new(), 0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        one.sends(other.name(), &noise.body(0));
        other.hears_of(|event| matches!(event, Event::Message { .. }).then_some(()));
        one.hears_it_is_stored();
        longest = longest.max(sent.elapsed());
        rounds += 1;
    }
    (rounds, longest)
}

#[test]
fn a_peer_that_does_not_read_is_disconnected_delays_nobody_and_has_what_it_missed_in_its_log() {
    const MESSAGES: u64 = 3000;
    /// Messages under way at once.
    const WINDOW: u64 = 50;
    let server = TestServer::starts();
    let [mut alice, mut bob, mut carol, mut dave] =
        ["alice", "bob", "carol", "dave"].map(|name| WireClient::registers(&server, name));
    alice.agrees_with(&mut bob);
    carol.agrees_with(&mut dave);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let others = scope.spawn(|| back_and_forth(&mut carol, &mut dave, &stop));

        // bob reads nothing from here on; what the kernel does not hold for him either is some megabytes.
        let (mut noise, mut sent, mut stored, mut lost) = (Noise::new(), Vec::new(), 0, false);
        let bob_name = bob.name().clone();
        while stored < MESSAGES {
            while (sent.len() as u64) < MESSAGES.min(stored + WINDOW) {
                sent.push(noise.body(16));
                alice.sends(&bob_name, sent.last().unwrap());
            }
            match alice.hears() {
                Event::Stored { number, .. } => {
                    stored += 1;
                    assert_eq!(number, stored);
                }
                Event::Closed { peer, by, lost: true } if peer == bob_name && by == bob_name => lost = true,
                other => panic!("alice heard {other:?}"),
            }
        }
        if !lost {
            alice.hears_of(|event| matches!(event, Event::Closed { lost: true, .. }).then_some(()));
        }
        while bob.next(PATIENCE).is_some() {}
        let mut bob = WireClient::logs_in(&server, "bob");
        let missed = bob.reads_all(&user("alice"));
        assert!(missed.iter().map(|entry| &entry.body).eq(&sent), "the log is what was sent");

        // And one who asks and does not read the answers.
        alice.meets_again(&mut bob);
        for _ in 0..400 {
            bob.asks(&Request::Read { peer: user("alice"), from: 1, count: 500 });
        }
        let asked = Instant::now();
        alice.hears_of(|event| matches!(event, Event::Closed { lost: true, .. }).then_some(()));
        let took = asked.elapsed();
        assert!(took < WRITE_TIMEOUT + Duration::from_secs(5), "it took {took:?}");
        assert!(took > WRITE_TIMEOUT - Duration::from_secs(3), "it was not given its time: {took:?}");

        stop.store(true, Ordering::Relaxed);
        let (rounds, longest) = others.join().unwrap();
        assert!(rounds > 100, "only {rounds} rounds of the others'");
        assert!(longest < Duration::from_secs(3), "the others waited {longest:?}");
    });
}
