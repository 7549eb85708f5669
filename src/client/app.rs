//! The loop: one person, one connection, one closed enum of events, taken in order.
//!
//! This file holds the states and what moves between them. What typed lines mean is in `typed`, what
//! the agreement brings in `run`, what a conversation brings in `talk`.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use crossbeam_channel::{RecvTimeoutError, never, select};

use super::{
    ClientConfig,
    account::LoggedIn,
    connection::Connection,
    contacts::Contacts,
    conversation::Conversation,
    desk::Desk,
    door::Door,
    error::ClientError,
    event::Event,
    home::ServerFolder,
    meeting::Meeting,
    overview::Overview,
    pins::{PeerPins, Pins},
    place::{Engaged, Place},
    receipts::Receipts,
    reconnect::Reopenings,
    scripts::{Call, Scripts},
    terminal::Input,
    typed::TypedLine,
    words,
};
use crate::{
    crypto::{
        conversation_key::ConversationKey,
        key_file::{KdfCost, Unlocked},
    },
    transport::TransportError,
    wire::{self, Bytes, ErrorCode, Request, Username},
};

/// Pins that changed are written at the latest after this long.
const PINS_UNSAVED_FOR: Duration = Duration::from_secs(1);

/// At the end, how long to wait for what was sent to be confirmed.
pub(super) const LAST_ANSWERS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request that only the server answers may take.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a server that owes an answer (a message's confirmation, above all) may say nothing at all
/// before the connection counts as lost: a line can die without a word.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Whether to go on.
pub(super) enum Flow {
    Continue,
    End,
}

/// The client, logged in.
pub(super) struct App<'a> {
    pub(super) desk: &'a mut Desk,
    pub(super) folder: &'a ServerFolder,
    pub(super) door: Door<'a>,
    pub(super) key_file_cost: KdfCost,
    pub(super) retry_for: Duration,
    pub(super) me: Username,
    pub(super) keys: Unlocked,
    pub(super) connection: Connection,
    pub(super) pins: Pins,
    pub(super) place: Place,
    /// The open conversation, and closed ones whose last messages are not confirmed yet.
    pub(super) talks: BTreeMap<Username, Conversation>,
    /// Conversations replaced by newer ones of the same pair before their last messages were confirmed.
    pub(super) retired: Vec<Conversation>,
    /// The conversations that a lost connection has closed.
    pub(super) reopenings: Reopenings,
    /// Those with whom there is a key, as the server says.
    pub(super) contacts: Contacts,
    /// What is to be said of the peers' messages that are here, and what they say.
    pub(super) receipts: Receipts,
    /// Whoever is being invited gets what is typed although they are not here.
    pub(super) would_write: bool,
    /// What can be typed where a name was asked for was shown: once is enough.
    pub(super) said_what_there_is: bool,
    /// The keys of a new password, from when the server is told until its answer is known.
    pub(super) changing: Option<Unlocked>,
    /// Since when the server owes an answer and says nothing.
    pub(super) silent_since: Option<Instant>,
    /// What the server said while an answer was being waited for.
    pub(super) deferred: VecDeque<wire::Event>,
    /// Lines that came when nothing was asked: they answer what is asked next.
    pub(super) held: VecDeque<TypedLine>,
    pub(super) input_ended: bool,
    pins_changed_at: Option<Instant>,
    /// When to say that the other has not answered yet.
    pub(super) say_waiting_at: Option<Instant>,
    /// Who lost the connection, when that is not said yet.
    pub(super) left_unsaid: Option<Username>,
    /// The person wants to end: how long is left for what is owed to them.
    pub(super) ends_by: Option<Instant>,
    /// With whom this person asked for a new key.
    pub(super) rekey_asked: Option<Username>,
    pub(super) epoch_floors: BTreeMap<Username, u32>,
    /// Keys that no open conversation has, last looked at.
    pub(super) spare_keys: BTreeMap<Username, ConversationKey>,
    pub(super) kept_key_declined: BTreeSet<Username>,
    /// What programs ask for.
    pub(super) scripts: Scripts,
    /// What the terminal was last told.
    pub(super) overview_told: Option<Overview>,
    /// The identities whose safety numbers were on the screen: what a person may say they compared.
    pub(super) numbers_shown: BTreeMap<Username, Bytes<32>>,
}

