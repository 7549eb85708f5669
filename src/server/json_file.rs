//! A dictionary in a JSON file: read strictly, with the place of any damage; replaced whole.

use std::{
    collections::BTreeMap,
    fmt,
    marker::PhantomData,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor},
};
use thiserror::Error;

use crate::store::{self, StoreError};

/// Why a file's dictionary is not to be had.
#[derive(Debug, Error)]
pub enum JsonFileError {
    /// The file is there, and is not what the server writes.
    #[error("{path:?} is damaged at line {line}, column {column}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// Where in the line, from 1; 0 before its first character.
        column: usize,
        /// What is wrong there.
        source: serde_json::Error,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A value that can say what is wrong with it under this key.
pub(super) trait Checked<K> {
    /// What is wrong, if anything.
    fn fault(&self, key: &K) -> Option<&'static str>;
}

/// Reads the dictionary in a file; `None` when there is no file.
pub(super) fn load<K, V>(path: &Path) -> Result<Option<BTreeMap<K, V>>, JsonFileError>
where
    K: Ord + for<'a> Deserialize<'a>,
    V: Checked<K> + for<'a> Deserialize<'a>,
{
    store::read(path)?.map(|bytes| parse(path, &bytes)).transpose()
}

/// Reads a dictionary from the bytes of the file at `path`.
pub(super) fn parse<K, V>(path: &Path, bytes: &[u8]) -> Result<BTreeMap<K, V>, JsonFileError>
where
    K: Ord + for<'a> Deserialize<'a>,
    V: Checked<K> + for<'a> Deserialize<'a>,
{
    let read: Result<Dictionary<K, V>, _> = serde_json::from_slice(bytes);
    match read {
        Ok(dictionary) => Ok(dictionary.0),
        Err(source) => Err(JsonFileError::Damaged {
            path: path.to_owned(),
            line: source.line(),
            column: source.column(),
            source,
        }),
    }
}

/// A dictionary as the file's text: one entry a line, so that a person can read and compare it.
pub(super) fn text<K, V>(entries: impl Iterator<Item = (K, V)>) -> Vec<u8>
where
    K: Serialize,
    V: Serialize,
{
    let mut text = b"{".to_vec();
    let mut between: &[u8] = b"\n";
    for (key, value) in entries {
        let start = text.len();
        text.extend_from_slice(between);
        // Writing to memory fails for no value of ours; an entry that did would be left out whole.
        let written = serde_json::to_writer(&mut text, &key).and_then(|()| {
            text.push(b':');
            serde_json::to_writer(&mut text, &value)
        });
        match written {
            Ok(()) => between = b",\n",
            Err(_) => text.truncate(start),
        }
    }
    // On the last entry's line: what is wrong with an entry is noticed at what follows it.
    text.extend_from_slice(b"}\n");
    text
}

/// A JSON object without a key twice, every value checked under its key.
struct Dictionary<K, V>(BTreeMap<K, V>);

impl<'de, K, V> Deserialize<'de> for Dictionary<K, V>
where
    K: Ord + Deserialize<'de>,
    V: Checked<K> + Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData)).map(Self)
    }
}

struct Entries<K, V>(PhantomData<(K, V)>);

impl<'de, K, V> Visitor<'de> for Entries<K, V>
where
    K: Ord + Deserialize<'de>,
    V: Checked<K> + Deserialize<'de>,
{
    type Value = BTreeMap<K, V>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a dictionary")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((key, value)) = access.next_entry::<K, V>()? {
            if let Some(fault) = value.fault(&key) {
                return Err(de::Error::custom(fault));
            }
            if entries.insert(key, value).is_some() {
                return Err(de::Error::custom("a name that is there twice"));
            }
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Checked<String> for u32 {
        fn fault(&self, _: &String) -> Option<&'static str> {
            (*self == 13).then_some("unlucky")
        }
    }

    fn load_text(text: &str) -> Result<Option<BTreeMap<String, u32>>, JsonFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        std::fs::write(&path, text).unwrap();
        load(&path)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let map = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
        let written = String::from_utf8(text(map.iter())).unwrap();
        assert_eq!(written, "{\n\"a\":1,\n\"b\":2}\n");
        assert_eq!(load_text(&written).unwrap().unwrap(), map);
        let none = String::from_utf8(text(BTreeMap::<String, u32>::new().iter())).unwrap();
        assert!(load_text(&none).unwrap().unwrap().is_empty());
    }

    #[test]
    fn damage_is_named_with_its_line() {
        for (text, at) in [
            ("", 1),
            ("{\n\"a\":1,\n\"b\":\n", 4),
            ("{\n\"a\":1,\n\"a\":2}", 3),
            ("{\n\"a\":13}", 2),
            ("{} x", 1),
            ("[]", 1),
        ] {
            match load_text(text) {
                Err(JsonFileError::Damaged { line, .. }) => assert_eq!(line, at, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_missing_file_is_told_from_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        assert!(load::<String, u32>(&folder.path().join("none")).unwrap().is_none());
    }
}
