//! `/verify`: what is known of a peer's identity, and marking it as verified by the code they read out.

use super::{app::App, command::Verify, conversation::Conversation, error::ClientError, words};
use crate::wire::Username;

impl App<'_> {
    pub(super) fn verify(&mut self, what: &Verify) -> Result<(), ClientError> {
        let asking = self.place.run().filter(|run| run.is_asking() || self.place.focus().is_none());
        let talking = asking.map(|run| &run.peer).or_else(|| self.place.focus()).cloned();
        let peer = match what {
            Verify::Peer(name) => name.clone(),
            Verify::Current | Verify::Code(_) => match talking {
                Some(peer) => peer,
                None => {
                    self.desk.show(words::OPEN_CONVERSATION_ONLY);
                    return Ok(());
                }
            },
        };
        if let Verify::Code(code) = what {
            return self.verify_by_code(&peer, code);
        }
        let pins = self.pins.peer(&peer);
        let Some(identity) = &pins.identity else {
            self.desk.show(&words::nothing_known(&peer));
            return Ok(());
        };
        let standing = pins.standing(&identity.key);
        let own = self.keys.identity.public();
        self.desk.show(&words::verify_status(&peer, &identity.key, &own, standing));
        if let Some(conversation) = self.talks.get(&peer) {
            self.desk.show(&words::verify_with_codes(&peer, conversation.codes().0));
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
            self.remember(peer, |pins| {
                if let Some(pinned) = pins.epochs.get(&epoch).cloned() {
                    pins.mark_proven(epoch, pinned, true, chrono::Utc::now());
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