impl<'a> App<'a> {
    /// Takes over from the account stage.
    pub(super) fn new(
        config: &ClientConfig,
        desk: &'a mut Desk,
        folder: &'a ServerFolder,
        door: Door<'a>,
        logged_in: LoggedIn,
    ) -> Result<Self, ClientError> {
        let LoggedIn { name: me, keys, connection } = logged_in;
        let pins = folder.pins(&me, &keys.vault)?.unwrap_or_default();
        desk.converse();
        let scripts = Scripts::new(desk.reads_everything());
        Ok(Self {
            desk,
            folder,
            door,
            key_file_cost: config.key_file_cost,
            retry_for: config.retry_for,
            me,
            keys,
            connection,
            pins,
            place: Place::default(),
            talks: BTreeMap::new(),
            retired: Vec::new(),
            reopenings: Reopenings::default(),
            contacts: Contacts::default(),
            receipts: Receipts::default(),
            would_write: false,
            said_what_there_is: false,
            changing: None,
            silent_since: None,
            deferred: VecDeque::new(),
            held: VecDeque::new(),
            input_ended: false,
            pins_changed_at: None,
            say_waiting_at: None,
            left_unsaid: None,
            ends_by: None,
            rekey_asked: None,
            epoch_floors: BTreeMap::new(),
            spare_keys: BTreeMap::new(),
            kept_key_declined: BTreeSet::new(),
            scripts,
            overview_told: None,
            numbers_shown: BTreeMap::new(),
        })
    }

    /// Runs until the person leaves or the connection ends.
    pub(super) fn run(mut self) -> Result<(), ClientError> {
        self.take_early_calls();
        let mut leaving = false;
        let ended = loop {
            let turned = if leaving { self.log_out() } else { self.turn() };
            let turned = match turned {
                // Nothing is owed to anybody any more: the connection would have been closed now.
                Err(ClientError::Lost(_) | ClientError::Stopping) if leaving && self.all_settled() => {
                    break Ok(());
                }
                // Who types exit is told what is not confirmed; a script whose input ended cannot type it again.
                Err(error) if leaving && !self.input_ended => break Err(error),
                Err(error @ (ClientError::Lost(_) | ClientError::Stopping)) => self.reconnect(error),
                turned => turned,
            };
            match turned {
                Ok(Flow::End) if leaving => break Ok(()),
                Ok(Flow::End) => leaving = true,
                Ok(Flow::Continue) => leaving |= self.input_ended,
                Err(error) => break Err(error),
            }
            if leaving {
                self.ends_by.get_or_insert_with(|| Instant::now() + LAST_ANSWERS_TIMEOUT);
            }
        };
        // A run that is going on now is seen to its end by nobody.
        self.count_the_run_left_behind();
        // A client that was taken over leaves the memory to the newer one.
        if !matches!(ended, Err(ClientError::TakenOver)) {
            self.save_pins()?;
        }
        for text in self.retired.iter().chain(self.talks.values()).flat_map(Conversation::unconfirmed) {
            self.desk.warn(&words::fate_unknown(&text));
        }
        self.scripts.end();
        ended
    }

    fn turn(&mut self) -> Result<Flow, ClientError> {
        self.look_around()?;
        self.reopen_next()?;
        self.tell_overview();
        if let Some(line) = self.want_input() {
            return self.on_line(line);
        }
        let event = self.next();
        self.on_event(event)
    }

    pub(super) fn on_event(&mut self, event: Event) -> Result<Flow, ClientError> {
        match event {
            Event::Person(Input::Line(text)) => {
                let line = TypedLine { text, begun: self.desk.take_begun() };
                if self.holds_lines() {
                    self.held.push_back(line);
                    return Ok(Flow::Continue);
                }
                self.on_line(line)
            }
            Event::Person(Input::End) => {
                self.input_ended = true;
                Ok(Flow::End)
            }
            Event::Person(Input::Failed(error)) => Err(ClientError::Terminal(error)),
            Event::Server(incoming) => {
                self.on_server(incoming?)?;
                Ok(Flow::Continue)
            }
            Event::Program(call) => self.on_call(call),
            Event::Tick => self.on_tick(Instant::now()),
        }
    }

    fn next(&mut self) -> Event {
        if let Some(event) = self.deferred.pop_front() {
            return Event::Server(Ok(event));
        }
        if let Some(call) = self.scripts.waiting.pop_front() {
            return Event::Program(call);
        }
        // A line that is there already answers what was asked when it was typed: it comes before what the
        // server says now, which may change the question.
        if let Ok(input) = self.desk.typed().try_recv() {
            return Event::Person(self.desk.taken(Ok(input)));
        }
        if let Ok(call) = self.desk.called().try_recv() {
            return Event::Program(call);
        }
        let silent_since = self.is_owed_an_answer().then(|| self.silent_since.unwrap_or_else(Instant::now));
        self.silent_since = silent_since;
        let tick = [
            self.say_waiting_at,
            self.pins_changed_at.map(|at| at + PINS_UNSAVED_FOR),
            silent_since.map(|since| since + SILENCE_MAX),
            self.waits_to_reopen_until(),
            self.waits_for_one_until(),
            self.tries_again_at(),
            self.receipts.due(),
            self.place.run().and_then(Meeting::due),
        ];
        let tick = match tick.into_iter().flatten().min() {
            Some(at) => crossbeam_channel::at(at),
            None => never(),
        };
        select! {
            recv(self.connection.incoming()) -> incoming => {
                self.silent_since = None;
                Event::Server(incoming.unwrap_or(Err(ClientError::Lost(None))))
            }
            recv(self.desk.typed()) -> input => Event::Person(self.desk.taken(input)),
            recv(self.desk.called()) -> call => Event::Program(call.unwrap_or(Call::End)),
            recv(tick) -> _ => Event::Tick,
        }
    }

