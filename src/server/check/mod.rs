//! `securechat server check`: looks at every file of a data folder, and sets aside what is damaged.
//!
//! - here: the folder as a whole, and what belongs together;
//! - `finding`: what is found, in one line each;
//! - `dictionary`: `dico.json` and `keys_dico.json`, entry by entry;
//! - `conversation`: one log, line by line, and `order`: which of its lines are in place;
//! - `repair`: what is done about it.
//!
//! It opens nothing sealed, and looks only at what the server itself promises: forms, numbers, order,
//! members, and who may read the files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

mod conversation;
mod dictionary;
mod finding;
mod order;
mod repair;

pub use finding::{Finding, Severity};

use super::{
    ServerError,
    accounts::{ACCOUNTS_FILE, Account},
    conversation_log::{file_name, pair_of},
    identity,
    invites::{self, INVITES_FOLDER},
    journal::{self, Lacking},
    keyring::{KEYS_FILE, PairKeys},
    log_index::is_index,
    logs::LOGS_FOLDER,
    receipts::{self, RECEIPTS_FOLDER},
};
use crate::{
    store::{self, Inspected, StoreError},
    wire::{Pair, Username},
};
use conversation::Examined;
use dictionary::Salvaged;

/// How the name of a folder begins that holds what a repair set aside.
const SET_ASIDE_PREFIX: &str = "set-aside-";

/// What there is in a data folder, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order of the files.
    pub findings: Vec<Finding>,
    /// How many accounts can be read.
    pub accounts: usize,
    /// How many pairs' keys can be read.
    pub pairs: usize,
    /// How many conversations there are.
    pub conversations: usize,
    /// How many messages can be read.
    pub messages: u64,
}

impl Report {
    /// Whether anything is damaged; what is only worth knowing does not count.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Damage)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let damages = self.findings.iter().filter(|finding| finding.severity == Severity::Damage).count();
        match damages {
            0 => write!(out, "no damage")?,
            1 => write!(out, "1 damage")?,
            _ => write!(out, "{damages} damages")?,
        }
        let Self { accounts, pairs, conversations, messages, .. } = self;
        write!(out, "; accounts: {accounts}, pairs with a key: {pairs}, ")?;
        write!(out, "conversations: {conversations}, messages: {messages}")
    }
}

/// A report, and what a repair would need.
#[derive(Default)]
struct Look {
    report: Report,
    accounts: Option<Salvaged<Username, Account>>,
    keys: Option<Salvaged<Pair, PairKeys>>,
    logs: BTreeMap<PathBuf, Examined>,
    /// To be moved away whole.
    strays: Vec<PathBuf>,
    /// To be made readable to the owner only.
    open: Vec<Inspected>,
}

/// Checks a data folder that no server holds.
///
/// # Errors
/// [`ServerError::DataInUse`] while a server runs on it; [`ServerError::Store`] when it cannot be read.
pub fn check(data: &Path) -> Result<Report, ServerError> {
    let _lock = lock(data)?;
    Ok(look(data)?.report)
}

/// Sets aside what is damaged, so far as that costs no whole line or entry. Gives the folder that it was
/// moved to, if there was anything, and what is still found afterwards.
///
/// # Errors
/// As [`check`]; [`ServerError::Store`] also when something cannot be moved or written.
pub fn repair(data: &Path) -> Result<(Option<PathBuf>, Report), ServerError> {
    let _lock = lock(data)?;
    // As a start does it; a log that is changed afterwards is not one that the journal is about.
    if !journal::heal(data)?.clean {
        journal::files(data).try_for_each(|path| store::remove(&path))?;
    }
    let aside = repair::repair(data, look(data)?)?;
    Ok((aside, look(data)?.report))
}

/// The same look without the lock: for a folder that nobody else knows of.
pub(super) fn check_copy(data: &Path) -> Result<Report, ServerError> {
    Ok(look(data)?.report)
}

fn lock(data: &Path) -> Result<store::FolderLock, ServerError> {
    // A folder that is not there must not come into being by being looked at.
    store::list(data)?;
    store::lock_folder(data)?.ok_or_else(|| ServerError::DataInUse { folder: data.to_owned() })
}

fn look(data: &Path) -> Result<Look, StoreError> {
    let mut look = Look::default();
    look.owners(data)?;
    let accounts = data.join(ACCOUNTS_FILE);
    let keys = data.join(KEYS_FILE);
    look.accounts = dictionary::salvage(&accounts, &mut look.report.findings)?;
    look.keys = dictionary::salvage(&keys, &mut look.report.findings)?;
    look.report.accounts = look.accounts.as_ref().map_or(0, |found| found.entries.len());
    look.report.pairs = look.keys.as_ref().map_or(0, |found| found.entries.len());
    let (journal, _) = journal::held(data)?;
    look.logs(&data.join(LOGS_FOLDER), &journal)?;
    look.receipts(&data.join(RECEIPTS_FOLDER))?;
    if look.keys.is_none() && !look.logs.is_empty() {
        look.damage(&keys, "missing, although there are conversations: put a backup in its place");
    }
    if look.accounts.is_none() && look.keys.is_some() {
        look.damage(&accounts, "missing, although there are keys: put a backup in its place");
    }
    look.strangers(&keys);
    look.orphans();
    if let Some((path, what)) = identity::fault(data) {
        look.damage(&path, what);
    }
    Ok(look)
}

