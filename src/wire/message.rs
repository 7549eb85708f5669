//! The two closed enums, one a direction: [`Request`] from client to server, [`Event`] back.
//!
//! On the wire each is one JSON object with one key, the message's name: `{"leave":{"peer":"bob"}}`.
//! Every message that concerns a conversation names the peer, so that several can be open at once.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    body::{Body, StreamId},
    bytes::{Blob, Bytes},
    error_code::ErrorCode,
    name::Username,
    registration::{InvitationCode, Registration},
    steps::Agreement,
};

/// What a client asks. Before login only `register` and `login`; after it, everything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Makes an account and logs in to it. Answer: `logged_in`, or an error.
    Register {
        /// The new account's name.
        username: Username,
        /// The public key that logs in to it (Ed25519).
        login_key: Bytes<32>,
        /// By that key, over the name, the key and this TLS connection's exporter.
        signature: Bytes<64>,
        /// A one-time code, where the server asks for one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        invitation: Option<InvitationCode>,
    },
    /// Logs in. Answer: `logged_in`, or an error.
    Login {
        /// The account's name.
        username: Username,
        /// By the account's login key, over the name and this TLS connection's exporter.
        signature: Bytes<64>,
    },
    /// Replaces the account's login key. Answer: `password_changed`, or an error.
    ChangePassword {
        /// The public key that logs in from now on.
        login_key: Bytes<32>,
        /// By the old login key, over the name, the new key and the exporter.
        signature: Bytes<64>,
    },
    /// Who is connected. Answer: `who`.
    Who {},
    /// Asks to meet `peer`. Answers: `started`, or `waiting` while the peer is busy, or an error.
    Invite {
        /// Whom.
        peer: Username,
        /// Make a new key even if the pair has one: only in the open conversation of the two.
        new_key: bool,
    },
    /// Takes back an invitation that waits, or leaves the run with that peer before its outcome.
    /// Answer: `invitation_ended`, or `outcome`.
    Withdraw {
        /// Whom it concerns.
        peer: Username,
    },
    /// One step of the agreement, handed to the other member of the run as it is.
    Agree {
        /// The other member.
        peer: Username,
        /// The run it belongs to.
        run: u64,
        /// The step.
        step: Agreement,
    },
    /// This client's person accepts. Answer: `outcome`, when the other has answered too.
    Accept {
        /// The other member.
        peer: Username,
        /// The run it belongs to.
        run: u64,
        /// Proof of the key, for the other member.
        acceptance: Bytes<32>,
        /// For a new key: this member's sealed copy, to be kept.
        copy: Option<OwnCopy>,
    },
    /// This client's person refuses. Answer: `outcome`.
    Refuse {
        /// The other member.
        peer: Username,
        /// The run it belongs to.
        run: u64,
    },
    /// Stores a message, and hands it to the peer if they are connected. Answer: `stored` or `not_stored`.
    Send {
        /// To whom.
        peer: Username,
        /// The sealed message.
        body: Body,
    },
    /// Reads the pair's log. Answer: `entries`.
    Read {
        /// The other member.
        peer: Username,
        /// The first number wanted, from 1.
        from: u64,
        /// How many at most.
        count: u32,
    },
    /// Asks for this member's sealed copy of one epoch's key. Answer: `key`.
    Key {
        /// The other member.
        peer: Username,
        /// Which epoch.
        epoch: u32,
    },
    /// Asks for those with whom this user has a key, and to be told from now on when they come and go.
    /// Answer: `contacts`.
    Contacts {
        /// Those after this name; from the first without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Username>,
    },
    /// Says that this client has the peer's messages up to a number. No answer.
    Receipt {
        /// The other member.
        peer: Username,
        /// The number, of a message of theirs.
        number: u64,
        /// Proof for them, under the key that sealed that message.
        proof: Bytes<32>,
    },
    /// Ends the open conversation, for both. Answer: `closed`.
    Leave {
        /// The other member.
        peer: Username,
    },
}

