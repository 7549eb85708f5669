//! A peer of a real client: it agrees on a key and seals messages with the crate's own cryptography.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use chrono::Utc;
use securechat::{
    crypto::{
        agreement::{self, Agreed, Members, Replied},
        conversation_key::ConversationKey,
        hash::body_hash,
        key_file::{KdfCost, KeyFile, Password, Unlocked},
        session::{Plain, Stream},
    },
    transport::{self, Link, TransportError, Trust},
    wire::{
        Agreement, Bytes, Event, Frames, Header, Outcome, Request, Seen, Username, encode,
        limits::FRAME_BYTES_MAX,
    },
};

/// The server says nothing for so long: it is not what it should be.
const PATIENCE: Duration = Duration::from_secs(60);

/// One user, connected.
pub struct Peer {
    name: Username,
    link: Arc<Link>,
    frames: Frames,
    keys: Unlocked,
    key: Option<(Username, ConversationKey)>,
    /// What came last of the other: each message names it.
    seen: Option<Seen>,
}

/// A run in which the other's person is asked now.
pub struct Asked {
    run: u64,
    agreed: Agreed,
}

impl Peer {
    /// Makes an account.
    pub fn registers(server: SocketAddr, name: &str) -> Result<Self> {
        let name: Username = name.parse()?;
        let password = Password::new("the peer's password".to_owned()).context("a password")?;
        let keys = KeyFile::create(&name, &password, KdfCost::FLOOR)?.1;
        let link = transport::connect(&server.ip().to_string(), server.port(), &Trust::Any, PATIENCE)?;
        let mut peer = Self {
            name,
            link: Arc::new(link),
            frames: Frames::new(FRAME_BYTES_MAX),
            keys,
            key: None,
            seen: None,
        };
        let hello = peer.hears()?;
        ensure!(matches!(hello, Event::Hello { .. }), "the server said {hello:?}");
        let login = &peer.keys.login;
        peer.asks(&Request::Register {
            username: peer.name.clone(),
            login_key: login.public(),
            signature: login.sign_register(&peer.name, &peer.link.exporter()),
            invitation: None,
        })?;
        let answer = peer.hears()?;
        ensure!(answer == Event::LoggedIn {}, "the server said {answer:?}");
        Ok(peer)
    }

    /// The fingerprint of the server's key.
    pub fn server_key(&self) -> String {
        self.link.peer_fingerprint().map(|fingerprint| fingerprint.to_string()).unwrap_or_default()
    }

    /// To write to, beside whoever reads.
    pub fn link(&self) -> Arc<Link> {
        Arc::clone(&self.link)
    }

    fn asks(&self, request: &Request) -> Result<()> {
        self.link.queue(&encode(request, FRAME_BYTES_MAX)?);
        Ok(self.link.flush_by(Instant::now() + PATIENCE)?)
    }

    fn hears(&mut self) -> Result<Event> {
        self.next(PATIENCE)?.context("the server said nothing")
    }

    /// What is said within this time.
    fn next(&mut self, within: Duration) -> Result<Option<Event>> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(event) = self.frames.take()? {
                return Ok(Some(event));
            }
            match self.link.receive(&mut self.frames, Some(deadline)) {
                Ok(true) => {}
                Ok(false) => bail!("the server closed the connection"),
                Err(TransportError::TimedOut) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Is invited, and answers the steps of the agreement until there is a key.
    pub fn agrees(&mut self, inviter: &str) -> Result<Asked> {
        let inviter: Username = inviter.parse()?;
        let members = Members::new(inviter.clone(), self.name.clone())?;
        let mut replied: Option<Replied> = None;
        loop {
            let Event::Agree { run, step, .. } = self.hears()? else { continue };
            match (step, replied.take()) {
                (Agreement::Offer(offer), _) => {
                    let (next, reply) = agreement::reply(&self.keys.identity, &members, &offer)?;
                    replied = Some(next);
                    self.asks(&Request::Agree { peer: inviter.clone(), run, step: Agreement::Reply(reply) })?;
                }
                (Agreement::Confirm(confirm), Some(replied)) => {
                    let agreed = replied.receive(&confirm)?;
                    return Ok(Asked { run, agreed });
                }
                (step, _) => bail!("a step that was not to come: {step:?}"),
            }
        }
    }

    /// Accepts, and waits until both have.
    pub fn accepts(&mut self, Asked { run, agreed }: Asked) -> Result<()> {
        let pair = agreed.key().pair().clone();
        let other = if *pair.lower() == self.name { pair.higher() } else { pair.lower() }.clone();
        let identity = agreed.peer_identity().context("a new key has an identity")?;
        let copy = agreed.key().seal(&self.keys.vault, &identity)?;
        let acceptance = agreed.acceptance();
        self.asks(&Request::Accept { peer: other.clone(), run, acceptance, copy: Some(copy) })?;
        loop {
            match self.hears()? {
                Event::Outcome { outcome: Outcome::Agreed { acceptance }, .. } => {
                    ensure!(agreed.verify(&acceptance), "an acceptance that is none");
                    self.key = Some((other, agreed.into_key()));
                    return Ok(());
                }
                Event::Outcome { outcome, .. } => bail!("the run ended in {outcome:?}"),
                _ => {}
            }
        }
    }

    /// The text of a message; one in the middle has a word that no other has.
    pub fn text(number: u64, count: u64) -> String {
        format!("m {number:06}{}", if number == count / 2 { " needle" } else { "" })
    }

    /// So many messages, sealed, as frames.
    pub fn seals(&self, count: u64) -> Result<Vec<Vec<u8>>> {
        let (peer, key) = self.key.as_ref().context("no key yet")?;
        let mut stream = Stream::start(key, &self.name)?;
        let mut previous = Bytes([0; 32]);
        let frame = |number| {
            let plain = Plain {
                sent: Utc::now().timestamp_millis(),
                seen: self.seen,
                text: Self::text(number, count),
            };
            let body = stream.seal(&previous, &plain)?;
            previous = body_hash(&body);
            Ok(encode(&Request::Send { peer: peer.clone(), body }, FRAME_BYTES_MAX)?)
        };
        (0..count).map(frame).collect()
    }

    /// Whether the other's message came within this time.
    pub fn hears_a_message(&mut self, within: Duration) -> Result<bool> {
        let deadline = Instant::now() + within;
        while let Some(event) = self.next(deadline.saturating_duration_since(Instant::now()))? {
            match event {
                Event::Message { entry, .. } => {
                    let Header { stream, counter, .. } = *entry.body.header();
                    self.seen = Some(Seen { stream, counter, hash: body_hash(&entry.body) });
                    return Ok(true);
                }
                Event::NotStored { code, .. } => bail!("not stored: {code:?}"),
                Event::Closed { .. } => bail!("the conversation was closed"),
                _ => {}
            }
        }
        Ok(false)
    }
}
