//! Data folders for the product, made in the documented formats (PROTOCOL.md, sections 3 and 8), so that a
//! measurement need not begin with thousands of registrations.

use std::{
    fs,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, Utc};
use data_encoding::BASE64;
use securechat::wire::{Bytes, Header, StreamId, Username};

use crate::{
    crowd::name,
    person::{EPOCH, KEY_ID, sealed_copy},
};

/// What a folder holds.
#[derive(Debug, Clone, Copy)]
pub struct Contents {
    /// Pairs with a key: accounts `a000000+b000000`, and so on.
    pub pairs: usize,
    /// Accounts beside them: `i000000`, and so on.
    pub others: usize,
    /// Lines in the log of the first pair, from its first person.
    pub lines: u64,
    /// As many pairs again, of the same people: `a000000+b000001`, and so on. Each pair has a log then.
    pub crossed: bool,
}

impl Contents {
    /// Pairs that have not talked yet, and other accounts.
    pub fn new(pairs: usize, others: usize) -> Self {
        Self { pairs, others, lines: 0, crossed: false }
    }
}

/// Makes `folder` a data folder whose accounts all log in with `login_key`.
pub fn prepare(folder: &Path, login_key: &Bytes<32>, contents: Contents) -> Result<()> {
    fs::create_dir_all(folder)?;
    let created = Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, true);
    let key = BASE64.encode(&login_key.0);
    let parts = [('a', contents.pairs), ('b', contents.pairs), ('i', contents.others)];
    let accounts = parts.into_iter().flat_map(|(part, count)| (0..count).map(move |n| name(part, n)));
    let accounts = accounts
        .map(|name| Ok(format!("\"{}\":{{\"login_key\":\"{key}\",\"created\":\"{created}\"}}", name?)));
    dictionary(&folder.join("dico.json"), accounts)?;
    let (key_id, copy) = (BASE64.encode(&KEY_ID.0), BASE64.encode(&sealed_copy().0));
    let step = if contents.crossed { 2 } else { 1 };
    // Both pairs of a person follow each other: the order of the file is that of the names.
    let pairs = (0..contents.pairs * step).map(|at| {
        let (a, b) = pair(at / step, at % step, contents.pairs)?;
        Ok(format!(
            "\"{a}+{b}\":{{\"epoch\":{EPOCH},\"key_id\":\"{key_id}\",\"created\":\"{created}\",\
             \"sealed\":{{\"{a}\":\"{copy}\",\"{b}\":\"{copy}\"}},\"older\":[]}}"
        ))
    });
    dictionary(&folder.join("keys_dico.json"), pairs)?;
    if contents.lines > 0 {
        log(folder, &pair(0, 0, contents.pairs)?, contents.lines)?;
    }
    if contents.crossed {
        for at in 0..contents.pairs * step {
            log(folder, &pair(at / step, at % step, contents.pairs)?, 1)?;
        }
    }
    Ok(())
}

/// A pair's two names: of the same number, or of this one and the next.
fn pair(number: usize, next: usize, pairs: usize) -> Result<(Username, Username)> {
    Ok((name('a', number)?, name('b', (number + next) % pairs.max(1))?))
}

fn dictionary(path: &Path, entries: impl Iterator<Item = Result<String>>) -> Result<()> {
    let mut out = BufWriter::new(fs::File::create(path)?);
    out.write_all(b"{")?;
    for (at, entry) in entries.enumerate() {
        write!(out, "{}{}", if at == 0 { "\n" } else { ",\n" }, entry?)?;
    }
    out.write_all(b"}\n")?;
    Ok(out.flush()?)
}

/// The log of a pair, all from the lower name in one stream.
fn log(folder: &Path, (a, b): &(Username, Username), lines: u64) -> Result<()> {
    let logs = folder.join("conversations");
    fs::create_dir_all(&logs)?;
    let mut out = BufWriter::new(fs::File::create(logs.join(format!("{a}+{b}.txt")))?);
    let stream: StreamId = Bytes([0x5a; 16]);
    let first = DateTime::from_timestamp_millis(1_700_000_000_000).context("a time")?;
    let ciphertext = [9; 144];
    let mut body = Vec::new();
    for counter in 0..lines {
        let header = Header { epoch: EPOCH, stream, counter, previous: Bytes([0; 32]) };
        body.clear();
        body.extend_from_slice(&header.to_bytes());
        body.extend_from_slice(&ciphertext);
        let time = first + chrono::Duration::milliseconds(i64::try_from(counter)?);
        let time = time.format("%Y-%m-%dT%H:%M:%S%.3fZ");
        writeln!(out, "{time} {a} {} {}", counter + 1, BASE64.encode(&body))?;
    }
    out.flush()?;
    if lines > 1 {
        // Or the system would write it while something is measured.
        out.get_ref().sync_all()?;
    }
    Ok(())
}
