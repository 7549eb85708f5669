//! One connection, on a thread of its own: handshake, login, requests, and the way out.
//!
//! All frames that one read brought are carried out before anyone is written to, and then every
//! touched connection is written to once. Others are written to without waiting; only this
//! connection's own client is waited for, up to a deadline.

use std::{
    cmp::min,
    net::TcpStream,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tracing::{debug, error, info};

use super::{
    accounts::AccountError,
    doorkeeper::{Offence, Ticket},
    error::Chain,
    hall::Hall,
    limits::{
        ANSWERS_BYTES_MAX, PACE_SLICE, REFUSED_REGISTRATIONS_MAX, WRONG_LOGIN_DELAY_MAX,
        WRONG_LOGIN_DELAY_MIN, WRONG_LOGINS_MAX,
    },
    outgoing::{Outgoing, Outlet},
    rates::Pace,
    registry::{Caller, Effects, Entered, Gate},
    requests::{Desk, Flow},
};
use crate::{
    crypto::login,
    transport::{Acceptor, Link, TransportError},
    wire::{
        Bytes, ErrorCode, Event, FrameError, Frames, InvitationCode, PROTOCOL_VERSION, Registration, Request,
        Username,
        limits::{FRAME_BYTES_MAX, FRAME_BYTES_MAX_BEFORE_LOGIN},
    },
};

impl Outlet for Link {
    fn queue(&self, frame: &[u8]) {
        Self::queue(self, frame);
    }

    fn flush(&self) {
        Self::flush(self);
    }

    fn close(&self) {
        Self::close(self);
    }
}

/// Why a connection ended, for the log. None of it is the server's failure.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the client closed")]
    Closed,
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("too many failed attempts to log in or register")]
    TooManyAttempts,
    #[error("neither a login nor the rest of a request came in time")]
    TooSlow,
    #[error("a newer login, or the end of the server")]
    Superseded,
    #[error("a request before login that is none")]
    NotALogin,
}

/// Runs the handshake; the link is then known to whoever ends connections.
pub(super) fn shake_hands(
    acceptor: &Acceptor,
    stream: TcpStream,
    login_deadline: Instant,
) -> Result<Link, TransportError> {
    acceptor.accept(stream, login_deadline)
}

/// Serves a connection from its first frame to its end.
pub(super) fn serve(hall: &Arc<Hall>, link: &Link, number: u64, ticket: Ticket, login_deadline: Instant) {
    let mut frames = Frames::new(FRAME_BYTES_MAX_BEFORE_LOGIN);
    let outgoing = Outgoing::new(number, Arc::new(link.clone()));
    let mut visit = Visit { hall, link, outgoing, ticket };
    let end = match visit.log_in(&mut frames, login_deadline) {
        Ok(guest) => {
            info!(connection = number, name = %guest.caller.name, "logged in");
            let end = visit.requests(&mut frames, &guest);
            info!(connection = number, name = %guest.caller.name, reason = %Chain(&end), "left");
            drop(guest);
            end
        }
        Err(end) => {
            debug!(connection = number, reason = %Chain(&end), "ended before login");
            if let End::Frame(_) | End::NotALogin = end {
                visit.ticket.offends(Offence::NoRequest);
            }
            end
        }
    };
    let last_words = match end {
        End::Frame(_) | End::NotALogin => Some(ErrorCode::BadRequest),
        End::TooSlow => Some(ErrorCode::TooSlow),
        End::Closed | End::Transport(_) | End::TooManyAttempts | End::Superseded => None,
    };
    if let Some(code) = last_words {
        visit.outgoing.say(&Event::Error { code, peer: None });
        let _ = link.flush_by(Instant::now() + hall.config.write_timeout);
    }
    link.close();
}

struct Visit<'a> {
    hall: &'a Arc<Hall>,
    link: &'a Link,
    outgoing: Outgoing,
    ticket: Ticket,
}

/// A logged-in user's presence: it ends with this value, however the thread ends.
struct Guest {
    hall: Arc<Hall>,
    caller: Caller,
    gate: Arc<Gate>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut effects = Effects::default();
        self.hall.registry.disconnect(&self.caller, &mut effects);
        self.hall.finish(effects).flush();
    }
}

