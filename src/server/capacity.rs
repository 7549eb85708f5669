//! What the system lets this process have, against what `--max-clients` needs: each connection is a file, a
//! thread and the thread's memory maps.
//!
//! What a process may raise by itself is raised. The rest is named in one line, with the way to raise it,
//! and the server starts with as many connections as there is room for.

use std::{fmt, fs, path::Path};

use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};
use tracing::warn;

use super::{
    ServerConfig,
    limits::{EarlyDrop, OPEN_LOGS_MAX, OPEN_LOGS_MIN},
};

/// Files that a server has open besides its connections: its logs, and some that are its own.
const FILES_BESIDE: u64 = OPEN_LOGS_MIN as u64 + FILES_OWN;

/// Files that are neither connections nor logs, generously.
const FILES_OWN: u64 = 64;

/// How many logs may be open beside so many connections.
pub(super) fn open_logs(clients: usize) -> usize {
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let left = allowed.saturating_sub(clients as u64 + FILES_OWN);
    usize::try_from(left).unwrap_or(OPEN_LOGS_MAX).clamp(OPEN_LOGS_MIN, OPEN_LOGS_MAX)
}

/// Memory maps of one thread: its stack, the stack of its signals, and a guard before each.
const MAPS_EACH: u64 = 4;

/// Memory maps of a server without connections, generously: program, libraries, the allocator's.
const MAPS_BESIDE: u64 = 1024;

/// Threads of a server without connections, generously.
const THREADS_BESIDE: u64 = 64;

/// One thing of which there is only so much.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Supply {
    what: &'static str,
    /// How it is raised; `{}` stands for what is needed.
    remedy: &'static str,
    /// How much there may be.
    allowed: u64,
    each: u64,
    beside: u64,
}

impl Supply {
    fn needed(&self, clients: u64) -> u64 {
        clients.saturating_mul(self.each).saturating_add(self.beside)
    }

    /// How many connections there is room for: one at least, which then meets the system's own refusal.
    fn room(&self) -> u64 {
        (self.allowed.saturating_sub(self.beside) / self.each).max(1)
    }
}

/// What there is too little of for so many clients.
#[derive(Debug, PartialEq, Eq)]
struct Shortage {
    clients: u64,
    short: Vec<Supply>,
}

impl Shortage {
    fn of(clients: u64, supplies: Vec<Supply>) -> Option<Self> {
        let short: Vec<_> = supplies.into_iter().filter(|supply| supply.room() < clients).collect();
        (!short.is_empty()).then_some(Self { clients, short })
    }

    /// How many connections there is room for.
    fn room(&self) -> u64 {
        self.short.iter().map(Supply::room).min().unwrap_or(self.clients)
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (clients, room) = (self.clients, self.room());
        write!(out, "--max-clients {clients} is more than this system allows: at most {room} are let in")?;
        for supply in &self.short {
            let needed = supply.needed(clients);
            let remedy = supply.remedy.replace("{}", &needed.to_string());
            write!(out, "; {} {}, needed {needed}: {remedy}", supply.what, supply.allowed)?;
        }
        Ok(())
    }
}

/// Raises what can be raised, and sets what is possible in `config`, saying so where that is less than it asks for.
pub(super) fn fit(config: &mut ServerConfig) {
    let clients = config.max_clients as u64;
    let supplies = [open_files(), memory_maps(), threads()].into_iter().flatten();
    let Some(shortage) = Shortage::of(clients, supplies.collect()) else { return };
    warn!("{shortage}");
    let room = usize::try_from(shortage.room()).unwrap_or(config.max_clients);
    // What was derived from the number that is not to be had is derived anew.
    if config.limits.early_drop == EarlyDrop::for_clients(config.max_clients) {
        config.limits.early_drop = EarlyDrop::for_clients(room);
    }
    config.max_clients = room;
}

/// The limit on open files, raised as far as it goes without a privilege.
fn open_files() -> Option<Supply> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let soft = current?;
    let raised = Rlimit { current: maximum, maximum };
    let allowed = if maximum.is_none_or(|hard| hard > soft) && setrlimit(Resource::Nofile, raised).is_ok() {
        maximum.unwrap_or(u64::MAX)
    } else {
        soft
    };
    Some(Supply {
        what: "open files",
        remedy: "LimitNOFILE={} in the systemd unit, or ulimit -n {}",
        allowed,
        each: 1,
        beside: FILES_BESIDE,
    })
}

