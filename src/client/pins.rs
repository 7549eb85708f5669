//! What this machine remembers of every peer: identities, epochs, and how far each conversation went.
//!
//! The memory that makes a lying server noticeable. Each change here follows a proof by the peer
//! (PROTOCOL.md, section 9), except the mark of a used epoch, which is set before this client's own
//! acceptance goes out. It is sealed by the vault when it is at rest; where it lies is `home`'s matter.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::home::machine_name;
use crate::wire::{Bytes, Seen, Username, limits::EPOCH_STEP_MAX};

/// The memory of one account on one machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pins {
    peers: BTreeMap<Username, PeerPins>,
}

impl Pins {
    /// What is remembered of `name`; nothing, for somebody new.
    #[must_use]
    pub(super) fn peer(&self, name: &Username) -> PeerPins {
        self.peers.get(name).cloned().unwrap_or_default()
    }

    /// Everybody of whom something is remembered, in order.
    pub(super) fn peers(&self) -> impl Iterator<Item = (&Username, &PeerPins)> {
        self.peers.iter()
    }

    /// What is remembered of `name`, to be changed.
    pub(super) fn peer_mut(&mut self, name: &Username) -> &mut PeerPins {
        self.peers.entry(name.clone()).or_default()
    }
}

/// How sure this client's person is of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// Accepted by a plain yes: the same as before, whoever that is.
    Known,
    /// Compared with the peer, by a code or the safety number.
    Verified,
}

/// By what an identity was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Means {
    /// The code that the peer read out, typed at the question about a key.
    CodeAtKey,
    /// The same, typed in the conversation.
    CodeLater,
    /// The safety number, compared by this person or typed.
    SafetyNumber,
}

/// How an identity was verified, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verification {
    /// By what.
    pub(super) means: Means,
    /// The name of the machine on which it was, as it called itself.
    pub(super) machine: String,
}

impl Verification {
    /// One of now, on this machine.
    #[must_use]
    pub(super) fn here(means: Means) -> Self {
        Self { means, machine: machine_name() }
    }
}

/// A peer's identity as this client last had proof of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PinnedIdentity {
    /// The identity key (Ed25519).
    pub(super) key: Bytes<32>,
    /// How sure.
    pub(super) status: Status,
    /// Since when this status holds.
    pub(super) since: DateTime<Utc>,
    /// Since when it was known before it was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) known_since: Option<DateTime<Utc>>,
    /// How it was verified; memories of before this was written down have nothing here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) verification: Option<Verification>,
}

/// Another identity than the pinned one, that was shown as the peer's and not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShownIdentity {
    /// The identity key.
    pub(super) key: Bytes<32>,
    /// When it was shown last.
    pub(super) at: DateTime<Utc>,
}

/// One epoch of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PinnedEpoch {
    /// The key's id.
    pub(super) key_id: Bytes<16>,
    /// This user's identity when it was agreed.
    pub(super) own_identity: Bytes<32>,
    /// The peer's identity when it was agreed.
    pub(super) peer_identity: Bytes<32>,
    /// Whether the peer proved to hold the key; else this client accepted it and heard no proof yet.
    pub(super) proven: bool,
}

/// A sender's last message in a pair, as this client knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Link {
    /// Its number in the pair's log.
    pub(super) number: u64,
    /// The epoch of the key that sealed it.
    pub(super) epoch: u32,
    /// Its stream, counter and hash.
    pub(super) seen: Seen,
}

/// What is remembered of one peer, which is also what is remembered of the pair with them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeerPins {
    /// The peer's identity.
    pub(super) identity: Option<PinnedIdentity>,
    /// Every epoch this client accepted a key for.
    pub(super) epochs: BTreeMap<u32, PinnedEpoch>,
    /// This user's own last stored message.
    pub(super) own: Option<Link>,
    /// The peer's last message seen.
    pub(super) theirs: Option<Link>,
    /// The highest number of the pair's log that was seen.
    pub(super) highest_number: u64,
    /// The number up to which every message of the log was seen: own ones are confirmed, and the peer's
    /// arrive, each in their own order.
    #[serde(default)]
    pub(super) complete_to: u64,
    /// The number up to which the peer's client proved to have this user's messages.
    #[serde(default)]
    pub(super) delivered: u64,
    /// The number of the last message that was left for them while they were away; 0 once they have it.
    #[serde(default)]
    pub(super) left_to: u64,
    /// Another identity that the peer showed, and that was not accepted: nothing is sent until that is
    /// resolved: by a code or the safety number, or by the identity of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) in_doubt: Option<ShownIdentity>,
    /// When runs with this peer died unanswered: see `broken_runs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) broken_runs: Vec<DateTime<Utc>>,
}

/// Why a proposed epoch is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EpochRefused {
    /// This side's highest used epoch.
    pub(super) highest_used: u32,
}

