//! A person at the keys.

use zeroize::Zeroizing;

use super::*;
use crate::client::terminal::full_screen::{
    decode::Decoder,
    model::{
        Model,
        tests::{model, overview, question},
    },
    scrollback::Said,
};
use crate::client::{
    phrase::Phrase,
    terminal::{Aim, Emphasis},
};

/// Presses keys; what was delivered.
fn press(model: &mut Model, keys: &str) -> Vec<String> {
    let mut decoder = Decoder::default();
    let mut typed: Vec<_> = keys.bytes().filter_map(|byte| decoder.take(byte)).collect();
    typed.extend(decoder.time_is_over());
    let effects = typed.into_iter().filter_map(|typed| model.typed(typed));
    effects
        .map(|effect| match effect {
            Effect::Deliver(Input::Line(line)) => line,
            Effect::Deliver(Input::End) => "(end)".to_owned(),
            other => format!("{other:?}"),
        })
        .collect()
}

fn paste(model: &mut Model, text: &str) {
    assert!(model.typed(Typed::Paste(Zeroizing::new(text.to_owned()))).is_none());
}

/// In conversation with bob, with a line wanted.
fn talking() -> Model {
    let mut model = model();
    model.conversational = true;
    model.look_at(overview(Some("bob")));
    model.listen(None);
    model
}

#[test]
fn a_line_goes_out_once_for_each_time_it_is_asked_for() {
    let mut model = talking();
    assert_eq!(press(&mut model, "hello\r"), ["hello"]);
    assert_eq!(press(&mut model, "more\r"), [""; 0], "nothing is asked: the line stays");
    assert_eq!(model.editor.text(), "more");
    model.listen(None);
    assert_eq!(press(&mut model, "\r"), ["more"]);
}

#[test]
fn a_line_begun_before_the_question_changed_is_marked_as_that() {
    let mut model = talking();
    let bob = "bob".parse().unwrap();
    model.listen(Some(&bob));
    press(&mut model, "hel");
    model.look_at(overview(None));
    model.ask(question("Who do you want to start a conversation with? "));
    assert_eq!(press(&mut model, "lo\r"), ["hello"]);
    assert_eq!(model.begun.take(), Some(Aim::To(bob)));
    let asked = "Who do you want to start a conversation with? ";
    model.ask(question(asked));
    assert_eq!(press(&mut model, "bob\r"), ["bob"]);
    assert_eq!(model.begun.take(), Some(Aim::Answer(asked.to_owned())));
    model.ask(question("Accept? "));
    press(&mut model, "x");
    model.ask(question("Really? "));
    assert_eq!(press(&mut model, "\u{7f}yes\r"), ["yes"], "begun anew, it is for the new question");
    assert_eq!(model.begun.take(), Some(Aim::Answer("Really? ".to_owned())));
}

#[test]
fn nothing_begun_for_one_person_goes_to_another_without_being_said() {
    let mut model = talking();
    press(&mut model, "for bob only");
    model.look_at(overview(Some("carol")));
    assert_eq!(press(&mut model, "\r"), [""; 0]);
    assert!(model.note.as_ref().unwrap().text().contains("begun for bob"), "{:?}", model.note);
    assert_eq!(press(&mut model, "\r"), ["for bob only"]);
}

#[test]
fn whoever_sees_for_whom_it_would_be_and_presses_the_key_again_has_meant_them() {
    let (bob, carol) = ("bob".parse().unwrap(), "carol".parse().unwrap());
    let mut model = talking();
    model.listen(Some(&bob));
    press(&mut model, "hello");
    model.listen(Some(&carol));
    // The client has told who has the lines, and the view does not look there yet: the client decides.
    assert_eq!(press(&mut model, "\r"), ["hello"]);
    assert_eq!(model.begun.take(), Some(Aim::To(bob.clone())));
    model.listen(Some(&bob));
    press(&mut model, "more");
    model.look_at(overview(Some("carol")));
    model.listen(Some(&carol));
    assert_eq!(press(&mut model, "\r"), [""; 0]);
    assert_eq!(press(&mut model, "\r"), ["more"]);
    assert_eq!(model.begun.take(), Some(Aim::To(carol)));
}

