//! The kept keys: `keys_dico.json`, pair -> the newest key's sealed copies, and the older ones.
//!
//! Every copy is sealed by its owner; nothing here could open one.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use super::{
    accounts::merged,
    fail_stop::FailStop,
    json_file::{self, Checked, Json, JsonFileError},
};
use crate::{
    store::{self, StoreError},
    wire::{Blob, Bytes, KeptKey, Pair, Username, limits::SEALED_KEY_BYTES_MAX},
};

/// The file's name in the data folder.
pub(super) const KEYS_FILE: &str = "keys_dico.json";

/// An entry's length in the file, in bytes; roughly.
const ENTRY_BYTES: usize = 512;

/// A key that both members accepted, with each one's copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewKey {
    pub(super) pair: Pair,
    pub(super) epoch: u32,
    pub(super) key_id: Bytes<16>,
    /// The copy of the pair's lower name.
    pub(super) lower: Blob,
    /// The copy of the pair's higher name.
    pub(super) higher: Blob,
}

/// What became of one key of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is on the disk.
    Stored,
    /// Its epoch is not above the pair's newest.
    OldEpoch,
}

/// What the file has of a pair.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PairKeys {
    epoch: u32,
    key_id: Bytes<16>,
    created: DateTime<Utc>,
    sealed: BTreeMap<Username, Blob>,
    /// Newest first; for messages of before.
    #[serde(default)]
    older: Vec<OlderKey>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OlderKey {
    epoch: u32,
    key_id: Bytes<16>,
    created: DateTime<Utc>,
    sealed: BTreeMap<Username, Blob>,
}

/// The file's text as it is written again after it was read; `None` for what is no such file.
#[cfg(any(test, fuzzing))]
pub(super) fn rewritten(text: &[u8]) -> Option<Vec<u8>> {
    json_file::parse(Path::new("keys_dico.json"), text, |keys: PairKeys| Json::of(&keys))
        .ok()
        .map(|keys: BTreeMap<Pair, Json>| json_file::text(keys.iter(), text.len()))
}

impl PairKeys {
    /// Whether the pair ever agreed on that epoch.
    pub(super) fn has_epoch(&self, epoch: u32) -> bool {
        self.all().any(|(number, _, _)| number == epoch)
    }

    /// Every epoch's number, id and copies, newest first.
    fn all(&self) -> impl Iterator<Item = (u32, Bytes<16>, &BTreeMap<Username, Blob>)> {
        let older = self.older.iter().map(|key| (key.epoch, key.key_id, &key.sealed));
        std::iter::once((self.epoch, self.key_id, &self.sealed)).chain(older)
    }

    /// These keys with `new` before them. `new.epoch` is above them all.
    fn below(older: Option<&Self>, new: &NewKey, created: DateTime<Utc>) -> Self {
        let older = older.map_or_else(Vec::new, |keys| {
            let mut older = Vec::with_capacity(keys.older.len() + 1);
            older.push(OlderKey {
                epoch: keys.epoch,
                key_id: keys.key_id,
                created: keys.created,
                sealed: keys.sealed.clone(),
            });
            older.extend_from_slice(&keys.older);
            older
        });
        let sealed = BTreeMap::from([
            (new.pair.lower().clone(), new.lower.clone()),
            (new.pair.higher().clone(), new.higher.clone()),
        ]);
        Self { epoch: new.epoch, key_id: new.key_id, created, sealed, older }
    }
}

impl Checked<Pair> for PairKeys {
    fn fault(&self, pair: &Pair) -> Option<&'static str> {
        let mut above = u64::from(u32::MAX) + 1;
        for (epoch, _, sealed) in self.all() {
            if epoch == 0 || u64::from(epoch) >= above {
                return Some("epochs that do not fall from the newest to the oldest");
            }
            above = u64::from(epoch);
            let both =
                sealed.len() == 2 && sealed.contains_key(pair.lower()) && sealed.contains_key(pair.higher());
            if !both {
                return Some("copies that are not those of the two members");
            }
            if sealed.values().any(|copy| copy.0.len() > SEALED_KEY_BYTES_MAX) {
                return Some("a copy that is too long for a key");
            }
        }
        None
    }
}

/// What is kept in memory of a pair: its keys as the file has them, and their epochs by themselves,
/// because every message asks for one.
#[derive(Debug, Clone)]
struct Held {
    newest: u32,
    /// Newest first.
    older: Box<[u32]>,
    keys: Json,
}

