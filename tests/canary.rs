//! The server cannot listen: after a busy run of several people, none of their passwords, keys and words is in any file
//! of the server's, in anything it said, or in its memory.

// A test fails by a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "canary/opened.rs"]
mod opened;
#[path = "canary/search.rs"]
mod search;

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use common::{TestClient, TestServer, invite, open_conversation, reach_the_key};
use data_encoding::HEXLOWER;
use opened::{Secrets, conversation, person};
use search::Search;
use securechat::crypto::random::random;

/// What every text of this test is made of: found by chance nowhere.
fn canary(what: &str) -> String {
    format!("{what} {}", HEXLOWER.encode(&random::<16>().unwrap()))
}

/// As long as a message may be, with a canary at its beginning, in its middle and at its end.
fn long_text(canaries: &mut Vec<String>) -> String {
    const TEXT_BYTES: usize = 16 * 1024;
    let parts: Vec<String> = ["the beginning", "the middle", "the end"].map(canary).into();
    let space = TEXT_BYTES - parts.iter().map(String::len).sum::<usize>();
    let text = format!(
        "{}{}{}{}{}",
        parts[0],
        "-".repeat(space / 2),
        parts[1],
        "-".repeat(space - space / 2),
        parts[2]
    );
    assert_eq!(text.len(), TEXT_BYTES);
    canaries.extend(parts);
    text
}

