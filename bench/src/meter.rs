//! What the operating system says: processor time, memory, and what else used the machine.

use std::{fs, path::Path, time::Duration, time::Instant};

use anyhow::{Context, Result};

/// Up to so many threads a process's time is the sum of theirs, to the nanosecond; above it the system's
/// own sum, in hundredths of a second, because reading thousands of files is no small thing to do meanwhile.
const THREADS_SUMMED_MAX: usize = 300;

/// What was used up to one moment.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    at: Instant,
    server: Duration,
    own: Duration,
    machine: Duration,
}

/// What was used between two moments.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// The time between them.
    pub wall: Duration,
    /// The server's, in user and system mode.
    pub server: Duration,
    /// This process's.
    pub own: Duration,
    /// Everybody else's.
    pub others: Duration,
}

impl Reading {
    /// Reads for a server process. The processes must have the threads then that they have at the end, or
    /// `whole` must be said: the time of threads that ended is in the whole only.
    pub fn take(server: u32, whole: bool) -> Result<Self> {
        let process = |pid: u32| if whole { whole_process(pid) } else { process_time(pid) };
        Ok(Self {
            at: Instant::now(),
            server: process(server)?,
            own: process(std::process::id())?,
            machine: machine_time()?,
        })
    }

    /// What was used since.
    pub fn until(&self, later: &Self) -> Usage {
        let (server, own) = (later.server.saturating_sub(self.server), later.own.saturating_sub(self.own));
        let machine = later.machine.saturating_sub(self.machine);
        Usage {
            wall: later.at - self.at,
            server,
            own,
            others: machine.saturating_sub(server).saturating_sub(own),
        }
    }
}

fn process_time(pid: u32) -> Result<Duration> {
    let tasks: Vec<_> =
        fs::read_dir(format!("/proc/{pid}/task"))?.flatten().map(|task| task.path()).collect();
    if tasks.len() > THREADS_SUMMED_MAX {
        return whole_process(pid);
    }
    let mut sum = 0;
    for task in tasks {
        // A thread that just ended has none.
        if let Ok(text) = fs::read_to_string(task.join("schedstat")) {
            sum += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Ok(Duration::from_nanos(sum))
}

/// utime and stime of proc(5), fields 14 and 15.
fn whole_process(pid: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = text.rsplit_once(") ").context("a process's stat")?;
    let ticks: u64 = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(in_ticks(ticks))
}

/// All that was not idle, of all processors.
fn machine_time() -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("the machine's stat")?;
    let fields: Vec<u64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal
    let busy = fields.iter().take(8).enumerate().filter(|(at, _)| *at != 3 && *at != 4);
    Ok(in_ticks(busy.map(|(_, ticks)| ticks).sum()))
}

fn in_ticks(ticks: u64) -> Duration {
    Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)))
}

/// A process's memory, each shared page by its share, in KiB.
pub fn pss_kib(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find(|line| line.starts_with("Pss:")).context("a process's memory")?;
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).context("a process's memory")
}

/// The processors there are.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The file system of a folder: its kind and where it is mounted.
pub fn file_system(folder: &Path) -> Result<String> {
    let folder = folder.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let found = mounts.filter(|(at, _)| folder.starts_with(at)).max_by_key(|(at, _)| at.len());
    let (at, kind) = found.context("no file system")?;
    Ok(format!("{kind} at {at}"))
}

/// The value that `percent` of the sorted values are not above.
pub fn percentile(sorted: &[u32], percent: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = (last as f64 * percent / 100.0).round() as usize;
    sorted.get(at.min(last)).copied().map_or(f64::NAN, f64::from)
}
