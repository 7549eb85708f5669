//! Power cuts: kill -9 cannot show what a missing fsync loses, because the system's cache survives it.
//! So the disk is modelled: of everything that the server did to it, every state is built in which a
//! power cut may leave it, and the server's own start must find every promise kept in each.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use super::story::{Place, Promises, Story, lay, with_promises};
use crate::{
    server::testing::{Person, Stage},
    store::{
        is_unfinished,
        power_cut::{Fate, Honoured, PowerModel},
        test_disk::{Done, TestDisk, quick_folder},
    },
};

/// How many different states must be looked at, at least.
const STATES_MIN: usize = 10_000;

/// States by chance for each moment of the story.
const CHANCES: u64 = 190;

/// A story as it was recorded: each change of the disk, and what was promised when it was made.
struct Recorded {
    folder: PathBuf,
    moments: Vec<(Done, Promises)>,
    all: Promises,
}

/// What came of looking at states.
#[derive(Debug, Default)]
struct Looked {
    states: usize,
    losses: Vec<String>,
}

/// Four people register, change passwords, meet, meet anew, and talk, several pairs at once.
fn record() -> Recorded {
    let folder = quick_folder();
    let path = folder.path().to_owned();
    let disk = TestDisk::under(&path);
    let story = Story::on(&disk);
    let stage = Stage::opened(folder, Duration::from_secs(600)).unwrap();
    for name in ["alice", "bob", "carol", "dave"] {
        assert!(story.registers(&stage, name));
    }
    let [mut alice, mut bob, mut carol, mut dave] =
        ["alice", "bob", "carol", "dave"].map(|name| story.enters(&stage, name));
    assert_eq!(story.meet(&stage, &mut alice, &mut bob), Some(1));
    assert_eq!(story.meet(&stage, &mut carol, &mut dave), Some(1));
    assert!(story.changes_key(&stage, "alice", 2));
    let at = |stream, counter, epoch| Place { stream, counter, epoch };
    for round in 0..5 {
        {
            // What is sent meanwhile waits together for the disk.
            let _waiting = disk.hold_syncs();
            for counter in round * 4..round * 4 + 4 {
                story.sends(&mut alice, "bob", at(1, counter, 1));
                story.sends(&mut carol, "dave", at(2, counter, 1));
                story.sends(&mut bob, "alice", at(3, counter, 1));
                // What is stored already, again.
                story.sends(&mut alice, "bob", at(1, counter, 1));
            }
        }
        stage.hall.committer.drain(Duration::from_secs(20));
        let mark = u8::try_from(round).unwrap() + 10;
        assert!(story.changes_key(&stage, "bob", mark));
        assert!(story.registers(&stage, &format!("guest{round}")));
    }
    alice.leaves("bob");
    assert_eq!(story.meet(&stage, &mut alice, &mut bob), Some(2));
    dave.leaves("carol");
    alice.leaves("bob");
    assert_eq!(story.meet(&stage, &mut alice, &mut dave), Some(1));
    let pairs: [(&mut Person, &str, u32); 3] =
        [(&mut alice, "dave", 1), (&mut bob, "alice", 2), (&mut dave, "alice", 1)];
    for (sender, peer, epoch) in pairs {
        for counter in 0..3 {
            assert!(story.says(&stage, sender, peer, at(7, counter, epoch)));
        }
    }
    let all = story.promises();
    disk.heal();
    Recorded { folder: path, moments: with_promises(&disk.done(), &all), all }
}

/// Looks at the states after each of the story's moments, until `enough` losses are found.
fn look(recorded: &Recorded, honoured: Honoured, chances: u64, enough: usize) -> Looked {
    let looked = Mutex::new(Looked::default());
    let seen = Mutex::new(HashSet::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (looked, seen) = (&looked, &seen);
            scope.spawn(move || {
                let scratch = quick_folder();
                let data = scratch.path().join("data");
                let mut model = PowerModel::new(honoured);
                for (moment, (change, promises)) in recorded.moments.iter().enumerate() {
                    model.change(change);
                    if moment % threads != thread {
                        continue;
                    }
                    for fate in fates(moment, chances) {
                        let left = model.left(fate);
                        if !seen.lock().unwrap().insert(fingerprint(&left, promises)) {
                            continue;
                        }
                        lay(&left, &recorded.folder, &data);
                        let kept = promises.kept_in(&data);
                        let mut looked = looked.lock().unwrap();
                        looked.states += 1;
                        if let Err(loss) = kept {
                            let change = format!("{change:?}");
                            let change = change.get(..60).unwrap_or(&change);
                            looked.losses.push(format!("after change {moment}, {change}, {fate:?}: {loss}"));
                        }
                        if looked.losses.len() >= enough {
                            return;
                        }
                    }
                }
            });
        }
    });
    looked.into_inner().unwrap()
}

