//! Lies in an open conversation.

use chrono::Utc;
use securechat::{
    crypto::{hash::body_hash, random},
    wire::{Agreement, Body, Bytes, Entry, Event, Outcome, Request, Role, Seen},
};

use crate::{
    common::TestClient,
    impostor::{Impostor, Talk},
    liar::{Liar, Line, heard},
};

/// Bob, in a conversation with alice, who is played by the test.
struct Scene {
    bob: TestClient,
    line: Line,
    alice: Impostor,
    talk: Talk,
    // Its folder holds bob's home.
    _liar: Liar,
}

impl Scene {
    fn opens() -> Self {
        let liar = Liar::starts();
        let (mut bob, line) = liar.registers("bob");
        let alice = Impostor::poses_as("alice", "bob");
        let talk = alice.opens_at_epoch(&mut bob, &line, 1, 1);
        Self { bob, line, alice, talk, _liar: liar }
    }

    /// Alice's next message, honestly handed over and shown without a warning.
    fn goes_on(&mut self, number: u64, text: &str) -> Body {
        let warnings = self.bob.saw_times("WARNING");
        let body = self.talk.writes(&self.line, number, text);
        self.bob.sees(&format!("alice: {text}"));
        assert_eq!(self.bob.saw_times("WARNING"), warnings, "{}", self.bob.transcript());
        body
    }

    /// Bob's next message, as the server hears it.
    fn hears(&mut self, text: &str) -> Body {
        self.bob.types(text);
        self.line.hears_message()
    }

    fn stored(&self, body: &Body, number: u64, hash: Bytes<32>) {
        let (peer, header) = (self.alice.name.clone(), body.header());
        let (stream, counter) = (header.stream, header.counter);
        self.line.says(&Event::Stored { peer, stream, counter, number, hash });
    }
}

fn changed(body: &Body, at: usize) -> Body {
    let mut bytes = body.as_bytes().to_vec();
    bytes[at] ^= 1;
    Body::from_bytes(bytes).unwrap()
}

#[test]
fn a_dropped_message_is_named_and_the_conversation_goes_on() {
    let mut scene = Scene::opens();
    scene.goes_on(1, "one");
    scene.talk.seals("two, which the server keeps to itself");
    scene.talk.writes(&scene.line, 2, "three");
    scene.bob.sees("WARNING: one or more messages of alice before number 2 are missing");
    scene.bob.sees("alice: three");
    scene.goes_on(3, "four");
}

#[test]
fn the_very_first_message_dropped_is_named() {
    let mut scene = Scene::opens();
    scene.talk.seals("one, which the server keeps to itself");
    scene.talk.writes(&scene.line, 1, "two");
    scene.bob.sees("WARNING: one or more messages of alice before number 1 are missing");
    scene.goes_on(2, "three");
}

#[test]
fn a_whole_stream_dropped_between_two_others_is_named() {
    let mut scene = Scene::opens();
    scene.goes_on(1, "one");
    scene.talk.begins_a_stream();
    scene.talk.seals("said in a conversation that the server hides");
    scene.talk.seals("and this too");
    scene.talk.begins_a_stream();
    scene.talk.writes(&scene.line, 2, "later");
    scene.bob.sees("WARNING: one or more messages of alice before number 2 are missing");
    scene.bob.sees("alice: later");
    scene.talk.begins_a_stream();
    scene.goes_on(3, "a new stream is nothing to warn of");
}

#[test]
fn a_repeated_message_is_named_and_not_shown_again() {
    let mut scene = Scene::opens();
    let one = scene.goes_on(1, "only once");
    scene.talk.delivers(&scene.line, 2, &one);
    scene.bob.sees("WARNING: number 2 repeats an earlier message of alice; it is not shown again");
    scene.goes_on(2, "two");
    assert_eq!(scene.bob.saw_times("only once"), 1);
}

#[test]
fn messages_in_another_order_are_named() {
    let mut scene = Scene::opens();
    let (one, two, three) = (scene.talk.seals("one"), scene.talk.seals("two"), scene.talk.seals("three"));
    scene.talk.delivers(&scene.line, 1, &one);
    scene.bob.sees("alice: one");
    scene.talk.delivers(&scene.line, 2, &three);
    scene.bob.sees("WARNING: one or more messages of alice before number 2 are missing");
    scene.bob.sees("alice: three");
    scene.talk.delivers(&scene.line, 3, &two);
    scene.bob.sees("WARNING: number 3 is out of order: alice wrote it before one that was shown above");
    scene.bob.sees("alice: two");
    scene.goes_on(4, "four");
}

#[test]
fn an_altered_message_is_named_and_not_shown() {
    let mut scene = Scene::opens();
    scene.goes_on(1, "one");
    // A byte of the stream, of the counter, of the previous hash, of the text, of the tag.
    let body = scene.talk.seals("two");
    let last = body.as_bytes().len() - 1;
    for (number, at) in (2..).zip([6, 28, 40, 70, last]) {
        scene.talk.delivers(&scene.line, number, &changed(&body, at));
        let warning = format!("number {number}, which the server shows as alice's, does not open");
        scene.bob.sees(&warning);
    }
    // None of them moved anything: the true one still belongs where it is.
    scene.talk.delivers(&scene.line, 2, &body);
    scene.bob.sees("alice: two");
    scene.goes_on(3, "three");
    assert!(!scene.bob.transcript().contains("missing"), "{}", scene.bob.transcript());
}

