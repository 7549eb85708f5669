//! Reading a line that is not shown.

use std::io::{self, ErrorKind, Write};

use rpassword::{Config, ConfigBuilder};

use super::{Input, SavedMode};
use crate::client::phrase::Phrase;

/// Asks outside of any view: the question is on standard error, as standard output may go anywhere.
///
/// # Errors
/// [`ErrorKind::Interrupted`] when nobody answers: Ctrl-C, Ctrl-D; else what the terminal says.
pub(in crate::client) fn ask_beside(question: &Phrase) -> io::Result<String> {
    let mode = SavedMode::of_standard_input();
    mode.hide();
    let asked = write!(io::stderr(), "{}", question.text());
    let answer = asked.map(|()| read());
    mode.restore();
    // The key that ended the answer was not shown either.
    let _ = writeln!(io::stderr());
    match answer? {
        Some(Input::Line(secret)) => Ok(secret),
        Some(Input::Failed(error)) => Err(error),
        Some(Input::End) | None => Err(ErrorKind::Interrupted.into()),
    }
}

/// Reads a line from the terminal, whose mode the caller has set ([`super::mode::SavedMode::hide`]) and puts back. The
/// caller shows the question and ends its line, too.
///
/// `None` after Ctrl-C: it was raised as a signal, and the signal's thread delivers the end.
pub(super) fn read() -> Option<Input> {
    match config().and_then(rpassword::read_password_with_config) {
        Ok(secret) => Some(Input::Line(secret)),
        Err(error) => match error.kind() {
            ErrorKind::Interrupted => None,
            ErrorKind::UnexpectedEof => Some(Input::End),
            _ => Some(Input::Failed(error)),
        },
    }
}

/// Given a reader, rpassword leaves the terminal's mode alone: one owner of it can put it back at any moment. A reader
/// of its own, because standard input's would take more than the line.
#[cfg(unix)]
fn config() -> io::Result<Config> {
    use std::{fs::File, os::fd::AsFd};

    let terminal = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    Ok(ConfigBuilder::new().input_reader(terminal).output_discard().build())
}

#[cfg(not(unix))]
fn config() -> io::Result<Config> {
    Ok(ConfigBuilder::new().output_discard().build())
}
