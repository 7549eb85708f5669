//! What is said of messages, and of the log they are read from.

use chrono::{DateTime, Local};

use crate::wire::Username;

pub(in crate::client) fn log_shortened(peer: &Username, last: u64, seen: u64) -> String {
    format!(
        "WARNING: the server's log with {peer} ends at message {last}, but this machine has seen message {seen}. \
         The end was cut off"
    )
}

pub(in crate::client) fn log_altered(peer: &Username, number: u64) -> String {
    format!("WARNING: message {number} of the log with {peer} is not what this machine saw there before")
}

pub(in crate::client) fn log_numbering(peer: &Username, expected: u64, got: u64) -> String {
    format!("WARNING: the server's log with {peer} shows number {got} where {expected} belongs")
}

pub(in crate::client) fn log_unreadable(peer: &Username) -> String {
    format!(
        "the server could not read the log with {peer}; earlier messages are not shown. Tell its operator"
    )
}

pub(in crate::client) fn log_no_memory(peer: &Username) -> String {
    format!(
        "note: this machine sees this conversation with {peer} for the first time and cannot tell what came before"
    )
}

pub(in crate::client) fn gap(number: u64, sender: &Username) -> String {
    format!("WARNING: one or more messages of {sender} before number {number} are missing")
}

pub(in crate::client) fn repeat(number: u64, sender: &Username) -> String {
    format!("WARNING: number {number} repeats an earlier message of {sender}; it is not shown again")
}

pub(in crate::client) fn late(number: u64, sender: &Username) -> String {
    format!("WARNING: number {number} is out of order: {sender} wrote it before one that was shown above")
}

pub(in crate::client) fn answers_unseen(number: u64, sender: &Username, other: &Username) -> String {
    format!(
        "WARNING: {sender} wrote number {number} after a message of {other} that is not shown above: one is \
         missing, or the lines are out of order"
    )
}

pub(in crate::client) fn old_key(number: u64, sender: &Username) -> String {
    format!(
        "WARNING: number {number} of {sender} is sealed with an older key than {sender}'s message before it"
    )
}

pub(in crate::client) fn does_not_open(number: u64, sender: &Username) -> String {
    format!(
        "WARNING: number {number}, which the server shows as {sender}'s, does not open: it was altered or forged"
    )
}

pub(in crate::client) fn relabelled(number: u64, shown: &Username, real: &Username) -> String {
    format!("WARNING: the server shows number {number} as {shown}'s, but it is sealed by {real}")
}

pub(in crate::client) fn no_key_for(number: u64, sender: &Username, epoch: u32) -> String {
    format!("WARNING: number {number} of {sender} cannot be opened: there is no key number {epoch} for it")
}

pub(in crate::client) fn peer_saw_other(peer: &Username) -> String {
    format!("WARNING: {peer} was shown a message in your name that this machine did not send")
}

pub(in crate::client) fn stored_differs(peer: &Username) -> String {
    format!("WARNING: the server confirms another message to {peer} than you sent")
}

pub(in crate::client) fn not_sent(text: &str, why: &str) -> String {
    format!("NOT SENT: {text}\n  {why}")
}

pub(in crate::client) fn fate_unknown(text: &str) -> String {
    format!("NOT CONFIRMED: {text}\n  the connection ended before the server said that it is stored")
}

pub(in crate::client) fn too_long(bytes: usize, max: usize) -> String {
    format!("NOT SENT: that message has {bytes} bytes and may have {max}; send it in parts")
}

/// A message as it is shown: `[14:03] bob: hello`, with the day when it is not today's.
pub(in crate::client) fn message(
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
