//! The program as it is shipped, on a disk that fails: one that is full, and one that does not sync.
//!
//! Every other way to fail, at every call, and power cuts are in `src/server/disk_tests`, where the
//! calls can be reached.

// A test fails by a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::process::{Command, Stdio};

use common::{Noise, PATIENCE, TestServer, WireClient};
use securechat::wire::{Body, ErrorCode, Event};

/// The exit status for a disk that failed.
const IO: i32 = 74;

/// Files of the program that it starts have at most so many blocks (of 512 or 1024 bytes, by the shell).
/// A write that crosses the limit is short, the next one fails: as on a full disk. It is above what each
/// of the journal's files has at first, and below what they would have next.
const SMALL_FILES: [&str; 4] = ["sh", "-c", "trap '' XFSZ; ulimit -f 2560; exec \"$@\"", "sh"];

/// The same, below what the journal needs.
const TINY_FILES: [&str; 4] = ["sh", "-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"];

fn alice_and_bob(server: &TestServer) -> (WireClient, WireClient) {
    let mut alice = WireClient::registers(server, "alice");
    let mut bob = WireClient::registers(server, "bob");
    alice.agrees_with(&mut bob);
    (alice, bob)
}

/// Sends a message, and waits for the answer: its number, or why it is not stored; `None` when the
/// connection ended before.
fn send(sender: &mut WireClient, peer: &WireClient, body: &Body) -> Option<Result<u64, ErrorCode>> {
    sender.sends(peer.name(), body);
    loop {
        match sender.next(PATIENCE)? {
            Event::Stored { number, .. } => return Some(Ok(number)),
            Event::NotStored { code, .. } => return Some(Err(code)),
            Event::Stopping {} => return None,
            _ => (),
        }
    }
}

fn bodies_of(server: &TestServer) -> Vec<Body> {
    let mut alice = WireClient::logs_in(server, "alice");
    alice.reads_all(&common::user("bob")).into_iter().map(|entry| entry.body).collect()
}

#[test]
fn on_a_full_disk_messages_are_refused_and_none_is_lost_or_torn() {
    let mut server = TestServer::starts_under(&SMALL_FILES, &[]);
    let (mut alice, bob) = alice_and_bob(&server);
    let mut noise = Noise::new();
    let mut stored = Vec::new();
    let refused = loop {
        let body = noise.body(64);
        match send(&mut alice, &bob, &body).expect("a connection") {
            Ok(number) => assert_eq!(number, stored.len() as u64 + 1),
            Err(code) => {
                assert_eq!(code, ErrorCode::Storage);
                break body;
            }
        }
        stored.push(body);
    };
    // It goes on refusing, and gives out what it has.
    assert_eq!(send(&mut alice, &bob, &refused), Some(Err(ErrorCode::Storage)));
    assert_eq!(alice.reads_all(bob.name()), WireClient::logs_in(&server, "bob").reads_all(alice.name()));
    let log = server.data_file("conversations/alice+bob.txt");
    assert_eq!(log.lines().count(), stored.len());
    assert!(log.ends_with('\n'), "a part of a line was left");
    assert!(server.stops().success());

    server.is_unwrapped();
    server.restarts();
    assert_eq!(bodies_of(&server), stored);
    let (mut alice, bob) = (WireClient::logs_in(&server, "alice"), WireClient::logs_in(&server, "bob"));
    assert_eq!(send(&mut alice, &bob, &refused), Some(Ok(stored.len() as u64 + 1)), "the same once more");
}

#[test]
fn a_server_whose_disk_does_not_sync_stops_itself_and_what_it_confirmed_is_there() {
    let traces = Command::new("strace").args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    if !traces.is_ok_and(|status| status.success()) {
        println!("left out: strace cannot be used here");
        return;
    }
    // The tenth is about the first that is for a message.
    for nth in [10, 12, 15] {
        let inject = format!("inject=fdatasync:error=EIO:when={nth}");
        let wrapper =
            ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject];
        let mut server = TestServer::starts_under(&wrapper, &[]);
        let (mut alice, bob) = alice_and_bob(&server);
        let mut noise = Noise::new();
        let mut stored = Vec::new();
        loop {
            let body = noise.body(0);
            match send(&mut alice, &bob, &body) {
                Some(answer) => assert_eq!(answer, Ok(stored.len() as u64 + 1)),
                None => break,
            }
            stored.push(body);
        }
        let (status, errors) = server.ends_by_itself();
        assert_eq!(status, Some(IO), "{errors}");
        for words in ["error: stopped: the disk did not take what was written", "journal-", "os error 5"] {
            assert!(errors.contains(words), "no {words:?} in {errors}");
        }
        server.is_unwrapped();
        server.restarts();
        let found = bodies_of(&server);
        assert_eq!(found.get(..stored.len()), Some(&stored[..]), "of {}", found.len());
        assert!(found.len() <= stored.len() + 1, "more than was sent");
    }
}

#[test]
fn a_disk_without_room_for_the_journal_is_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let [shell, rest @ ..] = TINY_FILES;
    let server = Command::new(shell)
        .args(rest)
        .arg(common::securechat().get_program())
        .args(["server", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&server.stderr);
    assert_eq!(server.status.code(), Some(IO), "{errors}");
    assert!(errors.contains("error: could not write"), "{errors}");
}
