//! What is said where identities are compared: `/verify`, the safety number, an identity that changed.

use crate::{
    client::{
        phrase::{Arg, Phrase, Sentence},
        pins::{Means, PinnedIdentity, Status},
    },
    crypto::{conversation_key::Code, identity::identity_fingerprint, safety_number::SafetyNumber},
    wire::{Bytes, Username},
};

/// Groups of a safety number in a line: it is read out a line at a time.
const LINE_GROUPS: usize = 4;

pub(in crate::client) const NAME_WHOM_TO_VERIFY: Sentence = Sentence("name_whom_to_verify");
pub(in crate::client) const NUMBERS_DIFFER: Sentence = Sentence("numbers_differ");

/// What is known of the identity that is pinned.
pub(in crate::client) fn verify_status(peer: &Username, pinned: &PinnedIdentity, own: &Bytes<32>) -> Phrase {
    let (identity, own) = (identity_fingerprint(&pinned.key), identity_fingerprint(own));
    let since = pinned.since;
    let (state, how) = match (pinned.status, &pinned.verification) {
        (Status::Known, _) => ("known", say!("known_since", since)),
        (Status::Verified, None) => ("verified", say!("verified_somehow", since)),
        (Status::Verified, Some(by)) => {
            let machine = &by.machine;
            let how = match by.means {
                Means::CodeAtKey => say!("verified_by_code_at_key", since, machine),
                Means::CodeLater => say!("verified_by_code_later", since, machine),
                Means::SafetyNumber => say!("verified_by_number", since, machine),
            };
            ("verified", how)
        }
    };
    let lines =
        [say!("identity_of", peer, identity = &identity), how, say!("your_identity", identity = &own)];
    let text = lines.iter().map(Phrase::text).collect::<Vec<_>>().join("\n");
    // In the block about a key it is one line of several, and stands below its first.
    let text = text.trim_start().to_owned();
    let mut args = vec![
        ("peer", Arg::from(peer)),
        ("identity", identity.into()),
        ("standing", state.into()),
        ("since", since.into()),
        ("own", own.into()),
    ];
    if let Some(by) = &pinned.verification {
        let means = match by.means {
            Means::CodeAtKey => "code_at_key",
            Means::CodeLater => "code_later",
            Means::SafetyNumber => "safety_number",
        };
        args.extend([("means", means.into()), ("machine", Arg::from(&by.machine))]);
    }
    Phrase::composed("verify_status", args, text)
}

/// The number of the two, and what to do with it.
pub(in crate::client) fn safety_number(
    peer: &Username,
    me: &Username,
    number: &SafetyNumber,
    verified: bool,
) -> Phrase {
    let next = if verified { say!("number_verified", peer, me) } else { say!("number_next", peer, me) };
    numbered("safety_number", peer, number, &next)
}

/// The same while the question about a key is open.
pub(in crate::client) fn number_at_a_key(peer: &Username, me: &Username, number: &SafetyNumber) -> Phrase {
    numbered("number_at_a_key", peer, number, &say!("number_next_at_a_key", peer, me))
}

fn numbered(id: &'static str, peer: &Username, number: &SafetyNumber, next: &Phrase) -> Phrase {
    let groups: Vec<&str> = number.groups().collect();
    let lines = groups.chunks(LINE_GROUPS).map(|groups| format!("  {}", groups.join(" ")));
    let lines = lines.collect::<Vec<_>>().join("\n");
    let text = format!("{}\n{lines}\n{}", say!("number_of_the_two", peer).text(), next.text());
    Phrase::composed(id, vec![("peer", peer.into()), ("number", number.to_string().into())], text)
}

pub(in crate::client) fn changed_needs_code(peer: &Username) -> Phrase {
    say!("changed_needs_code", peer)
}

/// `/verify` at the question about an identity that changed.
pub(in crate::client) fn changed_needs_proof(peer: &Username, me: &Username) -> Phrase {
    say!("changed_needs_proof", peer, me)
}

pub(in crate::client) fn another_was_shown(peer: &Username, at: chrono::DateTime<chrono::Utc>) -> Phrase {
    say!("another_was_shown", peer, at)
}

pub(in crate::client) fn verify_with_codes(peer: &Username, own_code: &Code) -> Phrase {
    say!("verify_with_codes", peer, own_code = own_code.to_string())
}

/// For one who is verified: what the other may want to hear.
pub(in crate::client) fn own_code(peer: &Username, code: &Code) -> Phrase {
    say!("your_code_for_them", peer, code = code.to_string())
}

pub(in crate::client) fn nothing_known(peer: &Username) -> Phrase {
    say!("nothing_known", peer)
}

pub(in crate::client) fn now_verified(peer: &Username) -> Phrase {
    say!("now_verified", peer)
}

pub(in crate::client) fn not_verified_any_more(peer: &Username) -> Phrase {
    say!("not_verified_any_more", peer)
}

pub(in crate::client) fn was_not_verified(peer: &Username) -> Phrase {
    say!("was_not_verified", peer)
}
