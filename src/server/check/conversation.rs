//! One conversation's log, line by line: which lines are whole and in their place.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use super::{finding::Finding, order::in_place};
use crate::{
    server::{
        journal::{Lacking, as_healed},
        keyring::PairKeys,
        log_line,
    },
    store::{self, StoreError},
    wire::limits::{PADDED_BYTES_MIN, TAG_BYTES},
    wire::{Body, Bytes, Entry, Header, Pair, StreamId, Username},
};

/// The stream of the lines that stand for others: nobody draws it by chance.
const STAND_IN_STREAM: StreamId = Bytes([0; 16]);

/// A log whose numbers leave out more than this many is not filled up.
const STAND_INS_MAX: u64 = 100_000;

/// What is wrong with a line whose number is not between those around it.
const OUT_OF_PLACE: &str = "a number that is out of place";

/// A log that was looked at.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) path: PathBuf,
    pub(super) pair: Pair,
    good: u64,
    /// Whether a repair has anything to do.
    pub(super) damaged: bool,
}

impl Examined {
    /// How many of its lines are whole and in place.
    pub(super) fn messages(&self) -> u64 {
        self.good
    }
}

/// A log taken apart: what is to stay, and what is to be set aside.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The log as it is to be: every good line as it was, and a line that stands for each that is lost.
    pub(super) whole: Vec<u8>,
    /// The other lines, as they were.
    pub(super) aside: Vec<u8>,
}

/// One line, newline included where it has one.
struct Line<'a> {
    number: u64,
    bytes: &'a [u8],
    entry: Result<Entry, &'static str>,
}

/// Looks at a log. `keys` are the pair's, where they can be read; `lacking` is what the journal has of it.
pub(super) fn examine(
    path: &Path,
    pair: &Pair,
    keys: Option<&PairKeys>,
    lacking: Option<&Lacking>,
    findings: &mut Vec<Finding>,
) -> Result<Examined, StoreError> {
    let mut bytes = store::read(path)?.unwrap_or_default();
    if let Some(lacking) = lacking {
        let healed = as_healed(bytes.clone(), lacking);
        if healed != bytes {
            let what = "a crash left its end, which the next start brings in order with the journal";
            findings.push(Finding::note(path, None, what));
            bytes = healed;
        }
    }
    let mut lines = lines(&bytes, pair);
    judge(&mut lines);
    let before = findings.len();
    let mut last = 0;
    let mut unknown = BTreeSet::new();
    for line in &lines {
        match &line.entry {
            Err(fault) => findings.push(Finding::damage(path, Some(line.number), *fault)),
            Ok(entry) => {
                if entry.number != last + 1 {
                    let what = format!("number {}, where {} comes next", entry.number, last + 1);
                    findings.push(Finding::damage(path, Some(line.number), what));
                }
                last = entry.number;
            }
        }
    }
    let damaged = findings.len() > before;
    for line in &lines {
        let Ok(entry) = &line.entry else { continue };
        let epoch = entry.body.header().epoch;
        if is_stand_in(entry) {
            findings.push(Finding::note(path, Some(line.number), "a line that stands for one that was lost"));
        } else if keys.is_some_and(|keys| !keys.has_epoch(epoch)) && unknown.insert(epoch) {
            let what = format!("a message under epoch {epoch}, of which no key is kept");
            findings.push(Finding::damage(path, Some(line.number), what));
        }
    }
    gaps_in_streams(path, &lines, damaged, findings);
    let good = lines.iter().filter(|line| line.entry.is_ok()).count() as u64;
    Ok(Examined { path: path.to_owned(), pair: pair.clone(), good, damaged })
}

