//! One connection that never waits: TLS 1.3 over a non-blocking socket, cut into frames.
//!
//! It knows nothing of what the frames say; `person` does. One thread serves thousands of them.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
    version::TLS13,
};
use socket2::{Domain, SockAddr, Socket, Type};

/// The bytes of a frame's length.
const LENGTH_BYTES: usize = 4;

/// How long the system may take to connect over the loopback: a backlog that is full costs a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The label of a connection's exporter (RFC 9266).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// What all connections of a process share. `alpn` is the application protocol, if the server wants one.
pub fn tls_config(alpn: Option<&[u8]>) -> Result<Arc<ClientConfig>> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.alpn_protocols = alpn.map(<[u8]>::to_vec).into_iter().collect();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// One connection. Bytes to be sent are said first and flushed together, as one write if the system takes it.
pub struct Line {
    stream: TcpStream,
    tls: ClientConnection,
    /// What was received and opened; the first `taken` bytes are given out.
    opened: Vec<u8>,
    taken: usize,
    /// What is sealed; the first `written` bytes are out.
    sealed: Vec<u8>,
    written: usize,
}

impl Line {
    /// Connects, and says the first words of the handshake. `from` is the own address: a source address has
    /// only so many ports, and a closed connection keeps its for a minute.
    pub fn connect(to: SocketAddr, from: Ipv4Addr, config: &Arc<ClientConfig>) -> Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        if to.is_ipv4() && from != Ipv4Addr::LOCALHOST {
            socket.bind(&SockAddr::from(SocketAddr::new(IpAddr::V4(from), 0)))?;
        }
        socket
            .connect_timeout(&to.into(), CONNECT_TIMEOUT)
            .context("the server does not take connections")?;
        Self::over(TcpStream::from(socket), to, config)
    }

    /// Connects to a server that says one line in clear before TLS begins.
    pub fn connect_greeted(to: SocketAddr, config: &Arc<ClientConfig>) -> Result<Self> {
        let mut stream = TcpStream::connect(to)?;
        let mut byte = [0];
        while byte != *b"\n" {
            stream.read_exact(&mut byte)?;
        }
        Self::over(stream, to, config)
    }

    fn over(stream: TcpStream, to: SocketAddr, config: &Arc<ClientConfig>) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let tls = ClientConnection::new(Arc::clone(config), ServerName::IpAddress(to.ip().into()))?;
        let (opened, sealed) = (Vec::new(), Vec::new());
        let mut line = Self { stream, tls, opened, taken: 0, sealed, written: 0 };
        line.tls.set_buffer_limit(None);
        line.flush()?;
        Ok(line)
    }

    /// The socket, to be waited for.
    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether the handshake is still under way.
    pub fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// What TLS derives for this connection and its two ends only.
    pub fn exporter(&self) -> Result<[u8; 32]> {
        Ok(self.tls.export_keying_material([0; 32], EXPORTER_LABEL, Some(&[]))?)
    }

    /// Takes what has arrived; `scratch` is read into. False when the other side closed.
    pub fn receive(&mut self, scratch: &mut [u8]) -> Result<bool> {
        loop {
            let count = match self.stream.read(scratch) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            let mut rest = scratch.get(..count).unwrap_or_default();
            while !rest.is_empty() {
                self.tls.read_tls(&mut rest)?;
                let ready = self.tls.process_new_packets()?.plaintext_bytes_to_read();
                self.take_opened(ready)?;
            }
            if self.tls.wants_write() {
                self.flush()?;
            }
            // A read that did not fill the buffer took all there was.
            if count < scratch.len() {
                return Ok(true);
            }
        }
    }

    fn take_opened(&mut self, ready: usize) -> Result<()> {
        if ready == 0 {
            return Ok(());
        }
        if self.taken == self.opened.len() {
            self.opened.clear();
        } else {
            self.opened.drain(..self.taken);
        }
        self.taken = 0;
        let held = self.opened.len();
        self.opened.resize(held + ready, 0);
        Ok(self.tls.reader().read_exact(self.opened.get_mut(held..).unwrap_or_default())?)
    }

    /// The JSON of the next whole frame.
    pub fn frame(&mut self) -> Option<&[u8]> {
        let waiting = self.opened.get(self.taken..)?;
        let (head, rest) = waiting.split_first_chunk::<LENGTH_BYTES>()?;
        let length = usize::try_from(u32::from_be_bytes(*head)).ok()?;
        let json = rest.get(..length)?;
        self.taken += LENGTH_BYTES + length;
        Some(json)
    }

    /// All that has arrived, for protocols without frames; the caller says how much of it it took.
    pub fn bytes(&self) -> &[u8] {
        self.opened.get(self.taken..).unwrap_or_default()
    }

    /// Takes so many of [`Self::bytes`] away.
    pub fn took(&mut self, count: usize) {
        self.taken = (self.taken + count).min(self.opened.len());
    }

    /// Lets the next flush send these bytes.
    pub fn say(&mut self, plain: &[u8]) -> Result<()> {
        Ok(self.tls.writer().write_all(plain)?)
    }

    /// Sends what the system takes; false when something is left, to be flushed once it takes more.
    pub fn flush(&mut self) -> Result<bool> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.sealed)?;
        }
        while self.written < self.sealed.len() {
            match self.stream.write(self.sealed.get(self.written..).unwrap_or_default()) {
                Ok(0) => bail!("the server takes nothing more"),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.sealed.clear();
        self.written = 0;
        Ok(true)
    }
}

/// Believes every server, and does not check its signature: this process measures servers that it was told
/// to connect to on its own machine, and what it saves is not what is measured.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
