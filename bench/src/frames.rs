//! The relays' frames: the product's, byte for byte but for what a server would have to work out.

use chrono::{DateTime, Utc};
use securechat::wire::{
    Body, Bytes, Entry, Event, Header, PROTOCOL_VERSION, Registration, Username, encode,
    limits::{FRAME_BYTES_MAX, PADDED_BYTES_MIN, TAG_BYTES},
};

/// What stands before a name, and before a body.
const NAME_FIELD: &[u8] = b"\"username\":\"";
const BODY_FIELD: &[u8] = b"\"body\":";

/// What ends a `send` after its body.
const SEND_END_BYTES: usize = b"}}".len();

/// What one connection's messages become.
#[derive(Debug, Clone)]
pub(crate) struct Templates {
    /// Whose connection it is.
    pub(crate) name: String,
    /// Whom it talks to.
    pub(crate) peer: String,
    /// The two.
    pub(crate) pair: String,
    /// A `message` up to its body, and what follows the body.
    message_head: Vec<u8>,
    message_end: Vec<u8>,
    /// A whole `stored` frame.
    stored: Vec<u8>,
    /// A line of a log up to its body.
    line_head: Vec<u8>,
}

fn frame(event: &Event) -> Vec<u8> {
    // The events made here are far below the limit.
    encode(event, FRAME_BYTES_MAX).unwrap_or_default()
}

fn field<'a>(json: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = json.windows(name.len()).position(|window| window == name)?;
    json.get(at + name.len()..)
}

impl Templates {
    /// The first frame of a connection.
    pub(crate) fn hello() -> Vec<u8> {
        frame(&Event::Hello { version: PROTOCOL_VERSION, registration: Registration::Open })
    }

    /// The answer to a login.
    pub(crate) fn logged_in() -> Vec<u8> {
        frame(&Event::LoggedIn {})
    }

    /// For the connection of whoever said this login. `a000007` talks to `b000007`.
    pub(crate) fn of_login(json: &[u8]) -> Option<Self> {
        let rest = field(json, NAME_FIELD)?;
        let name = rest.split(|byte| *byte == b'"').next()?;
        let name: Username = std::str::from_utf8(name).ok()?.parse().ok()?;
        let (part, number) = name.as_str().split_at_checked(1)?;
        let peer: Username = format!("{}{number}", if part == "a" { "b" } else { "a" }).parse().ok()?;
        let time = Utc::now();
        let header = Header { epoch: 1, stream: Bytes([7; 16]), counter: 12_345, previous: Bytes([0; 32]) };
        let body = Body::new(&header, &[1; PADDED_BYTES_MIN + TAG_BYTES]).ok()?;
        let entry = Entry { number: 12_345, time: milliseconds(time), sender: name.clone(), body };
        let message = serde_json::to_vec(&Event::Message { peer: name.clone(), entry }).ok()?;
        let body = field(&message, BODY_FIELD)?;
        let head = message.get(..message.len() - body.len())?;
        let stored = Event::Stored {
            peer: peer.clone(),
            stream: Bytes([7; 16]),
            counter: 12_345,
            number: 12_345,
            hash: Bytes([5; 32]),
        };
        let line = format!("{} {name} 12345 ", time.format("%Y-%m-%dT%H:%M:%S%.3fZ"));
        Some(Self {
            pair: format!("{}+{}", name.as_str().min(peer.as_str()), name.as_str().max(peer.as_str())),
            name: name.to_string(),
            peer: peer.to_string(),
            message_head: head.to_vec(),
            message_end: b"}}}".to_vec(),
            stored: frame(&stored),
            line_head: line.into_bytes(),
        })
    }

    /// What one `send` becomes: a `message` for the peer, a `stored` for the sender, a line.
    pub(crate) fn answer(
        &mut self,
        send: &[u8],
        messages: &mut Vec<u8>,
        acknowledgements: &mut Vec<u8>,
        lines: &mut Vec<u8>,
    ) {
        let body = field(send, BODY_FIELD).unwrap_or_default();
        let body = body.get(..body.len().saturating_sub(SEND_END_BYTES)).unwrap_or_default();
        let length = self.message_head.len() + body.len() + self.message_end.len();
        messages.extend_from_slice(&u32::try_from(length).unwrap_or(0).to_be_bytes());
        messages.extend_from_slice(&self.message_head);
        messages.extend_from_slice(body);
        messages.extend_from_slice(&self.message_end);
        acknowledgements.extend_from_slice(&self.stored);
        // Without the quotes that JSON has around it.
        let text = body.get(1..body.len().saturating_sub(1)).unwrap_or_default();
        lines.extend_from_slice(&self.line_head);
        lines.extend_from_slice(text);
        lines.push(b'\n');
    }
}

fn milliseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.timestamp_millis()).unwrap_or(time)
}
