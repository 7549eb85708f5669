//! Plain lines, over pipes and in memory.

use std::{
    io::{PipeWriter, pipe},
    time::Duration,
};

use super::*;
use crate::client::terminal::sheet::Sheet;

/// Output whose reader is gone.
struct Torn(ErrorKind);

impl Write for Torn {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Desk {
    plain: Plain,
    typed: Option<PipeWriter>,
    output: Sheet,
    errors: Sheet,
    inputs: Receiver<Input>,
}

fn desk() -> Desk {
    desk_in(Surroundings::default())
}

fn desk_in(surroundings: Surroundings) -> Desk {
    let (reader, typed) = pipe().unwrap();
    let (output, errors) = (Sheet::default(), Sheet::default());
    let (send, inputs) = crossbeam_channel::unbounded();
    let deliver = Deliver::new(Box::new(move |input| send.send(input).unwrap()));
    let (out, err) = (Box::new(output.clone()), Box::new(errors.clone()));
    let mode = SavedMode::of_standard_input();
    let plain = Plain::over(reader, out, err, surroundings, deliver, mode).unwrap();
    Desk { plain, typed: Some(typed), output, errors, inputs }
}

impl Desk {
    fn types(&mut self, bytes: impl AsRef<[u8]>) {
        self.typed.as_mut().unwrap().write_all(bytes.as_ref()).unwrap();
    }

    fn comes(&self) -> Input {
        let input = self.inputs.recv_timeout(Duration::from_secs(30)).unwrap();
        self.plain.taken();
        input
    }

