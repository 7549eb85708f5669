//! Every sentence that the client says, in one place. The questions and the sentences of the way
//! through are contracts: scripts wait for these words.

use std::{error::Error, path::Path};

mod key;
mod log;
mod several;

pub(super) use key::*;
pub(super) use log::*;
pub(super) use several::*;

use super::address::ServerAddress;
use crate::{
    transport::Fingerprint,
    wire::{ErrorCode, Username},
};

pub(super) const ACCOUNT_QUESTION: &str = "Do you already have an account? (yes/no) ";
pub(super) const USERNAME_QUESTION: &str = "Username: ";
pub(super) const PASSWORD_QUESTION: &str = "Password: ";
pub(super) const REPEAT_QUESTION: &str = "Repeat password: ";
pub(super) const CURRENT_PASSWORD_QUESTION: &str = "Current password: ";
pub(super) const NEW_PASSWORD_QUESTION: &str = "New password: ";
pub(super) const LOBBY_QUESTION: &str = "Who do you want to start a conversation with? ";
pub(super) const NEW_SERVER_QUESTION: &str = "Is this the right server? (yes/no/[fingerprint]) ";

pub(super) const INVITATION_QUESTION: &str = "Invitation code: ";

pub(super) const BAD_INVITATION: &str =
    "that invitation code is not valid here: it is mistyped, used or expired";
pub(super) const REGISTRATION_CLOSED: &str =
    "this server takes no new accounts; its operator can say who gets one";
pub(super) const WRONG_LOGIN: &str = "Wrong username or password";
pub(super) const PASSWORD_EMPTY: &str = "a password has at least one character";
pub(super) const PASSWORDS_DIFFER: &str = "the two passwords differ; please type them again";
pub(super) const FINGERPRINT_DIFFERS: &str = "that is another fingerprint than the server's";
pub(super) const SERVER_COULD_NOT_STORE: &str =
    "the server could not write to its disk; nothing was changed. Try again later, or tell its operator";
pub(super) const PASSWORD_CHANGED: &str = "Password changed. A copy of the old key file still opens with the old \
     password and holds the same identity: destroy such copies. Make a new copy of the key file now";
pub(super) const PASSWORD_NOT_CHANGED: &str = "the password was not changed: the connection was lost before the server heard of it. The old one is in force";
pub(super) const ACCOUNT_UNSURE: &str = "the connection was lost before the server answered. Start again and answer yes: the key file      is kept, and the account is made then if it was not made now";
pub(super) const CONNECTION_LOST: &str = "the connection to the server was lost; trying to get it back";
pub(super) const RECONNECTED: &str = "connected again";
pub(super) const SENT_LATER: &str = "(this is sent when the connection is back)";
pub(super) const NOT_CONNECTED: &str = "there is no connection; that was not taken (/quit ends the client)";
pub(super) const DRAFT_NOT_TAKEN: &str =
    "that line was begun before this question, so it was not taken as the answer";
pub(super) const CODES_DIFFER: &str = "codes differ: someone may be between you";
pub(super) const TOO_MANY_WRONG_CODES: &str =
    "codes differ: someone may be between you. That was the third; the key is refused";
pub(super) const EPOCHS_EXHAUSTED: &str = "this pair has used all the key numbers there are";
pub(super) const YOU_REFUSED: &str = "You refused the key";
pub(super) const YOU_LEFT: &str = "You left the conversation";
pub(super) const YOURSELF: &str = "that is you; name somebody else";
pub(super) const OPEN_CONVERSATION_ONLY: &str = "that works in an open conversation; name somebody first";
pub(super) const LOBBY_ONLY: &str = "that works outside a conversation; type exit to leave this one first";
pub(super) const NOT_DURING_A_KEY: &str = "that has to wait until the key is answered";
pub(super) const CODE_ONLY_AT_A_KEY: &str = "there is no key with a code to compare here";

