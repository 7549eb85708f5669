//! What the person's keys change, and what follows from it outside of the view. Pure.

use super::{
    super::{Input, completion::Completion, compose},
    decode::{Code, Key, Typed},
    draw,
    editor::{Edit, Step},
    keys::{Action, Pick, Scroll, action},
    model::{Model, Outstanding},
};
use crate::{
    client::{Presence, phrase::Phrase, words},
    wire::Username,
};

/// How many rows the wheel of a mouse moves.
const WHEEL_ROWS: usize = 3;

/// What switches to another contact; the client's command.
const WITH: &str = "/with";

/// What is to be done for a key outside of the view.
#[derive(Debug)]
pub(super) enum Effect {
    /// This goes to the client.
    Deliver(Input),
    /// The program is put aside, until it is called back.
    Suspend,
    /// Everything is drawn anew.
    Redraw,
    /// A message is written in the person's own editor, which begins with this.
    Compose(String),
}

impl Model {
    /// Takes what was typed.
    pub(super) fn typed(&mut self, typed: Typed) -> Option<Effect> {
        self.note = None;
        self.seen();
        match typed {
            Typed::Key(key) => self.key(key),
            Typed::Paste(text) => {
                self.paste(&text);
                None
            }
            Typed::PasteTooLong => {
                self.note = Some(words::VIEW_LINE_TOO_LONG.into());
                None
            }
            Typed::WheelUp => self.scroll(Scroll::LinesUp),
            Typed::WheelDown => self.scroll(Scroll::LinesDown),
            Typed::Click { column, row } => {
                let clicked = draw::contact_at(self, column, row)?;
                self.switch_to(Pick::Number(clicked))
            }
        }
    }

    fn key(&mut self, key: Key) -> Option<Effect> {
        let hidden = self.hides_keys();
        let nothing_typed = if hidden { self.secret.is_empty() } else { self.editor.is_empty() };
        let action = match action(key, nothing_typed)? {
            // Who was chosen stands in the line: Tab goes on to the next.
            Action::Complete if self.picked => Action::Contact(Pick::Next),
            action => action,
        };
        match action {
            Action::End => return Some(Effect::Deliver(Input::End)),
            Action::Suspend => return Some(Effect::Suspend),
            Action::Redraw => return Some(Effect::Redraw),
            Action::Scroll(scroll) => return self.scroll(scroll),
            _ => {}
        }
        if self.help.take().is_some() {
            // Pressed again, the key is the character.
            if key == Key::plain(Code::Char('?')) && !hidden {
                self.insert("?");
            }
            return None;
        }
        if self.pasted.is_some() {
            return self.answer_paste(action);
        }
        if action == Action::Help && !(hidden && key.code == Code::Char('?')) {
            self.help = Some(0);
            return None;
        }
        if hidden {
            return self.hidden_key(key, action);
        }
        match action {
            Action::Edit(Edit::Insert(c)) => self.insert(c.encode_utf8(&mut [0; 4])),
            Action::NewLine => self.insert("\n"),
            Action::Edit(edit) => {
                self.line_begins();
                if !self.editor.edit(edit) {
                    self.note = Some(words::VIEW_LINE_TOO_LONG.into());
                }
                self.begun.stands(!self.editor.is_empty());
            }
            Action::Done => return self.done(),
            Action::Contact(pick) => return self.switch_to(pick),
            Action::Complete => self.complete(),
            Action::Dismiss | Action::Help => {}
            Action::Scroll(_) | Action::Redraw | Action::Suspend | Action::End => {}
        }
        None
    }

    /// Tab, in a line that was begun: as in the line view.
    fn complete(&mut self) {
        match self.known().complete(self.editor.text(), self.editor.cursor()) {
            Completion::Nothing => {}
            Completion::Becomes(start, word) => {
                self.line_begins();
                self.editor.complete(start, &word);
            }
            Completion::AnyOf(words) => self.note = Some(words::view_any_of(&words.join("  "))),
        }
    }

    /// Whether keys go to the hidden line; or nowhere, while a secret may be typed ahead of its question.
    pub(super) fn hides_keys(&self) -> bool {
        match self.outstanding {
            Outstanding::Secret | Outstanding::AfterSecret => true,
            Outstanding::Line => false,
            Outstanding::Nothing => !self.conversational,
        }
    }

