//! The first questions: an account, a name, a password; the key file; the change of the password.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    thread,
    time::{Duration, Instant, SystemTime},
};

use common::{PATIENCE, TestClient, TestServer, open_conversation, password_of};

const ACCOUNT: &str = "Do you already have an account? (yes/no) ";

#[test]
fn the_account_question_is_asked_again_for_anything_but_yes_or_no() {
    let server = TestServer::starts();
    let mut alice = server.client("alice");
    alice.sees(ACCOUNT);
    for line in ["maybe", "", "yes please", "alice", "/help", "exit", "да"] {
        alice.types(line);
        alice.sees(ACCOUNT);
    }
    alice.types(" No ");
    alice.sees("Username: ");
    assert_eq!(alice.saw_times(ACCOUNT), 8, "{}", alice.transcript());
}

#[test]
fn a_new_account_says_where_its_key_file_is_and_that_nobody_can_restore_it() {
    let server = TestServer::starts();
    let mut alice = server.client("alice");
    alice.sees(ACCOUNT);
    alice.types("no");
    alice.sees("Username: ");
    alice.types("Alice");
    alice.sees("Password: ");
    alice.types("correct horse");
    alice.sees("Account created\n");
    let path = alice.reads_after("Your key file is ");
    alice.sees("without it nobody, not even the server's operator, can restore the account\n");
    alice.is_in_the_lobby();
    alice.never_saw("Repeat password");
    assert_eq!(path, server.key_file_of("alice").display().to_string());
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.as_ref()), 0o600);
    assert_eq!(mode(&server.folder_of("alice")), 0o700);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("securechat key file 1\nusername: alice\n"), "{text}");
    alice.logs_out();
    let mut again = server.client("alice");
    again.says_who_they_are("ALICE", "correct horse");
    again.is_in_the_lobby();
}

#[test]
fn a_taken_name_is_named_and_asked_again_and_leaves_no_key_file() {
    let server = TestServer::starts();
    let _alice = server.registers("alice");
    let mut other = server.client("other");
    other.sees(ACCOUNT);
    other.types("no");
    other.sees("Username: ");
    other.types("alice");
    other.sees("Password: ");
    other.types("whatever");
    other.sees("the name alice is taken; please choose another\n");
    other.sees("Username: ");
    let left: Vec<_> =
        fs::read_dir(server.folder_of("other")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("alice")), "{left:?}");
    other.types("other");
    other.sees("Password: ");
    other.types("whatever");
    other.sees("Account created");
    other.is_in_the_lobby();
}

#[test]
fn an_invalid_name_says_why_and_is_asked_again() {
    let server = TestServer::starts();
    let mut alice = server.client("alice");
    alice.sees(ACCOUNT);
    alice.types("no");
    let long = "a".repeat(33);
    for (name, why) in [
        ("", "a username has at least one character"),
        (long.as_str(), "a username has at most 32 characters"),
        ("_alice", "a username begins with a letter a to z or a digit"),
        ("../alice", "a username begins with a letter a to z or a digit"),
        ("alice+bob", "a username has only the letters a to z, digits, and _ . -"),
        ("a/../b", "a username has only the letters a to z, digits, and _ . -"),
        ("älice", "a username begins with a letter a to z or a digit"),
        ("alice.", "a username does not end in a dot"),
        ("con", "that name is reserved by an operating system; please choose another"),
        ("lpt1.txt", "that name is reserved by an operating system; please choose another"),
        ("yes", "that word has a meaning of its own here; please choose another name"),
        ("exit", "that word has a meaning of its own here; please choose another name"),
    ] {
        alice.sees("Username: ");
        alice.types(name);
        alice.sees(&format!("{why}\n"));
    }
    alice.sees("Username: ");
    alice.types("a".repeat(32).as_str());
    alice.sees("Password: ");
    alice.types("");
    alice.sees("a password has at least one character\n");
    alice.sees("Password: ");
    alice.types(" ");
    alice.sees("Account created");
}

#[test]
fn a_wrong_password_and_an_unknown_name_are_asked_again() {
    let server = TestServer::starts();
    server.registers("alice").logs_out();
    let mut alice = server.client("alice");
    alice.says_who_they_are("alice", "not it");
    for wrong in ["nor this", &password_of("alice").to_uppercase(), &format!("{} ", password_of("alice"))] {
        alice.sees("Wrong username or password\n");
        alice.sees("Username: ");
        alice.types("alice");
        alice.sees("Password: ");
        alice.types(wrong);
    }
    alice.sees("Wrong username or password\n");
    alice.sees("Username: ");
    alice.types("alice");
    alice.sees("Password: ");
    alice.types(&password_of("alice"));
    alice.is_in_the_lobby();
    assert_eq!(alice.saw_times(ACCOUNT), 1);
}

