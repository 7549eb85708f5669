//! Reading a line that is not shown.

use std::io::{self, ErrorKind};

use rpassword::ConfigBuilder;

use super::Input;

/// Reads a line from the terminal device without showing it. The caller shows the question and ends its line.
///
/// `None` after Ctrl-C: it was raised as a signal, and the signal's thread delivers the end.
pub(super) fn read() -> Option<Input> {
    match rpassword::read_password_with_config(ConfigBuilder::new().output_discard().build()) {
        Ok(secret) => Some(Input::Line(secret)),
        Err(error) => after(error),
    }
}

fn after(error: io::Error) -> Option<Input> {
    match error.kind() {
        ErrorKind::Interrupted => None,
        ErrorKind::UnexpectedEof => Some(Input::End),
        _ => Some(Input::Failed(error)),
    }
}
