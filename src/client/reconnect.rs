//! A lost connection: trying again, logging in without asking, sending again, opening again.
//!
//! The person is told, and may go on typing in an open conversation: what they type is sealed and sent
//! once the connection is back. What was sent and not confirmed is sent again as the same bytes, so
//! the server can tell a repeat from a second message. The conversation is opened again through a run
//! over the kept key, which both programs answer for their people when both say that they go on: both
//! accepted this very key for this very conversation a moment ago. A program that was started anew does
//! not say so, and then both people are asked as ever.

use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;

use super::{
    account::log_in_with,
    app::{App, Flow, Place},
    command::Line,
    connection::Connection,
    error::ClientError,
    terminal::Input,
    words,
};
use crate::wire::{Request, Username};

/// The pause before the first try.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long after a loss a conversation is opened again without asking its people.
const REOPENED_WITHIN: Duration = Duration::from_secs(10 * 60);

/// A conversation that ended by a lost connection, of either side.
pub(super) struct Reopening {
    peer: Username,
    epoch: u32,
    until: Instant,
    /// The client asked for it, not its person: that is no act that a new key may be offered on.
    asked_by_itself: bool,
}

impl App<'_> {
    /// Remembers that the conversation with this peer ended by a loss; not one that its person has left.
    pub(super) fn may_reopen(&mut self, peer: &Username) {
        let left = std::mem::take(&mut self.leaving);
        let open = self.talks.get(peer).filter(|talk| talk.is_open() && !left);
        self.reopening = open.map(|talk| Reopening {
            peer: peer.clone(),
            epoch: talk.epoch(),
            until: Instant::now() + REOPENED_WITHIN,
            asked_by_itself: false,
        });
    }

    /// Whether an invitation of this peer that is out now is the client's own, to open again and no more.
    pub(super) fn asked_by_itself(&self, peer: &Username) -> bool {
        self.reopening.as_ref().is_some_and(|reopening| reopening.peer == *peer && reopening.asked_by_itself)
    }

    /// The person named somebody: that is an act of theirs.
    pub(super) fn asked_by_person(&mut self) {
        if let Some(reopening) = &mut self.reopening {
            reopening.asked_by_itself = false;
        }
    }

    /// The epoch of the conversation with this peer that a loss closed, if that was a moment ago.
    pub(super) fn reopening_epoch(&self, peer: &Username) -> Option<u32> {
        let reopening = self.reopening.as_ref()?;
        (reopening.peer == *peer && Instant::now() < reopening.until).then_some(reopening.epoch)
    }

    /// Whether it is this peer's conversation that is to be opened again.
    pub(super) fn is_reopening(&self, peer: &Username) -> bool {
        self.reopening.as_ref().is_some_and(|reopening| reopening.peer == *peer)
    }

    /// Tries to get the connection back until it is there, or the time for it is over.
    pub(super) fn reconnect(&mut self, lost: ClientError) -> Result<Flow, ClientError> {
        self.connection.close();
        self.forget_what_was_under_way();
        let deadline = Instant::now() + self.retry_for;
        let mut pause = FIRST_PAUSE;
        loop {
            if Instant::now() + pause > deadline {
                return Err(lost);
            }
            if matches!(self.wait_offline(pause)?, Flow::End) {
                return Err(lost);
            }
            match self.log_in_again().and_then(|connection| self.go_on_with(connection)) {
                Ok(()) => return Ok(Flow::Continue),
                Err(error) if error.may_pass() => pause = (2 * pause).min(LONGEST_PAUSE),
                Err(error) => return Err(error),
            }
        }
    }

    /// Logged in again: sends what was not confirmed, and asks for the conversation to be opened again.
    fn go_on_with(&mut self, connection: Connection) -> Result<(), ClientError> {
        self.connection = connection;
        self.desk.notice(words::RECONNECTED);
        self.send_again()?;
        if let Some(reopening) = self.reopening.as_mut().filter(|_| !self.input_ended) {
            reopening.asked_by_itself = true;
            let peer = reopening.peer.clone();
            self.connection.send(&Request::Invite { peer: peer.clone(), new_key: false })?;
            self.place = Place::Inviting(peer);
        }
        Ok(())
    }

    fn forget_what_was_under_way(&mut self) {
        self.say_waiting_at = None;
        self.rekey_asked = false;
        self.deferred.clear();
        self.desk.warn(words::CONNECTION_LOST);
        match std::mem::replace(&mut self.place, Place::Lobby) {
            Place::Lobby => {}
            Place::Talking(peer, run) => {
                if self.leaving {
                    self.desk.notice(words::YOU_LEFT);
                }
                self.may_reopen(&peer);
                // A server that cuts the line instead of the run does not get its try uncounted.
                self.count_if(run.is_some_and(|run| run.died_unanswered()), &peer);
            }
            Place::Inviting(peer) | Place::Waiting(peer) => {
                self.desk.notice(&words::ended_with_the_connection(&peer));
            }
            Place::Meeting(run) => {
                self.desk.notice(&words::ended_with_the_connection(&run.peer));
                self.count_if(run.died_unanswered(), &run.peer);
            }
        }
    }

    /// Listens to the person while there is no connection.
    fn wait_offline(&mut self, pause: Duration) -> Result<Flow, ClientError> {
        let until = Instant::now() + pause;
        loop {
            if self.desk.is_interactive() || self.reopening.is_some() {
                self.desk.listen();
            }
            match self.desk.typed().recv_deadline(until) {
                Ok(Input::Line(line)) => {
                    if matches!(self.on_line_offline(line)?, Flow::End) {
                        return Ok(Flow::End);
                    }
                }
                Ok(Input::End) => {
                    self.input_ended = true;
                    // What was typed before the end is still to be sent: only then is there a reason to wait.
                    if self.all_settled() {
                        return Ok(Flow::End);
                    }
                }
                Ok(Input::Failed(error)) => return Err(ClientError::Terminal(error)),
                Err(RecvTimeoutError::Timeout) => return Ok(Flow::Continue),
                Err(RecvTimeoutError::Disconnected) => return Ok(Flow::End),
            }
        }
    }

    fn on_line_offline(&mut self, line: String) -> Result<Flow, ClientError> {
        let talking = self.reopening.as_ref().map(|reopening| reopening.peer.clone());
        match (Line::read(&line), talking) {
            (Line::Quit, _) => return Ok(Flow::End),
            (Line::Text(text), Some(_)) if text.trim() == "exit" => {
                self.reopening = None;
                self.desk.notice(words::YOU_LEFT);
            }
            (Line::Text(text), Some(peer)) => {
                self.seal_text(&peer, &text);
                self.desk.show(words::SENT_LATER);
            }
            (Line::Text(text), None) if text.trim() == "exit" => return Ok(Flow::End),
            (_, _) if self.desk.is_interactive() => self.desk.show(words::NOT_CONNECTED),
            (_, _) => self.held.push_back(line),
        }
        Ok(Flow::Continue)
    }

    fn log_in_again(&mut self) -> Result<Connection, ClientError> {
        let connection = self.door.fresh()?;
        if log_in_with(&connection, &self.me, &self.keys)? {
            Ok(connection)
        } else {
            Err(ClientError::LoginRefused)
        }
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
