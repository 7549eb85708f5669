//! What is said of keys and identities.

use std::fmt::Display;

use chrono::{DateTime, Local, Utc};

use crate::{
    client::pins::{Standing, Status},
    crypto::{conversation_key::Code, identity::identity_fingerprint},
    wire::{Bytes, Username},
};

pub(in crate::client) fn acceptance_invalid(peer: &Username) -> String {
    format!(
        "the server says that {peer} accepted, but {peer}'s proof does not verify. This key is not used; \
         the server may be lying to you"
    )
}

pub(in crate::client) fn forged_start(peer: &Username) -> String {
    format!("the server tried to start a key with {peer} in your name; refused")
}

pub(in crate::client) fn run_died(peer: &Username, count: usize, max: usize) -> String {
    format!("a key with {peer} broke off before you answered ({count} of {max} within an hour)")
}

pub(in crate::client) fn run_paused(peer: &Username) -> String {
    format!(
        "{peer}'s invitation was declined: too many keys with {peer} broke off within an hour, which is how a \
         server would guess codes. Type {peer} to let another one begin"
    )
}

pub(in crate::client) fn paused_by_peer(peer: &Username) -> String {
    format!("{peer}'s client waits until {peer} names you: too many keys with you broke off within an hour")
}

pub(in crate::client) fn epoch_declined(peer: &Username, proposed: u32, highest: u32) -> String {
    format!("{peer} proposed key number {proposed}, and number {highest} is used already; declined")
}

pub(in crate::client) fn epoch_declined_by_peer(peer: &Username, highest: u32) -> String {
    format!("{peer}'s machine has used key number {highest} already; name {peer} again to go on from there")
}

pub(in crate::client) fn kept_key_declined_by_us(peer: &Username, epoch: u32) -> String {
    format!(
        "the kept key (number {epoch}) that {peer} wants to go on with is not the newest known here; declined"
    )
}

pub(in crate::client) fn kept_key_declined_by_peer(peer: &Username) -> String {
    format!(
        "{peer}'s machine knows another kept key than the server shows; name {peer} again to agree on a new one"
    )
}

pub(in crate::client) fn declined_as_invalid(peer: &Username) -> String {
    format!("{peer}'s client found an error in the agreement and ended it; someone may be between you")
}

pub(in crate::client) fn agreement_failed(peer: &Username, why: &str) -> String {
    format!("the agreement with {peer} failed: {why}. Someone may be between you; no key was agreed on")
}

pub(in crate::client) fn could_not_remember(why: &str) -> String {
    format!("this machine could not write down that the key is used, so it was not accepted: {why}")
}

pub(in crate::client) fn kept_key_gone(peer: &Username, epoch: u32) -> String {
    format!(
        "WARNING: you and {peer} agreed on key number {epoch}, and the server has no record of it. It lost the \
         key, or hides it; a new key is needed"
    )
}

pub(in crate::client) fn kept_key_rolled_back(peer: &Username, shown: u32, proven: u32) -> String {
    format!(
        "WARNING: the server shows key number {shown} for {peer}, but you have used number {proven}. Its files \
         were set back to an older state; a new key is needed"
    )
}

pub(in crate::client) fn kept_key_swapped(peer: &Username, epoch: u32) -> String {
    format!(
        "WARNING: the server shows another key number {epoch} for {peer} than you agreed on; a new key is needed"
    )
}

pub(in crate::client) fn kept_key_does_not_open(peer: &Username, epoch: u32) -> String {
    format!(
        "WARNING: your copy of key number {epoch} with {peer} does not open: it was altered; a new key is needed"
    )
}

pub(in crate::client) fn kept_key_unremembered(peer: &Username, epoch: u32) -> String {
    format!(
        "note: key number {epoch} with {peer} was accepted on another machine of yours, or this one forgot it"
    )
}

pub(in crate::client) fn no_memory(peer: &Username) -> String {
    format!(
        "note: this machine has no memory of {peer}, so it cannot tell whether the server set something back"
    )
}

