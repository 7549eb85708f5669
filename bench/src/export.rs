//! `securechat client history` of a long log: how long it takes to its last line, and the memory of its process.

use std::{
    fs,
    io::Read,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// What it cost.
pub struct Exported {
    pub took: Duration,
    pub memory_kib: u64,
}

/// Writes alice's conversation with bob out, as text or as JSON, and looks whether all of it came; nothing where
/// the client has no such command.
pub fn run(
    product: &Path,
    server: SocketAddr,
    key: &str,
    home: &Path,
    how: &str,
    count: u64,
) -> Result<Option<Exported>> {
    let help = Command::new(product).args(["client", "--help"]).output()?;
    if !String::from_utf8_lossy(&help.stdout).contains("history") {
        return Ok(None);
    }
    let password = home.join("password");
    fs::write(&password, "a password\n")?;
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
    let mut command = Command::new(product);
    command.args(["client", "history", "bob", how, "--host", &server.to_string(), "--server-key", key]);
    command.arg("--home").arg(home).arg("--password-file").arg(&password);
    command.env("LC_ALL", "C.UTF-8").env_remove("LANGUAGE");
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut output = child.stdout.take().context("its output")?;
    let (mut some, mut lines, mut memory_kib) = (vec![0; 256 * 1024], 0, 0);
    while let count @ 1.. = output.read(&mut some)? {
        lines += some.get(..count).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count() as u64;
        memory_kib = peak_kib(child.id()).unwrap_or(memory_kib);
    }
    let status = child.wait()?;
    let took = begun.elapsed();
    ensure!(status.success(), "the export ended with {status}");
    ensure!(lines > count, "{lines} lines of {count} messages");
    Ok(Some(Exported { took, memory_kib }))
}

/// The most memory that a process had.
fn peak_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().trim_end_matches(" kB").parse().ok()
}
