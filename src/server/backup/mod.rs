//! `securechat server backup` and `restore`: a whole copy of a data folder, while the server runs.
//!
//! No lock is needed, only an order. The journal is copied before all else, and brought into the copied
//! logs at the end, so that a copy needs none: of a server that runs they have all of it already, and of
//! one that crashed they get what they lack. The server stores an account before any key of its owner, and a key
//! before any message under it, and it takes none of them back; so the conversations are copied first,
//! then the keys, then the accounts, and whatever a copied line needs is in the copy. The two
//! dictionaries are replaced whole, so that one reading is one state of them. A log only grows: its copy
//! ends with the last whole line that is there when it is read.
//!
//! A copy is made beside its place, looked at as `check` does, and given its name only then: what has the
//! name is whole. `archive` makes one file of it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use thiserror::Error;

mod archive;

use super::{
    ServerError,
    accounts::ACCOUNTS_FILE,
    check::{Finding, Report, check_copy, is_set_aside},
    invites::{INVITES_FOLDER, is_claimed},
    journal::{self, is_journal},
    keyring::KEYS_FILE,
    log_index::is_index,
    logs::LOGS_FOLDER,
    receipts::RECEIPTS_FOLDER,
};
use crate::{
    status,
    store::{self, Action, StoreError},
};

/// Why a backup was not made, or not put back.
#[derive(Debug, Error)]
pub enum BackupError {
    /// Something is there already.
    #[error("{path:?} is there already")]
    Taken {
        /// Where.
        path: PathBuf,
    },
    /// There is no data folder where one should be.
    #[error("{path:?} is not the data folder of a server")]
    NoData {
        /// Where.
        path: PathBuf,
    },
    /// The backup is not whole.
    #[error("the backup {path:?} is damaged: nothing was put back")]
    Damaged {
        /// Which backup.
        path: PathBuf,
        /// What is wrong with it.
        findings: Vec<Finding>,
    },
    /// The archive cannot be read.
    #[error("{path:?} is not a backup of securechat")]
    NotABackup {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A copy cannot be looked at.
    #[error(transparent)]
    Check(#[from] ServerError),
}

impl BackupError {
    /// The exit status.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Taken { .. } => status::IO,
            Self::NoData { .. } => status::NO_INPUT,
            Self::Damaged { .. } | Self::NotABackup { .. } => status::DATA,
            Self::Store(_) => status::IO,
            Self::Check(error) => error.exit_status(),
        }
    }

    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Taken { .. } => Some("choose a name that nothing has yet, or an empty folder"),
            Self::NoData { .. } => Some("name the folder with --data DIR"),
            Self::Damaged { .. } | Self::NotABackup { .. } => Some("take another backup"),
            Self::Store(error) => error.hint(),
            Self::Check(error) => error.hint(),
        }
    }
}

/// Copies a data folder, also while its server runs, to a folder, or to one file if the name ends in `.tar`.
/// The report is of the copy: damage that was in the folder is in the copy too.
///
/// # Errors
/// As the variants of [`BackupError`] say; nothing has the name then.
pub fn backup(data: &Path, to: &Path) -> Result<Report, BackupError> {
    if !data.join(LOGS_FOLDER).is_dir() && !data.join(ACCOUNTS_FILE).exists() {
        return Err(BackupError::NoData { path: data.to_owned() });
    }
    let copy = beside(to)?;
    copy_all(data, copy.path())?;
    let mut report = check_copy(copy.path())?;
    name_findings(&mut report, copy.path(), to);
    if archive::is_one(to) {
        archive::pack(copy.path(), to)?;
    } else {
        put(copy, to)?;
    }
    Ok(report)
}

/// Puts a backup where no data folder is.
///
/// # Errors
/// As the variants of [`BackupError`] say; the folder is as it was then.
pub fn restore(from: &Path, data: &Path) -> Result<Report, BackupError> {
    let copy = beside(data)?;
    if from.is_dir() {
        copy_all(from, copy.path())?;
    } else {
        archive::unpack(from, copy.path())?;
        heal(copy.path())?;
    }
    let mut report = check_copy(copy.path())?;
    if report.is_damaged() {
        name_findings(&mut report, copy.path(), from);
        return Err(BackupError::Damaged { path: from.to_owned(), findings: report.findings });
    }
    put(copy, data)?;
    Ok(report)
}

