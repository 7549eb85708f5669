//! Tables in Markdown: medians of the runs, and what they are in relation to each other.

use std::fmt::Write as _;

use crate::load::Figures;

/// The machine was used by others for more than this part of it: the run is marked.
const DISTURBED: f64 = 0.10;

/// The load generator used more than this of what its threads can: it may have been the bottleneck.
const BUSY: f64 = 0.90;

/// A column: its heading, the figure, digits after the point.
pub type Column = (&'static str, &'static str, usize);

/// What is shown of talking.
pub const TALK: [Column; 6] = [
    ("messages/s", "rate", 0),
    ("server CPU µs a message", "server_us", 2),
    ("delivery p50 µs", "delivery_p50", 0),
    ("p99", "delivery_p99", 0),
    ("`stored` p50 µs", "stored_p50", 0),
    ("p99", "stored_p99", 0),
];

/// What is shown of idling.
pub const IDLE: [Column; 7] = [
    ("KiB a connection", "kib_each", 1),
    ("CPU µs a second while idle", "idle_us_per_s", 0),
    ("connected and logged in, s", "arrival_s", 2),
    ("server CPU µs each", "arrival_us_each", 0),
    ("a pair alone: delivery p50 µs", "alone_p50", 0),
    ("among them", "delivery_p50", 0),
    ("among them / alone", "among_alone", 2),
];

/// What is shown of logins.
pub const LOGINS: [Column; 3] = [
    ("logins/s", "rate", 0),
    ("logins a server CPU second", "per_cpu_second", 0),
    ("server CPU µs a login", "server_us", 0),
];

/// One row: its name, and the figures of each run.
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Once for each run.
    pub runs: Vec<Figures>,
}

impl Row {
    /// The median of one figure.
    pub fn median(&self, figure: &str) -> Option<f64> {
        let mut values: Vec<f64> = self.runs.iter().filter_map(|run| run.get(figure)).copied().collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len().checked_sub(1)? / 2).copied()
    }

    fn largest(&self, figure: &str) -> f64 {
        self.runs.iter().filter_map(|run| run.get(figure)).copied().fold(0.0, f64::max)
    }
}

/// A table of rows.
pub fn table(title: &str, columns: &[Column], rows: &[Row]) -> String {
    let mut text = format!("\n| {title} |");
    for (heading, _, _) in columns {
        let _ = write!(text, " {heading} |");
    }
    text.push_str(" load generator, cores | others |\n|---|");
    text.push_str(&"--:|".repeat(columns.len() + 2));
    text.push('\n');
    for row in rows {
        let _ = write!(text, "| {} |", row.name);
        for (_, figure, digits) in columns {
            match row.median(figure) {
                Some(value) => {
                    let _ = write!(text, " {} |", grouped(value, *digits));
                }
                None => text.push_str(" - |"),
            }
        }
        let own = row.median("own_cores").unwrap_or(0.0);
        let busy = if own > BUSY * row.median("threads").unwrap_or(1.0) { " (busy)" } else { "" };
        let others = row.largest("others");
        let disturbed = if others > DISTURBED { " (disturbed)" } else { "" };
        let _ = writeln!(text, " {own:.2}{busy} | {:.0}%{disturbed} |", others * 100.0);
    }
    text
}

/// One figure of a row in relation to another row's, and what it is to be.
pub fn ratio(rows: &[Row], figure: &str, words: &str, of: &str, to: &str, bound: Bound) -> Option<String> {
    let median = |name: &str| rows.iter().find(|row| row.name == name)?.median(figure);
    let ratio = median(of)? / median(to)?;
    let (met, sign, limit) = match bound {
        Bound::AtLeast(limit) => (ratio >= limit, "at least", limit),
        Bound::AtMost(limit) => (ratio <= limit, "at most", limit),
    };
    let met = if met { "met" } else { "missed" };
    Some(format!("- {words}: {of} / {to} = {ratio:.2} ({sign} {limit}: {met})\n"))
}

/// What a ratio is to be.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// Not below.
    AtLeast(f64),
    /// Not above.
    AtMost(f64),
}

/// A number with commas between its thousands.
pub fn grouped(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or(grouped.clone(), |rest| format!("{grouped}.{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, values: &[f64]) -> Row {
        let runs = values.iter().map(|value| Figures::from([("rate".to_owned(), *value)])).collect();
        Row { name: name.to_owned(), runs }
    }

    #[test]
    fn the_middle_of_the_runs_is_what_counts() {
        assert_eq!(row("a", &[5.0, 1.0, 900.0]).median("rate"), Some(5.0));
        assert_eq!(row("a", &[]).median("rate"), None);
        assert_eq!(row("a", &[1.0]).median("other"), None);
    }

    #[test]
    fn a_ratio_says_whether_its_bound_is_met() {
        let rows = [row("one", &[80.0]), row("other", &[100.0])];
        let said = ratio(&rows, "rate", "rate", "one", "other", Bound::AtLeast(0.8)).unwrap();
        assert!(said.contains("0.80") && said.contains("met"), "{said}");
        let said = ratio(&rows, "rate", "rate", "one", "other", Bound::AtMost(0.7)).unwrap();
        assert!(said.contains("missed"), "{said}");
        assert!(ratio(&rows, "rate", "rate", "one", "nobody", Bound::AtMost(0.7)).is_none());
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(1_234_567.0, 0), "1,234,567");
        assert_eq!(grouped(999.25, 1), "999.2");
        assert_eq!(grouped(12_345.678, 2), "12,345.68");
    }
}
