//! The end: leaving whatever is open, and waiting for what was sent to be confirmed.

use std::time::Instant;

use super::{
    app::{App, Flow, LAST_ANSWERS_TIMEOUT},
    conversation::Conversation,
    error::ClientError,
    place::Engaged,
};
use crate::{transport::TransportError, wire::Request};

impl App<'_> {
    /// Leaves whatever is open, waits for what was sent to be confirmed, and ends the connection.
    pub(super) fn log_out(&mut self) -> Result<Flow, ClientError> {
        self.send_all_receipts()?;
        match &self.place.engaged {
            Engaged::Free => {}
            Engaged::Inviting(peer) | Engaged::Waiting(peer) => {
                self.connection.send(&Request::Withdraw { peer: peer.clone() })?;
            }
            // Left with its conversation.
            Engaged::Meeting(run) if run.new_key && self.place.is_together(&run.peer) => {}
            Engaged::Meeting(run) if run.has_accepted() || self.input_ended => {
                self.connection.send(&Request::Withdraw { peer: run.peer.clone() })?;
            }
            Engaged::Meeting(run) => {
                self.connection.send(&Request::Refuse { peer: run.peer.clone(), run: run.run })?;
            }
        }
        for peer in self.place.open_with().filter(|peer| self.place.is_together(peer)) {
            self.connection.send(&Request::Leave { peer: peer.clone() })?;
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
        self.place.any_together() || !self.all_settled()
    }

    /// Whether everything sent is confirmed or refused.
    pub(super) fn all_settled(&self) -> bool {
        self.retired.iter().chain(self.talks.values()).all(Conversation::is_settled)
    }
}
