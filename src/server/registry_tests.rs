//! Who meets whom, and who is told what: each the whole server but its sockets.

use std::time::Duration;

use crate::{
    server::{
        limits::STEPS_MAX,
        testing::{Person, Stage, meet},
    },
    wire::{Agreement, Decline, ErrorCode, Event, Outcome, Request, Role, Username},
};

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

fn refused(person: &Person, code: ErrorCode, peer: &str) {
    assert_eq!(person.sees(), Event::Error { code, peer: Some(name(peer)) });
}

fn step() -> Agreement {
    Agreement::Decline(Decline::Paused {})
}

#[test]
fn whoever_cannot_be_met_is_named_with_the_reason_and_nothing_else_happens() {
    let stage = Stage::new();
    let (mut alice, bob) = (stage.enter("alice"), stage.enter("bob"));
    alice.invites("alice");
    refused(&alice, ErrorCode::Yourself, "alice");
    alice.invites("nobody");
    refused(&alice, ErrorCode::UnknownUser, "nobody");
    bob.disconnects();
    alice.invites("bob");
    refused(&alice, ErrorCode::NotConnected, "bob");
    alice.asks(Request::Invite { peer: name("bob"), new_key: true });
    refused(&alice, ErrorCode::NotOpen, "bob");
    for request in [
        Request::Leave { peer: name("bob") },
        Request::Withdraw { peer: name("bob") },
        Request::Refuse { peer: name("bob"), run: 1 },
        Request::Agree { peer: name("bob"), run: 1, step: step() },
    ] {
        alice.asks(request);
        refused(&alice, ErrorCode::NotOpen, "bob");
    }
    alice.sees_nothing_more();
}

#[test]
fn crossing_invitations_are_one_run_of_the_earlier_inviter() {
    let stage = Stage::new();
    let (mut alice, mut bob) = (stage.enter("alice"), stage.enter("bob"));
    bob.invites("alice");
    alice.invites("bob");
    assert_eq!(alice.sees(), Event::Invited { peer: name("bob") });
    let (run, role) = bob.sees_a_start();
    assert_eq!(role, Role::Initiator);
    assert_eq!(alice.sees_a_start(), (run, Role::Responder));
    alice.sees_nothing_more();
    bob.sees_nothing_more();
    alice.accepts(&name("bob"), run, Some(1));
    bob.accepts(&name("alice"), run, Some(1));
    assert!(matches!(alice.sees_the_outcome(), Outcome::Agreed { .. }));
    assert!(matches!(bob.sees_the_outcome(), Outcome::Agreed { .. }));
}

#[test]
fn a_refusal_by_either_sends_both_back_to_the_lobby() {
    let stage = Stage::new();
    let (mut alice, mut bob) = (stage.enter("alice"), stage.enter("bob"));
    for bob_refuses in [true, false] {
        alice.invites("bob");
        bob.sees();
        let (run, _) = alice.sees_a_start();
        bob.sees_a_start();
        let (refuser, other) = if bob_refuses { (&mut bob, &mut alice) } else { (&mut alice, &mut bob) };
        let (refuser_name, other_name) = (refuser.name(), other.name());
        other.accepts(&refuser_name, run, Some(1));
        refuser.asks(Request::Refuse { peer: other_name, run });
        for person in [&alice, &bob] {
            let by = if bob_refuses { name("bob") } else { name("alice") };
            assert_eq!(person.sees_the_outcome(), Outcome::Refused { by });
        }
    }
    assert_eq!(stage.hall.keyring.count(), 0, "nothing is stored of what was refused");
    meet(&mut alice, &mut bob, Some(1));
}

#[test]
fn an_answer_can_be_taken_back_until_the_other_has_answered() {
    let stage = Stage::new();
    let (mut alice, mut bob) = (stage.enter("alice"), stage.enter("bob"));
    alice.invites("bob");
    bob.sees();
    let (run, _) = alice.sees_a_start();
    bob.sees_a_start();
    alice.accepts(&name("bob"), run, Some(1));
    alice.withdraws("bob");
    for person in [&alice, &bob] {
        assert_eq!(person.sees_the_outcome(), Outcome::Withdrawn { by: name("alice") });
    }
    bob.accepts(&name("alice"), run, Some(1));
    refused(&bob, ErrorCode::NotOpen, "alice");
    assert_eq!(stage.hall.keyring.count(), 0);
}

#[test]
fn a_peer_lost_while_asked_is_told_and_is_gone_at_once() {
    let stage = Stage::new();
    let (mut alice, bob) = (stage.enter("alice"), stage.enter("bob"));
    alice.invites("bob");
    let (run, _) = alice.sees_a_start();
    alice.accepts(&name("bob"), run, Some(1));
    bob.disconnects();
    assert_eq!(alice.sees_the_outcome(), Outcome::Lost { by: name("bob") });
    alice.invites("bob");
    refused(&alice, ErrorCode::NotConnected, "bob");
}

