//! The way in: which key the server must show, and a connection that is young enough to log in on.

use std::time::Duration;

use super::{
    ClientConfig, address::ServerAddress, connection::Connection, desk::Desk, error::ClientError,
    home::ServerFolder, recovery, words,
};
use crate::{
    transport::{Fingerprint, Link, TransportError, Trust, connect},
    wire::{Registration, Username},
};

/// How long connecting and the TLS handshake may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// The server gives a connection 30 s to log in; an older one than this is replaced before the login.
const FRESH_FOR: Duration = Duration::from_secs(20);

/// Knows which key the server must show, and connects.
pub(super) struct Door<'a> {
    config: &'a ClientConfig,
    folder: &'a ServerFolder,
    trust: Trust,
    kept: Option<Connection>,
    /// What the server said last of who may make an account.
    registration: Registration,
}

impl<'a> Door<'a> {
    /// Connects for the first time: here the person is asked about a server that is new, if need be.
    pub(super) fn open(
        config: &'a ClientConfig,
        folder: &'a ServerFolder,
        desk: &mut Desk,
    ) -> Result<Self, ClientError> {
        let pinned = folder.server_pin()?;
        let trust = match (config.server_key.or(pinned), config.authorities) {
            (Some(fingerprint), _) => Trust::Fingerprint(fingerprint),
            (None, true) => Trust::Authorities,
            (None, false) => Trust::Any,
        };
        let mut door = Self { config, folder, trust, kept: None, registration: Registration::Open };
        let link = door.connect()?;
        match door.trust {
            Trust::Any => door.confirm(&link, desk)?,
            Trust::Fingerprint(fingerprint) if pinned != Some(fingerprint) => {
                folder.pin_server(&fingerprint)?;
            }
            Trust::Fingerprint(_) => {}
            // An authority vouches for the first meeting; from then on a changed key is a changed key.
            Trust::Authorities => door.pin(&link)?,
        }
        let connection = Connection::start(link, &config.address)?;
        door.registration = connection.registration();
        door.kept = Some(connection);
        Ok(door)
    }

    /// One that was never opened.
    #[cfg(any(test, fuzzing))]
    pub(super) fn shut(config: &'a ClientConfig, folder: &'a ServerFolder) -> Self {
        Self { config, folder, trust: Trust::Any, kept: None, registration: Registration::Open }
    }

    /// A server that nobody vouches for: the person compares its fingerprint; where there is no
    /// terminal to ask on, its key is pinned as it is, and that is said.
    fn confirm(&mut self, link: &Link, desk: &mut Desk) -> Result<(), ClientError> {
        let shown = link.peer_fingerprint().ok_or(ClientError::Protocol("it showed no key"))?;
        let address = &self.config.address;
        if desk.is_interactive() {
            desk.show(&words::new_server(address, &shown));
            loop {
                let answer =
                    desk.ask(words::NEW_SERVER_QUESTION)?.ok_or(ClientError::ServerKeyNotConfirmed)?;
                match &answer {
                    answer if words::is_yes(answer) => break,
                    answer if words::is_no(answer) => return Err(ClientError::ServerKeyNotConfirmed),
                    answer => match answer.trim().parse::<Fingerprint>() {
                        Ok(typed) if typed == shown => break,
                        Ok(_) => desk.show(words::FINGERPRINT_DIFFERS),
                        Err(_) => {}
                    },
                }
            }
        } else {
            desk.diagnose(&words::server_pinned(address, &shown));
        }
        self.pin(link)
    }

    fn pin(&mut self, link: &Link) -> Result<(), ClientError> {
        let shown = link.peer_fingerprint().ok_or(ClientError::Protocol("it showed no key"))?;
        self.folder.pin_server(&shown)?;
        self.trust = Trust::Fingerprint(shown);
        Ok(())
    }

    /// A connection young enough to log in on: the kept one, or a new one.
    pub(super) fn fresh(&mut self) -> Result<Connection, ClientError> {
        match self.kept.take() {
            Some(connection) if connection.is_younger_than(FRESH_FOR) => Ok(connection),
            _ => {
                let connection = Connection::start(self.connect()?, &self.config.address)?;
                self.registration = connection.registration();
                Ok(connection)
            }
        }
    }

    /// Which server it leads to.
    pub(super) fn server(&self) -> &ServerAddress {
        &self.config.address
    }

    /// Who may make an account, as the server said when it greeted last.
    pub(super) fn registration(&self) -> Registration {
        self.registration
    }

    /// The command that prints this person's key file.
    pub(super) fn export_command(&self, name: &Username) -> String {
        let config = self.config;
        recovery::export_command(&config.address, &config.home, config.home_is_default, name)
    }

    /// Keeps a connection for the next attempt.
    pub(super) fn keep(&mut self, connection: Connection) {
        self.kept = Some(connection);
    }

    fn connect(&self) -> Result<Link, ClientError> {
        let address = &self.config.address;
        connect(address.host(), address.port(), &self.trust, CONNECT_TIMEOUT).map_err(|source| match source {
            TransportError::WrongServerKey { expected, actual } => ClientError::ServerKeyChanged {
                address: address.clone(),
                expected,
                actual,
                pinned_at: self.config.server_key.is_none().then(|| self.folder.server_pin_path()),
            },
            source => ClientError::Connect { address: address.clone(), source },
        })
    }
}
