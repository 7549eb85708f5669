//! The whole client at a terminal: what a person sees there and types there.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{
    Pty, TestServer,
    at_a_terminal::{
        PASSWORD, VIEWS, open_from_the_pipe, registers_at_a_terminal, registers_in_any_view, registers_with,
    },
    invite,
};
use expectrl::process::unix::{Signal, WaitStatus};

#[test]
fn a_first_meeting_at_a_terminal_from_the_servers_key_to_the_end() {
    let server = TestServer::starts();
    let mut bob = server.registers("bob");
    let mut alice = Pty::spawn(server.newcomer_command("alice"));
    alice.sees(&format!("This machine has not met the server {} before.", server.host()));
    alice.sees(server.key());
    alice.sees("Is this the right server? (yes/no/[fingerprint])");
    alice.types("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r");
    alice.sees("that is another fingerprint than the server's");
    alice.types(&format!("{}\r", server.key()));
    alice.sees("Do you already have an account? (yes/no)");
    alice.types("no\r");
    alice.sees("Username:");
    alice.types("alice\r");
    // The two passwords differ, and both are asked again.
    alice.sees("Password:");
    alice.types(&format!("{PASSWORD}\r"));
    alice.sees("Repeat password:");
    alice.types("something else\r");
    alice.sees("the two passwords differ; please type them again");
    alice.sees_line_typed("Password:");
    alice.types(&format!("{PASSWORD}\r"));
    alice.sees_line_typed("Repeat password:");
    alice.types(&format!("{PASSWORD}\r"));
    alice.sees("Account created");
    alice.sees("Who do you want to start a conversation with?");
    alice.sees_line_typed(">");
    alice.types("bob\r");
    bob.sees("alice wants to start a conversation with you\n");
    let of_bob = bob.is_asked_about_the_key().unwrap();
    alice.sees("your code:");
    alice.sees("Accept this key? (yes / no / the code bob reads to you)");
    alice.types("123\r");
    alice.sees("(that is no answer: type yes, no, or the 6 digits that bob reads to you)");
    alice.types(&format!("{of_bob}\r"));
    alice.sees("Waiting for bob to answer...");
    bob.types("yes");
    alice.sees("Conversation with bob is open. Type a message, or exit to leave.");
    alice.sees_line_typed("bob>");
    bob.talks_with("alice");
    alice.types("hello bob\r");
    bob.sees("] alice: hello bob\n");
    bob.types("hello alice");
    alice.sees("] bob: hello alice");
    alice.types("exit\r");
    alice.sees("You left the conversation");
    bob.sees("alice left the conversation\n");
    alice.sees_line_typed(">");
    alice.types("exit\r");
    assert!(matches!(alice.ends(), WaitStatus::Exited(_, 0)));
    let raw = alice.screen().raw();
    for secret in [PASSWORD, "Geheimnis", "something else"] {
        assert!(!raw.contains(secret), "{secret:?} was shown");
    }
    assert!(!alice.screen().marks_pastes());
    // Met once, the server is known.
    let again = Pty::spawn(server.newcomer_command("alice"));
    again.sees("Do you already have an account? (yes/no)");
    assert!(!again.screen().contents().contains("Is this the right server?"));
}

#[test]
fn a_server_that_is_not_confirmed_is_not_used() {
    let server = TestServer::starts();
    let mut alice = Pty::spawn(server.newcomer_command("alice"));
    alice.sees("Is this the right server? (yes/no/[fingerprint])");
    alice.types("perhaps\r");
    alice.sees_line_typed("Is this the right server? (yes/no/[fingerprint])");
    alice.types("no\r");
    assert!(matches!(alice.ends(), WaitStatus::Exited(_, 77)));
    let rows = alice.screen().everything().join("\n");
    assert!(rows.contains("error: the server's key was not confirmed; nothing was sent to it"), "{rows}");
    assert!(!server.folder_of("alice").join("server.pin").exists());
}

#[test]
fn no_password_is_echoed_when_logging_in_and_changing_it() {
    let server = TestServer::starts();
    let mut alice = registers_at_a_terminal(&server, "alice");
    alice.types("/passwd\r");
    alice.sees_line_typed("Current password:");
    alice.types(&format!("{PASSWORD}\r"));
    alice.sees_line_typed("New password:");
    alice.types("Zweites 77\r");
    alice.sees_line_typed("Repeat password:");
    alice.types("Zweites 77\r");
    alice.sees("Password changed.");
    alice.sees_line_typed(">");
    alice.types("/quit\r");
    assert!(matches!(alice.ends(), WaitStatus::Exited(_, 0)));
    let mut again = Pty::spawn(server.client_command("alice"));
    again.sees("Do you already have an account? (yes/no)");
    again.types("yes\r");
    again.sees_line_typed("Username:");
    again.types("alice\r");
    again.sees_line_typed("Password:");
    again.types("Zweites 77\r");
    again.sees("Who do you want to start a conversation with?");
    for (screen, who) in [(alice.screen().raw(), "before"), (again.screen().raw(), "after")] {
        assert!(!screen.contains("Zweites") && !screen.contains("Geheimnis"), "{who}: {screen}");
    }
}

