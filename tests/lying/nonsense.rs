//! What is no securechat server, or breaks the protocol: one clear error each, and an exit status; and
//! what a server passes on to another one.

use std::{
    fs,
    io::Write,
    net::{TcpListener, TcpStream},
    process::Command,
    sync::Arc,
    time::Instant,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use securechat::{
    transport::{Fingerprint, Link, ServerIdentity, Trust, connect},
    wire::{
        ErrorCode, Event, Frames, PROTOCOL_VERSION, Registration, Request, encode,
        limits::{FRAME_BYTES_MAX, FRAME_BYTES_MAX_BEFORE_LOGIN},
    },
};

use crate::{
    common::{PATIENCE, TestClient, TestServer, securechat},
    liar::{Liar, heard},
};

/// The client ends with this status, this error, and no panic.
fn ends_with(mut client: TestClient, status: i32, error: &str) {
    let ended = client.ends();
    let said = client.stderr();
    assert_eq!(ended.code(), Some(status), "{said}");
    assert!(said.contains(error), "{error:?} in {said:?}");
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

fn frame(json: &str) -> Vec<u8> {
    [&u32::try_from(json.len()).unwrap().to_be_bytes(), json.as_bytes()].concat()
}

#[test]
fn another_version_of_the_protocol_is_named() {
    let liar = Liar::starts();
    for (theirs, hint) in [(PROTOCOL_VERSION + 1, "install a newer securechat here"), (0, "ask the operator")]
    {
        let client = liar.client("bob");
        let link = liar.connection();
        link.queue(
            &encode(&Event::Hello { version: theirs, registration: Registration::Open }, FRAME_BYTES_MAX)
                .unwrap(),
        );
        link.flush();
        let error = format!(
            "speaks version {theirs} of the protocol, and this program speaks version 1\nhint: {hint}"
        );
        ends_with(client, 76, &error);
    }
}

#[test]
fn a_server_that_does_not_greet_is_named() {
    let liar = Liar::starts();
    let client = liar.client("bob");
    let link = liar.connection();
    link.queue(&encode(&Event::LoggedIn {}, FRAME_BYTES_MAX).unwrap());
    link.flush();
    ends_with(client, 76, "error: the server broke the protocol: it did not greet");
}

#[test]
fn a_frame_too_large_before_login_is_refused_by_its_length() {
    let liar = Liar::starts();
    let client = liar.client("bob");
    let link = liar.connection();
    // Only the length: nothing of the frame is ever waited for.
    let length = u32::try_from(FRAME_BYTES_MAX_BEFORE_LOGIN + 1).unwrap();
    link.queue(&length.to_be_bytes());
    link.flush();
    ends_with(client, 76, "error: the server broke the protocol: it sent more than it may");
}

#[test]
fn a_frame_too_large_after_login_is_refused_by_its_length() {
    let liar = Liar::starts();
    let (bob, line) = liar.registers("bob");
    line.says_bytes(&u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes());
    ends_with(bob, 76, "error: the server broke the protocol: it sent more than it may");
}

#[test]
fn what_is_no_event_is_named() {
    let evil_name = r#"{"invited":{"peer":"al\u001b[2Jice"}}"#;
    let spare_field = r#"{"invited":{"peer":"alice","and":1}}"#;
    let two_events = r#"{"taken_over":{}}{"stopping":{}}"#;
    for json in ["", "{}", "[]", r#"{"surprise":{}}"#, r#"{"who":{}}"#, evil_name, spare_field, two_events] {
        let liar = Liar::starts();
        let (bob, line) = liar.registers("bob");
        line.says_bytes(&frame(json));
        ends_with(bob, 76, "error: the server broke the protocol: it sent what is no message");
    }
}

#[test]
fn an_answer_to_nothing_is_named() {
    for event in [
        Event::Hello { version: PROTOCOL_VERSION, registration: Registration::Open },
        Event::LoggedIn {},
        Event::PasswordChanged {},
    ] {
        let liar = Liar::starts();
        let (bob, line) = liar.registers("bob");
        line.says(&event);
        ends_with(bob, 76, "error: the server broke the protocol: it answered what was not asked");
    }
}

#[test]
fn a_connection_that_ends_in_a_frame_is_lost() {
    let liar = Liar::starts();
    let (bob, line) = liar.registers("bob");
    let whole = frame(r#"{"taken_over":{}}"#);
    line.says_bytes(&whole[..whole.len() - 1]);
    line.hangs_up();
    ends_with(bob, 75, "error: the connection to the server was lost");
}

/// A client of what answers on this port.
fn client_of(listener: &TcpListener) -> (tempfile::TempDir, TestClient) {
    let home = tempfile::tempdir().unwrap();
    let mut command: Command = securechat();
    command
        .args(["client", "--host", &listener.local_addr().unwrap().to_string(), "--home"])
        .arg(home.path());
    (home, TestClient::starts("bob", command))
}

fn local() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).unwrap()
}

#[test]
fn a_web_server_without_tls_is_named() {
    let listener = local();
    let (_home, client) = client_of(&listener);
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
    ends_with(client, 76, "the other side does not speak TLS\nhint: something else answers on port");
}

/// A TLS server of these application protocols, for one connection.
fn tls(listener: &TcpListener, protocols: &[&[u8]]) {
    let pem = ServerIdentity::generate().unwrap();
    let certificate = CertificateDer::from_pem_slice(pem.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let (stream, _): (TcpStream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut tls = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
    while tls.conn.is_handshaking() && tls.conn.complete_io(&mut tls.sock).is_ok() {}
}

#[test]
fn a_web_server_with_tls_is_named() {
    let listener = local();
    let (_home, client) = client_of(&listener);
    tls(&listener, &[b"h2", b"http/1.1"]);
    ends_with(client, 76, "speaks another version of the protocol, or is not a securechat server");
}

#[test]
fn another_version_in_the_handshake_is_named() {
    let listener = local();
    let (_home, client) = client_of(&listener);
    tls(&listener, &[b"securechat/2"]);
    ends_with(client, 76, "hint: use the same version of securechat here and there");
}

#[test]
fn a_tls_server_that_chooses_no_protocol_is_named() {
    let listener = local();
    let (_home, client) = client_of(&listener);
    tls(&listener, &[]);
    ends_with(client, 76, "the other side does not speak securechat");
}

/// What the real server answers to a request that was made for another one.
fn relayed(real: &TestServer, request: &Request) -> Event {
    let fingerprint: Fingerprint = real.key().parse().unwrap();
    let link = connect("127.0.0.1", real.port(), &Trust::Fingerprint(fingerprint), PATIENCE).unwrap();
    let mut frames = Frames::new(FRAME_BYTES_MAX);
    heard!(event(&link, &mut frames), Event::Hello { .. } => ());
    link.queue(&encode(request, FRAME_BYTES_MAX).unwrap());
    link.flush_by(Instant::now() + PATIENCE).unwrap();
    event(&link, &mut frames)
}

fn event(link: &Link, frames: &mut Frames) -> Event {
    loop {
        if let Some(event) = frames.take().unwrap() {
            return event;
        }
        assert!(link.receive(frames, Some(Instant::now() + PATIENCE)).unwrap(), "an event");
    }
}

#[test]
fn a_registration_relayed_to_another_server_is_refused_there() {
    let (liar, real) = (Liar::starts(), TestServer::starts());
    let (_client, line) = liar.account("alice", "no");
    let request = line.hears();
    assert!(matches!(request, Request::Register { .. }), "{request:?}");
    let answer = relayed(&real, &request);
    assert_eq!(answer, Event::Error { code: ErrorCode::WrongUsernameOrPassword, peer: None });
    // The name is still free there.
    real.registers("alice");
}

#[test]
fn a_login_relayed_to_another_server_is_refused_there() {
    let (liar, real) = (Liar::starts(), TestServer::starts());
    let mut alice = real.registers("alice");
    alice.types("exit");
    alice.ends_well();
    // She is drawn to the liar, with the same key file.
    let key_file = real.home_of("alice").join(format!("127.0.0.1~{}", real.port())).join("alice.txt");
    let there = liar.home_of("alice");
    fs::create_dir_all(&there).unwrap();
    fs::copy(key_file, there.join("alice.txt")).unwrap();

    let (mut client, line) = liar.account("alice", "yes");
    let request = line.hears();
    assert!(matches!(request, Request::Login { .. }), "{request:?}");
    let answer = relayed(&real, &request);
    assert_eq!(answer, Event::Error { code: ErrorCode::WrongUsernameOrPassword, peer: None });
    line.says(&answer);
    client.sees("Wrong username or password");
    // The same person, to the server itself, is let in.
    real.logs_in("alice");
}
