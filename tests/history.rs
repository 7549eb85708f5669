//! `securechat client history`: what two people said, written out whole, by the client that runs and without
//! one; as text that forges nothing, and as JSON that docs/JSON.md describes.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

#[path = "history/broken.rs"]
mod broken;
#[path = "evil_text/payloads.rs"]
mod payloads;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use chrono::{DateTime, Local, TimeDelta, Utc};
use common::{TestClient, TestServer, open_conversation, password_of, securechat};
use serde_json::{Value, json};

/// `securechat client history PEER ...` of this person.
fn history(server: &TestServer, name: &str, arguments: &[&str]) -> Command {
    let mut command = securechat();
    command.args(["client", "history"]).args(arguments);
    command.args(["--host", &server.host(), "--server-key", server.key()]);
    command.arg("--home").arg(server.home_of(name)).args(["--retry", "0"]);
    command
}

/// The same with what a login needs.
fn history_alone(server: &TestServer, name: &str, arguments: &[&str]) -> Command {
    let mut command = history(server, name, arguments);
    command.args(["--user", name]).arg("--password-file").arg(password_file(
        server,
        name,
        &password_of(name),
    ));
    command
}

fn password_file(server: &TestServer, name: &str, password: &str) -> PathBuf {
    let path = server.home_of(name).join("password");
    fs::write(&path, format!("{password}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// What it wrote, when it went well and had nothing else to say.
fn written(command: Command) -> String {
    let output = run(command);
    assert_eq!((output.status.code(), errors(&output).as_str()), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The objects of an export, as docs/JSON.md describes them: `hello`, then what was said, then `exported`.
fn objects(text: &str) -> (Vec<Value>, Value) {
    let mut all: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let hello = all.remove(0);
    assert_eq!((&hello["type"], &hello["version"]), (&json!("hello"), &json!(1)), "{hello}");
    let exported = all.pop().unwrap();
    assert_eq!(exported["type"], "exported", "{exported}");
    (all, exported)
}

/// Who said what, of the messages of a JSON export.
fn said_in_json(text: &str) -> Vec<(String, String)> {
    let text_of = |value: &Value| value.as_str().unwrap().to_owned();
    let (all, exported) = objects(text);
    assert_eq!((&exported["messages"], &exported["flaws"]), (&json!(all.len()), &json!(0)), "{exported}");
    all.iter().map(|message| (text_of(&message["from"]), text_of(&message["text"]))).collect()
}

/// Who said what, of the messages of an export as text.
fn said_in_text(text: &str) -> Vec<(String, String)> {
    let messages =
        text.lines().filter_map(|line| line.strip_prefix('[')?.split_once("] ")?.1.split_once(": "));
    messages.map(|(from, text)| (from.to_owned(), text.to_owned())).collect()
}

fn owned(said: &[(&str, &str)]) -> Vec<(String, String)> {
    said.iter().map(|(from, text)| ((*from).to_owned(), (*text).to_owned())).collect()
}

const SAID: [(&str, &str); 6] = [
    ("alice", "under the first key"),
    ("bob", "so it is"),
    ("alice", "and one more"),
    ("bob", "under the second key"),
    ("alice", "both of us"),
    ("bob", "grüße 👋"),
];

/// Two people who said [`SAID`] under two keys, in conversation.
fn two_who_talked(server: &TestServer) -> (TestClient, TestClient) {
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    for (at, (from, text)) in SAID.iter().enumerate() {
        if at == 3 {
            alice.types("/rekey");
            for client in [&mut alice, &mut bob] {
                client.is_asked_about_the_key();
            }
            alice.types("yes");
            bob.types("yes");
            for client in [&mut alice, &mut bob] {
                client.sees("goes on under key number 2");
            }
        }
        match *from {
            "alice" => alice.says_to(&mut bob, text),
            _ => bob.says_to(&mut alice, text),
        }
    }
    (alice, bob)
}

#[test]
fn all_that_both_said_under_two_keys_is_written_by_the_client_that_runs_which_goes_on() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = two_who_talked(&server);
    for (name, peer) in [("alice", "bob"), ("bob", "alice")] {
        assert_eq!(said_in_json(&written(history(&server, name, &[peer, "--json"]))), owned(&SAID));
        assert_eq!(said_in_text(&written(history(&server, name, &[peer, "--text"]))), owned(&SAID));
    }
    alice.says_to(&mut bob, "still here");
    bob.says_to(&mut alice, "so am I");
    let both = written(history(&server, "alice", &["bob"]));
    assert_eq!(said_in_text(&both).len(), SAID.len() + 2, "{both}");
    alice.never_saw("WARNING");
}

#[test]
fn without_a_client_it_logs_in_by_itself_and_what_is_unread_stays_unread() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = two_who_talked(&server);
    alice.leaves(&mut bob);
    alice.logs_out();
    bob.types("/with alice");
    bob.sees("alice is not connected; what you type waits for them");
    bob.types("for later");
    let mut all = owned(&SAID);
    all.push(("bob".into(), "for later".into()));
    for _ in 0..2 {
        let output = run(history_alone(&server, "alice", &["bob", "--json"]));
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        assert!(errors(&output).starts_with("note: no client of alice runs here"), "{}", errors(&output));
        assert_eq!(said_in_json(&String::from_utf8(output.stdout).unwrap()), all);
    }
    let mut alice = server.client("alice");
    alice.says_who_they_are("alice", &password_of("alice"));
    alice.sees("1 unread from bob");
}

#[test]
fn a_machine_that_has_only_the_key_file_writes_all_of_it() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = two_who_talked(&server);
    alice.leaves(&mut bob);
    alice.logs_out();
    // Nobody else is there, and nothing is remembered.
    drop(bob);
    fs::remove_file(server.folder_of("alice").join("alice.pins")).unwrap();
    let output = run(history_alone(&server, "alice", &["bob"]));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(said_in_text(&String::from_utf8(output.stdout).unwrap()), owned(&SAID));
}

#[test]
fn a_long_conversation_comes_in_parts_and_nothing_of_it_is_lost_between_them() {
    const MESSAGES: usize = 2_345;
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let long = "x".repeat(16 * 1024);
    let said: Vec<String> = (0..MESSAGES)
        .map(|n| if n % 50 == 7 { format!("{n} {}", &long[6..]) } else { n.to_string() })
        .collect();
    sends_all(&server, "bob", "alice", &said);
    let whole = written(history(&server, "alice", &["bob", "--json"]));
    let expected: Vec<_> = said.iter().map(|text| ("bob".to_owned(), text.clone())).collect();
    assert_eq!(said_in_json(&whole), expected);
    let last = written(history(&server, "alice", &["bob", "--json", "--last", "1500"]));
    assert_eq!(said_in_json(&last), expected[MESSAGES - 1500..]);
    // The last of those between two times are looked for twice.
    let first = written(history(&server, "alice", &["bob", "--json", "--since", "1d", "--last", "1500"]));
    assert_eq!(first, last);
    alice.says_to(&mut bob, "and here we are");
}

/// Sends these by the private socket of a running client, and waits until the last is stored.
fn sends_all(server: &TestServer, name: &str, peer: &str, texts: &[String]) {
    let stream = UnixStream::connect(server.folder_of(name).join(format!("{name}.sock"))).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    // Some at a time, so that what is told of them is read.
    for some in texts.chunks(200) {
        for text in some {
            writeln!(&stream, "{}", json!({ "type": "send", "peer": peer, "text": text })).unwrap();
        }
        for _ in some {
            let stored = lines.find(|line| line.contains("\"stored\"") || line.contains("not_sent")).unwrap();
            assert!(stored.contains("\"stored\""), "{stored}");
        }
    }
}

#[test]
fn since_until_and_last_choose_by_when_it_was_sent() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = two_who_talked(&server);
    let (all, _) = objects(&written(history(&server, "alice", &["bob", "--json"])));
    let sent: Vec<DateTime<Utc>> =
        all.iter().map(|message| message["sent"].as_str().unwrap().parse().unwrap()).collect();
    let chosen = |arguments: &[&str]| {
        let mut all = vec!["bob", "--json"];
        all.extend(arguments);
        said_in_json(&written(history(&server, "alice", &all)))
    };
    let at = |of: usize| sent[of].to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    // Two answers can be of one millisecond.
    let within = |first: usize, last: usize| {
        let all = SAID.iter().zip(&sent).filter(|(_, at)| (sent[first]..=sent[last]).contains(at));
        owned(&all.map(|(said, _)| *said).collect::<Vec<_>>())
    };
    assert!(sent[0] < sent[5] && within(1, 4).len() >= 4, "{sent:?}");
    assert_eq!(chosen(&["--since", &at(2)]), within(2, 5));
    assert_eq!(chosen(&["--until", &at(2)]), within(0, 2));
    assert_eq!(chosen(&["--since", &at(1), "--until", &at(4)]), within(1, 4));
    let last_two = within(1, 4).split_off(within(1, 4).len() - 2);
    assert_eq!(chosen(&["--since", &at(1), "--until", &at(4), "--last", "2"]), last_two);
    assert_eq!(chosen(&["--last", "2"]), owned(&SAID[4..]));
    assert_eq!(chosen(&["--last", "200"]), owned(&SAID));
    assert_eq!(chosen(&["--since", "1h"]), owned(&SAID));
    let day = |from_now: i64| (Local::now() + TimeDelta::days(from_now)).format("%Y-%m-%d").to_string();
    assert_eq!(chosen(&["--since", &day(-1), "--until", &day(1)]), owned(&SAID));
    assert_eq!(chosen(&["--until", &day(-2)]), owned(&[]));
    assert_eq!(chosen(&["--since", &day(2)]), owned(&[]));
    for wrong in [["--since", "yesterday"], ["--until", "2026-02-30"]] {
        let output = run(history(&server, "alice", &["bob", wrong[0], wrong[1]]));
        assert_eq!(output.status.code(), Some(64));
        assert!(
            errors(&output).contains("give a day as in 2026-11-01, a minute as in"),
            "{}",
            errors(&output)
        );
    }
    let output = run(history(&server, "alice", &["bob", "--since", &day(0), "--until", &day(-1)]));
    assert_eq!(output.status.code(), Some(64));
    assert!(errors(&output).contains("the first is not before the second"), "{}", errors(&output));
    alice.says_to(&mut bob, "still here");
}

#[test]
fn evil_text_forges_no_line_and_reaches_no_terminal() {
    let server = TestServer::starts();
    let (_alice, _bob) = server.two_in_conversation("alice", "bob");
    let mut evil = payloads::all();
    evil.push("one\n[14:03] bob: FORGED\n--- Monday 2 November 2026 ---\nWARNING: FORGED".into());
    evil.retain(|text| !text.is_empty());
    sends_all(&server, "bob", "alice", &evil);
    let text = written(history(&server, "alice", &["bob"]));
    let shown = |c: char| c == '\n' || !c.is_control();
    assert!(text.chars().all(shown), "{:?}", text.chars().find(|c| !shown(*c)));
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("--- ") && first.ends_with(" ---"), "{first}");
    let lines = || text.lines().skip(1);
    assert!(lines().all(|line| line.starts_with('[') || line.starts_with("      | ")), "{text}");
    assert_eq!(lines().filter(|line| line.starts_with('[')).count(), evil.len());
    let exact: Vec<String> = said_in_json(&written(history(&server, "alice", &["bob", "--json"])))
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(exact, evil);
}

