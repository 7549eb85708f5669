//! What is stored, delivered and read back: each the whole server but its sockets.

use std::thread;

use super::*;
use crate::{
    crypto::hash::body_hash,
    server::{
        registry::Entered,
        testing::{Person, Recorder, Stage, meet},
    },
    wire::{Body, Header, limits::TAG_BYTES},
};

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

fn body_of(epoch: u32, stream: u8, counter: u64, mark: u8, padded: usize) -> Body {
    let header = Header { epoch, stream: Bytes([stream; 16]), counter, previous: Bytes([0; 32]) };
    Body::new(&header, &vec![mark; padded + TAG_BYTES]).unwrap()
}

fn body(counter: u64) -> Body {
    body_of(1, 7, counter, 1, 128)
}

fn sends(person: &mut Person, peer: &str, body: &Body) {
    person.asks(Request::Send { peer: name(peer), body: body.clone() });
}

fn sees_stored(person: &Person) -> u64 {
    match person.sees() {
        Event::Stored { number, .. } => number,
        other => panic!("{other:?}"),
    }
}

fn sees_not_stored(person: &Person) -> ErrorCode {
    match person.sees() {
        Event::NotStored { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

fn sees_entries(person: &Person) -> (Vec<u64>, u64) {
    match person.sees() {
        Event::Entries { entries, last, .. } => (entries.iter().map(|entry| entry.number).collect(), last),
        other => panic!("{other:?}"),
    }
}

/// Asks for all of it as one read would bring it.
fn asks_at_once(person: &mut Person, requests: impl IntoIterator<Item = Request>) {
    let mut effects = Effects::default();
    for request in requests {
        assert_eq!(person.desk.handle(request, &mut effects), Flow::Next);
    }
    assert_eq!(person.desk.finish(&mut effects), Flow::Next);
    person.desk.hall.finish(effects).flush();
    person.desk.hall.committer.nudge();
}

#[test]
fn what_comes_together_is_carried_out_in_its_order_and_each_message_for_itself() {
    let stage = Stage::new();
    let (mut alice, bob) = stage.talking("alice", "bob");
    let send = |body| Request::Send { peer: name("bob"), body };
    let other_epoch = body_of(9, 8, 0, 1, 128);
    let bodies = [body(0), body(1), body(1), body(3), other_epoch, body(2)];
    asks_at_once(&mut alice, bodies.into_iter().map(send));
    for (number, counter) in [(1, 0), (2, 1), (3, 2)] {
        let Event::Message { entry, .. } = bob.sees() else { panic!() };
        assert_eq!((entry.number, entry.body.header().counter), (number, counter));
    }
    bob.sees_nothing_more();
    let mut said: Vec<_> = (0..6)
        .map(|_| match alice.sees() {
            Event::Stored { counter, number, .. } => (counter, Ok(number)),
            Event::NotStored { counter, code, .. } => (counter, Err(code)),
            other => panic!("{other:?}"),
        })
        .collect();
    // Refusals do not wait for the disk, acknowledgements do: among themselves each are in order.
    said.sort_by_key(|(_, outcome)| outcome.is_ok());
    assert_eq!(
        said,
        [
            (3, Err(ErrorCode::OutOfOrder)),
            (0, Err(ErrorCode::UnknownEpoch)),
            (0, Ok(1)),
            (1, Ok(2)),
            (1, Ok(2)),
            (2, Ok(3)),
        ]
    );
    let reads = Request::Read { peer: name("bob"), from: 1, count: 500 };
    asks_at_once(&mut alice, [send(body(3)), reads, send(body(4))]);
    let page = loop {
        if let Event::Entries { last, .. } = alice.sees() {
            break last;
        }
    };
    assert_eq!(page, 4, "what was sent before it is there, and what was sent after it is not");
}

#[test]
fn a_message_is_stored_delivered_and_read_back_by_both() {
    let stage = Stage::new();
    let (mut alice, mut bob) = stage.talking("alice", "bob");
    sends(&mut alice, "bob", &body(0));
    let Event::Stored { peer, stream, counter: 0, number: 1, hash } = alice.sees() else { panic!() };
    assert_eq!((peer, stream, hash), (name("bob"), Bytes([7; 16]), body_hash(&body(0))));
    let Event::Message { peer, entry } = bob.sees() else { panic!() };
    assert_eq!(
        (peer, entry.number, &entry.sender, &entry.body),
        (name("alice"), 1, &name("alice"), &body(0))
    );
    sends(&mut bob, "alice", &body(0));
    assert_eq!(sees_stored(&bob), 2);
    alice.sees();
    for (person, peer) in [(&mut alice, "bob"), (&mut bob, "alice")] {
        person.asks(Request::Read { peer: name(peer), from: 1, count: 500 });
        assert_eq!(sees_entries(person), (vec![1, 2], 2));
    }
}

#[test]
fn a_repeat_is_stored_again_with_its_number_and_delivered_once() {
    let stage = Stage::new();
    let (mut alice, bob) = stage.talking("alice", "bob");
    for _ in 0..3 {
        sends(&mut alice, "bob", &body(0));
        assert_eq!(sees_stored(&alice), 1);
    }
    sends(&mut alice, "bob", &body_of(1, 7, 0, 2, 128));
    assert_eq!(sees_not_stored(&alice), ErrorCode::Different);
    sends(&mut alice, "bob", &body(2));
    assert_eq!(sees_not_stored(&alice), ErrorCode::OutOfOrder);
    assert!(matches!(bob.sees(), Event::Message { .. }));
    bob.sees_nothing_more();
}

#[test]
fn only_a_pair_that_agreed_stores_and_only_under_its_epochs() {
    let stage = Stage::new();
    let (mut alice, mut bob) = stage.talking("alice", "bob");
    let mut carol = stage.enter("carol");
    sends(&mut carol, "bob", &body(0));
    assert_eq!(sees_not_stored(&carol), ErrorCode::NoKey);
    sends(&mut alice, "alice", &body(0));
    assert_eq!(sees_not_stored(&alice), ErrorCode::Yourself);
    sends(&mut alice, "bob", &body_of(2, 7, 0, 1, 128));
    assert_eq!(sees_not_stored(&alice), ErrorCode::UnknownEpoch);
    bob.leaves("alice");
    alice.sees();
    bob.sees();
    sends(&mut alice, "bob", &body(0));
    assert_eq!(sees_stored(&alice), 1, "to someone who just left: it is in the log");
    assert!(matches!(bob.sees(), Event::Message { entry, .. } if entry.number == 1));
    meet(&mut bob, &mut carol, Some(1));
    sends(&mut alice, "bob", &body(1));
    assert_eq!(sees_stored(&alice), 2);
    assert!(matches!(bob.sees(), Event::Message { peer, .. } if peer == name("alice")));
    bob.sees_nothing_more();
}

#[test]
fn a_page_fits_a_frame_and_is_never_empty_while_there_is_more() {
    let stage = Stage::new();
    let (mut alice, mut bob) = stage.talking("alice", "bob");
    let largest = crate::wire::limits::PADDED_BYTES_MAX;
    for counter in 0..8 {
        sends(&mut alice, "bob", &body_of(1, 7, counter, 1, largest));
        sees_stored(&alice);
    }
    for counter in 8..300 {
        sends(&mut alice, "bob", &body(counter));
        sees_stored(&alice);
    }
    let mut numbers = Vec::new();
    for _ in 0..300 {
        bob.asks(Request::Read { peer: name("alice"), from: numbers.len() as u64 + 1, count: u32::MAX });
        let entries = loop {
            if let Event::Entries { entries, last, .. } = bob.sees() {
                assert_eq!(last, 300);
                break entries;
            }
        };
        if entries.is_empty() {
            break;
        }
        numbers.extend(entries.iter().map(|entry| entry.number));
    }
    assert_eq!(numbers, (1..=300).collect::<Vec<u64>>());
    bob.asks(Request::Read { peer: name("alice"), from: 0, count: 5 });
    assert_eq!(sees_entries(&bob), (vec![], 300));
    bob.asks(Request::Read { peer: name("nobody"), from: 1, count: 5 });
    assert_eq!(bob.sees(), Event::Error { code: ErrorCode::UnknownUser, peer: Some(name("nobody")) });
}

#[test]
fn after_a_restart_everything_acknowledged_is_there() {
    let stage = Stage::new();
    let (mut alice, bob) = stage.talking("alice", "bob");
    for counter in 0..3 {
        sends(&mut alice, "bob", &body(counter));
        assert_eq!(sees_stored(&alice), counter + 1);
    }
    drop((alice, bob));
    let stage = stage.restarted();
    let (mut alice, mut bob) = (stage.enter("alice"), stage.enter("bob"));
    alice.invites("bob");
    bob.sees();
    let Event::Started { kept, .. } = bob.sees() else { panic!() };
    assert_eq!(kept.unwrap().sealed.0, b"bob".to_vec());
    sends(&mut alice, "bob", &body(2));
    alice.sees();
    assert_eq!(sees_stored(&alice), 3, "a repeat is known from before the restart");
    bob.asks(Request::Key { peer: name("alice"), epoch: 1 });
    assert!(matches!(bob.sees(), Event::Key { epoch: 1, kept: Some(_), .. }));
    bob.asks(Request::Key { peer: name("alice"), epoch: 2 });
    assert!(matches!(bob.sees(), Event::Key { epoch: 2, kept: None, .. }));
}

#[test]
fn nothing_of_an_older_connection_is_stored_once_a_newer_login_is_answered() {
    let stage = Stage::new();
    let (mut alice, _bob) = stage.talking("alice", "bob");
    let _newer = stage.enter("alice");
    let request = Request::Send { peer: name("bob"), body: body(0) };
    assert_eq!(alice.asks(request), Flow::End);
    let request = Request::ChangePassword { login_key: Bytes([2; 32]), signature: Bytes([1; 64]) };
    assert_eq!(alice.asks(request), Flow::End);
    let log = stage.hall.logs.get(&"alice+bob".parse().unwrap());
    assert_eq!(log.last().unwrap(), 0);
    assert_eq!(stage.hall.accounts.login_key(&name("alice")), Some(Bytes([1; 32])));
}

#[test]
fn a_login_over_a_change_of_password_under_way_is_looked_at_once_more() {
    let stage = Stage::new();
    let alice = stage.enter("alice");
    let storing = alice.desk.gate.enter().unwrap();
    let logs_in = |connection| {
        let (_, outgoing) = Recorder::new(connection);
        let in_force = || stage.hall.accounts.login_key(&name("alice")) == Some(Bytes([1; 32]));
        stage.hall.registry.enter(&name("alice"), &outgoing, in_force, &mut Effects::default())
    };
    thread::scope(|scope| {
        let newer = scope.spawn(|| logs_in(100));
        assert_eq!(alice.sees(), Event::TakenOver {});
        // Also one that finds nobody to take over any more waits for what is being stored.
        let newest = scope.spawn(|| logs_in(101));
        stage.hall.accounts.change_key(&name("alice"), Bytes([1; 32]), Bytes([2; 32])).unwrap();
        drop(storing);
        assert!(matches!(newer.join().unwrap(), Entered::KeyChanged));
        assert!(matches!(newest.join().unwrap(), Entered::KeyChanged));
    });
    assert_eq!(stage.hall.registry.who().1, 0);
}

#[test]
fn who_is_connected_is_told_in_order() {
    let stage = Stage::new();
    let (bob, mut alice) = (stage.enter("bob"), stage.enter("alice"));
    alice.asks(Request::Who {});
    assert_eq!(alice.sees(), Event::Who { connected: vec![name("alice"), name("bob")], total: 2 });
    bob.disconnects();
    alice.asks(Request::Who {});
    assert_eq!(alice.sees(), Event::Who { connected: vec![name("alice")], total: 1 });
}

#[test]
fn a_disk_that_refuses_is_said_and_nothing_is_kept() {
    let stage = Stage::new();
    let (mut alice, bob) = stage.talking("alice", "bob");
    let path = stage.folder.path().join("conversations/alice+bob.txt");
    std::fs::create_dir(&path).unwrap();
    sends(&mut alice, "bob", &body(0));
    assert_eq!(sees_not_stored(&alice), ErrorCode::Storage);
    bob.sees_nothing_more();
    std::fs::remove_dir(&path).unwrap();
    sends(&mut alice, "bob", &body(0));
    assert_eq!(sees_stored(&alice), 1);
    assert!(stage.failure.is_empty(), "a file that cannot be opened stops nobody");
}

#[test]
fn an_impossible_copy_or_a_second_login_is_a_bad_request() {
    let stage = Stage::new();
    let mut alice = stage.enter("alice");
    for sealed in [vec![], vec![0; SEALED_KEY_BYTES_MAX + 1]] {
        let copy = Some(OwnCopy { epoch: 1, key_id: Bytes([0; 16]), sealed: sealed.into() });
        alice.asks(Request::Accept { peer: name("bob"), run: 1, acceptance: Bytes([0; 32]), copy });
        assert_eq!(alice.sees(), Event::Error { code: ErrorCode::BadRequest, peer: Some(name("bob")) });
    }
    alice.asks(Request::Login { username: name("alice"), signature: Bytes([0; 64]) });
    assert_eq!(alice.sees(), Event::Error { code: ErrorCode::BadRequest, peer: None });
}