impl Look {
    fn damage(&mut self, path: &Path, what: impl Into<String>) {
        self.report.findings.push(Finding::damage(path, None, what));
    }

    fn note(&mut self, path: &Path, what: impl Into<String>) {
        self.report.findings.push(Finding::note(path, None, what));
    }

    /// Who may read what, and files that were never finished.
    fn owners(&mut self, data: &Path) -> Result<(), StoreError> {
        let top = store::inspect(data)?;
        if top.mode & 0o077 != 0 {
            self.note(data, format!("mode {:04o}: others may look into the data folder", top.mode));
        }
        let mut paths = store::list(data)?;
        paths.sort();
        for folder in [LOGS_FOLDER, INVITES_FOLDER, RECEIPTS_FOLDER].map(|folder| data.join(folder)) {
            if folder.is_dir() {
                let mut inner = store::list(&folder)?;
                inner.sort();
                paths.extend(inner);
            }
        }
        for path in paths {
            if is_set_aside(&path) {
                self.note(&path, "what an earlier repair set aside");
                continue;
            }
            let file = store::inspect(&path)?;
            let is_invite = file.is_plain && path.parent() == Some(&data.join(INVITES_FOLDER));
            if !file.is_plain {
                self.damage(&path, "neither a file nor a folder");
            } else if file.owner != top.owner {
                self.damage(&path, format!("owned by user {}, the data folder by {}", file.owner, top.owner));
            } else if file.mode & 0o077 != 0 {
                self.damage(&path, format!("mode {:04o}: others may read or write it", file.mode));
                self.open.push(file);
            }
            if is_invite && let Some(fault) = invites::fault(&path)? {
                self.damage(&path, fault);
                self.strays.push(path.clone());
            } else if store::is_unfinished(&path) {
                self.note(&path, "a file that a crash left unfinished");
                self.strays.push(path);
            }
        }
        Ok(())
    }

    /// The logs, as they are once what the journal holds is brought into them.
    fn logs(&mut self, folder: &Path, journal: &BTreeMap<Pair, Lacking>) -> Result<(), StoreError> {
        if !folder.is_dir() {
            return Ok(());
        }
        let mut paths = store::list(folder)?;
        paths.extend(journal.keys().map(|pair| folder.join(file_name(pair))));
        paths.sort();
        paths.dedup();
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(pair) = pair_of(name) {
                let keys = self.keys.as_ref().and_then(|keys| keys.entries.get(&pair));
                let lacking = journal.get(&pair);
                let examined = conversation::examine(&path, &pair, keys, lacking, &mut self.report.findings)?;
                self.report.conversations += 1;
                self.report.messages += examined.messages();
                self.logs.insert(path, examined);
            } else if is_index(&path) {
                // Made from its log, and never trusted over it.
            } else if name.ends_with(".torn") {
                self.note(&path, "ends of lines that earlier starts set aside");
            } else if !store::is_unfinished(&path) {
                self.damage(&path, "a file among the conversations that is none of them");
                self.strays.push(path);
            }
        }
        Ok(())
    }

    /// Receipts cost nobody anything: what is wrong with them is set aside, and is no damage.
    fn receipts(&mut self, folder: &Path) -> Result<(), StoreError> {
        if !folder.is_dir() {
            return Ok(());
        }
        let mut paths = store::list(folder)?;
        paths.sort();
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let fault = if receipts::pair_of(name).is_none() {
                "a file among the receipts that is none of them"
            } else if !store::read(&path)?.is_some_and(|text| receipts::is_whole(&text)) {
                "receipts that cannot be read: the marks at some messages are lost, and nothing else"
            } else {
                continue;
            };
            if !store::is_unfinished(&path) {
                self.note(&path, fault);
                self.strays.push(path);
            }
        }
        Ok(())
    }

    /// Keys of people without an account.
    fn strangers(&mut self, keys_path: &Path) {
        let (Some(accounts), Some(keys)) = (&self.accounts, &self.keys) else { return };
        let members = keys.entries.keys().flat_map(|pair| [pair.lower(), pair.higher()]);
        let strangers: BTreeSet<&Username> =
            members.filter(|name| !accounts.entries.contains_key(*name)).collect();
        let found: Vec<String> =
            strangers.iter().map(|name| format!("keys of {name}, who has no account")).collect();
        for what in found {
            self.note(keys_path, what);
        }
    }

    /// Conversations of pairs without a key.
    fn orphans(&mut self) {
        let Some(keys) = &self.keys else { return };
        let lost = |log: &&Examined| !keys.entries.contains_key(&log.pair) && log.messages() > 0;
        let orphans: Vec<PathBuf> = self.logs.values().filter(lost).map(|log| log.path.clone()).collect();
        let whole = keys.is_whole();
        for path in orphans {
            self.damage(&path, "a conversation of which no key is kept: nobody can read it");
            // With its key it would be of use again: while keys may come back from a backup it stays.
            if whole {
                self.logs.remove(&path);
                self.strays.push(path);
            }
        }
    }
}

/// Whether a path is that of a folder with what a repair set aside.
pub(super) fn is_set_aside(path: &Path) -> bool {
    path.file_name().unwrap_or_default().as_encoded_bytes().starts_with(SET_ASIDE_PREFIX.as_bytes())
}
