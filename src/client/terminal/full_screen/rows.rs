//! What an entry of a scrollback looks like, as rows of toned text. Pure.

use chrono::NaiveDate;

use super::{super::Emphasis, palette::Glyphs, scrollback::Said, wrap};
use crate::client::{phrase::Phrase, words};

/// The columns of a time.
const TIME_COLUMNS: usize = 6;

/// The longest name that all others are lined up with, in columns.
const NAME_COLUMNS_MAX: usize = 12;

/// How a piece of text is meant; the palette says how that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Text,
    Own,
    Quiet,
    OwnName,
    PeerName,
    Notice,
    Warning,
    Title,
    Question,
    Unread,
    Good,
    Caution,
    Bad,
    Marker,
}

/// Text of one tone.
pub(super) type Span = (String, Tone);

/// One row.
pub(super) type Row = Vec<Span>;

pub(super) fn span(text: impl Into<String>, tone: Tone) -> Span {
    (text.into(), tone)
}

/// The name that stands before this person's own messages.
fn you() -> String {
    Phrase::from(words::VIEW_YOU).text().to_owned()
}

/// The line before the first message of a day; in numbers where there is no room for its name.
pub(super) fn day(day: NaiveDate, columns: usize, glyphs: &Glyphs) -> Row {
    let line = |name: &str| format!("{0}{0} {name} {0}{0}", glyphs.rule);
    let named = line(words::day_name(day).text());
    let text = if wrap::width(&named) <= columns { named } else { line(&day.to_string()) };
    vec![span(wrap::fitting(&text, columns), Tone::Quiet)]
}

/// The rows of what was said, at most so many columns wide.
pub(super) fn of(said: &Said, columns: usize, glyphs: &Glyphs) -> Vec<Row> {
    match said {
        Said::Message { peer, from, own, sent, text, progress, .. } => {
            let time = match sent {
                Some(sent) => sent.format("%H:%M ").to_string(),
                None => "--:-- ".to_owned(),
            };
            let (name, name_tone, tone) = if *own {
                (you(), Tone::OwnName, Tone::Own)
            } else {
                (from.clone(), Tone::PeerName, Tone::Text)
            };
            let mark = if *own { format!(" {}", glyphs.mark(*progress)) } else { String::new() };
            let head = vec![span(time, Tone::Quiet), span(name, name_tone)];
            message(head, peer, (text, tone), &mark, columns)
        }
        Said::Notice { emphasis, text } => {
            let (bullet, tone) = match emphasis {
                Emphasis::Warning => ("! ", Tone::Warning),
                Emphasis::Notice => ("- ", Tone::Notice),
                Emphasis::Plain | Emphasis::Peer => ("  ", Tone::Text),
                Emphasis::Own => ("  ", Tone::Own),
                Emphasis::Day => ("  ", Tone::Quiet),
            };
            hanging(bullet, text, tone, columns)
        }
        Said::Typed(text) => hanging("> ", text, Tone::Quiet, columns),
    }
}

/// Text after a bullet, all of it to the right of that.
fn hanging(bullet: &str, text: &str, tone: Tone, columns: usize) -> Vec<Row> {
    let indent = wrap::width(bullet);
    let rows = wrap::rows(text, columns.saturating_sub(indent)).into_iter().enumerate();
    rows.map(|(at, row)| {
        let before = if at == 0 { bullet.to_owned() } else { " ".repeat(indent) };
        vec![span(before, tone), span(row, tone)]
    })
    .collect()
}

/// Time and name, and the text to the right of them where there is room.
fn message(mut head: Row, peer: &str, text: (&str, Tone), mark: &str, columns: usize) -> Vec<Row> {
    let name = head.last().map_or(0, |(name, _)| wrap::width(name));
    // All names of one conversation are as wide as the wider of its two.
    let column = wrap::width(peer).max(wrap::width(&you())).min(NAME_COLUMNS_MAX).max(name);
    let indent = TIME_COLUMNS + column + 2;
    let beside = indent <= columns / 2;
    let indent = if beside { indent } else { 2.min(columns.saturating_sub(1)) };
    let mut rows = wrap::rows(text.0, columns.saturating_sub(indent));
    let mark_fits = rows.last().is_some_and(|last| wrap::width(last) + wrap::width(mark) + indent <= columns);
    if !mark.is_empty() && !mark_fits {
        rows.push(String::new());
    }
    let count = rows.len();
    let mut all = Vec::with_capacity(count + 1);
    if beside {
        head.push(span(" ".repeat((column + 2).saturating_sub(name)), text.1));
    } else {
        all.push(std::mem::take(&mut head));
    }
    for (at, row) in rows.into_iter().enumerate() {
        let mut spans =
            if head.is_empty() { vec![span(" ".repeat(indent), text.1)] } else { std::mem::take(&mut head) };
        // A mark that has a row for itself stands at the left.
        let mark = if row.is_empty() { mark.trim_start() } else { mark };
        spans.push(span(row, text.1));
        if at + 1 == count && !mark.is_empty() {
            spans.push(span(mark, Tone::Quiet));
        }
        all.push(spans);
    }
    all
}
