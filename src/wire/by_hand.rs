//! The two frames that every message costs, written by hand: byte for byte what [`encode`] makes of the
//! same event, in a fraction of the time.
//!
//! No name, number, time or base64 has a character that JSON escapes.

use chrono::{DateTime, Datelike, Timelike, Utc};
use data_encoding::BASE64;

use super::{
    frame::{FrameError, encode, seal_length},
    message::{Entry, Event},
};

/// What the frames have besides the text of a body, in bytes; generously.
const BESIDE_BODY_BYTES: usize = 256;

/// An event as a frame's bytes.
///
/// # Errors
/// As [`encode`].
pub fn encode_event(event: &Event, limit: usize) -> Result<Vec<u8>, FrameError> {
    match by_hand(event) {
        Some(frame) => seal_length(frame.into_bytes(), limit),
        None => encode(event, limit),
    }
}

/// The frame, its length still to be filled in; `None` for what is not written by hand.
fn by_hand(event: &Event) -> Option<String> {
    // Four bytes for the length, which are no text later.
    let mut out = String::from("\0\0\0\0");
    match event {
        Event::Message { peer, entry: Entry { number, time, sender, body } } => {
            out.reserve(BESIDE_BODY_BYTES + body.as_text().len());
            out.push_str(r#"{"message":{"peer":""#);
            out.push_str(peer.as_str());
            out.push_str(r#"","entry":{"number":"#);
            push_number(&mut out, *number);
            out.push_str(r#","time":""#);
            push_seconds(&mut out, time)?;
            match time.nanosecond() {
                0 => {}
                nanos if nanos % 1_000_000 == 0 => push_milliseconds(&mut out, nanos / 1_000_000),
                _ => return None,
            }
            out.push_str(r#"Z","sender":""#);
            out.push_str(sender.as_str());
            out.push_str(r#"","body":""#);
            out.push_str(body.as_text());
            out.push_str(r#""}}}"#);
        }
        Event::Stored { peer, stream, counter, number, hash } => {
            out.reserve(BESIDE_BODY_BYTES);
            out.push_str(r#"{"stored":{"peer":""#);
            out.push_str(peer.as_str());
            out.push_str(r#"","stream":""#);
            BASE64.encode_append(stream.as_bytes(), &mut out);
            out.push_str(r#"","counter":"#);
            push_number(&mut out, *counter);
            out.push_str(r#","number":"#);
            push_number(&mut out, *number);
            out.push_str(r#","hash":""#);
            BASE64.encode_append(hash.as_bytes(), &mut out);
            out.push_str(r#""}}"#);
        }
        _ => return None,
    }
    Some(out)
}

/// Date and time to the second, `2026-11-22T23:29:01`; `None` where a year has not four digits, or a second is
/// a leap second.
pub fn push_seconds(out: &mut String, time: &DateTime<Utc>) -> Option<()> {
    let year = u32::try_from(time.year()).ok().filter(|year| *year <= 9999)?;
    if time.nanosecond() >= 1_000_000_000 {
        return None;
    }
    push_two(out, year / 100);
    let fields =
        [(year % 100, '-'), (time.month(), '-'), (time.day(), 'T'), (time.hour(), ':'), (time.minute(), ':')];
    for (number, after) in fields {
        push_two(out, number);
        out.push(after);
    }
    push_two(out, time.second());
    Some(())
}

/// A point and three decimal digits.
pub fn push_milliseconds(out: &mut String, milliseconds: u32) {
    out.push('.');
    push_digit(out, milliseconds / 100);
    push_two(out, milliseconds % 100);
}

/// A number in decimal.
pub fn push_number(out: &mut String, number: u64) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// Two decimal digits.
fn push_two(out: &mut String, number: u32) {
    push_digit(out, number / 10);
    push_digit(out, number);
}

/// The last decimal digit.
fn push_digit(out: &mut String, number: u32) {
    out.push(char::from_digit(number % 10, 10).unwrap_or('0'));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{Body, Bytes, Header, Username, limits::FRAME_BYTES_MAX};

    fn is_as_serde_writes_it(event: &Event) {
        let expected = encode(event, FRAME_BYTES_MAX).unwrap();
        assert_eq!(encode_event(event, FRAME_BYTES_MAX).unwrap(), expected, "{event:?}");
    }

    fn message(name: &str, number: u64, time: DateTime<Utc>, steps: usize) -> Event {
        let header = Header { epoch: 7, stream: Bytes([3; 16]), counter: number, previous: Bytes([5; 32]) };
        let body = Body::new(&header, &vec![number.to_le_bytes()[0]; 16 + 256 * steps]).unwrap();
        let sender: Username = name.parse().unwrap();
        Event::Message { peer: sender.clone(), entry: Entry { number, time, sender, body } }
    }

    #[test]
    fn the_edges_of_time_and_size_are_written_as_serde_writes_them() {
        for time in [
            "0000-01-01T00:00:00Z",
            "0999-12-31T23:59:59.999Z",
            "9999-12-31T23:59:59.001Z",
            "2026-11-22T23:29:01.000001Z",
            "2026-06-30T23:59:60.5Z",
            "+10000-01-01T00:00:00Z",
            "-0001-01-01T00:00:00Z",
        ] {
            is_as_serde_writes_it(&message("a", 1, time.parse().unwrap(), 1));
        }
        is_as_serde_writes_it(&message("a_b.c-d", u64::MAX, DateTime::<Utc>::MIN_UTC, 65));
        is_as_serde_writes_it(&Event::LoggedIn {});
    }

    #[test]
    fn what_is_over_the_limit_is_refused() {
        let event = message("alice", 1, DateTime::<Utc>::UNIX_EPOCH, 4);
        assert!(matches!(encode_event(&event, 1000), Err(FrameError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn messages_are_written_as_serde_writes_them(
            name in "[a-z0-9]([a-z0-9_.-]{0,30}[a-z0-9])?",
            number: u64,
            seconds in 0_i64..253_402_300_800,
            nanos in prop_oneof![Just(0), (0_u32..1000).prop_map(|ms| ms * 1_000_000), 0_u32..1_000_000_000],
        ) {
            prop_assume!(name.parse::<Username>().is_ok());
            let time = DateTime::from_timestamp(seconds, nanos).unwrap();
            is_as_serde_writes_it(&message(&name, number, time, 2));
        }

        #[test]
        fn acknowledgements_are_written_as_serde_writes_them(
            stream: [u8; 16], counter: u64, number: u64, hash: [u8; 32],
        ) {
            let (peer, stream, hash) = ("bob".parse().unwrap(), Bytes(stream), Bytes(hash));
            is_as_serde_writes_it(&Event::Stored { peer, stream, counter, number, hash });
        }
    }
}
