//! Usernames and pairs of them: parsed once at the edge, never repaired.

use std::{fmt, str::FromStr};

use arrayvec::ArrayString;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::limits::USERNAME_BYTES_MAX;

/// Why a text is not a username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// No characters at all.
    #[error("a username has at least one character")]
    Empty,
    /// More than [`USERNAME_BYTES_MAX`] bytes.
    #[error("a username has at most {USERNAME_BYTES_MAX} characters")]
    TooLong,
    /// A first character other than a letter or a digit.
    #[error("a username begins with a letter a to z or a digit")]
    FirstCharacter,
    /// A later character outside `a-z 0-9 _ . -`.
    #[error("a username has only the letters a to z, digits, and _ . -")]
    Character,
    /// A final dot, which some file systems drop.
    #[error("a username does not end in a dot")]
    FinalDot,
    /// A name that Windows keeps for a device, with or without an extension.
    #[error("that name is reserved by an operating system; please choose another")]
    Device,
    /// A word that answers a question of the client, so nobody can be called by it.
    #[error("that word has a meaning of its own here; please choose another name")]
    Word,
    /// A pair of one name with itself.
    #[error("a pair is two different usernames")]
    SameTwice,
    /// A pair without its `+`.
    #[error("a pair is two usernames joined by +, the lower one first")]
    NotAPair,
}

/// Answers to the client's questions, in each language that it speaks: an inviter of such a name could be
/// accepted by naming them.
const RESERVED_WORDS: [&str; 6] = ["exit", "no", "non", "oui", "quitter", "yes"];

/// A username: `[a-z0-9][a-z0-9_.-]{0,31}`, no final dot, no Windows device name,
/// none of the words that answer a question (`yes`, `no`, `exit`; `oui`, `non`, `quitter`).
///
/// Safe as a file name on every platform, and free of `+`, which joins the names of a pair. It is short
/// enough to be kept in place: a clone costs no memory of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username(ArrayString<USERNAME_BYTES_MAX>);

impl Username {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads what a person typed: surrounding blanks dropped and letters lower-cased, nothing else repaired.
    ///
    /// # Errors
    /// As for parsing.
    pub fn from_typed(text: &str) -> Result<Self, NameError> {
        text.trim().to_ascii_lowercase().parse()
    }
}

impl FromStr for Username {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let bytes = text.as_bytes();
        let Some(first) = bytes.first() else { return Err(NameError::Empty) };
        if bytes.len() > USERNAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        if !(first.is_ascii_lowercase() || first.is_ascii_digit()) {
            return Err(NameError::FirstCharacter);
        }
        let allowed = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(b);
        if !bytes.iter().all(allowed) {
            return Err(NameError::Character);
        }
        if bytes.last() == Some(&b'.') {
            return Err(NameError::FinalDot);
        }
        if is_windows_device(text) {
            return Err(NameError::Device);
        }
        if RESERVED_WORDS.contains(&text) {
            return Err(NameError::Word);
        }
        ArrayString::from(text).map(Self).map_err(|_| NameError::TooLong)
    }
}

/// Windows opens a device for these names, whatever extension follows them.
fn is_windows_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    if matches!(stem, "con" | "prn" | "aux" | "nul") {
        return true;
    }
    let numbered = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    numbered.is_some_and(|rest| rest.len() == 1 && rest.as_bytes().iter().all(u8::is_ascii_digit))
}

impl Serialize for Username {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Username {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl de::Visitor<'_> for Name {
            type Value = Username;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a username")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Username, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Name)
    }
}

impl fmt::Display for Username {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// Two different usernames in byte order, written `alice+bob`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pair {
    lower: Username,
    higher: Username,
}

impl Pair {
    /// The pair of these two, in whatever order they are given.
    ///
    /// # Errors
    /// [`NameError::SameTwice`] when they are one name.
    pub fn new(one: &Username, other: &Username) -> Result<Self, NameError> {
        match one.cmp(other) {
            std::cmp::Ordering::Less => Ok(Self { lower: one.clone(), higher: other.clone() }),
            std::cmp::Ordering::Greater => Ok(Self { lower: other.clone(), higher: one.clone() }),
            std::cmp::Ordering::Equal => Err(NameError::SameTwice),
        }
    }

    /// The name that comes first in byte order.
    #[must_use]
    pub fn lower(&self) -> &Username {
        &self.lower
    }

