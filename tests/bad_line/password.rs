//! `/passwd` over a bad line: whatever is cut, exactly one password and one key file work afterwards.

use std::{fs, path::PathBuf};

use crate::{
    common::{Cut, Proxy, TestClient, TestServer, Way, password_of},
    no_alarm,
};

const NEW: &str = "another password";

/// Everything that a client sends, or hears, from its question for the new password to the answer fits in
/// this many bytes: a frame of some 300.
const SENT_BYTES: u64 = 420;
const HEARD_BYTES: u64 = 60;

fn key_files(server: &TestServer, name: &str) -> Vec<PathBuf> {
    let servers = fs::read_dir(server.home_of(name)).unwrap().map(|folder| folder.unwrap().path());
    let mut files: Vec<PathBuf> = servers
        .flat_map(|folder| fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()))
        .filter(|file| file.to_string_lossy().contains(".txt"))
        .collect();
    files.sort();
    files
}

fn asks_for_the_change(alice: &mut TestClient) {
    alice.types("/passwd");
    alice.sees("Current password: ");
    alice.types(&password_of("alice"));
    alice.sees("New password: ");
}

/// Which of the two passwords logs in: exactly one does, and one key file is there then.
fn the_one_that_works(server: &TestServer, line: &Proxy) -> &'static str {
    let mut works = Vec::new();
    for (which, password) in [("old", password_of("alice")), ("new", NEW.to_owned())] {
        let mut client = line.client(server, "alice");
        client.says_who_they_are("alice", &password);
        if client.sees_any(&["Wrong username or password", "Who do you want"]) == "Who do you want" {
            works.push(which);
        }
    }
    assert_eq!(works.len(), 1, "{works:?} work");
    let files = key_files(server, "alice");
    assert_eq!(files.len(), 1, "{files:?}");
    works[0]
}

#[test]
fn a_change_cut_anywhere_comes_back_knowing_which_password_is_in_force() {
    let mut changed = [0, 0];
    for (way, bytes) in [(Way::Up, SENT_BYTES), (Way::Down, HEARD_BYTES)] {
        for after in (1..=bytes).step_by(usize::try_from(bytes / 4).unwrap()) {
            let server = TestServer::starts();
            let line = Proxy::to(&server);
            let mut alice = line.registers(&server, "alice");
            asks_for_the_change(&mut alice);
            line.cuts_after(way, after, if after % 2 == 0 { Cut::Ends } else { Cut::Breaks });
            alice.types(NEW);
            let said = alice.sees_any(&["Password changed", "the password was not changed"]);
            // Too late to cut the change itself: the line dies after it.
            line.cuts_no_more();
            alice.types("/who");
            alice.sees("connected: alice");
            alice.logs_out();
            no_alarm(&[&alice]);
            let works = the_one_that_works(&server, &line);
            assert_eq!(works == "new", said == "Password changed", "{way:?} {after}: {said:?}");
            changed[usize::from(works == "new")] += 1;
        }
    }
    assert!(changed[0] > 0 && changed[1] > 0, "cut before and after the change: {changed:?}");
}

#[test]
fn a_client_killed_in_a_cut_change_finds_the_right_key_file_at_its_next_start() {
    let mut changed = [0, 0];
    for (way, after) in [(Way::Up, 1), (Way::Up, 100), (Way::Down, 1)] {
        let server = TestServer::starts();
        let line = Proxy::to(&server);
        let mut alice = line.registers(&server, "alice");
        asks_for_the_change(&mut alice);
        line.cuts_after(way, after, Cut::Breaks);
        line.refuses(true);
        alice.types(NEW);
        alice.sees("the connection to the server was lost");
        assert_eq!(key_files(&server, "alice").len(), 2, "both are there while nobody knows");
        alice.is_killed();
        line.refuses(false);
        changed[usize::from(the_one_that_works(&server, &line) == "new")] += 1;
    }
    assert_eq!(changed, [2, 1]);
}
