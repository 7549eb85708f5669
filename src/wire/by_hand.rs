//! The three frames that every message costs, written and read by hand: byte for byte what [`encode`] makes
//! of the same event, and what the parser makes of the same request, in a fraction of the time.
//!
//! No name, number, time or base64 has a character that JSON escapes.

use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};

use super::{
    body::{BodyRef, StreamId},
    bytes::Bytes,
    frame::{FrameError, LENGTH_BYTES, encode, seal_length},
    limits::USERNAME_BYTES_MAX,
    message::{Entry, Event},
    name::Username,
    strict_base64,
};

/// The longest beginning of a frame that is written once for many, in bytes; generously.
const HEAD_BYTES: usize = 160;

/// The base64 of a hash, in bytes.
const HASH_TEXT_BYTES: usize = strict_base64::encoded_length(32);

/// What a `message` has besides its body and what is written once, in bytes: length, number, the last signs.
const MESSAGE_BYTES: usize = LENGTH_BYTES + 20 + 4;

/// What a `stored` has besides what is written once, in bytes: length, two numbers, the hash, names and signs.
const STORED_BYTES: usize = LENGTH_BYTES + 2 * 20 + HASH_TEXT_BYTES + 24;

/// An event as a frame's bytes.
///
/// # Errors
/// As [`encode`].
pub fn encode_event(event: &Event, limit: usize) -> Result<Vec<u8>, FrameError> {
    let mut frame = Vec::new();
    match event {
        Event::Message { peer, entry: Entry { number, time, sender, body } } => {
            MessageFrames::new(peer, sender, time).push(&mut frame, *number, body.as_text());
        }
        Event::Stored { peer, stream, counter, number, hash } => {
            StoredFrames::new(peer, stream).push(&mut frame, *counter, *number, hash);
        }
        _ => return encode(event, limit),
    }
    seal_length(frame, limit)
}

/// Messages to one receiver by one sender, all of one moment: what their frames have in common is written once.
#[derive(Debug)]
pub struct MessageFrames {
    /// What comes before a body, without the number ...
    head: String,
    /// ... that stands here in it.
    number_at: usize,
}

