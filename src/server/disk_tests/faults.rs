//! Every call to the disk fails, one after the other, in every way that a disk fails.
//!
//! Each test counts the calls of a story, then tells the story anew for each of them and each way, and
//! looks: what fails is refused with the one error for it, a failed sync stops the server, and whatever
//! was promised is there afterwards, once, on the healed disk and after a power cut as well.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use super::story::{Place, Promises, Story, files_of, lay};
use crate::{
    server::{
        Server, ServerConfig,
        testing::{JOURNAL_BYTES, Person, Stage},
    },
    store::{
        power_cut::{Fate, Left, PowerModel},
        test_disk::{Fault, Site, TestDisk, quick_folder},
    },
    transport::Fingerprint,
    wire::{
        Body, Bytes, ErrorCode, Header, Request,
        limits::{PADDED_BYTES_STEP, TAG_BYTES},
    },
};

/// What a power cut does in the end; two of them by chance.
const FATES: [Fate; 4] = [Fate::Lost, Fate::Arrived, Fate::Some(1), Fate::Some(2)];

/// What is there when a story begins: files, and what their people were promised.
#[derive(Debug, Clone)]
struct Before {
    folder: Arc<tempfile::TempDir>,
    promises: Promises,
}

/// How a story ended.
struct Ended {
    sites: Vec<Site>,
    promises: Promises,
    refusals: Vec<ErrorCode>,
    /// Whether the server stopped itself; `None` when it did not start.
    stopped: Option<bool>,
    /// The folder, healed.
    folder: tempfile::TempDir,
}

/// Tells a story on a disk on which one call fails.
fn tell(before: Option<&Before>, chapter: u8, fault: Option<(usize, Fault)>) -> Ended {
    let outer = quick_folder();
    let mut folder = tempfile::tempdir_in(outer.path()).unwrap();
    // It outlives the server that it is given to; `outer` deletes it.
    folder.disable_cleanup(true);
    let data = folder.path().to_owned();
    let mut model = PowerModel::new(|_| true);
    if let Some(before) = before {
        lay(&files_of(before.folder.path()), before.folder.path(), &data);
        model = model.holding(files_of(&data));
    }
    let disk = TestDisk::under(&data);
    if let Some((call, fault)) = fault {
        disk.fail(call, fault);
    }
    let story = Story::after(&disk, before.map(|before| &before.promises));
    let stopped = match Stage::opened(folder, Duration::from_secs(600)) {
        Ok(stage) => {
            talk(&story, &stage, chapter);
            Some(stage.failure.try_recv().is_ok())
        }
        Err(_) => None,
    };
    disk.heal();
    let promises = story.promises();
    disk.done().iter().for_each(|change| model.change(change));
    let after_cut = outer.path().join("after");
    for fate in FATES {
        lay(&model.left(fate), &data, &after_cut);
        kept(&promises, &after_cut, &disk.sites(), fault);
    }
    lay(&files_of(&data), &data, &after_cut);
    kept(&promises, &after_cut, &disk.sites(), fault);
    let sites = disk.sites();
    // From here on the folder of the story is the one that is given back.
    let back = quick_folder();
    lay(&files_of(&data), &data, back.path());
    Ended { sites, promises, refusals: story.refusals(), stopped, folder: back }
}

fn kept(promises: &Promises, data: &Path, sites: &[Site], fault: Option<(usize, Fault)>) {
    if let Err(loss) = promises.kept_in(data) {
        let site = fault.and_then(|(call, _)| sites.get(call));
        panic!("{fault:?} at {site:?}: {loss}");
    }
}

/// People do a little of everything. What fails is tried once more, as people do.
fn talk(story: &Arc<Story>, stage: &Stage, chapter: u8) {
    let there = ["alice", "bob", "carol"].map(|name| story.registers(stage, name));
    if there != [true; 3] {
        return;
    }
    let [mut alice, mut bob, mut carol] = ["alice", "bob", "carol"].map(|name| story.enters(stage, name));
    let _ = story.changes_key(stage, "alice", chapter) || story.changes_key(stage, "alice", chapter);
    pair_up(story, stage, chapter, &mut bob, &mut carol);
    pair_up(story, stage, chapter, &mut alice, &mut bob);
    alice.asks(Request::Read { peer: bob.name(), from: 1, count: 20 });
}

/// Two people meet under a new key, talk, and leave.
fn pair_up(story: &Story, stage: &Stage, chapter: u8, one: &mut Person, other: &mut Person) {
    let Some(epoch) = (0..2).find_map(|_| story.meet(stage, one, other)) else { return };
    for counter in 0..3 {
        let at = Place { stream: chapter, counter, epoch };
        let said = story.says(stage, one, other.name().as_str(), at)
            && story.says(stage, other, one.name().as_str(), at);
        if !said {
            break;
        }
    }
    one.leaves(other.name().as_str());
}

/// Tells a story with every call failing in every way; gives how many that were.
fn sweep(before: Option<&Before>, chapter: u8) -> usize {
    let clean = tell(before, chapter, None);
    assert_eq!((clean.stopped, &clean.refusals[..]), (Some(false), &[][..]));
    let calls = clean.sites.len();
    let cases: Vec<(usize, Fault)> =
        (0..calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (cases, clean) = (&cases, &clean);
            scope.spawn(move || {
                for &(call, fault) in cases.iter().skip(thread).step_by(threads) {
                    let ended = tell(before, chapter, Some((call, fault)));
                    judge(&ended, clean, call, fault);
                }
            });
        }
    });
    let sites: BTreeSet<&Site> = clean.sites.iter().collect();
    println!("{} cases: {calls} calls from {} places in {} ways", cases.len(), sites.len(), Fault::ALL.len());
    cases.len()
}

