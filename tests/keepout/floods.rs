//! Floods: many connections that say nothing of use, and frames that are none.

use std::{
    env,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use securechat::wire::{ErrorCode, Event, Request, encode, limits::FRAME_BYTES_MAX};

use crate::{
    common::{Noise, PATIENCE, TestServer, WireClient, user},
    stranger::{Dripper, Stranger, percentile, status_of},
};

/// How many at once is a flood in `cargo test`, and in `scripts/resistance`, which sets `SECURECHAT_FULL_SIZE`.
fn size(usual: usize, full: usize) -> usize {
    if env::var_os("SECURECHAT_FULL_SIZE").is_some() { full } else { usual }
}

/// What is no frame, whatever the server's state: some by its length, some by what is in it.
fn malformed(number: usize) -> Vec<u8> {
    let json: &[u8] = match number % 8 {
        0 => return vec![0xff, 0xff, 0xff, 0xff],
        1 => return (64 * 1024 + 1_u32).to_be_bytes().to_vec(),
        2 => b"",
        3 => b"{}",
        4 => b"{\"who\":{}}x",
        5 => b"{\"leave\":{\"peer\":\"../x\"}}",
        6 => b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        _ => b"{\"send\":{\"peer\":\"bob\",\"body\":\"\xff\"}}",
    };
    let mut frame = u32::try_from(json.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(json);
    frame
}

#[test]
fn malformed_frames_before_and_after_login_are_one_error_each_and_no_memory() {
    let (connections, frames_each) = (size(150, 5_000), 10);
    let server = TestServer::starts_with(&["--log", "warn"]);
    let _honest = WireClient::registers(&server, "honest");
    drop(WireClient::registers(&server, "alice"));
    let flood = |from: usize, to: usize| {
        for number in from..to {
            // Ten in a write: the first ends it, the others are never looked at.
            let bytes: Vec<u8> = (0..frames_each).flat_map(|more| malformed(number + more)).collect();
            let mut before = Stranger::is_greeted(&server);
            before.says_bytes(&bytes);
            assert_eq!(before.hears_error(), ErrorCode::BadRequest);
            assert_eq!(before.hears(), None);
            let mut after = WireClient::logs_in(&server, "alice");
            after.says_bytes(&bytes);
            let event = after.hears();
            let expected = securechat::wire::Event::Error { code: ErrorCode::BadRequest, peer: None };
            assert_eq!(event, expected);
            assert_eq!(after.next(Duration::from_secs(10)), None);
        }
    };
    flood(0, connections / 5);
    let early_kib = status_of(server.process(), "VmRSS:");
    let start = Instant::now();
    flood(connections / 5, connections);
    let late_kib = status_of(server.process(), "VmRSS:");
    println!(
        "\nmalformed: {} frames before login and as many after it, in {:?}; memory {early_kib:?} to {late_kib:?} KiB",
        connections * frames_each,
        start.elapsed()
    );
    if let (Some(early), Some(late)) = (early_kib, late_kib) {
        assert!(late < early + 8 * 1024, "from {early} to {late} KiB");
    }
    assert!(!server.errors().contains("panicked"), "{}", server.errors());
}

/// Who sends without end and reads nothing of what is acknowledged: the server keeps no more of it than for any slow
/// reader, ends the connection, and has stored a beginning of what was sent, in order.
#[test]
fn who_reads_no_acknowledgement_is_ended_before_it_costs_memory_or_others_time() {
    const AT_ONCE: usize = 200;
    /// With no bound the server would go on for ever, and this would be 85 MB of acknowledgements.
    const MESSAGES_MAX: usize = 500_000;
    /// What waits for the sender, for the disk, and for the journal, with room to spare.
    const GROWTH_KIB_MAX: u64 = 16 * 1024;
    let server = TestServer::starts();
    let mut pair = Pair::talks(&server);
    let [mut sender, mut absent] = ["sender", "absent"].map(|name| WireClient::registers(&server, name));
    sender.agrees_with(&mut absent);
    absent.vanishes();
    pair.delivers();
    let before_kib = status_of(server.process(), "VmHWM:");
    let flood = thread::spawn(move || {
        let (mut noise, mut sent) = (Noise::new(), 0);
        loop {
            let send = |_| Request::Send { peer: user("absent"), body: noise.body(0) };
            let some = (0..AT_ONCE).map(send).map(|send| encode(&send, FRAME_BYTES_MAX).unwrap());
            if !sender.says_bytes(&some.collect::<Vec<_>>().concat()) {
                return sent;
            }
            sent += AT_ONCE;
            assert!(sent < MESSAGES_MAX, "still served after {sent} messages");
        }
    });
    let mut times = Vec::new();
    while !flood.is_finished() {
        times.push(pair.delivers());
    }
    let sent = flood.join().unwrap();
    let after_kib = status_of(server.process(), "VmHWM:");
    println!(
        "\nunacknowledged: ended after {sent} messages; memory {before_kib:?} to {after_kib:?} KiB; others wait p99 {:?}",
        percentile(&mut times, 99)
    );
    assert!(percentile(&mut times, 99) < Duration::from_secs(1));
    if let (Some(before), Some(after)) = (before_kib, after_kib) {
        assert!(after < before + GROWTH_KIB_MAX, "from {before} to {after} KiB");
    }
    let stored = WireClient::logs_in(&server, "absent").reads_all(&user("sender"));
    assert!((1..=sent + AT_ONCE).contains(&stored.len()), "{} stored", stored.len());
    let counters = stored.iter().map(|entry| entry.body.header().counter);
    assert!(counters.eq(0..stored.len() as u64), "a gap in what is stored");
}

/// Who begins a new stream with each message: each is looked for among all those before, and a repeat is known.
#[test]
fn a_new_stream_with_each_message_costs_the_server_no_memory_and_ever_the_same_time() {
    const AT_ONCE: usize = 100;
    /// What the server grows by however many there are, with room to spare.
    const GROWTH_KIB_MAX: u64 = 16 * 1024;
    let (steps, step) = (10, size(500, 100_000));
    let server = TestServer::starts();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| WireClient::registers(&server, name));
    alice.agrees_with(&mut bob);
    bob.vanishes();
    let first = Noise::new().body(0);
    alice.sends(&user("bob"), &first);
    alice.hears_it_is_stored();
    let before_kib = status_of(server.process(), "VmRSS:");
    for number in 1..=steps {
        let start = Instant::now();
        for _ in 0..step / AT_ONCE {
            let send = |_| Request::Send { peer: user("bob"), body: Noise::new().body(0) };
            let some = (0..AT_ONCE).map(send).map(|send| encode(&send, FRAME_BYTES_MAX).unwrap());
            assert!(alice.says_bytes(&some.collect::<Vec<_>>().concat()));
            for _ in 0..AT_ONCE {
                alice.hears_it_is_stored();
            }
        }
        let (streams, taken) = (number * step, start.elapsed());
        println!(
            "\nstreams: {streams}; the last {step} in {taken:?}; {:?} KiB",
            status_of(server.process(), "VmRSS:")
        );
    }
    alice.sends(&user("bob"), &first);
    assert_eq!(alice.hears_it_is_stored(), 1);
    let after_kib = status_of(server.process(), "VmRSS:");
    if let (Some(before), Some(after)) = (before_kib, after_kib) {
        assert!(after < before + GROWTH_KIB_MAX, "from {before} to {after} KiB");
    }
}

/// Times of logins, and of messages from one to the other, in turns.
fn measure(server: &TestServer, pair: &mut Pair, rounds: usize) -> (Vec<Duration>, Vec<Duration>) {
    let (mut logins, mut messages) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        drop(WireClient::logs_in(server, "honest"));
        logins.push(start.elapsed());
        let start = Instant::now();
        pair.from.sends(&user("dave"), &pair.noise.body(0));
        pair.from.hears_it_is_stored();
        messages.push(start.elapsed());
    }
    (logins, messages)
}

