//! What is done about damage: it is moved to a folder of its own, and nothing whole is touched.
//!
//! Every part is on the disk where it is moved to before it leaves its old place, so that a crash in
//! between leaves it in both. What only a backup can bring back is left as it is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use chrono::Utc;
use serde::Serialize;

use super::{
    ACCOUNTS_FILE, KEYS_FILE, Look, SET_ASIDE_PREFIX,
    conversation::{self, Parts},
    dictionary::Salvaged,
};
use crate::{
    server::{
        json_file::{self, Json},
        log_index,
    },
    store::{self, StoreError},
};

/// Where damaged parts go; made when there is the first.
struct Aside<'a> {
    data: &'a Path,
    folder: PathBuf,
    used: bool,
}

/// Repairs what was found in a data folder; gives the folder with what was set aside, if there was any.
pub(super) fn repair(data: &Path, look: Look) -> Result<Option<PathBuf>, StoreError> {
    let name = format!("{SET_ASIDE_PREFIX}{}", Utc::now().format("%Y%m%dT%H%M%S%3fZ"));
    let mut aside = Aside { data, folder: data.join(name), used: false };
    for file in &look.open {
        store::make_private(file)?;
    }
    for stray in &look.strays {
        let to = aside.place(stray)?;
        store::rename(stray, &to)?;
        store::sync_folder(stray.parent().unwrap_or(data))?;
    }
    for log in look.logs.values().filter(|log| log.damaged) {
        let Parts { whole, aside: parts } = conversation::take_apart(&log.path, &log.pair)?;
        if !parts.is_empty() {
            store::create(&aside.place(&log.path)?, &parts)?;
        }
        // They are about what the log was.
        log_index::remove(&log.path)?;
        store::replace(&log.path, &whole)?;
    }
    if let Some(accounts) = &look.accounts {
        aside.dictionary(&data.join(ACCOUNTS_FILE), accounts)?;
    }
    if let Some(keys) = &look.keys {
        aside.dictionary(&data.join(KEYS_FILE), keys)?;
    }
    Ok(aside.used.then_some(aside.folder))
}

impl Aside<'_> {
    /// Where this file's part goes, under the file's own name.
    fn place(&mut self, file: &Path) -> Result<PathBuf, StoreError> {
        let place = self.folder.join(file.strip_prefix(self.data).unwrap_or(file));
        store::create_folder(place.parent().unwrap_or(&self.folder))?;
        self.used = true;
        Ok(place)
    }

    /// A dictionary is set aside whole, and its good entries written anew.
    fn dictionary<K, V>(&mut self, path: &Path, found: &Salvaged<K, V>) -> Result<(), StoreError>
    where
        K: Ord + Serialize,
        V: Serialize,
    {
        let Some(bytes) = found.replaceable() else { return Ok(()) };
        store::create(&self.place(path)?, bytes)?;
        let entries: BTreeMap<&K, Json> =
            found.entries.iter().map(|(key, value)| (key, Json::of(value))).collect();
        store::replace(path, &json_file::text(entries.iter(), bytes.len()))
    }
}
