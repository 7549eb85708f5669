//! `securechat server check`, `backup` and `restore`, as the person who runs a server uses them.

// A test fails by a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
    sync::atomic::{AtomicBool, Ordering},
};

use common::{Noise, TestServer, WireClient, securechat};

/// Exit statuses of the sysexits manner.
const DATA: i32 = 65;
const NO_INPUT: i32 = 66;
const UNAVAILABLE: i32 = 69;
const IO: i32 = 74;

const LOG: &str = "conversations/alice+bob.txt";

fn upkeep(what: &str, arguments: &[(&str, &Path)], flags: &[&str]) -> (i32, String) {
    let mut command = securechat();
    command.args(["server", what]).args(flags);
    for (flag, path) in arguments {
        command.arg(flag).arg(path);
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = [String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap()].concat();
    (status.code().unwrap(), said)
}

fn check(data: &Path) -> (i32, String) {
    upkeep("check", &[("--data", data)], &[])
}

fn repair(data: &Path) -> (i32, String) {
    upkeep("check", &[("--data", data)], &["--repair"])
}

/// A server on whose disk alice and bob have six messages, and carol and dave one; it has stopped.
fn stopped_server() -> TestServer {
    let mut server = TestServer::starts();
    let [mut alice, mut bob, mut carol, mut dave] =
        ["alice", "bob", "carol", "dave"].map(|name| WireClient::registers(&server, name));
    alice.agrees_with(&mut bob);
    carol.agrees_with(&mut dave);
    let (mut noise, mut other) = (Noise::new(), Noise::new());
    for _ in 0..3 {
        alice.sends(bob.name(), &noise.body(0));
        alice.hears_it_is_stored();
        bob.sends(alice.name(), &other.body(0));
        bob.hears_it_is_stored();
    }
    carol.sends(dave.name(), &Noise::new().body(0));
    carol.hears_it_is_stored();
    drop((alice, bob, carol, dave));
    assert!(server.stops().success());
    server
}

/// A copy of a folder, with the modes of everything in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(path, to).unwrap();
        }
    }
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

