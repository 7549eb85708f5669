//! What `securechat client` does besides talking.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{
    CliError, Task, default_home,
    scripts::{HistoryArgs, ListenArgs, SendArgs},
    setting,
};
use crate::{
    client::{KeyExport, KeyImport, ServerAddress},
    wire::Username,
};

/// What a client does besides talking.
#[derive(Debug, Subcommand)]
pub(super) enum ClientCommand {
    /// Keeps the key file: prints it for paper, and reads it back
    #[command(subcommand)]
    Key(KeyCommand),
    /// Sends what standard input holds to somebody, as one message
    ///
    /// Done when the server has it stored. A client of the same account that runs on this machine sends it;
    /// where none runs, this logs in for it, which ends a client of the account on another machine. You and
    /// the other must have agreed on a key before.
    Send(SendArgs),
    /// Prints the messages that arrive, until it is ended
    ///
    /// A client of the same account that runs on this machine tells them; where none runs, this logs in, and
    /// serves other scripts meanwhile.
    Listen(ListenArgs),
    /// Writes out the conversation with somebody, from its first message on
    ///
    /// Every message is fetched from the server, opened and checked here, and written in order. What is
    /// missing, altered or cannot be opened is named in its place, counted at the end on standard error, and
    /// makes the exit status 65 instead of 0. Nothing else is written anywhere, and what was unread stays so.
    /// The other need not be connected. A client of the same account that runs on this machine is used for
    /// it; where none runs, this logs in, which ends a client of the account on another machine.
    ///
    /// TIME is a day (2026-11-01), a minute ("2026-11-01 14:30"), both by this machine's clock; an RFC 3339
    /// time (2026-11-01T14:30:00Z); or how long ago (90m, 3h, 2d). It is compared with when the senders say
    /// that they sent.
    History(HistoryArgs),
}

impl ClientCommand {
    pub(super) fn task(self) -> Result<Task, CliError> {
        Ok(match self {
            Self::Key(command) => Task::Key(command.task()?),
            Self::Send(args) => Task::Send(Box::new(args.task()?)),
            Self::Listen(args) => Task::Listen(Box::new(args.task()?)),
            Self::History(args) => Task::History(Box::new(args.task()?)),
        })
    }
}

/// What is done with a key file.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Prints a key file as numbered lines, to be kept on paper
    ///
    /// The form holds what the key file holds: it is as safe as the password is hard to guess, and with
    /// the password it is the account. Nothing is opened, so no password is asked for. A copy of the key
    /// file itself (NAME.txt) does the same where paper is not wanted.
    Export(ExportArgs),
    /// Reads such a form, from a file or as it is typed, and puts the key file in its place
    ///
    /// A line that was typed wrong is named. A key file that is there is never overwritten.
    Import(ImportArgs),
}

/// Whose key file is printed.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The server [default: the only one with an account here]
    #[arg(long, value_name = "HOST[:PORT]", env = "SECURECHAT_HOST")]
    host: Option<String>,
    /// Whose [default: the only account here]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Where key files are kept [default: the platform's data folder]
    #[arg(long, value_name = "DIR", env = "SECURECHAT_HOME")]
    home: Option<PathBuf>,
    /// Write to this new file, for its owner only, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Where a form comes from.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// A file with the form, or a copy of a key file [default: standard input]
    from: Option<PathBuf>,
    /// The server it is for; a form says it itself, a copy of a key file does not
    #[arg(long, value_name = "HOST[:PORT]")]
    host: Option<String>,
    /// Where key files are kept [default: the platform's data folder]
    #[arg(long, value_name = "DIR", env = "SECURECHAT_HOME")]
    home: Option<PathBuf>,
}

/// What is to be done with a key file.
#[derive(Debug)]
pub enum KeyTask {
    /// Print it.
    Export(KeyExport),
    /// Read one, from this file or standard input.
    Import(KeyImport, Option<PathBuf>),
}

impl KeyCommand {
    pub(super) fn task(self) -> Result<KeyTask, CliError> {
        Ok(match self {
            Self::Export(args) => KeyTask::Export(KeyExport {
                home: home(args.home)?,
                server: server(args.host.as_deref())?,
                user: args.user.as_deref().map(user).transpose()?,
                output: args.output,
            }),
            Self::Import(args) => {
                let home_is_default = args.home.is_none();
                let server = server(args.host.as_deref())?;
                let import = KeyImport { home: home(args.home)?, home_is_default, server };
                let from = args.from.filter(|from| from.as_path() != Path::new("-"));
                KeyTask::Import(import, from)
            }
        })
    }
}

fn home(given: Option<PathBuf>) -> Result<PathBuf, CliError> {
    given.map_or_else(default_home, Ok)
}

fn server(given: Option<&str>) -> Result<Option<ServerAddress>, CliError> {
    let read = |host: &str| {
        host.parse().map_err(|error: crate::client::AddressError| setting("--host", &error.to_string()))
    };
    given.map(read).transpose()
}

fn user(given: &str) -> Result<Username, CliError> {
    Username::from_typed(given).map_err(|error| setting("--user", &error.to_string()))
}