/// What the server says: an answer, or something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The first frame of a connection.
    Hello {
        /// The version of the protocol.
        version: u32,
        /// Who may make an account here.
        registration: Registration,
    },
    /// The account is made, or the login was right: requests are answered from here on.
    LoggedIn {},
    /// The new login key is stored.
    PasswordChanged {},
    /// Who is connected, the asker included, in byte order.
    Who {
        /// The names, at most [`super::limits::WHO_NAMES_MAX`].
        connected: Vec<Username>,
        /// How many are connected in all.
        total: u64,
    },
    /// `peer` asks to meet.
    Invited {
        /// Who asks.
        peer: Username,
    },
    /// `peer`, whom this client asked to meet, is busy; the invitation waits.
    Waiting {
        /// Who is busy.
        peer: Username,
    },
    /// An invitation that waited is gone: the inviter took it back or left. Both are told.
    InvitationEnded {
        /// The other one of the two.
        peer: Username,
    },
    /// A run of the agreement begins; the initiator sends the first step.
    Started {
        /// The other member.
        peer: Username,
        /// The run's number, for this run's requests.
        run: u64,
        /// This client's part in it.
        role: Role,
        /// A new key was asked for (`/rekey`), within the open conversation.
        new_key: bool,
        /// The pair's newest kept key, this member's copy.
        kept: Option<KeptKey>,
    },
    /// One step of the agreement, from the other member.
    Agree {
        /// The other member.
        peer: Username,
        /// The run it belongs to.
        run: u64,
        /// The step.
        step: Agreement,
    },
    /// How a run ended: one value, written once.
    Outcome {
        /// The other member.
        peer: Username,
        /// The run.
        run: u64,
        /// How.
        outcome: Outcome,
    },
    /// A message is on the server's disk.
    Stored {
        /// The other member.
        peer: Username,
        /// The stream of the message.
        stream: StreamId,
        /// Its counter.
        counter: u64,
        /// Its number in the pair's log.
        number: u64,
        /// The hash of its body as stored.
        hash: Bytes<32>,
    },
    /// A message was not stored; nothing of it is kept.
    NotStored {
        /// The other member.
        peer: Username,
        /// The stream of the message.
        stream: StreamId,
        /// Its counter.
        counter: u64,
        /// Why.
        code: ErrorCode,
    },
    /// The peer's message, as it was just written to the log, whether a conversation is open or not.
    Message {
        /// The other member.
        peer: Username,
        /// The line of the log.
        entry: Entry,
    },
    /// A part of the pair's log.
    Entries {
        /// The other member.
        peer: Username,
        /// Consecutive entries from the number asked for; fewer than asked at a full frame or the end.
        entries: Vec<Entry>,
        /// The number of the last entry of the log now; 0 when empty.
        last: u64,
    },
    /// This member's sealed copy of one epoch's key, if there is one.
    Key {
        /// The other member.
        peer: Username,
        /// The epoch asked for.
        epoch: u32,
        /// The copy.
        kept: Option<KeptKey>,
    },
    /// Those with whom this user has a key, in byte order.
    Contacts {
        /// At most [`super::limits::CONTACTS_MAX`].
        contacts: Vec<Contact>,
        /// There are more after the last of them.
        more: bool,
    },
    /// Somebody with whom this user has a key has come, or has gone.
    Presence {
        /// Who.
        peer: Username,
        /// Whether they are connected now.
        connected: bool,
    },
    /// The peer's client has this user's messages up to a number, as it says itself.
    Receipt {
        /// The other member.
        peer: Username,
        /// The number, of a message of this user's.
        number: u64,
        /// Proof by the peer: believed only with it.
        proof: Bytes<32>,
    },
    /// The conversation is over, for both.
    Closed {
        /// The other member.
        peer: Username,
        /// Who ended it.
        by: Username,
        /// By losing the connection, rather than by leaving.
        lost: bool,
    },
    /// A newer login of the same account took over; this connection ends.
    TakenOver {},
    /// The server is stopping; this connection ends.
    Stopping {},
    /// The last request was refused; nothing was changed by it.
    Error {
        /// Why.
        code: ErrorCode,
        /// The peer it concerned, if any.
        peer: Option<Username>,
    },
}

/// A member's part in a run of the agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sends the first step.
    Initiator,
    /// Answers it.
    Responder,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// Both accepted, and what was to be stored is stored.
    Agreed {
        /// The other member's proof: the outcome is believed only with it.
        acceptance: Bytes<32>,
    },
    /// One refused.
    Refused {
        /// Who.
        by: Username,
    },
    /// One took the invitation or the answer back.
    Withdrawn {
        /// Who.
        by: Username,
    },
    /// One lost the connection, logged out, or was taken over.
    Lost {
        /// Who.
        by: Username,
    },
    /// Not both answered in time.
    TimedOut {},
    /// Both accepted, and the copies were of different keys, or of an epoch not above the last.
    Mismatch {},
    /// Both accepted, and the server could not store the copies.
    NotStored {},
}

/// A member's own sealed copy of a new key, handed in with the acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnCopy {
    /// The key's epoch.
    pub epoch: u32,
    /// The key's id.
    pub key_id: Bytes<16>,
    /// The key, sealed by the member's vault.
    pub sealed: Blob,
}

/// A kept key as the server gives it back to one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptKey {
    /// The key's epoch.
    pub epoch: u32,
    /// The key's id.
    pub key_id: Bytes<16>,
    /// This member's sealed copy.
    pub sealed: Blob,
}

/// Somebody with whom a user has a key, as the server knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Who.
    pub peer: Username,
    /// Whether they are connected.
    pub connected: bool,
    /// The epoch of the pair's newest key.
    pub epoch: u32,
    /// The number of the last entry of the pair's log; 0 when empty.
    pub last: u64,
    /// Their newest receipt.
    pub received: Option<Received>,
}

/// A receipt: its number, and its proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// The number of the newest message that the reader has.
    pub number: u64,
    /// The reader's proof.
    pub proof: Bytes<32>,
}

/// One line of a pair's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The number in this pair: 1, 2, 3, ...
    pub number: u64,
    /// When the server stored it.
    pub time: DateTime<Utc>,
    /// Who sent it, as the server says: believed only if the body opens as theirs.
    pub sender: Username,
    /// The sealed message.
    pub body: Body,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_object_with_one_key() {
        let leave = Request::Leave { peer: "bob".parse().unwrap() };
        assert_eq!(serde_json::to_string(&leave).unwrap(), r#"{"leave":{"peer":"bob"}}"#);
        let hello = Event::Hello { version: 1, registration: Registration::Invite };
        assert_eq!(
            serde_json::to_string(&hello).unwrap(),
            r#"{"hello":{"version":1,"registration":"invite"}}"#
        );
    }
}
