//! docs/JSON.md beside the code: what is said and taken stands in its tables, and nothing else does.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

use super::json::{Asked, Contact, Flaw, Message, Told, Warning};
use crate::client::{Language, phrase::placeholders, words};

type Fields = BTreeMap<String, BTreeSet<String>>;

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The words that stand in backquotes, but for those in parentheses: values, not names.
fn names(cell: &str) -> BTreeSet<String> {
    let mut depth = 0;
    let bare: String = cell
        .chars()
        .filter(|c| {
            depth += i32::from(*c == '(');
            let kept = depth == 0;
            depth -= i32::from(*c == ')');
            kept
        })
        .collect();
    quoted(&bare)
}

fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of the table in this section: its types, and all fields that each has there.
fn table(section: &str) -> Fields {
    let document = document("JSON.md");
    let (_, after) = document.split_once(&format!("\n## {section}\n")).expect("a section");
    let rows = after.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let mut fields = Fields::new();
    for row in rows.filter(|row| !row.starts_with("| `type`")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let kind = quoted(cells[0]).pop_first().unwrap();
        // As above: of a message.
        let mut of = names(cells[1]);
        if kind == "message" && cells[1].contains("as above") {
            of.extend(fields["message"].clone());
        }
        fields.entry(kind).or_default().extend(of);
    }
    fields
}

fn fields_of(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().filter(|name| *name != "type").cloned().collect()
}

fn collect(objects: &[Value]) -> Fields {
    let mut fields = Fields::new();
    for object in objects {
        fields.entry(object["type"].as_str().unwrap().to_owned()).or_default().extend(fields_of(object));
    }
    fields
}

fn message() -> Message {
    let (id, sent) = (Some(String::new()), None);
    Message { id, peer: "bob".into(), from: "bob".into(), own: false, number: 1, sent, text: String::new() }
}

fn contact() -> Contact {
    let name = "bob".to_owned();
    Contact { name, presence: "away", unread: 0, open: false, standing: "none" }
}

/// The next of all that a program can be told: a new variant has no place in the circle until it stands here.
fn next(told: &Told) -> Option<Told> {
    let (id, peer, text, args) = (None::<String>, "bob".to_owned(), String::new(), BTreeMap::new());
    let why = words::NOT_LOGGED_IN.into();
    let bob = "bob".parse().unwrap();
    Some(match told {
        Told::Hello { .. } => Told::Question { number: 1, id: "lobby", secret: false, args, text },
        Told::Question { .. } => Told::NoQuestion {},
        Told::NoQuestion {} => Told::Notice { id: "who", emphasis: "plain", args, text },
        Told::Notice { .. } => Told::Message(message()),
        Told::Message(_) => {
            let (me, server) = (peer, text);
            Told::Overview { me, server, connected: true, focus: None, contacts: vec![contact()] }
        }
        Told::Overview { .. } => Told::Stored { id, peer, number: 1 },
        Told::Stored { .. } => Told::Delivered { id, peer, number: 1 },
        Told::Delivered { .. } => Told::not_sent(id, &bob, &why),
        Told::NotSent { .. } => Told::NotConfirmed { id, peer },
        Told::NotConfirmed { .. } => Told::Who { id, connected: Vec::new(), more: 0 },
        Told::Who { .. } => {
            Told::History { id, peer, messages: vec![message()], warnings: vec![Warning::of(&why)] }
        }
        Told::History { .. } => Told::Flaw(Flaw::of(id, &bob, None, &why)),
        Told::Flaw(_) => Told::More { id },
        Told::More { .. } => Told::Exported { id, peer, messages: 0, flaws: 0 },
        Told::Exported { .. } => Told::Listening {},
        Told::Listening {} => Told::error(id, &why),
        Told::Error { .. } => Told::Ended { status: 0, text: None },
        Told::Ended { .. } => return None,
    })
}

fn all_told() -> Vec<Value> {
    let all = std::iter::successors(Some(Told::hello(None)), next);
    all.map(|told| serde_json::from_str(&told.line()).unwrap()).collect()
}

