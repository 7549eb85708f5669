//! A key file as text: one `field: value` a line, in one order. What differs is an error that names
//! the line; nothing is repaired or guessed.

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::{CostError, KdfCost, KeyFile, SEALED_BYTES};
use crate::wire::{Bytes, BytesError, NameError, Username, strict_base64};

/// Of every key file, before the version.
const FIRST_LINE: &str = "securechat key file ";
/// The version of this text and of all that is derived from it.
const VERSION: &str = "1";
/// The one way from a password to keys.
pub(super) const KDF: &str = "argon2id";
/// The one number of lanes.
pub(super) const LANES: u32 = 1;
/// A key file is some 200 bytes; a file of more than this is something else.
const TEXT_BYTES_MAX: usize = 4096;

/// Why a text is not a key file, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct KeyFileFormatError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: FormatProblem,
}

/// What is wrong with a line of a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FormatProblem {
    /// The first line is not that of a key file.
    #[error("this is not a securechat key file")]
    NotAKeyFile,
    /// A version that this program does not read.
    #[error("this key file is of another version of securechat")]
    OtherVersion,
    /// Another line, or none, where a field should be.
    #[error("expected `{0}: ...`")]
    Expected(&'static str),
    /// Not a username.
    #[error("{0}")]
    Username(NameError),
    /// Another way from password to keys.
    #[error("the only kdf is {KDF}")]
    Kdf,
    /// Not a whole number, or not in its plain form.
    #[error("expected a whole number")]
    Number,
    /// Another number of lanes.
    #[error("the only number of lanes is {LANES}")]
    Lanes,
    /// Too cheap or too dear.
    #[error("{0}")]
    Cost(CostError),
    /// Not base64 of as many bytes.
    #[error("{0}")]
    Bytes(BytesError),
    /// Text after the last field.
    #[error("nothing may follow the last field")]
    AfterTheEnd,
}

impl fmt::Display for KeyFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{FIRST_LINE}{VERSION}")?;
        writeln!(out, "username: {}", self.username)?;
        writeln!(out, "kdf: {KDF}")?;
        writeln!(out, "memory-kib: {}", self.cost.memory_kib)?;
        writeln!(out, "passes: {}", self.cost.passes)?;
        writeln!(out, "lanes: {LANES}")?;
        writeln!(out, "salt: {}", strict_base64::encode(&self.salt.0))?;
        writeln!(out, "sealed: {}", strict_base64::encode(&self.sealed.0))
    }
}

impl FromStr for KeyFile {
    type Err = KeyFileFormatError;

    fn from_str(text: &str) -> Result<Self, KeyFileFormatError> {
        let mut lines = Lines { rest: text.lines(), line: 0 };
        lines.first_line(text.len())?;
        let username: Username =
            lines.field("username", |text| text.parse().map_err(FormatProblem::Username))?;
        lines.field("kdf", |text| if text == KDF { Ok(()) } else { Err(FormatProblem::Kdf) })?;
        // Each half of the cost is judged on its own line, the other being beyond reproach.
        let memory_kib = lines.field("memory-kib", |text| {
            let memory_kib = number(text)?;
            checked(KdfCost { memory_kib, ..KdfCost::default() }).map(|cost| cost.memory_kib)
        })?;
        let passes = lines.field("passes", |text| {
            let passes = number(text)?;
            checked(KdfCost { passes, ..KdfCost::default() }).map(|cost| cost.passes)
        })?;
        lines.field("lanes", |text| match number(text)? {
            LANES => Ok(()),
            _ => Err(FormatProblem::Lanes),
        })?;
        let salt: Bytes<16> = lines.field("salt", bytes)?;
        let sealed: Bytes<SEALED_BYTES> = lines.field("sealed", bytes)?;
        lines.end()?;
        Ok(Self { username, cost: KdfCost { memory_kib, passes }, salt, sealed })
    }
}

/// A number has one form: no sign, no zeros before it.
fn number(text: &str) -> Result<u32, FormatProblem> {
    let number: u32 = text.parse().map_err(|_| FormatProblem::Number)?;
    if number.to_string() == text { Ok(number) } else { Err(FormatProblem::Number) }
}

fn checked(cost: KdfCost) -> Result<KdfCost, FormatProblem> {
    cost.check().map(|()| cost).map_err(FormatProblem::Cost)
}

