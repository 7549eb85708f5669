//! One open conversation: sealing what goes out, taking what comes in.
//!
//! Nothing is shown as somebody's word unless it opened under the key as theirs; nothing typed is
//! forgotten before the server said that it is stored.

use std::collections::VecDeque;

use chrono::Utc;

use super::{
    chain::{Chains, Side},
    meeting::Concluded,
    opener::{Opened, Opener, Said, Sending},
    phrase::Phrase,
    pins::{Link, PeerPins},
    words,
};
use crate::{
    crypto::{
        conversation_key::{Code, ConversationKey},
        hash::body_hash,
        receipt,
        session::{Plain, SessionError, Stream},
    },
    printable::Printable,
    wire::{Body, Bytes, Entry, Received, Request, Seen, StreamId, Username},
};

/// Messages kept to be shown when the person turns to their conversation.
const UNSEEN_MAX: usize = 500;

/// What a line of the log comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// What is wrong with it.
    pub(super) warnings: Vec<Phrase>,
    /// The message.
    pub(super) message: Option<Phrase>,
}

/// A message on its way.
struct Unacknowledged {
    stream: StreamId,
    counter: u64,
    hash: Bytes<32>,
    body: Body,
    text: String,
}

/// An open conversation, or a closed one whose last messages are not confirmed yet.
pub(super) struct Conversation {
    me: Username,
    opener: Opener,
    own_code: Code,
    peer_code: Code,
    epoch: u32,
    stream: Stream,
    pub(super) chains: Chains,
    /// The hash of the last message sealed: the next one names it.
    sealed_last: Bytes<32>,
    unacknowledged: VecDeque<Unacknowledged>,
    /// The log was read up to this number: what is shown from there need not be shown again.
    pub(super) read_to: u64,
    /// The log was read: it has been open to its person.
    open: bool,
    /// The peer is away: what is sent waits for them.
    pub(super) one_sided: bool,
    /// What came while lines went to another, to be shown when the person turns to this one.
    pub(super) unseen: Vec<Shown>,
}

impl Conversation {
    /// A conversation under a key that both proved to hold.
    pub(super) fn new(
        me: Username,
        peer: Username,
        concluded: Concluded,
        pins: &PeerPins,
    ) -> Result<Self, SessionError> {
        let Concluded { key, own_code, peer_code, .. } = concluded;
        let (stream, epoch) = (Stream::start(&key, &me)?, key.epoch());
        let chains = Chains::remembered(pins);
        let sealed_last = chains.previous(Side::Own);
        let mut opener = Opener::new(me.clone(), peer);
        opener.add_key(epoch, Some(key));
        pins.own.iter().for_each(|link| opener.remember_own(link.seen));
        Ok(Self {
            me,
            opener,
            own_code,
            peer_code,
            epoch,
            stream,
            chains,
            sealed_last,
            unacknowledged: VecDeque::new(),
            read_to: 0,
            open: false,
            one_sided: false,
            unseen: Vec::new(),
        })
    }

    /// Goes on under a new key.
    pub(super) fn rekey(&mut self, concluded: Concluded) -> Result<u32, SessionError> {
        let Concluded { key, own_code, peer_code, .. } = concluded;
        self.stream = Stream::start(&key, &self.me)?;
        self.epoch = key.epoch();
        (self.own_code, self.peer_code) = (own_code, peer_code);
        self.opener.add_key(self.epoch, Some(key));
        Ok(self.epoch)
    }

    /// The epoch that is sealed with now.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The codes of the key in use: this side's, the peer's.
    pub(super) fn codes(&self) -> (&Code, &Code) {
        (&self.own_code, &self.peer_code)
    }

    /// After reading the log: the next message is chained to the last one of this user found there.
    pub(super) fn open(&mut self) {
        self.sealed_last = self.chains.previous(Side::Own);
        self.open = true;
    }

    /// Whether it has been open to its person.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Keeps what came while lines went to another. Of very much the first is only in the log.
    pub(super) fn keep_unseen(&mut self, shown: Shown) {
        if self.unseen.len() == UNSEEN_MAX {
            self.unseen.remove(0);
        }
        self.unseen.push(shown);
    }

    /// The key of an epoch, if it is here.
    pub(super) fn key_of(&self, epoch: u32) -> Option<&ConversationKey> {
        self.opener.key_of(epoch)
    }

    /// The receipt for the peer's newest message.
    pub(super) fn newest_of_theirs(&self) -> Option<Received> {
        let Link { number, epoch, seen } = self.chains.last(Side::Theirs)?;
        let proof = receipt::prove(self.opener.key_of(epoch)?, &self.me, number, &seen.hash);
        Some(Received { number, proof })
    }

    /// An epoch whose key is to be had before this entry can be opened.
    pub(super) fn missing_epoch(&self, entry: &Entry) -> Option<u32> {
        self.opener.missing_epoch(entry)
    }

