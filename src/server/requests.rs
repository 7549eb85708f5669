//! What a logged-in client asks, carried out: each request once, in the order it came.

use std::{mem, sync::Arc};

use tracing::{error, warn};

use super::{
    accounts::AccountError,
    commit::{Lines, Work},
    conversation_log::{LogError, Written},
    error::Chain,
    hall::Hall,
    limits::COMMIT_BYTES_EXTRA,
    log_line::HEAD_BYTES_MAX,
    outgoing::{self, Outgoing},
    parcel::{Message, Parcel, Part},
    registry::{Caller, Effects, Gate, Refusal},
    rendezvous::Acceptance,
};
use crate::{
    crypto::{login, login::Exporter},
    wire::{
        Bytes, Contact, ErrorCode, Event, Header, MessageFrames, OwnCopy, Pair, Received, Request, SendRef,
        StoredFrames, Username,
        limits::{CONTACTS_MAX, FRAME_BYTES_MAX, READ_ENTRIES_MAX, SEALED_KEY_BYTES_MAX},
    },
};

/// What an entry's JSON has besides what its line in the log has, in bytes: names of the fields, quotes, commas.
const ENTRY_JSON_BYTES: usize = 64;

/// What an answer to `read` has besides its entries, in bytes; generously.
const ENTRIES_JSON_BYTES: usize = 256;

/// Whether the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// To the next request.
    Next,
    /// It ends here.
    End,
}

/// One logged-in connection.
pub(super) struct Desk {
    pub(super) hall: Arc<Hall>,
    pub(super) caller: Caller,
    pub(super) outgoing: Outgoing,
    pub(super) gate: Arc<Gate>,
    pub(super) exporter: Exporter,
    /// What was queued for this connection's own client since it was last written to, in bytes.
    pub(super) answered: usize,
    /// Messages to one peer that are to be stored together.
    pub(super) gathered: Parcel,
}

/// The connection is not the account's any more.
struct Gone;

impl Desk {
    /// Carries a request out; a message perhaps later, with those after it or by [`Desk::finish`]. What others are
    /// to be told is queued, and written by the caller.
    pub(super) fn handle(&mut self, request: Request, effects: &mut Effects) -> Flow {
        if !matches!(request, Request::Send { .. }) && self.finish(effects) == Flow::End {
            return Flow::End;
        }
        let hall = Arc::clone(&self.hall);
        let registry = &hall.registry;
        let caller = &self.caller;
        match request {
            Request::Register { .. } | Request::Login { .. } => self.refuse(None, ErrorCode::BadRequest),
            Request::ChangePassword { login_key, signature } => self.change_password(login_key, &signature),
            Request::Who {} => {
                let (connected, total) = registry.who();
                self.answer(&Event::Who { connected, total })
            }
            Request::Invite { peer, new_key } => {
                if let Err(code) = self.check_peer(&peer) {
                    return self.refuse(Some(peer), code);
                }
                let done = registry.invite(caller, &peer, new_key, effects);
                self.done(peer, done)
            }
            Request::Withdraw { peer } => {
                let done = registry.withdraw(caller, &peer, effects);
                self.done(peer, done)
            }
            Request::Agree { peer, run, step } => {
                let done = registry.relay(caller, &peer, run, step, effects);
                self.done(peer, done)
            }
            Request::Accept { peer, run, acceptance, copy } => {
                if copy.as_ref().is_some_and(|copy| !is_a_sealed_key(copy)) {
                    return self.refuse(Some(peer), ErrorCode::BadRequest);
                }
                let done = registry.accept(caller, &peer, run, Acceptance { proof: acceptance, copy });
                self.done(peer, done)
            }
            Request::Refuse { peer, run } => {
                let done = registry.refuse(caller, &peer, run);
                self.done(peer, done)
            }
            Request::Send { peer, body } => self.send(SendRef { peer: &peer, body: body.lent() }, 0, effects),
            Request::Read { peer, from, count } => self.read(peer, from, count),
            Request::Key { peer, epoch } => {
                let pair = Pair::new(&caller.name, &peer).ok();
                let kept = pair.and_then(|pair| hall.keyring.copy(&pair, &caller.name, epoch));
                self.answer(&Event::Key { peer, epoch, kept })
            }
            Request::Contacts { after } => self.contacts(after.as_ref()),
            Request::Receipt { peer, number, proof } => {
                self.receipt(peer, Received { number, proof }, effects)
            }
            Request::Leave { peer } => {
                let done = registry.leave(caller, &peer, effects);
                self.done(peer, done)
            }
        }
    }