#[test]
fn no_answer_in_time_ends_it() {
    let stage = Stage::with(Duration::from_millis(500));
    let (mut alice, bob) = (stage.enter("alice"), stage.enter("bob"));
    alice.invites("bob");
    bob.sees();
    let (run, _) = alice.sees_a_start();
    bob.sees_a_start();
    // One answer alone changes nothing; neither would one that comes too late, on a machine that stood still.
    alice.accepts(&name("bob"), run, Some(1));
    let told = alice.sees();
    let too_late = matches!(told, Event::Error { code: ErrorCode::NotOpen, .. });
    let told = if too_late { alice.sees() } else { told };
    assert!(matches!(told, Event::Outcome { outcome: Outcome::TimedOut {}, .. }), "{told:?}");
    assert_eq!(bob.sees_the_outcome(), Outcome::TimedOut {});
}

#[test]
fn an_invitation_to_someone_busy_waits_and_begins_when_they_are_free() {
    let stage = Stage::new();
    let (mut alice, mut bob) = stage.talking("alice", "bob");
    let (mut carol, mut dave) = (stage.enter("carol"), stage.enter("dave"));
    for inviter in [&mut carol, &mut dave] {
        inviter.invites("bob");
        assert_eq!(inviter.sees(), Event::Waiting { peer: name("bob") });
        assert_eq!(bob.sees(), Event::Invited { peer: inviter.name() });
        inviter.invites("alice");
        refused(inviter, ErrorCode::Busy, "alice");
    }
    bob.leaves("alice");
    for (person, peer) in [(&alice, "bob"), (&bob, "alice")] {
        let closed = Event::Closed { peer: name(peer), by: name("bob"), lost: false };
        assert_eq!(person.sees(), closed);
    }
    let (run, role) = carol.sees_a_start();
    assert_eq!(role, Role::Initiator);
    assert_eq!(bob.sees_a_start(), (run, Role::Responder));
    bob.asks(Request::Refuse { peer: name("carol"), run });
    assert!(matches!(carol.sees_the_outcome(), Outcome::Refused { .. }));
    assert!(matches!(bob.sees_the_outcome(), Outcome::Refused { .. }));
    assert_eq!(dave.sees_a_start().1, Role::Initiator);
    assert_eq!(bob.sees_a_start().1, Role::Responder);
    alice.sees_nothing_more();
    alice.leaves("bob");
    refused(&alice, ErrorCode::NotOpen, "bob");
}

#[test]
fn a_waiting_invitation_ends_with_either_of_the_two() {
    let stage = Stage::new();
    let (_alice, bob) = stage.talking("alice", "bob");
    let (mut carol, dave, mut eve) = (stage.enter("carol"), stage.enter("dave"), stage.enter("eve"));
    let mut dave = dave;
    for inviter in [&mut carol, &mut dave, &mut eve] {
        inviter.invites("bob");
        inviter.sees();
        bob.sees();
    }
    carol.withdraws("bob");
    assert_eq!(bob.sees(), Event::InvitationEnded { peer: name("carol") });
    assert_eq!(carol.sees(), Event::InvitationEnded { peer: name("bob") });
    dave.disconnects();
    assert_eq!(bob.sees(), Event::InvitationEnded { peer: name("dave") });
    bob.disconnects();
    refused(&eve, ErrorCode::NotConnected, "bob");
    meet(&mut carol, &mut eve, Some(1));
}

#[test]
fn who_waits_is_busy_until_they_take_it_back() {
    let stage = Stage::new();
    let (_alice, bob) = stage.talking("alice", "bob");
    let (mut carol, mut dave) = (stage.enter("carol"), stage.enter("dave"));
    carol.invites("bob");
    assert_eq!(carol.sees(), Event::Waiting { peer: name("bob") });
    dave.invites("carol");
    assert_eq!(dave.sees(), Event::Waiting { peer: name("carol") });
    assert_eq!(carol.sees(), Event::Invited { peer: name("dave") });
    bob.sees();
    carol.withdraws("bob");
    assert_eq!(carol.sees(), Event::InvitationEnded { peer: name("bob") });
    assert_eq!(carol.sees_a_start().1, Role::Responder);
    assert_eq!(dave.sees_a_start().1, Role::Initiator);
}

