//! What can be wrong with a command line, an environment or a configuration file, and what to do then.

use std::path::PathBuf;

use thiserror::Error;

use crate::{client::ServerAddress, status, wire::DEFAULT_PORT};

/// What is wrong with a setting.
#[derive(Debug, Error)]
pub enum CliError {
    /// Clap's own words, or its help.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// No host was named.
    #[error("the server's host is missing")]
    NoHost {
        /// The servers that this home knows.
        known: Vec<ServerAddress>,
    },
    /// A setting has a value that it cannot have.
    #[error("{setting}: {what}")]
    Setting {
        /// Which setting.
        setting: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The configuration file cannot be read.
    #[error("the configuration file {}: {source}", path.display())]
    ConfigRead {
        /// Which file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// The configuration file is not right.
    #[error("the configuration file {}: {source}", path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<toml::de::Error>,
    },
    /// There is no folder to keep things in.
    #[error("the platform's data folder is not known")]
    NoHome,
}

impl CliError {
    /// The next step.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHost { known } => Some(host_hint(known)),
            Self::Config { .. } => {
                Some("its names are those of the flags, without the dashes in front".into())
            }
            Self::NoHome => Some("name a folder with --home".into()),
            Self::Usage(_) | Self::Setting { .. } | Self::ConfigRead { .. } => None,
        }
    }

    /// The exit status: 64 for wrong usage, 78 for a wrong configuration file.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Config { .. } | Self::ConfigRead { .. } => status::CONFIG,
            _ => status::USAGE,
        }
    }
}

/// What to type where no host was named: the command line of the servers that are known here.
fn host_hint(known: &[ServerAddress]) -> String {
    let line = |server: &ServerAddress| match server.port() {
        DEFAULT_PORT => format!("securechat client --host {}", server.host()),
        _ => format!("securechat client --host {server}"),
    };
    match known {
        [] => "type: securechat client --host HOST, or HOST:PORT if the port is not 4117; the server's \
               operator has the whole line"
            .into(),
        [only] => format!("type: {}", line(only)),
        several => format!("type one of: {}", several.iter().map(line).collect::<Vec<_>>().join("; ")),
    }
}
