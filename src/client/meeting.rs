//! One run of the agreement, as this client sees it: the steps, the question, the answer.
//!
//! It decides and says what is to be sent; sending, showing and remembering are the caller's. What it
//! holds against a lying server: a key is shown to the person only after every signature was checked,
//! an epoch is never taken for a second key, and an outcome is believed only with the peer's proof.

use std::time::Instant;

use super::{
    kept,
    phrase::Phrase,
    pins::{Means, PeerPins, PinnedEpoch, Standing, Verification},
    words,
};
use crate::{
    crypto::{
        agreement::{self, Agreed, AgreementError, Members, Offering, Replied},
        conversation_key::{Code, ConversationKey},
        key_file::Unlocked,
        resume::{self, Resuming},
    },
    wire::{
        Agreement, Bytes, Decline, Offer, OwnCopy, Pair, Request, Resume, Role, Seen, Username,
        limits::EPOCH_STEP_MAX,
    },
};

mod answer;
mod due;
mod given;

pub(super) use answer::Answer;
pub(super) use given::{Known, Start};

/// What follows from a step.
pub(super) enum Progress {
    /// Send this step, if any, and wait for the other side's.
    Wait(Option<Agreement>),
    /// Send this step, if any, and ask the person.
    Ask(Option<Agreement>),
    /// The run cannot go on: send this step, if any, refuse, and show why.
    Fail(Option<Agreement>, Phrase),
    /// The peer declined.
    Declined(Decline),
}

enum Stage {
    /// Nothing received yet: the responder waits for the first step.
    Awaiting,
    /// The initiator has offered a new key.
    Offered(Box<Offering>),
    /// The responder has replied.
    Replied(Box<Replied>),
    /// The initiator has offered to go on with the kept key.
    Resuming(Box<Resuming>),
    /// The person is asked.
    Asking(Box<Proposal>),
    /// The person accepted.
    Accepted(Box<Proposal>, Option<Means>),
    /// Over.
    Over,
}

/// A key that both programs hold, for the people to accept.
pub(super) struct Proposal {
    agreed: Agreed,
    peer_identity: Bytes<32>,
    standing: Standing,
    new_key: bool,
}

/// A key that both people accepted and both programs proved to hold, with its codes.
pub(super) struct Concluded {
    pub(super) key: ConversationKey,
    pub(super) own_code: Code,
    pub(super) peer_code: Code,
    /// What the peer said it last saw of this user: to be found in the log.
    pub(super) peer_saw: Option<Seen>,
}

/// One run.
pub(super) struct Meeting {
    pub(super) peer: Username,
    pub(super) run: u64,
    /// Within an open conversation (`/rekey`).
    pub(super) new_key: bool,
    /// This side's person asked for it; the other's may have, too.
    pub(super) asked_for: bool,
    /// Why it comes to nothing has been said: no person refused.
    pub(super) explained: bool,
    members: Members,
    role: Role,
    pair: Pair,
    own_identity: Bytes<32>,
    /// The kept key that the server shows, when it is one to go on with, and the peer's identity in it.
    kept: Option<(ConversationKey, Bytes<32>)>,
    /// The epoch of the kept key that the server shows, whether it is one to go on with or not.
    shown_epoch: u32,
    /// The epoch that was proposed in this run, by either; 0 for none.
    pub(super) proposed_epoch: u32,
    /// The peer's identity of the kept key that this run goes on with.
    kept_identity: Option<Bytes<32>>,
    stage: Stage,
    notices: Vec<Phrase>,
    wrong_codes: u8,
    /// This client sent a Reply, so the server could know its code: a run that dies now is counted,
    replied: bool,
    /// unless its person has answered.
    answered: bool,
    we_reopen: bool,
    peer_reopens: bool,
    peer_saw: Option<Seen>,
    /// When it began, or went on.
    moved_at: Instant,
}

