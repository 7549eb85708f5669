//! The server's own limits, each with its unit. Those of the protocol are in `wire::limits`.

use std::time::Duration;

/// What keeps people out and keeps serving the others: everything an operator can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once from one address, an IPv6 network of 64 bits counting as one; `None` is any number.
    pub per_address: Option<usize>,
    /// Connections of one address a minute, a minute's worth at once; `None` is any number.
    pub connections_per_minute: Option<u32>,
    /// When connections that are not logged in are dropped at random.
    pub early_drop: EarlyDrop,
    /// From the first byte of a frame to its last, after login.
    pub frame_timeout: Duration,
    /// Requests a second of one client, with one second's worth saved up; over it the client waits.
    pub requests_per_second: Option<u32>,
    /// Bytes a second of one client, as they came through the network; over it the client waits.
    pub bytes_per_second: Option<u64>,
    /// Invitations that may wait for one person.
    pub waiting_invitations: usize,
    /// Conversations that one client may have open at once.
    pub open_conversations: usize,
    /// Invitations of one person a minute that did not become conversations.
    pub invitations_per_minute: Option<u32>,
    /// Accounts made from one address an hour.
    pub registrations_per_hour: Option<u32>,
    /// What a wrong login costs the address it came from; zero is nothing.
    pub login_penalty: Duration,
    /// Whether what is counted per address is counted for this machine's own, too.
    pub loopback: bool,
}

impl Limits {
    /// The defaults of a server for so many connections.
    #[must_use]
    pub fn for_clients(clients_max: usize) -> Self {
        Self {
            per_address: Some(PER_ADDRESS_MAX),
            connections_per_minute: Some(CONNECTIONS_PER_MINUTE),
            early_drop: EarlyDrop::for_clients(clients_max),
            frame_timeout: FRAME_TIMEOUT,
            requests_per_second: Some(REQUESTS_PER_SECOND),
            bytes_per_second: Some(BYTES_PER_SECOND),
            waiting_invitations: WAITING_INVITATIONS_MAX,
            open_conversations: OPEN_CONVERSATIONS_MAX,
            invitations_per_minute: Some(INVITATIONS_PER_MINUTE),
            registrations_per_hour: Some(REGISTRATIONS_PER_HOUR),
            login_penalty: LOGIN_PENALTY,
            loopback: false,
        }
    }
}

/// When connections that are not logged in are dropped at random before anything is done for them, as
/// OpenSSH's `MaxStartups`: honest ones that try again get in where a queue would only be full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlyDrop {
    /// From so many on a new one is dropped with a chance of `rate`, ...
    pub start: usize,
    /// ... in percent, which grows evenly ...
    pub rate: u8,
    /// ... to certainty at so many.
    pub full: usize,
}

impl EarlyDrop {
    /// From two fifths of all connections to four fifths: the last fifth is for those who are logged in.
    #[must_use]
    pub fn for_clients(clients_max: usize) -> Self {
        let fifth = clients_max / 5;
        Self { start: (2 * fifth).max(16), rate: 30, full: (4 * fifth).max(32) }
    }

    /// The chance, in percent, that one more is dropped when there are so many.
    #[must_use]
    pub fn chance(&self, unauthenticated: usize) -> u8 {
        if unauthenticated < self.start {
            return 0;
        }
        if unauthenticated >= self.full {
            return 100;
        }
        let (above, span) = (unauthenticated - self.start, (self.full - self.start).max(1));
        let grown = usize::from(100_u8.saturating_sub(self.rate)) * above / span;
        self.rate.saturating_add(u8::try_from(grown).unwrap_or(100)).min(100)
    }
}

/// Connections at once from one address.
pub const PER_ADDRESS_MAX: usize = 64;

/// Connections of one address a minute: what many people behind one address make when their server is there again,
/// and no more than half a second of one processor's handshakes.
pub const CONNECTIONS_PER_MINUTE: u32 = 1200;

/// From the first byte of a frame to its last, after login.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(30);

/// Requests a second of one client: above what one connection's thread carries out, so that no honest
/// script is slowed. A server for strangers sets less.
pub const REQUESTS_PER_SECOND: u32 = 100_000;

/// Bytes a second of one client: 64 MiB.
pub const BYTES_PER_SECOND: u64 = 64 * 1024 * 1024;

/// Invitations that may wait for one person.
pub const WAITING_INVITATIONS_MAX: usize = 32;

/// Conversations that one client may have open at once.
pub const OPEN_CONVERSATIONS_MAX: usize = 64;

/// People told of someone's coming or going before the registry is free for others.
pub(super) const PRESENCE_CHUNK: usize = 256;

/// Invitations of one person a minute that did not become conversations.
pub const INVITATIONS_PER_MINUTE: u32 = 120;

/// Accounts made from one address an hour.
pub const REGISTRATIONS_PER_HOUR: u32 = 60;

/// What a wrong login costs the address it came from. Others costs are multiples and parts of it.
pub const LOGIN_PENALTY: Duration = Duration::from_secs(5);

/// An address that owes at least so much is refused: a few mistakes are not punished.
pub(super) const PENALTY_ENFORCED_FROM: Duration = Duration::from_secs(15);

/// The most that an address can owe.
pub(super) const PENALTY_MAX: Duration = Duration::from_secs(600);

/// Addresses, or names, whose debts are remembered, for each kind of debt.
pub(super) const DEBTORS_MAX: usize = 65_536;

