//! What a typed line means, wherever the person is.

use super::{
    app::{App, Flow, Place},
    command::Line,
    error::ClientError,
    words,
};
use crate::{
    printable::Printable,
    wire::{Request, Username},
};

impl App<'_> {
    pub(super) fn on_line(&mut self, typed: &str) -> Result<Flow, ClientError> {
        match Line::read(typed) {
            Line::Text(text) => return self.on_text(&text),
            Line::Quit => return Ok(Flow::End),
            Line::Help => self.desk.show(words::HELP),
            Line::Who => self.connection.send(&Request::Who {})?,
            Line::History(count) => self.show_history(count)?,
            Line::Verify(what) => self.verify(&what)?,
            Line::Edit if self.desk.is_interactive() => self.desk.show(words::OPEN_CONVERSATION_ONLY),
            Line::Edit => self.desk.show(words::EDIT_NEEDS_A_TERMINAL),
            Line::Rekey => self.ask_rekey()?,
            Line::Passwd => match self.place {
                Place::Lobby => return self.change_password(),
                _ => self.desk.show(words::LOBBY_ONLY),
            },
            Line::Unknown(line) => {
                let line = Printable::line(&line).to_string();
                self.desk.show(&words::unknown_command(&line));
            }
        }
        Ok(Flow::Continue)
    }

    fn on_text(&mut self, text: &str) -> Result<Flow, ClientError> {
        // Begun before the question that it seems to answer: a message is no name, and no consent.
        let stale = self.desk.take_stale_draft();
        if let Some(peer) = self.talking_while_away() {
            self.on_text_while_away(&peer, text)?;
            return Ok(Flow::Continue);
        }
        match &self.place {
            Place::Lobby if stale && !words::is_exit(text) => {
                self.desk.show(&words::draft_not_sent(Printable::line(text).as_str()));
            }
            Place::Lobby => return self.on_name(text),
            Place::Talking(_, Some(run)) if run.is_asking() && !stale => self.on_answer(text)?,
            Place::Meeting(run) if run.is_asking() => {
                if stale {
                    self.desk.show(words::DRAFT_NOT_TAKEN);
                } else {
                    self.on_answer(text)?;
                }
            }
            Place::Meeting(run) => {
                let peer = run.peer.clone();
                self.on_waiting_text(&peer, text)?;
            }
            Place::Waiting(peer) | Place::Inviting(peer) => {
                let peer = peer.clone();
                self.on_waiting_text(&peer, text)?;
            }
            Place::Talking(peer, Some(run)) if run.has_accepted() && words::is_no(text) => {
                self.connection.send(&Request::Withdraw { peer: peer.clone() })?;
            }
            Place::Talking(peer, _) => {
                let peer = peer.clone();
                if words::is_exit(text) {
                    self.leaving = true;
                    self.connection.send(&Request::Leave { peer })?;
                } else {
                    self.send_text(&peer, text)?;
                }
            }
        }
        Ok(Flow::Continue)
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
            Err(error) => self.desk.show(&words::not_valid(&error)),
            Ok(name) if name == self.me => self.desk.show(words::YOURSELF),
            Ok(name) => {
                self.forget_broken_runs(&name);
                self.asked_by_person();
                // Before it is sent: a connection that is lost at this moment is said to have ended it.
                self.place = Place::Inviting(name.clone());
                self.connection.send(&Request::Invite { peer: name, new_key: false })?;
            }
        }
        Ok(Flow::Continue)
    }

    /// A line while the other side has the word: it can be taken back; a script's line is kept.
    fn on_waiting_text(&mut self, peer: &Username, text: &str) -> Result<(), ClientError> {
        if words::is_no(text) || words::is_exit(&text.to_lowercase()) {
            return self.connection.send(&Request::Withdraw { peer: peer.clone() });
        }
        if self.desk.is_interactive() {
            self.desk.show(&words::not_sent_while_waiting(peer));
        } else {
            self.held.push_back(text.to_owned());
        }
        Ok(())
    }
}
