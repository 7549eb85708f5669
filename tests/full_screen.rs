//! The full-screen view at a terminal: whole clients, seen through a terminal emulator.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{env, fs, os::unix::fs::PermissionsExt, process::Command};

use common::{Pty, TestServer, password_of};
use expectrl::process::unix::{Signal, WaitStatus};
use securechat::client::terminal::{Notify, Terminal, View};

/// Set for the program that panics.
const PANICS: &str = "SECURECHAT_TEST_PANICS";

fn command(server: &TestServer, name: &str) -> Command {
    let mut command = server.client_command(name);
    command.args(["--full-screen"]).env("SECURECHAT_RETRY", "0").env("LC_ALL", "C.UTF-8");
    command
}

fn view(server: &TestServer, name: &str) -> Pty {
    Pty::spawn(command(server, name))
}

/// A new account, made in the view: in the lobby.
fn registers(server: &TestServer, name: &str) -> Pty {
    registers_in(view(server, name), name)
}

fn registers_in(mut person: Pty, name: &str) -> Pty {
    let password = password_of(name);
    for (question, answer) in [
        ("Do you already have an account? (yes/no)", "no"),
        ("Username:", name),
        (" Password:", password.as_str()),
        ("Repeat password:", password.as_str()),
    ] {
        person.sees(question);
        person.types(&format!("{answer}\r"));
    }
    person.sees("Who do you want to start a conversation with?");
    person
}

fn code(person: &Pty) -> String {
    person.sees("Accept this key?");
    let contents = person.screen().contents();
    let (_, code) = contents.rsplit_once("your code: ").expect("a code");
    code.chars().take(6).collect()
}

/// Both compare codes: in conversation.
fn meet(first: &mut Pty, second: &mut Pty, name: &str) {
    first.types(&format!("{name}\r"));
    let (of_first, of_second) = (code(first), code(second));
    first.types(&format!("{of_second}\r"));
    second.types(&format!("{of_first}\r"));
    for person in [first, second] {
        person.sees("key verified");
    }
}

/// Whether the terminal is as a shell wants it.
fn is_as_it_was(person: &Pty) {
    let modes = person.screen().modes();
    assert!(
        modes.starts_with(
            "alternate false, hidden false, keypad false, cursor keys false, pastes false, mouse None"
        ),
        "{modes}"
    );
    assert!(person.echoes(), "what is typed is shown again");
}

#[test]
fn two_people_meet_and_talk_while_their_windows_change_their_size() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = (registers(&server, "alice"), registers(&server, "bob"));
    meet(&mut alice, &mut bob, "bob");
    alice.types("hello bob");
    alice.sees_line_typed(" > hello bob");
    for (rows, columns) in [(12, 40), (50, 200), (6, 20), (24, 80)] {
        alice.resizes(rows, columns);
        bob.types(&format!("on {columns} columns\r"));
        alice.waits_until("the message and the line", |screen| {
            screen.contents().contains(&format!("{columns} columns")) && screen.line_typed() == " > hello bob"
        });
    }
    // Too small for anything: it says so, and goes on.
    alice.resizes(3, 15);
    alice.sees("too small");
    bob.types("are you there?\r");
    alice.types(", yes\r");
    bob.sees("hello bob, yes");
    alice.resizes(24, 80);
    alice.sees("are you there?");
    alice.waits_until("its mark", |screen| screen.contents().contains("hello bob, yes ✓"));
    alice.types("exit\r");
    bob.sees("alice left the conversation");
}

#[test]
fn no_password_is_ever_on_the_screen() {
    let server = TestServer::starts();
    let mut alice = registers(&server, "alice");
    alice.types("/passwd\r");
    alice.sees("Current password:");
    alice.types(&format!("{}\r", password_of("alice")));
    for question in [" New password:", "Repeat password:"] {
        alice.sees(question);
        alice.types("another secret of hers\r");
    }
    alice.sees("Password changed.");
    let raw = alice.screen().raw();
    for secret in [&password_of("alice"), "another", "secret of hers"] {
        assert!(!raw.contains(secret), "{secret}");
    }
    alice.types("\u{4}");
    assert!(matches!(alice.ends(), WaitStatus::Exited(_, 0)));
    is_as_it_was(&alice);
}

#[test]
fn a_paste_of_several_lines_is_one_message_after_asking() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = (registers(&server, "alice"), registers(&server, "bob"));
    meet(&mut alice, &mut bob, "bob");
    assert!(alice.screen().marks_pastes());
    alice.types("\u{1b}[200~first line\rsecond line\r\u{1b}[201~");
    alice.sees("2 lines were pasted");
    alice.types("\r");
    alice.sees_line_typed("   second line");
    alice.types("\r");
    bob.waits_until("both lines", |screen| {
        let contents = screen.contents();
        let rows: Vec<_> = contents.lines().filter(|row| row.contains(" line")).collect();
        rows.len() == 2 && rows[0].contains("alice  first line") && rows[1].contains("second line")
    });
}