/// Everybody of the story, and everything that they typed and nobody else may know.
struct Story {
    server: TestServer,
    people: Vec<TestClient>,
    /// The password of each now; erin's of before is the last.
    passwords: Vec<(&'static str, String)>,
    /// erin's key file of before her new password, which she should have destroyed.
    old_key_file: PathBuf,
    texts: Vec<String>,
    typed: Secrets,
    _aside: tempfile::TempDir,
}

const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

fn registers(server: &TestServer, name: &str, password: &str) -> TestClient {
    let mut client = server.client(name);
    client.says_they_are_new(name, password);
    client.sees("Account created");
    client.is_in_the_lobby();
    client
}

impl Story {
    fn told() -> Self {
        // Nothing of the machine's settings makes a file private: the programs have to.
        let anything = ["sh", "-c", r#"umask 000 && exec "$0" "$@""#];
        let server = TestServer::starts_under(&anything, &["--log", "debug"]);
        let mut passwords: Vec<_> = NAMES.iter().map(|&name| (name, canary("a password"))).collect();
        let people = passwords.iter().map(|(name, password)| registers(&server, name, password)).collect();
        let aside = tempfile::tempdir().unwrap();
        let old_key_file = aside.path().join("old");
        fs::copy(server.key_file_of("erin"), &old_key_file).unwrap();
        passwords.push(passwords[4].clone());
        let (texts, typed) = (Vec::new(), Secrets::new());
        let mut story = Self { server, people, passwords, old_key_file, texts, typed, _aside: aside };
        story.erin_changes_her_password();
        story.alice_mistypes_hers();
        story.dave_refuses_erin();
        story.alice_and_bob_talk();
        story.carol_and_dave_meet_twice();
        story
    }

    fn erin_changes_her_password(&mut self) {
        let new = canary("a new password");
        let erin = &mut self.people[4];
        erin.types("/passwd");
        erin.sees("Current password: ");
        erin.types(&self.passwords[4].1);
        erin.sees("New password: ");
        erin.types(&new);
        erin.sees("Password changed");
        erin.is_in_the_lobby();
        erin.closes_input();
        erin.ends_well();
        // With the key file of before, the old password reaches the server, which refuses it.
        let new_key_file = fs::read(self.server.key_file_of("erin")).unwrap();
        fs::copy(&self.old_key_file, self.server.key_file_of("erin")).unwrap();
        let mut erin = self.server.client("erin");
        erin.says_who_they_are("erin", &self.passwords[4].1);
        erin.sees("Wrong username or password");
        fs::write(self.server.key_file_of("erin"), new_key_file).unwrap();
        erin.sees("Username: ");
        erin.types("erin");
        erin.sees("Password: ");
        erin.types(&new);
        erin.is_in_the_lobby();
        self.people[4] = erin;
        self.passwords[4].1 = new;
    }

    fn alice_mistypes_hers(&mut self) {
        self.people[0].closes_input();
        self.people[0].ends_well();
        let mut alice = self.server.client("alice");
        let wrong = canary("no password");
        alice.says_who_they_are("alice", &wrong);
        alice.sees("Wrong username or password");
        alice.sees("Username: ");
        alice.types("alice");
        alice.sees("Password: ");
        alice.types(&self.passwords[0].1);
        alice.is_in_the_lobby();
        let garbage = canary("Nobody's name, \u{1b}[31m");
        alice.types(&garbage);
        alice.is_in_the_lobby();
        self.people[0] = alice;
        self.typed.extend([("a wrong password".into(), wrong.into()), ("garbage".into(), garbage.into())]);
    }

    fn dave_refuses_erin(&mut self) {
        let [_, _, _, dave, erin] = &mut self.people[..] else { panic!("five people") };
        reach_the_key(erin, dave);
        dave.types("no");
        erin.sees("dave refused the key");
        dave.sees("You refused the key");
        erin.is_in_the_lobby();
        dave.is_in_the_lobby();
    }

    /// By each other's code, under two keys, and with messages of every length.
    fn alice_and_bob_talk(&mut self) {
        let [alice, bob, ..] = &mut self.people[..] else { panic!("five people") };
        let (alices, bobs) = reach_the_key(alice, bob);
        alice.types(&bobs.expect("a code"));
        alice.sees("Waiting for bob to answer...");
        bob.types(&alices.expect("a code"));
        alice.talks_with("bob");
        bob.talks_with("alice");
        for round in 0..2 {
            for number in 0..4 {
                let (question, answer) = (canary(&format!("question {number}")), canary("an answer"));
                alice.says_to(bob, &question);
                bob.says_to(alice, &answer);
                self.texts.extend([question, answer]);
            }
            let long = long_text(&mut self.texts);
            alice.says_to(bob, &long);
            if round == 0 {
                alice.types("/rekey");
                bob.sees("Accept this key? ");
                bob.types("yes");
                alice.sees("Accept this key? ");
                alice.types("yes");
                for client in [&mut *alice, &mut *bob] {
                    client.sees("goes on under key number 2");
                }
            }
        }
        bob.types("/history 5");
        bob.sees(&self.texts[self.texts.len() - 5]);
    }

    /// The second time they are left with the question, which carol has answered.
    fn carol_and_dave_meet_twice(&mut self) {
        let [_, _, carol, dave, _] = &mut self.people[..] else { panic!("five people") };
        open_conversation(carol, dave);
        let (one, other) = (canary("from carol"), canary("from dave"));
        carol.says_to(dave, &one);
        dave.says_to(carol, &other);
        self.texts.extend([one, other]);
        carol.leaves(dave);
        invite(dave, carol);
        carol.types("dave");
        carol.sees("Accept this key? ");
        dave.sees("Accept this key? ");
        carol.types("yes");
        carol.sees("Waiting for dave to answer...");
    }

    /// Every secret of every person and pair.
    fn secrets(&self) -> Secrets {
        let mut secrets = self.typed.clone();
        let mut opened = Vec::new();
        for (name, password) in &self.passwords[..NAMES.len()] {
            opened.push(person(&self.server.key_file_of(name), password));
        }
        opened.push(person(&self.old_key_file, &self.passwords[NAMES.len()].1));
        let mut said = Vec::new();
        for (member, pair) in [(0, "alice+bob"), (1, "alice+bob"), (2, "carol+dave")] {
            let log = self.server.data_file(format!("conversations/{pair}.txt"));
            let (keys, texts) =
                conversation(&opened[member], pair, &self.server.data_file("keys_dico.json"), &log);
            secrets.extend(keys);
            said.extend(texts);
        }
        // The keys are the right ones: they open what was said.
        let said = said.join("\n");
        assert!(self.texts.iter().all(|text| said.contains(text)), "not all that was said is in the logs");
        secrets.extend(self.texts.iter().map(|text| ("a text".into(), text.clone().into_bytes())));
        secrets.extend(opened.into_iter().flat_map(|person| person.secrets));
        secrets
    }
}

/// Every file and every folder below a folder, with itself.
fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(path) = all.get(at).cloned() {
        if path.is_dir() {
            all.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
        at += 1;
    }
    all
}

/// The memory of a running process; `None`, and said so, where it may not be looked at.
fn memory_of(process: u32) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let mut gcore = Command::new("gcore");
    gcore.arg("-o").arg(folder.path().join("core")).arg(process.to_string());
    gcore.env_remove("DEBUGINFOD_URLS").current_dir(folder.path()).stdin(Stdio::null());
    let why = match gcore.output() {
        Err(error) => format!("gcore: {error}"),
        Ok(output) => match fs::read(folder.path().join(format!("core.{process}"))) {
            Ok(image) => return Some(image),
            Err(_) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        },
    };
    // Not through `eprintln!`, which the test runner swallows when all is well.
    let _ = writeln!(std::io::stderr(), "LEFT OUT: the search of the server's memory ({why})");
    None
}

#[test]
fn nothing_of_what_people_keep_to_themselves_is_in_the_servers_files_words_and_memory() {
    let story = Story::told();
    let server = &story.server;
    let memories = memory_of(server.process())
        .and_then(|of_server| Some((of_server, memory_of(story.people[0].process())?)));
    let secrets = story.secrets();
    let mut search = Search::new();
    for (name, secret) in &secrets {
        search.add(name, secret);
    }

    let mut control = Search::new();
    let log = server.data_file("conversations/alice+bob.txt");
    let body = log.lines().last().unwrap().rsplit(' ').next().unwrap();
    control.add("the last body", body.as_bytes());
    let control_finds_in =
        |bytes: &[u8]| control.finds_in(bytes).iter().filter(|name| name.ends_with("raw")).count();

    let mut bodies_found = 0;
    for path in all_below(&server.data()).iter().filter(|path| path.is_file()) {
        let bytes = fs::read(path).unwrap();
        search.finds_nothing_in(&path.display().to_string(), &bytes);
        bodies_found += usize::from(control_finds_in(&bytes) == body.len() / 16);
    }
    // Until the log itself is on the disk the journal has it too, and keeps the bytes when it is free again.
    assert_eq!(bodies_found, 2, "the control is in the log, and in the journal");

    let said = server.output() + &server.errors();
    search.finds_nothing_in("what the server says", said.as_bytes());
    assert!(NAMES.iter().all(|name| said.contains(name)), "it says who comes and goes: {said}");
    assert!(said.contains("DEBUG"), "it says everything: {said}");
    let accounts = server.data_file("dico.json");
    assert!(NAMES.iter().all(|name| accounts.contains(name)));

    if let Some((of_server, of_alice)) = memories {
        // Of what it relayed last it still holds something; the control is not fooled by an empty image.
        assert!(control_finds_in(&of_server) > 0, "the server's image holds no body at all");
        search.finds_nothing_in("the server's memory", &of_server);
        let found = search.finds_in(&of_alice).join("\n");
        for hers in ["alice's secret S", "alice's vault key", "the key of alice+bob, number 2", "a text"] {
            assert!(found.contains(hers), "alice's own image does not hold {hers}:\n{found}");
        }
        assert!(!found.contains("bob's secret S"), "{found}");
    }
}

#[test]
fn every_file_is_its_owners_alone_on_both_sides() {
    let story = Story::told();
    let homes = story.server.home_of("alice").parent().unwrap().to_owned();
    for root in [story.server.data(), homes] {
        let all = all_below(&root);
        assert!(all.len() > 8, "{all:?}");
        for path in all {
            let metadata = fs::symlink_metadata(&path).unwrap();
            let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
            let mode = metadata.permissions().mode() & 0o7777;
            assert_eq!(mode, wanted, "{} is {mode:o}", path.display());
        }
    }
}
