//! The pool that receives newcomers: whom it waits for, how long, and what its threads never do.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, unbounded};

use crate::{
    transport::{
        Arrival, HANDSHAKE_BYTES_MAX, Link, Reception, TransportError, Trust, Welcome, connect,
        testing::{PATIENCE, TestServer},
        thread_each,
    },
    wire::{Frames, Request, encode, limits::FRAME_BYTES_MAX},
};

const GREETING: &[u8] = b"\0\0\0\x02{}";

fn welcome() -> Welcome {
    Welcome { greeting: GREETING.into(), frame_bytes_max: Some(100) }
}

/// Has the next connection received by `receive`; what becomes of it comes through the channel.
fn receives(
    server: &TestServer,
    receive: impl FnOnce(TcpStream, Instant, Box<dyn FnOnce(Arrival) + Send>),
    within: Duration,
) -> Receiver<Arrival> {
    let (told, arrivals) = unbounded();
    let then = move |arrival| {
        let _ = told.send(arrival);
    };
    receive(server.accept_stream(), Instant::now() + within, Box::new(then));
    arrivals
}

fn by(reception: &Reception) -> impl FnOnce(TcpStream, Instant, Box<dyn FnOnce(Arrival) + Send>) {
    |stream, deadline, then| reception.receive(stream, welcome(), deadline, then).unwrap()
}

fn reaches(server: &TestServer) -> Link {
    connect("127.0.0.1", server.port(), &Trust::Fingerprint(server.identity.fingerprint()), PATIENCE).unwrap()
}

fn dials(server: &TestServer) -> TcpStream {
    TcpStream::connect(("127.0.0.1", server.port())).unwrap()
}

fn asks_who(link: &Link) {
    link.queue(&encode(&Request::Who {}, FRAME_BYTES_MAX).unwrap());
    link.flush();
}

/// The greeting, and a request after it.
fn is_greeted_and_asks(server: &TestServer) -> Link {
    let link = reaches(server);
    let mut greeting = Frames::new(FRAME_BYTES_MAX);
    assert!(link.receive(&mut greeting, Some(Instant::now() + PATIENCE)).unwrap());
    assert_eq!(greeting.take::<serde_json::Value>().unwrap(), Some(serde_json::json!({})));
    asks_who(&link);
    link
}

fn brings_a_request(arrival: Arrival) {
    let Arrival::Here(_, mut frames) = arrival else { panic!("{arrival:?}") };
    assert_eq!(frames.take().unwrap(), Some(Request::Who {}));
}

#[test]
fn unfinished_handshakes_hold_no_thread_and_end_at_their_deadline() {
    const SLOW: usize = 50;
    let server = TestServer::start(PATIENCE);
    let reception = Reception::start(server.acceptor(), 1).unwrap();
    let slow: Vec<_> = (0..SLOW)
        .map(|number| {
            let mut stream = dials(&server);
            // The beginning of a TLS record, and of some not even that.
            stream.write_all(&[0x16, 3, 1][..number % 4]).unwrap();
            (stream, receives(&server, by(&reception), Duration::from_secs(2)))
        })
        .collect();
    // All of them were looked at by the only thread, and none has it.
    thread::scope(|scope| {
        let honest = scope.spawn(|| is_greeted_and_asks(&server));
        let arrival = receives(&server, by(&reception), PATIENCE).recv_timeout(PATIENCE).unwrap();
        brings_a_request(arrival);
        honest.join().unwrap();
    });
    assert_eq!(reception.count(), SLOW);
    for (_stream, arrivals) in slow {
        let arrival = arrivals.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(arrival, Arrival::Failed(TransportError::TimedOut)), "{arrival:?}");
    }
    assert_eq!(reception.count(), 0);
}

/// A hello of 64 KiB that is never whole: TLS would wait for all of it.
#[test]
fn a_handshake_is_given_up_when_it_is_longer_than_any_of_ours() {
    let server = TestServer::start(PATIENCE);
    let reception = Reception::start(server.acceptor(), 1).unwrap();
    let mut peer = dials(&server);
    let arrivals = receives(&server, by(&reception), PATIENCE);
    let record = [&[22, 3, 1, 0x10, 0][..], &[0; 0x1000]].concat();
    let mut first = record.clone();
    first[5..9].copy_from_slice(&[1, 0, 0xff, 0xf0]);
    peer.write_all(&first).unwrap();
    for _ in 0..HANDSHAKE_BYTES_MAX / 0x1000 - 1 {
        peer.write_all(&record).unwrap();
    }
    let _ = peer.write_all(&record);
    let arrival = arrivals.recv_timeout(PATIENCE).unwrap();
    let Arrival::Failed(TransportError::HandshakeTooLong { limit }) = arrival else { panic!("{arrival:?}") };
    assert_eq!(limit, HANDSHAKE_BYTES_MAX);
}

