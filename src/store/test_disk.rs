//! A disk that tests make fail, and whose every change they can read afterwards.
//!
//! A test puts one on a folder of its own; every call of the store on a path in that folder is then
//! counted and remembered, and one of them can be made to fail. The files themselves are real ones.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::{Mutex, RwLock, RwLockWriteGuard};

use super::disk::Call;

/// The disks that are in use. Tests of one process run at the same time, each on its own folder.
static DISKS: RwLock<Vec<Arc<TestDisk>>> = RwLock::new(Vec::new());

/// A change that was made on a disk, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    CreateFolder(PathBuf),
    Create(PathBuf),
    Write {
        path: PathBuf,
        bytes: Vec<u8>,
        offset: u64,
    },
    Cut {
        path: PathBuf,
        length: u64,
    },
    Sync(PathBuf),
    SyncFolder(PathBuf),
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove(PathBuf),
    /// Something that the test wanted to have noted between two changes.
    Mark(usize),
}

/// In which way a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An input/output error (EIO), once.
    Error,
    /// No space left (ENOSPC), once.
    Full,
    /// A write does half of what it was asked for, and the next write finds the disk full.
    Short,
    /// A write does half of what it was asked for, and no later call does anything (EIO).
    ShortThenDead,
    /// EIO, and so does every later call.
    DeadFromThen,
    /// ENOSPC, and so does every later call that needs space.
    FullFromThen,
}

impl Fault {
    pub(crate) const ALL: [Self; 6] =
        [Self::Error, Self::Full, Self::Short, Self::ShortThenDead, Self::DeadFromThen, Self::FullFromThen];
}

/// A kind of call, and the end of the path it was for: what tells one place in the code from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Site {
    pub(crate) call: &'static str,
    pub(crate) file: String,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct TestDisk {
    folder: PathBuf,
    state: Mutex<State>,
    /// Held for writing by a test that keeps every sync of a file waiting.
    syncs: RwLock<()>,
}

#[derive(Debug, Default)]
struct State {
    sites: Vec<Site>,
    done: Vec<Done>,
    fault: Option<(usize, Fault)>,
    /// The next write fails: the one before it was short.
    short: bool,
}

impl TestDisk {
    /// Under a folder, until it is taken away.
    pub(crate) fn under(folder: &Path) -> Arc<Self> {
        let disk = Self { folder: folder.to_owned(), state: Mutex::default(), syncs: RwLock::new(()) };
        let disk = Arc::new(disk);
        DISKS.write().push(Arc::clone(&disk));
        disk
    }

    /// Takes it away: from now on the folder's disk is the system's own.
    pub(crate) fn heal(self: &Arc<Self>) {
        DISKS.write().retain(|disk| !Arc::ptr_eq(disk, self));
    }

    /// Makes the call of this number fail; the first is 0.
    pub(crate) fn fail(&self, call: usize, fault: Fault) {
        self.state.lock().fault = Some((call, fault));
    }

    /// Does everything from now on.
    pub(crate) fn recovers(&self) {
        self.state.lock().fault = None;
    }

    /// Keeps every sync of a file waiting while the guard is held.
    pub(crate) fn hold_syncs(&self) -> RwLockWriteGuard<'_, ()> {
        self.syncs.write()
    }

    /// Notes something between two changes.
    pub(crate) fn mark(&self, mark: usize) {
        self.state.lock().done.push(Done::Mark(mark));
    }

    /// Every call so far, also those that failed.
    pub(crate) fn sites(&self) -> Vec<Site> {
        self.state.lock().sites.clone()
    }

    /// Every change so far.
    pub(crate) fn done(&self) -> Vec<Done> {
        self.state.lock().done.clone()
    }

    fn call<T>(&self, what: Call<'_>, real: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let _may_sync = matches!(what, Call::Sync(_)).then(|| self.syncs.read());
        let mut state = self.state.lock();
        let number = state.sites.len();
        state.sites.push(site(what));
        state.refuse(number, what)?;
        let done = done(what);
        let result = real()?;
        state.done.extend(done);
        Ok(result)
    }
}

