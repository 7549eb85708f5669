//! The language that a person is spoken to in: chosen once, at the start.

use std::{
    str::FromStr,
    sync::atomic::{AtomicU8, Ordering},
};

use clap::ValueEnum;
use serde::Deserialize;

/// A language that the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
pub enum Language {
    /// English, whose questions are the contract with scripts
    #[default]
    #[value(name = "en")]
    #[serde(rename = "en")]
    English,
    /// French
    #[value(name = "fr")]
    #[serde(rename = "fr")]
    French,
}

/// What is spoken now: the one thing that all of the client shares.
static SPOKEN: AtomicU8 = AtomicU8::new(Language::English as u8);

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    /// The language of the environment: the first of these variables that is set and not empty decides,
    /// as POSIX has it. English unless that names French.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
        locale.and_then(|locale| locale.parse().ok()).unwrap_or_default()
    }

    /// From now on this is spoken.
    pub fn speak(self) {
        SPOKEN.store(self as u8, Ordering::Relaxed);
    }

    /// What is spoken.
    #[must_use]
    pub fn spoken() -> Self {
        let spoken = SPOKEN.load(Ordering::Relaxed);
        Self::ALL.into_iter().find(|language| *language as u8 == spoken).unwrap_or_default()
    }
}

/// A locale in none of our languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherLanguage;

impl FromStr for Language {
    type Err = OtherLanguage;

    /// Reads the name of a locale: `fr`, `fr_FR.UTF-8`, `fr-CA`.
    fn from_str(locale: &str) -> Result<Self, OtherLanguage> {
        match locale.split(['_', '-', '.', '@']).next().unwrap_or(locale) {
            "fr" => Ok(Self::French),
            "en" | "C" | "POSIX" => Ok(Self::English),
            _ => Err(OtherLanguage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Language {
        let find = |name: &str| variables.iter().find(|(of, _)| *of == name);
        Language::of_environment(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_first_variable_that_says_something_decides() {
        for french in ["fr", "fr_FR.UTF-8", "fr_CA", "fr-BE", "fr_FR@euro"] {
            assert_eq!(of(&[("LANG", french)]), Language::French, "{french}");
        }
        for other in
            ["", "C", "C.UTF-8", "POSIX", "en_US.UTF-8", "de_DE.UTF-8", "french", "frr_DE", "\u{fffd}"]
        {
            assert_eq!(of(&[("LANG", other)]), Language::English, "{other}");
        }
        assert_eq!(of(&[]), Language::English);
        assert_eq!(of(&[("LC_ALL", "C"), ("LC_MESSAGES", "fr_FR"), ("LANG", "fr_FR")]), Language::English);
        assert_eq!(of(&[("LC_ALL", ""), ("LC_MESSAGES", "fr_FR"), ("LANG", "de_DE")]), Language::French);
        assert_eq!(of(&[("LC_MESSAGES", "en_GB"), ("LANG", "fr_FR")]), Language::English);
    }
}
