//! `/verify`: what is known of a peer's identity, the safety number, and marking an identity as compared.
//!
//! An identity is marked only for something that was compared: the code or the safety number as the peer
//! gave it, or the person's word after the number was on the screen for this very identity.

use super::{
    app::App,
    command::{Verify, VerifyAct},
    conversation::Conversation,
    error::ClientError,
    pins::{Means, Standing, Status, Verification},
    words,
};
use crate::{
    crypto::safety_number::SafetyNumber,
    wire::{Bytes, Username},
};

impl App<'_> {
    pub(super) fn verify(&mut self, what: &Verify) -> Result<(), ClientError> {
        let asking = self.place.run().filter(|run| run.is_asking() || self.place.focus().is_none());
        let current = asking.map(|run| &run.peer).or_else(|| self.place.focus());
        let Some(peer) = what.peer.as_ref().or(current).cloned() else {
            self.desk.show(words::NAME_WHOM_TO_VERIFY);
            return Ok(());
        };
        if let Some((identity, standing)) = self.shown_in_a_run(&peer) {
            return self.verify_at_a_key(&peer, &identity, standing, &what.act);
        }
        if let VerifyAct::Code(code) = &what.act {
            return self.verify_by_code(&peer, code);
        }
        let pins = self.pins.peer(&peer);
        let Some(pinned) = &pins.identity else {
            self.desk.show(&words::nothing_known(&peer));
            return Ok(());
        };
        match &what.act {
            VerifyAct::Mark if self.numbers_shown.get(&peer) == Some(&pinned.key) => {
                self.mark(&peer, &pinned.key, Means::SafetyNumber)
            }
            VerifyAct::Number(number) if self.safety_number(&peer, &pinned.key).matches(number) => {
                self.mark(&peer, &pinned.key, Means::SafetyNumber)
            }
            VerifyAct::Number(_) => {
                self.desk.warn(words::NUMBERS_DIFFER);
                Ok(())
            }
            VerifyAct::Unmark => self.unmark(&peer),
            // Nothing was on the screen yet that could have been compared.
            VerifyAct::Show | VerifyAct::Mark | VerifyAct::Code(_) => {
                self.show_known(&peer);
                Ok(())
            }
        }
    }

    /// The identity that this peer shows in a run whose question is not answered.
    fn shown_in_a_run(&self, peer: &Username) -> Option<(Bytes<32>, Standing)> {
        self.place.run().filter(|run| run.peer == *peer && run.is_asking())?.shown_identity()
    }

    /// While the question about a key is open, this is about the identity in it; what was compared is
    /// typed as the answer, so that it cannot be another identity that is marked.
    fn verify_at_a_key(
        &mut self,
        peer: &Username,
        identity: &Bytes<32>,
        standing: Standing,
        act: &VerifyAct,
    ) -> Result<(), ClientError> {
        match act {
            VerifyAct::Code(typed) | VerifyAct::Number(typed) => return self.on_answer(typed),
            VerifyAct::Mark | VerifyAct::Unmark => self.desk.show(words::NOT_DURING_A_KEY),
            // On the screen here it would only be typed off: it is to come from the peer.
            VerifyAct::Show if !standing.plain_yes_is_enough() => {
                self.desk.warn(&words::changed_needs_proof(peer, &self.me));
            }
            VerifyAct::Show => {
                let number = self.safety_number(peer, identity);
                self.desk.show(&words::number_at_a_key(peer, &self.me, &number));
            }
        }
        Ok(())
    }

    fn safety_number(&self, peer: &Username, identity: &Bytes<32>) -> SafetyNumber {
        SafetyNumber::of((&self.me, &self.keys.identity.public()), (peer, identity))
    }

    /// What is known of the pinned identity, and the number of the two.
    fn show_known(&mut self, peer: &Username) {
        let pins = self.pins.peer(peer);
        let Some(pinned) = &pins.identity else { return };
        let own = self.keys.identity.public();
        self.desk.show(&words::verify_status(peer, pinned, &own));
        if let Some(doubt) = pins.in_doubt {
            self.desk.warn(&words::another_was_shown(peer, doubt.at));
        }
        let (number, verified) = (self.safety_number(peer, &pinned.key), pinned.status == Status::Verified);
        self.numbers_shown.insert(peer.clone(), pinned.key);
        self.desk.show(&words::safety_number(peer, &self.me, &number, verified));
        if let Some(conversation) = self.talks.get(peer) {
            let code = conversation.codes().0;
            // The other one may still want to hear it.
            self.desk.show(&if verified {
                words::own_code(peer, code)
            } else {
                words::verify_with_codes(peer, code)
            });
        }
    }

    fn mark(&mut self, peer: &Username, identity: &Bytes<32>, means: Means) -> Result<(), ClientError> {
        let mut marked = false;
        self.remember(peer, |pins| {
            marked = pins.mark_verified(identity, Verification::here(means), chrono::Utc::now());
        });
        self.save_pins()?;
        if marked {
            self.desk.notice(&words::now_verified(peer));
        }
        Ok(())
    }

    fn unmark(&mut self, peer: &Username) -> Result<(), ClientError> {
        let mut unmarked = false;
        self.remember(peer, |pins| unmarked = pins.unmark_verified());
        self.save_pins()?;
        if unmarked {
            self.desk.notice(&words::not_verified_any_more(peer));
        } else {
            self.desk.show(&words::was_not_verified(peer));
        }
        Ok(())
    }

    /// `/verify` with the code that the peer read out.
    fn verify_by_code(&mut self, peer: &Username, typed: &str) -> Result<(), ClientError> {
        let Some((own_code, peer_code)) = self.talks.get(peer).map(Conversation::codes) else {
            self.desk.show(words::CODE_ONLY_AT_A_KEY);
            return Ok(());
        };
        if peer_code.matches(typed) {
            let epoch = self.talks.get(peer).map_or(0, Conversation::epoch);
            let now = chrono::Utc::now();
            self.remember(peer, |pins| {
                if let Some(pinned) = pins.epochs.get(&epoch).cloned() {
                    pins.mark_proven(epoch, pinned, Some(Verification::here(Means::CodeLater)), now);
                }
            });
            self.save_pins()?;
            self.desk.notice(&words::now_verified(peer));
        } else if own_code.matches(typed) {
            self.desk.show(&words::that_is_your_own_code(peer));
        } else {
            self.desk.warn(words::CODES_DIFFER);
        }
        Ok(())
    }
}