#[test]
fn a_key_file_that_the_server_does_not_know_is_a_wrong_password_and_answered_ever_later() {
    let server = TestServer::starts();
    server.registers("alice").logs_out();
    let other = TestServer::starts();
    other.registers("alice").logs_out();
    // Alice's key file of another server: it opens with her password, and proves nothing here.
    fs::copy(other.key_file_of("alice"), server.key_file_of("alice")).unwrap();
    let mut alice = server.client("alice");
    alice.says_who_they_are("alice", &password_of("alice"));
    alice.sees("Wrong username or password\n");
    let begun = Instant::now();
    for _ in 0..2 {
        alice.sees("Username: ");
        alice.types("alice");
        alice.sees("Password: ");
        alice.types(&password_of("alice"));
        alice.sees("Wrong username or password\n");
    }
    // 500 ms and 1 s: the server slows down who keeps trying.
    assert!(begun.elapsed() >= Duration::from_millis(1500), "{:?}", begun.elapsed());
}

#[test]
fn a_missing_key_file_is_named_with_its_path() {
    let server = TestServer::starts();
    server.registers("alice").logs_out();
    let path = server.key_file_of("alice");
    let away = path.with_extension("away");
    fs::rename(&path, &away).unwrap();
    let mut alice = server.client("alice");
    alice.says_who_they_are("alice", &password_of("alice"));
    alice.sees(&format!("no key file for alice at {}\nhint: ", path.display()));
    alice.sees("Username: ");
    // The way out that the hint names works at once.
    fs::rename(&away, &path).unwrap();
    alice.types("alice");
    alice.sees("Password: ");
    alice.types(&password_of("alice"));
    alice.is_in_the_lobby();
}

#[test]
fn a_damaged_key_file_is_named_with_its_line_and_left_as_it_is() {
    let server = TestServer::starts();
    server.registers("alice").logs_out();
    let path = server.key_file_of("alice");
    let whole = fs::read_to_string(&path).unwrap();
    let mut alice = server.client("alice");
    alice.sees(ACCOUNT);
    alice.types("yes");
    for (damage, line) in [
        (whole.replace("securechat key file 1", "a diary"), 1),
        (whole.replace("argon2id", "argon2"), 3),
        (whole.replace("memory-kib: 19456", "memory-kib: 8"), 4),
        (whole.lines().take(6).collect::<Vec<_>>().join("\n"), 7),
        (String::new(), 1),
    ] {
        assert_ne!(damage, whole);
        fs::write(&path, &damage).unwrap();
        alice.sees("Username: ");
        alice.types("alice");
        alice.sees("Password: ");
        alice.types(&password_of("alice"));
        alice.sees(&format!("the key file {} is damaged: line {line}: ", path.display()));
        alice.sees("hint: put a copy of the key file in its place\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), damage);
    }
    fs::write(&path, &whole).unwrap();
    alice.sees("Username: ");
    alice.types("alice");
    alice.sees("Password: ");
    alice.types(&password_of("alice"));
    alice.is_in_the_lobby();
}

#[test]
fn a_registration_never_overwrites_a_key_file() {
    let server = TestServer::starts();
    server.registers("alice").logs_out();
    let before = fs::read(server.key_file_of("alice")).unwrap();
    let mut alice = server.client("alice");
    alice.sees(ACCOUNT);
    alice.types("no");
    alice.sees("Username: ");
    alice.types("alice");
    alice.sees(&format!(
        "a key file for alice is on this machine already: {}\n",
        server.key_file_of("alice").display()
    ));
    alice.sees("Username: ");
    assert_eq!(fs::read(server.key_file_of("alice")).unwrap(), before);
}

#[test]
fn a_client_killed_between_registering_and_naming_its_key_file_still_has_the_account() {
    let server = TestServer::starts();
    server.registers("alice").logs_out();
    let path = server.key_file_of("alice");
    let waiting = path.with_extension("txt.new");
    fs::rename(&path, &waiting).unwrap();
    server.logs_in("alice").logs_out();
    assert!(path.exists() && !waiting.exists());
}

#[test]
fn what_a_killed_client_left_unfinished_long_ago_is_cleared() {
    let server = TestServer::starts();
    server.registers("alice").logs_out();
    let [old, young] = [".unfinished-old", ".unfinished-young"].map(|name| {
        let path = server.folder_of("alice").join(name);
        fs::write(&path, "half a key file").unwrap();
        path
    });
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
    fs::File::options().write(true).open(&old).unwrap().set_modified(yesterday).unwrap();
    server.logs_in("alice").logs_out();
    assert!(!old.exists() && young.exists() && server.key_file_of("alice").exists());
}

fn changes_password(alice: &mut TestClient, old: &str, new: &str) {
    alice.types("/passwd");
    alice.sees("Current password: ");
    alice.types(old);
    alice.sees("New password: ");
    alice.types(new);
}

/// What logging in with this password comes to.
fn opens_with(server: &TestServer, password: &str) -> bool {
    let mut alice = server.client("alice");
    alice.says_who_they_are("alice", password);
    let lobby = "Who do you want to start a conversation with? ";
    let opened = alice.sees_any(&["Wrong username or password\n", lobby]) == lobby;
    alice.closes_input();
    alice.ends_well();
    opened
}

#[test]
fn after_a_change_of_password_the_old_one_and_the_old_key_file_are_worth_nothing() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = server.two_in_conversation("alice", "bob");
    alice.says_to(&mut bob, "before the change");
    alice.leaves(&mut bob);
    let (path, copy) = (server.key_file_of("alice"), server.home_of("alice").join("copy"));
    fs::copy(&path, &copy).unwrap();
    changes_password(&mut alice, &password_of("alice"), "neues Passwort");
    alice.sees("Password changed. A copy of the old key file still opens with the old password");
    alice.is_in_the_lobby();
    // The session goes on, and so does the kept key under the same identity.
    open_conversation(&mut alice, &mut bob);
    alice.says_to(&mut bob, "after the change");
    bob.never_saw("IDENTITY CHANGED");
    alice.leaves(&mut bob);
    alice.logs_out();
    assert!(!opens_with(&server, &password_of("alice")));
    assert!(opens_with(&server, "neues Passwort"));
    let new = fs::read(&path).unwrap();
    fs::copy(&copy, &path).unwrap();
    assert!(!opens_with(&server, &password_of("alice")), "the server took the old login key");
    fs::write(&path, new).unwrap();
    assert!(opens_with(&server, "neues Passwort"));
}

