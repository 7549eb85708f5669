//! The accounts: `dico.json`, username -> { login public key, created }.
//!
//! A change is in memory only after the disk has it. Changes that arrive together share one
//! replacement of the file: the first of them writes for all that wait, the others wait for it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use parking_lot::{Condvar, Mutex, RwLock};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    fail_stop::FailStop,
    json_file::{self, Checked, Json, JsonFileError},
};
use crate::{
    crypto::login::{self, Exporter},
    store::{self, StoreError},
    wire::{Bytes, Username},
};

/// The file's name in the data folder.
pub(super) const ACCOUNTS_FILE: &str = "dico.json";

/// An entry's length in the file, in bytes; roughly.
const ENTRY_BYTES: usize = 160;

/// A login key that is nobody's: it is checked for unknown names, so that they cost the same work as known ones.
/// It must be a point of the curve, or the check would end early; this one is the public key of RFC 8032,
/// section 7.1, test 1. Whoever signs with its well-known secret is refused like everyone else.
const NOBODYS_KEY: Bytes<32> = Bytes([
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e,
    0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
]);

/// Why a change of the accounts was not made.
#[derive(Debug, Clone, Error)]
pub(super) enum AccountError {
    /// Registering: somebody has that name.
    #[error("the name is taken")]
    Taken,
    /// Changing: the account's key is not the one the change was signed with (any more).
    #[error("the account has another key")]
    OtherKey,
    /// The file could not be replaced.
    #[error("the accounts could not be stored")]
    Store(#[source] Arc<StoreError>),
}

/// What the file has of an account, besides its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    login_key: Bytes<32>,
    created: DateTime<Utc>,
}

impl Checked<Username> for Account {
    fn fault(&self, _: &Username) -> Option<&'static str> {
        None
    }
}

/// The file's text as it is written again after it was read; `None` for what is no such file.
#[cfg(any(test, fuzzing))]
pub(super) fn rewritten(text: &[u8]) -> Option<Vec<u8>> {
    json_file::parse(Path::new("dico.json"), text, |account: Account| Json::of(&account))
        .ok()
        .map(|accounts: BTreeMap<Username, Json>| json_file::text(accounts.iter(), text.len()))
}

/// All accounts, in memory and on the disk.
#[derive(Debug)]
pub(super) struct Accounts {
    path: PathBuf,
    /// What the disk has, each an [`Account`]. Only the thread that writes changes it.
    stored: RwLock<BTreeMap<Username, Json>>,
    changes: Mutex<Changes>,
    written: Condvar,
    fail_stop: FailStop,
}

#[derive(Debug, Default)]
struct Changes {
    waiting: Vec<(u64, Change)>,
    done: HashMap<u64, Result<(), AccountError>>,
    next: u64,
    writing: bool,
}

#[derive(Debug)]
struct Change {
    name: Username,
    account: Account,
    /// The key that is to be replaced; `None` for a new account.
    old: Option<Bytes<32>>,
}

impl Accounts {
    /// Reads the accounts of a data folder; none when there is no file yet.
    pub(super) fn load(folder: &Path, fail_stop: FailStop) -> Result<Self, JsonFileError> {
        let path = folder.join(ACCOUNTS_FILE);
        let read = json_file::load(&path, |account: Account| Json::of(&account))?;
        let stored = RwLock::new(read.unwrap_or_default());
        Ok(Self { path, stored, changes: Mutex::default(), written: Condvar::new(), fail_stop })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.stored.read().len()
    }

    /// Whether the name has an account.
    pub(super) fn exists(&self, name: &Username) -> bool {
        self.stored.read().contains_key(name)
    }

    /// The account's login key, if this signature logs in with it on the connection of this exporter.
    /// An unknown name costs the same work and gives the same `None`.
    pub(super) fn verify_login(
        &self,
        name: &Username,
        exporter: &Exporter,
        signature: &Bytes<64>,
    ) -> Option<Bytes<32>> {
        self.check(name, |key| login::verify_login(key, name, exporter, signature))
    }

    /// Checks once, whether there is such an account or not.
    fn check(&self, name: &Username, check: impl FnOnce(&Bytes<32>) -> bool) -> Option<Bytes<32>> {
        let key = self.login_key(name);
        let right = check(&key.unwrap_or(NOBODYS_KEY));
        key.filter(|_| right)
    }

