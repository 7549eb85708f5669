//! Messages to one peer that one read brought, kept until they are stored together.
//!
//! Their texts lie one after the other in one piece of memory, as what is made of them does: the lines, the
//! frames for the peer, the acknowledgements.

use super::limits::PARCEL_BYTES_MAX;
use crate::{
    crypto::hash::lent_body_hash,
    wire::{BodyRef, Bytes, Header, Username},
};

/// What each of its two pieces of memory keeps while it has no messages, in bytes.
const KEPT_BYTES_MAX: usize = 1024;

/// Messages to one peer, in their order; none when they were stored.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    /// Of the last message.
    peer: Option<Username>,
    texts: String,
    messages: Vec<Message>,
}

/// What is known of a message besides its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    pub(super) header: Header,
    /// Of the body.
    pub(super) hash: Bytes<32>,
    /// Where its text ends in all texts; it begins where the one before ends.
    end: usize,
}

/// Some of a parcel's messages that follow each other; never none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    texts: &'a str,
    first: &'a Message,
    /// With the first.
    messages: &'a [Message],
    /// Where the first one's text begins.
    start: usize,
}

impl Parcel {
    /// Makes this, which has none, the parcel of this message. With more of its kind `bytes` bytes may come.
    pub(super) fn begin(&mut self, peer: &Username, body: &BodyRef<'_>, bytes: usize) {
        if self.peer.as_ref() != Some(peer) {
            self.peer = Some(peer.clone());
        }
        let bytes = bytes.min(PARCEL_BYTES_MAX);
        self.texts.reserve(body.as_text().len() + bytes);
        self.messages.reserve(1 + bytes / body.as_text().len().max(1));
        self.push(body);
    }

    /// Whether this message can be one more of it.
    pub(super) fn takes(&self, peer: &Username) -> bool {
        !self.messages.is_empty() && self.peer.as_ref() == Some(peer) && self.texts.len() < PARCEL_BYTES_MAX
    }

    /// To whom its messages are; `None` when there are none.
    pub(super) fn peer(&self) -> Option<&Username> {
        self.peer.as_ref().filter(|_| !self.messages.is_empty())
    }

    /// Forgets the messages, and keeps their memory where it is little: so that the next message of one who writes
    /// now and then takes none.
    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.texts.shrink_to(KEPT_BYTES_MAX);
        self.messages.clear();
        self.messages.shrink_to(KEPT_BYTES_MAX / size_of::<Message>());
    }

    /// One more message.
    pub(super) fn push(&mut self, body: &BodyRef<'_>) {
        self.texts.push_str(body.as_text());
        let (header, hash, end) = (*body.header(), lent_body_hash(body), self.texts.len());
        self.messages.push(Message { header, hash, end });
    }

    /// The messages but the first `count`; `None` when there are no more.
    pub(super) fn after(&self, count: usize) -> Option<Part<'_>> {
        let (before, messages) = self.messages.split_at_checked(count)?;
        let start = before.last().map_or(0, |message| message.end);
        Some(Part { texts: &self.texts, first: messages.first()?, messages, start })
    }
}

impl<'a> Part<'a> {
    pub(super) fn first(&self) -> &'a Message {
        self.first
    }

    /// Those from the first on that go on in its stream, under its epoch.
    pub(super) fn of_one_stream(self) -> Self {
        let stream = |message: &Message| (message.header.epoch, message.header.stream);
        let first = stream(self.first);
        self.up_to(self.messages.iter().take_while(|message| stream(message) == first).count())
    }

    /// Those from the first on whose counters follow each other.
    pub(super) fn without_gap(self) -> Self {
        let counters = self.first.header.counter..u64::MAX;
        let follow = self.messages.iter().zip(counters);
        self.up_to(follow.take_while(|(message, counter)| message.header.counter == *counter).count())
    }

    fn up_to(self, count: usize) -> Self {
        Self { messages: self.messages.get(..count.max(1)).unwrap_or(self.messages), ..self }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// How long the texts are together, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.messages.last().map_or(0, |last| last.end - self.start)
    }

    /// Each message with the text of its body.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a Message, &'a str)> + use<'a> {
        let (texts, mut start) = (self.texts, self.start);
        self.messages.iter().map(move |message| {
            let text = texts.get(start..message.end).unwrap_or_default();
            start = message.end;
            (message, text)
        })
    }
}

#[cfg(test)]
impl Parcel {
    /// Of these bodies.
    pub(super) fn of(peer: &Username, bodies: &[crate::wire::Body]) -> Self {
        let (first, others) = bodies.split_first().unwrap();
        let mut parcel = Self::default();
        parcel.begin(peer, &first.lent(), 0);
        others.iter().for_each(|body| parcel.push(&body.lent()));
        parcel
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Body;

    fn body(stream: u8, counter: u64) -> Body {
        let header = Header { epoch: 1, stream: Bytes([stream; 16]), counter, previous: Bytes([0; 32]) };
        Body::new(&header, &[stream; 16 + 128]).unwrap()
    }

    #[test]
    fn a_part_has_the_texts_of_its_messages_and_ends_where_stream_or_counters_break() {
        let bodies = [body(1, 4), body(2, 0), body(2, 1), body(2, 3), body(1, 5)];
        let parcel = Parcel::of(&"bob".parse().unwrap(), &bodies);
        let texts = |part: Part<'_>| part.iter().map(|(_, text)| text.to_owned()).collect::<Vec<_>>();
        let written =
            |bodies: &[Body]| bodies.iter().map(|body| body.as_text().to_owned()).collect::<Vec<_>>();
        assert_eq!(texts(parcel.after(0).unwrap()), written(&bodies));
        assert_eq!(texts(parcel.after(0).unwrap().of_one_stream()), written(&bodies[..1]));
        let second = parcel.after(1).unwrap().of_one_stream();
        assert_eq!((texts(second), second.len()), (written(&bodies[1..4]), 3));
        let run = second.without_gap();
        assert_eq!((texts(run), run.bytes()), (written(&bodies[1..3]), 2 * bodies[1].as_text().len()));
        assert_eq!(run.first().header.counter, 0);
        assert!(parcel.after(5).is_none() && parcel.after(6).is_none());
    }
}
