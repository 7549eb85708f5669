//! The server's own limits, each with its unit. Those of the protocol are in `wire::limits`.

use std::time::Duration;

/// Connections at once, logged in or not.
pub const CLIENTS_MAX: usize = 10_000;

/// From the accepted connection to the answered login, in all: handshake, waiting, everything.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// From the start of a run to both people's answers.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a client may leave its own answers unread before it is disconnected.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// From the signal to the end of the process: what was accepted is stored by then.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The wait before the first wrong login is answered. It doubles with each failure of the connection.
pub(super) const WRONG_LOGIN_DELAY_MIN: Duration = Duration::from_millis(250);

/// The longest wait before a wrong login is answered.
pub(super) const WRONG_LOGIN_DELAY_MAX: Duration = Duration::from_secs(4);

/// Wrong logins on one connection before it is closed.
pub(super) const WRONG_LOGINS_MAX: u32 = 10;

/// The stack of a connection's thread, in bytes. Only what is touched costs memory.
pub(super) const STACK_BYTES: usize = 512 * 1024;

/// Logs kept open, each with one file and its index.
pub(super) const OPEN_LOGS_MAX: usize = 512;

/// One line of a log in this many has its offset in memory.
pub(super) const LINES_PER_OFFSET: u64 = 64;

/// One counter of a stream in this many has its line's number in memory.
pub(super) const COUNTERS_PER_MARK: u64 = 256;

/// Acknowledgements that may wait for the disk. Beyond it the senders wait.
pub(super) const COMMITS_WAITING_MAX: usize = 4096;

/// Steps of one run relayed for one member: the agreement has three in all.
pub(super) const STEPS_MAX: u32 = 16;

/// Answers collected for one client, in bytes, before they are written in the middle of a batch.
/// A quarter of what a link holds before it is closed.
pub(super) const ANSWERS_BYTES_MAX: usize = 256 * 1024;

/// After an accept that failed for want of files or memory: the wait before the next.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