impl MessageFrames {
    /// How `peer`'s conversation gets them.
    #[must_use]
    pub fn new(peer: &Username, sender: &Username, time: &DateTime<Utc>) -> Self {
        let mut head = String::with_capacity(HEAD_BYTES);
        head.push_str(r#"{"message":{"peer":""#);
        head.push_str(peer.as_str());
        head.push_str(r#"","entry":{"number":"#);
        let number_at = head.len();
        head.push_str(r#","time":""#);
        if push_time(&mut head, time).is_none() {
            // A year of more than four digits, a leap second, a part of a millisecond: none of ours.
            head.push_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        }
        head.push_str(r#"","sender":""#);
        head.push_str(sender.as_str());
        head.push_str(r#"","body":""#);
        Self { head, number_at }
    }

    /// How long a frame is at most besides its body's text, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.head.len() + MESSAGE_BYTES
    }

    /// One more frame at the end of `out`. It is below any limit, as a body is.
    pub fn push(&self, out: &mut Vec<u8>, number: u64, body: &str) {
        let start = begin(out);
        let (before, after) = self.head.as_bytes().split_at_checked(self.number_at).unwrap_or_default();
        out.extend_from_slice(before);
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        out.extend_from_slice(after);
        out.extend_from_slice(body.as_bytes());
        out.extend_from_slice(br#""}}}"#);
        end(out, start);
    }
}

/// Acknowledgements to one sender, all of one stream: what their frames have in common is written once.
#[derive(Debug)]
pub struct StoredFrames {
    /// Up to the counter.
    head: Vec<u8>,
}

impl StoredFrames {
    /// For messages to `peer`.
    #[must_use]
    pub fn new(peer: &Username, stream: &StreamId) -> Self {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend_from_slice(br#"{"stored":{"peer":""#);
        head.extend_from_slice(peer.as_str().as_bytes());
        head.extend_from_slice(br#"","stream":""#);
        strict_base64::encode_into(stream.as_bytes(), &mut head);
        head.extend_from_slice(br#"","counter":"#);
        Self { head }
    }

    /// How long a frame is at most, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.head.len() + STORED_BYTES
    }

    /// One more frame at the end of `out`.
    pub fn push(&self, out: &mut Vec<u8>, counter: u64, number: u64, hash: &Bytes<32>) {
        let mut digits = itoa::Buffer::new();
        let start = begin(out);
        out.extend_from_slice(&self.head);
        out.extend_from_slice(digits.format(counter).as_bytes());
        out.extend_from_slice(br#","number":"#);
        out.extend_from_slice(digits.format(number).as_bytes());
        out.extend_from_slice(br#","hash":""#);
        strict_base64::encode_into(hash.as_bytes(), out);
        out.extend_from_slice(br#""}}"#);
        end(out, start);
    }
}

/// Leaves room for a frame's length; where the frame begins.
fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    start
}

/// Fills in the length of the frame that begins at `start`.
fn end(out: &mut [u8], start: usize) {
    let length = out.len().saturating_sub(start + LENGTH_BYTES);
    if let Some(head) = out.get_mut(start..).and_then(|frame| frame.first_chunk_mut::<LENGTH_BYTES>()) {
        *head = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    }
}

/// A `send` where its text stands.
#[derive(Debug, Clone, Copy)]
pub struct SendRef<'a> {
    /// To whom.
    pub peer: &'a Username,
    /// The sealed message.
    pub body: BodyRef<'a>,
}

/// What one [`SendRef`] is read into.
#[derive(Debug, Default)]
pub struct SendBuffer {
    peer: Option<Username>,
    bytes: Vec<u8>,
}

/// Reads a `send` in the one form that clients of this program write; `None` for every other request, and for
/// this one in any other form that JSON allows, or with something wrong in it: all that is for the parser.
pub(super) fn read_send<'a>(json: &'a [u8], into: &'a mut SendBuffer) -> Option<SendRef<'a>> {
    let rest = json.strip_prefix(br#"{"send":{"peer":""#)?;
    let longest = rest.get(..=USERNAME_BYTES_MAX).unwrap_or(rest);
    let (peer, rest) = rest.split_at_checked(longest.iter().position(|byte| *byte == b'"')?)?;
    let body = rest.strip_prefix(br#"","body":""#)?.strip_suffix(br#""}}"#)?;
    // What messages of one read are to is mostly one peer, whose name was read before.
    if into.peer.as_ref().is_none_or(|known| known.as_str().as_bytes() != peer) {
        into.peer = Some(std::str::from_utf8(peer).ok()?.parse().ok()?);
    }
    let body = BodyRef::read(std::str::from_utf8(body).ok()?, &mut into.bytes).ok()?;
    Some(SendRef { peer: into.peer.as_ref()?, body })
}

/// A time to the millisecond, `2026-11-22T23:29:01.123Z`, or to the second where it is a whole one; `None` for others.
fn push_time(out: &mut String, time: &DateTime<Utc>) -> Option<()> {
    let nanos = time.nanosecond();
    if !nanos.is_multiple_of(1_000_000) {
        return None;
    }
    push_seconds(out, time)?;
    if nanos > 0 {
        push_milliseconds(out, nanos / 1_000_000);
    }
    out.push('Z');
    Some(())
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
    use crate::wire::{Body, Frames, Header, Request, limits::FRAME_BYTES_MAX};

    fn is_as_serde_writes_it(event: &Event) {
        let expected = encode(event, FRAME_BYTES_MAX).unwrap();
        assert_eq!(encode_event(event, FRAME_BYTES_MAX).unwrap(), expected, "{event:?}");
        // Room that is made for frames is enough for them.
        match event {
            Event::Message { peer, entry: Entry { sender, time, body, .. } } => {
                let bytes = MessageFrames::new(peer, sender, time).bytes();
                assert!(expected.len() <= bytes + body.as_text().len(), "{event:?}");
            }
            Event::Stored { peer, stream, .. } => {
                assert!(expected.len() <= StoredFrames::new(peer, stream).bytes(), "{event:?}");
            }
            _ => {}
        }
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

    fn frames(frame: &[u8]) -> Frames {
        let mut frames = Frames::new(FRAME_BYTES_MAX);
        frames.push(frame);
        frames
    }

    fn send(name: &str, steps: usize) -> Request {
        let header = Header { epoch: 7, stream: Bytes([3; 16]), counter: 5, previous: Bytes([5; 32]) };
        let body = Body::new(&header, &vec![9; 16 + if steps == 0 { 128 } else { 256 * steps }]).unwrap();
        Request::Send { peer: name.parse().unwrap(), body }
    }

    /// What is read by hand, if anything is, is what the parser reads.
    fn is_as_serde_reads_it(frame: &[u8]) -> bool {
        let mut buffer = SendBuffer::default();
        let (mut by_hand, mut parsed) = (frames(frame), frames(frame));
        let Some(SendRef { peer, body }) = by_hand.take_send(&mut buffer) else { return false };
        let own = Request::Send { peer: peer.clone(), body: Body::try_from(body.as_text()).unwrap() };
        assert_eq!(body.as_bytes(), Body::try_from(body.as_text()).unwrap().as_bytes());
        assert_eq!(parsed.take::<Request>().unwrap(), Some(own));
        assert!(by_hand.is_empty() && parsed.is_empty());
        true
    }

    #[test]
    fn a_send_is_read_by_hand_and_whatever_is_not_quite_one_is_left_to_the_parser() {
        let frame = encode(&send("alice", 0), FRAME_BYTES_MAX).unwrap();
        assert!(is_as_serde_reads_it(&frame));
        let json = String::from_utf8(frame[LENGTH_BYTES..].to_vec()).unwrap();
        for (from, to) in [
            ("alice", "Alice"),
            ("alice", "\\u0061lice"),
            ("alice", "a\"b"),
            ("alice", "no"),
            ("alice", ""),
            ("{\"send\"", " {\"send\""),
            ("\"}}", "\"}} "),
            ("\"}}", "\",\"more\":1}}"),
            ("\"}}", "=\"}}"),
            ("\"}}", "\n\"}}"),
            ("send", "leave"),
            ("AAAA", "AA/A"),
        ] {
            let other = json.replacen(from, to, 1);
            let length = u32::try_from(other.len()).unwrap().to_be_bytes();
            let frame = [length.as_slice(), other.as_bytes()].concat();
            assert!(other == json || !is_as_serde_reads_it(&frame) || to == "AA/A", "{to}");
        }
        let mut short = Frames::new(10);
        short.push(&frame);
        assert!(short.take_send(&mut SendBuffer::default()).is_none(), "over the limit");
        assert!(
            frames(&frame[..frame.len() - 1]).take_send(&mut SendBuffer::default()).is_none(),
            "not whole"
        );
    }

    #[test]
    fn what_is_read_by_hand_takes_turns_with_what_is_not() {
        let mut both = Frames::new(FRAME_BYTES_MAX);
        let mut buffer = SendBuffer::default();
        for request in [send("alice", 0), Request::Who {}, send("bob", 3), send("bob", 0), Request::Who {}] {
            both.push(&encode(&request, FRAME_BYTES_MAX).unwrap());
        }
        let mut read = Vec::new();
        loop {
            if let Some(SendRef { peer, body }) = both.take_send(&mut buffer) {
                read.push(format!("{peer} {}", body.as_text().len()));
            } else if both.take::<Request>().unwrap().is_some() {
                read.push("who".to_owned());
            } else {
                break;
            }
        }
        assert_eq!(read, ["alice 276", "who", "bob 1128", "bob 276", "who"]);
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
        fn a_send_with_any_change_is_read_as_serde_reads_it_or_left(
            name in "[a-z0-9]([a-z0-9_.-]{0,30}[a-z0-9])?", at: prop::sample::Index, byte: u8,
        ) {
            prop_assume!(name.parse::<Username>().is_ok());
            let mut frame = encode(&send(&name, 0), FRAME_BYTES_MAX).unwrap();
            prop_assert!(is_as_serde_reads_it(&frame));
            let at = LENGTH_BYTES + at.index(frame.len() - LENGTH_BYTES);
            frame[at] = byte;
            is_as_serde_reads_it(&frame);
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
