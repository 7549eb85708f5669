//! What the journal promises, on real files.

use std::{fs, time::Duration};

use super::*;
use crate::{
    server::{
        commit::{Committer, Lines},
        conversation_log::{Written, file_name},
        limits::{LOG_SYNC_THREADS_MAX, LOGS_PER_SYNC_THREAD},
        log_index::Run,
        logs::Logs,
        parcel::Parcel,
        testing::Recorder,
    },
    store::test_disk::{Done, Fault, TestDisk},
    wire::{Body, Bytes, Header, Pair},
};

const BYTES: u64 = 32 * 1024;
const UNSYNCED_MAX: usize = 20;
const LONG: Duration = Duration::from_secs(20);

/// A server's storage without the server.
struct Fixture {
    data: PathBuf,
    logs: Logs,
    committer: Committer,
}

fn body(stream: u8, counter: u64) -> Body {
    let header = Header { epoch: 1, stream: Bytes([stream; 16]), counter, previous: Bytes([0; 32]) };
    Body::new(&header, &[stream; 144]).unwrap()
}

fn pair(text: &str) -> Pair {
    text.parse().unwrap()
}

fn log_of(data: &Path, name: &str) -> PathBuf {
    data.join(LOGS_FOLDER).join(file_name(&pair(name)))
}

impl Fixture {
    /// What a start does; and what it found.
    fn opens(data: &Path) -> (Self, heal::Healed) {
        let fail_stop = FailStop::default();
        let healed = heal(data).unwrap();
        let (logs, _) = Logs::open(data, 8, Run::new(healed.clean), fail_stop.clone()).unwrap();
        let journal = Journal::open(data, BYTES, UNSYNCED_MAX, fail_stop.clone()).unwrap();
        let committer = Committer::start(journal, fail_stop).unwrap();
        (Self { data: data.to_owned(), logs, committer }, healed)
    }

    /// Stores a message of the pair's lower name, and waits until it is stored; its number.
    fn stores(&self, name: &str, counter: u64) -> u64 {
        let (log, (_, to)) = (self.logs.get(&pair(name)), Recorder::new(1));
        let mut room = self.committer.room(1000);
        let mut number = 0;
        let mut bring = |lines, in_doubt| {
            let frame = outgoing();
            room.take().unwrap().fill(Work { log: Arc::clone(&log), lines, in_doubt, to: to.clone(), frame });
        };
        let written = |Written { number: first, lines, offset, in_doubt, .. }: Written| {
            number = first;
            bring(Some(Lines { offset, bytes: lines }), in_doubt);
        };
        let parcel = Parcel::of(pair(name).higher(), &[body(1, counter)]);
        let again = log.append(pair(name).lower(), parcel.after(0).unwrap(), written).unwrap();
        if let Some(again) = again {
            number = again.number;
            bring(None, again.in_doubt);
        }
        assert!(self.committer.drain(LONG));
        number
    }
}

fn outgoing() -> Vec<u8> {
    crate::server::outgoing::frame(&crate::wire::Event::LoggedIn {}).unwrap()
}

/// The lines of `alice+bob` that the journal holds.
fn held_lines(data: &Path) -> usize {
    held(data).unwrap().0.values().map(std::collections::BTreeMap::len).sum()
}

/// Logs of many pairs, each with a line that the disk does not have yet.
fn many_logs(data: &Path, fail_stop: &FailStop) -> Unsynced {
    let (logs, _) = Logs::open(data, 512, Run::new(true), fail_stop.clone()).unwrap();
    let count = LOGS_PER_SYNC_THREAD * (LOG_SYNC_THREADS_MAX + 1);
    let log = |number: usize| {
        let name = format!("alice+bob{number}");
        let log = logs.get(&pair(&name));
        let parcel = Parcel::of(pair(&name).higher(), &[body(1, 0)]);
        assert_eq!(log.append(pair(&name).lower(), parcel.after(0).unwrap(), |_| {}).unwrap(), None);
        (Arc::as_ptr(&log).addr(), log)
    };
    (0..count).map(log).collect()
}

