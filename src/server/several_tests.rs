//! Several conversations of one person, contacts, presence and receipts: each the whole server but its
//! sockets.

use crate::{
    server::{
        limits::OPEN_CONVERSATIONS_MAX,
        registry::Effects,
        requests::Flow,
        testing::{Person, Stage, meet},
    },
    wire::{
        Body, Bytes, Contact, ErrorCode, Event, Header, Outcome, Received, Request, Role, Username,
        limits::{CONTACTS_MAX, TAG_BYTES},
    },
};

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

fn refused(person: &Person, code: ErrorCode, peer: &str) {
    assert_eq!(person.sees(), Event::Error { code, peer: Some(name(peer)) });
}

fn body(stream: u8, counter: u64) -> Body {
    let header = Header { epoch: 1, stream: Bytes([stream; 16]), counter, previous: Bytes([0; 32]) };
    Body::new(&header, &[1; 128 + TAG_BYTES]).unwrap()
}

fn sends(person: &mut Person, peer: &str, counter: u64) -> u64 {
    person.asks(Request::Send { peer: name(peer), body: body(7, counter) });
    match person.sees() {
        Event::Stored { number, .. } => number,
        other => panic!("{other:?}"),
    }
}

fn contacts(person: &mut Person) -> Vec<Contact> {
    person.asks(Request::Contacts { after: None });
    match person.sees() {
        Event::Contacts { contacts, more: false } => contacts,
        other => panic!("{other:?}"),
    }
}

/// Somebody who has a conversation open answers an invitation by inviting back.
fn answers(inviter: &mut Person, invited: &mut Person) {
    let (from, to) = (inviter.name(), invited.name());
    inviter.invites(to.as_str());
    assert_eq!(inviter.sees(), Event::Waiting { peer: to.clone() });
    assert_eq!(invited.sees(), Event::Invited { peer: from.clone() });
    invited.invites(from.as_str());
    let (run, role) = inviter.sees_a_start();
    assert_eq!(role, Role::Initiator);
    assert_eq!(invited.sees_a_start(), (run, Role::Responder));
    inviter.accepts(&to, run, Some(1));
    invited.accepts(&from, run, Some(1));
    for person in [inviter, invited] {
        assert!(matches!(person.sees_the_outcome(), Outcome::Agreed { .. }));
    }
}

#[test]
fn one_person_has_several_conversations_and_each_ends_by_itself() {
    let stage = Stage::new();
    let (mut alice, mut bob) = stage.talking("alice", "bob");
    let (mut carol, mut dave) = (stage.enter("carol"), stage.enter("dave"));
    answers(&mut carol, &mut alice);
    alice.invites("dave");
    assert_eq!(dave.sees(), Event::Invited { peer: name("alice") });
    let (run, _) = alice.sees_a_start();
    dave.sees_a_start();
    alice.invites("bob");
    refused(&alice, ErrorCode::Busy, "bob");
    dave.asks(Request::Refuse { peer: name("alice"), run });
    assert!(matches!(alice.sees_the_outcome(), Outcome::Refused { .. }));
    dave.sees_the_outcome();
    meet(&mut alice, &mut dave, Some(1));
    alice.invites("bob");
    refused(&alice, ErrorCode::Busy, "bob");
    for peer in ["bob", "carol", "dave"] {
        sends(&mut alice, peer, 0);
    }
    for person in [&bob, &carol, &dave] {
        assert!(matches!(person.sees(), Event::Message { .. }));
    }
    carol.leaves("alice");
    for (person, peer) in [(&alice, "carol"), (&carol, "alice")] {
        assert_eq!(person.sees(), Event::Closed { peer: name(peer), by: name("carol"), lost: false });
    }
    bob.sees_nothing_more();
    dave.sees_nothing_more();
    alice.disconnects();
    for person in [&bob, &dave] {
        let closed = Event::Closed { peer: name("alice"), by: name("alice"), lost: true };
        assert_eq!(person.sees(), closed);
    }
    carol.sees_nothing_more();
    meet(&mut bob, &mut dave, Some(1));
}

