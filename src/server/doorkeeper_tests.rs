//! The doorkeeper, with a clock and dice of the tests' own.

use super::*;
use crate::server::limits::{CLIENTS_MAX, EarlyDrop};

const S: Duration = Duration::from_secs(1);

/// Dice that never drop, unless it is certain.
const LUCK: u16 = 99;

fn keeper(clients_max: usize, change: impl FnOnce(&mut Limits)) -> Arc<Doorkeeper> {
    let mut limits = Limits::for_clients(clients_max);
    change(&mut limits);
    Arc::new(Doorkeeper::new(clients_max, limits))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

impl Doorkeeper {
    fn lets_in(self: &Arc<Self>, address: &str, now: Instant) -> Result<Ticket, TurnedAway> {
        self.admit_at(ip(address), LUCK, now)
    }
}

fn refused(result: Result<Ticket, TurnedAway>) -> TurnedAway {
    result.expect_err("it was let in")
}

#[test]
fn connections_in_all_and_per_address_are_counted_until_they_end() {
    let (keeper, now) = (keeper(3, |limits| limits.per_address = Some(2)), Instant::now());
    let one = keeper.lets_in("192.0.2.1", now).unwrap();
    let _two = keeper.lets_in("::ffff:192.0.2.1", now).unwrap();
    assert_eq!(refused(keeper.lets_in("192.0.2.1", now)), TurnedAway::AddressFull);
    let _other = keeper.lets_in("192.0.2.2", now).unwrap();
    assert_eq!(refused(keeper.lets_in("192.0.2.3", now)), TurnedAway::Full);
    drop(one);
    let _again = keeper.lets_in("192.0.2.1", now).unwrap();
    assert_eq!(keeper.counts(), (3, 3));
    drop((_two, _other, _again));
    assert_eq!(keeper.counts(), (0, 0));
    assert!(keeper.state.lock().per_source.is_empty(), "nothing is kept of who left");
}

#[test]
fn an_ipv6_network_of_64_bits_counts_as_one_address() {
    let (keeper, now) = (keeper(10, |limits| limits.per_address = Some(1)), Instant::now());
    let _one = keeper.lets_in("2001:db8::1", now).unwrap();
    assert_eq!(refused(keeper.lets_in("2001:db8::ffff:1:2", now)), TurnedAway::AddressFull);
    let _next = keeper.lets_in("2001:db8:0:1::1", now).unwrap();
    assert_eq!(Source::of(ip("2001:db8::1")).to_string(), "2001:db8::/64");
    assert_eq!(Source::of(ip("::ffff:192.0.2.1")).to_string(), "192.0.2.1");
}

#[test]
fn loopback_is_left_alone_unless_it_is_to_be_limited() {
    let now = Instant::now();
    for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        let free = keeper(10, |limits| limits.per_address = Some(1));
        let one = free.lets_in(address, now).unwrap();
        let _two = free.lets_in(address, now).unwrap();
        for _ in 0..100 {
            one.offends_at(Offence::WrongLogin, now);
            assert!(one.may_register());
        }
        assert!(free.lets_in(address, now).is_ok(), "{address}");
        let strict = keeper(10, |limits| (limits.per_address, limits.loopback) = (Some(1), true));
        let _one = strict.lets_in(address, now).unwrap();
        assert_eq!(refused(strict.lets_in(address, now)), TurnedAway::AddressFull, "{address}");
    }
}

#[test]
fn penalties_grow_with_each_failure_are_bounded_and_expire() {
    let (keeper, now) = (keeper(CLIENTS_MAX, |_| ()), Instant::now());
    let guesser = keeper.lets_in("192.0.2.1", now).unwrap();
    for _ in 0..2 {
        guesser.offends_at(Offence::WrongLogin, now);
        assert!(keeper.lets_in("192.0.2.1", now).is_ok(), "two mistakes are not punished");
    }
    guesser.offends_at(Offence::WrongLogin, now);
    assert_eq!(refused(keeper.lets_in("192.0.2.1", now)), TurnedAway::Penalised);
    assert!(keeper.lets_in("192.0.2.2", now).is_ok(), "nobody else is");
    assert!(keeper.lets_in("192.0.2.1", now + S).is_ok(), "it expires");
    for _ in 0..10 {
        guesser.offends_at(Offence::WrongLogin, now);
    }
    assert_eq!(refused(keeper.lets_in("192.0.2.1", now + 49 * S)), TurnedAway::Penalised);
    assert!(keeper.lets_in("192.0.2.1", now + 51 * S).is_ok());
    for _ in 0..10_000 {
        guesser.offends_at(Offence::NoHandshake, now);
    }
    assert_eq!(refused(keeper.lets_in("192.0.2.1", now + 584 * S)), TurnedAway::Penalised);
    assert!(keeper.lets_in("192.0.2.1", now + 586 * S).is_ok(), "ten minutes are the most");
}

