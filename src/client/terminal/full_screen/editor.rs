//! The line being typed: a text, a cursor in it, what was cut, and the lines before. Pure.
//!
//! Its keys are those of readline. The cursor moves by what a person sees as one character.

use std::collections::VecDeque;

use unicode_segmentation::UnicodeSegmentation;

use super::{super::LINE_BYTES_MAX, wrap};

/// How many lines the history holds.
const HISTORY_LINES_MAX: usize = 500;

/// How many bytes the history holds, whatever their lines.
const HISTORY_BYTES_MAX: usize = 4 << 20;

/// Where the cursor goes, or up to where text is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Left,
    Right,
    WordLeft,
    WordRight,
    /// The word before, as the terminal itself would erase it: up to a blank.
    BlankLeft,
    LineStart,
    LineEnd,
}

/// A change to the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    Insert(char),
    Move(Step),
    /// Without keeping it.
    Delete(Step),
    /// Keeps it for [`Edit::Yank`].
    Cut(Step),
    Yank,
    Transpose,
    /// A line up, or the line before of the history.
    Up,
    Down,
}

/// The line; see the module.
#[derive(Debug, Default)]
pub(super) struct Editor {
    text: String,
    /// In bytes, between two characters.
    cursor: usize,
    cut: String,
    /// The last change was a cut: the next one adds to it.
    cutting: bool,
    history: VecDeque<String>,
    history_bytes: usize,
    /// How many lines back in the history; 0 is the line being typed.
    back: usize,
    /// That line, while the history is shown.
    shelved: String,
}

