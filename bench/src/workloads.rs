//! The conductor: which servers are measured with which load, in turn, and which tables come of it.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use tempfile::TempDir;

use crate::{
    brokers, client,
    data::Contents,
    growth,
    load::{Figures, TEXT_BYTES, What},
    meter,
    person::Keys,
    relay::Kind,
    report::{self, Bound, Column, Row},
    rivals,
    target::{Running, Stage, Target},
};

/// What is asked for.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// `quick`, `full`, or workloads by name
    #[arg(default_value = "quick")]
    workloads: Vec<String>,
    /// The product
    #[arg(long)]
    product: PathBuf,
    /// Where folders are made: on the file system that is to be measured
    #[arg(long)]
    folder: PathBuf,
    /// Runs of each, of which the median counts [default: 5, quick: 3]
    #[arg(long)]
    rounds: Option<usize>,
    /// Counted milliseconds of each run [default: 1500, quick: 400]
    #[arg(long)]
    measured_ms: Option<u64>,
    /// Milliseconds of the same load before those [default: 2000, quick: 300]
    #[arg(long)]
    warm_up_ms: Option<u64>,
    /// The length of a text, in bytes
    #[arg(long, default_value_t = TEXT_BYTES)]
    text_bytes: usize,
    /// Threads of the load generator
    #[arg(long)]
    threads: Option<usize>,
    /// Only the shapes with so many pairs
    #[arg(long)]
    pairs: Option<usize>,
}

const PRODUCT: Target = Target::Product;
const OS: Target = Target::ProductOs;
const BARE: Target = Target::Relay(Kind::Bare);
const APPEND: Target = Target::Relay(Kind::Append);
const DURABLE: Target = Target::Relay(Kind::Durable);
const WAITING: Target = Target::Relay(Kind::DurableWaiting);

/// Everybody but the relay that stores nothing.
const STORING: [Target; 5] = [PRODUCT, OS, APPEND, DURABLE, WAITING];
const ALL: [Target; 6] = [PRODUCT, OS, BARE, APPEND, DURABLE, WAITING];

/// Messages a second of the paced workload, and its pairs.
const PACED: (f64, usize) = (2000.0, 100);

/// The workloads, in the order of `full`.
const NAMES: [&str; 8] = ["latency", "one", "sixteen", "paced", "idle", "logins", "growth", "client"];

/// How one conductor measures.
pub(crate) struct Conductor {
    pub(crate) stage: Stage,
    pub(crate) rounds: usize,
    measured_ms: u64,
    warm_up_ms: u64,
    text_bytes: usize,
    threads: Option<usize>,
    pairs: Option<usize>,
    pub(crate) quick: bool,
}

/// Runs what is asked for.
pub fn run(args: &RunArgs) -> Result<()> {
    let quick = args.workloads.iter().any(|name| name == "quick");
    let all = quick || args.workloads.iter().any(|name| name == "full");
    let names: Vec<&str> =
        if all { NAMES.to_vec() } else { args.workloads.iter().map(String::as_str).collect() };
    fs::create_dir_all(&args.folder)?;
    let folder = TempDir::new_in(&args.folder)?;
    let key_file = folder.path().join("keys");
    let stage = Stage {
        product: args.product.clone(),
        own: std::env::current_exe()?,
        folder: folder.path().to_owned(),
        keys: Keys::create(&key_file)?,
        key_file,
        has_durability: has_durability(&args.product)?,
    };
    let conductor = Conductor {
        stage,
        rounds: args.rounds.unwrap_or(if quick { 3 } else { 5 }),
        measured_ms: args.measured_ms.unwrap_or(if quick { 400 } else { 1500 }),
        warm_up_ms: args.warm_up_ms.unwrap_or(if quick { 300 } else { 2000 }),
        text_bytes: args.text_bytes,
        threads: args.threads,
        pairs: args.pairs,
        quick,
    };
    conductor.say(&conductor.heading()?)?;
    let begun = Instant::now();
    for name in names {
        conductor.workload(name)?;
    }
    conductor.say(&format!("\n{:.0} s in all.\n", begun.elapsed().as_secs_f64()))
}

fn has_durability(product: &PathBuf) -> Result<bool> {
    let help = Command::new(product).args(["server", "--help"]).output();
    let help = help.with_context(|| format!("{product:?} does not start"))?;
    Ok(String::from_utf8_lossy(&help.stdout).contains("--durability"))
}

/// What a table is about.
fn shape(pairs: usize, window: u64) -> String {
    format!("{pairs} {}, {window} in flight", if pairs == 1 { "pair" } else { "pairs" })
}

