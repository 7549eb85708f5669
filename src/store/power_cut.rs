//! What a power cut leaves of a disk: every state that it may have, from the changes that were made.
//!
//! The rules are the weakest that a system may keep: what was synced is there. Of everything else each
//! change may be there or not, in any order, a write also in part, to any byte or in any of its
//! 512-byte sectors; where later bytes arrived and earlier ones did not, there are zeros. A name
//! (made, changed or deleted) is there for certain only once its folder was synced.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::test_disk::Done;

/// What a disk writes as a whole, in bytes.
const SECTOR_BYTES: u64 = 512;

/// A disk after a power cut: the content of every file that has a name.
pub(crate) type Left = BTreeMap<PathBuf, Vec<u8>>;

/// Whether a sync of this path counts; a test leaves some out to see what is lost then.
pub(crate) type Honoured = fn(&Done) -> bool;

/// A disk with what it owes.
#[derive(Debug, Clone)]
pub(crate) struct PowerModel {
    files: Vec<FileModel>,
    /// Every name as programs see it.
    names: BTreeMap<PathBuf, usize>,
    /// The names that are there for certain.
    kept_names: BTreeMap<PathBuf, usize>,
    owed_names: Vec<NameChange>,
    /// Every folder made, and whether its own name is there for certain.
    folders: BTreeMap<PathBuf, bool>,
    honoured: Honoured,
}

#[derive(Debug, Clone, Default)]
struct FileModel {
    /// What is there for certain.
    kept: Vec<u8>,
    owed: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { bytes: Vec<u8>, offset: u64 },
    Cut { length: u64 },
}

#[derive(Debug, Clone)]
enum NameChange {
    Given { name: PathBuf, file: usize },
    Taken { name: PathBuf },
    Changed { from: PathBuf, to: PathBuf, file: usize },
}

/// What happens to that which is owed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// All of it is lost.
    Lost,
    /// All of it arrived.
    Arrived,
    /// Something in between, by this seed.
    Some(u64),
}

impl PowerModel {
    /// An empty disk.
    pub(crate) fn new(honoured: Honoured) -> Self {
        Self {
            files: Vec::new(),
            names: BTreeMap::new(),
            kept_names: BTreeMap::new(),
            owed_names: Vec::new(),
            folders: BTreeMap::new(),
            honoured,
        }
    }

    /// Has files on it from before, all of them synced.
    pub(crate) fn holding(mut self, files: Left) -> Self {
        for (name, kept) in files {
            self.names.insert(name.clone(), self.files.len());
            self.files.push(FileModel { kept, owed: Vec::new() });
        }
        self.kept_names = self.names.clone();
        self
    }

    /// Makes a change.
    pub(crate) fn change(&mut self, done: &Done) {
        match done {
            Done::Create(path) => {
                let file = self.files.len();
                self.files.push(FileModel::default());
                self.names.insert(path.clone(), file);
                self.owed_names.push(NameChange::Given { name: path.clone(), file });
            }
            Done::Write { path, bytes, offset } => {
                self.file(path).owed.push(Change::Write { bytes: bytes.clone(), offset: *offset });
            }
            Done::Cut { path, length } => self.file(path).owed.push(Change::Cut { length: *length }),
            Done::Sync(path) if (self.honoured)(done) => {
                let file = self.file(path);
                for change in std::mem::take(&mut file.owed) {
                    change.on(&mut file.kept);
                }
            }
            Done::SyncFolder(folder) if (self.honoured)(done) => {
                let within = self.folders.iter_mut().filter(|(name, _)| name.parent() == Some(folder));
                within.for_each(|(_, kept)| *kept = true);
                let owed = std::mem::take(&mut self.owed_names);
                for change in owed {
                    if change.folder() == Some(folder) {
                        change.on(&mut self.kept_names);
                    } else {
                        self.owed_names.push(change);
                    }
                }
            }
            Done::Rename { from, to } => {
                let file = self.names.remove(from).unwrap();
                self.names.insert(to.clone(), file);
                self.owed_names.push(NameChange::Changed { from: from.clone(), to: to.clone(), file });
            }
            Done::Remove(path) => {
                self.names.remove(path);
                self.owed_names.push(NameChange::Taken { name: path.clone() });
            }
            Done::CreateFolder(path) => {
                self.folders.insert(path.clone(), false);
            }
            Done::Sync(_) | Done::SyncFolder(_) | Done::Mark(_) => (),
        }
    }

    /// What is on the disk if the power is cut now.
    pub(crate) fn left(&self, fate: Fate) -> Left {
        let mut dice = match fate {
            Fate::Some(seed) => Some(Dice(seed)),
            Fate::Lost | Fate::Arrived => None,
        };
        let arrives = |dice: &mut Option<Dice>| match dice {
            Some(dice) => dice.one_in(2),
            None => matches!(fate, Fate::Arrived),
        };
        let mut names = self.kept_names.clone();
        for change in &self.owed_names {
            if arrives(&mut dice) {
                change.on(&mut names);
            }
        }
        for (folder, kept) in &self.folders {
            if !kept && !arrives(&mut dice) {
                names.retain(|name, _| !name.starts_with(folder));
            }
        }
        let content = |file: &FileModel, dice: &mut Option<Dice>| {
            let mut content = file.kept.clone();
            match dice {
                Some(dice) => file.owed_by(dice, &mut content),
                None if matches!(fate, Fate::Arrived) => {
                    file.owed.iter().for_each(|change| change.on(&mut content));
                }
                None => (),
            }
            content
        };
        names.iter().map(|(name, file)| (name.clone(), content(&self.files[*file], &mut dice))).collect()
    }

