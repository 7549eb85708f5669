//! Two connected links over loopback, for tests of whatever stands on them.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::{Acceptor, Link, ServerIdentity, Stragglers, TransportError, Trust, connect, listen};

/// Long enough that only a real failure reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A listening server that runs handshakes when asked.
pub(crate) struct TestServer {
    pub(crate) identity: ServerIdentity,
    pub(crate) stragglers: Stragglers,
    acceptor: Acceptor,
    listener: TcpListener,
}

impl TestServer {
    pub(crate) fn start(straggler_deadline: Duration) -> Self {
        let pem = ServerIdentity::generate().unwrap();
        let identity = ServerIdentity::from_pem(&pem.certificate, &pem.key).unwrap();
        let stragglers = Stragglers::start_with(straggler_deadline).unwrap();
        let acceptor = Acceptor::new(&identity, &stragglers).unwrap();
        let listener = listen(Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))), 0).unwrap();
        Self { identity, stragglers, acceptor, listener }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    pub(crate) fn acceptor(&self) -> Acceptor {
        self.acceptor.clone()
    }

    pub(crate) fn accept_stream(&self) -> TcpStream {
        self.listener.accept().unwrap().0
    }

    pub(crate) fn accept(&self, patience: Duration) -> Result<Link, TransportError> {
        self.acceptor.accept(self.accept_stream(), Instant::now() + patience)
    }

    /// The server's end and the client's outcome of one connection.
    pub(crate) fn meet(&self, trust: &Trust) -> (Result<Link, TransportError>, Result<Link, TransportError>) {
        thread::scope(|scope| {
            let client = scope.spawn(|| connect("127.0.0.1", self.port(), trust, PATIENCE));
            (self.accept(PATIENCE), client.join().unwrap())
        })
    }

    /// Both ends of one connection: the server's, the client's.
    pub(crate) fn pair(&self) -> (Link, Link) {
        let (server, client) = self.meet(&Trust::Fingerprint(self.identity.fingerprint()));
        (server.unwrap(), client.unwrap())
    }
}
