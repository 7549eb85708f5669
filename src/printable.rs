//! Text from others, made safe to show: on a terminal, in a log, in an error.
//!
//! What could move the cursor, reorder or hide other text, or hide itself, is shown as an escape in the
//! manner of Rust's own: `\n`, `\r`, `\t`, else `\u{202e}`. Everything else passes unchanged. It decides
//! about characters, not about meaning: two letters that look alike stay two letters that look alike.
//!
//! Three invisible characters pass where writing needs them, and only there:
//!
//! - U+FE0F directly after a character that has an emoji form (`❤️`), once;
//! - U+200D directly between two emoji (families, flags);
//! - U+200C and U+200D directly between two letters or marks of one script that joins its letters
//!   (Arabic, Syriac, the scripts of India and Sri Lanka, Myanmar, Khmer): Persian and Hindi need them.
//!
//! A combining mark needs something to stand on: at the start of a line or after an escape it is
//! escaped, and so is every one after the eighth on one base, as stacks of them cover the lines around.
//!
//! A backslash passes, but is doubled where it would read as the beginning of an escape. So the escapes
//! are unambiguous: what was shown tells what was sent.

use std::fmt::{self, Write as _};

use unicode_normalization::char::is_combining_mark;

/// Combining marks in a row that are shown as such.
const MARKS_MAX: u32 = 8;

const EMOJI_STYLE: char = '\u{fe0f}';
const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';

/// Text that can be shown as it is.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Printable(String);

impl Printable {
    /// For one line: a line break is shown as `\n`.
    #[must_use]
    pub fn line(text: &str) -> Self {
        Self::new(text, false)
    }

    /// For several lines: a line break stays one, and every other rule holds.
    ///
    /// Who shows it keeps the later lines apart from lines of its own, by indenting them.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::new(text, true)
    }

    /// The text, safe to show.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new(text: &str, keeps_line_breaks: bool) -> Self {
        let passes = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'\\';
        if text.as_bytes().iter().all(passes) {
            return Self(text.to_owned());
        }
        let mut writer =
            Writer { out: String::with_capacity(text.len() + 16), base: Base::None, keeps_line_breaks };
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            writer.show(c, rest.clone().next());
        }
        Self(writer.out)
    }
}

impl fmt::Display for Printable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

impl fmt::Debug for Printable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

impl AsRef<str> for Printable {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// What the next character would combine with.
#[derive(Clone, Copy)]
enum Base {
    /// Nothing of its own: the start of a line, or an escape.
    None,
    /// A character shown as it is, and the marks on it so far.
    Shown { last: char, marks: u32 },
}

struct Writer {
    out: String,
    base: Base,
    keeps_line_breaks: bool,
}

impl Writer {
    fn show(&mut self, c: char, next: Option<char>) {
        if c == '\n' && self.keeps_line_breaks {
            self.out.push(c);
            self.base = Base::None;
        } else if c == '\\' {
            self.show_backslash(next);
        } else if self.passes(c, next) {
            self.push(c);
        } else {
            self.escape(c);
        }
    }

    fn passes(&self, c: char, next: Option<char>) -> bool {
        let last = match self.base {
            Base::Shown { last, .. } => Some(last),
            Base::None => None,
        };
        match c {
            EMOJI_STYLE => last.is_some_and(has_emoji_form),
            JOINER if last.is_some_and(ends_emoji) => next.is_some_and(is_emoji),
            JOINER | NON_JOINER => match (last.and_then(joining_script), next.and_then(joining_script)) {
                (Some(one), Some(other)) => one == other,
                _ => false,
            },
            _ if is_hidden_or_harmful(c) => false,
            _ if is_combining_mark(c) => match self.base {
                Base::Shown { marks, .. } => marks < MARKS_MAX,
                Base::None => false,
            },
            _ => true,
        }
    }

    fn push(&mut self, c: char) {
        self.out.push(c);
        self.base = match self.base {
            Base::Shown { marks, .. } if is_combining_mark(c) => Base::Shown { last: c, marks: marks + 1 },
            // A joiner is no new base: marks after it still pile up on the one before.
            Base::Shown { marks, .. } if matches!(c, JOINER | NON_JOINER) => Base::Shown { last: c, marks },
            _ => Base::Shown { last: c, marks: 0 },
        };
    }

    fn escape(&mut self, c: char) {
        match c {
            '\n' => self.out.push_str("\\n"),
            '\r' => self.out.push_str("\\r"),
            '\t' => self.out.push_str("\\t"),
            // Writing into a string cannot fail.
            _ => _ = write!(self.out, "\\u{{{:x}}}", u32::from(c)),
        }
        self.base = Base::None;
    }

