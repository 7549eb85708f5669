//! What the registry's lock guards, and the changes that its calls are made of: places, waiting
//! invitations, and who is told. Memory only.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Caller, Effects, Gate, MINUTE, Refusal, Start,
    place::{Closing, Engaged, Part, Place, Within},
};
use crate::{
    server::{
        ledger::Ledger,
        outgoing::Outgoing,
        rendezvous::{Decision, Members, Rendezvous},
    },
    wire::{ErrorCode, Event, Username},
};

#[derive(Debug)]
pub(super) struct State {
    pub(super) sessions: BTreeMap<Username, Session>,
    /// Gates of connections that a newer login took out, until they are closed: what is stored through one
    /// comes before any login of that account.
    pub(super) departing: HashMap<Username, Arc<Gate>>,
    /// Who waits for whom: the invited name's inviters, first come first. Invariant: exactly those
    /// who are [`Engaged::Waiting`] on that name; no queue is empty.
    pub(super) waiting: HashMap<Username, VecDeque<Username>>,
    pub(super) rendezvous: Arc<Rendezvous>,
    pub(super) answer_timeout: Duration,
    /// What inviters owe, by name: a new login does not pay it.
    pub(super) invitations: Ledger<Username>,
    /// What an invitation costs out of a minute; `None` is nothing.
    pub(super) invitation_cost: Option<Duration>,
    /// How many may wait for one person.
    pub(super) waiting_max: usize,
    /// How many conversations one client may have open.
    pub(super) talking_max: usize,
    pub(super) last_run: u64,
    pub(super) stopping: bool,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) outgoing: Outgoing,
    pub(super) gate: Arc<Gate>,
    pub(super) place: Place,
    /// Has asked for its contacts, and is told when they come and go.
    pub(super) watches: bool,
}

/// A connection that a newer login takes out.
pub(super) struct Departing {
    /// Where it is told; `None` when another login does that.
    pub(super) outgoing: Option<Outgoing>,
    pub(super) gate: Arc<Gate>,
}

pub(super) fn because<T>(code: ErrorCode) -> Result<T, Refusal> {
    Err(Refusal::Because(code))
}

impl State {
    /// The caller's session, if it is the account's current one.
    pub(super) fn current(&self, caller: &Caller) -> Result<&Session, Refusal> {
        let session = self.sessions.get(&caller.name);
        session.filter(|session| session.outgoing.connection == caller.connection).ok_or(Refusal::Gone)
    }

    /// The caller's part in that run with that peer.
    pub(super) fn part(&self, caller: &Caller, peer: &Username, run: u64) -> Result<&Part, Refusal> {
        let part = self.current(caller)?.place.part();
        let part = part.filter(|part| part.run == run && part.peer == *peer && part.told);
        part.ok_or(Refusal::Because(ErrorCode::NotOpen))
    }

    /// Queues an event for a connected user.
    pub(super) fn say(&self, name: &Username, event: &Event, effects: &mut Effects) {
        if let Some(session) = self.sessions.get(name) {
            session.outgoing.say(event);
            effects.touched.add(&session.outgoing);
        }
    }

    /// The invitation of someone who is free.
    pub(super) fn invite(
        &mut self,
        name: &Username,
        peer: &Username,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let Some(other) = self.sessions.get(peer) else { return because(ErrorCode::NotConnected) };
        if other.place.waits_for(name) {
            self.stop_waiting_quietly(peer, name);
            self.begin(peer, name, false, effects);
        } else if other.place.is_lobby() {
            self.count_invitation(name)?;
            self.say(peer, &Event::Invited { peer: name.clone() }, effects);
            self.begin(name, peer, false, effects);
        } else {
            if self.waiting.get(peer).is_some_and(|queue| queue.len() >= self.waiting_max) {
                return because(ErrorCode::TooManyWaiting);
            }
            self.count_invitation(name)?;
            self.engage(name, Engaged::Waiting { on: peer.clone() });
            self.waiting.entry(peer.clone()).or_default().push_back(name.clone());
            self.say(name, &Event::Waiting { peer: peer.clone() }, effects);
            self.say(peer, &Event::Invited { peer: name.clone() }, effects);
        }
        Ok(())
    }

    /// Begins a run for a new key within the open conversation of the two.
    pub(super) fn ask_rekey(
        &mut self,
        name: &Username,
        peer: &Username,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let (Some(mine), Some(other)) = (self.sessions.get(name), self.sessions.get(peer)) else {
            return because(ErrorCode::NotOpen);
        };
        if !mine.place.talking.contains(peer) {
            return because(ErrorCode::NotOpen);
        }
        if mine.place.crosses(peer, true) {
            return Ok(());
        }
        if !mine.place.is_free() {
            return because(ErrorCode::Busy);
        }
        if !other.place.is_free() {
            return because(ErrorCode::PeerBusy);
        }
        self.count_invitation(name)?;
        self.begin(name, peer, true, effects);
        Ok(())
    }

    /// Counts an invitation that its invited person is about to be told of.
    pub(super) fn count_invitation(&mut self, inviter: &Username) -> Result<(), Refusal> {
        let Some(cost) = self.invitation_cost else { return Ok(()) };
        let affordable = self.invitations.afford(inviter, cost, MINUTE, Instant::now());
        if affordable { Ok(()) } else { because(ErrorCode::TooManyInvitations) }
    }

