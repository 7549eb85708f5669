//! One connection, from its first frame on: login, requests, and the way out.
//!
//! All frames that one read brought are carried out before anyone is written to, and then every
//! touched connection is written to once. Others are written to without waiting; only this
//! connection's own client is waited for, up to a deadline.

use std::{
    cmp::min,
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
    listener::Entrance,
    outgoing::{Outgoing, Outlet},
    parcel::Parcel,
    rates::Pace,
    registry::{Caller, Effects, Entered, Gate},
    requests::{Desk, Flow},
};
use crate::{
    crypto::login,
    transport::{Link, TransportError},
    wire::{
        Bytes, ErrorCode, Event, FrameError, Frames, InvitationCode, Registration, Request, SendBuffer,
        Username, limits::FRAME_BYTES_MAX,
    },
};

impl Outlet for Link {
    fn queue(&self, write: &mut dyn FnMut(&mut Vec<u8>)) {
        self.queue_written(write);
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
pub(super) enum End {
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

/// A connection that has said something, with all that is its own. It is off the list when this is dropped.
pub(super) struct Visit {
    pub(super) hall: Arc<Hall>,
    pub(super) link: Link,
    pub(super) outgoing: Outgoing,
    pub(super) frames: Frames,
    pub(super) ticket: Ticket,
    pub(super) entrance: Entrance,
}

/// A logged-in user's presence: it ends with this value, however the thread ends.
pub(super) struct Guest {
    hall: Arc<Hall>,
    caller: Caller,
    gate: Arc<Gate>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut effects = Effects::default();
        let left = self.hall.registry.disconnect(&self.caller, &mut effects);
        self.hall.finish(effects).flush();
        if left {
            self.hall.tell_presence(&self.caller.name);
        }
    }
}

/// What the first frame of a connection came to.
pub(super) enum First {
    /// A right login: the connection is the account's.
    LoggedIn(Guest),
    /// A right login, by that key, to an account that is connected: what the older connection is storing is
    /// waited for.
    TakesOver(Username, Bytes<32>),
    /// A wrong login, whose answer waits.
    Refused(ErrorCode),
    /// Anything else: an account to be made takes the disk's time.
    Asked(Request),
}

impl Visit {
    /// The first frame, as far as it needs no waiting.
    pub(super) fn first(&mut self) -> Result<First, End> {
        let Some(request) = self.frames.take::<Request>()? else { return Err(End::Closed) };
        if !matches!(request, Request::Login { .. }) {
            return Ok(First::Asked(request));
        }
        Ok(match self.attempt(request)? {
            Ok((name, key)) if self.hall.registry.is_connected(&name) => First::TakesOver(name, key),
            Ok((name, key)) => self.enter(name, key)?.map_or_else(First::Refused, First::LoggedIn),
            Err(code) => First::Refused(code),
        })
    }

    /// Serves a connection from its first frame to its end, on its own thread.
    pub(super) fn serve(mut self, first: First, login_deadline: Instant) {
        let end = match self.log_in(first, login_deadline) {
            Ok(guest) => {
                let end = self.requests(&guest);
                info!(connection = self.entrance.number, name = %guest.caller.name, reason = %Chain(&end), "left");
                end
            }
            Err(end) => self.turned_down(end),
        };
        if let Some(code) = last_words(&end) {
            self.outgoing.say(&Event::Error { code, peer: None });
            let _ = self.link.flush_by(Instant::now() + self.hall.config.write_timeout);
        }
        self.link.close();
    }

    /// Ends one that did not log in, waiting for nothing.
    pub(super) fn dismiss(self, end: End) {
        let end = self.turned_down(end);
        if let Some(code) = last_words(&end) {
            self.outgoing.say(&Event::Error { code, peer: None });
        }
        // What is queued goes out with the farewell.
        self.link.close();
    }

    fn turned_down(&self, end: End) -> End {
        debug!(connection = self.entrance.number, reason = %Chain(&end), "ended before login");
        if let End::Frame(_) | End::NotALogin = end {
            self.ticket.offends(Offence::NoRequest);
        }
        end
    }

    /// Until a login is right; all of it by the deadline.
    fn log_in(&mut self, first: First, deadline: Instant) -> Result<Guest, End> {
        let mut attempts = Attempts::default();
        let mut outcome = match first {
            First::LoggedIn(guest) => return Ok(guest),
            First::TakesOver(name, key) => Ok((name, key)),
            First::Refused(code) => Err(code),
            First::Asked(request) => self.attempt(request)?,
        };
        loop {
            let entered = match outcome {
                Ok((name, key)) => self.enter(name, key)?,
                Err(code) => Err(code),
            };
            match entered {
                Ok(guest) => return Ok(guest),
                Err(code) => self.refuse(code, &mut attempts, deadline)?,
            }
            let request = loop {
                if let Some(request) = self.frames.take::<Request>()? {
                    break request;
                }
                if !self.read(Some(deadline))? {
                    return Err(End::Closed);
                }
            };
            outcome = self.attempt(request)?;
        }
    }

    /// Answers a login or registration that was not right.
    fn refuse(&self, refused: ErrorCode, attempts: &mut Attempts, deadline: Instant) -> Result<(), End> {
        if let Some(offence) = offence(refused) {
            self.ticket.offends(offence);
        }
        let pause = attempts.failed(refused);
        thread::sleep(min(pause, deadline.saturating_duration_since(Instant::now())));
        let enough = attempts.are_enough();
        let code = if enough { ErrorCode::TooManyAttempts } else { refused };
        self.outgoing.say(&Event::Error { code, peer: None });
        self.write(deadline)?;
        if enough { Err(End::TooManyAttempts) } else { Ok(()) }
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
    fn enter(&mut self, name: Username, key: Bytes<32>) -> Result<Result<Guest, ErrorCode>, End> {
        let hall = Arc::clone(&self.hall);
        let mut effects = Effects::default();
        let in_force = || hall.accounts.login_key(&name) == Some(key);
        let entered = hall.registry.enter(&name, &self.outgoing, in_force, &mut effects);
        hall.finish(effects).flush();
        let gate = match entered {
            Entered::In(gate) => gate,
            Entered::KeyChanged => return Ok(Err(ErrorCode::WrongUsernameOrPassword)),
            Entered::Stopping => return Err(End::Superseded),
        };
        info!(connection = self.entrance.number, %name, "logged in");
        self.frames.set_limit(FRAME_BYTES_MAX);
        self.ticket.logs_in();
        let caller = Caller { name, connection: self.outgoing.connection };
        let guest = Guest { hall, caller, gate };
        self.link.flush();
        self.hall.tell_presence(&guest.caller.name);
        Ok(Ok(guest))
    }

    /// Requests, until the connection ends; why it did.
    fn requests(&mut self, guest: &Guest) -> End {
        let mut desk = Desk {
            hall: Arc::clone(&self.hall),
            caller: guest.caller.clone(),
            outgoing: self.outgoing.clone(),
            gate: Arc::clone(&guest.gate),
            exporter: self.link.exporter(),
            answered: 0,
            gathered: Parcel::default(),
        };
        let hall = Arc::clone(&self.hall);
        let limits = &hall.config.limits;
        let mut pace = Pace::new(limits.requests_per_second, limits.bytes_per_second, Instant::now());
        let mut received = self.link.received_bytes();
        // Since when there is a frame of which not all has come; TLS's own records count as such a part.
        let mut begun = (!self.frames.is_empty()).then(Instant::now);
        loop {
            let handled = match self.batch(&mut desk) {
                Ok(handled) => handled,
                Err(end) => return end,
            };
            let now = Instant::now();
            if handled > 0 {
                begun = (!self.frames.is_empty()).then_some(now);
            }
            let bytes = self.link.received_bytes();
            let free = pace.count(handled, bytes - std::mem::replace(&mut received, bytes), now);
            let paused = free.map_or(Duration::ZERO, |free| self.pause(now, free));
            // What this side waited is not the client's slowness.
            begun = begun.map(|begun| begun + paused);
            match self.read(begun.map(|begun| begun + limits.frame_timeout)) {
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
    fn read(&mut self, deadline: Option<Instant>) -> Result<bool, End> {
        self.link.receive(&mut self.frames, deadline).map_err(|error| match error {
            TransportError::TimedOut => End::TooSlow,
            other => other.into(),
        })
    }

    /// Everything that one read brought: how many requests.
    fn batch(&mut self, desk: &mut Desk) -> Result<u64, End> {
        let mut effects = Effects::default();
        let result = self.carry_out(desk, &mut effects);
        // Also when the connection ends: others were told of what went well before.
        self.hall.finish(effects).flush();
        self.hall.committer.nudge();
        desk.answered = 0;
        let handled = result?;
        self.write(Instant::now() + self.hall.config.write_timeout)?;
        Ok(handled)
    }

    fn carry_out(&mut self, desk: &mut Desk, effects: &mut Effects) -> Result<u64, End> {
        let (mut handled, mut reading) = (0, SendBuffer::default());
        loop {
            handled += 1;
            let waiting = self.frames.waiting();
            let flow = if let Some(send) = self.frames.take_send(&mut reading) {
                desk.send(send, waiting, effects)
            } else {
                match self.frames.take::<Request>() {
                    Ok(Some(request)) => desk.handle(request, effects),
                    // Also before a frame that is none: what came before it is carried out.
                    Ok(None) | Err(_) if desk.finish(effects) == Flow::End => Flow::End,
                    Ok(None) => return Ok(handled - 1),
                    Err(error) => return Err(error.into()),
                }
            };
            if flow == Flow::End {
                return Err(End::Superseded);
            }
            if !effects.starts.is_empty() {
                // The next request may be about the run that begins: its members are told first.
                self.hall.finish(std::mem::take(effects)).flush();
            }
            if desk.answered > ANSWERS_BYTES_MAX {
                self.hall.committer.nudge();
                self.write(Instant::now() + self.hall.config.write_timeout)?;
                desk.answered = 0;
            }
        }
    }

    /// Writes to this connection's own client, waiting for it.
    fn write(&self, deadline: Instant) -> Result<(), End> {
        Ok(self.link.flush_by(deadline)?)
    }
}

/// What the client is told of the end, where that helps.
fn last_words(end: &End) -> Option<ErrorCode> {
    match end {
        End::Frame(_) | End::NotALogin => Some(ErrorCode::BadRequest),
        End::TooSlow => Some(ErrorCode::TooSlow),
        End::Closed | End::Transport(_) | End::TooManyAttempts | End::Superseded => None,
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
