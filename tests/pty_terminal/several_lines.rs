//! Messages of several lines: pasted, and written in the person's own editor.

use super::*;

/// Pastes as a terminal does, between its marks, with carriage returns for line ends.
fn pasted(text: &str) -> String {
    format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r"))
}

const QUESTION: &str = "lines as one message? (yes/no/edit)";

#[test]
fn several_pasted_lines_are_one_message_once_its_person_says_so() {
    let mut person = talking();
    person.pty.types(&pasted("one\ntwo\n\n  four\n"));
    person.pty.sees_line_typed("");
    person.pty.types("\r");
    person.pty.sees("Send these 4 lines as one message? (yes/no/edit)");
    person.is_told("flood|1 2");
    person.pty.sees("message 002");
    person.pty.types("what?\r");
    person.pty.waits_until("the question again", |screen| {
        screen.contents().matches(QUESTION).count() == 2 && screen.line_typed().ends_with("(yes/no/edit)")
    });
    person.pty.types("yes\r");
    person.tells("line \"one\\ntwo\\n\\n  four\"");
    person.closes();
}

#[test]
fn several_lines_can_be_edited_or_left_and_come_back_by_the_up_arrow() {
    let mut person = talking();
    person.pty.types(&format!("{}\r", pasted("one\ntwo")));
    person.pty.sees(QUESTION);
    person.pty.types("edit\r");
    person.pty.sees_line_typed("two");
    person.pty.types("!\r");
    person.pty.waits_until("the question again", |screen| screen.contents().matches(QUESTION).count() == 2);
    person.pty.types("no\r");
    person.pty.sees("not sent; the up arrow brings it back");
    person.pty.sees_line_typed("bob>");
    person.pty.types("\x1b[A\r");
    person.pty.waits_until("the question again", |screen| screen.contents().matches(QUESTION).count() == 3);
    person.pty.types("y\r");
    person.tells("line \"one\\ntwo!\"");
    person.closes();
}

#[test]
fn a_paste_of_one_line_is_not_asked_about() {
    let mut person = talking();
    person.pty.types(&format!("{}\r", pasted("one line\n")));
    person.tells("line \"one line\"");
    person.closes();
}

#[test]
fn a_paste_cannot_answer_the_question_about_itself() {
    let mut person = talking();
    // One that ends its own marks, presses Enter and says yes.
    person.pty.types("\x1b[200~one\ntwo\x1b[201~\ryes\ryes\r");
    person.pty.sees(QUESTION);
    person.is_told("flood|1 1");
    person.pty.sees("message 001");
    person
        .pty
        .waits_until("the question, unanswered", |screen| screen.line_typed().ends_with("(yes/no/edit)"));
    person.pty.types("no\r");
    person.pty.sees("not sent;");
    person.pty.types("after\r");
    person.tells("line \"after\"");
    person.closes();
}

#[test]
fn a_conversation_that_ends_while_several_lines_are_asked_about_makes_them_no_answer() {
    let mut person = talking();
    person.pty.types(&format!("{}\r", pasted("one\ntwo")));
    person.pty.sees(QUESTION);
    person.is_told("talks|");
    person.is_told("ask|Who? ");
    person.pty.sees("Who?");
    person.pty.types("yes\r");
    person.tells("line \"one\\ntwo\"");
    person.is_told("begun|");
    person.tells("Some(To(Username(\"bob\")))");
    person.closes();
}

#[test]
fn a_message_is_written_in_ones_own_editor_while_what_arrives_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (report, go) = (folder.path().join("report"), folder.path().join("go"));
    let does = format!(
        "cat \"$1\" > {report}; stty -a < /dev/tty | grep -o '[-]*echo ' >> {report}; echo EDITING; read answer\n\
         printf 'and more\\n' >> \"$1\"; rm -f {go}",
        report = report.display(),
        go = go.display()
    );
    let editor = editor(folder.path(), &does);
    let mut person = talking_with(&[XTERM, ("VISUAL", &editor), ("EDITOR", "false")]);
    person.pty.types("/edit hello bob\r");
    person.pty.sees("EDITING");
    person.is_told("flood|1 20");
    person.is_told("interactive|");
    person.tells("true");
    assert!(!person.pty.screen().contents().contains("message"), "what arrives waits");
    // Ctrl-C is the editor's, which ignores it here; then it is left.
    person.pty.types("\r");
    person.pty.sees("message 020");
    person.pty.sees("Send these 2 lines as one message?");
    assert_eq!(std::fs::read_to_string(report).unwrap(), "hello bob\necho \n");
    person.pty.types("yes\r");
    person.tells("line \"hello bob\\nand more\"");
    person.saw_messages(20);
    person.closes();
}

#[test]
fn the_line_being_typed_goes_to_the_editor_by_a_key_and_one_line_comes_back_to_be_sent() {
    let folder = tempfile::tempdir().unwrap();
    let editor = editor(folder.path(), "printf '%s, longer' \"$(cat \"$1\")\" > \"$1\"");
    let mut person = talking_with(&[XTERM, ("VISUAL", ""), ("EDITOR", &editor)]);
    person.pty.types("hello\x18\x05");
    person.pty.sees_line_typed("bob> hello, longer");
    person.pty.types("!\r");
    person.tells("line \"hello, longer!\"");
    person.closes();
}

#[test]
fn an_editor_that_fails_sends_nothing_and_the_line_is_there_again() {
    let mut person = talking_with(&[XTERM, ("VISUAL", "false")]);
    person.pty.types("/edit hello\r");
    person.pty.sees("nothing was sent: the editor ended with status 1, so what was written in it was");
    person.pty.sees_line_typed("bob> hello");
    person.pty.types("\r");
    person.tells("line \"hello\"");
    person.closes();
}

#[test]
fn control_c_in_the_editor_is_the_editors() {
    let folder = tempfile::tempdir().unwrap();
    let editor = editor(folder.path(), "trap 'echo INTERRUPTED' INT; echo EDITING; read a || read a; :");
    let mut person = talking_with(&[XTERM, ("VISUAL", &editor)]);
    person.pty.types("/edit kept\r");
    person.pty.sees("EDITING");
    person.pty.types("\x03");
    person.pty.sees("INTERRUPTED");
    person.pty.types("\r");
    person.pty.sees_line_typed("bob> kept");
    person.pty.types("\r");
    person.tells("line \"kept\"");
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
