//! Everything that the view knows: what was said where, what is asked, what is being typed. Pure: the client tells it
//! what to show and ask (here), the person's keys change it (`typing`), and it is drawn (`draw`).

use std::collections::{BTreeMap, VecDeque};

use chrono::Local;

use super::{
    super::{
        Emphasis,
        begun::{Aim, Begun},
        completion::Known,
    },
    editor::Editor,
    palette::Palette,
    scrollback::{Id, Progress, Said, Scrollback},
    secret::Secret,
};
use crate::{
    client::{
        overview::{Mark, Overview},
        phrase::{Arg, Phrase},
    },
    printable::Printable,
    wire::Username,
};

/// Which sentences mean something to the view.
const MESSAGE: &str = "message";
const OPENINGS: [&str; 3] = ["conversation_open", "open_one_sided", "open_one_sided_waiting"];
/// A message of another conversation, which is shown there when one looks.
const ELSEWHERE: &str = "elsewhere";
/// What the title says.
const TALKING_WITH: &str = "talking_with";
const KEY_BLOCK: &str = "key_block";
const KEY_QUESTION: &str = "key";

/// How many warnings are shown again on the normal screen, at most.
const UNSEEN_MAX: usize = 100;

/// What the client waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outstanding {
    Nothing,
    Line,
    Secret,
    /// Nothing; and what is typed ahead may be another secret.
    AfterSecret,
}

/// A block of words that belongs to a question and stays in sight with it.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) id: Id,
    pub(super) text: String,
}

/// The view's state; see the module.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) columns: u16,
    pub(super) rows: u16,
    pub(super) palette: Palette,
    pub(super) overview: Option<Overview>,
    /// What belongs to no conversation, and every notice.
    lobby: Scrollback,
    talks: BTreeMap<String, Scrollback>,
    last_id: Id,
    pub(super) outstanding: Outstanding,
    pub(super) question: Option<Phrase>,
    pub(super) block: Option<Block>,
    pub(super) conversational: bool,
    pub(super) editor: Editor,
    /// Lines begun in conversations that are not looked at.
    pub(super) drafts: BTreeMap<Option<String>, String>,
    /// Where the line being typed was begun.
    pub(super) begun_in: Option<String>,
    /// For whom a message is being written in the person's own editor.
    pub(super) composing_for: Option<String>,
    /// For what it was begun, as the client asked.
    pub(super) begun: Begun,
    /// The last line delivered was one that switches to another contact.
    pub(super) switching: bool,
    /// The line being typed asks for a contact's conversation, and stands there because they were chosen.
    pub(super) picked: bool,
    pub(super) secret: Secret,
    /// Several lines that were pasted, until it is said whether they are one message.
    pub(super) pasted: Option<String>,
    /// The help is seen, from this row on.
    pub(super) help: Option<usize>,
    /// The view's own words about the last key.
    pub(super) note: Option<Phrase>,
    /// Warnings since the last key: nobody may have seen them.
    unseen: VecDeque<String>,
    /// What is to ring with the next frame.
    pub(super) notice: Option<String>,
}

impl Model {
    pub(super) fn new(columns: u16, rows: u16, palette: Palette) -> Self {
        Self {
            columns,
            rows,
            palette,
            overview: None,
            lobby: Scrollback::default(),
            talks: BTreeMap::new(),
            last_id: 0,
            outstanding: Outstanding::Nothing,
            question: None,
            block: None,
            conversational: false,
            editor: Editor::default(),
            drafts: BTreeMap::new(),
            begun_in: None,
            composing_for: None,
            begun: Begun::default(),
            switching: false,
            picked: false,
            secret: Secret::default(),
            pasted: None,
            help: None,
            note: None,
            unseen: VecDeque::new(),
            notice: None,
        }
    }

    /// Whose conversation is looked at.
    pub(super) fn focus(&self) -> Option<&str> {
        self.overview.as_ref()?.focus.as_ref().map(Username::as_str)
    }

    /// What Tab completes.
    pub(super) fn known(&self) -> Known {
        self.overview.as_ref().map(Known::of).unwrap_or_default()
    }

