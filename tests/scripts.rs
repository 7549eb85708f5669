//! `securechat client send` and `listen`, passwords from files and descriptors, and the private socket.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use common::{Cut, Proxy, TestClient, TestServer, open_conversation, password_of, securechat};
use serde_json::Value;

fn password_file(server: &TestServer, name: &str) -> PathBuf {
    let path = server.home_of(name).join("password");
    fs::write(&path, format!("{}\n", password_of(name))).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// `securechat client VERB ...` of this person.
fn script(server: &TestServer, name: &str, arguments: &[&str]) -> Command {
    let mut command = securechat();
    command.arg("client").args(arguments).args(["--host", &server.host(), "--server-key", server.key()]);
    command.arg("--home").arg(server.home_of(name));
    command
}

fn alone(server: &TestServer, name: &str, arguments: &[&str]) -> Command {
    let mut command = script(server, name, arguments);
    command.args(["--user", name]).arg("--password-file").arg(password_file(server, name));
    command
}

fn given(mut command: Command, text: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that refuses does not read it.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    child.wait_with_output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Two people with a key, in the lobby.
fn acquainted(server: &TestServer) -> (TestClient, TestClient) {
    let (mut alice, mut bob) = server.registers_two("alice", "bob");
    open_conversation(&mut alice, &mut bob);
    alice.leaves(&mut bob);
    (alice, bob)
}

#[test]
fn a_running_client_sends_for_a_script_and_stays() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = acquainted(&server);
    open_conversation(&mut alice, &mut bob);
    let sent = given(script(&server, "alice", &["send", "bob"]), "the backup\nis done\n");
    assert_eq!((sent.status.code(), errors(&sent).as_str()), (Some(0), ""));
    bob.sees("] alice: the backup");
    alice.sees("(a script said to bob) the backup");
    alice.says_to(&mut bob, "still here");
    bob.says_to(&mut alice, "so am I");
}

#[test]
fn a_message_for_who_is_away_is_stored_and_opens_no_conversation() {
    let server = TestServer::starts();
    let (mut alice, bob) = acquainted(&server);
    drop(bob);
    let sent = given(script(&server, "alice", &["send", "bob"]), "for later");
    assert_eq!(sent.status.code(), Some(0), "{}", errors(&sent));
    // What alice types still answers the lobby's question.
    alice.types("nobody");
    alice.sees("nobody is unknown");
    let mut bob = server.client("bob");
    bob.says_who_they_are("bob", &password_of("bob"));
    bob.sees("1 unread from alice");
}

#[test]
fn where_no_client_runs_a_script_logs_in_by_itself_and_says_so() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = acquainted(&server);
    alice.logs_out();
    let sent = given(alone(&server, "alice", &["send", "bob"]), "by itself");
    assert_eq!(sent.status.code(), Some(0), "{}", errors(&sent));
    assert!(errors(&sent).starts_with("note: no client of alice runs here"), "{}", errors(&sent));
    bob.sees("1 unread from alice");
    // Its own next login knows what it sent.
    let mut alice = server.logs_in("alice");
    open_conversation(&mut alice, &mut bob);
    assert!(alice.transcript().contains("] alice: by itself"), "{}", alice.transcript());
    assert!(!alice.transcript().contains("WARNING"), "{}", alice.transcript());
    assert!(!bob.transcript().contains("WARNING"), "{}", bob.transcript());
}

#[test]
fn what_is_not_sent_is_no_success() {
    let server = TestServer::starts();
    let (mut alice, _bob) = acquainted(&server);
    server.registers("carol").logs_out();
    for (peer, text, status, said) in [
        ("carol", "hello", 69, "not sent: carol is not connected, and you have no key with carol"),
        ("carlo", "hello", 69, "not sent: carlo is unknown: nobody has an account of that name"),
        ("alice", "hello", 69, "that is you; name somebody else"),
        ("bob", "", 65, "there is nothing to send: the message is empty"),
        ("bob", &"x".repeat(16 * 1024 + 1), 65, "the message has more than 16384 bytes; nothing was sent"),
    ] {
        let sent = given(script(&server, "alice", &["send", peer]), text);
        assert_eq!(sent.status.code(), Some(status), "{}", errors(&sent));
        assert!(errors(&sent).contains(said), "{}", errors(&sent));
    }
    alice.logs_out();
    let sent = given(script(&server, "alice", &["send", "bob"]), "no password");
    assert_eq!(sent.status.code(), Some(64), "{}", errors(&sent));
    assert!(errors(&sent).contains("nobody is here to answer: Password:"), "{}", errors(&sent));
    assert!(
        errors(&sent).contains("hint: start a client of this account, or give --user and --password-file")
    );
}

