//! Brings what the journal holds into the logs: before a server starts, and in a copy.
//!
//! Each line is compared with what its log has in its place, and written there where it is missing or
//! torn. Whatever else was there is set aside, never written over unseen. Nothing of the journal is
//! touched before every log that it names is on the disk, so that a crash in between does no more than
//! have all of it done again.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use tracing::{error, warn};

use super::{
    FILES,
    record::{Record, scan},
};
use crate::{
    server::{
        conversation_log::file_name,
        log_file::{Lines, mend, put_aside, set_aside},
        log_line,
        logs::LOGS_FOLDER,
    },
    store::{self, Action, StoreError},
    wire::Pair,
};

/// What a journal held.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct Healed {
    /// The server before ended well: all logs are on the disk, and no line of any is in doubt.
    pub(in crate::server) clean: bool,
    /// How many lines were missing in their logs, or torn.
    pub(in crate::server) lines: u64,
    /// How many logs ended in something else than their lines.
    pub(in crate::server) torn: usize,
}

/// The lines of a pair that its log may lack, by their places.
pub(in crate::server) type Lacking = BTreeMap<u64, Vec<u8>>;

/// What the journal of a data folder holds, by pair; and whether the server that wrote it ended well.
pub(in crate::server) fn held(data: &Path) -> Result<(BTreeMap<Pair, Lacking>, bool), StoreError> {
    let mut pairs: BTreeMap<Pair, Lacking> = BTreeMap::new();
    let mut clean = true;
    for name in FILES {
        let path = data.join(name);
        let bytes = store::read(&path)?.unwrap_or_default();
        let scanned = scan(&bytes).map_err(|foreign| {
            StoreError::at(Action::Read, &path)(std::io::Error::new(std::io::ErrorKind::InvalidData, foreign))
        })?;
        clean &= scanned.is_clean;
        for Record { pair, offset, line } in scanned.records {
            pairs.entry(pair).or_default().insert(offset, line);
        }
    }
    Ok((pairs, clean))
}

/// Brings what the journal of a data folder holds into its logs, and these to the disk.
pub(in crate::server) fn heal(data: &Path) -> Result<Healed, StoreError> {
    let (pairs, clean) = held(data)?;
    let mut healed = Healed { clean, ..Healed::default() };
    if pairs.is_empty() {
        return Ok(healed);
    }
    let folder = data.join(LOGS_FOLDER);
    store::create_folder(&folder)?;
    for (pair, lacking) in &pairs {
        let log = folder.join(file_name(pair));
        let file = store::open_or_create_unsynced(&log)?;
        heal_log(&file, &log, lacking, &mut healed)?;
        store::sync_file(&file, &log)?;
    }
    store::sync_folder(&folder)?;
    if healed.lines > 0 {
        warn!(lines = healed.lines, "messages were brought into their logs from the journal");
    }
    Ok(healed)
}

fn heal_log(file: &File, path: &Path, lacking: &Lacking, healed: &mut Healed) -> Result<(), StoreError> {
    let mut end = 0;
    for (offset, line) in lacking {
        let length = store::length(file, path)?;
        if *offset > length {
            // Somebody took the log away, or put another in its place: zeros in between help nobody.
            error!(file = ?path, offset, "the journal has a message beyond the end of the log: set aside");
            put_aside(path, line)?;
            healed.torn += 1;
            continue;
        }
        end = offset + line.len() as u64;
        let mut there = vec![0; usize::try_from(length.min(end) - offset).unwrap_or_default()];
        store::read_exact_at(file, path, &mut there, *offset)?;
        if there == *line {
            continue;
        }
        // A write that a crash cut short, or of which only parts arrived.
        let is_torn = there.iter().zip(line).all(|(there, right)| there == right || *there == 0);
        if !is_torn {
            warn!(file = ?path, offset, "something else than the message that was stored there was set aside");
            there.push(b'\n');
            put_aside(path, &there)?;
        }
        store::write_at(file, path, line, *offset)?;
        healed.lines += 1;
    }
    // What comes after was never acknowledged. Whole lines stay: they may have been delivered.
    healed.torn += usize::from(mend(file, path)?);
    let length = store::length(file, path)?;
    let good = whole_lines(file, path, end, length)?;
    if good < length {
        set_aside(file, path, good, length, "the end of a log that a crash left was set aside")?;
        healed.torn += 1;
    }
    Ok(())
}

/// How far there are lines from `start` on, where a line ends, each with the number after the one before.
fn whole_lines(file: &File, path: &Path, start: u64, length: u64) -> Result<u64, StoreError> {
    let (mut good, mut last) = (start, None);
    let mut lines = Lines::new(file, path, 1, start, length);
    // A line that is none, or has no end, is an error of `next`; only the disk's own are passed on.
    while let Ok(Some((_, line))) = lines.next() {
        let Some(entry) = log_line::read(line) else { break };
        if last.is_some_and(|last| entry.number != last + 1) {
            break;
        }
        last = Some(entry.number);
        good += line.len() as u64 + 1;
    }
    Ok(good)
}

/// What a log holds once the journal's lines are brought into it, and nothing that a crash left: what [`heal`] makes of it.
pub(in crate::server) fn as_healed(mut log: Vec<u8>, lacking: &Lacking) -> Vec<u8> {
    let mut end = 0;
    for (offset, line) in lacking {
        let Ok(offset) = usize::try_from(*offset) else { continue };
        if offset <= log.len() {
            end = offset + line.len();
            log.resize(log.len().max(end), 0);
            if let Some(place) = log.get_mut(offset..end) {
                place.copy_from_slice(line);
            }
        }
    }
    let (mut good, mut last) = (end, None);
    for line in log.get(end..).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
        let Some(entry) = line.strip_suffix(b"\n").and_then(log_line::read) else { break };
        if last.is_some_and(|last| entry.number != last + 1) {
            break;
        }
        last = Some(entry.number);
        good += line.len();
    }
    log.truncate(good);
    log
}

