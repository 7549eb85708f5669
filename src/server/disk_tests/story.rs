//! What people did, what they were promised, and whether a data folder keeps every promise.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;

use super::super::{
    ServerConfig,
    fail_stop::FailStop,
    hall::Hall,
    open_hall,
    parcel::Parcel,
    testing::{JOURNAL_BYTES, Person, Stage},
};
use crate::{
    store::{
        self,
        power_cut::Left,
        test_disk::{Done, TestDisk},
    },
    wire::{
        Blob, Body, Bytes, ErrorCode, Event, Header, Outcome, Pair, Request, StreamId, Username,
        limits::{PADDED_BYTES_MIN, PADDED_BYTES_STEP, TAG_BYTES},
    },
};

/// Long enough that only a real failure reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Something that somebody asked the server to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// An account, or its new login key.
    Account { name: Username, key: Bytes<32> },
    /// A pair's key of an epoch.
    Key { pair: Pair, epoch: u32 },
    /// A message.
    Message { pair: Pair, sender: Username, body: Body },
}

/// Where a message belongs among its sender's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) stream: u8,
    pub(super) counter: u64,
    pub(super) epoch: u32,
}

/// Everything asked for and everything promised, also noted in the disk's own record.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) disk: Arc<TestDisk>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    facts: Vec<Fact>,
    /// The numbers of the messages that are stored, by the place of their fact.
    numbers: HashMap<usize, u64>,
    kept: BTreeSet<usize>,
    refusals: Vec<ErrorCode>,
}

/// What was asked for and promised until some moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Promises {
    all: Arc<(Vec<Fact>, HashMap<usize, u64>)>,
    /// So many of the facts were asked for.
    asked: usize,
    kept: BTreeSet<usize>,
}

impl Story {
    pub(super) fn on(disk: &Arc<TestDisk>) -> Arc<Self> {
        Self::after(disk, None)
    }

    /// One that goes on from another.
    pub(super) fn after(disk: &Arc<TestDisk>, before: Option<&Promises>) -> Arc<Self> {
        let told = before.map_or_else(Told::default, |before| Told {
            facts: before.facts().to_vec(),
            numbers: before.all.1.clone(),
            kept: before.kept.clone(),
            refusals: Vec::new(),
        });
        Arc::new(Self { disk: Arc::clone(disk), told: Mutex::new(told) })
    }

    /// Everything until now.
    pub(super) fn promises(&self) -> Promises {
        let told = self.told.lock();
        let all = Arc::new((told.facts.clone(), told.numbers.clone()));
        Promises { all, asked: told.facts.len(), kept: told.kept.clone() }
    }

    /// Why messages were refused.
    pub(super) fn refusals(&self) -> Vec<ErrorCode> {
        self.told.lock().refusals.clone()
    }

    /// Registers, once more if it must; whether that was promised.
    pub(super) fn registers(&self, stage: &Stage, name: &str) -> bool {
        let name: Username = name.parse().unwrap();
        if stage.hall.accounts.exists(&name) {
            return true;
        }
        let key = Bytes([1; 32]);
        let fact = self.asked(Fact::Account { name: name.clone(), key });
        let done = (0..2).any(|_| stage.hall.accounts.register(&name, key).is_ok());
        self.promised_if(done, fact)
    }

    /// Changes a password: the login key becomes that of `mark`.
    pub(super) fn changes_key(&self, stage: &Stage, name: &str, mark: u8) -> bool {
        let name: Username = name.parse().unwrap();
        let Some(old) = stage.hall.accounts.login_key(&name) else { return false };
        let key = Bytes([mark; 32]);
        let fact = self.asked(Fact::Account { name: name.clone(), key });
        let done = stage.hall.accounts.change_key(&name, old, key).is_ok();
        self.promised_if(done, fact)
    }

