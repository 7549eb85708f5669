//! One line of a conversation's log: `2026-11-22T23:29:01.123Z alice 42 <body>`.
//!
//! Written in one way and read in exactly that way: any other bytes are damage.

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};

use crate::wire::{
    Body, Entry, Username,
    limits::{BODY_BYTES_MAX, USERNAME_BYTES_MAX},
    push_milliseconds, push_seconds, strict_base64,
};

/// The length of a time as written, in bytes.
const TIME_BYTES: usize = "2026-11-22T23:29:01.123Z".len();

/// The longest number, in digits.
const NUMBER_BYTES_MAX: usize = 20;

/// What comes before a body, at most, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = TIME_BYTES + 1 + USERNAME_BYTES_MAX + 1 + NUMBER_BYTES_MAX + 1;

/// The longest line, in bytes, with its newline.
pub(super) const LINE_BYTES_MAX: usize = HEAD_BYTES_MAX + strict_base64::encoded_length(BODY_BYTES_MAX) + 1;

/// How long a line with this text of a body is at most, in bytes.
pub(super) fn bytes(body: &str) -> usize {
    HEAD_BYTES_MAX + body.len() + 1
}

/// The time as a log keeps it: to the millisecond.
pub(super) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// An entry as its line, newline included.
pub(super) fn write(entry: &Entry) -> Vec<u8> {
    let text = entry.body.as_text();
    let mut line = Vec::with_capacity(bytes(text));
    Lines::new(&entry.time, &entry.sender).push(&mut line, entry.number, text);
    line
}

/// Lines of one moment and sender: what they have in common is written once.
#[derive(Debug)]
pub(super) struct Lines {
    /// Up to the number.
    head: String,
}

impl Lines {
    pub(super) fn new(time: &DateTime<Utc>, sender: &Username) -> Self {
        let mut head = String::with_capacity(HEAD_BYTES_MAX);
        // A time of ours has a year of four digits; `format` reads its own little language anew each time.
        match push_seconds(&mut head, time) {
            Some(()) => {
                push_milliseconds(&mut head, time.timestamp_subsec_millis());
                head.push('Z');
            }
            None => head = time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        }
        head.push(' ');
        head.push_str(sender.as_str());
        head.push(' ');
        Self { head }
    }

    /// One more line at the end of `out`, newline included.
    pub(super) fn push(&self, out: &mut Vec<u8>, number: u64, body: &str) {
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        out.push(b' ');
        out.extend_from_slice(body.as_bytes());
        out.push(b'\n');
    }
}

/// Reads a line without its newline; `None` when it is not one of ours.
pub(super) fn read(line: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(line).ok()?;
    let mut fields = text.split(' ');
    let (time, sender, number, body) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() {
        return None;
    }
    let sender: Username = sender.parse().ok()?;
    let body = Body::try_from(body).ok()?;
    Some(Entry { number: read_number(number)?, time: read_time(time)?, sender, body })
}

/// The number in the beginning of a line; `None` when it is not one of ours.
pub(super) fn number_in(head: &[u8]) -> Option<u64> {
    let mut fields = head.split(|byte| *byte == b' ');
    let (time, number) = (fields.next()?, fields.nth(1)?);
    // What follows it shows that it is whole.
    fields.next()?;
    read_time(std::str::from_utf8(time).ok()?)?;
    read_number(std::str::from_utf8(number).ok()?)
}

/// A number from 1 in its one decimal form.
fn read_number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || text.starts_with('0') { None } else { text.parse().ok() }
}

/// A time in its one form. Fixed places, because a log may have a million of them.
fn read_time(text: &str) -> Option<DateTime<Utc>> {
    let form = text.len() == TIME_BYTES
        && text.bytes().zip(*b"0000-00-00T00:00:00.000Z").all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        });
    if !form {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let date = NaiveDate::from_ymd_opt(i32::try_from(part(0, 4)?).ok()?, part(5, 7)?, part(8, 10)?)?;
    let time = date.and_hms_milli_opt(part(11, 13)?, part(14, 16)?, part(17, 19)?, part(20, 23)?)?;
    Some(time.and_utc())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{Bytes, Header, limits::HEADER_BYTES};

    fn line() -> (Entry, String) {
        let header = Header { epoch: 1, stream: Bytes([7; 16]), counter: 3, previous: Bytes([0; 32]) };
        let body = Body::new(&header, &[9; 144]).unwrap();
        let time = "2026-11-22T23:29:01.123Z".parse().unwrap();
        let entry = Entry { number: 42, time, sender: "alice".parse().unwrap(), body };
        let text = format!("2026-11-22T23:29:01.123Z alice 42 {}\n", entry.body);
        (entry, text)
    }

    #[test]
    fn a_line_is_written_and_read_in_its_one_form() {
        let (entry, text) = line();
        assert_eq!(String::from_utf8(write(&entry)).unwrap(), text);
        assert_eq!(read(text.trim_end().as_bytes()), Some(entry));
        for whole_second in [
            "2026-11-22T23:29:01.000Z",
            "0001-01-01T00:00:00.000Z",
            "9999-12-31T23:59:59.999Z",
            "2030-10-09T08:07:06.050Z",
        ] {
            let (mut entry, _) = line();
            entry.time = whole_second.parse().unwrap();
            let text = write(&entry);
            assert!(text.starts_with(whole_second.as_bytes()));
            assert_eq!(read(text.strip_suffix(b"\n").unwrap()), Some(entry));
        }
    }

    #[test]
    fn the_longest_line_is_as_long_as_a_line_may_be() {
        let (entry, _) = line();
        let body = Body::new(entry.body.header(), &[9; BODY_BYTES_MAX - HEADER_BYTES]).unwrap();
        let longest = Entry { number: u64::MAX, sender: "a".repeat(32).parse().unwrap(), body, ..entry };
        assert_eq!(write(&longest).len(), LINE_BYTES_MAX);
        assert_eq!(bytes(longest.body.as_text()), LINE_BYTES_MAX);
    }

    #[test]
    fn any_other_form_is_damage() {
        let (_, text) = line();
        let good = text.trim_end();
        for (old, new) in [
            ("2026-11", "2026-13"),
            ("T", " "),
            (".123Z", ".12Z"),
            (".123Z", ".1234Z"),
            ("Z ", "+00:00 "),
            ("01.123", "60.123"),
            (" 42 ", " 042 "),
            (" 42 ", " +42 "),
            (" 42 ", "  42 "),
            (" 42 ", " 0 "),
            (" 42 ", " 99999999999999999999 "),
            ("alice", "Alice"),
            ("alice", "a/b"),
            ("2026", "+026"),
        ] {
            assert_eq!(read(good.replacen(old, new, 1).as_bytes()), None, "{new:?}");
        }
        assert_eq!(read(format!("{good} ").as_bytes()), None);
        assert_eq!(read(format!("{good}\r").as_bytes()), None);
        assert_eq!(read(&good.as_bytes()[..good.len() - 1]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_line_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }
    }
}
