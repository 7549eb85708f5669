//! Programs that use the client: one whose client it is (`--json`), and scripts that a running client serves over
//! its private socket. What they ask for, and what they are told.
//!
//! A script can send, read, export and listen. It can accept no key: consent stays with the person.

mod caller;
mod export;
mod history;
mod json;
mod password;
mod program;
mod quietly;
mod retold;
mod sift;
mod socket;
mod task;
mod written;

#[cfg(test)]
mod document_tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};

use crossbeam_channel::{at, never, select};

pub(super) use caller::{Call, Caller};
pub use history::{History, Range, history};
pub(super) use password::PASSWORD_BYTES_MAX;
pub use password::{PasswordError, PasswordSource};
pub(super) use program::Program;
pub(super) use socket::Socket;
pub use task::{Listen, Send, listen, send};

use export::Export;
use json::{Asked, HISTORY_MAX, Message, Told, Warning};

use super::{
    app::{App, Flow},
    away::NoWay,
    conversation::Shown,
    error::ClientError,
    overview::Mark,
    phrase::Phrase,
    terminal::{Emphasis, Input},
    typed::TypedLine,
    words,
};
use crate::{
    crypto::session::SessionError,
    wire::{Header, Request, StreamId, Username, limits},
};

/// What scripts sent is remembered for their answers; of very much the first is forgotten.
const SENT_REMEMBERED_MAX: usize = 10_000;

/// Calls that wait for a connection; with more, the programs wait too.
const CALLS_WAITING_MAX: usize = 1000;

/// What programs wait for.
#[derive(Default)]
pub(super) struct Scripts {
    /// What they asked for while there was no connection.
    pub(super) waiting: VecDeque<Call>,
    sent: VecDeque<Sent>,
    listeners: Vec<Caller>,
    /// Who asked who is connected; nobody: the person did.
    who: VecDeque<Option<(Caller, Option<String>)>>,
    /// What is being exported to whom: one thing each.
    exports: BTreeMap<u64, Export>,
    /// Conversations that are open to no person: see `quietly`.
    quiet: BTreeSet<Username>,
    /// The number of the last message told of each peer.
    told: BTreeMap<Username, u64>,
    /// No person reads: a program does, whatever arrives.
    reads_everything: bool,
}

/// A message that a program sent.
struct Sent {
    caller: Caller,
    id: Option<String>,
    peer: Username,
    at: (StreamId, u64),
    number: Option<u64>,
}

impl Scripts {
    /// Nobody asked for anything yet.
    pub(super) fn new(reads_everything: bool) -> Self {
        Self { reads_everything, ..Self::default() }
    }

    /// Whether a program reads whatever arrives, in place of a person.
    pub(super) fn reads_everything(&self) -> bool {
        self.reads_everything
    }

    /// On a new connection: what was asked on the one before is not answered on this one.
    pub(super) fn begin_anew(&mut self) {
        self.quiet.clear();
        for (caller, id) in self.who.drain(..).flatten() {
            caller.refuse(id, words::CONNECTION_LOST);
        }
    }

    /// A person opens this conversation, or it ends.
    pub(super) fn is_quiet_no_more(&mut self, peer: &Username) {
        self.quiet.remove(peer);
    }

    /// Whether this conversation is open to no person.
    pub(super) fn is_quiet(&self, peer: &Username) -> bool {
        self.quiet.contains(peer)
    }

    /// The person asked who is connected.
    pub(super) fn person_asks_who(&mut self) {
        self.who.push_back(None);
    }

    /// Whether the person has not been told yet.
    pub(super) fn person_waits_for_who(&self) -> bool {
        self.who.iter().any(Option::is_none)
    }

    /// The server refused this message.
    pub(super) fn refused(&mut self, at: (StreamId, u64), why: &Phrase) {
        if let Some(found) = self.sent.iter().position(|sent| sent.at == at)
            && let Some(sent) = self.sent.remove(found)
        {
            sent.caller.tell(&Told::not_sent(sent.id, &sent.peer, why));
        }
    }

    fn marked(&mut self, mark: &Mark) {
        match mark {
            Mark::Stored { peer, stream, counter, number } => {
                let sent = self.sent.iter_mut().find(|sent| sent.at == (*stream, *counter));
                if let Some(sent) = sent {
                    sent.number = Some(*number);
                    let (id, peer) = (sent.id.clone(), peer.to_string());
                    sent.caller.tell(&Told::Stored { id, peer, number: *number });
                }
            }
            Mark::Delivered { peer, number } => {
                let has = |sent: &Sent| sent.peer == *peer && sent.number.is_some_and(|of| of <= *number);
                for sent in self.sent.iter().filter(|sent| has(sent)) {
                    let (id, peer) = (sent.id.clone(), peer.to_string());
                    let number = sent.number.unwrap_or_default();
                    sent.caller.tell(&Told::Delivered { id, peer, number });
                }
                self.sent.retain(|sent| !has(sent));
            }
            Mark::Sent { .. } | Mark::NotStored { .. } => {}
        }
    }

