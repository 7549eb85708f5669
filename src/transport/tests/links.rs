//! What a link promises, over loopback sockets.

use std::{
    io::{Read, Write},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use socket2::SockRef;

use crate::{
    transport::{
        Link, QUEUED_BYTES_MAX, TransportError,
        testing::{PATIENCE, TestServer},
    },
    wire::{Frames, encode},
};

const LIMIT: usize = 64 * 1024;

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

fn frame(text: &str) -> Vec<u8> {
    encode(&text, LIMIT).unwrap()
}

/// The next frame's text, or `None` at the end.
fn next(link: &Link, frames: &mut Frames) -> Option<String> {
    loop {
        if let Some(text) = frames.take().unwrap() {
            return Some(text);
        }
        if !link.receive(frames, Some(soon())).unwrap() {
            return None;
        }
    }
}

fn say(link: &Link, text: &str) {
    link.queue(&frame(text));
    link.flush();
}

/// Waits, by reading, until a link is over; what was said on it before is dropped.
fn wait_for_end(link: &Link) {
    let mut frames = Frames::new(LIMIT);
    while link.receive(&mut frames, Some(soon())).unwrap_or(false) {
        while let Ok(Some(_)) = frames.take::<String>() {}
    }
}

#[test]
fn both_directions_carry_frames_of_every_size() {
    let server = TestServer::start(PATIENCE);
    let (server_end, client_end) = server.pair();
    let texts: Vec<String> = [0, 1, 5_000, 16_384, 60_000].iter().map(|&size| "x".repeat(size)).collect();
    for (from, to) in [(&server_end, &client_end), (&client_end, &server_end)] {
        let mut frames = Frames::new(LIMIT);
        for text in &texts {
            from.queue(&frame(text));
        }
        from.flush_by(soon()).unwrap();
        for text in &texts {
            assert_eq!(next(to, &mut frames).as_ref(), Some(text));
        }
    }
    assert_eq!(client_end.peer_fingerprint(), Some(server.identity.fingerprint()));
    assert_eq!(server_end.peer_fingerprint(), None);
    assert_eq!(client_end.peer_addr().port(), server.port());
}

#[test]
fn the_exporter_is_the_same_at_both_ends_and_another_on_every_connection() {
    let server = TestServer::start(PATIENCE);
    let (one, other) = (server.pair(), server.pair());
    assert_eq!(one.0.exporter(), one.1.exporter());
    assert_eq!(other.0.exporter(), other.1.exporter());
    assert_ne!(one.0.exporter(), other.0.exporter());
}

#[test]
fn many_writers_keep_each_its_order_and_tear_no_frame() {
    const WRITERS: usize = 8;
    const EACH: usize = 400;
    let server = TestServer::start(PATIENCE);
    let (server_end, client_end) = server.pair();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let link = server_end.clone();
            scope.spawn(move || {
                for number in 0..EACH {
                    let filler = "x".repeat(number * 37 % 900);
                    link.queue(&encode(&(writer, number, filler), LIMIT).unwrap());
                    if number % 7 == 0 { link.flush_by(soon()).unwrap() } else { link.flush() }
                }
                link.flush_by(soon()).unwrap();
            });
        }
        let mut frames = Frames::new(LIMIT);
        let mut expected = [0; WRITERS];
        while expected != [EACH; WRITERS] {
            assert!(client_end.receive(&mut frames, Some(soon())).unwrap());
            while let Some((writer, number, filler)) = frames.take::<(usize, usize, String)>().unwrap() {
                assert_eq!(number, expected[writer], "writer {writer}");
                assert_eq!(filler.len(), number * 37 % 900);
                expected[writer] += 1;
            }
        }
    });
}

#[test]
fn what_is_queued_together_goes_out_together() {
    let server = TestServer::start(PATIENCE);
    let (server_end, client_end) = server.pair();
    for number in 0..50 {
        server_end.queue(&frame(&number.to_string()));
    }
    server_end.flush();
    // One record, so whatever brings the first brings all.
    let mut frames = Frames::new(LIMIT);
    assert_eq!(next(&client_end, &mut frames).as_deref(), Some("0"));
    for number in 1..50 {
        assert_eq!(frames.take::<String>().unwrap(), Some(number.to_string()));
    }
}

