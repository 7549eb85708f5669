//! The recovery form: a key file as numbered lines that can be printed, and typed again from paper.
//!
//! It holds what the key file holds, the secret sealed as it is there, and the server it belongs to.
//! Each line has a check of its own, so that a typing mistake is an error that names its line.

use std::fmt;

use data_encoding::BASE32HEX_NOPAD;
use thiserror::Error;

use super::{CostError, KdfCost, KeyFile, SEALED_BYTES};
use crate::{
    crypto::label::{Label, hash},
    printable::Printable,
    wire::{Bytes, NameError, Username},
};

/// The letters and digits, by value: those of Crockford's base32, without I, L, O and U.
const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// What stands in the first line of a form, before the version.
const TITLE: &str = "securechat recovery form";
/// The version of the form.
const VERSION: u8 = 1;
/// The bytes of a line, and the symbols they make.
const LINE_BYTES: usize = 15;
const LINE_DATA: usize = 24;
/// A line's symbols with the two of its check.
pub const LINE_SYMBOLS: usize = LINE_DATA + 2;
/// A line is written in groups of so many.
const GROUP_SYMBOLS: usize = 4;
/// The bytes at the end that check the whole.
const CHECK_BYTES: usize = 4;
/// The longest name of a server, with its port.
pub const SERVER_BYTES_MAX: usize = 255;
/// The most lines that a form can have.
const LINES_MAX: usize = 25;
/// A text of more than this is something else.
const TEXT_BYTES_MAX: usize = 65_536;
/// The prime that a line's check is taken modulo: the largest of two symbols.
const CHECK_MODULUS: usize = 1021;

/// A key file and the server it belongs to, as they are printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryForm {
    server: String,
    key_file: KeyFile,
}

/// Why a text is not a recovery form, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecoveryError {
    /// Nothing in it looks like a line of a form.
    #[error("there is no recovery form in this")]
    NoForm,
    /// A line is wrong.
    #[error("line {line}: {problem}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
    /// Every line is right, and they are not of one form.
    #[error("each line is right by itself, and they do not belong to one form")]
    Together,
    /// A version that this program does not read.
    #[error("this recovery form is of another version of securechat")]
    OtherVersion,
    /// Not a username.
    #[error("the name in it is none: {0}")]
    Username(NameError),
    /// Not a cost that a key file may have.
    #[error("{0}")]
    Cost(CostError),
    /// The server's name has too many bytes for a form.
    #[error("the server's name is longer than {SERVER_BYTES_MAX} bytes")]
    Server,
}

/// What is wrong with a line of a recovery form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LineProblem {
    /// One or more symbols are missing or too many.
    #[error("{0} letters and digits, and {LINE_SYMBOLS} belong there")]
    Length(usize),
    /// A character that no line has.
    #[error("{:?} is in no recovery form", Printable::line(&.0.to_string()).as_str())]
    Character(char),
    /// The check does not fit.
    #[error("a letter or digit is wrong, or two are in each other's place")]
    Check,
    /// Another line is in its place.
    #[error("line {0} is in its place")]
    OutOfPlace(usize),
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// It is after the last.
    #[error("the form has only {0} lines")]
    AfterTheEnd(usize),
}

impl RecoveryForm {
    /// The form of a key file that belongs to this server.
    ///
    /// # Errors
    /// [`RecoveryError::Server`] when the server's name is too long.
    pub fn new(server: &str, key_file: &KeyFile) -> Result<Self, RecoveryError> {
        if server.len() > SERVER_BYTES_MAX {
            return Err(RecoveryError::Server);
        }
        Ok(Self { server: server.to_owned(), key_file: key_file.clone() })
    }

    /// The server, as its person types it.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The key file.
    #[must_use]
    pub fn key_file(&self) -> &KeyFile {
        &self.key_file
    }

