//! Lines broken to a terminal's width, at blanks where there are any, with later rows indented.
//!
//! Terminals disagree about how wide some text is: an emoji of several characters may be drawn as one picture or as all of
//! its parts. Each cluster counts as the widest of the opinions, so that no row is longer than the terminal takes it for;
//! one that broke it by itself would begin the next row with whatever the text says.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// On a terminal narrower than this, in columns, lines are left to it: there is no room to indent.
const COLUMNS_MIN: usize = 20;

/// The columns that one cluster takes at most.
fn width(cluster: &str) -> usize {
    cluster.width().max(cluster.chars().filter_map(UnicodeWidthChar::width).sum())
}

/// The columns that a text takes at most.
pub(super) fn width_of(text: &str) -> usize {
    text.graphemes(true).map(width).sum()
}

/// One line as rows of at most so many columns; all but the first begin with `indent` blanks. What is said is kept, but
/// for the blanks at which it was broken.
pub(super) fn rows(line: &str, columns: usize, indent: usize) -> Vec<String> {
    if columns < COLUMNS_MIN || width_of(line) <= columns {
        return vec![line.to_owned()];
    }
    let mut page = Page { columns, indent, rows: Vec::new(), row: String::new(), used: 0, begun: false };
    for word in words(line) {
        page.put(word);
    }
    page.finish()
}

/// What is not broken where it can be helped: words, runs of blanks, and each wide character by itself, as scripts that
/// have them are written without blanks.
fn words(line: &str) -> Vec<&str> {
    #[derive(PartialEq, Clone, Copy)]
    enum Kind {
        Blank,
        Word,
        Wide,
    }
    let (mut words, mut start, mut before) = (Vec::new(), 0, None);
    for (at, cluster) in line.grapheme_indices(true) {
        let kind = match cluster {
            " " => Kind::Blank,
            _ if width(cluster) > 1 => Kind::Wide,
            _ => Kind::Word,
        };
        if before.is_some_and(|before| before != kind || kind == Kind::Wide) {
            words.extend(line.get(start..at));
            start = at;
        }
        before = Some(kind);
    }
    words.extend(line.get(start..));
    words
}

struct Page {
    columns: usize,
    indent: usize,
    rows: Vec<String>,
    row: String,
    /// The columns of the row that are taken.
    used: usize,
    /// The row holds more than its indentation.
    begun: bool,
}

impl Page {
    fn put(&mut self, word: &str) {
        let wide = width_of(word);
        if self.used + wide <= self.columns {
            self.add(word, wide);
        } else if word.chars().all(|c| c == ' ') {
            // The blanks at which the line is broken; the next word begins the next row.
            self.used = self.columns;
        } else if self.fits_in_a_row(wide) {
            self.break_row();
            self.add(word, wide);
        } else {
            self.put_in_pieces(word);
        }
    }

    fn fits_in_a_row(&self, wide: usize) -> bool {
        self.begun && self.indent + wide <= self.columns
    }

    /// A word that no row holds is broken between its clusters, and a cluster that no row holds between its characters.
    fn put_in_pieces(&mut self, word: &str) {
        for cluster in word.graphemes(true) {
            if self.indent + width(cluster) <= self.columns {
                self.put_piece(cluster, width(cluster));
            } else {
                for (at, c) in cluster.char_indices() {
                    let piece = cluster.get(at..at + c.len_utf8()).unwrap_or_default();
                    self.put_piece(piece, c.width().unwrap_or(0));
                }
            }
        }
    }

    fn put_piece(&mut self, piece: &str, wide: usize) {
        if self.used + wide > self.columns {
            self.break_row();
        }
        self.add(piece, wide);
    }

    fn add(&mut self, piece: &str, wide: usize) {
        self.row.push_str(piece);
        self.used += wide;
        self.begun |= !piece.trim_start().is_empty();
    }

    fn break_row(&mut self) {
        let row = std::mem::replace(&mut self.row, " ".repeat(self.indent));
        self.rows.push(row.trim_end().to_owned());
        self.used = self.indent;
        self.begun = false;
    }

    fn finish(mut self) -> Vec<String> {
        if self.begun || self.rows.is_empty() {
            self.rows.push(self.row.trim_end().to_owned());
        }
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_broken_at_blanks_and_later_rows_are_indented() {
        assert_eq!(
            rows("[14:03] bob: only you can read this", 20, 8),
            ["[14:03] bob: only", "        you can read", "        this"]
        );
        assert_eq!(rows("short enough", 20, 8), ["short enough"]);
        assert_eq!(rows("exactly twenty wide.", 20, 8), ["exactly twenty wide."]);
        assert_eq!(rows("exactly twenty wide. ", 20, 2), ["exactly twenty wide."]);
        assert_eq!(rows("exactly twenty wide. and", 20, 2), ["exactly twenty wide.", "  and"]);
    }

    #[test]
    fn a_word_longer_than_a_row_is_broken_where_the_row_ends() {
        assert_eq!(
            rows("see https://chat.example.org/a/very/long/path", 20, 4),
            ["see https://chat.exa", "    mple.org/a/very/", "    long/path"]
        );
    }

    #[test]
    fn wide_characters_are_not_cut_and_are_parted_anywhere() {
        assert_eq!(rows(&"漢字".repeat(8), 21, 2), ["漢字漢字漢字漢字漢字", "  漢字漢字漢字"]);
        assert_eq!(rows("a漢字漢字漢字漢字漢字漢", 20, 2), ["a漢字漢字漢字漢字漢", "  字漢"]);
    }

    #[test]
    fn marks_and_joined_emoji_stay_on_what_they_belong_to() {
        let accents = "e\u{301}".repeat(30);
        assert_eq!(rows(&accents, 20, 0), ["e\u{301}".repeat(20), "e\u{301}".repeat(10)]);
        let family = "👨\u{200d}👩\u{200d}👧";
        let broken = rows(&family.repeat(5), 20, 2);
        assert_eq!(broken.len(), 2, "counted as three pictures each: {broken:?}");
        assert!(broken.iter().all(|row| row.ends_with('👧')), "{broken:?}");
    }

    #[test]
    fn a_cluster_without_end_is_broken_all_the_same() {
        let endless = ["👩"; 40].join("\u{200d}");
        for row in rows(&endless, 20, 2) {
            assert!(width_of(&row) <= 20, "{row:?}");
        }
    }

    #[test]
    fn a_terminal_too_narrow_to_indent_breaks_lines_by_itself() {
        let line = "a line of some length";
        assert_eq!(rows(line, 10, 8), [line]);
    }

    fn squeezed(text: &str) -> String {
        text.chars().filter(|c| *c != ' ').collect()
    }

    proptest! {
        #[test]
        fn nothing_is_lost_no_row_is_too_long_and_all_but_the_first_are_indented(
            line in "([a-z]{0,30}| {1,3}|[漢字éß👍🏽\u{301}\u{200d}]{1,12}){0,20}",
            columns in 20_usize..90,
            indent in 0_usize..9,
        ) {
            let rows = rows(&line, columns, indent);
            prop_assert_eq!(squeezed(&rows.concat()), squeezed(&line));
            for (number, row) in rows.iter().enumerate() {
                prop_assert!(width_of(row) <= columns, "{:?} of {:?}", row, rows);
                prop_assert!(number == 0 || row.starts_with(&" ".repeat(indent)), "{:?}", rows);
            }
        }
    }
}
