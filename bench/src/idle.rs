//! Many who are connected and say nothing: what they cost, and how two talk among them.

use std::{thread, time::Duration, time::Instant};

use anyhow::{Result, anyhow};

use crate::{
    crowd::{Crowd, Way, name},
    meter::{Reading, pss_kib},
    ours,
    person::{Entrance, Person},
    talk::{self, Plan, Talked},
};

/// Given to the server to settle: buffers shrink, what was freed is given back.
const SETTLING: Duration = Duration::from_millis(500);

/// So long nobody says anything.
const IDLE: Duration = Duration::from_secs(1);

/// What came of it.
#[derive(Debug, Clone)]
pub struct Idled {
    /// From the first connection to the last login.
    pub arrival: Duration,
    /// The server's processor time for all arrivals.
    pub arrival_server: Duration,
    /// The server's memory for each connection, in KiB (proportional set size).
    pub kib_each: f64,
    /// The server's processor time in a second of idleness, in microseconds.
    pub idle_us_per_s: f64,
    /// Two who talk before anybody else is there.
    pub alone: Talked,
    /// Two who talk among them.
    pub talked: Talked,
}

/// So many connect, are idle, and then a pair talks as `plan` says.
pub fn run(way: &Way, plan: &Plan, connections: usize, text_bytes: usize) -> Result<Idled> {
    let threads = plan.threads;
    let talk = || talk::run(plan, |pairs| ours::prepare(way, pairs, text_bytes));
    let alone = talk()?;
    let before = pss_kib(plan.server)?;
    let reading = Reading::take(plan.server, true)?;
    let started = Instant::now();
    let crowds = thread::scope(|scope| -> Result<Vec<Vec<Person>>> {
        let parts: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let names = (thread..connections).step_by(threads).map(|number| name('i', number));
                    let names = names.collect::<Result<Vec<_>>>()?;
                    Ok(Crowd::arrives(way, names.into_iter(), Entrance::Login)?.people)
                })
            })
            .collect();
        parts
            .into_iter()
            .map(|part| part.join().map_err(|_| anyhow!("a thread of the load generator failed"))?)
            .collect()
    })?;
    let arrival = started.elapsed();
    let arrival_server = reading.until(&Reading::take(plan.server, true)?).server;
    thread::sleep(SETTLING);
    let memory = pss_kib(plan.server)?.saturating_sub(before);
    let reading = Reading::take(plan.server, true)?;
    thread::sleep(IDLE);
    let idle = reading.until(&Reading::take(plan.server, true)?);
    let talked = talk()?;
    drop(crowds);
    Ok(Idled {
        arrival,
        arrival_server,
        #[allow(clippy::cast_precision_loss)]
        kib_each: memory as f64 / connections.max(1) as f64,
        idle_us_per_s: idle.server.as_secs_f64() * 1e6 / idle.wall.as_secs_f64(),
        alone,
        talked,
    })
}