    /// An invitation that was welcome is not counted.
    pub(super) fn was_welcome(&mut self, inviter: &Username) {
        if let Some(cost) = self.invitation_cost {
            self.invitations.refund(inviter, cost, Instant::now());
        }
    }

    /// Takes the account's older connection out, for a newer one; `None` when nothing is in the way.
    pub(super) fn make_way(&mut self, name: &Username, effects: &mut Effects) -> Option<Departing> {
        if let Some(gate) = self.departing.get(name) {
            return Some(Departing { outgoing: None, gate: Arc::clone(gate) });
        }
        let Session { outgoing, gate, .. } = self.remove(name, effects)?;
        self.departing.insert(name.clone(), Arc::clone(&gate));
        Some(Departing { outgoing: Some(outgoing), gate })
    }

    /// That gate is closed.
    pub(super) fn has_departed(&mut self, name: &Username, gate: &Arc<Gate>) {
        if self.departing.get(name).is_some_and(|departing| Arc::ptr_eq(departing, gate)) {
            self.departing.remove(name);
        }
    }

    /// Takes a user out, and tells everyone whom it concerns. Presence changes at once; a run's
    /// outcome follows from the settler.
    pub(super) fn remove(&mut self, name: &Username, effects: &mut Effects) -> Option<Session> {
        let session = self.sessions.remove(name)?;
        for peer in &session.place.talking {
            self.close_for(peer, name, name, true, effects);
        }
        match &session.place.engaged {
            Engaged::Free => {}
            Engaged::Waiting { on } => self.stop_waiting(name, on, effects),
            Engaged::Meeting { part, .. } => self.lose(part.run, name),
        }
        for peer in &session.place.talking {
            self.draw(peer, effects);
        }
        for inviter in self.waiting.remove(name).unwrap_or_default() {
            let code = ErrorCode::NotConnected;
            self.say(&inviter, &Event::Error { code, peer: Some(name.clone()) }, effects);
            self.is_free_again(&inviter, effects);
        }
        Some(session)
    }

    fn lose(&self, run: u64, by: &Username) {
        // A run that was decided before keeps its outcome.
        let _ = self.rendezvous.end(run, Decision::Lost { by: by.clone() });
    }

    /// The invitation of `name` to `on` waits no longer, and `on` is told.
    pub(super) fn stop_waiting(&mut self, name: &Username, on: &Username, effects: &mut Effects) {
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

    /// The conversation of `name` with `peer` is over: `name` is told; or, while the run is still going on
    /// that began within the conversation, is told when that is settled.
    pub(super) fn close_for(
        &mut self,
        name: &Username,
        peer: &Username,
        by: &Username,
        lost: bool,
        effects: &mut Effects,
    ) {
        let Some(session) = self.sessions.get_mut(name) else { return };
        session.place.talking.remove(peer);
        match &mut session.place.engaged {
            Engaged::Meeting { part, within: within @ Within::Conversation } if part.peer == *peer => {
                *within = Within::Closed(Closing { by: by.clone(), lost });
            }
            _ => {
                let closed = Event::Closed { peer: peer.clone(), by: by.clone(), lost };
                self.say(name, &closed, effects);
            }
        }
    }

    /// Ends the run that was going on within the conversation with `peer`.
    pub(super) fn end_rekey(&self, name: &Username, peer: &Username, decision: Decision) {
        let part = self.sessions.get(name).and_then(|session| session.place.part());
        if let Some(part) = part.filter(|part| part.peer == *peer) {
            let _ = self.rendezvous.end(part.run, decision);
        }
    }

    fn engage(&mut self, name: &Username, engaged: Engaged) {
        if let Some(session) = self.sessions.get_mut(name) {
            session.place.engaged = engaged;
        }
    }

    /// Free again; in the lobby, the first invitation that waits begins.
    pub(super) fn is_free_again(&mut self, name: &Username, effects: &mut Effects) {
        self.engage(name, Engaged::Free);
        self.draw(name, effects);
    }

    /// Begins the first invitation that waits for someone who is in the lobby.
    pub(super) fn draw(&mut self, name: &Username, effects: &mut Effects) {
        if !self.sessions.get(name).is_some_and(|session| session.place.is_lobby()) {
            return;
        }
        if let Some(inviter) = self.waiting.get(name).and_then(|queue| queue.front()).cloned() {
            self.stop_waiting_quietly(&inviter, name);
            self.begin(&inviter, name, false, effects);
        }
    }

    /// Both are in a run from now on, which they are told by [`super::Registry::announce`].
    pub(super) fn begin(
        &mut self,
        initiator: &Username,
        responder: &Username,
        new_key: bool,
        effects: &mut Effects,
    ) {
        self.last_run += 1;
        let run = self.last_run;
        let members = Members { initiator: initiator.clone(), responder: responder.clone() };
        self.rendezvous.begin(run, members.clone(), Instant::now() + self.answer_timeout);
        for (name, part) in [
            (initiator, Part::initiator(run, responder.clone())),
            (responder, Part::responder(run, initiator.clone())),
        ] {
            let within = if new_key { Within::Conversation } else { Within::Nothing };
            self.engage(name, Engaged::Meeting { part, within });
        }
        effects.starts.push(Start { run, members, new_key });
    }
}
