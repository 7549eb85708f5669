//! Everything the connections share, and what crosses its parts: the beginning of runs and their end.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

use tracing::{debug, error, warn};

use super::{
    ServerConfig,
    accounts::Accounts,
    commit::Committer,
    contacts::Contacts,
    conversation_log::LogError,
    doorkeeper::Doorkeeper,
    error::Chain,
    invites::Invites,
    keyring::{Kept, Keyring, NewKey},
    logs::Logs,
    outgoing::Touched,
    receipts::Receipts,
    registry::{Effects, Facts, Registry, Verdict},
    rendezvous::{Acceptance, Decision, Members, Rendezvous, Settled},
};
use crate::wire::{Outcome, Pair, Username};

/// What the connections share. Each part has its own lock, held for memory only.
pub(super) struct Hall {
    pub(super) config: ServerConfig,
    pub(super) doorkeeper: Arc<Doorkeeper>,
    pub(super) accounts: Accounts,
    pub(super) invites: Invites,
    pub(super) keyring: Keyring,
    pub(super) contacts: Contacts,
    pub(super) logs: Logs,
    pub(super) receipts: Receipts,
    pub(super) registry: Registry,
    pub(super) rendezvous: Arc<Rendezvous>,
    pub(super) committer: Committer,
}

impl Hall {
    /// Does what a call left to do: looks up what beginning runs need and tells their members. Gives who
    /// is to be written to.
    pub(super) fn finish(&self, mut effects: Effects) -> Touched {
        for start in std::mem::take(&mut effects.starts) {
            match self.facts(&start.members) {
                Ok(facts) => self.registry.announce(&start, facts, &mut effects),
                Err(reason) => {
                    error!(reason = %Chain(&reason), "a conversation cannot begin");
                    self.registry.abandon(&start);
                }
            }
        }
        effects.touched
    }

    /// Tells the contacts of somebody who came or went.
    pub(super) fn tell_presence(&self, name: &Username) {
        let mut effects = Effects::default();
        self.registry.tell_presence(name, &self.contacts.all(name), &mut effects);
        effects.touched.flush();
    }

    /// What the members of a beginning run are told.
    fn facts(&self, members: &Members) -> Result<Facts, LogError> {
        let [initiator, responder] = members.both();
        let pair = Pair::new(initiator, responder).map_err(|_| LogError::NotAMember)?;
        // A conversation whose log cannot be read does not begin.
        self.logs.get(&pair).last()?;
        Ok(Facts {
            initiator_kept: self.keyring.newest(&pair, initiator),
            responder_kept: self.keyring.newest(&pair, responder),
        })
    }

    /// Starts the one thread that settles runs: it stores what was agreed, and tells both members.
    pub(super) fn start_settler(self: &Arc<Self>) -> std::io::Result<JoinHandle<()>> {
        let hall = Arc::clone(self);
        thread::Builder::new().name("settler".to_owned()).spawn(move || {
            while let Some(settled) = hall.rendezvous.wait() {
                hall.settle(settled);
            }
        })
    }

    /// Ends runs: all new keys of the batch with one replacement of the keyring's file, then the words.
    pub(super) fn settle(&self, batch: Vec<Settled>) {
        let keys: Vec<NewKey> = batch.iter().filter_map(|settled| new_key(settled).ok().flatten()).collect();
        let stored = if keys.is_empty() { Ok(Vec::new()) } else { self.keyring.store(&keys) };
        if let Err(reason) = &stored {
            error!(reason = %Chain(reason), "new keys could not be stored");
        }
        for (key, _) in keys.iter().zip(stored.iter().flatten()).filter(|(_, kept)| **kept == Kept::Stored) {
            self.contacts.add(&key.pair);
        }
        let mut stored = stored.map(Vec::into_iter);
        let mut effects = Effects::default();
        for settled in batch {
            let kept = match new_key(&settled) {
                Ok(Some(_)) => Some(stored.as_mut().map(|results| results.next().unwrap_or(Kept::OldEpoch))),
                Ok(None) | Err(Mismatch) => None,
            };
            let verdict = match (&settled.decision, kept) {
                (_, Some(Err(_))) => Verdict::Otherwise(Outcome::NotStored {}),
                (_, Some(Ok(Kept::OldEpoch))) => Verdict::Otherwise(Outcome::Mismatch {}),
                (Decision::Accepted { initiator, responder }, kept) => {
                    self.accepted(&settled.members, initiator, responder, kept.is_some())
                }
                (Decision::Refused { by }, _) => Verdict::Otherwise(Outcome::Refused { by: by.clone() }),
                (Decision::Withdrawn { by }, _) => Verdict::Otherwise(Outcome::Withdrawn { by: by.clone() }),
                (Decision::Lost { by }, _) => Verdict::Otherwise(Outcome::Lost { by: by.clone() }),
                (Decision::TimedOut, _) => Verdict::Otherwise(Outcome::TimedOut {}),
            };
            let [initiator, responder] = settled.members.both();
            debug!(run = settled.run, %initiator, %responder, agreed = verdict.agreed(), "a run has ended");
            self.registry.settle(settled.run, &settled.members, &verdict, &mut effects);
        }
        self.finish(effects).flush();
    }

    /// Both accepted: a new key that is stored now, or one that is kept already.
    fn accepted(
        &self,
        members: &Members,
        initiator: &Acceptance,
        responder: &Acceptance,
        stored: bool,
    ) -> Verdict {
        let [one, other] = members.both();
        let resumed = initiator.copy.is_none()
            && responder.copy.is_none()
            && Pair::new(one, other).is_ok_and(|pair| self.keyring.newest(&pair, one).is_some());
        if stored || resumed {
            Verdict::Agreed { initiator: initiator.proof, responder: responder.proof }
        } else {
            warn!(initiator = %one, responder = %other, "both accepted, but not the same key");
            Verdict::Otherwise(Outcome::Mismatch {})
        }
    }
}

/// The two copies are not of one key.
struct Mismatch;

/// The new key of a run that both accepted; `None` when there is none to store.
fn new_key(settled: &Settled) -> Result<Option<NewKey>, Mismatch> {
    let Decision::Accepted { initiator, responder } = &settled.decision else { return Ok(None) };
    let (first, second) = match (&initiator.copy, &responder.copy) {
        (Some(first), Some(second)) => (first, second),
        (None, None) => return Ok(None),
        _ => return Err(Mismatch),
    };
    if (first.epoch, first.key_id) != (second.epoch, second.key_id) {
        return Err(Mismatch);
    }
    let [one, other] = settled.members.both();
    let pair = Pair::new(one, other).map_err(|_| Mismatch)?;
    let (lower, higher) = if pair.lower() == one { (first, second) } else { (second, first) };
    let (lower, higher) = (lower.sealed.clone(), higher.sealed.clone());
    Ok(Some(NewKey { pair, epoch: first.epoch, key_id: first.key_id, lower, higher }))
}