    fn hidden_key(&mut self, key: Key, action: Action) -> Option<Effect> {
        if self.outstanding != Outstanding::Secret {
            return None;
        }
        match (action, key.code) {
            (Action::Edit(Edit::Insert(c)), _) | (Action::Help, Code::Char(c)) => {
                self.push_secret(c.encode_utf8(&mut [0; 4]));
            }
            (Action::Edit(Edit::Delete(Step::Left)), _) => self.secret.pop(),
            (Action::Edit(Edit::Cut(_)), _) => self.secret.clear(),
            (Action::Done, _) => {
                self.outstanding = Outstanding::AfterSecret;
                return Some(Effect::Deliver(Input::Line(self.secret.take())));
            }
            _ => {}
        }
        None
    }

    fn push_secret(&mut self, text: &str) {
        if !self.secret.push(text) {
            self.note = Some(words::VIEW_LINE_TOO_LONG.into());
        }
    }

    fn insert(&mut self, text: &str) {
        self.line_begins();
        self.put_in(text);
    }

    fn put_in(&mut self, text: &str) {
        if !self.editor.insert(text) {
            self.note = Some(words::VIEW_LINE_TOO_LONG.into());
        }
    }

    fn line_begins(&mut self) {
        (self.switching, self.picked) = (false, false);
        if self.editor.is_empty() {
            self.begun_in = self.focus().map(str::to_owned);
            self.begun.is(None);
        }
        self.begun.stands(true);
    }

    /// A paste: without the end of its last line. Several lines are asked about first.
    fn paste(&mut self, text: &str) {
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        let lines = lines.trim_end_matches('\n');
        if self.hides_keys() {
            if self.outstanding == Outstanding::Secret {
                self.push_secret(&lines.replace('\n', ""));
            }
            return;
        }
        let text: String = lines.chars().filter(|c| is_typed(*c)).collect();
        self.help = None;
        if text.contains('\n') {
            // It is for whom one looks at now, whoever that is when the question is answered.
            self.line_begins();
            self.pasted = Some(text);
        } else {
            self.insert(&text);
        }
    }

    fn answer_paste(&mut self, action: Action) -> Option<Effect> {
        match action {
            Action::Done | Action::Edit(Edit::Insert('y' | 'Y')) => {
                let text = self.pasted.take()?;
                self.put_in(&text);
            }
            Action::Dismiss | Action::Edit(Edit::Insert('n' | 'N')) => {
                self.pasted = None;
                self.begun.stands(!self.editor.is_empty());
            }
            _ => {}
        }
        None
    }

    /// Enter: the line goes to the client, if it waits for one.
    fn done(&mut self) -> Option<Effect> {
        if self.outstanding != Outstanding::Line {
            self.note = Some(words::VIEW_NOTHING_ASKED.into());
            return None;
        }
        let focus = self.focus().map(str::to_owned);
        if self.question.is_none() && self.begun_in != focus && !self.editor.is_empty() && !self.is_command()
        {
            // It was meant for somebody else: who presses the key again has seen for whom it is now.
            self.note = Some(words::view_begun_elsewhere(self.begun_in.as_deref(), focus.as_deref()));
            self.begun_here();
            return None;
        }
        if self.question.is_none() && self.editor.is_empty() {
            return None;
        }
        let command = self.is_command();
        let begun = compose::begun_by_command(self.editor.text()).map(str::to_owned);
        if let Some(begun) = begun.filter(|_| self.question.is_none() && focus.is_some()) {
            self.editor.take();
            self.composing_for = focus;
            return Some(Effect::Compose(begun));
        }
        let line = self.editor.take();
        if self.conversational || self.question.is_none() {
            self.editor.remember(&line);
        }
        match &self.question {
            Some(question) if !self.conversational => self.echo(format!("{}{line}", question.text())),
            Some(_) => self.echo(line.clone()),
            None if command || focus.is_none() => self.echo(line.clone()),
            None => {}
        }
        self.scrollback_mut().see_end();
        self.switching = line.starts_with(WITH);
        self.begun.ends();
        self.outstanding = Outstanding::Nothing;
        Some(Effect::Deliver(Input::Line(line)))
    }