#[test]
fn a_file_is_private_whole_and_replaces_nothing_unless_told() {
    let server = TestServer::starts();
    let (_alice, _bob) = two_who_talked(&server);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("with bob.txt");
    let into = |file: &Path, force: &[&str]| {
        let mut arguments = vec!["bob", "-o", file.to_str().unwrap()];
        arguments.extend(force);
        run(history(&server, "alice", &arguments))
    };
    let output = into(&file, &[]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{}", errors(&output));
    assert_eq!(
        errors(&output),
        format!("written to {}, for you only; messages with bob: 6\n", file.display())
    );
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(said_in_text(&fs::read_to_string(&file).unwrap()), owned(&SAID));

    // What is there stays as it is: a file, a link to nowhere, a link to a file.
    fs::write(&file, "mine").unwrap();
    let (nowhere, link) = (folder.path().join("nowhere"), folder.path().join("link"));
    symlink(folder.path().join("not there"), &nowhere).unwrap();
    symlink(&file, &link).unwrap();
    for taken in [&file, &nowhere, &link] {
        let output = into(taken, &[]);
        assert_eq!(output.status.code(), Some(74));
        assert!(errors(&output).contains("is there already; it is left as it is"), "{}", errors(&output));
        assert!(errors(&output).contains("hint: name another file, or give --force"), "{}", errors(&output));
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert!(!folder.path().join("not there").exists());

    // Told to, it takes the place of the link, and not of what that leads to.
    assert_eq!(into(&link, &["--force"]).status.code(), Some(0));
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(into(&file, &["--force"]).status.code(), Some(0));
    assert_eq!(said_in_text(&fs::read_to_string(&file).unwrap()), owned(&SAID));
    let output = into(folder.path(), &["--force"]);
    assert_eq!(output.status.code(), Some(74));
    assert!(errors(&output).contains("is a folder or a device, and no file"), "{}", errors(&output));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn a_reader_who_has_enough_ends_it_quietly() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    let said: Vec<String> = (0..3_000).map(|n| format!("{n} {}", "x".repeat(1_000))).collect();
    sends_all(&server, "bob", "alice", &said);
    let ends_quietly = |mut command: Command| {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 4];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), errors(&output))
    };
    assert_eq!(ends_quietly(history(&server, "alice", &["bob"])), (Some(74), String::new()));
    alice.says_to(&mut bob, "still here");
    alice.leaves(&mut bob);
    alice.logs_out();
    let (status, said) = ends_quietly(history_alone(&server, "alice", &["bob"]));
    assert_eq!(status, Some(74));
    assert!(said.starts_with("note: no client of alice") && said.lines().count() == 1, "{said}");
}

