//! What is said of keys and identities.

use crate::{
    client::{
        phrase::{Arg, Phrase},
        pins::{Standing, Status},
    },
    crypto::{conversation_key::Code, identity::identity_fingerprint},
    wire::{Bytes, Username},
};

pub(in crate::client) fn acceptance_invalid(peer: &Username) -> Phrase {
    say!("acceptance_invalid", peer)
}

pub(in crate::client) fn forged_start(peer: &Username) -> Phrase {
    say!("forged_start", peer)
}

pub(in crate::client) fn run_died(peer: &Username, count: usize, max: usize) -> Phrase {
    say!("run_died", peer, count, max)
}

pub(in crate::client) fn run_paused(peer: &Username) -> Phrase {
    say!("run_paused", peer)
}

pub(in crate::client) fn paused_by_peer(peer: &Username) -> Phrase {
    say!("paused_by_peer", peer)
}

pub(in crate::client) fn epoch_declined(peer: &Username, proposed: u32, highest: u32) -> Phrase {
    say!("epoch_declined", peer, proposed, highest)
}

pub(in crate::client) fn epoch_declined_by_peer(peer: &Username, highest: u32) -> Phrase {
    say!("epoch_declined_by_peer", peer, highest)
}

pub(in crate::client) fn kept_key_declined_by_us(peer: &Username, epoch: u32) -> Phrase {
    say!("kept_key_declined_by_us", peer, epoch)
}

pub(in crate::client) fn kept_key_declined_by_peer(peer: &Username) -> Phrase {
    say!("kept_key_declined_by_peer", peer)
}

pub(in crate::client) fn declined_as_invalid(peer: &Username) -> Phrase {
    say!("declined_as_invalid", peer)
}

pub(in crate::client) fn agreement_failed(peer: &Username, why: &str) -> Phrase {
    say!("agreement_failed", peer, why)
}

pub(in crate::client) fn step_out_of_place(peer: &Username) -> Phrase {
    say!("step_out_of_place", peer)
}

pub(in crate::client) fn could_not_remember(why: &str) -> Phrase {
    say!("could_not_remember", why)
}

pub(in crate::client) fn kept_key_gone(peer: &Username, epoch: u32) -> Phrase {
    say!("kept_key_gone", peer, epoch)
}

pub(in crate::client) fn kept_key_rolled_back(peer: &Username, shown: u32, proven: u32) -> Phrase {
    say!("kept_key_rolled_back", peer, shown, proven)
}

pub(in crate::client) fn kept_key_swapped(peer: &Username, epoch: u32) -> Phrase {
    say!("kept_key_swapped", peer, epoch)
}

pub(in crate::client) fn kept_key_does_not_open(peer: &Username, epoch: u32) -> Phrase {
    say!("kept_key_does_not_open", peer, epoch)
}

pub(in crate::client) fn kept_key_unremembered(peer: &Username, epoch: u32) -> Phrase {
    say!("kept_key_unremembered", peer, epoch)
}

pub(in crate::client) fn no_memory(peer: &Username) -> Phrase {
    say!("no_memory", peer)
}

pub(in crate::client) fn peer_saw_more(peer: &Username) -> Phrase {
    say!("peer_saw_more", peer)
}

pub(in crate::client) fn that_is_your_own_code(peer: &Username) -> Phrase {
    say!("that_is_your_own_code", peer)
}

/// What the block before the key question shows.
pub(in crate::client) struct KeyBlock<'a> {
    pub(in crate::client) peer: &'a Username,
    pub(in crate::client) me: &'a Username,
    pub(in crate::client) epoch: u32,
    pub(in crate::client) new_key: bool,
    pub(in crate::client) standing: Standing,
    pub(in crate::client) identity: &'a Bytes<32>,
    pub(in crate::client) own_code: &'a Code,
    pub(in crate::client) notices: &'a [Phrase],
}

pub(in crate::client) fn key_block(block: &KeyBlock<'_>) -> Phrase {
    let KeyBlock { peer, me, epoch, new_key, standing, identity, own_code, notices } = block;
    let (peer, epoch, fingerprint) = (*peer, *epoch, identity_fingerprint(identity).to_string());
    let mut lines: Vec<Phrase> = notices.to_vec();
    lines.push(if *new_key { say!("new_key", peer, epoch) } else { say!("kept_key", peer, epoch) });
    lines.push(say!("identity_of", peer, identity = &fingerprint));
    let (state, since) = match *standing {
        Standing::New => ("new", None),
        Standing::Known { since } => ("known", Some(since)),
        Standing::Verified { since } => ("verified", Some(since)),
        Standing::Changed { since, .. } => ("changed", Some(since)),
    };
    lines.push(match *standing {
        Standing::New => say!("identity_new"),
        Standing::Known { since } => say!("identity_known", since),
        Standing::Verified { since } => say!("identity_verified", since),
        Standing::Changed { was: Status::Known, since } => say!("identity_changed_known", since),
        Standing::Changed { was: Status::Verified, since } => say!("identity_changed_verified", since),
    });
    if let Standing::Changed { .. } = standing {
        lines.extend([say!("changed_what", peer), say!("changed_next", peer, me = *me)]);
    }
    let code = own_code.to_string();
    if !matches!(standing, Standing::Verified { .. }) {
        lines.push(say!("your_code", code = &code));
        lines.push(say!("read_your_code", peer));
    }
    let text = lines.iter().map(Phrase::text).collect::<Vec<_>>().join("\n");
    let mut args = vec![
        ("peer", Arg::from(peer)),
        ("number", epoch.into()),
        ("new_key", (*new_key).into()),
        ("standing", state.into()),
        ("identity", fingerprint.into()),
        ("code", code.into()),
    ];
    args.extend(since.map(|since| ("since", since.into())));
    args.extend(notices.iter().map(|notice| ("notice", notice.text().into())));
    Phrase::composed("key_block", args, text)
}

pub(in crate::client) fn copies_mismatch(peer: &Username) -> Phrase {
    say!("copies_mismatch", peer)
}

pub(in crate::client) fn key_not_stored(peer: &Username) -> Phrase {
    say!("key_not_stored", peer)
}

pub(in crate::client) fn no_step_came(peer: &Username, seconds: u64) -> Phrase {
    say!("no_step_came", peer, seconds)
}

pub(in crate::client) fn timed_out(peer: &Username) -> Phrase {
    say!("timed_out", peer)
}