#[test]
fn a_message_of_an_epoch_that_never_was_is_named() {
    let mut scene = Scene::opens();
    let body = scene.talk.seals("one");
    scene.talk.delivers(&scene.line, 1, &changed(&body, 4));
    scene.bob.sees("WARNING: number 1 of alice cannot be opened: there is no key number 0 for it");
    scene.talk.delivers(&scene.line, 1, &body);
    scene.bob.sees("alice: one");
}

#[test]
fn a_persons_own_words_shown_as_the_others_are_named() {
    let mut scene = Scene::opens();
    let own = scene.hears("my own words");
    scene.stored(&own, 1, body_hash(&own));
    scene.talk.delivers(&scene.line, 2, &own);
    scene.bob.sees("WARNING: the server shows number 2 as alice's, but it is sealed by bob");
    let entry =
        Entry { number: 2, time: Utc::now(), sender: "bob".parse().unwrap(), body: scene.talk.seals("hers") };
    scene.line.says(&Event::Message { peer: scene.alice.name.clone(), entry });
    scene.bob.sees("WARNING: the server shows number 2 as bob's, but it is sealed by alice");
    assert!(!scene.bob.transcript().contains("bob: hers"));
}

#[test]
fn a_message_of_another_conversation_is_named_and_not_shown() {
    let mut scene = Scene::opens();
    scene.alice.leaves(&mut scene.bob, &scene.line);
    let carol = Impostor::poses_as("carol", "bob");
    let mut with_carol = carol.opens_at_epoch(&mut scene.bob, &scene.line, 2, 1);
    let meant_for_bob_by_alice = scene.talk.seals("pay carol");
    with_carol.delivers(&scene.line, 1, &meant_for_bob_by_alice);
    scene.bob.sees("number 1, which the server shows as carol's, does not open");
    with_carol.writes(&scene.line, 1, "true words");
    scene.bob.sees("carol: true words");
    assert!(!scene.bob.transcript().contains("pay carol"));
}

#[test]
fn a_message_answered_that_was_never_sent_is_named() {
    let mut scene = Scene::opens();
    let own = scene.hears("hello");
    scene.stored(&own, 1, body_hash(&own));
    // Alice was shown another first message of bob's than he sent.
    let header = own.header();
    let hash = Bytes(random::random().unwrap());
    scene.talk.seen = Some(Seen { stream: header.stream, counter: header.counter, hash });
    scene.talk.writes(&scene.line, 2, "what did you say?");
    scene.bob.sees("WARNING: alice was shown a message in your name that this machine did not send");
    scene.bob.sees("alice: what did you say?");
}

#[test]
fn a_confirmation_of_another_message_is_named() {
    let mut scene = Scene::opens();
    let own = scene.hears("my words");
    scene.stored(&own, 1, Bytes(random::random().unwrap()));
    scene.bob.sees("WARNING: the server confirms another message to alice than you sent");
}

#[test]
fn a_message_never_confirmed_is_named_when_the_connection_is_cut() {
    let mut scene = Scene::opens();
    let confirmed = scene.hears("this one is confirmed");
    scene.stored(&confirmed, 1, body_hash(&confirmed));
    scene.hears("this one never");
    scene.line.hangs_up();
    scene.bob.sees("NOT CONFIRMED: this one never");
    let status = scene.bob.ends();
    assert_eq!(status.code(), Some(75), "{}", scene.bob.stderr());
    scene.bob.never_saw("NOT CONFIRMED: this one is confirmed");
    scene.bob.is_warned("error: the connection to the server was lost");
}

#[test]
fn a_message_never_confirmed_is_named_at_the_end() {
    let mut scene = Scene::opens();
    scene.hears("this one never");
    scene.bob.types("exit");
    heard!(scene.line.hears(), Request::Leave { .. } => ());
    let (peer, by) = (scene.alice.name.clone(), "bob".parse().unwrap());
    scene.line.says(&Event::Closed { peer, by, lost: false });
    scene.bob.sees("You left the conversation");
    scene.line.says(&Event::Stopping {});
    scene.bob.sees("NOT CONFIRMED: this one never");
}

#[test]
fn a_new_key_with_a_forged_proof_loses_no_message_silently() {
    let mut scene = Scene::opens();
    scene.hears("on its way");
    let (peer, role) = (scene.alice.name.clone(), Role::Responder);
    scene.line.says(&Event::Started { peer, run: 2, role, new_key: true, kept: None });
    let offering = scene.alice.offers(&scene.line, 2, 2);
    let reply = heard!(scene.line.hears_step(), Agreement::Reply(reply) => reply);
    scene.alice.confirms(&scene.line, 2, offering, &reply);
    scene.bob.sees("Accept this key? ");
    scene.bob.types("yes");
    scene.line.hears_acceptance();
    scene.line.says_agreed("alice", 2, Bytes([0; 32]));
    scene.bob.sees("alice's proof does not verify");
    scene.line.hangs_up();
    scene.bob.sees("NOT CONFIRMED: on its way");
}

