//! The words that a person answers with. English is always understood, French where it is spoken.

use super::Language;

/// Whether it is a yes.
pub(in crate::client) fn is_yes(typed: &str) -> bool {
    is(typed, &["yes", "y"], &["oui", "o"])
}

/// Whether it is a no.
pub(in crate::client) fn is_no(typed: &str) -> bool {
    is(typed, &["no", "n"], &["non"])
}

/// Whether it is the wish to go on with what was written.
pub(in crate::client) fn is_edit(typed: &str) -> bool {
    is(typed, &["edit", "e"], &["modifier", "m"])
}

/// Whether it is the word that leaves: alone on its line, in small letters.
pub(in crate::client) fn is_exit(typed: &str) -> bool {
    let word = typed.trim();
    word == "exit" || (Language::spoken() == Language::French && word == "quitter")
}

fn is(typed: &str, english: &[&str], french: &[&str]) -> bool {
    let word = typed.trim().to_lowercase();
    let known = |words: &[&str]| words.contains(&word.as_str());
    known(english) || (Language::spoken() == Language::French && known(french))
}