/// All kept keys, in memory and on the disk.
#[derive(Debug)]
pub(super) struct Keyring {
    path: PathBuf,
    stored: RwLock<BTreeMap<Pair, Held>>,
    /// Held by whoever replaces the file, and guards nothing else: readers never wait for the disk.
    writing: Mutex<()>,
    fail_stop: FailStop,
}

impl Keyring {
    /// Reads the keys of a data folder; none when there is no file yet.
    pub(super) fn load(folder: &Path, fail_stop: FailStop) -> Result<Self, JsonFileError> {
        let path = folder.join(KEYS_FILE);
        let stored = json_file::load(&path, |keys: PairKeys| Held::of(&keys))?.unwrap_or_default();
        Ok(Self { path, stored: RwLock::new(stored), writing: Mutex::new(()), fail_stop })
    }

    /// How many pairs have a key.
    pub(super) fn count(&self) -> usize {
        self.stored.read().len()
    }

    /// Every pair that has a key, in order.
    pub(super) fn pairs<R>(&self, take: impl FnOnce(&mut dyn Iterator<Item = &Pair>) -> R) -> R {
        take(&mut self.stored.read().keys())
    }

    /// The epoch of the pair's newest key.
    pub(super) fn newest_epoch(&self, pair: &Pair) -> Option<u32> {
        self.stored.read().get(pair).map(|held| held.newest)
    }

    /// A member's copy of the pair's newest key.
    pub(super) fn newest(&self, pair: &Pair, member: &Username) -> Option<KeptKey> {
        let keys = self.keys(pair)?;
        kept(keys.all().next()?, member)
    }

    /// A member's copy of one epoch's key.
    pub(super) fn copy(&self, pair: &Pair, member: &Username, epoch: u32) -> Option<KeptKey> {
        let keys = self.keys(pair)?;
        kept(keys.all().find(|(number, _, _)| *number == epoch)?, member)
    }

    /// Whether the pair ever agreed on that epoch; `None` when it has no key at all.
    pub(super) fn has_epoch(&self, pair: &Pair, epoch: u32) -> Option<bool> {
        Some(self.stored.read().get(pair)?.has_epoch(epoch))
    }

    fn keys(&self, pair: &Pair) -> Option<PairKeys> {
        self.stored.read().get(pair)?.keys.value()
    }

    /// Stores a batch with one replacement of the file; one result a key, in order. When this returns
    /// `Ok`, the disk has all that are [`Kept::Stored`].
    pub(super) fn store(&self, batch: &[NewKey]) -> Result<Vec<Kept>, StoreError> {
        let _alone = self.writing.lock();
        let created = Utc::now();
        let mut changed: BTreeMap<Pair, Held> = BTreeMap::new();
        let mut results = Vec::with_capacity(batch.len());
        let text = {
            let stored = self.stored.read();
            for key in batch {
                let current = changed.get(&key.pair).or_else(|| stored.get(&key.pair));
                if key.epoch <= current.map_or(0, |held| held.newest) {
                    results.push(Kept::OldEpoch);
                    continue;
                }
                let current = current.and_then(|held| held.keys.value::<PairKeys>());
                let keys = PairKeys::below(current.as_ref(), key, created);
                changed.insert(key.pair.clone(), Held::of(&keys));
                results.push(Kept::Stored);
            }
            if changed.is_empty() {
                return Ok(results);
            }
            let unchanged = stored.iter().filter(|(pair, _)| !changed.contains_key(pair));
            let all = merged(unchanged, changed.iter()).map(|(pair, held)| (pair, &held.keys));
            json_file::text(all, (stored.len() + changed.len()) * ENTRY_BYTES)
        };
        self.fail_stop.check(&self.path)?;
        self.fail_stop.watch(store::replace(&self.path, &text))?;
        self.stored.write().extend(changed);
        Ok(results)
    }
}

impl Held {
    fn of(keys: &PairKeys) -> Self {
        let older = keys.older.iter().map(|key| key.epoch).collect();
        Self { newest: keys.epoch, older, keys: Json::of(keys) }
    }

    fn has_epoch(&self, epoch: u32) -> bool {
        self.newest == epoch || self.older.contains(&epoch)
    }
}