    fn show_backslash(&mut self, next: Option<char>) {
        self.push('\\');
        let begins_escape = next.is_some_and(|next| {
            matches!(next, 'n' | 'r' | 't' | 'u' | '\\')
                || !(self.passes(next, None) || next == '\n' && self.keeps_line_breaks)
        });
        if begins_escape {
            self.push('\\');
        }
    }
}

/// Controls, line and paragraph separators, what reorders text, what is not seen, and what no standard
/// gives a meaning to: private use and noncharacters. Variation selectors and joiners included.
fn is_hidden_or_harmful(c: char) -> bool {
    matches!(c,
        // C0, DEL, C1.
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Soft hyphen, grapheme joiner, Arabic letter mark, Hangul fillers, Khmer inherent vowels.
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        // Mongolian selectors and vowel separator.
        | '\u{180b}'..='\u{180f}'
        // Zero-width, marks and embeddings of direction, line and paragraph separator.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        // Word joiner, invisible operators, isolates, deprecated format characters.
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        // Controls of hieroglyphs, shorthand and music.
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // Tags and further selectors: all default-ignorable, assigned or not.
        | '\u{e0000}'..='\u{e0fff}'
        // Private use.
        | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}'
        // Noncharacters in the first plane.
        | '\u{fdd0}'..='\u{fdef}'
    ) || u32::from(c) & 0xfffe == 0xfffe // The last two of every plane.
}

/// Characters shown as pictures, joined or alone; whole blocks, as nothing in them is dangerous.
fn is_emoji(c: char) -> bool {
    matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}'
        | '\u{2600}'..='\u{27bf}' | '\u{2934}'..='\u{2935}' | '\u{2b00}'..='\u{2bff}')
}

/// Where U+200D may follow: an emoji, or one with its style chosen.
fn ends_emoji(c: char) -> bool {
    is_emoji(c) || c == EMOJI_STYLE
}

/// Where U+FE0F may follow: emoji, and the signs, digits and letters that have an emoji form.
fn has_emoji_form(c: char) -> bool {
    is_emoji(c)
        || matches!(c, '0'..='9' | '#' | '*' | '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}'
            | '\u{2139}' | '\u{24c2}' | '\u{25aa}'..='\u{25fe}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}')
}

/// The scripts whose letters join, so that a joiner between two of them is spelling.
#[derive(Clone, Copy, PartialEq, Eq)]
enum JoiningScript {
    Arabic,
    Syriac,
    Indic,
    Myanmar,
    Khmer,
}