#[test]
fn a_listener_prints_what_arrives_wherever_it_is_shown() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = acquainted(&server);
    let mut listener = TestClient::starts("alice", script(&server, "alice", &["listen"]));
    let mut programs = TestClient::starts("alice", script(&server, "alice", &["listen", "--json"]));
    programs.sees("{\"type\":\"listening\"}");
    // No conversation is open with bob: it arrives all the same, and stays unread for alice.
    let sent = given(script(&server, "bob", &["send", "alice"]), "first");
    assert_eq!(sent.status.code(), Some(0), "{}", errors(&sent));
    alice.sees("1 unread from bob");
    listener.sees("] bob: first\n");
    programs.sees("\"type\":\"message\",\"peer\":\"bob\",\"from\":\"bob\",\"own\":false,");
    programs.sees("\"text\":\"first\"}");
    open_conversation(&mut alice, &mut bob);
    bob.says_to(&mut alice, "second");
    listener.sees("] bob: second\n");
    assert_eq!(listener.saw_times("first"), 1, "{}", listener.transcript());
    // Ctrl-C is how a person ends it, and no failure; the end of the client is one.
    listener.is_signalled("INT");
    listener.ends_well();
    alice.types("/quit");
    alice.ends_well();
    assert_eq!(programs.ends().code(), Some(75));
}

#[test]
fn a_listener_alone_reads_what_is_unread_and_serves_other_scripts() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = acquainted(&server);
    alice.logs_out();
    let sent = given(script(&server, "bob", &["send", "alice"]), "while you were away");
    assert_eq!(sent.status.code(), Some(0), "{}", errors(&sent));
    let mut listener = TestClient::starts("alice", alone(&server, "alice", &["listen"]));
    listener.sees("] bob: while you were away\n");
    let sent = given(script(&server, "alice", &["send", "bob"]), "by the listener");
    assert_eq!((sent.status.code(), errors(&sent).as_str()), (Some(0), ""));
    bob.sees("1 unread from alice");
    // It can accept no key: whoever asks is told at once.
    bob.types("alice");
    bob.is_asked_about_the_key();
    bob.types("yes");
    bob.sees("alice refused the key");
    listener.is_signalled("TERM");
    listener.ends_well();
}

#[test]
fn a_script_at_the_socket_cannot_accept_a_key() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = acquainted(&server);
    let path = server.folder_of("alice").join("alice.sock");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    bob.types("alice");
    alice.sees("Accept this key? ");
    let stream = UnixStream::connect(path).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    let hello: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
    assert_eq!((&hello["type"], &hello["me"]), (&"hello".into(), &"alice".into()));
    for asked in [
        r#"{"type":"answer","question":1,"text":"yes"}"#,
        r#"{"type":"command","line":"/verify 123456"}"#,
        r#"{"type":"quit"}"#,
    ] {
        writeln!(&stream, "{asked}").unwrap();
        let refused: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
        assert_eq!(refused["reason"], "not_for_scripts", "{asked}");
    }
    alice.types("no");
    bob.sees("alice refused the key");
}