impl Editor {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.cursor == self.text.len()
    }

    /// Where the cursor is, in bytes.
    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Puts a word in the place of what stands from this byte up to the cursor.
    pub(super) fn complete(&mut self, start: usize, word: &str) {
        let (cursor, length) = (self.cursor, self.text.len() + word.len());
        if self.text.get(start..cursor).is_some() && length <= LINE_BYTES_MAX {
            self.cutting = false;
            self.text.replace_range(start..cursor, word);
            self.cursor = start + word.len();
        }
    }

    /// Replaces the line, with the cursor at its end: the line before.
    pub(super) fn replace(&mut self, text: String) -> String {
        self.back = 0;
        self.cutting = false;
        self.cursor = text.len();
        std::mem::replace(&mut self.text, text)
    }

    /// The line is over.
    pub(super) fn take(&mut self) -> String {
        self.replace(String::new())
    }

    /// Keeps a line for later, unless it is the one before again. Drops the oldest where there are too many.
    pub(super) fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || self.history.back().is_some_and(|last| last == line) {
            return;
        }
        self.history_bytes += line.len();
        self.history.push_back(line.to_owned());
        while self.history.len() > HISTORY_LINES_MAX || self.history_bytes > HISTORY_BYTES_MAX {
            let Some(dropped) = self.history.pop_front() else { return };
            self.history_bytes -= dropped.len();
        }
    }

    /// Puts text in at the cursor; false when the line would be longer than it may be.
    pub(super) fn insert(&mut self, text: &str) -> bool {
        if self.text.len() + text.len() > LINE_BYTES_MAX {
            return false;
        }
        self.cutting = false;
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        true
    }

    /// Makes a change; false when it could not be made because the line is full.
    pub(super) fn edit(&mut self, edit: Edit) -> bool {
        let cutting = std::mem::take(&mut self.cutting);
        match edit {
            Edit::Insert(c) => return self.insert(c.encode_utf8(&mut [0; 4])),
            Edit::Move(step) => self.cursor = self.reached(step),
            Edit::Delete(step) => {
                self.drain(step);
            }
            Edit::Cut(step) => {
                let before = self.reached(step) < self.cursor;
                let piece = self.drain(step);
                match (cutting, before) {
                    (false, _) => self.cut = piece,
                    (true, true) => self.cut.insert_str(0, &piece),
                    (true, false) => self.cut.push_str(&piece),
                }
                self.cutting = true;
            }
            Edit::Yank => return self.insert(&self.cut.clone()),
            Edit::Transpose => self.transpose(),
            Edit::Up => self.up(),
            Edit::Down => self.down(),
        }
        true
    }

    fn before(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or_default()
    }

    fn after(&self) -> &str {
        self.text.get(self.cursor..).unwrap_or_default()
    }

    /// Where a step ends.
    fn reached(&self, step: Step) -> usize {
        let (before, after) = (self.before(), self.after());
        let back = |kept: &str| kept.len();
        let on = |skipped: usize| self.cursor + skipped;
        let not_word = |c: char| !c.is_alphanumeric();
        match step {
            Step::Left => self.cursor - before.graphemes(true).next_back().map_or(0, str::len),
            Step::Right => on(after.graphemes(true).next().map_or(0, str::len)),
            Step::WordLeft => back(before.trim_end_matches(not_word).trim_end_matches(char::is_alphanumeric)),
            Step::WordRight => {
                let rest = after.trim_start_matches(not_word).trim_start_matches(char::is_alphanumeric);
                on(after.len() - rest.len())
            }
            Step::BlankLeft => {
                let blank = char::is_whitespace;
                back(before.trim_end_matches(blank).trim_end_matches(|c| !blank(c)))
            }
            Step::LineStart => before.rfind('\n').map_or(0, |at| at + 1),
            Step::LineEnd => on(after.find('\n').unwrap_or(after.len())),
        }
    }

    fn drain(&mut self, step: Step) -> String {
        let mut end = self.reached(step);
        if end == self.cursor && step == Step::LineEnd {
            // At its end, a line is joined with the next.
            end = self.reached(Step::Right);
        }
        let (from, to) = (end.min(self.cursor), end.max(self.cursor));
        self.cursor = from;
        self.text.drain(from..to).collect()
    }

    /// Exchanges the two characters around the cursor, or the two before it at the end.
    fn transpose(&mut self) {
        if self.is_at_end() {
            self.cursor = self.reached(Step::Left);
        }
        let start = self.reached(Step::Left);
        if start == self.cursor || self.is_at_end() {
            return;
        }
        let first: String = self.drain(Step::Left);
        self.cursor = self.reached(Step::Right);
        self.text.insert_str(self.cursor, &first);
        self.cursor += first.len();
    }

    fn up(&mut self) {
        let start = self.reached(Step::LineStart);
        if start > 0 {
            let column = wrap::width(self.text.get(start..self.cursor).unwrap_or_default());
            self.cursor = start - 1;
            let above = self.reached(Step::LineStart);
            self.go_to_column(above, column);
        } else if self.back < self.history.len() {
            self.show_history(self.back + 1);
        }
    }

    fn down(&mut self) {
        let end = self.reached(Step::LineEnd);
        if end < self.text.len() {
            let start = self.reached(Step::LineStart);
            let column = wrap::width(self.text.get(start..self.cursor).unwrap_or_default());
            self.go_to_column(end + 1, column);
        } else if self.back > 0 {
            self.show_history(self.back - 1);
        }
    }

    /// Into the line that begins at `start`, as far to the right as it goes.
    fn go_to_column(&mut self, start: usize, column: usize) {
        let line = self.text.get(start..).unwrap_or_default();
        let line = line.split('\n').next().unwrap_or_default();
        let mut taken = 0;
        let at = wrap::pieces(line).find(|piece| {
            let reached = taken >= column;
            taken += piece.width;
            reached
        });
        self.cursor = start + at.map_or(line.len(), |piece| piece.at);
    }

    fn show_history(&mut self, back: usize) {
        if self.back == 0 {
            self.shelved = std::mem::take(&mut self.text);
        }
        self.text = match self.history.len().checked_sub(back).and_then(|at| self.history.get(at)) {
            Some(line) if back > 0 => line.clone(),
            _ => std::mem::take(&mut self.shelved),
        };
        self.back = back;
        self.cursor = self.text.len();
    }

    /// The line as rows of at most so many columns, and the cursor's row and column in them.
    pub(super) fn layout(&self, columns: usize) -> (Vec<String>, (usize, usize)) {
        let columns = columns.max(2);
        let mut rows = vec![String::new()];
        let mut place = (0, 0);
        let mut taken = 0;
        let mut start = 0;
        for line in self.text.split('\n') {
            if start > 0 {
                rows.push(String::new());
                taken = 0;
            }
            for piece in wrap::pieces(line) {
                if taken + piece.width > columns {
                    rows.push(String::new());
                    taken = 0;
                }
                if start + piece.at <= self.cursor {
                    place = (rows.len() - 1, taken);
                }
                if let Some(row) = rows.last_mut() {
                    row.push_str(piece.drawn);
                }
                taken += piece.width;
            }
            let end = start + line.len();
            if self.cursor == end {
                place = (rows.len() - 1, taken);
            }
            start = end + 1;
        }
        if place.1 >= columns {
            // Behind a full row the cursor stands in the next.
            place = (place.0 + 1, 0);
            if place.0 == rows.len() {
                rows.push(String::new());
            }
        }
        (rows, place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(text: &str) -> Editor {
        let mut editor = Editor::default();
        assert!(editor.insert(text));
        editor
    }

    fn after(text: &str, edits: &[Edit]) -> String {
        let mut editor = typed(text);
        for edit in edits {
            editor.edit(*edit);
        }
        let (before, after) = editor.text.split_at(editor.cursor);
        format!("{before}|{after}")
    }

    #[test]
    fn the_cursor_moves_by_characters_words_and_lines() {
        use Edit::Move;
        assert_eq!(after("one e\u{301}", &[Move(Step::Left)]), "one |e\u{301}");
        assert_eq!(after("one two", &[Move(Step::WordLeft)]), "one |two");
        assert_eq!(after("one, two", &[Move(Step::WordLeft), Move(Step::WordLeft)]), "|one, two");
        assert_eq!(after("one two", &[Move(Step::LineStart), Move(Step::WordRight)]), "one| two");
        assert_eq!(after("one\ntwo", &[Move(Step::LineStart)]), "one\n|two");
        assert_eq!(after("one\ntwo", &[Edit::Up]), "one|\ntwo");
        assert_eq!(after("o\ntwo", &[Edit::Up]), "o|\ntwo");
        assert_eq!(after("one\nt", &[Edit::Up, Edit::Down]), "one\nt|");
    }

    #[test]
    fn what_was_cut_in_one_go_comes_back_in_one_piece() {
        use Edit::{Cut, Move, Yank};
        assert_eq!(after("one two", &[Cut(Step::BlankLeft), Yank, Yank]), "one twotwo|");
        assert_eq!(after("one two", &[Cut(Step::BlankLeft), Cut(Step::BlankLeft), Yank]), "one two|");
        assert_eq!(
            after("one two", &[Move(Step::WordLeft), Cut(Step::LineEnd), Cut(Step::LineStart), Yank]),
            "one two|"
        );
        assert_eq!(after("one\ntwo", &[Edit::Up, Move(Step::LineEnd), Cut(Step::LineEnd)]), "one|two");
        assert_eq!(after("one", &[Edit::Delete(Step::Left), Yank]), "on|");
        assert_eq!(after("ab", &[Edit::Transpose]), "ba|");
        assert_eq!(after("abc", &[Move(Step::Left), Edit::Transpose]), "acb|");
    }

    #[test]
    fn the_history_goes_back_and_returns_to_the_line_being_typed() {
        let mut editor = Editor::default();
        for line in ["one", "two", "two", "  "] {
            editor.remember(line);
        }
        editor.insert("thr");
        for (edit, text) in [
            (Edit::Up, "two"),
            (Edit::Up, "one"),
            (Edit::Up, "one"),
            (Edit::Down, "two"),
            (Edit::Down, "thr"),
        ] {
            editor.edit(edit);
            assert_eq!(editor.text(), text);
        }
    }

    #[test]
    fn the_history_and_the_line_have_limits() {
        let mut editor = Editor::default();
        for number in 0..HISTORY_LINES_MAX + 10 {
            editor.remember(&number.to_string());
        }
        assert_eq!(
            (editor.history.len(), editor.history.front().map(String::as_str)),
            (HISTORY_LINES_MAX, Some("10"))
        );
        editor.remember(&"a".repeat(HISTORY_BYTES_MAX));
        assert_eq!(editor.history.len(), 1);
        assert!(editor.insert(&"a".repeat(LINE_BYTES_MAX)));
        assert!(!editor.edit(Edit::Insert('a')));
        assert_eq!(editor.text().len(), LINE_BYTES_MAX);
    }

    #[test]
    fn the_line_is_laid_out_with_its_cursor() {
        assert_eq!(typed("abcde").layout(3), (vec!["abc".into(), "de".into()], (1, 2)));
        assert_eq!(typed("abc").layout(3), (vec!["abc".into(), String::new()], (1, 0)));
        assert_eq!(typed("a漢").layout(2), (vec!["a".into(), "漢".into(), String::new()], (2, 0)));
        assert_eq!(typed("one\n\ntwo").layout(9), (vec!["one".into(), String::new(), "two".into()], (2, 3)));
        let mut editor = typed("one\ntwo");
        editor.edit(Edit::Up);
        assert_eq!(editor.layout(9).1, (0, 3));
        assert_eq!(Editor::default().layout(9), (vec![String::new()], (0, 0)));
    }

    proptest! {
        #[test]
        fn no_change_leaves_the_cursor_within_a_character(text in "[a-z \u{301}漢\n👍]{0,20}", changes in prop::collection::vec(0_usize..12, 0..40)) {
            let mut editor = typed(&text);
            editor.remember("one\ntwo");
            for change in changes {
                let all = [
                    Edit::Insert('x'), Edit::Move(Step::Left), Edit::Move(Step::WordRight), Edit::Delete(Step::Left),
                    Edit::Cut(Step::WordLeft), Edit::Cut(Step::LineEnd), Edit::Yank, Edit::Transpose, Edit::Up, Edit::Down,
                    Edit::Delete(Step::Right), Edit::Move(Step::LineStart),
                ];
                editor.edit(all[change]);
                prop_assert!(editor.text.is_char_boundary(editor.cursor));
                let (rows, place) = editor.layout(5);
                prop_assert!(place.0 < rows.len() && place.1 < 5);
            }
        }
    }
}