fn bytes<const N: usize>(text: &str) -> Result<Bytes<N>, FormatProblem> {
    Bytes::try_from(text).map_err(FormatProblem::Bytes)
}

/// The lines, and which one is being read. A line may end as it does on any system.
struct Lines<'a> {
    rest: std::str::Lines<'a>,
    line: usize,
}

impl<'a> Lines<'a> {
    fn first_line(&mut self, text_bytes: usize) -> Result<(), KeyFileFormatError> {
        let line = self.next().filter(|_| text_bytes <= TEXT_BYTES_MAX);
        match line.and_then(|line| line.strip_prefix(FIRST_LINE)) {
            Some(VERSION) => Ok(()),
            Some(_) => Err(self.error(FormatProblem::OtherVersion)),
            None => Err(self.error(FormatProblem::NotAKeyFile)),
        }
    }

    fn field<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, FormatProblem>,
    ) -> Result<T, KeyFileFormatError> {
        let value = self.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let value = value.ok_or_else(|| self.error(FormatProblem::Expected(name)))?;
        parse(value).map_err(|problem| self.error(problem))
    }

    fn end(&mut self) -> Result<(), KeyFileFormatError> {
        match self.next() {
            None => Ok(()),
            Some(_) => Err(self.error(FormatProblem::AfterTheEnd)),
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        self.line += 1;
        self.rest.next()
    }

    fn error(&self, problem: FormatProblem) -> KeyFileFormatError {
        KeyFileFormatError { line: self.line, problem }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "securechat key file 1\nusername: alice\nkdf: argon2id\nmemory-kib: 65536\npasses: 3\n\
        lanes: 1\nsalt: AQEBAQEBAQEBAQEBAQEBAQ==\n\
        sealed: AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC\n";

    #[test]
    fn the_text_is_read_and_written_in_one_form() {
        let file: KeyFile = GOOD.parse().unwrap();
        assert_eq!(file.to_string(), GOOD);
        assert_eq!(file.username().as_str(), "alice");
        assert_eq!(file.cost(), KdfCost::default());
    }

    #[test]
    fn each_problem_is_its_own_error_and_names_its_line() {
        use FormatProblem as P;
        let cases = [
            ("securechat key file 1", "a diary", 1, P::NotAKeyFile),
            ("securechat key file 1", "securechat key file 2", 1, P::OtherVersion),
            ("username: alice", "username: Alice", 2, P::Username(NameError::FirstCharacter)),
            ("username: alice", "name: alice", 2, P::Expected("username")),
            ("username: alice\n", "", 2, P::Expected("username")),
            ("username: alice\n", "username: alice\nusername: bob\n", 3, P::Expected("kdf")),
            ("argon2id", "scrypt", 3, P::Kdf),
            ("65536", "+65536", 4, P::Number),
            ("65536", "065536", 4, P::Number),
            ("65536", "64 MiB", 4, P::Number),
            ("65536", "1024", 4, P::Cost(CostError::BelowFloor)),
            ("65536", "1048577", 4, P::Cost(CostError::AboveCeiling)),
            ("passes: 3", "passes: 1", 5, P::Cost(CostError::BelowFloor)),
            ("passes: 3", "passes: 21", 5, P::Cost(CostError::AboveCeiling)),
            ("lanes: 1", "lanes: 4", 6, P::Lanes),
            ("salt: AQ", "salt: *Q", 7, P::Bytes(BytesError::NotBase64)),
            ("salt: AQEB", "salt: ", 7, P::Bytes(BytesError::Length(16))),
            ("sealed: AgIC", "sealed: ", 8, P::Bytes(BytesError::Length(48))),
            ("sealed: ", "sealed:", 8, P::Expected("sealed")),
            ("AgIC\n", "AgIC\nnote: mine\n", 9, P::AfterTheEnd),
        ];
        for (from, to, line, problem) in cases {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            assert_eq!(text.parse::<KeyFile>(), Err(KeyFileFormatError { line, problem }), "{to}");
        }
        let empty = KeyFileFormatError { line: 1, problem: P::NotAKeyFile };
        assert_eq!("".parse::<KeyFile>(), Err(empty));
        assert_eq!(empty.to_string(), "line 1: this is not a securechat key file");
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_file_or_an_error(text in "(securechat key file 1\n)?(\\PC|\n){0,200}") {
            let _ = text.parse::<KeyFile>();
        }
    }
}
