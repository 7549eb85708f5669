//! That the catalogue is whole: read from the source, so that no sentence can be left out.

use std::{collections::BTreeSet, fs, path::Path};

use unicode_width::UnicodeWidthStr;

use super::*;
use crate::{
    client::phrase::placeholders,
    crypto::{
        agreement::AgreementError as A,
        key_file::{CostError, FormatProblem as P, KeyFileError},
        random::RandomError,
        session::SessionError,
    },
    transport::TransportError as T,
    wire::{BytesError, InvitationCodeError, NameError as N},
};

const TABLES: [(Language, &[(&str, &str)]); 2] =
    [(Language::English, english::TABLE), (Language::French, french::TABLE)];

/// Every use of a sentence in the source of `words`: its id, and the names of what it is about.
fn said() -> Vec<(String, BTreeSet<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client");
    let mut files = vec![folder.join("words.rs")];
    files.extend(fs::read_dir(folder.join("words")).unwrap().map(|entry| entry.unwrap().path()));
    files.retain(|path| path.file_name().is_some_and(|name| name != "tests.rs"));
    files.iter().flat_map(|path| said_in(&fs::read_to_string(path).unwrap())).collect()
}

fn said_in(source: &str) -> Vec<(String, BTreeSet<String>)> {
    let source = source.split("#[cfg(test)]\nmod").next().unwrap();
    let sentences = source.split("= Sentence(").skip(1).map(arguments);
    let phrases = source.split("say!(").skip(1).filter(|call| !call.starts_with('@')).map(arguments);
    let uses = sentences.chain(phrases).map(|all| {
        let mut all = all.into_iter().map(|argument| argument.split('=').next().unwrap().trim().to_owned());
        let id = all.next().unwrap();
        (id.trim_matches('"').to_owned(), all.filter(|name| !name.is_empty()).collect())
    });
    uses.collect()
}

/// The arguments of a call, from behind its opening parenthesis.
fn arguments(call: &str) -> Vec<String> {
    let (mut all, mut depth) = (vec![String::new()], 0);
    for c in call.chars() {
        match c {
            ')' if depth == 0 => break,
            ',' if depth == 0 => all.push(String::new()),
            c => {
                depth += i32::from(c == '(') - i32::from(c == ')');
                all.last_mut().unwrap().push(c);
            }
        }
    }
    all
}

#[test]
fn every_sentence_that_is_said_has_words_with_a_place_for_all_it_is_about() {
    let said = said();
    assert!(said.len() > 200, "{}", said.len());
    for (language, table) in TABLES {
        for (id, names) in &said {
            let Some((_, words)) = table.iter().find(|(of, _)| of == id) else {
                panic!("no words for {id} in {language:?}");
            };
            let places: BTreeSet<String> = placeholders(words).into_iter().map(str::to_owned).collect();
            assert_eq!(&places, names, "the placeholders of {id} in {language:?}, and what it is said with");
        }
    }
}

#[test]
fn every_sentence_with_words_is_said_and_no_id_stands_twice() {
    let said: BTreeSet<String> = said().into_iter().map(|(id, _)| id).collect();
    for (language, table) in TABLES {
        let mut seen = BTreeSet::new();
        for (id, _) in table {
            assert!(said.contains(*id), "{id} is never said");
            assert!(seen.insert(*id), "{id} stands twice in {language:?}");
        }
    }
}

#[test]
fn the_languages_have_the_same_form_and_no_words_of_each_other() {
    for (id, french) in french::TABLE {
        let english = template(id, Language::English);
        for ends in [' ', '\n'] {
            assert_eq!(english.ends_with(ends), french.ends_with(ends), "{id}");
        }
        let bare = |c: char| c.is_alphabetic();
        let only_places = !english
            .split(['{', '}'])
            .step_by(2)
            .flat_map(str::split_whitespace)
            .any(|word| !word.contains('/') && word.contains(bare));
        assert!(only_places || english != *french, "{id} is not translated");
        // What is typed on a screen of 80 columns is read there.
        if *id == "help" {
            let wide = french.lines().chain(english.lines()).find(|line| line.width() > 80);
            assert_eq!(wide, None);
        }
    }
}

#[test]
fn french_marks_stand_apart_from_their_words() {
    let all = french::TABLE.iter().map(|(_, words)| *words).chain(reasons::all_in_french());
    for words in all {
        let prose =
            words.split('`').step_by(2).collect::<String>().replace("{de:", "{").replace("{que:", "{");
        let marks = prose.char_indices().filter(|(_, c)| matches!(c, ':' | ';' | '?' | '!' | '»'));
        for (at, mark) in marks {
            assert!(prose[..at].ends_with(' '), "a space before {mark} in {words:?}");
        }
        assert!(!words.contains(['\u{a0}', '\u{202f}', '’', '…']), "typed as on a keyboard: {words:?}");
    }
}

/// The fixed words of every error that a person may be shown.
fn fixed_words() -> Vec<String> {
    let names = [N::Empty, N::TooLong, N::FirstCharacter, N::Character, N::FinalDot, N::Device, N::Word];
    let mut all: Vec<String> = names.iter().map(ToString::to_string).collect();
    all.extend([N::SameTwice, N::NotAPair].iter().map(ToString::to_string));
    all.push(InvitationCodeError.to_string());
    let agreements = [A::OwnIdentity, A::Signature, A::Commitment, A::LowOrder, A::Kem, A::Epoch];
    all.extend(agreements.iter().chain(&[A::OtherKey, A::OtherPair]).map(ToString::to_string));
    all.extend([A::Random(RandomError).to_string(), SessionError::Exhausted.to_string()]);
    all.extend([CostError::BelowFloor, CostError::AboveCeiling].iter().map(ToString::to_string));
    all.push(KeyFileError::WrongPassword.to_string());
    let problems = [P::NotAKeyFile, P::OtherVersion, P::Kdf, P::Number, P::Lanes, P::AfterTheEnd];
    all.extend(problems.iter().chain(&[P::Bytes(BytesError::NotBase64)]).map(ToString::to_string));
    let transports = [T::TimedOut, T::NotTls, T::NotSecurechat, T::OtherVersion, T::NoAuthorities(None)];
    all.extend(transports.iter().chain(&[T::Closed]).map(ToString::to_string));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client");
    for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
    {
        let source = fs::read_to_string(file).unwrap();
        let breaches = source.split("ClientError::Protocol(\"").skip(1);
        all.extend(breaches.map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    all
}

#[test]
fn every_reason_is_known_in_french() {
    let all = fixed_words();
    assert!(all.len() > 45, "{}", all.len());
    for words in all {
        assert!(reasons::in_french(&words).is_some(), "no French for {words:?}");
    }
}

#[test]
fn the_uses_of_sentences_are_read_right() {
    let source =
        r#"const A: Sentence = Sentence("a"); fn b() { say!("b", peer, path = shown(path, 1), n = x) }"#;
    let read = said_in(source);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(read, [("a".to_owned(), names(&[])), ("b".to_owned(), names(&["peer", "path", "n"]))]);
}