/// The files of a data folder's journal.
pub(in crate::server) fn files(data: &Path) -> impl Iterator<Item = PathBuf> + '_ {
    FILES.iter().map(|name| data.join(name))
}

/// Whether a name is that of one of the journal's files.
pub(in crate::server) fn is_journal(path: &Path) -> bool {
    FILES.iter().any(|name| path.ends_with(name))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::wire::{Body, Bytes, Entry, Header};

    /// The line of this number, with its newline.
    fn line(number: u64) -> Vec<u8> {
        let header = Header { epoch: 1, stream: Bytes([7; 16]), counter: number, previous: Bytes([0; 32]) };
        let body = Body::new(&header, &[9; 144]).unwrap();
        let time = DateTime::from_timestamp_millis(1_800_000_000_000).unwrap();
        log_line::write(&Entry { number, time, sender: "alice".parse().unwrap(), body })
    }

    fn lines(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
        numbers.into_iter().flat_map(line).collect()
    }

    /// What a start makes of a log that holds `log`, with these lines of the journal at their places.
    fn healed(log: &[u8], lacking: &Lacking) -> (Vec<u8>, Healed) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alice+bob.txt");
        std::fs::write(&path, log).unwrap();
        let (file, mut healed) = (store::open(&path).unwrap().unwrap(), Healed::default());
        heal_log(&file, &path, lacking, &mut healed).unwrap();
        (std::fs::read(&path).unwrap(), healed)
    }

    fn at(number: u64) -> u64 {
        lines(1..number).len() as u64
    }

    #[test]
    fn whole_lines_after_those_of_the_journal_stay_while_their_numbers_follow() {
        let lacking = Lacking::from([(at(2), line(2))]);
        // The second line was lost; three more arrived after it, and one that has not the next number.
        let mut log = lines([1, 2, 3, 4, 5, 7]);
        log[usize::try_from(at(2)).unwrap()..usize::try_from(at(3)).unwrap()].fill(0);
        let (left, counts) = healed(&log, &lacking);
        assert!(left == lines(1..=5), "{}", String::from_utf8_lossy(&left));
        assert_eq!((counts.lines, counts.torn), (1, 1));
        let (left, counts) = healed(&lines(1..=5), &lacking);
        assert_eq!((left == lines(1..=5), counts.lines, counts.torn), (true, 0, 0));
    }

    #[test]
    fn each_line_beyond_a_log_that_was_taken_away_is_counted() {
        let lacking = Lacking::from([(at(3), line(3)), (at(4), line(4))]);
        let (left, counts) = healed(b"", &lacking);
        assert_eq!((left.len(), counts.lines, counts.torn), (0, 0, 2));
    }

    #[test]
    fn a_copy_gets_what_a_start_would_make_of_the_log() {
        let lacking = Lacking::from([(at(2), line(2)), (at(3), line(3))]);
        let half = &line(6)[..20];
        for log in [
            lines([1]),
            lines(1..=3),
            lines(1..=5),
            [lines(1..=5).as_slice(), half].concat(),
            [lines(1..=2).as_slice(), &line(3)[..40]].concat(),
            [lines(1..=3).as_slice(), b"no line of ours\n"].concat(),
            lines([1, 2, 3, 4, 5, 7, 8]),
        ] {
            let (left, _) = healed(&log, &lacking);
            assert!(as_healed(log.clone(), &lacking) == left, "{} bytes", log.len());
            assert!(left == lines(1..=if log.len() as u64 >= at(6) { 5 } else { 3 }));
        }
    }

    #[test]
    fn what_is_in_a_lines_place_is_set_aside_unless_it_is_the_line_itself_cut_short() {
        let set_aside = |there: &[u8]| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("alice+bob.txt");
            std::fs::write(&path, [&line(1), there].concat()).unwrap();
            let file = store::open(&path).unwrap().unwrap();
            heal_log(&file, &path, &Lacking::from([(at(2), line(2))]), &mut Healed::default()).unwrap();
            assert!(std::fs::read(&path).unwrap() == lines([1, 2]));
            std::fs::read(path.with_extension("txt.torn")).ok()
        };
        let whole = line(2).len();
        for arrived in [0, 1, whole / 2, whole - 1, whole] {
            assert_eq!(set_aside(&line(2)[..arrived]), None, "{arrived} bytes and no more");
            assert_eq!(set_aside(&[&line(2)[..arrived], &vec![0; whole - arrived]].concat()), None);
            assert_eq!(set_aside(&[&vec![0; arrived], &line(2)[arrived..]].concat()), None);
        }
        let other = [b"another", &line(2)[7..]].concat();
        assert_eq!(set_aside(&other), Some([other.as_slice(), b"\n"].concat()));
    }

    #[test]
    fn the_journals_files_are_told_from_others() {
        for name in FILES {
            assert!(is_journal(&Path::new("data").join(name)), "{name}");
        }
        let both = FILES.map(|name| Path::new("data").join(name));
        assert_eq!(files(Path::new("data")).collect::<Vec<_>>(), both);
        assert!(!is_journal(Path::new("data/dico.json")) && !is_journal(Path::new("journal-0/x")));
    }
}