pub(in crate::client) fn peer_saw_more(peer: &Username) -> String {
    format!(
        "WARNING: {peer} has seen a message from you that this machine does not know of. You wrote it on another \
         machine, or this machine's memory was set back"
    )
}

pub(in crate::client) fn changed_needs_code(peer: &Username) -> String {
    format!(
        "{peer}'s identity changed, so a plain yes is not enough: only the code that {peer} reads to you accepts it"
    )
}

pub(in crate::client) fn that_is_your_own_code(peer: &Username) -> String {
    format!("that is your own code; ask {peer} for theirs")
}

/// What the block before the key question shows.
pub(in crate::client) struct KeyBlock<'a> {
    pub(in crate::client) peer: &'a Username,
    pub(in crate::client) epoch: u32,
    pub(in crate::client) new_key: bool,
    pub(in crate::client) standing: Standing,
    pub(in crate::client) identity: &'a Bytes<32>,
    pub(in crate::client) own_code: &'a Code,
    pub(in crate::client) notices: &'a [String],
}

pub(in crate::client) fn key_block(block: &KeyBlock<'_>) -> String {
    let KeyBlock { peer, epoch, new_key, standing, identity, own_code, notices } = block;
    let mut lines: Vec<String> = notices.to_vec();
    let kind = if *new_key { "A new key" } else { "The kept key" };
    lines.push(format!("{kind} with {peer} (number {epoch})"));
    lines.push(format!("  {peer}'s identity: {}", identity_fingerprint(identity)));
    match standing {
        Standing::New => lines.push("  this identity is new to you, and not verified".into()),
        Standing::Known { since } => {
            lines.push(format!("  this identity is known since {}, and not verified", date(*since)));
        }
        Standing::Verified { since } => {
            lines.push(format!("  this identity was verified on {}", date(*since)))
        }
        Standing::Changed { was, since } => {
            let was = match was {
                Status::Known => "known",
                Status::Verified => "verified",
            };
            lines.push(format!(
                "  WARNING: THIS IDENTITY CHANGED; another one was {was} since {}. {peer} made a new account, or \
                 someone poses as {peer}",
                date(*since)
            ));
        }
    }
    if !matches!(standing, Standing::Verified { .. }) {
        lines.push(format!("  your code: {own_code}"));
        lines.push(format!(
            "  read it to {peer}, by telephone or face to face, and type the code\n  that {peer} reads to you"
        ));
    }
    lines.join("\n")
}

pub(in crate::client) fn copies_mismatch(peer: &Username) -> String {
    format!("the server received different keys from you and {peer}, or an old number; no key was agreed on")
}

pub(in crate::client) fn key_not_stored(peer: &Username) -> String {
    format!("the server could not store the key with {peer}; nothing was agreed on. Tell its operator")
}

pub(in crate::client) fn timed_out(peer: &Username) -> String {
    format!("not both of you answered in time; no key was agreed on with {peer}")
}

pub(in crate::client) fn verify_status(
    peer: &Username,
    key: &Bytes<32>,
    own: &Bytes<32>,
    standing: Standing,
) -> String {
    let status = match standing {
        Standing::Known { since } => format!("known since {}, not verified", date(since)),
        Standing::Verified { since } => format!("verified on {}", date(since)),
        Standing::New | Standing::Changed { .. } => "new to you".into(),
    };
    format!(
        "{peer}'s identity: {}\n  {status}\nyour identity: {}",
        identity_fingerprint(key),
        identity_fingerprint(own)
    )
}

pub(in crate::client) fn verify_with_codes(peer: &Username, own_code: &Code) -> String {
    format!("  your code: {own_code}\n  to verify, type /verify and the code that {peer} reads to you")
}

pub(in crate::client) fn nothing_known(peer: &Username) -> String {
    format!("this machine knows no identity of {peer}")
}

pub(in crate::client) fn now_verified(peer: &Username) -> String {
    format!("{peer}'s identity is now verified")
}

fn date(time: DateTime<Utc>) -> impl Display {
    time.with_timezone(&Local).format("%Y-%m-%d")
}
