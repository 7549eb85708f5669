//! All pairs' logs, and which of them are open.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use tracing::warn;

use super::{
    conversation_log::{Log, LogError, file_name, pair_of},
    fail_stop::FailStop,
    log_file::last_number,
    log_index::{Run, is_index},
};
use crate::{
    store::{self, StoreError},
    wire::Pair,
};

/// The folder's name in the data folder.
pub(super) const LOGS_FOLDER: &str = "conversations";

/// The logs of a data folder. The lock guards only the table, and is never held while a file is touched.
#[derive(Debug)]
pub(super) struct Logs {
    folder: PathBuf,
    open_max: usize,
    run: Run,
    table: Mutex<Table>,
    fail_stop: FailStop,
}

#[derive(Debug, Default)]
struct Table {
    logs: HashMap<Pair, (Arc<Log>, u64)>,
    /// Counts the uses: the lowest was used longest ago.
    uses: u64,
}

impl Logs {
    /// Opens the folder; how many logs it has. None of them is opened before it is used.
    pub(super) fn open(
        data: &Path,
        open_max: usize,
        run: Run,
        fail_stop: FailStop,
    ) -> Result<(Self, usize), StoreError> {
        let folder = data.join(LOGS_FOLDER);
        store::create_folder(&folder)?;
        // A server that was killed may have made a log whose name is not on the disk yet.
        store::sync_folder(&folder)?;
        let mut count = 0;
        for path in store::list(&folder)? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if pair_of(name).is_some() {
                count += 1;
            } else if !name.ends_with(".torn") && !is_index(&path) {
                warn!(file = ?path, "a file among the conversations that is none of them");
            }
        }
        Ok((Self { folder, open_max, run, table: Mutex::default(), fail_stop }, count))
    }

    /// Whether any conversation has been stored here.
    pub(super) fn any(data: &Path) -> Result<bool, StoreError> {
        match store::list(&data.join(LOGS_FOLDER)) {
            Ok(files) => Ok(!files.is_empty()),
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The number of the last entry of a pair's log. A log that is not open stays so: who looks at all
    /// their contacts does not put everybody else's logs out of memory.
    pub(super) fn last(&self, pair: &Pair) -> Result<u64, LogError> {
        let open = self.table.lock().logs.get(pair).map(|(log, _)| Arc::clone(log));
        if let Some(log) = open {
            return log.last();
        }
        let path = self.folder.join(file_name(pair));
        let Some(file) = store::open(&path)? else { return Ok(0) };
        match last_number(&file, &path)? {
            Some(number) => Ok(number),
            // Empty, or with a last line that is not whole: that is for the log itself to judge.
            None => self.get(pair).last(),
        }
    }

    /// A pair's log. The one longest unused is forgotten when too many are open; one that is in use
    /// anywhere stays, because two of one file would number their lines alike.
    pub(super) fn get(&self, pair: &Pair) -> Arc<Log> {
        let (log, forgotten) = self.look_up(pair);
        // Once the table is free again.
        if let Some(forgotten) = forgotten {
            forgotten.put_aside();
        }
        log
    }

    /// Has every long log's end read quickly at the next start.
    pub(super) fn put_aside(&self) {
        let logs: Vec<Arc<Log>> = self.table.lock().logs.values().map(|(log, _)| Arc::clone(log)).collect();
        logs.iter().for_each(|log| log.put_aside());
    }

    /// A pair's log, and the one that is forgotten for it.
    fn look_up(&self, pair: &Pair) -> (Arc<Log>, Option<Arc<Log>>) {
        let mut table = self.table.lock();
        table.uses += 1;
        let now = table.uses;
        if let Some((log, used)) = table.logs.get_mut(pair) {
            *used = now;
            return (Arc::clone(log), None);
        }
        let mut forgotten = None;
        if table.logs.len() >= self.open_max {
            // Nobody gains a handle while the table is locked: a count of one stays one.
            let idle = table.logs.iter().filter(|(_, (log, _))| Arc::strong_count(log) == 1);
            if let Some(oldest) = idle.min_by_key(|(_, (_, used))| *used).map(|(pair, _)| pair.clone()) {
                forgotten = table.logs.remove(&oldest).map(|(log, _)| log);
            }
        }
        let log = Log::new(&self.folder, pair.clone(), self.run, self.fail_stop.clone());
        let log = Arc::new(log);
        table.logs.insert(pair.clone(), (Arc::clone(&log), now));
        (log, forgotten)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_start_counts_logs_and_opens_none() {
        let data = tempfile::tempdir().unwrap();
        let (logs, count) = Logs::open(data.path(), 2, Run::new(true), FailStop::default()).unwrap();
        assert_eq!(count, 0);
        fs::write(logs.folder.join("alice+bob.txt"), "a\n").unwrap();
        fs::write(logs.folder.join("carol+dave.txt"), "a\nhalf").unwrap();
        fs::write(logs.folder.join("carol+dave.txt.torn"), "half").unwrap();
        let (_, count) = Logs::open(data.path(), 2, Run::new(true), FailStop::default()).unwrap();
        assert_eq!(count, 2);
        assert_eq!(fs::read_to_string(logs.folder.join("carol+dave.txt")).unwrap(), "a\nhalf");
    }

    #[test]
    fn a_log_in_use_is_never_opened_twice() {
        let data = tempfile::tempdir().unwrap();
        let (logs, _) = Logs::open(data.path(), 2, Run::new(true), FailStop::default()).unwrap();
        let pair = |n: u32| format!("a+b{n}").parse::<Pair>().unwrap();
        let held = logs.get(&pair(0));
        for n in 1..20 {
            drop(logs.get(&pair(n)));
        }
        assert!(Arc::ptr_eq(&held, &logs.get(&pair(0))));
        assert!(logs.table.lock().logs.len() <= 3);
    }
}
