//! `--json`: a client written from docs/JSON.md alone plays a meeting, several conversations, and mistakes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use common::{PATIENCE, TestServer, password_of};
use serde_json::{Value, json};

/// A program that speaks what docs/JSON.md describes, and knows nothing else of the client.
struct Bot {
    name: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    told: Receiver<Value>,
    /// The number of the question that stands.
    question: Option<u64>,
    heard: Vec<Value>,
}

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Bot {
    fn starts(server: &TestServer, name: &'static str) -> Self {
        Self::by(name, server.client_command(name))
    }

    fn by(name: &'static str, mut command: Command) -> Self {
        command.arg("--json").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (tell, told) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines() {
                let line = line.unwrap();
                let _ = tell.send(serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}")));
            }
        });
        let mut bot =
            Self { name, input: child.stdin.take(), child, told, question: None, heard: Vec::new() };
        let hello = bot.hears("hello");
        assert_eq!(hello["version"], 1, "{hello}");
        bot
    }

    fn next(&mut self) -> Value {
        let told = self.told.recv_timeout(PATIENCE);
        let told =
            told.unwrap_or_else(|_| panic!("{} hears nothing more after {:#?}", self.name, self.heard));
        match told["type"].as_str().unwrap() {
            "question" => self.question = told["number"].as_u64(),
            "no_question" => self.question = None,
            _ => {}
        }
        self.heard.push(told.clone());
        told
    }

    fn hears_such(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let told = self.next();
            if is_it(&told) {
                return told;
            }
        }
    }

    fn hears(&mut self, kind: &str) -> Value {
        self.hears_such(|told| told["type"] == kind)
    }

    fn is_asked(&mut self, id: &str) -> Value {
        self.hears_such(|told| told["type"] == "question" && told["id"] == id)
    }

    fn is_told(&mut self, id: &str) -> Value {
        self.hears_such(|told| told["type"] == "notice" && told["id"] == id)
    }

    fn says(&mut self, object: &Value) {
        self.says_line(&object.to_string());
    }

    fn says_line(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    fn answers(&mut self, text: &str) {
        let question = self.question.take().unwrap();
        self.says(&json!({ "type": "answer", "question": question, "text": text }));
    }

    fn sends(&mut self, id: &str, peer: &str, text: &str) {
        self.says(&json!({ "type": "send", "id": id, "peer": peer, "text": text }));
    }

    fn registers(server: &TestServer, name: &'static str) -> Self {
        let mut bot = Self::starts(server, name);
        bot.is_asked("account");
        bot.answers("no");
        bot.is_asked("username");
        bot.answers(name);
        let asked = bot.is_asked("password");
        assert_eq!(asked["secret"], true, "{asked}");
        bot.answers(&password_of(name));
        bot.is_told("account_created");
        bot.is_asked("lobby");
        bot
    }

    fn logs_in(server: &TestServer, name: &'static str) -> Self {
        let mut bot = Self::starts(server, name);
        bot.is_asked("account");
        bot.answers("yes");
        bot.is_asked("username");
        bot.answers(name);
        bot.is_asked("password");
        bot.answers(&password_of(name));
        bot.is_asked("lobby");
        bot
    }

    fn accepts(&mut self, peer: &str) {
        let asked = self.is_asked("key");
        assert_eq!(asked["args"]["peer"], peer, "{asked}");
        self.answers("yes");
    }

    fn ends(&mut self) -> Value {
        let ended = self.hears("ended");
        assert_eq!(self.child.wait().unwrap().code().map(i64::from), ended["status"].as_i64(), "{ended}");
        ended
    }
}

fn meet(first: &mut Bot, second: &mut Bot) {
    first.answers(second.name);
    let invited = second.is_told("invited");
    assert_eq!(invited["args"]["peer"], first.name);
    first.accepts(second.name);
    second.accepts(first.name);
    first.is_told("conversation_open");
    second.is_told("conversation_open");
}