    fn answer(&mut self, event: &Event) -> Flow {
        self.answered += self.outgoing.say(event);
        Flow::Next
    }

    fn refuse(&mut self, peer: Option<Username>, code: ErrorCode) -> Flow {
        self.answer(&Event::Error { code, peer })
    }

    /// What the registry said, as the client hears it. What went well is told by events of its own.
    fn done(&mut self, peer: Username, done: Result<(), Refusal>) -> Flow {
        match done {
            Ok(()) => Flow::Next,
            Err(Refusal::Gone) => Flow::End,
            Err(Refusal::Because(code)) => self.refuse(Some(peer), code),
        }
    }

    fn check_peer(&self, peer: &Username) -> Result<(), ErrorCode> {
        if *peer == self.caller.name {
            Err(ErrorCode::Yourself)
        } else if !self.hall.accounts.exists(peer) {
            Err(ErrorCode::UnknownUser)
        } else {
            Ok(())
        }
    }

    fn change_password(&mut self, new: Bytes<32>, signature: &Bytes<64>) -> Flow {
        let name = &self.caller.name;
        let hall = Arc::clone(&self.hall);
        let gate = Arc::clone(&self.gate);
        let Some(_passing) = gate.enter() else { return Flow::End };
        let old = hall.accounts.login_key(name);
        let old = old.filter(|old| login::verify_change(old, name, &new, &self.exporter, signature));
        let Some(old) = old else { return self.refuse(None, ErrorCode::WrongUsernameOrPassword) };
        match hall.accounts.change_key(name, old, new) {
            Ok(()) => self.answer(&Event::PasswordChanged {}),
            Err(AccountError::Taken | AccountError::OtherKey) => {
                self.refuse(None, ErrorCode::WrongUsernameOrPassword)
            }
            Err(AccountError::Store(reason)) => {
                error!(reason = %Chain(&*reason), "a login key could not be stored");
                self.refuse(None, ErrorCode::Storage)
            }
        }
    }

    /// Keeps a message until no more come to the same peer: what one read brought is written at once. So many
    /// bytes of it are still to be looked at.
    pub(super) fn send(
        &mut self,
        SendRef { peer, body }: SendRef<'_>,
        to_come: usize,
        effects: &mut Effects,
    ) -> Flow {
        if self.gathered.takes(peer) {
            self.gathered.push(&body);
            return Flow::Next;
        }
        let flow = self.finish(effects);
        self.gathered.begin(peer, &body, to_come);
        flow
    }

    /// Carries out what was kept to be done together with what might have come after it.
    pub(super) fn finish(&mut self, effects: &mut Effects) -> Flow {
        // Taken out: what is done with it may answer by this desk.
        let mut parcel = mem::take(&mut self.gathered);
        let mut done = 0;
        while let (Some(peer), Some(part)) = (parcel.peer(), parcel.after(done)) {
            match self.store(peer, part.of_one_stream(), effects) {
                Ok(count) => done += count.max(1),
                Err(Gone) => return Flow::End,
            }
        }
        parcel.clear();
        self.gathered = parcel;
        Flow::Next
    }

