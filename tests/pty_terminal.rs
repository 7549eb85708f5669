//! The terminal layer on a pseudo-terminal.
//!
//! The program under test is this test program itself, started again on a pseudo-terminal: there it opens a `Terminal` and
//! does what it is told over a socket, and tells over it what was typed.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{
    env,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    process::Command,
};

use common::{PATIENCE, pty::Pty};
use expectrl::process::unix::{Signal, WaitStatus};
use securechat::client::{
    phrase::Phrase,
    terminal::{Emphasis, Input, Terminal},
};

const SOCKET: &str = "SECURECHAT_TEST_SOCKET";

/// Not a test: the program that the tests start.
#[test]
fn the_program_under_test() {
    let Some(path) = env::var_os(SOCKET) else { return };
    // The test runner has left its cursor in the middle of a line.
    std::io::stdout().write_all(b"\n").unwrap();
    obey(UnixStream::connect(path).unwrap());
    std::process::exit(0);
}

fn obey(orders: UnixStream) {
    let mut tell = orders.try_clone().unwrap();
    let deliver = move |input| {
        let told = match input {
            Input::Line(line) => format!("line {line:?}"),
            Input::End => "end".to_owned(),
            Input::Failed(error) => format!("failed {error}"),
        };
        writeln!(tell, "{told}").unwrap();
    };
    // `Fn`, so the socket is locked inside.
    let deliver = std::sync::Mutex::new(deliver);
    let mut terminal = Terminal::open(Box::new(move |input| (deliver.lock().unwrap())(input))).unwrap();
    let mut answer = orders.try_clone().unwrap();
    for order in BufReader::new(orders).lines() {
        let order = order.unwrap();
        let (verb, rest) = order.split_once('|').unwrap();
        match verb {
            "ask" => terminal.ask(&Phrase::literal(rest)),
            "listen" => terminal.listen(),
            "secret" => terminal.ask_secret(&Phrase::literal(rest)),
            "show" => terminal.show(&Phrase::literal(rest)),
            "warn" => terminal.show_as(Emphasis::Warning, &Phrase::literal(rest)),
            "diagnose" => terminal.diagnose(&Phrase::literal(rest)),
            "converse" => terminal.conversational(true),
            "flood" => {
                let (from, to) = rest.split_once(' ').unwrap();
                for number in from.parse::<u32>().unwrap()..=to.parse().unwrap() {
                    terminal.show(&Phrase::literal(&format!("[14:03] bob: message {number:03}")));
                }
            }
            "interactive" => writeln!(answer, "{}", terminal.is_interactive()).unwrap(),
            "panic" => panic!("as told"),
            "close" => {
                terminal.close();
                writeln!(answer, "closed").unwrap();
                return;
            }
            other => panic!("{other}"),
        }
    }
}

/// The program under test on its terminal.
struct Person {
    pty: Pty,
    orders: UnixStream,
    told: BufReader<UnixStream>,
    _folder: tempfile::TempDir,
}

impl Person {
    fn sits_down() -> Self {
        Self::sits_down_with(&[("TERM", "xterm-256color")])
    }

    fn sits_down_with(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders");
        let listener = UnixListener::bind(&path).unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "the_program_under_test", "--nocapture", "--test-threads=1"]);
        command.env(SOCKET, &path).env_remove("NO_COLOR").envs(environment.iter().copied());
        let pty = Pty::spawn_as_is(command);
        let (orders, _) = listener.accept().unwrap();
        orders.set_read_timeout(Some(PATIENCE)).unwrap();
        let told = BufReader::new(orders.try_clone().unwrap());
        Self { pty, orders, told, _folder: folder }
    }

    fn is_told(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    fn tells(&mut self, expected: &str) {
        let mut told = String::new();
        self.told.read_line(&mut told).unwrap();
        assert_eq!(told.trim_end(), expected, "the screen:\n{}", self.pty.screen().contents());
    }

    fn closes(&mut self) {
        self.is_told("close|");
        self.tells("closed");
        assert!(self.pty.echoes(), "the terminal's mode is as it was");
        assert!(matches!(self.pty.ends(), WaitStatus::Exited(_, 0)));
        assert!(!self.pty.screen().marks_pastes());
    }

    /// Every message of the flood was shown once, whole, and in its order.
    fn saw_messages(&self, count: u32) {
        let rows = self.pty.screen().everything();
        let seen: Vec<&String> = rows.iter().filter(|row| row.contains("message")).collect();
        let sent: Vec<String> =
            (1..=count).map(|number| format!("[14:03] bob: message {number:03}")).collect();
        assert_eq!(seen, sent.iter().collect::<Vec<_>>(), "{}", rows.join("\n"));
    }
}

