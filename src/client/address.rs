//! Which server: `HOST` or `HOST:PORT`, as a person types it.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use thiserror::Error;

use crate::wire::DEFAULT_PORT;

/// A host, by name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

/// Why a text is not the address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Nothing before the port.
    #[error("the host is missing: type HOST or HOST:PORT")]
    NoHost,
    /// Something other than 1 to 65535 after the colon.
    #[error("the port is a number from 1 to 65535: type HOST or HOST:PORT")]
    Port,
    /// A character that no host name has.
    #[error("a host is a name such as chat.example.org, or an address such as 192.0.2.7 or [2001:db8::7]")]
    Host,
}

impl ServerAddress {
    /// The host: a name, an IPv4 address, or an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A folder name of its own for this server, safe on every platform: no two servers share one.
    #[must_use]
    pub fn folder_name(&self) -> String {
        // A host holds only letters, digits, '.', '-', '_' and, in IPv6, ':'; '~' is in none.
        format!("{}~{}", self.host.replace(':', "~"), self.port)
    }
}

impl ServerAddress {
    /// The server whose folder has this name, if it is one.
    pub(super) fn from_folder_name(name: &str) -> Option<Self> {
        let (host, port) = name.rsplit_once('~')?;
        let host = host.replace('~', ":");
        let text = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        text.parse::<Self>().ok().filter(|server| server.folder_name() == name)
    }
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, port) = rest.split_once(']').ok_or(AddressError::Host)?;
            let port =
                if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(AddressError::Port)?) };
            host.parse::<Ipv6Addr>().map_err(|_| AddressError::Host)?;
            (host, port)
        } else if text.parse::<Ipv6Addr>().is_ok() {
            (text, None)
        } else {
            match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        if host.is_empty() {
            return Err(AddressError::NoHost);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
        if !host.chars().all(allowed) || host.starts_with('.') {
            return Err(AddressError::Host);
        }
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(AddressError::Port)?,
            None => DEFAULT_PORT,
        };
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_and_both_families_are_read() {
        for (text, shown) in [
            ("chat.example.org", "chat.example.org:4117"),
            ("Chat.Example.org:99", "chat.example.org:99"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("::1", "[::1]:4117"),
            ("[::1]", "[::1]:4117"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_not_an_address_says_what_is_wrong() {
        for (text, error) in [
            ("", AddressError::NoHost),
            (":80", AddressError::NoHost),
            ("host:", AddressError::Port),
            ("host:0", AddressError::Port),
            ("host:65536", AddressError::Port),
            ("../x", AddressError::Host),
            ("a/b", AddressError::Host),
            ("[::1", AddressError::Host),
            ("[::1]80", AddressError::Port),
        ] {
            assert_eq!(text.parse::<ServerAddress>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn no_two_servers_share_a_folder() {
        let folder = |text: &str| text.parse::<ServerAddress>().unwrap().folder_name();
        assert_ne!(folder("host:41"), folder("host:411"));
        assert_ne!(folder("::1"), folder("::11"));
        assert!(!folder("[::1]:5").contains(':'));
        for text in ["chat.example.org", "host:99", "::1", "[2001:db8::7]:80"] {
            let server: ServerAddress = text.parse().unwrap();
            assert_eq!(ServerAddress::from_folder_name(&server.folder_name()), Some(server));
        }
        for name in ["", "host", "host~", "host~x", "Host~99", "a/b~99", "~99"] {
            assert_eq!(ServerAddress::from_folder_name(name), None, "{name:?}");
        }
    }
}
