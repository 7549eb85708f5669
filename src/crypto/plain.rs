//! What is inside a message, and its padding.
//!
//! The bytes: text length (4), sending time (8), what the sender last saw (57), text, zeros. The
//! length is 128, or a multiple of 256: who sees the ciphertext learns that much of it and no more.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    aead,
    seen::{self, SEEN_BYTES},
};
use crate::wire::{
    Seen,
    limits::{PADDED_BYTES_MIN, PADDED_BYTES_STEP, PLAINTEXT_FIELDS_BYTES, TEXT_BYTES_MAX},
};

const _: () = assert!(PLAINTEXT_FIELDS_BYTES == 4 + 8 + SEEN_BYTES, "the two modules mean one layout");

/// One message, opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain {
    /// When the sender sent it, by the sender's clock: milliseconds since 1970-01-01 UTC.
    pub sent: i64,
    /// What the sender last saw of the other member's messages.
    pub seen: Option<Seen>,
    /// The text, as the sender wrote it: to be made printable before it is shown.
    pub text: String,
}

impl fmt::Debug for Plain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Plain(a text of {} bytes)", self.text.len())
    }
}

/// Why what was opened is not a message. It is authentic, so the peer's own program made it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PlainError {
    /// A text length over the limit, or over what is there.
    #[error("its text is longer than a text may be, or than the message")]
    Length,
    /// Padded to another size than the smallest that fits.
    #[error("it is padded to a wrong size")]
    Size,
    /// Padding that is not zeros.
    #[error("its padding is not zeros")]
    Padding,
    /// A place in the other's messages that is not written as one.
    #[error("what its sender last saw is not readable")]
    Seen,
    /// A text that is not UTF-8.
    #[error("its text is not UTF-8")]
    NotUtf8,
}

impl Plain {
    /// The padded bytes, with room for the tag; `None` for a text over the limit.
    pub(super) fn to_padded(&self) -> Option<Zeroizing<Vec<u8>>> {
        let length = self.text.len();
        let announced = u32::try_from(length).ok().filter(|_| length <= TEXT_BYTES_MAX)?;
        let padded = padded_bytes(length);
        let mut bytes = Zeroizing::new(aead::with_room_for_tag(padded));
        bytes.extend_from_slice(&announced.to_be_bytes());
        bytes.extend_from_slice(&self.sent.to_be_bytes());
        bytes.extend_from_slice(&seen::to_bytes(self.seen.as_ref()));
        bytes.extend_from_slice(self.text.as_bytes());
        bytes.resize(padded, 0);
        Some(bytes)
    }

    /// The padded bytes as they are written again after they were read; `None` for what is no message.
    /// Their twin is `what_is_read_is_written_the_same`.
    #[cfg(fuzzing)]
    #[doc(hidden)]
    #[must_use]
    pub fn rewritten(bytes: &[u8]) -> Option<Vec<u8>> {
        Self::from_padded(bytes).ok()?.to_padded().map(|bytes| bytes.to_vec())
    }

    /// Reads padded bytes. One message has one form: whatever is left free is a place to hide
    /// something, or to tell two programs apart by.
    pub(super) fn from_padded(bytes: &[u8]) -> Result<Self, PlainError> {
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or(PlainError::Size)?;
        let (sent, rest) = rest.split_first_chunk::<8>().ok_or(PlainError::Size)?;
        let (seen, rest) = rest.split_first_chunk::<SEEN_BYTES>().ok_or(PlainError::Size)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > TEXT_BYTES_MAX {
            return Err(PlainError::Length);
        }
        let (text, padding) = rest.split_at_checked(length).ok_or(PlainError::Length)?;
        if bytes.len() != padded_bytes(length) {
            return Err(PlainError::Size);
        }
        if padding.iter().any(|byte| *byte != 0) {
            return Err(PlainError::Padding);
        }
        Ok(Self {
            sent: i64::from_be_bytes(*sent),
            seen: seen::from_bytes(seen).ok_or(PlainError::Seen)?,
            text: std::str::from_utf8(text).map_err(|_| PlainError::NotUtf8)?.to_owned(),
        })
    }
}

/// The smallest padded size that a text of `length` bytes fits in.
fn padded_bytes(length: usize) -> usize {
    let content = PLAINTEXT_FIELDS_BYTES + length;
    if content <= PADDED_BYTES_MIN { PADDED_BYTES_MIN } else { content.next_multiple_of(PADDED_BYTES_STEP) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::Bytes;

    fn plain(text: &str) -> Plain {
        Plain { sent: 1_795_390_141_123, seen: None, text: text.to_owned() }
    }

    fn padded(text: &str) -> Vec<u8> {
        plain(text).to_padded().unwrap().to_vec()
    }

    #[test]
    fn sizes_are_128_256_and_then_steps_of_256() {
        for (text, size) in [(0, 128), (59, 128), (60, 256), (187, 256), (188, 512), (443, 512), (444, 768)] {
            assert_eq!(padded(&"a".repeat(text)).len(), size, "{text}");
        }
        assert_eq!(padded(&"a".repeat(TEXT_BYTES_MAX)).len(), 16_640);
        assert!(plain(&"a".repeat(TEXT_BYTES_MAX + 1)).to_padded().is_none());
    }

    #[test]
    fn another_form_of_the_same_message_is_refused() {
        let read = |bytes: &[u8]| Plain::from_padded(bytes).err();
        let good = padded("hello");
        assert_eq!(read(&good), None);

        let mut larger = good.clone();
        larger.resize(256, 0);
        assert_eq!(read(&larger), Some(PlainError::Size), "padded to more than it needs");
        assert_eq!(read(&good[..100]), Some(PlainError::Size), "padded to less");
        assert_eq!(read(&[]), Some(PlainError::Size));

        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        assert_eq!(read(&with(127, 1)), Some(PlainError::Padding));
        assert_eq!(read(&with(PLAINTEXT_FIELDS_BYTES + 5, b'!')), Some(PlainError::Padding));
        assert_eq!(read(&with(3, 60)), Some(PlainError::Length), "over what is there");
        assert_eq!(read(&with(0, 1)), Some(PlainError::Length), "over the limit");
        assert_eq!(read(&with(12, 2)), Some(PlainError::Seen), "a flag of neither yes nor no");
        assert_eq!(read(&with(20, 1)), Some(PlainError::Seen), "nothing seen, and yet something");
        assert_eq!(read(&with(PLAINTEXT_FIELDS_BYTES, 0xFF)), Some(PlainError::NotUtf8));
    }

    #[test]
    fn debug_does_not_show_the_text() {
        assert_eq!(format!("{:?}", plain("secret")), "Plain(a text of 6 bytes)");
    }

    proptest! {
        #[test]
        fn a_message_survives_being_padded(
            text in "\\PC{0,300}", sent: i64, seen: Option<([u8; 16], u64, [u8; 32])>,
        ) {
            let seen = seen.map(|(stream, counter, hash)| {
                Seen { stream: Bytes(stream), counter, hash: Bytes(hash) }
            });
            let plain = Plain { sent, seen, text };
            prop_assert_eq!(Plain::from_padded(&plain.to_padded().unwrap()), Ok(plain));
        }

        #[test]
        fn what_is_read_is_written_the_same(bytes in prop::collection::vec(0..3_u8, 128)) {
            if let Ok(plain) = Plain::from_padded(&bytes) {
                prop_assert_eq!(&*plain.to_padded().unwrap(), &bytes);
            }
        }
    }
}
