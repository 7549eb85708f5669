//! What a log promises, on real files.

use std::fs;

use super::*;
use crate::{
    server::{log_index, log_line::LINE_BYTES_MAX, parcel::Parcel},
    store::test_disk::{Fault, TestDisk},
    wire::{Body, Bytes, Header},
};

struct Fixture {
    folder: tempfile::TempDir,
    log: Log,
}

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

fn body(stream: u8, counter: u64, mark: u8) -> Body {
    let header = Header { epoch: 1, stream: Bytes([stream; 16]), counter, previous: Bytes([0; 32]) };
    Body::new(&header, &[mark; 144]).unwrap()
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new(folder.path(), "alice+bob".parse().unwrap(), Run::new(true), FailStop::default());
        Self { folder, log }
    }

    /// The same file, read from the start.
    fn again(&self) -> Log {
        Log::new(self.folder.path(), "alice+bob".parse().unwrap(), Run::new(true), FailStop::default())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("alice+bob.txt")
    }

    fn send(&self, sender: &str, stream: u8, counter: u64) -> u64 {
        store(&self.log, sender, &body(stream, counter, 1)).unwrap()
    }
}

/// Stores a message, now or before; its number.
fn store(log: &Log, sender: &str, body: &Body) -> Result<u64, LogError> {
    let mut number = None;
    let parcel = Parcel::of(&name(sender), std::slice::from_ref(body));
    let again =
        log.append(&name(sender), parcel.after(0).unwrap(), |written| number = Some(written.number))?;
    Ok(again.map(|again| again.number).or(number).unwrap())
}

/// Expects a message to be there already; its number.
fn find(log: &Log, sender: &str, body: &Body) -> Result<u64, LogError> {
    let parcel = Parcel::of(&name(sender), std::slice::from_ref(body));
    let again = log.append(&name(sender), parcel.after(0).unwrap(), |_| panic!("a repeat was written"))?;
    Ok(again.unwrap().number)
}

#[test]
fn both_sides_are_numbered_in_one_order_and_read_back() {
    let fixture = Fixture::new();
    assert_eq!(fixture.log.last().unwrap(), 0);
    assert!(!fixture.path().exists(), "asking makes no file");
    for counter in 0..300 {
        assert_eq!(fixture.send("alice", 1, counter), counter * 2 + 1);
        assert_eq!(fixture.send("bob", 2, counter), counter * 2 + 2);
    }
    fixture.log.sync().unwrap();
    for log in [&fixture.log, &fixture.again()] {
        assert_eq!(log.last().unwrap(), 600);
        for from in [1, 64, 65, 66, 300, 599] {
            let page = log.read(from, 20, usize::MAX, 0).unwrap();
            let numbers: Vec<u64> = page.entries.iter().map(|entry| entry.number).collect();
            assert_eq!(numbers, (from..=600).take(20).collect::<Vec<_>>());
            assert!(page.entries.windows(2).all(|two| two[0].time <= two[1].time));
        }
        assert!(log.read(601, 20, usize::MAX, 0).unwrap().entries.is_empty());
        assert!(log.read(0, 20, usize::MAX, 0).unwrap().entries.is_empty());
    }
}

#[test]
fn a_page_ends_at_its_size_but_has_at_least_one_entry() {
    let fixture = Fixture::new();
    for counter in 0..10 {
        fixture.send("alice", 1, counter);
    }
    assert_eq!(fixture.log.read(2, 500, 0, 0).unwrap().entries.len(), 1);
    let line = fs::read(fixture.path()).unwrap().iter().position(|byte| *byte == b'\n').unwrap();
    assert_eq!(fixture.log.read(2, 500, line * 3, 0).unwrap().entries.len(), 3);
    assert_eq!(fixture.log.read(2, 4, usize::MAX, 0).unwrap().entries.len(), 4);
    assert_eq!(fixture.log.read(2, 4, usize::MAX, 0).unwrap().last, 10);
    assert!(fixture.log.read(2, 0, usize::MAX, 0).unwrap().entries.is_empty());
}

