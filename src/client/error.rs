//! Why the client ends, what to do about it, and the exit status that scripts see.

use std::fmt;

use thiserror::Error;

use super::{address::ServerAddress, home::HomeError, phrase::Phrase, scripts::PasswordError, words};
use crate::{
    crypto::{key_file::KeyFileError, random::RandomError},
    status,
    store::StoreError,
    transport::{Fingerprint, TransportError},
    wire::{ErrorCode, Username},
};

/// Why the client ends other than by its person's wish.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The server cannot be reached, or is none.
    Connect {
        /// Which server.
        address: ServerAddress,
        /// What happened.
        source: TransportError,
    },
    /// The server has no room.
    TurnedAway {
        /// Which server.
        address: ServerAddress,
        /// Why.
        code: ErrorCode,
    },
    /// The server's key is not the one that is pinned or was given.
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
    ServerKeyNotConfirmed,
    /// The server speaks another version.
    Version {
        /// Which server.
        address: ServerAddress,
        /// Its version.
        theirs: u32,
        /// This program's version.
        ours: u32,
    },
    /// The server said something that this protocol does not have.
    Protocol(&'static str),
    /// The connection ended while the client needed it.
    Lost(#[source] Option<TransportError>),
    /// A login that worked before does not any more.
    LoginRefused,
    /// The same account logged in elsewhere.
    TakenOver,
    /// The server is being stopped.
    Stopping,
    /// Too many wrong passwords.
    TooManyAttempts,
    /// This machine's files.
    Home(#[from] HomeError),
    /// A key file could not be made.
    KeyFile(#[from] KeyFileError),
    /// The machine has no randomness to give.
    Random(#[from] RandomError),
    /// The full-screen view was asked for where there can be none.
    NoFullScreen(super::terminal::NoFullScreen),
    /// Something is asked where nobody is to answer.
    NeedsAnswer(String),
    /// The name or the password that was given is wrong.
    WrongLogin,
    /// There is no password where it was to come from.
    Password(#[from] PasswordError),
    /// There is no account at this server.
    NoAccount {
        /// Where its key file would be.
        folder: std::path::PathBuf,
        /// Which server.
        server: super::ServerAddress,
    },
    /// There are several, and none was named.
    WhichAccount,
    /// What was to be sent is no message.
    Message(Phrase),
    /// A script's message was not sent, and why.
    NotSent(String),
    /// Whether a script's message is stored is not known.
    NotConfirmed,
    /// There is no such conversation to be written out, and why.
    NoHistory(String),
    /// A conversation was written out, and is not whole.
    Flawed {
        /// With whom.
        peer: Username,
        /// How many messages were written.
        messages: u64,
        /// How much of it is not as it should be.
        flaws: u64,
    },
    /// A conversation was not written out to its end: a signal ended that.
    CutShort,
    /// A file is where a new one was to be.
    OutputTaken {
        /// Which.
        path: std::path::PathBuf,
    },
    /// A folder or a device is where a new file was to be.
    OutputNoFile {
        /// Which.
        path: std::path::PathBuf,
    },
    /// Whoever read standard output has enough.
    OutputClosed,
    /// The client that served a script has ended.
    ClientGone,
    /// The private socket failed.
    Socket(#[source] std::io::Error),
    /// Standard input or output failed.
    Terminal(#[from] std::io::Error),
}

/// In the person's language: `words` has the sentences.
impl fmt::Display for ClientError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(words::failure(self).text())
    }
}

impl From<StoreError> for ClientError {
    fn from(source: StoreError) -> Self {
        Self::Home(HomeError::Store(source))
    }
}

impl ClientError {
    /// What is said when it ends the client, one phrase a line: what happened, what caused it, the next step.
    #[must_use]
    pub fn last_words(&self) -> Vec<Phrase> {
        words::last_words(self)
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
            Self::Lost(_) | Self::NotConfirmed | Self::ClientGone | Self::CutShort => status::TEMPORARY,
            Self::NeedsAnswer(_) | Self::WhichAccount => status::USAGE,
            Self::WrongLogin | Self::Password(PasswordError::NotPrivate { .. }) => status::NO_PERMISSION,
            Self::Message(_) | Self::Flawed { .. } | Self::Password(PasswordError::NotAPassword { .. }) => {
                status::DATA
            }
            Self::NoAccount { .. } => status::NO_INPUT,
            Self::NotSent(_) | Self::NoHistory(_) => status::UNAVAILABLE,
            Self::Password(PasswordError::Read { .. }) | Self::Socket(_) => status::IO,
            Self::OutputTaken { .. } | Self::OutputNoFile { .. } | Self::OutputClosed => status::IO,
            Self::Home(HomeError::NoKeyFile { .. }) => status::NO_INPUT,
            Self::Home(HomeError::Store(_)) | Self::Terminal(_) => status::IO,
            Self::NoFullScreen(_) => status::USAGE,
            Self::Home(_) => status::DATA,
            Self::KeyFile(_) | Self::Random(_) => status::OS,
        }
    }
}
