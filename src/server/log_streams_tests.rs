//! What a log promises of its streams however many there are, on real files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::{
    server::{
        conversation_log::{Log, LogError},
        fail_stop::FailStop,
        limits::INDEX_EVERY_LINES,
        log_index::{self, Run},
        log_line,
        parcel::Parcel,
    },
    store::test_disk::{Fault, TestDisk},
    wire::{Body, Bytes, Entry, Header, Username},
};

/// More than are in memory, and more than the first part of a table is for.
const MANY: u64 = 3000;

fn stream(number: u64) -> StreamId {
    Bytes([number.to_be_bytes(), [7; 8]].concat().try_into().unwrap())
}

fn body(number: u64, counter: u64, mark: u8) -> Body {
    let header = Header { epoch: 1, stream: stream(number), counter, previous: Bytes([0; 32]) };
    Body::new(&header, &[mark; 144]).unwrap()
}

fn path(folder: &Path) -> PathBuf {
    folder.join("alice+bob.txt")
}

/// The log, read anew by a run of the server.
fn log(folder: &Path, run: Run) -> Log {
    Log::new(folder, "alice+bob".parse().unwrap(), run, FailStop::default())
}

/// Stores a message of alice, or finds it: its number, and whether it was new.
fn store(log: &Log, body: &Body) -> Result<(u64, bool), LogError> {
    let alice: Username = "alice".parse().unwrap();
    let parcel = Parcel::of(&alice, std::slice::from_ref(body));
    let mut number = None;
    let again = log.append(&alice, parcel.after(0).unwrap(), |written| number = Some(written.number))?;
    Ok((again.map(|again| again.number).or(number).unwrap(), again.is_none()))
}

/// A log with one message in each of so many streams.
fn with_streams(folder: &Path, count: u64) -> Log {
    let log = log(folder, Run::new(true));
    for number in 0..count {
        assert_eq!(store(&log, &body(number, 0, 1)).unwrap(), (number + 1, true));
    }
    log
}

/// Each of these streams is known: the message is found, another body and a gap are refused.
fn knows(log: &Log, streams: impl IntoIterator<Item = u64>) {
    for number in streams {
        assert_eq!(store(log, &body(number, 0, 1)).unwrap(), (number + 1, false), "{number}");
        assert!(matches!(store(log, &body(number, 0, 2)), Err(LogError::Different)), "{number}");
        assert!(matches!(store(log, &body(number, 2, 1)), Err(LogError::OutOfOrder)), "{number}");
    }
}

const SOME: [u64; 8] = [0, 1, 511, 512, 1023, 1024, 2047, MANY - 1];

#[test]
fn so_many_streams_are_in_memory_and_each_of_the_others_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = path(folder.path());
    let mut streams = Streams::default();
    for number in 0..5000 {
        let key = (Sender::Higher, stream(number));
        assert_eq!(streams.next(&log, &key).unwrap(), 0);
        streams.hold(&log, &key, 0).unwrap();
        streams.count(key, 0..number + 1, number * 3 + 1);
        assert!(streams.recent.len() <= STREAMS_IN_MEMORY_MAX);
        assert_eq!(log_table::path_of(&log).exists(), number as usize >= STREAMS_IN_MEMORY_MAX);
    }
    for number in 0..5000 {
        let key = (Sender::Higher, stream(number));
        assert_eq!(streams.next(&log, &key).unwrap(), number + 1);
        for counter in [0, number / 2, number] {
            let near = number * 3 + 1 + counter / COUNTERS_PER_MARK * COUNTERS_PER_MARK;
            assert_eq!(streams.near(&log, &key, counter).unwrap(), near, "{number} {counter}");
        }
        assert_eq!(streams.next(&log, &(Sender::Lower, stream(number))).unwrap(), 0, "the other's");
    }
    // One that goes on still begins where it began.
    let key = (Sender::Higher, stream(7));
    assert!(!streams.recent.contains_key(&key));
    streams.hold(&log, &key, 8).unwrap();
    assert_eq!(streams.near(&log, &key, 0).unwrap(), 22);
}

