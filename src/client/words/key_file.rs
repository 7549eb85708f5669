//! What is said of key files: where they are, and how they are kept.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::{reason, shown};
use crate::{
    client::{
        home::HomeError,
        phrase::{Arg, Phrase},
        recovery::KeyCopyError,
    },
    crypto::key_file::recovery::{
        self, LINE_SYMBOLS, LineProblem, RecoveryError, RecoveryForm, SERVER_BYTES_MAX,
    },
    printable::Printable,
    transport::Fingerprint,
    wire::Username,
};

pub(in crate::client) fn key_file_is_there(name: &Username, path: &Path) -> Phrase {
    say!("key_file_is_there", name, path = shown(path))
}

/// `command` prints the key file.
pub(in crate::client) fn account_created(path: &Path, command: &str) -> Phrase {
    say!("account_created", path = shown(path), command)
}

/// `command` prints the key file.
pub(in crate::client) fn password_changed(command: &str) -> Phrase {
    say!("password_changed", command)
}

/// The form as it is printed. What stands above its numbered lines is for people: no word of it may be a
/// number of a line.
pub(in crate::client) fn recovery_form(
    form: &RecoveryForm,
    server_key: Option<&Fingerprint>,
    now: DateTime<Utc>,
) -> Phrase {
    let (name, server) = (form.key_file().username(), form.server());
    let mut lines = vec![recovery::title(), say!("recovery_form_account", name, server).text().to_owned()];
    lines.extend(
        server_key.map(|key| say!("recovery_form_server_key", key = key.to_string()).text().to_owned()),
    );
    lines.push(say!("recovery_form_use", now).text().to_owned());
    lines.push(String::new());
    lines.push(form.to_string().trim_end().to_owned());
    let args = vec![("name", Arg::from(name)), ("server", server.into()), ("form", form.to_string().into())];
    Phrase::composed("recovery_form", args, lines.join("\n"))
}

pub(in crate::client) fn recovery_form_written(path: &Path) -> Phrase {
    say!("recovery_form_written", path = shown(path))
}

pub(in crate::client) fn key_file_is_the_same(name: &Username, path: &Path) -> Phrase {
    say!("key_file_is_the_same", name, path = shown(path))
}

/// `server`: how it is named to a command, with the home where that has to be named.
pub(in crate::client) fn key_file_imported(name: &Username, path: &Path, server: &str) -> Phrase {
    say!("key_file_imported", name, path = shown(path), server)
}

/// Why a key file was not printed or not read: what happened, what caused it, what to do.
pub(in crate::client) fn key_copy_last_words(error: &KeyCopyError) -> Vec<Phrase> {
    let mut lines = vec![say!("error_line", what = key_copy_failure(error).text())];
    let cause = match error {
        KeyCopyError::Store(error) | KeyCopyError::Home(HomeError::Store(error)) => {
            Some(reason(&error.source))
        }
        KeyCopyError::Home(HomeError::KeyFile { source, .. }) => Some(reason(source)),
        KeyCopyError::Read { source, .. } => Some(reason(source)),
        _ => None,
    };
    lines.extend(cause.map(|why| say!("because_line", why)));
    lines.extend(key_copy_hint(error).map(|hint| say!("hint_line", hint = hint.text())));
    lines
}

fn key_copy_failure(error: &KeyCopyError) -> Phrase {
    match error {
        KeyCopyError::NoAccount(path) => say!("no_account", path = shown(path)),
        KeyCopyError::Several(_) => say!("several_accounts"),
        KeyCopyError::NotHere { named, .. } => say!("account_not_here", named),
        KeyCopyError::Unfinished(user) => say!("key_file_unfinished", name = user),
        KeyCopyError::Form(error) => say!("no_recovery_form", why = form_failure(error).text()),
        KeyCopyError::KeyFile(error) => say!("copy_no_key_file", why = reason(error)),
        KeyCopyError::WhichServer => say!("copy_of_which_server"),
        KeyCopyError::NoServer(server) => {
            say!("form_names_no_server", server = Printable::line(server).to_string())
        }
        KeyCopyError::Taken { user, path } => say!("key_file_taken", name = user, path = shown(path)),
        KeyCopyError::Home(error) => say!("trouble", what = reason(error)),
        KeyCopyError::Store(error) => say!("trouble", what = reason(error)),
        KeyCopyError::Read { path, .. } => say!("could_not_read", path = shown(path)),
    }
}

fn form_failure(error: &RecoveryError) -> Phrase {
    match error {
        RecoveryError::NoForm => say!("form_none"),
        RecoveryError::Line { line, problem } => {
            say!("at_line", line = *line, problem = line_problem(*problem).text())
        }
        RecoveryError::Together => say!("form_together"),
        RecoveryError::OtherVersion => say!("form_other_version"),
        RecoveryError::Username(error) => say!("form_no_name", why = reason(error)),
        RecoveryError::Cost(error) => say!("trouble", what = reason(error)),
        RecoveryError::Server => say!("form_server_too_long", max = SERVER_BYTES_MAX),
    }
}

fn line_problem(problem: LineProblem) -> Phrase {
    match problem {
        LineProblem::Length(found) => say!("form_length", found, right = LINE_SYMBOLS),
        LineProblem::Character(found) => {
            say!("form_character", found = Printable::line(&found.to_string()).to_string())
        }
        LineProblem::Check => say!("form_check"),
        LineProblem::OutOfPlace(found) => say!("form_out_of_place", found),
        LineProblem::Missing => say!("form_missing"),
        LineProblem::AfterTheEnd(count) => say!("form_after_the_end", count),
    }
}

fn key_copy_hint(error: &KeyCopyError) -> Option<Phrase> {
    Some(match error {
        KeyCopyError::NoAccount(_) => say!("hint_name_home"),
        KeyCopyError::Several(here) | KeyCopyError::NotHere { here, .. } => {
            let accounts = here.iter().map(|(server, user)| format!("--host {server} --user {user}"));
            say!("hint_accounts", accounts = accounts.collect::<Vec<_>>().join("; "))
        }
        KeyCopyError::Unfinished(_) => say!("hint_log_in_once"),
        KeyCopyError::Form(RecoveryError::Line { .. }) => say!("hint_compare_line"),
        KeyCopyError::Form(RecoveryError::Together) => say!("hint_one_sheet"),
        KeyCopyError::Form(_) => say!("hint_numbered_lines"),
        KeyCopyError::KeyFile(_) => say!("hint_another_copy"),
        KeyCopyError::WhichServer | KeyCopyError::NoServer(_) => say!("hint_name_host"),
        KeyCopyError::Taken { .. } => say!("hint_move_key_file"),
        KeyCopyError::Store(error) | KeyCopyError::Home(HomeError::Store(error)) => {
            say!("store_hint", what = super::in_our_language(error.hint()?))
        }
        KeyCopyError::Home(_) | KeyCopyError::Read { .. } => return None,
    })
}
