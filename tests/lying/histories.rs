//! Histories that are written out of logs that the operator edited: whatever was done is named in its place, and
//! told by the exit status.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output, Stdio},
};

use chrono::Utc;
use data_encoding::BASE64;
use securechat::wire::{Body, Entry, Event, Request};
use serde_json::Value;

use crate::{
    common::{TestClient, TestServer, password_of, securechat},
    liar::Liar,
    stored::{LogLine, edit_log, forgets, server_with_a_conversation},
};

const MISSING_BEFORE_3: &str = "WARNING: one or more messages of alice before number 3 are missing";

fn history(server: &TestServer, name: &str, arguments: &[&str], locale: &str) -> Output {
    let file = server.home_of(name).join("password");
    fs::write(&file, format!("{}\n", password_of(name))).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command: Command = securechat();
    command.args(["client", "history"]).args(arguments);
    command.args(["--host", &server.host(), "--server-key", server.key()]);
    command.arg("--home").arg(server.home_of(name)).arg("--password-file").arg(file);
    command.env("LANG", locale).output().unwrap()
}

/// What bob, who remembers nothing, gets written of a changed log: the lines without days and times.
fn written_of(change: impl FnOnce(&mut Vec<LogLine>)) -> Vec<String> {
    let mut server = server_with_a_conversation();
    edit_log(&mut server, change);
    forgets(&server, "bob");
    let text = history(&server, "bob", &["alice"], "C");
    let objects = history(&server, "bob", &["alice", "--json"], "C");
    let lines: Vec<String> = String::from_utf8(text.stdout)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with("--- "))
        .map(|line| line.split_once("] ").map_or(line, |(_, said)| said).to_owned())
        .collect();
    let flaws = lines.iter().filter(|line| line.starts_with("WARNING: ")).count();
    let errors = String::from_utf8(text.stderr).unwrap();
    let said = format!(
        "error: the history with alice is not whole; missing or wrong, each named in its place: {flaws}; \
         messages: {}\n",
        lines.len() - flaws
    );
    let status = if flaws == 0 { 0 } else { 65 };
    assert_eq!((text.status.code(), objects.status.code()), (Some(status), Some(status)), "{errors}");
    assert_eq!(errors.contains(&said), flaws > 0, "{errors}");
    assert_eq!(told(&String::from_utf8(objects.stdout).unwrap()), lines);
    lines
}

/// The same of an export in JSON.
fn told(text: &str) -> Vec<String> {
    let objects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let words = |object: &Value, name: &str| object[name].as_str().unwrap().to_owned();
    let told = objects.iter().filter_map(|object| match object["type"].as_str().unwrap() {
        "message" => Some(format!("{}: {}", words(object, "from"), words(object, "text"))),
        "flaw" => {
            assert!(object["number"].is_u64() && object["reason"].is_string(), "{object}");
            Some(words(object, "text"))
        }
        _ => None,
    });
    let told: Vec<String> = told.collect();
    let flaws = told.iter().filter(|line| line.starts_with("WARNING: ")).count();
    let last = objects.last().unwrap();
    assert_eq!((last["type"].as_str(), last["flaws"].as_u64()), (Some("exported"), Some(flaws as u64)));
    told
}

