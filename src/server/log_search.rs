//! Finds a line of a log by its number: they are in order, so that a few looks into the file are enough.

use std::{fs::File, path::Path};

use super::log_line::{self, LINE_BYTES_MAX};
use crate::store::{self, StoreError};

/// A part of a log that is read through rather than searched, in bytes.
const NEAR_BYTES: u64 = 8 * 1024;

/// What is read at a look for the end of a line, in bytes.
const LOOK_BYTES: usize = 1024;

/// A line's number, and where it begins.
pub(super) type Place = (u64, u64);

/// A line at or shortly before the one with `number`; `None` when a look finds no line of ours. `end` is
/// the number that comes next, and the end of the lines: `1 <= number < end.0`.
pub(super) fn near(file: &File, path: &Path, number: u64, end: Place) -> Result<Option<Place>, StoreError> {
    let (mut low, mut high) = ((1, 0), end);
    while low.0 < number && high.1 - low.1 > NEAR_BYTES {
        let middle = low.1 + (high.1 - low.1) / 2;
        match next_line(file, path, middle, high.1)? {
            Look::NoLine => return Ok(None),
            // No line begins between here and there.
            Look::End => high.1 = middle,
            Look::Line(found, _) if found <= low.0 || found >= high.0 => return Ok(None),
            Look::Line(found, at) if found <= number => low = (found, at),
            Look::Line(found, at) => high = (found, at),
        }
    }
    Ok(Some(low))
}

enum Look {
    /// The first line that begins after the place looked at.
    Line(u64, u64),
    /// None begins before the end.
    End,
    /// Something else is there.
    NoLine,
}

fn next_line(file: &File, path: &Path, from: u64, end: u64) -> Result<Look, StoreError> {
    let mut block = vec![0; LOOK_BYTES];
    let mut at = from;
    while at < end && at - from <= LINE_BYTES_MAX as u64 {
        let size = usize::try_from(end - at).unwrap_or(LOOK_BYTES).min(LOOK_BYTES);
        let part = block.get_mut(..size).unwrap_or_default();
        store::read_exact_at(file, path, part, at)?;
        let Some(newline) = part.iter().position(|byte| *byte == b'\n') else {
            at += size as u64;
            continue;
        };
        let start = at + newline as u64 + 1;
        if start >= end {
            return Ok(Look::End);
        }
        let size = usize::try_from(end - start).unwrap_or(LOOK_BYTES).min(log_line::HEAD_BYTES_MAX);
        let head = block.get_mut(..size).unwrap_or_default();
        store::read_exact_at(file, path, head, start)?;
        return Ok(log_line::number_in(head).map_or(Look::NoLine, |number| Look::Line(number, start)));
    }
    Ok(if at < end { Look::NoLine } else { Look::End })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn any_line_is_found_near_and_something_else_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a+b.txt");
        let (mut text, mut starts) = (String::new(), Vec::new());
        for number in 1..=3000_u64 {
            starts.push(text.len() as u64);
            let length =
                usize::try_from(number * number % 997).unwrap() + if number % 500 == 0 { 20_000 } else { 1 };
            writeln!(text, "2026-11-22T23:29:01.123Z alice {number} {}", "A".repeat(length)).unwrap();
        }
        std::fs::write(&path, &text).unwrap();
        let file = store::open(&path).unwrap().unwrap();
        let end = (3001, text.len() as u64);
        for number in 1..=3000 {
            let (found, at) = near(&file, &path, number, end).unwrap().unwrap();
            assert_eq!(starts[usize::try_from(found).unwrap() - 1], at);
            let wanted = starts[usize::try_from(number).unwrap() - 1];
            assert!(found <= number && wanted - at <= NEAR_BYTES + 22_000, "{number}: {found}");
        }
        std::fs::write(&path, vec![b'x'; text.len()]).unwrap();
        assert_eq!(near(&file, &path, 1500, end).unwrap(), None);
        std::fs::write(&path, text.replace(" alice ", " alice 1")).unwrap();
        assert_eq!(near(&file, &path, 1500, end).unwrap(), None);
    }
}
