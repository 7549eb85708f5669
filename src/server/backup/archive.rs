//! A backup as one file: a plain tar archive, which any `tar` can list and unpack.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufWriter, Read, Write},
    path::{Component, Path},
};

use tar::{Archive, Builder, EntryType, Header};

use super::{BackupError, INVITES_FOLDER, LOGS_FOLDER, RECEIPTS_FOLDER, failed, is_index};
use crate::store::{self, Action};

/// The mode of every file in it.
const MODE: u32 = 0o600;

/// Whether a name is that of an archive.
pub(super) fn is_one(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("tar"))
}

/// Makes one file of a folder's files, and of those of the conversations and the invitations in it.
pub(super) fn pack(folder: &Path, to: &Path) -> Result<(), BackupError> {
    let unfinished = store::unfinished_file(store::parent(to))?;
    let mut archive = Builder::new(BufWriter::new(unfinished.as_file()));
    for inside in ["", LOGS_FOLDER, INVITES_FOLDER, RECEIPTS_FOLDER] {
        if !folder.join(inside).is_dir() {
            continue;
        }
        let mut paths = store::list(&folder.join(inside))?;
        paths.sort();
        for path in paths.iter().filter(|path| path.is_file()) {
            let bytes = store::read(path)?.unwrap_or_default();
            let name = path.strip_prefix(folder).unwrap_or(path);
            let mut header = Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(MODE);
            archive.append_data(&mut header, name, bytes.as_slice()).map_err(failed(Action::Write, to))?;
        }
    }
    let mut written = archive.into_inner().map_err(failed(Action::Write, to))?;
    written.flush().map_err(failed(Action::Write, to))?;
    drop(written);
    Ok(store::finish_new(unfinished, to)?)
}

/// Makes a folder of an archive. Only what a backup has is taken from it: files, at the places for them.
pub(super) fn unpack(from: &Path, folder: &Path) -> Result<(), BackupError> {
    let not_one = |source| BackupError::NotABackup { path: from.to_owned(), source };
    let file = File::open(from).map_err(failed(Action::Open, from))?;
    store::create_folder(&folder.join(LOGS_FOLDER))?;
    let mut archive = Archive::new(file);
    for entry in archive.entries().map_err(not_one)? {
        let mut entry = entry.map_err(not_one)?;
        let name = entry.path().map_err(not_one)?.into_owned();
        let parts: Option<Vec<&OsStr>> = name
            .components()
            .map(|part| if let Component::Normal(part) = part { Some(part) } else { None })
            .collect();
        let is_right = match parts.as_deref() {
            Some([_]) => true,
            Some([inside, _]) => {
                [LOGS_FOLDER, INVITES_FOLDER, RECEIPTS_FOLDER].iter().any(|folder| inside == folder)
            }
            _ => false,
        };
        if !is_right || entry.header().entry_type() != EntryType::Regular {
            return Err(not_one(std::io::Error::other("it holds what no backup has")));
        }
        // Made from a log, and not looked at again before it is believed.
        if is_index(&name) {
            continue;
        }
        store::create_folder(store::parent(&folder.join(&name)))?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(not_one)?;
        store::create(&folder.join(&name), &bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// An archive with one entry of any name and kind.
    fn archive(name: &str, kind: EntryType, link: &str) -> Vec<u8> {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        if !link.is_empty() {
            header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        }
        header.set_mode(0o777);
        header.set_size(if kind == EntryType::Regular { 4 } else { 0 });
        header.set_cksum();
        let mut archive = Builder::new(Vec::new());
        archive.append(&header, if kind == EntryType::Regular { &b"evil"[..] } else { b"" }).unwrap();
        archive.into_inner().unwrap()
    }

    /// Everything in a folder, however deep.
    fn all_in(folder: &Path) -> Vec<std::path::PathBuf> {
        let inside = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        inside.flat_map(|path| if path.is_dir() { all_in(&path) } else { vec![path] }).collect()
    }

    fn unpacked(archive: &[u8]) -> (Result<(), BackupError>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("b.tar"), folder.path().join("in").join("data"));
        fs::write(&from, archive).unwrap();
        fs::create_dir_all(&to).unwrap();
        let unpacked = unpack(&from, &to);
        let mut inside = all_in(folder.path());
        inside.retain(|path| *path != from);
        let name = |path: &std::path::PathBuf| path.strip_prefix(&to).unwrap().display().to_string();
        (unpacked, inside.iter().map(name).collect())
    }

    #[test]
    fn nothing_comes_out_of_an_archive_but_files_at_the_places_of_a_backup() {
        let regular = EntryType::Regular;
        for name in [
            "../evil",
            "../../evil",
            "/tmp/securechat-evil",
            "conversations/../../evil",
            "conversations/../evil",
            "conversations/deeper/evil",
            "./evil",
            "elsewhere/evil",
            "..",
            "conversations",
        ] {
            let (refused, inside) = unpacked(&archive(name, regular, ""));
            assert!(refused.is_err() && inside.is_empty(), "{name}: {inside:?}");
        }
        for kind in
            [EntryType::Symlink, EntryType::Link, EntryType::Directory, EntryType::Fifo, EntryType::Char]
        {
            let (refused, inside) = unpacked(&archive("dico.json", kind, "/etc/passwd"));
            assert!(matches!(refused, Err(BackupError::NotABackup { .. })), "{kind:?}");
            assert!(inside.is_empty(), "{kind:?}");
        }
        let (taken, inside) = unpacked(&archive("conversations/a+b.txt", regular, ""));
        assert!(taken.is_ok());
        assert_eq!(inside, ["conversations/a+b.txt"]);
        for name in ["conversations/a+b.idx", "conversations/a+b.streams"] {
            let (taken, inside) = unpacked(&archive(name, regular, ""));
            assert!(taken.is_ok() && inside.is_empty(), "{name}");
        }
    }
}