    /// What was written in the person's own editor, or why nothing was: it stands in the line being typed, and Enter
    /// sends it. Where the person was taken elsewhere meanwhile, it waits in its conversation.
    pub(super) fn composed(&mut self, written: Result<String, Phrase>) {
        match written {
            Ok(text) => {
                let text = text.chars().filter(|c| is_typed(*c)).collect();
                let begun_in = self.composing_for.take();
                match begun_in {
                    Some(peer) if self.focus() != Some(&peer) => {
                        self.note = Some(words::view_waits_with(&peer));
                        self.drafts.insert(Some(peer), text);
                    }
                    _ => {
                        self.editor.replace(text);
                        self.begun_here();
                    }
                }
            }
            Err(why) => self.note = Some(why),
        }
    }

    /// Whether the line is for the client and not for a peer.
    fn is_command(&self) -> bool {
        self.editor.text().starts_with('/') && !self.editor.text().starts_with("//")
    }

    /// Asks the client for another conversation. The line being typed stays where it is. Where that would call somebody
    /// who is there, it is for Enter to do: no one is called by who only looks through the contacts.
    fn switch_to(&mut self, pick: Pick) -> Option<Effect> {
        if self.outstanding != Outstanding::Line || !self.conversational || self.pasted.is_some() {
            return None;
        }
        let overview = self.overview.as_ref()?;
        let count = overview.contacts.len();
        let chosen = self.editor.text().strip_prefix(WITH).filter(|_| self.picked).map(str::trim);
        let chosen = chosen.or(overview.focus.as_ref().map(Username::as_str));
        let at = overview.contacts.iter().position(|contact| Some(contact.name.as_str()) == chosen);
        let wanted = match (pick, at) {
            (Pick::Number(number), _) => number,
            (Pick::Next, None) => 0,
            (Pick::Next, Some(at)) => (at + 1) % count,
            (Pick::Previous, None) => count.checked_sub(1)?,
            (Pick::Previous, Some(at)) => (at + count - 1) % count,
        };
        let contact = overview.contacts.get(wanted).filter(|_| Some(wanted) != at)?;
        let (name, calls) = (contact.name.clone(), !contact.open && contact.presence == Presence::Connected);
        if self.picked {
            self.editor.replace(String::new());
        }
        if calls && self.editor.is_empty() {
            self.line_begins();
            self.editor.replace(format!("{WITH} {name}"));
            self.picked = true;
            self.note = Some(words::view_enter_asks(&name));
            return None;
        }
        if calls {
            self.note = Some(words::view_with_asks(&name));
            return None;
        }
        (self.switching, self.picked) = (true, false);
        self.begun.take();
        self.outstanding = Outstanding::Nothing;
        Some(Effect::Deliver(Input::Line(format!("{WITH} {name}"))))
    }

    fn scroll(&mut self, scroll: Scroll) -> Option<Effect> {
        let window = draw::window(self)?;
        if let Some(from) = self.help {
            let last = draw::help_end(self);
            self.help = Some(match scroll {
                Scroll::PageUp | Scroll::LinesUp => from.saturating_sub(WHEEL_ROWS),
                Scroll::PageDown | Scroll::LinesDown => (from + WHEEL_ROWS).min(last),
                Scroll::Start => 0,
                Scroll::End => last,
            });
            return None;
        }
        // A row of the page before stays in sight.
        let page = window.rows.saturating_sub(1).max(1);
        let scrollback = self.scrollback_mut();
        match scroll {
            Scroll::PageUp => scrollback.up(page, window),
            Scroll::PageDown => scrollback.down(page, window),
            Scroll::LinesUp => scrollback.up(WHEEL_ROWS, window),
            Scroll::LinesDown => scrollback.down(WHEEL_ROWS, window),
            Scroll::Start => scrollback.see_start(window),
            Scroll::End => scrollback.see_end(),
        }
        None
    }
}

/// Whether a character can stand in a line.
fn is_typed(c: char) -> bool {
    !c.is_control() || matches!(c, '\n' | '\t')
}

#[cfg(test)]
#[path = "typing_tests.rs"]
mod tests;
