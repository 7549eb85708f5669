//! Lies about several conversations, about who is here, and about what was received.

use securechat::{
    crypto::{hash::body_hash, receipt},
    wire::{Bytes, Contact, Event, Received, Request},
};

use crate::{
    common::TestClient,
    impostor::{Impostor, Talk},
    liar::{Liar, Line, heard},
};

/// Bob, in a conversation with alice, who is played by the test.
fn in_conversation() -> (Liar, TestClient, Line, Impostor, Talk) {
    let liar = Liar::starts();
    let (mut bob, line) = liar.registers("bob");
    let alice = Impostor::poses_as("alice", "bob");
    let talk = alice.opens_at_epoch(&mut bob, &line, 1, 1);
    (liar, bob, line, alice, talk)
}

/// Bob, in the lobby again after a conversation; the server keeps the key.
fn acquainted() -> (Liar, TestClient, Line, Impostor, Talk) {
    let (liar, mut bob, line, alice, talk) = in_conversation();
    alice.leaves(&mut bob, &line);
    let kept = talk.kept.clone().unwrap();
    line.archives(|archive| archive.keys = vec![kept]);
    (liar, bob, line, alice, talk)
}

/// Bob names alice by `/with`, and the server says that she is not there.
fn is_told_that_she_is_away(bob: &mut TestClient, line: &Line, alice: &Impostor) {
    bob.types("/with alice");
    line.hears_invitation("alice");
    let code = securechat::wire::ErrorCode::NotConnected;
    line.says(&Event::Error { code, peer: Some(alice.name.clone()) });
}

const FORGED: &str =
    "WARNING: the server says that alice has received a message, and alice's proof does not verify";

#[test]
fn a_delivery_that_the_server_made_up_is_said_and_not_believed() {
    let (_liar, mut bob, line, alice, talk) = in_conversation();
    bob.types("did you get this?");
    let body = line.hears_message();
    let (header, hash) = (*body.header(), body_hash(&body));
    let (peer, stream, counter) = (alice.name.clone(), header.stream, header.counter);
    line.says(&Event::Stored { peer: peer.clone(), stream, counter, number: 1, hash });
    let me = "bob".parse().unwrap();
    let of_himself = receipt::prove(&talk.key, &me, 1, &hash);
    let of_another_number = receipt::prove(&talk.key, &alice.name, 2, &hash);
    let of_another_message = receipt::prove(&talk.key, &alice.name, 1, &Bytes([7; 32]));
    for (times, proof) in
        [Bytes([0; 32]), of_himself, of_another_number, of_another_message].iter().enumerate()
    {
        line.says(&Event::Receipt { peer: peer.clone(), number: 1, proof: *proof });
        bob.sees(FORGED);
        assert_eq!(bob.saw_times(FORGED), times + 1);
    }
    // Of a message that there is not: nothing is said, and nothing believed.
    line.says(&Event::Receipt { peer: peer.clone(), number: 99, proof: of_himself });
    let proof = receipt::prove(&talk.key, &alice.name, 1, &hash);
    line.says(&Event::Receipt { peer, number: 1, proof });
    bob.types("and this?");
    line.hears_message();
    assert_eq!(bob.saw_times(FORGED), 4, "{}", bob.transcript());
}

#[test]
fn what_a_server_says_of_receipts_hides_no_waiting_message() {
    let (_liar, mut bob, line, alice, talk) = acquainted();
    is_told_that_she_is_away(&mut bob, &line, &alice);
    bob.sees("alice is not connected; what you type waits for them\n");
    bob.types("for later");
    let body = line.hears_message();
    assert_eq!(body.header().epoch, 1);
    let (header, hash) = (*body.header(), body_hash(&body));
    let mut entry = talk.entry(1, &body);
    entry.sender = "bob".parse().unwrap();
    line.archives(|archive| archive.log.push(entry));
    let (stream, counter) = (header.stream, header.counter);
    line.says(&Event::Stored { peer: alice.name.clone(), stream, counter, number: 1, hash });
    line.says(&Event::Receipt { peer: alice.name.clone(), number: 1, proof: Bytes([1; 32]) });
    bob.sees(FORGED);
    bob.types("exit");
    bob.sees("You left the conversation\n");
    bob.types("alice");
    line.hears_invitation("alice");
    let code = securechat::wire::ErrorCode::NotConnected;
    line.says(&Event::Error { code, peer: Some(alice.name.clone()) });
    bob.sees("alice is not connected; they have 1 message from you waiting\n");
    bob.never_saw("has received the messages");
}