#[test]
fn an_invitation_waits_while_any_conversation_is_open_and_begins_after_the_last() {
    let stage = Stage::new();
    let (mut alice, bob) = stage.talking("alice", "bob");
    let (mut carol, mut dave) = (stage.enter("carol"), stage.enter("dave"));
    answers(&mut carol, &mut alice);
    dave.invites("alice");
    assert_eq!(dave.sees(), Event::Waiting { peer: name("alice") });
    assert_eq!(alice.sees(), Event::Invited { peer: name("dave") });
    alice.leaves("bob");
    bob.sees();
    alice.sees();
    dave.sees_nothing_more();
    alice.leaves("carol");
    alice.sees();
    assert_eq!(alice.sees_a_start().1, Role::Responder);
    assert_eq!(dave.sees_a_start().1, Role::Initiator);
    bob.sees_nothing_more();
}

#[test]
fn one_run_at_a_time_also_where_it_is_for_a_new_key() {
    let stage = Stage::new();
    let (mut alice, mut bob) = stage.talking("alice", "bob");
    let mut carol = stage.enter("carol");
    answers(&mut carol, &mut alice);
    alice.asks(Request::Invite { peer: name("bob"), new_key: true });
    let (run, _) = alice.sees_a_start();
    bob.sees_a_start();
    carol.asks(Request::Invite { peer: name("alice"), new_key: true });
    refused(&carol, ErrorCode::PeerBusy, "alice");
    alice.asks(Request::Invite { peer: name("carol"), new_key: true });
    refused(&alice, ErrorCode::Busy, "carol");
    // Leaving another conversation is none of this run's business; leaving its own ends it.
    carol.leaves("alice");
    assert_eq!(alice.sees(), Event::Closed { peer: name("carol"), by: name("carol"), lost: false });
    bob.sees_nothing_more();
    bob.leaves("alice");
    for person in [&alice, &bob] {
        assert!(matches!(person.sees(), Event::Closed { .. }));
        assert_eq!(
            person.sees(),
            Event::Outcome {
                peer: if person.name() == name("bob") { name("alice") } else { name("bob") },
                run,
                outcome: Outcome::Withdrawn { by: name("bob") },
            }
        );
    }
}

#[test]
fn a_client_has_so_many_conversations_open_and_no_more() {
    let stage = Stage::new();
    let mut alice = stage.enter("alice");
    let mut others: Vec<Person> =
        (0..=OPEN_CONVERSATIONS_MAX).map(|n| stage.enter(&format!("b{n}"))).collect();
    let mut last = others.pop().unwrap();
    for other in &mut others {
        meet(&mut alice, other, Some(1));
    }
    let peer = last.name();
    alice.invites(peer.as_str());
    refused(&alice, ErrorCode::TooManyOpen, peer.as_str());
    last.sees_nothing_more();
    alice.leaves("b0");
    alice.sees();
    answers(&mut last, &mut alice);
}

#[test]
fn a_message_reaches_whoever_is_connected_with_or_without_a_conversation() {
    let stage = Stage::new();
    let (mut alice, mut bob) = stage.talking("alice", "bob");
    bob.leaves("alice");
    for person in [&alice, &bob] {
        person.sees();
    }
    assert_eq!(sends(&mut alice, "bob", 0), 1);
    assert!(matches!(bob.sees(), Event::Message { entry, .. } if entry.number == 1));
    bob.disconnects();
    assert_eq!(sends(&mut alice, "bob", 1), 2);
    let mut bob = stage.enter("bob");
    bob.sees_nothing_more();
    let [of_alice] = contacts(&mut bob).try_into().unwrap();
    assert_eq!((of_alice.peer, of_alice.connected, of_alice.last), (name("alice"), true, 2));
}

