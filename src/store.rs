//! Files that survive a crash: replaced whole or not at all, private to their owner, one owner a folder.
//!
//! Everything here ends on the disk before it returns. What a file means is its caller's business.
//! Every call to the system that the server relies on for its promises is in `disk`, so that there is
//! one place to make a disk fail in, or to look over its shoulder.

use std::{
    fmt,
    fs::{File, Permissions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::{NamedTempFile, TempDir};
use thiserror::Error;

mod disk;
#[cfg(test)]
pub(crate) mod power_cut;
#[cfg(test)]
pub(crate) mod test_disk;

/// What a folder's owner holds while it runs.
const LOCK_FILE: &str = "lock";

/// How the name of a file begins that is not finished: whoever finds one may delete it.
const UNFINISHED_PREFIX: &str = ".unfinished-";

/// What was being done when a [`StoreError`] happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Making a folder.
    CreateFolder,
    /// Opening or making a file.
    Open,
    /// Taking the folder's lock.
    Lock,
    /// Reading.
    Read,
    /// Writing, or cutting off.
    Write,
    /// Waiting for the disk to have it.
    Sync,
    /// Putting a finished file in its place.
    Replace,
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::CreateFolder => "make the folder",
            Self::Open => "open",
            Self::Lock => "lock",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "bring to the disk",
            Self::Replace => "replace",
        })
    }
}

/// What the machine refused, at which path. The reason is the `source()`.
#[derive(Debug, Error)]
#[error("could not {action} {path:?}")]
pub struct StoreError {
    /// What was being done.
    pub action: Action,
    /// To which file or folder.
    pub path: PathBuf,
    /// Why not, as the system says.
    pub source: io::Error,
}

impl StoreError {
    /// For [`Result::map_err`]: this action at this path.
    pub fn at(action: Action, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.to_owned(), source }
    }

    /// The same once more, for a second one who must know.
    #[must_use]
    pub fn again(&self) -> Self {
        let source = match self.source.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::new(self.source.kind(), self.source.to_string()),
        };
        Self { action: self.action, path: self.path.clone(), source }
    }

    /// What a person can do about it, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Some("the disk is full: make room on it")
            }
            io::ErrorKind::PermissionDenied => {
                Some("this user may not do that: check who owns the folder and its files")
            }
            io::ErrorKind::ReadOnlyFilesystem => Some("the file system is mounted read-only"),
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                Some("a file is where a folder should be")
            }
            _ => None,
        }
    }
}

/// A folder's lock: dropped, it is free again; a crash frees it too.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// Makes a folder with its parents, readable to its owner only. One that exists is left as it is.
///
/// # Errors
/// [`StoreError`] when it cannot be made.
pub fn create_folder(path: &Path) -> Result<(), StoreError> {
    let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.is_dir();
    let mut missing: Vec<&Path> = path.ancestors().take_while(missing).collect();
    while let Some(folder) = missing.pop() {
        match disk::create_folder(folder) {
            // Somebody else made it meanwhile.
            Err(_) if folder.is_dir() => (),
            made => made.map_err(StoreError::at(Action::CreateFolder, folder))?,
        }
        sync_folder(parent(folder))?;
    }
    Ok(())
}

/// Locks a folder against a second owner; `None` when there is one already.
///
/// # Errors
/// [`StoreError`] when the lock cannot be tried.
pub fn lock_folder(folder: &Path) -> Result<Option<FolderLock>, StoreError> {
    let path = folder.join(LOCK_FILE);
    let file = disk::open_or_create(&path).map_err(StoreError::at(Action::Open, &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(FolderLock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(StoreError { action: Action::Lock, path, source }),
    }
}

/// Whether a path is that of a folder's lock.
#[must_use]
pub fn is_lock(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == LOCK_FILE)
}

/// Reads a whole file; `None` when there is none.
///
/// # Errors
/// [`StoreError`] when it is there and cannot be read.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match disk::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError { action: Action::Read, path: path.to_owned(), source }),
    }
}

/// Puts `bytes` in the place of whatever `path` held: after a crash there is the old file or the new one, whole.
///
/// # Errors
/// [`StoreError`]; the old file is then still there, unless only the last sync of the folder failed.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let unfinished = unfinished_file(parent(path))?;
    write_at(unfinished.as_file(), unfinished.path(), bytes, 0)?;
    finish_in_place(unfinished, path)
}

/// Makes a new file that holds `bytes`, and never touches one that is there.
///
/// # Errors
/// [`StoreError`], of kind [`io::ErrorKind::AlreadyExists`] when the path is taken.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let unfinished = unfinished_file(parent(path))?;
    write_at(unfinished.as_file(), unfinished.path(), bytes, 0)?;
    finish_new(unfinished, path)
}

