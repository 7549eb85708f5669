//! A key file on paper and back on another machine: from the printed form and the password alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use common::{TestServer, open_conversation, password_of, securechat};

fn key(home: &Path, words: &[&str]) -> Command {
    let mut command = securechat();
    command.args(["client", "key"]).args(words).arg("--home").arg(home).env_remove("SECURECHAT_HOST");
    command
}

fn printed(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn imports(home: &Path, typed: &str) -> Output {
    let mut child = key(home, &["import"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn paper_and_password_are_the_account_on_a_new_machine() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    let (host, home) = (server.host(), server.home_of("alice"));
    let command = format!("securechat client key export --home {}\n", home.display());
    assert!(alice.transcript().contains(&format!("To print it: {command}")), "{}", alice.transcript());
    open_conversation(&mut alice, &mut bob);
    alice.says_to(&mut bob, "before the machine is lost");
    alice.leaves(&mut bob);
    alice.logs_out();

    let paper = printed(key(&home, &["export", "--host", &host, "--user", "alice"]));
    assert!(
        paper.contains(&format!("account: alice at {host}\n")) && paper.contains(server.key()),
        "{paper}"
    );
    assert!(!paper.contains(&password_of("alice")));
    let whole = fs::read(server.key_file_of("alice")).unwrap();
    fs::remove_dir_all(&home).unwrap();

    // Only the numbered lines are typed, in small letters and in no groups.
    let lines = paper.lines().filter(|line| line.get(2..4) == Some(": "));
    let typed: String = lines.map(|line| format!("{}\n", line.to_lowercase().replace(' ', ""))).collect();
    let output = imports(&home, &typed);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains(&format!("securechat client --host {host}")), "{said}");
    let path = server.key_file_of("alice");
    assert_eq!(fs::read(&path).unwrap(), whole);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    let mut alice = server.logs_in("alice");
    open_conversation(&mut alice, &mut bob);
    assert!(alice.transcript().contains("] alice: before the machine is lost\n"), "{}", alice.transcript());
}

#[test]
fn a_typing_mistake_is_named_by_its_line_and_nothing_is_written() {
    let server = TestServer::starts();
    server.registers("alice").logs_out();
    let paper = printed(key(&server.home_of("alice"), &["export"]));
    let home = tempfile::tempdir().unwrap();
    let there = paper.lines().find(|line| line.starts_with(" 3: ")).unwrap();
    let other = if there.ends_with('0') { "1" } else { "0" };
    let wrong = paper.replace(there, &format!("{}{other}", &there[..there.len() - 1]));
    let short = paper.replace(there, &there[..there.len() - 1]);
    for (typed, said) in [
        (
            wrong.as_str(),
            "error: that is no recovery form: line 3: a letter or digit is wrong, or two are in",
        ),
        (
            short.as_str(),
            "error: that is no recovery form: line 3: 25 letters and digits, and 26 belong there",
        ),
        ("my diary\n", "error: that is no recovery form: line 1: "),
        ("", "error: that is no recovery form: there is no recovery form in this"),
    ] {
        let output = imports(home.path(), typed);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(65), "{errors}");
        assert!(errors.contains(said) && errors.contains("hint: "), "{errors}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "no folder was made");
}

#[test]
fn a_key_file_that_is_there_is_never_overwritten_and_a_form_is_for_its_owner_only() {
    let (server, other) = (TestServer::starts(), TestServer::starts());
    server.registers("alice").logs_out();
    other.registers("alice").logs_out();
    let file = server.home_of("alice").join("paper.txt");
    let path = file.to_str().unwrap();
    let said = printed(key(&server.home_of("alice"), &["export", "--output", path]));
    assert!(said.contains(path), "{said}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = key(&server.home_of("alice"), &["export", "--output", path]).output().unwrap();
    assert_eq!(again.status.code(), Some(74), "a file that is there is not overwritten either");

    let before = fs::read(other.key_file_of("alice")).unwrap();
    let mut import = key(&other.home_of("alice"), &["import", path, "--host", &other.host()]);
    let output = import.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(74), "{errors}");
    assert!(errors.contains("another key file of alice is there already"), "{errors}");
    assert_eq!(fs::read(other.key_file_of("alice")).unwrap(), before);
    // The very file that is there is no harm.
    assert!(key(&server.home_of("alice"), &["import", path]).output().unwrap().status.success());
}