#[test]
fn what_was_pasted_for_one_person_is_theirs_whenever_the_question_about_it_is_answered() {
    let (bob, carol) = ("bob".parse().unwrap(), "carol".parse().unwrap());
    let mut model = talking();
    model.listen(Some(&bob));
    paste(&mut model, "one\ntwo");
    model.look_at(overview(Some("carol")));
    model.listen(Some(&carol));
    press(&mut model, "y");
    assert_eq!(press(&mut model, "\r"), [""; 0]);
    assert!(model.note.as_ref().unwrap().text().contains("begun for bob"), "{:?}", model.note);
}

#[test]
fn a_line_waits_in_its_conversation_while_one_looks_at_another() {
    let mut model = talking();
    press(&mut model, "for bob");
    assert_eq!(press(&mut model, "\u{1b}2"), ["/with carol"]);
    model.look_at(overview(Some("carol")));
    model.listen(None);
    assert_eq!(model.editor.text(), "");
    assert_eq!(press(&mut model, "for carol\u{10}"), ["/with bob"]);
    model.look_at(overview(Some("bob")));
    model.listen(None);
    assert_eq!(press(&mut model, "\r"), ["for bob"]);
    model.listen(None);
    assert_eq!(press(&mut model, "/with carol\r"), ["/with carol"]);
    model.look_at(overview(Some("carol")));
    assert_eq!(model.editor.text(), "for carol");
}

#[test]
fn contacts_are_chosen_by_keys_and_by_the_mouse() {
    let mut model = talking();
    for (keys, wanted) in [
        ("\t", "/with carol"),
        ("\u{e}", "/with carol"),
        ("\u{10}", "/with dave"),
        ("\u{1b}[Z", "/with dave"),
        ("\u{1b}3", "/with dave"),
    ] {
        assert_eq!(press(&mut model, keys), [wanted], "{keys:?}");
        model.listen(None);
    }
    assert_eq!(press(&mut model, "\u{1b}1"), [""; 0], "bob is looked at already");
    assert_eq!(press(&mut model, "\u{1b}9"), [""; 0], "there is no ninth");
    // The contacts begin below two rows: who one is, and the titles.
    assert_eq!(press(&mut model, "\u{1b}[<0;5;4M"), ["/with carol"]);
    assert_eq!(press(&mut model, "\u{1b}[<0;5;5M"), [""; 0], "no line is asked for");
    model.listen(None);
    assert_eq!(press(&mut model, "\u{1b}[<0;60;4M\u{1b}[<0;5;20M\u{1b}[<0;5;1M"), [""; 0]);
}

#[test]
fn who_looks_through_the_contacts_calls_nobody_until_enter() {
    let mut model = talking();
    model.look_at(overview(None));
    model.ask(question("Who? "));
    assert_eq!(press(&mut model, "\t"), [""; 0]);
    assert_eq!(model.editor.text(), "/with bob");
    assert!(model.note.as_ref().unwrap().text().contains("Enter"), "{:?}", model.note);
    assert_eq!(press(&mut model, "\t"), ["/with carol"], "who is not there is not called by it");
    assert_eq!(model.editor.text(), "");
    model.ask(question("Who? "));
    assert_eq!(press(&mut model, "\u{1b}1\r"), ["/with bob"]);
    // A line that was begun stays as it is.
    model.ask(question("Who? "));
    assert_eq!(press(&mut model, "half a line\u{1b}1"), [""; 0]);
    assert_eq!(model.editor.text(), "half a line");
    assert!(model.note.as_ref().unwrap().text().contains("/with bob"), "{:?}", model.note);
}

