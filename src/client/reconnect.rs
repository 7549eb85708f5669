//! A lost connection: trying again, logging in without asking, sending again, opening again.
//!
//! The person is told, and may go on typing in an open conversation: what they type is sealed and sent
//! once the connection is back. What was sent and not confirmed is sent again as the same bytes, so
//! the server can tell a repeat from a second message. The conversation is opened again through a run
//! over the kept key, which both programs answer for their people when both say that they go on: both
//! accepted this very key for this very conversation a moment ago. A program that was started anew does
//! not say so, and then both people are asked as ever.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use super::{
    account::log_in_with,
    app::{App, Flow},
    command::Line,
    connection::Connection,
    conversation::Conversation,
    error::ClientError,
    overview::Presence,
    place::{Engaged, Kind},
    terminal::{Aim, Input},
    typed::TypedLine,
    words,
};
use crate::wire::{Request, Username};

/// The pause before the first try.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long after a loss a conversation is opened again without asking its people.
const REOPENED_WITHIN: Duration = Duration::from_secs(10 * 60);

/// How long the lines of a script still go to the other side of a conversation that a loss closed: longer
/// than a short outage. After it the script is told that they left, the lobby's question is asked, and a
/// line answers that.
const SCRIPT_WAITS: Duration = Duration::from_secs(2);

/// How often a conversation is opened again by itself after one loss of this side's, and the time between:
/// of several who all come back at once, some are busy with others first.
const TRIES_MAX: u32 = 5;
const TRIED_EVERY: Duration = Duration::from_secs(3);

/// How long the client's own invitation to one peer waits while others are to be met again.
const ONE_WAITS: Duration = Duration::from_secs(2);

/// The conversations that ended by a lost connection, of either side.
#[derive(Default)]
pub(super) struct Reopenings {
    by_peer: BTreeMap<Username, Reopening>,
    /// Whom the client is to invite by itself, one after the other.
    queue: VecDeque<Username>,
    /// Since when an invitation waits.
    waits_since: Option<Instant>,
}

struct Reopening {
    epoch: u32,
    until: Instant,
    script_waits_until: Instant,
    /// What is typed without a connection is meant for it: nothing else was asked since.
    typed_for: bool,
    /// The client asked for it, not its person: that is no act that a new key may be offered on.
    asked_by_itself: bool,
    /// How often it may still be tried by itself, where the loss was this side's, ...
    tries: u32,
    /// ... and not before this moment.
    next_try: Instant,
}

impl Reopenings {
    /// The one who was invited last is busy.
    pub(super) fn waits(&mut self) {
        self.waits_since = Some(Instant::now());
    }

    /// That with this peer is open again, or given up.
    pub(super) fn forget(&mut self, peer: &Username) {
        self.by_peer.remove(peer);
        self.queue.retain(|queued| queued != peer);
    }

    /// Whose conversation it is that the person was typing for.
    fn typed_for(&self) -> Option<(&Username, &Reopening)> {
        self.by_peer.iter().find(|(_, reopening)| reopening.typed_for)
    }
}

