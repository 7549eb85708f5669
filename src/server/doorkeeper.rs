//! The doorkeeper: who is let in at all, decided in memory before anything is done for a connection.
//!
//! It counts connections in all, per source address and not logged in, and remembers what sources owe:
//! for failed logins (as OpenSSH's `PerSourcePenalties`) and for accounts made. It never looks at names:
//! no account can be locked by others' failures. The numbers are in `limits`.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tracing::warn;

use super::{
    ledger::Ledger,
    limits::{DEBTORS_MAX, Limits, PENALTY_ENFORCED_FROM, PENALTY_MAX, REFUSAL_LINES_EVERY},
};
use crate::crypto::random::random;

const HOUR: Duration = Duration::from_secs(60 * 60);

const MINUTE: Duration = Duration::from_secs(60);

/// The bits of an IPv6 address that name a network: whoever has one address has all of its network.
const IPV6_NETWORK: u128 = u128::MAX << 64;

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TurnedAway {
    /// As many connections as there may be.
    Full,
    /// As many as there may be from that address.
    AddressFull,
    /// As many in this minute as there may be from that address.
    TooOften,
    /// Too many that are not logged in, and chance.
    Crowd,
    /// The address owes time for failed logins.
    Penalised,
}

/// What a source is made to pay for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offence {
    /// A login that was not right, or an invitation code that was none.
    WrongLogin,
    /// A name that was taken.
    TakenName,
    /// Bytes that are no request, before a login.
    NoRequest,
    /// A handshake that did not end in time.
    NoHandshake,
}

/// Where a connection comes from: an IPv4 address, or a 64-bit network of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Source(IpAddr);

/// The one at the door.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    clients_max: usize,
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    inside: usize,
    unauthenticated: usize,
    /// Invariant: no count is zero, so it holds no more sources than there are connections.
    per_source: HashMap<Source, usize>,
    penalties: Ledger<Source>,
    arrivals: Ledger<Source>,
    registrations: Ledger<Source>,
    turned_away: HashMap<&'static str, Tally>,
}

/// Refusals of one kind, for the log.
#[derive(Debug, Default)]
struct Tally {
    unsaid: u64,
    said: Option<Instant>,
}

/// A connection's place: free again when this is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    keeper: Arc<Doorkeeper>,
    /// `None` for a source that is not counted.
    source: Option<Source>,
    logged_in: bool,
}

impl Doorkeeper {
    pub(super) fn new(clients_max: usize, limits: Limits) -> Self {
        let state = State {
            inside: 0,
            unauthenticated: 0,
            per_source: HashMap::new(),
            penalties: Ledger::new(DEBTORS_MAX),
            arrivals: Ledger::new(DEBTORS_MAX),
            registrations: Ledger::new(DEBTORS_MAX),
            turned_away: HashMap::new(),
        };
        Self { clients_max, limits, state: Mutex::new(state) }
    }

    /// A place for a connection from there, or why there is none.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Ticket, TurnedAway> {
        // Without randomness nobody could log in anyway: dropped.
        let dice = random().map_or(0, |[byte]: [u8; 1]| u16::from(byte) * 100 / 256);
        self.admit_at(address, dice, Instant::now())
    }

    /// As [`Doorkeeper::admit`], with a throw of the dice from 0 to 99.
    fn admit_at(self: &Arc<Self>, address: IpAddr, dice: u16, now: Instant) -> Result<Ticket, TurnedAway> {
        let source = self.counted(address);
        let mut state = self.state.lock();
        let mut fault = self.fault(&state, source, dice, now);
        if fault.is_none_or(TurnedAway::is_told) {
            fault = self.haste(&mut state, source, now).or(fault);
        }
        match fault {
            None => {
                state.inside += 1;
                state.unauthenticated += 1;
                if let Some(source) = source {
                    *state.per_source.entry(source).or_insert(0) += 1;
                }
                Ok(Ticket { keeper: Arc::clone(self), source, logged_in: false })
            }
            Some(reason) => {
                let line = state.turned_away.entry(reason.words()).or_default().count(now);
                drop(state);
                if let Some(connections) = line {
                    let latest = Source::of(address);
                    warn!(connections, %latest, "turned away: {}", reason.words());
                }
                Err(reason)
            }
        }
    }

    fn fault(&self, state: &State, source: Option<Source>, dice: u16, now: Instant) -> Option<TurnedAway> {
        if let Some(source) = source {
            if state.penalties.owed(&source, now) >= PENALTY_ENFORCED_FROM {
                return Some(TurnedAway::Penalised);
            }
            let from_there = state.per_source.get(&source).copied().unwrap_or(0);
            if self.limits.per_address.is_some_and(|max| from_there >= max) {
                return Some(TurnedAway::AddressFull);
            }
        }
        if state.inside >= self.clients_max {
            return Some(TurnedAway::Full);
        }
        let chance = self.limits.early_drop.chance(state.unauthenticated);
        (dice < u16::from(chance)).then_some(TurnedAway::Crowd)
    }

    /// Counts one who would be let in, or told why not: each costs a handshake, whatever becomes of it.
    fn haste(&self, state: &mut State, source: Option<Source>, now: Instant) -> Option<TurnedAway> {
        let cost = MINUTE / self.limits.connections_per_minute?.max(1);
        (!state.arrivals.afford(&source?, cost, MINUTE, now)).then_some(TurnedAway::TooOften)
    }

    /// The source, where it is one that counts.
    fn counted(&self, address: IpAddr) -> Option<Source> {
        let source = Source::of(address);
        (self.limits.loopback || !source.0.is_loopback()).then_some(source)
    }

    /// How many connections there are, and how many of them are not logged in.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.inside, state.unauthenticated)
    }
}