#[test]
fn two_hundred_messages_arrive_above_a_half_typed_line() {
    let mut person = Person::sits_down();
    person.is_told("converse|");
    person.is_told("listen|");
    person.pty.sees_line_typed(">");
    person.pty.types("half a li");
    person.pty.sees_line_typed("> half a li");
    person.is_told("flood|1 200");
    person.pty.sees("message 200");
    person.pty.sees_line_typed("> half a li");
    person.pty.types("ne\r");
    person.tells("line \"half a line\"");
    person.closes();
    person.saw_messages(200);
    let rows = person.pty.screen().everything();
    assert_eq!(rows.last().unwrap(), "> half a line");
    assert_eq!(rows.iter().filter(|row| row.starts_with('>')).count(), 1, "{rows:#?}");
}

#[test]
fn what_arrives_while_lines_are_typed_and_sent_is_neither_lost_nor_repeated_nor_reordered() {
    let mut person = Person::sits_down_with(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]);
    person.is_told("converse|");
    person.is_told("listen|");
    for round in 0..50 {
        // The end of the line and the messages race each other.
        person.pty.types(&format!("line {round} éß漢字"));
        person.is_told(&format!("flood|{} {}", round * 4 + 1, round * 4 + 2));
        person.pty.types("\r");
        person.is_told(&format!("flood|{} {}", round * 4 + 3, round * 4 + 4));
        person.tells(&format!("line {:?}", format!("line {round} éß漢字")));
        person.is_told("listen|");
    }
    person.pty.sees("message 200");
    person.saw_messages(200);
    person.closes();
}

#[test]
fn a_long_line_of_several_rows_stays_whole() {
    let mut person = Person::sits_down();
    person.is_told("listen|");
    let line = "漢字 wörter ".repeat(20);
    person.pty.types(&line);
    person.pty.waits_until("the whole line", |screen| screen.raw().matches("wörter").count() >= 20);
    person.is_told("flood|1 60");
    person.pty.sees("message 060");
    person.saw_messages(60);
    person.pty.types("\x01start \r");
    person.tells(&format!("line {:?}", format!("start {line}")));
    person.closes();
}

#[test]
fn lines_typed_ahead_are_kept_for_later_questions() {
    let mut person = Person::sits_down();
    person.is_told("ask|First? ");
    person.pty.sees_line_typed("First?");
    person.pty.types("one\rtwo\rthree\r");
    person.tells("line \"one\"");
    person.is_told("ask|Second? ");
    person.tells("line \"two\"");
    person.is_told("ask|Third? ");
    person.tells("line \"three\"");
    person.closes();
}

#[test]
fn a_paste_of_several_lines_is_one_line() {
    let mut person = Person::sits_down();
    person.is_told("listen|");
    person.pty.sees_line_typed(">");
    person.pty.types("\x1b[200~one\ntwo\n\x1b[201~\r");
    person.tells("line \"one\\ntwo\"");
    person.closes();
}

#[test]
fn sixteen_kibibytes_are_pasted_whole() {
    let mut person = Person::sits_down();
    person.is_told("listen|");
    person.pty.sees_line_typed(">");
    let text = "漢字é ".repeat(16 * 1024 / 9);
    person.pty.types(&format!("\x1b[200~{text}\x1b[201~\r"));
    person.tells(&format!("line {text:?}"));
    person.closes();
}

#[test]
fn the_first_questions_stand_before_the_answer_and_later_ones_above_the_line() {
    let mut person = Person::sits_down();
    person.is_told("ask|Username: ");
    person.pty.sees_line_typed("Username:");
    person.pty.types("alice\r");
    person.tells("line \"alice\"");
    person.is_told("converse|");
    person.is_told("ask|Who do you want to start a conversation with? ");
    person.pty.sees("Who do you want to start a conversation with?");
    person.pty.types("bo");
    person.pty.sees_line_typed("> bo");
    person.is_told("ask|Accept this key? ");
    person.pty.sees("Accept this key?");
    person.pty.sees_line_typed("> bo");
    person.closes();
}

#[test]
fn a_secret_is_not_shown_and_nothing_typed_ahead_becomes_a_visible_line() {
    let mut person = Person::sits_down();
    person.is_told("ask|Username: ");
    person.pty.sees_line_typed("Username:");
    person.pty.types("alice\rearly secret\r");
    person.tells("line \"alice\"");
    person.is_told("secret|Password: ");
    person.pty.sees_line_typed("Password:");
    person.pty.types("correct h");
    person.is_told("show|bob wants to start a conversation with you");
    person.pty.sees("bob wants to start a conversation with you");
    person.pty.sees_line_typed("Password:");
    person.pty.types("orse\r");
    person.tells("line \"correct horse\"");
    person.is_told("converse|");
    person.is_told("ask|Who? ");
    person.pty.sees_line_typed(">");
    person.pty.types("\x1b[Abob\r");
    person.tells("line \"bob\"");
    let raw = person.pty.screen().raw();
    assert!(!raw.contains("horse") && !raw.contains("correct"), "{raw}");
    person.closes();
}

