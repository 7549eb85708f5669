//! The real server's files, edited as its operator could: it is stopped, edited, and started again.

use std::fs;

use serde_json::Value;

use crate::{
    common::{TestClient, TestServer, open_conversation},
    liar,
};

/// A line of a log, without its time and number: those the operator makes fit.
#[derive(Clone)]
pub struct LogLine {
    pub sender: String,
    pub body: String,
}

/// What alice and bob said: alice the first, third and fourth, bob the second.
pub const SAID: [&str; 4] = ["one", "two", "three", "four"];

/// A server where alice and bob have talked, and left.
pub fn server_with_a_conversation() -> TestServer {
    let server = TestServer::starts();
    let (mut alice, mut bob) = (server.registers("alice"), server.registers("bob"));
    open_conversation(&mut alice, &mut bob);
    says(&mut alice, &mut bob, SAID[0]);
    says(&mut bob, &mut alice, SAID[1]);
    says(&mut alice, &mut bob, SAID[2]);
    says(&mut alice, &mut bob, SAID[3]);
    leave(alice, bob);
    server
}

/// One says it and the other sees it.
pub fn says(one: &mut TestClient, other: &mut TestClient, text: &str) {
    one.types(text);
    other.sees(&format!("{}: {text}", one.name()));
}

/// Both leave the conversation, and log out.
pub fn leave(mut one: TestClient, mut other: TestClient) {
    one.types("exit");
    one.sees("You left the conversation");
    other.sees(&format!("{} left the conversation", one.name()));
    for client in [&mut one, &mut other] {
        client.types("exit");
        client.ends_well();
    }
}

/// Both log in and open their conversation; then it goes on, whatever was wrong with it.
pub fn meet_again(server: &TestServer) -> (TestClient, TestClient) {
    let (mut alice, mut bob) = (server.logs_in("alice"), server.logs_in("bob"));
    open_conversation(&mut alice, &mut bob);
    says(&mut alice, &mut bob, "it goes on");
    says(&mut bob, &mut alice, "indeed");
    (alice, bob)
}

/// Stops the server, changes the text of a file of its data, and starts it again.
pub fn edit(server: &mut TestServer, file: &str, change: impl FnOnce(String) -> String) {
    server.stops();
    let text = change(server.data_file(file));
    fs::write(server.data().join(file), text).unwrap();
    server.restarts();
}

/// The same for the log of alice and bob; numbers and times are made to fit, so that the server has no reason to object.
pub fn edit_log(server: &mut TestServer, change: impl FnOnce(&mut Vec<LogLine>)) {
    edit(server, "conversations/alice+bob.txt", |text| {
        let split = text.lines().map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let lines: Vec<[String; 4]> = split.map(|fields| fields.try_into().unwrap()).collect();
        let times: Vec<String> = lines.iter().map(|[time, ..]| time.clone()).collect();
        let mut lines: Vec<LogLine> =
            lines.into_iter().map(|[_, sender, _, body]| LogLine { sender, body }).collect();
        change(&mut lines);
        let last = times.last().unwrap();
        let numbered = lines.iter().enumerate().map(|(at, LogLine { sender, body })| {
            format!("{} {sender} {} {body}\n", times.get(at).unwrap_or(last), at + 1)
        });
        numbered.collect()
    });
}

/// The same for the record of alice's and bob's key.
pub fn edit_key(server: &mut TestServer, change: impl FnOnce(&mut Value)) {
    edit(server, "keys_dico.json", |text| {
        let mut keys: Value = serde_json::from_str(&text).unwrap();
        change(&mut keys["alice+bob"]);
        serde_json::to_string(&keys).unwrap()
    });
}

/// Takes this person's machine its memory of peers: what is noticed then, the log says of itself.
pub fn forgets(server: &TestServer, name: &str) {
    liar::forget(&server.home_of(name).join(format!("127.0.0.1~{}", server.port())), name);
}

/// The warnings shown so far.
pub fn warnings(client: &TestClient) -> Vec<String> {
    let shown = client.transcript();
    shown.lines().filter_map(|line| Some(line.strip_prefix("WARNING: ")?.to_owned())).collect()
}