pub(super) const HELP: &str = "\
/help           this list
/with name      talk with somebody: an open conversation, a new one, or a message for who is not here
/leave [name]   leave one conversation, and go back to the one before
/who            who is connected, and what is unread
/history [n]    the last n messages of this conversation (20 unless told)
/verify [name]  what is known of the other's identity, and how it was verified
/rekey          agree on a new key, in an open conversation
/passwd         change the password, outside a conversation
/quit           leave and log out
exit            leave this conversation; outside of one, log out
//text          sends a message that begins with /";

/// An error and what caused it, on one line: which line of a file, what the system said.
pub(super) fn with_causes(error: &dyn Error) -> String {
    std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

pub(super) fn with_hint(what: &str, hint: Option<&str>) -> String {
    hint.map_or_else(|| what.to_owned(), |hint| format!("{what}\nhint: {hint}"))
}

pub(super) fn new_server(address: &ServerAddress, shown: &Fingerprint) -> String {
    format!(
        "This machine has not met the server {address} before. Its key is\n  {shown}\n\
         The server printed the same line at its start: compare them,\n\
         or type the fingerprint that its operator gave you."
    )
}

pub(super) fn server_pinned(address: &ServerAddress, shown: &Fingerprint) -> String {
    format!(
        "warning: the server {address} is new to this machine; its key {shown} was taken on trust and is pinned from now on"
    )
}

pub(super) fn key_file_is_there(name: &Username, path: &Path) -> String {
    format!(
        "a key file for {name} is on this machine already: {}\n\
         To use it, start again and answer yes. To make a new account of that name, move the file away first",
        path.display()
    )
}

pub(super) fn name_taken(name: &Username) -> String {
    format!("the name {name} is taken; please choose another")
}

pub(super) fn account_created(path: &Path) -> String {
    format!(
        "Account created\nYour key file is {}\nKeep a copy of it in a safe place: without it nobody, not even\n\
         the server's operator, can restore the account",
        path.display()
    )
}

pub(super) fn key_question(peer: &Username) -> String {
    format!("Accept this key? (yes / no / the code {peer} reads to you) ")
}

pub(super) fn invited(peer: &Username) -> String {
    format!("{peer} wants to start a conversation with you")
}

pub(super) fn invited_while_busy(peer: &Username) -> String {
    format!("{peer} wants to start a conversation with you (they wait until you are free)")
}

pub(super) fn invitation_ended(peer: &Username) -> String {
    format!("{peer} does not wait for you any more")
}

pub(super) fn peer_is_busy(peer: &Username) -> String {
    format!("{peer} is busy; they are told, and your invitation waits. Type no to take it back")
}

pub(super) fn invitation_taken_back(peer: &Username) -> String {
    format!("You took back your invitation to {peer}")
}

pub(super) fn waiting_for_answer(peer: &Username) -> String {
    format!("Waiting for {peer} to answer... (no takes it back)")
}

pub(super) fn not_sent_while_waiting(peer: &Username) -> String {
    format!("{peer} has not answered yet, so that was not sent; type no to take it back")
}

pub(super) fn refused_by(peer: &Username) -> String {
    format!("{peer} refused the key")
}

pub(super) fn withdrawn_by(peer: &Username) -> String {
    format!("{peer} took the invitation back")
}

pub(super) fn lost_during_key(peer: &Username) -> String {
    format!("{peer} is not connected any more; no key was agreed on")
}

pub(super) fn conversation_open(peer: &Username) -> String {
    format!("Conversation with {peer} is open. Type a message, or exit to leave.")
}

pub(super) fn conversation_open_again(peer: &Username) -> String {
    format!("Conversation with {peer} is open again.")
}

pub(super) fn reopening_takes_a_new_key(peer: &Username) -> String {
    format!("opening the conversation with {peer} again takes a new key; name {peer} to agree on one")
}

pub(super) fn peer_is_away(peer: &Username) -> String {
    format!("{peer}'s connection was lost; waiting a moment for them")
}

pub(super) fn reopens_later(peer: &Username) -> String {
    format!("{peer} is not here; the conversation opens again when both of you are")
}

pub(super) fn ended_with_the_connection(peer: &Username) -> String {
    format!("your meeting with {peer} ended with the connection; name them again")
}

pub(super) fn rekeyed(peer: &Username, epoch: u32) -> String {
    format!("The conversation with {peer} goes on under key number {epoch}")
}

pub(super) fn rekey_wanted(peer: &Username) -> String {
    format!("{peer} wants to agree on a new key; until both accept it, the old one is used")
}

pub(super) fn rekey_asked(peer: &Username) -> String {
    format!("asking {peer} to agree on a new key")
}

pub(super) fn left_by(peer: &Username, lost: bool) -> String {
    if lost {
        format!("{peer} left the conversation (connection lost)")
    } else {
        format!("{peer} left the conversation")
    }
}

pub(super) fn draft_not_sent(line: &str) -> String {
    format!(
        "not sent, and nobody was invited: {line}\n  the conversation ended while you typed that; type it again if you meant it"
    )
}

pub(super) fn unknown_command(line: &str) -> String {
    format!("there is no command {line}; /help lists them, and // sends a message that begins with /")
}

pub(super) fn who(names: &[Username], total: u64) -> String {
    let listed = names.iter().map(Username::as_str).collect::<Vec<_>>().join(" ");
    let more = total.saturating_sub(names.len() as u64);
    match more {
        0 => format!("connected: {listed}"),
        more => format!("connected: {listed} and {more} more"),
    }
}

/// Why the server refused, in this person's words.
pub(super) fn refusal(code: ErrorCode, peer: Option<&Username>) -> String {
    let peer = peer.map_or("they", Username::as_str);
    match code {
        ErrorCode::UnknownUser => format!("{peer} is unknown: nobody has an account of that name"),
        ErrorCode::NotConnected => format!("{peer} is not connected"),
        ErrorCode::Yourself => YOURSELF.into(),
        ErrorCode::Busy => "you are busy with somebody already".into(),
        ErrorCode::NotOpen => format!("there is nothing open with {peer} any more"),
        ErrorCode::NoKey => format!("you and {peer} have agreed on no key"),
        ErrorCode::OutOfOrder => "a message before it was not stored".into(),
        ErrorCode::Different => "the server has another message in its place".into(),
        ErrorCode::UnknownEpoch => "the server has no record of the key it was sealed with".into(),
        ErrorCode::Storage => SERVER_COULD_NOT_STORE.into(),
        ErrorCode::BadRequest => "the server did not understand".into(),
        ErrorCode::WrongUsernameOrPassword => WRONG_LOGIN.into(),
        ErrorCode::NameTaken => "the name is taken".into(),
        ErrorCode::TooManyAttempts => "too many failed attempts".into(),
        ErrorCode::RegistrationClosed => REGISTRATION_CLOSED.into(),
        ErrorCode::BadInvitation => BAD_INVITATION.into(),
        ErrorCode::TooManyRegistrations => {
            "too many accounts were made from this network address; try again in an hour".into()
        }
        ErrorCode::ServerFull => "it has as many connections as it takes".into(),
        ErrorCode::AddressFull => "it has as many connections from this network address as it takes".into(),
        ErrorCode::TooSlow => "the server waited too long for this program, and closed the connection".into(),
        ErrorCode::TooManyInvitations => {
            "too many invitations in a short time; wait a moment before the next".into()
        }
        ErrorCode::TooManyOpen => {
            "you have as many conversations open as the server allows; leave one first".into()
        }
        ErrorCode::PeerBusy => format!("{peer} is answering another key; try again in a moment"),
        ErrorCode::TooManyWaiting => {
            format!("as many people as may wait for {peer} are waiting already; try again later")
        }
    }
}
