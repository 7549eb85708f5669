//! Every failure that a person can cause: one clear line, a hint with the next step, the documented exit status.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use common::{TestClient, TestServer, open_conversation, password_of, securechat};

/// Runs a program that is to fail by itself: with this status, these words after `error: `, and this hint.
fn fails(command: Command, status: i32, error: &str, hint: &str) {
    let output = assert_cmd::Command::from_std(command).timeout(common::PATIENCE).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert_eq!(said.matches("error: ").count(), 1, "one error:\n{said}");
    assert!(said.contains(&format!("error: {error}")), "{error:?} in:\n{said}");
    assert!(said.contains(&format!("\nhint: {hint}")), "{hint:?} in:\n{said}");
    for cause in said.lines().filter_map(|line| line.strip_prefix("  because: ")) {
        assert_eq!(said.matches(cause).count(), 1, "said twice:\n{said}");
    }
    assert!(!said.contains("panicked") && !said.contains("RUST_BACKTRACE"), "{said}");
}

/// A client of this host, with a home of its own.
fn client_of(host: &str, home: &Path) -> Command {
    let mut command = securechat();
    command.args(["client", "--host", host]).arg("--home").arg(home).stdin(Stdio::null());
    command
}

fn server_on(data: &Path, listen: &str) -> Command {
    let mut command = securechat();
    command.args(["server", "--listen", listen]).arg("--data").arg(data);
    command
}

#[test]
fn a_host_that_is_none_is_named() {
    let home = tempfile::tempdir().unwrap();
    fails(
        client_of("no-such-host.invalid", home.path()),
        68,
        "cannot connect to no-such-host.invalid:4117: host not found: no-such-host.invalid",
        "check the spelling of the host",
    );
}

#[test]
fn a_refused_port_is_named() {
    let home = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fails(
        client_of(&free.to_string(), home.path()),
        69,
        &format!("cannot connect to {free}: connection refused by 127.0.0.1 port {}", free.port()),
        &format!("is `securechat server` running there, and is {} its port?", free.port()),
    );
}

#[test]
fn something_else_than_a_securechat_server_is_called_so() {
    // A mail server speaks first; a web server answers; another hangs up, as one that is stopping does too.
    let other = "something else answers on port";
    for (answer, status, told, hint) in [
        ("220 mail.example.org ESMTP\r\n", 76, "the other side does not speak TLS\n", other),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", 76, "the other side does not speak TLS\n", other),
        (
            "",
            69,
            "the connection was closed\n",
            "try again in a while; if it stays so, something else answers on port",
        ),
    ] {
        let home = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stranger = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        fails(
            client_of(&address.to_string(), home.path()),
            status,
            &format!("cannot connect to {address}: {told}"),
            &format!("{hint} {}", address.port()),
        );
        stranger.join().unwrap();
    }
}

#[test]
fn a_server_key_that_changed_is_refused_loudly_and_nothing_is_sent() {
    let (server, other) = (TestServer::starts(), TestServer::starts());
    server.registers("alice").logs_out();
    fs::write(server.folder_of("alice").join("server.pin"), format!("{}\n", other.key())).unwrap();
    let changed = format!(
        "THE SERVER'S KEY HAS CHANGED\n127.0.0.1:{} was known by {}\nand now shows           {}\n",
        server.port(),
        other.key(),
        server.key()
    );
    let mut command = server.newcomer_command("alice");
    command.stdin(Stdio::null());
    fails(command, 77, &changed, "ask the operator, by another way than this one, for the fingerprint");
    let mut command = server.newcomer_command("bob");
    command.args(["--server-key", other.key()]).stdin(Stdio::null());
    fails(
        command,
        77,
        &changed,
        "compare the fingerprint after --server-key with the one the server printed",
    );
    // The flag beats the pin, and is the way out.
    let mut command = server.client_command("alice");
    command.stdin(Stdio::null());
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
}