#[test]
fn two_hundred_messages_arrive_while_a_line_is_half_typed_and_the_line_is_sent_whole() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    let mut bob = registers_at_a_terminal(&server, "bob");
    open_from_the_pipe(&mut alice, &mut bob, "bob");
    bob.types("half a li");
    bob.sees_line_typed("alice> half a li");
    let messages: String = (1..=200).map(|number| format!("message {number:03}\n")).collect();
    alice.types_bytes(messages.as_bytes());
    bob.sees("alice: message 200");
    bob.sees_line_typed("alice> half a li");
    bob.types("ne, and its end\r");
    alice.sees("] bob: half a line, and its end\n");
    bob.sees_line_typed("alice>");
    let rows = bob.screen().everything();
    let shown: Vec<&str> =
        rows.iter().filter_map(|row| row.split_once("] alice: ").map(|(_, text)| text)).collect();
    let sent: Vec<String> = (1..=200).map(|number| format!("message {number:03}")).collect();
    assert_eq!(shown, sent, "{}", rows.join("\n"));
    let typed: Vec<&String> = rows.iter().filter(|row| row.contains("half a li")).collect();
    assert_eq!(typed, ["alice> half a line, and its end"], "{}", rows.join("\n"));
}

#[test]
fn what_was_written_in_an_editor_is_on_its_writers_screen_once_it_is_sent() {
    for view in VIEWS {
        let server = TestServer::starts();
        let mut bob = server.registers("bob");
        let mut command = server.client_command("alice");
        command.args(view).env("VISUAL", r#"sh -c 'printf "one\ntwo\n" > "$1"' sh"#);
        let mut alice = registers_in_any_view(command, "alice");
        bob.types("alice");
        bob.is_asked_about_the_key();
        bob.types("yes");
        alice.sees("Accept this key?");
        alice.types("yes\r");
        alice.sees("Conversation with bob is open.");
        // The client has gone on by then: what is typed goes to Bob.
        alice.types("hello\r");
        bob.sees("] alice: hello\n");
        alice.types("/edit\r");
        alice.sees("Send these 2 lines as one message? (yes/no/edit)");
        alice.types("yes\r");
        alice.waits_until("its lines", |screen| screen.contents().contains("one\n      | two"));
        bob.sees("] alice: one\n      | two\n");
    }
}

#[test]
fn what_arrives_after_the_screen_was_cleared_begins_on_its_first_row() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    let mut bob = registers_at_a_terminal(&server, "bob");
    open_from_the_pipe(&mut alice, &mut bob, "bob");
    for (typed, words) in [("half", "one"), ("\u{7f}", "two")] {
        bob.types(typed);
        bob.types("\u{c}");
        bob.waits_until("a cleared screen", |screen| screen.contents().starts_with("alice> hal"));
        alice.types(words);
        bob.sees(&format!("] alice: {words}"));
        let contents = bob.screen().contents();
        let rows: Vec<&str> = contents.lines().collect();
        assert!(
            rows[0].ends_with(&format!("] alice: {words}")) && rows[1].starts_with("alice> hal"),
            "{contents}"
        );
    }
}

#[test]
fn evil_text_in_a_message_moves_and_hides_nothing() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    let mut bob = registers_at_a_terminal(&server, "bob");
    let mut carol = server.registers("carol");
    open_from_the_pipe(&mut alice, &mut bob, "bob");
    let before = bob.screen().raw().len();
    let evil = [
        ("\x1b]0;owned\x07 title", "\\u{1b}]0;owned\\u{7} title"),
        ("\x1b[2J\x1b[H cleared", "\\u{1b}[2J\\u{1b}[H cleared"),
        ("\u{9b}31m C1", "\\u{9b}31m C1"),
        ("abc\u{202e}txt.exe bidi", "abc\\u{202e}txt.exe bidi"),
        ("in\u{200b}visible zero", "in\\u{200b}visible zero"),
        ("tag\u{e0041} tags", "tag\\u{e0041} tags"),
        ("one\rtwo return", "one\\rtwo return"),
        ("\u{8}\u{8}\u{7f} back", "\\u{8}\\u{8}\\u{7f} back"),
    ];
    for (sent, shown) in &evil {
        alice.types(sent);
        bob.sees(&format!("] alice: {shown}"));
    }
    let raw = bob.screen().raw()[before..].to_owned();
    for sequence in
        ["\x1b]0", "\x1b[2J\x1b[H cleared", "\u{7}", "\u{9b}", "\u{202e}", "\u{200b}", "\u{e0041}", "\u{7f}"]
    {
        assert!(!raw.contains(sequence), "{sequence:?} reached the terminal:\n{raw:?}");
    }
    alice.types("exit");
    alice.is_in_the_lobby();
    bob.sees("alice left the conversation");
    // Where there is no terminal it is the same.
    common::open_conversation(&mut alice, &mut carol);
    for (sent, shown) in &evil {
        alice.types(sent);
        carol.sees(&format!("] alice: {shown}\n"));
    }
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!carol.transcript().contains(control), "{:?}", carol.transcript());
}

