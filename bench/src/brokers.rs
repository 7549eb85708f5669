//! Other servers as they are started for a comparison: on a free port of the loopback, over TLS 1.3, with the
//! settings that serve them best in it.

use std::{fs, net::TcpListener, process::Command, sync::Arc};

use anyhow::{Context, Result};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use crate::{rivals::Kind, target::Running};

/// Where Debian has them; not every user's search path has it.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Whether this machine has the server.
pub fn is_installed(kind: Kind) -> bool {
    program(kind).is_some()
}

fn program(kind: Kind) -> Option<std::path::PathBuf> {
    let name = match kind {
        Kind::Mqtt => "mosquitto",
        Kind::Jetstream => "nats-server",
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(Into::into));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Starts one, with its files in this folder.
pub fn start(kind: Kind, folder: Arc<TempDir>) -> Result<Running> {
    // ECDSA on P-256: not every OpenSSL reads an Ed25519 key as it is written here.
    let pair = KeyPair::generate()?;
    let pem = CertificateParams::new(Vec::new())?.self_signed(&pair)?.pem();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    fs::write(&certificate, pem)?;
    fs::write(&key, pair.serialize_pem())?;
    // Free a moment ago; nobody else takes ports here in between.
    let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let (port, data) = (address.port(), folder.path().join("data"));
    fs::create_dir(&data)?;
    let text = match kind {
        // Without its limits of 20 messages in flight and 1,000 queued, and without Nagle's algorithm.
        Kind::Mqtt => format!(
            "listener {port} 127.0.0.1\ncertfile {}\nkeyfile {}\ntls_version tlsv1.3\nallow_anonymous true\n\
             max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\nlog_type error\n\
             user root\n",
            certificate.display(),
            key.display()
        ),
        Kind::Jetstream => format!(
            "listen: 127.0.0.1:{port}\ntls {{ cert_file: {:?}, key_file: {:?} }}\n\
             jetstream {{ store_dir: {:?} }}\n",
            certificate.display().to_string(),
            key.display().to_string(),
            data.display().to_string()
        ),
    };
    let settings = folder.path().join("settings");
    fs::write(&settings, text)?;
    let mut command = Command::new(program(kind).context("it is not installed")?);
    command.arg("-c").arg(&settings);
    Running::on(command, folder, address)
}
