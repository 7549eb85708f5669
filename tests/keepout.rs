//! Keeping people out, and serving the honest meanwhile: every limit of the server, met from outside.
//!
//! The numbers that are measured rather than asserted are printed; `scripts/resistance` runs those tests at their
//! full size.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "keepout/floods.rs"]
mod floods;
#[path = "keepout/invitations.rs"]
mod invitations;
#[path = "keepout/stranger.rs"]
mod stranger;

use std::{
    thread,
    time::{Duration, Instant},
};

use common::{Noise, PATIENCE, TestServer, WireClient, user};
use securechat::wire::{ErrorCode, Event, Request};
use stranger::{Dripper, Stranger};

/// Long enough for a loaded machine, and far below what any timeout of these tests is by default.
const SOON: Duration = Duration::from_secs(10);

/// Says bytes one by one until the other side closes; how long that took.
fn drips(mut drip: impl FnMut(usize) -> bool) -> Duration {
    let start = Instant::now();
    for at in 0.. {
        if !drip(at) {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "still served after {at} bytes");
        thread::sleep(Duration::from_millis(20));
    }
    start.elapsed()
}

#[test]
fn a_handshake_that_drips_ends_at_the_login_deadline() {
    let server = TestServer::starts_with(&["--login-timeout", "1"]);
    let mut dripper = Dripper::connects(&server);
    let lasted = drips(|at| dripper.drips(at));
    assert!(lasted > Duration::from_millis(900) && lasted < SOON, "{lasted:?}");
}

#[test]
fn a_login_that_drips_ends_at_the_login_deadline_and_is_told_why() {
    let server = TestServer::starts_with(&["--login-timeout", "1"]);
    let mut stranger = Stranger::is_greeted(&server);
    let lasted = drips(|at| stranger.says_bytes(&[if at == 2 { 8 } else { 0 }]));
    assert!(lasted > Duration::from_millis(700) && lasted < SOON, "{lasted:?}");
    assert_eq!(stranger.hears_error(), ErrorCode::TooSlow);
    assert_eq!(stranger.hears(), None);
}

#[test]
fn wrong_logins_do_not_prolong_the_login_deadline() {
    let server = TestServer::starts_with(&["--login-timeout", "1"]);
    let mut stranger = Stranger::is_greeted(&server);
    let start = Instant::now();
    while stranger.guesses("nobody") && stranger.hears().is_some() {}
    assert!(start.elapsed() < SOON);
}

#[test]
fn a_request_that_drips_after_login_ends_at_its_own_deadline_and_idling_does_not() {
    let server = TestServer::starts_with(&["--frame-timeout", "1"]);
    let mut idle = WireClient::registers(&server, "idle");
    let mut alice = WireClient::registers(&server, "alice");
    // Whole requests before it, and the first bytes of the next with them: the clock is that request's.
    alice.asks(&Request::Who {});
    assert!(matches!(alice.hears(), Event::Who { .. }));
    let start = Instant::now();
    let lasted = drips(|at| alice.says_bytes(&[if at == 2 { 8 } else { 0 }]));
    assert!(lasted > Duration::from_millis(700) && lasted < SOON, "{lasted:?}");
    let last = alice.hears_of(|event| match event {
        Event::Error { code, .. } => Some(*code),
        _ => None,
    });
    assert_eq!(last, ErrorCode::TooSlow);
    assert!(start.elapsed() > Duration::from_secs(1));
    idle.asks(&Request::Who {});
    assert!(matches!(idle.hears(), Event::Who { total: 1, .. }), "who says nothing at all is not slow");
}

#[test]
fn an_address_has_so_many_connections_and_the_next_is_told() {
    let server = TestServer::starts_with(&["--max-per-address", "2", "--limit-loopback"]);
    let _one = WireClient::registers(&server, "alice");
    let two = WireClient::registers(&server, "bob");
    let mut three = Stranger::tries(&server).unwrap();
    assert_eq!(three.hears_error(), ErrorCode::AddressFull);
    assert_eq!(three.hears(), None);
    let mut carol = server.client("carol");
    let status = carol.ends();
    assert_eq!(status.code(), Some(69), "{}", carol.stderr());
    assert!(carol.stderr().contains("as many connections from this network address as it takes"));
    server.warns("as many connections as there may be from one address");
    two.vanishes();
    let deadline = Instant::now() + PATIENCE;
    while !matches!(Stranger::tries(&server).unwrap().hears(), Some(Event::Hello { .. })) {
        assert!(Instant::now() < deadline, "the place is never free again");
    }
}