#[test]
fn a_repeat_has_its_number_again_and_another_body_is_refused() {
    let fixture = Fixture::new();
    for counter in 0..600 {
        fixture.send("alice", 1, counter);
        if counter % 3 == 0 {
            fixture.send("bob", 1, counter / 3);
        }
    }
    let bytes = fs::read(fixture.path()).unwrap();
    for log in [&fixture.log, &fixture.again()] {
        for counter in [0, 1, 255, 256, 257, 511, 512, 599] {
            let stored = find(log, "alice", &body(1, counter, 1)).unwrap();
            assert_eq!(stored, counter + counter.div_ceil(3) + 1);
            let other = find(log, "alice", &body(1, counter, 2));
            assert!(matches!(other, Err(LogError::Different)), "{counter}");
        }
        assert_eq!(find(log, "bob", &body(1, 1, 1)).unwrap(), 6);
        let early = find(log, "alice", &body(1, 601, 1));
        assert!(matches!(early, Err(LogError::OutOfOrder)));
        let unknown = find(log, "alice", &body(9, 1, 1));
        assert!(matches!(unknown, Err(LogError::OutOfOrder)), "a stream begins at 0");
        let stranger = find(log, "carol", &body(1, 0, 1));
        assert!(matches!(stranger, Err(LogError::NotAMember)));
        assert_eq!(fs::read(fixture.path()).unwrap(), bytes);
    }
}

#[test]
fn a_torn_last_line_is_set_aside_and_never_glued_to_the_next() {
    let fixture = Fixture::new();
    fixture.send("alice", 1, 0);
    fixture.send("alice", 1, 1);
    let good = fs::read(fixture.path()).unwrap();
    for cut in [1, 30, 200] {
        let torn = &good[..cut];
        fs::write(fixture.path(), [&good, torn].concat()).unwrap();
        let log = fixture.again();
        assert_eq!(log.last().unwrap(), 2);
        assert_eq!(fs::read(fixture.path()).unwrap(), good);
        let aside = fs::read(fixture.folder.path().join("alice+bob.txt.torn")).unwrap();
        assert!(aside.ends_with(&[torn, b"\n"].concat()));
    }
    let log = fixture.again();
    assert_eq!(store(&log, "bob", &body(5, 0, 1)).unwrap(), 3);
    assert_eq!(fixture.again().last().unwrap(), 3);
}

#[test]
fn a_damaged_line_is_named_and_refuses_only_that_conversation() {
    let fixture = Fixture::new();
    for counter in 0..5 {
        fixture.send("alice", 1, counter);
    }
    let good = fs::read_to_string(fixture.path()).unwrap();
    let changes: [(&str, &str, u64); 5] = [
        (" 3 ", " 4 ", 3),
        (" alice 3 ", " carol 3 ", 3),
        (" 5 ", " x ", 5),
        ("Z alice 1 ", "Z  alice 1 ", 1),
        (" alice 4 ", " 4 ", 4),
    ];
    for (old, new, at) in changes {
        fs::write(fixture.path(), good.replacen(old, new, 1)).unwrap();
        let log = fixture.again();
        for _ in 0..2 {
            let refused = store(&log, "alice", &body(1, 5, 1));
            assert!(matches!(refused, Err(LogError::Damaged { line, .. }) if line == at), "{new}");
        }
        assert!(matches!(log.read(1, 1, 10, 0), Err(LogError::Damaged { .. })));
    }
    let without_second: Vec<&str> =
        good.split_inclusive('\n').enumerate().filter(|(n, _)| *n != 1).map(|(_, l)| l).collect();
    fs::write(fixture.path(), without_second.concat()).unwrap();
    assert!(matches!(fixture.again().read(1, 1, 10, 0), Err(LogError::Damaged { line: 2, .. })));
    assert_eq!(fixture.again().last().unwrap(), 5, "which needs the last line only");
    fs::write(fixture.path(), vec![b'x'; LINE_BYTES_MAX * 2]).unwrap();
    assert_eq!(fixture.again().last().unwrap(), 0, "no newline at all: all of it is torn");
    fs::write(fixture.path(), [vec![b'x'; LINE_BYTES_MAX * 2], b"\n".to_vec()].concat()).unwrap();
    assert!(matches!(fixture.again().last(), Err(LogError::Damaged { line: 1, .. })));
}