impl App<'_> {
    /// Remembers that the conversation with this peer ended by a loss; not one that its person has left.
    /// `typed_for`: typed lines went to it.
    pub(super) fn may_reopen(&mut self, peer: &Username, left: bool, typed_for: bool) {
        self.reopenings.forget(peer);
        let now = Instant::now();
        if let Some(talk) = self.talks.get(peer).filter(|_| !left) {
            let reopening = Reopening {
                epoch: talk.epoch(),
                until: now + REOPENED_WITHIN,
                script_waits_until: now + SCRIPT_WAITS,
                typed_for,
                asked_by_itself: false,
                tries: 0,
                next_try: now,
            };
            if typed_for {
                self.asks_something_else();
            }
            self.reopenings.by_peer.insert(peer.clone(), reopening);
        }
    }

    /// Whether an invitation of this peer that is out now is the client's own, to open again and no more.
    pub(super) fn asked_by_itself(&self, peer: &Username) -> bool {
        self.reopenings.by_peer.get(peer).is_some_and(|reopening| reopening.asked_by_itself)
    }

    /// The person named somebody: that is an act of theirs.
    pub(super) fn asked_by_person(&mut self, peer: &Username) {
        if let Some(reopening) = self.reopenings.by_peer.get_mut(peer) {
            reopening.asked_by_itself = false;
        }
    }

    /// A question is asked: what is typed answers it, and does not go to who may come back.
    pub(super) fn asks_something_else(&mut self) {
        for reopening in self.reopenings.by_peer.values_mut() {
            reopening.typed_for = false;
        }
    }

    /// Invites the next peer whose conversation is to be opened again, when nothing else is under way.
    pub(super) fn reopen_next(&mut self) -> Result<(), ClientError> {
        self.try_those_who_are_here();
        while matches!(self.place.engaged, Engaged::Free)
            && let Some(peer) = self.reopenings.queue.pop_front()
        {
            if let Some(reopening) = self.reopenings.by_peer.get_mut(&peer) {
                reopening.asked_by_itself = true;
                reopening.tries = reopening.tries.saturating_sub(1);
                reopening.next_try = Instant::now() + TRIED_EVERY;
                self.place.engaged = Engaged::Inviting(peer.clone());
                self.connection.send(&Request::Invite { peer, new_key: false })?;
            }
        }
        Ok(())
    }

    /// Those who are here by now, and with whom it has not come to a conversation yet.
    fn try_those_who_are_here(&mut self) {
        let due = self.next_tries().filter(|(_, at)| *at <= Instant::now());
        let peers: Vec<Username> = due.map(|(peer, _)| peer.clone()).collect();
        self.reopenings.queue.extend(peers);
    }

    /// The client's own invitation of this peer came to nothing, because somebody else's was first.
    pub(super) fn crossed(&mut self, peer: Username) {
        if self.asked_by_itself(&peer) && !self.reopenings.queue.contains(&peer) {
            self.reopenings.queue.push_back(peer);
        }
    }

    /// When to try again, as long as nothing is under way.
    pub(super) fn tries_again_at(&self) -> Option<Instant> {
        self.next_tries().map(|(_, at)| at).min()
    }

    fn next_tries(&self) -> impl Iterator<Item = (&Username, Instant)> {
        let free = matches!(self.place.engaged, Engaged::Free) && !self.input_ended;
        let left = self.reopenings.by_peer.iter().filter(move |(peer, reopening)| {
            free && reopening.tries > 0
                && self.contacts.presence(peer) == Presence::Connected
                && !self.reopenings.queue.contains(peer)
        });
        left.map(|(peer, reopening)| (peer, reopening.next_try))
    }

    /// Somebody asks for what a loss has closed: their program opens it again, and this one answers.
    pub(super) fn opens_again_when_asked(&mut self, peer: &Username) -> bool {
        let again = self.reopening_epoch(peer).is_some() && self.place.engaged.peer() != Some(peer);
        if again && !self.reopenings.queue.contains(peer) {
            self.reopenings.queue.push_back(peer.clone());
        }
        again
    }

    /// One of those who are to be met again asks while an invitation of the client's own waits for another.
    /// Of several who all wait for the next one at least one has a lower name than who waits for them, and
    /// gives way: so the circle opens.
    pub(super) fn give_way_to(&mut self, peer: &Username) -> Result<(), ClientError> {
        let Engaged::Waiting(waiting_for) = &self.place.engaged else { return Ok(()) };
        let waiting_for = waiting_for.clone();
        if !self.asked_by_itself(&waiting_for) || self.me >= *peer {
            return Ok(());
        }
        self.reopenings.queue.retain(|queued| queued != peer);
        self.reopenings.queue.push_front(peer.clone());
        self.reopenings.queue.push_back(waiting_for.clone());
        self.connection.send(&Request::Withdraw { peer: waiting_for })
    }

    /// Whether the client took its own invitation back, to meet others again first.
    pub(super) fn reopens_others_first(&self, peer: &Username) -> bool {
        self.asked_by_itself(peer) && !self.reopenings.queue.is_empty()
    }

    /// Until when an invitation of the client's own waits while others are to be met again.
    pub(super) fn waits_for_one_until(&self) -> Option<Instant> {
        let Engaged::Waiting(waiting_for) = &self.place.engaged else { return None };
        let others = self.asked_by_itself(waiting_for) && !self.reopenings.queue.is_empty();
        self.reopenings.waits_since.filter(|_| others).map(|since| since + ONE_WAITS)
    }

    /// The others come first when it has waited long enough; this one when its peer asks.
    pub(super) fn wait_for_others(&mut self, now: Instant) -> Result<(), ClientError> {
        if self.waits_for_one_until().is_some_and(|until| until <= now)
            && let Engaged::Waiting(peer) = &self.place.engaged
        {
            self.reopenings.waits_since = None;
            return self.connection.send(&Request::Withdraw { peer: peer.clone() });
        }
        Ok(())
    }

    /// The other side lost its connection. A person is told so, and is back in the lobby; a script's next
    /// line was written for the conversation, so a short outage is waited out before it is told.
    pub(super) fn on_peer_lost(&mut self, peer: &Username) {
        if self.talking_while_away().as_ref() == Some(peer) {
            self.desk.notice(&words::peer_is_away(peer));
            self.left_unsaid = Some(peer.clone());
        } else {
            self.desk.notice(&words::left_by(peer, true));
        }
    }

    /// The outage was not a short one, or something else is to be shown: the peer has left.
    pub(super) fn say_who_left(&mut self) {
        if let Some(peer) = self.left_unsaid.take() {
            self.desk.notice(&words::left_by(&peer, true));
        }
    }

    /// The epoch of the conversation with this peer that a loss closed, if that was a moment ago.
    pub(super) fn reopening_epoch(&self, peer: &Username) -> Option<u32> {
        let reopening = self.reopenings.by_peer.get(peer)?;
        (Instant::now() < reopening.until).then_some(reopening.epoch)
    }

    /// Whether it is this peer's conversation that is to be opened again.
    pub(super) fn is_reopening(&self, peer: &Username) -> bool {
        self.reopenings.by_peer.contains_key(peer)
    }

    /// Whether lines are meant for this peer, whose conversation is to be opened again.
    pub(super) fn is_typed_for(&self, peer: &Username) -> bool {
        self.reopenings.typed_for().is_some_and(|(of, _)| of == peer)
    }

    /// Until when a script's lines go to a peer who is away, rather than answer the lobby's question.
    pub(super) fn waits_to_reopen_until(&self) -> Option<Instant> {
        let peer = self.talking_while_away()?;
        let (_, reopening) = self.reopenings.typed_for()?;
        let waits = self.place.engaged.peer() != Some(&peer);
        waits.then_some(reopening.script_waits_until)
    }

    /// The peer for whom a script's next line is, although their conversation is not open now: a loss
    /// closed it, and it is coming back. A person sees what they are asked; a script's line was written
    /// for whoever it was talking to, and is neither a name nor the answer to a question about a key.
    pub(super) fn talking_while_away(&self) -> Option<Username> {
        let (peer, reopening) = self.reopenings.typed_for()?;
        let is_open = self.talks.get(peer).is_some_and(Conversation::is_open);
        if self.desk.is_interactive() || !is_open || self.place.focus().is_some() {
            return None;
        }
        let away = match &self.place.engaged {
            Engaged::Inviting(named) | Engaged::Waiting(named) if named == peer => true,
            Engaged::Meeting(run) if run.peer == *peer => {
                !run.is_asking() && (!run.has_accepted() || run.reopens_quietly())
            }
            Engaged::Meeting(run) if run.is_asking() => false,
            _ => Instant::now() < reopening.script_waits_until,
        };
        away.then(|| peer.clone())
    }

    /// A script's line for a peer who is away: stored for them. `exit` ends the waiting for them.
    pub(super) fn on_text_while_away(&mut self, peer: &Username, text: &str) -> Result<(), ClientError> {
        if !words::is_exit(text) {
            return self.send_text(peer, text);
        }
        self.reopenings.forget(peer);
        self.left_unsaid = None;
        self.desk.notice(words::YOU_LEFT);
        if self.place.engaged.peer() == Some(peer) {
            return self.connection.send(&Request::Withdraw { peer: peer.clone() });
        }
        Ok(())
    }

    /// Tries to get the connection back until it is there, or the time for it is over.
    pub(super) fn reconnect(&mut self, lost: ClientError) -> Result<Flow, ClientError> {
        self.connection.close();
        self.forget_what_was_under_way();
        let deadline = Instant::now() + self.retry_for;
        let deadline = self.ends_by.map_or(deadline, |ends_by| deadline.min(ends_by));
        let mut pause = FIRST_PAUSE;
        loop {
            if Instant::now() + pause > deadline {
                return Err(lost);
            }
            if matches!(self.wait_offline(pause)?, Flow::End) {
                // Gone by their own wish; what is not confirmed makes it a failure.
                return if self.all_settled() { Ok(Flow::End) } else { Err(lost) };
            }
            match self.log_in_again().and_then(|connection| self.go_on_with(connection)) {
                Ok(()) => return Ok(Flow::Continue),
                Err(error) if error.may_pass() => pause = (2 * pause).min(LONGEST_PAUSE),
                Err(error) => return Err(error),
            }
        }
    }

    /// Logged in again: sends what was not confirmed, shows what was missed where only this side has it
    /// open, and asks for the other conversations to be opened again; first for the one with the lines.
    fn go_on_with(&mut self, connection: Connection) -> Result<(), ClientError> {
        self.connection = connection;
        self.desk.notice(words::RECONNECTED);
        self.send_again()?;
        self.contacts.ask_again();
        self.scripts.begin_anew();
        let one_sided = self.place.open_with().filter(|peer| self.place.kind(peer) == Some(Kind::OneSided));
        for peer in one_sided.cloned().collect::<Vec<_>>() {
            self.catch_up(&peer)?;
        }
        self.reopenings.queue.clear();
        if self.input_ended {
            return Ok(());
        }
        for (peer, reopening) in &mut self.reopenings.by_peer {
            reopening.script_waits_until = Instant::now() + SCRIPT_WAITS;
            (reopening.tries, reopening.next_try) = (TRIES_MAX, Instant::now() + TRIED_EVERY);
            if reopening.typed_for {
                self.reopenings.queue.push_front(peer.clone());
            } else {
                self.reopenings.queue.push_back(peer.clone());
            }
        }
        self.reopen_next()
    }

    fn forget_what_was_under_way(&mut self) {
        (self.say_waiting_at, self.silent_since) = (None, None);
        self.rekey_asked = None;
        self.deferred.clear();
        self.desk.warn(words::CONNECTION_LOST);
        let focus = self.place.focus().cloned();
        let together = self.place.open_with().filter(|peer| self.place.is_together(peer));
        for peer in together.cloned().collect::<Vec<_>>() {
            let left = self.place.is_leaving(&peer);
            self.place.close(&peer);
            if left {
                self.desk.notice(words::YOU_LEFT);
            }
            self.may_reopen(&peer, left, focus.as_ref() == Some(&peer));
        }
        match std::mem::take(&mut self.place.engaged) {
            Engaged::Free => {}
            // The loss came again before the conversation was open again: it is tried again.
            Engaged::Inviting(peer) | Engaged::Waiting(peer) if self.is_reopening(&peer) => {}
            Engaged::Inviting(peer) | Engaged::Waiting(peer) => {
                self.desk.notice(&words::ended_with_the_connection(&peer));
            }
            Engaged::Meeting(run) => {
                if !self.is_reopening(&run.peer) && !run.new_key {
                    self.desk.notice(&words::ended_with_the_connection(&run.peer));
                }
                // A server that cuts the line instead of the run does not get its try uncounted.
                self.count_if(run.died_unanswered(), &run.peer);
            }
        }
    }

    /// Listens to the person while there is no connection.
    fn wait_offline(&mut self, pause: Duration) -> Result<Flow, ClientError> {
        let until = Instant::now() + pause;
        loop {
            // What was kept for the conversation comes before what is typed now.
            while self.talking_offline().is_some()
                && self.held.front().is_some_and(|line| matches!(Line::read(&line.text), Line::Text(_)))
                && let Some(line) = self.held.pop_front()
            {
                if matches!(self.on_line_offline(line)?, Flow::End) {
                    return Ok(Flow::End);
                }
            }
            let takes_lines = self.talking_offline().is_some() && self.held.is_empty();
            // Asked again after its end, an input would only say again that it has ended.
            self.tell_overview_offline();
            if !self.input_ended && (self.desk.is_interactive() || takes_lines) {
                let to = self.talking_offline();
                self.desk.listen(to.as_ref());
            }
            match self.typed_or_called(until) {
                // It was asked for before the loss, as the kept ones were: it comes after them.
                Some(Input::Line(text)) if !self.held.is_empty() && !self.desk.is_interactive() => {
                    self.held.push_back(TypedLine::meant(text));
                }
                Some(Input::Line(text)) => {
                    let line = TypedLine { text, begun: self.desk.take_begun() };
                    if matches!(self.on_line_offline(line)?, Flow::End) {
                        return Ok(Flow::End);
                    }
                }
                Some(Input::End) => {
                    self.input_ended = true;
                    // What was typed before the end is still to be sent: only then is there a reason to wait.
                    if self.all_settled() {
                        return Ok(Flow::End);
                    }
                }
                Some(Input::Failed(error)) => return Err(ClientError::Terminal(error)),
                None => return Ok(Flow::Continue),
            }
        }
    }

    fn on_line_offline(&mut self, line: TypedLine) -> Result<Flow, ClientError> {
        let talking = self.talking_offline();
        let begun = line.begun.as_ref().filter(|begun| **begun != Aim::to(talking.as_ref()));
        match (Line::read(&line.text), talking) {
            (Line::Quit, _) => return Ok(Flow::End),
            (Line::Help, _) if self.desk.is_interactive() => self.desk.show(words::HELP),
            (Line::Text(text), Some(peer)) if begun.is_some() => self.give_back(&peer, begun, &text),
            (Line::Text(text), Some(peer)) if words::is_exit(&text) => {
                self.reopenings.forget(&peer);
                self.place.close(&peer);
                self.desk.notice(words::YOU_LEFT);
            }
            (Line::Text(text), Some(peer)) => {
                self.seal_text(&peer, &text);
                self.desk.show(words::SENT_LATER);
            }
            (Line::Text(text), None) if words::is_exit(&text) => return Ok(Flow::End),
            (_, _) if self.desk.is_interactive() => self.desk.show(words::NOT_CONNECTED),
            (_, _) => self.held.push_back(line),
        }
        Ok(Flow::Continue)
    }

    /// Whose conversation goes on while there is no connection: one that its person saw open.
    pub(super) fn talking_offline(&self) -> Option<Username> {
        let peer = self.reopenings.typed_for().map(|(peer, _)| peer).or_else(|| self.place.focus())?;
        self.talks.get(peer)?.is_open().then(|| peer.clone())
    }

    fn log_in_again(&mut self) -> Result<Connection, ClientError> {
        let connection = self.door.fresh()?;
        if log_in_with(&connection, &self.me, &self.keys)? {
            self.settle_unchanged()?;
            return Ok(connection);
        }
        // The loss took the answer to a change of password: then the server has the new key.
        let Some(keys) = self.changing.take() else { return Err(ClientError::LoginRefused) };
        let changed = log_in_with(&connection, &self.me, &keys);
        if !matches!(changed, Ok(true)) {
            self.changing = Some(keys);
            return Err(changed.err().unwrap_or(ClientError::LoginRefused));
        }
        self.adopt(keys)?;
        Ok(connection)
    }

    /// What was not confirmed goes out again, the same bytes in the same order.
    fn send_again(&mut self) -> Result<(), ClientError> {
        for talk in self.retired.iter().chain(self.talks.values()) {
            for request in talk.unconfirmed_requests() {
                self.connection.send(&request)?;
            }
        }
        Ok(())
    }
}
