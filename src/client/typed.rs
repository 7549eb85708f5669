//! What a typed line means, wherever the person is.
//!
//! A line means what it was begun for, or nothing: what is asked, and whose conversation has the lines, can change while
//! it is half typed. Then it answers no other question, goes to nobody else, and is given back.

use std::time::Instant;

use super::{
    app::{ANSWER_TIMEOUT, App, Flow},
    command::Line,
    error::ClientError,
    meeting::Meeting,
    place::Engaged,
    terminal::Aim,
    words,
};
use crate::{
    printable::Printable,
    wire::{self, Request, Username},
};

/// A line as it was typed.
#[derive(Debug, Clone)]
pub(super) struct TypedLine {
    pub(super) text: String,
    /// For what it was begun, where that is known: at a terminal.
    pub(super) begun: Option<Aim>,
}

impl TypedLine {
    /// One that is for what is asked now.
    pub(super) fn meant(text: impl Into<String>) -> Self {
        Self { text: text.into(), begun: None }
    }
}

impl App<'_> {
    pub(super) fn on_line(&mut self, typed: TypedLine) -> Result<Flow, ClientError> {
        let TypedLine { text: typed, begun } = typed;
        let line = Line::read(&typed);
        if self.is_of_another(&line, begun.as_ref()) {
            self.desk.notice(&words::command_not_done(&typed));
            return Ok(Flow::Continue);
        }
        match line {
            Line::Text(text) => return self.on_text(&text, begun),
            Line::Quit => return Ok(Flow::End),
            Line::Help => self.desk.show(words::HELP),
            Line::Who => self.ask_who()?,
            Line::History(count) => self.show_history(count)?,
            Line::Search(what) => self.search(&what)?,
            Line::Verify(what) => self.verify(&what)?,
            Line::Edit if self.desk.is_interactive() => self.desk.show(words::OPEN_CONVERSATION_ONLY),
            Line::Edit => self.desk.show(words::EDIT_NEEDS_A_TERMINAL),
            Line::Rekey => self.ask_rekey()?,
            Line::With(name) => self.turn_to_or_invite(&name)?,
            Line::Leave(name) => self.leave(name)?,
            Line::Passwd => match self.place.engaged {
                Engaged::Free if self.place.focus().is_none() => return self.change_password(),
                _ => self.desk.show(words::LOBBY_ONLY),
            },
            Line::Misused(takes) => self.desk.show(&words::takes(takes)),
            Line::Unknown(line) => {
                let line = Printable::line(&line).to_string();
                self.desk.show(&words::unknown_command(&line));
            }
        }
        Ok(Flow::Continue)
    }

    /// `/who`. Where a question stands, the answer comes before it is asked again; what the server says before that
    /// is taken in its order.
    fn ask_who(&mut self) -> Result<(), ClientError> {
        self.scripts.person_asks_who();
        self.connection.send(&Request::Who {})?;
        let asked_by = Instant::now() + ANSWER_TIMEOUT;
        while matches!(self.aim(), Aim::Answer(_)) && self.scripts.person_waits_for_who() {
            let event = self.next_said(asked_by)?;
            let refused = matches!(event, wire::Event::Error { peer: None, .. });
            self.on_server(event)?;
            if refused {
                break;
            }
        }
        Ok(())
    }

    /// Whether a command is about the conversation that has the lines, or the question that stands, and was begun while
    /// that was another.
    fn is_of_another(&self, line: &Line, begun: Option<&Aim>) -> bool {
        let Some(begun) = begun.filter(|begun| **begun != self.aim()) else { return false };
        let concerned = self.place.focus().or_else(|| self.place.engaged.peer());
        match line {
            Line::Verify(what) => what.peer.is_none(),
            Line::Search(what) => what.peer.is_none() && *begun != Aim::to(concerned),
            Line::History(_) | Line::Rekey | Line::Leave(None) => *begun != Aim::to(concerned),
            _ => false,
        }
    }

    pub(super) fn on_text(&mut self, text: &str, begun: Option<Aim>) -> Result<Flow, ClientError> {
        // Begun before the question that it seems to answer: a message is no name, and no consent.
        let begun = begun.filter(|begun| *begun != self.aim());
        if let Some(peer) = self.talking_while_away() {
            self.on_text_while_away(&peer, text)?;
            return Ok(Flow::Continue);
        }
        let focus = self.place.focus().cloned();
        if self.place.run().is_some_and(Meeting::is_asking) {
            match (begun, focus) {
                (None, _) => self.on_answer(text)?,
                (Some(Aim::To(meant)), Some(peer)) if meant == peer => self.say_to(&peer, text)?,
                (Some(_), _) => self.desk.notice(&words::draft_not_taken(text)),
            }
            return Ok(Flow::Continue);
        }
        if let Some(peer) = focus.filter(|_| self.lines_go_to_conversation()) {
            match self.place.run() {
                _ if begun.is_some() => self.give_back(&peer, begun.as_ref(), text),
                Some(run) if run.has_accepted() && words::is_no(text) => {
                    self.connection.send(&Request::Withdraw { peer: run.peer.clone() })?;
                }
                _ => self.say_to(&peer, text)?,
            }
            return Ok(Flow::Continue);
        }
        match self.place.engaged.peer().cloned() {
            None if matches!(begun, Some(Aim::To(_))) => self.desk.notice(&words::draft_not_sent(text)),
            None if begun.is_some() => self.desk.notice(&words::draft_not_taken(text)),
            None => return self.on_name(text),
            Some(peer) => self.on_waiting_text(&peer, text)?,
        }
        Ok(Flow::Continue)
    }

    /// A line in a conversation.
    fn say_to(&mut self, peer: &Username, text: &str) -> Result<(), ClientError> {
        if words::is_exit(text) { self.leave_conversation(peer) } else { self.send_text(peer, text) }
    }

    /// A line that was begun for somebody else, or for a question that is gone: this peer does not get it.
    pub(super) fn give_back(&mut self, peer: &Username, begun: Option<&Aim>, text: &str) {
        let given_back = match begun {
            Some(Aim::To(meant)) => words::draft_for_another(peer, meant, text),
            _ => words::draft_for_nobody(peer, text),
        };
        self.desk.notice(&given_back);
    }

    /// A line in the lobby: a name, or `exit`.
    fn on_name(&mut self, text: &str) -> Result<Flow, ClientError> {
        if words::is_exit(text) {
            return Ok(Flow::End);
        }
        if text.trim().is_empty() {
            return Ok(Flow::Continue);
        }
        match Username::from_typed(text) {
            Err(error) => {
                self.desk.show(&words::not_valid(&error));
                self.say_what_there_is();
            }
            Ok(name) if name == self.me => self.desk.show(words::YOURSELF),
            Ok(name) if self.place.is_open(&name) => self.turn_to(&name),
            Ok(name) => {
                self.would_write = false;
                self.invite(&name)?;
            }
        }
        Ok(Flow::Continue)
    }

    /// For a person who types what is no name here; once, as who reads it again learns nothing.
    pub(super) fn say_what_there_is(&mut self) {
        if self.desk.is_interactive() && !std::mem::replace(&mut self.said_what_there_is, true) {
            self.desk.show(words::WHAT_THERE_IS);
        }
    }

    /// Asks to meet somebody, on an act of the person's.
    pub(super) fn invite(&mut self, name: &Username) -> Result<(), ClientError> {
        self.forget_broken_runs(name);
        self.asked_by_person(name);
        // Before it is sent: a connection that is lost at this moment is said to have ended it.
        self.place.engaged = Engaged::Inviting(name.clone());
        self.connection.send(&Request::Invite { peer: name.clone(), new_key: false })
    }

    /// A line while the other side has the word: it can be taken back; a script's line is kept.
    fn on_waiting_text(&mut self, peer: &Username, text: &str) -> Result<(), ClientError> {
        if words::is_no(text) || words::is_exit(&text.to_lowercase()) {
            return self.connection.send(&Request::Withdraw { peer: peer.clone() });
        }
        if self.desk.is_interactive() {
            self.desk.show(&words::not_sent_while_waiting(peer));
        } else {
            self.held.push_back(TypedLine::meant(text));
        }
        Ok(())
    }
}
