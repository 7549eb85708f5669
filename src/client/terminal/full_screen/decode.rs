//! What keys send, read byte by byte: characters, control characters, the escape sequences of xterm and the Linux
//! console (ECMA-48 section 5.4; xterm's "ctlseqs"), marked pastes, and the mouse in its SGR form.
//!
//! Pure, and in no hurry: a sequence may arrive in pieces, as it does over a slow line. What it does not know it drops
//! whole, so that no rest of it is taken for text.

use zeroize::Zeroizing;

use super::super::LINE_BYTES_MAX;

/// The most bytes of a sequence's parameters that are kept; no key has as many.
const PARAMETER_BYTES_MAX: usize = 32;

/// What ends a marked paste.
const PASTE_END: &[u8] = b"\x1b[201~";

/// A key without what was held with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Char(char),
    Enter,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Escape,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    F(u8),
}

/// A key, and what was held with it. Shift is in the character where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) code: Code,
    pub(super) control: bool,
    pub(super) alt: bool,
}

impl Key {
    pub(super) const fn plain(code: Code) -> Self {
        Self { code, control: false, alt: false }
    }

    pub(super) const fn control(c: char) -> Self {
        Self { code: Code::Char(c), control: true, alt: false }
    }

    #[cfg(test)]
    pub(super) const fn alt(code: Code) -> Self {
        Self { code, control: false, alt: true }
    }
}

/// What came from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    Key(Key),
    /// What the terminal marked as pasted; it may be a secret.
    Paste(Zeroizing<String>),
    /// A paste longer than a line may be; it is gone.
    PasteTooLong,
    WheelUp,
    WheelDown,
    /// The first button, at this column and row, both from zero.
    Click {
        column: u16,
        row: u16,
    },
}

/// The reader; see the module.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    state: State,
    /// An escape came before: the key is one with Alt.
    alt: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    /// After `ESC [`: what came of parameters.
    Csi(Vec<u8>),
    /// After `ESC [ [`, which only the Linux console sends.
    LinuxFunction,
    /// After `ESC O`.
    Ss3,
    /// In a character of several bytes: what came, and how many it has.
    Character(Vec<u8>, usize),
    Paste(Zeroizing<Vec<u8>>),
    /// In a paste that is too long: its last bytes.
    LongPaste(Zeroizing<Vec<u8>>),
}

impl Decoder {
    /// Whether what came may be the beginning of a sequence or a key by itself: time decides.
    pub(super) fn is_undecided(&self) -> bool {
        matches!(self.state, State::Escape | State::Csi(_) | State::LinuxFunction | State::Ss3)
    }

    /// Nothing followed in time: a lone escape is the Escape key; the beginning of a sequence is dropped.
    pub(super) fn time_is_over(&mut self) -> Option<Typed> {
        if !self.is_undecided() {
            return None;
        }
        self.alt = false;
        let lone = matches!(std::mem::take(&mut self.state), State::Escape);
        lone.then_some(Typed::Key(Key::plain(Code::Escape)))
    }

    /// Takes the next byte; `Some` when it completes something.
    pub(super) fn take(&mut self, byte: u8) -> Option<Typed> {
        match std::mem::take(&mut self.state) {
            State::Ground => self.first(byte),
            State::Escape => self.after_escape(byte),
            State::Csi(parameters) => self.in_csi(parameters, byte),
            State::LinuxFunction => {
                let number = byte.checked_sub(b'A').filter(|number| *number < 5)?;
                Some(Typed::Key(Key::plain(Code::F(number + 1))))
            }
            State::Ss3 => letter(byte).map(|code| self.key(code, 1)),
            State::Character(bytes, length) => self.in_character(bytes, length, byte),
            State::Paste(bytes) => self.in_paste(bytes, byte),
            State::LongPaste(bytes) => self.in_long_paste(bytes, byte),
        }
    }

    fn first(&mut self, byte: u8) -> Option<Typed> {
        let code = match byte {
            0x1b => {
                self.state = State::Escape;
                return None;
            }
            b'\r' | b'\n' => Code::Enter,
            b'\t' => Code::Tab,
            0x7f | 0x08 => Code::Backspace,
            0x01..=0x1a => {
                let alt = std::mem::take(&mut self.alt);
                return Some(Typed::Key(Key { alt, ..Key::control(char::from(byte + b'a' - 1)) }));
            }
            0x20..=0x7e => Code::Char(char::from(byte)),
            0xc2..=0xf4 => {
                let length = match byte {
                    0xc2..=0xdf => 2,
                    0xe0..=0xef => 3,
                    _ => 4,
                };
                self.state = State::Character(vec![byte], length);
                return None;
            }
            // Control characters that no key of ours sends, and bytes that begin no character.
            _ => {
                self.alt = false;
                return None;
            }
        };
        Some(self.key(code, 1))
    }