#[test]
fn every_object_that_a_program_is_told_stands_in_the_document_with_its_fields() {
    let told = all_told();
    assert_eq!(collect(&told), table("What the client says"));
    // What is within them.
    let document = document("JSON.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for (within, of) in [("contacts", "A contact has "), ("warnings", "`warnings` (")] {
        let inner = told.iter().find_map(|object| object.get(within)?.get(0)).unwrap();
        let (_, said) = document.split_once(of).unwrap();
        let said = said.split(['|', ')']).next().unwrap();
        for field in fields_of(inner) {
            assert!(
                quoted(said).contains(&field) || document.contains(&format!("`{field}`")),
                "{field} of {within}"
            );
        }
    }
}

#[test]
fn every_value_of_a_contact_and_of_a_notice_stands_in_the_document() {
    let quoted = quoted(&document("JSON.md"));
    for value in [
        "connected",
        "away",
        "unknown",
        "none",
        "new",
        "known",
        "verified",
        "changed",
        "plain",
        "notice",
        "warning",
    ] {
        assert!(quoted.contains(value), "{value}");
    }
}

#[test]
fn every_object_that_a_program_may_say_stands_in_the_document_with_its_fields() {
    let bob: crate::wire::Username = "bob".parse().unwrap();
    let (id, text) = (Some(String::new()), String::new());
    let all = [
        Asked::Answer { question: 1, text: text.clone() },
        Asked::Send { id: id.clone(), peer: bob.clone(), text: text.clone() },
        Asked::Who { id: id.clone() },
        Asked::History { id: id.clone(), peer: bob.clone(), count: 1 },
        Asked::Export { id, peer: bob, last: None },
        Asked::More {},
        Asked::Command { line: text },
        Asked::Listen {},
        Asked::Quit {},
    ];
    // Who adds one finds this test.
    for asked in &all {
        match asked {
            Asked::Answer { .. } | Asked::Command { .. } | Asked::Send { .. } | Asked::Who { .. } => {}
            Asked::History { .. }
            | Asked::Export { .. }
            | Asked::More {}
            | Asked::Listen {}
            | Asked::Quit {} => {}
        }
    }
    let all: Vec<Value> = all.iter().map(|asked| serde_json::from_str(&asked.line()).unwrap()).collect();
    assert_eq!(collect(&all), table("What the client takes"));
}

/// Sentences that are put together from several.
fn composed() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client/words");
    let sources =
        fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let ids = |source: String| {
        let named = source.split("Phrase::composed(\"").skip(1);
        named.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect::<Vec<_>>()
    };
    sources.flat_map(ids).collect()
}

/// Every sentence but those that the full-screen view says by itself.
fn sentences() -> impl Iterator<Item = (&'static str, &'static str)> {
    words::table(Language::English).iter().copied().filter(|(id, _)| !id.starts_with("view_"))
}

#[test]
fn every_question_stands_in_the_document_and_no_other() {
    // A question ends with a blank. What only a person at a terminal is asked is none for a program.
    let asked: BTreeSet<String> = sentences()
        .filter(|(id, words)| words.ends_with(' ') && !["repeat_password", "several_lines"].contains(id))
        .map(|(id, _)| id.to_owned())
        .collect();
    let document = document("JSON.md");
    let (_, after) = document.split_once("The questions have these ids: ").unwrap();
    let paragraph = after.split("Before\n`key` comes").next().unwrap();
    let said: BTreeSet<String> = names(paragraph);
    assert_eq!(said, asked);
}

#[test]
fn every_reason_of_a_flaw_stands_in_the_document_and_no_other() {
    // Whatever is said of a line that is opened, and whatever an export says of the log it reads.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client");
    let source = |path: &str| fs::read_to_string(folder.join(path)).unwrap();
    let (opener, export) = (source("opener.rs"), source("scripts/export.rs"));
    let (of_the_export, _) = export.split_once("\nimpl App<'_> {").unwrap();
    let said: BTreeSet<String> = [opener.as_str(), of_the_export]
        .iter()
        .flat_map(|source| source.split("words::").skip(1))
        .filter_map(|rest| Some(rest.split_once('(')?.0.to_owned()))
        .collect();
    let all: BTreeSet<String> = sentences().map(|(id, _)| id.to_owned()).collect();
    assert!(said.is_subset(&all), "{:?}", said.difference(&all));
    let document = document("JSON.md");
    let (_, after) = document.split_once("Reasons of `flaw`: ").unwrap();
    assert_eq!(names(after.split("\n\n").next().unwrap()), said);
}

#[test]
fn every_name_in_the_document_is_one_that_there_is() {
    let mut known: BTreeSet<String> = sentences().map(|(id, _)| id.to_owned()).collect();
    known.extend(composed());
    known.extend(sentences().flat_map(|(_, words)| placeholders(words)).map(str::to_owned));
    for (kind, fields) in collect(&all_told()).into_iter().chain(table("What the client takes")) {
        known.insert(kind);
        known.extend(fields);
    }
    let values = "type null yes no name presence unread open standing away unknown none new known verified changed \
                  plain notice warning connected own_code identity new_key code since notices export";
    known.extend(values.split_whitespace().map(str::to_owned));
    let is_name = |word: &&String| word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let unknown: Vec<String> = quoted(&document("JSON.md"))
        .into_iter()
        .filter(|word| is_name(&word))
        .filter(|word| !known.contains(word))
        .collect();
    assert_eq!(unknown, [""; 0]);
}

/// `UPDATE_SENTENCES=1 cargo test --lib document` writes the list anew.
#[test]
fn every_sentence_stands_in_the_list_of_sentences() {
    let rows: String = sentences()
        .map(|(id, words)| {
            let about = placeholders(words).iter().map(|name| format!("`{name}`")).collect::<BTreeSet<_>>();
            let words = words.trim_end().replace('|', "\\|").replace('\n', " / ");
            format!("| `{id}` | {} | {words} |\n", about.into_iter().collect::<Vec<_>>().join(", "))
        })
        .collect();
    let document = document("SENTENCES.md");
    let (head, _) = document.split_once("|---|---|---|\n").unwrap();
    assert_eq!(names(head.split_once("from several:").unwrap().1.split('.').next().unwrap()), composed());
    let wanted = format!("{head}|---|---|---|\n{rows}");
    if std::env::var_os("UPDATE_SENTENCES").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SENTENCES.md"), &wanted).unwrap();
    } else {
        assert!(
            document == wanted,
            "docs/SENTENCES.md is not the list of sentences: UPDATE_SENTENCES=1 writes it"
        );
    }
}