#[test]
fn a_whole_meeting_with_receipts_and_exact_text() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = (Bot::registers(&server, "alice"), Bot::registers(&server, "bob"));
    meet(&mut alice, &mut bob);
    let block = bob.heard.iter().find(|told| told["id"] == "key_block").unwrap();
    assert_eq!(block["args"]["standing"], "new", "{block}");
    assert_eq!(block["args"]["code"].as_str().unwrap().len(), 6, "{block}");

    let text = "two\nlines, \u{1b}[31m and \u{202e} as they are";
    alice.sends("m1", "bob", text);
    let message = bob.hears("message");
    assert_eq!(
        (&message["from"], &message["peer"], &message["own"]),
        (&json!("alice"), &json!("alice"), &json!(false))
    );
    assert_eq!((&message["text"], &message["number"]), (&json!(text), &json!(1)));
    assert!(message["sent"].as_str().unwrap().ends_with('Z'), "{message}");
    let stored = alice.hears("stored");
    assert_eq!((&stored["id"], &stored["peer"], &stored["number"]), (&json!("m1"), &json!("bob"), &json!(1)));
    assert_eq!(alice.hears("delivered")["id"], "m1");

    bob.says(&json!({ "type": "history", "id": "h", "peer": "alice" }));
    let history = bob.hears("history");
    assert_eq!(history["messages"].as_array().unwrap().len(), 1);
    assert_eq!((&history["messages"][0]["text"], &history["id"]), (&json!(text), &json!("h")));
    bob.says(&json!({ "type": "who", "id": "w" }));
    assert_eq!(bob.hears("who")["connected"], json!(["alice", "bob"]));
    let glance = bob.heard.iter().rev().find(|told| told["type"] == "overview").unwrap();
    assert_eq!((&glance["me"], &glance["focus"]), (&json!("bob"), &json!("alice")));
    assert_eq!(glance["contacts"][0]["standing"], "known", "{glance}");

    bob.says(&json!({ "type": "command", "line": "/leave" }));
    alice.is_told("left_by");
    alice.is_asked("lobby");
    alice.says(&json!({ "type": "quit" }));
    assert_eq!(alice.ends()["status"], 0);
    bob.is_asked("lobby");
    bob.input = None;
    assert_eq!(bob.ends()["status"], 0);
}

#[test]
fn several_conversations_at_once_and_messages_for_who_is_away() {
    let server = TestServer::starts();
    let mut alice = Bot::registers(&server, "alice");
    let (mut bob, mut carol) = (Bot::registers(&server, "bob"), Bot::registers(&server, "carol"));
    meet(&mut alice, &mut bob);
    alice.says(&json!({ "type": "command", "line": "/with carol" }));
    alice.accepts("carol");
    carol.answers("alice");
    carol.accepts("alice");
    carol.is_told("conversation_open");
    alice.is_told("conversation_open");
    alice.sends("b", "bob", "for bob");
    alice.sends("c", "carol", "for carol");
    assert_eq!(bob.hears("message")["text"], "for bob");
    assert_eq!(carol.hears("message")["text"], "for carol");
    bob.sends("1", "alice", "from bob");
    carol.sends("1", "alice", "from carol");
    let said = |told: &Value| told["type"] == "message";
    let mut texts: Vec<String> =
        (0..2).map(|_| alice.hears_such(said)["text"].as_str().unwrap().to_owned()).collect();
    texts.sort();
    assert_eq!(texts, ["from bob", "from carol"]);

    bob.says(&json!({ "type": "quit" }));
    bob.ends();
    alice.sends("later", "bob", "for when you are back");
    assert_eq!(alice.hears_such(|told| told["id"] == "later")["type"], "stored");
    let bob = Bot::logs_in(&server, "bob");
    // It was unread, and is told before the lobby's question.
    let told = bob.heard.iter().find(|told| told["type"] == "message").unwrap();
    assert_eq!(told["text"], "for when you are back");
    assert_eq!(alice.hears_such(|told| told["id"] == "later")["type"], "delivered");
}

#[test]
fn a_conversation_is_exported_in_parts_while_it_goes_on() {
    const MESSAGES: u64 = 1_100;
    let server = TestServer::starts();
    let (mut alice, mut bob) = (Bot::registers(&server, "alice"), Bot::registers(&server, "bob"));
    meet(&mut alice, &mut bob);
    for number in 1..=MESSAGES {
        alice.sends(&number.to_string(), "bob", &format!("message {number}"));
    }
    let last = json!(MESSAGES.to_string());
    alice.hears_such(|told| told["type"] == "stored" && told["id"] == last);
    bob.hears_such(|told| told["type"] == "message" && told["number"] == MESSAGES);
    bob.says(&json!({ "type": "export", "id": "all", "peer": "alice" }));
    // What is said in between is no part of it, and has no id.
    let more = bob.hears("more");
    assert_eq!(more["id"], "all");
    alice.sends("new", "bob", "in between");
    let live = bob.hears_such(|told| told["type"] == "message" && told["id"].is_null());
    assert_eq!(live["text"], "in between");
    for _ in 0..2 {
        // The second one comes after the end.
        bob.says(&json!({ "type": "more" }));
    }
    let exported = bob.hears("exported");
    let whole = json!({ "type": "exported", "id": "all", "peer": "alice", "messages": MESSAGES, "flaws": 0 });
    assert_eq!(exported, whole);
    let of_it = bob.heard.iter().filter(|told| told["type"] == "message" && told["id"] == "all");
    let texts: Vec<&str> = of_it.map(|told| told["text"].as_str().unwrap()).collect();
    let expected: Vec<String> = (1..=MESSAGES).map(|number| format!("message {number}")).collect();
    assert_eq!(texts, expected);
    bob.says(&json!({ "type": "export", "peer": "alice", "last": 2 }));
    let last = [bob.hears("message"), bob.hears("message")].map(|told| told["text"].clone());
    assert_eq!(last, [json!(format!("message {MESSAGES}")), json!("in between")]);
    assert_eq!(bob.hears("exported")["messages"], 2);
    bob.says(&json!({ "type": "export", "id": "none", "peer": "carol" }));
    let refused = bob.hears("error");
    assert_eq!((&refused["reason"], &refused["id"]), (&json!("unknown_user"), &json!("none")));
}

