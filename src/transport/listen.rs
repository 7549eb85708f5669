//! The listening socket: both address families, a backlog for a crowd, an address that is free again at once.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted; the system caps it (`net.core.somaxconn` on Linux).
/// The standard library's 128 drops connections when 2,000 arrive at once, and each costs a second.
const BACKLOG: i32 = 4096;

/// Listens on `addr`, or on `port_default` of every interface in both address families.
///
/// Where the system has no IPv6, every interface means every IPv4 one. Port 0 takes a free port.
///
/// # Errors
/// The system's: the port is taken, the address is not this machine's, the port needs a privilege.
pub fn listen(addr: Option<SocketAddr>, port_default: u16) -> io::Result<TcpListener> {
    let Some(addr) = addr else {
        let every_ipv6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port_default);
        return match bind(every_ipv6) {
            Err(error) if lacks_ipv6(&error) => {
                bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port_default))
            }
            other => other,
        };
    };
    bind(addr)
}

fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() && addr.ip().is_unspecified() {
        // Systems differ in their default; here `[::]` always means IPv4 too.
        socket.set_only_v6(false)?;
    }
    // A restarted server takes its port back while old connections linger in TIME-WAIT.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn lacks_ipv6(error: &io::Error) -> bool {
    let unsupported = [libc::EAFNOSUPPORT, libc::EPROTONOSUPPORT, libc::EADDRNOTAVAIL];
    error.raw_os_error().is_some_and(|code| unsupported.contains(&code))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn by_default_both_address_families_reach_it() {
        let listener = listen(None, 0).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_ne!(port, 0);
        let _v4 = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        listener.accept().unwrap();
        if listener.local_addr().unwrap().is_ipv6() {
            let _v6 = TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap();
            listener.accept().unwrap();
        }
    }

    #[test]
    fn a_taken_port_is_an_error() {
        let listener = listen(Some(SocketAddr::from(([127, 0, 0, 1], 0))), 0).unwrap();
        let again = listen(Some(listener.local_addr().unwrap()), 0);
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn an_address_given_is_the_only_one() {
        let listener = listen(Some(SocketAddr::from(([127, 0, 0, 1], 0))), 9).unwrap();
        assert_eq!(listener.local_addr().unwrap().ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert_ne!(listener.local_addr().unwrap().port(), 9);
    }
}
