//! Killed in `/passwd` and in a registration: one password and one key file work afterwards.

use crate::{
    Chance,
    common::{TestClient, TestServer, password_of},
    dictionaries_are_valid, no_alarm, rounds,
};

/// As long as making a key file and telling the server may take, in milliseconds.
const CHANGE_MS: u64 = 250;

fn key_files(server: &TestServer, name: &str) -> usize {
    let folders = std::fs::read_dir(server.home_of(name)).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains(".txt")).count()
}

/// Tries the passwords: the one that works, of which there is exactly one; the client it logged in.
fn the_one_that_works(server: &TestServer, name: &str, passwords: [&String; 2]) -> (String, TestClient) {
    let mut working = Vec::new();
    for password in passwords {
        let mut client = server.client(name);
        client.says_who_they_are(name, password);
        if client.sees_any(&["Wrong username or password", "Who do you want"]) == "Who do you want" {
            working.push((password.clone(), client));
        }
    }
    assert_eq!(working.len(), 1, "exactly one password works");
    assert_eq!(key_files(server, name), 1, "and one key file is there");
    working.pop().unwrap()
}

#[test]
fn killed_in_a_change_of_password_one_password_and_one_key_file_work() {
    let mut chance = Chance::new("passwd");
    let mut server = TestServer::starts();
    let mut alice = server.registers("alice");
    let mut current = password_of("alice");
    for round in 0..rounds() {
        let new = format!("password number {round}");
        alice.types("/passwd");
        alice.sees("Current password: ");
        alice.types(&current);
        alice.sees("New password: ");
        alice.types(&new);
        chance.waits(CHANGE_MS);
        let kind = chance.pick(3);
        if kind != 0 {
            server.is_killed();
            dictionaries_are_valid(&server);
        }
        if kind != 1 {
            alice.is_killed();
        }
        if kind != 0 {
            server.restarts();
        }
        if kind == 1 {
            // Her program lives: it comes back, and knows.
            alice.sees_any(&["Password changed", "the password was not changed"]);
            alice.types("/who");
            alice.sees("connected: alice");
            alice.logs_out();
        }
        no_alarm(&alice);
        (current, alice) = the_one_that_works(&server, "alice", [&current, &new]);
    }
}

#[test]
fn killed_in_a_registration_the_same_person_gets_in_the_next_time() {
    let mut chance = Chance::new("registration");
    let mut server = TestServer::starts();
    for round in 0..rounds() {
        let name = format!("person{round}");
        let mut client = server.client(&name);
        client.sees("Do you already have an account? (yes/no) ");
        client.types("no");
        client.sees("Username: ");
        client.types(&name);
        client.sees("Password: ");
        client.types(&password_of(&name));
        chance.waits(150);
        let kind = chance.pick(3);
        if kind != 0 {
            server.is_killed();
            dictionaries_are_valid(&server);
        }
        client.is_killed();
        if kind != 0 {
            server.restarts();
        }
        if key_files(&server, &name) == 0 {
            // Killed before anything was: the name is free.
            server.registers(&name).logs_out();
        } else {
            server.logs_in(&name).logs_out();
        }
        assert_eq!(key_files(&server, &name), 1);
    }
}