#[test]
fn a_handshake_that_goes_on_does_not_prolong_its_deadline() {
    let server = TestServer::start(PATIENCE);
    let reception = Reception::start(server.acceptor(), 1).unwrap();
    let mut stream = dials(&server);
    let start = Instant::now();
    let arrivals = receives(&server, by(&reception), Duration::from_secs(1));
    let mut record = [0x16, 3, 1, 0x10, 0].iter().chain(std::iter::repeat(&0));
    loop {
        // A byte now and then, until it is over.
        let said = stream.write_all(&[*record.next().unwrap()]);
        if let Ok(arrival) = arrivals.recv_timeout(Duration::from_millis(20)) {
            assert!(matches!(arrival, Arrival::Failed(_)), "{arrival:?}");
            break;
        }
        assert!(said.is_ok() && start.elapsed() < PATIENCE);
    }
    assert!(start.elapsed() > Duration::from_millis(900), "{:?}", start.elapsed());
}

#[test]
fn who_says_nothing_after_the_handshake_is_told_from_who_never_made_one() {
    let server = TestServer::start(PATIENCE);
    let reception = Reception::start(server.acceptor(), 1).unwrap();
    thread::scope(|scope| {
        let client = scope.spawn(|| reaches(&server));
        let arrivals = receives(&server, by(&reception), Duration::from_millis(500));
        let link = client.join().unwrap();
        let arrival = arrivals.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(arrival, Arrival::Silent(_)), "{arrival:?}");
        drop(arrival);
        drop(link);
    });
}

#[test]
fn a_frame_that_is_too_large_arrives_at_once() {
    let server = TestServer::start(PATIENCE);
    let reception = Reception::start(server.acceptor(), 1).unwrap();
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            let link = reaches(&server);
            link.queue(&101_u32.to_be_bytes());
            link.flush();
            link
        });
        let arrivals = receives(&server, by(&reception), PATIENCE);
        let Arrival::Here(_, mut frames) = arrivals.recv_timeout(PATIENCE).unwrap() else { panic!() };
        assert!(frames.take::<Request>().is_err());
        client.join().unwrap();
    });
}

#[test]
fn where_only_the_greeting_matters_it_is_over_with_the_handshake() {
    let server = TestServer::start(PATIENCE);
    let reception = Reception::start(server.acceptor(), 1).unwrap();
    thread::scope(|scope| {
        let client = scope.spawn(|| is_greeted_and_asks(&server));
        let only_greeted = Welcome { frame_bytes_max: None, ..welcome() };
        let receive = |stream, deadline, then: Box<dyn FnOnce(Arrival) + Send>| {
            reception.receive(stream, only_greeted, deadline, then).unwrap();
        };
        let arrivals = receives(&server, receive, PATIENCE);
        let arrival = arrivals.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(arrival, Arrival::Here(..)), "{arrival:?}");
        drop(arrival);
        let link = client.join().unwrap();
        let end = link.receive(&mut Frames::new(100), Some(Instant::now() + PATIENCE));
        assert!(matches!(end, Ok(false) | Err(TransportError::Closed)), "{end:?}");
    });
}

#[test]
fn the_end_of_the_reception_ends_those_who_wait_and_its_threads() {
    let server = TestServer::start(PATIENCE);
    let reception = Reception::start(server.acceptor(), 3).unwrap();
    let mut waiting: Vec<_> =
        (0..5).map(|_| (dials(&server), receives(&server, by(&reception), PATIENCE))).collect();
    reception.stop();
    for (stream, arrivals) in &mut waiting {
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "still open");
        assert!(arrivals.recv_timeout(PATIENCE).is_err(), "nothing is said of it");
    }
    let mut late = dials(&server);
    let arrivals = receives(&server, by(&reception), PATIENCE);
    assert!(arrivals.recv_timeout(PATIENCE).is_err());
    assert_eq!(late.read(&mut [0]).unwrap_or(0), 0, "received after the end");
}

#[test]
fn a_system_without_epoll_gives_each_newcomer_a_thread() {
    let server = TestServer::start(PATIENCE);
    let reception = thread_each::Reception::start(server.acceptor(), 1).unwrap();
    let receive = |stream, deadline, then: Box<dyn FnOnce(Arrival) + Send>| {
        reception.receive(stream, welcome(), deadline, then).unwrap();
    };
    thread::scope(|scope| {
        let slow = dials(&server);
        let timed_out = receives(&server, receive, Duration::from_millis(300));
        let honest = scope.spawn(|| is_greeted_and_asks(&server));
        let arrivals = receives(&server, receive, PATIENCE);
        brings_a_request(arrivals.recv_timeout(PATIENCE).unwrap());
        honest.join().unwrap();
        let arrival = timed_out.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(arrival, Arrival::Failed(TransportError::TimedOut)), "{arrival:?}");
        drop(slow);
    });
    let mut ended = dials(&server);
    let arrivals = receives(&server, receive, PATIENCE);
    reception.stop();
    assert!(arrivals.recv_timeout(PATIENCE).is_err());
    assert_eq!(ended.read(&mut [0]).unwrap_or(0), 0);
}