/// Makes the system take little for a peer that does not read.
fn narrow(server_end: &Link, client_end: &Link) {
    SockRef::from(server_end.socket().stream()).set_send_buffer_size(4096).unwrap();
    SockRef::from(client_end.socket().stream()).set_recv_buffer_size(4096).unwrap();
}

/// Says things until the peer, who does not read, has become a straggler.
fn fill(link: &Link, server: &TestServer) {
    let text = "x".repeat(16 * 1024);
    while server.stragglers.count() == 0 {
        assert!(!link.is_closed());
        say(link, &text);
    }
}

#[test]
fn a_peer_that_does_not_read_delays_nobody_and_is_closed_after_the_deadline() {
    let deadline = Duration::from_millis(400);
    let server = TestServer::start(deadline);
    let (stuck, stuck_client) = server.pair();
    let (fine, fine_client) = server.pair();
    narrow(&stuck, &stuck_client);
    let begun = Instant::now();
    fill(&stuck, &server);
    let mut frames = Frames::new(LIMIT);
    for number in 0..100 {
        let text = number.to_string();
        say(&stuck, &text);
        say(&fine, &text);
        assert_eq!(next(&fine_client, &mut frames), Some(text));
    }
    // The server's reader of the stuck link is woken.
    wait_for_end(&stuck);
    assert!(stuck.is_closed());
    assert!(begun.elapsed() >= deadline);
    assert!(begun.elapsed() < PATIENCE);
    assert!(!fine.is_closed());
    drop(stuck_client);
}

#[test]
fn a_straggler_that_reads_again_in_time_gets_everything() {
    let server = TestServer::start(PATIENCE);
    let (slow, slow_client) = server.pair();
    narrow(&slow, &slow_client);
    fill(&slow, &server);
    say(&slow, "last");
    let mut frames = Frames::new(LIMIT);
    while let Some(text) = next(&slow_client, &mut frames) {
        if text == "last" {
            slow.flush_by(soon()).unwrap();
            return;
        }
        assert_eq!(text.len(), 16 * 1024);
    }
    panic!("the link ended");
}

#[test]
fn reading_a_few_bytes_now_and_then_does_not_prolong_a_batch() {
    let deadline = Duration::from_millis(800);
    let server = TestServer::start(deadline);
    let (slow, drip_client) = server.pair();
    SockRef::from(slow.socket().stream()).set_send_buffer_size(4096).unwrap();
    let text = "x".repeat(60_000);
    for _ in 0..15 {
        slow.queue(&frame(&text));
    }
    let begun = Instant::now();
    slow.flush();
    let (stop, stopped) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let mut raw = drip_client.socket().stream();
        scope.spawn(move || {
            let mut some = [0; 1024];
            // The pause is the drip's pace, 5 s for the batch; nothing waits for it.
            while stopped.recv_timeout(Duration::from_millis(5)) == Err(mpsc::RecvTimeoutError::Timeout) {
                if raw.read(&mut some).unwrap_or(0) == 0 {
                    break;
                }
            }
        });
        wait_for_end(&slow);
        drop(stop);
    });
    assert!(slow.is_closed());
    assert!(begun.elapsed() >= deadline);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[test]
fn more_than_the_bound_closes_the_link() {
    let server = TestServer::start(PATIENCE);
    let (server_end, client_end) = server.pair();
    let one = frame(&"x".repeat(60_000));
    for _ in 0..QUEUED_BYTES_MAX / one.len() {
        server_end.queue(&one);
    }
    assert!(!server_end.is_closed());
    server_end.queue(&one);
    assert!(server_end.is_closed());
    assert!(matches!(server_end.flush_by(soon()), Err(TransportError::Closed)));
    wait_for_end(&server_end);
    wait_for_end(&client_end);
    // The same by a flush that does not wait.
    let (server_end, client_end) = server.pair();
    for _ in 0..=QUEUED_BYTES_MAX / one.len() {
        server_end.queue(&one);
    }
    server_end.flush();
    wait_for_end(&client_end);
}