    /// Stores the first of these messages, with those that go on in its stream, and hands them to the peer. Their
    /// acknowledgements come from the committer. Gives how many that were.
    fn store(&mut self, peer: &Username, messages: Part<'_>, effects: &mut Effects) -> Result<usize, Gone> {
        let hall = Arc::clone(&self.hall);
        let name = &self.caller.name;
        let Message { header: Header { epoch, stream, counter, .. }, hash, .. } = *messages.first();
        let pair = match self.may_send(peer, epoch) {
            Ok(pair) => pair,
            Err(code) => return Ok(self.not_stored(peer, messages, code)),
        };
        let log = hall.logs.get(&pair);
        // Before anything is held: there may be a wait for the disk.
        let bytes = messages.bytes() + messages.len() * (HEAD_BYTES_MAX + 1 + COMMIT_BYTES_EXTRA);
        let Some(room) = hall.committer.room(bytes) else {
            return Ok(self.not_stored(peer, messages, ErrorCode::Storage));
        };
        let (mut room, to, mut count) = (Some(room), &self.outgoing, 0);
        let acknowledgements = StoredFrames::new(peer, &stream);
        let written = |Written { number, count: written, time, lines, offset, in_doubt }: Written| {
            count = written;
            let numbered = || messages.iter().take(count).zip(number..);
            hall.registry.deliver(peer, effects, |out| {
                let events = MessageFrames::new(name, name, &time);
                out.reserve(lines.len() + count * events.bytes());
                numbered().for_each(|((_, text), number)| events.push(out, number, text));
            });
            if let Some(room) = room.take() {
                let acknowledge = |out: &mut Vec<u8>| {
                    out.reserve(count * acknowledgements.bytes());
                    for ((Message { header, hash, .. }, _), number) in numbered() {
                        acknowledgements.push(out, header.counter, number, hash);
                    }
                };
                room.fill_with(to, acknowledge, |frame| {
                    let lines = Some(Lines { offset, bytes: lines });
                    Work { log: Arc::clone(&log), lines, in_doubt, to: to.clone(), frame }
                });
            }
        };
        let appended = match self.gate.enter() {
            Some(_passing) => log.append(name, messages, written),
            None => return Err(Gone),
        };
        match appended {
            Ok(None) => Ok(count),
            Ok(Some(again)) => {
                let mut frame = Vec::with_capacity(acknowledgements.bytes());
                acknowledgements.push(&mut frame, counter, again.number, &hash);
                if let Some(room) = room {
                    let in_doubt = again.in_doubt;
                    room.fill(Work { log: Arc::clone(&log), lines: None, in_doubt, to: to.clone(), frame });
                }
                Ok(1)
            }
            Err(reason) => Ok(self.not_stored(peer, messages, code_of(&reason, &pair))),
        }
    }

    /// Says that the first of these was not stored. One it was.
    fn not_stored(&mut self, peer: &Username, messages: Part<'_>, code: ErrorCode) -> usize {
        let Header { stream, counter, .. } = messages.first().header;
        self.answer(&Event::NotStored { peer: peer.clone(), stream, counter, code });
        1
    }

    /// Whoever has agreed on a key may send under it, also to someone who just left: it is in the log.
    fn may_send(&self, peer: &Username, epoch: u32) -> Result<Pair, ErrorCode> {
        let pair = Pair::new(&self.caller.name, peer).map_err(|_| ErrorCode::Yourself)?;
        match self.hall.keyring.has_epoch(&pair, epoch) {
            Some(true) => Ok(pair),
            Some(false) => Err(ErrorCode::UnknownEpoch),
            None => Err(ErrorCode::NoKey),
        }
    }

    /// A page of those with whom the caller has a key; who of them comes or goes is told from now on.
    fn contacts(&mut self, after: Option<&Username>) -> Flow {
        let hall = Arc::clone(&self.hall);
        let (names, more) = hall.contacts.page(&self.caller.name, after, CONTACTS_MAX);
        let connected = match hall.registry.watch(&self.caller, &names) {
            Ok(connected) => connected,
            Err(Refusal::Gone) => return Flow::End,
            Err(Refusal::Because(code)) => return self.refuse(None, code),
        };
        let contacts = names.into_iter().zip(connected);
        let contacts = contacts.filter_map(|(peer, connected)| self.contact(peer, connected)).collect();
        self.answer(&Event::Contacts { contacts, more })
    }