#[test]
fn an_address_makes_so_many_connections_a_minute_and_who_is_inside_stays() {
    let server = TestServer::starts_with(&["--limit-loopback", "--connections-per-minute", "3"]);
    let mut alice = WireClient::registers(&server, "alice");
    drop((Stranger::is_greeted(&server), Stranger::is_greeted(&server)));
    assert!(Stranger::tries(&server).is_err(), "no handshake is made for it");
    server.warns("as many connections in a minute as there may be from one address");
    alice.asks(&Request::Who {});
    assert!(matches!(alice.hears(), Event::Who { .. }));
    let mut bob = server.client("bob");
    assert_eq!(bob.ends().code(), Some(69));
    assert!(bob.stderr().contains("refuses this address for a while"), "{}", bob.stderr());
}

#[test]
fn this_machine_itself_is_not_limited_unless_it_is_asked_for() {
    let server = TestServer::starts_with(&[
        "--max-per-address",
        "1",
        "--login-penalty",
        "600",
        "--registrations-per-hour",
        "1",
        "--connections-per-minute",
        "1",
    ]);
    let stranger = Stranger::is_greeted(&server);
    assert!(stranger.guesses("nobody"));
    let _others: Vec<_> =
        ["alice", "bob", "carol"].map(|name| WireClient::registers(&server, name)).into_iter().collect();
}

#[test]
fn failed_logins_cost_their_address_time_and_never_the_account() {
    let server = TestServer::starts_with(&["--limit-loopback", "--login-penalty", "19"]);
    let mut alice = WireClient::registers(&server, "alice");
    let mut guesser = Stranger::is_greeted(&server);
    assert!(guesser.guesses("alice"));
    assert_eq!(guesser.hears_error(), ErrorCode::WrongUsernameOrPassword);
    // 19 seconds are owed, and 15 of them are forgiven: for 4 seconds the address is refused before TLS.
    assert!(Stranger::tries(&server).is_err(), "no handshake is made for it");
    server.warns("refused for a while: failed logins");
    // Who is inside stays inside, and so does the account.
    alice.asks(&Request::Who {});
    assert!(matches!(alice.hears(), Event::Who { .. }));
    let deadline = Instant::now() + PATIENCE;
    while Stranger::tries(&server).is_err() {
        assert!(Instant::now() < deadline, "the penalty never ends");
        thread::sleep(Duration::from_millis(50));
    }
    let _again = WireClient::logs_in(&server, "alice");
}

#[test]
fn so_many_accounts_an_hour_are_made_from_one_address_and_names_that_were_taken_do_not_count() {
    let server = TestServer::starts_with(&["--limit-loopback", "--registrations-per-hour", "2"]);
    let _alice = server.registers("alice");
    let mut bob = server.client("bob");
    bob.sees("(yes/no) ");
    bob.types("no");
    for name in ["alice", "bob"] {
        bob.sees("Username: ");
        bob.types(name);
        bob.sees("Password: ");
        bob.types("whatever");
    }
    bob.sees("Account created");
    let mut carol = server.client("carol");
    carol.sees("(yes/no) ");
    carol.types("no");
    carol.sees("Username: ");
    carol.types("carol");
    carol.sees("Password: ");
    carol.types("whatever");
    carol.sees("too many accounts were made from this network address; try again in an hour\n");
    carol.sees("Username: ");
    assert!(!server.data_file("dico.json").contains("carol"));
}

#[test]
fn who_asks_faster_than_the_rate_waits_and_nobody_else_does() {
    let server = TestServer::starts_with(&["--requests-per-second", "100"]);
    let mut greedy = WireClient::registers(&server, "greedy");
    let mut honest = WireClient::registers(&server, "honest");
    let start = Instant::now();
    let greedy = thread::spawn(move || {
        for _ in 0..300 {
            greedy.asks(&Request::Who {});
            greedy.hears();
        }
    });
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let asked = Instant::now();
        honest.asks(&Request::Who {});
        honest.hears();
        slowest = slowest.max(asked.elapsed());
        thread::sleep(Duration::from_millis(50));
    }
    greedy.join().unwrap();
    // 100 at once, and 200 at 100 a second.
    assert!(start.elapsed() >= Duration::from_millis(1900), "{:?}", start.elapsed());
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[test]
fn who_sends_more_bytes_than_the_rate_waits_and_nothing_is_lost() {
    let server = TestServer::starts_with(&["--bytes-per-second", "100000"]);
    let mut alice = WireClient::registers(&server, "alice");
    let mut bob = WireClient::registers(&server, "bob");
    alice.agrees_with(&mut bob);
    let (mut noise, start) = (Noise::new(), Instant::now());
    for _ in 0..12 {
        // 16 KiB, and a third more in base64.
        alice.sends(&user("bob"), &noise.body(64));
    }
    for number in 1..=12 {
        assert_eq!(alice.hears_it_is_stored(), number);
    }
    assert!(start.elapsed() >= Duration::from_millis(1000), "{:?}", start.elapsed());
}

