//! Logs that the operator edited. Each edit is noticed by the log itself, on a machine that remembers
//! nothing, unless it takes the end away; that, only a machine that remembers can tell.

use data_encoding::BASE64;

use crate::{
    common::{TestClient, TestServer, open_conversation},
    stored::{
        LogLine, SAID, edit, edit_log, forgets, leave, meet_again, says, server_with_a_conversation, warnings,
    },
};

/// What bob, who remembers nothing, is warned of.
fn bob_is_warned_of(change: impl FnOnce(&mut Vec<LogLine>)) -> (Vec<String>, TestClient) {
    let mut server = server_with_a_conversation();
    edit_log(&mut server, change);
    forgets(&server, "bob");
    let (_alice, bob) = meet_again(&server);
    (warnings(&bob), bob)
}

const MISSING_BEFORE_3: &str = "one or more messages of alice before number 3 are missing";

#[test]
fn an_honest_log_gives_no_warning_with_or_without_memory() {
    let mut server = server_with_a_conversation();
    edit_log(&mut server, |_| {});
    let (alice, bob) = meet_again(&server);
    assert_eq!((warnings(&alice), warnings(&bob)), (vec![], vec![]));
    leave(alice, bob);
    forgets(&server, "bob");
    let (alice, mut bob) = meet_again(&server);
    assert_eq!((warnings(&alice), warnings(&bob)), (vec![], vec![]));
    for said in SAID {
        assert_eq!(bob.saw_times(&format!(": {said}\n")), 1, "{}", bob.transcript());
    }
    bob.types("/history");
    bob.sees("bob: indeed\n");
    assert_eq!(warnings(&bob), Vec::<String>::new());
}

#[test]
fn a_relabelled_sender_is_named() {
    let (warned, bob) = bob_is_warned_of(|lines| lines[2].sender = "bob".into());
    let relabelled = "the server shows number 3 as bob's, but it is sealed by alice";
    assert_eq!(warned, [relabelled, "one or more messages of alice before number 4 are missing"]);
    bob.never_saw(": three");
}

#[test]
fn a_dropped_line_is_named() {
    let (warned, bob) = bob_is_warned_of(|lines| drop(lines.remove(2)));
    assert_eq!(warned, [MISSING_BEFORE_3]);
    assert_eq!(bob.saw_times("alice: four"), 1);
}

#[test]
fn a_search_names_what_is_missing_where_it_looks() {
    let mut server = server_with_a_conversation();
    edit_log(&mut server, |lines| drop(lines.remove(2)));
    forgets(&server, "bob");
    let (_alice, mut bob) = meet_again(&server);
    bob.types("/search FOUR");
    bob.sees(&format!("WARNING: {MISSING_BEFORE_3}\n"));
    bob.sees("] alice: four\n");
    bob.sees(" messages with alice: FOUR\n");
}

#[test]
fn a_first_line_dropped_is_named() {
    let (warned, _) = bob_is_warned_of(|lines| drop(lines.remove(0)));
    let answered = "bob wrote number 1 after a message of alice that is not shown above: one is missing, or \
                    the lines are out of order";
    assert_eq!(warned, [answered, "one or more messages of alice before number 2 are missing"]);
}

#[test]
fn a_repeated_line_is_named_and_not_shown_again() {
    let (warned, bob) = bob_is_warned_of(|lines| lines.push(lines[0].clone()));
    assert_eq!(warned, ["number 5 repeats an earlier message of alice; it is not shown again"]);
    assert_eq!(bob.saw_times("alice: one"), 1);
}

#[test]
fn lines_of_one_sender_in_another_order_are_named() {
    let (warned, _) = bob_is_warned_of(|lines| lines.swap(2, 3));
    let late = "number 4 is out of order: alice wrote it before one that was shown above";
    assert_eq!(warned, [MISSING_BEFORE_3, late]);
}

#[test]
fn an_answer_before_its_question_is_named() {
    let (warned, _) = bob_is_warned_of(|lines| lines.swap(0, 1));
    let order = "bob wrote number 1 after a message of alice that is not shown above: one is missing, or the \
                 lines are out of order";
    assert_eq!(warned, [order]);
}

#[test]
fn a_question_before_what_it_is_about_is_named() {
    // Alice's third line was written after bob's second.
    let (warned, _) = bob_is_warned_of(|lines| lines.swap(1, 2));
    let order = "alice wrote number 2 after a message of bob that is not shown above: one is missing, or the \
                 lines are out of order";
    assert_eq!(warned, [order]);
}