fn joining_script(c: char) -> Option<JoiningScript> {
    if !(c.is_alphabetic() || is_combining_mark(c)) || is_hidden_or_harmful(c) {
        return None;
    }
    match c {
        '\u{620}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}' => Some(JoiningScript::Arabic),
        '\u{700}'..='\u{74f}' => Some(JoiningScript::Syriac),
        '\u{900}'..='\u{dff}' => Some(JoiningScript::Indic),
        '\u{1000}'..='\u{109f}' => Some(JoiningScript::Myanmar),
        '\u{1780}'..='\u{17ff}' => Some(JoiningScript::Khmer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str) -> String {
        Printable::line(text).to_string()
    }

    #[test]
    fn ordinary_text_of_any_script_passes_unchanged() {
        for text in [
            "hello, wörld",
            "Ελληνικά",
            "русский",
            "日本語 テスト",
            "한국어",
            "עברית",
            "ไทย",
            "e\u{301}",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "❤\u{fe0f}",
            "👨\u{200d}👩\u{200d}👧",
            "🏳\u{fe0f}\u{200d}🌈",
            "👍🏽",
            "🇫🇷",
            "1\u{fe0f}\u{20e3}",
            "¯\\_(ツ)_/¯",
            "C:\\Windows",
            "a\u{a0}b",
            "",
        ] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn what_moves_hides_or_reorders_is_shown() {
        for (text, shown) in [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
            ("a\u{200b}b", "a\\u{200b}b"),
            ("a\u{200d}b", "a\\u{200d}b"),
            ("می\u{200c}", "می\\u{200c}"),
            ("م\u{200c}\u{200c}ی", "م\\u{200c}\\u{200c}ی"),
            ("a\u{fe0f}", "a\\u{fe0f}"),
            ("❤\u{fe0f}\u{fe0f}", "❤\u{fe0f}\\u{fe0f}"),
            ("❤\u{fe0e}", "❤\\u{fe0e}"),
            ("👍\u{200d}x", "👍\\u{200d}x"),
            ("\u{85}\u{9b}31m", "\\u{85}\\u{9b}31m"),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
            ("\u{e0041}", "\\u{e0041}"),
            ("\u{e000}\u{10ffff}\u{1fffe}", "\\u{e000}\\u{10ffff}\\u{1fffe}"),
            ("\u{301}a", "\\u{301}a"),
            ("\u{7f}", "\\u{7f}"),
        ] {
            assert_eq!(line(text), shown, "{text:?}");
        }
    }

    #[test]
    fn only_a_line_break_stays_in_the_mode_for_several_lines() {
        let text = Printable::text("one\n\u{301}two\r\n\tthree\u{b}\\\nfour");
        assert_eq!(text.as_str(), "one\n\\u{301}two\\r\n\\tthree\\u{b}\\\nfour");
    }

    #[test]
    fn a_stack_of_marks_ends_after_the_eighth() {
        let text = format!("z{}y\u{301}", "\u{301}".repeat(20));
        let shown = format!("z{}{}y\u{301}", "\u{301}".repeat(8), "\\u{301}".repeat(12));
        assert_eq!(line(&text), shown);
    }

    #[test]
    fn a_backslash_is_doubled_where_it_would_read_as_an_escape() {
        assert_eq!(line("\\u{202e}"), "\\\\u{202e}");
        assert_eq!(line("\\\u{202e}"), "\\\\\\u{202e}");
        assert_eq!(line("C:\\new"), "C:\\\\new");
        assert_eq!(line("\\\\"), "\\\\\\");
        assert_eq!(line("a\\"), "a\\");
    }

    /// What was sent, read back from what is shown.
    fn undo(shown: &str) -> String {
        let mut sent = String::new();
        let mut rest = shown;
        while let Some(c) = rest.chars().next() {
            let (plain, used) = match rest.as_bytes() {
                [b'\\', b'\\', ..] => ('\\', 2),
                [b'\\', b'n', ..] => ('\n', 2),
                [b'\\', b'r', ..] => ('\r', 2),
                [b'\\', b't', ..] => ('\t', 2),
                [b'\\', b'u', ..] => {
                    let end = rest.find('}').unwrap();
                    let code = u32::from_str_radix(&rest[3..end], 16).unwrap();
                    (char::from_u32(code).unwrap(), end + 1)
                }
                _ => (c, c.len_utf8()),
            };
            sent.push(plain);
            rest = &rest[used..];
        }
        sent
    }

    /// Text in which the interesting characters are common.
    fn tricky() -> impl Strategy<Value = String> {
        let special = prop::sample::select(vec![
            '\\',
            'n',
            'u',
            '{',
            '}',
            '\n',
            '\r',
            '\t',
            '\u{1b}',
            '\u{9b}',
            '\u{301}',
            '\u{20e3}',
            '\u{200c}',
            '\u{200d}',
            '\u{fe0f}',
            '\u{202e}',
            '\u{2028}',
            '❤',
            '👍',
            '1',
            'م',
            'ی',
            'क',
            '\u{94d}',
            '\u{e0041}',
            '\u{feff}',
            '\u{e000}',
            '\u{fffe}',
            'a',
            ' ',
        ]);
        prop::collection::vec(prop_oneof![3 => special, 1 => any::<char>()], 0..40)
            .prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn nothing_hidden_or_harmful_is_ever_shown(text in tricky()) {
            for (shown, breaks) in [(Printable::line(&text), false), (Printable::text(&text), true)] {
                let chars: Vec<char> = shown.as_str().chars().collect();
                let mut marks = 0;
                for (i, c) in chars.iter().copied().enumerate() {
                    let before = i.checked_sub(1).map(|i| chars[i]);
                    let after = chars.get(i + 1).copied();
                    let between = |test: fn(char) -> bool| before.is_some_and(test) && after.is_some_and(test);
                    let allowed = match c {
                        '\n' => breaks,
                        '\u{fe0f}' => before.is_some_and(has_emoji_form),
                        '\u{200c}' => between(|c| joining_script(c).is_some()),
                        '\u{200d}' => between(|c| joining_script(c).is_some())
                            || before.is_some_and(ends_emoji) && after.is_some_and(is_emoji),
                        _ => !is_hidden_or_harmful(c),
                    };
                    prop_assert!(allowed, "{:?} in {:?} from {:?}", c, shown, text);
                    prop_assert!(!c.is_control() || c == '\n');
                    marks = if is_combining_mark(c) { marks + 1 } else { 0 };
                    prop_assert!(marks <= MARKS_MAX + 1, "{:?}", shown);
                    let at_start = before.is_none_or(|c| c == '\n');
                    prop_assert!(!(at_start && is_combining_mark(c)));
                }
            }
        }

        #[test]
        fn what_is_shown_tells_what_was_sent(text in tricky()) {
            prop_assert_eq!(undo(Printable::line(&text).as_str()), text.as_str());
            prop_assert_eq!(undo(Printable::text(&text).as_str()), text.as_str());
        }

        #[test]
        fn plain_text_passes_unchanged(text in "[a-zA-Z0-9 .,;:!?äöüßéñЖя漢字😀()\"'/-]{0,60}") {
            prop_assert_eq!(line(&text), text);
        }
    }
}
