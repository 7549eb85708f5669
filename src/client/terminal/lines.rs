//! How a sentence becomes lines: a line for each new day, rows no wider than the terminal, and paint.

use std::collections::BTreeMap;

use chrono::{DateTime, Local, NaiveDate, Utc};

use super::{
    mode,
    paint::{Emphasis, Paint},
    wrap,
};
use crate::client::{
    phrase::{Arg, Phrase},
    words,
};

/// Before each later row of a message: below the name, as `[14:03] ` is as wide. Nothing of the client's own begins so.
const MESSAGE_INDENT: usize = 8;

/// Before each later row of anything else, more than its first.
const INDENT: usize = 2;

/// Makes lines of sentences.
#[derive(Debug)]
pub(super) struct Lines {
    paint: Paint,
    /// How wide the terminal is now, in columns; nothing where lines are not broken.
    columns: Option<fn() -> usize>,
    /// The day of the message shown last, by conversation.
    days: BTreeMap<String, NaiveDate>,
}

impl Lines {
    /// Whole lines, whatever their length.
    pub(super) fn unbroken(paint: Paint) -> Self {
        Self { paint, columns: None, days: BTreeMap::new() }
    }

    /// Lines broken to a terminal's width as it is when they are shown.
    pub(super) fn broken(paint: Paint, columns: fn() -> usize) -> Self {
        Self { columns: Some(columns), ..Self::unbroken(paint) }
    }

    /// The sentence as lines, each with its end.
    pub(super) fn of(&mut self, emphasis: Emphasis, what: &Phrase) -> String {
        if what.id() != "message" {
            return self.paint.lines(emphasis, &self.rows(what.text(), None));
        }
        let day = self.new_day(what).map(|day| self.paint.lines(Emphasis::Day, &day));
        let own = matches!(what.arg("own"), Some(Arg::Flag(true)));
        let rows = self.rows(what.text(), Some(MESSAGE_INDENT));
        day.unwrap_or_default() + &self.paint.message(own, &rows)
    }

    /// The same for where there are neither colours nor columns.
    pub(super) fn bare(what: &Phrase) -> String {
        Paint::none().lines(Emphasis::Plain, what.text())
    }

    /// The same, broken to the width of the terminal on standard output.
    pub(super) fn broken_once(what: &Phrase) -> String {
        Self::broken(Paint::none(), mode::columns).of(Emphasis::Plain, what)
    }

    fn rows(&self, text: &str, indent: Option<usize>) -> String {
        let Some(columns) = self.columns.map(|columns| columns()) else { return text.to_owned() };
        let text = text.strip_suffix('\n').unwrap_or(text);
        let broken = text.split('\n').flat_map(|line| {
            let own = line.len() - line.trim_start_matches(' ').len();
            wrap::rows(line, columns, indent.unwrap_or(own + INDENT))
        });
        broken.collect::<Vec<_>>().join("\n")
    }

    /// The line to put before a message whose day is another than that of the one shown before it; without one before
    /// it, another than today.
    fn new_day(&mut self, message: &Phrase) -> Option<String> {
        let Some(Arg::Time(sent)) = message.arg("sent") else { return None };
        let day = day_of(*sent);
        let before = self.days.insert(message.peer().unwrap_or_default().to_owned(), day);
        let is_new = before.unwrap_or_else(|| day_of(Utc::now())) != day;
        is_new.then(|| words::day(day).text().to_owned())
    }
}

fn day_of(time: DateTime<Utc>) -> NaiveDate {
    time.with_timezone(&Local).date_naive()
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone};

    use super::*;
    use crate::wire::Username;

    fn message(peer: &str, sent: DateTime<Utc>, text: &str) -> Phrase {
        let peer: Username = peer.parse().unwrap();
        let (own, number, sent) = (false, 1, Some(sent));
        words::message(&words::Message { peer: &peer, from: &peer, own, number, sent, text })
    }

    fn noon(day: u32) -> DateTime<Utc> {
        Local.with_ymd_and_hms(2020, 11, day, 12, 3, 0).unwrap().with_timezone(&Utc)
    }

    #[test]
    fn a_line_is_put_before_the_first_message_of_another_day_in_each_conversation() {
        let mut lines = Lines::unbroken(Paint::none());
        let mut shown = |peer, sent, text| lines.of(Emphasis::Plain, &message(peer, sent, text));
        assert_eq!(shown("bob", noon(23), "a"), "--- Monday 23 November 2020 ---\n[12:03] bob: a\n");
        assert_eq!(shown("bob", noon(23), "b"), "[12:03] bob: b\n");
        assert_eq!(shown("carol", noon(23), "c"), "--- Monday 23 November 2020 ---\n[12:03] carol: c\n");
        assert_eq!(shown("bob", noon(24), "d"), "--- Tuesday 24 November 2020 ---\n[12:03] bob: d\n");
        assert_eq!(shown("carol", noon(23), "e"), "[12:03] carol: e\n");
    }

    #[test]
    fn today_is_not_said_until_a_day_has_ended() {
        let mut lines = Lines::unbroken(Paint::none());
        let today = message("bob", Utc::now(), "today");
        assert_eq!(lines.of(Emphasis::Plain, &today).lines().count(), 1);
        let earlier = message("bob", Utc::now() - TimeDelta::days(2), "earlier");
        assert_eq!(lines.of(Emphasis::Plain, &earlier).lines().count(), 2);
        assert_eq!(lines.of(Emphasis::Plain, &today).lines().count(), 2);
    }

    #[test]
    fn every_later_row_of_a_message_is_indented_and_every_line_break_marked() {
        let mut lines = Lines::broken(Paint::none(), || 30);
        lines.days.insert("bob".to_owned(), day_of(noon(23)));
        let text = "one line that is rather long\n[12:03] carol: FORGED, and long enough";
        assert_eq!(
            lines.of(Emphasis::Plain, &message("bob", noon(23), text)),
            "[12:03] bob: one line that is\n        rather long\n      | [12:03] carol: FORGED,\n        and long \
             enough\n"
        );
    }

    #[test]
    fn other_sentences_are_indented_below_themselves() {
        let mut lines = Lines::broken(Paint::none(), || 24);
        assert_eq!(
            lines.of(
                Emphasis::Plain,
                &Phrase::literal("the first is broken here\n  and the second one there")
            ),
            "the first is broken here\n  and the second one\n    there\n"
        );
    }
}
