//! The body of a message: a header in clear, then a ciphertext that only the two members open.
//!
//! Nothing here opens anything; the header is what the server needs to know a repeat by.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

use super::{
    bytes::Bytes,
    limits::{BODY_BYTES_MAX, BODY_BYTES_MIN, HEADER_BYTES, PADDED_BYTES_MIN, PADDED_BYTES_STEP, TAG_BYTES},
    strict_base64,
};

/// The first byte of a body.
const BODY_VERSION: u8 = 1;

/// The random name of one sender's stream: one per opening of a conversation and per start of the client.
pub type StreamId = Bytes<16>;

/// Why bytes are not a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BodyError {
    /// Not canonical base64.
    #[error("a message body is not base64")]
    NotBase64,
    /// A length that no padded message has.
    #[error("a message body has a length that no message has")]
    Length,
    /// A first byte other than this version's.
    #[error("a message body is of another version")]
    Version,
}

/// The part of a body in clear: it is authenticated, and says where the message belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which of the pair's keys sealed it.
    pub epoch: u32,
    /// The sender's stream.
    pub stream: StreamId,
    /// The place in that stream, from 0.
    pub counter: u64,
    /// The hash of this sender's previous body in this pair; 32 zeros for the first ever.
    pub previous: Bytes<32>,
}

impl Header {
    /// The header as its bytes: version, epoch, stream, counter, previous; integers big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let fields: [&[u8]; 5] = [
            &[BODY_VERSION],
            &self.epoch.to_be_bytes(),
            &self.stream.0,
            &self.counter.to_be_bytes(),
            &self.previous.0,
        ];
        let all = fields.concat();
        bytes.copy_from_slice(&all);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, BodyError> {
        let (version, rest) = bytes.split_first().ok_or(BodyError::Length)?;
        if *version != BODY_VERSION {
            return Err(BodyError::Version);
        }
        let (epoch, rest) = take::<4>(rest)?;
        let (stream, rest) = take::<16>(rest)?;
        let (counter, rest) = take::<8>(rest)?;
        let (previous, _) = take::<32>(rest)?;
        Ok(Self {
            epoch: u32::from_be_bytes(epoch),
            stream: Bytes(stream),
            counter: u64::from_be_bytes(counter),
            previous: Bytes(previous),
        })
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), BodyError> {
    bytes.split_first_chunk::<N>().map(|(head, rest)| (*head, rest)).ok_or(BodyError::Length)
}

/// A message as it is sent, stored and read back: header and ciphertext, written as base64.
///
/// The bytes and their text are kept side by side and never change: what is read once is written as often
/// as it has to be without being encoded again, and clones share them.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "&str")]
pub struct Body(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    header: Header,
    bytes: Vec<u8>,
    /// Canonical base64 of `bytes`.
    text: String,
}

impl Body {
    /// A body from a header and what was sealed under it.
    ///
    /// # Errors
    /// [`BodyError::Length`] when the ciphertext is not of a padded length.
    pub fn new(header: &Header, ciphertext: &[u8]) -> Result<Self, BodyError> {
        Self::from_bytes([&header.to_bytes(), ciphertext].concat())
    }

    /// A body from its bytes.
    ///
    /// # Errors
    /// As the variants of [`BodyError`] say.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, BodyError> {
        let header = Self::check(&bytes)?;
        let text = strict_base64::encode(&bytes);
        Ok(Self(Arc::new(Parts { header, bytes, text })))
    }

    /// The header of bytes that are a body.
    fn check(bytes: &[u8]) -> Result<Header, BodyError> {
        if !(BODY_BYTES_MIN..=BODY_BYTES_MAX).contains(&bytes.len()) {
            return Err(BodyError::Length);
        }
        let padded = bytes.len() - HEADER_BYTES - TAG_BYTES;
        if padded != PADDED_BYTES_MIN && !padded.is_multiple_of(PADDED_BYTES_STEP) {
            return Err(BodyError::Length);
        }
        Header::from_bytes(bytes)
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    /// The sealed part, with its tag.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        self.0.bytes.get(HEADER_BYTES..).unwrap_or_default()
    }

    /// Header and ciphertext.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Header and ciphertext as base64.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.0.text
    }

    /// The same, lent.
    #[must_use]
    pub fn lent(&self) -> BodyRef<'_> {
        BodyRef { header: self.0.header, bytes: &self.0.bytes, text: &self.0.text }
    }
}

impl TryFrom<&str> for Body {
    type Error = BodyError;

    fn try_from(text: &str) -> Result<Self, BodyError> {
        let mut bytes = Vec::new();
        let header = *BodyRef::read(text, &mut bytes)?.header();
        Ok(Self(Arc::new(Parts { header, bytes, text: text.to_owned() })))
    }
}

/// A body that was read where its text stands, and is kept by nobody: what the server makes of most of them.
#[derive(Debug, Clone, Copy)]
pub struct BodyRef<'a> {
    header: Header,
    bytes: &'a [u8],
    text: &'a str,
}

impl<'a> BodyRef<'a> {
    /// Reads a body. Its bytes are put in place of what `bytes` holds.
    ///
    /// # Errors
    /// As the variants of [`BodyError`] say.
    pub fn read(text: &'a str, bytes: &'a mut Vec<u8>) -> Result<Self, BodyError> {
        if text.len() > strict_base64::encoded_length(BODY_BYTES_MAX) {
            return Err(BodyError::Length);
        }
        strict_base64::decode_into(text.as_bytes(), bytes).ok_or(BodyError::NotBase64)?;
        let header = Body::check(bytes)?;
        Ok(Self { header, bytes, text })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Header and ciphertext.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Header and ciphertext as base64.
    #[must_use]
    pub fn as_text(&self) -> &'a str {
        self.text
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_text())
    }
}

impl fmt::Display for Body {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_text())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Body({:?}, {} bytes)", self.0.header, self.0.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { epoch: 3, stream: Bytes([7; 16]), counter: 9, previous: Bytes([5; 32]) }
    }

    #[test]
    fn a_body_survives_being_written() {
        let body = Body::new(&header(), &[1; PADDED_BYTES_MIN + TAG_BYTES]).unwrap();
        let again = Body::try_from(body.to_string().as_str()).unwrap();
        assert_eq!(again, body);
        assert_eq!(again.as_text(), strict_base64::encode(body.as_bytes()));
        assert_eq!(*again.header(), header());
        assert_eq!(again.ciphertext(), [1; PADDED_BYTES_MIN + TAG_BYTES]);
    }

    #[test]
    fn a_length_that_padding_never_makes_is_refused() {
        for padded in [0, 127, 129, 255, 300, 384, BODY_BYTES_MAX] {
            let ciphertext = vec![0; padded + TAG_BYTES];
            assert_eq!(Body::new(&header(), &ciphertext), Err(BodyError::Length), "{padded}");
        }
        for padded in [128, 256, 512, 16_640] {
            assert!(Body::new(&header(), &vec![0; padded + TAG_BYTES]).is_ok(), "{padded}");
        }
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = Body::new(&header(), &[1; 144]).unwrap().as_bytes().to_vec();
        bytes[0] = 2;
        assert_eq!(Body::from_bytes(bytes), Err(BodyError::Version));
    }
}