#[test]
fn mistakes_are_answered_and_are_not_the_end() {
    let server = TestServer::starts();
    let mut alice = Bot::starts(&server, "alice");
    let asked = alice.is_asked("account");
    alice.sends("early", "bob", "too early");
    let refused = alice.hears("error");
    assert_eq!((&refused["reason"], &refused["id"]), (&json!("not_logged_in"), &json!("early")));
    alice.says(&json!({ "type": "answer", "question": asked["number"].as_u64().unwrap() + 1, "text": "no" }));
    assert_eq!(alice.hears("error")["reason"], "not_asked");
    drop(alice);

    let mut alice = Bot::registers(&server, "alice");
    for wrong in [
        "no JSON",
        r#"{"type":"shout","text":"x"}"#,
        r#"{"type":"send","peer":"bob","text":"x","subject":"unknown field"}"#,
        r#"{"type":"send","peer":"BOB","text":"x"}"#,
        r#"{"type":"who"} trailing"#,
        r#"["type"]"#,
    ] {
        alice.says_line(wrong);
        let refused = alice.hears("error");
        assert_eq!(refused["reason"], "json_not_understood", "{wrong}");
        assert!(refused["text"].as_str().unwrap().starts_with("line "), "{refused}");
    }
    for (id, peer, text, reason) in [
        ("1", "nobody", "x", "unknown_user"),
        ("2", "alice", "x", "yourself"),
        ("3", "bob", "", "nothing_to_send"),
    ] {
        alice.sends(id, peer, text);
        let refused = alice.hears("not_sent");
        assert_eq!((&refused["id"], &refused["reason"]), (&json!(id), &json!(reason)), "{refused}");
    }
    alice.says(&json!({ "type": "command", "line": "no command" }));
    assert_eq!(alice.hears("error")["reason"], "not_a_command");
    alice.says(&json!({ "type": "history", "id": "h", "peer": "bob", "count": 1000 }));
    let refused = alice.hears("error");
    assert_eq!((&refused["reason"], &refused["id"]), (&json!("history_at_most"), &json!("h")));
    // A name as an answer is still an answer.
    alice.answers("nobody");
    alice.is_told("unknown_user");
    alice.is_asked("lobby");
    alice.says(&json!({ "type": "quit" }));
    assert_eq!(alice.ends()["status"], 0);
}

#[test]
fn a_question_that_is_gone_takes_no_answer() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = (Bot::registers(&server, "alice"), Bot::registers(&server, "bob"));
    let lobby = bob.question.unwrap();
    alice.answers("bob");
    bob.is_asked("key");
    // What was meant for the lobby is no consent.
    bob.says(&json!({ "type": "answer", "question": lobby, "text": "yes" }));
    assert_eq!(bob.hears("error")["reason"], "not_asked");
    bob.answers("no");
    assert_eq!(alice.is_told("refused_by")["args"]["peer"], "bob");
}

/// A whole bot: it accepts, echoes and reminds.
#[test]
fn the_example_bot_answers() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3 here (Debian: apt-get install python3)");
        return;
    }
    let server = TestServer::starts();
    server.registers("robot").logs_out();
    let password = server.home_of("robot").join("password");
    std::fs::write(&password, password_of("robot")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let client = server.client_command("robot");
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/bot-example"));
    // After `client`, which the bot says itself.
    command.args(client.get_args().skip(1)).args(["--user", "robot"]).arg("--password-file").arg(&password);
    command.env("SECURECHAT", client.get_program()).env("LANG", "C");
    let mut robot = common::TestClient::starts("robot", command);
    robot.sees("ready");

    let mut alice = server.registers("alice");
    alice.types("robot");
    alice.is_asked_about_the_key();
    alice.types("yes");
    alice.talks_with("robot");
    alice.types("hello, you");
    alice.sees("] robot: hello, you\n");
    alice.types("remind 0 tea is ready");
    alice.sees("] robot: tea is ready\n");
    // And while somebody else talks with it.
    let mut bob = server.registers("bob");
    bob.types("robot");
    bob.is_asked_about_the_key();
    bob.types("yes");
    bob.talks_with("robot");
    bob.types("me too");
    bob.sees("] robot: me too\n");
    alice.types("still there?");
    alice.sees("] robot: still there?\n");
}
