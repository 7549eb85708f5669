//! A dictionary's file, entry by entry: which of them are whole although the file is not.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use super::finding::Finding;
use crate::{
    server::json_file::{self, Checked, JsonFileError},
    store::{self, StoreError},
};

/// What can be read of a dictionary's file.
#[derive(Debug)]
pub(super) struct Salvaged<K, V> {
    pub(super) entries: BTreeMap<K, V>,
    /// The whole file, if anything in it is damaged.
    damaged: Option<Vec<u8>>,
}

impl<K, V> Salvaged<K, V> {
    /// Whether nothing of the file is damaged.
    pub(super) fn is_whole(&self) -> bool {
        self.damaged.is_none()
    }

    /// The file as it is, if it is damaged and there is something to put in its place. A file of which
    /// nothing can be read is never replaced by an empty one.
    pub(super) fn replaceable(&self) -> Option<&[u8]> {
        self.damaged.as_deref().filter(|_| !self.entries.is_empty())
    }
}

/// Reads a dictionary, as strictly as the server; where that fails, line by line. `None` when there is no file.
pub(super) fn salvage<K, V>(
    path: &Path,
    findings: &mut Vec<Finding>,
) -> Result<Option<Salvaged<K, V>>, StoreError>
where
    K: Ord + for<'a> Deserialize<'a>,
    V: Checked<K> + for<'a> Deserialize<'a>,
{
    let Some(bytes) = store::read(path)? else { return Ok(None) };
    let (line, fault) = match json_file::parse(path, &bytes, |value| value) {
        Ok(entries) => return Ok(Some(Salvaged { entries, damaged: None })),
        Err(JsonFileError::Damaged { line, source, .. }) => (line, source),
        Err(JsonFileError::Store(error)) => return Err(error),
    };
    let before = findings.len();
    let mut entries = BTreeMap::new();
    // The server writes one entry a line; only such a file can be taken apart.
    for (text, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
        if matches!(text.trim_ascii(), b"" | b"{" | b"}") {
            continue;
        }
        match entry(path, text) {
            Some((name, value)) if !entries.contains_key(&name) => {
                entries.insert(name, value);
            }
            Some(_) => findings.push(Finding::damage(path, Some(number), "a name that was there before")),
            None => findings.push(Finding::damage(path, Some(number), "not an entry of this file")),
        }
    }
    if findings.len() == before {
        // Every entry is whole, and what is around them is not.
        findings.push(Finding::damage(path, Some(line as u64), fault.to_string()));
    }
    if entries.is_empty() {
        findings.push(Finding::damage(path, None, "nothing of it can be read: put a backup in its place"));
    }
    Ok(Some(Salvaged { entries, damaged: Some(bytes) }))
}

/// The one entry of a line: with the comma after it, or the brace after the last one.
fn entry<K, V>(path: &Path, line: &[u8]) -> Option<(K, V)>
where
    K: Ord + for<'a> Deserialize<'a>,
    V: Checked<K> + for<'a> Deserialize<'a>,
{
    let line = line.trim_ascii();
    let alone = line.strip_suffix(b",").unwrap_or(line);
    let ends: [&[u8]; 2] = [b"}", b""];
    let mut read = ends.iter().filter_map(|end| {
        let text = [b"{", alone, end].concat();
        json_file::parse(path, &text, |value: V| value).ok().filter(|entries| entries.len() == 1)
    });
    read.next()?.into_iter().next()
}