#[test]
fn what_is_delivered_is_the_line_that_was_written() {
    let fixture = Fixture::new();
    let mut delivered = None;
    let parcel = Parcel::of(&name("alice"), &[body(1, 0, 7), body(1, 1, 8)]);
    let written = |written: Written| delivered = Some((written.number, written.count, written.time));
    fixture.log.append(&name("bob"), parcel.after(0).unwrap(), written).unwrap();
    let read = fixture.again().read(1, 9, usize::MAX, 0).unwrap().entries;
    let (number, count, time) = delivered.unwrap();
    assert_eq!((number, count), (1, 2));
    for ((entry, number), body) in read.iter().zip(1..).zip([body(1, 0, 7), body(1, 1, 8)]) {
        assert_eq!(*entry, Entry { number, time, sender: name("bob"), body });
    }
}

#[test]
fn a_run_of_messages_is_written_as_one_by_one_and_ends_where_its_stream_does() {
    let (together, apart) = (Fixture::new(), Fixture::new());
    let bodies = [body(1, 0, 1), body(1, 1, 2), body(1, 2, 3), body(1, 4, 4), body(2, 0, 5)];
    let parcel = Parcel::of(&name("bob"), &bodies);
    let mut run = None;
    let again = together.log.append(&name("alice"), parcel.after(0).unwrap(), |written| run = Some(written));
    assert!(again.unwrap().is_none());
    let Written { number, count, lines, offset, .. } = run.unwrap();
    assert_eq!((number, count, offset), (1, 3, 0));
    assert_eq!(fs::read(together.path()).unwrap(), lines);
    let rest = parcel.after(3).unwrap();
    let rest = together.log.append(&name("alice"), rest, |_| panic!("a gap was written"));
    assert!(matches!(rest, Err(LogError::OutOfOrder)));
    for body in &bodies[..3] {
        store(&apart.log, "alice", body).unwrap();
    }
    for fixture in [&together, &apart] {
        let again = fixture.again();
        let read: Vec<_> =
            again.read(1, 9, usize::MAX, 0).unwrap().entries.into_iter().map(|entry| entry.body).collect();
        assert_eq!(read, bodies[..3]);
        // What is known of the stream is the same, too.
        assert_eq!(find(&again, "alice", &bodies[2]).unwrap(), 3);
        assert_eq!(fixture.send("alice", 1, 3), 4);
    }
}

#[test]
fn threads_of_both_members_interleave_without_gaps() {
    let fixture = Fixture::new();
    let order = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for sender in ["alice", "bob"] {
            let (log, order) = (&fixture.log, &order);
            scope.spawn(move || {
                for counter in 0..200 {
                    let parcel = Parcel::of(&name(sender), &[body(3, counter, 1)]);
                    let written = |written: Written| order.lock().push(written.number);
                    log.append(&name(sender), parcel.after(0).unwrap(), written).unwrap();
                }
            });
        }
    });
    assert_eq!(*order.lock(), (1..=400).collect::<Vec<u64>>());
    assert_eq!(fixture.again().last().unwrap(), 400);
}

