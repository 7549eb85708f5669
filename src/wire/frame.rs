//! Frames: a 4-byte big-endian length, then one JSON object of that many bytes.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use super::by_hand::{SendBuffer, SendRef, read_send};

/// The bytes of a frame's length.
pub(super) const LENGTH_BYTES: usize = 4;

/// Why there is no frame.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The other side announced more than it may send.
    #[error("a frame of {length} bytes, over the limit of {limit}")]
    TooLarge {
        /// What was announced, in bytes.
        length: usize,
        /// What is allowed now, in bytes.
        limit: usize,
    },
    /// The JSON is not one of the messages of this direction.
    #[error("a frame that is not a message of this protocol")]
    NotAMessage(#[source] serde_json::Error),
    /// The other side closed in the middle of a frame.
    #[error("the connection ended in the middle of a frame")]
    Truncated,
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// One message as a frame's bytes.
///
/// # Errors
/// [`FrameError::TooLarge`] when it would be over `limit` bytes of JSON.
pub fn encode<T: Serialize>(message: &T, limit: usize) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; LENGTH_BYTES];
    serde_json::to_writer(&mut frame, message).map_err(FrameError::NotAMessage)?;
    seal_length(frame, limit)
}

/// Fills in the length of a frame whose first bytes are kept for it.
pub(super) fn seal_length(mut frame: Vec<u8>, limit: usize) -> Result<Vec<u8>, FrameError> {
    let length = frame.len().saturating_sub(LENGTH_BYTES);
    let announced = u32::try_from(length).ok().filter(|_| length <= limit);
    let announced = announced.ok_or(FrameError::TooLarge { length, limit })?;
    if let Some(head) = frame.first_chunk_mut() {
        *head = announced.to_be_bytes();
    }
    Ok(frame)
}

/// Writes one message as a frame.
///
/// # Errors
/// As [`encode`], and [`FrameError::Io`].
pub fn write_frame<T: Serialize>(out: &mut impl Write, message: &T, limit: usize) -> Result<(), FrameError> {
    out.write_all(&encode(message, limit)?)?;
    Ok(out.flush()?)
}

/// Reads one message; `None` when the other side ended between two frames.
///
/// # Errors
/// As the variants of [`FrameError`] say; nothing over `limit` is ever allocated.
pub fn read_frame<T: DeserializeOwned>(input: &mut impl Read, limit: usize) -> Result<Option<T>, FrameError> {
    let mut frames = Frames::new(limit);
    loop {
        if let Some(message) = frames.take()? {
            return Ok(Some(message));
        }
        let mut some = vec![0; frames.missing()];
        match input.read(&mut some)? {
            0 if frames.is_empty() => return Ok(None),
            0 => return Err(FrameError::Truncated),
            count => frames.push(some.get(..count).unwrap_or_default()),
        }
    }
}

/// Bytes as they arrive, cut into frames.
///
/// Invariant: what it holds is at most what was pushed since the last incomplete frame began, and a
/// length over the limit is an error before the bytes it announces are waited for.
#[derive(Debug)]
pub struct Frames {
    buffer: Vec<u8>,
    /// Bytes at the front of `buffer` already given out; `taken <= buffer.len()`.
    taken: usize,
    limit: usize,
}