    fn contact(&self, peer: Username, connected: bool) -> Option<Contact> {
        let pair = Pair::new(&self.caller.name, &peer).ok()?;
        let epoch = self.hall.keyring.newest_epoch(&pair)?;
        // What cannot be read is told when it is asked for by itself.
        let last = self.hall.logs.last(&pair).unwrap_or_else(|reason| {
            code_of(&reason, &pair);
            0
        });
        let received = self.hall.receipts.newest(&pair, &peer).unwrap_or_else(|reason| {
            warn!(%pair, reason = %Chain(&reason), "a receipt cannot be read");
            None
        });
        Some(Contact { peer, connected, epoch, last, received })
    }

    /// Keeps a receipt that is newer than the last, and hands it on. Whether it is true is for the peer to
    /// see: it is not for this server, which could not make one.
    fn receipt(&mut self, peer: Username, received: Received, effects: &mut Effects) -> Flow {
        let hall = Arc::clone(&self.hall);
        let pair = Pair::new(&self.caller.name, &peer).ok();
        let Some(pair) = pair.filter(|pair| hall.keyring.newest_epoch(pair).is_some()) else {
            return self.refuse(Some(peer), ErrorCode::NoKey);
        };
        let last = match hall.logs.last(&pair) {
            Ok(last) => last,
            Err(reason) => return self.refuse(Some(peer), code_of(&reason, &pair)),
        };
        // Of a message that is not there: a log that was set back. Nobody is helped by an answer.
        if !(1..=last).contains(&received.number) {
            return Flow::Next;
        }
        let kept = match self.gate.enter() {
            Some(_passing) => hall.receipts.keep(&pair, &self.caller.name, received),
            None => return Flow::End,
        };
        match kept {
            Ok(true) => {
                let Received { number, proof } = received;
                let event = Event::Receipt { peer: self.caller.name.clone(), number, proof };
                if let Some(frame) = outgoing::frame(&event) {
                    hall.registry.deliver(&peer, effects, |out| out.extend_from_slice(&frame));
                }
            }
            Ok(false) => {}
            // Only a mark is lost, and the next one is written again.
            Err(reason) => warn!(%pair, reason = %Chain(&reason), "a receipt was not kept"),
        }
        Flow::Next
    }

    fn read(&mut self, peer: Username, from: u64, count: u32) -> Flow {
        if let Err(code) = self.check_peer(&peer) {
            return self.refuse(Some(peer), code);
        }
        let Ok(pair) = Pair::new(&self.caller.name, &peer) else {
            return self.refuse(Some(peer), ErrorCode::Yourself);
        };
        let count = count.min(READ_ENTRIES_MAX);
        let log = self.hall.logs.get(&pair);
        match log.read(from, count, FRAME_BYTES_MAX - ENTRIES_JSON_BYTES, ENTRY_JSON_BYTES) {
            Ok(page) => self.answer(&Event::Entries { peer, entries: page.entries, last: page.last }),
            Err(reason) => {
                let code = code_of(&reason, &pair);
                self.refuse(Some(peer), code)
            }
        }
    }
}

/// Whether it can be a copy of a key at all. Whose, and of which, only its owner can tell.
fn is_a_sealed_key(copy: &OwnCopy) -> bool {
    (1..=SEALED_KEY_BYTES_MAX).contains(&copy.sealed.0.len())
}

/// What the client hears of a log's refusal; the rest is for the server's own log.
fn code_of(reason: &LogError, pair: &Pair) -> ErrorCode {
    match reason {
        LogError::OutOfOrder => ErrorCode::OutOfOrder,
        LogError::Different => ErrorCode::Different,
        LogError::NotAMember => ErrorCode::BadRequest,
        LogError::Damaged { .. } => {
            warn!(%pair, %reason, "refused");
            ErrorCode::Storage
        }
        LogError::Store(cause) => {
            error!(%pair, reason = %Chain(cause), "a conversation's log failed");
            ErrorCode::Storage
        }
    }
}

#[cfg(test)]
#[path = "requests_tests.rs"]
mod tests;
