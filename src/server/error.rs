//! Why the server does not start, or stopped: in words for the person who runs it.

use std::{error::Error, fmt, io, net::SocketAddr, path::PathBuf};

use thiserror::Error as ThisError;

use super::{conversation_log::LogError, json_file::JsonFileError};
use crate::{
    crypto::random::RandomError,
    status,
    store::StoreError,
    transport::{IdentityError, TransportError},
};

/// Why the server does not start, or stopped. The system's own reason, where there is one, is the `source()`.
#[derive(Debug, ThisError)]
pub enum ServerError {
    /// Something else listens there.
    #[error("{address} is taken by another program")]
    PortTaken {
        /// Where it was to listen.
        address: String,
    },
    /// The system does not let this user listen there.
    #[error("no permission to listen on {address}")]
    PortNotAllowed {
        /// Where it was to listen.
        address: String,
    },
    /// Listening failed in another way.
    #[error("could not listen on {address}")]
    Listen {
        /// Where it was to listen.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// Another server holds the data folder.
    #[error("the data folder {folder:?} is in use by another server")]
    DataInUse {
        /// Which folder.
        folder: PathBuf,
    },
    /// There is no data folder where one was named.
    #[error("there is no data folder {folder:?}")]
    NoData {
        /// Which folder.
        folder: PathBuf,
    },
    /// The machine has no randomness to give.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A file of the server's is not what the server writes.
    #[error("{path:?} is damaged at line {line}, column {column}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// Where in the line.
        column: usize,
        /// What is wrong there.
        source: serde_json::Error,
    },
    /// A file is gone whose companion is there: starting without it would begin anew over what is left.
    #[error("{missing:?} is missing although {there:?} is there")]
    Missing {
        /// What is gone.
        missing: PathBuf,
        /// What would not be there without it.
        there: PathBuf,
    },
    /// A file or folder cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk did not take what clients had sent: nothing of it was acknowledged.
    #[error("stopped: the disk did not take what was written")]
    DiskFailed {
        /// Which file, and why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The certificate or its key is of no use.
    #[error("the certificate {certificate:?} cannot be used with the key {key:?}")]
    Certificate {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong with them.
        source: IdentityError,
    },
    /// TLS does not start.
    #[error("the secure channel could not be set up")]
    Tls(#[from] TransportError),
    /// The system gives no thread, or no signals.
    #[error("the system refused {what}")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

impl ServerError {
    /// The exit status.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::PortTaken { .. } | Self::Listen { .. } | Self::DataInUse { .. } => status::UNAVAILABLE,
            Self::PortNotAllowed { .. } => status::NO_PERMISSION,
            Self::Damaged { .. } | Self::Certificate { .. } => status::DATA,
            Self::Missing { .. } | Self::NoData { .. } => status::NO_INPUT,
            Self::Store(_) | Self::DiskFailed { .. } => status::IO,
            Self::Tls(_) | Self::System { .. } | Self::Random(_) => status::OS,
        }
    }

    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::PortTaken { .. } => {
                Some("stop the other program, or choose another port with --listen ADDR:PORT")
            }
            Self::PortNotAllowed { .. } => Some("choose a port above 1023 with --listen ADDR:PORT"),
            Self::Listen { .. } => Some("--listen takes an address of this machine and a port"),
            Self::DataInUse { .. } => Some("stop the other server, or choose another folder with --data DIR"),
            Self::Damaged { .. } => Some("put a backup of the file in its place; nothing was changed"),
            Self::Missing { .. } => {
                Some("put a backup of it in its place, or choose a new folder with --data DIR")
            }
            Self::Store(error) => error.hint(),
            Self::DiskFailed { .. } => {
                Some("check the disk, then start again; clients send again what was not acknowledged")
            }
            Self::Certificate { .. } => {
                Some("--tls-cert and --tls-key take two PEM files that belong together")
            }
            Self::NoData { .. } => Some("start the server there first, or name its folder with --data DIR"),
            Self::Tls(_) | Self::Random(_) => None,
            Self::System { .. } => Some("check this user's limits (ulimit -a)"),
        }
    }

    /// For an address that could not be listened on; `None` is every interface.
    pub(super) fn listen(address: Option<SocketAddr>, port: u16, source: io::Error) -> Self {
        let address = address.map_or_else(|| format!("port {port}"), |address| address.to_string());
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::PortTaken { address },
            io::ErrorKind::PermissionDenied => Self::PortNotAllowed { address },
            _ => Self::Listen { address, source },
        }
    }

    /// For [`Result::map_err`]: the system refused `what`.
    pub(super) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

/// An error with its causes, for one line of the log.
pub(super) struct Chain<'a>(pub(super) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(out, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl From<JsonFileError> for ServerError {
    fn from(error: JsonFileError) -> Self {
        match error {
            JsonFileError::Damaged { path, line, column, source } => {
                Self::Damaged { path, line, column, source }
            }
            JsonFileError::Store(error) => Self::Store(error),
        }
    }
}

impl From<LogError> for ServerError {
    fn from(error: LogError) -> Self {
        let source: Box<dyn Error + Send + Sync> = match error {
            LogError::Store(error) => Box::new(error),
            other => Box::new(other),
        };
        Self::DiskFailed { source }
    }
}