    /// What is due by `now`.
    pub(super) fn on_tick(&mut self, now: Instant) -> Result<Flow, ClientError> {
        if self.talking_while_away().is_none() {
            self.say_who_left();
        }
        if self.silent_since.is_some_and(|since| since + SILENCE_MAX <= now) {
            return Err(ClientError::Lost(Some(TransportError::TimedOut)));
        }
        if self.say_waiting_at.is_some_and(|at| at <= now) {
            self.say_waiting_at = None;
            if let Some(run) = self.place.run() {
                self.desk.show(&words::waiting_for_answer(&run.peer));
            }
        }
        if self.place.run().and_then(Meeting::due).is_some_and(|due| due <= now) {
            self.give_up_run()?;
        }
        self.wait_for_others(now)?;
        self.send_receipts(now)?;
        if self.pins_changed_at.is_some_and(|at| at + PINS_UNSAVED_FOR <= now) {
            self.save_pins()?;
        }
        Ok(Flow::Continue)
    }

    /// Whether the server is to say something by itself, with no person's doing in between.
    fn is_owed_an_answer(&self) -> bool {
        self.place.is_leaving_any()
            || matches!(self.place.engaged, Engaged::Inviting(_))
            || !self.all_settled()
    }

    // What the server says.

    pub(super) fn on_server(&mut self, event: wire::Event) -> Result<(), ClientError> {
        match event {
            wire::Event::Invited { peer } => self.on_invited(&peer)?,
            // Only the answer to an invitation: at any other time it would hide a run, or pass for an act
            // of this person.
            wire::Event::Waiting { peer } => {
                if matches!(&self.place.engaged, Engaged::Inviting(named) if *named == peer) {
                    self.on_waiting(peer);
                }
            }
            wire::Event::InvitationEnded { peer } => self.on_invitation_ended(&peer),
            wire::Event::Started { peer, run, role, new_key, kept } => {
                let start = super::meeting::Start { peer, run, role, new_key, kept };
                self.on_started(start)?;
            }
            wire::Event::Agree { peer, run, step } => self.on_step(&peer, run, step)?,
            wire::Event::Outcome { peer, run, outcome } => self.on_outcome(&peer, run, outcome)?,
            wire::Event::Message { peer, entry } => self.on_message(&peer, &entry)?,
            wire::Event::Stored { peer, stream, counter, number, hash } => {
                self.on_stored(&peer, (stream, counter), number, hash)?;
            }
            wire::Event::NotStored { peer, stream, counter, code } => {
                self.on_not_stored(&peer, (stream, counter), code)?;
            }
            wire::Event::Closed { peer, by, lost } => self.on_closed(&peer, &by, lost),
            wire::Event::Presence { peer, connected } => self.contacts.came_or_went(&peer, connected),
            wire::Event::Receipt { peer, number, proof } => self.on_receipt(&peer, number, proof)?,
            wire::Event::Who { connected, total } => self.on_who(&connected, total),
            wire::Event::Error { code, peer } => self.on_error(code, peer)?,
            wire::Event::TakenOver {} => return Err(ClientError::TakenOver),
            wire::Event::Stopping {} => return Err(ClientError::Stopping),
            // Answers that nobody waits for any more.
            wire::Event::Entries { .. } | wire::Event::Key { .. } | wire::Event::Contacts { .. } => {}
            wire::Event::Hello { .. } | wire::Event::LoggedIn {} | wire::Event::PasswordChanged {} => {
                return Err(ClientError::Protocol("it answered what was not asked"));
            }
        }
        Ok(())
    }

    fn on_invited(&mut self, peer: &Username) -> Result<(), ClientError> {
        let they_wait = self.place.any_together() || !matches!(self.place.engaged, Engaged::Free);
        if they_wait && self.opens_again_when_asked(peer) {
            // Their program and this one go on where they were.
            return self.give_way_to(peer);
        }
        let text = match &self.place.engaged {
            Engaged::Free | Engaged::Inviting(_) if self.place.any_together() => {
                words::invited_elsewhere(peer)
            }
            Engaged::Free | Engaged::Inviting(_) => words::invited(peer),
            Engaged::Waiting(_) | Engaged::Meeting(_) => words::invited_while_busy(peer),
        };
        self.contacts.invites(peer);
        self.desk.arrived(peer);
        self.desk.notice(&text);
        Ok(())
    }

