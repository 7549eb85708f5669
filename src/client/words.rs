//! Every sentence that the client says, in one place. The questions and the sentences of the way
//! through are contracts: scripts wait for these words.

use std::{error::Error, fmt::Display, path::Path};

use chrono::{DateTime, Local, Utc};

use super::{
    address::ServerAddress,
    pins::{Standing, Status},
};
use crate::{
    crypto::{conversation_key::Code, identity::identity_fingerprint},
    transport::Fingerprint,
    wire::{Bytes, ErrorCode, Username},
};

pub(super) const ACCOUNT_QUESTION: &str = "Do you already have an account? (yes/no) ";
pub(super) const USERNAME_QUESTION: &str = "Username: ";
pub(super) const PASSWORD_QUESTION: &str = "Password: ";
pub(super) const REPEAT_QUESTION: &str = "Repeat password: ";
pub(super) const CURRENT_PASSWORD_QUESTION: &str = "Current password: ";
pub(super) const NEW_PASSWORD_QUESTION: &str = "New password: ";
pub(super) const LOBBY_QUESTION: &str = "Who do you want to start a conversation with? ";
pub(super) const NEW_SERVER_QUESTION: &str = "Is this the right server? (yes/no/[fingerprint]) ";

pub(super) const WRONG_LOGIN: &str = "Wrong username or password";
pub(super) const PASSWORD_EMPTY: &str = "a password has at least one character";
pub(super) const PASSWORDS_DIFFER: &str = "the two passwords differ; please type them again";
pub(super) const FINGERPRINT_DIFFERS: &str = "that is another fingerprint than the server's";
pub(super) const SERVER_COULD_NOT_STORE: &str =
    "the server could not write to its disk; nothing was changed. Try again later, or tell its operator";
pub(super) const PASSWORD_CHANGED: &str = "Password changed. A copy of the old key file still opens with the old \
     password and holds the same identity: destroy such copies. Make a new copy of the key file now";
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
/who            who is connected
/history [n]    the last n messages of this conversation (20 unless told)
/verify [name]  what is known of the other's identity, and how it was verified
/rekey          agree on a new key, in an open conversation
/passwd         change the password, outside a conversation
/quit           leave and log out
exit            leave the conversation; outside of one, log out
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

pub(super) fn timed_out(peer: &Username) -> String {
    format!("not both of you answered in time; no key was agreed on with {peer}")
}

pub(super) fn copies_mismatch(peer: &Username) -> String {
    format!("the server received different keys from you and {peer}, or an old number; no key was agreed on")
}

pub(super) fn key_not_stored(peer: &Username) -> String {
    format!("the server could not store the key with {peer}; nothing was agreed on. Tell its operator")
}

pub(super) fn acceptance_invalid(peer: &Username) -> String {
    format!(
        "the server says that {peer} accepted, but {peer}'s proof does not verify. This key is not used; \
         the server may be lying to you"
    )
}

pub(super) fn forged_start(peer: &Username) -> String {
    format!("the server tried to start a key with {peer} in your name; refused")
}

pub(super) fn run_died(peer: &Username, count: usize, max: usize) -> String {
    format!("a key with {peer} broke off before you answered ({count} of {max} within an hour)")
}

pub(super) fn run_paused(peer: &Username) -> String {
    format!(
        "{peer}'s invitation was declined: too many keys with {peer} broke off within an hour, which is how a \
         server would guess codes. Type {peer} to let another one begin"
    )
}

pub(super) fn paused_by_peer(peer: &Username) -> String {
    format!("{peer}'s client waits until {peer} names you: too many keys with you broke off within an hour")
}

pub(super) fn epoch_declined(peer: &Username, proposed: u32, highest: u32) -> String {
    format!("{peer} proposed key number {proposed}, and number {highest} is used already; declined")
}

pub(super) fn epoch_declined_by_peer(peer: &Username, highest: u32) -> String {
    format!("{peer}'s machine has used key number {highest} already; name {peer} again to go on from there")
}

pub(super) fn kept_key_declined_by_us(peer: &Username, epoch: u32) -> String {
    format!(
        "the kept key (number {epoch}) that {peer} wants to go on with is not the newest known here; declined"
    )
}

pub(super) fn kept_key_declined_by_peer(peer: &Username) -> String {
    format!(
        "{peer}'s machine knows another kept key than the server shows; name {peer} again to agree on a new one"
    )
}

pub(super) fn declined_as_invalid(peer: &Username) -> String {
    format!("{peer}'s client found an error in the agreement and ended it; someone may be between you")
}

pub(super) fn agreement_failed(peer: &Username, why: &str) -> String {
    format!("the agreement with {peer} failed: {why}. Someone may be between you; no key was agreed on")
}

