//! What there is to ask the person now, and to whom a line goes that comes early.

use super::{
    app::App,
    meeting::Meeting,
    phrase::Phrase,
    place::{Engaged, Place},
    terminal::Aim,
    typed::TypedLine,
    words,
};
use crate::wire::Username;

/// What there is to ask now.
enum Wanted {
    Question(Phrase),
    /// A line, without a question.
    Line,
    /// A line only where a person sits: a script's next line belongs to the next question.
    LineFromPerson,
}

impl App<'_> {
    /// Asks for what is wanted now; or gives a line that came early and answers it.
    pub(super) fn want_input(&mut self) -> Option<TypedLine> {
        let wanted = self.wanted();
        let takes_lines = !matches!(wanted, Wanted::LineFromPerson) && !self.holds_lines();
        if takes_lines && let Some(line) = self.held.pop_front() {
            if let Wanted::Question(question) = wanted {
                self.desk.show(&question.as_line());
            }
            return Some(line);
        }
        if matches!(wanted, Wanted::Question(_)) {
            // From now on a line answers this question, and is for nobody who may come back.
            self.asks_something_else();
        }
        match wanted {
            // Nobody is here to accept a key: whoever asks is told so at once.
            Wanted::Question(_)
                if self.desk.is_nobody() && self.place.run().is_some_and(Meeting::is_asking) =>
            {
                return Some(TypedLine::meant("no"));
            }
            Wanted::Question(question) => self.desk.put_question(&question),
            Wanted::LineFromPerson if !self.desk.is_interactive() => {}
            Wanted::Line | Wanted::LineFromPerson => {
                let to = self.line_goes_to().cloned();
                self.desk.listen(to.as_ref());
            }
        }
        None
    }

    /// What a line is for that is begun now.
    pub(super) fn aim(&self) -> Aim {
        match self.wanted() {
            Wanted::Question(question) => Aim::Answer(question.text().to_owned()),
            Wanted::Line | Wanted::LineFromPerson => Aim::to(self.line_goes_to()),
        }
    }

    /// For whom a line is that answers no question. Who waits for somebody may begin to type for them.
    fn line_goes_to(&self) -> Option<&Username> {
        let focus = self.place.focus().filter(|_| self.lines_go_to_conversation());
        focus.or_else(|| self.place.engaged.peer())
    }

    fn wanted(&self) -> Wanted {
        if self.talking_while_away().is_some() {
            return Wanted::Line;
        }
        if let Some(run) = self.place.run().filter(|run| run.is_asking()) {
            return Wanted::Question(words::key_question(&run.peer));
        }
        if self.lines_go_to_conversation() {
            return Wanted::Line;
        }
        match &self.place.engaged {
            Engaged::Free => Wanted::Question(words::LOBBY_QUESTION.into()),
            Engaged::Inviting(_) => Wanted::LineFromPerson,
            Engaged::Waiting(_) if self.held.is_empty() => Wanted::Line,
            Engaged::Meeting(run) if run.has_accepted() && self.held.is_empty() => Wanted::Line,
            Engaged::Waiting(_) | Engaged::Meeting(_) => Wanted::LineFromPerson,
        }
    }

    /// Whether a line that comes now is kept for the next question: while nothing is asked.
    pub(super) fn holds_lines(&self) -> bool {
        if self.talking_while_away().is_some() {
            return false;
        }
        if self.lines_go_to_conversation() {
            // What a script says after its exit is for what comes next.
            let leaving = self.place.focus().is_some_and(|peer| self.place.is_leaving(peer));
            return leaving && !self.desk.is_interactive();
        }
        match &self.place.engaged {
            Engaged::Inviting(_) => true,
            Engaged::Meeting(run) => !run.is_asking() && !run.has_accepted(),
            Engaged::Free | Engaged::Waiting(_) => false,
        }
    }

    /// Whether a line that answers no question goes to the conversation in focus. A script that names
    /// somebody speaks to them from then on: its lines wait for what comes of it, as they do where no
    /// conversation is open.
    pub(super) fn lines_go_to_conversation(&self) -> bool {
        let Place { engaged, .. } = &self.place;
        let Some(focus) = self.place.focus() else { return false };
        let elsewhere = match engaged {
            Engaged::Free => false,
            Engaged::Inviting(_) | Engaged::Waiting(_) => true,
            Engaged::Meeting(run) => run.peer != *focus,
        };
        let by_itself = engaged.peer().is_some_and(|peer| self.asked_by_itself(peer));
        !elsewhere || self.desk.is_interactive() || by_itself
    }
}