    /// The client ends: what was never sent, and what is not known to be stored.
    pub(super) fn end(&mut self) {
        for call in self.waiting.drain(..) {
            if let Call::Asked(caller, Asked::Send { id, peer, .. }) = call {
                caller.tell_last(&Told::not_sent(id, &peer, &words::NOT_CONNECTED_AT_THE_END.into()));
            }
        }
        for sent in self.sent.drain(..).filter(|sent| sent.number.is_none()) {
            sent.caller.tell_last(&Told::NotConfirmed { id: sent.id, peer: sent.peer.to_string() });
        }
    }
}

impl App<'_> {
    /// At the start: who listens already is told of what is unread; the rest waits until that is looked at.
    pub(super) fn take_early_calls(&mut self) {
        while let Ok(call) = self.desk.called().try_recv() {
            match call {
                Call::Asked(caller, Asked::Listen {}) => self.listens(caller),
                call => self.scripts.waiting.push_back(call),
            }
        }
    }

    fn listens(&mut self, caller: Caller) {
        caller.tell(&Told::Listening {});
        self.scripts.listeners.push(caller);
    }

    /// A program asks for something.
    pub(super) fn on_call(&mut self, call: Call) -> Result<Flow, ClientError> {
        match call {
            Call::End => {
                self.input_ended = true;
                Ok(Flow::End)
            }
            Call::Gone(number) => {
                self.scripts.listeners.retain(|caller| caller.number != number);
                self.scripts.sent.retain(|sent| sent.caller.number != number);
                self.scripts.exports.remove(&number);
                Ok(Flow::Continue)
            }
            Call::Asked(caller, asked) => self.on_asked(caller, asked),
        }
    }

    /// What is typed next while there is no connection; `None` when nothing came until then. What programs ask for waits for one, but for the end.
    pub(super) fn typed_or_called(&mut self, until: Instant) -> Option<Input> {
        let none = never();
        loop {
            let takes = self.scripts.waiting.len() < CALLS_WAITING_MAX;
            let called = if takes { self.desk.called() } else { &none };
            select! {
                recv(self.desk.typed()) -> input => return Some(self.desk.taken(input)),
                recv(called) -> call => match call {
                    Ok(Call::Asked(caller, asked)) if asked.quits() && caller.owns_the_client() => {
                        return Some(Input::Line("/quit".into()));
                    }
                    Ok(Call::End) | Err(_) => return Some(Input::End),
                    Ok(call) => {
                        if let Call::Asked(caller, Asked::Send { .. }) = &call {
                            caller.tell(&Told::phrase(Emphasis::Notice, &words::WAITS_FOR_CONNECTION.into()));
                        }
                        self.scripts.waiting.push_back(call);
                    }
                },
                recv(at(until)) -> _ => return None,
            }
        }
    }

    fn on_asked(&mut self, caller: Caller, asked: Asked) -> Result<Flow, ClientError> {
        match asked {
            Asked::Send { id, peer, text } => self.sends(caller, id, &peer, &text)?,
            Asked::Who { id } => {
                self.connection.send(&Request::Who {})?;
                self.scripts.who.push_back(Some((caller, id)));
            }
            Asked::History { id, peer, count } => self.history_for(&caller, id, &peer, count)?,
            Asked::Export { id, peer, last } => self.export(caller, id, peer, last)?,
            Asked::More {} => self.export_more(caller)?,
            Asked::Listen {} => self.listens(caller),
            _ if !caller.owns_the_client() => caller.refuse(None, words::NOT_FOR_SCRIPTS),
            Asked::Answer { question, text } => {
                if self.desk.is_answered(question) {
                    return self.on_text(&text, None);
                }
                caller.refuse(None, words::not_asked(question));
            }
            Asked::Command { line } if line.starts_with('/') && !line.starts_with("//") => {
                return self.on_line(TypedLine::meant(line));
            }
            Asked::Command { .. } => caller.refuse(None, words::NOT_A_COMMAND),
            Asked::Quit {} => return Ok(Flow::End),
        }
        Ok(Flow::Continue)
    }

    /// A program's message, sealed and sent; the conversation need not be open to anybody.
    fn sends(
        &mut self,
        caller: Caller,
        id: Option<String>,
        peer: &Username,
        text: &str,
    ) -> Result<(), ClientError> {
        let why = if *peer == self.me {
            Some(words::YOURSELF.into())
        } else if text.is_empty() {
            Some(words::NOTHING_TO_SEND.into())
        } else if let Err(why) = self.talk_quietly(peer)? {
            Some(self.no_way_to(peer, why)?)
        } else if self.pins.peer(peer).in_doubt.is_some() {
            Some(words::identity_in_doubt(peer))
        } else {
            None
        };
        if let Some(why) = why {
            caller.tell(&Told::not_sent(id, peer, &why));
            return Ok(());
        }
        let Some(talk) = self.talks.get_mut(peer) else { return Ok(()) };
        let body = match talk.seal(text) {
            Ok(body) => body,
            Err(error) => {
                let why = match error {
                    SessionError::TooLong => words::too_long(text.len(), limits::TEXT_BYTES_MAX),
                    error => words::not_valid(&error),
                };
                caller.tell(&Told::not_sent(id, peer, &why));
                return Ok(());
            }
        };
        let Header { stream, counter, .. } = *body.header();
        self.mark_message(&Mark::Sent { peer: peer.clone(), stream, counter, text: text.to_owned() });
        if !caller.owns_the_client() {
            // In this person's name, so they see it.
            self.desk.show(&words::script_said(peer, text));
        }
        if self.scripts.sent.len() == SENT_REMEMBERED_MAX {
            self.scripts.sent.pop_front();
        }
        let sent = Sent { caller, id, peer: peer.clone(), at: (stream, counter), number: None };
        self.scripts.sent.push_back(sent);
        self.connection.send(&Request::Send { peer: peer.clone(), body })
    }

    /// Why nothing goes to this peer. Without a key with them it may be that there is nobody of that name.
    fn no_way_to(&mut self, peer: &Username, why: NoWay) -> Result<Phrase, ClientError> {
        if matches!(why, NoWay::NoKey)
            && let Err(refused) = self.end_of_log(peer)?
            && refused.id() == words::UNKNOWN_USER
        {
            return Ok(refused);
        }
        Ok(words::nothing_can_be_left(peer, why))
    }

    fn history_for(
        &mut self,
        caller: &Caller,
        id: Option<String>,
        peer: &Username,
        count: u32,
    ) -> Result<(), ClientError> {
        if !(1..=HISTORY_MAX).contains(&count) {
            caller.refuse(id, words::history_at_most(HISTORY_MAX));
            return Ok(());
        }
        if let Err(why) = self.talk_quietly(peer)? {
            let why = self.no_way_to(peer, why)?;
            caller.refuse(id, why);
            return Ok(());
        }
        let last = self.log_end(peer)?.unwrap_or(0);
        let from = last.saturating_sub(u64::from(count) - 1).max(1);
        let shown = if last == 0 { Vec::new() } else { self.look_back(peer, from, last)? };
        let messages = shown.iter().filter_map(|shown| Message::of(shown.message.as_ref()?)).collect();
        let warnings = shown.iter().flat_map(|shown| &shown.warnings).map(Warning::of).collect();
        caller.tell(&Told::History { id, peer: peer.to_string(), messages, warnings });
        Ok(())
    }

    /// The server says who is connected: to whoever asked first.
    pub(super) fn on_who(&mut self, connected: &[Username], total: u64) {
        match self.scripts.who.pop_front() {
            Some(Some((caller, id))) => {
                let more = total.saturating_sub(connected.len() as u64);
                let connected = connected.iter().map(Username::to_string).collect();
                caller.tell(&Told::Who { id, connected, more });
            }
            _ => self.show_who(connected, total),
        }
    }

    /// A message of this person's has come so far.
    pub(super) fn mark_message(&mut self, mark: &Mark) {
        self.scripts.marked(mark);
        self.desk.mark(mark);
    }

    /// Something arrived: whoever listens is told, each message once.
    pub(super) fn tell_listeners(&mut self, peer: &Username, shown: &Shown) {
        if self.scripts.listeners.is_empty() {
            return;
        }
        let message = shown.message.as_ref().and_then(Message::of).filter(|message| !message.own);
        let told = self.scripts.told.entry(peer.clone()).or_default();
        let message = message.filter(|message| message.number > *told);
        for warning in &shown.warnings {
            let warning = Told::phrase(super::terminal::Emphasis::Warning, warning);
            self.scripts.listeners.iter().for_each(|caller| caller.tell(&warning));
        }
        if let Some(message) = message {
            *told = message.number;
            let message = Told::Message(message);
            self.scripts.listeners.iter().for_each(|caller| caller.tell(&message));
        }
    }
}