impl Visit<'_> {
    /// Until a login is right; all of it by the deadline.
    fn log_in(&mut self, frames: &mut Frames, deadline: Instant) -> Result<Guest, End> {
        let registration = self.hall.config.registration;
        self.outgoing.say(&Event::Hello { version: PROTOCOL_VERSION, registration });
        self.write(deadline)?;
        let mut attempts = Attempts::default();
        loop {
            while let Some(request) = frames.take::<Request>()? {
                let entered = match self.attempt(request)? {
                    Ok((name, key)) => self.enter(name, key, frames)?,
                    Err(code) => Err(code),
                };
                let refused = match entered {
                    Ok(guest) => return Ok(guest),
                    Err(code) => code,
                };
                if let Some(offence) = offence(refused) {
                    self.ticket.offends(offence);
                }
                let pause = attempts.failed(refused);
                thread::sleep(min(pause, deadline.saturating_duration_since(Instant::now())));
                let enough = attempts.are_enough();
                let code = if enough { ErrorCode::TooManyAttempts } else { refused };
                self.outgoing.say(&Event::Error { code, peer: None });
                self.write(deadline)?;
                if enough {
                    return Err(End::TooManyAttempts);
                }
            }
            if !self.read(frames, Some(deadline))? {
                return Err(End::Closed);
            }
        }
    }

    /// One try to register or to log in: who it is, and by which login key; or what the client hears.
    fn attempt(&self, request: Request) -> Result<Result<(Username, Bytes<32>), ErrorCode>, End> {
        let exporter = self.link.exporter();
        Ok(match request {
            Request::Register { username, login_key, signature, invitation } => {
                if login::verify_register(&login_key, &username, &exporter, &signature) {
                    self.register(&username, login_key, invitation).map(|()| (username, login_key))
                } else {
                    Err(ErrorCode::WrongUsernameOrPassword)
                }
            }
            Request::Login { username, signature } => {
                let key = self.hall.accounts.verify_login(&username, &exporter, &signature);
                key.map(|key| (username, key)).ok_or(ErrorCode::WrongUsernameOrPassword)
            }
            _ => return Err(End::NotALogin),
        })
    }

    /// Makes an account, if this server lets its person make one.
    fn register(
        &self,
        name: &Username,
        key: Bytes<32>,
        invitation: Option<InvitationCode>,
    ) -> Result<(), ErrorCode> {
        let registration = self.hall.config.registration;
        if registration == Registration::Closed {
            return Err(ErrorCode::RegistrationClosed);
        }
        if !self.ticket.may_register() {
            return Err(ErrorCode::TooManyRegistrations);
        }
        let made = match registration {
            // Whether a name is taken is told only to those who have a code.
            Registration::Invite => self.register_with(name, key, invitation),
            Registration::Open | Registration::Closed => self.make_account(name, key),
        };
        if made.is_err() {
            self.ticket.did_not_register();
        }
        made
    }

    fn register_with(
        &self,
        name: &Username,
        key: Bytes<32>,
        invitation: Option<InvitationCode>,
    ) -> Result<(), ErrorCode> {
        let code = invitation.ok_or(ErrorCode::BadInvitation)?;
        let claimed = self.hall.invites.claim(&code, name).map_err(|reason| {
            error!(reason = %Chain(&reason), "an invitation code could not be looked up");
            ErrorCode::Storage
        })?;
        let claim = claimed.ok_or(ErrorCode::BadInvitation)?;
        let made = self.make_account(name, key);
        match made {
            Ok(()) => claim.used(),
            Err(_) => claim.give_back(),
        }
        made
    }

    fn make_account(&self, name: &Username, key: Bytes<32>) -> Result<(), ErrorCode> {
        match self.hall.accounts.register(name, key) {
            Ok(()) => {
                info!(%name, "registered");
                Ok(())
            }
            Err(AccountError::Taken | AccountError::OtherKey) => Err(ErrorCode::NameTaken),
            Err(AccountError::Store(reason)) => {
                error!(reason = %Chain(&*reason), "an account could not be stored");
                Err(ErrorCode::Storage)
            }
        }
    }

    /// The account is this connection's from here on; or the connection it took over had just changed the
    /// login key, and the login is refused as any with a wrong key.
    fn enter(
        &mut self,
        name: Username,
        key: Bytes<32>,
        frames: &mut Frames,
    ) -> Result<Result<Guest, ErrorCode>, End> {
        let hall = Arc::clone(self.hall);
        let mut effects = Effects::default();
        let in_force = || hall.accounts.login_key(&name) == Some(key);
        let entered = hall.registry.enter(&name, &self.outgoing, in_force, &mut effects);
        hall.finish(effects).flush();
        let gate = match entered {
            Entered::In(gate) => gate,
            Entered::KeyChanged => return Ok(Err(ErrorCode::WrongUsernameOrPassword)),
            Entered::Stopping => return Err(End::Superseded),
        };
        frames.set_limit(FRAME_BYTES_MAX);
        self.ticket.logs_in();
        let caller = Caller { name, connection: self.outgoing.connection };
        let guest = Guest { hall, caller, gate };
        self.write(Instant::now() + self.hall.config.write_timeout)?;
        Ok(Ok(guest))
    }

    /// Requests, until the connection ends; why it did.
    fn requests(&self, frames: &mut Frames, guest: &Guest) -> End {
        let mut desk = Desk {
            hall: Arc::clone(self.hall),
            caller: guest.caller.clone(),
            outgoing: self.outgoing.clone(),
            gate: Arc::clone(&guest.gate),
            exporter: self.link.exporter(),
            answered: 0,
        };
        let limits = &self.hall.config.limits;
        let mut pace = Pace::new(limits.requests_per_second, limits.bytes_per_second, Instant::now());
        let mut received = self.link.received_bytes();
        // Since when there is a frame of which not all has come; TLS's own records count as such a part.
        let mut begun = (!frames.is_empty()).then(Instant::now);
        loop {
            let handled = match self.batch(frames, &mut desk) {
                Ok(handled) => handled,
                Err(end) => return end,
            };
            let now = Instant::now();
            if handled > 0 {
                begun = (!frames.is_empty()).then_some(now);
            }
            let bytes = self.link.received_bytes();
            let free = pace.count(handled, bytes - std::mem::replace(&mut received, bytes), now);
            let paused = free.map_or(Duration::ZERO, |free| self.pause(now, free));
            // What this side waited is not the client's slowness.
            begun = begun.map(|begun| begun + paused);
            match self.read(frames, begun.map(|begun| begun + limits.frame_timeout)) {
                Ok(true) => {}
                Ok(false) => return End::Closed,
                Err(end) => return end,
            }
            begun = begun.or_else(|| Some(Instant::now()));
        }
    }

    /// Waits for the client's rate to allow more, or for the connection's end. How long it waited.
    fn pause(&self, from: Instant, until: Instant) -> Duration {
        let mut now = from;
        while now < until && !self.link.is_closed() {
            thread::sleep(min(until - now, PACE_SLICE));
            now = Instant::now();
        }
        now - from
    }

    /// One read; false when the client closed.
    fn read(&self, frames: &mut Frames, deadline: Option<Instant>) -> Result<bool, End> {
        self.link.receive(frames, deadline).map_err(|error| match error {
            TransportError::TimedOut => End::TooSlow,
            other => other.into(),
        })
    }

    /// Everything that one read brought: how many requests.
    fn batch(&self, frames: &mut Frames, desk: &mut Desk) -> Result<u64, End> {
        let mut effects = Effects::default();
        let result = self.carry_out(frames, desk, &mut effects);
        // Also when the connection ends: others were told of what went well before.
        self.hall.finish(effects).flush();
        desk.answered = 0;
        let handled = result?;
        self.write(Instant::now() + self.hall.config.write_timeout)?;
        Ok(handled)
    }

    fn carry_out(&self, frames: &mut Frames, desk: &mut Desk, effects: &mut Effects) -> Result<u64, End> {
        let mut handled = 0;
        while let Some(request) = frames.take::<Request>()? {
            handled += 1;
            if desk.handle(request, effects) == Flow::End {
                return Err(End::Superseded);
            }
            if !effects.starts.is_empty() {
                // The next request may be about the run that begins: its members are told first.
                self.hall.finish(std::mem::take(effects)).flush();
            }
            if desk.answered > ANSWERS_BYTES_MAX {
                self.write(Instant::now() + self.hall.config.write_timeout)?;
                desk.answered = 0;
            }
        }
        Ok(handled)
    }

    /// Writes to this connection's own client, waiting for it.
    fn write(&self, deadline: Instant) -> Result<(), End> {
        Ok(self.link.flush_by(deadline)?)
    }
}