#[test]
fn a_secret_asked_while_a_line_is_typed_comes_after_it() {
    let mut person = Person::sits_down();
    person.is_told("converse|");
    person.is_told("listen|");
    person.pty.types("half");
    person.pty.sees_line_typed("> half");
    person.is_told("secret|Password: ");
    person.pty.sees("Password: (press Enter first)");
    person.pty.types("\r");
    person.pty.sees_line_typed("Password:");
    person.pty.types("hidden\r");
    person.tells("line \"hidden\"");
    assert!(!person.pty.screen().raw().contains("hidden"));
    person.closes();
}

#[test]
fn control_c_and_control_d_end_the_input_everywhere() {
    for (order, prompt, key) in [
        ("ask|Username: ", "Username:", "\x03"),
        ("ask|Username: ", "Username:", "\x04"),
        ("secret|Password: ", "Password:", "\x03"),
        ("secret|Password: ", "Password:", "\x04"),
    ] {
        let mut person = Person::sits_down();
        person.is_told(order);
        person.pty.sees_line_typed(prompt);
        person.pty.types(key);
        person.tells("end");
        person.closes();
    }
}

#[test]
fn closing_in_the_middle_of_anything_leaves_the_terminal_as_it_was() {
    for (order, prompt, keys) in [
        ("listen|", ">", "half"),
        ("ask|Username: ", "Username:", "half"),
        ("secret|Password: ", "Password:", "half"),
        ("show|nothing asked", "", ""),
    ] {
        let mut person = Person::sits_down();
        person.is_told(order);
        person.pty.sees_line_typed(prompt);
        person.pty.types(keys);
        person.is_told("show|last words");
        person.closes();
        assert!(person.pty.screen().everything().iter().any(|row| row == "last words"), "{order}");
    }
}

#[test]
fn a_panic_leaves_the_terminal_as_it_was() {
    for order in ["listen|", "secret|Password: "] {
        let mut person = Person::sits_down();
        person.is_told(order);
        person.is_told("show|ready");
        person.pty.sees("ready");
        person.is_told("panic|");
        person.pty.sees("as told");
        person.pty.ends();
        assert!(!person.pty.screen().marks_pastes());
    }
}

#[test]
fn a_signal_to_end_is_the_end_of_input() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut person = Person::sits_down();
        person.is_told("listen|");
        person.pty.sees_line_typed(">");
        person.pty.signals(signal);
        person.tells("end");
        person.closes();
    }
}

#[test]
fn a_second_signal_ends_the_program() {
    let mut person = Person::sits_down();
    person.is_told("secret|Password: ");
    person.pty.sees_line_typed("Password:");
    person.pty.signals(Signal::SIGTERM);
    person.tells("end");
    person.pty.signals(Signal::SIGTERM);
    assert!(matches!(person.pty.ends(), WaitStatus::Signaled(_, Signal::SIGTERM, _)));
}

#[test]
fn a_lone_escape_does_not_hold_back_what_arrives() {
    let mut person = Person::sits_down();
    person.is_told("listen|");
    person.pty.types("half");
    person.pty.sees_line_typed("> half");
    person.pty.types("\x1b");
    person.is_told("flood|1 1");
    person.pty.sees("message 001");
    person.pty.sees_line_typed("> half");
    person.closes();
}

#[test]
fn diagnostics_do_not_tear_the_line_and_emphasis_is_colour() {
    let mut person = Person::sits_down();
    person.is_told("listen|");
    person.pty.types("half");
    person.pty.sees_line_typed("> half");
    person.is_told("diagnose|warning: the connection was lost");
    person.pty.sees("warning: the connection was lost");
    person.is_told("warn|codes differ");
    person.pty.sees("codes differ");
    person.pty.sees_line_typed("> half");
    assert!(person.pty.screen().raw().contains("\x1b[1;31mcodes differ\x1b[0m"));
    person.is_told("interactive|");
    person.tells("true");
    person.closes();
}

#[test]
fn no_color_means_no_colour() {
    let mut person = Person::sits_down_with(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]);
    person.is_told("warn|codes differ");
    person.pty.sees("codes differ");
    assert!(!person.pty.screen().raw().contains("\x1b[1;31m"));
    person.closes();
}

#[test]
fn a_dumb_terminal_gets_plain_lines_and_hidden_secrets() {
    let mut person = Person::sits_down_with(&[("TERM", "dumb")]);
    person.is_told("interactive|");
    person.tells("true");
    person.is_told("ask|Username: ");
    person.pty.sees_line_typed("Username:");
    person.pty.types("alice\n");
    person.tells("line \"alice\"");
    person.is_told("secret|Password: ");
    person.pty.sees_line_typed("Password:");
    person.pty.types("correct horse\n");
    person.tells("line \"correct horse\"");
    person.is_told("ask|Who? ");
    person.pty.sees_line_typed("Who?");
    let raw = person.pty.screen().raw();
    assert!(raw.ends_with("\r\nUsername: alice\r\nPassword: \r\nWho? "), "{raw:?}");
    person.pty.types("\x03");
    person.tells("end");
    person.closes();
}