#[test]
fn many_logs_are_brought_to_the_disk_at_the_same_time_and_each_once() {
    let data = tempfile::tempdir().unwrap();
    let fail_stop = FailStop::default();
    let logs = many_logs(data.path(), &fail_stop);
    let disk = TestDisk::under(data.path());
    let folder = data.path().join(LOGS_FOLDER);
    sync_logs(&logs, &folder, &fail_stop).unwrap();
    let done = disk.done();
    disk.heal();
    let mut synced: Vec<_> = done.iter().filter(|done| matches!(done, Done::Sync(_))).collect();
    synced.sort_by_key(|done| format!("{done:?}"));
    synced.dedup();
    assert_eq!(synced.len(), logs.len());
    // Their names last.
    assert_eq!(done.last(), Some(&Done::SyncFolder(folder)));
    assert_eq!(done.len(), logs.len() + 1);
}

#[test]
fn of_many_logs_one_that_fails_stops_all() {
    let data = tempfile::tempdir().unwrap();
    let fail_stop = FailStop::default();
    let logs = many_logs(data.path(), &fail_stop);
    let disk = TestDisk::under(data.path());
    disk.fail(40, Fault::Error);
    let brought = sync_logs(&logs, &data.path().join(LOGS_FOLDER), &fail_stop);
    let sites = disk.sites();
    disk.heal();
    assert!(matches!(brought, Err(LogError::Store(_))), "{brought:?}");
    assert!(fail_stop.stopped());
    // What was under way ends; the folder is not called synced.
    assert!(sites.len() <= 41 + LOG_SYNC_THREADS_MAX, "{}", sites.len());
    assert!(sites.iter().all(|site| site.call == "sync"));
}

#[test]
fn a_message_is_in_the_journal_until_a_good_end_and_then_in_its_log_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (fixture, found) = Fixture::opens(folder.path());
    assert!(!found.clean, "nothing is known of a folder without a journal");
    for counter in 0..3 {
        assert_eq!(fixture.stores("alice+bob", counter), counter + 1);
    }
    assert_eq!(held_lines(&fixture.data), 3);
    assert!(fixture.committer.close(LONG));
    assert_eq!(held_lines(&fixture.data), 0);
    drop(fixture);
    let (fixture, found) = Fixture::opens(folder.path());
    assert_eq!(found, heal::Healed { clean: true, lines: 0, torn: 0 });
    drop(fixture);
    assert!(!heal(folder.path()).unwrap().clean, "a server that runs has not ended well");
}

#[test]
fn what_a_log_lost_is_brought_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (fixture, _) = Fixture::opens(folder.path());
    for counter in 0..10 {
        fixture.stores("alice+bob", counter);
        fixture.stores("carol+dave", counter);
    }
    drop(fixture);
    let [alice, carol] = ["alice+bob", "carol+dave"].map(|name| log_of(folder.path(), name));
    let whole = [fs::read(&alice).unwrap(), fs::read(&carol).unwrap()];
    type Loss = fn(&[u8]) -> Vec<u8>;
    let losses: [Loss; 5] = [
        |whole| whole[..whole.len() - 100].to_vec(),
        |whole| whole[..whole.len() / 2].to_vec(),
        |whole| [&whole[..400], &vec![0; 900], &whole[1300..]].concat(),
        |whole| [whole, b"2026-11-22T23:29:01.123Z bob 11 half"].concat(),
        |whole| [whole, &[0; 700], b"\n"].concat(),
    ];
    for lost in losses {
        fs::write(&alice, lost(&whole[0])).unwrap();
        // The file itself, too.
        fs::remove_file(&carol).unwrap();
        for _ in 0..2 {
            heal(folder.path()).unwrap();
            assert_eq!([fs::read(&alice).unwrap(), fs::read(&carol).unwrap()], whole);
        }
    }
    let (fixture, _) = Fixture::opens(folder.path());
    assert_eq!(fixture.stores("alice+bob", 10), 11);
    assert_eq!(fixture.stores("alice+bob", 3), 4, "what is stored is found again");
}