    /// The name that comes last in byte order.
    #[must_use]
    pub fn higher(&self) -> &Username {
        &self.higher
    }

    /// Whether `name` is one of the two.
    #[must_use]
    pub fn contains(&self, name: &Username) -> bool {
        *name == self.lower || *name == self.higher
    }

    /// The other of the two, or `None` when `name` is neither.
    #[must_use]
    pub fn other(&self, name: &Username) -> Option<&Username> {
        if *name == self.lower {
            Some(&self.higher)
        } else if *name == self.higher {
            Some(&self.lower)
        } else {
            None
        }
    }
}

impl FromStr for Pair {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (lower, higher) = text.split_once('+').ok_or(NameError::NotAPair)?;
        let (lower, higher): (Username, Username) = (lower.parse()?, higher.parse()?);
        if lower < higher { Ok(Self { lower, higher }) } else { Err(NameError::NotAPair) }
    }
}

impl TryFrom<String> for Pair {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Pair> for String {
    fn from(pair: Pair) -> Self {
        pair.to_string()
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}+{}", self.lower, self.higher)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_outside_the_alphabet_is_an_error_and_never_repaired() {
        let cases = [
            ("", NameError::Empty),
            (".a", NameError::FirstCharacter),
            ("-a", NameError::FirstCharacter),
            ("Alice", NameError::FirstCharacter),
            ("a/b", NameError::Character),
            ("../x", NameError::FirstCharacter),
            ("a+b", NameError::Character),
            ("al ice", NameError::Character),
            ("élan", NameError::FirstCharacter),
            ("a\u{301}", NameError::Character),
            ("a.", NameError::FinalDot),
            ("nul", NameError::Device),
            ("com1", NameError::Device),
            ("lpt9.txt", NameError::Device),
            ("yes", NameError::Word),
            ("exit", NameError::Word),
            ("oui", NameError::Word),
            ("quitter", NameError::Word),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Username>(), Err(error), "{text:?}");
        }
        assert_eq!("a".repeat(33).parse::<Username>(), Err(NameError::TooLong));
        assert!("a".repeat(32).parse::<Username>().is_ok());
        assert!("com".parse::<Username>().is_ok());
        assert!("com10".parse::<Username>().is_ok());
    }

    #[test]
    fn what_a_person_types_is_lower_cased_and_nothing_else() {
        assert_eq!(Username::from_typed(" Alice "), Ok(name("alice")));
        assert_eq!(Username::from_typed("al ice"), Err(NameError::Character));
    }

    #[test]
    fn pairs_whose_names_join_to_the_same_letters_are_different() {
        let one = Pair::new(&name("ali"), &name("b")).unwrap();
        let other = Pair::new(&name("a"), &name("lib")).unwrap();
        assert_ne!(one.to_string(), other.to_string());
    }

    #[test]
    fn a_pair_is_read_only_in_its_one_order() {
        assert_eq!("bob+alice".parse::<Pair>(), Err(NameError::NotAPair));
        assert_eq!("bob+bob".parse::<Pair>(), Err(NameError::NotAPair));
        assert_eq!("bob".parse::<Pair>(), Err(NameError::NotAPair));
        let pair = Pair::new(&name("bob"), &name("alice")).unwrap();
        assert_eq!(pair.to_string(), "alice+bob");
        assert_eq!(pair.other(&name("bob")), Some(&name("alice")));
        assert_eq!(pair.other(&name("carol")), None);
        assert!(pair.contains(&name("alice")) && !pair.contains(&name("carol")));
        assert_eq!(Pair::new(&name("bob"), &name("bob")), Err(NameError::SameTwice));
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_or_an_error(text in ".{0,40}") {
            if let Ok(name) = text.parse::<Username>() {
                prop_assert_eq!(name.as_str(), text);
            }
        }

        #[test]
        fn a_pair_survives_being_written(a in "[a-z0-9][a-z0-9_-]{0,31}", b in "[a-z0-9][a-z0-9_-]{0,31}") {
            if let (Ok(a), Ok(b)) = (a.parse::<Username>(), b.parse::<Username>())
                && let Ok(pair) = Pair::new(&a, &b) {
                prop_assert_eq!(pair.to_string().parse::<Pair>(), Ok(pair));
            }
        }
    }
}
