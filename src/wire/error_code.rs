//! Why the server refused: one closed enum of names. The words are the client's.

use serde::{Deserialize, Serialize};

/// Why a request was refused. The words are the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// No such account, or a signature by another key: one answer for both.
    WrongUsernameOrPassword,
    /// Registering: the name has an account.
    NameTaken,
    /// Too many failed attempts on this connection.
    TooManyAttempts,
    /// Registering: this server takes no new accounts.
    RegistrationClosed,
    /// Registering: the invitation code is missing, not one of this server's, used or expired.
    BadInvitation,
    /// Registering: too many accounts were made from this network address lately.
    TooManyRegistrations,
    /// In place of the greeting: as many connections as the server takes.
    ServerFull,
    /// In place of the greeting: as many connections as the server takes from one network address.
    AddressFull,
    /// The login, or the rest of a request that had begun, did not come in time.
    TooSlow,
    /// The asker has invited too often in the last minute.
    TooManyInvitations,
    /// As many invitations as may wait for one person wait for the peer already.
    TooManyWaiting,
    /// As many conversations as one client may have open are open already.
    TooManyOpen,
    /// The peer is in another run, so that none for a new key can begin now.
    PeerBusy,
    /// The peer has no account.
    UnknownUser,
    /// The peer has an account and is not connected.
    NotConnected,
    /// The peer is the asker.
    Yourself,
    /// The asker is in a run already, waits for somebody, or is in conversation with that peer.
    Busy,
    /// No run, invitation or conversation with that peer (any more).
    NotOpen,
    /// The pair has agreed on no key yet.
    NoKey,
    /// The message's counter is not the next of its stream.
    OutOfOrder,
    /// Another body is stored under that stream and counter.
    Different,
    /// The message's epoch is one that the pair never agreed on.
    UnknownEpoch,
    /// The server could not read or write its files.
    Storage,
    /// A request that this protocol does not have, or not at this point.
    BadRequest,
}