    /// What is looked at.
    pub(super) fn scrollback(&self) -> &Scrollback {
        self.focus().and_then(|peer| self.talks.get(peer)).unwrap_or(&self.lobby)
    }

    pub(super) fn scrollback_mut(&mut self) -> &mut Scrollback {
        let focus = self.overview.as_ref().and_then(|overview| overview.focus.as_ref());
        match focus {
            Some(peer) => self.talks.entry(peer.to_string()).or_default(),
            None => &mut self.lobby,
        }
    }

    fn next_id(&mut self) -> Id {
        self.last_id += 1;
        self.last_id
    }

    // What the client says.

    /// Shows words of the client, or a message.
    pub(super) fn show(&mut self, emphasis: Emphasis, what: &Phrase) {
        match message(what) {
            Some((peer, said)) => self.add(&peer, said),
            None if what.id() == TALKING_WITH => {}
            None => self.notice(emphasis, what),
        }
    }

    /// A message of a conversation, whichever is looked at.
    fn add(&mut self, peer: &str, said: Said) {
        let id = self.next_id();
        self.talks.entry(peer.to_owned()).or_default().add(id, said);
    }

    /// Words of the client. They are seen where one looks, and stay where they belong: with that peer's messages, if
    /// there are any, and among all words of the client.
    fn notice(&mut self, emphasis: Emphasis, what: &Phrase) {
        let id = self.next_id();
        let text = what.text().trim_end_matches('\n').to_owned();
        if what.id() == KEY_BLOCK {
            self.block = Some(Block { id, text: text.clone() });
        }
        if emphasis == Emphasis::Warning {
            self.unseen.push_back(text.clone());
            if self.unseen.len() > UNSEEN_MAX {
                self.unseen.pop_front();
            }
        }
        if let Some(peer) = what.peer().filter(|_| OPENINGS.contains(&what.id())) {
            self.talks.entry(peer.to_owned()).or_default();
        }
        let said = Said::Notice { emphasis, text };
        let focus = self.focus().map(str::to_owned);
        if let Some(focus) = &focus {
            self.talks.entry(focus.clone()).or_default().add(id, said.clone());
        }
        let elsewhere = what.peer().filter(|peer| focus.as_deref() != Some(*peer) && what.id() != ELSEWHERE);
        if let Some(talk) = elsewhere.and_then(|peer| self.talks.get_mut(peer)) {
            talk.add(id, said.clone());
        }
        self.lobby.add(id, said);
    }

    /// A message of this person's has come so far.
    pub(super) fn mark(&mut self, mark: &Mark) {
        let (Mark::Sent { peer, .. }
        | Mark::Stored { peer, .. }
        | Mark::NotStored { peer, .. }
        | Mark::Delivered { peer, .. }) = mark;
        if let Mark::Sent { stream, counter, text, .. } = mark {
            let me = self.overview.as_ref().map(|overview| overview.me.to_string()).unwrap_or_default();
            let said = Said::Message {
                peer: peer.to_string(),
                from: me,
                own: true,
                number: None,
                sent: Some(Local::now().naive_local()),
                text: Printable::text(text).to_string(),
                progress: Progress::Sent,
                sealed: Some((*stream, *counter)),
            };
            return self.add(peer.as_str(), said);
        }
        let Some(talk) = self.talks.get_mut(peer.as_str()) else { return };
        match mark {
            Mark::Sent { .. } => {}
            Mark::Stored { stream, counter, number, .. } => talk.stored((*stream, *counter), *number),
            Mark::NotStored { stream, counter, .. } => talk.failed((*stream, *counter)),
            Mark::Delivered { number, .. } => talk.delivered(*number),
        }
    }

    /// The warnings since the last key, as whole lines.
    pub(super) fn take_unseen(&mut self) -> String {
        self.unseen.drain(..).map(|text| format!("{text}\n")).collect()
    }

    /// A key was pressed: by somebody who sees the screen.
    pub(super) fn seen(&mut self) {
        self.unseen.clear();
    }

