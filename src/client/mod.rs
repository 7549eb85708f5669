//! The person's side: what they are asked, what they see, what this machine remembers for them.
//!
//! One loop (`app`) takes one closed enum of events in order. Everything shown goes through `desk` to
//! the terminal; every sentence is in `words`. Nothing here names TLS, and nothing but the terminal
//! prints.

use std::{path::PathBuf, time::Duration};

use crate::{crypto::key_file::KdfCost, transport::Fingerprint};

mod account;
mod address;
mod app;
mod away;
mod broken_runs;
mod chain;
mod command;
mod connection;
mod contacts;
mod conversation;
mod desk;
mod door;
mod error;
mod event;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod home;
mod kept;
mod leaving;
mod meeting;
mod overview;
mod passwd;
pub mod phrase;
mod pins;
mod place;
mod reading;
mod receipts;
mod reconnect;
mod recovery;
mod register;
mod run;
mod several;
mod talk;
pub mod terminal;
mod typed;
mod verify;
mod wanted;
mod words;

pub use address::{AddressError, ServerAddress};
pub use error::ClientError;
pub use home::{HomeError, known_servers};
pub use overview::{Contact, Mark, Overview, Presence, Trust};
pub use recovery::{KEY_COPY_BYTES_MAX, KeyCopyError, KeyExport, KeyImport, export_key, import_key};
pub use words::Language;

/// What the client is to do, as the command line says.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Which server.
    pub address: ServerAddress,
    /// The folder that holds one folder a server.
    pub home: PathBuf,
    /// Whether that is the folder that is taken when none is named.
    pub home_is_default: bool,
    /// The fingerprint that the server must show.
    pub server_key: Option<Fingerprint>,
    /// Trust certificates that the system's authorities signed.
    pub authorities: bool,
    /// What opening a key file made from now on costs.
    pub key_file_cost: KdfCost,
    /// The language that its person is spoken to in.
    pub language: Language,
    /// How long to try to get a lost connection back; zero ends the client at once.
    pub retry_for: Duration,
    /// How its person wants to see it.
    pub view: terminal::View,
    /// How they want to be told that something arrived.
    pub notify: terminal::Notify,
}

/// Runs the client until its person leaves or the connection ends.
///
/// # Errors
/// As the variants of [`ClientError`] say; each has an exit status, and most a hint.
pub fn run(config: &ClientConfig) -> Result<(), ClientError> {
    config.language.speak();
    if matches!(config.view, terminal::View::FullScreen { .. }) {
        terminal::Terminal::may_be_full_screen().map_err(ClientError::NoFullScreen)?;
    }
    let mut desk = desk::Desk::open(config.view, config.notify)?;
    let ended = run_at(config, &mut desk);
    desk.close();
    ended
}

fn run_at(config: &ClientConfig, desk: &mut desk::Desk) -> Result<(), ClientError> {
    let folder = home::ServerFolder::open(&config.home, &config.address)?;
    let mut door = door::Door::open(config, &folder, desk)?;
    match account::enter(config, &folder, &mut door, desk)? {
        Some(logged_in) => app::App::new(config, desk, &folder, door, logged_in)?.run(),
        None => Ok(()),
    }
}