#[test]
fn a_server_that_stops_does_not_wait_for_who_waits_for_the_rate() {
    let mut server = TestServer::starts_with(&["--requests-per-second", "1"]);
    let alice = WireClient::registers(&server, "alice");
    for _ in 0..1000 {
        alice.asks(&Request::Who {});
    }
    let start = Instant::now();
    assert!(server.stops().success());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn invitations_are_so_many_a_minute_unless_they_are_welcome() {
    let server = TestServer::starts_with(&["--invitations-per-minute", "3"]);
    let mut alice = WireClient::registers(&server, "alice");
    let mut bob = WireClient::registers(&server, "bob");
    alice.agrees_with(&mut bob);
    for _ in 0..5 {
        alice.asks(&Request::Leave { peer: user("bob") });
        alice.hears_of(|event| matches!(event, Event::Closed { .. }).then_some(()));
        alice.meets_again(&mut bob);
    }
    alice.asks(&Request::Leave { peer: user("bob") });
    alice.hears_of(|event| matches!(event, Event::Closed { .. }).then_some(()));
    for _ in 0..3 {
        let run = alice.reaches_the_key_with(&mut bob);
        bob.asks(&Request::Refuse { peer: user("alice"), run });
        for person in [&mut alice, &mut bob] {
            person.hears_of(|event| matches!(event, Event::Outcome { .. }).then_some(()));
        }
    }
    alice.asks(&Request::Invite { peer: user("bob"), new_key: false });
    let expected = Event::Error { code: ErrorCode::TooManyInvitations, peer: Some(user("bob")) };
    assert_eq!(alice.hears(), expected);
    // A new login is the same person.
    let mut alice = WireClient::logs_in(&server, "alice");
    alice.asks(&Request::Invite { peer: user("bob"), new_key: false });
    assert_eq!(alice.hears(), expected);
    // And bob, who was not told of those, may invite alice.
    bob.reaches_the_key_with(&mut alice);
}

#[test]
fn so_many_invitations_wait_for_one_person() {
    let server = TestServer::starts_with(&["--max-waiting-invitations", "1"]);
    let mut bob = WireClient::registers(&server, "bob");
    let mut carol = WireClient::registers(&server, "carol");
    bob.agrees_with(&mut carol);
    let mut dave = WireClient::registers(&server, "dave");
    dave.asks(&Request::Invite { peer: user("bob"), new_key: false });
    assert_eq!(dave.hears(), Event::Waiting { peer: user("bob") });
    let mut erin = server.registers("erin");
    erin.types("bob");
    erin.sees("as many people as may wait for bob are waiting already; try again later\n");
    erin.sees("Who do you want to start a conversation with? ");
    dave.asks(&Request::Withdraw { peer: user("bob") });
    dave.hears_of(|event| matches!(event, Event::InvitationEnded { .. }).then_some(()));
    erin.types("bob");
    erin.sees("busy");
}

#[test]
fn wrong_and_unknown_are_the_same_bytes() {
    let server = TestServer::starts();
    let _alice = WireClient::registers(&server, "alice");
    let answers = ["alice", "nobody"].map(|name| {
        let mut guesser = Stranger::is_greeted(&server);
        assert!(guesser.guesses(name));
        serde_json::to_string(&guesser.hears().unwrap()).unwrap()
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], r#"{"error":{"code":"wrong_username_or_password","peer":null}}"#);
}

#[test]
fn one_connection_has_so_many_guesses_at_names_too() {
    let server = TestServer::starts();
    let mut alice = WireClient::registers(&server, "alice");
    let mut curious = WireClient::connects(&server, "alice").unwrap();
    let mut refused = 0;
    while let Some(event) = {
        curious.asks_to_register();
        curious.next(PATIENCE)
    } {
        refused += 1;
        assert!(refused <= 30, "{event:?}");
    }
    assert_eq!(refused, 30);
    alice.asks(&Request::Who {});
    assert!(matches!(alice.hears(), Event::Who { .. }));
}
