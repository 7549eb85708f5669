//! Who owes how much time: a bounded table behind every limit that is counted per address or name.
//!
//! Each act costs time, costs add up, and time pays them off by itself. So one instant per key, the
//! end of its debt, is all there is to keep: a penalty grows with each offence and expires, and 'so
//! many an hour' is a cost of an hour divided by so many (the generic cell rate algorithm, ITU-T I.371).

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    time::{Duration, Instant},
};

/// Debts by key. Invariant: `by_end` holds exactly the pairs of `ends`, and at most `entries_max`.
#[derive(Debug)]
pub(super) struct Ledger<K> {
    ends: HashMap<K, Instant>,
    by_end: BTreeSet<(Instant, K)>,
    entries_max: usize,
}

impl<K: Clone + Ord + Hash> Ledger<K> {
    /// An empty one, for so many keys: beyond it the debts that end soonest are forgotten.
    pub(super) fn new(entries_max: usize) -> Self {
        Self { ends: HashMap::new(), by_end: BTreeSet::new(), entries_max }
    }

    /// What a key still owes.
    pub(super) fn owed(&self, key: &K, now: Instant) -> Duration {
        self.ends.get(key).map_or(Duration::ZERO, |end| end.saturating_duration_since(now))
    }

    /// Adds to what a key owes; it never comes to more than `most`. What it owes then.
    pub(super) fn charge(&mut self, key: &K, cost: Duration, most: Duration, now: Instant) -> Duration {
        let owed = (self.owed(key, now) + cost).min(most);
        self.set(key, owed, now);
        owed
    }

    /// Takes a cost back.
    pub(super) fn refund(&mut self, key: &K, cost: Duration, now: Instant) {
        let owed = self.owed(key, now).saturating_sub(cost);
        self.set(key, owed, now);
    }

    /// Adds to what a key owes, unless it would come to more than `most`: then nothing changes, and this is false.
    pub(super) fn afford(&mut self, key: &K, cost: Duration, most: Duration, now: Instant) -> bool {
        let owed = self.owed(key, now) + cost;
        let affordable = owed <= most;
        if affordable {
            self.set(key, owed, now);
        }
        affordable
    }

    fn set(&mut self, key: &K, owed: Duration, now: Instant) {
        if let Some(end) = self.ends.remove(key) {
            self.by_end.remove(&(end, key.clone()));
        }
        if !owed.is_zero() {
            self.ends.insert(key.clone(), now + owed);
            self.by_end.insert((now + owed, key.clone()));
        }
        while self.by_end.first().is_some_and(|(end, _)| *end <= now || self.by_end.len() > self.entries_max)
        {
            if let Some((_, forgotten)) = self.by_end.pop_first() {
                self.ends.remove(&forgotten);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.ends.len(), self.by_end.len());
        self.ends.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn debts_grow_with_each_cost_up_to_the_most_and_time_pays_them() {
        let (mut ledger, now) = (Ledger::new(10), Instant::now());
        assert_eq!(ledger.charge(&"a", 5 * S, 12 * S, now), 5 * S);
        assert_eq!(ledger.charge(&"a", 5 * S, 12 * S, now + 2 * S), 8 * S);
        assert_eq!(ledger.charge(&"a", 5 * S, 12 * S, now + 2 * S), 12 * S);
        assert_eq!(ledger.owed(&"a", now + 13 * S), S);
        assert_eq!(ledger.owed(&"a", now + 14 * S), Duration::ZERO);
        assert_eq!(ledger.owed(&"b", now), Duration::ZERO);
    }

    #[test]
    fn so_many_an_hour_are_affordable_and_then_one_at_a_time() {
        let (mut ledger, now) = (Ledger::new(10), Instant::now());
        let (hour, cost) = (3600 * S, 900 * S);
        for _ in 0..4 {
            assert!(ledger.afford(&"a", cost, hour, now));
        }
        assert!(!ledger.afford(&"a", cost, hour, now + 899 * S));
        assert!(ledger.afford(&"a", cost, hour, now + cost));
        assert!(!ledger.afford(&"a", cost, hour, now + cost));
        ledger.refund(&"a", cost, now + cost);
        assert!(ledger.afford(&"a", cost, hour, now + cost));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_what_ends_soonest() {
        let (mut ledger, now) = (Ledger::new(100), Instant::now());
        for key in 0..10_000_u32 {
            ledger.charge(&key, S * (key + 1), S * 100_000, now);
            assert!(ledger.len() <= 100);
        }
        assert_eq!(ledger.owed(&0, now), Duration::ZERO);
        assert_eq!(ledger.owed(&9_999, now), 10_000 * S);
        ledger.charge(&10_001, S, S, now + 20_000 * S);
        assert_eq!(ledger.len(), 1, "debts that ended are dropped");
    }
}
