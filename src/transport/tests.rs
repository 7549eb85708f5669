//! Links over loopback, and everything that may be at the other end instead of a securechat server.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, ServerConfig, ServerConnection, crypto::ring, pki_types::ServerName,
    version::TLS13,
};
use socket2::SockRef;

use super::{
    ALPN, Fingerprint, Link, QUEUED_BYTES_MAX, ServerIdentity, TransportError, Trust, connect, listen,
    testing::{PATIENCE, TestServer},
};
use crate::wire::{Frames, encode};

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
    let deadline = Duration::from_millis(500);
    let server = TestServer::start(deadline);
    let (slow, drip_client) = server.pair();
    narrow(&slow, &drip_client);
    let text = "x".repeat(60_000);
    for _ in 0..15 {
        slow.queue(&frame(&text));
    }
    slow.flush();
    let begun = Instant::now();
    let (stop, stopped) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let mut raw = drip_client.socket().stream();
        scope.spawn(move || {
            let mut some = [0; 512];
            // The pause is the drip's pace; nothing waits for it.
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
    server_end.flush();
    wait_for_end(&server_end);
    wait_for_end(&client_end);
    assert!(matches!(server_end.flush_by(soon()), Err(TransportError::Closed)));
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

#[test]
fn another_key_than_the_expected_one_is_refused_and_named() {
    let server = TestServer::start(PATIENCE);
    let pem = ServerIdentity::generate().unwrap();
    let expected = ServerIdentity::from_pem(&pem.certificate, &pem.key).unwrap().fingerprint();
    let (server_end, client_end) = server.meet(&Trust::Fingerprint(expected));
    let error = client_end.unwrap_err();
    let right = matches!(error, TransportError::WrongServerKey { expected: e, actual }
        if e == expected && actual == server.identity.fingerprint());
    assert!(right, "{error:?}");
    assert!(server_end.is_err());
}

#[test]
fn a_certificate_that_no_authority_issued_is_not_trusted_under_authorities() {
    let server = TestServer::start(PATIENCE);
    let (server_end, client_end) = server.meet(&Trust::Authorities);
    let error = client_end.unwrap_err();
    // A machine without authorities refuses before it connects.
    let refused = matches!(error, TransportError::Untrusted(_) | TransportError::NoAuthorities(_));
    assert!(refused, "{error:?}");
    assert!(server_end.is_err());
}

#[test]
fn any_server_is_accepted_where_the_person_decides() {
    let server = TestServer::start(PATIENCE);
    let (_server_end, client_end) = server.meet(&Trust::Any);
    assert_eq!(client_end.unwrap().peer_fingerprint(), Some(server.identity.fingerprint()));
}

/// What a client says of a server that answers each connection by `answer` and then ends it.
fn outcome_at(answer: impl FnOnce(TcpStream) + Send) -> TransportError {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::scope(|scope| {
        scope.spawn(move || answer(listener.accept().unwrap().0));
        connect("127.0.0.1", port, &Trust::Any, PATIENCE).unwrap_err()
    })
}

/// Reads the client's first flight and answers it with these bytes.
fn answer_with(bytes: &'static [u8]) -> impl FnOnce(TcpStream) + Send {
    move |mut stream| {
        let mut hello = [0; 4096];
        assert!(stream.read(&mut hello).unwrap() > 0);
        stream.write_all(bytes).unwrap();
    }
}

#[test]
fn a_server_without_tls_is_told_from_one_of_another_kind() {
    let http = outcome_at(answer_with(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    assert!(matches!(http, TransportError::NotTls), "{http:?}");
    let ssh = outcome_at(|mut stream| stream.write_all(b"SSH-2.0-x\r\n").unwrap());
    assert!(matches!(ssh, TransportError::NotTls), "{ssh:?}");
    let closes = outcome_at(answer_with(b""));
    assert!(matches!(closes, TransportError::Closed), "{closes:?}");
}

#[test]
fn a_server_of_an_older_tls_is_not_a_securechat_server() {
    // The alert protocol_version, as such a server answers a hello that offers only TLS 1.3.
    let alert = outcome_at(answer_with(&[21, 3, 3, 0, 2, 2, 70]));
    assert!(matches!(alert, TransportError::NotSecurechat), "{alert:?}");
    // Or it takes no notice, and answers with a hello of TLS 1.2: version, random, no session, suite 0xc02f.
    const HELLO: [u8; 49] = {
        let mut hello = [9; 49];
        let head = [22, 3, 3, 0, 44, 2, 0, 0, 40, 3, 3];
        let mut i = 0;
        while i < head.len() {
            hello[i] = head[i];
            i += 1;
        }
        let tail = [0, 0xc0, 0x2f, 0, 0, 0];
        let mut i = 0;
        while i < tail.len() {
            hello[43 + i] = tail[i];
            i += 1;
        }
        hello
    };
    let older = outcome_at(answer_with(&HELLO));
    assert!(matches!(older, TransportError::NotSecurechat), "{older:?}");
}

/// A TLS 1.3 server with these application protocols, up to the end of its handshake.
fn tls_server(alpn: &'static [&'static [u8]]) -> impl FnOnce(TcpStream) + Send {
    move |mut stream| {
        let pem = ServerIdentity::generate().unwrap();
        let identity = ServerIdentity::from_pem(&pem.certificate, &pem.key).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(identity.certified())));
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
        let _ = tls.complete_io(&mut stream);
    }
}

#[test]
fn a_tls_server_without_our_protocol_is_told_from_one_of_another_version() {
    let none = outcome_at(tls_server(&[]));
    assert!(matches!(none, TransportError::NotSecurechat), "{none:?}");
    let other = outcome_at(tls_server(&[b"securechat/2"]));
    assert!(matches!(other, TransportError::OtherVersion), "{other:?}");
}

/// What our server says of a TLS client with these application protocols.
fn outcome_of_client(alpn: &[&[u8]]) -> TransportError {
    let server = TestServer::start(PATIENCE);
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(
            super::trust::Verifier::new(&Trust::Any, &Arc::new(ring::default_provider())).unwrap(),
        ))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
            let _ = tls.complete_io(&mut stream);
        });
        server.accept(PATIENCE).unwrap_err()
    })
}