/// Takes a log apart.
pub(super) fn take_apart(path: &Path, pair: &Pair) -> Result<Parts, StoreError> {
    let bytes = store::read(path)?.unwrap_or_default();
    let mut lines = lines(&bytes, pair);
    judge(&mut lines);
    put_back(&mut lines);
    let mut parts = Parts::default();
    let mut stand_ins = StandIns::after(&lines);
    // The damaged lines since the last good one, of which each stands in the place of a number.
    let mut since: Vec<&Line<'_>> = Vec::new();
    for line in &lines {
        match &line.entry {
            Ok(entry) => {
                stand_ins.up_to(entry.number, pair, &since, &mut parts.whole);
                parts.whole.extend_from_slice(line.bytes);
                stand_ins.pass(entry);
                since.clear();
            }
            Err(_) => {
                parts.aside.extend_from_slice(line.bytes);
                if !line.bytes.ends_with(b"\n") {
                    parts.aside.push(b'\n');
                } else if !line.bytes.contains(&0) {
                    since.push(line);
                }
            }
        }
    }
    // At the end there is no number to reach: as many as there were whole lines. What a crash tore or left
    // as zeros was never acknowledged, and has no number.
    let end = stand_ins.last + since.len() as u64 + 1;
    stand_ins.up_to(end, pair, &since, &mut parts.whole);
    Ok(parts)
}

fn lines<'a>(bytes: &'a [u8], pair: &Pair) -> Vec<Line<'a>> {
    let read = |bytes: &[u8]| {
        let line = bytes.strip_suffix(b"\n").ok_or("a torn line")?;
        if line.contains(&0) {
            return Err("zeros, as a power cut leaves them");
        }
        let entry = log_line::read(line).ok_or("not a line of a conversation")?;
        let member = entry.sender == *pair.lower() || entry.sender == *pair.higher();
        if member { Ok(entry) } else { Err("a sender who is not one of the two") }
    };
    let split = bytes.split_inclusive(|byte| *byte == b'\n').zip(1..);
    split.map(|(bytes, number)| Line { number, bytes, entry: read(bytes) }).collect()
}

