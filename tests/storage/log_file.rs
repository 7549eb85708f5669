//! A conversation's log as PROTOCOL.md documents it, read by a reader of the test's own.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use securechat::wire::{Body, Username};

use super::common::TestServer;

/// The log of alice and bob, in the data folder.
pub(crate) const LOG: &str = "conversations/alice+bob.txt";

/// One line: `2026-11-22T23:29:01.123Z alice 42 <body>`.
#[derive(Debug)]
pub(crate) struct LogLine {
    pub(crate) time: SystemTime,
    pub(crate) sender: Username,
    pub(crate) body: Body,
}

/// All lines of a log; fails when anything in it is not as documented.
pub(crate) fn lines_of(server: &TestServer, name: &str) -> Vec<LogLine> {
    let text = server.data_file(name);
    assert!(text.is_empty() || text.ends_with('\n'), "a torn last line: {:?}", text.lines().last());
    let lines: Vec<LogLine> =
        text.split_terminator('\n').zip(1..).map(|(line, number)| read(line, number)).collect();
    assert!(lines.windows(2).all(|two| two[0].time <= two[1].time), "times that go back");
    lines
}

fn read(line: &str, number: u64) -> LogLine {
    let fields: Vec<&str> = line.split(' ').collect();
    let [time, sender, numbered, body] = fields[..] else { panic!("line {number}: {line:?}") };
    let form: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00T00:00:00.000Z", "line {number}");
    assert_eq!(numbered, number.to_string(), "numbers are 1, 2, 3, ...");
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    assert!(body.chars().all(base64), "line {number}: {body:?}");
    let time: DateTime<Utc> = time.parse().expect("a time");
    let since = Duration::from_millis(u64::try_from(time.timestamp_millis()).expect("a time of ours"));
    LogLine {
        time: SystemTime::UNIX_EPOCH + since,
        sender: sender.parse().expect("a username"),
        body: Body::try_from(body).expect("a body"),
    }
}
