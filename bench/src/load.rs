//! The load generator's side of one measurement: what is asked of it, and the figures it answers with.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Result;
use clap::{Args, Subcommand};
use parking_lot::Mutex;
use securechat::transport::ALPN;

use crate::{
    crowd::Way,
    idle,
    line::tls_config,
    logins,
    meter::{Usage, processors},
    ours, pages,
    person::{Entrance, Keys},
    rivals,
    talk::{self, Pace, Plan, Talked},
};

/// The longest text that has the smallest body, in bytes.
pub const TEXT_BYTES: usize = 59;

/// Figures under their names.
pub type Figures = BTreeMap<String, f64>;

/// One measurement.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// The server
    #[arg(long)]
    to: SocketAddr,
    /// Its process
    #[arg(long)]
    server: u32,
    /// The key file that all accounts log in with
    #[arg(long)]
    key_file: PathBuf,
    /// The server is a relay: its people need not meet
    #[arg(long)]
    relay: bool,
    /// Milliseconds of the same load before anything is counted
    #[arg(long, default_value_t = 300)]
    warm_up_ms: u64,
    /// How long it is counted, in milliseconds
    #[arg(long, default_value_t = 1500)]
    measured_ms: u64,
    /// Threads of this process
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[command(subcommand)]
    what: What,
}

/// What is measured.
#[derive(Debug, Clone, Subcommand)]
pub enum What {
    /// Pairs that talk, with so many messages of each under way, or at a rate
    Talk {
        /// Pairs
        #[arg(long)]
        pairs: usize,
        /// Messages of each pair under way at once
        #[arg(long, default_value_t = 1)]
        window: u64,
        /// Messages a second of all together, instead of a window
        #[arg(long)]
        rate: Option<f64>,
        /// The length of a text, in bytes
        #[arg(long, default_value_t = TEXT_BYTES)]
        text_bytes: usize,
    },
    /// Connections that are idle, and one pair that talks among them
    Idle {
        /// Connections
        #[arg(long)]
        connections: usize,
    },
    /// Logins, again and again
    Logins {
        /// The accounts there are
        #[arg(long)]
        accounts: usize,
    },
    /// One pair with a log that is there: opening it, its pages, and then a message at a time
    Pages {
        /// Lines in that log
        #[arg(long)]
        lines: u64,
    },
    /// Registrations
    Register {
        /// The first account's number
        #[arg(long)]
        first: usize,
        /// Registrations, at most
        #[arg(long)]
        count: usize,
    },
    /// The same as talk at another kind of server
    Rival {
        /// Which
        #[arg(value_enum)]
        kind: rivals::Kind,
        /// Pairs
        #[arg(long)]
        pairs: usize,
        /// Messages of each pair under way at once
        #[arg(long)]
        window: u64,
    },
}

impl What {
    /// The arguments of this measurement.
    pub fn arguments(&self) -> Vec<String> {
        let words = match self {
            Self::Talk { pairs, window, rate: None, text_bytes } => {
                format!("talk --pairs {pairs} --window {window} --text-bytes {text_bytes}")
            }
            Self::Talk { pairs, rate: Some(rate), text_bytes, .. } => {
                format!("talk --pairs {pairs} --rate {rate} --text-bytes {text_bytes}")
            }
            Self::Idle { connections } => format!("idle --connections {connections}"),
            Self::Logins { accounts } => format!("logins --accounts {accounts}"),
            Self::Pages { lines } => format!("pages --lines {lines}"),
            Self::Register { first, count } => format!("register --first {first} --count {count}"),
            Self::Rival { kind, pairs, window } => {
                format!("rival {} --pairs {pairs} --window {window}", kind.word())
            }
        };
        words.split(' ').map(str::to_owned).collect()
    }
}