    fn comes_line(&self) -> String {
        match self.comes() {
            Input::Line(line) => line,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_question_is_answered_and_its_line_ended() {
    let mut desk = desk();
    desk.plain.ask("Username: ");
    assert_eq!(desk.output.text(), "Username: ");
    desk.types("alice\n");
    assert_eq!(desk.comes_line(), "alice");
    assert_eq!(desk.output.text(), "Username: \n");
    desk.plain.show("hello\n");
    assert_eq!(desk.output.text(), "Username: \nhello\n");
}

#[test]
fn a_line_is_not_taken_before_it_is_asked_for() {
    let mut desk = desk();
    desk.types("one\ntwo\n");
    assert!(desk.inputs.recv_timeout(Duration::from_millis(50)).is_err());
    desk.plain.ask("first ");
    assert_eq!(desk.comes_line(), "one");
    assert!(desk.inputs.recv_timeout(Duration::from_millis(50)).is_err());
    desk.plain.ask("second ");
    assert_eq!(desk.comes_line(), "two");
    assert_eq!(desk.output.text(), "first \nsecond \n");
}

/// The caller may be about to ask again because of what the server said in the same moment.
#[test]
fn while_a_line_waits_to_be_taken_nothing_more_is_asked() {
    let mut desk = desk();
    desk.plain.ask("Who? ");
    desk.types("nobody\nbob\n");
    let waiting = desk.inputs.recv_timeout(Duration::from_secs(30)).unwrap();
    desk.plain.ask("Who? ");
    desk.plain.show("carol is here\n");
    desk.plain.ask("Who? ");
    assert_eq!(desk.output.text(), "Who? \ncarol is here\n");
    assert!(matches!(waiting, Input::Line(line) if line == "nobody"));
    desk.plain.taken();
    desk.plain.show("nobody is unknown\n");
    desk.plain.ask("Who? ");
    assert_eq!(desk.comes_line(), "bob");
    assert_eq!(desk.output.text(), "Who? \ncarol is here\nnobody is unknown\nWho? \n");
}

#[test]
fn what_is_shown_never_shares_the_line_of_an_open_question() {
    let mut desk = desk();
    desk.plain.ask("Who? ");
    desk.plain.show("bob is here\n");
    desk.plain.show("carol is here\n");
    desk.types("bob\n");
    assert_eq!(desk.comes_line(), "bob");
    assert_eq!(desk.output.text(), "Who? \nbob is here\ncarol is here\n");
}

#[test]
fn another_question_replaces_the_outstanding_one_and_the_same_is_not_repeated() {
    let mut desk = desk();
    desk.plain.ask("Who? ");
    desk.plain.ask("Who? ");
    desk.plain.ask("Accept? ");
    desk.types("yes\nspare\n");
    assert_eq!(desk.comes_line(), "yes");
    assert_eq!(desk.output.text(), "Who? \nAccept? \n");
    assert!(desk.inputs.recv_timeout(Duration::from_millis(50)).is_err(), "one request, one line");
    desk.plain.ask("Accept? ");
    assert_eq!(desk.comes_line(), "spare");
    assert_eq!(desk.output.text(), "Who? \nAccept? \nAccept? \n");
}

#[test]
fn listening_shows_no_question() {
    let mut desk = desk();
    desk.plain.ask("Who? ");
    desk.plain.listen(None);
    desk.types("hello\n");
    assert_eq!(desk.comes_line(), "hello");
    desk.plain.listen(None);
    desk.plain.show("[14:03] bob: hi\n");
    desk.types("bye\n");
    assert_eq!(desk.comes_line(), "bye");
    assert_eq!(desk.output.text(), "Who? \n[14:03] bob: hi\n");
}

#[test]
fn a_secret_is_a_line_where_there_is_no_terminal() {
    let mut desk = desk();
    desk.plain.ask_secret("Password: ");
    desk.types("correct horse\r\n");
    assert_eq!(desk.comes_line(), "correct horse");
    assert_eq!(desk.output.text(), "Password: \n");
}

#[test]
fn a_last_line_without_its_end_counts_and_then_input_ends() {
    let mut desk = desk();
    desk.types("exit");
    desk.typed = None;
    desk.plain.ask("? ");
    assert_eq!(desk.comes_line(), "exit");
    for _ in 0..2 {
        desk.plain.ask("? ");
        assert!(matches!(desk.comes(), Input::End));
    }
    assert_eq!(desk.output.text(), "? \n? \n? \n");
}

#[test]
fn a_line_that_is_not_text_is_named_and_the_question_asked_again() {
    let mut desk = desk();
    desk.plain.ask("Username: ");
    desk.types(b"al\xffice\nalice\n");
    assert_eq!(desk.comes_line(), "alice");
    assert!(desk.errors.text().contains("not UTF-8"), "{}", desk.errors.text());
    assert_eq!(desk.output.text(), "Username: \nUsername: \n");
}

#[test]
fn a_line_over_the_limit_is_named_and_not_kept() {
    let mut desk = desk();
    desk.plain.listen(None);
    let mut typed = desk.typed.take().unwrap();
    let writer = thread::spawn(move || {
        typed.write_all(&vec![b'a'; LINE_BYTES_MAX + 1]).unwrap();
        typed.write_all(b"\nshort\n").unwrap();
    });
    assert_eq!(desk.comes_line(), "short");
    assert!(desk.errors.text().contains("at most 1048576 bytes"), "{}", desk.errors.text());
    writer.join().unwrap();
}

#[test]
fn lines_end_in_lf_or_crlf_and_the_limit_is_exact() {
    let longest = "a".repeat(LINE_BYTES_MAX);
    let cases = [
        ("a\n".to_owned(), Typed::Line("a".to_owned())),
        ("a\r\n".to_owned(), Typed::Line("a".to_owned())),
        ("a\r".to_owned(), Typed::Line("a\r".to_owned())),
        ("\n".to_owned(), Typed::Line(String::new())),
        (String::new(), Typed::End),
        (format!("{longest}\n"), Typed::Line(longest.clone())),
        (format!("{longest}\r\n"), Typed::Line(longest.clone())),
        (longest.clone(), Typed::Line(longest.clone())),
        (format!("{longest}a\n"), Typed::TooLong),
        (format!("{longest}a\r\n"), Typed::TooLong),
        (format!("{longest}a"), Typed::TooLong),
    ];
    for (text, expected) in cases {
        // A buffer that no line fits in, so that every piece is joined.
        let mut input = BufReader::with_capacity(7, text.as_bytes());
        assert!(next_line(&mut input).unwrap() == expected, "{} bytes", text.len());
    }
}

#[test]
fn an_output_that_is_gone_ends_the_input_and_never_panics() {
    for kind in [ErrorKind::BrokenPipe, ErrorKind::StorageFull] {
        let (reader, _typed) = pipe().unwrap();
        let (send, inputs) = bounded(8);
        let deliver = Deliver::new(Box::new(move |input| send.send(input).unwrap()));
        let errors = Sheet::default();
        let (out, err) = (Box::new(Torn(kind)), Box::new(errors.clone()));
        let mode = SavedMode::of_standard_input();
        let plain = Plain::over(reader, out, err, Surroundings::default(), deliver, mode).unwrap();
        plain.show("hello\n");
        plain.ask("? ");
        assert!(matches!(inputs.recv_timeout(Duration::from_secs(30)).unwrap(), Input::End));
        assert_eq!(errors.text().is_empty(), kind == ErrorKind::BrokenPipe);
    }
}

#[test]
fn on_a_terminal_the_echo_has_ended_the_line_already() {
    let mut desk = desk_in(Surroundings {
        input_is_terminal: true,
        output_is_terminal: true,
        errors_are_terminal: true,
    });
    desk.plain.ask("Username: ");
    desk.types("alice\n");
    assert_eq!(desk.comes_line(), "alice");
    assert_eq!(desk.output.text(), "Username: ");
    desk.plain.ask("Who? ");
    desk.plain.diagnose("warning: something\n");
    assert_eq!(desk.output.text(), "Username: Who? \n");
}

#[test]
fn nothing_is_delivered_once_it_is_closed() {
    let Desk { plain, typed, output, inputs, .. } = desk();
    plain.ask("? ");
    drop(plain);
    typed.unwrap().write_all(b"late\n").unwrap();
    assert!(inputs.recv_timeout(Duration::from_secs(30)).is_err());
    assert_eq!(output.text(), "? \n");
}
