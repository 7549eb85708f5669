//! How fast one client may ask: a bucket of requests and one of bytes.
//!
//! Over it nothing is refused. The connection's own thread waits before it reads on, the client's
//! bytes stay in the system's buffers, and TCP makes the client wait: nobody else notices. What one
//! read brought is always carried out, so a rate is exceeded by one read at most (16 KiB).

use std::time::{Duration, Instant};

/// What may be saved up, as time at the full rate.
const BURST: Duration = Duration::from_secs(1);

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

/// One connection's pace.
#[derive(Debug)]
pub(super) struct Pace {
    requests: Option<Bucket>,
    bytes: Option<Bucket>,
}

/// What was taken at some rate is paid for until this moment, which may lie ahead.
#[derive(Debug)]
struct Bucket {
    per_second: u64,
    paid: Instant,
}

impl Pace {
    /// For so many requests and bytes a second; `None` is without a limit.
    pub(super) fn new(requests: Option<u32>, bytes: Option<u64>, now: Instant) -> Self {
        let bucket = |per_second: u64| Bucket { per_second: per_second.max(1), paid: now };
        Self { requests: requests.map(u64::from).map(bucket), bytes: bytes.map(bucket) }
    }

    /// Counts what a read brought: when the next one may begin, if that is later than now.
    pub(super) fn count(&mut self, requests: u64, bytes: u64, now: Instant) -> Option<Instant> {
        let waits = [(&mut self.requests, requests), (&mut self.bytes, bytes)];
        let waits = waits.into_iter().filter_map(|(bucket, units)| bucket.as_mut()?.take(units, now));
        waits.max()
    }
}

impl Bucket {
    fn take(&mut self, units: u64, now: Instant) -> Option<Instant> {
        let cost = u128::from(units) * u128::from(NANOSECONDS_PER_SECOND) / u128::from(self.per_second);
        self.paid = self.paid.max(now) + Duration::from_nanos(u64::try_from(cost).unwrap_or(u64::MAX));
        self.paid.checked_sub(BURST).filter(|free| *free > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_second_of_the_rate_passes_at_once_and_then_only_the_rate() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(10), None, now);
        assert_eq!(pace.count(10, 0, now), None);
        assert_eq!(pace.count(5, 0, now), Some(now + 500 * MS));
        assert_eq!(pace.count(0, 0, now + 500 * MS), None);
        assert_eq!(pace.count(1, 0, now + 500 * MS), Some(now + 600 * MS));
        assert_eq!(pace.count(10, 0, now + 100_000 * MS), None, "time fills it again");
    }

    #[test]
    fn the_slower_of_the_two_decides_and_none_is_no_limit() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(1), Some(1000), now);
        assert_eq!(pace.count(1, 3000, now), Some(now + 2000 * MS));
        let mut free = Pace::new(None, None, now);
        assert_eq!(free.count(u64::MAX, u64::MAX, now), None);
    }

    #[test]
    fn fast_small_reads_are_counted_exactly() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(100_000), Some(64 << 20), now);
        let mut at = now;
        // 50,000 requests of 500 bytes in a second, one read each: under the default rates.
        for _ in 0..50_000 {
            assert_eq!(pace.count(1, 500, at), None);
            at += MS / 50;
        }
    }
}