#[test]
fn steps_go_to_the_other_member_of_that_run_and_to_nobody_else() {
    let stage = Stage::new();
    let (mut alice, mut bob) = (stage.enter("alice"), stage.enter("bob"));
    let mut carol = stage.enter("carol");
    alice.invites("bob");
    bob.sees();
    let (run, _) = alice.sees_a_start();
    bob.sees_a_start();
    for (peer, run) in [("bob", run), ("alice", run), ("bob", 99)] {
        carol.asks(Request::Agree { peer: name(peer), run, step: step() });
        refused(&carol, ErrorCode::NotOpen, peer);
    }
    alice.asks(Request::Agree { peer: name("carol"), run, step: step() });
    refused(&alice, ErrorCode::NotOpen, "carol");
    for _ in 0..STEPS_MAX {
        bob.asks(Request::Agree { peer: name("alice"), run, step: step() });
        assert_eq!(alice.sees(), Event::Agree { peer: name("bob"), run, step: step() });
    }
    bob.asks(Request::Agree { peer: name("alice"), run, step: step() });
    refused(&bob, ErrorCode::NotOpen, "alice");
    alice.sees_nothing_more();
}

#[test]
fn a_newer_login_takes_over_everything_of_the_older() {
    let stage = Stage::new();
    let (mut alice, bob) = (stage.enter("alice"), stage.enter("bob"));
    alice.invites("bob");
    bob.sees();
    let (run, _) = alice.sees_a_start();
    bob.sees_a_start();
    let newer = stage.enter("alice");
    assert_eq!(alice.sees(), Event::TakenOver {});
    assert!(alice.is_closed());
    assert_eq!(bob.sees_the_outcome(), Outcome::Lost { by: name("alice") });
    for request in [
        Request::Accept { peer: name("bob"), run, acceptance: alice.proof(), copy: None },
        Request::Invite { peer: name("bob"), new_key: false },
        Request::Withdraw { peer: name("bob") },
    ] {
        assert_eq!(alice.asks(request), crate::server::requests::Flow::End);
    }
    alice.disconnects();
    alice.sees_nothing_more();
    newer.sees_nothing_more();
    assert_eq!(stage.hall.registry.who(), (vec![name("alice"), name("bob")], 2), "the newer one stays");
}

#[test]
fn a_new_key_within_the_conversation_keeps_it_open_whatever_the_outcome() {
    let stage = Stage::new();
    let (mut alice, mut bob) = stage.talking("alice", "bob");
    for (accepted, epoch) in [(false, 2), (true, 2)] {
        alice.asks(Request::Invite { peer: name("bob"), new_key: true });
        bob.asks(Request::Invite { peer: name("alice"), new_key: true });
        let Event::Started { run, new_key: true, kept: Some(kept), .. } = alice.sees() else { panic!() };
        alice.asks(Request::Invite { peer: name("bob"), new_key: true });
        refused(&alice, ErrorCode::Busy, "bob");
        assert_eq!(kept.epoch, 1);
        assert_eq!(bob.sees_a_start(), (run, Role::Responder));
        alice.accepts(&name("bob"), run, Some(epoch));
        if accepted {
            bob.accepts(&name("alice"), run, Some(epoch));
            assert!(matches!(alice.sees_the_outcome(), Outcome::Agreed { .. }));
            assert!(matches!(bob.sees_the_outcome(), Outcome::Agreed { .. }));
        } else {
            bob.asks(Request::Refuse { peer: name("alice"), run });
            assert!(matches!(alice.sees_the_outcome(), Outcome::Refused { .. }));
            assert!(matches!(bob.sees_the_outcome(), Outcome::Refused { .. }));
        }
    }
    alice.asks(Request::Invite { peer: name("bob"), new_key: true });
    let (run, _) = alice.sees_a_start();
    bob.sees_a_start();
    bob.leaves("alice");
    for (person, peer) in [(&alice, "bob"), (&bob, "alice")] {
        assert_eq!(person.sees(), Event::Closed { peer: name(peer), by: name("bob"), lost: false });
        assert_eq!(person.sees_the_outcome(), Outcome::Withdrawn { by: name("bob") });
    }
    alice.accepts(&name("bob"), run, Some(3));
    refused(&alice, ErrorCode::NotOpen, "bob");
    meet(&mut bob, &mut alice, None);
}

#[test]
fn a_conversation_ends_for_both_when_one_is_lost() {
    let stage = Stage::new();
    let (alice, mut bob) = stage.talking("alice", "bob");
    bob.asks(Request::Invite { peer: name("alice"), new_key: true });
    bob.sees_a_start();
    alice.disconnects();
    assert_eq!(bob.sees(), Event::Closed { peer: name("alice"), by: name("alice"), lost: true });
    assert_eq!(bob.sees_the_outcome(), Outcome::Lost { by: name("alice") });
    bob.invites("alice");
    refused(&bob, ErrorCode::NotConnected, "alice");
}

