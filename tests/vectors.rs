//! Our own vectors, through the public interface only: what a second implementation would have to
//! read and give. They were computed once by other libraries in another language, from PROTOCOL.md.
//!
//! One story through four files: a key file and its password open a vault, the vault a kept key, the
//! kept key the messages; and a line of the log holds one of these. The published vectors of the
//! primitives are checked beside the code that wraps them (src/crypto/vectors.rs).

// A test stops at what it did not expect; the settings know tests by their functions, not by helpers.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{collections::BTreeMap, fs, path::Path, str::FromStr};

use chrono::{DateTime, SecondsFormat, Utc};
use data_encoding::{BASE64, HEXLOWER};
use securechat::{
    crypto::{
        conversation_key::ConversationKey,
        hash::body_hash,
        identity::identity_fingerprint,
        key_file::{KeyFile, Password, Unlocked, recovery::RecoveryForm},
        login,
        safety_number::SafetyNumber,
        session::{self, SessionError},
    },
    wire::{Blob, Body, Bytes, KeptKey, Pair, Seen, Username},
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    source: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Case(BTreeMap<String, String>);

impl Case {
    fn text(&self, field: &str) -> &str {
        self.0.get(field).unwrap_or_else(|| panic!("no field {field} in {:?}", self.0.get("name")))
    }

    fn parsed<T: FromStr<Err: std::fmt::Debug>>(&self, field: &str) -> T {
        self.text(field).parse().unwrap()
    }

    fn bytes<const N: usize>(&self, field: &str) -> Bytes<N> {
        Bytes(HEXLOWER.decode(self.text(field).as_bytes()).unwrap().try_into().unwrap())
    }

    fn body(&self) -> Body {
        Body::try_from(self.text("body")).unwrap()
    }
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors"))
}

fn cases(file: &str) -> Vec<Case> {
    let text = fs::read_to_string(folder().join(file)).unwrap();
    let file: File = serde_json::from_str(&text).unwrap();
    assert!(!file.cases.is_empty(), "{}", file.source);
    file.cases
}

/// A vector file that no test reads shows nothing: each one is either read here, or named in the
/// tests beside the code.
#[test]
fn every_vector_file_is_read_by_a_test() {
    let here = [
        "key-file.json",
        "kept-key.json",
        "message.json",
        "log-line.json",
        "safety-number.json",
        "recovery-form.json",
    ];
    let beside_the_code = include_str!("../src/crypto/vectors.rs");
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(here.contains(&name.as_str()) || beside_the_code.contains(&name), "{name} is not read");
    }
}

#[test]
fn a_key_file_opens_to_its_keys_and_those_to_the_conversation() {
    for case in cases("key-file.json") {
        let unlocked = open_key_file(&case);
        for kept in cases("kept-key.json") {
            let key = open_kept_key(&kept, &unlocked);
            let mut previous = BTreeMap::new();
            for message in cases("message.json") {
                open_message(&message, &key, &mut previous);
            }
        }
    }
}

fn open_key_file(case: &Case) -> Unlocked {
    let file: KeyFile = case.parsed("text");
    assert_eq!(file.to_string(), case.text("text"), "written as it was read");
    let name: Username = case.parsed("username");
    assert_eq!(*file.username(), name);

    // The accent is typed in two characters here and in one in the vector: it is the same password.
    let decomposed = case.text("password").replace('\u{e9}', "e\u{301}");
    assert_ne!(decomposed, case.text("password"));
    let unlocked = file.open(&Password::new(decomposed).unwrap()).unwrap();
    assert_eq!(unlocked.identity.public(), case.bytes("identity"));
    assert_eq!(identity_fingerprint(&unlocked.identity.public()), case.text("fingerprint"));
    assert_eq!(unlocked.login.public(), case.bytes("login_key"));

    // Ed25519 is deterministic (RFC 8032, section 5.1.6), so a signature is a vector too.
    let exporter = case.bytes::<32>("exporter").0;
    let new = case.bytes("new_login_key");
    let key = unlocked.login.public();
    let register = unlocked.login.sign_register(&name, &exporter);
    let login = unlocked.login.sign_login(&name, &exporter);
    let change = unlocked.login.sign_change(&name, &new, &exporter);
    assert_eq!(register, case.bytes("register_signature"));
    assert_eq!(login, case.bytes("login_signature"));
    assert_eq!(change, case.bytes("change_signature"));
    assert!(login::verify_register(&key, &name, &exporter, &register));
    assert!(login::verify_login(&key, &name, &exporter, &login));
    assert!(login::verify_change(&key, &name, &new, &exporter, &change));
    unlocked
}