#[test]
fn a_secret_is_typed_apart_and_what_was_begun_before_it_comes_back() {
    let mut model = talking();
    press(&mut model, "half a line");
    model.ask_secret(question("Password: "));
    assert_eq!(press(&mut model, "?open sesamf\u{7f}e\u{1b}[A\r"), ["?open sesame"]);
    assert_eq!(press(&mut model, "typed ahead"), [""; 0]);
    assert!(model.secret.is_empty(), "it may be a secret too, and is for nobody");
    model.ask_secret(question("Repeat password: "));
    assert_eq!(press(&mut model, "x\u{15}\u{1b}OP"), [""; 0]);
    assert!(model.help.is_some());
    assert_eq!(press(&mut model, "xopen\r"), ["open"], "the first key closes the help");
    model.listen(None);
    assert_eq!(model.editor.text(), "half a line");
    let seen = model
        .scrollback()
        .entries()
        .any(|entry| matches!(&entry.said, Said::Typed(text) if text.contains("open")));
    assert!(!seen);
}

#[test]
fn several_pasted_lines_are_one_message_after_asking() {
    let mut model = talking();
    paste(&mut model, "one\r\ntwo\u{1b}[31m\rthree\n\n");
    assert_eq!(model.editor.text(), "");
    assert_eq!(press(&mut model, "x\u{1b}"), [""; 0]);
    assert_eq!((model.pasted.as_ref(), model.editor.text()), (None, ""), "Escape drops them");
    paste(&mut model, "one\r\ntwo\u{1b}[31m\rthree\n\n");
    assert_eq!(press(&mut model, "\r"), [""; 0]);
    assert_eq!(model.editor.text(), "one\ntwo[31m\nthree");
    assert_eq!(press(&mut model, "\r"), ["one\ntwo[31m\nthree"]);
    model.listen(None);
    paste(&mut model, "one line\n");
    assert_eq!(model.editor.text(), "one line", "one line is not asked about");
    model.ask_secret(question("Password: "));
    paste(&mut model, "secret\n");
    assert_eq!(press(&mut model, "\r"), ["secret"]);
}

#[test]
fn help_opens_and_closes_and_a_question_mark_can_be_typed_all_the_same() {
    let mut model = talking();
    press(&mut model, "?");
    assert!(model.help.is_some());
    press(&mut model, "?");
    assert_eq!((model.help, model.editor.text()), (None, "?"));
    press(&mut model, "\u{1b}OPx");
    assert_eq!((model.help, model.editor.text()), (None, "?"), "the key that closes does nothing else");
    model.resize(40, 12);
    press(&mut model, "\u{1b}OP\u{1b}[6~\u{1b}[6~");
    assert!(model.help.is_some_and(|row| row > 0), "where there is little room it is scrolled");
    press(&mut model, "\u{1b}[5~\u{1b}[5~");
    assert_eq!(model.help, Some(0));
}

#[test]
fn the_end_may_be_had_at_any_time() {
    let mut model = model();
    assert_eq!(press(&mut model, "\u{3}"), ["(end)"]);
    assert_eq!(press(&mut model, "\u{4}"), ["(end)"]);
    let mut model = talking();
    assert_eq!(press(&mut model, "ab\u{1}\u{4}"), [""; 0], "in a line it deletes");
    assert_eq!(model.editor.text(), "b");
    assert_eq!(press(&mut model, "\u{3}"), ["(end)"]);
    model.ask_secret(question("Password: "));
    assert_eq!(press(&mut model, "\u{4}"), ["(end)"]);
    assert!(matches!(model.typed(Typed::Key(Key::control('z'))), Some(Effect::Suspend)));
}

#[test]
fn before_the_account_is_open_answers_stand_beside_their_questions() {
    let mut model = model();
    assert_eq!(press(&mut model, "early\r"), [""; 0]);
    model.ask(question("Username: "));
    assert_eq!(press(&mut model, "alice\r"), ["alice"]);
    let said: Vec<_> = model.scrollback().entries().map(|entry| entry.said.clone()).collect();
    assert_eq!(said, [Said::Typed("Username: alice".into())]);
    assert_eq!(press(&mut model, "\t"), [""; 0], "there are no contacts yet");
}

