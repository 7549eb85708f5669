//! Who is connected, and where each of them is: in the lobby, waiting, in a run, or talking.
//!
//! A handle over one private lock. Under it only memory is touched: places are changed, events are
//! queued (so that every client gets its events in the order of the changes), and the rendezvous
//! is told. Whoever calls writes to the touched connections, and looks up what a beginning run
//! needs, when the lock is free again: see [`Effects`].

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};

use super::{
    outgoing::{Outgoing, Touched},
    rendezvous::{Acceptance, Decision, Members, Rendezvous},
};
use crate::wire::{Agreement, ErrorCode, Event, Username, limits::WHO_NAMES_MAX};

mod place;
mod runs;

use place::{Part, Place};
pub(super) use runs::{Facts, Verdict};

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

/// Held while a connection stores something. Closed, nothing more of that connection is stored.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Passage>);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Passage {
    #[default]
    Open,
    Closed,
}

/// The right to store, while it is held.
pub(super) struct Passing<'a> {
    _open: MutexGuard<'a, Passage>,
}

impl Gate {
    /// The right to store; `None` once closed.
    pub(super) fn enter(&self) -> Option<Passing<'_>> {
        let open = self.0.lock();
        (*open == Passage::Open).then_some(Passing { _open: open })
    }

    /// Waits for what is being stored, and lets nothing more through.
    fn close(&self) {
        *self.0.lock() = Passage::Closed;
    }
}

/// Everyone who is logged in.
#[derive(Debug)]
pub(super) struct Registry {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sessions: BTreeMap<Username, Session>,
    /// Who waits for whom: the invited name's inviters, first come first. Invariant: exactly those
    /// whose place is [`Place::Waiting`] on that name; no queue is empty.
    waiting: HashMap<Username, VecDeque<Username>>,
    rendezvous: Arc<Rendezvous>,
    answer_timeout: Duration,
    last_run: u64,
    stopping: bool,
}

#[derive(Debug)]
struct Session {
    outgoing: Outgoing,
    gate: Arc<Gate>,
    place: Place,
}

impl Registry {
    /// An empty one, whose runs are decided by `rendezvous`.
    pub(super) fn new(rendezvous: Arc<Rendezvous>, answer_timeout: Duration) -> Self {
        let state = State {
            sessions: BTreeMap::new(),
            waiting: HashMap::new(),
            rendezvous,
            answer_timeout,
            last_run: 0,
            stopping: false,
        };
        Self { state: Mutex::new(state) }
    }

    /// A connection has logged in: it is the account's only one from now on. Gives its gate; `None` when
    /// the server is stopping. The first event it gets is `LoggedIn`.
    ///
    /// An older connection is told and closed, and nothing of it is stored any more once this returns.
    pub(super) fn enter(
        &self,
        name: &Username,
        outgoing: &Outgoing,
        effects: &mut Effects,
    ) -> Option<Arc<Gate>> {
        loop {
            let older = {
                let mut state = self.state.lock();
                if state.stopping {
                    return None;
                }
                match state.remove(name, effects) {
                    Some(older) => older,
                    None => {
                        let gate = Arc::new(Gate::default());
                        outgoing.say(&Event::LoggedIn {});
                        let session = Session {
                            outgoing: outgoing.clone(),
                            gate: Arc::clone(&gate),
                            place: Place::Lobby,
                        };
                        state.sessions.insert(name.clone(), session);
                        return Some(gate);
                    }
                }
            };
            older.outgoing.say(&Event::TakenOver {});
            older.outgoing.flush();
            // May wait for one append of the older connection; no lock of the registry is held.
            older.gate.close();
            older.outgoing.close();
        }
    }

