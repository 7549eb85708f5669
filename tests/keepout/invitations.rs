//! Servers that not everybody may make an account at.

use std::{fs, process::Output};

use crate::common::{TestClient, TestServer, password_of, securechat};

fn invite(server: &TestServer, more: &[&str]) -> Output {
    let mut command = securechat();
    command.args(["server", "invite", "--data"]).arg(server.data()).args(more);
    command.output().unwrap()
}

fn codes(server: &TestServer, more: &[&str]) -> Vec<String> {
    let output = invite(server, more);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn reaches_the_code(server: &TestServer, name: &str) -> TestClient {
    let mut client = server.client(name);
    client.says_they_are_new(name, &password_of(name));
    client.sees("Invitation code: ");
    client
}

#[test]
fn a_code_made_while_the_server_runs_makes_one_account() {
    let server = TestServer::starts_with(&["--registration", "invite"]);
    let codes = codes(&server, &["--count", "2"]);
    assert_eq!(codes.len(), 2);
    let mut alice = reaches_the_code(&server, "alice");
    alice.types("I have none");
    alice.sees("an invitation code has 16 letters and digits from 2 to 7, as in abcd-efgh-ijkl-mnop\n");
    alice.sees("Invitation code: ");
    alice.types("abcd-efgh-ijkl-mnop");
    alice.sees("that invitation code is not valid here: it is mistyped, used or expired\n");
    alice.sees("Invitation code: ");
    alice.types(&codes[0].to_uppercase());
    alice.sees("Account created");
    alice.is_in_the_lobby();
    alice.logs_out();
    // An account that is there needs no code.
    let _alice = server.logs_in("alice");
    let mut bob = reaches_the_code(&server, "bob");
    bob.types(&codes[0]);
    bob.sees("that invitation code is not valid here");
    bob.types(&codes[1]);
    bob.sees("Account created");
    for code in &codes {
        for file in fs::read_dir(server.data().join("invites")).unwrap().flatten() {
            assert!(!fs::read_to_string(file.path()).unwrap().contains(code));
        }
        assert!(!server.errors().contains(code), "a code in the log");
    }
    assert_eq!(fs::read_dir(server.data().join("invites")).unwrap().count(), 0, "both are used");
}

#[test]
fn a_taken_name_does_not_use_a_code_up_and_the_code_is_not_asked_for_again() {
    let server = TestServer::starts_with(&["--registration", "invite"]);
    let codes = codes(&server, &["--count", "2"]);
    let mut alice = reaches_the_code(&server, "alice");
    alice.types(&codes[0]);
    alice.is_in_the_lobby();
    let mut other = server.client("other");
    other.sees("(yes/no) ");
    other.types("no");
    other.sees("Username: ");
    other.types("alice");
    other.sees("Password: ");
    other.types("whatever");
    other.sees("Invitation code: ");
    other.types(&codes[1]);
    other.sees("the name alice is taken; please choose another\n");
    other.types("other");
    other.sees("Password: ");
    other.types("whatever");
    other.sees("Account created");
    assert_eq!(other.saw_times("Invitation code: "), 1);
}

#[test]
fn codes_are_good_until_they_expire_and_across_restarts() {
    let mut server = TestServer::starts_with(&["--registration", "invite"]);
    let short = codes(&server, &["--expires", "1s"]);
    let long = codes(&server, &["--expires", "1h"]);
    assert!(server.stops().success());
    std::thread::sleep(std::time::Duration::from_millis(1100));
    server.restarts();
    let mut alice = reaches_the_code(&server, "alice");
    alice.types(&short[0]);
    alice.sees("that invitation code is not valid here");
    alice.types(&long[0]);
    alice.sees("Account created");
}

#[test]
fn the_end_of_input_at_the_code_leaves_no_account_and_no_key_file() {
    let server = TestServer::starts_with(&["--registration", "invite"]);
    let mut alice = reaches_the_code(&server, "alice");
    alice.types("abcd-efgh-ijkl-mnop");
    alice.sees("not valid here");
    alice.closes_input();
    alice.ends_well();
    let left: Vec<_> = fs::read_dir(server.folder_of("alice")).unwrap().flatten().collect();
    assert!(left.iter().all(|file| !file.file_name().to_string_lossy().contains("alice")), "{left:?}");
}

#[test]
fn an_open_server_asks_for_no_code() {
    let server = TestServer::starts();
    let alice = server.registers("alice");
    alice.never_saw("Invitation code");
}

#[test]
fn a_closed_server_says_so_before_anything_is_typed_and_its_users_log_in() {
    let mut server = TestServer::starts();
    server.registers("alice").logs_out();
    let data = server.data();
    assert!(server.stops().success());
    let config = data.with_file_name("server.toml");
    fs::write(&config, "registration = \"closed\"\n").unwrap();
    server.restarts_with(&["--config", config.to_str().unwrap()]);
    let mut bob = server.client("bob");
    bob.sees("(yes/no) ");
    bob.types("no");
    bob.sees("this server takes no new accounts; its operator can say who gets one\n");
    bob.sees("Do you already have an account? (yes/no) ");
    bob.never_saw("Username: ");
    let _alice = server.logs_in("alice");
}

#[test]
fn codes_for_a_folder_that_is_none_are_refused() {
    let server = TestServer::starts();
    let mut command = securechat();
    let output = command.args(["server", "invite", "--data"]).arg(server.data().join("no")).output().unwrap();
    assert_eq!(output.status.code(), Some(66));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("there is no data folder") && errors.contains("hint: "), "{errors}");
    assert!(output.stdout.is_empty());
}
