//! Who is connected, and where each of them is: talking with whom, waiting, in a run, or in the lobby.
//!
//! A handle over one private lock. Under it only memory is touched: places are changed, events are
//! queued (so that every client gets its events in the order of the changes), and the rendezvous
//! is told. Whoever calls writes to the touched connections, and looks up what a beginning run
//! needs, when the lock is free again: see [`Effects`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    ledger::Ledger,
    limits::{DEBTORS_MAX, Limits, PRESENCE_CHUNK},
    outgoing::{Outgoing, Touched},
    rendezvous::{Acceptance, Decision, Members, Rendezvous},
};
use crate::wire::{Agreement, ErrorCode, Event, Username, limits::WHO_NAMES_MAX};

mod gate;
mod place;
mod runs;
mod state;

pub(super) use gate::Gate;
use place::Place;
pub(super) use runs::{Facts, Verdict};
use state::{Session, State, because};

/// What [`Limits::invitations_per_minute`] counts in.
const MINUTE: Duration = Duration::from_secs(60);

/// A logged-in connection, as it names itself in every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) name: Username,
    pub(super) connection: u64,
}

/// Why a call changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The caller is not the account's connection any more: it is to be closed.
    Gone,
    /// What the caller is told.
    Because(ErrorCode),
}

/// What came of a login.
pub(super) enum Entered {
    /// The account is this connection's; its gate.
    In(Arc<Gate>),
    /// The connection it took over had changed the login key.
    KeyChanged,
    /// The server is stopping.
    Stopping,
}

/// What is left to do after a call, when the lock is free.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Who got something queued.
    pub(super) touched: Touched,
    /// Runs that begin: their members are not told before [`Registry::announce`].
    pub(super) starts: Vec<Start>,
}

/// A run that begins once what its members are to be told is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) run: u64,
    pub(super) members: Members,
    /// Within an open conversation (`/rekey`).
    pub(super) new_key: bool,
}

/// Everyone who is logged in.
#[derive(Debug)]
pub(super) struct Registry {
    state: Mutex<State>,
}

impl Registry {
    /// An empty one, whose runs are decided by `rendezvous`.
    pub(super) fn new(rendezvous: Arc<Rendezvous>, answer_timeout: Duration, limits: &Limits) -> Self {
        let state = State {
            sessions: BTreeMap::new(),
            departing: HashMap::new(),
            waiting: HashMap::new(),
            rendezvous,
            answer_timeout,
            invitations: Ledger::new(DEBTORS_MAX),
            invitation_cost: limits.invitations_per_minute.map(|per_minute| MINUTE / per_minute.max(1)),
            waiting_max: limits.waiting_invitations,
            talking_max: limits.open_conversations,
            last_run: 0,
            stopping: false,
        };
        Self { state: Mutex::new(state) }
    }

    /// A connection has logged in: it is the account's only one from now on. The first event it gets is
    /// `LoggedIn`.
    ///
    /// An older connection is told and closed, and nothing of it is stored any more once this returns. Until
    /// then it may have changed the login key; so after that `in_force` is asked whether the key that this
    /// connection logged in with is still the account's. It looks into memory only.
    pub(super) fn enter(
        &self,
        name: &Username,
        outgoing: &Outgoing,
        in_force: impl Fn() -> bool,
        effects: &mut Effects,
    ) -> Entered {
        loop {
            let older = {
                let mut state = self.state.lock();
                if state.stopping {
                    return Entered::Stopping;
                }
                match state.make_way(name, effects) {
                    Some(older) => older,
                    None if !in_force() => return Entered::KeyChanged,
                    None => {
                        let gate = Arc::new(Gate::default());
                        outgoing.say(&Event::LoggedIn {});
                        let session = Session {
                            outgoing: outgoing.clone(),
                            gate: Arc::clone(&gate),
                            place: Place::default(),
                            watches: false,
                        };
                        state.sessions.insert(name.clone(), session);
                        return Entered::In(gate);
                    }
                }
            };
            if let Some(outgoing) = &older.outgoing {
                outgoing.say(&Event::TakenOver {});
                outgoing.flush();
            }
            // May wait for what the older connection is storing; no lock of the registry is held.
            older.gate.close();
            if let Some(outgoing) = &older.outgoing {
                outgoing.close();
            }
            self.state.lock().has_departed(name, &older.gate);
        }
    }

    /// The connection is gone. Does nothing, and gives false, if another has taken its place.
    pub(super) fn disconnect(&self, caller: &Caller, effects: &mut Effects) -> bool {
        let mut state = self.state.lock();
        state.current(caller).is_ok() && state.remove(&caller.name, effects).is_some()
    }

    /// Whether somebody is connected under that name, or is just leaving to a newer login.
    pub(super) fn is_connected(&self, name: &Username) -> bool {
        let state = self.state.lock();
        state.sessions.contains_key(name) || state.departing.contains_key(name)
    }

    /// The names of those connected, in order, at most [`WHO_NAMES_MAX`]; and how many there are.
    pub(super) fn who(&self) -> (Vec<Username>, u64) {
        let state = self.state.lock();
        let names = state.sessions.keys().take(WHO_NAMES_MAX).cloned().collect();
        (names, state.sessions.len() as u64)
    }

