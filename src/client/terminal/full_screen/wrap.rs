//! Text by its width: what is drawn of it, and where it is broken into rows.
//!
//! A piece is what a terminal draws in one place: a character and the marks on it. Pieces without width, and control
//! characters, are not drawn; so nothing that is drawn moves what stands beside it.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// How a control character is drawn that cannot be left out, as it has a place in the line being typed.
const BLANK: &str = " ";

/// One piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'t> {
    /// Where it begins, in bytes.
    pub(super) at: usize,
    /// What to draw.
    pub(super) drawn: &'t str,
    /// How many columns it takes, 1 or more.
    pub(super) width: usize,
}

/// The pieces of one line, in order. A tab is a blank.
pub(super) fn pieces(line: &str) -> impl Iterator<Item = Piece<'_>> {
    line.grapheme_indices(true).filter_map(|(at, cluster)| {
        let drawn = if cluster == "\t" { BLANK } else { cluster };
        let width = drawn.width();
        let shown = width > 0 && !drawn.contains(char::is_control);
        shown.then_some(Piece { at, drawn, width })
    })
}

/// How many columns a line takes.
pub(super) fn width(line: &str) -> usize {
    pieces(line).map(|piece| piece.width).sum()
}

/// What of a line fits into so many columns.
pub(super) fn fitting(line: &str, columns: usize) -> String {
    let mut left = columns;
    let fits = pieces(line).map_while(|piece| {
        left = left.checked_sub(piece.width)?;
        Some(piece.drawn)
    });
    fits.collect()
}

/// The line, shortened with `…` (or what stands for it) where it does not fit.
pub(super) fn shortened(line: &str, columns: usize, ellipsis: &str) -> String {
    if width(line) <= columns {
        return fitting(line, columns);
    }
    let mut short = fitting(line, columns.saturating_sub(width(ellipsis)));
    short.push_str(&fitting(ellipsis, columns));
    short
}

/// A text as rows of at most so many columns (at least one): broken at its line ends, then between words, and inside a
/// word that is longer than a row. At least one row.
pub(super) fn rows(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    text.split('\n').flat_map(|line| line_rows(line, columns)).collect()
}

fn line_rows(line: &str, columns: usize) -> Vec<String> {
    // What is indented stays so, where there is room.
    let indent = line.chars().take_while(|c| *c == ' ').count();
    let indent = if indent <= columns / 2 { " ".repeat(indent) } else { String::new() };
    let mut rows = Vec::new();
    let mut row = String::new();
    let mut taken = 0;
    // Behind the last blank of the row: where it may be broken.
    let mut break_at = None;
    for piece in pieces(line) {
        let blank = piece.drawn == BLANK;
        if taken + piece.width > columns && !row.is_empty() {
            let rest = match break_at.take() {
                // The break stands for the blank.
                _ if blank => String::new(),
                Some(at) if at < row.len() => row.split_off(at),
                _ => String::new(),
            };
            let next = format!("{indent}{rest}");
            row.truncate(row.trim_end_matches(' ').len());
            rows.push(std::mem::replace(&mut row, next));
            taken = width(&row);
            if blank {
                continue;
            }
            if taken + piece.width > columns && !row.trim_start_matches(' ').is_empty() {
                rows.push(std::mem::replace(&mut row, indent.clone()));
                taken = indent.len();
            }
            if taken + piece.width > columns {
                // Only the indent is left before it, and there is no room for both.
                row.clear();
                taken = 0;
            }
        }
        row.push_str(piece.drawn);
        taken += piece.width;
        if blank && !row.trim_start_matches(' ').is_empty() {
            break_at = Some(row.len());
        }
    }
    rows.push(row);
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_broken_between_words_and_inside_those_that_are_too_long() {
        assert_eq!(rows("one two three", 7), ["one two", "three"]);
        assert_eq!(rows("one two three", 6), ["one", "two", "three"]);
        assert_eq!(rows("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(rows("  indented\n\nlast", 20), ["  indented", "", "last"]);
        assert_eq!(rows("  one two three", 9), ["  one two", "  three"]);
        assert_eq!(rows("  abcdefgh", 6), ["  abcd", "  efgh"]);
        assert_eq!(rows("", 5), [""]);
        assert_eq!(rows("ab", 0), ["a", "b"]);
        assert_eq!(rows(" 🌀", 2), ["", "🌀"]);
    }

    #[test]
    fn width_is_what_counts_and_marks_stay_on_their_letters() {
        assert_eq!(rows("漢字漢字", 5), ["漢字", "漢字"]);
        assert_eq!(rows("e\u{301}e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}", "e\u{301}"]);
        assert_eq!(rows("👨\u{200d}👩\u{200d}👧x", 2), ["👨\u{200d}👩\u{200d}👧", "x"]);
        assert_eq!(width("漢a"), 3);
        assert_eq!(shortened("chat.example.org", 8, "…"), "chat.ex…");
        assert_eq!(shortened("漢字漢字", 4, "…"), "漢…");
        assert_eq!(shortened("short", 8, "…"), "short");
        assert_eq!(shortened("abc", 0, "…"), "");
    }

    #[test]
    fn what_has_no_width_is_not_drawn() {
        assert_eq!(rows("a\u{200b}b\u{202e}c\u{1b}[31m\u{7}", 20), ["abc[31m"]);
        assert_eq!(rows("a\tb", 20), ["a b"]);
    }

    proptest! {
        #[test]
        fn no_row_is_wider_than_it_may_be(text: String, columns in 2_usize..40) {
            for row in rows(&text, columns) {
                // A piece that is wider than all there is stands alone.
                prop_assert!(width(&row) <= columns || pieces(&row).count() == 1, "{row:?}");
                prop_assert!(!row.contains(char::is_control));
            }
        }
    }
}
