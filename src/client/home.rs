//! Where the client keeps its files, and how they are replaced.
//!
//! Under the home folder is one folder a server, named after host and port. In it: `server.pin`, the
//! fingerprint of the server's key; for each account `alice.txt`, the key file, `alice.txt.new` while
//! a registration or a password change is under way, and `alice.pins`, the sealed memory of peers.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;
use zeroize::Zeroizing;

use super::{address::ServerAddress, pins::Pins};
use crate::{
    crypto::{
        key_file::{KeyFile, KeyFileFormatError},
        vault::{Record, Vault},
    },
    printable::Printable,
    store::{self, StoreError},
    transport::Fingerprint,
    wire::{Username, strict_base64},
};

/// The first line of a pins file: what it is, and its version.
const PINS_FIRST_LINE: &str = "securechat pins 1";

/// How old a file has to be that a client which was killed may have left unfinished: one takes a moment.
const UNFINISHED_AGE: Duration = Duration::from_secs(60 * 60);

/// Where a machine's name stands, on Linux and on others.
const MACHINE_NAME_FILES: [&str; 2] = ["/proc/sys/kernel/hostname", "/etc/hostname"];

/// The file that holds the fingerprint of a server's key.
const SERVER_PIN: &str = "server.pin";

/// What can go wrong with this machine's files.
#[derive(Debug, Error)]
pub enum HomeError {
    /// Reading or writing failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no key file.
    #[error("no key file for {name} at {}", path.display())]
    NoKeyFile {
        /// Whose.
        name: Username,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The key file is not one.
    #[error("the key file {} is damaged", path.display())]
    KeyFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyFileFormatError,
    },
    /// The pinned fingerprint is not one.
    #[error("{} does not hold a server's fingerprint", path.display())]
    ServerPin {
        /// Which file.
        path: PathBuf,
    },
    /// The memory of peers does not open.
    #[error("the memory of peers {} is damaged, or of another key file", path.display())]
    Pins {
        /// Which file.
        path: PathBuf,
    },
}

/// The files of one server.
#[derive(Debug, Clone)]
pub(super) struct ServerFolder {
    folder: PathBuf,
}

impl ServerFolder {
    /// The folder of `server` under `home`, made if it is not there (mode 0700).
    ///
    /// # Errors
    /// [`HomeError::Store`].
    pub(super) fn open(home: &Path, server: &ServerAddress) -> Result<Self, HomeError> {
        let folder = home.join(server.folder_name());
        store::create_folder(&folder)?;
        // What a client that was killed has left; another one may be writing here now.
        store::clear_abandoned(&folder, UNFINISHED_AGE)?;
        Ok(Self { folder })
    }

    /// The folder itself.
    #[must_use]
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    /// Whose key files are here, in order.
    ///
    /// # Errors
    /// [`HomeError::Store`].
    pub(super) fn accounts(&self) -> Result<Vec<Username>, HomeError> {
        let files = store::list(&self.folder)?;
        let name = |path: &PathBuf| path.file_name()?.to_str()?.strip_suffix(".txt")?.parse().ok();
        Ok(files.iter().filter_map(name).collect())
    }

    /// Where the server's fingerprint is pinned.
    #[must_use]
    pub(super) fn server_pin_path(&self) -> PathBuf {
        self.folder.join(SERVER_PIN)
    }

