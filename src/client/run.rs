//! What the agreement brings: beginnings, steps, answers, outcomes.

use std::time::{Duration, Instant};

use chrono::Utc;

use super::{
    app::App,
    broken_runs::BROKEN_RUNS_MAX,
    error::ClientError,
    meeting::{Answer, Known, Meeting, Progress, Start},
    phrase::Phrase,
    pins::{Means, PeerPins},
    place::Engaged,
    words,
};
use crate::wire::{Agreement, Decline, Outcome, Request, Role, Username};

/// An outcome that comes sooner than this makes 'Waiting for ...' unnecessary.
const WAITING_IS_SAID_AFTER: Duration = Duration::from_millis(150);

impl App<'_> {
    fn known<'k>(&'k self, pins: &'k PeerPins, peer: &Username) -> Known<'k> {
        Known {
            me: &self.me,
            keys: &self.keys,
            pins,
            epoch_floor: self.epoch_floors.get(peer).copied().unwrap_or(0),
            kept_key_declined: self.kept_key_declined.contains(peer),
            reopening: self.reopening_epoch(peer),
            asked_by_itself: self.asked_by_itself(peer),
        }
    }

    fn run_reopens(&self) -> bool {
        self.place.run().is_some_and(|run| !run.new_key && run.reopens_quietly())
    }

    /// Whether a run may begin here, and whether it is on an act of this person, or of their program.
    fn expects(&self, start: &Start) -> (bool, bool) {
        let Start { peer, new_key, .. } = start;
        let named = self.place.engaged.peer() == Some(peer);
        match (&self.place.engaged, *new_key) {
            (Engaged::Meeting(_), _) => (false, false),
            (Engaged::Free, true) => (self.place.is_together(peer), self.rekey_asked.as_ref() == Some(peer)),
            (_, true) => (false, false),
            // While conversations are open an invitation waits until it is answered by another.
            (_, false) => (named || !self.place.any_together(), named),
        }
    }

    pub(super) fn on_started(&mut self, start: Start) -> Result<(), ClientError> {
        let (peer, run) = (start.peer.clone(), start.run);
        self.contacts.invites_no_more(&peer);
        let refuse = Request::Refuse { peer: peer.clone(), run };
        let (in_place, mine) = self.expects(&start);
        // One act of this person is one offer: the server cannot begin one in their name.
        if !in_place || (start.role == Role::Initiator && !mine) {
            self.desk.warn(&words::forged_start(&peer));
            return self.connection.send(&refuse);
        }
        if start.role == Role::Responder && !mine && self.pins.peer(&peer).is_paused(Utc::now()) {
            self.desk.warn(&words::run_paused(&peer));
            let step = Agreement::Decline(Decline::Paused {});
            self.connection.send(&Request::Agree { peer: peer.clone(), run, step })?;
            return self.connection.send(&refuse);
        }
        self.rekey_asked = None;
        if start.new_key && !mine {
            self.desk.notice(&words::rekey_wanted(&peer));
        }
        let pins = self.pins.peer(&peer);
        let begun = Meeting::begin(start, &self.known(&pins, &peer));
        let (mut meeting, progress) = match begun {
            Ok(begun) => begun,
            Err(why) => {
                self.desk.warn(&why);
                return self.connection.send(&refuse);
            }
        };
        meeting.asked_for = mine;
        // One that crossed: the server answers it with `busy`, and it is for later.
        if let Some(other) = self.place.engaged.peer().filter(|other| **other != peer).cloned() {
            self.crossed(other);
        }
        self.place.engaged = Engaged::Meeting(Box::new(meeting));
        self.progress(progress)
    }

    pub(super) fn on_step(&mut self, peer: &Username, run: u64, step: Agreement) -> Result<(), ClientError> {
        let pins = self.pins.peer(peer);
        let Some(mut meeting) = self.take_run(peer, run) else { return Ok(()) };
        let progress = meeting.step(step, &self.known(&pins, peer));
        self.put_run(meeting);
        self.progress(progress)
    }

    fn take_run(&mut self, peer: &Username, run: u64) -> Option<Box<Meeting>> {
        self.place.run().filter(|current| current.peer == *peer && current.run == run)?;
        self.place.take_run()
    }

    fn put_run(&mut self, run: Box<Meeting>) {
        self.place.engaged = Engaged::Meeting(run);
    }

    fn progress(&mut self, progress: Progress) -> Result<(), ClientError> {
        let Some(current) = self.place.run_mut() else { return Ok(()) };
        current.explained |= matches!(progress, Progress::Fail(..) | Progress::Declined(_));
        let (peer, run) = (current.peer.clone(), current.run);
        let (block, notices) = (current.key_block(), current.notices().to_vec());
        let send = |app: &Self, step: Option<Agreement>| match step {
            Some(step) => app.connection.send(&Request::Agree { peer: peer.clone(), run, step }),
            None => Ok(()),
        };
        match progress {
            Progress::Wait(step) => send(self, step),
            Progress::Ask(step) => {
                send(self, step)?;
                if self.run_reopens() {
                    return self.accept(&peer, run, None);
                }
                self.say_who_left();
                self.doubt_a_changed_identity();
                if let Some(block) = block {
                    self.desk.show_as(super::terminal::Emphasis::Notice, &block);
                }
                Ok(())
            }
            Progress::Fail(step, why) => {
                send(self, step)?;
                for notice in &notices {
                    self.desk.warn(notice);
                }
                self.desk.warn(&why);
                self.connection.send(&Request::Refuse { peer, run })
            }
            Progress::Declined(why) => {
                let text = match why {
                    Decline::Epoch { highest_used } => {
                        self.epoch_floors.insert(peer.clone(), highest_used);
                        words::epoch_declined_by_peer(&peer, highest_used)
                    }
                    Decline::Paused {} => words::paused_by_peer(&peer),
                    Decline::KeptKey {} => {
                        self.kept_key_declined.insert(peer.clone());
                        words::kept_key_declined_by_peer(&peer)
                    }
                    Decline::Invalid {} => words::declined_as_invalid(&peer),
                };
                self.desk.warn(&text);
                Ok(())
            }
        }
    }

    /// The peer shows another identity than before: nothing more is sent until that is resolved.
    fn doubt_a_changed_identity(&mut self) {
        let Some((peer, shown)) =
            self.place.run().and_then(|run| Some((run.peer.clone(), run.changed_identity()?)))
        else {
            return;
        };
        self.remember(&peer, |pins| pins.note_changed(shown, Utc::now()));
    }

    /// The run stood still for too long.
    pub(super) fn give_up_run(&mut self) -> Result<(), ClientError> {
        let Some(run) = self.place.run_mut() else { return Ok(()) };
        match run.give_up() {
            Some(progress) => self.progress(progress),
            // It was refused, and the server does not say how it ended.
            None => Err(ClientError::Lost(None)),
        }
    }

    /// A line typed at the key question.
    pub(super) fn on_answer(&mut self, typed: &str) -> Result<(), ClientError> {
        let Some(current) = self.place.run_mut() else { return Ok(()) };
        let (peer, run) = (current.peer.clone(), current.run);
        match current.answer(typed) {
            Answer::Again(text) => {
                if let Some(text) = text {
                    self.desk.warn(&text);
                }
                Ok(())
            }
            Answer::NotOne => {
                // A script's line may be for what comes after.
                if self.desk.is_person() {
                    self.desk.show(&words::no_answer_to_a_key(&peer));
                }
                Ok(())
            }
            Answer::Refuse => {
                let refusal = current.refuse();
                self.connection.send(&refusal)
            }
            Answer::TooManyWrongCodes => {
                let refusal = current.refuse();
                self.desk.warn(words::TOO_MANY_WRONG_CODES);
                self.connection.send(&refusal)
            }
            Answer::Accept { verified } => self.accept(&peer, run, verified),
        }
    }

    fn accept(&mut self, peer: &Username, run: u64, verified: Option<Means>) -> Result<(), ClientError> {
        let Some(mut meeting) = self.take_run(peer, run) else { return Ok(()) };
        let request = meeting.accept(verified, &self.keys, self.pins.peer_mut(peer));
        self.put_run(meeting);
        let Some(request) = request else {
            self.desk.warn(words::NUMBER_IS_USED);
            return self.connection.send(&Request::Refuse { peer: peer.clone(), run });
        };
        // On disk before the acceptance goes out: after a crash this epoch is never taken for another key.
        if let Err(error) = self.save_pins() {
            self.desk.warn(&words::could_not_remember(words::failure(&error).text()));
            return self.connection.send(&Request::Refuse { peer: peer.clone(), run });
        }
        self.say_waiting_at = Some(Instant::now() + WAITING_IS_SAID_AFTER);
        self.connection.send(&request)
    }

    pub(super) fn on_outcome(
        &mut self,
        peer: &Username,
        run: u64,
        outcome: Outcome,
    ) -> Result<(), ClientError> {
        let Some(meeting) = self.take_run(peer, run) else { return Ok(()) };
        self.say_waiting_at = None;
        let acceptance = match outcome {
            Outcome::Agreed { acceptance } => acceptance,
            other => {
                self.say_outcome(peer, &meeting, &other);
                return Ok(());
            }
        };
        let (within, again) = (meeting.new_key, meeting.reopens_quietly());
        let unanswered = meeting.died_unanswered();
        let Some(concluded) = meeting.conclude(&acceptance, &self.keys, self.pins.peer_mut(peer)) else {
            self.desk.warn(&words::acceptance_invalid(peer));
            self.count_if(unanswered, peer);
            self.retire(peer);
            self.place.close(peer);
            return self.connection.send(&Request::Leave { peer: peer.clone() });
        };
        self.contacts.met(peer, concluded.key.epoch());
        self.save_pins()?;
        self.kept_key_declined.remove(peer);
        self.epoch_floors.remove(peer);
        self.forget_broken_runs(peer);
        match (within, again) {
            (true, _) => self.continue_under(peer, concluded),
            (false, true) => self.reopen_conversation(peer, concluded),
            (false, false) => self.open_conversation(peer, concluded),
        }
    }

    fn say_outcome(&mut self, peer: &Username, meeting: &Meeting, outcome: &Outcome) {
        // The peer may have accepted under this number and used it up: the next one is proposed next.
        let floor = self.epoch_floors.entry(peer.clone()).or_default();
        *floor = meeting.proposed_epoch.max(*floor);
        let text = match outcome {
            Outcome::Agreed { .. } => return,
            // A program found that it could not be, and said why.
            Outcome::Refused { .. } if meeting.explained => None,
            Outcome::Refused { by } if *by == self.me => Some(words::YOU_REFUSED.about(peer)),
            Outcome::Refused { .. } => Some(words::refused_by(peer)),
            Outcome::Withdrawn { by } => Some(self.withdrawn(peer, *by == self.me, meeting.asked_for)),
            Outcome::Lost { .. } => Some(words::lost_during_key(peer)),
            Outcome::TimedOut {} => Some(words::timed_out(peer)),
            Outcome::Mismatch {} => Some(words::copies_mismatch(peer)),
            Outcome::NotStored {} => Some(words::key_not_stored(peer)),
        };
        if let Some(text) = text {
            self.desk.notice(&text);
        }
        self.count_if(meeting.died_unanswered(), peer);
    }

    /// Who asked takes an invitation back; who was asked ends it.
    fn withdrawn(&self, peer: &Username, by_me: bool, asked_for: bool) -> Phrase {
        match (by_me, asked_for) {
            (true, true) => words::invitation_taken_back(peer),
            (true, false) => words::YOU_ENDED_IT.about(peer),
            (false, true) => words::ended_by(peer),
            (false, false) => words::withdrawn_by(peer),
        }
    }

    /// Shows and counts a run that died after this client's reply and before its person answered. Whether
    /// they answered is this client's to know: the server may say that they refused.
    pub(super) fn count_if(&mut self, died_unanswered: bool, peer: &Username) {
        if died_unanswered {
            let mut count = 0;
            self.remember(peer, |pins| count = pins.count_broken_run(Utc::now()));
            self.desk.warn(&words::run_died(peer, count, BROKEN_RUNS_MAX));
        }
    }

    /// The client ends in the middle of a run: to the other side, and to who counts, it died.
    pub(super) fn count_the_run_left_behind(&mut self) {
        if let Some(peer) = self.place.run().filter(|run| run.died_unanswered()).map(|run| run.peer.clone()) {
            self.remember(&peer, |pins| {
                pins.count_broken_run(Utc::now());
            });
        }
    }

    /// The person named that peer, or a run with them came to its end.
    pub(super) fn forget_broken_runs(&mut self, peer: &Username) {
        if !self.pins.peer(peer).broken_runs.is_empty() {
            self.remember(peer, PeerPins::forget_broken_runs);
        }
    }

    /// `/rekey`
    pub(super) fn ask_rekey(&mut self) -> Result<(), ClientError> {
        let focus = self.place.focus().filter(|peer| self.place.is_together(peer)).cloned();
        match (&self.place.engaged, focus) {
            (Engaged::Meeting(_), _) => self.desk.show(words::NOT_DURING_A_KEY),
            (Engaged::Inviting(_) | Engaged::Waiting(_), _) => self.desk.show(words::OPEN_CONVERSATION_ONLY),
            (Engaged::Free, None) => self.desk.show(words::OPEN_CONVERSATION_ONLY),
            (Engaged::Free, Some(peer)) => {
                self.rekey_asked = Some(peer.clone());
                self.desk.show(&words::rekey_asked(&peer));
                self.forget_broken_runs(&peer);
                return self.connection.send(&Request::Invite { peer, new_key: true });
            }
        }
        Ok(())
    }
}