    /// The key that logs in to an account.
    pub(super) fn login_key(&self, name: &Username) -> Option<Bytes<32>> {
        self.account(name).map(|account| account.login_key)
    }

    fn account(&self, name: &Username) -> Option<Account> {
        self.stored.read().get(name)?.value()
    }

    /// Makes an account. When this returns `Ok`, the disk has it.
    pub(super) fn register(&self, name: &Username, login_key: Bytes<32>) -> Result<(), AccountError> {
        if self.exists(name) {
            return Err(AccountError::Taken);
        }
        let account = Account { login_key, created: Utc::now() };
        self.make(Change { name: name.clone(), account, old: None })
    }

    /// Replaces an account's login key. When this returns `Ok`, the disk has the new one.
    pub(super) fn change_key(
        &self,
        name: &Username,
        old: Bytes<32>,
        new: Bytes<32>,
    ) -> Result<(), AccountError> {
        let created = self.account(name).ok_or(AccountError::OtherKey)?.created;
        let account = Account { login_key: new, created };
        self.make(Change { name: name.clone(), account, old: Some(old) })
    }

    /// Queues a change, and returns when it is made or refused.
    fn make(&self, change: Change) -> Result<(), AccountError> {
        let mut changes = self.changes.lock();
        let ticket = changes.next;
        changes.next += 1;
        changes.waiting.push((ticket, change));
        loop {
            if let Some(result) = changes.done.remove(&ticket) {
                return result;
            }
            if changes.writing {
                self.written.wait(&mut changes);
                continue;
            }
            changes.writing = true;
            let batch = std::mem::take(&mut changes.waiting);
            drop(changes);
            let results = self.write(batch);
            changes = self.changes.lock();
            changes.writing = false;
            changes.done.extend(results);
            self.written.notify_all();
        }
    }

    /// Writes a batch with one replacement. Only one thread at a time is here.
    fn write(&self, batch: Vec<(u64, Change)>) -> Vec<(u64, Result<(), AccountError>)> {
        let mut results = Vec::with_capacity(batch.len());
        let mut accepted: BTreeMap<Username, Json> = BTreeMap::new();
        let mut tickets = Vec::new();
        let text = {
            // Logins read at the same time: this is a lock for reading, and memory only.
            let stored = self.stored.read();
            for (ticket, change) in batch {
                let current = accepted.get(&change.name).or_else(|| stored.get(&change.name));
                let current = current.and_then(Json::value::<Account>);
                if current.map(|account| account.login_key) == change.old {
                    accepted.insert(change.name, Json::of(&change.account));
                    tickets.push(ticket);
                } else {
                    let refused =
                        if change.old.is_none() { AccountError::Taken } else { AccountError::OtherKey };
                    results.push((ticket, Err(refused)));
                }
            }
            if tickets.is_empty() {
                return results;
            }
            let changed: HashSet<&Username> = accepted.keys().collect();
            let kept = stored.iter().filter(|(name, _)| !changed.contains(name));
            json_file::text(merged(kept, accepted.iter()), (stored.len() + accepted.len()) * ENTRY_BYTES)
        };
        let replaced = self.fail_stop.check(&self.path).and_then(|()| store::replace(&self.path, &text));
        match self.fail_stop.watch(replaced) {
            Ok(()) => {
                self.stored.write().extend(accepted);
                results.extend(tickets.into_iter().map(|ticket| (ticket, Ok(()))));
            }
            Err(error) => {
                let error = Arc::new(error);
                let failed = |ticket| (ticket, Err(AccountError::Store(Arc::clone(&error))));
                results.extend(tickets.into_iter().map(failed));
            }
        }
        results
    }
}