#[test]
fn a_flaw_is_told_in_the_language_of_who_asked_whatever_the_client_that_runs_speaks() {
    const FRENCH: &str = "ATTENTION\u{a0}: un ou plusieurs messages d’alice avant le numéro 3 manquent";
    let mut server = server_with_a_conversation();
    edit_log(&mut server, |lines| drop(lines.remove(2)));
    forgets(&server, "bob");
    for (runs, asks, flaw) in [("fr_FR", "C", MISSING_BEFORE_3), ("C", "fr_FR", FRENCH)] {
        let mut command = server.client_command("bob");
        command.env("LANG", runs);
        let mut bob = TestClient::starts("bob", command);
        for line in ["yes", "bob", &password_of("bob")] {
            bob.types(line);
        }
        bob.sees_any(&["Who do you want to start", "Avec qui voulez-vous commencer"]);
        let written = history(&server, "bob", &["alice"], asks);
        let text = String::from_utf8(written.stdout).unwrap();
        assert!(text.lines().any(|line| line == flaw), "asked from {asks}: {text}");
        let objects = String::from_utf8(history(&server, "bob", &["alice", "--json"], asks).stdout).unwrap();
        assert!(objects.contains(flaw), "{objects}");
        assert!(
            objects.contains(r#""reason":"gap","args":{"number":3,"peer":"alice","sender":"alice"}"#),
            "{objects}"
        );
        bob.types("/quit");
        bob.ends_well();
    }
}

#[test]
fn an_honest_log_is_whole() {
    assert_eq!(written_of(|_| {}), ["alice: one", "bob: two", "alice: three", "alice: four"]);
}

#[test]
fn a_dropped_line_is_named_in_its_place_in_a_history() {
    let written = written_of(|lines| drop(lines.remove(2)));
    assert_eq!(written, ["alice: one", "bob: two", MISSING_BEFORE_3, "alice: four"]);
}

#[test]
fn a_doubled_line_is_named_and_not_written_twice() {
    let written = written_of(|lines| lines.push(lines[0].clone()));
    let repeats = "WARNING: number 5 repeats an earlier message of alice; it is not shown again";
    assert_eq!(written, ["alice: one", "bob: two", "alice: three", "alice: four", repeats]);
}

#[test]
fn lines_in_another_order_are_named_in_a_history() {
    let written = written_of(|lines| lines.swap(2, 3));
    let late = "WARNING: number 4 is out of order: alice wrote it before one that was shown above";
    assert_eq!(written, ["alice: one", "bob: two", MISSING_BEFORE_3, "alice: four", late, "alice: three"]);
}

#[test]
fn a_forged_line_is_named_and_not_written() {
    let written = written_of(|lines| {
        let mut body = BASE64.decode(lines[2].body.as_bytes()).unwrap();
        *body.last_mut().unwrap() ^= 1;
        lines[2].body = BASE64.encode(&body);
    });
    let forged =
        "WARNING: number 3, which the server shows as alice's, does not open: it was altered or forged";
    let missing = "WARNING: one or more messages of alice before number 4 are missing";
    assert_eq!(written, ["alice: one", "bob: two", forged, missing, "alice: four"]);
}

#[test]
fn a_relabelled_line_is_named_and_not_written() {
    let written = written_of(|lines| lines[1].sender = "alice".into());
    let relabelled = "WARNING: the server shows number 2 as alice's, but it is sealed by bob";
    assert!(written.contains(&relabelled.to_owned()), "{written:?}");
    assert!(!written.iter().any(|line| line.ends_with(": two")), "{written:?}");
}

#[test]
fn an_end_that_was_cut_off_is_named_at_the_end_to_who_remembers() {
    let mut server = server_with_a_conversation();
    edit_log(&mut server, |lines| lines.truncate(2));
    let output = history(&server, "bob", &["alice"], "C");
    let text = String::from_utf8(output.stdout).unwrap();
    let cut = "WARNING: the server's log with alice ends at message 2, but this machine has seen message 4. The \
               end was cut off\n";
    assert!(text.ends_with(cut), "{text}");
    assert_eq!(output.status.code(), Some(65));
}

#[test]
fn a_line_that_was_replaced_by_another_of_its_sender_is_named_to_who_remembers() {
    let mut server = server_with_a_conversation();
    edit_log(&mut server, |lines| {
        let third = lines[2].clone();
        lines[3] = third;
    });
    let output = history(&server, "bob", &["alice"], "C");
    let text = String::from_utf8(output.stdout).unwrap();
    let altered = "WARNING: message 4 of the log with alice is not what this machine saw there before\n";
    assert!(text.contains(altered), "{text}");
    assert_eq!(output.status.code(), Some(65));
}

/// What alice gets written, as the reasons of its flaws, by a server that has this log and says that so many
/// lines are in it.
fn flaws_of(numbers: &[u64], said_last: u64) -> (Option<i32>, Vec<(Option<u64>, String)>) {
    let liar = Liar::starts();
    let (mut alice, line) = liar.registers("alice");
    alice.types("exit");
    drop(line);
    alice.ends();
    let file = liar.home_of("alice").join("password");
    fs::write(&file, password_of("alice")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let honest = liar.client_command("alice");
    let mut command = Command::new(honest.get_program());
    command.args(["client", "history", "bob", "--json"]).args(honest.get_args().skip(1)).env("LANG", "C");
    command.arg("--password-file").arg(file);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let line = liar.greets();
    line.archives(|archive| {
        let entry = |number: &u64| Entry {
            number: *number,
            time: Utc::now(),
            sender: "bob".parse().unwrap(),
            body: Body::from_bytes(vec![1; 205]).unwrap(),
        };
        archive.log = numbers.iter().map(entry).collect();
        archive.said_last = Some(said_last);
    });
    assert!(matches!(line.hears(), Request::Login { .. }));
    line.says(&Event::LoggedIn {});
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let flaws = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let flaws = flaws.filter(|object| object["type"] == "flaw");
    let flaws = flaws.map(|flaw| (flaw["number"].as_u64(), flaw["reason"].as_str().unwrap().to_owned()));
    (output.status.code(), flaws.collect())
}

fn named(flaws: &[(u64, &str)]) -> Vec<(Option<u64>, String)> {
    flaws.iter().map(|(number, reason)| (Some(*number), (*reason).to_owned())).collect()
}

#[test]
fn a_server_that_gives_less_than_it_says_is_named_where_it_stops() {
    let (status, flaws) = flaws_of(&[1, 2], 5);
    assert_eq!(status, Some(65));
    assert_eq!(flaws, named(&[(1, "no_key_for"), (2, "no_key_for"), (3, "export_broken_off")]));
}

#[test]
fn a_server_that_misnumbers_is_named_where_it_does() {
    let (status, flaws) = flaws_of(&[1, 3, 4], 4);
    assert_eq!(status, Some(65));
    assert_eq!(flaws, named(&[(1, "no_key_for"), (2, "log_numbering"), (2, "export_broken_off")]));
}