#[test]
fn whom_there_is_nothing_with_is_said_with_the_next_step() {
    let server = TestServer::starts();
    let (mut alice, bob) = server.registers_two("alice", "bob");
    let (folder, file) = (tempfile::tempdir().unwrap(), "none.txt");
    let path = folder.path().join(file);
    for (peer, said) in [
        (
            "bob",
            "no history: you and bob have agreed on no key yet, so there is nothing between you; the first \
                 meeting needs both: start the client and name bob",
        ),
        ("carol", "no history: carol is unknown: nobody has an account of that name"),
        ("alice", "no history: that is you; name somebody else"),
    ] {
        let output = run(history(&server, "alice", &[peer, "-o", path.to_str().unwrap()]));
        assert_eq!((output.status.code(), output.stdout.len()), (Some(69), 0));
        assert_eq!(errors(&output), format!("error: {said}\n"));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // A key, and nothing said yet: that is whole.
    let mut bob = bob;
    open_conversation(&mut alice, &mut bob);
    assert_eq!(written(history(&server, "alice", &["bob"])), "");
    assert_eq!(said_in_json(&written(history(&server, "alice", &["bob", "--json"]))), owned(&[]));
    alice.leaves(&mut bob);
    alice.logs_out();

    let wrong = password_file(&server, "alice", "another password");
    let mut command = history(&server, "alice", &["bob"]);
    command.arg("--password-file").arg(&wrong);
    let output = run(command);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(77), 0));
    assert!(errors(&output).contains("error: wrong username or password"), "{}", errors(&output));
    let output = run(history(&server, "alice", &["bob"]));
    assert_eq!(output.status.code(), Some(64), "{}", errors(&output));
    assert!(errors(&output).contains("nobody is here to answer: Password:"), "{}", errors(&output));
}

#[test]
fn it_speaks_french_to_who_does() {
    let server = TestServer::starts();
    let (_alice, _bob) = two_who_talked(&server);
    let text = written(history(&server, "alice", &["bob", "--language", "fr"]));
    let day = text.lines().next().unwrap();
    assert!(
        ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"]
            .iter()
            .any(|name| day.to_lowercase().contains(name)),
        "{day}"
    );
    let output = run(history(&server, "alice", &["carol", "--language", "fr"]));
    assert!(errors(&output).starts_with("erreur\u{a0}: pas d’historique\u{a0}: "), "{}", errors(&output));
}