#[test]
fn which_stream_was_used_last_is_known_after_a_start() {
    let recent: Vec<_> = (0..100).map(|at| ((Sender::Lower, stream(at)), Stream::default())).collect();
    let mut streams = Streams::of(recent.clone(), Table::default());
    let order = |streams: &Streams| streams.recent().iter().map(|(key, _)| **key).collect::<Vec<_>>();
    let mut keys: Vec<Key> = recent.into_iter().map(|(key, _)| key).collect();
    assert_eq!(order(&streams), keys);
    streams.hold(Path::new("no table is asked"), &keys[3], 0).unwrap();
    let used = keys.remove(3);
    keys.push(used);
    assert_eq!(order(&streams), keys);
}

#[test]
fn of_a_long_stream_the_newest_marks_are_in_memory_and_no_more_than_so_many() {
    let folder = tempfile::tempdir().unwrap();
    let (log, key) = (path(folder.path()), (Sender::Lower, stream(1)));
    let mut streams = Streams::default();
    for mark in 0..4 * MARKS_IN_MEMORY_MAX as u64 {
        streams.hold(&log, &key, mark * COUNTERS_PER_MARK).unwrap();
        streams.count(
            key,
            mark * COUNTERS_PER_MARK..(mark + 1) * COUNTERS_PER_MARK,
            mark * COUNTERS_PER_MARK + 1,
        );
        let marks = streams.recent[&key].marks.len();
        let fewest = usize::try_from(mark).unwrap().min(MARKS_IN_MEMORY_MAX / 2);
        assert!((fewest..=MARKS_IN_MEMORY_MAX).contains(&marks), "{marks} after {mark}");
    }
}

#[test]
fn without_a_table_what_is_in_memory_is_bounded_and_searched_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let log = path(folder.path());
    fs::create_dir(log_table::path_of(&log)).unwrap();
    let mut streams = Streams { older: Older::Lost, ..Streams::default() };
    for number in 0..MANY {
        let key = (Sender::Lower, stream(number));
        streams.hold(&log, &key, 1000).unwrap();
        streams.count(key, 1000..1001, 5000 + number);
        assert!(streams.recent.len() <= STREAMS_IN_MEMORY_MAX);
        assert_eq!(streams.near(&log, &key, 600).unwrap(), 1);
    }
}

#[test]
fn the_last_of_a_few_long_lines_is_read_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let live = log(folder.path(), Run::new(true));
    let long = |number| Body::new(body(number, 0, 1).header(), &[1; 72 * 128 + 16]).unwrap();
    for number in 0..3 {
        store(&live, &long(number)).unwrap();
    }
    for log in [live, log(folder.path(), Run::new(true))] {
        assert_eq!(log.read(3, 1, usize::MAX, 0).unwrap().entries[0].number, 3);
        assert_eq!(store(&log, &long(2)).unwrap(), (3, false));
    }
}

#[test]
fn a_stream_that_is_used_stays_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let log = path(folder.path());
    let mut streams = Streams::default();
    let used = (Sender::Lower, stream(u64::MAX));
    for number in 0..MANY {
        for key in [used, (Sender::Lower, stream(number))] {
            let next = streams.next(&log, &key).unwrap();
            streams.hold(&log, &key, next).unwrap();
            streams.count(key, next..next + 1, number + 1);
        }
        assert!(streams.recent.contains_key(&used));
    }
}

#[test]
fn a_message_of_an_old_stream_is_found_again_and_the_stream_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let live = with_streams(folder.path(), MANY);
    let index = log_index::path_of(&path(folder.path()));
    knows(&live, SOME);
    live.put_aside();
    assert!(index.exists());
    knows(&log(folder.path(), Run::new(true)), SOME);
    knows(&log(folder.path(), Run::new(false)), SOME);
    fs::remove_file(index).unwrap();
    let again = log(folder.path(), Run::new(true));
    for (number, stream) in (MANY + 1..).zip(SOME) {
        assert_eq!(store(&again, &body(stream, 1, 1)).unwrap(), (number, true));
    }
    again.put_aside();
    for log in [again, log(folder.path(), Run::new(true))] {
        for (number, stream) in (MANY + 1..).zip(SOME) {
            assert_eq!(store(&log, &body(stream, 1, 1)).unwrap(), (number, false));
            assert_eq!(store(&log, &body(stream, 0, 1)).unwrap(), (stream + 1, false));
        }
        assert_eq!(log.last().unwrap(), MANY + SOME.len() as u64);
    }
}