#[test]
fn a_client_without_our_protocol_or_of_another_version_is_refused() {
    let none = outcome_of_client(&[]);
    assert!(matches!(none, TransportError::NotSecurechat), "{none:?}");
    let other = outcome_of_client(&[b"securechat/2", b"h2"]);
    assert!(matches!(other, TransportError::OtherVersion), "{other:?}");
    assert_eq!(ALPN, b"securechat/1");
}

#[test]
fn a_handshake_has_one_deadline_however_slowly_bytes_come() {
    let server = TestServer::start(PATIENCE);
    let (stop, stopped) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let mut silent = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
        let begun = Instant::now();
        let error = server.accept(Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, TransportError::TimedOut), "{error:?}");
        assert!(begun.elapsed() < PATIENCE);
        drop(silent);

        silent = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
        scope.spawn(move || {
            // A record of 16 KiB, a byte at a time; the pause is the drip's pace.
            silent.write_all(&[22, 3, 1, 64, 0, 1, 0, 63, 252]).unwrap();
            while stopped.recv_timeout(Duration::from_millis(5)) == Err(mpsc::RecvTimeoutError::Timeout) {
                if silent.write_all(&[3]).is_err() {
                    break;
                }
            }
        });
        let error = server.accept(Duration::from_millis(200)).unwrap_err();
        assert!(matches!(error, TransportError::TimedOut), "{error:?}");
        assert!(begun.elapsed() < PATIENCE);
        drop(stop);
    });
}

#[test]
fn a_silent_server_is_given_up_at_the_deadline() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = connect("127.0.0.1", port, &Trust::Any, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, TransportError::TimedOut), "{error:?}");
}

#[test]
fn a_closed_port_and_an_unknown_host_are_told_apart() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = connect("127.0.0.1", port, &Trust::Any, PATIENCE).unwrap_err();
    assert!(matches!(error, TransportError::Refused { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("connection refused by 127.0.0.1 port {port}"));
    // A name that no resolver asks the network about.
    let error = connect("no such host\u{1b}", 1, &Trust::Any, PATIENCE).unwrap_err();
    assert!(matches!(error, TransportError::HostNotFound { .. }), "{error:?}");
    assert_eq!(error.to_string(), "host not found: no such host\\u{1b}");
}

#[test]
fn both_address_families_reach_a_server_on_every_interface() {
    let server = TestServer::start(PATIENCE);
    let listener = listen(None, 0).unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    let acceptor = super::Acceptor::new(&server.identity, &server.stragglers).unwrap();
    let mut hosts = vec!["127.0.0.1"];
    if addr.is_ipv6() && TcpStream::connect((Ipv6Addr::LOCALHOST, addr.port())).is_ok() {
        listener.accept().unwrap();
        hosts.push("::1");
    }
    for host in hosts {
        thread::scope(|scope| {
            let client = scope.spawn(move || connect(host, addr.port(), &Trust::Any, PATIENCE).unwrap());
            let (stream, _) = listener.accept().unwrap();
            let server_end = acceptor.accept(stream, soon()).unwrap();
            assert_eq!(server_end.peer_addr().ip().to_string(), host);
            let _: Option<Fingerprint> = client.join().unwrap().peer_fingerprint();
        });
    }
}
