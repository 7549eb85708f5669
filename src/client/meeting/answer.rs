//! What the person types at the question about a key, and what it comes to.

use super::Meeting;
use crate::{
    client::{phrase::Phrase, pins::Means, words},
    crypto::{
        conversation_key::looks_like_code,
        safety_number::{SafetyNumber, looks_like_safety_number},
    },
    wire::Bytes,
};

/// Wrong codes that end a run.
const WRONG_CODES_MAX: u8 = 3;

/// What follows from what the person typed.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::client) enum Answer {
    /// Accept; with what shows who the other is, if anything does.
    Accept { verified: Option<Means> },
    /// Refuse.
    Refuse,
    /// Not an answer: show this, if anything, and ask again.
    Again(Option<Phrase>),
    /// The same of what is none at all.
    NotOne,
    /// The third wrong code.
    TooManyWrongCodes,
}

impl Meeting {
    /// What the person typed at the question.
    pub(in crate::client) fn answer(&mut self, typed: &str) -> Answer {
        let Some(proposal) = self.proposal() else { return Answer::Again(None) };
        let word = typed.trim().to_lowercase();
        match word.as_str() {
            // First: somebody can be called by an answer, and naming them is none.
            name if name == self.peer.as_str() => Answer::Again(None),
            yes if words::is_yes(yes) && proposal.standing.plain_yes_is_enough() => {
                Answer::Accept { verified: None }
            }
            yes if words::is_yes(yes) => Answer::Again(Some(words::changed_needs_code(&self.peer))),
            no if words::is_no(no) || words::is_exit(no) => Answer::Refuse,
            code if looks_like_code(code) => {
                if proposal.agreed.peer_code().matches(code) {
                    return Answer::Accept { verified: Some(Means::CodeAtKey) };
                }
                if proposal.agreed.own_code().matches(code) {
                    return Answer::Again(Some(words::that_is_your_own_code(&self.peer)));
                }
                self.wrong_codes += 1;
                if self.wrong_codes == WRONG_CODES_MAX {
                    return Answer::TooManyWrongCodes;
                }
                Answer::Again(Some(words::CODES_DIFFER.into()))
            }
            // Nobody guesses sixty digits: a wrong number is a slip or a warning, and counts as no try.
            number if looks_like_safety_number(number) => match self.safety_number(&proposal.peer_identity) {
                Some(right) if right.matches(number) => {
                    Answer::Accept { verified: Some(Means::SafetyNumber) }
                }
                _ => Answer::Again(Some(words::NUMBERS_DIFFER.into())),
            },
            "" => Answer::Again(None),
            // Of an identity that changed it was said above what is one.
            _ if proposal.standing.plain_yes_is_enough() => Answer::NotOne,
            _ => Answer::Again(None),
        }
    }

    fn safety_number(&self, peer_identity: &Bytes<32>) -> Option<SafetyNumber> {
        let me = self.pair.other(&self.peer)?;
        Some(SafetyNumber::of((me, &self.own_identity), (&self.peer, peer_identity)))
    }
}