pub(super) fn could_not_remember(why: &str) -> String {
    format!("this machine could not write down that the key is used, so it was not accepted: {why}")
}

pub(super) fn kept_key_gone(peer: &Username, epoch: u32) -> String {
    format!(
        "WARNING: you and {peer} agreed on key number {epoch}, and the server has no record of it. It lost the \
         key, or hides it; a new key is needed"
    )
}

pub(super) fn kept_key_rolled_back(peer: &Username, shown: u32, proven: u32) -> String {
    format!(
        "WARNING: the server shows key number {shown} for {peer}, but you have used number {proven}. Its files \
         were set back to an older state; a new key is needed"
    )
}

pub(super) fn kept_key_swapped(peer: &Username, epoch: u32) -> String {
    format!(
        "WARNING: the server shows another key number {epoch} for {peer} than you agreed on; a new key is needed"
    )
}

pub(super) fn kept_key_does_not_open(peer: &Username, epoch: u32) -> String {
    format!(
        "WARNING: your copy of key number {epoch} with {peer} does not open: it was altered; a new key is needed"
    )
}

pub(super) fn kept_key_unremembered(peer: &Username, epoch: u32) -> String {
    format!(
        "note: key number {epoch} with {peer} was accepted on another machine of yours, or this one forgot it"
    )
}

pub(super) fn no_memory(peer: &Username) -> String {
    format!(
        "note: this machine has no memory of {peer}, so it cannot tell whether the server set something back"
    )
}

pub(super) fn peer_saw_more(peer: &Username) -> String {
    format!(
        "WARNING: {peer} has seen a message from you that this machine does not know of. You wrote it on another \
         machine, or this machine's memory was set back"
    )
}

pub(super) fn changed_needs_code(peer: &Username) -> String {
    format!(
        "{peer}'s identity changed, so a plain yes is not enough: only the code that {peer} reads to you accepts it"
    )
}

pub(super) fn that_is_your_own_code(peer: &Username) -> String {
    format!("that is your own code; ask {peer} for theirs")
}

/// What the block before the key question shows.
pub(super) struct KeyBlock<'a> {
    pub(super) peer: &'a Username,
    pub(super) epoch: u32,
    pub(super) new_key: bool,
    pub(super) standing: Standing,
    pub(super) identity: &'a Bytes<32>,
    pub(super) own_code: &'a Code,
    pub(super) notices: &'a [String],
}

pub(super) fn key_block(block: &KeyBlock<'_>) -> String {
    let KeyBlock { peer, epoch, new_key, standing, identity, own_code, notices } = block;
    let mut lines: Vec<String> = notices.to_vec();
    let kind = if *new_key { "A new key" } else { "The kept key" };
    lines.push(format!("{kind} with {peer} (number {epoch})"));
    lines.push(format!("  {peer}'s identity: {}", identity_fingerprint(identity)));
    match standing {
        Standing::New => lines.push("  this identity is new to you, and not verified".into()),
        Standing::Known { since } => {
            lines.push(format!("  this identity is known since {}, and not verified", date(*since)));
        }
        Standing::Verified { since } => {
            lines.push(format!("  this identity was verified on {}", date(*since)))
        }
        Standing::Changed { was, since } => {
            let was = match was {
                Status::Known => "known",
                Status::Verified => "verified",
            };
            lines.push(format!(
                "  WARNING: THIS IDENTITY CHANGED; another one was {was} since {}. {peer} made a new account, or \
                 someone poses as {peer}",
                date(*since)
            ));
        }
    }
    if !matches!(standing, Standing::Verified { .. }) {
        lines.push(format!("  your code: {own_code}"));
        lines.push(format!(
            "  read it to {peer}, by telephone or face to face, and type the code\n  that {peer} reads to you"
        ));
    }
    lines.join("\n")
}

fn date(time: DateTime<Utc>) -> impl Display {
    time.with_timezone(&Local).format("%Y-%m-%d")
}

