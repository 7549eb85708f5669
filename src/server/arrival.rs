//! Who has arrived, on a thread of the reception, which never waits: a right login is answered here, and
//! whatever may take its time goes to a thread of its own.

use std::{sync::Arc, thread, time::Instant};

use tracing::{debug, warn};

use super::{
    connection::{End, Visit},
    doorkeeper::{Offence, Ticket},
    error::Chain,
    hall::Hall,
    limits::STACK_BYTES,
    listener::Entrance,
    outgoing::{self, Outgoing},
};
use crate::{
    transport::{Arrival, Link, TransportError},
    wire::{ErrorCode, Event, Frames, PROTOCOL_VERSION},
};

/// Somebody who was let in and has said nothing yet.
pub(super) struct Stranger {
    pub(super) hall: Arc<Hall>,
    pub(super) entrance: Entrance,
    pub(super) ticket: Ticket,
    pub(super) deadline: Instant,
}

/// The first frame of every connection.
pub(super) fn greeting(hall: &Hall) -> Arc<[u8]> {
    let registration = hall.config.registration;
    outgoing::frame(&Event::Hello { version: PROTOCOL_VERSION, registration }).unwrap_or_default().into()
}

impl Stranger {
    /// What becomes of them.
    pub(super) fn arrives(self, arrival: Arrival) {
        match arrival {
            Arrival::Here(link, frames) => self.speaks(link, frames),
            Arrival::Silent(link) => {
                debug!(connection = self.entrance.number, reason = %End::TooSlow, "ended before login");
                if let Some(frame) = outgoing::frame(&Event::Error { code: ErrorCode::TooSlow, peer: None }) {
                    link.queue(&frame);
                }
                // What is queued goes out with the farewell.
                link.close();
            }
            Arrival::Failed(reason) => {
                debug!(connection = self.entrance.number, reason = %Chain(&reason), "no secure channel");
                if let TransportError::TimedOut = reason {
                    self.ticket.offends(Offence::NoHandshake);
                }
            }
        }
    }

    fn speaks(self, link: Link, frames: Frames) {
        let Self { hall, entrance, ticket, deadline } = self;
        if !entrance.known_as(&link) {
            return;
        }
        let number = entrance.number;
        let outgoing = Outgoing::new(number, Arc::new(link.clone()));
        let mut visit = Visit { hall, link, outgoing, frames, ticket, entrance };
        match visit.first() {
            Ok(first) => {
                // Without a thread everything of this connection is dropped with the closure, and so ended.
                let thread = thread::Builder::new().name(format!("connection {number}"));
                let started = thread.stack_size(STACK_BYTES).spawn(move || visit.serve(first, deadline));
                if let Err(error) = started {
                    warn!(%error, "no thread for a connection, which is closed");
                }
            }
            Err(end) => visit.dismiss(end),
        }
    }
}