/// Finds the lines that are whole and in the wrong place.
fn judge(lines: &mut [Line<'_>]) {
    let limit = lines.len() as u64 + STAND_INS_MAX;
    keep_in_place(lines, &good(lines), OUT_OF_PLACE, false, |entry| entry.number);
    for line in lines.iter_mut() {
        if line.entry.as_ref().is_ok_and(|entry| entry.number > limit) {
            line.entry = Err(OUT_OF_PLACE);
        }
    }
    judge_streams(lines);
    let earlier = "a time before that of the line before";
    keep_in_place(lines, &good(lines), earlier, true, |entry| entry.time);
}

/// Finds the lines that are not after the one before of their stream.
fn judge_streams(lines: &mut [Line<'_>]) {
    let mut streams: HashMap<(Username, StreamId), Vec<usize>> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        if let Ok(entry) = &line.entry {
            streams.entry((entry.sender.clone(), entry.body.header().stream)).or_default().push(at);
        }
    }
    let fault = "a message that is there twice, or out of its stream's order";
    for places in streams.values() {
        keep_in_place(lines, places, fault, false, |entry| entry.body.header().counter);
    }
}

/// Puts whole lines that were moved back where their number is missing, if their time fits there too.
fn put_back(lines: &mut Vec<Line<'_>>) {
    let good = lines.iter().filter_map(|line| line.entry.as_ref().ok());
    let mut times: BTreeMap<u64, DateTime<Utc>> = good.map(|entry| (entry.number, entry.time)).collect();
    let moved = |line: &&Line<'_>| line.entry.as_ref().is_err_and(|fault| *fault == OUT_OF_PLACE);
    let moved: Vec<u64> = lines.iter().filter(moved).map(|line| line.number).collect();
    for number in moved {
        let Some(from) = lines.iter().position(|line| line.number == number) else { continue };
        let text = lines.get(from).and_then(|line| line.bytes.strip_suffix(b"\n"));
        let Some(entry) = text.and_then(log_line::read) else { continue };
        let (below, above) = (times.range(..entry.number).next_back(), times.range(entry.number..).next());
        let fits = below.is_none_or(|(_, time)| *time <= entry.time)
            && above.is_some_and(|(next, time)| *next != entry.number && *time >= entry.time);
        if !fits {
            continue;
        }
        times.insert(entry.number, entry.time);
        let mut line = lines.remove(from);
        let after = |line: &Line<'_>| line.entry.as_ref().is_ok_and(|other| other.number > entry.number);
        let to = lines.iter().position(after).unwrap_or(lines.len());
        line.entry = Ok(entry);
        lines.insert(to, line);
    }
    judge_streams(lines);
}

/// Of the good lines at these places, keeps as many as can be in one order.
fn keep_in_place<T: Ord>(
    lines: &mut [Line<'_>],
    places: &[usize],
    fault: &'static str,
    equal: bool,
    key: impl Fn(&Entry) -> T,
) {
    let entry = |at: &usize| lines.get(*at)?.entry.as_ref().ok().map(&key);
    let keys: Vec<T> = places.iter().filter_map(entry).collect();
    let mut chain = in_place(&keys, equal).into_iter().peekable();
    for (nth, at) in places.iter().enumerate() {
        if chain.next_if_eq(&nth).is_none()
            && let Some(line) = lines.get_mut(*at)
        {
            line.entry = Err(fault);
        }
    }
}

/// The places of all good lines.
fn good(lines: &[Line<'_>]) -> Vec<usize> {
    lines.iter().enumerate().filter(|(_, line)| line.entry.is_ok()).map(|(at, _)| at).collect()
}

/// Counters that were left out. Where lines are lost, some must be missing: then it is no more than a note.
fn gaps_in_streams(path: &Path, lines: &[Line<'_>], damaged: bool, findings: &mut Vec<Finding>) {
    let entries = || lines.iter().filter_map(|line| Some((line.number, line.entry.as_ref().ok()?)));
    let explained = damaged || entries().any(|(_, entry)| is_stand_in(entry));
    let mut next: HashMap<(&Username, StreamId), u64> = HashMap::new();
    for (number, entry) in entries() {
        let header = entry.body.header();
        let next = next.entry((&entry.sender, header.stream)).or_default();
        if header.counter != *next {
            let what = format!("counter {} of its stream, where {next} comes next", header.counter);
            let finding = if explained { Finding::note } else { Finding::damage };
            findings.push(finding(path, Some(number), what));
        }
        *next = header.counter.saturating_add(1);
    }
}

fn is_stand_in(entry: &Entry) -> bool {
    entry.body.header().stream == STAND_IN_STREAM
}

/// Writes the lines that stand for lost ones: each has a number and a body that nobody can open, which
/// is what the clients then show, and every other line keeps its number.
struct StandIns {
    last: u64,
    time: Option<DateTime<Utc>>,
    epoch: u32,
    counters: HashMap<Username, u64>,
}

impl StandIns {
    fn after(lines: &[Line<'_>]) -> Self {
        let first = lines.iter().find_map(|line| line.entry.as_ref().ok());
        let epoch = first.map_or(1, |entry| entry.body.header().epoch);
        Self { last: 0, time: first.map(|entry| entry.time), epoch, counters: HashMap::new() }
    }

    /// A line that is good: those that stand for others keep its time and epoch.
    fn pass(&mut self, entry: &Entry) {
        self.last = entry.number;
        self.time = Some(entry.time);
        self.epoch = entry.body.header().epoch;
        if is_stand_in(entry) {
            self.counters.insert(entry.sender.clone(), entry.body.header().counter.saturating_add(1));
        }
    }

    /// Fills up to the number before `number`; `since` are the damaged lines that were there.
    fn up_to(&mut self, number: u64, pair: &Pair, since: &[&Line<'_>], whole: &mut Vec<u8>) {
        let mut lost = since.iter();
        while self.last + 1 < number {
            let sender = lost.next().and_then(|line| sender_of(line.bytes, pair)).unwrap_or(pair.lower());
            let counter = self.counters.entry(sender.clone()).or_default();
            let header = Header {
                epoch: self.epoch,
                stream: STAND_IN_STREAM,
                counter: *counter,
                previous: Bytes([0; 32]),
            };
            *counter += 1;
            self.last += 1;
            // A body of the least length is always one.
            let Ok(body) = Body::new(&header, &[0; PADDED_BYTES_MIN + TAG_BYTES]) else { return };
            let time = self.time.unwrap_or_else(log_line::now);
            whole.extend(log_line::write(&Entry { number: self.last, time, sender: sender.clone(), body }));
        }
    }
}

/// The sender that a damaged line names, if it is one of the two.
fn sender_of<'a>(line: &[u8], pair: &'a Pair) -> Option<&'a Username> {
    let named = line.split(|byte| *byte == b' ').nth(1)?;
    [pair.lower(), pair.higher()].into_iter().find(|member| member.as_str().as_bytes() == named)
}
