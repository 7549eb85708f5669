//! Logins: a connection, its handshake, a login, the end of it; again and again.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};

use crate::{
    crowd::{SCRATCH_BYTES, Way, name, source},
    meter::{Reading, Usage},
    person::{Entrance, Person, Stage},
    poll::Poll,
};

/// Logins under way at once, of each thread.
const ARRIVING: usize = 16;

/// No login is answered for so long: the server is not what it should be.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of it.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// Logins that were answered.
    pub logins: u64,
    /// What they took.
    pub usage: Usage,
}

/// Logs in as these accounts (or makes them) for so long, or until `most` are in.
pub fn run(
    way: &Way,
    server: u32,
    accounts: std::ops::Range<usize>,
    entrance: Entrance,
    threads: usize,
    measured: Duration,
) -> Result<LoggedIn> {
    let reading = Reading::take(server, true)?;
    let end = Instant::now() + measured;
    let logins = thread::scope(|scope| -> Result<u64> {
        let parts: Vec<_> = (0..threads)
            .map(|thread| {
                let accounts = accounts.clone();
                scope.spawn(move || {
                    let mine = accounts.skip(thread).step_by(threads);
                    one_thread(way, mine, entrance, thread, end)
                })
            })
            .collect();
        let mut sum = 0;
        for part in parts {
            sum += part.join().map_err(|_| anyhow!("a thread of the load generator failed"))??;
        }
        Ok(sum)
    })?;
    Ok(LoggedIn { logins, usage: reading.until(&Reading::take(server, true)?) })
}

/// Goes round the accounts; for new ones, once.
fn one_thread(
    way: &Way,
    accounts: impl Iterator<Item = usize> + Clone,
    entrance: Entrance,
    thread: usize,
    end: Instant,
) -> Result<u64> {
    let mut poll = Poll::new()?;
    let mut slots: Vec<Option<Person>> = Vec::new();
    slots.resize_with(ARRIVING, || None);
    let (mut ready, mut scratch) = (Vec::new(), vec![0; SCRATCH_BYTES]);
    let (mut logins, mut begun, mut free) = (0, 0_usize, (0..ARRIVING).collect::<Vec<_>>());
    let mut names: Box<dyn Iterator<Item = usize>> = match entrance {
        Entrance::Login => Box::new(accounts.cycle()),
        Entrance::Register => Box::new(accounts),
    };
    loop {
        while Instant::now() < end
            && let Some(slot) = free.pop()
        {
            let Some(account) = names.next() else { break };
            // Far apart for each thread, so that no two use up one address.
            let from = source(begun + thread * 100 * 8192);
            begun += 1;
            let person = Person::connect(way.to, from, &way.tls, name('i', account)?, entrance)?;
            poll.add(person.line.socket(), slot)?;
            if let Some(place) = slots.get_mut(slot) {
                *place = Some(person);
            }
        }
        if slots.iter().all(Option::is_none) {
            return Ok(logins);
        }
        poll.wait(PATIENCE, &mut ready)?;
        ensure!(!ready.is_empty(), "no login was answered for {PATIENCE:?}");
        for slot in &ready {
            let Some(place) = slots.get_mut(*slot) else { continue };
            let Some(person) = place else { continue };
            if person.advance(&way.keys, &mut scratch)? == Stage::In {
                *place = None;
                free.push(*slot);
                logins += 1;
            }
        }
    }
}
