//! Bare relays, to compare with: one thread a connection, rustls, no product logic.
//!
//! They take and give the same bytes as the product, frame for frame: `hello`, the answer to a login, a
//! `message` of the same length to the peer, a `stored` of the same length to the sender. What is not there:
//! JSON, signatures, accounts, meetings, checks of what is sent. Who is whose peer is in the name.
//!
//! What is there is what a good relay does: the sender's thread writes to the receiver itself; all frames of
//! one read are one write, to the receiver and to the disk; nothing is delayed.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use parking_lot::Mutex;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::{
    ServerConfig, ServerConnection,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::NoServerSessionStorage,
    version::TLS13,
};
use securechat::transport::{ALPN, listen};

use crate::{frames::Templates, journal::Journal};

/// What the relay does with a message besides handing it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Nothing
    Bare,
    /// Appends a line to a file of the pair's
    Append,
    /// Appends a line to one journal, and acknowledges when it is on the disk
    Durable,
    /// The same, and its reading threads wait for the disk before they hand anything on
    DurableWaiting,
    /// Nothing, and each frame is a write of its own: what the others save
    OneByOne,
}

/// The stack of a connection's thread, in bytes.
const STACK_BYTES: usize = 128 * 1024;

/// The read buffer of a connection, in bytes.
const BUFFER_BYTES: usize = 16 * 1024;

/// How long a receiver may refuse to read before it is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// One relay.
struct Relay {
    kind: Kind,
    folder: PathBuf,
    journal: Option<Journal>,
    connections: Mutex<HashMap<String, Arc<Connection>>>,
    /// The appending relay's files, by the pair's number.
    files: Mutex<HashMap<String, Arc<File>>>,
}

/// One connection: its thread reads, and whoever has something for it writes.
pub(crate) struct Connection {
    stream: TcpStream,
    tls: Mutex<Tls>,
}

struct Tls {
    session: ServerConnection,
    sealed: Vec<u8>,
}

/// Listens on a free port of the loopback, says so, and serves until it is killed.
pub fn run(kind: Kind, folder: &Path) -> Result<()> {
    let config = server_config()?;
    let listener: TcpListener = listen(Some(([127, 0, 0, 1], 0).into()), 0)?;
    let is_durable = matches!(kind, Kind::Durable | Kind::DurableWaiting);
    let journal = is_durable.then(|| Journal::start(&folder.join("journal"))).transpose()?;
    let relay = Arc::new(Relay {
        kind,
        folder: folder.to_owned(),
        journal,
        connections: Mutex::default(),
        files: Mutex::default(),
    });
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept()?;
        let (relay, config) = (Arc::clone(&relay), Arc::clone(&config));
        thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            // A connection that broke is over; the load generator notices what it misses.
            let _ = relay.serve(stream, config);
        })?;
    }
}