    /// Logs in, and has everything that the person is promised noted in the moment in which it is said.
    pub(super) fn enters(self: &Arc<Self>, stage: &Stage, name: &str) -> Person {
        let person = stage.enter(name);
        let (story, sender) = (Arc::clone(self), person.name());
        person.is_overheard_by(Box::new(move |event| match event {
            Event::Stored { peer, stream, counter, number, .. } => {
                story.stored(&sender, peer, (*stream, *counter), *number);
            }
            Event::NotStored { code, .. } => story.told.lock().refusals.push(*code),
            _ => (),
        }));
        person
    }

    /// Two people meet under a new key; its epoch, if they agreed.
    pub(super) fn meet(&self, stage: &Stage, one: &mut Person, other: &mut Person) -> Option<u32> {
        let pair = Pair::new(&one.name(), &other.name()).unwrap();
        let epoch = stage.hall.keyring.newest(&pair, pair.lower()).map_or(1, |newest| newest.epoch + 1);
        let fact = self.asked(Fact::Key { pair, epoch });
        one.invites(other.name().as_str());
        let begun = [run(one), run(other)];
        let agreed = match begun {
            [Some(run), Some(_)] => {
                one.accepts(&other.name(), run, Some(epoch));
                other.accepts(&one.name(), run, Some(epoch));
                let outcomes = [outcome(one), outcome(other)];
                outcomes.iter().all(|outcome| matches!(outcome, Outcome::Agreed { .. }))
            }
            _ => false,
        };
        self.promised_if(agreed, fact).then_some(epoch)
    }

    /// Sends a message, again if it was sent before, without waiting for its acknowledgement.
    pub(super) fn sends(&self, sender: &mut Person, peer: &str, place: Place) -> usize {
        let peer: Username = peer.parse().unwrap();
        let pair = Pair::new(&sender.name(), &peer).unwrap();
        let Place { stream, counter, epoch } = place;
        let header = Header { epoch, stream: Bytes([stream; 16]), counter, previous: Bytes([0; 32]) };
        // Long enough for some sectors, and like no other of the pair.
        let mark = stream.wrapping_mul(31).wrapping_add(u8::try_from(counter).unwrap());
        let body = Body::new(&header, &[mark; PADDED_BYTES_STEP * 2 + TAG_BYTES]).unwrap();
        let fact = Fact::Message { pair, sender: sender.name(), body: body.clone() };
        let before = self.told.lock().facts.iter().position(|told| *told == fact);
        let fact = before.unwrap_or_else(|| self.asked(fact));
        sender.asks(Request::Send { peer, body });
        fact
    }

    /// Sends a message, once more if it must, as a client does; whether it is stored.
    pub(super) fn says(&self, stage: &Stage, sender: &mut Person, peer: &str, place: Place) -> bool {
        (0..2).any(|_| {
            let fact = self.sends(sender, peer, place);
            stage.hall.committer.drain(PATIENCE);
            self.told.lock().kept.contains(&fact)
        })
    }

    fn asked(&self, fact: Fact) -> usize {
        let mut told = self.told.lock();
        let place = told.facts.len();
        told.facts.push(fact);
        self.disk.mark(place * 2);
        place
    }

    fn promised_if(&self, done: bool, fact: usize) -> bool {
        if done {
            self.told.lock().kept.insert(fact);
            self.disk.mark(fact * 2 + 1);
        }
        done
    }

    fn stored(&self, name: &Username, peer: &Username, place: (StreamId, u64), number: u64) {
        let asked = Pair::new(name, peer).unwrap();
        let mut told = self.told.lock();
        let found = told.facts.iter().position(|fact| match fact {
            Fact::Message { pair, sender, body } => {
                let header = body.header();
                (pair, sender) == (&asked, name) && (header.stream, header.counter) == place
            }
            _ => false,
        });
        let found = found.expect("only what was sent is stored");
        told.kept.insert(found);
        told.numbers.insert(found, number);
        self.disk.mark(found * 2 + 1);
    }
}

/// The number of the run that begins for this person; `None` when it ends before.
fn run(person: &Person) -> Option<u64> {
    loop {
        match person.sees() {
            Event::Started { run, .. } => return Some(run),
            Event::Outcome { .. } | Event::Error { .. } | Event::InvitationEnded { .. } => return None,
            _ => (),
        }
    }
}