/// What must be true of a story in which one call failed.
fn judge(ended: &Ended, clean: &Ended, call: usize, fault: Fault) {
    let site = &clean.sites[call];
    let case = format!("{fault:?} at call {call}, {site:?}");
    assert!(ended.refusals.iter().all(|code| *code == ErrorCode::Storage), "{case}: {:?}", ended.refusals);
    if matches!(fault, Fault::DeadFromThen | Fault::FullFromThen | Fault::ShortThenDead) {
        return;
    }
    let Some(stopped) = ended.stopped else { return };
    let syncs = matches!(site.call, "sync" | "sync folder") && fault != Fault::Short;
    assert_eq!(stopped, syncs, "{case}: a server stops after a failed sync, and after nothing else");
    if !stopped {
        assert_eq!(ended.promises.count(), clean.promises.count(), "{case}: a second try goes well");
    }
}

#[test]
fn whatever_fails_in_a_new_folder_nothing_promised_is_lost() {
    assert!(sweep(None, 2) > 300);
}

#[test]
fn whatever_fails_in_a_folder_that_a_crash_left_nothing_promised_is_lost() {
    let first = tell(None, 2, None);
    let data = first.folder.path();
    let conversations = data.join("conversations");
    let append = |name: &str, bytes: &[u8]| {
        let mut all = std::fs::read(conversations.join(name)).unwrap();
        all.extend_from_slice(bytes);
        std::fs::write(conversations.join(name), all).unwrap();
    };
    append("bob+carol.txt", b"2026-11-22T23:29:01.123Z bob 7 half of a li");
    append("alice+bob.txt", b"\0\0\0\0\0\0\0\0 of which only the end arrived\n");
    std::fs::write(data.join(".unfinished-1"), b"{").unwrap();
    let before = Before { promises: first.promises, folder: Arc::new(first.folder) };
    assert!(sweep(Some(&before), 3) > 300);
}

#[test]
fn a_part_of_a_line_is_gone_before_another_line_is_written() {
    for fault in [Fault::Short, Fault::ShortThenDead] {
        let folder = quick_folder();
        let log = folder.path().join("conversations/alice+bob.txt");
        let disk = TestDisk::under(folder.path());
        let story = Story::on(&disk);
        let stage = Stage::opened(folder, Duration::from_secs(600)).unwrap();
        assert!(story.registers(&stage, "alice") && story.registers(&stage, "bob"));
        let [mut alice, mut bob] = ["alice", "bob"].map(|name| story.enters(&stage, name));
        assert_eq!(story.meet(&stage, &mut alice, &mut bob), Some(1));
        let at = |counter| Place { stream: 1, counter, epoch: 1 };
        assert!(story.says(&stage, &mut alice, "bob", at(0)));
        // Much longer than what is written next, so that its half is, too.
        let header = Header { epoch: 1, stream: Bytes([9; 16]), counter: 0, previous: Bytes([0; 32]) };
        let long = Body::new(&header, &[9; PADDED_BYTES_STEP * 30 + TAG_BYTES]).unwrap();
        disk.fail(disk.sites().len(), fault);
        alice.asks(Request::Send { peer: bob.name(), body: long });
        assert_eq!(story.refusals(), [ErrorCode::Storage]);
        disk.recovers();
        assert!(story.says(&stage, &mut bob, "alice", at(0)), "{fault:?}");
        let text = std::fs::read_to_string(log).unwrap();
        assert_eq!((text.lines().count(), text.ends_with('\n')), (2, true), "{fault:?}");
        assert_eq!(story.promises().kept_in(stage.folder.path()), Ok(()), "{fault:?}");
        assert!(stage.failure.is_empty(), "a failed write stops nothing");
        disk.heal();
    }
}

/// Starts a whole server, sockets and all, and stops it; the fingerprint that it announced.
fn start(data: &Path) -> Option<Fingerprint> {
    let mut config = ServerConfig::new(data.to_owned());
    config.journal_bytes = JOURNAL_BYTES;
    config.listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let server = Server::start(config).ok()?;
    let fingerprint = server.announcement().fingerprint;
    server.stop();
    Some(fingerprint)
}

#[test]
fn whatever_fails_at_the_first_start_an_announced_key_stays_the_key() {
    let tell = |fault: Option<(usize, Fault)>| {
        let outer = quick_folder();
        // Nothing is there at the start, not even the folder.
        let data = outer.path().join("deep/data");
        let disk = TestDisk::under(outer.path());
        if let Some((call, fault)) = fault {
            disk.fail(call, fault);
        }
        let announced = start(&data);
        disk.heal();
        let mut model = PowerModel::new(|_| true);
        disk.done().iter().for_each(|change| model.change(change));
        let left: Vec<Left> = FATES.map(|fate| model.left(fate)).into();
        let after_cut = outer.path().join("after");
        for left in left {
            lay(&left, &data, &after_cut);
            let again = start(&after_cut);
            assert!(again.is_some(), "{fault:?}: no start after a power cut");
            assert!(announced.is_none() || announced == again, "{fault:?}: another key after a power cut");
        }
        let again = start(&data);
        assert!(
            again.is_some() && (announced.is_none() || announced == again),
            "{fault:?}: on the healed disk"
        );
        disk.sites()
    };
    let sites = tell(None);
    for call in 0..sites.len() {
        for fault in Fault::ALL {
            tell(Some((call, fault)));
        }
    }
    println!("{} calls at the first start", sites.len());
}