impl Meeting {
    /// Begins a run; as the initiator, with the first step.
    pub(super) fn begin(start: Start, known: &Known<'_>) -> Result<(Self, Progress), Phrase> {
        let pair = Pair::new(known.me, &start.peer).map_err(|error| words::not_valid(&error))?;
        let members = match start.role {
            Role::Initiator => Members::new(known.me.clone(), start.peer.clone()),
            Role::Responder => Members::new(start.peer.clone(), known.me.clone()),
        }
        .map_err(|error| words::not_valid(&error))?;
        let mut meeting = Self {
            peer: start.peer,
            run: start.run,
            new_key: start.new_key,
            asked_for: false,
            explained: false,
            members,
            role: start.role,
            pair,
            own_identity: known.keys.identity.public(),
            kept: None,
            shown_epoch: 0,
            proposed_epoch: 0,
            kept_identity: None,
            stage: Stage::Awaiting,
            notices: Vec::new(),
            wrong_codes: 0,
            replied: false,
            answered: false,
            we_reopen: false,
            peer_reopens: false,
            peer_saw: None,
            moved_at: Instant::now(),
        };
        let judged = kept::judge(start.kept, &meeting.peer, &meeting.pair, known);
        meeting.kept = judged.usable;
        meeting.shown_epoch = judged.shown_epoch;
        meeting.notices = judged.notices;
        let progress = match start.role {
            Role::Responder => Progress::Wait(None),
            Role::Initiator => meeting.first_step(known),
        };
        Ok((meeting, progress))
    }

    fn first_step(&mut self, known: &Known<'_>) -> Progress {
        let wants_new = self.new_key || known.kept_key_declined;
        match self.kept.take() {
            Some((key, identity)) if !wants_new => {
                self.kept_identity = Some(identity);
                let reopens = self.reopens(key.epoch(), known);
                match resume::resume(&self.members, key, last_seen(known.pins), reopens) {
                    Ok((resuming, step)) => {
                        self.stage = Stage::Resuming(Box::new(resuming));
                        Progress::Wait(Some(Agreement::Resume(step)))
                    }
                    Err(error) => self.fail(&error),
                }
            }
            _ if known.asked_by_itself => {
                self.stage = Stage::Over;
                Progress::Fail(None, words::reopening_takes_a_new_key(&self.peer))
            }
            kept => {
                let kept_epoch = kept.map_or(0, |(key, _)| key.epoch());
                // What others say may raise the number, but not use the numbers up.
                let said = known.epoch_floor.max(self.shown_epoch);
                let floor = said.min(known.pins.highest_used().saturating_add(EPOCH_STEP_MAX));
                let highest = known.pins.highest_used().max(kept_epoch).max(floor);
                let Some(epoch) = highest.checked_add(1) else {
                    return Progress::Fail(None, words::EPOCHS_EXHAUSTED.into());
                };
                self.proposed_epoch = epoch;
                match agreement::offer(&known.keys.identity, &self.members, epoch) {
                    Ok((offering, step)) => {
                        self.stage = Stage::Offered(Box::new(offering));
                        Progress::Wait(Some(Agreement::Offer(step)))
                    }
                    Err(error) => self.fail(&error),
                }
            }
        }
    }

    /// Takes a step from the other side.
    pub(super) fn step(&mut self, step: Agreement, known: &Known<'_>) -> Progress {
        self.moved_at = Instant::now();
        match (std::mem::replace(&mut self.stage, Stage::Over), step) {
            (_, Agreement::Decline(why)) => Progress::Declined(why),
            (Stage::Awaiting, Agreement::Offer(offer)) => self.take_offer(&offer, known),
            (Stage::Awaiting, Agreement::Resume(offer)) => self.take_resume(&offer, known),
            // Two offers crossed: the one of the lower name stands.
            (Stage::Offered(offering), Agreement::Offer(offer)) => {
                if *known.me < self.peer {
                    self.stage = Stage::Offered(offering);
                    return Progress::Wait(None);
                }
                self.role = Role::Responder;
                match Members::new(self.peer.clone(), known.me.clone()) {
                    Ok(members) => self.members = members,
                    Err(_) => return self.out_of_place(),
                }
                self.take_offer(&offer, known)
            }
            (Stage::Offered(offering), Agreement::Reply(reply)) => {
                match offering.receive(&known.keys.identity, &reply) {
                    Ok((agreed, confirm)) => {
                        self.propose(agreed, reply.identity, true, known);
                        Progress::Ask(Some(Agreement::Confirm(confirm)))
                    }
                    Err(error) => self.fail(&error),
                }
            }
            (Stage::Replied(replied), Agreement::Confirm(confirm)) => match replied.receive(&confirm) {
                Ok(agreed) => match agreed.peer_identity() {
                    Some(identity) => {
                        self.propose(agreed, identity, true, known);
                        Progress::Ask(None)
                    }
                    None => self.out_of_place(),
                },
                Err(error) => self.fail(&error),
            },
            (Stage::Resuming(resuming), Agreement::ResumeReply(reply)) => {
                self.compare_seen(reply.seen, known);
                self.peer_reopens = reply.reopens;
                let agreed = resuming.receive(&reply);
                self.propose_kept(agreed, known)
            }
            (_, _) => self.out_of_place(),
        }
    }