#[test]
fn what_both_accepted_must_be_one_key_above_the_last() {
    let stage = Stage::new();
    let (mut alice, mut bob) = (stage.enter("alice"), stage.enter("bob"));
    let attempts =
        [(Some(1), Some(2)), (Some(1), None), (None, None), (Some(5), Some(5)), (Some(5), Some(5))];
    let mut outcomes = Vec::new();
    for (mine, yours) in attempts {
        alice.invites("bob");
        bob.sees();
        let (run, _) = alice.sees_a_start();
        bob.sees_a_start();
        alice.accepts(&name("bob"), run, mine);
        bob.accepts(&name("alice"), run, yours);
        let outcome = alice.sees_the_outcome();
        let agreed = matches!(outcome, Outcome::Agreed { .. });
        assert_eq!(matches!(bob.sees_the_outcome(), Outcome::Agreed { .. }), agreed);
        if agreed {
            bob.leaves("alice");
            alice.sees();
            bob.sees();
        } else {
            assert_eq!(outcome, Outcome::Mismatch {});
        }
        outcomes.push(agreed);
    }
    assert_eq!(outcomes, [false, false, false, true, false]);
    meet(&mut alice, &mut bob, None);
}

#[test]
fn keys_that_cannot_be_stored_are_not_agreed() {
    let stage = Stage::new();
    let (mut alice, mut bob) = (stage.enter("alice"), stage.enter("bob"));
    // A folder in the file's place: no replacement can succeed.
    let path = stage.folder.path().join("keys_dico.json");
    std::fs::create_dir_all(path.join("full")).unwrap();
    alice.invites("bob");
    bob.sees();
    let (run, _) = alice.sees_a_start();
    bob.sees_a_start();
    alice.accepts(&name("bob"), run, Some(1));
    bob.accepts(&name("alice"), run, Some(1));
    assert_eq!(alice.sees_the_outcome(), Outcome::NotStored {});
    assert_eq!(bob.sees_the_outcome(), Outcome::NotStored {});
    std::fs::remove_dir_all(path).unwrap();
    meet(&mut alice, &mut bob, Some(1));
}

#[test]
fn a_damaged_log_refuses_only_that_conversation() {
    let stage = Stage::new();
    let path = stage.folder.path().join("conversations/alice+bob.txt");
    std::fs::write(path, "no line of ours\n").unwrap();
    let (mut alice, mut bob) = (stage.enter("alice"), stage.enter("bob"));
    let mut carol = stage.enter("carol");
    alice.invites("bob");
    assert_eq!(bob.sees(), Event::Invited { peer: name("alice") });
    refused(&alice, ErrorCode::Storage, "bob");
    assert_eq!(bob.sees(), Event::InvitationEnded { peer: name("alice") });
    meet(&mut alice, &mut carol, Some(1));
    bob.invites("carol");
    assert_eq!(bob.sees(), Event::Waiting { peer: name("carol") });
}

#[test]
fn a_hundred_rendezvous_at_once_are_each_their_own() {
    let stage = Stage::new();
    std::thread::scope(|scope| {
        for n in 0..100 {
            let stage = &stage;
            scope.spawn(move || {
                let (mut one, mut other) = (stage.enter(&format!("a{n}")), stage.enter(&format!("b{n}")));
                one.invites(other.name().as_str());
                other.sees();
                let (run, _) = one.sees_a_start();
                other.sees_a_start();
                let (one_name, other_name) = (one.name(), other.name());
                match n % 4 {
                    0 => other.asks(Request::Refuse { peer: one_name, run }),
                    1 => one.asks(Request::Withdraw { peer: other_name }),
                    _ => {
                        std::thread::scope(|scope| {
                            scope.spawn(|| one.accepts(&other_name, run, Some(n + 1)));
                            scope.spawn(|| other.accepts(&one_name, run, Some(n + 1)));
                        });
                        crate::server::requests::Flow::Next
                    }
                };
                let outcomes = (one.sees_the_outcome(), other.sees_the_outcome());
                let expected = match n % 4 {
                    0 => (Outcome::Refused { by: other.name() }, Outcome::Refused { by: other.name() }),
                    1 => (Outcome::Withdrawn { by: one.name() }, Outcome::Withdrawn { by: one.name() }),
                    _ => (
                        Outcome::Agreed { acceptance: other.proof() },
                        Outcome::Agreed { acceptance: one.proof() },
                    ),
                };
                assert_eq!(outcomes, expected);
                one.sees_nothing_more();
                other.sees_nothing_more();
            });
        }
    });
    assert_eq!(stage.hall.keyring.count(), 50);
    let stage = stage.restarted();
    assert_eq!(stage.hall.keyring.count(), 50);
}
