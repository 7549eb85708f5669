//! The terminal layer on a pseudo-terminal.
//!
//! The program under test is this test program itself, started again on a pseudo-terminal: there it opens a `Terminal` and
//! does what it is told over a socket, and tells over it what was typed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

#[path = "pty_terminal/endings.rs"]
mod endings;
#[path = "pty_terminal/several_lines.rs"]
mod several_lines;

use std::{
    env,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    process::Command,
};

use common::{PATIENCE, pty::Pty};
use expectrl::process::unix::{Signal, WaitStatus};
use securechat::client::{
    Contact, Overview, Presence, Trust,
    phrase::Phrase,
    terminal::{Emphasis, Input, Notify, Terminal, View},
};

const SOCKET: &str = "SECURECHAT_TEST_SOCKET";
const PLAIN: &str = "SECURECHAT_TEST_PLAIN";
const NOTIFY: &str = "SECURECHAT_TEST_NOTIFY";
const XTERM: (&str, &str) = ("TERM", "xterm-256color");

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
    let view = if env::var_os(PLAIN).is_some() { View::Plain } else { View::Lines };
    let notify = env::var(NOTIFY).map_or(Notify::Off, |notify| notify.parse().unwrap());
    let deliver = move |input| (deliver.lock().unwrap())(input);
    let mut terminal = Terminal::open(view, notify, Box::new(deliver)).unwrap();
    let mut overview = nobody_there();
    let mut answer = orders.try_clone().unwrap();
    for order in BufReader::new(orders).lines() {
        let order = order.unwrap();
        let (verb, rest) = order.split_once('|').unwrap();
        // Whoever gives orders has been told what was typed.
        terminal.taken();
        match verb {
            "ask" => terminal.ask(&Phrase::literal(rest)),
            "listen" => terminal.listen(rest.parse().ok().as_ref()),
            "secret" => terminal.ask_secret(&Phrase::literal(rest)),
            "show" => terminal.show(&Phrase::literal(rest)),
            "warn" => terminal.show_as(Emphasis::Warning, &Phrase::literal(rest)),
            "diagnose" => terminal.diagnose(&Phrase::literal(rest)),
            "converse" => terminal.conversational(true),
            "talks" => {
                overview.focus = rest.parse().ok();
                terminal.overview(&overview);
            }
            "knows" => {
                overview.contacts = rest.split(' ').map(contact).collect();
                terminal.overview(&overview);
            }
            "begun" => writeln!(answer, "{:?}", terminal.take_begun()).unwrap(),
            "arrived" => terminal.arrived(&rest.parse().unwrap()),
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

fn nobody_there() -> Overview {
    let server = "chat.example.org".to_owned();
    Overview { me: "alice".parse().unwrap(), server, connected: true, contacts: Vec::new(), focus: None }
}

fn contact(name: &str) -> Contact {
    let (presence, standing) = (Presence::Unknown, Trust::Known);
    Contact { name: name.parse().unwrap(), presence, unread: 0, open: false, standing }
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
        Self::sits_down_with(&[XTERM])
    }

    fn sits_down_with(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders");
        let listener = UnixListener::bind(&path).unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "the_program_under_test", "--nocapture", "--test-threads=1"]);
        command
            .env(SOCKET, &path)
            .env_remove("NO_COLOR")
            .env("RUST_BACKTRACE", "0")
            .envs(environment.iter().copied());
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
        let seen: Vec<&String> = rows.iter().filter(|row| row.contains("bob: message")).collect();
        let sent: Vec<String> =
            (1..=count).map(|number| format!("[14:03] bob: message {number:03}")).collect();
        assert_eq!(seen, sent.iter().collect::<Vec<_>>(), "{}", rows.join("\n"));
    }
}

/// In a conversation with bob.
fn talking() -> Person {
    talking_with(&[XTERM])
}

fn talking_with(environment: &[(&str, &str)]) -> Person {
    let mut person = Person::sits_down_with(environment);
    person.is_told("converse|");
    person.is_told("talks|bob");
    person.is_told("listen|bob");
    person.pty.sees_line_typed("bob>");
    person
}