#[test]
fn whole_lines_that_nobody_was_told_of_stay_and_anything_else_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (fixture, _) = Fixture::opens(folder.path());
    fixture.stores("alice+bob", 0);
    drop(fixture);
    let path = log_of(folder.path(), "alice+bob");
    let journaled = fs::read(&path).unwrap();
    // Written by a server that was killed before the journal had them.
    let log = Log::new(path.parent().unwrap(), pair("alice+bob"), Run::new(true), FailStop::default());
    let parcel = Parcel::of(pair("alice+bob").higher(), &[body(1, 1)]);
    log.append(pair("alice+bob").lower(), parcel.after(0).unwrap(), |_| ()).unwrap();
    let both = fs::read(&path).unwrap();
    fs::write(&path, [&both[..], b"half"].concat()).unwrap();
    let healed = heal(folder.path()).unwrap();
    assert_eq!((healed.lines, healed.torn), (0, 1));
    assert_eq!(fs::read(&path).unwrap(), both);
    // Something else where a stored message was: the message is there again, and that is not lost.
    let mut other = both.clone();
    other[30..40].copy_from_slice(b"other text");
    fs::write(&path, &other).unwrap();
    assert_eq!(heal(folder.path()).unwrap().lines, 1);
    assert_eq!(fs::read(&path).unwrap(), both);
    let aside = fs::read_to_string(path.with_extension("txt.torn")).unwrap();
    assert!(aside.contains("other text") && aside.starts_with("half\n"), "{aside}");
    assert!(both.starts_with(&journaled));
}

#[test]
fn a_log_that_was_taken_away_is_not_made_of_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let (fixture, _) = Fixture::opens(folder.path());
    fixture.stores("alice+bob", 0);
    assert!(fixture.committer.close(LONG));
    drop(fixture);
    let (fixture, _) = Fixture::opens(folder.path());
    fixture.stores("alice+bob", 1);
    drop(fixture);
    let path = log_of(folder.path(), "alice+bob");
    fs::remove_file(&path).unwrap();
    heal(folder.path()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"");
    let aside = fs::read_to_string(path.with_extension("txt.torn")).unwrap();
    assert!(aside.contains(" alice 2 "), "{aside}");
}

#[test]
fn a_full_file_is_used_again_once_its_logs_are_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let disk = TestDisk::under(folder.path());
    let (fixture, _) = Fixture::opens(folder.path());
    for counter in 0..400 {
        fixture.stores("alice+bob", counter);
    }
    drop(fixture);
    disk.heal();
    let log = log_of(folder.path(), "alice+bob");
    let done = disk.done();
    let synced = done.iter().filter(|done| **done == Done::Sync(log.clone())).count();
    assert!((2..20).contains(&synced), "{synced} syncs of a log of 400 messages");
    let grown = fs::metadata(folder.path().join(FILES[0])).unwrap().len();
    assert!(grown >= BYTES * JOURNAL_GROWTH, "what was filled becomes longer: {grown}");
    assert!(held_lines(folder.path()) < 400);
}

#[test]
fn where_the_journal_takes_nothing_the_logs_themselves_go_to_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let disk = TestDisk::under(folder.path());
    let (fixture, _) = Fixture::opens(folder.path());
    fixture.stores("alice+bob", 0);
    let before = disk.done().len();
    // After its line was written to its log.
    disk.fail(disk.sites().len() + 1, Fault::Error);
    assert_eq!(fixture.stores("alice+bob", 1), 2);
    disk.recovers();
    let synced = Done::Sync(log_of(folder.path(), "alice+bob"));
    assert!(disk.done()[before..].contains(&synced));
    assert_eq!(fixture.stores("alice+bob", 2), 3);
    drop(fixture);
    disk.heal();
    assert_eq!(held_lines(folder.path()), 2, "the second is not in it");
    assert_eq!(heal(folder.path()).unwrap().lines, 0);
}

#[test]
fn many_logs_are_brought_to_the_disk_before_they_are_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let disk = TestDisk::under(folder.path());
    drop(Journal::open(folder.path(), BYTES * 8, UNSYNCED_MAX, FailStop::default()).unwrap());
    let (fixture, _) = Fixture::opens(folder.path());
    for n in 0..UNSYNCED_MAX + 1 {
        fixture.stores(&format!("alice+b{n}"), 0);
    }
    assert!(fixture.committer.close(LONG));
    disk.heal();
    let synced = disk.done().into_iter().filter(|done| match done {
        Done::Sync(path) => path.extension().is_some_and(|extension| extension == "txt"),
        _ => false,
    });
    assert_eq!(synced.count(), UNSYNCED_MAX + 1);
}

#[test]
fn a_disk_without_room_for_the_journal_says_so_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let disk = TestDisk::under(folder.path());
    disk.fail(0, Fault::FullFromThen);
    let refused = Journal::open(folder.path(), BYTES, UNSYNCED_MAX, FailStop::default());
    disk.heal();
    let Err(ServerError::Store(reason)) = refused.map(|_| ()) else { panic!("it started") };
    assert!(reason.hint().unwrap().contains("full"), "{reason}");
}