/// What was refused on one connection before a login.
#[derive(Debug, Default)]
struct Attempts {
    /// Wrong logins and wrong invitation codes.
    wrong: u32,
    /// Registrations refused for another reason.
    refused: u32,
}

impl Attempts {
    /// Counts a refusal; how long its answer waits.
    fn failed(&mut self, code: ErrorCode) -> Duration {
        if let ErrorCode::WrongUsernameOrPassword | ErrorCode::BadInvitation = code {
            self.wrong += 1;
            delay(self.wrong)
        } else {
            self.refused += 1;
            Duration::ZERO
        }
    }

    fn are_enough(&self) -> bool {
        self.wrong >= WRONG_LOGINS_MAX || self.refused >= REFUSED_REGISTRATIONS_MAX
    }
}

/// What a refusal is charged to its source as, if at all.
fn offence(code: ErrorCode) -> Option<Offence> {
    match code {
        ErrorCode::WrongUsernameOrPassword | ErrorCode::BadInvitation => Some(Offence::WrongLogin),
        ErrorCode::NameTaken => Some(Offence::TakenName),
        _ => None,
    }
}

/// How long the answer to the so-many-th wrong login waits: from 250 ms, doubling, to 4 s.
fn delay(failures: u32) -> Duration {
    let doubled = WRONG_LOGIN_DELAY_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(WRONG_LOGIN_DELAY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_logins_are_answered_ever_later_up_to_four_seconds() {
        let delays: Vec<u128> = (1..=7).map(|failures| delay(failures).as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 2000, 4000, 4000, 4000]);
    }
}
