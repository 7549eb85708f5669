//! That the catalogue is whole: read from the source, so that no sentence can be left out.

use std::{collections::BTreeSet, fs, path::Path};

use super::*;
use crate::client::phrase::placeholders;

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
    assert!(said.len() > 100, "{}", said.len());
    for (id, names) in &said {
        let Some((_, words)) = english::TABLE.iter().find(|(of, _)| of == id) else {
            panic!("no words for {id}");
        };
        let places: BTreeSet<String> = placeholders(words).into_iter().map(str::to_owned).collect();
        assert_eq!(&places, names, "the placeholders of {id}, and what it is said with");
    }
}

#[test]
fn every_sentence_with_words_is_said_and_no_id_stands_twice() {
    let said: BTreeSet<String> = said().into_iter().map(|(id, _)| id).collect();
    let mut seen = BTreeSet::new();
    for (id, _) in english::TABLE {
        assert!(said.contains(*id), "{id} is never said");
        assert!(seen.insert(*id), "{id} stands twice");
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