#[test]
fn a_server_met_for_the_first_time_without_a_terminal_is_pinned_and_that_is_said() {
    let server = TestServer::starts();
    let mut alice = TestClient::starts("alice", server.newcomer_command("alice"));
    alice.sees("Do you already have an account? (yes/no) ");
    alice.is_warned(&format!(
        "warning: the server {} is new to this machine; its key {} was taken on trust and is pinned from now on\n",
        server.host(),
        server.key()
    ));
    alice.closes_input();
    alice.ends_well();
    let pinned = fs::read_to_string(server.folder_of("alice").join("server.pin")).unwrap();
    assert_eq!(pinned.trim(), server.key());
    let mut again = TestClient::starts("alice", server.newcomer_command("alice"));
    again.sees("Do you already have an account? (yes/no) ");
    again.closes_input();
    again.ends_well();
    assert_eq!(again.stderr(), "");
}

#[test]
fn a_missing_host_is_asked_for() {
    let mut command = securechat();
    command.arg("client");
    fails(command, 64, "the server's host is missing\n", "type: securechat client --host HOST");
}

#[test]
fn the_program_alone_says_what_to_type_and_nothing_more() {
    let output = securechat().output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(64), 0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("\n  securechat server ") && said.contains("\n  securechat client --host HOST "),
        "{said}"
    );
    assert!(said.lines().count() <= 4, "{said}");
}