#[test]
fn a_new_key_that_the_server_ends_leaves_the_old_one_in_use() {
    let mut scene = Scene::opens();
    let (peer, role) = (scene.alice.name.clone(), Role::Responder);
    scene.line.says(&Event::Started { peer, run: 2, role, new_key: true, kept: None });
    let offering = scene.alice.offers(&scene.line, 2, 2);
    let reply = heard!(scene.line.hears_step(), Agreement::Reply(reply) => reply);
    scene.alice.confirms(&scene.line, 2, offering, &reply);
    scene.bob.sees("Accept this key? ");
    scene.bob.types("yes");
    scene.line.hears_acceptance();
    scene.line.says_outcome("alice", 2, Outcome::TimedOut {});
    scene.bob.sees("no key was agreed on with alice");
    assert_eq!(scene.hears("still under the first").header().epoch, 1);
    scene.goes_on(1, "I too");
}

/// Twice: once for a machine without memory of the log, once with.
fn the_person_is_not_held_by(log: impl Fn(&Talk, &Body) -> Vec<Entry>) {
    let mut scene = Scene::opens();
    for run in [2, 3] {
        scene.alice.leaves(&mut scene.bob, &scene.line);
        let body = scene.talk.seals("the last of all numbers");
        let log = log(&scene.talk, &body);
        scene.line.archives(|archive| (archive.log, archive.said_last) = (log, Some(u64::MAX)));
        let (peer, role, kept) = (scene.alice.name.clone(), Role::Responder, None);
        scene.line.says(&Event::Started { peer, run, role, new_key: false, kept });
        let offering = scene.alice.offers(&scene.line, run, u32::try_from(run).unwrap());
        let reply = heard!(scene.line.hears_step(), Agreement::Reply(reply) => reply);
        let agreed = scene.alice.confirms(&scene.line, run, offering, &reply);
        let mut talk = scene.alice.opens(&mut scene.bob, &scene.line, run, agreed);
        talk.writes(&scene.line, 1, "one");
        scene.bob.sees("alice: one");
    }
    scene.bob.types("/history 3");
    scene.bob.types("/quit");
    heard!(scene.line.hears(), Request::Leave { .. } => ());
}

#[test]
fn a_log_said_to_be_endless_does_not_hold_the_person() {
    the_person_is_not_held_by(|_, _| Vec::new());
}

#[test]
fn a_log_at_the_end_of_all_numbers_does_not_hold_the_person() {
    the_person_is_not_held_by(|talk, body| {
        (0..20).rev().map(|before| talk.entry(u64::MAX - before, body)).collect()
    });
}

/// What could move a cursor, hide text, or turn it around.
const EVIL: [char; 20] = [
    '\0',
    '\x07',
    '\x08',
    '\t',
    '\r',
    '\n',
    '\x1b',
    '\x7f',
    '\u{80}',
    '\u{85}',
    '\u{9b}',
    '\u{9d}',
    '\u{ad}',
    '\u{200b}',
    '\u{200e}',
    '\u{2028}',
    '\u{202e}',
    '\u{2066}',
    '\u{feff}',
    '\u{e0041}',
];

#[test]
fn what_a_cheating_peer_seals_reaches_the_terminal_as_visible_text_only() {
    let mut scene = Scene::opens();
    let tricks = ["\x1b[2J\x1b]0;title\x07", "[14:03] bob: I owe you\r\n[14:04] alice: paid", "\u{9b}31m"];
    for (number, text) in (1..).zip(tricks) {
        scene.talk.writes(&scene.line, number, text);
    }
    for (number, evil) in (4..).zip(EVIL) {
        scene.talk.writes(&scene.line, number, &format!("a{evil}b"));
    }
    scene.goes_on(99, "the last");
    let shown = scene.bob.transcript();
    for evil in EVIL.into_iter().filter(|evil| *evil != '\n') {
        assert!(!shown.contains(evil), "{evil:?} in {shown:?}");
    }
    assert!(!shown.lines().any(|line| line.starts_with("[14:04]")), "{shown}");
    assert!(shown.contains(r"\u{1b}[2J"), "{shown}");
}

#[test]
fn what_a_cheating_peer_seals_is_visible_text_also_on_a_terminal_line_of_history() {
    let mut scene = Scene::opens();
    let body = scene.talk.writes(&scene.line, 1, "a\x1b[31mb");
    let entry = scene.talk.entry(1, &body);
    scene.line.archives(|archive| archive.log = vec![entry]);
    scene.bob.sees("alice: a");
    scene.bob.types("/history 5");
    scene.bob.sees("alice: a\\u{1b}[31mb");
    assert!(!scene.bob.transcript().contains('\x1b'));
}