impl Conductor {
    pub(crate) fn say(&self, text: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    fn heading(&self) -> Result<String> {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let model = fs::read_to_string("/proc/cpuinfo")?;
        let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
        Ok(format!(
            "{} processors ({}), Linux {}, data on {}; medians of {} runs of {} ms after {} ms.\n",
            meter::processors(),
            model.trim_start_matches([' ', '\t', ':']),
            release.trim(),
            meter::file_system(&self.stage.folder)?,
            self.rounds,
            self.measured_ms,
            self.warm_up_ms,
        ))
    }

    fn workload(&self, name: &str) -> Result<()> {
        match name {
            "latency" => self.talk(1, 1, if self.quick { &STORING } else { &ALL }, 1),
            "one" => self.shapes(1),
            "sixteen" => self.shapes(16),
            "paced" => self.paced(),
            "idle" => self.idle(),
            "logins" => self.logins(),
            "growth" => growth::run(self),
            "client" => client::run(self),
            "choices" => self.choices(),
            "rivals" => self.rivals(),
            other => bail!("{other} is no workload: quick, full, choices, rivals, {}", NAMES.join(", ")),
        }
    }

    /// The servers of a workload that this product has.
    fn targets(&self, wanted: &[Target]) -> Vec<Target> {
        let has = |target: &Target| self.stage.has_durability || *target != OS;
        wanted.iter().copied().filter(has).collect()
    }

    /// Measures each target in turn, again and again, each with a fresh server.
    fn rows(&self, targets: &[Target], contents: Contents, what: &What, threads: usize) -> Result<Vec<Row>> {
        let targets = self.targets(targets);
        let mut rows: Vec<Row> =
            targets.iter().map(|target| Row { name: target.to_string(), runs: Vec::new() }).collect();
        for _ in 0..self.rounds {
            for (target, row) in targets.iter().zip(&mut rows) {
                row.runs.push(self.measure(*target, contents, what, threads)?);
            }
        }
        Ok(rows)
    }

    fn measure(&self, target: Target, contents: Contents, what: &What, threads: usize) -> Result<Figures> {
        self.load(&self.stage.start(target, contents)?, target, what, threads)
    }

    /// Puts a server that runs under load.
    pub(crate) fn load(
        &self,
        server: &Running,
        target: Target,
        what: &What,
        threads: usize,
    ) -> Result<Figures> {
        let mut command = Command::new(&self.stage.own);
        command.arg("load").args(["--to", &server.address.to_string()]);
        command.args(["--server", &server.process().to_string()]);
        command.arg("--key-file").arg(&self.stage.key_file);
        command.args(["--measured-ms", &self.measured_ms.to_string()]);
        command.args(["--warm-up-ms", &self.warm_up_ms.to_string()]);
        command.args(["--threads", &self.threads.unwrap_or(threads).to_string()]);
        if matches!(target, Target::Relay(_)) {
            command.arg("--relay");
        }
        let what = match (target, what) {
            (Target::Rival(kind), What::Talk { pairs, window, .. }) => {
                &What::Rival { kind, pairs: *pairs, window: *window }
            }
            _ => what,
        };
        command.args(what.arguments());
        let output = command.stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "the load generator failed at {target}: {:?}", what.arguments());
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn shapes(&self, window: u64) -> Result<()> {
        let shapes: &[usize] = match (self.quick, window) {
            (true, _) => &[100],
            (false, 16) => &[1, 10, 100, 1000],
            (false, _) => &[10, 100, 1000],
        };
        let targets: &[Target] = if self.quick { &STORING } else { &ALL };
        for pairs in shapes.iter().filter(|pairs| self.pairs.is_none_or(|only| **pairs == only)) {
            self.talk(*pairs, window, targets, if *pairs == 1 { 1 } else { 2 })?;
        }
        Ok(())
    }

    fn talk(&self, pairs: usize, window: u64, targets: &[Target], threads: usize) -> Result<()> {
        let what = What::Talk { pairs, window, rate: None, text_bytes: self.text_bytes };
        let rows = self.rows(targets, Contents::new(pairs, 0), &what, threads)?;
        let (cpu, rate) = (("server_us", "CPU"), ("rate", "rate"));
        let os_cpu = if window == 1 { 1.3 } else { 1.5 };
        let mut bounds = vec![
            (rate, OS, APPEND, Bound::AtLeast(0.8)),
            (cpu, OS, APPEND, Bound::AtMost(os_cpu)),
            (rate, PRODUCT, DURABLE, Bound::AtLeast(0.8)),
            (cpu, PRODUCT, DURABLE, Bound::AtMost(1.4)),
            (rate, PRODUCT, WAITING, Bound::AtLeast(0.8)),
            (cpu, PRODUCT, WAITING, Bound::AtMost(1.4)),
        ];
        if pairs == 1 && window == 1 {
            bounds.push((("delivery_p50", "delivery p50"), PRODUCT, APPEND, Bound::AtMost(1.3)));
        }
        self.show(&shape(pairs, window), &report::TALK, &rows, &bounds)
    }

    fn paced(&self) -> Result<()> {
        let (rate, pairs) = PACED;
        let what = What::Talk { pairs, window: 1, rate: Some(rate), text_bytes: self.text_bytes };
        let rows = self.rows(&STORING, Contents::new(pairs, 0), &what, 1)?;
        let p99 = ("delivery_p99", "delivery p99");
        let bounds = [(p99, OS, APPEND, Bound::AtMost(1.3)), (p99, PRODUCT, DURABLE, Bound::AtMost(1.3))];
        let mut columns = report::TALK.to_vec();
        columns.push(("delivery, slowest", "delivery_max", 0));
        self.show(&format!("{rate} messages/s over {pairs} pairs"), &columns, &rows, &bounds)
    }

    fn idle(&self) -> Result<()> {
        let sizes: &[usize] = if self.quick { &[1000] } else { &[1000, 5000, 10_000] };
        for connections in sizes {
            let what = What::Idle { connections: *connections };
            let contents = Contents::new(1, *connections);
            let rows = self.rows(&[PRODUCT, BARE], contents, &what, 2)?;
            let arrival = ("arrival_s", "time to connect and log in");
            let kib = ("kib_each", "memory");
            let bounds =
                [(arrival, PRODUCT, BARE, Bound::AtMost(2.0)), (kib, PRODUCT, BARE, Bound::AtMost(0.78))];
            self.show(&format!("{connections} idle connections"), &report::IDLE, &rows, &bounds)?;
        }
        Ok(())
    }

    fn logins(&self) -> Result<()> {
        let contents = Contents::new(0, 1000);
        let rows = self.rows(&[PRODUCT, BARE], contents, &What::Logins { accounts: 1000 }, 2)?;
        let each = ("per_cpu_second", "logins a CPU second");
        self.show("logins", &report::LOGINS, &rows, &[(each, PRODUCT, BARE, Bound::AtLeast(0.75))])
    }

    /// What a relay gains by writing once for all that one read brought.
    fn choices(&self) -> Result<()> {
        let (once, each) = (BARE, Target::Relay(Kind::OneByOne));
        for window in [1, 16] {
            let what = What::Talk { pairs: 100, window, rate: None, text_bytes: self.text_bytes };
            let rows = self.rows(&[once, each], Contents::new(100, 0), &what, 2)?;
            self.show(&shape(100, window), &report::TALK, &rows, &[])?;
        }
        Ok(())
    }

    /// Other servers, those that are installed.
    fn rivals(&self) -> Result<()> {
        let kinds = [rivals::Kind::Mqtt, rivals::Kind::Jetstream];
        let installed = kinds.into_iter().filter(|kind| brokers::is_installed(*kind));
        let targets: Vec<Target> = [PRODUCT, OS].into_iter().chain(installed.map(Target::Rival)).collect();
        for (pairs, window) in [(1, 1), (100, 1), (100, 16), (1000, 16)] {
            let what = What::Talk { pairs, window, rate: None, text_bytes: self.text_bytes };
            let contents = Contents::new(pairs, 0);
            let rows = self.rows(&targets, contents, &what, if pairs == 1 { 1 } else { 2 })?;
            let rate = ("rate", "rate");
            let mut bounds =
                kinds.map(|kind| (rate, PRODUCT, Target::Rival(kind), Bound::AtLeast(2.0))).to_vec();
            // With one message in flight it is the disk that is waited for, and those two do not wait for it.
            bounds.retain(|_| window > 1);
            self.show(&shape(pairs, window), &report::TALK, &rows, &bounds)?;
        }
        Ok(())
    }

    fn show(
        &self,
        title: &str,
        columns: &[Column],
        rows: &[Row],
        bounds: &[((&str, &str), Target, Target, Bound)],
    ) -> Result<()> {
        let mut text = report::table(title, columns, rows);
        text.push('\n');
        for ((figure, words), of, to, bound) in bounds {
            let said = report::ratio(rows, figure, words, &of.to_string(), &to.to_string(), *bound);
            text.extend(said);
        }
        self.say(&text)
    }
}