    /// The key, with Alt if an escape came before it, and what xterm's number says was held.
    fn key(&mut self, code: Code, held: u16) -> Typed {
        let held = held.saturating_sub(1);
        let alt = std::mem::take(&mut self.alt) || held & 2 != 0;
        Typed::Key(Key { code, control: held & 4 != 0, alt })
    }

    fn after_escape(&mut self, byte: u8) -> Option<Typed> {
        match byte {
            b'[' => self.state = State::Csi(Vec::new()),
            b'O' => self.state = State::Ss3,
            0x1b => {
                self.state = State::Escape;
                return Some(Typed::Key(Key::plain(Code::Escape)));
            }
            _ => {
                self.alt = true;
                return self.first(byte);
            }
        }
        None
    }

    fn in_csi(&mut self, mut parameters: Vec<u8>, byte: u8) -> Option<Typed> {
        match byte {
            b'[' if parameters.is_empty() => {
                self.state = State::LinuxFunction;
                None
            }
            0x20..=0x3f => {
                if parameters.len() < PARAMETER_BYTES_MAX {
                    parameters.push(byte);
                }
                self.state = State::Csi(parameters);
                None
            }
            0x40..=0x7e => self.sequence(&parameters, byte),
            // The sequence broke off.
            _ => {
                self.alt = false;
                self.first(byte)
            }
        }
    }

    fn sequence(&mut self, parameters: &[u8], last: u8) -> Option<Typed> {
        let text = std::str::from_utf8(parameters).ok()?;
        if let Some(report) = text.strip_prefix('<') {
            return mouse(report, last);
        }
        let mut numbers = text.split(';').map(|number| number.parse::<u16>().unwrap_or(1));
        let first = numbers.next().unwrap_or(1);
        let held = numbers.next().unwrap_or(1);
        let code = match last {
            b'Z' => Code::BackTab,
            b'~' => match first {
                1 | 7 => Code::Home,
                3 => Code::Delete,
                4 | 8 => Code::End,
                5 => Code::PageUp,
                6 => Code::PageDown,
                number @ 11..=15 => Code::F(u8::try_from(number - 10).ok()?),
                number @ 17..=21 => Code::F(u8::try_from(number - 11).ok()?),
                200 => {
                    self.state = State::Paste(Zeroizing::default());
                    return None;
                }
                _ => return None,
            },
            _ => letter(last)?,
        };
        Some(self.key(code, held))
    }

    fn in_character(&mut self, mut bytes: Vec<u8>, length: usize, byte: u8) -> Option<Typed> {
        if !(0x80..=0xbf).contains(&byte) {
            // It broke off: what came of it is no character.
            self.alt = false;
            return self.first(byte);
        }
        bytes.push(byte);
        if bytes.len() < length {
            self.state = State::Character(bytes, length);
            return None;
        }
        let c = std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next());
        // The control characters of Latin-1 have no keys.
        let c = c.filter(|c| !c.is_control());
        c.map(|c| self.key(Code::Char(c), 1))
    }

    fn in_paste(&mut self, mut bytes: Zeroizing<Vec<u8>>, byte: u8) -> Option<Typed> {
        bytes.push(byte);
        if bytes.ends_with(PASTE_END) {
            let length = bytes.len() - PASTE_END.len();
            bytes.truncate(length);
            return Some(Typed::Paste(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())));
        }
        self.state = if bytes.len() > LINE_BYTES_MAX + PASTE_END.len() {
            let kept = bytes.len() - PASTE_END.len();
            State::LongPaste(Zeroizing::new(bytes.split_off(kept)))
        } else {
            State::Paste(bytes)
        };
        None
    }

    fn in_long_paste(&mut self, mut bytes: Zeroizing<Vec<u8>>, byte: u8) -> Option<Typed> {
        bytes.push(byte);
        let passed = bytes.len().saturating_sub(PASTE_END.len());
        bytes.drain(..passed);
        if *bytes == PASTE_END {
            return Some(Typed::PasteTooLong);
        }
        self.state = State::LongPaste(bytes);
        None
    }
}

/// The keys that are told by the last letter of their sequence.
fn letter(last: u8) -> Option<Code> {
    Some(match last {
        b'A' => Code::Up,
        b'B' => Code::Down,
        b'C' => Code::Right,
        b'D' => Code::Left,
        b'F' => Code::End,
        b'H' => Code::Home,
        b'M' => Code::Enter,
        b'P'..=b'S' => Code::F(last - b'P' + 1),
        _ => return None,
    })
}

