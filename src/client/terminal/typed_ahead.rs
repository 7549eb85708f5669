//! What was typed before it was asked for, where that must not count.

/// Reads and drops what is typed already, until nothing has come for a moment: a paste arrives in pieces, and whoever
/// made it knows what would be asked.
#[cfg(unix)]
pub(super) fn drop() {
    use std::{
        io,
        time::{Duration, Instant},
    };

    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        io::read,
    };

    /// Nothing for this long: the rest of a paste is in; no person types sooner after a question was shown.
    const QUIET: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    /// Somebody leans on the keyboard: it has to end.
    const AT_MOST: Duration = Duration::from_secs(2);

    let (terminal, since) = (io::stdin(), Instant::now());
    let mut dropped = [0_u8; 4096];
    while since.elapsed() < AT_MOST {
        let mut ready = [PollFd::new(&terminal, PollFlags::IN)];
        match poll(&mut ready, Some(&QUIET)) {
            Ok(1..) if read(&terminal, &mut dropped).is_ok_and(|count| count > 0) => {}
            Err(rustix::io::Errno::INTR) => {}
            _ => return,
        }
    }
}

/// Elsewhere nothing is known of it.
#[cfg(not(unix))]
pub(super) fn drop() {}
