//! Bytes inside JSON: strict base64, of a fixed length or of any.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::strict_base64;

/// Why a text is not the bytes it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BytesError {
    /// Not canonical base64.
    #[error("not base64")]
    NotBase64,
    /// So many bytes were expected.
    #[error("expected {0} bytes")]
    Length(usize),
}

/// Exactly `N` bytes, written in JSON as base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "&str", into = "String")]
pub struct Bytes<const N: usize>(pub [u8; N]);

impl<const N: usize> Bytes<N> {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> TryFrom<&str> for Bytes<N> {
    type Error = BytesError;

    fn try_from(text: &str) -> Result<Self, BytesError> {
        let bytes = strict_base64::decode(text.as_bytes()).ok_or(BytesError::NotBase64)?;
        bytes.try_into().map(Self).map_err(|_| BytesError::Length(N))
    }
}

impl<const N: usize> From<Bytes<N>> for String {
    fn from(bytes: Bytes<N>) -> Self {
        strict_base64::encode(&bytes.0)
    }
}

impl<const N: usize> From<[u8; N]> for Bytes<N> {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> AsRef<[u8]> for Bytes<N> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&strict_base64::encode(&self.0))
    }
}

/// Any number of bytes, written in JSON as base64. Who reads one checks its length.
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "&str", into = "String")]
pub struct Blob(pub Vec<u8>);

impl TryFrom<&str> for Blob {
    type Error = BytesError;

    fn try_from(text: &str) -> Result<Self, BytesError> {
        strict_base64::decode(text.as_bytes()).map(Self).ok_or(BytesError::NotBase64)
    }
}

impl From<Blob> for String {
    fn from(blob: Blob) -> Self {
        strict_base64::encode(&blob.0)
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Blob({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_base64_of_the_right_length_is_read() {
        assert!(Bytes::<1>::try_from("AA==").is_ok());
        assert_eq!(Bytes::<1>::try_from("AB=="), Err(BytesError::NotBase64), "trailing bits");
        assert_eq!(Bytes::<1>::try_from("AA"), Err(BytesError::NotBase64), "no padding");
        assert_eq!(Bytes::<2>::try_from("AA=="), Err(BytesError::Length(2)));
        assert_eq!(Blob::try_from("AA\n=="), Err(BytesError::NotBase64));
        assert_eq!(Blob::try_from("AA==AA=="), Err(BytesError::NotBase64), "two texts");
        assert_eq!(Blob::try_from("AAA=AAAA"), Err(BytesError::NotBase64), "two texts, as long as one");
        for end in ["=", "==", "===", "=A==", "A=A=", "A==="] {
            assert_eq!(Blob::try_from(format!("AAAA{end}").as_str()), Err(BytesError::NotBase64), "{end}");
        }
    }
}