impl Frames {
    /// An empty one, for frames of at most `limit` bytes of JSON.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { buffer: Vec::new(), taken: 0, limit }
    }

    /// Changes what is allowed: a login raises it.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Adds what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether nothing waits here, not even a part of a frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken == self.buffer.len()
    }

    /// How many bytes wait here.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.buffer.len() - self.taken
    }

    /// Whether [`Frames::take`] gives something now: a message, or an error.
    #[must_use]
    pub fn has_next(&self) -> bool {
        let waiting = self.buffer.get(self.taken..).unwrap_or_default();
        let Some((head, rest)) = waiting.split_first_chunk::<LENGTH_BYTES>() else { return false };
        let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
        length > self.limit || length <= rest.len()
    }

    /// How many bytes the frame begun here still wants at least: never 0.
    #[must_use]
    fn missing(&self) -> usize {
        let waiting = self.buffer.get(self.taken..).unwrap_or_default();
        let whole = match waiting.first_chunk::<LENGTH_BYTES>() {
            Some(head) => LENGTH_BYTES + usize::try_from(u32::from_be_bytes(*head)).unwrap_or(self.limit),
            None => LENGTH_BYTES,
        };
        whole.saturating_sub(waiting.len()).max(1)
    }

    /// The next whole message if it is a `send` as this program's clients write it, read where it stands. Any
    /// other is left for [`Frames::take`].
    pub fn take_send<'a>(&'a mut self, into: &'a mut SendBuffer) -> Option<SendRef<'a>> {
        let waiting = self.buffer.get(self.taken..).unwrap_or_default();
        let (head, rest) = waiting.split_first_chunk::<LENGTH_BYTES>()?;
        let length =
            usize::try_from(u32::from_be_bytes(*head)).ok().filter(|length| *length <= self.limit)?;
        let send = read_send(rest.get(..length)?, into)?;
        self.taken += LENGTH_BYTES + length;
        Some(send)
    }

    /// The next whole message, or `None` until more is pushed.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`] and [`FrameError::NotAMessage`]; the connection is of no use after either.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let waiting = self.buffer.get(self.taken..).unwrap_or_default();
        let Some((head, rest)) = waiting.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
        if length > self.limit {
            return Err(FrameError::TooLarge { length, limit: self.limit });
        }
        let Some(json) = rest.get(..length) else { return Ok(None) };
        let message = serde_json::from_slice(json).map_err(FrameError::NotAMessage)?;
        self.taken += LENGTH_BYTES + length;
        if self.taken == self.buffer.len() {
            self.buffer.clear();
            self.taken = 0;
        }
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{Event, Request, limits::FRAME_BYTES_MAX};

    const LIMIT: usize = 100;

    #[test]
    fn frames_are_cut_wherever_the_reads_fall() {
        let one = encode(&Request::Who {}, LIMIT).unwrap();
        let both = [one.clone(), one].concat();
        for cut in 0..both.len() {
            let (first, second) = both.split_at(cut);
            let mut frames = Frames::new(LIMIT);
            let mut count = 0;
            for part in [first, second] {
                frames.push(part);
                while let Some(Request::Who {}) = frames.take().unwrap() {
                    count += 1;
                }
            }
            assert_eq!(count, 2, "cut at {cut}");
            assert!(frames.is_empty());
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_its_bytes_arrive() {
        let mut frames = Frames::new(LIMIT);
        frames.push(&101_u32.to_be_bytes());
        let error = frames.take::<Request>().unwrap_err();
        assert!(matches!(error, FrameError::TooLarge { length: 101, limit: LIMIT }), "{error}");
        assert!(matches!(encode(&"x".repeat(200), LIMIT), Err(FrameError::TooLarge { .. })));
    }

    #[test]
    fn unknown_types_unknown_fields_and_trailing_bytes_are_errors() {
        for json in [
            r#"{"shout":{}}"#,
            r#"{"who":{"extra":1}}"#,
            r#"{"who":{}} "x""#,
            r#"{"who":{},"who":{}}"#,
            r#"["who"]"#,
            r#"{"leave":{"peer":"../x"}}"#,
            "",
        ] {
            let mut frames = Frames::new(LIMIT);
            frames.push(&u32::try_from(json.len()).unwrap().to_be_bytes());
            frames.push(json.as_bytes());
            let error = frames.take::<Request>().unwrap_err();
            assert!(matches!(error, FrameError::NotAMessage(_)), "{json}: {error}");
        }
    }

    #[test]
    fn an_end_inside_a_frame_is_told_from_an_end_between_two() {
        let whole = encode(&Request::Who {}, LIMIT).unwrap();
        let mut input = whole.as_slice();
        assert!(matches!(read_frame::<Request>(&mut input, LIMIT), Ok(Some(Request::Who {}))));
        assert!(matches!(read_frame::<Request>(&mut input, LIMIT), Ok(None)));
        let mut cut = whole.get(..6).unwrap();
        assert!(matches!(read_frame::<Request>(&mut cut, LIMIT), Err(FrameError::Truncated)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_messages_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut requests = Frames::new(FRAME_BYTES_MAX);
            requests.push(&bytes);
            while let Ok(Some(_)) = requests.take::<Request>() {}
            let mut events = Frames::new(FRAME_BYTES_MAX);
            events.push(&bytes);
            while let Ok(Some(_)) = events.take::<Event>() {}
        }
    }
}