#[test]
fn a_message_where_no_conversation_is_open_is_counted_and_not_shown() {
    let (_liar, mut bob, line, _alice, mut talk) = acquainted();
    for number in 1..=3 {
        talk.writes(&line, number, "look at me");
    }
    bob.sees("1 unread from alice (/with and a name shows them)\n");
    // Of somebody whom he does not know, and of one who poses as another, not even that.
    let body = talk.seals("x");
    let stranger = talk.entry(9, &body);
    line.says(&Event::Message { peer: "carol".parse().unwrap(), entry: stranger.clone() });
    let mut posing = stranger;
    posing.sender = "carol".parse().unwrap();
    line.says(&Event::Message { peer: "alice".parse().unwrap(), entry: posing });
    bob.types("/who");
    heard!(line.hears(), Request::Who {} => ());
    line.says(&Event::Who { connected: vec!["bob".parse().unwrap()], total: 1 });
    bob.sees("your contacts: alice (connected, 3 unread)\n");
    bob.never_saw("look at me");
    assert_eq!(bob.saw_times("unread from"), 1);
}

#[test]
fn nothing_is_left_for_somebody_under_an_older_key_or_another() {
    let (_liar, mut bob, line, alice, talk) = acquainted();
    let kept = talk.kept.clone().unwrap();
    // Another key under the number; its copy does not open either.
    let mut other = kept.clone();
    other.key_id = Bytes([9; 16]);
    line.archives(|archive| archive.keys = vec![other]);
    is_told_that_she_is_away(&mut bob, &line, &alice);
    bob.sees("the server does not give back the key that you and alice agreed on");
    line.archives(|archive| archive.keys.clear());
    is_told_that_she_is_away(&mut bob, &line, &alice);
    bob.sees("the server does not give back the key that you and alice agreed on");
    bob.is_in_the_lobby();
    bob.never_saw("what you type waits");
}

#[test]
fn a_newer_key_that_this_machine_has_not_seen_proved_leaves_nothing_under_the_older() {
    let (liar, mut bob, line, alice, talk) = acquainted();
    bob.types("exit");
    bob.ends_well();
    drop(line);
    let (mut bob, line) = {
        let mut bob = liar.client("bob");
        let line = liar.greets();
        let newest =
            Contact { peer: alice.name.clone(), connected: false, epoch: 2, last: 0, received: None };
        line.archives(|archive| {
            archive.contacts = vec![newest];
            archive.keys = vec![talk.kept.clone().unwrap()];
        });
        bob.says_who_they_are("bob", &crate::common::password_of("bob"));
        heard!(line.hears(), Request::Login { .. } => ());
        line.says(&Event::LoggedIn {});
        bob.is_in_the_lobby();
        (bob, line)
    };
    is_told_that_she_is_away(&mut bob, &line, &alice);
    bob.sees("this machine has not seen alice prove your newest key");
    bob.is_in_the_lobby();
}

#[test]
fn contacts_presence_and_counts_that_lie_harm_nothing() {
    let (liar, mut bob, line, alice, _talk) = acquainted();
    bob.types("exit");
    bob.ends_well();
    drop(line);
    let mut bob = liar.client("bob");
    let line = liar.greets();
    let contact = |name: &str, last| Contact {
        peer: name.parse().unwrap(),
        connected: true,
        epoch: u32::MAX,
        last,
        received: Some(Received { number: u64::MAX, proof: Bytes([1; 32]) }),
    };
    // Alice has written nothing; the others do not exist; bob is he himself.
    line.archives(|archive| {
        archive.contacts = vec![contact("bob", 3), contact("alice", u64::MAX), contact("nobody", 7)];
    });
    bob.says_who_they_are("bob", &crate::common::password_of("bob"));
    heard!(line.hears(), Request::Login { .. } => ());
    line.says(&Event::LoggedIn {});
    bob.sees("the server could not read the log with alice");
    bob.is_in_the_lobby();
    for connected in [true, false, true] {
        for peer in ["alice", "bob", "nobody", "somebody"] {
            line.says(&Event::Presence { peer: peer.parse().unwrap(), connected });
        }
    }
    bob.types("alice");
    line.hears_invitation("alice");
    alice.answers(&line, 5);
    bob.sees("Accept this key? ");
    bob.never_saw("unread from");
}