#[test]
fn a_wrong_flag_is_named_with_status_64() {
    for (arguments, named) in [
        (vec!["client", "--hots", "x"], "--hots"),
        (vec!["server", "--listen", "here"], "here"),
        (vec!["client", "--host", "h", "--server-key", "MD5:00"], "MD5:00"),
        (vec!["dance"], "dance"),
    ] {
        let output = securechat().args(&arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(said.contains(named), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_and_version_are_no_failures() {
    for arguments in [["--help", ""], ["--version", ""], ["client", "--help"], ["server", "--version"]] {
        let arguments = arguments.iter().filter(|argument| !argument.is_empty());
        let output = securechat().args(arguments).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty() && !output.stdout.is_empty());
    }
}

#[test]
fn a_taken_port_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(
        server_on(&folder.path().join("data"), &address),
        69,
        &format!("{address} is taken by another program\n"),
        "stop the other program, or choose another port with --listen ADDR:PORT",
    );
}

#[test]
fn a_data_folder_in_use_is_named_and_its_server_goes_on() {
    let server = TestServer::starts();
    fails(
        server_on(&server.data(), "127.0.0.1:0"),
        69,
        &format!("the data folder {:?} is in use by another server\n", server.data()),
        "stop the other server, or choose another folder with --data DIR",
    );
    server.registers("alice").logs_out();
}

#[test]
fn a_damaged_dictionary_stops_the_start_with_its_line_and_column_and_is_left_as_it_is() {
    let mut server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.leaves(&mut bob);
    alice.logs_out();
    bob.logs_out();
    server.stops();
    for name in ["dico.json", "keys_dico.json"] {
        let path = server.data().join(name);
        let whole = fs::read_to_string(&path).unwrap();
        // Cut off, as an editor or a copy that was interrupted leaves it; and emptied.
        let second_line = whole.lines().next().unwrap().len() + 3;
        for damaged in [&whole[..second_line], ""] {
            fs::write(&path, damaged).unwrap();
            let line = if damaged.is_empty() { 1 } else { 2 };
            fails(
                server_on(&server.data(), "127.0.0.1:0"),
                65,
                &format!("{path:?} is damaged at line {line}, column "),
                "put a backup of the file in its place; nothing was changed",
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
        fs::write(&path, whole).unwrap();
    }
    // Gone is not empty either.
    let path = server.data().join("dico.json");
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fails(
        server_on(&server.data(), "127.0.0.1:0"),
        66,
        &format!("{path:?} is missing although "),
        "put a backup of it in its place",
    );
    assert!(!path.exists());
    fs::write(&path, whole).unwrap();
    server.restarts();
    server.logs_in("alice").logs_out();
}

#[test]
fn a_data_folder_that_is_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    fs::write(&path, "a file").unwrap();
    fails(
        server_on(&path, "127.0.0.1:0"),
        74,
        &format!("could not make the folder {path:?}\n"),
        "a file is where a folder should be",
    );
}

#[test]
fn a_wrong_setting_in_a_configuration_file_is_named_with_status_78() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.toml");
    fs::write(&path, "hots = \"chat.example.org\"\n").unwrap();
    let mut command = securechat();
    command.arg("client").arg("--config").arg(&path);
    fails(
        command,
        78,
        &format!("the configuration file {}: ", path.display()),
        "its names are those of the flags, without the dashes in front",
    );
}

/// What the journal's two files of 1 MiB take, in blocks of 4 KiB.
const JOURNAL_BLOCKS: u32 = 512;

/// A disk of so many blocks of 4 KiB that is in use by one program alone, mounted where only that program sees it.
/// `None` where this user may not do that.
fn on_a_small_disk(blocks: u32, folder: &Path, program: &Command) -> Option<Command> {
    let allowed = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs"])
        .arg(folder)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !allowed {
        eprintln!("skipped: this user may not mount a small disk of its own");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command.arg(format!(r#"mount -t tmpfs -o size={}k tmpfs "$0" && exec "$@""#, blocks * 4));
    command.arg(folder).arg(program.get_program()).args(program.get_args());
    common::has_the_environment_of(&mut command, program);
    Some(command)
}

#[test]
fn a_server_on_a_full_disk_says_so_and_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let Some(command) =
        on_a_small_disk(1, folder.path(), &server_on(&folder.path().join("data"), "127.0.0.1:0"))
    else {
        return;
    };
    fails(command, 74, "could not write ", "the disk is full: make room on it");
}

/// A server on a small disk of its own, killed on drop.
struct SmallServer {
    child: Child,
    address: String,
    homes: tempfile::TempDir,
    _disk: tempfile::TempDir,
}

impl SmallServer {
    /// On a disk with so many blocks beside those of the journal. `None` where this user may not mount one.
    fn starts(blocks: u32) -> Option<Self> {
        let blocks = blocks + JOURNAL_BLOCKS;
        let disk = tempfile::tempdir().unwrap();
        let program = server_on(&disk.path().join("data"), "127.0.0.1:0");
        let mut command = on_a_small_disk(blocks, disk.path(), &program)?;
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let address = said
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
        let address = address.unwrap();
        Some(Self { child, address, homes: tempfile::tempdir().unwrap(), _disk: disk })
    }

    /// Somebody's client, up to the answer to their registration.
    fn registering(&self, name: &str) -> TestClient {
        let mut command = client_of(&self.address, self.homes.path());
        command.args(["--key-file-memory-mib", "19", "--key-file-passes", "2"]);
        let mut client = TestClient::starts(name, command);
        client.sees("(yes/no) ");
        client.types("no");
        client.sees("Username: ");
        client.types(name);
        client.sees("Password: ");
        client.types(&password_of(name));
        client
    }

    /// Whether a key file of this person is left, in use or waiting.
    fn has_key_file_of(&self, name: &str) -> bool {
        let files = fs::read_dir(self.homes.path().join(self.address.replace(':', "~"))).unwrap();
        files.into_iter().any(|file| file.unwrap().file_name().to_string_lossy().starts_with(name))
    }
}

impl Drop for SmallServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_registration_on_a_full_disk_changes_nothing_and_is_asked_again() {
    // The server's key and certificate, the accounts, and nothing for their replacement.
    let Some(server) = SmallServer::starts(3) else { return };
    let mut alice = server.registering("alice");
    alice.is_in_the_lobby();
    let mut bob = server.registering("bob");
    bob.sees("the server could not write to its disk; nothing was changed. Try again later, or tell its operator\n");
    bob.sees("Username: ");
    assert!(server.has_key_file_of("alice") && !server.has_key_file_of("bob"));
    // Who is in stays in.
    alice.types("/who");
    assert_eq!(alice.reads_after("connected: "), "alice");
    alice.types("bob");
    alice.sees("bob is unknown");
}

#[test]
fn a_message_on_a_full_disk_is_named_as_not_sent_and_the_conversation_goes_on() {
    // One block is left for the log: a dozen short messages.
    let Some(server) = SmallServer::starts(5) else { return };
    let (mut alice, mut bob) = (server.registering("alice"), server.registering("bob"));
    alice.is_in_the_lobby();
    bob.is_in_the_lobby();
    open_conversation(&mut alice, &mut bob);
    for number in 1..=20 {
        alice.types(&format!("message {number}."));
    }
    // The first says why; what was under way behind it fails with it.
    alice.sees("NOT SENT: message ");
    alice.sees("the server could not write to its disk; nothing was changed.");
    // The answer to a request comes after all refusals before it.
    alice.types("/who");
    alice.sees("connected: ");
    // Each was seen or is named, and none is both.
    for number in 1..=20 {
        let text = format!("message {number}.");
        let refused = alice.transcript().contains(&format!("NOT SENT: {text}\n"));
        if refused {
            bob.never_saw(&text);
        } else {
            bob.sees(&format!("] alice: {text}\n"));
        }
    }
    assert!(bob.saw_times("] alice: ") >= 5, "{}", bob.transcript());
    alice.types("/history 3");
    alice.sees("] alice: message ");
    alice.leaves(&mut bob);
    alice.never_saw("WARNING");
    bob.never_saw("WARNING");
}

#[test]
fn a_key_file_that_the_clients_full_disk_does_not_take_makes_no_account() {
    let server = TestServer::starts();
    let mut program = server.client_command("alice");
    let home = server.home_of("alice");
    fs::create_dir_all(&home).unwrap();
    // The server's pin, and no block for the key file.
    program.arg("--retry").arg("0");
    let Some(command) = on_a_small_disk(1, &home, &program) else { return };
    let mut alice = TestClient::starts("alice", command);
    alice.sees("(yes/no) ");
    alice.types("no");
    alice.sees("Username: ");
    alice.types("alice");
    alice.sees("Password: ");
    alice.types(&password_of("alice"));
    assert_eq!(alice.ends().code(), Some(74));
    alice.is_warned("error: could not write ");
    alice.is_warned("hint: the disk is full: make room on it\n");
    alice.never_saw("Account created");
    fs::remove_dir_all(&home).unwrap();
    // The name is still free.
    server.registers("alice").logs_out();
}

#[test]
fn an_output_that_takes_nothing_is_named_and_ends_the_client() {
    let server = TestServer::starts();
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("skipped: no /dev/full here");
        return;
    };
    let mut command = server.client_command("alice");
    command.stdin(Stdio::piped()).stdout(full);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("error: cannot write to standard output: ").count(), 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_known_server_is_named_where_no_host_is() {
    let (server, other) = (TestServer::starts(), TestServer::starts());
    server.registers("alice").logs_out();
    let home = server.home_of("alice");
    let of = |words: &[&str]| {
        let mut command = securechat();
        command.args(words).arg("--home").arg(&home);
        command
    };
    let without_host = || of(&["client"]);
    let missing = "the server's host is missing\n";
    let line = format!("type: securechat client --host 127.0.0.1:{}\n", server.port());
    fails(without_host(), 64, missing, &line);
    let option = format!("add --host 127.0.0.1:{}\n", server.port());
    fails(of(&["client", "history", "bob"]), 64, missing, &option);
    // A second one in the same home.
    let mut command = client_of(&other.host(), &home);
    command.args(["--server-key", other.key()]).stdout(Stdio::null());
    assert!(command.status().unwrap().success());
    let output = without_host().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    for server in [&server, &other] {
        assert!(said.contains(&format!("securechat client --host 127.0.0.1:{}", server.port())), "{said}");
    }
}