    /// Reads a form, printed or typed again. What stands before its first numbered line says nothing, nor
    /// do case, blanks, hyphens and line breaks; O is read as 0, I and L as 1, U as V. Without numbers each
    /// line of the text is one.
    ///
    /// # Errors
    /// [`RecoveryError`], with the line that is wrong.
    pub fn read(text: &str) -> Result<Self, RecoveryError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(RecoveryError::NoForm);
        }
        let mut bytes = Vec::new();
        let lines = numbered(text);
        let mut count = 1;
        for (at, (number, symbols)) in lines.iter().enumerate() {
            let line = at + 1;
            let wrong = |problem| RecoveryError::Line { line, problem };
            if number.is_some_and(|number| number != line) {
                return Err(wrong(LineProblem::OutOfPlace(number.unwrap_or_default())));
            }
            if line > LINES_MAX || (line > 1 && line > count) {
                return Err(wrong(LineProblem::AfterTheEnd(count)));
            }
            bytes.extend_from_slice(&read_line(line, symbols).map_err(wrong)?);
            // The second byte of all is the number of lines.
            count = bytes.get(1).copied().map_or(1, usize::from);
        }
        if lines.is_empty() {
            return Err(RecoveryError::NoForm);
        }
        if lines.len() < count {
            return Err(RecoveryError::Line { line: lines.len() + 1, problem: LineProblem::Missing });
        }
        Self::from_bytes(&bytes)
    }

    /// Version, number of lines, cost, salt, sealed secret, name and server (each after its length), zeros
    /// to the end of a line, and a hash of all that.
    fn to_bytes(&self) -> Vec<u8> {
        let file = &self.key_file;
        let (name, server) = (file.username.as_str().as_bytes(), self.server.as_bytes());
        let mut bytes = vec![VERSION, 0];
        bytes.extend_from_slice(&file.cost.memory_kib.to_be_bytes());
        // A cost that is allowed has 20 passes at most.
        bytes.push(u8::try_from(file.cost.passes).unwrap_or_default());
        bytes.extend_from_slice(&file.salt.0);
        bytes.extend_from_slice(&file.sealed.0);
        for text in [name, server] {
            // A name has 32 bytes at most, a server is bounded where the form is made.
            bytes.push(u8::try_from(text.len()).unwrap_or_default());
            bytes.extend_from_slice(text);
        }
        let lines = (bytes.len() + CHECK_BYTES).div_ceil(LINE_BYTES);
        bytes.resize(lines * LINE_BYTES - CHECK_BYTES, 0);
        if let Some(count) = bytes.get_mut(1) {
            *count = u8::try_from(lines).unwrap_or_default();
        }
        let check = check(&bytes);
        bytes.extend_from_slice(&check);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, RecoveryError> {
        let (all, given) = bytes.split_last_chunk::<CHECK_BYTES>().ok_or(RecoveryError::NoForm)?;
        if all.first() != Some(&VERSION) {
            return Err(RecoveryError::OtherVersion);
        }
        if check(all) != *given {
            return Err(RecoveryError::Together);
        }
        let mut rest = all.get(2..).unwrap_or_default();
        let memory_kib = u32::from_be_bytes(*take(&mut rest)?);
        let [passes] = *take::<1>(&mut rest)?;
        let (salt, sealed) = (Bytes(*take(&mut rest)?), Bytes(*take::<SEALED_BYTES>(&mut rest)?));
        let (name, server) = (take_text(&mut rest)?, take_text(&mut rest)?);
        let username: Username = name.parse().map_err(RecoveryError::Username)?;
        let cost = KdfCost { memory_kib, passes: passes.into() };
        cost.check().map_err(RecoveryError::Cost)?;
        let form = Self { server: server.to_owned(), key_file: KeyFile { username, cost, salt, sealed } };
        // One form of a key file has one text.
        if form.to_bytes() == bytes { Ok(form) } else { Err(RecoveryError::Together) }
    }
}