#[test]
fn a_table_that_was_lost_torn_or_is_of_another_time_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let table = log_table::path_of(&path(folder.path()));
    let live = with_streams(folder.path(), 1500);
    live.put_aside();
    let older = fs::read(&table).unwrap();
    for number in 1500..MANY {
        store(&live, &body(number, 0, 1)).unwrap();
    }
    live.put_aside();
    drop(live);
    let good = fs::read(&table).unwrap();
    assert_ne!(older, good);
    let record = good.iter().position(|byte| *byte != 0).unwrap();
    let lost = u64::from_be_bytes(good[record + 1..record + 9].try_into().unwrap());
    let changed = |at: usize, by: u8| {
        let mut bytes = good.clone();
        bytes[at] ^= by;
        bytes
    };
    let mut zeros_at_its_end = good.clone();
    let end = zeros_at_its_end.len();
    zeros_at_its_end[end / 2..].fill(0);
    let without_record = [&good[..record], &[0; 41], &good[record + 41..]].concat();
    let saved_index = fs::read(log_index::path_of(&path(folder.path()))).unwrap();
    for (bad, what) in [
        (older, "of another time"),
        (good[..end - 1].to_vec(), "shorter"),
        ([&good[..], &[0]].concat(), "longer"),
        (changed(record + 30, 1), "another counter"),
        (zeros_at_its_end, "zeros"),
        (without_record, "a record that did not come to the disk"),
        (Vec::new(), "empty"),
    ] {
        fs::write(&table, bad).unwrap();
        fs::write(log_index::path_of(&path(folder.path())), &saved_index).unwrap();
        let log = log(folder.path(), Run::new(true));
        for number in SOME.into_iter().chain([lost]) {
            assert_eq!(store(&log, &body(number, 0, 1)).unwrap(), (number + 1, false), "{what}");
            assert!(matches!(store(&log, &body(number, 2, 1)), Err(LogError::OutOfOrder)), "{what}");
        }
        assert!(matches!(store(&log, &body(MANY, 1, 1)), Err(LogError::OutOfOrder)), "{what}");
    }
    fs::remove_file(&table).unwrap();
    fs::write(log_index::path_of(&path(folder.path())), &saved_index).unwrap();
    let log = log(folder.path(), Run::new(true));
    knows(&log, SOME);
    fs::remove_file(&table).unwrap();
    knows(&log, SOME);
}

#[test]
fn where_older_streams_cannot_be_written_a_message_is_refused_and_nothing_is_forgotten() {
    let count = STREAMS_IN_MEMORY_MAX as u64;
    let first = tempfile::tempdir().unwrap();
    drop(with_streams(first.path(), count));
    let text = fs::read(path(first.path())).unwrap();
    let mut refused = 0;
    for (fault, call) in [Fault::Full, Fault::Short, Fault::Error, Fault::FullFromThen]
        .into_iter()
        .flat_map(|fault| [0, 1, 2, 3, 4, 200, 1500].into_iter().map(move |call| (fault, call)))
    {
        let folder = tempfile::tempdir().unwrap();
        fs::write(path(folder.path()), &text).unwrap();
        let live = log(folder.path(), Run::new(true));
        live.read(1, 1, usize::MAX, 0).unwrap();
        let disk = TestDisk::under(folder.path());
        disk.fail(call, fault);
        let new = body(MANY, 0, 1);
        if let Err(reason) = store(&live, &new) {
            assert!(matches!(reason, LogError::Store(_)), "{fault:?} {call}: {reason}");
            assert_eq!(fs::read(path(folder.path())).unwrap(), text, "{fault:?} {call}");
            // What needs no older stream goes on: reading, and streams that are in memory.
            assert_eq!(live.read(1, 1, usize::MAX, 0).unwrap().entries.len(), 1);
            knows(&live, [0, count - 1]);
            refused += 1;
        }
        disk.heal();
        assert_eq!(store(&live, &new).unwrap().0, count + 1, "{fault:?} {call}");
        knows(&live, SOME.into_iter().filter(|number| *number < count));
        assert_eq!(store(&live, &new).unwrap(), (count + 1, false));
    }
    assert!(refused > 12, "{refused}");
}

