//! People who log in at once, and pairs of them who meet: what comes before anything is measured.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use rustls::ClientConfig;
use securechat::wire::{Event, Outcome, Username};

use crate::{
    person::{Entrance, Keys, Person, Stage},
    poll::Poll,
};

/// Connections that are not logged in yet, of one thread, at once.
const ARRIVING_MAX: usize = 64;

/// Nothing happens for so long: the server is not what it should be.
const PATIENCE: Duration = Duration::from_secs(30);

/// The read buffer, for all connections of a thread.
pub const SCRATCH_BYTES: usize = 64 * 1024;

/// Where and how people connect.
pub struct Way {
    /// The server.
    pub to: SocketAddr,
    /// TLS's settings.
    pub tls: Arc<ClientConfig>,
    /// What they log in with.
    pub keys: Keys,
    /// Whether two people must meet before they can talk: not at a relay.
    pub meets: bool,
}

/// People on one thread, each under a number.
pub struct Crowd {
    /// Who there is.
    pub people: Vec<Person>,
    /// Their sockets, under the same numbers.
    pub poll: Poll,
    /// Read into.
    pub scratch: Vec<u8>,
}

/// An account's name: what part it plays, and a number.
pub fn name(part: char, number: usize) -> Result<Username> {
    Ok(format!("{part}{number:06}").parse()?)
}

/// The own address of a connection: a source address has 28,000 ports.
pub fn source(number: usize) -> Ipv4Addr {
    let part = u8::try_from(number / 8192 % 200).unwrap_or(0);
    Ipv4Addr::new(127, 0, 0, 1 + part)
}

impl Crowd {
    /// Connects all of these and waits until they are logged in.
    pub fn arrives(way: &Way, names: impl Iterator<Item = Username>, entrance: Entrance) -> Result<Self> {
        let mut crowd = Self { people: Vec::new(), poll: Poll::new()?, scratch: vec![0; SCRATCH_BYTES] };
        crowd.joined_by(way, names, entrance)?;
        Ok(crowd)
    }

    /// Connects these, too.
    pub fn joined_by(
        &mut self,
        way: &Way,
        mut names: impl Iterator<Item = Username>,
        entrance: Entrance,
    ) -> Result<()> {
        let (mut arriving, mut ready) = (0, Vec::new());
        let mut more = true;
        while more || arriving > 0 {
            while more && arriving < ARRIVING_MAX {
                let Some(name) = names.next() else {
                    more = false;
                    break;
                };
                let number = self.people.len();
                let person = Person::connect(way.to, source(number), &way.tls, name, entrance)?;
                self.poll.add(person.line.socket(), number)?;
                self.people.push(person);
                arriving += 1;
            }
            if arriving == 0 {
                break;
            }
            self.poll.wait(PATIENCE, &mut ready)?;
            ensure!(!ready.is_empty(), "no login was answered for {PATIENCE:?}");
            for number in &ready {
                let Some(person) = self.people.get_mut(*number) else { continue };
                if person.advance(&way.keys, &mut self.scratch)? == Stage::In {
                    arriving -= 1;
                }
            }
        }
        Ok(())
    }

    /// People 2n and 2n + 1 meet, for so many pairs from the first: each conversation is open afterwards.
    pub fn meets(&mut self, pairs: usize, new_key: bool) -> Result<()> {
        let peers: Vec<Username> = self.people.iter().map(|person| person.name.clone()).collect();
        for number in (0..pairs * 2).step_by(2) {
            if let (Some(person), Some(peer)) = (self.people.get_mut(number), peers.get(number + 1)) {
                person.invite(peer)?;
            }
        }
        let (mut open, mut ready) = (0, Vec::new());
        let deadline = Instant::now() + PATIENCE;
        while open < pairs * 2 {
            self.poll.wait(PATIENCE, &mut ready)?;
            ensure!(!ready.is_empty() && Instant::now() < deadline, "only {open} of {pairs} pairs met");
            for number in &ready {
                let Some(person) = self.people.get_mut(*number) else { continue };
                ensure!(person.line.receive(&mut self.scratch)?, "a connection was closed before it met");
                while let Some(event) = person.event()? {
                    match event {
                        Event::Started { peer, run, .. } => person.accept(&peer, run, new_key)?,
                        Event::Outcome { outcome: Outcome::Agreed { .. }, .. } => open += 1,
                        Event::Outcome { outcome, .. } => bail!("a run ended in {outcome:?}"),
                        Event::Error { code, .. } => bail!("the server said {code:?}"),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }
}