impl PeerPins {
    /// Whether nothing at all is remembered.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The highest epoch that was ever accepted here; 0 for none.
    #[must_use]
    pub(super) fn highest_used(&self) -> u32 {
        self.epochs.keys().next_back().copied().unwrap_or(0)
    }

    /// The highest epoch that the peer proved to hold.
    #[must_use]
    pub(super) fn highest_proven(&self) -> Option<(u32, &PinnedEpoch)> {
        self.epochs.iter().rev().find(|(_, pinned)| pinned.proven).map(|(epoch, pinned)| (*epoch, pinned))
    }

    /// Whether a peer's new key may carry this number: above all used ones, and not absurdly so.
    /// `kept_epoch` is that of the kept key which opened, 0 for none.
    ///
    /// # Errors
    /// [`EpochRefused`] with this side's highest, for the peer to go on from.
    pub(super) fn check_proposed(&self, epoch: u32, kept_epoch: u32) -> Result<(), EpochRefused> {
        let highest_used = self.highest_used().max(kept_epoch);
        let allowed = highest_used.saturating_add(1)..=highest_used.saturating_add(EPOCH_STEP_MAX);
        if allowed.contains(&epoch) { Ok(()) } else { Err(EpochRefused { highest_used }) }
    }

    /// Marks an epoch as used, before the acceptance goes out. False when it is used for another key:
    /// then nothing may be accepted.
    #[must_use]
    pub(super) fn mark_used(&mut self, epoch: u32, key: PinnedEpoch) -> bool {
        match self.epochs.get(&epoch) {
            Some(before) => before.key_id == key.key_id,
            None => {
                self.epochs.insert(epoch, PinnedEpoch { proven: false, ..key });
                true
            }
        }
    }

    /// The peer proved to hold this epoch's key, under the identity it was agreed with.
    pub(super) fn mark_proven(
        &mut self,
        epoch: u32,
        key: PinnedEpoch,
        verified: Option<Verification>,
        now: DateTime<Utc>,
    ) {
        let identity = key.peer_identity;
        self.in_doubt = None;
        self.epochs.insert(epoch, PinnedEpoch { proven: true, ..key });
        if self.identity.as_ref().is_none_or(|pinned| pinned.key != identity) {
            self.identity = Some(PinnedIdentity {
                key: identity,
                status: Status::Known,
                since: now,
                known_since: None,
                verification: None,
            });
        }
        if let Some(verification) = verified {
            // It was pinned just now.
            let _ = self.mark_verified(&identity, verification, now);
        }
    }

    /// The person compared this identity with the peer. False when it is not the pinned one.
    #[must_use]
    pub(super) fn mark_verified(
        &mut self,
        identity: &Bytes<32>,
        verification: Verification,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(pinned) = self.identity.as_mut().filter(|pinned| pinned.key == *identity) else {
            return false;
        };
        self.in_doubt = None;
        // What was verified already keeps its first day, unless nothing is known of how.
        if pinned.status == Status::Known || pinned.verification.is_none() {
            pinned.known_since.get_or_insert(pinned.since);
            (pinned.status, pinned.since) = (Status::Verified, now);
            pinned.verification = Some(verification);
        }
        true
    }

    /// The person is not sure of this identity any more. False when it was not verified.
    #[must_use]
    pub(super) fn unmark_verified(&mut self) -> bool {
        let Some(pinned) = self.identity.as_mut().filter(|pinned| pinned.status == Status::Verified) else {
            return false;
        };
        pinned.status = Status::Known;
        pinned.since = pinned.known_since.take().unwrap_or(pinned.since);
        pinned.verification = None;
        true
    }

    /// Another identity than the pinned one is shown as the peer's.
    pub(super) fn note_changed(&mut self, key: Bytes<32>, now: DateTime<Utc>) {
        self.in_doubt = Some(ShownIdentity { key, at: now });
    }

    /// The identity's standing, for one that is shown by the peer now.
    #[must_use]
    pub(super) fn standing(&self, shown: &Bytes<32>) -> Standing {
        match &self.identity {
            None => Standing::New,
            Some(pinned) if pinned.key != *shown => {
                Standing::Changed { was: pinned.status, since: pinned.since }
            }
            Some(pinned) => match pinned.status {
                Status::Known => Standing::Known { since: pinned.since },
                Status::Verified => Standing::Verified { since: pinned.since },
            },
        }
    }
}