fn set_aside(data: &Path) -> PathBuf {
    let folders = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        folders.filter(|path| path.to_string_lossy().contains("set-aside-")).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_folder_that_a_server_left_is_clean_and_one_that_it_holds_is_not_touched() {
    let mut server = stopped_server();
    let (status, said) = check(&server.data());
    assert_eq!(status, 0, "{said}");
    let summary = "no damage; accounts: 4, pairs with a key: 2, conversations: 2, messages: 7\n";
    assert!(said.ends_with(summary), "{said}");
    server.restarts();
    for (status, said) in [check(&server.data()), repair(&server.data())] {
        assert_eq!(status, UNAVAILABLE, "{said}");
        assert!(said.contains("in use by another server"), "{said}");
    }
    let nowhere = server.data().join("nowhere");
    assert_eq!(check(&nowhere).0, IO);
    assert!(!nowhere.exists(), "looking made it");
}

/// What damages a data folder, the place that the check must name, and its words.
type Damage = (&'static str, fn(&Path), &'static str);

fn change_log(data: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let path = data.join(LOG);
    let mut all = lines(&path);
    change(&mut all);
    fs::write(path, all.join("\n") + "\n").unwrap();
}

fn change_file(data: &Path, name: &str, old: &str, new: &str) {
    let path = data.join(name);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{old} in {text}");
    fs::write(path, text.replacen(old, new, 1)).unwrap();
}

/// Damage that a repair sets aside.
const REPAIRED: [Damage; 18] = [
    ("a line that is none", |d| change_log(d, |l| l[2] = "what?".into()), "alice+bob.txt:3: not a line"),
    (
        "one byte",
        |d| change_log(d, |l| l[2] = l[2].replacen(" 3 ", " 3! ", 1)),
        "alice+bob.txt:3: not a line",
    ),
    (
        "a wrong number",
        |d| change_log(d, |l| l[2] = l[2].replacen(" 3 ", " 93 ", 1)),
        "alice+bob.txt:3: a number",
    ),
    (
        "a line less",
        |d| change_log(d, |l| drop(l.remove(2))),
        "alice+bob.txt:3: number 4, where 3 comes next",
    ),
    ("a line twice", |d| change_log(d, |l| l.insert(3, l[2].clone())), "a number that is out of place"),
    ("two lines changed over", |d| change_log(d, |l| l.swap(2, 3)), "a number that is out of place"),
    (
        "a stranger",
        |d| change_log(d, |l| l[0] = l[0].replacen("alice", "carol", 1)),
        ":1: a sender who is not",
    ),
    ("a later time", |d| change_log(d, |l| l[3].replace_range(..4, "2999")), ":4: a time before"),
    (
        "a message twice",
        |d| change_log(d, |l| l[4] = l[2].replacen(" 3 ", " 5 ", 1)),
        ":5: a message that is there twice",
    ),
    (
        "a torn line",
        |d| {
            let log = d.join(LOG);
            fs::write(&log, fs::read_to_string(&log).unwrap() + "2026-11").unwrap();
        },
        "alice+bob.txt:7: a torn line",
    ),
    ("zeros", |d| change_log(d, |l| l[5] = "\0".repeat(300) + "x"), "alice+bob.txt:6: zeros"),
    ("the last line", |d| change_log(d, |l| l[5] = "x".into()), "alice+bob.txt:6: not a line"),
    (
        "an account",
        |d| change_file(d, "dico.json", "\"dave\":{\"login_key\"", "\"dave\":{\"key\""),
        "dico.json:5: not an entry",
    ),
    ("a brace", |d| change_file(d, "dico.json", "}}", "}"), "dico.json:6: EOF while parsing"),
    (
        "a code without its time",
        |d| {
            fs::create_dir(d.join("invites")).unwrap();
            fs::set_permissions(d.join("invites"), fs::Permissions::from_mode(0o700)).unwrap();
            private(&d.join("invites/0123"), "?");
        },
        "invites/0123: not an invitation",
    ),
    ("a foreign file", |d| private(&d.join("conversations/notes.txt"), "?"), "notes.txt: a file among"),
    (
        "a log under another name",
        |d| {
            let text = fs::read_to_string(d.join(LOG)).unwrap();
            private(&d.join("conversations/bob+alice.txt"), &text);
        },
        "bob+alice.txt: a file among the conversations that is none",
    ),
    (
        "an orphan",
        |d| {
            let text = fs::read_to_string(d.join("conversations/carol+dave.txt")).unwrap();
            private(&d.join("conversations/carol+eve.txt"), &text);
        },
        "carol+eve.txt: a conversation of which no key is kept",
    ),
];

/// Damage that only a person or a backup can undo.
const NOT_REPAIRED: [Damage; 5] = [
    ("no keys", |d| fs::remove_file(d.join("keys_dico.json")).unwrap(), "keys_dico.json: missing"),
    ("no accounts", |d| fs::remove_file(d.join("dico.json")).unwrap(), "dico.json: missing"),
    (
        "nothing left",
        |d| fs::write(d.join("dico.json"), "x").unwrap(),
        "dico.json: nothing of it can be read",
    ),
    ("no certificate's key", |d| fs::remove_file(d.join("tls-key.pem")).unwrap(), "tls-key.pem: missing"),
    (
        "an epoch of no key",
        |d| change_file(d, "keys_dico.json", "\"epoch\":1", "\"epoch\":2"),
        ":1: a message under epoch 1",
    ),
];

fn private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn every_damage_is_named_with_its_place_and_set_aside_without_a_good_line_lost() {
    let mut server = stopped_server();
    let intact = server.data().with_file_name("intact");
    fs::rename(server.data(), &intact).unwrap();
    let before = lines(&intact.join(LOG));
    for (what, damage, words) in REPAIRED {
        let data = server.data();
        copy(&intact, &data);
        damage(&data);
        let damaged = lines(&data.join(LOG));
        let (status, said) = check(&data);
        assert_eq!(status, DATA, "{what}: {said}");
        assert!(said.contains(words), "{what}: {said}");
        assert!(
            said.lines().all(|line| line.starts_with(data.to_str().unwrap()) || line.contains("; accounts"))
        );
        let (status, said) = repair(&data);
        assert_eq!(status, 0, "{what}: {said}");
        let (status, said) = check(&data);
        assert_eq!(status, 0, "{what}: {said}");
        // Every whole line of before that the damage left is where it was.
        let after = lines(&data.join(LOG));
        for (number, line) in before.iter().enumerate().filter(|(_, line)| damaged.contains(line)) {
            assert_eq!(after.get(number), Some(line), "{what}");
        }
        // Nothing is gone: what is not in the log is aside.
        for line in damaged.iter().filter(|line| !after.contains(line)) {
            let aside = fs::read(set_aside(&data).join(LOG)).unwrap();
            assert!(String::from_utf8(aside).unwrap().contains(line.as_str()), "{what}");
        }
        server.restarts();
        let mut alice = WireClient::logs_in(&server, "alice");
        assert_eq!(alice.reads_all(&common::user("bob")).len(), after.len(), "{what}");
        drop(alice);
        assert!(server.stops().success());
        fs::remove_dir_all(data).unwrap();
    }
}

#[test]
fn receipts_that_cannot_be_read_are_no_damage_and_are_set_aside() {
    let server = stopped_server();
    let data = server.data();
    private(&data.join("receipts/alice+bob.txt"), "?");
    private(&data.join("receipts/notes.txt"), "?");
    let (status, said) = check(&data);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("receipts/alice+bob.txt: note: receipts that cannot be read"), "{said}");
    assert!(
        said.contains("receipts/notes.txt: note: a file among the receipts that is none of them"),
        "{said}"
    );
    assert_eq!(repair(&data).0, 0);
    assert!(set_aside(&data).join("receipts/alice+bob.txt").exists());
    assert!(!check(&data).1.contains("receipts"));
}

