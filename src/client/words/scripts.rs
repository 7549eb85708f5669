//! What is said to programs and scripts, and of them.

use std::path::Path;

use super::shown;
use crate::{
    client::{
        phrase::{Arg, Phrase, Sentence},
        scripts::PasswordError,
    },
    printable::Printable,
    wire::Username,
};

pub(in crate::client) const NOT_LOGGED_IN: Sentence = Sentence("not_logged_in");
pub(in crate::client) const NOT_FOR_SCRIPTS: Sentence = Sentence("not_for_scripts");
pub(in crate::client) const NOT_A_COMMAND: Sentence = Sentence("not_a_command");
pub(in crate::client) const NOTHING_TO_SEND: Sentence = Sentence("nothing_to_send");
pub(in crate::client) const MESSAGE_NOT_TEXT: Sentence = Sentence("message_not_text");

pub(in crate::client) fn json_too_long(line: u64, max: usize) -> Phrase {
    say!("json_too_long", line, max)
}

pub(in crate::client) fn json_not_understood(line: u64, error: &serde_json::Error) -> Phrase {
    say!("json_not_understood", line, why = Printable::line(&error.to_string()).to_string())
}

pub(in crate::client) fn not_asked(question: u64) -> Phrase {
    say!("not_asked", question)
}

pub(in crate::client) fn history_at_most(max: u32) -> Phrase {
    say!("history_at_most", max)
}

pub(in crate::client) fn too_many_scripts(max: usize) -> Phrase {
    say!("too_many_scripts", max)
}

/// What a script said in this person's name.
pub(in crate::client) fn script_said(peer: &Username, text: &str) -> Phrase {
    say!("script_said", peer, text = Printable::line(text).to_string())
}

pub(in crate::client) fn input_too_long(max: usize) -> Phrase {
    say!("input_too_long", max)
}

pub(in crate::client) fn logs_in_alone(name: &Username) -> Phrase {
    say!("logs_in_alone", name)
}

pub(in crate::client) fn no_socket(error: &std::io::Error) -> Phrase {
    say!("no_socket", why = super::reason(error))
}

pub(in crate::client) fn needs_answer(question: &str) -> Phrase {
    say!("needs_answer", question)
}

pub(in crate::client) fn no_account_here(folder: &Path) -> Phrase {
    say!("no_account_here", folder = shown(folder))
}

pub(in crate::client) fn socket_failed(error: &std::io::Error) -> Phrase {
    say!("socket_failed", why = super::reason(error))
}

pub(in crate::client) fn not_sent_by_script(why: &str) -> Phrase {
    say!("not_sent_by_script", why)
}

pub(in crate::client) fn nothing_to_export(peer: &Username) -> Phrase {
    say!("nothing_to_export", peer)
}

pub(in crate::client) fn export_unreadable(peer: &Username) -> Phrase {
    say!("export_unreadable", peer)
}

pub(in crate::client) fn export_broken_off(peer: &Username, number: u64) -> Phrase {
    say!("export_broken_off", peer, number)
}

pub(in crate::client) fn history_written(peer: &Username, messages: u64, path: &Path) -> Phrase {
    say!("history_written", peer, messages, path = shown(path))
}

/// Why there is no password.
pub(in crate::client) fn password_failed(error: &PasswordError) -> Phrase {
    match error {
        PasswordError::Read { path, source } => {
            say!("password_unreadable", path = shown(path), why = super::reason(source))
        }
        PasswordError::NotPrivate { path, mode } => {
            say!("password_not_private", path = shown(path), mode = format!("{mode:04o}"))
        }
        PasswordError::NotAPassword { path } => say!("not_a_password", path = shown(path)),
    }
}

/// What to do about it.
pub(in crate::client) fn password_hint(error: &PasswordError, max: usize) -> Option<Phrase> {
    match error {
        PasswordError::Read { .. } => None,
        PasswordError::NotPrivate { path, .. } => Some(say!("make_it_private", path = shown(path))),
        PasswordError::NotAPassword { .. } => Some(say!("first_line_at_most", max)),
    }
}