#[test]
fn what_a_crash_left_is_in_doubt_until_it_is_synced_and_what_is_written_names_its_place() {
    let fixture = Fixture::new();
    let append = |log: &Log, sender: &str, body: Body, written: &mut dyn FnMut(Written)| {
        let parcel = Parcel::of(&name(sender), &[body]);
        log.append(&name(sender), parcel.after(0).unwrap(), written).unwrap()
    };
    let mut at = Vec::new();
    for counter in 0..3 {
        append(&fixture.log, "alice", body(1, counter, 1), &mut |written| {
            at.push((written.offset, written.lines, written.in_doubt));
        });
    }
    assert!(at.iter().all(|(_, _, in_doubt)| !in_doubt), "the file began with them");
    let file = fs::read(fixture.path()).unwrap();
    for (offset, line, _) in &at {
        let offset = usize::try_from(*offset).unwrap();
        assert_eq!(file[offset..offset + line.len()], line[..]);
    }
    let after_crash =
        Log::new(fixture.folder.path(), "alice+bob".parse().unwrap(), Run::new(false), FailStop::default());
    let again = |log: &Log| append(log, "alice", body(1, 2, 1), &mut |_| ()).unwrap();
    assert_eq!(again(&after_crash), Again { number: 3, in_doubt: true });
    append(&after_crash, "bob", body(2, 0, 1), &mut |written| assert!(written.in_doubt));
    after_crash.sync().unwrap();
    assert_eq!(again(&after_crash), Again { number: 3, in_doubt: false });
    append(&after_crash, "bob", body(2, 1, 1), &mut |written| assert!(!written.in_doubt));
}

/// The text of a log of so many messages, of a new stream every hundred.
fn long_text(count: u64) -> Vec<u8> {
    let time = "2026-11-22T23:29:01.123Z".parse().unwrap();
    let entry = |number: u64| {
        let at = number - 1;
        let stream = [(at / 100).to_be_bytes(), [1; 8]].concat();
        let stream = Bytes(stream.try_into().unwrap());
        let header = Header { epoch: 1, stream, counter: at % 100, previous: Bytes([0; 32]) };
        Entry { number, time, sender: name("alice"), body: Body::new(&header, &[1; 144]).unwrap() }
    };
    (1..=count).flat_map(|number| log_line::write(&entry(number))).collect()
}

/// What a use of the log reads of its file: how many times.
fn reads(fixture: &Fixture, using: impl FnOnce(&Log)) -> usize {
    let disk = TestDisk::under(fixture.folder.path());
    using(&fixture.again());
    disk.heal();
    disk.sites().iter().filter(|site| (site.call, &*site.file) == ("read", "alice+bob.txt")).count()
}

#[test]
fn a_long_log_is_opened_and_searched_by_a_few_reads() {
    let fixture = Fixture::new();
    fs::write(fixture.path(), long_text(12_000)).unwrap();
    let page = |log: &Log, from| {
        let page = log.read(from, 20, usize::MAX, 0).unwrap();
        let numbers: Vec<u64> = page.entries.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, (from..from + 20).collect::<Vec<_>>());
    };
    let whole = reads(&fixture, |log| page(log, 11_981));
    let by_index = reads(&fixture, |log| [1, 5000, 11_981].into_iter().for_each(|from| page(log, from)));
    assert!(whole > 60 && by_index < 60, "{whole} and {by_index} reads");
    let log = fixture.again();
    for repeat in [0, 99, 5_050, 11_999] {
        let line = long_text(repeat + 1);
        let line = line.strip_suffix(b"\n").unwrap().rsplit(|byte| *byte == b'\n').next().unwrap();
        let body = log_line::read(line).unwrap().body;
        assert_eq!(find(&log, "alice", &body).unwrap(), repeat + 1);
    }
    assert_eq!(store(&log, "bob", &body(1, 0, 1)).unwrap(), 12_001);
    // A conversation that begins asks only this.
    assert!(reads(&fixture, |log| assert_eq!(log.last().unwrap(), 12_001)) < 6);
}

#[test]
fn an_index_is_kept_up_while_a_log_grows_and_when_it_is_put_aside() {
    let fixture = Fixture::new();
    let index = log_index::path_of(&fixture.path());
    for counter in 0..INDEXED_LINES_MIN - 1 {
        fixture.send("alice", 1, counter);
    }
    fixture.log.put_aside();
    assert!(!index.exists(), "so few lines are as quickly read");
    fixture.send("alice", 1, INDEXED_LINES_MIN - 1);
    fixture.log.put_aside();
    let first = fs::read(&index).unwrap();
    for counter in INDEXED_LINES_MIN..INDEXED_LINES_MIN + INDEX_EVERY_LINES {
        fixture.send("alice", 1, counter);
    }
    let second = fs::read(&index).unwrap();
    assert_ne!(second, first);
    assert_eq!(fixture.send("alice", 1, 0), 1);
    let next = INDEXED_LINES_MIN + INDEX_EVERY_LINES;
    assert_eq!(fixture.send("alice", 1, next), next + 1);
    fixture.log.put_aside();
    assert_eq!(fs::read(&index).unwrap(), second, "so few more lines are as quickly read");
    assert_eq!(store(&fixture.again(), "alice", &body(1, next + 1, 1)).unwrap(), next + 2);
}