#[test]
fn waiting_for_a_peer_that_does_not_read_ends_at_the_deadline() {
    let server = TestServer::start(PATIENCE);
    let (server_end, client_end) = server.pair();
    narrow(&client_end, &server_end);
    let text = frame(&"x".repeat(60_000));
    let outcome = (0..).find_map(|_| {
        client_end.queue(&text);
        client_end.flush_by(Instant::now() + Duration::from_millis(50)).err()
    });
    assert!(matches!(outcome, Some(TransportError::TimedOut)), "{outcome:?}");
    // What did not go out goes out once the peer reads.
    client_end.queue(&frame("last"));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| client_end.flush_by(soon()));
        let mut frames = Frames::new(LIMIT);
        while next(&server_end, &mut frames).unwrap() != "last" {}
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn what_arrives_together_with_the_end_is_not_lost() {
    let server = TestServer::start(PATIENCE);
    for _ in 0..50 {
        let (server_end, client_end) = server.pair();
        for number in 0..5 {
            server_end.queue(&frame(&number.to_string()));
        }
        server_end.close();
        let mut frames = Frames::new(LIMIT);
        for number in 0..5 {
            assert_eq!(next(&client_end, &mut frames), Some(number.to_string()));
        }
        assert_eq!(next(&client_end, &mut frames), None);
        assert_eq!(next(&client_end, &mut frames), None);
    }
}

#[test]
fn last_words_are_heard_by_one_who_writes_to_a_closed_link() {
    let server = TestServer::start(PATIENCE);
    let (server_end, client_end) = server.pair();
    say(&server_end, "last words");
    server_end.close();
    drop(server_end);
    while !client_end.is_closed() {
        say(&client_end, "are you there?");
    }
    let mut frames = Frames::new(LIMIT);
    assert_eq!(next(&client_end, &mut frames).as_deref(), Some("last words"));
    assert_eq!(next(&client_end, &mut frames), None);
}

#[test]
fn an_end_without_a_farewell_is_an_end() {
    let server = TestServer::start(PATIENCE);
    let (server_end, client_end) = server.pair();
    server_end.socket().shut_down();
    let mut frames = Frames::new(LIMIT);
    assert_eq!(next(&client_end, &mut frames), None);
}

#[test]
fn closing_wakes_the_reader() {
    let server = TestServer::start(PATIENCE);
    let (server_end, client_end) = server.pair();
    thread::scope(|scope| {
        let reader = scope.spawn(|| server_end.receive(&mut Frames::new(LIMIT), None).unwrap());
        server_end.close();
        assert!(!reader.join().unwrap());
    });
    assert!(server_end.is_closed());
    wait_for_end(&client_end);
}

#[test]
fn bytes_changed_on_their_way_are_an_error_and_never_a_frame() {
    let server = TestServer::start(PATIENCE);
    let (server_end, client_end) = server.pair();
    say(&server_end, "true");
    // A record that no key sealed, behind a good one.
    let mut forged = vec![23, 3, 3, 0, 32];
    forged.extend([7; 32]);
    server_end.socket().stream().write_all(&forged).unwrap();
    let mut frames = Frames::new(LIMIT);
    assert_eq!(next(&client_end, &mut frames).as_deref(), Some("true"));
    let error = loop {
        match client_end.receive(&mut frames, Some(soon())) {
            Ok(true) => {}
            other => break other,
        }
    };
    assert!(matches!(error, Err(TransportError::Tls(_))), "{error:?}");
}

#[test]
fn a_read_ends_at_its_deadline_and_the_link_stays_good() {
    let server = TestServer::start(PATIENCE);
    let (server_end, client_end) = server.pair();
    let mut frames = Frames::new(LIMIT);
    let early = client_end.receive(&mut frames, Some(Instant::now() + Duration::from_millis(10)));
    assert!(matches!(early, Err(TransportError::TimedOut)), "{early:?}");
    say(&server_end, "later");
    assert_eq!(next(&client_end, &mut frames).as_deref(), Some("later"));
}
