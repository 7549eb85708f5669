//! A length of time as a person writes it: `90s`, `30m`, `12h`, `7d`.

use std::{str::FromStr, time::Duration};

use thiserror::Error;

/// The longest, in seconds: a year.
const SECONDS_MAX: u64 = 365 * 24 * 60 * 60;

/// A length of time, more than none and not more than a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(Duration);

/// Why a text is no length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("give a number and s, m, h or d, as in 12h; more than 0, up to 365d")]
pub(super) struct SpanError;

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let seconds = seconds(text).filter(|seconds| (1..=SECONDS_MAX).contains(seconds));
        seconds.map(|seconds| Self(Duration::from_secs(seconds))).ok_or(SpanError)
    }
}

/// How many seconds a number and its unit are; `None` for what is neither.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1))?;
    let unit_s: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_s)
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_and_nothing_else() {
        for (text, seconds) in [("1s", 1), ("30m", 1800), ("12h", 43_200), ("365d", 31_536_000)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_secs(seconds))), "{text}");
        }
        for text in ["", "7", "d", "0d", "366d", "-1d", "1 d", "7D", "1\u{301}", "99999999999999999999d"] {
            assert_eq!(text.parse::<Span>(), Err(SpanError), "{text}");
        }
    }
}