#[test]
fn a_penalty_of_zero_is_none() {
    let (keeper, now) = (keeper(10, |limits| limits.login_penalty = Duration::ZERO), Instant::now());
    let guesser = keeper.lets_in("192.0.2.1", now).unwrap();
    for _ in 0..1000 {
        guesser.offends_at(Offence::WrongLogin, now);
    }
    assert!(keeper.lets_in("192.0.2.1", now).is_ok());
}

#[test]
fn from_a_crowd_that_is_not_logged_in_some_are_dropped_and_users_are_not_counted() {
    let early_drop = EarlyDrop { start: 2, rate: 30, full: 4 };
    let (keeper, now) = (keeper(100, |limits| limits.early_drop = early_drop), Instant::now());
    let mut users = Vec::new();
    for _ in 0..50 {
        let mut ticket = keeper.lets_in("192.0.2.1", now).unwrap();
        ticket.logs_in();
        ticket.logs_in();
        users.push(ticket);
    }
    assert_eq!(keeper.counts(), (50, 0));
    let throw = |dice| keeper.admit_at(ip("192.0.2.2"), dice, now);
    let _two = (throw(0).unwrap(), throw(0).unwrap());
    assert_eq!(refused(throw(29)), TurnedAway::Crowd);
    let _third = throw(30).unwrap();
    assert_eq!(refused(throw(64)), TurnedAway::Crowd);
    let _fourth = throw(65).unwrap();
    assert_eq!(refused(throw(99)), TurnedAway::Crowd);
}

#[test]
fn so_many_accounts_an_hour_are_made_from_one_address() {
    let (keeper, now) = (keeper(10, |limits| limits.registrations_per_hour = Some(3)), Instant::now());
    let ticket = keeper.lets_in("192.0.2.1", now).unwrap();
    assert!((0..3).all(|_| ticket.may_register()));
    assert!(!ticket.may_register());
    assert!(!keeper.lets_in("192.0.2.1", now).unwrap().may_register());
    assert!(keeper.lets_in("192.0.2.2", now).unwrap().may_register());
    ticket.did_not_register();
    assert!(ticket.may_register(), "what failed is not counted");
}

#[test]
fn so_many_connections_a_minute_are_let_in_from_one_address_whatever_becomes_of_them() {
    let (keeper, now) = (keeper(10, |limits| limits.connections_per_minute = Some(60)), Instant::now());
    for _ in 0..60 {
        keeper.lets_in("192.0.2.1", now).unwrap().logs_in();
    }
    for _ in 0..1000 {
        assert_eq!(refused(keeper.lets_in("192.0.2.1", now)), TurnedAway::TooOften);
    }
    assert!(keeper.lets_in("192.0.2.2", now).is_ok(), "nobody else is");
    assert!(keeper.lets_in("192.0.2.1", now + S).is_ok(), "who is turned away owes no more for it");
    assert_eq!(refused(keeper.lets_in("192.0.2.1", now + S)), TurnedAway::TooOften);
    assert!(keeper.lets_in("127.0.0.1", now).is_ok());
}

#[test]
fn who_is_only_told_that_there_is_no_place_has_made_a_connection_too() {
    let few = |limits: &mut Limits| (limits.per_address, limits.connections_per_minute) = (Some(1), Some(3));
    let (keeper, now) = (keeper(10, few), Instant::now());
    let _one = keeper.lets_in("192.0.2.1", now).unwrap();
    let told: Vec<_> = (0..3).map(|_| refused(keeper.lets_in("192.0.2.1", now))).collect();
    assert_eq!(told, [TurnedAway::AddressFull, TurnedAway::AddressFull, TurnedAway::TooOften]);
}

#[test]
fn a_flood_is_not_a_flood_of_lines() {
    let (mut tally, now) = (Tally::default(), Instant::now());
    let lines: Vec<u64> =
        (0..100_000_u32).filter_map(|n| tally.count(now + Duration::from_micros(200) * n)).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines.iter().sum::<u64>(), 50_001, "every one is counted in some line");
}

#[test]
fn what_a_million_addresses_did_takes_bounded_memory() {
    let (keeper, now) = (keeper(10, |_| ()), Instant::now());
    for n in 0..200_000_u32 {
        let address = IpAddr::from(n.to_be_bytes().map(|byte| byte | 1));
        let ticket = keeper.admit_at(address, LUCK, now).unwrap();
        ticket.offends_at(Offence::TakenName, now);
        let varied = keeper.admit_at(IpAddr::from((0x0a00_0000 + n).to_be_bytes()), LUCK, now).unwrap();
        varied.offends_at(Offence::TakenName, now);
    }
    let state = keeper.state.lock();
    assert!(state.penalties.len() <= DEBTORS_MAX && state.arrivals.len() <= DEBTORS_MAX);
    assert!(state.per_source.is_empty());
}