impl Ticket {
    /// It is a user's connection from here on.
    pub(super) fn logs_in(&mut self) {
        if !std::mem::replace(&mut self.logged_in, true) {
            self.keeper.state.lock().unauthenticated -= 1;
        }
    }

    /// Charges the source. The connection itself goes on.
    pub(super) fn offends(&self, offence: Offence) {
        self.offends_at(offence, Instant::now());
    }

    fn offends_at(&self, offence: Offence, now: Instant) {
        let cost = offence.cost(self.keeper.limits.login_penalty);
        let Some(source) = self.source.filter(|_| !cost.is_zero()) else { return };
        let mut state = self.keeper.state.lock();
        let before = state.penalties.owed(&source, now);
        let owed = state.penalties.charge(&source, cost, PENALTY_MAX, now);
        let begins = before < PENALTY_ENFORCED_FROM && owed >= PENALTY_ENFORCED_FROM;
        let line = if begins { state.turned_away.entry("penalty").or_default().count(now) } else { None };
        drop(state);
        if let Some(addresses) = line {
            warn!(addresses, latest = %source, seconds = owed.as_secs(), "refused for a while: failed logins");
        }
    }

    /// Counts an account that is about to be made; false when there were too many from that source.
    pub(super) fn may_register(&self) -> bool {
        self.registration().is_none_or(|(source, cost)| {
            self.keeper.state.lock().registrations.afford(&source, cost, HOUR, Instant::now())
        })
    }

    /// The account was not made after all.
    pub(super) fn did_not_register(&self) {
        if let Some((source, cost)) = self.registration() {
            self.keeper.state.lock().registrations.refund(&source, cost, Instant::now());
        }
    }

    fn registration(&self) -> Option<(Source, Duration)> {
        Some((self.source?, HOUR / self.keeper.limits.registrations_per_hour?.max(1)))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.keeper.state.lock();
        state.inside -= 1;
        if !self.logged_in {
            state.unauthenticated -= 1;
        }
        if let Some(source) = self.source
            && let Some(count) = state.per_source.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                state.per_source.remove(&source);
            }
        }
    }
}

impl Source {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            // Loopback stays itself: its network is not.
            IpAddr::V6(v6) if !v6.is_loopback() => Ipv6Addr::from(u128::from(v6) & IPV6_NETWORK).into(),
            other => other,
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(v6) if !v6.is_loopback() => write!(out, "{v6}/64"),
            other => write!(out, "{other}"),
        }
    }
}

impl TurnedAway {
    /// Whether they are told why, which takes a handshake.
    fn is_told(self) -> bool {
        matches!(self, Self::Full | Self::AddressFull)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Full => "as many connections as there may be",
            Self::AddressFull => "as many connections as there may be from one address",
            Self::TooOften => "as many connections in a minute as there may be from one address",
            Self::Crowd => "many connections that are not logged in",
            Self::Penalised => "addresses with failed logins",
        }
    }
}

impl Offence {
    /// What it costs, in terms of a wrong login.
    fn cost(self, wrong_login: Duration) -> Duration {
        match self {
            Self::WrongLogin => wrong_login,
            Self::TakenName => wrong_login / 5,
            Self::NoRequest | Self::NoHandshake => 2 * wrong_login,
        }
    }
}

impl Tally {
    /// Counts one; how many there were since the last line, when another line is due.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.unsaid += 1;
        if self.said.is_some_and(|said| now.saturating_duration_since(said) < REFUSAL_LINES_EVERY) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
#[path = "doorkeeper_tests.rs"]
mod tests;