/// Two orders made one, by key.
pub(super) fn merged<'a, K: Ord + 'a, V: 'a>(
    one: impl Iterator<Item = (&'a K, &'a V)>,
    other: impl Iterator<Item = (&'a K, &'a V)>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some((a, _)), Some((b, _))) if a <= b => one.next(),
        (Some(_), None) => one.next(),
        _ => other.next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    #[test]
    fn two_orders_are_merged_into_one() {
        let (one, other) =
            (BTreeMap::from([(1, 'a'), (4, 'd')]), BTreeMap::from([(2, 'b'), (3, 'c'), (5, 'e')]));
        for (one, other) in [(&one, &other), (&other, &one)] {
            let keys: Vec<_> = merged(one.iter(), other.iter()).map(|(key, _)| *key).collect();
            assert_eq!(keys, [1, 2, 3, 4, 5]);
        }
    }

    #[test]
    fn accounts_are_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::load(folder.path(), FailStop::default()).unwrap();
        accounts.register(&name("bob"), Bytes([2; 32])).unwrap();
        accounts.register(&name("alice"), Bytes([1; 32])).unwrap();
        assert!(matches!(accounts.register(&name("bob"), Bytes([3; 32])), Err(AccountError::Taken)));
        accounts.change_key(&name("alice"), Bytes([1; 32]), Bytes([9; 32])).unwrap();
        let stale = accounts.change_key(&name("alice"), Bytes([1; 32]), Bytes([8; 32]));
        assert!(matches!(stale, Err(AccountError::OtherKey)));
        let again = Accounts::load(folder.path(), FailStop::default()).unwrap();
        assert_eq!(again.count(), 2);
        assert_eq!(again.login_key(&name("alice")), Some(Bytes([9; 32])));
        assert_eq!(again.login_key(&name("bob")), Some(Bytes([2; 32])));
        assert_eq!(again.login_key(&name("carol")), None);
    }

    #[test]
    fn a_hundred_at_once_are_all_stored_and_each_name_once() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::load(folder.path(), FailStop::default()).unwrap();
        let made: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..100_u8)
                .map(|n| {
                    let accounts = &accounts;
                    scope.spawn(move || {
                        accounts.register(&name(&format!("user{}", n / 2)), Bytes([n; 32])).is_ok()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(made, 50);
        assert_eq!(Accounts::load(folder.path(), FailStop::default()).unwrap().count(), 50);
    }

    #[test]
    fn a_change_that_the_disk_refuses_is_not_in_memory_either() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let accounts = Accounts::load(&data, FailStop::default()).unwrap();
        std::fs::remove_dir(&data).unwrap();
        assert!(matches!(accounts.register(&name("alice"), Bytes([1; 32])), Err(AccountError::Store(_))));
        assert!(!accounts.exists(&name("alice")));
    }

    #[test]
    fn the_key_that_stands_for_unknown_names_lets_nobody_in() {
        // By the secret of RFC 8032, section 7.1, test 1, over this name and an exporter of zeros.
        let signature =
            "zi0ZuOIIIVrwHgrEXTzkGCoc4RiLiYexe0ykjnnd37FodzCEBqv3bwws4Y8ZpCn2fOaoA8VxFLkkEJIIbQRjAw==";
        let signature = Bytes::try_from(signature).unwrap();
        assert!(login::verify_login(&NOBODYS_KEY, &name("nobody"), &[0; 32], &signature));
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::load(folder.path(), FailStop::default()).unwrap();
        assert_eq!(accounts.verify_login(&name("nobody"), &[0; 32], &signature), None);
        accounts.register(&name("nobody"), NOBODYS_KEY).unwrap();
        assert_eq!(accounts.verify_login(&name("nobody"), &[0; 32], &signature), Some(NOBODYS_KEY));
    }

    #[test]
    fn for_known_and_unknown_names_the_same_is_done_once() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::load(folder.path(), FailStop::default()).unwrap();
        accounts.register(&name("alice"), Bytes([1; 32])).unwrap();
        for (who, expected) in [("alice", Bytes([1; 32])), ("nobody", NOBODYS_KEY)] {
            for right in [true, false] {
                let mut checked = Vec::new();
                let let_in = accounts.check(&name(who), |key| {
                    checked.push(*key);
                    right
                });
                assert_eq!(checked, [expected], "{who}");
                assert_eq!(let_in.is_some(), right && who == "alice");
            }
        }
    }

    #[test]
    fn a_damaged_file_is_never_taken_for_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(ACCOUNTS_FILE);
        for text in ["", "{\"alice\":{}}", "{\"../x\":{\"login_key\":\"AA==\",\"created\":\"x\"}}"] {
            std::fs::write(&path, text).unwrap();
            assert!(
                matches!(
                    Accounts::load(folder.path(), FailStop::default()),
                    Err(JsonFileError::Damaged { line: 1, .. })
                ),
                "{text}"
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
