//! A dictionary in a JSON file: read strictly, with the place of any damage; replaced whole.
//!
//! A file may have a hundred thousand entries, and each change writes all of it. So a dictionary that is
//! kept in memory keeps each value as its JSON ([`Json`]), which is what the file has of it.

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

/// A value as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Json(Box<str>);

impl Json {
    /// Of a value. Writing to memory fails for none of ours.
    pub(super) fn of<V: Serialize>(value: &V) -> Self {
        Self(serde_json::to_string(value).unwrap_or_default().into_boxed_str())
    }

    /// The value; `None` for none, as this was made of one.
    pub(super) fn value<'a, V: Deserialize<'a>>(&'a self) -> Option<V> {
        serde_json::from_str(&self.0).ok()
    }
}

/// A value that can say what is wrong with it under this key.
pub(super) trait Checked<K> {
    /// What is wrong, if anything.
    fn fault(&self, key: &K) -> Option<&'static str>;
}

/// Reads the dictionary in a file, and keeps something of each value; `None` when there is no file.
pub(super) fn load<K, V, S>(path: &Path, keep: fn(V) -> S) -> Result<Option<BTreeMap<K, S>>, JsonFileError>
where
    K: Ord + for<'a> Deserialize<'a>,
    V: Checked<K> + for<'a> Deserialize<'a>,
{
    store::read(path)?.map(|bytes| parse(path, &bytes, keep)).transpose()
}

/// Reads a dictionary from the bytes of the file at `path`, and keeps something of each value.
pub(super) fn parse<K, V, S>(
    path: &Path,
    bytes: &[u8],
    keep: fn(V) -> S,
) -> Result<BTreeMap<K, S>, JsonFileError>
where
    K: Ord + for<'a> Deserialize<'a>,
    V: Checked<K> + for<'a> Deserialize<'a>,
{
    // A value is looked at while the reader is at it, so that what is wrong has a place.
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = (&mut reader).deserialize_map(Entries(keep, PhantomData));
    let read = read.and_then(|entries| reader.end().map(|()| entries));
    match read {
        Ok(entries) => Ok(entries),
        Err(source) => Err(JsonFileError::Damaged {
            path: path.to_owned(),
            line: source.line(),
            column: source.column(),
            source,
        }),
    }
}

/// A dictionary as the file's text: one entry a line, so that a person can read and compare it.
/// `bytes` is how long it will be, roughly.
pub(super) fn text<'a, K>(entries: impl Iterator<Item = (&'a K, &'a Json)>, bytes: usize) -> Vec<u8>
where
    K: Serialize + 'a,
{
    let mut text = Vec::with_capacity(bytes);
    text.push(b'{');
    let mut between: &[u8] = b"\n";
    for (key, Json(value)) in entries {
        let start = text.len();
        text.extend_from_slice(between);
        // Writing to memory fails for no key of ours; an entry whose did would be left out whole.
        if serde_json::to_writer(&mut text, key).is_err() {
            text.truncate(start);
            continue;
        }
        text.push(b':');
        text.extend_from_slice(value.as_bytes());
        between = b",\n";
    }
    // On the last entry's line: what is wrong with an entry is noticed at what follows it.
    text.extend_from_slice(b"}\n");
    text
}

/// Reads a JSON object without a key twice, every value checked under its key.
struct Entries<K, V, S>(fn(V) -> S, PhantomData<K>);

impl<'de, K, V, S> Visitor<'de> for Entries<K, V, S>
where
    K: Ord + Deserialize<'de>,
    V: Checked<K> + Deserialize<'de>,
{
    type Value = BTreeMap<K, S>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a dictionary")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((key, value)) = access.next_entry::<K, V>()? {
            if let Some(fault) = value.fault(&key) {
                return Err(de::Error::custom(fault));
            }
            if entries.insert(key, (self.0)(value)).is_some() {
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
        load(&path, |value| value)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let map = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
        let kept: BTreeMap<&String, Json> = map.iter().map(|(key, value)| (key, Json::of(value))).collect();
        let written = String::from_utf8(text(kept.iter(), 0)).unwrap();
        assert_eq!(written, "{\n\"a\":1,\n\"b\":2}\n");
        assert_eq!(load_text(&written).unwrap().unwrap(), map);
        assert_eq!(kept.values().next().unwrap().value(), Some(1));
        let none = String::from_utf8(text(BTreeMap::<String, Json>::new().iter(), 0)).unwrap();
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
        assert!(
            load(&folder.path().join("none"), |value: u32| value)
                .unwrap()
                .is_none_or(|_: BTreeMap<String, u32>| false)
        );
    }
}
