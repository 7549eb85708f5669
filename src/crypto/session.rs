//! Messages: sealing one's own, and opening anybody's.
//!
//! Who sent a message, where in which stream, and after which other, comes from here and never from
//! what the server says. Gaps and repeats between messages are for the caller to see, who keeps what
//! came before.

use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    aead,
    conversation_key::ConversationKey,
    label::{Encoded, Label, encode},
    random::{RandomError, random},
    secret::Secret,
};
use crate::wire::{Body, Bytes, Header, Pair, StreamId, Username, limits::TEXT_BYTES_MAX};

pub use super::plain::{Plain, PlainError};

/// Why a message is not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SessionError {
    /// The text is over the limit.
    #[error("a message's text has at most {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// The stream has no counter left.
    #[error("this stream of messages is at its end")]
    Exhausted,
    /// The sender is not of the pair.
    #[error("its sender is not a member of this conversation")]
    NotAMember,
    /// The body is of another epoch than the key.
    #[error("it is sealed under another epoch's key")]
    OtherEpoch,
    /// It was changed, is of another sender, pair or key, or was never a message.
    #[error("it does not open: it is not what a member of this conversation sealed")]
    NotOpened,
    /// It is the sender's, and yet not a message.
    #[error("it opens, but {0}")]
    Malformed(PlainError),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// This client's sending stream in one pair and epoch: a random id, and counters from 0.
///
/// A stream is never taken up again after a start of the client: a counter read back from a disk that
/// was itself put back would be a nonce used twice.
#[derive(Debug)]
pub struct Stream {
    pair: Pair,
    epoch: u32,
    sender: Username,
    id: StreamId,
    message_key: Secret<32>,
    /// The counter of the next message; `None` after the last of all.
    next: Option<u64>,
}

impl Stream {
    /// A fresh stream.
    ///
    /// # Errors
    /// [`SessionError::NotAMember`], [`SessionError::Random`].
    pub fn start(key: &ConversationKey, sender: &Username) -> Result<Self, SessionError> {
        Self::with_id(key, sender, Bytes(random()?))
    }

    pub(super) fn with_id(
        key: &ConversationKey,
        sender: &Username,
        id: StreamId,
    ) -> Result<Self, SessionError> {
        Ok(Self {
            pair: key.pair().clone(),
            epoch: key.epoch(),
            sender: sender.clone(),
            id,
            message_key: message_key(key, sender, &id)?,
            next: Some(0),
        })
    }

    /// The stream's id.
    #[must_use]
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Seals a message; `previous` is the hash of this sender's previous body in this pair, in
    /// whatever stream or epoch, and 32 zeros for the first ever.
    ///
    /// The counter is checked, used and advanced here and nowhere else: nothing is sealed twice under
    /// one nonce, and what must be sent again is this same body.
    ///
    /// # Errors
    /// [`SessionError::TooLong`], and then the counter is still unused; [`SessionError::Exhausted`].
    pub fn seal(&mut self, previous: &Bytes<32>, plain: &Plain) -> Result<Body, SessionError> {
        let mut padded = plain.to_padded().ok_or(SessionError::TooLong)?;
        let counter = self.next.ok_or(SessionError::Exhausted)?;
        self.next = counter.checked_add(1);
        let header = Header { epoch: self.epoch, stream: self.id, counter, previous: *previous };
        let aad = bound(&self.pair, &self.sender, &header);
        let sealed =
            aead::seal(&self.message_key, nonce(counter), aad.as_bytes(), std::mem::take(&mut *padded));
        Body::new(&header, &sealed).map_err(|_| SessionError::TooLong)
    }
}

/// Opens a message as one of `sender`'s.
///
/// # Errors
/// [`SessionError::OtherEpoch`] for a body of another key; [`SessionError::NotAMember`];
/// [`SessionError::NotOpened`]; [`SessionError::Malformed`].
pub fn open(key: &ConversationKey, sender: &Username, body: &Body) -> Result<Plain, SessionError> {
    let header = body.header();
    if header.epoch != key.epoch() {
        return Err(SessionError::OtherEpoch);
    }
    let message_key = message_key(key, sender, &header.stream)?;
    let aad = bound(key.pair(), sender, header);
    let opened = aead::open(&message_key, nonce(header.counter), aad.as_bytes(), body.ciphertext());
    let padded: Zeroizing<Vec<u8>> = opened.ok_or(SessionError::NotOpened)?;
    Plain::from_padded(&padded).map_err(SessionError::Malformed)
}