impl State {
    fn refuse(&mut self, number: usize, what: Call<'_>) -> io::Result<()> {
        // ENOSPC and EIO as the system gives them, on Linux and on others.
        let (full, broken) = (io::Error::from_raw_os_error(28), io::Error::from_raw_os_error(5));
        let needs_space = matches!(
            what,
            Call::CreateFolder(_)
                | Call::Create(_)
                | Call::Write { .. }
                | Call::Sync(_)
                | Call::SyncFolder(_)
        );
        if self.short && matches!(what, Call::Write { .. }) {
            self.short = false;
            return Err(full);
        }
        self.short = self.fault == Some((number, Fault::Short)) && matches!(what, Call::Write { .. });
        match self.fault {
            Some((at, Fault::Error)) if number == at => Err(broken),
            Some((at, Fault::Full)) if number == at => Err(full),
            Some((at, Fault::DeadFromThen)) if number >= at => Err(broken),
            Some((at, Fault::ShortThenDead)) if number > at => Err(broken),
            Some((at, Fault::FullFromThen)) if number >= at && needs_space => Err(full),
            _ => Ok(()),
        }
    }
}

/// Makes a call, on the test's disk if the path lies on one.
pub(super) fn call<T>(what: Call<'_>, real: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    match disk_of(path(what)) {
        Some(disk) => disk.call(what, real),
        None => real(),
    }
}

/// How much of a write is done.
pub(super) fn let_through<'a>(path: &Path, bytes: &'a [u8]) -> &'a [u8] {
    let Some(disk) = disk_of(path) else { return bytes };
    let state = disk.state.lock();
    let now = state.sites.len();
    let is_short = match state.fault {
        Some((at, Fault::Short | Fault::ShortThenDead)) => at == now && bytes.len() > 1,
        _ => false,
    };
    if is_short { &bytes[..bytes.len() / 2] } else { bytes }
}

fn disk_of(path: &Path) -> Option<Arc<TestDisk>> {
    DISKS.read().iter().find(|disk| path.starts_with(&disk.folder)).cloned()
}

fn path(what: Call<'_>) -> &Path {
    match what {
        Call::CreateFolder(path)
        | Call::Open(path)
        | Call::Create(path)
        | Call::Read(path)
        | Call::Write { path, .. }
        | Call::Cut { path, .. }
        | Call::Sync(path)
        | Call::SyncFolder(path)
        | Call::Remove(path)
        | Call::Rename { to: path, .. } => path,
    }
}

fn site(what: Call<'_>) -> Site {
    let call = match what {
        Call::CreateFolder(_) => "create folder",
        Call::Open(_) => "open",
        Call::Create(_) => "create",
        Call::Read(_) => "read",
        Call::Write { .. } => "write",
        Call::Cut { .. } => "cut",
        Call::Sync(_) => "sync",
        Call::SyncFolder(_) => "sync folder",
        Call::Rename { .. } => "rename",
        Call::Remove(_) => "remove",
    };
    let path = path(what);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let file = if super::is_unfinished(path) { ".unfinished".to_owned() } else { name.into_owned() };
    Site { call, file }
}

/// What a call changes, if it succeeds.
fn done(what: Call<'_>) -> Option<Done> {
    Some(match what {
        Call::Create(path) if path.exists() => return None,
        Call::Open(_) | Call::Read(_) => return None,
        Call::Create(path) => Done::Create(path.to_owned()),
        Call::CreateFolder(path) => Done::CreateFolder(path.to_owned()),
        Call::Write { path, bytes, offset } => {
            Done::Write { path: path.to_owned(), bytes: bytes.to_owned(), offset }
        }
        Call::Cut { path, length } => Done::Cut { path: path.to_owned(), length },
        Call::Sync(path) => Done::Sync(path.to_owned()),
        Call::SyncFolder(path) => Done::SyncFolder(path.to_owned()),
        Call::Rename { from, to } => Done::Rename { from: from.to_owned(), to: to.to_owned() },
        Call::Remove(path) => Done::Remove(path.to_owned()),
    })
}

/// A folder for tests that make thousands of files: in memory where the system has such a place.
pub(crate) fn quick_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).unwrap()
}