pub(super) fn conversation_open(peer: &Username) -> String {
    format!("Conversation with {peer} is open. Type a message, or exit to leave.")
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

/// A message as it is shown: `[14:03] bob: hello`, with the day when it is not today's.
pub(super) fn message(
    sent: Option<DateTime<Local>>,
    now: DateTime<Local>,
    sender: &Username,
    text: &str,
) -> String {
    let time = match sent {
        Some(sent) if sent.date_naive() == now.date_naive() => sent.format("%H:%M").to_string(),
        Some(sent) => sent.format("%Y-%m-%d %H:%M").to_string(),
        None => "--:--".into(),
    };
    format!("[{time}] {sender}: {text}")
}

pub(super) fn log_shortened(peer: &Username, last: u64, seen: u64) -> String {
    format!(
        "WARNING: the server's log with {peer} ends at message {last}, but this machine has seen message {seen}. \
         The end was cut off"
    )
}

pub(super) fn log_altered(peer: &Username, number: u64) -> String {
    format!("WARNING: message {number} of the log with {peer} is not what this machine saw there before")
}

pub(super) fn log_inserted(peer: &Username, number: u64) -> String {
    format!(
        "WARNING: message {number} of the log with {peer} was not there before, though later ones were seen"
    )
}

pub(super) fn log_numbering(peer: &Username, expected: u64, got: u64) -> String {
    format!("WARNING: the server's log with {peer} shows number {got} where {expected} belongs")
}

pub(super) fn log_unreadable(peer: &Username) -> String {
    format!(
        "the server could not read the log with {peer}; earlier messages are not shown. Tell its operator"
    )
}

pub(super) fn log_no_memory(peer: &Username) -> String {
    format!(
        "note: this machine sees this conversation with {peer} for the first time and cannot tell what came before"
    )
}

pub(super) fn gap(number: u64, sender: &Username) -> String {
    format!("WARNING: one or more messages of {sender} before number {number} are missing")
}

pub(super) fn repeat(number: u64, sender: &Username) -> String {
    format!("WARNING: number {number} repeats an earlier message of {sender}; it is not shown again")
}

pub(super) fn late(number: u64, sender: &Username) -> String {
    format!("WARNING: number {number} is out of order: {sender} wrote it before one that was shown above")
}

pub(super) fn old_key(number: u64, sender: &Username) -> String {
    format!(
        "WARNING: number {number} of {sender} is sealed with an older key than {sender}'s message before it"
    )
}

pub(super) fn does_not_open(number: u64, sender: &Username) -> String {
    format!(
        "WARNING: number {number}, which the server shows as {sender}'s, does not open: it was altered or forged"
    )
}

pub(super) fn relabelled(number: u64, shown: &Username, real: &Username) -> String {
    format!("WARNING: the server shows number {number} as {shown}'s, but it is sealed by {real}")
}

pub(super) fn no_key_for(number: u64, sender: &Username, epoch: u32) -> String {
    format!("WARNING: number {number} of {sender} cannot be opened: there is no key number {epoch} for it")
}

pub(super) fn peer_saw_other(peer: &Username) -> String {
    format!("WARNING: {peer} was shown a message in your name that this machine did not send")
}

pub(super) fn stored_differs(peer: &Username) -> String {
    format!("WARNING: the server confirms another message to {peer} than you sent")
}

pub(super) fn not_sent(text: &str, why: &str) -> String {
    format!("NOT SENT: {text}\n  {why}")
}

pub(super) fn fate_unknown(text: &str) -> String {
    format!("NOT CONFIRMED: {text}\n  the connection ended before the server said that it is stored")
}

pub(super) fn too_long(bytes: usize, max: usize) -> String {
    format!("NOT SENT: that message has {bytes} bytes and may have {max}; send it in parts")
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

pub(super) fn verify_status(peer: &Username, key: &Bytes<32>, own: &Bytes<32>, standing: Standing) -> String {
    let status = match standing {
        Standing::Known { since } => format!("known since {}, not verified", date(since)),
        Standing::Verified { since } => format!("verified on {}", date(since)),
        Standing::New | Standing::Changed { .. } => "new to you".into(),
    };
    format!(
        "{peer}'s identity: {}\n  {status}\nyour identity: {}",
        identity_fingerprint(key),
        identity_fingerprint(own)
    )
}

pub(super) fn verify_with_codes(peer: &Username, own_code: &Code) -> String {
    format!("  your code: {own_code}\n  to verify, type /verify and the code that {peer} reads to you")
}

pub(super) fn nothing_known(peer: &Username) -> String {
    format!("this machine knows no identity of {peer}")
}

pub(super) fn now_verified(peer: &Username) -> String {
    format!("{peer}'s identity is now verified")
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
        ErrorCode::Full => "the server has all the connections it allows".into(),
        ErrorCode::WrongUsernameOrPassword => WRONG_LOGIN.into(),
        ErrorCode::NameTaken => "the name is taken".into(),
        ErrorCode::TooManyAttempts => "too many failed attempts".into(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn a_message_shows_its_day_only_when_it_is_another() {
        let bob: Username = "bob".parse().unwrap();
        let at = |day, hour| Local.with_ymd_and_hms(2026, 11, day, hour, 3, 0).unwrap();
        assert_eq!(message(Some(at(22, 14)), at(22, 15), &bob, "hello"), "[14:03] bob: hello");
        assert_eq!(message(Some(at(21, 14)), at(22, 15), &bob, "hello"), "[2026-11-21 14:03] bob: hello");
    }
}