#[test]
fn keys_and_the_wheel_scroll() {
    let mut model = talking();
    for number in 0..100 {
        model.show(Emphasis::Plain, &Phrase::literal(&format!("line {number}")));
    }
    let first = |model: &Model| {
        let (rows, more) = model.scrollback().seen(draw::window(model).unwrap());
        (rows[0].iter().map(|(text, _)| text.as_str()).collect::<String>().trim().to_owned(), more)
    };
    let rows = draw::window(&model).unwrap().rows;
    assert_eq!(first(&model), (format!("line {}", 100 - rows), false));
    press(&mut model, "\u{1b}[5~");
    assert_eq!(first(&model), (format!("line {}", 100 - 2 * rows + 1), true));
    press(&mut model, "\u{1b}[H");
    assert_eq!(first(&model).0, "line 0");
    press(&mut model, "\u{1b}[<65;1;1M");
    assert_eq!(first(&model).0, "line 3");
    press(&mut model, "\u{1b}[<64;1;1M\u{1b}[6~");
    assert_eq!(first(&model).0, format!("line {}", rows - 1));
    press(&mut model, "\u{1b}[F");
    assert!(!first(&model).1);
}

#[test]
fn tab_completes_commands_and_names_in_a_line_that_was_begun() {
    let mut model = talking();
    press(&mut model, "/he\t");
    assert_eq!(model.editor.text(), "/help ");
    press(&mut model, "\u{15}/with c\t");
    assert_eq!(model.editor.text(), "/with carol");
    assert_eq!(press(&mut model, "\r"), ["/with carol"]);
    model.listen(None);
    press(&mut model, "/h\t");
    assert_eq!((model.editor.text(), model.note.as_ref().unwrap().text()), ("/h", "/help  /history"));
    press(&mut model, "\u{15}a word \t");
    assert_eq!(model.editor.text(), "a word ", "between words it is a slip of the finger");
    press(&mut model, "\u{15}ask bo now\u{1b}b\u{2}\t");
    assert_eq!(model.editor.text(), "ask bob now", "the word before the cursor");
}

#[test]
fn an_editor_is_asked_for_in_a_conversation_and_what_it_wrote_stands_in_the_line() {
    let mut model = talking();
    assert_eq!(press(&mut model, "/edit a start\r"), [r#"Compose("a start")"#]);
    model.composed(Ok("two\nlines\u{1b}[31m".to_owned()));
    assert_eq!(model.editor.text(), "two\nlines[31m");
    assert_eq!(press(&mut model, "\r"), ["two\nlines[31m"]);
    model.listen(None);
    assert_eq!(press(&mut model, "/edit\r"), [r#"Compose("")"#]);
    model.composed(Err(Phrase::literal("no editor")));
    assert!(model.note.as_ref().unwrap().text().ends_with("no editor"));
    // For whoever was taken elsewhere meanwhile it waits where it belongs.
    press(&mut model, "/edit\r");
    model.look_at(overview(Some("carol")));
    model.composed(Ok("for bob".to_owned()));
    assert!(model.note.as_ref().unwrap().text().contains("with bob"), "{:?}", model.note);
    assert_eq!(model.editor.text(), "");
    assert_eq!(press(&mut model, "\u{1b}1"), ["/with bob"]);
    model.look_at(overview(Some("bob")));
    assert_eq!(model.editor.text(), "for bob");
}

#[test]
fn an_editor_is_for_messages_alone() {
    let mut model = talking();
    model.look_at(overview(None));
    model.ask(question("Who? "));
    assert_eq!(press(&mut model, "/edit\r"), ["/edit"], "the client says that nobody would get it");
}