    /// The key of an epoch, or that there is none.
    pub(super) fn add_key(&mut self, epoch: u32, key: Option<ConversationKey>) {
        self.opener.add_key(epoch, key);
    }

    /// Seals a message. It is remembered until the server has confirmed or refused it.
    pub(super) fn seal(&mut self, text: &str) -> Result<Body, SessionError> {
        let seen = self.chains.last(Side::Theirs).map(|link| link.seen);
        let plain = Plain { sent: Utc::now().timestamp_millis(), seen, text: text.to_owned() };
        let body = self.stream.seal(&self.sealed_last, &plain)?;
        let (header, hash) = (*body.header(), body_hash(&body));
        self.sealed_last = hash;
        self.opener.remember_own(Seen { stream: header.stream, counter: header.counter, hash });
        self.unacknowledged.push_back(Unacknowledged {
            stream: header.stream,
            counter: header.counter,
            hash,
            body: body.clone(),
            text: text.to_owned(),
        });
        Ok(body)
    }

    /// The server says that a message is stored. A warning when it is not the one that was sent.
    pub(super) fn stored(
        &mut self,
        stream: StreamId,
        counter: u64,
        number: u64,
        hash: Bytes<32>,
    ) -> Option<Phrase> {
        let at = self.position(stream, counter)?;
        let sent = self.unacknowledged.remove(at)?;
        if sent.hash != hash {
            return Some(words::stored_differs(self.opener.peer()));
        }
        if !self.chains.was_shown(&hash) {
            // In the order of sealing, so a break here is the server's doing: the next reading names it.
            let _ = self.chains.advance(Side::Own, number, sent.body.header(), hash);
        }
        None
    }

    /// The server refused a message: its text, for the person. What is sealed later begins a new stream.
    pub(super) fn not_stored(
        &mut self,
        stream: StreamId,
        counter: u64,
    ) -> Result<Option<String>, SessionError> {
        let Some(at) = self.position(stream, counter) else { return Ok(None) };
        let refused = self.unacknowledged.remove(at);
        if stream == self.stream.id() {
            let before = at.checked_sub(1).and_then(|before| self.unacknowledged.get(before));
            self.sealed_last = before.map_or_else(|| self.chains.previous(Side::Own), |before| before.hash);
            if let Some(key) = self.opener.key_of(self.epoch) {
                self.stream = Stream::start(key, &self.me)?;
            }
        }
        Ok(refused.map(|refused| Printable::line(&refused.text).to_string()))
    }

    /// Whether this message of this stream waits for its confirmation here.
    pub(super) fn awaits(&self, stream: StreamId, counter: u64) -> bool {
        self.position(stream, counter).is_some()
    }

    fn position(&self, stream: StreamId, counter: u64) -> Option<usize> {
        self.unacknowledged.iter().position(|sent| sent.stream == stream && sent.counter == counter)
    }

    /// With whom it is.
    pub(super) fn peer(&self) -> &Username {
        self.opener.peer()
    }

    /// The hashes of the messages that are neither confirmed nor refused.
    pub(super) fn on_their_way(&self) -> impl Iterator<Item = Bytes<32>> {
        self.unacknowledged.iter().map(|sent| sent.hash)
    }

    /// Whether everything sent is confirmed or refused.
    pub(super) fn is_settled(&self) -> bool {
        self.unacknowledged.is_empty()
    }

    /// What is to be sent again after a lost connection: the same bytes, in order.
    pub(super) fn unconfirmed_requests(&self) -> impl Iterator<Item = Request> {
        self.unacknowledged
            .iter()
            .map(|sent| Request::Send { peer: self.opener.peer().clone(), body: sent.body.clone() })
    }

    /// The texts whose fate is not known, printable.
    pub(super) fn unconfirmed(&self) -> impl Iterator<Item = String> {
        self.unacknowledged.iter().map(|sent| Printable::line(&sent.text).to_string())
    }

    /// Opens an entry and places it in its sender's chain.
    pub(super) fn take(&mut self, entry: &Entry) -> Shown {
        let mut chains = std::mem::replace(&mut self.chains, Chains::unknown());
        let shown = self.take_into(&mut chains, entry);
        // Also of one that does not open: that was said, and it is not looked at again for ever.
        chains.note_number(entry.number);
        self.chains = chains;
        shown
    }

    /// Opens an entry and places it in `chains`, which need not be the conversation's own.
    pub(super) fn take_into(&mut self, chains: &mut Chains, entry: &Entry) -> Shown {
        let unacknowledged = &self.unacknowledged;
        let has = |hash: &Bytes<32>| unacknowledged.iter().any(|sent| sent.hash == *hash);
        let sending = Sending { stream: Some(self.stream.id()), has: &has };
        let Opened { warnings, message } = self.opener.open_into(chains, entry, sending);
        let message = message.map(|Said { own, sent, text }| {
            let (peer, from, number) = (self.opener.peer(), &entry.sender, entry.number);
            words::message(&words::Message { peer, from, own, number, sent, text: &text })
        });
        Shown { warnings, message }
    }
}
