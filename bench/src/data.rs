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
use securechat::wire::{Bytes, Header, StreamId};

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
    let pairs = (0..contents.pairs).map(|number| {
        let (a, b) = (name('a', number)?, name('b', number)?);
        Ok(format!(
            "\"{a}+{b}\":{{\"epoch\":{EPOCH},\"key_id\":\"{key_id}\",\"created\":\"{created}\",\
             \"sealed\":{{\"{a}\":\"{copy}\",\"{b}\":\"{copy}\"}},\"older\":[]}}"
        ))
    });
    dictionary(&folder.join("keys_dico.json"), pairs)?;
    if contents.lines > 0 {
        log(folder, contents.lines)?;
    }
    Ok(())
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

/// The log of pair 0, all from `a000000` in one stream.
fn log(folder: &Path, lines: u64) -> Result<()> {
    let (a, b) = (name('a', 0)?, name('b', 0)?);
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
    Ok(out.flush()?)
}
