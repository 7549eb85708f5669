//! The end: leaving whatever is open, and waiting for what was sent to be confirmed.

use std::time::Instant;

use super::{
    app::{App, Flow, LAST_ANSWERS_TIMEOUT, Place},
    conversation::Conversation,
    error::ClientError,
};
use crate::{transport::TransportError, wire::Request};

impl App<'_> {
    /// Leaves whatever is open, waits for what was sent to be confirmed, and ends the connection.
    pub(super) fn log_out(&mut self) -> Result<Flow, ClientError> {
        match &self.place {
            Place::Lobby => {}
            Place::Inviting(peer) | Place::Waiting(peer) => {
                self.connection.send(&Request::Withdraw { peer: peer.clone() })?;
            }
            Place::Meeting(run) if run.has_accepted() || self.input_ended => {
                self.connection.send(&Request::Withdraw { peer: run.peer.clone() })?;
            }
            Place::Meeting(run) => {
                self.connection.send(&Request::Refuse { peer: run.peer.clone(), run: run.run })?;
            }
            Place::Talking(peer, _) => {
                let peer = peer.clone();
                self.connection.send(&Request::Leave { peer })?;
            }
        }
        self.say_who_left();
        let deadline = self.ends_by.unwrap_or_else(|| Instant::now() + LAST_ANSWERS_TIMEOUT);
        while self.is_unfinished() {
            let event = match self.deferred.pop_front() {
                Some(event) => event,
                None => match self.connection.incoming().recv_deadline(deadline) {
                    Ok(incoming) => incoming?,
                    Err(_) => break,
                },
            };
            self.on_server(event)?;
        }
        self.connection.close();
        if self.all_settled() {
            Ok(Flow::End)
        } else {
            Err(ClientError::Lost(Some(TransportError::TimedOut)))
        }
    }

    /// Whether the end of a conversation, or a confirmation, is still to come.
    fn is_unfinished(&self) -> bool {
        matches!(self.place, Place::Talking(..)) || !self.all_settled()
    }

    /// Whether everything sent is confirmed or refused.
    pub(super) fn all_settled(&self) -> bool {
        self.retired.iter().chain(self.talks.values()).all(Conversation::is_settled)
    }
}
