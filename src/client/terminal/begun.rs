//! For what the line being typed was begun.
//!
//! What is asked, and to whom lines go, can change while a line is half typed. Every view keeps here what stood there
//! when the line was begun, and whoever takes the line is told: so that it answers no other question, and goes to nobody
//! else. What becomes of it then is not decided here. Pure.

use crate::wire::Username;

/// What a line is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Aim {
    /// Nothing is asked, and nobody would get it.
    #[default]
    Nothing,
    /// It answers this question.
    Answer(String),
    /// It is sent to this person.
    To(Username),
}

impl Aim {
    /// What a line is for that answers no question.
    #[must_use]
    pub fn to(peer: Option<&Username>) -> Self {
        peer.map_or(Self::Nothing, |peer| Self::To(peer.clone()))
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Begun {
    now: Aim,
    /// Of the line being typed, while something stands in it.
    line: Option<Aim>,
    /// Of the line that ended last, until it is told.
    ended: Option<Aim>,
    /// The view asks something of its own, about the line that ended last or stands there.
    held: bool,
}

impl Begun {
    /// What a line is for that is begun from now on.
    pub(super) fn asks(&mut self, aim: Aim) {
        self.now = aim;
    }

    /// Something stands in the line being typed, or nothing.
    pub(super) fn stands(&mut self, something: bool) {
        match (self.held, something) {
            (true, _) => {}
            (false, true) => _ = self.line.get_or_insert_with(|| self.now.clone()),
            (false, false) => self.line = None,
        }
    }

    /// The line being typed is one that was begun for this; nothing: it is begun now, whatever stands in it.
    pub(super) fn is(&mut self, aim: Option<Aim>) {
        self.line = aim;
    }

    /// The line being typed is over.
    pub(super) fn ends(&mut self) {
        if !self.held {
            self.ended = self.line.take();
        }
    }

    /// The view begins or ends to ask something of its own: those lines are not the caller's.
    pub(super) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// For what the line that ended last was begun; nothing of an empty one. Told once.
    pub(super) fn take(&mut self) -> Option<Aim> {
        self.ended.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(peer: &str) -> Aim {
        Aim::To(peer.parse().unwrap())
    }

    #[test]
    fn a_line_is_for_what_stood_there_at_its_first_key() {
        let mut begun = Begun::default();
        begun.asks(to("bob"));
        begun.stands(true);
        begun.asks(to("carol"));
        begun.stands(true);
        begun.ends();
        assert_eq!(begun.take(), Some(to("bob")));
        assert_eq!(begun.take(), None, "told once");
        begun.stands(true);
        begun.ends();
        assert_eq!(begun.take(), Some(to("carol")));
    }

    #[test]
    fn a_line_that_is_erased_is_begun_anew_and_an_empty_one_is_for_nothing() {
        let mut begun = Begun::default();
        begun.asks(Aim::Answer("Who? ".into()));
        begun.stands(true);
        begun.asks(to("bob"));
        begun.stands(false);
        begun.stands(true);
        begun.ends();
        assert_eq!(begun.take(), Some(to("bob")));
        begun.ends();
        assert_eq!(begun.take(), None);
    }

    #[test]
    fn what_the_view_asks_about_a_line_changes_nothing_of_it() {
        let mut begun = Begun::default();
        begun.asks(to("bob"));
        begun.stands(true);
        begun.ends();
        begun.hold(true);
        begun.asks(to("carol"));
        begun.stands(true);
        begun.ends();
        begun.hold(false);
        assert_eq!(begun.take(), Some(to("bob")));
    }
}
