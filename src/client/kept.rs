//! The kept key that the server shows, compared with what this machine remembers of the pair.
//!
//! A server can lose the key, hide it, bring back an older one, or show another under the same number:
//! each is told apart here, and said in the block that the person answers.

use super::{meeting::Known, phrase::Phrase, words};
use crate::{
    crypto::conversation_key::ConversationKey,
    wire::{Bytes, KeptKey, Pair, Username},
};

/// What the comparison came to.
#[derive(Default)]
pub(super) struct Judged {
    /// The key, when it is one to go on with, and the peer's identity that was sealed with it.
    pub(super) usable: Option<(ConversationKey, Bytes<32>)>,
    /// The epoch that the server shows; 0 for no key.
    pub(super) shown_epoch: u32,
    /// What the person should know.
    pub(super) notices: Vec<Phrase>,
}

/// Compares the kept key that the server shows with what is remembered.
pub(super) fn judge(shown: Option<KeptKey>, peer: &Username, pair: &Pair, known: &Known<'_>) -> Judged {
    let pins = known.pins;
    let proven = pins.highest_proven().map(|(epoch, _)| epoch);
    let Some(shown) = shown else {
        let notices = proven.map(|epoch| words::kept_key_gone(peer, epoch)).into_iter().collect();
        return Judged { notices, ..Judged::default() };
    };
    let refused = |notice: Phrase| Judged { usable: None, shown_epoch: shown.epoch, notices: vec![notice] };
    if let Some(epoch) = proven.filter(|epoch| shown.epoch < *epoch) {
        return refused(words::kept_key_rolled_back(peer, shown.epoch, epoch));
    }
    let pinned = pins.epochs.get(&shown.epoch);
    if pinned.is_some_and(|pinned| pinned.key_id != shown.key_id) {
        return refused(words::kept_key_swapped(peer, shown.epoch));
    }
    let Ok(opened) = ConversationKey::open(&known.keys.vault, pair, &shown) else {
        return refused(words::kept_key_does_not_open(peer, shown.epoch));
    };
    let notice = if pins.is_empty() {
        Some(words::no_memory(peer))
    } else if pinned.is_none() {
        Some(words::kept_key_unremembered(peer, shown.epoch))
    } else {
        None
    };
    Judged { usable: Some(opened), shown_epoch: shown.epoch, notices: notice.into_iter().collect() }
}