#[test]
fn an_index_that_is_missing_or_of_another_log_is_made_anew() {
    let fixture = Fixture::new();
    let index = log_index::path_of(&fixture.path());
    fs::write(fixture.path(), long_text(6000)).unwrap();
    assert_eq!(fixture.again().last().unwrap(), 6000);
    assert!(!index.exists());
    fixture.again().read(1, 1, usize::MAX, 0).unwrap();
    let right = fs::read(&index).unwrap();
    for wrong in [&b"nothing"[..], &right[..right.len() - 1], b""] {
        fs::write(&index, wrong).unwrap();
        assert_eq!(fixture.again().read(6000, 1, usize::MAX, 0).unwrap().entries.len(), 1);
        assert_eq!(fs::read(&index).unwrap().len(), right.len());
    }
}

#[test]
fn damage_in_what_the_index_covers_is_found_when_it_is_read_and_refuses_the_conversation() {
    let fixture = Fixture::new();
    let good = long_text(6000);
    fs::write(fixture.path(), &good).unwrap();
    fixture.again().read(1, 1, usize::MAX, 0).unwrap();
    let text = String::from_utf8(good).unwrap();
    let place = text.find(" alice 3000 ").unwrap() - "2026-11-22T23:29:01.123Z".len();
    // No line; another number; not a member; an earlier time than the line before.
    for (old, new) in [("3000", "3OOO"), ("3000", "3001"), ("alice", "carol"), ("2026", "2025")] {
        fs::write(fixture.path(), [&text[..place], &text[place..].replacen(old, new, 1)].concat()).unwrap();
        let log = fixture.again();
        assert_eq!(log.read(5981, 20, usize::MAX, 0).unwrap().entries.len(), 20, "its end is whole");
        for from in [2990, 5981] {
            let damaged = log.read(from, 20, usize::MAX, 0);
            assert!(
                matches!(damaged, Err(LogError::Damaged { line: 3000, .. })),
                "{new} {from}: {damaged:?}"
            );
        }
        assert!(matches!(store(&log, "bob", &body(1, 0, 1)), Err(LogError::Damaged { line: 3000, .. })));
    }
}

#[test]
fn damage_behind_what_the_index_covers_is_named_by_its_line() {
    let fixture = Fixture::new();
    fs::write(fixture.path(), long_text(6000)).unwrap();
    fixture.again().read(1, 1, usize::MAX, 0).unwrap();
    let text = String::from_utf8(long_text(6005)).unwrap();
    fs::write(fixture.path(), text.replacen(" alice 6003 ", " alice 6OO3 ", 1)).unwrap();
    for log in [fixture.again(), fixture.again()] {
        let refused = store(&log, "bob", &body(1, 0, 1));
        assert!(matches!(refused, Err(LogError::Damaged { line: 6003, .. })), "{refused:?}");
    }
}