fn kept(
    (epoch, key_id, sealed): (u32, Bytes<16>, &BTreeMap<Username, Blob>),
    member: &Username,
) -> Option<KeptKey> {
    let sealed = sealed.get(member)?.clone();
    Some(KeptKey { epoch, key_id, sealed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    fn key(pair: &str, epoch: u32) -> NewKey {
        let mark = u8::try_from(epoch).unwrap();
        NewKey {
            pair: pair.parse().unwrap(),
            epoch,
            key_id: Bytes([mark; 16]),
            lower: Blob(vec![mark, 1]),
            higher: Blob(vec![mark, 2]),
        }
    }

    #[test]
    fn each_member_gets_the_own_copy_of_any_epoch_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::load(folder.path(), FailStop::default()).unwrap();
        let pair: Pair = "alice+bob".parse().unwrap();
        assert_eq!((keyring.has_epoch(&pair, 1), keyring.newest_epoch(&pair)), (None, None));
        assert_eq!(keyring.store(&[key("alice+bob", 1), key("carol+dave", 5)]).unwrap(), [Kept::Stored; 2]);
        assert_eq!(keyring.store(&[key("alice+bob", 4)]).unwrap(), [Kept::Stored]);
        for keyring in [&keyring, &Keyring::load(folder.path(), FailStop::default()).unwrap()] {
            assert_eq!(keyring.count(), 2);
            assert_eq!(keyring.newest(&pair, &name("alice")).unwrap().sealed, Blob(vec![4, 1]));
            assert_eq!(keyring.newest(&pair, &name("bob")).unwrap().epoch, 4);
            assert_eq!(keyring.newest_epoch(&pair), Some(4));
            assert_eq!(keyring.copy(&pair, &name("bob"), 1).unwrap().sealed, Blob(vec![1, 2]));
            assert_eq!(keyring.copy(&pair, &name("bob"), 2), None);
            assert_eq!(keyring.newest(&pair, &name("carol")), None);
            assert_eq!((keyring.has_epoch(&pair, 1), keyring.has_epoch(&pair, 3)), (Some(true), Some(false)));
        }
    }

    #[test]
    fn a_pairs_keys_know_which_epochs_there_were() {
        let first = PairKeys::below(None, &key("alice+bob", 1), Utc::now());
        let keys = PairKeys::below(Some(&first), &key("alice+bob", 4), Utc::now());
        let known: Vec<u32> = (0..6).filter(|epoch| keys.has_epoch(*epoch)).collect();
        assert_eq!(known, [1, 4]);
    }

    #[test]
    fn the_highest_epoch_and_the_longest_copy_are_no_fault_and_what_is_beyond_is() {
        let pair: Pair = "alice+bob".parse().unwrap();
        let fault = |epoch, copy_bytes| {
            let new = NewKey { epoch, lower: Blob(vec![1; copy_bytes]), ..key("alice+bob", 1) };
            PairKeys::below(None, &new, Utc::now()).fault(&pair)
        };
        assert_eq!(fault(u32::MAX, SEALED_KEY_BYTES_MAX), None);
        assert!(fault(0, 1).is_some());
        for bytes in [SEALED_KEY_BYTES_MAX + 1, SEALED_KEY_BYTES_MAX + 2] {
            assert_eq!(fault(1, bytes), Some("a copy that is too long for a key"));
        }
    }

    #[test]
    fn an_epoch_not_above_the_newest_is_refused_also_within_a_batch() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::load(folder.path(), FailStop::default()).unwrap();
        let batch = [key("alice+bob", 0), key("alice+bob", 2), key("alice+bob", 2), key("alice+bob", 1)];
        let results = keyring.store(&batch).unwrap();
        assert_eq!(results, [Kept::OldEpoch, Kept::Stored, Kept::OldEpoch, Kept::OldEpoch]);
    }

    #[test]
    fn a_file_with_the_wrong_members_or_epochs_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::load(folder.path(), FailStop::default()).unwrap();
        keyring.store(&[key("alice+bob", 1)]).unwrap();
        keyring.store(&[key("alice+bob", 2)]).unwrap();
        let path = folder.path().join(KEYS_FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        for (old, new) in
            [("\"alice\":", "\"carol\":"), ("\"epoch\":1", "\"epoch\":2"), ("alice+bob", "bob+alice")]
        {
            std::fs::write(&path, text.replace(old, new)).unwrap();
            assert!(
                matches!(
                    Keyring::load(folder.path(), FailStop::default()),
                    Err(JsonFileError::Damaged { line: 2, .. })
                ),
                "{new}"
            );
        }
    }
}