    fn take_offer(&mut self, offer: &Offer, known: &Known<'_>) -> Progress {
        // A machine without memory still has the kept key that opened: its number is used as well.
        let kept_epoch = self.kept.as_ref().map_or(0, |(key, _)| key.epoch());
        if let Err(refused) = known.pins.check_proposed(offer.epoch, kept_epoch) {
            let decline = Decline::Epoch { highest_used: refused.highest_used };
            let why = words::epoch_declined(&self.peer, offer.epoch, refused.highest_used);
            return Progress::Fail(Some(Agreement::Decline(decline)), why);
        }
        self.proposed_epoch = offer.epoch;
        match agreement::reply(&known.keys.identity, &self.members, offer) {
            Ok((replied, step)) => {
                self.replied = true;
                self.stage = Stage::Replied(Box::new(replied));
                Progress::Wait(Some(Agreement::Reply(step)))
            }
            Err(error) => self.fail(&error),
        }
    }

    fn take_resume(&mut self, offer: &Resume, known: &Known<'_>) -> Progress {
        self.compare_seen(offer.seen, known);
        let declined = Progress::Fail(
            Some(Agreement::Decline(Decline::KeptKey {})),
            words::kept_key_declined_by_us(&self.peer, offer.epoch),
        );
        // Exactly the newest key that this side knows of: a server that brings back an older one, or one
        // that replays an older run, gets no proof from us.
        let matches = |key: &ConversationKey| key.epoch() == offer.epoch && key.key_id() == offer.key_id;
        let Some((key, identity)) = self.kept.take().filter(|(key, _)| matches(key)) else { return declined };
        self.kept_identity = Some(identity);
        self.peer_reopens = offer.reopens;
        let reopens = self.reopens(key.epoch(), known);
        match resume::resume_reply(&self.members, key, offer, last_seen(known.pins), reopens) {
            Ok((agreed, step)) => match self.propose_kept(agreed, known) {
                Progress::Ask(_) => Progress::Ask(Some(Agreement::ResumeReply(step))),
                other => other,
            },
            Err(error) => self.fail(&error),
        }
    }

    fn propose_kept(&mut self, agreed: Agreed, known: &Known<'_>) -> Progress {
        let Some(identity) = self.kept_identity else { return self.out_of_place() };
        self.propose(agreed, identity, false, known);
        Progress::Ask(None)
    }

    fn propose(&mut self, agreed: Agreed, peer_identity: Bytes<32>, new_key: bool, known: &Known<'_>) {
        let standing = known.pins.standing(&peer_identity);
        if let (Some(doubt), true) = (known.pins.in_doubt, standing.plain_yes_is_enough()) {
            self.notices.push(words::another_was_shown(&self.peer, doubt.at));
        }
        self.stage = Stage::Asking(Box::new(Proposal { agreed, peer_identity, standing, new_key }));
    }

    /// The peer says what it last saw of this user. Another message in a known one's place is worth a
    /// word at once; more than this machine knows of, only when the log does not show it either.
    fn compare_seen(&mut self, seen: Option<Seen>, known: &Known<'_>) {
        self.peer_saw = seen;
        let own = known.pins.own.map(|link| link.seen);
        let differs = own.zip(seen).is_some_and(|(own, seen)| {
            (own.stream, own.counter) == (seen.stream, seen.counter) && own.hash != seen.hash
        });
        if differs {
            self.notices.push(words::peer_saw_more(&self.peer));
        }
    }

    fn fail(&mut self, error: &AgreementError) -> Progress {
        let why = words::agreement_failed(&self.peer, &words::reason(error));
        Progress::Fail(Some(Agreement::Decline(Decline::Invalid {})), why)
    }

    fn out_of_place(&mut self) -> Progress {
        let why = words::step_out_of_place(&self.peer);
        Progress::Fail(Some(Agreement::Decline(Decline::Invalid {})), why)
    }

    /// The block that is shown before the question.
    pub(super) fn key_block(&self) -> Option<Phrase> {
        let proposal = self.proposal()?;
        Some(words::key_block(&words::KeyBlock {
            peer: &self.peer,
            me: self.pair.other(&self.peer)?,
            epoch: proposal.agreed.key().epoch(),
            new_key: proposal.new_key,
            standing: proposal.standing,
            identity: &proposal.peer_identity,
            own_code: proposal.agreed.own_code(),
            notices: &self.notices,
        }))
    }

    /// The identity that the peer shows in this run, while its person is asked or has accepted; and what
    /// this machine can say of it.
    pub(super) fn shown_identity(&self) -> Option<(Bytes<32>, Standing)> {
        self.proposal().map(|proposal| (proposal.peer_identity, proposal.standing))
    }

