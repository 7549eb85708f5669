//! Who may make an account at a server, and the one-time code that lets somebody in.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::bytes::Bytes;

/// The random bytes of a code: 80 bits, which nobody guesses, neither at the server nor at the hash it keeps.
const CODE_BYTES: usize = 10;

/// A code's letters and digits, as it is written.
const CODE_CHARACTERS: usize = 16;

/// They are written in groups of so many.
const GROUP_CHARACTERS: usize = 4;

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Anybody.
    #[default]
    Open,
    /// Whoever has a one-time invitation code.
    Invite,
    /// Nobody.
    Closed,
}

/// A one-time invitation code, written `abcd-efgh-ijkl-mnop`. Never in a log: its `Debug` is redacted.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InvitationCode(Bytes<CODE_BYTES>);

/// Why a text is no invitation code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an invitation code has {CODE_CHARACTERS} letters and digits from 2 to 7, as in abcd-efgh-ijkl-mnop")]
pub struct InvitationCodeError;

impl InvitationCode {
    /// The code of these random bytes.
    #[must_use]
    pub fn new(random: [u8; CODE_BYTES]) -> Self {
        Self(Bytes(random))
    }

    /// Its bytes, to be hashed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; CODE_BYTES] {
        self.0.as_bytes()
    }
}

impl FromStr for InvitationCode {
    type Err = InvitationCodeError;

    /// Reads what a person typed or pasted: case, spaces and dashes say nothing.
    fn from_str(typed: &str) -> Result<Self, InvitationCodeError> {
        let said = typed.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let letters: String = said.take(CODE_CHARACTERS + 1).map(|c| c.to_ascii_uppercase()).collect();
        let bytes = BASE32_NOPAD.decode(letters.as_bytes()).map_err(|_| InvitationCodeError)?;
        bytes.try_into().map(|bytes| Self(Bytes(bytes))).map_err(|_| InvitationCodeError)
    }
}

impl fmt::Display for InvitationCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, letter) in BASE32_NOPAD.encode(self.as_bytes()).to_ascii_lowercase().chars().enumerate() {
            if at > 0 && at % GROUP_CHARACTERS == 0 {
                out.write_str("-")?;
            }
            write!(out, "{letter}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for InvitationCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("InvitationCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed_and_nothing_else_is_one() {
        let code = InvitationCode::new([0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x11, 0x22]);
        let text = code.to_string();
        assert_eq!(text.len(), CODE_CHARACTERS + 3);
        for typed in [text.clone(), text.to_uppercase(), text.replace('-', ""), format!(" {text} ")] {
            assert_eq!(typed.parse(), Ok(code), "{typed}");
        }
        for typed in ["", "abcd", "abcd-efgh-ijkl-mno1", &format!("{text}a"), "älcd-efgh-ijkl-mnop"] {
            assert_eq!(typed.parse::<InvitationCode>(), Err(InvitationCodeError), "{typed}");
        }
    }

    #[test]
    fn a_code_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", InvitationCode::new([7; 10])), "InvitationCode(..)");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes: [u8; CODE_BYTES]) {
            let code = InvitationCode::new(bytes);
            prop_assert_eq!(code.to_string().parse(), Ok(code));
        }

        #[test]
        fn any_text_is_a_code_or_an_error(typed in ".{0,40}") {
            let _ = typed.parse::<InvitationCode>();
        }
    }
}