fn memory_maps() -> Option<Supply> {
    Some(Supply {
        what: "memory maps",
        remedy: "sysctl vm.max_map_count={}",
        allowed: number_in(Path::new("/proc/sys/vm/max_map_count"))?,
        each: MAPS_EACH,
        beside: MAPS_BESIDE,
    })
}

/// The tightest of the limits on threads.
fn threads() -> Option<Supply> {
    let system = [
        ("threads of the system", "sysctl kernel.threads-max={}", "/proc/sys/kernel/threads-max"),
        ("process numbers", "sysctl kernel.pid_max={}", "/proc/sys/kernel/pid_max"),
    ];
    let system = system
        .into_iter()
        .filter_map(|(what, remedy, file)| Some((what, remedy, number_in(Path::new(file))?)));
    let cgroup =
        tasks_max().map(|max| ("tasks of the control group", "TasksMax={} in the systemd unit", max));
    // The limit of a user does not hold for root.
    let user = getrlimit(Resource::Nproc).current.filter(|_| !geteuid().is_root());
    let user =
        user.map(|max| ("threads of this user", "LimitNPROC={} in the systemd unit, or ulimit -u {}", max));
    let (what, remedy, allowed) = system.chain(cgroup).chain(user).min_by_key(|(_, _, allowed)| *allowed)?;
    Some(Supply { what, remedy, allowed, each: 1, beside: THREADS_BESIDE })
}

/// The tightest limit on tasks among this process's control group and those around it.
fn tasks_max() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    own.lines()
        .filter_map(|line| tasks_file(line))
        .flat_map(|(root, path)| {
            let groups: Vec<_> = path.ancestors().map(|group| root.join(group).join("pids.max")).collect();
            groups.into_iter().filter_map(|file| number_in(&file))
        })
        .min()
}

/// Where a line of `/proc/self/cgroup` says that tasks are counted: the hierarchy's folder, and the group in it.
fn tasks_file(line: &str) -> Option<(&'static Path, &Path)> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, group) = (fields.next()?, fields.next()?);
    let root = match controllers {
        "" => "/sys/fs/cgroup",
        "pids" => "/sys/fs/cgroup/pids",
        _ => return None,
    };
    Some((Path::new(root), Path::new(group.trim_start_matches('/'))))
}

/// The number in a file of the kernel's; `None` for no file, or "max".
fn number_in(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supply(what: &'static str, allowed: u64, each: u64, beside: u64) -> Supply {
        Supply { what, remedy: "raise it to {}", allowed, each, beside }
    }

    #[test]
    fn what_is_enough_is_not_mentioned_and_the_tightest_decides() {
        let supplies = || {
            vec![
                supply("files", 10_576, 1, 576),
                supply("maps", 9_000, 4, 1000),
                supply("tasks", 5_000, 1, 0),
            ]
        };
        assert_eq!(Shortage::of(2_000, supplies()), None);
        let shortage = Shortage::of(10_000, supplies()).unwrap();
        assert_eq!(shortage.room(), 2_000);
        assert_eq!(
            shortage.to_string(),
            "--max-clients 10000 is more than this system allows: at most 2000 are let in; \
             maps 9000, needed 41000: raise it to 41000; tasks 5000, needed 10000: raise it to 10000"
        );
    }

    #[test]
    fn however_little_there_is_one_connection_is_tried() {
        let shortage = Shortage::of(10, vec![supply("files", 3, 1, 576)]).unwrap();
        assert_eq!(shortage.room(), 1);
    }

    #[test]
    fn the_default_number_of_clients_fits_a_default_linux() {
        let supplies =
            vec![supply("maps", 65_530, MAPS_EACH, MAPS_BESIDE), supply("tasks", 32_768, 1, THREADS_BESIDE)];
        assert_eq!(Shortage::of(super::super::limits::CLIENTS_MAX as u64, supplies), None);
    }

    #[test]
    fn both_kinds_of_control_groups_are_found() {
        let found = |line| tasks_file(line).map(|(root, group)| root.join(group));
        let here = Path::new("/sys/fs/cgroup");
        assert_eq!(
            found("0::/system.slice/securechat.service").unwrap(),
            here.join("system.slice/securechat.service")
        );
        assert_eq!(found("8:pids:/user.slice").unwrap(), here.join("pids/user.slice"));
        assert_eq!(found("7:blkio:/"), None);
        assert_eq!(found("nonsense"), None);
    }
}