/// The numbered lines, under their title.
impl fmt::Display for RecoveryForm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, bytes) in self.to_bytes().chunks(LINE_BYTES).enumerate() {
            let line = at + 1;
            write!(out, "{line:2}: ")?;
            let values = values_of(bytes);
            let check = line_check(line, &values);
            let all = values.iter().copied().chain([check / 32, check % 32]);
            for (at, value) in all.enumerate() {
                if at > 0 && at % GROUP_SYMBOLS == 0 {
                    out.write_str(" ")?;
                }
                write!(out, "{}", ALPHABET.chars().nth(value).unwrap_or('?'))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// The first line of what is printed.
#[must_use]
pub fn title() -> String {
    format!("{TITLE} {VERSION}")
}

fn check(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    hash(Label::RecoveryForm, &[bytes]).first_chunk().copied().unwrap_or_default()
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], RecoveryError> {
    let (taken, left) = rest.split_first_chunk::<N>().ok_or(RecoveryError::Together)?;
    *rest = left;
    Ok(taken)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, RecoveryError> {
    let [length] = *take::<1>(rest)?;
    let (taken, left) = rest.split_at_checked(usize::from(length)).ok_or(RecoveryError::Together)?;
    *rest = left;
    std::str::from_utf8(taken).map_err(|_| RecoveryError::Together)
}

/// The values of a line's data, 0 to 31 each.
fn values_of(bytes: &[u8]) -> Vec<usize> {
    let digits = BASE32HEX_NOPAD.encode(bytes);
    digits
        .chars()
        .filter_map(|digit| digit.to_digit(32))
        .filter_map(|value| usize::try_from(value).ok())
        .collect()
}

/// A line's check: the sum of its values, each times its place, and of the line's number times a place of
/// its own, modulo a prime. Two things each change it for certain, as no product of two numbers that are
/// not multiples of a prime is one: another symbol in one place, and two symbols (or lines) in each
/// other's place. Of anything else it overlooks one in a thousand, for the check of the whole.
fn line_check(line: usize, values: &[usize]) -> usize {
    let weighted = values.iter().enumerate().map(|(at, value)| (at + 1) * value);
    (weighted.sum::<usize>() + (LINE_DATA + 1) * line) % CHECK_MODULUS
}

/// The text's lines: their numbers, where they have some, and their symbols.
fn numbered(text: &str) -> Vec<(Option<usize>, String)> {
    let mut lines: Vec<(Option<usize>, String)> = Vec::new();
    for word in text.replace(" :", ":").split_whitespace() {
        let (number, symbols) = match word.split_once(':') {
            Some((number, symbols)) if is_line_number(number) => (number.parse().ok(), symbols),
            _ => (None, word),
        };
        match (number, lines.last_mut()) {
            (Some(_), _) => lines.push((number, symbols.to_owned())),
            (None, Some((_, line))) => line.push_str(symbols),
            // A title, and whatever else is said before the first line.
            (None, None) => {}
        }
    }
    if !lines.is_empty() {
        return lines;
    }
    let unnumbered = text.lines().map(str::trim).filter(|line| !line.is_empty());
    unnumbered.map(|line| (None, line.split_whitespace().collect())).collect()
}

fn is_line_number(text: &str) -> bool {
    matches!(text.len(), 1..=2) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_line(line: usize, typed: &str) -> Result<Vec<u8>, LineProblem> {
    let mut values = Vec::new();
    for character in typed.chars().filter(|character| *character != '-') {
        let value = match character.to_ascii_uppercase() {
            'O' => Some(0),
            'I' | 'L' => Some(1),
            'U' => ALPHABET.find('V'),
            other => ALPHABET.find(other),
        };
        values.push(value.ok_or(LineProblem::Character(character))?);
    }
    let (data, [high, low]) = match values.split_last_chunk::<2>() {
        Some((data, check)) if data.len() == LINE_DATA => (data, check),
        _ => return Err(LineProblem::Length(values.len())),
    };
    if high * 32 + low != line_check(line, data) {
        return Err(LineProblem::Check);
    }
    let digits = data.iter().filter_map(|value| char::from_digit(u32::try_from(*value).ok()?, 32));
    let digits: String = digits.map(|digit| digit.to_ascii_uppercase()).collect();
    BASE32HEX_NOPAD.decode(digits.as_bytes()).map_err(|_| LineProblem::Check)
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
