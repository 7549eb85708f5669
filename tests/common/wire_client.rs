//! A client without a person: the library's own transport and frames, for tests of the server alone.
//!
//! It knows what the server tells and when, to the frame. What it sends as proofs, sealed keys and
//! messages is noise of the right form: the server cannot tell, and that is its promise.

use std::{sync::OnceLock, time::Duration, time::Instant};

use securechat::{
    crypto::{
        key_file::{KdfCost, KeyFile, Password, Unlocked},
        random::random,
    },
    transport::{self, Link, TransportError, Trust},
    wire::{
        Blob, Body, Bytes, Entry, Event, Frames, Header, Outcome, OwnCopy, Request, StreamId, Username,
        encode, limits::FRAME_BYTES_MAX,
    },
};

use super::{PATIENCE, server::TestServer};

/// The epoch of the key that pairs have after [`WireClient::agrees_with`].
const EPOCH: u32 = 1;

/// The smallest ciphertext of a message, and the step by which longer ones grow, in bytes with the tag.
const CIPHERTEXT_BYTES_MIN: usize = 128 + 16;
const CIPHERTEXT_BYTES_STEP: usize = 256;

/// A connection of one user.
pub struct WireClient {
    name: Username,
    link: Link,
    frames: Frames,
}

/// What one sender sends to one peer: bodies of noise, numbered as the server wants them.
pub struct Noise {
    stream: StreamId,
    next: u64,
}

impl WireClient {
    /// A connection that is not logged in.
    pub fn connects(server: &TestServer, name: &str) -> Result<Self, TransportError> {
        let trust = Trust::Fingerprint(server.key().parse().expect("a fingerprint"));
        let link = transport::connect("127.0.0.1", server.port(), &trust, PATIENCE)?;
        let mut client = Self { name: user(name), link, frames: Frames::new(FRAME_BYTES_MAX) };
        match client.next(PATIENCE) {
            Some(Event::Hello { .. }) => Ok(client),
            None => Err(TransportError::Closed),
            Some(other) => panic!("{name} heard {other:?} before the hello"),
        }
    }

    /// A new account. All of them have one login key: what it is derived from is not what is tested.
    pub fn registers(server: &TestServer, name: &str) -> Self {
        let mut client = Self::connects(server, name).expect("a connection");
        client.registers_here();
        client
    }

    /// Makes the account on this connection.
    pub fn registers_here(&mut self) {
        self.asks_to_register();
        assert_eq!(self.hears(), Event::LoggedIn {});
    }

    /// Asks for the account on this connection; the answer is still to be heard.
    pub fn asks_to_register(&self) {
        let (username, login_key) = (self.name.clone(), keys().login.public());
        let signature = keys().login.sign_register(&username, &self.link.exporter());
        self.asks(&Request::Register { username, login_key, signature, invitation: None });
    }

    /// Sends bytes that are no request; false when the connection is gone.
    pub fn says_bytes(&self, bytes: &[u8]) -> bool {
        self.link.queue(bytes);
        self.link.flush_by(Instant::now() + PATIENCE).is_ok()
    }

    /// Somebody who has an account.
    pub fn logs_in(server: &TestServer, name: &str) -> Self {
        let mut client = Self::connects(server, name).expect("a connection");
        let username = client.name.clone();
        let signature = keys().login.sign_login(&username, &client.link.exporter());
        client.asks(&Request::Login { username, signature });
        assert_eq!(client.hears(), Event::LoggedIn {});
        client
    }

    /// Whose it is.
    pub fn name(&self) -> &Username {
        &self.name
    }

    /// Sends a request. On a connection that is gone it does nothing.
    pub fn asks(&self, request: &Request) {
        self.link.queue(&encode(request, FRAME_BYTES_MAX).expect("a request that fits its frame"));
        let _ = self.link.flush_by(Instant::now() + PATIENCE);
    }