    /// The connection is gone. Does nothing if another has taken its place.
    pub(super) fn disconnect(&self, caller: &Caller, effects: &mut Effects) {
        let mut state = self.state.lock();
        if state.current(caller).is_ok() {
            state.remove(&caller.name, effects);
        }
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
            return match mine {
                Place::Talking { peer: with, rekey: None } if with == peer => {
                    state.begin(&caller.name, peer, true, effects);
                    Ok(())
                }
                // Both asked at the same moment: the peer's came first, and this is it.
                Place::Talking { peer: with, rekey: Some(part) } if with == peer && part.is_responder() => {
                    Ok(())
                }
                Place::Talking { peer: with, .. } if with == peer => because(ErrorCode::Busy),
                _ => because(ErrorCode::NotOpen),
            };
        }
        match mine {
            Place::Lobby => state.invite(&caller.name, peer, effects),
            // The two named each other at the same moment: the peer's invitation came first, and this is it.
            Place::Meeting { part, .. } if part.peer == *peer && part.is_responder() => Ok(()),
            _ => because(ErrorCode::Busy),
        }
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
        if let Place::Waiting { on } = &session.place
            && on == peer
        {
            state.stop_waiting(&caller.name, peer, effects);
            // The answer: until it comes, the client cannot know whether the run began first.
            state.say(&caller.name, &Event::InvitationEnded { peer: peer.clone() }, effects);
            state.to_lobby(&caller.name, effects);
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

    /// Hands an event to the peer if the two are talking. The caller holds the log that orders it.
    pub(super) fn deliver(&self, caller: &Caller, peer: &Username, frame: &[u8], effects: &mut Effects) {
        let state = self.state.lock();
        let together = |name, with| {
            let session: Option<&Session> = state.sessions.get(name);
            session.filter(|session| matches!(&session.place, Place::Talking { peer, .. } if peer == with))
        };
        if let (Some(_), Some(other)) = (together(&caller.name, peer), together(peer, &caller.name)) {
            other.outgoing.queue(frame);
            effects.touched.add(&other.outgoing);
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
        match &state.current(caller)?.place {
            Place::Talking { peer: with, .. } if with == peer => {}
            _ => return because(ErrorCode::NotOpen),
        }
        state.close_for(peer, &caller.name, &caller.name, false, effects);
        state.close_for(&caller.name, peer, &caller.name, false, effects);
        state.end_part(&caller.name, Decision::Withdrawn { by: caller.name.clone() });
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

fn because<T>(code: ErrorCode) -> Result<T, Refusal> {
    Err(Refusal::Because(code))
}

impl State {
    /// The caller's session, if it is the account's current one.
    fn current(&self, caller: &Caller) -> Result<&Session, Refusal> {
        let session = self.sessions.get(&caller.name);
        session.filter(|session| session.outgoing.connection == caller.connection).ok_or(Refusal::Gone)
    }

    /// The caller's part in that run with that peer.
    fn part(&self, caller: &Caller, peer: &Username, run: u64) -> Result<&Part, Refusal> {
        let part = self.current(caller)?.place.part();
        let part = part.filter(|part| part.run == run && part.peer == *peer && part.told);
        part.ok_or(Refusal::Because(ErrorCode::NotOpen))
    }

    /// Queues an event for a connected user.
    fn say(&self, name: &Username, event: &Event, effects: &mut Effects) {
        if let Some(session) = self.sessions.get(name) {
            session.outgoing.say(event);
            effects.touched.add(&session.outgoing);
        }
    }

    /// The invitation of someone in the lobby.
    fn invite(&mut self, name: &Username, peer: &Username, effects: &mut Effects) -> Result<(), Refusal> {
        let Some(other) = self.sessions.get(peer) else { return because(ErrorCode::NotConnected) };
        match &other.place {
            Place::Waiting { on } if on == name => {
                self.stop_waiting_quietly(peer, name);
                self.begin(peer, name, false, effects);
            }
            Place::Lobby => {
                self.say(peer, &Event::Invited { peer: name.clone() }, effects);
                self.begin(name, peer, false, effects);
            }
            Place::Waiting { .. } | Place::Meeting { .. } | Place::Talking { .. } => {
                self.set_place(name, Place::Waiting { on: peer.clone() });
                self.waiting.entry(peer.clone()).or_default().push_back(name.clone());
                self.say(name, &Event::Waiting { peer: peer.clone() }, effects);
                self.say(peer, &Event::Invited { peer: name.clone() }, effects);
            }
        }
        Ok(())
    }

    /// Takes a user out, and tells everyone whom it concerns. Presence changes at once; a run's
    /// outcome follows from the settler.
    fn remove(&mut self, name: &Username, effects: &mut Effects) -> Option<Session> {
        let session = self.sessions.remove(name)?;
        match &session.place {
            Place::Lobby => {}
            Place::Waiting { on } => self.stop_waiting(name, on, effects),
            Place::Meeting { part, .. } => self.lose(part.run, name),
            Place::Talking { peer, rekey } => {
                self.close_for(peer, name, name, true, effects);
                if let Some(part) = rekey {
                    self.lose(part.run, name);
                }
                self.draw(peer, effects);
            }
        }
        for inviter in self.waiting.remove(name).unwrap_or_default() {
            let code = ErrorCode::NotConnected;
            self.say(&inviter, &Event::Error { code, peer: Some(name.clone()) }, effects);
            self.to_lobby(&inviter, effects);
        }
        Some(session)
    }

    fn lose(&self, run: u64, by: &Username) {
        // A run that was decided before keeps its outcome.
        let _ = self.rendezvous.end(run, Decision::Lost { by: by.clone() });
    }

    /// The invitation of `name` to `on` waits no longer, and `on` is told.
    fn stop_waiting(&mut self, name: &Username, on: &Username, effects: &mut Effects) {
        self.stop_waiting_quietly(name, on);
        self.say(on, &Event::InvitationEnded { peer: name.clone() }, effects);
    }

    fn stop_waiting_quietly(&mut self, name: &Username, on: &Username) {
        if let Some(queue) = self.waiting.get_mut(on) {
            queue.retain(|inviter| inviter != name);
            if queue.is_empty() {
                self.waiting.remove(on);
            }
        }
    }

    /// The conversation of `name` with `peer` is over: `name` is told, and is in the lobby, or still in
    /// the run that was going on within the conversation.
    fn close_for(
        &mut self,
        name: &Username,
        peer: &Username,
        by: &Username,
        lost: bool,
        effects: &mut Effects,
    ) {
        let closed = Event::Closed { peer: peer.clone(), by: by.clone(), lost };
        self.say(name, &closed, effects);
        if let Some(session) = self.sessions.get_mut(name) {
            session.place = match std::mem::replace(&mut session.place, Place::Lobby) {
                Place::Talking { rekey: Some(part), .. } => Place::Meeting { part, closed: true },
                _ => Place::Lobby,
            };
        }
    }

    fn end_part(&self, name: &Username, decision: Decision) {
        if let Some(part) = self.sessions.get(name).and_then(|session| session.place.part()) {
            let _ = self.rendezvous.end(part.run, decision);
        }
    }

    fn set_place(&mut self, name: &Username, place: Place) {
        if let Some(session) = self.sessions.get_mut(name) {
            session.place = place;
        }
    }

    /// Back in the lobby, where the first invitation that waits begins.
    fn to_lobby(&mut self, name: &Username, effects: &mut Effects) {
        self.set_place(name, Place::Lobby);
        self.draw(name, effects);
    }

    /// Begins the first invitation that waits for someone who is in the lobby.
    fn draw(&mut self, name: &Username, effects: &mut Effects) {
        if !self.sessions.get(name).is_some_and(|session| matches!(session.place, Place::Lobby)) {
            return;
        }
        if let Some(inviter) = self.waiting.get(name).and_then(|queue| queue.front()).cloned() {
            self.stop_waiting_quietly(&inviter, name);
            self.begin(&inviter, name, false, effects);
        }
    }

    /// Both are in a run from now on, which they are told by [`Registry::announce`].
    fn begin(&mut self, initiator: &Username, responder: &Username, new_key: bool, effects: &mut Effects) {
        self.last_run += 1;
        let run = self.last_run;
        let members = Members { initiator: initiator.clone(), responder: responder.clone() };
        self.rendezvous.begin(run, members.clone(), Instant::now() + self.answer_timeout);
        for (name, part) in [
            (initiator, Part::initiator(run, responder.clone())),
            (responder, Part::responder(run, initiator.clone())),
        ] {
            if let Some(session) = self.sessions.get_mut(name) {
                session.place = match std::mem::replace(&mut session.place, Place::Lobby) {
                    Place::Talking { peer, .. } if new_key => Place::Talking { peer, rekey: Some(part) },
                    _ => Place::Meeting { part, closed: false },
                };
            }
        }
        effects.starts.push(Start { run, members, new_key });
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
