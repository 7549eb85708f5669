//! The screen, with the editor played by the tests.

use std::{sync::Arc, thread};

use crossbeam_channel::{Receiver, bounded};

use super::*;
use crate::client::terminal::sheet::Sheet;

fn screen() -> (Arc<Screen>, Sheet, Receiver<()>) {
    let sheet = Sheet::default();
    let deliver = Deliver::new(Box::new(|input| panic!("{input:?}")));
    let screen = Arc::new(Screen::new(Box::new(sheet.clone()), deliver));
    let (bell, rung) = bounded(1);
    screen.set_bell(bell);
    (screen, sheet, rung)
}

fn line(prompt: &str, remember: bool) -> Option<Wanted> {
    Some(Wanted::Line { prompt: prompt.to_owned(), remember })
}

#[test]
fn text_is_written_at_once_while_no_line_is_typed_and_waits_for_the_editor_while_one_is() {
    let (screen, sheet, rung) = screen();
    screen.show("before\n");
    assert_eq!(sheet.text(), "before\n");
    assert_eq!(screen.ask("Username: "), line("Username: ", false));
    screen.show("one\n");
    screen.show("two\n");
    assert_eq!(sheet.text(), "before\n");
    assert!(rung.try_recv().is_ok());
    assert_eq!(screen.drawing(), "one\ntwo\n");
    assert_eq!(screen.drawing(), "");
    screen.show("three\n");
    assert_eq!(screen.line_ended(), None);
    assert_eq!(sheet.text(), "before\nthree\n", "what the editor did not draw is written when it ended");
    screen.show("four\n");
    assert_eq!(sheet.text(), "before\nthree\nfour\n");
}

#[test]
fn a_question_that_changes_while_a_line_is_typed_is_shown_above_it_once() {
    let (screen, _, _rung) = screen();
    assert_eq!(screen.ask("Who? "), line("Who? ", false));
    assert_eq!(screen.ask("Who? "), None);
    assert_eq!(screen.ask("Accept? "), None);
    assert_eq!(screen.ask("Accept? "), None);
    assert_eq!(screen.drawing(), "Accept?\n");
    assert_eq!(screen.listen(None), None);
    assert_eq!(screen.ask("Accept? "), None);
    assert_eq!(screen.drawing(), "Accept?\n");
}

#[test]
fn in_a_conversation_questions_are_lines_and_the_prompt_is_always_the_same() {
    let (screen, sheet, _rung) = screen();
    screen.set_conversational(true);
    assert_eq!(screen.ask("Who? "), line("> ", true));
    assert_eq!(sheet.text(), "Who?\n");
    assert_eq!(screen.line_ended(), None);
    assert_eq!(screen.listen(None), line("> ", true));
    assert_eq!(sheet.text(), "Who?\n");
}

#[test]
fn a_secret_is_shown_again_below_what_is_shown() {
    let (screen, sheet, _rung) = screen();
    assert_eq!(screen.ask_secret("Password: "), Some(Wanted::Secret));
    screen.show("early\n");
    assert!(screen.secret_begins(|| {}));
    screen.show("late\n");
    screen.secret_ended(|| {});
    assert_eq!(sheet.text(), "early\nPassword: \r\x1b[Klate\nPassword: \n");
}

#[test]
fn a_secret_waits_for_the_visible_line_and_another_question_takes_it_back() {
    let (screen, _, _rung) = screen();
    screen.set_conversational(true);
    screen.listen(None);
    assert_eq!(screen.ask_secret("Password: "), None);
    assert_eq!(screen.ask_secret("Password: "), None);
    assert_eq!(screen.drawing(), "Password: (press Enter first)\n");
    assert_eq!(screen.line_ended(), Some(Wanted::Secret));
    assert!(screen.secret_begins(|| {}));
    screen.secret_ended(|| {});
    screen.listen(None);
    screen.ask_secret("Password: ");
    assert_eq!(screen.ask("Who? "), None);
    assert_eq!(screen.line_ended(), None, "the line is delivered");
}

#[test]
fn closing_waits_for_the_editor_to_draw_what_was_shown() {
    let (screen, sheet, rung) = screen();
    screen.listen(None);
    assert!(screen.line_begins());
    assert_eq!(screen.drawing(), "");
    screen.show("last words\n");
    let editor = Arc::clone(&screen);
    let drawer = thread::spawn(move || {
        rung.recv().unwrap();
        let drawn = editor.drawing();
        rung.recv().unwrap();
        assert_eq!(editor.drawing(), "");
        drawn
    });
    screen.close();
    assert_eq!(drawer.join().unwrap(), "last words\n");
    assert_eq!(sheet.text(), LEAVE_EDITOR);
}

#[test]
fn nothing_begins_once_it_is_closed() {
    let (first, sheet, _rung) = screen();
    first.listen(None);
    first.show("last words\n");
    first.close();
    assert!(!first.line_begins());
    assert_eq!(sheet.text(), format!("last words\n{LEAVE_EDITOR}"));
    let (second, sheet, _rung) = screen();
    second.ask_secret("Password: ");
    second.close();
    assert!(!second.secret_begins(|| panic!("closed")));
    assert_eq!(sheet.text(), "");
}

#[test]
fn whoever_shows_too_much_waits_for_the_editor() {
    let (screen, _, _rung) = screen();
    screen.listen(None);
    screen.show(&"a".repeat(WAITING_BYTES_MAX + 1));
    let shower = Arc::clone(&screen);
    let shown = thread::spawn(move || shower.show("b\n"));
    let first = screen.drawing();
    shown.join().unwrap();
    assert_eq!(first + &screen.drawing(), "a".repeat(WAITING_BYTES_MAX + 1) + "b\n");
}