#[test]
fn a_message_is_written_in_an_editor_and_enter_sends_it() {
    let server = TestServer::starts();
    let editor = server.data().parent().unwrap().join("editor");
    // It shows what it is given and that the screen is its own, waits for a key, and adds a line.
    let script = "#!/bin/sh\necho editing; cat \"$1\"; head -n 1 > /dev/null; echo 'and more' >> \"$1\"\n";
    fs::write(&editor, script).unwrap();
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o700)).unwrap();
    let mut with_editor = command(&server, "alice");
    with_editor.env("VISUAL", &editor);
    let (mut alice, mut bob) = (registers_in(Pty::spawn(with_editor), "alice"), registers(&server, "bob"));
    meet(&mut alice, &mut bob, "bob");
    alice.types("/edit it begins so\r");
    alice.waits_until("the editor on the normal screen", |screen| {
        screen.modes().starts_with("alternate false") && screen.contents().contains("editing\nit begins so")
    });
    // What arrives meanwhile does not disturb the editor, and is seen afterwards.
    bob.types("meanwhile\r");
    bob.waits_until("its mark", |screen| screen.contents().contains("meanwhile ✓"));
    assert!(!alice.screen().contents().contains("meanwhile"));
    alice.types("\n");
    alice.sees_line_typed("   and more");
    alice.sees("meanwhile");
    alice.types("\r");
    bob.waits_until("both lines", |screen| {
        let contents = screen.contents();
        contents.contains("alice  it begins so") && contents.contains("and more")
    });
    alice.types("exit\r");
    bob.sees("alice left the conversation");
}

#[test]
fn the_wheel_scrolls_and_a_click_on_a_contact_goes_there() {
    let server = TestServer::starts();
    let mut with_mouse = command(&server, "alice");
    with_mouse.arg("--mouse");
    let (mut alice, mut bob) = (registers_in(Pty::spawn(with_mouse), "alice"), registers(&server, "bob"));
    let mut carol = registers(&server, "carol");
    meet(&mut alice, &mut bob, "bob");
    alice.types("/with carol\r");
    carol.sees("alice wants to start a conversation with you");
    let (of_alice, of_carol) = (code(&alice), code(&carol));
    alice.types(&format!("{of_carol}\r"));
    carol.types(&format!("{of_alice}\r"));
    alice.sees("─ carol · key verified");
    assert!(alice.screen().modes().contains("mouse PressRelease"), "{}", alice.screen().modes());
    // The second row of the screen is the title; bob is the first contact below it.
    alice.types("\u{1b}[<0;6;3M\u{1b}[<0;6;3m");
    alice.sees("─ bob · key verified");
    for number in 0..9 {
        bob.types(&format!("message {number}\r"));
        alice.sees(&format!("message {number}"));
    }
    alice.types("\u{1b}[<64;40;10M");
    alice.waits_until("an earlier one", |screen| {
        !screen.contents().contains("message 8") && screen.contents().contains("more below")
    });
    alice.types("\u{1b}[<65;40;10M");
    alice.sees("message 8");
    alice.types("\u{4}");
    assert!(matches!(alice.ends(), WaitStatus::Exited(_, 0)));
    is_as_it_was(&alice);
}

#[test]
fn any_size_is_survived_and_the_key_stays_in_sight() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = (registers(&server, "alice"), registers(&server, "bob"));
    meet(&mut alice, &mut bob, "bob");
    alice.types("hello");
    alice.sees_line_typed(" > hello");
    for (rows, columns) in [(12, 40), (6, 20), (2, 2), (1, 1), (1, 80), (24, 1), (12, 40)] {
        alice.resizes(rows, columns);
        if rows >= 6 && columns >= 40 {
            alice.waits_until("the state of the key", |screen| {
                screen.contents().contains("bob · key verified")
            });
            alice.sees_line_typed(" > hello");
        } else if (rows, columns) == (6, 20) {
            alice.waits_until("the state of the key", |screen| screen.contents().contains("bob · key ver"));
        }
    }
    alice.types("\r");
    bob.sees("alice  hello");
}

#[test]
fn ctrl_c_leaves_and_logs_out_and_so_does_an_interrupt_from_outside() {
    let server = TestServer::starts();
    let mut alice = registers(&server, "alice");
    alice.types("\u{3}");
    assert!(matches!(alice.ends(), WaitStatus::Exited(_, 0)));
    is_as_it_was(&alice);
    let mut bob = registers(&server, "bob");
    bob.signals(Signal::SIGINT);
    assert!(matches!(bob.ends(), WaitStatus::Exited(_, 0)));
    is_as_it_was(&bob);
}

#[test]
fn a_second_interrupt_ends_it_at_once_and_leaves_the_terminal_as_it_was() {
    let server = TestServer::starts();
    let mut alice = view(&server, "alice");
    alice.sees("Do you already have an account?");
    alice.signals(Signal::SIGINT);
    alice.signals(Signal::SIGINT);
    alice.ends();
    is_as_it_was(&alice);
}

