//! What `securechat client` does besides talking.

use clap::{Args, Subcommand};

use super::{CliError, ClientArgs, ConnectArgs, Task, client};
use crate::{
    client::{Listen, Send},
    wire::Username,
};

/// What a client does besides talking.
#[derive(Debug, Subcommand)]
pub(super) enum ClientCommand {
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
}

/// To whom, and where.
#[derive(Debug, Args)]
pub(super) struct SendArgs {
    /// To whom
    peer: Username,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Where, and how it is printed.
#[derive(Debug, Args)]
pub(super) struct ListenArgs {
    /// Print JSON, one object a line, as docs/JSON.md describes it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl ClientCommand {
    pub(super) fn task(self) -> Result<Task, CliError> {
        Ok(match self {
            Self::Send(SendArgs { peer, connect }) => {
                Task::Send(Box::new(Send { config: client(ClientArgs::from(connect))?, peer }))
            }
            Self::Listen(ListenArgs { json, connect }) => {
                Task::Listen(Box::new(Listen { config: client(ClientArgs::from(connect))?, json }))
            }
        })
    }
}