fn server_config() -> Result<Arc<ServerConfig>> {
    let key = KeyPair::generate_for(&PKCS_ED25519)?;
    let certificate = CertificateParams::new(Vec::new())?.self_signed(&key)?;
    let certificate = CertificateDer::from(certificate.der().to_vec());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

impl Relay {
    fn serve(&self, stream: TcpStream, config: Arc<ServerConfig>) -> Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let mut session = ServerConnection::new(config)?;
        session.set_buffer_limit(None);
        while session.is_handshaking() {
            session.complete_io(&mut &stream)?;
        }
        let tls = Mutex::new(Tls { session, sealed: Vec::new() });
        let connection = Arc::new(Connection { stream, tls });
        connection.send(&Templates::hello())?;
        let mut inbound = Inbound { raw: vec![0; BUFFER_BYTES], opened: Vec::new() };
        let login = loop {
            if let Some((login, used)) = split_frame(&inbound.opened) {
                let login = login.to_vec();
                inbound.opened.drain(..used);
                break login;
            }
            if !inbound.receive(&connection)? {
                return Ok(());
            }
        };
        let templates = Templates::of_login(&login).context("a login without a name")?;
        self.connections.lock().insert(templates.name.clone(), Arc::clone(&connection));
        connection.send(&Templates::logged_in())?;
        let outcome = self.relay(&connection, &mut inbound, templates.clone());
        let mut connections = self.connections.lock();
        // A newer connection of that name stays.
        if connections.get(&templates.name).is_some_and(|current| Arc::ptr_eq(current, &connection)) {
            connections.remove(&templates.name);
        }
        outcome
    }

    fn relay(
        &self,
        connection: &Arc<Connection>,
        inbound: &mut Inbound,
        mut templates: Templates,
    ) -> Result<()> {
        let (mut peer, mut file) = (None::<Arc<Connection>>, None);
        let (mut messages, mut acknowledgements, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let (mut used, mut count) = (0, 0);
            messages.clear();
            acknowledgements.clear();
            lines.clear();
            while let Some((frame, length)) = split_frame(inbound.opened.get(used..).unwrap_or_default()) {
                used += length;
                count += 1;
                templates.answer(frame, &mut messages, &mut acknowledgements, &mut lines);
                if let (Kind::OneByOne, Some(peer)) = (self.kind, &peer) {
                    peer.send(&messages)?;
                    connection.send(&acknowledgements)?;
                    messages.clear();
                    acknowledgements.clear();
                }
            }
            inbound.opened.drain(..used);
            if count > 0 {
                if self.kind == Kind::Append {
                    let file = match &file {
                        Some(file) => file,
                        None => file.insert(self.file_of(&templates.pair)?),
                    };
                    (&**file).write_all(&lines)?;
                }
                if peer.is_none() {
                    peer = self.connections.lock().get(&templates.peer).map(Arc::clone);
                }
                let waits = self.kind == Kind::DurableWaiting;
                if let (Some(journal), true) = (&self.journal, waits) {
                    journal.write_and_wait(&lines);
                }
                if let Some(peer) = &peer {
                    peer.send(&messages)?;
                }
                match &self.journal {
                    Some(journal) if !waits => journal.write(&lines, connection, &acknowledgements),
                    _ => connection.send(&acknowledgements)?,
                }
            }
            if !inbound.receive(connection)? {
                return Ok(());
            }
        }
    }

    fn file_of(&self, pair: &str) -> Result<Arc<File>> {
        let mut files = self.files.lock();
        if let Some(file) = files.get(pair) {
            return Ok(Arc::clone(file));
        }
        let path = self.folder.join(pair);
        let file = Arc::new(OpenOptions::new().create(true).append(true).open(path)?);
        files.insert(pair.to_owned(), Arc::clone(&file));
        Ok(file)
    }
}

/// What the reading thread keeps between two reads.
struct Inbound {
    raw: Vec<u8>,
    opened: Vec<u8>,
}

impl Inbound {
    /// Reads once, waiting; false at the end.
    fn receive(&mut self, connection: &Connection) -> Result<bool> {
        let count = match (&connection.stream).read(&mut self.raw) {
            Ok(0) => return Ok(false),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        let mut rest = self.raw.get(..count).unwrap_or_default();
        let mut tls = connection.tls.lock();
        while !rest.is_empty() {
            tls.session.read_tls(&mut rest)?;
            let state = tls.session.process_new_packets()?;
            let (ready, closed) = (state.plaintext_bytes_to_read(), state.peer_has_closed());
            if ready > 0 {
                let held = self.opened.len();
                self.opened.resize(held + ready, 0);
                tls.session.reader().read_exact(self.opened.get_mut(held..).unwrap_or_default())?;
            }
            if closed {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Connection {
    /// Seals these bytes in as few records as they fit in and writes them at once.
    pub(crate) fn send(&self, plain: &[u8]) -> Result<()> {
        let mut tls = self.tls.lock();
        let Tls { session, sealed } = &mut *tls;
        if plain.is_empty() {
            return Ok(());
        }
        session.writer().write_all(plain)?;
        sealed.clear();
        while session.wants_write() {
            session.write_tls(sealed)?;
        }
        let written = (&self.stream).write_all(sealed);
        if written.is_err() {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        Ok(written?)
    }
}

/// The first frame's JSON and how many bytes it takes.
fn split_frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*head)).ok()?;
    Some((rest.get(..length)?, length + head.len()))
}