#[test]
fn what_only_a_backup_brings_back_is_named_and_left_as_it_is() {
    let server = stopped_server();
    let intact = server.data().with_file_name("intact");
    fs::rename(server.data(), &intact).unwrap();
    for (what, damage, words) in NOT_REPAIRED {
        let data = server.data();
        copy(&intact, &data);
        damage(&data);
        for (status, said) in [check(&data), repair(&data), check(&data)] {
            assert_eq!(status, DATA, "{what}: {said}");
            assert!(said.contains(words), "{what}: {said}");
        }
        assert_eq!(lines(&data.join(LOG)), lines(&intact.join(LOG)), "{what}");
        fs::remove_dir_all(data).unwrap();
    }
}

#[test]
fn files_that_others_may_read_are_named_and_made_private() {
    let server = stopped_server();
    let data = server.data();
    let open = data.join("keys_dico.json");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(data.join("conversations"), fs::Permissions::from_mode(0o755)).unwrap();
    private(&data.join(".unfinished-x"), "{");
    let (status, said) = check(&data);
    assert_eq!(status, DATA);
    assert!(said.contains("keys_dico.json: mode 0644: others may read or write it"), "{said}");
    assert!(said.contains(".unfinished-x: note: a file that a crash left unfinished"), "{said}");
    assert_eq!(repair(&data).0, 0);
    assert_eq!(fs::metadata(open).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!data.join(".unfinished-x").exists());
}

#[test]
fn backups_of_a_busy_server_are_whole_and_can_be_put_back() {
    let mut server = TestServer::starts();
    let (mut alice, mut bob) =
        (WireClient::registers(&server, "alice"), WireClient::registers(&server, "bob"));
    alice.agrees_with(&mut bob);
    let data = server.data();
    let beside = |name: String| data.with_file_name(name);
    assert_eq!(upkeep("invite", &[("--data", &data)], &[]).0, 0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut noise = Noise::new();
            let mut guests = 0;
            while !done.load(Ordering::SeqCst) {
                alice.sends(bob.name(), &noise.body(3));
                alice.hears_it_is_stored();
                guests += 1;
                WireClient::registers(&server, &format!("guest{guests}"));
            }
        });
        for round in 0..6 {
            let to = beside(format!("backup{round}{}", if round % 2 == 0 { "" } else { ".tar" }));
            let (status, said) = upkeep("backup", &[("--data", &data), ("--to", &to)], &[]);
            assert_eq!(status, 0, "{said}");
            assert!(said.contains("no damage"), "{said}");
        }
        done.store(true, Ordering::SeqCst);
    });
    assert!(server.stops().success());
    let last = lines(&data.join(LOG));
    fs::rename(&data, beside("last".into())).unwrap();
    for round in 0..6 {
        let from = beside(format!("backup{round}{}", if round % 2 == 0 { "" } else { ".tar" }));
        let (status, said) = upkeep("restore", &[("--from", &from), ("--data", &data)], &[]);
        assert_eq!(status, 0, "{said}");
        assert_eq!(fs::metadata(data.join("tls-key.pem")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
        let copied = if data.join(LOG).exists() { lines(&data.join(LOG)) } else { Vec::new() };
        assert_eq!(last.get(..copied.len()), Some(&copied[..]));
        assert_eq!(fs::read_dir(data.join("invites")).unwrap().count(), 1);
        // The same key, the same people, the same words: `restarts` compares the key.
        server.restarts();
        let mut alice = WireClient::logs_in(&server, "alice");
        assert_eq!(alice.reads_all(bob.name()).len(), copied.len());
        drop(alice);
        assert!(server.stops().success());
        fs::remove_dir_all(&data).unwrap();
    }
}

#[test]
fn nothing_is_put_over_anything_and_a_damaged_backup_is_not_put_back() {
    let server = stopped_server();
    let data = server.data();
    let to = data.with_file_name("backup");
    assert_eq!(upkeep("backup", &[("--data", &data), ("--to", &to)], &[]).0, 0);
    let (status, said) = upkeep("backup", &[("--data", &data), ("--to", &to)], &[]);
    assert_eq!(status, IO);
    assert!(said.contains("is there already"), "{said}");
    let (status, said) = upkeep("restore", &[("--from", &to), ("--data", &data)], &[]);
    assert_eq!(status, IO, "{said}");
    let nowhere = data.with_file_name("nowhere");
    assert_eq!(upkeep("backup", &[("--data", &nowhere), ("--to", &nowhere)], &[]).0, NO_INPUT);

    change_log(&to, |lines| lines[1] = "?".into());
    let (status, said) = upkeep("restore", &[("--from", &to), ("--data", &nowhere)], &[]);
    assert_eq!(status, DATA);
    assert!(said.contains("backup/conversations/alice+bob.txt:2: not a line"), "{said}");
    assert!(said.contains("is damaged: nothing was put back"), "{said}");
    let archive = data.with_file_name("broken.tar");
    fs::write(&archive, "no archive").unwrap();
    assert_eq!(upkeep("restore", &[("--from", &archive), ("--data", &nowhere)], &[]).0, DATA);
    assert!(!nowhere.exists());
    let beside = fs::read_dir(data.parent().unwrap()).unwrap();
    let left =
        beside.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with(".unfinished"));
    assert_eq!(left.count(), 0, "what was not finished is deleted");
}

