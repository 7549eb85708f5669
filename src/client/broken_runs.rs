//! Runs that died after this client had replied and before its person answered.
//!
//! Each lets a server compare one pair of codes in silence, so they are counted, and after a few of
//! them this client replies no more to that peer until its person names them. The count is part of
//! what is remembered of the peer: a client that is started anew goes on with it.

use chrono::{DateTime, TimeDelta, Utc};

use super::pins::PeerPins;

/// Runs with one peer that may die unanswered within [`BROKEN_RUNS_WINDOW`] before this client pauses.
pub(super) const BROKEN_RUNS_MAX: usize = 3;

/// How long a run that died is remembered.
const BROKEN_RUNS_WINDOW: TimeDelta = TimeDelta::hours(1);

impl PeerPins {
    /// One more died at this time: how many that makes within the window.
    pub(super) fn count_broken_run(&mut self, now: DateTime<Utc>) -> usize {
        self.broken_runs.retain(|at| is_recent(*at, now));
        self.broken_runs.push(now);
        self.broken_runs.len()
    }

    /// Whether this client replies no more to that peer.
    pub(super) fn is_paused(&self, now: DateTime<Utc>) -> bool {
        self.broken_runs.iter().filter(|at| is_recent(**at, now)).count() >= BROKEN_RUNS_MAX
    }

    /// The person named that peer, or a run came to its end: the count begins anew.
    pub(super) fn forget_broken_runs(&mut self) {
        self.broken_runs.clear();
    }
}

/// Also of a time that a clock which was set back since has yet to come to.
fn is_recent(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (now - at).abs() < BROKEN_RUNS_WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_run_that_dies_pauses_until_the_peer_is_named_or_an_hour_is_over() {
        let (mut pins, now) = (PeerPins::default(), Utc::now());
        assert_eq!([pins.count_broken_run(now), pins.count_broken_run(now)], [1, 2]);
        assert!(!pins.is_paused(now));
        assert_eq!(pins.count_broken_run(now + TimeDelta::minutes(30)), 3);
        assert!(pins.is_paused(now + TimeDelta::minutes(59)));
        assert!(pins.is_paused(now - TimeDelta::minutes(10)), "a clock that was set back");
        assert!(!pins.is_paused(now + TimeDelta::minutes(61)));
        assert_eq!(pins.count_broken_run(now + TimeDelta::minutes(61)), 2);
        pins.count_broken_run(now + TimeDelta::minutes(62));
        assert!(pins.is_paused(now + TimeDelta::minutes(62)));
        pins.forget_broken_runs();
        assert!(!pins.is_paused(now + TimeDelta::minutes(62)));
    }
}
