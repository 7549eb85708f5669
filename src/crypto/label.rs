//! The one table of labels, and the one encoding of everything that is hashed, signed, derived or
//! sealed: a label, then each field, each with its length before it.
//!
//! Without it, bytes made for one purpose could pass for another: a login signature for a
//! registration, `ali` + `b` for `a` + `lib`, one role's proof for the other's.

use std::fmt;

use ring::digest;

/// What some bytes are for. Each purpose has its own label, and each label appears here, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Signed by a new login key.
    Register,
    /// Signed by the login key.
    Login,
    /// Signed by the old login key, in favour of the new one.
    ChangePassword,
    /// Bound to the secret sealed in a key file.
    KeyFile,
    /// Derives the identity key's seed.
    IdentityKey,
    /// Derives the vault key.
    VaultKey,
    /// Derives the login key's seed.
    LoginKey,
    /// Derives a record's key and nonce from the vault key.
    RecordKey,
    /// Bound to a kept conversation key.
    ConversationKeyRecord,
    /// Bound to what is pinned about a peer.
    PinsRecord,
    /// Commits to the initiator's nonce.
    Commitment,
    /// The transcript up to the reply: the responder signs it.
    Reply,
    /// The whole transcript of a new key: the initiator signs it.
    NewKey,
    /// The whole transcript of a run over a kept key.
    KeptKey,
    /// Derives a conversation key's id.
    KeyId,
    /// Derives the two codes.
    Codes,
    /// Derives the key of the acceptances.
    AcceptanceKey,
    /// What an acceptance authenticates.
    Acceptance,
    /// Derives a stream's message key.
    MessageKey,
    /// Bound to a sealed message.
    Message,
    /// Hashes a body, for the chain and for 'stored'.
    Body,
    /// Hashes an identity key, for people.
    Fingerprint,
    /// Hashes two identities together, for people.
    SafetyNumber,
    /// Hashes an invitation code, for the server to keep.
    Invitation,
    /// Hashes a recovery form, to see that it was typed as it was printed.
    RecoveryForm,
    /// Derives the key of the receipts.
    ReceiptKey,
    /// What a receipt authenticates.
    Receipt,
}

impl Label {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::Register,
        Self::Login,
        Self::ChangePassword,
        Self::KeyFile,
        Self::IdentityKey,
        Self::VaultKey,
        Self::LoginKey,
        Self::RecordKey,
        Self::ConversationKeyRecord,
        Self::PinsRecord,
        Self::Commitment,
        Self::Reply,
        Self::NewKey,
        Self::KeptKey,
        Self::KeyId,
        Self::Codes,
        Self::AcceptanceKey,
        Self::Acceptance,
        Self::MessageKey,
        Self::Message,
        Self::Body,
        Self::Fingerprint,
        Self::SafetyNumber,
        Self::Invitation,
        Self::RecoveryForm,
        Self::ReceiptKey,
        Self::Receipt,
    ];

    /// The label as it is encoded: it begins with the protocol's name and version, so that nothing
    /// made by another version or program ever means something here.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Register => "securechat/1 register",
            Self::Login => "securechat/1 login",
            Self::ChangePassword => "securechat/1 change password",
            Self::KeyFile => "securechat/1 key file",
            Self::IdentityKey => "securechat/1 identity key",
            Self::VaultKey => "securechat/1 vault key",
            Self::LoginKey => "securechat/1 login key",
            Self::RecordKey => "securechat/1 record key",
            Self::ConversationKeyRecord => "securechat/1 record: conversation key",
            Self::PinsRecord => "securechat/1 record: pins",
            Self::Commitment => "securechat/1 commitment",
            Self::Reply => "securechat/1 agreement: reply",
            Self::NewKey => "securechat/1 agreement: new key",
            Self::KeptKey => "securechat/1 agreement: kept key",
            Self::KeyId => "securechat/1 key id",
            Self::Codes => "securechat/1 codes",
            Self::AcceptanceKey => "securechat/1 acceptance key",
            Self::Acceptance => "securechat/1 acceptance",
            Self::MessageKey => "securechat/1 message key",
            Self::Message => "securechat/1 message",
            Self::Body => "securechat/1 body",
            Self::Fingerprint => "securechat/1 fingerprint",
            Self::SafetyNumber => "securechat/1 safety number",
            Self::Invitation => "securechat/1 invitation code",
            Self::RecoveryForm => "securechat/1 recovery form",
            Self::ReceiptKey => "securechat/1 receipt key",
            Self::Receipt => "securechat/1 receipt",
        }
    }
}

/// The bytes of a length.
const LENGTH_BYTES: usize = 4;

/// A label and its fields, encoded: the only thing that signing, hashing, deriving and sealing take.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded(Vec<u8>);

impl Encoded {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, &self.0).as_ref());
        hash
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Encoded({} bytes)", self.0.len())
    }
}

/// Encodes: the label and each field, each after its length as 4 big-endian bytes.
///
/// The label has its length too, so that no label's encoding is the beginning of another's.
#[must_use]
pub fn encode(label: Label, fields: &[&[u8]]) -> Encoded {
    let sizes = fields.iter().map(|field| LENGTH_BYTES + field.len());
    let mut bytes = Vec::with_capacity(LENGTH_BYTES + label.text().len() + sizes.sum::<usize>());
    write(label, fields, |part| bytes.extend_from_slice(part));
    Encoded(bytes)
}

/// The encoding, part by part.
fn write(label: Label, fields: &[&[u8]], mut out: impl FnMut(&[u8])) {
    for field in std::iter::once(&label.text().as_bytes()).chain(fields) {
        let length = u32::try_from(field.len());
        // What arrives is bounded by a frame's 64 KiB, long before it becomes a field.
        assert!(length.is_ok(), "a field is shorter than 4 GiB");
        out(&length.unwrap_or_default().to_be_bytes());
        out(field);
    }
}

/// SHA-256 over a label and its fields: of their encoding, which nobody keeps.
#[must_use]
pub fn hash(label: Label, fields: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    write(label, fields, |part| context.update(part));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn every_label_is_of_this_version_and_appears_once() {
        let texts: HashSet<_> = Label::ALL.iter().map(|label| label.text()).collect();
        assert_eq!(texts.len(), Label::ALL.len());
        assert!(texts.iter().all(|text| text.starts_with("securechat/1 ")));
    }

    #[test]
    fn lengths_come_before_the_label_and_each_field() {
        let expected = b"\0\0\0\x12securechat/1 login\0\0\0\x02ab\0\0\0\0";
        assert_eq!(encode(Label::Login, &[b"ab", b""]).as_bytes(), expected);
    }

    #[test]
    fn a_hash_is_that_of_the_encoding() {
        let fields: [&[u8]; 3] = [b"one", b"", &[7; 300]];
        assert_eq!(hash(Label::Body, &fields), encode(Label::Body, &fields).hash());
    }

    proptest! {
        #[test]
        fn different_fields_have_different_encodings(
            one in vec(vec(any::<u8>(), 0..4), 0..4),
            other in vec(vec(any::<u8>(), 0..4), 0..4),
        ) {
            let encoded = |fields: &[Vec<u8>]| {
                encode(Label::Login, &fields.iter().map(Vec::as_slice).collect::<Vec<_>>())
            };
            prop_assert_eq!(one == other, encoded(&one) == encoded(&other));
        }
    }
}
