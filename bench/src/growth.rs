//! What grows with the server: a log of a million lines, 100,000 accounts, 100,000 pairs.

use std::fmt::Write as _;

use anyhow::Result;

use crate::{
    data::Contents,
    load::What,
    meter::pss_kib,
    report::{self, Column, Row, grouped},
    target::Target,
    workloads::Conductor,
};

/// Lines of the logs, in full and in quick.
const LINES: [u64; 4] = [0, 1_000, 100_000, 1_000_000];
const LINES_QUICK: [u64; 2] = [0, 100_000];

/// Accounts, each with two keys of pairs.
const ACCOUNTS: usize = 100_000;
const ACCOUNTS_QUICK: usize = 20_000;

/// Registrations that are tried for, at most.
const REGISTRATIONS_MAX: usize = 50_000;

/// What is shown of long logs.
const COLUMNS: [Column; 7] = [
    ("first opening, no index, ms", "unindexed_ms", 2),
    ("first opening after a restart, ms", "first_ms", 2),
    ("last 20 lines µs", "last_us", 0),
    ("a page of 100 µs", "page_us", 0),
    ("first message stored, ms", "send_ms", 2),
    ("server CPU µs a message", "server_us", 1),
    ("delivery p50 µs", "delivery_p50", 0),
];

/// Both tables.
pub fn run(conductor: &Conductor) -> Result<()> {
    let lines: &[u64] = if conductor.quick { &LINES_QUICK } else { &LINES };
    let mut rows: Vec<Row> = lines
        .iter()
        .map(|lines| Row { name: format!("{} lines", grouped_count(*lines)), runs: Vec::new() })
        .collect();
    for _ in 0..if conductor.quick { 1 } else { conductor.rounds.min(3) } {
        for (lines, row) in lines.iter().zip(&mut rows) {
            let contents = Contents { lines: *lines, ..Contents::new(1, 0) };
            let server = conductor.stage.start(Target::Product, contents)?;
            let what = What::Pages { lines: *lines };
            let first = conductor.load(&server, Target::Product, &what, 1)?;
            let server = conductor.stage.again(server, Target::Product)?;
            let mut again = conductor.load(&server, Target::Product, &what, 1)?;
            again.insert("unindexed_ms".to_owned(), first.get("first_ms").copied().unwrap_or(f64::NAN));
            row.runs.push(again);
        }
    }
    conductor.say(&report::table("a conversation of", &COLUMNS, &rows))?;
    accounts(conductor)
}

fn grouped_count(count: u64) -> String {
    #[allow(clippy::cast_precision_loss)]
    grouped(count as f64, 0)
}

/// Many accounts and pairs: the start, the memory, a registration.
#[allow(clippy::cast_precision_loss)]
fn accounts(conductor: &Conductor) -> Result<()> {
    let accounts = if conductor.quick { ACCOUNTS_QUICK } else { ACCOUNTS };
    let stage = &conductor.stage;
    let empty = pss_kib(stage.start(Target::Product, Contents::new(0, 0))?.process())?;
    let alone = stage.start(Target::Product, Contents::new(0, accounts))?;
    let memory = (pss_kib(alone.process())?.saturating_sub(empty)) as f64 / accounts as f64;
    let new = What::Register { first: accounts, count: REGISTRATIONS_MAX };
    let registered = conductor.load(&alone, Target::Product, &new, 2)?;
    drop(alone);
    let pairs = Contents { crossed: true, ..Contents::new(accounts / 2, 0) };
    let mut server = stage.start(Target::Product, pairs)?;
    let mut starts = vec![server.started_in];
    for _ in 1..conductor.rounds {
        server = stage.again(server, Target::Product)?;
        starts.push(server.started_in);
    }
    starts.sort_unstable();
    let start = starts.get(starts.len() / 2).map_or(f64::NAN, std::time::Duration::as_secs_f64);
    let both = (pss_kib(server.process())?.saturating_sub(empty)) as f64 / accounts as f64;
    let count = grouped(accounts as f64, 0);
    let figure = |name: &str| registered.get(name).copied().unwrap_or(f64::NAN);
    let mut text = format!("\n| {count} accounts | | to reach |\n|---|--:|--:|\n");
    let _ = writeln!(text, "| start with {count} pairs that have talked, s | {start:.2} | under 2 |");
    let _ = writeln!(text, "| memory an account, KiB | {memory:.2} | at most 1 |");
    let _ = writeln!(text, "| memory an account and a pair, KiB | {both:.2} | |");
    let _ = writeln!(text, "| registrations/s | {:.0} | at least 200 |", figure("rate"));
    let _ = writeln!(text, "| server CPU ms a registration | {:.2} | |", figure("server_us") / 1e3);
    conductor.say(&text)
}