/// A key for each sender and stream: two members, two starts of a client, or two epochs never share a
/// nonce, and a message passed off as the other member's does not open.
fn message_key(
    key: &ConversationKey,
    sender: &Username,
    stream: &StreamId,
) -> Result<Secret<32>, SessionError> {
    if !key.pair().contains(sender) {
        return Err(SessionError::NotAMember);
    }
    let pair = key.pair().to_string();
    let fields: [&[u8]; 4] =
        [pair.as_bytes(), &key.epoch().to_be_bytes(), sender.as_str().as_bytes(), &stream.0];
    Ok(key.expand(&encode(Label::MessageKey, &fields)))
}

/// What is bound to a ciphertext: whose it is, and its whole header.
fn bound(pair: &Pair, sender: &Username, header: &Header) -> Encoded {
    let pair = pair.to_string();
    let fields: [&[u8]; 3] = [pair.as_bytes(), sender.as_str().as_bytes(), &header.to_bytes()];
    encode(Label::Message, &fields)
}

/// Four zeros and the counter: under one key, each counter once.
fn nonce(counter: u64) -> [u8; aead::NONCE_BYTES] {
    let mut nonce = [0; aead::NONCE_BYTES];
    if let Some(last) = nonce.last_chunk_mut() {
        *last = counter.to_be_bytes();
    }
    nonce
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{crypto::hash::body_hash, wire::limits::PADDED_BYTES_MIN};

    fn key(pair: &str, epoch: u32, secret: u8) -> ConversationKey {
        ConversationKey::new(pair.parse().unwrap(), epoch, Secret::copied(&[secret; 32]).unwrap())
    }

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    fn plain(text: &str) -> Plain {
        Plain { sent: 1, seen: None, text: text.to_owned() }
    }

    const FIRST: Bytes<32> = Bytes([0; 32]);

    #[test]
    fn the_other_member_reads_what_was_sent_in_order() {
        let key = key("alice+bob", 1, 1);
        let mut stream = Stream::start(&key, &name("alice")).unwrap();
        let one = stream.seal(&FIRST, &plain("one")).unwrap();
        let two = stream.seal(&body_hash(&one), &plain("two")).unwrap();
        assert_eq!(open(&key, &name("alice"), &one), Ok(plain("one")));
        assert_eq!(open(&key, &name("alice"), &two), Ok(plain("two")));
        assert_eq!((one.header().counter, two.header().counter), (0, 1));
        assert_eq!(two.header().previous, body_hash(&one));
        assert_eq!((one.header().stream, one.header().epoch), (stream.id(), 1));
    }

    #[test]
    fn each_counter_has_a_nonce_of_its_own() {
        assert_eq!(nonce(0), [0; 12]);
        assert_eq!(nonce(0x0102_0304_0506_0708), [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        // One text under two counters: with one nonce the ciphertexts would differ in what is bound only.
        let key = key("alice+bob", 1, 1);
        let mut stream = Stream::start(&key, &name("alice")).unwrap();
        let [one, two] = [FIRST, FIRST].map(|previous| stream.seal(&previous, &plain("the same")).unwrap());
        let text = |body: &Body| body.ciphertext()[..PADDED_BYTES_MIN].to_vec();
        assert_ne!(text(&one), text(&two));
    }

    #[test]
    fn a_message_opens_only_as_its_senders_in_its_pair_and_epoch() {
        let key_1 = key("alice+bob", 1, 1);
        let body = Stream::start(&key_1, &name("alice")).unwrap().seal(&FIRST, &plain("hello")).unwrap();
        assert_eq!(open(&key_1, &name("bob"), &body), Err(SessionError::NotOpened), "relabelled");
        assert_eq!(open(&key_1, &name("carol"), &body), Err(SessionError::NotAMember));
        let other_pair = key("alice+carol", 1, 1);
        assert_eq!(open(&other_pair, &name("alice"), &body), Err(SessionError::NotOpened));
        let other_epoch = key("alice+bob", 2, 1);
        assert_eq!(open(&other_epoch, &name("alice"), &body), Err(SessionError::OtherEpoch));
        let other_key = key("alice+bob", 1, 2);
        assert_eq!(open(&other_key, &name("alice"), &body), Err(SessionError::NotOpened));
        assert_eq!(Stream::start(&key_1, &name("carol")).err(), Some(SessionError::NotAMember));
    }

    #[test]
    fn a_header_of_another_epoch_does_not_open_under_that_epochs_key() {
        let key_1 = key("alice+bob", 1, 1);
        let body = Stream::start(&key_1, &name("alice")).unwrap().seal(&FIRST, &plain("hello")).unwrap();
        let moved = Body::new(&Header { epoch: 2, ..*body.header() }, body.ciphertext()).unwrap();
        assert_eq!(open(&key("alice+bob", 2, 1), &name("alice"), &moved), Err(SessionError::NotOpened));
    }

    #[test]
    fn two_streams_never_seal_alike() {
        let key = key("alice+bob", 1, 1);
        let seal = || Stream::start(&key, &name("alice")).unwrap().seal(&FIRST, &plain("hello")).unwrap();
        let (one, other) = (seal(), seal());
        assert_ne!(one.header().stream, other.header().stream);
        assert_ne!(one.ciphertext(), other.ciphertext());
    }

    #[test]
    fn the_last_counter_is_used_once_and_nothing_after_it() {
        let key = key("alice+bob", 1, 1);
        let mut stream = Stream::start(&key, &name("alice")).unwrap();
        stream.next = Some(u64::MAX);
        let last = stream.seal(&FIRST, &plain("last")).unwrap();
        assert_eq!(last.header().counter, u64::MAX);
        assert_eq!(open(&key, &name("alice"), &last), Ok(plain("last")));
        assert_eq!(stream.seal(&FIRST, &plain("more")), Err(SessionError::Exhausted));
    }

    #[test]
    fn a_text_over_the_limit_uses_no_counter() {
        let key = key("alice+bob", 1, 1);
        let mut stream = Stream::start(&key, &name("alice")).unwrap();
        let long = "é".repeat(8192);
        assert_eq!(stream.seal(&FIRST, &plain(&format!("{long}!"))), Err(SessionError::TooLong));
        let body = stream.seal(&FIRST, &plain(&long)).unwrap();
        assert_eq!(body.header().counter, 0);
        assert_eq!(open(&key, &name("alice"), &body).unwrap().text, long);
    }

    /// A member's own program may seal anything; what is no message is named as that.
    #[test]
    fn what_opens_and_is_no_message_is_malformed() {
        let key = key("alice+bob", 1, 1);
        let header = Header { epoch: 1, stream: Bytes([3; 16]), counter: 0, previous: FIRST };
        let message_key = message_key(&key, &name("alice"), &header.stream).unwrap();
        let aad = bound(key.pair(), &name("alice"), &header);
        let mut bytes = aead::with_room_for_tag(128);
        bytes.resize(128, 1);
        let sealed = aead::seal(&message_key, nonce(0), aad.as_bytes(), bytes);
        let body = Body::new(&header, &sealed).unwrap();
        let opened = open(&key, &name("alice"), &body);
        assert_eq!(opened, Err(SessionError::Malformed(PlainError::Length)));
    }

    #[test]
    fn debug_shows_no_key() {
        let stream = Stream::start(&key("alice+bob", 1, 1), &name("alice")).unwrap();
        assert!(format!("{stream:?}").contains("message_key: Secret(32 bytes)"));
    }

    proptest! {
        #[test]
        fn a_change_to_any_bit_of_a_body_is_noticed(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let key = key("alice+bob", 1, 1);
            let mut stream = Stream::start(&key, &name("alice")).unwrap();
            let mut bytes = stream.seal(&FIRST, &plain("hello")).unwrap().as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(body) = Body::from_bytes(bytes) {
                prop_assert!(open(&key, &name("alice"), &body).is_err());
            }
        }
    }
}
