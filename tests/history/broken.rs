//! What ends a history before its end, and what does not: a lost connection, a signal, a client that goes.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::{Child, Output, Stdio},
};

use serde_json::json;

use crate::{
    common::{Cut, Proxy, Pty, TestClient, TestServer, Way, open_conversation, password_of},
    errors, history, owned, password_file, run, said_in_json, sends_all,
};

#[test]
fn a_connection_that_is_lost_on_the_way_is_got_back_and_nothing_is_lost_or_doubled() {
    const MESSAGES: usize = 2_500;
    let server = TestServer::starts();
    let line = Proxy::to(&server);
    let (mut alice, mut bob) = (line.registers(&server, "alice"), server.registers("bob"));
    open_conversation(&mut alice, &mut bob);
    let said: Vec<String> = (0..MESSAGES).map(|n| n.to_string()).collect();
    sends_all(&server, "bob", "alice", &said);
    alice.sees(&format!("] bob: {}\n", MESSAGES - 1));
    alice.leaves(&mut bob);
    alice.logs_out();
    let expected: Vec<_> = said.into_iter().map(|text| ("bob".to_owned(), text)).collect();
    // In the middle of a page, wherever that is.
    for bytes in [150_000, 750_000] {
        line.cuts_after(Way::Down, bytes, Cut::Breaks);
        let mut command = line.command(&server, "alice", &["--user", "alice"]);
        let mut arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        arguments.splice(1..1, ["history".into(), "bob".into(), "--json".into()]);
        let mut with_history = std::process::Command::new(command.get_program());
        with_history.args(arguments).env("LANG", "C").env_remove("LC_ALL").env_remove("LC_MESSAGES");
        command = with_history;
        command.arg("--password-file").arg(password_file(&server, "alice", &password_of("alice")));
        let output = run(command);
        assert!(line.has_cut(), "nothing was cut after {bytes} bytes");
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        assert_eq!(said_in_json(&String::from_utf8(output.stdout).unwrap()), expected);
    }
}

/// A client of alice's that runs, in the hands of the test.
struct Served {
    stream: UnixStream,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Served {
    /// Takes the script that was started, hears what it wants, and tells it one message.
    fn begins(listener: &UnixListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let mut served = Self { stream, lines: Box::new(lines) };
        served
            .says(&json!({ "type": "hello", "version": 1, "release": "x", "me": "alice", "language": "en" }));
        assert!(served.lines.next().unwrap().contains(r#""type":"export""#));
        let message = json!({
            "type": "message", "peer": "bob", "from": "bob", "own": false, "number": 1, "sent": null,
            "text": "half of it", "something": "that is new",
        });
        served.says(&message);
        served.says(&json!({ "type": "news", "of": "a later release" }));
        served
    }

    fn says(&self, told: &serde_json::Value) {
        writeln!(&self.stream, "{told}").unwrap();
    }
}

fn at_a_socket_of_the_test(server: &TestServer, arguments: &[&str]) -> (UnixListener, Child) {
    let socket = server.folder_of("alice").join("alice.sock");
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(socket).unwrap();
    let mut command = history(server, "alice", arguments);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    (listener, child)
}

fn ended(child: Child) -> (Option<i32>, String, String) {
    let output: Output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), errors(&output))
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn what_ends_before_its_end_leaves_no_file_and_is_no_success() {
    let server = TestServer::starts();
    server.registers("alice").logs_out();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("half");
    let into = ["bob", "-o", file.to_str().unwrap()];

    let (listener, child) = at_a_socket_of_the_test(&server, &into);
    let served = Served::begins(&listener);
    assert!(!is_empty(folder.path()), "it is written beside its name");
    drop((served, listener));
    let (status, _, said) = ended(child);
    assert_eq!(status, Some(75));
    assert!(said.starts_with("error: the client that served this has ended\n"), "{said}");
    assert!(is_empty(folder.path()));

    let (listener, child) = at_a_socket_of_the_test(&server, &into);
    let served = Served::begins(&listener);
    let signalled = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(signalled.success());
    let (status, _, said) = ended(child);
    assert_eq!(status, Some(75));
    assert_eq!(said, "error: this was ended before all of the history was written\n");
    assert!(is_empty(folder.path()));
    drop(served);
}

#[test]
fn what_is_new_in_a_later_client_is_passed_over() {
    let server = TestServer::starts();
    server.registers("alice").logs_out();
    let (listener, child) = at_a_socket_of_the_test(&server, &["bob"]);
    let served = Served::begins(&listener);
    served
        .says(&json!({ "type": "exported", "id": null, "peer": "bob", "messages": 1, "flaws": 0, "new": 1 }));
    let (status, written, said) = ended(child);
    assert_eq!((status, written.as_str(), said.as_str()), (Some(0), "[--:--] bob: half of it\n", ""));
}

#[test]
fn a_client_that_has_no_such_thing_is_named() {
    let server = TestServer::starts();
    server.registers("alice").logs_out();
    let (listener, child) = at_a_socket_of_the_test(&server, &["bob"]);
    let served = Served::begins(&listener);
    served.says(
        &json!({ "type": "error", "id": null, "reason": "json_not_understood", "text": "what is that?" }),
    );
    let (status, _, said) = ended(child);
    assert_eq!((status, said.as_str()), (Some(69), "error: no history: what is that?\n"));
}

#[test]
fn at_a_terminal_the_password_is_asked_for_and_not_shown() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.says_to(&mut bob, "what was said");
    alice.leaves(&mut bob);
    alice.logs_out();
    let mut person = Pty::spawn(history(&server, "alice", &["bob"]));
    person.sees("note: no client of alice runs here");
    person.sees("Password: ");
    person.types(&format!("{}\r", password_of("alice")));
    person.sees("] alice: what was said");
    person.ends();
    assert!(!person.screen().raw().contains("bäckerei"), "{}", person.screen().raw());

    let mut person = Pty::spawn(history(&server, "alice", &["bob"]));
    person.sees("Password: ");
    person.types("half a pass\u{3}");
    person.sees("error: this was ended before all of the history was written");
    person.ends();
    assert!(person.echoes());
}

#[test]
fn nothing_of_it_is_kept_where_it_was_not_asked_for() {
    let server = TestServer::starts();
    let (mut alice, mut bob): (TestClient, TestClient) = server.two_in_conversation("alice", "bob");
    alice.says_to(&mut bob, "nowhere but on the screen");
    let output = run(history(&server, "alice", &["bob", "--json"]));
    assert_eq!(
        said_in_json(&String::from_utf8(output.stdout).unwrap()),
        owned(&[("alice", "nowhere but on the screen")])
    );
    let mut folders = vec![server.data(), server.home_of("alice").parent().unwrap().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files += 1;
                let mut bytes = Vec::new();
                fs::File::open(entry.path()).unwrap().read_to_end(&mut bytes).unwrap();
                let there = bytes.windows(14).any(|window| window == b"nowhere but on");
                assert!(!there, "{}", entry.path().display());
            }
        }
    }
    assert!(files > 5, "{files}");
}