    /// The next thing it is told; `None` when the connection ended, or nothing came in this time.
    pub fn next(&mut self, within: Duration) -> Option<Event> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(event) = self.frames.take().expect("frames of this protocol") {
                return Some(event);
            }
            if !self.link.receive(&mut self.frames, Some(deadline)).unwrap_or(false) {
                return None;
            }
        }
    }

    /// The next thing it is told.
    pub fn hears(&mut self) -> Event {
        self.next(PATIENCE).unwrap_or_else(|| panic!("{} heard nothing more", self.name))
    }

    /// The first thing it is told that is looked for; what comes before is dropped.
    pub fn hears_of<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(&self.hears()) {
                return found;
            }
        }
    }

    /// Asks to meet and waits until both are in the run; its number.
    pub fn reaches_the_key_with(&mut self, peer: &mut Self) -> u64 {
        self.asks(&Request::Invite { peer: peer.name.clone(), new_key: false });
        let started = |event: &Event| match event {
            Event::Started { run, .. } => Some(*run),
            _ => None,
        };
        let run = self.hears_of(started);
        assert_eq!(peer.hears_of(started), run);
        run
    }

    /// Accepts in a run, with a copy of a new key or of none.
    pub fn accepts(&self, peer: &Username, run: u64, new_key: bool) {
        let copy =
            new_key.then(|| OwnCopy { epoch: EPOCH, key_id: Bytes([9; 16]), sealed: Blob(vec![7; 100]) });
        self.asks(&Request::Accept { peer: peer.clone(), run, acceptance: Bytes([3; 32]), copy });
    }

    /// From the lobby to an open conversation: the first of a pair, with a new key.
    pub fn agrees_with(&mut self, peer: &mut Self) {
        self.opens(peer, true);
    }

    /// From the lobby to an open conversation, under the key that the pair has.
    pub fn meets_again(&mut self, peer: &mut Self) {
        self.opens(peer, false);
    }

    fn opens(&mut self, peer: &mut Self, new_key: bool) {
        let run = self.reaches_the_key_with(peer);
        self.accepts(&peer.name, run, new_key);
        peer.accepts(&self.name, run, new_key);
        for client in [self, peer] {
            let outcome = client.hears_of(|event| match event {
                Event::Outcome { outcome, .. } => Some(outcome.clone()),
                _ => None,
            });
            assert!(matches!(outcome, Outcome::Agreed { .. }), "{outcome:?}");
        }
    }

    /// Sends a message.
    pub fn sends(&self, peer: &Username, body: &Body) {
        self.asks(&Request::Send { peer: peer.clone(), body: body.clone() });
    }

    /// Waits until it is told that a message is stored: its number.
    pub fn hears_it_is_stored(&mut self) -> u64 {
        self.hears_of(|event| match event {
            Event::Stored { number, .. } => Some(*number),
            Event::NotStored { code, .. } => panic!("not stored: {code:?}"),
            _ => None,
        })
    }

    /// The pair's whole log, as the server gives it out.
    pub fn reads_all(&mut self, peer: &Username) -> Vec<Entry> {
        let mut all: Vec<Entry> = Vec::new();
        loop {
            let from = all.len() as u64 + 1;
            self.asks(&Request::Read { peer: peer.clone(), from, count: 500 });
            let (entries, last) = self.hears_of(|event| match event {
                Event::Entries { entries, last, .. } => Some((entries.clone(), *last)),
                Event::Error { code, .. } => panic!("not read: {code:?}"),
                _ => None,
            });
            assert!(!entries.is_empty() || last < from, "an empty page before the end");
            all.extend(entries);
            if all.len() as u64 >= last {
                return all;
            }
        }
    }

    /// Ends the connection without a word, as a crash does.
    pub fn vanishes(self) {
        self.link.close();
    }
}

impl Noise {
    /// A fresh stream.
    pub fn new() -> Self {
        Self { stream: Bytes(random().expect("random bytes")), next: 0 }
    }

    /// The next body: no two are alike. `steps` makes it longer, by 256 bytes each.
    pub fn body(&mut self, steps: usize) -> Body {
        let counter = self.next;
        self.next += 1;
        let header = Header { epoch: EPOCH, stream: self.stream, counter, previous: Bytes([0; 32]) };
        let length = if steps == 0 { CIPHERTEXT_BYTES_MIN } else { steps * CIPHERTEXT_BYTES_STEP + 16 };
        Body::new(&header, &vec![counter.to_le_bytes()[0]; length]).expect("a body")
    }
}

/// A name.
pub fn user(name: &str) -> Username {
    name.parse().expect("a username")
}

/// One set of keys for everybody: made once, because it costs an Argon2id.
fn keys() -> &'static Unlocked {
    static KEYS: OnceLock<Unlocked> = OnceLock::new();
    KEYS.get_or_init(|| {
        let password = Password::new("for every account of this test".to_owned()).expect("a password");
        KeyFile::create(&user("everybody"), &password, KdfCost::FLOOR).expect("a key file").1
    })
}