fn outcome(person: &Person) -> Outcome {
    loop {
        if let Event::Outcome { outcome, .. } = person.sees() {
            return outcome;
        }
    }
}

impl Promises {
    /// Takes note of a mark in the disk's record.
    fn mark(&mut self, mark: usize) {
        if mark.is_multiple_of(2) {
            self.asked = mark / 2 + 1;
        } else {
            self.kept.insert(mark / 2);
        }
    }

    fn facts(&self) -> &[Fact] {
        &self.all.0[..self.asked]
    }

    /// How many are kept.
    pub(super) fn count(&self) -> usize {
        self.kept.len()
    }

    /// How many are messages.
    pub(super) fn messages(&self) -> usize {
        self.kept.iter().filter(|at| matches!(self.facts()[**at], Fact::Message { .. })).count()
    }

    /// Starts what a server starts on a data folder, and compares. `Err` says what is lost or invented,
    /// or that a conversation cannot go on.
    pub(super) fn kept_in(&self, data: &Path) -> Result<(), String> {
        self.looked_for_in(data, true)
    }

    /// The same, but nobody says anything more.
    pub(super) fn read_in(&self, data: &Path) -> Result<(), String> {
        self.looked_for_in(data, false)
    }

    fn looked_for_in(&self, data: &Path, goes_on: bool) -> Result<(), String> {
        let lock = store::lock_folder(data).map_err(|error| format!("no lock: {error}"))?;
        store::clear_unfinished(data).map_err(|error| format!("not cleared: {error}"))?;
        let (fail_stop, _reason) = FailStop::new();
        let mut config = ServerConfig::new(data.to_owned());
        config.journal_bytes = JOURNAL_BYTES;
        let hall = open_hall(config, &fail_stop);
        let hall = hall.map_err(|error| format!("does not start: {error}"))?;
        self.accounts_in(&hall)?;
        self.keys_in(&hall)?;
        let pairs: BTreeSet<&Pair> = self.facts().iter().filter_map(pair_of_message).collect();
        for pair in &pairs {
            let count = self.messages_in(&hall, pair)?;
            if goes_on {
                says_more(&hall, pair, count)?;
            }
        }
        drop(lock);
        Ok(())
    }

    fn accounts_in(&self, hall: &Hall) -> Result<(), String> {
        // Each name's keys in the order in which they were asked for, and whether that was promised.
        let mut accounts: BTreeMap<&Username, Vec<(Bytes<32>, bool)>> = BTreeMap::new();
        for (at, fact) in self.facts().iter().enumerate() {
            if let Fact::Account { name, key } = fact {
                accounts.entry(name).or_default().push((*key, self.kept.contains(&at)));
            }
        }
        for (name, keys) in &accounts {
            let last = keys.iter().rposition(|(_, kept)| *kept);
            let possible = &keys[last.unwrap_or(0)..];
            match hall.accounts.login_key(name) {
                None if last.is_some() => return Err(format!("{name} has no account")),
                Some(key) if !possible.iter().any(|(possible, _)| *possible == key) => {
                    return Err(format!("{name} has another login key"));
                }
                _ => (),
            }
        }
        let found = accounts.keys().filter(|name| hall.accounts.exists(name)).count();
        if found == hall.accounts.count() { Ok(()) } else { Err("an account of nobody".to_owned()) }
    }

