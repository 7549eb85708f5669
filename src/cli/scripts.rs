//! The flags that every client has, and those of clients that no person sits at: `send`, `listen` and `history`.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, ClientArgs, client, moment::Moment, setting};
use crate::{
    client::{History, Language, Listen, PasswordSource, Range, Send},
    transport::Fingerprint,
    wire::Username,
};

/// Who logs in, where no person answers that.
#[derive(Debug, Default, Args)]
pub(super) struct LoginArgs {
    /// Whose account: there is one, and neither is asked
    #[arg(long, value_name = "NAME", env = "SECURECHAT_USER", value_parser = Username::from_typed)]
    pub(super) user: Option<Username>,
    /// A file whose first line is the password; nobody but you may have access to it
    #[arg(long, value_name = "FILE", env = "SECURECHAT_PASSWORD_FILE", conflicts_with = "password_fd")]
    pub(super) password_file: Option<PathBuf>,
    /// An open descriptor to read the password from
    #[arg(long, value_name = "N")]
    pub(super) password_fd: Option<u32>,
}

impl LoginArgs {
    pub(super) fn password(&self) -> Option<PasswordSource> {
        match (&self.password_file, self.password_fd) {
            (_, Some(descriptor)) => Some(PasswordSource::Descriptor(descriptor)),
            (Some(file), None) => Some(PasswordSource::File(file.clone())),
            (None, None) => None,
        }
    }
}

/// Where a client logs in, and as whom.
#[derive(Debug, Default, Args)]
pub(super) struct ConnectArgs {
    /// The server, and its port if it is not 4117
    #[arg(long, value_name = "HOST[:PORT]", env = "SECURECHAT_HOST")]
    pub(super) host: Option<String>,
    /// Where key files, pinned servers and pinned peers are kept [default: the platform's data folder]
    #[arg(long, value_name = "DIR", env = "SECURECHAT_HOME")]
    pub(super) home: Option<PathBuf>,
    /// The fingerprint that the server printed at its start
    #[arg(long, value_name = "FINGERPRINT", env = "SECURECHAT_SERVER_KEY")]
    pub(super) server_key: Option<Fingerprint>,
    /// Trust a certificate that one of the system's authorities signed, when no fingerprint is known
    #[arg(long, env = "SECURECHAT_CA", value_parser = clap::builder::FalseyValueParser::new())]
    pub(super) ca: bool,
    /// Seconds to try to get a lost connection back; 0 ends at once [default: 600]
    #[arg(long, value_name = "SECONDS", env = "SECURECHAT_RETRY")]
    pub(super) retry: Option<u64>,
    #[command(flatten)]
    pub(super) login: LoginArgs,
    /// The language to speak [default: by LC_ALL, LC_MESSAGES, LANG]
    #[arg(long, value_enum, env = "SECURECHAT_LANGUAGE")]
    pub(super) language: Option<Language>,
    /// A TOML file with any of the client's settings, under the same names
    #[arg(long, value_name = "FILE", env = "SECURECHAT_CLIENT_CONFIG")]
    pub(super) config: Option<PathBuf>,
}

impl From<ConnectArgs> for ClientArgs {
    fn from(connect: ConnectArgs) -> Self {
        Self { connect, of_a_command: true, ..Self::default() }
    }
}

/// `send`: to whom, and where.
#[derive(Debug, Args)]
pub(super) struct SendArgs {
    /// To whom
    #[arg(value_name = "NAME", value_parser = Username::from_typed)]
    peer: Username,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl SendArgs {
    pub(super) fn task(self) -> Result<Send, CliError> {
        Ok(Send { config: client(ClientArgs::from(self.connect))?, peer: self.peer })
    }
}

/// `listen`: where, and how it is printed.
#[derive(Debug, Args)]
pub(super) struct ListenArgs {
    /// Print JSON, one object a line, as docs/JSON.md describes it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl ListenArgs {
    pub(super) fn task(self) -> Result<Listen, CliError> {
        Ok(Listen { config: client(ClientArgs::from(self.connect))?, json: self.json })
    }
}

/// `history`: with whom, what of it, and how it is written.
#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// With whom
    #[arg(value_name = "NAME")]
    peer: Username,
    /// Only what was sent then or later; TIME as above
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only what was sent before; of a day or minute, all of it
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Only the last N messages of that
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    last: Option<u64>,
    /// Write JSON, one object a line, as docs/JSON.md describes it
    #[arg(long, conflicts_with = "text")]
    json: bool,
    /// Write lines as the client shows them; this is so unless told
    #[arg(long)]
    text: bool,
    /// Write to this new file, for its owner only, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace that file if it is there
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl HistoryArgs {
    pub(super) fn task(self) -> Result<History, CliError> {
        let Self { peer, since, until, last, json, text: _, output, force, connect } = self;
        let range = Range {
            since: since.map(|moment| moment.begins()),
            until: until.map(|moment| moment.ends()),
            last,
        };
        if range.since.zip(range.until).is_some_and(|(since, until)| since >= until) {
            return Err(setting("--since, --until", "the first is not before the second"));
        }
        Ok(History { config: client(ClientArgs::from(connect))?, peer, range, json, output, force })
    }
}
