//! Secrets, the end of input, and how the terminal is left.

use super::*;

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
