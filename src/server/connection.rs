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
    error::Chain,
    hall::Hall,
    limits::{ANSWERS_BYTES_MAX, WRONG_LOGIN_DELAY_MAX, WRONG_LOGIN_DELAY_MIN, WRONG_LOGINS_MAX},
    outgoing::{Outgoing, Outlet},
    registry::{Caller, Effects, Gate},
    requests::{Desk, Flow},
};
use crate::{
    crypto::login,
    transport::{Acceptor, Link, TransportError},
    wire::{
        Bytes, ErrorCode, Event, FrameError, Frames, PROTOCOL_VERSION, Request, Username,
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
    #[error("too many wrong logins")]
    WrongLogins,
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
pub(super) fn serve(hall: &Arc<Hall>, link: &Link, number: u64, login_deadline: Instant) {
    let mut frames = Frames::new(FRAME_BYTES_MAX_BEFORE_LOGIN);
    let outgoing = Outgoing::new(number, Arc::new(link.clone()));
    let visit = Visit { hall, link, outgoing };
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
            end
        }
    };
    if let End::Frame(_) | End::NotALogin = end {
        visit.outgoing.say(&Event::Error { code: ErrorCode::BadRequest, peer: None });
        let _ = link.flush_by(Instant::now() + hall.config.write_timeout);
    }
    link.close();
}

struct Visit<'a> {
    hall: &'a Arc<Hall>,
    link: &'a Link,
    outgoing: Outgoing,
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
    fn log_in(&self, frames: &mut Frames, deadline: Instant) -> Result<Guest, End> {
        self.outgoing.say(&Event::Hello { version: PROTOCOL_VERSION });
        self.write(deadline)?;
        let mut failures = 0;
        loop {
            while let Some(request) = frames.take::<Request>()? {
                let refused = match self.attempt(request)? {
                    Ok(name) => return self.enter(name, frames),
                    Err(code) => code,
                };
                let code = if refused == ErrorCode::WrongUsernameOrPassword {
                    failures += 1;
                    thread::sleep(min(delay(failures), deadline.saturating_duration_since(Instant::now())));
                    if failures >= WRONG_LOGINS_MAX { ErrorCode::TooManyAttempts } else { refused }
                } else {
                    refused
                };
                self.outgoing.say(&Event::Error { code, peer: None });
                self.write(deadline)?;
                if failures >= WRONG_LOGINS_MAX {
                    return Err(End::WrongLogins);
                }
            }
            if !self.link.receive(frames, Some(deadline))? {
                return Err(End::Closed);
            }
        }
    }

    /// One try to register or to log in: who it is, or what the client hears.
    fn attempt(&self, request: Request) -> Result<Result<Username, ErrorCode>, End> {
        let exporter = self.link.exporter();
        Ok(match request {
            Request::Register { username, login_key, signature } => {
                self.register(&username, login_key, &signature).map(|()| username)
            }
            Request::Login { username, signature } => {
                if self.hall.accounts.verify_login(&username, &exporter, &signature) {
                    Ok(username)
                } else {
                    Err(ErrorCode::WrongUsernameOrPassword)
                }
            }
            _ => return Err(End::NotALogin),
        })
    }

    fn register(&self, name: &Username, key: Bytes<32>, signature: &Bytes<64>) -> Result<(), ErrorCode> {
        if !login::verify_register(&key, name, &self.link.exporter(), signature) {
            return Err(ErrorCode::WrongUsernameOrPassword);
        }
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

    /// The account is this connection's from here on.
    fn enter(&self, name: Username, frames: &mut Frames) -> Result<Guest, End> {
        let hall = Arc::clone(self.hall);
        let mut effects = Effects::default();
        let gate = hall.registry.enter(&name, &self.outgoing, &mut effects);
        hall.finish(effects).flush();
        let gate = gate.ok_or(End::Superseded)?;
        frames.set_limit(FRAME_BYTES_MAX);
        let caller = Caller { name, connection: self.outgoing.connection };
        let guest = Guest { hall, caller, gate };
        self.write(Instant::now() + self.hall.config.write_timeout)?;
        Ok(guest)
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
        loop {
            if let Err(end) = self.batch(frames, &mut desk) {
                return end;
            }
            match self.link.receive(frames, None) {
                Ok(true) => {}
                Ok(false) => return End::Closed,
                Err(error) => return error.into(),
            }
        }
    }

    /// Everything that one read brought.
    fn batch(&self, frames: &mut Frames, desk: &mut Desk) -> Result<(), End> {
        let mut effects = Effects::default();
        let result = self.carry_out(frames, desk, &mut effects);
        // Also when the connection ends: others were told of what went well before.
        self.hall.finish(effects).flush();
        desk.answered = 0;
        result.and_then(|()| self.write(Instant::now() + self.hall.config.write_timeout))
    }

    fn carry_out(&self, frames: &mut Frames, desk: &mut Desk, effects: &mut Effects) -> Result<(), End> {
        while let Some(request) = frames.take::<Request>()? {
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
        Ok(())
    }

    /// Writes to this connection's own client, waiting for it.
    fn write(&self, deadline: Instant) -> Result<(), End> {
        Ok(self.link.flush_by(deadline)?)
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