    fn keys_in(&self, hall: &Hall) -> Result<(), String> {
        let mut asked: BTreeSet<(&Pair, u32)> = BTreeSet::new();
        for (at, fact) in self.facts().iter().enumerate() {
            let Fact::Key { pair, epoch } = fact else { continue };
            asked.insert((pair, *epoch));
            for member in [pair.lower(), pair.higher()] {
                let copy = hall.keyring.copy(pair, member, *epoch).map(|kept| kept.sealed);
                let right = Blob(member.as_str().as_bytes().to_vec());
                if copy.as_ref().is_some_and(|copy| *copy != right) {
                    return Err(format!("{member} has another copy of {pair}'s key {epoch}"));
                }
                if copy.is_none() && self.kept.contains(&at) {
                    return Err(format!("{member} has no copy of {pair}'s key {epoch}"));
                }
            }
        }
        let pairs: BTreeSet<&Pair> = asked.iter().map(|(pair, _)| *pair).collect();
        let mut found = 0;
        for pair in pairs {
            if let Some(newest) = hall.keyring.newest(pair, pair.lower()) {
                found += 1;
                if !asked.contains(&(pair, newest.epoch)) {
                    return Err(format!("{pair} has a key {} of nobody", newest.epoch));
                }
            }
        }
        if found == hall.keyring.count() { Ok(()) } else { Err("a key of no pair".to_owned()) }
    }

    /// Every acknowledged message under its number; nothing twice, nothing else, in the order of sending.
    fn messages_in(&self, hall: &Hall, pair: &Pair) -> Result<u64, String> {
        let log = hall.logs.get(pair);
        let mut entries = Vec::new();
        loop {
            let page = log.read(entries.len() as u64 + 1, 500, usize::MAX, 0);
            let page = page.map_err(|error| format!("{pair}: {error}"))?;
            if page.entries.is_empty() {
                break;
            }
            entries.extend(page.entries);
        }
        let mut read = entries.iter().peekable();
        for (at, fact) in self.facts().iter().enumerate() {
            let Fact::Message { pair: of, sender, body } = fact else { continue };
            if of != pair {
                continue;
            }
            let here = read.next_if(|entry| entry.sender == *sender && entry.body == *body);
            match (here, self.kept.contains(&at)) {
                (None, true) => return Err(format!("{pair}: {sender} lost an acknowledged message")),
                (Some(entry), true) if self.all.1.get(&at) != Some(&entry.number) => {
                    return Err(format!("{pair}: a message changed its number"));
                }
                _ => (),
            }
        }
        if let Some(entry) = read.next() {
            return Err(format!("{pair}: number {} is invented, doubled or out of order", entry.number));
        }
        Ok(entries.len() as u64)
    }
}

/// One message more, after so many.
fn says_more(hall: &Hall, pair: &Pair, count: u64) -> Result<(), String> {
    let header = Header { epoch: 1, stream: Bytes([0xff; 16]), counter: 0, previous: Bytes([0; 32]) };
    let next = Body::new(&header, &[0; PADDED_BYTES_MIN + TAG_BYTES]).unwrap();
    let log = hall.logs.get(pair);
    let mut number = None;
    let parcel = Parcel::of(pair.higher(), &[next]);
    let appended =
        log.append(pair.lower(), parcel.after(0).unwrap(), |written| number = Some(written.number));
    appended.map_err(|error| format!("{pair}: {error}"))?;
    if number == Some(count + 1) { Ok(()) } else { Err(format!("{pair}: a number is left out")) }
}

fn pair_of_message(fact: &Fact) -> Option<&Pair> {
    match fact {
        Fact::Message { pair, .. } => Some(pair),
        _ => None,
    }
}

/// Makes a folder hold what a power cut left of another, and nothing else.
pub(super) fn lay(left: &Left, of: &Path, data: &Path) {
    let _ = fs::remove_dir_all(data);
    fs::create_dir_all(data).unwrap();
    for (path, content) in left {
        let path = data.join(path.strip_prefix(of).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// The files of a folder, as a disk that owes nothing has them.
pub(super) fn files_of(folder: &Path) -> Left {
    let mut files = Left::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// A record as far as a test reads it: the changes, and what was promised at each of them.
pub(super) fn with_promises(done: &[Done], all: &Promises) -> Vec<(Done, Promises)> {
    let mut promises = Promises { asked: 0, kept: BTreeSet::new(), ..all.clone() };
    let mut moments = Vec::new();
    for change in done {
        if let Done::Mark(mark) = change {
            promises.mark(*mark);
        } else {
            moments.push((change.clone(), promises.clone()));
        }
    }
    moments
}