fn open_kept_key(case: &Case, unlocked: &Unlocked) -> ConversationKey {
    let pair: Pair = case.parsed("pair");
    let sealed = Blob(BASE64.decode(case.text("sealed").as_bytes()).unwrap());
    let kept = KeptKey { epoch: case.parsed("epoch"), key_id: case.bytes("key_id"), sealed };
    let (key, peer_identity) = ConversationKey::open(&unlocked.vault, &pair, &kept).unwrap();
    assert_eq!(peer_identity, case.bytes("peer_identity"));
    assert!(key.code_of(pair.lower()).unwrap().matches(case.text("lower_code")));
    assert!(key.code_of(pair.higher()).unwrap().matches(case.text("higher_code")));
    key
}

/// `previous` is the hash of each sender's last body so far.
fn open_message(case: &Case, key: &ConversationKey, previous: &mut BTreeMap<String, Bytes<32>>) {
    let (sender, body): (Username, Body) = (case.parsed("sender"), case.body());
    let plain = session::open(key, &sender, &body).unwrap();
    assert_eq!(plain.sent, case.parsed::<i64>("sent"));
    assert_eq!(plain.text, case.text("text"));
    let seen = case.0.contains_key("seen_stream").then(|| Seen {
        stream: case.bytes("seen_stream"),
        counter: case.parsed("seen_counter"),
        hash: case.bytes("seen_hash"),
    });
    assert_eq!(plain.seen, seen);

    let header = body.header();
    assert_eq!(header.stream, case.bytes("stream"));
    assert_eq!(header.counter, case.parsed::<u64>("counter"));
    assert_eq!(header.previous, case.bytes("previous"));
    let before = previous.insert(sender.to_string(), body_hash(&body)).unwrap_or(Bytes([0; 32]));
    assert_eq!(header.previous, before, "the chain holds");
    assert_eq!(body_hash(&body), case.bytes("hash"));

    let other = key.pair().other(&sender).unwrap();
    assert_eq!(session::open(key, other, &body), Err(SessionError::NotOpened), "not the other's");
}

#[test]
fn a_line_of_the_log_is_time_sender_number_and_body() {
    for case in cases("log-line.json") {
        let line = case.text("line");
        let [time, sender, number, body] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let parsed: DateTime<Utc> = time.parse().unwrap();
        assert_eq!(parsed.to_rfc3339_opts(SecondsFormat::Millis, true), time);
        assert_eq!((time, sender, number), (case.text("time"), case.text("sender"), case.text("number")));
        assert!(sender.parse::<Username>().is_ok() && number.parse::<u64>().is_ok());
        assert_eq!(Body::try_from(body).unwrap(), case.body());
    }
}

#[test]
fn a_safety_number_is_the_same_from_both_sides() {
    for case in cases("safety-number.json") {
        let (one, other): (Username, Username) = (case.parsed("one"), case.parsed("other"));
        let (of_one, of_other) = (case.bytes("one_identity"), case.bytes("other_identity"));
        for number in [
            SafetyNumber::of((&one, &of_one), (&other, &of_other)),
            SafetyNumber::of((&other, &of_other), (&one, &of_one)),
        ] {
            assert_eq!(number.to_string(), case.text("number"), "{}", case.text("name"));
        }
    }
}

#[test]
fn a_key_file_is_printed_and_read_as_a_recovery_form() {
    for case in cases("recovery-form.json") {
        let key_file: KeyFile = case.parsed("key_file");
        let form = RecoveryForm::new(case.text("server"), &key_file).unwrap();
        assert_eq!(form.to_string(), case.text("form"));
        let read = RecoveryForm::read(&case.text("form").to_lowercase()).unwrap();
        assert_eq!((read.server(), read.key_file()), (case.text("server"), &key_file));
    }
}