    /// The pinned fingerprint, if the server was met before.
    ///
    /// # Errors
    /// [`HomeError::ServerPin`] when the file holds something else, [`HomeError::Store`].
    pub(super) fn server_pin(&self) -> Result<Option<Fingerprint>, HomeError> {
        let path = self.server_pin_path();
        let Some(bytes) = store::read(&path)? else { return Ok(None) };
        let pin = String::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok());
        pin.map(Some).ok_or(HomeError::ServerPin { path })
    }

    /// Pins the server's fingerprint.
    ///
    /// # Errors
    /// [`HomeError::Store`].
    pub(super) fn pin_server(&self, fingerprint: &Fingerprint) -> Result<(), HomeError> {
        Ok(store::replace(&self.server_pin_path(), format!("{fingerprint}\n").as_bytes())?)
    }

    /// Where the key file of `name` lies.
    #[must_use]
    pub(super) fn key_file_path(&self, name: &Username) -> PathBuf {
        self.folder.join(format!("{name}.txt"))
    }

    /// Where a key file waits until the server has answered.
    #[must_use]
    pub(super) fn new_key_file_path(&self, name: &Username) -> PathBuf {
        self.folder.join(format!("{name}.txt.new"))
    }

    /// Whether a key file of `name`, in use or waiting, is here: the path of the first found.
    #[must_use]
    pub(super) fn existing_key_file(&self, name: &Username) -> Option<PathBuf> {
        [self.key_file_path(name), self.new_key_file_path(name)].into_iter().find(|path| path.exists())
    }

    /// The key files to try, the waiting one first, each with whether it is the waiting one.
    ///
    /// # Errors
    /// [`HomeError::NoKeyFile`] when there is none, [`HomeError::KeyFile`] when one is damaged.
    pub(super) fn key_files(&self, name: &Username) -> Result<Vec<(KeyFile, bool)>, HomeError> {
        let mut found = Vec::new();
        for (path, waiting) in [(self.new_key_file_path(name), true), (self.key_file_path(name), false)] {
            let Some(bytes) = store::read(&path)? else { continue };
            let bytes = Zeroizing::new(bytes);
            // What is not text fails at the first line, as any other file would.
            let parsed: Result<KeyFile, _> = String::from_utf8_lossy(&bytes).parse();
            found.push((parsed.map_err(|source| HomeError::KeyFile { path, source })?, waiting));
        }
        if found.is_empty() {
            return Err(HomeError::NoKeyFile { name: name.clone(), path: self.key_file_path(name) });
        }
        Ok(found)
    }

    /// Writes a key file beside its place, synced, before the server is told of it.
    ///
    /// # Errors
    /// [`HomeError::Store`]; a file that waits there is never overwritten.
    pub(super) fn put_new_key_file(&self, key_file: &KeyFile) -> Result<(), HomeError> {
        Ok(store::create(&self.new_key_file_path(key_file.username()), key_file.to_string().as_bytes())?)
    }

    /// The server took the new key file's login key: it goes to its place.
    ///
    /// # Errors
    /// [`HomeError::Store`].
    pub(super) fn adopt_new_key_file(&self, name: &Username) -> Result<(), HomeError> {
        Ok(store::rename(&self.new_key_file_path(name), &self.key_file_path(name))?)
    }

    /// Removes the waiting key file, once it is sure that the server does not have its login key.
    ///
    /// # Errors
    /// [`HomeError::Store`].
    pub(super) fn drop_new_key_file(&self, name: &Username) -> Result<(), HomeError> {
        Ok(store::remove(&self.new_key_file_path(name))?)
    }

    fn pins_path(&self, name: &Username) -> PathBuf {
        self.folder.join(format!("{name}.pins"))
    }

    /// What this machine remembers of the peers of `name`; `None` when there is no such file.
    ///
    /// # Errors
    /// [`HomeError::Pins`] when the file does not open, [`HomeError::Store`].
    pub(super) fn pins(&self, name: &Username, vault: &Vault) -> Result<Option<Pins>, HomeError> {
        let path = self.pins_path(name);
        let Some(bytes) = store::read(&path)? else { return Ok(None) };
        open_pins(name, vault, &bytes).map(Some).ok_or(HomeError::Pins { path })
    }

    /// Seals and replaces the memory of the peers of `name`, durably.
    ///
    /// # Errors
    /// [`HomeError::Store`], [`HomeError::Pins`] when it cannot be sealed.
    pub(super) fn save_pins(&self, name: &Username, vault: &Vault, pins: &Pins) -> Result<(), HomeError> {
        let path = self.pins_path(name);
        let failed = || HomeError::Pins { path: path.clone() };
        let plain = Zeroizing::new(serde_json::to_vec(pins).map_err(|_| failed())?);
        let sealed = vault.seal(&Record::Pins { name }, &plain).map_err(|_| failed())?;
        let text = format!("{PINS_FIRST_LINE}\n{}\n", strict_base64::encode(&sealed));
        Ok(store::replace(&path, text.as_bytes())?)
    }
}

/// Every account of this home, by server and name.
///
/// # Errors
/// [`HomeError::Store`] when a folder that is there cannot be listed.
pub(super) fn accounts(home: &Path) -> Result<Vec<(ServerAddress, Username)>, HomeError> {
    let mut accounts = Vec::new();
    for (server, folder) in servers(home)? {
        for path in store::list(&folder)? {
            let name =
                path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".txt"));
            let name = name.and_then(|name| name.parse::<Username>().ok());
            accounts.extend(name.map(|name| (server.clone(), name)));
        }
    }
    accounts.sort_by_key(|(server, name)| (server.to_string(), name.clone()));
    Ok(accounts)
}

/// Every server of which this home has a folder, and the folder.
fn servers(home: &Path) -> Result<Vec<(ServerAddress, PathBuf)>, HomeError> {
    if !home.is_dir() {
        return Ok(Vec::new());
    }
    let known = store::list(home)?.into_iter().filter(|path| path.is_dir()).filter_map(|path| {
        let server = ServerAddress::from_folder_name(path.file_name()?.to_str()?)?;
        Some((server, path))
    });
    Ok(known.collect())
}

/// The servers whose key is pinned in this home, by address.
///
/// # Errors
/// [`HomeError::Store`] when a folder that is there cannot be listed.
pub fn known_servers(home: &Path) -> Result<Vec<ServerAddress>, HomeError> {
    let pinned = |(_, folder): &(ServerAddress, PathBuf)| folder.join(SERVER_PIN).is_file();
    let mut known: Vec<_> = servers(home)?.into_iter().filter(pinned).map(|(server, _)| server).collect();
    known.sort_by_key(ToString::to_string);
    Ok(known)
}

/// What this machine calls itself; where it does not say, that it is this one.
#[must_use]
pub(super) fn machine_name() -> String {
    let said = MACHINE_NAME_FILES.iter().filter_map(|path| store::read(Path::new(path)).ok().flatten());
    let said = said.map(|name| Printable::line(String::from_utf8_lossy(&name).trim()).to_string());
    said.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "here".into())
}

fn open_pins(name: &Username, vault: &Vault, bytes: &[u8]) -> Option<Pins> {
    let text = std::str::from_utf8(bytes).ok()?;
    let sealed = text.strip_prefix(PINS_FIRST_LINE)?.trim();
    let sealed = strict_base64::decode(sealed.as_bytes())?;
    let plain = vault.open(&Record::Pins { name }, &sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}