/// A folder for what is not finished, beside a name that is to be free.
fn beside(to: &Path) -> Result<TempDir, BackupError> {
    let is_free = match store::list(to) {
        Ok(inside) => inside.is_empty() && !archive::is_one(to),
        Err(error) => error.source.kind() == std::io::ErrorKind::NotFound,
    };
    if !is_free {
        return Err(BackupError::Taken { path: to.to_owned() });
    }
    let parent = store::parent(to);
    store::create_folder(parent)?;
    Ok(store::unfinished_folder(parent)?)
}

fn put(copy: TempDir, to: &Path) -> Result<(), StoreError> {
    store::rename(copy.path(), to)?;
    // Its name of before is gone; dropped, it would be deleted under that name.
    let _ = copy.keep();
    Ok(())
}

/// Copies what a server keeps, in the order that makes a whole of it.
fn copy_all(from: &Path, to: &Path) -> Result<(), StoreError> {
    for path in journal::files(from) {
        copy(&path, to, false)?;
    }
    let receipts = from.join(RECEIPTS_FOLDER);
    if receipts.is_dir() {
        store::create_folder(&to.join(RECEIPTS_FOLDER))?;
        for path in store::list(&receipts)? {
            copy(&path, &to.join(RECEIPTS_FOLDER), false)?;
        }
    }
    let logs = from.join(LOGS_FOLDER);
    store::create_folder(&to.join(LOGS_FOLDER))?;
    if logs.is_dir() {
        for path in store::list(&logs)? {
            copy(&path, &to.join(LOGS_FOLDER), true)?;
        }
    }
    let (keys, accounts) = (from.join(KEYS_FILE), from.join(ACCOUNTS_FILE));
    for path in store::list(from)? {
        let is_special = path == keys || path == accounts || is_journal(&path) || store::is_lock(&path);
        if !is_special && !is_set_aside(&path) {
            copy(&path, to, false)?;
        }
    }
    copy(&keys, to, false)?;
    copy(&accounts, to, false)?;
    // After the accounts: a code that somebody used since is not free again in the copy.
    let invites = from.join(INVITES_FOLDER);
    if invites.is_dir() {
        store::create_folder(&to.join(INVITES_FOLDER))?;
        for path in store::list(&invites)?.iter().filter(|path| !is_claimed(path)) {
            copy(path, &to.join(INVITES_FOLDER), false)?;
        }
    }
    heal(to)
}

/// Brings what the journal of a copy holds into its logs; the copy then has none.
fn heal(copy: &Path) -> Result<(), StoreError> {
    journal::heal(copy)?;
    journal::files(copy).try_for_each(|path| store::remove(&path))
}

/// Copies one file, readable to its owner only. What is gone meanwhile, is unfinished or is no file is
/// left out.
fn copy(file: &Path, to: &Path, is_log: bool) -> Result<(), StoreError> {
    let inspected = match store::inspect(file) {
        Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        inspected => inspected?,
    };
    let is_left_out = store::is_unfinished(file) || is_index(file);
    let Some(name) = file.file_name().filter(|_| !is_left_out) else { return Ok(()) };
    if !inspected.is_plain || inspected.is_folder {
        return Ok(());
    }
    let Some(mut bytes) = store::read(file)? else { return Ok(()) };
    if is_log && file.extension().is_some_and(|extension| extension == "txt") {
        // The rest is being written at this moment, and nobody was told that it is stored.
        bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    }
    store::create(&to.join(name), &bytes)
}

/// Has findings name the place that a copy is to have.
fn name_findings(report: &mut Report, copy: &Path, place: &Path) {
    for finding in &mut report.findings {
        if let Ok(inside) = finding.path.strip_prefix(copy) {
            finding.path = place.join(inside);
        }
    }
}

/// For [`Result::map_err`] around an archive's file.
fn failed(action: Action, path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    let at = StoreError::at(action, path);
    move |error| BackupError::Store(at(error))
}
