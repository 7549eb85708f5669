//! Messages that no key opens: `send` frames made once, of which only the counter changes.
//!
//! The header is the real one (epoch, stream, counter in order); the ciphertext is noise of a length that
//! padding makes. So a frame costs this process a copy and twelve characters.

use anyhow::{Context, Result};
use data_encoding::BASE64;
use securechat::{
    crypto::random::random,
    wire::{
        Body, Bytes, Header, Request, Username, encode,
        limits::{FRAME_BYTES_MAX, PADDED_BYTES_MIN, PADDED_BYTES_STEP, PLAINTEXT_FIELDS_BYTES, TAG_BYTES},
    },
};

use crate::person::EPOCH;

/// What stands before the body in a `send` frame.
const BODY_FIELD: &[u8] = b"\"body\":\"";

/// The header's bytes before the counter: version, epoch, stream. A multiple of three, so that the counter
/// begins a group of four characters of base64.
const BYTES_BEFORE_COUNTER: usize = 1 + 4 + 16;

/// The counter and the first byte after it, which is zero: three groups of base64.
const COUNTER_GROUPS_BYTES: usize = 8 + 1;

/// What one sender sends to one peer.
pub struct Noise {
    frame: Vec<u8>,
    counter_at: usize,
    next: u64,
}

impl Noise {
    /// A fresh stream of messages whose texts have `text_bytes`.
    pub fn new(peer: &Username, text_bytes: usize) -> Result<Self> {
        let header = Header { epoch: EPOCH, stream: Bytes(random()?), counter: 0, previous: Bytes([0; 32]) };
        let ciphertext: Vec<u8> =
            (0..padded(text_bytes) + TAG_BYTES).map(|at| u8::try_from(at * 7 % 251).unwrap_or(0)).collect();
        let body = Body::new(&header, &ciphertext)?;
        let frame = encode(&Request::Send { peer: peer.clone(), body }, FRAME_BYTES_MAX)?;
        let at = frame.windows(BODY_FIELD.len()).position(|window| window == BODY_FIELD);
        let body_at = at.context("a send frame has a body")? + BODY_FIELD.len();
        let counter_at = body_at + BYTES_BEFORE_COUNTER / 3 * 4;
        Ok(Self { frame, counter_at, next: 0 })
    }

    /// The next message's whole frame.
    pub fn next_frame(&mut self) -> &[u8] {
        let mut bytes = [0; COUNTER_GROUPS_BYTES];
        if let Some(counter) = bytes.first_chunk_mut() {
            *counter = self.next.to_be_bytes();
        }
        self.next += 1;
        let end = self.counter_at + BASE64.encode_len(COUNTER_GROUPS_BYTES);
        if let Some(place) = self.frame.get_mut(self.counter_at..end) {
            BASE64.encode_mut(&bytes, place);
        }
        &self.frame
    }
}

/// The length of a plaintext with so much text.
fn padded(text_bytes: usize) -> usize {
    match text_bytes + PLAINTEXT_FIELDS_BYTES {
        small if small <= PADDED_BYTES_MIN => PADDED_BYTES_MIN,
        larger => larger.div_ceil(PADDED_BYTES_STEP) * PADDED_BYTES_STEP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_a_message_with_the_next_counter() {
        for (text_bytes, body_bytes) in [(59, 205), (60, 333), (187, 333), (256, 589)] {
            let mut noise = Noise::new(&"bob".parse().unwrap(), text_bytes).unwrap();
            let mut stream = None;
            for counter in [0, 1, 2] {
                let frame = noise.next_frame();
                let Request::Send { body, .. } = serde_json::from_slice(&frame[4..]).unwrap() else {
                    panic!("not a message")
                };
                assert_eq!(body.as_bytes().len(), body_bytes, "{text_bytes}");
                assert_eq!(body.header().counter, counter);
                assert_eq!(*stream.get_or_insert(body.header().stream), body.header().stream);
                assert_eq!(body.header().previous, Bytes([0; 32]));
            }
            noise.next = 1 << 40;
            let Request::Send { body, .. } = serde_json::from_slice(&noise.next_frame()[4..]).unwrap() else {
                panic!("not a message")
            };
            assert_eq!(body.header().counter, 1 << 40);
        }
    }
}