/// Gives a file another name in its folder, in the place of whatever had it.
///
/// # Errors
/// [`StoreError`]; the names are as before, unless only the last sync of the folder failed.
pub fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    disk::rename(from, to).map_err(StoreError::at(Action::Replace, to))?;
    sync_folder(parent(to))
}

/// Deletes a file; one that is not there is no error.
///
/// # Errors
/// [`StoreError`] when it is there and cannot be deleted.
pub fn remove(path: &Path) -> Result<(), StoreError> {
    match disk::remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::at(Action::Replace, path)(error))
        }
        _ => sync_folder(parent(path)),
    }
}

/// Deletes what earlier crashes left unfinished in a folder that the caller has locked.
///
/// # Errors
/// [`StoreError`] when the folder cannot be listed; a file that cannot be deleted does no harm.
pub fn clear_unfinished(folder: &Path) -> Result<(), StoreError> {
    for path in list(folder)? {
        if is_unfinished(&path) {
            let _ = disk::remove(&path);
        }
    }
    Ok(())
}

/// Deletes what earlier crashes left unfinished in a folder that others may be writing in: only what was
/// last touched longer ago than `age`, which is far more than any of them takes.
///
/// # Errors
/// [`StoreError`] when the folder cannot be listed; a file that cannot be deleted does no harm.
pub fn clear_abandoned(folder: &Path, age: Duration) -> Result<(), StoreError> {
    for path in list(folder)?.into_iter().filter(|path| is_unfinished(path)) {
        let touched = disk::inspect(&path).and_then(|found| found.modified());
        if touched.is_ok_and(|touched| touched.elapsed().is_ok_and(|since| since > age)) {
            let _ = disk::remove(&path);
        }
    }
    Ok(())
}

/// Whether a path is that of a file that was never finished.
#[must_use]
pub fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(UNFINISHED_PREFIX.as_bytes())
}

/// What the system says of a file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Which one.
    pub path: PathBuf,
    /// Whether it is a file or a folder, and not a link, a device or anything else.
    pub is_plain: bool,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Who may do what: the nine bits of it, and the three above them.
    pub mode: u32,
    /// The number of the user it belongs to.
    pub owner: u32,
}

/// Looks at a file or folder, and follows no link.
///
/// # Errors
/// [`StoreError`] when it cannot be looked at.
pub fn inspect(path: &Path) -> Result<Inspected, StoreError> {
    let found = disk::inspect(path).map_err(StoreError::at(Action::Read, path))?;
    Ok(Inspected {
        path: path.to_owned(),
        is_plain: found.is_file() || found.is_dir(),
        is_folder: found.is_dir(),
        mode: found.mode() & 0o7777,
        owner: found.uid(),
    })
}

/// Takes from everybody but the owner what they may do with a file or folder.
///
/// # Errors
/// [`StoreError`] when that is not allowed.
pub fn make_private(file: &Inspected) -> Result<(), StoreError> {
    let mode = if file.is_folder { disk::FOLDER_MODE } else { disk::FILE_MODE };
    disk::set_mode(&file.path, mode).map_err(StoreError::at(Action::Replace, &file.path))
}

/// The paths of everything in a folder, in no order.
///
/// # Errors
/// [`StoreError`] when the folder cannot be listed.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    disk::list(folder).map_err(StoreError::at(Action::Read, folder))
}

/// Opens a file for reading and writing; `None` when there is none.
///
/// # Errors
/// [`StoreError`] when it is there and cannot be opened.
pub fn open(path: &Path) -> Result<Option<File>, StoreError> {
    match disk::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError { action: Action::Open, path: path.to_owned(), source }),
    }
}

/// Opens a file for reading and writing, making it if it is not there. A name made here is on the disk.
///
/// # Errors
/// [`StoreError`] when it cannot be opened or made.
pub fn open_or_create(path: &Path) -> Result<File, StoreError> {
    if let Some(file) = open(path)? {
        return Ok(file);
    }
    let file = open_or_create_unsynced(path)?;
    sync_folder(parent(path))?;
    Ok(file)
}

/// The same, but a name made here is on the disk only after [`sync_folder`] on its folder.
///
/// # Errors
/// [`StoreError`] when it cannot be opened or made.
pub fn open_or_create_unsynced(path: &Path) -> Result<File, StoreError> {
    disk::open_or_create(path).map_err(StoreError::at(Action::Open, path))
}