struct Pair {
    from: WireClient,
    noise: Noise,
    to: WireClient,
}

#[test]
fn slow_connections_and_a_slow_reader_delay_nobody_and_are_gone_at_the_deadline() {
    let (slow, rounds, timeout_s) = (size(400, 2_000), size(20, 500), size(4, 30));
    let timeout = timeout_s.to_string();
    let server = TestServer::starts_with(&["--login-timeout", &timeout, "--log", "warn"]);
    drop(WireClient::registers(&server, "honest"));
    let mut pair = Pair::talks(&server);
    let (mut logins_alone, mut messages_alone) = measure(&server, &mut pair, rounds);
    let threads = status_of(server.process(), "Threads:");

    // Half of them never get through the handshake, half never through a login.
    let mut raw: Vec<Dripper> = (0..slow / 2).map(|_| Dripper::connects(&server)).collect();
    let greeted: Vec<Stranger> = (0..slow / 2).map(|_| Stranger::is_greeted(&server)).collect();
    let begun = Instant::now();
    let dripping = thread::spawn(move || {
        let mut at = 0;
        while !raw.is_empty() {
            raw.retain_mut(|dripper| dripper.drips(at));
            at += 1;
            thread::sleep(Duration::from_millis(200));
        }
        begun.elapsed()
    });
    let reader = reads_nothing(&server);
    let (mut logins, mut messages) = measure(&server, &mut pair, rounds);
    let during = status_of(server.process(), "Threads:");
    let raw_gone = dripping.join().unwrap();
    let mut greeted = greeted;
    for stranger in &mut greeted {
        assert_eq!(stranger.hears_error(), ErrorCode::TooSlow);
        assert_eq!(stranger.hears(), None);
    }
    println!(
        "\nslowloris: {slow} connections (threads {threads:?}, then {during:?}); handshakes gone after {raw_gone:?}"
    );
    for (what, alone, with) in
        [("login", &mut logins_alone, &mut logins), ("stored message", &mut messages_alone, &mut messages)]
    {
        let [p50, p99] = [50, 99].map(|percent| (percentile(alone, percent), percentile(with, percent)));
        println!(
            "slowloris: {what}: p50 {:?} alone, {:?} with them; p99 {:?} alone, {:?} with them",
            p50.0, p50.1, p99.0, p99.1
        );
    }
    assert!(percentile(&mut logins, 99) < Duration::from_secs(1));
    assert!(raw_gone < Duration::from_secs(timeout_s as u64 + 10), "{raw_gone:?}");
    let reader_gone = reader.join().unwrap();
    println!("slowloris: who reads nothing is gone after {reader_gone:?}");
    assert!(reader_gone < PATIENCE, "{reader_gone:?}");
    // All their threads are gone: what is left serves the pair.
    let deadline = Instant::now() + Duration::from_secs(20);
    while status_of(server.process(), "Threads:") > threads.map(|threads| threads + 4) {
        assert!(Instant::now() < deadline, "threads are left");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(!server.errors().contains("panicked"), "{}", server.errors());
}

/// Two servers on the one machine, one alone and one with a crowd at its door, and a pair at each. Messages of the
/// two pairs are sent in turns, so that what else the machine does is shared by both: what differs is what the
/// crowd does to the server. For the figures in docs/RESISTANCE.md; how long anything takes is not judged here.
#[test]
fn a_pair_beside_a_crowd_at_the_door_is_served_as_one_alone() {
    let (slow, rounds) = (size(200, 2_000), size(100, 20_000));
    let (quiet, crowded) = (TestServer::starts(), TestServer::starts());
    let mut pairs = [&quiet, &crowded].map(Pair::talks);
    let mut drippers: Vec<Dripper> = (0..slow / 2).map(|_| Dripper::connects(&crowded)).collect();
    let greeted: Vec<Stranger> = (0..slow / 2).map(|_| Stranger::is_greeted(&crowded)).collect();
    let reader = reads_nothing(&crowded);
    let mut times = [Vec::new(), Vec::new()];
    // While the crowd is there: it is sent away after 30 s.
    let until = Instant::now() + Duration::from_secs(25);
    for round in (0..rounds).take_while(|_| Instant::now() < until) {
        // One of them says a byte now and then: all of them are awake several times in their 30 seconds.
        if let Some(dripper) = drippers.get_mut(round % slow) {
            dripper.drips(round / slow);
        }
        for (pair, times) in pairs.iter_mut().zip(&mut times) {
            times.push(pair.delivers());
        }
    }
    let [alone, beside] = &mut times;
    println!("\nbeside: {} messages of each pair", alone.len());
    for percent in [50, 90, 99] {
        let [alone, beside] = [percentile(alone, percent), percentile(beside, percent)];
        let ratio = beside.as_secs_f64() / alone.as_secs_f64();
        println!(
            "beside: {slow} connections: p{percent} {alone:?} alone, {beside:?} beside them, ratio {ratio:.3}"
        );
    }
    drop((drippers, greeted));
    assert!(reader.join().unwrap() < PATIENCE);
}

impl Pair {
    fn talks(server: &TestServer) -> Self {
        let (mut from, mut to) =
            (WireClient::registers(server, "carol"), WireClient::registers(server, "dave"));
        from.agrees_with(&mut to);
        Self { from, noise: Noise::new(), to }
    }

    /// A message from one to the other: how long until it is there. Returns when it is stored, too.
    fn delivers(&mut self) -> Duration {
        let start = Instant::now();
        self.from.sends(&user("dave"), &self.noise.body(0));
        self.to.hears_of(|event| matches!(event, Event::Message { .. }).then_some(()));
        let taken = start.elapsed();
        self.from.hears_it_is_stored();
        taken
    }
}

/// Somebody who asks for ever and reads nothing of the answers, until the server has enough of it: how long that took.
fn reads_nothing(server: &TestServer) -> JoinHandle<Duration> {
    let reader = WireClient::registers(server, "reader");
    let who = encode(&Request::Who {}, FRAME_BYTES_MAX).unwrap();
    let many = who.repeat(1000);
    thread::spawn(move || {
        let start = Instant::now();
        while reader.says_bytes(&many) {}
        start.elapsed()
    })
}
