//! What each key does. Pure.

use super::{
    decode::{Code, Key},
    editor::{Edit, Step},
};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Edit(Edit),
    /// Enter.
    Done,
    /// A line end within the line.
    NewLine,
    Scroll(Scroll),
    Contact(Pick),
    /// Tab: completes what is typed.
    Complete,
    Help,
    /// Escape.
    Dismiss,
    Redraw,
    Suspend,
    End,
}

/// Where to look in what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scroll {
    PageUp,
    PageDown,
    Start,
    End,
    LinesUp,
    LinesDown,
}

/// Which contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    Next,
    Previous,
    /// From 0.
    Number(usize),
}

/// What a key asks for; some ask for something else while nothing is typed.
pub(super) fn action(key: Key, nothing_typed: bool) -> Option<Action> {
    use Edit::{Cut, Delete, Move};
    if let Key { code: Code::Char(c), control: true, .. } = key {
        return control(c, nothing_typed);
    }
    let word = key.alt || key.control;
    Some(match key.code {
        Code::Char(c) if key.alt => return alt(c),
        Code::Char('?') if nothing_typed => Action::Help,
        Code::Char(c) => Action::Edit(Edit::Insert(c)),
        Code::Enter if key.alt => Action::NewLine,
        Code::Enter => Action::Done,
        Code::Tab if nothing_typed => Action::Contact(Pick::Next),
        Code::BackTab if nothing_typed => Action::Contact(Pick::Previous),
        Code::Tab => Action::Complete,
        Code::BackTab => return None,
        Code::Backspace if key.alt => Action::Edit(Cut(Step::WordLeft)),
        Code::Backspace => Action::Edit(Delete(Step::Left)),
        Code::Delete => Action::Edit(Delete(Step::Right)),
        Code::Escape => Action::Dismiss,
        Code::Left => Action::Edit(Move(if word { Step::WordLeft } else { Step::Left })),
        Code::Right => Action::Edit(Move(if word { Step::WordRight } else { Step::Right })),
        Code::Up => Action::Edit(Edit::Up),
        Code::Down => Action::Edit(Edit::Down),
        Code::Home if nothing_typed || key.control => Action::Scroll(Scroll::Start),
        Code::End if nothing_typed || key.control => Action::Scroll(Scroll::End),
        Code::Home => Action::Edit(Move(Step::LineStart)),
        Code::End => Action::Edit(Move(Step::LineEnd)),
        Code::PageUp => Action::Scroll(Scroll::PageUp),
        Code::PageDown => Action::Scroll(Scroll::PageDown),
        Code::F(1) => Action::Help,
        Code::F(_) => return None,
    })
}

fn control(c: char, nothing_typed: bool) -> Option<Action> {
    use Edit::{Cut, Delete, Move};
    Some(match c {
        'a' => Action::Edit(Move(Step::LineStart)),
        'b' => Action::Edit(Move(Step::Left)),
        'c' => Action::End,
        'd' if nothing_typed => Action::End,
        'd' => Action::Edit(Delete(Step::Right)),
        'e' => Action::Edit(Move(Step::LineEnd)),
        'f' => Action::Edit(Move(Step::Right)),
        'k' => Action::Edit(Cut(Step::LineEnd)),
        'l' => Action::Redraw,
        'n' => Action::Contact(Pick::Next),
        'p' => Action::Contact(Pick::Previous),
        't' => Action::Edit(Edit::Transpose),
        'u' => Action::Edit(Cut(Step::LineStart)),
        'w' => Action::Edit(Cut(Step::BlankLeft)),
        'y' => Action::Edit(Edit::Yank),
        'z' => Action::Suspend,
        _ => return None,
    })
}

fn alt(c: char) -> Option<Action> {
    use Edit::{Cut, Move};
    Some(match c {
        'b' => Action::Edit(Move(Step::WordLeft)),
        'f' => Action::Edit(Move(Step::WordRight)),
        'd' => Action::Edit(Cut(Step::WordRight)),
        '1'..='9' => Action::Contact(Pick::Number(usize::try_from(c.to_digit(10)?.checked_sub(1)?).ok()?)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_for_the_line_scroll_or_end_only_while_nothing_is_typed() {
        let plain = |code| Key::plain(code);
        for (key, typed, empty) in [
            (plain(Code::Home), Action::Edit(Edit::Move(Step::LineStart)), Action::Scroll(Scroll::Start)),
            (plain(Code::End), Action::Edit(Edit::Move(Step::LineEnd)), Action::Scroll(Scroll::End)),
            (plain(Code::Char('?')), Action::Edit(Edit::Insert('?')), Action::Help),
            (plain(Code::Tab), Action::Complete, Action::Contact(Pick::Next)),
            (Key::control('d'), Action::Edit(Edit::Delete(Step::Right)), Action::End),
            (Key::control('c'), Action::End, Action::End),
            (Key::alt(Code::Char('3')), Action::Contact(Pick::Number(2)), Action::Contact(Pick::Number(2))),
            (Key::alt(Code::Enter), Action::NewLine, Action::NewLine),
        ] {
            assert_eq!(action(key, false), Some(typed), "{key:?}");
            assert_eq!(action(key, true), Some(empty), "{key:?}");
        }
    }
}
