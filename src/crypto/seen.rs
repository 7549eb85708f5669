//! 'What I last saw of yours' as bytes of one length, whether there is something or not.

use crate::wire::{Bytes, Seen};

/// A flag (1), stream (16), counter (8, big-endian), hash (32).
pub(super) const SEEN_BYTES: usize = 1 + 16 + 8 + 32;

/// The flag and the place; for nothing seen, zeros.
pub(super) fn to_bytes(seen: Option<&Seen>) -> [u8; SEEN_BYTES] {
    let mut bytes = [0; SEEN_BYTES];
    if let Some(seen) = seen {
        let fields: [&[u8]; 4] = [&[1], &seen.stream.0, &seen.counter.to_be_bytes(), &seen.hash.0];
        bytes.copy_from_slice(&fields.concat());
    }
    bytes
}

/// Reads them back; `None` when they are not what [`to_bytes`] writes: a flag that is neither 0 nor 1,
/// or anything but zeros after a 0.
pub(super) fn from_bytes(bytes: &[u8; SEEN_BYTES]) -> Option<Option<Seen>> {
    let (flag, rest) = bytes.split_first()?;
    match flag {
        0 if rest.iter().all(|byte| *byte == 0) => Some(None),
        1 => {
            let (stream, rest) = rest.split_first_chunk::<16>()?;
            let (counter, hash) = rest.split_first_chunk::<8>()?;
            Some(Some(Seen {
                stream: Bytes(*stream),
                counter: u64::from_be_bytes(*counter),
                hash: Bytes(hash.try_into().ok()?),
            }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_form_and_nothing_has_one_form() {
        let seen = Seen { stream: Bytes([1; 16]), counter: 2, hash: Bytes([3; 32]) };
        let bytes = to_bytes(Some(&seen));
        assert_eq!(from_bytes(&bytes), Some(Some(seen)));
        assert_eq!(from_bytes(&to_bytes(None)), Some(None));
        for flag in [0, 2, 255] {
            let mut other = bytes;
            other[0] = flag;
            assert_eq!(from_bytes(&other), None, "{flag}");
        }
    }
}