#[test]
fn a_change_of_password_asks_for_the_current_one() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    alice.types("/passwd");
    alice.sees("Current password: ");
    alice.types("a guess");
    alice.sees("Wrong username or password\n");
    alice.is_in_the_lobby();
    alice.never_saw("New password: ");
    alice.logs_out();
    assert!(opens_with(&server, &password_of("alice")));
}

#[test]
fn a_client_killed_before_the_server_heard_of_the_new_password_keeps_the_old_one() {
    let mut server = TestServer::starts();
    let mut alice = server.registers("alice");
    let waiting = server.key_file_of("alice").with_extension("txt.new");
    server.is_frozen(true);
    changes_password(&mut alice, &password_of("alice"), "the new one");
    let deadline = Instant::now() + PATIENCE;
    // Nothing is said at this step: the file itself is the sign.
    while !waiting.exists() {
        assert!(Instant::now() < deadline, "no new key file");
        thread::yield_now();
    }
    alice.is_killed();
    server.is_killed();
    server.restarts();
    assert!(!opens_with(&server, "the new one"));
    assert!(waiting.exists(), "the file that may be the only one was dropped");
    assert!(opens_with(&server, &password_of("alice")));
    assert!(!waiting.exists() && server.key_file_of("alice").exists());
    assert!(opens_with(&server, &password_of("alice")));
}

#[test]
fn a_client_killed_after_the_server_heard_of_the_new_password_has_the_new_one() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    let (path, waiting) =
        (server.key_file_of("alice"), server.key_file_of("alice").with_extension("txt.new"));
    let old = fs::read(&path).unwrap();
    changes_password(&mut alice, &password_of("alice"), "the new one");
    alice.sees("Password changed.");
    alice.is_killed();
    // As a kill between the server's answer and the renaming leaves it.
    fs::rename(&path, &waiting).unwrap();
    fs::write(&path, old).unwrap();
    assert!(!opens_with(&server, &password_of("alice")));
    assert!(waiting.exists() && path.exists());
    assert!(opens_with(&server, "the new one"));
    assert!(!waiting.exists());
    assert!(opens_with(&server, "the new one"));
}

#[test]
fn wherever_a_change_of_password_is_cut_off_exactly_one_password_works() {
    let server = TestServer::starts();
    let mut current = password_of("alice");
    server.registers("alice").logs_out();
    for round in 0..6_u64 {
        let mut alice = server.client("alice");
        alice.says_who_they_are("alice", &current);
        alice.is_in_the_lobby();
        let new = format!("password {round}");
        changes_password(&mut alice, &current, &new);
        // Not for anything to happen, but to be cut off at another step each time.
        thread::sleep(Duration::from_millis(round * 12));
        alice.is_killed();
        let works = [&current, &new].map(|password| opens_with(&server, password));
        assert!(works[0] != works[1], "old and new password: {works:?}");
        if works[1] {
            current = new;
        }
        assert!(!server.key_file_of("alice").with_extension("txt.new").exists());
    }
}
