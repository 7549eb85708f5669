//! The system's calls on the files that are kept, one function each: nothing else of the store makes one.
//!
//! In a test build each of them first asks the test's disk that the path lies on, if there is one
//! (`test_disk`): it may refuse the call or cut it short, and it remembers what was done. In any other
//! build [`call`] is the call itself.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::TempPath;

#[cfg(test)]
use super::test_disk::{call, let_through};

/// Only the owner reads and writes.
pub(super) const FILE_MODE: u32 = 0o600;

/// Only the owner lists and enters.
pub(super) const FOLDER_MODE: u32 = 0o700;

/// What is about to be asked of the system.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(test), expect(dead_code, reason = "only a test's disk looks at it"))]
pub(super) enum Call<'a> {
    CreateFolder(&'a Path),
    Open(&'a Path),
    Create(&'a Path),
    Read(&'a Path),
    Write { path: &'a Path, bytes: &'a [u8], offset: u64 },
    Cut { path: &'a Path, length: u64 },
    Sync(&'a Path),
    SyncFolder(&'a Path),
    Rename { from: &'a Path, to: &'a Path },
    Remove(&'a Path),
}

#[cfg(not(test))]
fn call<T>(_: Call<'_>, real: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    real()
}

#[cfg(not(test))]
fn let_through<'a>(_: &Path, bytes: &'a [u8]) -> &'a [u8] {
    bytes
}

/// Makes one folder, whose parent is there.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    call(Call::CreateFolder(path), || DirBuilder::new().mode(FOLDER_MODE).create(path))
}

/// The paths of everything in a folder.
pub(super) fn list(path: &Path) -> io::Result<Vec<PathBuf>> {
    call(Call::Read(path), || fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect())
}

/// What the system says of a file or folder; a link is not followed.
pub(super) fn inspect(path: &Path) -> io::Result<Metadata> {
    call(Call::Read(path), || fs::symlink_metadata(path))
}

/// Sets who may do what.
pub(super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    call(Call::Open(path), || fs::set_permissions(path, Permissions::from_mode(mode)))
}

/// Opens a file that is there for reading and writing.
pub(super) fn open(path: &Path) -> io::Result<File> {
    call(Call::Open(path), || options().open(path))
}

/// The same, making it if it is not there.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    call(Call::Create(path), || options().create(true).open(path))
}

/// Makes a file that is not there.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    call(Call::Create(path), || options().create_new(true).open(path))
}

/// Reads a whole file.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    call(Call::Read(path), || fs::read(path))
}

/// The length of an open file, in bytes.
pub(super) fn length(file: &File, path: &Path) -> io::Result<u64> {
    call(Call::Read(path), || Ok(file.metadata()?.len()))
}

/// Reads at a place of an open file; how many bytes that were, 0 at its end.
pub(super) fn read_at(file: &File, path: &Path, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    call(Call::Read(path), || file.read_at(buffer, offset))
}

/// Writes at a place of an open file; how many bytes that were, which may be fewer than asked for.
pub(super) fn write_at(file: &File, path: &Path, bytes: &[u8], offset: u64) -> io::Result<usize> {
    let bytes = let_through(path, bytes);
    call(Call::Write { path, bytes, offset }, || file.write_at(bytes, offset))
}

/// Sets an open file's length, in bytes.
pub(super) fn cut(file: &File, path: &Path, length: u64) -> io::Result<()> {
    call(Call::Cut { path, length }, || file.set_len(length))
}

/// Waits until the disk has a file's content and length.
pub(super) fn sync(file: &File, path: &Path) -> io::Result<()> {
    call(Call::Sync(path), || file.sync_data())
}

/// Waits until the disk has a folder's names.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    call(Call::SyncFolder(path), || File::open(path)?.sync_all())
}

/// Gives a file another name, in the place of whatever had it.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    call(Call::Rename { from, to }, || fs::rename(from, to))
}

/// Gives an unfinished file its name, which nothing else has.
pub(super) fn name_new(from: TempPath, to: &Path) -> io::Result<()> {
    let unfinished = from.to_path_buf();
    call(Call::Rename { from: &unfinished, to }, || from.persist_noclobber(to).map_err(|error| error.error))
}

/// Deletes a file's name.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    call(Call::Remove(path), || fs::remove_file(path))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).truncate(false).mode(FILE_MODE);
    options
}