    fn on_waiting(&mut self, peer: Username) {
        let text = match self.place.focus() {
            Some(_) => words::peer_is_busy_meanwhile(&peer),
            None => words::peer_is_busy(&peer),
        };
        self.desk.show(&text);
        self.place.engaged = Engaged::Waiting(peer);
        self.reopenings.waits();
    }

    fn on_invitation_ended(&mut self, peer: &Username) {
        self.contacts.invites_no_more(peer);
        match &self.place.engaged {
            // The answer to taking back one's own invitation.
            Engaged::Waiting(whom) if whom == peer => {
                if !self.reopens_others_first(peer) {
                    self.desk.show(&words::invitation_taken_back(peer));
                }
                self.place.engaged = Engaged::Free;
            }
            // Of what the two programs settle between them nothing is said.
            _ if self.is_reopening(peer) => {}
            _ => self.desk.notice(&words::invitation_ended(peer)),
        }
    }

    fn on_error(&mut self, code: ErrorCode, peer: Option<Username>) -> Result<(), ClientError> {
        if matches!(code, ErrorCode::BadRequest) {
            return Err(ClientError::Protocol("it did not understand a request"));
        }
        // An invitation that crossed with one from somebody else finds this client busy: that is seen already.
        let concerns_invitation = match &self.place.engaged {
            Engaged::Inviting(named) | Engaged::Waiting(named) => peer.as_ref() == Some(named),
            _ => false,
        };
        if concerns_invitation {
            self.place.engaged = Engaged::Free;
            if let Some(peer) = peer.as_ref().filter(|peer| self.is_reopening(peer)) {
                self.desk.notice(&words::reopens_later(peer));
                return Ok(());
            }
            if let Some(peer) = peer.as_ref().filter(|_| code == ErrorCode::NotConnected) {
                return self.on_absent(peer);
            }
        } else if code == ErrorCode::NotOpen {
            // It ended on its own before the request arrived, and that was or will be said.
            return Ok(());
        }
        self.desk.show(&words::refusal(code, peer.as_ref()));
        if code == ErrorCode::UnknownUser && self.place.focus().is_none() {
            self.say_what_there_is();
        }
        Ok(())
    }

    // What the other parts share.

    /// Sends a request and waits for the event that answers it; what comes in between is kept in order.
    pub(super) fn ask_server(
        &mut self,
        request: &Request,
        is_answer: impl Fn(&wire::Event) -> bool,
    ) -> Result<wire::Event, ClientError> {
        self.connection.send(request)?;
        self.wait_for(Instant::now() + ANSWER_TIMEOUT, is_answer)
    }

    /// The next answer to what was asked before; it may have come while another was waited for.
    pub(super) fn next_answer(
        &mut self,
        is_answer: impl Fn(&wire::Event) -> bool,
    ) -> Result<wire::Event, ClientError> {
        if let Some(at) = self.deferred.iter().position(&is_answer)
            && let Some(event) = self.deferred.remove(at)
        {
            return Ok(event);
        }
        self.wait_for(Instant::now() + ANSWER_TIMEOUT, is_answer)
    }

    fn wait_for(
        &mut self,
        deadline: Instant,
        is_wanted: impl Fn(&wire::Event) -> bool,
    ) -> Result<wire::Event, ClientError> {
        loop {
            match self.next_incoming(deadline)? {
                wire::Event::TakenOver {} => return Err(ClientError::TakenOver),
                event if is_wanted(&event) => return Ok(event),
                event => self.deferred.push_back(event),
            }
        }
    }

    /// What the server says next, in its order.
    pub(super) fn next_said(&mut self, deadline: Instant) -> Result<wire::Event, ClientError> {
        match self.deferred.pop_front() {
            Some(event) => Ok(event),
            None => self.next_incoming(deadline),
        }
    }

    fn next_incoming(&mut self, deadline: Instant) -> Result<wire::Event, ClientError> {
        match self.connection.incoming().recv_deadline(deadline) {
            Ok(incoming) => incoming,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(ClientError::Lost(None)),
        }
    }

    /// Changes what is remembered of a peer; written within a second.
    pub(super) fn remember(&mut self, peer: &Username, change: impl FnOnce(&mut PeerPins)) {
        change(self.pins.peer_mut(peer));
        self.pins_changed_at.get_or_insert_with(Instant::now);
    }

    /// Writes what is remembered, now and durably.
    pub(super) fn save_pins(&mut self) -> Result<(), ClientError> {
        self.folder.save_pins(&self.me, &self.keys.vault, &self.pins)?;
        self.pins_changed_at = None;
        Ok(())
    }
}
