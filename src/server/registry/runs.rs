//! The beginning and the end of a run, as its members are told of them.

use super::{
    Effects, Registry, Start,
    place::{Closing, Engaged, Within},
    state::State,
};
use crate::{
    server::rendezvous::{Decision, Members},
    wire::{Bytes, ErrorCode, Event, KeptKey, Outcome, Role, Username},
};

/// What the members are told when their run begins.
#[derive(Debug, Clone)]
pub(in crate::server) struct Facts {
    /// The initiator's copy of the pair's newest key.
    pub(in crate::server) initiator_kept: Option<KeptKey>,
    /// The responder's.
    pub(in crate::server) responder_kept: Option<KeptKey>,
}

/// How a run ended, after everything that had to be stored was stored or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) enum Verdict {
    /// Both accepted, and it is on the disk.
    Agreed {
        /// The initiator's proof, for the responder.
        initiator: Bytes<32>,
        /// The responder's, for the initiator.
        responder: Bytes<32>,
    },
    /// Anything else: the same for both.
    Otherwise(Outcome),
}

impl Verdict {
    /// Whether a conversation opens, or goes on, with it.
    pub(in crate::server) fn agreed(&self) -> bool {
        matches!(self, Self::Agreed { .. })
    }

    /// What a member in that role is told: with the other's proof.
    fn outcome(&self, role: Role) -> Outcome {
        match (self, role) {
            (Self::Agreed { responder, .. }, Role::Initiator) => Outcome::Agreed { acceptance: *responder },
            (Self::Agreed { initiator, .. }, Role::Responder) => Outcome::Agreed { acceptance: *initiator },
            (Self::Otherwise(outcome), _) => outcome.clone(),
        }
    }
}

impl Registry {
    /// Tells both members that their run began, if it is still there.
    pub(in crate::server) fn announce(&self, start: &Start, facts: Facts, effects: &mut Effects) {
        let mut state = self.state.lock();
        let Members { initiator, responder } = &start.members;
        if !state.both_in(start) {
            return;
        }
        let tellings = [(initiator, facts.initiator_kept), (responder, facts.responder_kept)];
        for (name, kept) in tellings {
            let Some(session) = state.sessions.get_mut(name) else { continue };
            let Some(part) = session.place.part_mut() else { continue };
            part.told = true;
            let (peer, role) = (part.peer.clone(), part.role);
            let (run, new_key) = (start.run, start.new_key);
            session.outgoing.say(&Event::Started { peer, run, role, new_key, kept });
            effects.touched.add(&session.outgoing);
        }
    }

    /// A run that cannot begin, because its facts could not be read: it ends before it was told.
    pub(in crate::server) fn abandon(&self, start: &Start) {
        let state = self.state.lock();
        let decision = Decision::TimedOut;
        // Whatever ended it before says the same to its members: it never began.
        let _ = state.rendezvous.end(start.run, decision);
    }

    /// Tells both members how their run ended, and moves them: together, or back to where they were.
    pub(in crate::server) fn settle(
        &self,
        run: u64,
        members: &Members,
        verdict: &Verdict,
        effects: &mut Effects,
    ) {
        let mut state = self.state.lock();
        let both = members.both().map(|name| state.is_in(name, run));
        let together = both == [true, true];
        if together && verdict.agreed() {
            state.was_welcome(&members.initiator);
        }
        for (name, peer) in
            [(&members.initiator, &members.responder), (&members.responder, &members.initiator)]
        {
            if state.is_in(name, run) {
                state.settle_one(name, peer, verdict, together, effects);
            }
        }
        state.draw(&members.initiator, effects);
        state.draw(&members.responder, effects);
    }
}

impl State {
    fn is_in(&self, name: &Username, run: u64) -> bool {
        let part = self.sessions.get(name).and_then(|session| session.place.part());
        part.is_some_and(|part| part.run == run)
    }

    fn both_in(&self, start: &Start) -> bool {
        start.members.both().iter().all(|name| self.is_in(name, start.run))
    }

    /// One member's end of a run. `together`: the other member is there to see it too.
    fn settle_one(
        &mut self,
        name: &Username,
        peer: &Username,
        verdict: &Verdict,
        together: bool,
        effects: &mut Effects,
    ) {
        let Some(session) = self.sessions.get_mut(name) else { return };
        let place = &mut session.place;
        let Engaged::Meeting { part, within: began } = std::mem::take(&mut place.engaged) else { return };
        let mut closing = None;
        let within = match began {
            Within::Nothing if verdict.agreed() && together => {
                place.talking.insert(peer.clone());
                false
            }
            Within::Nothing => false,
            Within::Conversation => true,
            Within::Closed(closed) => {
                closing = Some(closed);
                true
            }
        };
        if let Some(Closing { by, lost }) = closing {
            self.say(name, &Event::Closed { peer: peer.clone(), by, lost }, effects);
        }
        // Agreed, and the other is gone already: a conversation that opens and closes at once. One that was
        // open before the run has been closed with its own words.
        let closed = verdict.agreed() && !together && part.told && !within;
        let event = if part.told {
            Some(Event::Outcome { peer: peer.clone(), run: part.run, outcome: verdict.outcome(part.role) })
        } else {
            unbegun(part.role, name, peer, verdict, within)
        };
        if let Some(event) = event {
            self.say(name, &event, effects);
        }
        if closed {
            self.say(name, &Event::Closed { peer: peer.clone(), by: peer.clone(), lost: true }, effects);
        }
    }
}

/// What is said of a run that ended before it was told of: an invitation that came to nothing. Of one
/// `within` a conversation the responder has never heard.
fn unbegun(role: Role, name: &Username, peer: &Username, verdict: &Verdict, within: bool) -> Option<Event> {
    match (role, verdict) {
        (Role::Responder, _) if within => None,
        (Role::Responder, _) => Some(Event::InvitationEnded { peer: peer.clone() }),
        (Role::Initiator, Verdict::Otherwise(Outcome::Withdrawn { by })) if by == name => None,
        (Role::Initiator, Verdict::Otherwise(Outcome::Lost { .. } | Outcome::Withdrawn { .. })) => {
            Some(Event::Error { code: ErrorCode::NotConnected, peer: Some(peer.clone()) })
        }
        (Role::Initiator, _) => Some(Event::Error { code: ErrorCode::Storage, peer: Some(peer.clone()) }),
    }
}