    /// Asks to meet `peer`, who has an account and is not the caller.
    pub(super) fn invite(
        &self,
        caller: &Caller,
        peer: &Username,
        new_key: bool,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        let mine = &state.current(caller)?.place;
        if new_key {
            return state.ask_rekey(&caller.name, peer, effects);
        }
        if mine.crosses(peer, false) {
            return Ok(());
        }
        if !mine.is_free() || mine.talking.contains(peer) {
            return because(ErrorCode::Busy);
        }
        if mine.talking.len() >= state.talking_max {
            return because(ErrorCode::TooManyOpen);
        }
        state.invite(&caller.name, peer, effects)
    }

    /// Takes back an invitation that waits, or leaves a run.
    pub(super) fn withdraw(
        &self,
        caller: &Caller,
        peer: &Username,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        let session = state.current(caller)?;
        if session.place.waits_for(peer) {
            state.stop_waiting(&caller.name, peer, effects);
            state.say(&caller.name, &Event::InvitationEnded { peer: peer.clone() }, effects);
            state.is_free_again(&caller.name, effects);
            return Ok(());
        }
        let part = session.place.part().filter(|part| part.peer == *peer);
        let run = part.ok_or(Refusal::Because(ErrorCode::NotOpen))?.run;
        // Too late is no error: the outcome that came first is on its way.
        let _ = state.rendezvous.end(run, Decision::Withdrawn { by: caller.name.clone() });
        Ok(())
    }

    /// Hands a step of the agreement to the other member, as it is.
    pub(super) fn relay(
        &self,
        caller: &Caller,
        peer: &Username,
        run: u64,
        step: Agreement,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        state.current(caller)?;
        let mine = state.sessions.get_mut(&caller.name).and_then(|session| session.place.part_mut());
        let mine = mine.filter(|part| part.run == run && part.peer == *peer && part.may_send_a_step());
        let mine = mine.ok_or(Refusal::Because(ErrorCode::NotOpen))?;
        mine.steps += 1;
        let other = state.sessions.get(peer);
        let other = other.filter(|other| other.place.part().is_some_and(|part| part.run == run));
        let other = other.ok_or(Refusal::Because(ErrorCode::NotOpen))?;
        other.outgoing.say(&Event::Agree { peer: caller.name.clone(), run, step });
        effects.touched.add(&other.outgoing);
        Ok(())
    }

    /// The caller's person accepts.
    pub(super) fn accept(
        &self,
        caller: &Caller,
        peer: &Username,
        run: u64,
        acceptance: Acceptance,
    ) -> Result<(), Refusal> {
        let state = self.state.lock();
        state.part(caller, peer, run)?;
        let answered = state.rendezvous.answer(run, &caller.name, acceptance);
        answered.map_err(|_| Refusal::Because(ErrorCode::NotOpen))
    }

    /// The caller's person refuses.
    pub(super) fn refuse(&self, caller: &Caller, peer: &Username, run: u64) -> Result<(), Refusal> {
        let state = self.state.lock();
        state.part(caller, peer, run)?;
        // Too late is no error: the outcome that came first is on its way.
        let _ = state.rendezvous.end(run, Decision::Refused { by: caller.name.clone() });
        Ok(())
    }

    /// Has events written to someone, if they are connected. The caller holds what orders them among each other:
    /// the registry does not, so that it is not held while they are written.
    pub(super) fn deliver(&self, to: &Username, effects: &mut Effects, write: impl FnOnce(&mut Vec<u8>)) {
        let outgoing = self.state.lock().sessions.get(to).map(|session| session.outgoing.clone());
        if let Some(outgoing) = outgoing {
            outgoing.queue_written(write);
            effects.touched.add(&outgoing);
        }
    }

    /// Whether each of these is connected. From now on the caller is told when a contact comes or goes.
    pub(super) fn watch(&self, caller: &Caller, contacts: &[Username]) -> Result<Vec<bool>, Refusal> {
        let mut state = self.state.lock();
        state.current(caller)?;
        if let Some(session) = state.sessions.get_mut(&caller.name) {
            session.watches = true;
        }
        Ok(contacts.iter().map(|name| state.sessions.contains_key(name)).collect())
    }

    /// Tells those of `contacts` who watch whether `name` is connected: as it is at this moment, so that
    /// whatever is told last is so.
    pub(super) fn tell_presence(&self, name: &Username, contacts: &[Username], effects: &mut Effects) {
        for some in contacts.chunks(PRESENCE_CHUNK) {
            let state = self.state.lock();
            if state.stopping {
                return;
            }
            let connected = state.sessions.contains_key(name);
            let presence = Event::Presence { peer: name.clone(), connected };
            for contact in some {
                if state.sessions.get(contact).is_some_and(|session| session.watches) {
                    state.say(contact, &presence, effects);
                }
            }
        }
    }

    /// Ends the open conversation, for both.
    pub(super) fn leave(
        &self,
        caller: &Caller,
        peer: &Username,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        if !state.current(caller)?.place.talking.contains(peer) {
            return because(ErrorCode::NotOpen);
        }
        state.close_for(peer, &caller.name, &caller.name, false, effects);
        state.close_for(&caller.name, peer, &caller.name, false, effects);
        state.end_rekey(&caller.name, peer, Decision::Withdrawn { by: caller.name.clone() });
        state.draw(&caller.name, effects);
        state.draw(peer, effects);
        Ok(())
    }

    /// Tells everyone that the server stops, and lets nobody in any more.
    pub(super) fn stop(&self, effects: &mut Effects) {
        let mut state = self.state.lock();
        state.stopping = true;
        for session in state.sessions.values() {
            session.outgoing.say(&Event::Stopping {});
            effects.touched.add(&session.outgoing);
        }
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