/// The length of an open file, in bytes.
///
/// # Errors
/// [`StoreError`] when it cannot be had.
pub fn length(file: &File, path: &Path) -> Result<u64, StoreError> {
    disk::length(file, path).map_err(StoreError::at(Action::Read, path))
}

/// Reads at a place of an open file; how many bytes that were, 0 at its end.
///
/// # Errors
/// The system's, as they are: for readers over a file.
pub fn read_at(file: &File, path: &Path, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    disk::read_at(file, path, buffer, offset)
}

/// Fills `buffer` from a place of an open file.
///
/// # Errors
/// [`StoreError`], also when the file ends before.
pub fn read_exact_at(file: &File, path: &Path, buffer: &mut [u8], offset: u64) -> Result<(), StoreError> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match disk::read_at(file, path, rest, offset + done as u64) {
            Ok(0) => return Err(StoreError::at(Action::Read, path)(io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(StoreError::at(Action::Read, path)(error)),
        }
    }
    Ok(())
}

/// Writes at a place of an open file. Nothing is promised about the disk until [`sync_file`].
///
/// # Errors
/// [`StoreError`]; a part may have been written.
pub fn write_at(file: &File, path: &Path, bytes: &[u8], offset: u64) -> Result<(), StoreError> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match disk::write_at(file, path, rest, offset + done as u64) {
            Ok(0) => return Err(StoreError::at(Action::Write, path)(io::ErrorKind::WriteZero.into())),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(StoreError::at(Action::Write, path)(error)),
        }
    }
    Ok(())
}

/// Cuts a file to a length, in bytes.
///
/// # Errors
/// [`StoreError`] when it cannot be cut.
pub fn cut(file: &File, path: &Path, length: u64) -> Result<(), StoreError> {
    disk::cut(file, path, length).map_err(StoreError::at(Action::Write, path))
}

/// Waits until what was written to a file is on the disk (fdatasync).
///
/// # Errors
/// [`StoreError`]: what was written before may be lost, and trying again would not tell (the kernel
/// drops the pages it could not write).
pub fn sync_file(file: &File, path: &Path) -> Result<(), StoreError> {
    disk::sync(file, path).map_err(StoreError::at(Action::Sync, path))
}

/// Waits until a folder's names are on the disk.
///
/// # Errors
/// [`StoreError`] when that failed: which names the disk has is then not known.
pub fn sync_folder(path: &Path) -> Result<(), StoreError> {
    disk::sync_folder(path).map_err(StoreError::at(Action::Sync, path))
}

/// A new file that has no name of its own yet, in the folder where it will have one; deleted when dropped.
///
/// # Errors
/// [`StoreError`] when it cannot be made.
pub fn unfinished_file(folder: &Path) -> Result<NamedTempFile, StoreError> {
    let made = tempfile::Builder::new().prefix(UNFINISHED_PREFIX).make_in(folder, disk::create_new);
    made.map_err(StoreError::at(Action::Open, folder))
}

/// Gives such a file its name once it is on the disk; a file that has the name is never touched.
///
/// # Errors
/// [`StoreError`], of kind [`io::ErrorKind::AlreadyExists`] when the path is taken.
pub fn finish_new(unfinished: NamedTempFile, path: &Path) -> Result<(), StoreError> {
    let (file, unfinished) = unfinished.into_parts();
    sync_file(&file, &unfinished)?;
    disk::name_new(unfinished, path).map_err(StoreError::at(Action::Replace, path))?;
    sync_folder(parent(path))
}

/// The same, in the place of whatever file or link has the name.
///
/// # Errors
/// [`StoreError`]; the name is then as it was, unless only the last sync of the folder failed.
pub fn finish_in_place(unfinished: NamedTempFile, path: &Path) -> Result<(), StoreError> {
    let (file, unfinished) = unfinished.into_parts();
    sync_file(&file, &unfinished)?;
    disk::rename(&unfinished, path).map_err(StoreError::at(Action::Replace, path))?;
    // Its name of before is gone; dropped, it would be deleted under that name.
    let _ = unfinished.keep();
    sync_folder(parent(path))
}

/// A new folder for its owner only, in the folder where it will have its name; deleted when dropped.
///
/// # Errors
/// [`StoreError`] when it cannot be made.
pub fn unfinished_folder(folder: &Path) -> Result<TempDir, StoreError> {
    let private = Permissions::from_mode(disk::FOLDER_MODE);
    let made = tempfile::Builder::new().prefix(UNFINISHED_PREFIX).permissions(private).tempdir_in(folder);
    made.map_err(StoreError::at(Action::CreateFolder, folder))
}

/// The folder that a path is in.
#[must_use]
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