    fn file(&mut self, path: &Path) -> &mut FileModel {
        &mut self.files[self.names[path]]
    }
}

impl FileModel {
    /// Some of what is owed, on what is there.
    fn owed_by(&self, dice: &mut Dice, content: &mut Vec<u8>) {
        // As a file system that keeps the order does it: so many changes, and a part of the next.
        if dice.one_in(2) {
            let whole = dice.below(self.owed.len() as u64 + 1) as usize;
            self.owed[..whole].iter().for_each(|change| change.on(content));
            if let Some(Change::Write { bytes, offset }) = self.owed.get(whole) {
                let part = dice.below(bytes.len() as u64) as usize;
                put(content, &bytes[..part], *offset);
            }
            return;
        }
        // As one that does not: any of them, and any sectors of each.
        for change in &self.owed {
            match change {
                _ if dice.one_in(3) => (),
                Change::Write { bytes, offset } if dice.one_in(2) => dice.sectors(content, bytes, *offset),
                _ => change.on(content),
            }
        }
        // Its length may have arrived without its end.
        if dice.one_in(4) {
            let mut all = content.clone();
            self.owed.iter().for_each(|change| change.on(&mut all));
            content.resize(content.len().max(all.len()), 0);
        }
    }
}

impl Change {
    fn on(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { bytes, offset } => put(content, bytes, *offset),
            Self::Cut { length } => content.resize(*length as usize, 0),
        }
    }
}

impl NameChange {
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Given { name, .. } | Self::Taken { name } | Self::Changed { to: name, .. } => name.parent(),
        }
    }

    fn on(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Given { name, file } => {
                names.insert(name.clone(), *file);
            }
            Self::Taken { name } => {
                names.remove(name);
            }
            Self::Changed { from, to, file } => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }
}

fn put(content: &mut Vec<u8>, bytes: &[u8], offset: u64) {
    let (start, end) = (offset as usize, offset as usize + bytes.len());
    if !bytes.is_empty() {
        content.resize(content.len().max(end), 0);
        content[start..end].copy_from_slice(bytes);
    }
}

/// Chance that is the same at every run (Steele and others, "Fast splittable pseudorandom number generators", 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// Any of a write's sectors, which begin at multiples of their size in the file.
    fn sectors(&mut self, content: &mut Vec<u8>, bytes: &[u8], offset: u64) {
        let (mut at, end) = (offset, offset + bytes.len() as u64);
        while at < end {
            let next = ((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(end);
            if self.one_in(2) {
                put(content, &bytes[(at - offset) as usize..(next - offset) as usize], at);
            }
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Honoured = |_| true;

    fn model(changes: &[Done]) -> PowerModel {
        let mut model = PowerModel::new(ALL);
        changes.iter().for_each(|change| model.change(change));
        model
    }

    fn path(name: &str) -> PathBuf {
        Path::new("/d").join(name)
    }

    fn write(name: &str, bytes: &[u8], offset: u64) -> Done {
        Done::Write { path: path(name), bytes: bytes.to_owned(), offset }
    }

    #[test]
    fn a_file_needs_both_syncs() {
        let made = [Done::Create(path("a")), write("a", b"one", 0)];
        assert!(model(&made).left(Fate::Lost).is_empty());
        let synced = [&made[..], &[Done::Sync(path("a"))]].concat();
        assert!(model(&synced).left(Fate::Lost).is_empty());
        let named = [&made[..], &[Done::SyncFolder("/d".into())]].concat();
        assert_eq!(model(&named).left(Fate::Lost)[&path("a")], b"");
        let both = [&synced[..], &[Done::SyncFolder("/d".into()), write("a", b"two", 3)]].concat();
        assert_eq!(model(&both).left(Fate::Lost)[&path("a")], b"one");
        assert_eq!(model(&both).left(Fate::Arrived)[&path("a")], b"onetwo");
    }

    #[test]
    fn a_rename_that_is_owed_is_undone() {
        let changes = [
            Done::Create(path("a")),
            Done::Create(path("b")),
            write("b", b"new", 0),
            Done::Sync(path("b")),
            Done::SyncFolder("/d".into()),
            Done::Rename { from: path("b"), to: path("a") },
        ];
        let model = model(&changes);
        let (before, after) = (model.left(Fate::Lost), model.left(Fate::Arrived));
        assert_eq!((before.len(), &before[&path("a")][..]), (2, &b""[..]));
        assert_eq!((after.len(), &after[&path("a")][..]), (1, &b"new"[..]));
    }

    #[test]
    fn chance_reaches_torn_reordered_and_missing_parts() {
        let changes = [
            Done::Create(path("a")),
            Done::SyncFolder("/d".into()),
            write("a", &[1; 600], 0),
            write("a", &[2; 600], 600),
        ];
        let model = model(&changes);
        let left: Vec<Vec<u8>> =
            (0..500).map(|seed| model.left(Fate::Some(seed))[&path("a")].clone()).collect();
        assert!(left.iter().any(Vec::is_empty));
        assert!(left.iter().any(|left| left.len() == 1200 && !left.contains(&0)));
        assert!(left.iter().any(|left| (1..600).contains(&left.len())), "torn");
        assert!(
            left.iter().any(|left| left.contains(&2) && left[..600].iter().all(|byte| *byte == 0)),
            "a hole"
        );
        assert!(
            left.iter().any(|left| left[..left.len().min(512)].contains(&0) && left.contains(&1)),
            "sectors"
        );
    }
}