#[test]
fn a_typed_name_and_a_wrong_command_are_made_printable_too() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    alice.types("/\x1b[31mred");
    alice.sees("there is no command /\\u{1b}[31mred");
    alice.types("bob\x1b[2J");
    alice.sees("a username has only the letters a to z, digits, and _ . -\n");
    assert!(!alice.transcript().contains('\x1b'));
}

#[test]
fn control_d_and_control_c_log_out_from_the_lobby_and_from_a_conversation() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    for (name, key) in [("bob", "\x04"), ("dave", "\x03")] {
        let mut person = registers_at_a_terminal(&server, name);
        open_from_the_pipe(&mut alice, &mut person, name);
        person.types(key);
        assert!(matches!(person.ends(), WaitStatus::Exited(_, 0)));
        alice.sees(&format!("{name} left the conversation\n"));
        alice.is_in_the_lobby();
    }
    let mut erin = registers_at_a_terminal(&server, "erin");
    erin.types("\x04");
    assert!(matches!(erin.ends(), WaitStatus::Exited(_, 0)));
    alice.types("erin");
    alice.sees("erin is not connected\n");
}

#[test]
fn a_person_who_waits_may_type_and_only_no_takes_it_back() {
    let server = TestServer::starts();
    let (_alice, mut bob) = server.two_in_conversation("alice", "bob");
    let mut carol = registers_at_a_terminal(&server, "carol");
    carol.types("bob\r");
    bob.sees("carol wants to start a conversation with you");
    carol.sees("bob is busy; they are told, and your invitation waits.");
    carol.types("hello?\r");
    carol.sees("bob has not answered yet, so that was not sent; type no to take it back");
    carol.types("no\r");
    carol.sees("You took back your invitation to bob");
    let mut dave = server.registers("dave");
    invite(&mut dave, &mut bob);
}

#[test]
fn a_pasted_message_of_several_lines_arrives_as_one_and_each_later_line_is_marked() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    let mut bob = registers_at_a_terminal(&server, "bob");
    open_from_the_pipe(&mut alice, &mut bob, "bob");
    bob.types("\x1b[200~fn main() {\r    [14:03] carol: FORGED\r}\x1b[201~\r");
    bob.sees("Send these 3 lines as one message? (yes/no/edit)");
    bob.types("yes\r");
    alice.sees("] bob: fn main() {\n      |     [14:03] carol: FORGED\n      | }\n");
    bob.types("/history 1\r");
    bob.sees("      |     [14:03] carol: FORGED");
    let rows = bob.screen().everything();
    assert!(!rows.iter().any(|row| row.starts_with("[14:03] carol")), "{}", rows.join("\n"));
}

#[test]
fn the_editor_opens_in_a_conversation_at_a_terminal_and_elsewhere_it_is_said_why_not() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    alice.types("/edit hello");
    alice
        .sees("/edit opens an editor on the terminal, and there is none here; write the message as a line\n");
    let mut bob = registers_at_a_terminal(&server, "bob");
    bob.types("/edit\r");
    bob.sees("that works in an open conversation; name somebody first");
}

#[test]
fn a_message_rings_when_it_arrives_and_not_when_it_is_shown_again() {
    let server = TestServer::starts();
    let mut alice = server.registers("alice");
    let mut command = server.client_command("bob");
    command.args(["--notify", "bell"]);
    let mut bob = registers_with(command, "bob");
    let bells = |bob: &Pty| bob.screen().raw().matches('\x07').count();
    open_from_the_pipe(&mut alice, &mut bob, "bob");
    let at_the_invitation = bells(&bob);
    assert_eq!(at_the_invitation, 1);
    bob.types("/history\r");
    bob.types("hello\r");
    alice.sees("] bob: hello\n");
    bob.types("/history\r");
    bob.sees("] bob: hello");
    assert_eq!(bells(&bob), at_the_invitation, "what is one's own, or was there, does not ring");
}

#[test]
fn plain_lines_can_be_put_aside_and_called_back_and_leave_the_terminal_as_it_was() {
    let server = TestServer::starts();
    let mut command = server.client_command("alice");
    command.arg("--plain");
    let mut alice = Pty::spawn(command);
    alice.sees("Do you already have an account? (yes/no)");
    alice.types("hal");
    alice.sees("(yes/no) hal");
    assert!(!alice.echoes(), "this program shows what is typed");
    alice.types("\u{1a}");
    alice.stands_still();
    assert!(alice.echoes(), "the shell has the terminal as it was");
    alice.signals(Signal::SIGCONT);
    alice.waits_until("the line said again", |screen| screen.contents().matches("(yes/no) hal").count() == 2);
    assert!(!alice.echoes());
    alice.types("\u{15}\u{4}");
    assert!(matches!(alice.ends(), WaitStatus::Exited(_, 0)));
    assert!(alice.echoes());
}
