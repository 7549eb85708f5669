//! Standard base64 (RFC 4648, section 4) in its one form: padded, nothing after it, no bits left over.
//!
//! A server reads one such text with every message. The engine takes the processor's wide instructions where it has them.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::PAD};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
type Base64 = base64::engine::Simd;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Base64 = base64::engine::GeneralPurpose;

/// Which instructions there are is found out once.
static BASE64: LazyLock<Base64> = LazyLock::new(|| {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    let engine = Base64::standard(PAD);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let engine = Base64::new(&base64::alphabet::STANDARD, PAD);
    engine
});

/// How long so many bytes are as text.
#[must_use]
pub const fn encoded_length(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// The text of bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// The same at the end of `out`.
pub fn encode_into(bytes: &[u8], out: &mut Vec<u8>) {
    let at = out.len();
    out.resize(at + encoded_length(bytes.len()), 0);
    let written = BASE64.encode_slice(bytes, out.get_mut(at..).unwrap_or_default());
    debug_assert_eq!(written, Ok(out.len() - at));
}

/// The bytes of a text; `None` when it is not base64 in its one form.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decode_into(text, &mut bytes).map(|()| bytes)
}

/// The same in place of what `bytes` holds; that is anything when the text is none.
pub fn decode_into(text: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    bytes.resize(text.len().div_ceil(4) * 3, 0);
    let length = BASE64.decode_slice(text, bytes).ok()?;
    bytes.truncate(length);
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As another library reads it, which takes texts that are padded in several places as well.
    fn expected(text: &[u8]) -> Option<Vec<u8>> {
        let end = text.len().saturating_sub(2);
        let is_padded_within = text.get(..end).is_some_and(|text| text.contains(&b'='));
        data_encoding::BASE64.decode(text).ok().filter(|_| !is_padded_within)
    }

    /// Lengths on both sides of where wide instructions begin and end, and each sign wherever it may stand.
    #[test]
    fn every_length_survives_and_every_change_of_one_sign_is_judged_alike() {
        for length in (0..=70).chain([95, 96, 97, 205, 16_725]) {
            let bytes: Vec<u8> =
                (0_u8..=255).cycle().map(|byte| byte.wrapping_mul(37)).take(length).collect();
            let text = encode(&bytes);
            assert_eq!(text, data_encoding::BASE64.encode(&bytes));
            assert_eq!((text.len(), decode(text.as_bytes())), (encoded_length(length), Some(bytes)));
        }
        let text = encode(&[0x5a; 100]);
        for at in 0..text.len() {
            for sign in 0..=u8::MAX {
                let mut changed = text.clone().into_bytes();
                changed[at] = sign;
                assert_eq!(decode(&changed), expected(&changed), "{sign} at {at}");
            }
            assert_eq!(decode(&text.as_bytes()[..at]), expected(&text.as_bytes()[..at]), "{at}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_another_library_reads_it(text in "[A-Za-z0-9+/=_ -]{0,200}", cut: prop::sample::Index) {
            prop_assert_eq!(decode(text.as_bytes()), expected(text.as_bytes()));
            let whole = &text.as_bytes()[..cut.index(text.len() + 1) / 4 * 4];
            prop_assert_eq!(decode(whole), expected(whole));
        }

        #[test]
        fn any_bytes_survive(bytes: Vec<u8>, before: Vec<u8>) {
            let mut out = before.clone();
            encode_into(&bytes, &mut out);
            prop_assert_eq!(&out[..before.len()], &before[..]);
            let mut read = before;
            prop_assert_eq!(decode_into(&out[out.len() - encoded_length(bytes.len())..], &mut read), Some(()));
            prop_assert_eq!(read, bytes);
        }
    }
}