/// A mouse report in SGR form: `<button;column;row` and `M` for pressed.
fn mouse(report: &str, last: u8) -> Option<Typed> {
    let mut numbers = report.split(';').map(str::parse::<u16>);
    let (button, column, row) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    match (button, last) {
        (64, b'M') => Some(Typed::WheelUp),
        (65, b'M') => Some(Typed::WheelDown),
        (0, b'M') => Some(Typed::Click { column: column.checked_sub(1)?, row: row.checked_sub(1)? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(bytes: &[u8]) -> Vec<Typed> {
        let mut decoder = Decoder::default();
        let mut typed: Vec<_> = bytes.iter().filter_map(|byte| decoder.take(*byte)).collect();
        typed.extend(decoder.time_is_over());
        typed
    }

    fn paste(text: &str) -> Typed {
        Typed::Paste(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn keys_are_known_in_the_forms_that_terminals_send() {
        for (bytes, key) in [
            ("a", Key::plain(Code::Char('a'))),
            ("é", Key::plain(Code::Char('é'))),
            ("漢", Key::plain(Code::Char('漢'))),
            ("😀", Key::plain(Code::Char('😀'))),
            ("\r", Key::plain(Code::Enter)),
            ("\u{1b}\r", Key::alt(Code::Enter)),
            ("\u{3}", Key::control('c')),
            ("\u{7f}", Key::plain(Code::Backspace)),
            ("\u{1b}\u{7f}", Key::alt(Code::Backspace)),
            ("\u{1b}b", Key::alt(Code::Char('b'))),
            ("\u{1b}é", Key::alt(Code::Char('é'))),
            ("\u{1b}1", Key::alt(Code::Char('1'))),
            ("\u{1b}", Key::plain(Code::Escape)),
            ("\u{1b}[A", Key::plain(Code::Up)),
            ("\u{1b}OA", Key::plain(Code::Up)),
            ("\u{1b}[H", Key::plain(Code::Home)),
            ("\u{1b}[1~", Key::plain(Code::Home)),
            ("\u{1b}[7~", Key::plain(Code::Home)),
            ("\u{1b}[4~", Key::plain(Code::End)),
            ("\u{1b}[3~", Key::plain(Code::Delete)),
            ("\u{1b}[5~", Key::plain(Code::PageUp)),
            ("\u{1b}[6~", Key::plain(Code::PageDown)),
            ("\u{1b}[Z", Key::plain(Code::BackTab)),
            ("\u{1b}OP", Key::plain(Code::F(1))),
            ("\u{1b}[11~", Key::plain(Code::F(1))),
            ("\u{1b}[[A", Key::plain(Code::F(1))),
            ("\u{1b}[1;5C", Key { code: Code::Right, control: true, alt: false }),
            ("\u{1b}[1;3D", Key::alt(Code::Left)),
            ("\u{1b}[1;5H", Key { code: Code::Home, control: true, alt: false }),
        ] {
            assert_eq!(typed(bytes.as_bytes()), [Typed::Key(key)], "{bytes:?}");
        }
    }

    #[test]
    fn a_sequence_may_come_in_pieces_and_what_is_unknown_is_dropped_whole() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.take(0x1b), None);
        assert!(decoder.is_undecided());
        assert_eq!(decoder.take(b'['), None);
        assert_eq!(decoder.take(b'A'), Some(Typed::Key(Key::plain(Code::Up))));
        assert!(!decoder.is_undecided());
        for unknown in
            ["\u{1b}[?62;22c", "\u{1b}[5;10y", "\u{1b}[I", "\u{1b}[99;1;2;3;4;5;6;7;8;9;10;11;12;13;14z"]
        {
            assert_eq!(
                typed(format!("{unknown}x").as_bytes()),
                [Typed::Key(Key::plain(Code::Char('x')))],
                "{unknown:?}"
            );
        }
        assert_eq!(typed(b"\x1b["), [], "the beginning of a sequence that never came");
        assert_eq!(typed(b"\xc3x\xff\x80y").len(), 2, "broken characters are no keys");
    }

    #[test]
    fn a_marked_paste_is_one_piece_whatever_is_in_it() {
        assert_eq!(typed(b"\x1b[200~one\rtwo\x1b[31m\n\x1b[201~"), [paste("one\rtwo\u{1b}[31m\n")]);
        assert_eq!(typed(b"\x1b[200~\xff\x1b[201~"), [paste("\u{fffd}")]);
        let mut long = b"\x1b[200~".to_vec();
        long.resize(long.len() + LINE_BYTES_MAX + 100, b'a');
        long.extend_from_slice(b"\x1b[201~b");
        assert_eq!(typed(&long), [Typed::PasteTooLong, Typed::Key(Key::plain(Code::Char('b')))]);
    }

    #[test]
    fn the_mouse_tells_its_wheel_and_its_first_button() {
        assert_eq!(typed(b"\x1b[<64;3;4M"), [Typed::WheelUp]);
        assert_eq!(typed(b"\x1b[<65;3;4M"), [Typed::WheelDown]);
        assert_eq!(typed(b"\x1b[<0;3;4M\x1b[<0;3;4m"), [Typed::Click { column: 2, row: 3 }]);
        assert_eq!(typed(b"\x1b[<0;0;4M\x1b[<0;99999;4M\x1b[<;;M"), []);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_failing_and_give_no_control_character(bytes: Vec<u8>) {
            for typed in typed(&bytes) {
                if let Typed::Key(Key { code: Code::Char(c), .. }) = typed {
                    prop_assert!(!c.is_control());
                }
            }
        }
    }
}
