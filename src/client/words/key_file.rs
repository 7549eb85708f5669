//! What is said of key files: where they are, and how they are kept.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::shown;
use crate::{
    client::{
        address::ServerAddress,
        phrase::{Arg, Phrase},
    },
    crypto::key_file::recovery::{self, RecoveryForm},
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

pub(in crate::client) fn key_file_imported(name: &Username, server: &ServerAddress, path: &Path) -> Phrase {
    say!("key_file_imported", name, path = shown(path), server = server.to_string())
}