/// A server that was killed after alice sent three messages, of which a power cut took the last two and
/// a half from the log: only the journal has them.
fn cut_off_server() -> (TestServer, String) {
    let mut server = TestServer::starts();
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| WireClient::registers(&server, name));
    alice.agrees_with(&mut bob);
    let mut noise = Noise::new();
    for _ in 0..3 {
        alice.sends(bob.name(), &noise.body(0));
        alice.hears_it_is_stored();
    }
    server.is_killed();
    let whole = server.data_file(LOG);
    let half = whole.find('\n').unwrap() / 2;
    fs::write(server.data().join(LOG), &whole[..half]).unwrap();
    (server, whole)
}

#[test]
fn what_only_the_journal_has_is_no_damage_is_in_a_backup_and_comes_back_at_a_start() {
    let (mut server, whole) = cut_off_server();
    let data = server.data();
    let cut = server.data_file(LOG);
    let (status, said) = check(&data);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("note: a crash left its end") && said.contains("messages: 3"), "{said}");
    assert_eq!(server.data_file(LOG), cut, "a look changes nothing");
    for name in ["copy", "copy.tar"] {
        let (to, back) = (data.with_file_name(name), data.with_file_name(format!("{name}-back")));
        let (status, said) = upkeep("backup", &[("--data", &data), ("--to", &to)], &[]);
        assert_eq!(status, 0, "{said}");
        let (status, said) = upkeep("restore", &[("--from", &to), ("--data", &back)], &[]);
        assert_eq!(status, 0, "{said}");
        assert_eq!(fs::read_to_string(back.join(LOG)).unwrap(), whole);
        assert!(!back.join("journal-0").exists(), "a copy needs none");
    }
    let repaired = data.with_file_name("repaired");
    copy(&data, &repaired);
    assert_eq!(repair(&repaired).0, 0);
    assert_eq!(fs::read_to_string(repaired.join(LOG)).unwrap(), whole);
    server.restarts();
    server.warns("messages were brought into their logs from the journal");
    assert_eq!(server.data_file(LOG), whole);
    assert!(server.stops().success());
    assert!(check(&data).1.starts_with("no damage"), "a good end leaves nothing to be done");
}

#[test]
fn with_the_systems_word_a_message_is_stored_without_a_journal_and_survives_a_kill() {
    let mut server = TestServer::starts_with(&["--durability", "os"]);
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| WireClient::registers(&server, name));
    alice.agrees_with(&mut bob);
    let mut noise = Noise::new();
    for number in 1..=20 {
        alice.sends(bob.name(), &noise.body(0));
        assert_eq!(alice.hears_it_is_stored(), number);
    }
    assert!(!server.data().join("journal-0").exists());
    server.is_killed();
    assert_eq!(server.data_file(LOG).lines().count(), 20);
    server.restarts();
    let mut alice = WireClient::logs_in(&server, "alice");
    assert_eq!(alice.reads_all(bob.name()).len(), 20);
}