fn fates(moment: usize, chances: u64) -> impl Iterator<Item = Fate> {
    let seed = moment as u64 * 1_000_003;
    [Fate::Lost, Fate::Arrived].into_iter().chain((0..chances).map(move |chance| Fate::Some(seed + chance)))
}

/// Two states are one if the disk has the same and the same was promised.
fn fingerprint(left: &crate::store::power_cut::Left, promises: &Promises) -> u64 {
    let mut hasher = DefaultHasher::new();
    left.hash(&mut hasher);
    promises.count().hash(&mut hasher);
    hasher.finish()
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "txt")
}

/// The files that are in use, by the names under which they are then.
fn is_of_the_journal(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("journal-"))
}

#[test]
fn after_a_power_cut_at_any_moment_every_promise_is_kept() {
    let started = Instant::now();
    let recorded = record();
    let looked = look(&recorded, |_| true, CHANCES, 10);
    assert!(looked.losses.is_empty(), "of {}:\n{}", looked.states, looked.losses.join("\n"));
    assert!(looked.states >= STATES_MIN, "only {} states", looked.states);
    let again = |done: &&Done| matches!(done, Done::Write { path, offset: 0, .. } if is_of_the_journal(path));
    let used = recorded.moments.iter().map(|(done, _)| done).filter(again).count();
    assert!(used > 3, "the journal's files were begun {used} times: neither was used again");
    println!(
        "{} states after {} changes, {} promises, {} of them messages: nothing lost; {:?}",
        looked.states,
        recorded.moments.len(),
        recorded.all.count(),
        recorded.all.messages(),
        started.elapsed()
    );
}

/// What a start does to mend a folder can itself be cut off, at any moment.
#[test]
fn after_a_second_power_cut_while_the_server_starts_every_promise_is_kept() {
    let recorded = record();
    let (mut model, mut states, mut mended) = (PowerModel::new(|_| true), 0, 0);
    let scratch = quick_folder();
    let data = scratch.path().join("data");
    for (moment, (change, promises)) in recorded.moments.iter().enumerate() {
        model.change(change);
        if moment % 4 != 0 {
            continue;
        }
        let first = model.left(Fate::Some(moment as u64));
        lay(&first, &recorded.folder, &data);
        let disk = TestDisk::under(&data);
        let read = promises.read_in(&data);
        disk.heal();
        assert_eq!(read, Ok(()), "after change {moment}");
        let files = first
            .into_iter()
            .map(|(path, content)| (data.join(path.strip_prefix(&recorded.folder).unwrap()), content));
        let mut starting = PowerModel::new(|_| true).holding(files.collect());
        for (second, change) in disk.done().iter().enumerate() {
            starting.change(change);
            mended += usize::from(matches!(change, Done::Cut { .. }));
            for fate in fates(moment + second, 6) {
                lay(&starting.left(fate), &data, &data);
                assert_eq!(
                    promises.kept_in(&data),
                    Ok(()),
                    "after {moment}, then {second}, {change:?}, {fate:?}"
                );
                states += 1;
            }
        }
    }
    assert!(mended > 2, "only {mended} torn or zeroed ends were set aside");
    println!("{states} states within starts that set {mended} ends aside: nothing lost");
}

/// The control: a server without one of its kinds of sync is seen to lose what it promised.
#[test]
fn without_any_one_kind_of_sync_promises_are_lost() {
    let recorded = record();
    let without: [(&str, Honoured); 6] = [
        ("no sync at all", |_| false),
        ("no sync of the journal", |done| !matches!(done, Done::Sync(path) if is_of_the_journal(path))),
        ("no sync of logs", |done| !matches!(done, Done::Sync(path) if is_log(path))),
        (
            "no sync of new files before they are named",
            |done| !matches!(done, Done::Sync(path) if is_unfinished(path)),
        ),
        (
            "no sync of the data folder",
            |done| !matches!(done, Done::SyncFolder(path) if !path.ends_with("conversations")),
        ),
        (
            "no sync of the folder of conversations",
            |done| !matches!(done, Done::SyncFolder(path) if path.ends_with("conversations")),
        ),
    ];
    for (what, honoured) in without {
        let looked = look(&recorded, honoured, 3, 1);
        println!("{what}: lost in one of {} states: {:?}", looked.states, looked.losses.first());
        assert!(!looked.losses.is_empty(), "{what}: nothing was lost in {} states", looked.states);
    }
}