#[test]
fn an_altered_body_is_named_and_not_shown() {
    let (warned, bob) = bob_is_warned_of(|lines| {
        let mut body = BASE64.decode(lines[2].body.as_bytes()).unwrap();
        *body.last_mut().unwrap() ^= 1;
        lines[2].body = BASE64.encode(&body);
    });
    let altered = "number 3, which the server shows as alice's, does not open: it was altered or forged";
    assert_eq!(warned, [altered, "one or more messages of alice before number 4 are missing"]);
    bob.never_saw("alice: three");
}

#[test]
fn a_line_of_another_conversation_is_named_and_not_shown() {
    let mut server = server_with_a_conversation();
    let (mut carol, mut bob) = (server.registers("carol"), server.logs_in("bob"));
    open_conversation(&mut carol, &mut bob);
    says(&mut carol, &mut bob, "between carol and bob");
    says(&mut bob, &mut carol, "from bob to carol");
    leave(carol, bob);
    let foreign: Vec<String> =
        server.data_file("conversations/bob+carol.txt").lines().map(str::to_owned).collect();
    edit_log(&mut server, |lines| {
        for (line, sender) in foreign.iter().zip(["alice", "bob"]) {
            let body = line.rsplit(' ').next().unwrap().to_owned();
            lines.push(LogLine { sender: sender.into(), body });
        }
    });
    forgets(&server, "bob");
    let (_alice, bob) = meet_again(&server);
    let named = |number, sender| {
        format!(
            "number {number}, which the server shows as {sender}'s, does not open: it was altered or forged"
        )
    };
    assert_eq!(warnings(&bob), [named(5, "alice"), named(6, "bob")]);
    bob.never_saw("carol");
}

#[test]
fn a_truncated_log_is_named_to_who_remembers() {
    let mut server = server_with_a_conversation();
    edit_log(&mut server, |lines| lines.truncate(2));
    let (alice, bob) = meet_again(&server);
    for (client, peer) in [(&alice, "bob"), (&bob, "alice")] {
        let cut = format!(
            "the server's log with {peer} ends at message 2, but this machine has seen message 4. The end was \
             cut off"
        );
        assert_eq!(warnings(client), [cut], "{}", client.transcript());
    }
}

#[test]
fn an_emptied_log_is_named_to_who_remembers() {
    let mut server = server_with_a_conversation();
    edit(&mut server, "conversations/alice+bob.txt", |_| String::new());
    let (_alice, bob) = meet_again(&server);
    let cut = "the server's log with alice ends at message 0, but this machine has seen message 4. The end was \
               cut off";
    assert_eq!(warnings(&bob), [cut]);
}

#[test]
fn a_cut_end_is_named_to_who_remembers_also_when_the_log_has_grown_again() {
    let mut server = server_with_a_conversation();
    edit_log(&mut server, |lines| lines.truncate(2));
    // Alice, on a machine that forgot, writes on with bob's kept away; then his comes back.
    let pins = server.home_of("bob").join(format!("127.0.0.1~{}", server.port())).join("bob.pins");
    let remembered = std::fs::read(&pins).unwrap();
    forgets(&server, "alice");
    forgets(&server, "bob");
    let (mut alice, mut bob) = meet_again(&server);
    says(&mut alice, &mut bob, "and on");
    leave(alice, bob);
    std::fs::write(&pins, remembered).unwrap();
    let (_alice, bob) = meet_again(&server);
    let warned = warnings(&bob);
    let altered = "message 4 of the log with alice is not what this machine saw there before";
    assert!(warned.iter().any(|warning| warning == altered), "{warned:#?}");
}

#[test]
fn a_line_dropped_long_ago_is_named_to_who_remembers() {
    let mut server = TestServer::starts();
    let (mut alice, mut bob) = (server.registers("alice"), server.registers("bob"));
    open_conversation(&mut alice, &mut bob);
    for number in 1..=30 {
        says(&mut alice, &mut bob, &format!("message {number}."));
    }
    leave(alice, bob);
    edit_log(&mut server, |lines| drop(lines.remove(4)));
    let (_alice, bob) = meet_again(&server);
    let cut = "the server's log with alice ends at message 29, but this machine has seen message 30. The end was \
               cut off";
    assert!(warnings(&bob).iter().any(|warning| warning == cut), "{:#?}", warnings(&bob));
}

#[test]
fn a_whole_stream_dropped_between_two_others_is_named() {
    let mut server = server_with_a_conversation();
    // Each opening is a stream.
    let (alice, bob) = meet_again(&server);
    leave(alice, bob);
    let (alice, bob) = meet_again(&server);
    leave(alice, bob);
    edit_log(&mut server, |lines| drop(lines.drain(4..6)));
    forgets(&server, "bob");
    let (_alice, bob) = meet_again(&server);
    let missing =
        |sender, number| format!("one or more messages of {sender} before number {number} are missing");
    assert_eq!(warnings(&bob), [missing("alice", 5), missing("bob", 6)]);
}