#[test]
fn a_log_is_read_while_its_older_streams_have_no_place_and_only_those_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(with_streams(folder.path(), MANY));
    let _ = fs::remove_file(log_index::path_of(&path(folder.path())));
    let table = log_table::path_of(&path(folder.path()));
    fs::remove_file(&table).unwrap();
    // No file can be opened there.
    fs::create_dir(&table).unwrap();
    let log = log(folder.path(), Run::new(true));
    assert_eq!(log.read(1, 500, usize::MAX, 0).unwrap().entries.len(), 500);
    assert_eq!(store(&log, &body(MANY - 1, 0, 1)).unwrap(), (MANY, false));
    for (stream, counter) in [(0, 0), (0, 1), (MANY, 0)] {
        assert!(matches!(store(&log, &body(stream, counter, 1)), Err(LogError::Store(_))));
    }
    assert_eq!(store(&log, &body(MANY - 1, 1, 1)).unwrap(), (MANY + 1, true));
    fs::remove_dir(&table).unwrap();
    knows(&log, 0..MANY - 1);
    assert_eq!(store(&log, &body(MANY, 0, 1)).unwrap(), (MANY + 2, true));
}

/// A log of one stream that is longer than its marks in memory reach, with a new stream every tenth line.
fn long_text(count: u64) -> Vec<u8> {
    let time = "2026-11-22T23:29:01.123Z".parse().unwrap();
    let sender: Username = "alice".parse().unwrap();
    let body = |at: u64| if at % 10 == 9 { body(at, 0, 1) } else { body(0, at - at / 10, 1) };
    let line = |at| log_line::write(&Entry { number: at + 1, time, sender: sender.clone(), body: body(at) });
    (0..count).flat_map(line).collect()
}

#[test]
fn a_repeat_from_anywhere_in_a_long_stream_is_found_by_a_few_reads() {
    let folder = tempfile::tempdir().unwrap();
    let count = 24_000;
    fs::write(path(folder.path()), long_text(count)).unwrap();
    let live = log(folder.path(), Run::new(true));
    live.read(1, 1, usize::MAX, 0).unwrap();
    for log in [live, log(folder.path(), Run::new(true))] {
        for counter in [0, 1, 255, 256, 5_000, 10_800, 21_000, 21_599] {
            let disk = TestDisk::under(folder.path());
            assert_eq!(store(&log, &body(0, counter, 1)).unwrap(), (counter + counter / 9 + 1, false));
            disk.heal();
            assert!(disk.sites().len() < 40, "{counter}: {} calls", disk.sites().len());
        }
        for at in [9, 11_999, 23_999] {
            assert_eq!(store(&log, &body(at, 0, 1)).unwrap(), (at + 1, false));
        }
    }
}

#[test]
fn what_a_new_stream_costs_does_not_grow_with_those_before() {
    let folder = tempfile::tempdir().unwrap();
    let (mut calls, mut done) = (Vec::new(), 0);
    let live = log(folder.path(), Run::new(true));
    let one = |number| assert!(store(&live, &body(number, 0, 1)).unwrap().1);
    for index in [INDEX_EVERY_LINES, 3 * INDEX_EVERY_LINES] {
        // A thousand of them, until the index is written.
        (done..index - 1000).for_each(one);
        done = index;
        let disk = TestDisk::under(folder.path());
        (index - 1000..index).for_each(one);
        disk.heal();
        calls.push(disk.sites().len());
    }
    // Three times as many streams: one part more of the table to look at.
    assert!(calls[1] < calls[0] * 3 / 2, "{calls:?}");
}
