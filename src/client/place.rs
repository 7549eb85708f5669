//! Where the person is: which conversations are open, to which of them typed lines go, and what else is
//! under way.

use super::meeting::Meeting;
use crate::wire::Username;

/// Where the person is.
#[derive(Default)]
pub(super) struct Place {
    /// The open conversations. The later in the list, the later lines went to it.
    open: Vec<Open>,
    /// Lines go to the last of them. Else the person is asked whom to meet.
    focused: bool,
    pub(super) engaged: Engaged,
}

/// An open conversation.
struct Open {
    peer: Username,
    kind: Kind,
    /// The person left it; the server has not said so yet.
    leaving: bool,
}

/// Who is in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Both: each accepted its key, and the server knows of it.
    Together,
    /// Only this person: what they write waits in the log.
    OneSided,
}

/// What is under way besides conversations: one thing at a time.
#[derive(Default)]
pub(super) enum Engaged {
    /// Nothing.
    #[default]
    Free,
    /// Named somebody; the server has not answered yet.
    Inviting(Username),
    /// The named one is busy.
    Waiting(Username),
    /// In a run of the agreement: outside a conversation, or for a new key within one.
    Meeting(Box<Meeting>),
}

impl Engaged {
    /// Whom it concerns.
    pub(super) fn peer(&self) -> Option<&Username> {
        match self {
            Self::Free => None,
            Self::Inviting(peer) | Self::Waiting(peer) => Some(peer),
            Self::Meeting(run) => Some(&run.peer),
        }
    }
}

impl Place {
    /// To whom a typed line goes, as far as conversations are concerned.
    pub(super) fn focus(&self) -> Option<&Username> {
        self.open.last().filter(|_| self.focused).map(|open| &open.peer)
    }

    /// Everybody with whom a conversation is open.
    pub(super) fn open_with(&self) -> impl DoubleEndedIterator<Item = &Username> {
        self.open.iter().map(|open| &open.peer)
    }

    /// The kind of the open conversation with this peer, if there is one.
    pub(super) fn kind(&self, peer: &Username) -> Option<Kind> {
        self.entry(peer).map(|open| open.kind)
    }

    /// Whether a conversation with this peer is open.
    pub(super) fn is_open(&self, peer: &Username) -> bool {
        self.entry(peer).is_some()
    }

    /// Whether one is open that the server knows of.
    pub(super) fn is_together(&self, peer: &Username) -> bool {
        self.kind(peer) == Some(Kind::Together)
    }

    /// Whether any is open that the server knows of: then invitations wait for this person.
    pub(super) fn any_together(&self) -> bool {
        self.open.iter().any(|open| open.kind == Kind::Together)
    }

    fn entry(&self, peer: &Username) -> Option<&Open> {
        self.open.iter().find(|open| open.peer == *peer)
    }

    /// A conversation opens, in the place of an earlier one of the same pair. With `focus` lines go to it.
    pub(super) fn open(&mut self, peer: &Username, kind: Kind, focus: bool) {
        let had_focus = self.focus() == Some(peer);
        self.open.retain(|open| open.peer != *peer);
        let open = Open { peer: peer.clone(), kind, leaving: false };
        if focus || had_focus {
            self.open.push(open);
            self.focused = true;
        } else {
            self.open.insert(0, open);
        }
    }

    /// A conversation is over. Whether lines went to it: then they go to nobody now.
    pub(super) fn close(&mut self, peer: &Username) -> bool {
        let had_focus = self.focus() == Some(peer);
        self.open.retain(|open| open.peer != *peer);
        self.focused &= !had_focus;
        had_focus
    }

    /// Lines go to this open conversation from now on.
    pub(super) fn switch_to(&mut self, peer: &Username) -> bool {
        let Some(at) = self.open.iter().position(|open| open.peer == *peer) else { return false };
        let open = self.open.remove(at);
        self.open.push(open);
        self.focused = true;
        true
    }

    /// Lines go to the conversation that they went to before; gives its peer.
    pub(super) fn switch_to_previous(&mut self) -> Option<&Username> {
        self.focused = !self.open.is_empty();
        self.focus()
    }

    /// The person leaves this conversation.
    pub(super) fn leaves(&mut self, peer: &Username) {
        if let Some(open) = self.open.iter_mut().find(|open| open.peer == *peer) {
            open.leaving = true;
        }
    }

    /// Whether the person left this conversation, and the server has not said so yet.
    pub(super) fn is_leaving(&self, peer: &Username) -> bool {
        self.entry(peer).is_some_and(|open| open.leaving)
    }

    /// Whether the person left any, and the server has not said so yet.
    pub(super) fn is_leaving_any(&self) -> bool {
        self.open.iter().any(|open| open.leaving)
    }

    /// The run that is going on.
    pub(super) fn run(&self) -> Option<&Meeting> {
        match &self.engaged {
            Engaged::Meeting(run) => Some(run),
            _ => None,
        }
    }

    /// As [`Place::run`].
    pub(super) fn run_mut(&mut self) -> Option<&mut Meeting> {
        match &mut self.engaged {
            Engaged::Meeting(run) => Some(run),
            _ => None,
        }
    }

    /// Takes the run out, if one is going on.
    pub(super) fn take_run(&mut self) -> Option<Box<Meeting>> {
        match std::mem::take(&mut self.engaged) {
            Engaged::Meeting(run) => Some(run),
            other => {
                self.engaged = other;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    fn focus(place: &Place) -> Option<&str> {
        place.focus().map(Username::as_str)
    }

    #[test]
    fn lines_go_where_the_person_last_went_and_back_on_leaving() {
        let mut place = Place::default();
        for peer in ["bob", "carol", "dave"] {
            place.open(&name(peer), Kind::Together, true);
        }
        assert_eq!(focus(&place), Some("dave"));
        assert!(place.switch_to(&name("bob")));
        assert!(!place.switch_to(&name("eve")));
        assert!(place.close(&name("bob")));
        assert_eq!(place.switch_to_previous().map(Username::as_str), Some("dave"));
        assert!(!place.close(&name("carol")), "it had not the lines");
        assert_eq!(focus(&place), Some("dave"));
        assert!(place.close(&name("dave")));
        assert_eq!(place.switch_to_previous(), None);
    }

    #[test]
    fn what_was_meant_for_somebody_who_left_goes_to_nobody_else() {
        let mut place = Place::default();
        place.open(&name("bob"), Kind::Together, true);
        place.open(&name("carol"), Kind::OneSided, true);
        place.close(&name("carol"));
        assert_eq!(focus(&place), None, "bob does not get the lines by itself");
        assert!(place.is_open(&name("bob")) && place.any_together());
    }

    #[test]
    fn a_conversation_that_opens_in_the_background_takes_no_lines() {
        let mut place = Place::default();
        place.open(&name("bob"), Kind::Together, true);
        place.open(&name("carol"), Kind::Together, false);
        assert_eq!(focus(&place), Some("bob"));
        place.open(&name("bob"), Kind::Together, false);
        assert_eq!(focus(&place), Some("bob"), "opened again, it keeps them");
        place.leaves(&name("carol"));
        assert!(
            place.is_leaving(&name("carol")) && place.is_leaving_any() && !place.is_leaving(&name("bob"))
        );
    }
}
