//! The protocol's client side without a person: logging in, meeting, sending. Others may drive a server
//! with it.
//!
//! ```text
//! let keys = Keys::create(path)?;                             // one login key for all accounts (an Argon2id)
//! let mut alice = Person::connect(to, from, &tls, name)?;     // the TCP connection; TLS begins
//! while alice.advance(&keys, &mut scratch)? != Stage::In {    // call it whenever the socket is readable
//!     wait_for(alice.line.socket());
//! }
//! alice.ask(&Request::Invite { peer, new_key: false })?;      // any request of the protocol, then ...
//! while let Some(event) = alice.event()? { ... }              // ... what the server says
//! ```
//!
//! Nothing here waits: [`Person::advance`] takes what has arrived. Handshake, login and every frame are the
//! real ones (PROTOCOL.md, sections 1, 4, 10 and 11). What people would have agreed on is noise of the right
//! form: acceptances, sealed copies of keys and the bodies of messages (`noise`). The server cannot tell.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use rustls::ClientConfig;
use securechat::{
    crypto::key_file::{KdfCost, KeyFile, Password, Unlocked},
    wire::{
        Blob, Bytes, Event, OwnCopy, Request, Username, encode,
        limits::{FRAME_BYTES_MAX, FRAME_BYTES_MAX_BEFORE_LOGIN},
    },
};

use crate::line::Line;

/// The epoch of the key that pairs have.
pub const EPOCH: u32 = 1;

/// The id of that key, for all pairs.
pub const KEY_ID: Bytes<16> = Bytes([9; 16]);

/// What every account logs in with. It costs one Argon2id, which is no part of what is measured.
pub struct Keys(Unlocked);

impl Keys {
    /// Fresh ones, kept in a key file for other processes.
    pub fn create(path: &Path) -> Result<Self> {
        let name: Username = "everybody".parse()?;
        let (file, keys) = KeyFile::create(&name, &password()?, KdfCost::FLOOR)?;
        fs::write(path, file.to_string())?;
        Ok(Self(keys))
    }

    /// Those of a key file that [`Self::create`] made.
    pub fn open(path: &Path) -> Result<Self> {
        let file: KeyFile = fs::read_to_string(path)?.parse()?;
        Ok(Self(file.open(&password()?)?))
    }

    /// The public key that a server keeps.
    pub fn public(&self) -> Bytes<32> {
        self.0.login.public()
    }
}

fn password() -> Result<Password> {
    Password::new("for every account of this run".to_owned()).context("a password")
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// TLS.
    Handshake,
    /// The server is to say `hello`.
    Hello,
    /// The server is to say `logged_in`.
    LoggingIn,
    /// Logged in.
    In,
}

/// How an account is come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// It is there.
    Login,
    /// It is made.
    Register,
}

/// One connection of one user.
pub struct Person {
    /// Whose.
    pub name: Username,
    /// The connection. After the login the caller takes its frames.
    pub line: Line,
    entrance: Entrance,
    stage: Stage,
}

impl Person {
    /// Connects. What follows is done by [`Self::advance`].
    pub fn connect(
        to: SocketAddr,
        from: Ipv4Addr,
        tls: &Arc<ClientConfig>,
        name: Username,
        entrance: Entrance,
    ) -> Result<Self> {
        let line = Line::connect(to, from, tls)?;
        Ok(Self { name, line, entrance, stage: Stage::Handshake })
    }

    /// Takes what has arrived and answers it, up to the login. Frames after it are left to the caller.
    pub fn advance(&mut self, keys: &Keys, scratch: &mut [u8]) -> Result<Stage> {
        if !self.line.receive(scratch)? {
            bail!("the server closed the connection of {}", self.name);
        }
        if self.stage == Stage::Handshake && !self.line.is_handshaking() {
            self.stage = Stage::Hello;
        }
        while self.stage != Stage::In && self.stage != Stage::Handshake {
            let Some(event) = self.event()? else { break };
            self.stage = match (self.stage, event) {
                (Stage::Hello, Event::Hello { .. }) => {
                    self.enter(keys)?;
                    Stage::LoggingIn
                }
                (Stage::LoggingIn, Event::LoggedIn {}) => Stage::In,
                (_, event) => bail!("{} heard {event:?} before the login", self.name),
            };
        }
        Ok(self.stage)
    }

    fn enter(&mut self, keys: &Keys) -> Result<()> {
        let (username, exporter) = (self.name.clone(), self.line.exporter()?);
        let login = &keys.0.login;
        let request = match self.entrance {
            Entrance::Login => Request::Login { signature: login.sign_login(&username, &exporter), username },
            Entrance::Register => Request::Register {
                signature: login.sign_register(&username, &exporter),
                login_key: login.public(),
                username,
                invitation: None,
            },
        };
        self.line.say(&encode(&request, FRAME_BYTES_MAX_BEFORE_LOGIN)?)?;
        self.line.flush()?;
        Ok(())
    }

    /// Sends a request.
    pub fn ask(&mut self, request: &Request) -> Result<()> {
        self.line.say(&encode(request, FRAME_BYTES_MAX)?)?;
        self.line.flush()?;
        Ok(())
    }

    /// The next thing the server said, of what has arrived.
    pub fn event(&mut self) -> Result<Option<Event>> {
        let Some(json) = self.line.frame() else { return Ok(None) };
        serde_json::from_slice(json).map(Some).context("a frame that is no event")
    }

    /// Asks to meet somebody under the key that the two have.
    pub fn invite(&mut self, peer: &Username) -> Result<()> {
        self.ask(&Request::Invite { peer: peer.clone(), new_key: false })
    }

    /// Accepts in a run: with a copy of a new key where the pair has none.
    pub fn accept(&mut self, peer: &Username, run: u64, new_key: bool) -> Result<()> {
        let copy = new_key.then(|| OwnCopy { epoch: EPOCH, key_id: KEY_ID, sealed: sealed_copy() });
        self.ask(&Request::Accept { peer: peer.clone(), run, acceptance: Bytes([3; 32]), copy })
    }
}

/// Noise of the size of a sealed copy of a key.
pub fn sealed_copy() -> Blob {
    Blob(vec![7; 96])
}
