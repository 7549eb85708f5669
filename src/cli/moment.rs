//! A time as a person writes it: a day, a minute, an RFC 3339 time, or how long ago.

use std::str::FromStr;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use thiserror::Error;

use super::span;

/// The longest ago, in seconds: a hundred years.
const AGO_S_MAX: u64 = 100 * 365 * 24 * 60 * 60;

/// How a minute is written, by the clock of this machine.
const MINUTES: [&str; 2] = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];

/// The same with its second.
const SECONDS: [&str; 2] = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"];

/// A stretch of time that was named: a day or a minute has a length, a moment a thousandth of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
}

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "give a day as in 2026-11-01, a minute as in \"2026-11-01 14:30\", an RFC 3339 time as in \
     2026-11-01T14:30:00Z, or how long ago as in 90m, 3h, 2d"
)]
pub(super) struct MomentError;

impl Moment {
    /// Its first moment.
    pub(super) fn begins(self) -> DateTime<Utc> {
        self.begins
    }

    /// The first moment after it.
    pub(super) fn ends(self) -> DateTime<Utc> {
        self.ends
    }

    fn read(text: &str, now: DateTime<Utc>) -> Option<Self> {
        if let Some(seconds) = span::seconds(text) {
            let ago = TimeDelta::try_seconds(i64::try_from(seconds.min(AGO_S_MAX + 1)).ok()?)?;
            return (seconds <= AGO_S_MAX).then(|| Self::at(now - ago, TimeDelta::milliseconds(1)));
        }
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            let midnight = |day: NaiveDate| local(day.and_time(NaiveTime::MIN));
            return Some(Self { begins: midnight(day)?.0, ends: midnight(day.succ_opt()?)?.0 });
        }
        let clock = |formats: [&str; 2], length: TimeDelta| {
            let read = |format| NaiveDateTime::parse_from_str(text, format).ok();
            let (first, last) = local(formats.into_iter().find_map(read)?)?;
            Some(Self { begins: first, ends: last + length })
        };
        clock(MINUTES, TimeDelta::minutes(1)).or_else(|| clock(SECONDS, TimeDelta::seconds(1))).or_else(
            || {
                let exact = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
                Some(Self::at(exact, TimeDelta::milliseconds(1)))
            },
        )
    }

    fn at(begins: DateTime<Utc>, length: TimeDelta) -> Self {
        Self { begins, ends: begins + length }
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        Self::read(text, Utc::now()).ok_or(MomentError)
    }
}

/// What the clock of this machine shows at a time that it shows twice (in autumn): both. At one that it does not
/// show at all (in spring), an hour later.
fn local(shown: NaiveDateTime) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let found = Local.from_local_datetime(&shown);
    let found = match found.earliest() {
        Some(_) => found,
        None => Local.from_local_datetime(&shown.checked_add_signed(TimeDelta::hours(1))?),
    };
    Some((found.earliest()?.with_timezone(&Utc), found.latest()?.with_timezone(&Utc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(DateTime<Local>, DateTime<Local>)> {
        let now = Local.with_ymd_and_hms(2026, 11, 24, 12, 0, 0).unwrap().with_timezone(&Utc);
        let moment = Moment::read(text, now)?;
        Some((moment.begins().with_timezone(&Local), moment.ends().with_timezone(&Local)))
    }

    fn clock(day: u32, hour: u32, minute: u32, second: u32) -> DateTime<Local> {
        Local.with_ymd_and_hms(2026, 11, day, hour, minute, second).unwrap()
    }

    #[test]
    fn days_minutes_and_seconds_are_meant_whole_and_by_the_clock_of_this_machine() {
        assert_eq!(read("2026-11-01"), Some((clock(1, 0, 0, 0), clock(2, 0, 0, 0))));
        for minute in ["2026-11-01 14:30", "2026-11-01T14:30"] {
            assert_eq!(read(minute), Some((clock(1, 14, 30, 0), clock(1, 14, 31, 0))), "{minute}");
        }
        assert_eq!(read("2026-11-01 14:30:05"), Some((clock(1, 14, 30, 5), clock(1, 14, 30, 6))));
    }

    #[test]
    fn an_rfc_3339_time_and_how_long_ago_are_moments() {
        let moment = Utc.with_ymd_and_hms(2026, 11, 1, 13, 30, 0).unwrap().with_timezone(&Local);
        let just = TimeDelta::milliseconds(1);
        for text in ["2026-11-01T13:30:00Z", "2026-11-01T14:30:00+01:00"] {
            assert_eq!(read(text), Some((moment, moment + just)), "{text}");
        }
        assert_eq!(read("3h"), Some((clock(24, 9, 0, 0), clock(24, 9, 0, 0) + just)));
        assert_eq!(read("800d").map(|(begins, _)| begins < clock(1, 0, 0, 0)), Some(true));
    }

    #[test]
    fn anything_else_is_no_time() {
        let far = format!("{}d", 100 * 365 + 1);
        for text in
            ["", "yesterday", "2026-13-01", "2026-02-30", "14:30", "2026", "2d ago", "-2d", "2w", &far]
        {
            assert_eq!(read(text), None, "{text}");
            assert_eq!(text.parse::<Moment>(), Err(MomentError), "{text}");
        }
    }
}