    /// What the kept key and the peer's memory gave rise to, for a run that ends before the question.
    pub(super) fn notices(&self) -> &[Phrase] {
        &self.notices
    }

    /// This side opens again what a lost connection closed: it says so, in what both prove.
    fn reopens(&mut self, epoch: u32, known: &Known<'_>) -> bool {
        self.we_reopen = known.reopening == Some(epoch);
        self.we_reopen
    }

    /// Whether the programs answer for their people, who both accepted this key for this conversation a
    /// moment ago: both say so, and there is nothing to warn of.
    pub(super) fn reopens_quietly(&self) -> bool {
        self.we_reopen
            && self.peer_reopens
            && self.notices.is_empty()
            && self.proposal().is_some_and(|proposal| proposal.standing.plain_yes_is_enough())
    }

    /// The identity that the person is asked about, if it is another than before.
    pub(super) fn changed_identity(&self) -> Option<Bytes<32>> {
        self.proposal().filter(|shown| !shown.standing.plain_yes_is_enough()).map(|shown| shown.peer_identity)
    }

    /// Whether the person is being asked.
    pub(super) fn is_asking(&self) -> bool {
        matches!(self.stage, Stage::Asking(_))
    }

    /// Whether the person has accepted.
    pub(super) fn has_accepted(&self) -> bool {
        matches!(self.stage, Stage::Accepted(..))
    }

    /// Whether a death of this run is to be counted: this side replied, and its person has not answered.
    pub(super) fn died_unanswered(&self) -> bool {
        self.replied && !self.answered
    }

    fn proposal(&self) -> Option<&Proposal> {
        match &self.stage {
            Stage::Asking(proposal) | Stage::Accepted(proposal, _) => Some(proposal),
            _ => None,
        }
    }

    /// The person refused, or was wrong too often: nothing more is asked while the server is told.
    pub(super) fn refuse(&mut self) -> Request {
        self.stage = Stage::Over;
        self.moved_at = Instant::now();
        self.answered = true;
        Request::Refuse { peer: self.peer.clone(), run: self.run }
    }

    /// The person accepts. The epoch is marked as used in `pins` here; the caller makes that durable
    /// before it sends the request that this returns. `None` when the epoch carries another key already.
    pub(super) fn accept(
        &mut self,
        verified: Option<Means>,
        keys: &Unlocked,
        pins: &mut PeerPins,
    ) -> Option<Request> {
        let Stage::Asking(proposal) = std::mem::replace(&mut self.stage, Stage::Over) else { return None };
        self.answered = true;
        let copy = if proposal.new_key {
            if !pins.mark_used(proposal.agreed.key().epoch(), proposal.pinned(keys)) {
                return None;
            }
            Some(proposal.agreed.key().seal(&keys.vault, &proposal.peer_identity).ok()?)
        } else {
            None
        };
        let request = self.acceptance(&proposal, copy);
        self.stage = Stage::Accepted(proposal, verified);
        Some(request)
    }

    fn acceptance(&self, proposal: &Proposal, copy: Option<OwnCopy>) -> Request {
        Request::Accept {
            peer: self.peer.clone(),
            run: self.run,
            acceptance: proposal.agreed.acceptance(),
            copy,
        }
    }

    /// The server says that both agreed. Only with the peer's proof, and this person's own yes, is it so:
    /// then the pins know it, and the key is returned.
    pub(super) fn conclude(
        self,
        acceptance: &Bytes<32>,
        keys: &Unlocked,
        pins: &mut PeerPins,
    ) -> Option<Concluded> {
        let Stage::Accepted(proposal, verified) = self.stage else { return None };
        if !proposal.agreed.verify(acceptance) {
            return None;
        }
        let epoch = proposal.agreed.key().epoch();
        let verified = verified.map(Verification::here);
        pins.mark_proven(epoch, proposal.pinned(keys), verified, chrono::Utc::now());
        let (own_code, peer_code) = (proposal.agreed.own_code().clone(), proposal.agreed.peer_code().clone());
        let peer_saw = self.peer_saw;
        Some(Concluded { key: proposal.agreed.into_key(), own_code, peer_code, peer_saw })
    }
}

impl Proposal {
    fn pinned(&self, keys: &Unlocked) -> PinnedEpoch {
        PinnedEpoch {
            key_id: self.agreed.key().key_id(),
            own_identity: keys.identity.public(),
            peer_identity: self.peer_identity,
            proven: false,
        }
    }
}

fn last_seen(pins: &PeerPins) -> Option<Seen> {
    pins.theirs.map(|link| link.seen)
}