#[test]
fn contacts_are_those_with_a_key_and_come_in_pages() {
    let stage = Stage::new();
    let (mut alice, mut bob) = stage.talking("alice", "bob");
    let mut carol = stage.enter("carol");
    assert_eq!(contacts(&mut carol), []);
    assert_eq!(
        contacts(&mut bob),
        [Contact { peer: name("alice"), connected: true, epoch: 1, last: 0, received: None }]
    );
    for n in 0..CONTACTS_MAX {
        stage.hall.contacts.add(&format!("alice+c{n}").parse().unwrap());
    }
    alice.asks(Request::Contacts { after: None });
    let Event::Contacts { contacts: first, more: true } = alice.sees() else { panic!() };
    // Only bob has a key with her; the others were made up for the index.
    assert_eq!(first.len(), 1);
    alice.asks(Request::Contacts { after: Some(name("bob")) });
    assert!(matches!(alice.sees(), Event::Contacts { more: false, .. }));
    // The keys of a server that starts again are the same contacts.
    let stage = stage.restarted();
    let mut alice = stage.enter("alice");
    let [of_bob] = contacts(&mut alice).try_into().unwrap();
    assert_eq!((of_bob.peer, of_bob.connected), (name("bob"), false));
}

#[test]
fn coming_and_going_is_told_to_contacts_who_asked_and_to_nobody_else() {
    let stage = Stage::new();
    let (mut alice, bob) = stage.talking("alice", "bob");
    let mut carol = stage.enter("carol");
    alice.leaves("bob");
    alice.sees();
    contacts(&mut alice);
    contacts(&mut carol);
    bob.disconnects();
    stage.hall.tell_presence(&name("bob"));
    assert_eq!(alice.sees(), Event::Presence { peer: name("bob"), connected: false });
    let bob = stage.enter("bob");
    stage.hall.tell_presence(&name("bob"));
    assert_eq!(alice.sees(), Event::Presence { peer: name("bob"), connected: true });
    // A newer login takes over: nobody hears that he was gone.
    let newer = stage.enter("bob");
    let mut effects = Effects::default();
    assert!(!stage.hall.registry.disconnect(&bob.desk.caller, &mut effects), "it has left already");
    alice.sees_nothing_more();
    carol.sees_nothing_more();
    newer.sees_nothing_more();
}

#[test]
fn a_receipt_is_handed_on_and_kept_and_only_a_newer_one_takes_its_place() {
    let stage = Stage::new();
    let (mut alice, mut bob) = stage.talking("alice", "bob");
    let receipt = |number| Request::Receipt { peer: name("alice"), number, proof: Bytes([5; 32]) };
    for counter in 0..3 {
        sends(&mut alice, "bob", counter);
        bob.sees();
    }
    for number in [2, 1, 2] {
        assert_eq!(bob.asks(receipt(number)), Flow::Next);
    }
    assert_eq!(alice.sees(), Event::Receipt { peer: name("bob"), number: 2, proof: Bytes([5; 32]) });
    for impossible in [0, 4, u64::MAX] {
        assert_eq!(bob.asks(receipt(impossible)), Flow::Next);
    }
    bob.asks(Request::Receipt { peer: name("carol"), number: 1, proof: Bytes([5; 32]) });
    refused(&bob, ErrorCode::NoKey, "carol");
    alice.sees_nothing_more();
    alice.disconnects();
    bob.asks(receipt(3));
    let stage = stage.restarted();
    let mut alice = stage.enter("alice");
    let [of_bob] = contacts(&mut alice).try_into().unwrap();
    assert_eq!(of_bob.received, Some(Received { number: 3, proof: Bytes([5; 32]) }));
    let mut bob = stage.enter("bob");
    let [of_alice] = contacts(&mut bob).try_into().unwrap();
    assert_eq!(of_alice.received, None, "she has read nothing of his");
}