#[test]
fn zeros_in_the_place_of_the_last_lines_are_set_aside_and_no_other_damage_is() {
    let fixture = Fixture::new();
    let _numbers: Vec<u64> = (0..3).map(|counter| fixture.send("alice", 1, counter)).collect();
    let good = fs::read(fixture.path()).unwrap();
    let line = |time: &str, number: u64| {
        let (time, sender) = (time.parse().unwrap(), name("alice"));
        log_line::write(&Entry { number, time, sender, body: body(1, number - 1, 1) })
    };
    let (now, soon, later) = ("2026-11-22T10:00:00Z", "2026-11-22T10:10:00Z", "2026-11-22T10:10:01Z");
    let zeros = [vec![0; 300], b"\n".to_vec()].concat();
    let tails = [
        (zeros.clone(), true),
        ([&zeros[..], &line(now, 5), &line(soon, 6)].concat(), true),
        // More than a disk can owe.
        ([&zeros[..], &line(now, 5), &line(later, 6)].concat(), false),
        // A line that was never one of ours comes first.
        ([b"something\n", &zeros[..]].concat(), false),
        ([vec![0; 65 * 1024 * 1024], b"\n".to_vec()].concat(), false),
    ];
    for (tail, is_set_aside) in tails {
        let torn = fixture.folder.path().join("alice+bob.txt.torn");
        let _ = fs::remove_file(&torn);
        fs::write(fixture.path(), [&good[..], &tail].concat()).unwrap();
        let log = fixture.again();
        if is_set_aside {
            assert_eq!(log.read(1, 9, usize::MAX, 0).unwrap().entries.len(), 3);
            assert_eq!(fs::read(fixture.path()).unwrap(), good);
            assert_eq!(fs::read(&torn).unwrap(), [&tail[..], b"\n"].concat());
            assert_eq!(store(&log, "alice", &body(1, 3, 1)).unwrap(), 4);
        } else {
            let refused = log.read(1, 9, usize::MAX, 0);
            assert!(matches!(refused, Err(LogError::Damaged { line: 4, .. })), "{refused:?}");
            assert!(!torn.exists() && fs::read(fixture.path()).unwrap().len() == good.len() + tail.len());
        }
    }
}

/// Stores messages as a connection does, so many at a time; what becomes of each: its number, and whether it was new.
fn store_all(log: &Log, bodies: &[Body], at_once: usize) -> Vec<Result<(u64, bool), String>> {
    let alice = name("alice");
    let mut outcomes = Vec::new();
    for together in bodies.chunks(at_once) {
        let parcel = Parcel::of(&name("bob"), together);
        let mut done = 0;
        while let Some(part) = parcel.after(done) {
            let mut new = Vec::new();
            let appended = log.append(&alice, part.of_one_stream(), |written| {
                new.extend((written.number..).take(written.count).map(|number| Ok((number, true))));
            });
            outcomes.extend(match appended {
                Ok(None) => new,
                Ok(Some(again)) => vec![Ok((again.number, false))],
                Err(reason) => vec![Err(reason.to_string())],
            });
            done = outcomes.len() % at_once;
            if done == 0 || outcomes.len() == bodies.len() {
                break;
            }
        }
    }
    outcomes
}

proptest::proptest! {
    #[test]
    fn messages_stored_together_come_to_the_same_as_one_by_one_also_where_the_disk_fails(
        messages in proptest::collection::vec((1_u8..3, 0_u64..4, 1_u8..3), 1..24),
        at_once in 2_usize..12,
        failing in proptest::option::of(0_usize..6),
    ) {
        let bodies: Vec<_> = messages.into_iter().map(|(stream, counter, mark)| body(stream, counter, mark)).collect();
        let (together, apart) = (Fixture::new(), Fixture::new());
        let disk = TestDisk::under(together.folder.path());
        if let Some(call) = failing {
            disk.fail(call, Fault::Short);
        }
        let outcomes = store_all(&together.log, &bodies, at_once);
        disk.heal();
        let read = together.again().read(1, 99, usize::MAX, 0).unwrap().entries;
        // Whoever was told of a number finds that very message under it, and there is nothing else.
        let mut numbers = std::collections::BTreeSet::new();
        for (outcome, body) in outcomes.iter().zip(&bodies) {
            if let Ok((number, _)) = outcome {
                proptest::prop_assert_eq!(&read[usize::try_from(*number).unwrap() - 1].body, body);
                numbers.insert(*number);
            }
        }
        proptest::prop_assert!(numbers.iter().copied().eq(1..=read.len() as u64));
        proptest::prop_assert_eq!(outcomes.len(), bodies.len());
        if failing.is_none() {
            proptest::prop_assert_eq!(outcomes, store_all(&apart.log, &bodies, 1));
        }
    }
}