/// A script that is an editor: what it does with its file, `$1`.
fn editor(folder: &std::path::Path, does: &str) -> String {
    let path = folder.join("editor");
    std::fs::write(&path, does).unwrap();
    // In place of the shell that starts it, as editors are not asked by theirs whether Ctrl-C was for both.
    format!("exec sh {}", path.display())
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

#[test]
fn the_prompt_says_to_whom_a_line_goes_and_changes_under_what_is_typed() {
    let mut person = Person::sits_down();
    person.is_told("converse|");
    person.is_told("listen|");
    person.pty.sees_line_typed(">");
    person.pty.types("half a lne\x1b[D\x1b[D");
    person.pty.sees_line_typed("> half a lne");
    person.is_told("talks|bob");
    person.pty.sees_line_typed("bob> half a lne");
    person.is_told("flood|1 3");
    person.pty.sees("message 003");
    // What answers a question goes to nobody.
    person.is_told("ask|Accept this key? ");
    person.pty.sees_line_typed("> half a lne");
    person.is_told("talks|somebody-else");
    person.is_told("listen|");
    person.pty.sees_line_typed("somebody-else> half a lne");
    // The cursor is where it was.
    person.pty.types("i");
    person.pty.sees_line_typed("somebody-else> half a line");
    person.pty.types("\r");
    person.tells("line \"half a line\"");
    person.is_told("talks|");
    person.is_told("listen|");
    person.pty.sees_line_typed(">");
    person.saw_messages(3);
    let rows = person.pty.screen().everything();
    assert_eq!(rows.iter().filter(|row| row.contains("half a l")).count(), 1, "{rows:#?}");
    person.closes();
}

#[test]
fn tab_completes_names_and_commands_and_lists_them_above_the_line() {
    let mut person = Person::sits_down();
    person.is_told("converse|");
    person.is_told("knows|albert alice bob");
    person.is_told("ask|Who? ");
    person.pty.sees_line_typed(">");
    person.pty.types("b\t");
    person.pty.sees_line_typed("> bob");
    person.pty.types("\x15a\t");
    person.pty.sees_line_typed("> al");
    person.pty.types("\t");
    person.pty.sees("albert  alice");
    person.pty.sees_line_typed("> al");
    person.pty.types("i\t");
    person.pty.sees_line_typed("> alice");
    person.pty.types("\x15/he\t");
    person.pty.sees_line_typed("> /help");
    person.pty.types("\x15/verify al\t");
    person
        .pty
        .waits_until("the list again", |screen| screen.contents().matches("albert  alice").count() == 2);
    person.pty.sees_line_typed("> /verify al");
    person.closes();
}

#[test]
fn what_arrives_is_broken_at_words_and_indented_on_a_narrow_terminal() {
    let mut person = Person::sits_down();
    person.pty.resizes(12, 40);
    person.is_told("listen|");
    person.pty.sees_line_typed(">");
    let typed = "漢字 wörter ".repeat(8);
    person.pty.types(&typed);
    person.pty.waits_until("the whole line", |screen| screen.raw().matches("wörter").count() >= 8);
    person.is_told("show|only you can read this, and nobody on the way between us 漢字漢字漢字漢字漢字");
    person.pty.waits_until("the line below what arrived", |screen| {
        let rows = screen.everything();
        rows.iter().skip_while(|row| !row.starts_with("only you")).any(|row| row.starts_with("> 漢字 wörter"))
    });
    let rows = person.pty.screen().everything();
    let from = rows.iter().position(|row| row.starts_with("only you")).unwrap();
    assert_eq!(
        rows[from..from + 3],
        ["only you can read this, and nobody on", "  the way between us 漢字漢字漢字漢字漢", "  字"]
    );
    assert!(rows[from + 3].starts_with("> 漢字 wörter"), "{rows:#?}");
    person.pty.resizes(12, 60);
    person.is_told("show|now there is room for more words in each row of this sentence");
    person.pty.sees("of this sentence");
    let rows = person.pty.screen().everything();
    assert!(
        rows.iter().any(|row| row == "now there is room for more words in each row of this"),
        "{rows:#?}"
    );
    person.pty.types("\r");
    person.tells(&format!("line {typed:?}"));
    person.closes();
}

#[test]
fn a_notice_comes_when_asked_for_and_says_only_who_it_is_from() {
    for (notify, sent) in [("bell", "\x07"), ("osc9", "\x1b]9;securechat: bob\x07")] {
        let mut person = talking_with(&[XTERM, (NOTIFY, notify)]);
        person.pty.types("half");
        person.pty.sees_line_typed("bob> half");
        let before = person.pty.screen().raw().len();
        person.is_told("arrived|bob");
        person.is_told("flood|1 3");
        person.is_told("arrived|bob");
        person.is_told("flood|4 4");
        person.pty.sees("message 004");
        person.pty.sees_line_typed("bob> half");
        let raw = person.pty.screen().raw()[before..].to_owned();
        assert_eq!(raw.matches(sent).count(), 1, "{raw:?}");
        assert_eq!(raw.matches('\x07').count(), 1, "{raw:?}");
        person.closes();
    }
    let mut person = talking();
    person.is_told("arrived|bob");
    person.is_told("flood|1 1");
    person.pty.sees("message 001");
    assert!(!person.pty.screen().raw().contains('\x07'), "nothing rings by itself");
    person.closes();
}

#[test]
fn plain_lines_move_no_cursor_and_paint_nothing_whatever_the_terminal_could() {
    let folder = tempfile::tempdir().unwrap();
    let editor = editor(folder.path(), "printf 'one\\ntwo\\n' > \"$1\"");
    let mut person = Person::sits_down_with(&[XTERM, (PLAIN, "1"), ("VISUAL", &editor)]);
    person.is_told("converse|");
    person.is_told("ask|Who? ");
    person.pty.sees_line_typed("Who?");
    person.pty.types("bob\n");
    person.tells("line \"bob\"");
    person.is_told("talks|bob");
    person.is_told("listen|");
    person.is_told("warn|codes differ");
    person.pty.sees("codes differ");
    person.is_told(&format!("show|{}", "a long line ".repeat(20)));
    person.pty.sees(&"a long line ".repeat(20));
    person.pty.types("hello\n");
    person.tells("line \"hello\"");
    person.is_told("listen|");
    person.pty.types("/edit\n");
    person.pty.sees("Send these 2 lines as one message? (yes/no/edit)");
    person.pty.types("yes\n");
    person.tells("line \"one\\ntwo\"");
    let raw = person.pty.screen().raw();
    let begun = raw.find("Who?").unwrap();
    let controls: Vec<char> = raw[begun..].chars().filter(|c| c.is_control()).collect();
    assert!(controls.iter().all(|c| matches!(c, '\r' | '\n')), "{:?}", &raw[begun..]);
    person.closes();
}
