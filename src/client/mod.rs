//! The person's side: what they are asked, what they see, what this machine remembers for them.
//!
//! One loop (`app`) takes one closed enum of events in order. Everything shown goes through `desk` to
//! the terminal; every sentence is in `words`. Nothing here names TLS, and nothing but the terminal
//! prints.

use std::{path::PathBuf, time::Duration};

use crate::{crypto::key_file::KdfCost, transport::Fingerprint, wire::Username};

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
mod misuse;
mod opener;
mod overview;
mod passwd;
pub mod phrase;
mod pins;
mod place;
mod read_ahead;
mod reading;
mod receipts;
mod reconnect;
mod recovery;
mod register;
mod run;
mod scripts;
mod search;
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
pub use misuse::{Misuse, WrongArgument};
pub use overview::{Contact, Mark, Overview, Presence, Trust};
pub use recovery::{
    KEY_COPY_BYTES_MAX, KeyCopyError, KeyExport, KeyImport, export_key, form_is_typed, import_key,
};
pub use scripts::{History, Listen, PasswordError, PasswordSource, Range, Send, history, listen, send};
pub use words::Language;
pub(crate) use words::{last_words_of, reason as in_words, typeset};

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
    /// Whose account: then there is one, and neither is asked.
    pub user: Option<Username>,
    /// Where the password comes from, if no person types it.
    pub password: Option<PasswordSource>,
    /// A program is at the other side of standard input and output, and both speak JSON.
    pub json: bool,
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
    if matches!(config.view, terminal::View::FullScreen { .. }) && !config.json {
        terminal::Terminal::may_be_full_screen().map_err(ClientError::NoFullScreen)?;
    }
    let mut desk =
        if config.json { desk::Desk::program()? } else { desk::Desk::open(config.view, config.notify)? };
    let folder = home::ServerFolder::open(&config.home, &config.address);
    let ended = folder.map_err(ClientError::from).and_then(|folder| run_at(config, &folder, &mut desk));
    desk.ended(&ended);
    desk.close();
    ended
}

fn run_at(
    config: &ClientConfig,
    folder: &home::ServerFolder,
    desk: &mut desk::Desk,
) -> Result<(), ClientError> {
    let mut door = door::Door::open(config, folder, desk)?;
    let Some(logged_in) = account::enter(config, folder, &mut door, desk)? else { return Ok(()) };
    let socket = scripts::Socket::open(folder.path(), &logged_in.name, desk.calls().clone());
    if let Err(error) = socket {
        desk.diagnose(&words::no_socket(&error));
    }
    app::App::new(config, desk, folder, door, logged_in)?.run()
}
