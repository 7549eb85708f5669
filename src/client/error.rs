//! Why the client ends, what to do about it, and the exit status that scripts see.

use thiserror::Error;

use super::{address::ServerAddress, home::HomeError, words};
use crate::{
    crypto::{key_file::KeyFileError, random::RandomError},
    status,
    store::StoreError,
    transport::{Fingerprint, TransportError},
    wire::ErrorCode,
};

/// Why the client ends other than by its person's wish.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The server cannot be reached, or is none.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Which server.
        address: ServerAddress,
        /// What happened.
        source: TransportError,
    },
    /// The server has no room.
    #[error("{address} does not let this client in: {}", words::refusal(*.code, None).text())]
    TurnedAway {
        /// Which server.
        address: ServerAddress,
        /// Why.
        code: ErrorCode,
    },
    /// The server's key is not the one that is pinned or was given.
    #[error(
        "THE SERVER'S KEY HAS CHANGED\n\
         {address} was known by {expected}\n\
         and now shows           {actual}\n\
         someone may be between you and the server, or its operator made a new key; nothing was sent to it"
    )]
    ServerKeyChanged {
        /// Which server.
        address: ServerAddress,
        /// What it was to be.
        expected: Fingerprint,
        /// What it is.
        actual: Fingerprint,
        /// Where the expected one is kept, when it came from there.
        pinned_at: Option<std::path::PathBuf>,
    },
    /// The person did not confirm the server's key.
    #[error("the server's key was not confirmed; nothing was sent to it")]
    ServerKeyNotConfirmed,
    /// The server speaks another version.
    #[error("{address} speaks version {theirs} of the protocol, and this program speaks version {ours}")]
    Version {
        /// Which server.
        address: ServerAddress,
        /// Its version.
        theirs: u32,
        /// This program's version.
        ours: u32,
    },
    /// The server said something that this protocol does not have.
    #[error("the server broke the protocol: {0}")]
    Protocol(&'static str),
    /// The connection ended while the client needed it.
    #[error("the connection to the server was lost")]
    Lost(#[source] Option<TransportError>),
    /// A login that worked before does not any more.
    #[error("the server does not accept this account's login key any more")]
    LoginRefused,
    /// The same account logged in elsewhere.
    #[error("this account has logged in elsewhere; this client has ended")]
    TakenOver,
    /// The server is being stopped.
    #[error("the server is stopping")]
    Stopping,
    /// Too many wrong passwords.
    #[error("too many failed attempts; the server closed the connection")]
    TooManyAttempts,
    /// This machine's files.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A key file could not be made.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The machine has no randomness to give.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Standard input or output failed.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] std::io::Error),
}

impl From<StoreError> for ClientError {
    fn from(source: StoreError) -> Self {
        Self::Home(HomeError::Store(source))
    }
}

impl ClientError {
    /// The next step for the person, if there is one to name.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Connect { source, address } => return connect_hint(source, address),
            Self::ServerKeyChanged { pinned_at: Some(path), actual, .. } => format!(
                "ask the operator, on another way than this one, for the fingerprint; if {actual} is right, \
                 remove {} or give --server-key",
                path.display()
            ),
            Self::ServerKeyChanged { pinned_at: None, .. } => {
                "compare the fingerprint after --server-key with the one the server printed at its start".into()
            }
            Self::ServerKeyNotConfirmed => {
                "ask the operator for the line that the server printed at its start: it has --server-key in it".into()
            }
            Self::Version { theirs, ours, .. } if theirs > ours => "install a newer securechat here".into(),
            Self::Version { .. } => "ask the operator to install a newer securechat there".into(),
            Self::Lost(_) | Self::Stopping | Self::TurnedAway { .. } => "start the client again in a while".into(),
            Self::LoginRefused => "the password was changed elsewhere: use the key file from there".into(),
            Self::TakenOver => "if that was not you, change the password with /passwd at once".into(),
            Self::TooManyAttempts => "check the name and which key file belongs to it, then start again".into(),
            Self::Home(HomeError::KeyFile { .. }) => "put a copy of the key file in its place".into(),
            Self::Home(HomeError::NoKeyFile { .. }) => {
                "copy the key file there from the machine where the account was made".into()
            }
            Self::Home(HomeError::Pins { path }) => {
                format!("move {} away to go on without that memory: contacts are then new to you", path.display())
            }
            Self::Home(HomeError::ServerPin { path }) => {
                format!("remove {} and compare the server's fingerprint anew", path.display())
            }
            Self::Home(HomeError::Store(error)) => return error.hint().map(str::to_owned),
            Self::Protocol(_) | Self::KeyFile(_) | Self::Random(_) | Self::Terminal(_) => return None,
        })
    }

    /// Whether it is a matter of the line, or of a server that restarts: trying again may help.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::TurnedAway { .. } | Self::Lost(_) | Self::Stopping)
    }

    /// The exit status.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Connect { source: TransportError::HostNotFound { .. }, .. } => status::NO_HOST,
            Self::Connect {
                source: TransportError::OtherVersion | TransportError::NotSecurechat | TransportError::NotTls,
                ..
            }
            | Self::Version { .. }
            | Self::Protocol(_) => status::PROTOCOL,
            Self::Connect { .. } | Self::TurnedAway { .. } | Self::Stopping => status::UNAVAILABLE,
            Self::ServerKeyChanged { .. }
            | Self::ServerKeyNotConfirmed
            | Self::TooManyAttempts
            | Self::LoginRefused
            | Self::TakenOver => status::NO_PERMISSION,
            Self::Lost(_) => status::TEMPORARY,
            Self::Home(HomeError::NoKeyFile { .. }) => status::NO_INPUT,
            Self::Home(HomeError::Store(_)) | Self::Terminal(_) => status::IO,
            Self::Home(_) => status::DATA,
            Self::KeyFile(_) | Self::Random(_) => status::OS,
        }
    }
}

fn connect_hint(source: &TransportError, address: &ServerAddress) -> Option<String> {
    Some(match source {
        TransportError::HostNotFound { .. } => "check the spelling of the host".into(),
        TransportError::Refused { .. } => {
            format!("is `securechat server` running there, and is {} its port?", address.port())
        }
        TransportError::TimedOut => "check the address, and that no firewall is in the way".into(),
        TransportError::NotTls | TransportError::NotSecurechat => {
            format!("something else answers on port {}: check the port", address.port())
        }
        TransportError::Closed => {
            format!(
                "try again in a while; if it stays so, something else answers on port {}, or the server is \
                 flooded or refuses this address for failed logins",
                address.port()
            )
        }
        TransportError::OtherVersion => "use the same version of securechat here and there".into(),
        TransportError::Untrusted(_) => {
            "leave --ca out to trust the server by its fingerprint instead".into()
        }
        _ => return None,
    })
}