    /// What this person typed that is no message.
    pub(super) fn echo(&mut self, text: String) {
        let id = self.next_id();
        self.scrollback_mut().add(id, Said::Typed(text));
    }

    /// Asks for a line that answers this question.
    pub(super) fn ask(&mut self, question: Phrase) {
        self.want(Some(question));
    }

    /// Asks for a line that answers none, and goes to this person, if there is one.
    pub(super) fn listen(&mut self, to: Option<&Username>) {
        self.want(None);
        self.begun.asks(Aim::to(to));
    }

    fn want(&mut self, question: Option<Phrase>) {
        if self.outstanding == Outstanding::Secret {
            self.secret.clear();
        }
        self.put(question);
        self.outstanding = Outstanding::Line;
    }

    /// Asks for a hidden line. What stands in the visible one stays there, and is seen again afterwards.
    pub(super) fn ask_secret(&mut self, question: Phrase) {
        if self.outstanding != Outstanding::Secret {
            self.secret.clear();
        }
        self.put(Some(question));
        self.outstanding = Outstanding::Secret;
    }

    fn put(&mut self, question: Option<Phrase>) {
        if let Some(question) = &question {
            self.begun.asks(Aim::Answer(question.text().to_owned()));
        }
        if question == self.question {
            return;
        }
        if question.as_ref().is_none_or(|question| question.id() != KEY_QUESTION) {
            self.block = None;
        }
        if question.is_some() {
            // Whoever is asked sees what came last.
            self.scrollback_mut().see_end();
        }
        self.question = question;
    }

    /// The line being typed is for whom one looks at.
    pub(super) fn begun_here(&mut self) {
        self.begun_in = self.focus().map(str::to_owned);
        // One that waited in the lobby may be a name.
        let focus = self.overview.as_ref().and_then(|overview| overview.focus.as_ref());
        self.begun.is(focus.filter(|_| !self.editor.is_empty()).cloned().map(Aim::To));
    }

    /// What there is to see at a glance has changed. A line that was begun stays with its conversation when the person
    /// went elsewhere, and in sight when they were taken elsewhere.
    pub(super) fn look_at(&mut self, overview: Overview) {
        let before = self.focus().map(str::to_owned);
        self.overview = Some(overview);
        let now = self.focus().map(str::to_owned);
        if before == now {
            return;
        }
        let switched = std::mem::take(&mut self.switching);
        if (switched || self.editor.is_empty()) && self.pasted.is_none() {
            let draft = self.drafts.remove(&now).unwrap_or_default();
            let begun = self.editor.replace(draft);
            if !begun.is_empty() {
                self.drafts.insert(before, begun);
            }
            self.begun_here();
        }
    }

    pub(super) fn resize(&mut self, columns: u16, rows: u16) {
        (self.columns, self.rows) = (columns, rows);
    }
}

/// The message that this phrase is, and whose conversation it belongs to.
fn message(what: &Phrase) -> Option<(String, Said)> {
    if what.id() != MESSAGE {
        return None;
    }
    let text = |name| match what.arg(name) {
        Some(Arg::Text(text)) => Some(text.clone()),
        _ => None,
    };
    // In a view that indents every row of a message, its line breaks can be broken lines.
    let exact = match what.arg("exact") {
        Some(Arg::Exact(exact)) => Some(Printable::text(exact).to_string()),
        _ => None,
    };
    let number = match what.arg("number") {
        Some(Arg::Number(number)) => Some(*number),
        _ => None,
    };
    let sent = match what.arg("sent") {
        Some(Arg::Time(sent)) => Some(sent.with_timezone(&Local).naive_local()),
        _ => None,
    };
    let peer = text("peer")?;
    let said = Said::Message {
        peer: peer.clone(),
        from: text("from")?,
        own: matches!(what.arg("own"), Some(Arg::Flag(true))),
        number,
        sent,
        text: exact.or_else(|| text("text"))?,
        progress: Progress::Stored,
        sealed: None,
    };
    Some((peer, said))
}

#[cfg(test)]
#[path = "model_tests.rs"]
pub(super) mod tests;
