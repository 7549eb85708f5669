//! Who may be at the other end: the right server, a wrong one, and what is no securechat at all.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, ServerConfig, ServerConnection, crypto::ring, pki_types::ServerName,
    sign::SingleCertAndKey, version::TLS13,
};

use crate::transport::{
    ALPN, Acceptor, ServerIdentity, TransportError, Trust, connect, listen,
    testing::{PATIENCE, TestServer},
    trust::Verifier,
};

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
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified())));
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
            Verifier::new(&Trust::Any, &Arc::new(ring::default_provider())).unwrap(),
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
    let acceptor = Acceptor::new(&server.identity, &server.stragglers).unwrap();
    let mut hosts = vec!["127.0.0.1"];
    if addr.is_ipv6() && TcpStream::connect((Ipv6Addr::LOCALHOST, addr.port())).is_ok() {
        listener.accept().unwrap();
        hosts.push("::1");
    }
    for host in hosts {
        thread::scope(|scope| {
            let client = scope.spawn(move || connect(host, addr.port(), &Trust::Any, PATIENCE).unwrap());
            let (stream, _) = listener.accept().unwrap();
            let server_end = acceptor.accept(stream, Instant::now() + PATIENCE).unwrap();
            assert_eq!(server_end.peer_addr().ip().to_string(), host);
            let fingerprint = client.join().unwrap().peer_fingerprint();
            assert_eq!(fingerprint, Some(server.identity.fingerprint()));
        });
    }
}