/// Measures.
pub fn run(args: &LoadArgs) -> Result<Figures> {
    let alpn = match args.what {
        What::Rival { .. } => None,
        _ => Some(ALPN),
    };
    let way =
        Way { to: args.to, tls: tls_config(alpn)?, keys: Keys::open(&args.key_file)?, meets: !args.relay };
    let measured = Duration::from_millis(args.measured_ms);
    let plan = |pairs, pace| Plan {
        server: args.server,
        pairs,
        pace,
        threads: args.threads,
        warm_up: Duration::from_millis(args.warm_up_ms),
        measured,
    };
    let mut figures = Figures::new();
    match args.what {
        What::Talk { pairs, window, rate, text_bytes } => {
            let pace = rate.map_or(Pace::Window(window), Pace::Rate);
            let talked = talk::run(&plan(pairs, pace), |mine| ours::prepare(&way, mine, text_bytes))?;
            of_talk(&mut figures, &talked);
        }
        What::Idle { connections } => {
            let idled = idle::run(&way, &plan(1, Pace::Window(1)), connections, TEXT_BYTES)?;
            of_talk(&mut figures, &idled.talked);
            let [alone, _, _] = Talked::latencies(&idled.alone.delivery);
            let [among, _, _] = Talked::latencies(&idled.talked.delivery);
            put(&mut figures, "alone_p50", alone);
            put(&mut figures, "among_alone", among / alone);
            put(&mut figures, "arrival_s", idled.arrival.as_secs_f64());
            let each = idled.arrival_server.as_secs_f64() * 1e6 / count(connections as u64);
            put(&mut figures, "arrival_us_each", each);
            put(&mut figures, "kib_each", idled.kib_each);
            put(&mut figures, "idle_us_per_s", idled.idle_us_per_s);
        }
        What::Logins { accounts } => {
            let all = 0..accounts;
            let in_ = logins::run(&way, args.server, all, Entrance::Login, args.threads, measured)?;
            of_logins(&mut figures, &in_);
        }
        What::Pages { lines } => {
            let (opened, ready) = pages::run(&way, lines)?;
            put(&mut figures, "first_ms", opened.first.as_secs_f64() * 1e3);
            put(&mut figures, "last_us", opened.last.as_secs_f64() * 1e6);
            put(&mut figures, "page_us", opened.page.as_secs_f64() * 1e6);
            put(&mut figures, "send_ms", opened.send.as_secs_f64() * 1e3);
            let ready = Mutex::new(Some(ready));
            let talked =
                talk::run(&plan(1, Pace::Window(1)), |_| Ok(ready.lock().take().into_iter().collect()))?;
            of_talk(&mut figures, &talked);
        }
        What::Register { first, count } => {
            let new = first..first + count;
            let in_ = logins::run(&way, args.server, new, Entrance::Register, args.threads, measured)?;
            of_logins(&mut figures, &in_);
        }
        What::Rival { kind, pairs, window } => {
            let plan = plan(pairs, Pace::Window(window));
            let talked = talk::run(&plan, |mine| rivals::prepare(kind, &way, mine))?;
            of_talk(&mut figures, &talked);
        }
    }
    put(&mut figures, "threads", count(args.threads as u64));
    Ok(figures)
}

fn put(figures: &mut Figures, name: &str, value: f64) {
    // What was never measured is no figure.
    if value.is_finite() {
        figures.insert(name.to_owned(), value);
    }
}

#[allow(clippy::cast_precision_loss)]
fn count(number: u64) -> f64 {
    number as f64
}

fn of_usage(figures: &mut Figures, usage: &Usage, done: u64) {
    let wall = usage.wall.as_secs_f64();
    put(figures, "rate", count(done) / wall);
    put(figures, "server_us", usage.server.as_secs_f64() * 1e6 / count(done.max(1)));
    put(figures, "server_cores", usage.server.as_secs_f64() / wall);
    put(figures, "own_cores", usage.own.as_secs_f64() / wall);
    put(figures, "others", usage.others.as_secs_f64() / wall / count(processors() as u64));
}

fn of_talk(figures: &mut Figures, talked: &Talked) {
    of_usage(figures, &talked.usage, talked.messages);
    for (what, sorted) in [("delivery", &talked.delivery), ("stored", &talked.stored)] {
        let [half, most, all] = Talked::latencies(sorted);
        put(figures, &format!("{what}_p50"), half);
        put(figures, &format!("{what}_p99"), most);
        put(figures, &format!("{what}_max"), all);
    }
}

fn of_logins(figures: &mut Figures, in_: &logins::LoggedIn) {
    of_usage(figures, &in_.usage, in_.logins);
    put(figures, "per_cpu_second", count(in_.logins) / in_.usage.server.as_secs_f64());
}