#[test]
fn the_last_words_stand_on_the_normal_screen() {
    let mut server = TestServer::starts();
    let mut alice = registers(&server, "alice");
    assert!(alice.screen().modes().starts_with("alternate true"));
    server.is_killed();
    let status = alice.ends();
    assert!(matches!(status, WaitStatus::Exited(_, 75)), "{status:?}");
    is_as_it_was(&alice);
    let contents = alice.screen().contents();
    assert!(contents.contains("error: the connection to the server was lost\nhint: "), "{contents}");
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
    let server = TestServer::starts();
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let mut alice = view(&server, "alice");
        alice.sees("Do you already have an account?");
        alice.signals(signal);
        assert!(matches!(alice.ends(), WaitStatus::Exited(_, 0)));
        is_as_it_was(&alice);
    }
}

#[test]
fn the_program_can_be_put_aside_and_called_back() {
    let server = TestServer::starts();
    let mut alice = registers(&server, "alice");
    alice.types("half a name");
    alice.sees_line_typed(" > half a name");
    alice.types("\u{1a}");
    alice.waits_until("the normal screen", |screen| screen.modes().starts_with("alternate false"));
    alice.stands_still();
    alice.signals(Signal::SIGCONT);
    alice.sees_line_typed(" > half a name");
    assert!(alice.screen().modes().starts_with("alternate true"));
    assert!(!alice.echoes());
    alice.types("\u{15}exit\r");
    assert!(matches!(alice.ends(), WaitStatus::Exited(_, 0)));
    is_as_it_was(&alice);
}

#[test]
fn where_there_can_be_no_view_it_says_so() {
    let server = TestServer::starts();
    let mut command = server.client_command("alice");
    let output = command.arg("--full-screen").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.starts_with("error: the full-screen view needs a terminal"), "{errors}");
    assert!(errors.contains("hint: leave --full-screen out"), "{errors}");
    let mut command = server.client_command("alice");
    command.env("SECURECHAT_FULL_SCREEN", "1").env("TERM", "dumb");
    let mut alice = Pty::spawn_as_is(command);
    alice.sees("TERM says that this one cannot");
    assert!(matches!(alice.ends(), WaitStatus::Exited(_, 64)));
}

/// Not a test: the program that panics in the view.
#[test]
fn the_program_that_panics() {
    if env::var_os(PANICS).is_none() {
        return;
    }
    let terminal = Terminal::open(View::FullScreen { mouse: true }, Notify::Off, Box::new(drop)).unwrap();
    assert!(terminal.is_interactive());
    panic!("as told");
}

#[test]
fn a_panic_leaves_the_terminal_as_it_was_and_its_words_are_seen() {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "the_program_that_panics", "--nocapture", "--test-threads=1"]).env(PANICS, "1");
    // What it says is to stay on the screen until it is looked at.
    command.env("RUST_BACKTRACE", "0");
    let mut program = Pty::spawn(command);
    program.sees("as told");
    program.ends();
    is_as_it_was(&program);
    assert!(program.screen().raw().contains("\u{1b}[?1049h"), "the view was entered");
}

#[test]
fn a_line_begun_for_one_person_does_not_go_to_another_whose_conversation_opens_meanwhile() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = (registers(&server, "alice"), registers(&server, "bob"));
    let mut carol = server.registers("carol");
    meet(&mut alice, &mut bob, "bob");
    alice.types("/with carol\r");
    alice.sees("the code carol reads to you");
    alice.types("yes\r");
    alice.sees("Waiting for carol to answer...");
    alice.types("for bob only");
    alice.sees_line_typed(" > for bob only");
    carol.is_asked_about_the_key();
    carol.types("yes");
    carol.talks_with("alice");
    alice.sees("Conversation with carol is open.");
    alice.types("\r");
    alice.sees("that line was begun for bob; Enter again sends it to carol");
    alice.sees_line_typed(" > for bob only");
    carol.types("hello");
    alice.sees("carol  hello");
    carol.never_saw("for bob");
    // Back with bob, it is his.
    alice.types("\u{15}/with bob\r");
    alice.sees("bob · key verified");
    alice.types("for bob only\r");
    bob.sees("for bob only");
    carol.never_saw("for bob");
}

#[test]
fn without_a_connection_one_stays_in_the_conversation_and_who_is_here_is_not_known() {
    let mut server = TestServer::starts();
    let stays = |name| {
        let mut command = command(&server, name);
        command.args(["--retry", "600"]);
        registers_in(Pty::spawn(command), name)
    };
    let (mut alice, mut bob) = (stays("alice"), stays("bob"));
    meet(&mut alice, &mut bob, "bob");
    alice.sees("─ bob · key verified · connected ─");
    server.is_killed();
    alice.sees("· not connected");
    alice.sees("─ bob · key verified ─");
    alice.types("for later\r");
    alice.sees("you  for later …");
    server.restarts();
    bob.sees("alice  for later");
    alice.sees("you  for later ✓");
}