/// What this machine can say of an identity that a peer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Never seen.
    New,
    /// The same as before, never verified.
    Known {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The same as before, and verified.
    Verified {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// Another than before.
    Changed {
        /// What the one before was.
        was: Status,
        /// Since when it was.
        since: DateTime<Utc>,
    },
}

impl Standing {
    /// Whether a plain yes is enough.
    #[must_use]
    pub(super) fn plain_yes_is_enough(&self) -> bool {
        !matches!(self, Self::Changed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(key: u8, identity: u8) -> PinnedEpoch {
        PinnedEpoch {
            key_id: Bytes([key; 16]),
            own_identity: Bytes([1; 32]),
            peer_identity: Bytes([identity; 32]),
            proven: false,
        }
    }

    fn by_code() -> Option<Verification> {
        Some(Verification { means: Means::CodeAtKey, machine: "here".into() })
    }

    #[test]
    fn one_epoch_is_never_used_for_two_keys() {
        let mut peer = PeerPins::default();
        assert!(peer.mark_used(1, epoch(1, 2)));
        assert!(peer.mark_used(1, epoch(1, 2)), "the same key again");
        assert!(!peer.mark_used(1, epoch(9, 2)), "another key");
        assert_eq!(peer.highest_used(), 1);
        assert_eq!(peer.highest_proven(), None);
    }

    #[test]
    fn a_proposed_epoch_is_above_all_used_ones_and_not_far_above() {
        let mut peer = PeerPins::default();
        assert!(peer.mark_used(5, epoch(1, 2)));
        for (proposed, allowed) in
            [(0, false), (5, false), (6, true), (1005, true), (1006, false), (u32::MAX, false)]
        {
            assert_eq!(peer.check_proposed(proposed, 0).is_ok(), allowed, "{proposed}");
        }
        assert_eq!(peer.check_proposed(5, 0), Err(EpochRefused { highest_used: 5 }));
        assert_eq!(peer.check_proposed(6, 7), Err(EpochRefused { highest_used: 7 }));
    }

    #[test]
    fn verification_belongs_to_an_identity_and_does_not_pass_to_another() {
        let (mut peer, now) = (PeerPins::default(), Utc::now());
        peer.mark_proven(1, epoch(1, 2), by_code(), now);
        assert_eq!(peer.standing(&Bytes([2; 32])), Standing::Verified { since: now });
        let changed = peer.standing(&Bytes([3; 32]));
        assert!(!changed.plain_yes_is_enough(), "{changed:?}");
        peer.mark_proven(2, epoch(2, 3), None, now);
        assert_eq!(peer.standing(&Bytes([3; 32])), Standing::Known { since: now });
    }

    #[test]
    fn a_later_plain_yes_to_the_same_identity_keeps_it_verified() {
        let (mut peer, now) = (PeerPins::default(), Utc::now());
        peer.mark_proven(1, epoch(1, 2), by_code(), now);
        peer.mark_proven(2, epoch(2, 2), None, Utc::now());
        assert_eq!(peer.standing(&Bytes([2; 32])), Standing::Verified { since: now });
        assert_eq!(peer.highest_proven().map(|(epoch, _)| epoch), Some(2));
    }

    #[test]
    fn an_identity_is_marked_and_unmarked_and_keeps_the_day_it_became_known() {
        let (mut peer, known) = (PeerPins::default(), Utc::now());
        peer.mark_proven(1, epoch(1, 2), None, known);
        let later = known + chrono::Duration::hours(1);
        let number = Verification { means: Means::SafetyNumber, machine: "here".into() };
        assert!(!peer.mark_verified(&Bytes([3; 32]), number.clone(), later), "another identity");
        assert!(peer.mark_verified(&Bytes([2; 32]), number.clone(), later));
        assert_eq!(peer.standing(&Bytes([2; 32])), Standing::Verified { since: later });
        assert_eq!(peer.identity.as_ref().unwrap().verification, Some(number));
        assert!(peer.unmark_verified() && !peer.unmark_verified());
        assert_eq!(peer.standing(&Bytes([2; 32])), Standing::Known { since: known });
    }

    #[test]
    fn a_doubt_stays_until_an_identity_is_proven() {
        let (mut peer, now) = (PeerPins::default(), Utc::now());
        peer.mark_proven(1, epoch(1, 2), by_code(), now);
        peer.note_changed(Bytes([3; 32]), now);
        assert_eq!(peer.in_doubt.map(|shown| shown.key), Some(Bytes([3; 32])));
        assert_eq!(
            peer.standing(&Bytes([2; 32])),
            Standing::Verified { since: now },
            "it is the one of before"
        );
        peer.mark_proven(1, epoch(1, 2), None, now);
        assert_eq!(peer.in_doubt, None);
    }

    #[test]
    fn a_memory_of_before_verifications_were_written_down_still_opens() {
        let old = r#"{"peers":{"bob":{"identity":{"key":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=",
            "status":"verified","since":"2026-11-22T23:29:01Z"},"epochs":{},"own":null,"theirs":null,
            "highest_number":3}}}"#;
        let pins: Pins = serde_json::from_str(old).unwrap();
        let bob = pins.peer(&"bob".parse().unwrap());
        assert!(matches!(bob.standing(&Bytes([2; 32])), Standing::Verified { .. }));
        assert_eq!(bob.identity.unwrap().verification, None);
        assert_eq!(bob.in_doubt, None);
    }
}