#[test]
fn passwords_come_from_private_files_or_descriptors_and_are_not_asked_twice() {
    let server = TestServer::starts();
    server.registers("alice").logs_out();
    let mut alice = TestClient::starts("alice", {
        let mut command = server.client_command("alice");
        command.args(["--user", "alice"]).arg("--password-file").arg(password_file(&server, "alice"));
        command
    });
    alice.is_in_the_lobby();
    assert!(alice.transcript().starts_with("Who do you want"), "{}", alice.transcript());
    alice.logs_out();

    let file = password_file(&server, "alice");
    let mut by_descriptor = Command::new("sh");
    let client = server.client_command("alice");
    by_descriptor.arg("-c").arg("exec \"$0\" \"$@\" --user alice --password-fd 3 3< \"$PASSWORD_FILE\"");
    by_descriptor
        .arg(client.get_program())
        .args(client.get_args())
        .env("PASSWORD_FILE", &file)
        .env("LANG", "C");
    let mut alice = TestClient::starts("alice", by_descriptor);
    alice.is_in_the_lobby();
    alice.logs_out();

    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let with = |file: &PathBuf| {
        let mut command = server.client_command("alice");
        command.args(["--user", "alice"]).arg("--password-file").arg(file);
        given(command, "")
    };
    let refused = with(&file);
    assert_eq!(refused.status.code(), Some(77));
    assert!(errors(&refused).contains("(mode 0640)"), "{}", errors(&refused));
    assert!(errors(&refused).contains("hint: make it private: chmod 600 "), "{}", errors(&refused));
    fs::write(&file, "another password\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let refused = with(&file);
    assert_eq!(refused.status.code(), Some(77), "{}", errors(&refused));
    assert!(errors(&refused).contains("error: wrong username or password"), "{}", errors(&refused));
}

/// Alice's client is without a connection, and a script that asked it to send waits; what it has said so far.
fn waits_without_a_connection(server: &TestServer, line: &Proxy, alice: &mut TestClient) -> (Child, String) {
    line.refuses(true);
    line.cuts(Cut::Ends);
    alice.sees("the connection to the server was lost");
    let mut command = securechat();
    command.args(["client", "send", "bob", "--host", &line.host(), "--home"]).arg(server.home_of("alice"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut script = command.spawn().unwrap();
    script.stdin.take().unwrap().write_all(b"late").unwrap();
    let mut said = String::new();
    BufReader::new(script.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    (script, said)
}

#[test]
fn a_message_waits_while_the_client_that_runs_has_no_connection_and_says_so() {
    let server = TestServer::starts();
    let line = Proxy::to(&server);
    let (mut alice, mut bob) = (line.registers(&server, "alice"), server.registers("bob"));
    open_conversation(&mut alice, &mut bob);
    let (mut script, said) = waits_without_a_connection(&server, &line, &mut alice);
    assert!(said.starts_with("note: the client that runs here has lost its connection"), "{said}");
    assert!(script.try_wait().unwrap().is_none(), "it waits");
    line.refuses(false);
    assert_eq!(script.wait().unwrap().code(), Some(0));
    bob.sees("] alice: late");
}

#[test]
fn a_message_that_was_never_sent_is_no_success_when_the_client_ends() {
    let server = TestServer::starts();
    let line = Proxy::to(&server);
    let (mut alice, mut bob) = (line.registers(&server, "alice"), server.registers("bob"));
    open_conversation(&mut alice, &mut bob);
    let (script, _) = waits_without_a_connection(&server, &line, &mut alice);
    alice.types("/quit");
    let ended = script.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(69));
    assert_eq!(
        errors(&ended),
        "error: not sent: the client that runs here ended before its connection was back\n"
    );
}

#[test]
fn the_socket_and_its_folder_are_for_nobody_else() {
    let server = TestServer::starts();
    let _alice = server.registers("alice");
    let folder = server.folder_of("alice");
    for (path, mode) in [(folder.join("alice.sock"), 0o600), (folder, 0o700)] {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
    }
}

/// The user and group that is nobody's; whoever may change to it can test with two users.
const NOBODY: u32 = 65_534;

/// The same program, run by [`NOBODY`]; `None` where this user may not do that, or that one cannot start it.
fn run_by_nobody(program: &Command) -> Option<Command> {
    let as_nobody = |program: &std::ffi::OsStr| {
        let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
        let mut command = Command::new("setpriv");
        command.args([user, group, "--clear-groups".into()]).arg(program);
        command
    };
    let mut tried = as_nobody(program.get_program());
    tried.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    if !tried.status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user may not run a program as another");
        return None;
    }
    let mut command = as_nobody(program.get_program());
    command.args(program.get_args());
    common::has_the_environment_of(&mut command, program);
    Some(command)
}

#[test]
fn another_users_program_is_served_nothing_and_asks_nothing_of_this_ones_client() {
    let server = TestServer::starts();
    let home = tempfile::tempdir().unwrap();
    let Some(command) = run_by_nobody(&server.client_command_at(home.path())) else { return };
    std::os::unix::fs::chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut alice = TestClient::starts("alice", command);
    for line in ["no", "alice", &password_of("alice")] {
        alice.types(line);
    }
    alice.sees("Account created");
    alice.is_in_the_lobby();
    let socket = home.path().join(format!("127.0.0.1~{}", server.port())).join("alice.sock");
    // This user is root, whom no mode keeps out.
    let stream = UnixStream::connect(&socket).unwrap();
    let _ = (&stream).write_all(b"{\"type\":\"who\"}\n");
    let told: Vec<_> = BufReader::new(stream).lines().map_while(Result::ok).collect();
    assert_eq!(told, [""; 0]);
    // Nor is the other's client believed to be one's own.
    let mut command = securechat();
    command.args(["client", "send", "bob", "--host", &server.host(), "--server-key", server.key()]);
    command.arg("--home").arg(home.path());
    let sent = given(command, "said in nobody's name");
    assert_eq!(sent.status.code(), Some(74), "{}", errors(&sent));
    assert!(errors(&sent).contains("permission denied"), "{}", errors(&sent));
    alice.types("/who");
    alice.sees("connected: alice\n");
    alice.never_saw("a script said");
}
