//! The line being typed at a terminal, taken key by key and echoed here, so that what arrives begins on a line of its
//! own and the line that was begun is said again after it. Pure.
//!
//! Its keys are those that the terminal itself has for its lines. Nothing moves the cursor but erasing, as there.

use unicode_width::UnicodeWidthChar;

use super::super::LINE_BYTES_MAX;

/// The terminal's own keys.
#[derive(Debug, Clone, Copy)]
pub(in crate::client::terminal) struct Keys {
    pub(in crate::client::terminal) erase: u8,
    pub(in crate::client::terminal) erase_word: u8,
    pub(in crate::client::terminal) erase_line: u8,
    pub(in crate::client::terminal) say_again: u8,
    pub(in crate::client::terminal) end: u8,
}

/// What a key did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Did {
    Nothing,
    /// This is to be shown.
    Echo(String),
    /// The line is to be said again.
    Again,
    /// The line is over: its bytes.
    Line(Vec<u8>),
    /// There are no more lines.
    End,
}

/// Where in a key's sequence we are: arrows and the like are no text.
#[derive(Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Begun,
    Within,
}

/// The line; see the module.
#[derive(Debug, Default)]
pub(super) struct Typing {
    text: Vec<u8>,
    /// A character that has not come whole.
    partial: Vec<u8>,
    escape: Escape,
}

impl Typing {
    /// The line as it was shown so far.
    pub(super) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.text).replace('\t', " ")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn take(&mut self, byte: u8, keys: &Keys) -> Did {
        match (&self.escape, byte) {
            (Escape::Begun, b'[' | b'O') => self.escape = Escape::Within,
            (Escape::Begun, _) | (Escape::Within, 0x40..=0x7e) => self.escape = Escape::None,
            (Escape::Within, _) => {}
            (Escape::None, _) => return self.key(byte, keys),
        }
        Did::Nothing
    }

    fn key(&mut self, byte: u8, keys: &Keys) -> Did {
        match byte {
            b'\n' | b'\r' => {
                self.text.append(&mut self.partial);
                Did::Line(std::mem::take(&mut self.text))
            }
            _ if byte == keys.erase || byte == 0x7f || byte == 0x08 => self.erase(|_| false),
            _ if byte == keys.erase_word => {
                let mut inside = false;
                self.erase(|next| {
                    inside |= !next.is_whitespace();
                    !(inside && next.is_whitespace())
                })
            }
            _ if byte == keys.erase_line => self.erase(|_| true),
            _ if byte == keys.say_again => Did::Again,
            _ if byte == keys.end && self.text.is_empty() => Did::End,
            0x1b => {
                self.escape = Escape::Begun;
                Did::Nothing
            }
            0..=0x1f if byte != b'\t' => Did::Nothing,
            _ => self.text_byte(byte),
        }
    }

    fn text_byte(&mut self, byte: u8) -> Did {
        self.partial.push(byte);
        let echo = match std::str::from_utf8(&self.partial) {
            Ok("\t") => " ".to_owned(),
            Ok(whole) => whole.to_owned(),
            Err(error) if error.error_len().is_none() => return Did::Nothing,
            Err(_) => "?".to_owned(),
        };
        // One more than a line may have is enough to know that it is too long.
        if self.text.len() <= LINE_BYTES_MAX {
            self.text.append(&mut self.partial);
        }
        self.partial.clear();
        Did::Echo(echo)
    }

    /// Erases the last character, and those before it as long as `more` wants the one that is next.
    fn erase(&mut self, mut more: impl FnMut(char) -> bool) -> Did {
        self.partial.clear();
        let mut columns = 0;
        let mut first = true;
        while let Some(last) = self.last() {
            // Asked of the first one too, so that a word knows where it is.
            let wanted = more(last);
            if !first && !wanted {
                break;
            }
            first = false;
            let length =
                if last == char::REPLACEMENT_CHARACTER { self.last_bytes() } else { last.len_utf8() };
            self.text.truncate(self.text.len().saturating_sub(length));
            columns += if last == '\t' { 1 } else { last.width().unwrap_or(0) };
        }
        if first { Did::Nothing } else { Did::Echo("\u{8} \u{8}".repeat(columns)) }
    }

    fn last(&self) -> Option<char> {
        let from = self.text.len().saturating_sub(self.last_bytes());
        self.text.get(from..).map(String::from_utf8_lossy)?.chars().next_back()
    }

    /// How many bytes the last character has.
    fn last_bytes(&self) -> usize {
        let continued = self.text.iter().rev().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
        (continued + 1).min(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: Keys = Keys { erase: 0x7f, erase_word: 0x17, erase_line: 0x15, say_again: 0x12, end: 0x04 };

    /// What a terminal shows of it, and the line when it is over.
    fn types(keys: &str) -> (String, Option<String>) {
        let (mut typing, mut shown) = (Typing::default(), String::new());
        for byte in keys.bytes() {
            match typing.take(byte, &KEYS) {
                Did::Echo(text) => shown.push_str(&text),
                Did::Line(line) => return (shown, Some(String::from_utf8(line).unwrap())),
                Did::Again => shown.push_str(&format!("<{}>", typing.shown())),
                Did::End => shown.push_str("(end)"),
                Did::Nothing => {}
            }
        }
        (shown, None)
    }

    fn line(keys: &str) -> String {
        types(keys).1.unwrap()
    }

    #[test]
    fn what_is_typed_is_echoed_and_ends_with_the_line() {
        assert_eq!(types("h\u{e9} \u{6f22}\n"), ("h\u{e9} \u{6f22}".into(), Some("h\u{e9} \u{6f22}".into())));
        assert_eq!(types("a\tb\r"), ("a b".into(), Some("a\tb".into())));
        assert_eq!(types("\n"), (String::new(), Some(String::new())));
    }

    #[test]
    fn a_character_a_word_and_the_line_are_erased_by_as_many_columns_as_they_have() {
        assert_eq!(types("a\u{6f22}\u{7f}").0, "a\u{6f22}\u{8} \u{8}\u{8} \u{8}");
        assert_eq!(types("\u{7f}").0, "");
        assert_eq!(line("one two \u{17}\n"), "one ");
        assert_eq!(line("one two\u{17}2\n"), "one 2");
        assert_eq!(line("one two\u{15}three\n"), "three");
        assert_eq!(line("ab\u{8}c\n"), "ac");
    }

    #[test]
    fn the_line_can_be_said_again_and_only_an_empty_one_ends_the_input() {
        assert_eq!(types("half\u{12}").0, "half<half>");
        assert_eq!(types("\u{4}").0, "(end)");
        assert_eq!(line("a\u{4}b\n"), "ab");
    }

    #[test]
    fn keys_that_are_no_text_put_nothing_into_the_line() {
        assert_eq!(line("a\u{1b}[Ab\u{1b}OHc\u{1b}[1;5Cd\u{1b}xe\u{1}\n"), "abcde");
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_for_the_complaint_and_can_be_erased() {
        let mut typing = Typing::default();
        assert_eq!(typing.take(0xe9, &KEYS), Did::Nothing);
        assert_eq!(typing.take(b'a', &KEYS), Did::Echo("?".into()));
        assert_eq!(typing.take(b'\n', &KEYS), Did::Line(vec![0xe9, b'a']));
    }
}