/// What the server would rather say than just close is said to so many at once, ...
pub(super) const REFUSALS_AT_ONCE_MAX: usize = 16;

/// ... each of whom has so long to hear it.
pub(super) const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);

/// A refusal of one kind is a line of the log at most so often; the line has their number.
pub(super) const REFUSAL_LINES_EVERY: Duration = Duration::from_secs(10);

/// The longest wait of a client that is over its rate before its connection is looked at again.
pub(super) const PACE_SLICE: Duration = Duration::from_millis(100);

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

/// Refused registrations on one connection before it is closed: taken names.
pub(super) const REFUSED_REGISTRATIONS_MAX: u32 = 30;

/// The stack of a connection's thread, in bytes. Only what is touched costs memory.
pub(super) const STACK_BYTES: usize = 256 * 1024;

/// Threads that receive new connections, at least: one that is held up by the disk leaves another.
const RECEPTION_THREADS_MIN: usize = 2;

/// Threads that receive new connections, at most: each answers thousands of logins a second.
const RECEPTION_THREADS_MAX: usize = 8;

/// Threads that receive new connections: one for each processor, within these bounds.
pub(super) fn reception_threads() -> usize {
    let processors = std::thread::available_parallelism().map_or(RECEPTION_THREADS_MIN, usize::from);
    processors.clamp(RECEPTION_THREADS_MIN, RECEPTION_THREADS_MAX)
}

/// Logs kept open, each with one file and what is known of its streams; so many at least, ...
pub(super) const OPEN_LOGS_MIN: usize = 512;

/// ... and so many where the system allows files enough beside those of the connections.
pub(super) const OPEN_LOGS_MAX: usize = 4096;

/// So many lines more than its index covers, and a log that is open gets a new one.
pub(super) const INDEX_EVERY_LINES: u64 = 4096;

/// A log that is put aside gets a new index from so many lines on. Fewer are as quickly read.
pub(super) const INDEXED_LINES_MIN: u64 = 1024;

/// Streams that an open log knows of in memory. Half of them, those used longest ago, go to the disk when it is
/// one more.
pub(super) const STREAMS_IN_MEMORY_MAX: usize = 1024;

/// One counter of a stream in this many has its line's number kept: its mark.
pub(super) const COUNTERS_PER_MARK: u64 = 256;

/// Marks of a stream in memory. Half of them, the first, go to the disk when it goes on with so many.
pub(super) const MARKS_IN_MEMORY_MAX: usize = 64;

/// Lines that may wait for the disk, in bytes. Beyond it their senders wait.
pub(super) const COMMIT_BYTES_WAITING_MAX: usize = 8 * 1024 * 1024;

/// What one waiting message takes beside its line, in bytes; roughly.
pub(super) const COMMIT_BYTES_EXTRA: usize = 512;

/// Acknowledgements that are queued before those who wait for them are written to, in bytes: after a slow sync
/// there may be more of them for one client than may wait for it.
pub(super) const ACKNOWLEDGED_BYTES_STEP: usize = 256 * 1024;

/// Messages that are stored together, in bytes of their texts: no more are added from here on.
pub(super) const PARCEL_BYTES_MAX: usize = 64 * 1024;

/// How long nothing is to be stored before the logs themselves are brought to the disk.
pub(super) const COMMITTER_RESTS_AFTER: Duration = Duration::from_secs(5);

/// Threads that bring logs to the disk at the same time, at most: what a disk does at once.
pub(super) const LOG_SYNC_THREADS_MAX: usize = 16;

/// One for each so many logs.
pub(super) const LOGS_PER_SYNC_THREAD: usize = 8;

/// The stack of such a thread, in bytes.
pub(super) const LOG_SYNC_STACK_BYTES: usize = 256 * 1024;

/// What each of the journal's two files has at first, in bytes; twice a line at least.
pub const JOURNAL_BYTES: u64 = 1024 * 1024;

/// One that was filled becomes so many times as long, ...
pub(super) const JOURNAL_GROWTH: u64 = 8;

/// ... up to so many bytes.
pub(super) const JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Steps of one run relayed for one member: the agreement has three in all.
pub(super) const STEPS_MAX: u32 = 16;

/// Answers collected for one client, in bytes, before they are written in the middle of a batch.
/// A quarter of what a link holds before it is closed.
pub(super) const ANSWERS_BYTES_MAX: usize = 256 * 1024;

/// After an accept that failed for want of files or memory: the wait before the next.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_of_an_early_drop_grows_from_the_rate_to_certainty() {
        let drop = EarlyDrop { start: 100, rate: 30, full: 1000 };
        for (unauthenticated, chance) in
            [(0, 0), (99, 0), (100, 30), (550, 65), (999, 99), (1000, 100), (9999, 100)]
        {
            assert_eq!(drop.chance(unauthenticated), chance, "{unauthenticated}");
        }
        let hard = EarlyDrop { start: 5, rate: 100, full: 5 };
        assert_eq!((hard.chance(4), hard.chance(5)), (0, 100));
    }

    #[test]
    fn by_default_a_fifth_of_the_places_is_for_those_who_are_logged_in() {
        assert_eq!(EarlyDrop::for_clients(CLIENTS_MAX), EarlyDrop { start: 4000, rate: 30, full: 8000 });
        // Where all places together are few, their number is the limit, and not this.
        assert!(EarlyDrop::for_clients(10).start > 10);
    }
}
