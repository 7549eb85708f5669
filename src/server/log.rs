//! The server's log on standard error. What it says never holds a body, a key or a signature.

use std::io::{self, Write};

use tracing::Level;

/// Sends the server's log to standard error from here on: lines for people, or JSON for programs.
/// Does nothing if a log was started before.
pub fn start(level: Level, json: bool) {
    // The subscriber says by itself when it cannot write, and that panics on a closed standard error.
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(|| Unfailing)
        .with_ansi(false)
        .with_target(false)
        .log_internal_errors(false);
    let _ = if json { log.json().try_init() } else { log.try_init() };
}

/// Standard error, whose full disk or closed end is nobody's concern: a log that cannot be written
/// must not stop what it tells of.
struct Unfailing;

impl Write for Unfailing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().lock().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().lock().flush();
        Ok(())
    }
}
