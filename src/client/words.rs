//! Every sentence that the client says, in one place: here what each is about, in `english` and
//! `french` its words.
//! The questions and the sentences of the way through are contracts: scripts wait for these words.

use std::path::Path;

/// The sentence with that id, said of these arguments.
macro_rules! say {
    ($id:literal $(, $name:ident $(= $value:expr)?)* $(,)?) => {
        Phrase::new($id, vec![$((stringify!($name), say!(@arg $name $(= $value)?))),*])
    };
    (@arg $name:ident = $value:expr) => { Arg::from($value) };
    (@arg $name:ident) => { Arg::from($name) };
}

mod answer;
mod english;
mod failure;
mod french;
mod key;
mod key_file;
mod language;
mod log;
mod reasons;
mod scripts;
mod several;
pub(super) mod typography;
mod usage;
mod verify;
mod view;

pub(crate) use failure::{last_words_of, reason};
pub use language::Language;
pub(crate) use typography::typeset;

pub(super) use answer::*;
pub(super) use failure::*;
pub(super) use key::*;
pub(super) use key_file::*;
pub(super) use log::*;
pub(super) use scripts::*;
pub(super) use several::*;
pub(super) use usage::*;
pub(super) use verify::*;
pub(super) use view::*;

use super::{
    address::ServerAddress,
    command::Takes,
    phrase::{Arg, Phrase, Sentence},
};
use crate::{
    printable::Printable,
    transport::Fingerprint,
    wire::{ErrorCode, Username},
};

pub(super) const ACCOUNT_QUESTION: Sentence = Sentence("account");
pub(super) const USERNAME_QUESTION: Sentence = Sentence("username");
pub(super) const PASSWORD_QUESTION: Sentence = Sentence("password");
pub(super) const REPEAT_QUESTION: Sentence = Sentence("repeat_password");
pub(super) const CURRENT_PASSWORD_QUESTION: Sentence = Sentence("current_password");
pub(super) const NEW_PASSWORD_QUESTION: Sentence = Sentence("new_password");
pub(super) const LOBBY_QUESTION: Sentence = Sentence("lobby");
pub(super) const NEW_SERVER_QUESTION: Sentence = Sentence("new_server_key");

pub(super) const INVITATION_QUESTION: Sentence = Sentence("invitation_code");

pub(super) const BAD_INVITATION: Sentence = Sentence("bad_invitation");
pub(super) const REGISTRATION_CLOSED: Sentence = Sentence("registration_closed");
pub(super) const WRONG_LOGIN: Sentence = Sentence("wrong_login");
pub(super) const PASSWORD_EMPTY: Sentence = Sentence("password_empty");
pub(super) const PASSWORDS_DIFFER: Sentence = Sentence("passwords_differ");
pub(super) const FINGERPRINT_DIFFERS: Sentence = Sentence("fingerprint_differs");
pub(super) const SERVER_COULD_NOT_STORE: Sentence = Sentence("server_could_not_store");
pub(super) const PASSWORD_NOT_CHANGED: Sentence = Sentence("password_not_changed");
pub(super) const ACCOUNT_UNSURE: Sentence = Sentence("account_unsure");
pub(super) const CONNECTION_LOST: Sentence = Sentence("connection_lost");
pub(super) const RECONNECTED: Sentence = Sentence("reconnected");
pub(super) const SENT_LATER: Sentence = Sentence("sent_later");
pub(super) const NOT_CONNECTED: Sentence = Sentence("not_connected");
pub(super) const CODES_DIFFER: Sentence = Sentence("codes_differ");
pub(super) const TOO_MANY_WRONG_CODES: Sentence = Sentence("too_many_wrong_codes");
pub(super) const EPOCHS_EXHAUSTED: Sentence = Sentence("epochs_exhausted");
pub(super) const YOU_REFUSED: Sentence = Sentence("you_refused");
pub(super) const YOU_ENDED_IT: Sentence = Sentence("you_ended_it");
pub(super) const YOU_LEFT: Sentence = Sentence("you_left");
pub(super) const YOURSELF: Sentence = Sentence("yourself");
pub(super) const OPEN_CONVERSATION_ONLY: Sentence = Sentence("open_conversation_only");
pub(super) const LOBBY_ONLY: Sentence = Sentence("lobby_only");
pub(super) const NOT_DURING_A_KEY: Sentence = Sentence("not_during_a_key");
pub(super) const CODE_ONLY_AT_A_KEY: Sentence = Sentence("code_only_at_a_key");

pub(super) const NUMBER_IS_USED: Sentence = Sentence("number_is_used");

pub(super) const LINE_NOT_TEXT: Sentence = Sentence("line_not_text");

pub(super) const WHAT_THERE_IS: Sentence = Sentence("what_there_is");

pub(super) const FORM_IS_TYPED: Sentence = Sentence("form_is_typed");

pub(super) const HELP: Sentence = Sentence("help");

/// The commands that a line may begin with: as the help lists them.
pub(super) fn commands() -> Vec<String> {
    let help = Phrase::from(HELP);
    let first = help.text().lines().filter_map(|line| line.split_whitespace().next());
    let mut commands: Vec<String> =
        first.filter(|word| word.starts_with('/') && !word.starts_with("//")).map(str::to_owned).collect();
    commands.sort_unstable();
    commands
}

/// The words of the sentence with that id, with `{placeholders}` for what it is about.
pub(super) fn template(id: &str, language: Language) -> &'static str {
    let found = find_template(id, language);
    debug_assert!(found.is_some(), "no words for {id} in {language:?}");
    found.unwrap_or_default()
}

/// The same of a sentence that there may not be.
pub(super) fn find_template(id: &str, language: Language) -> Option<&'static str> {
    table(language).iter().find(|(of, _)| *of == id).map(|(_, words)| *words)
}

/// Every sentence's id and words.
pub(super) fn table(language: Language) -> &'static [(&'static str, &'static str)] {
    match language {
        Language::English => english::TABLE,
        Language::French => french::TABLE,
    }
}

pub(super) fn line_too_long(max: usize) -> Phrase {
    say!("line_too_long", max)
}

pub(super) fn output_failed(error: &std::io::Error) -> Phrase {
    say!("output_failed", why = reason(error))
}

pub(super) fn press_enter_first(question: &str) -> Phrase {
    say!("press_enter_first", question)
}

pub(super) fn new_server(address: &ServerAddress, shown: &Fingerprint) -> Phrase {
    say!("new_server", address = address.to_string(), shown = shown.to_string())
}

pub(super) fn server_pinned(address: &ServerAddress, shown: &Fingerprint) -> Phrase {
    say!("server_pinned", address = address.to_string(), shown = shown.to_string())
}

pub(super) fn name_taken(name: &Username) -> Phrase {
    say!("name_taken", name)
}

pub(super) fn key_question(peer: &Username) -> Phrase {
    say!("key", peer)
}

pub(super) fn no_answer_to_a_key(peer: &Username) -> Phrase {
    say!("no_answer_to_a_key", peer)
}

pub(super) fn invited(peer: &Username) -> Phrase {
    say!("invited", peer)
}

pub(super) fn invited_while_busy(peer: &Username) -> Phrase {
    say!("invited_while_busy", peer)
}

pub(super) fn invitation_ended(peer: &Username) -> Phrase {
    say!("invitation_ended", peer)
}

pub(super) fn peer_is_busy(peer: &Username) -> Phrase {
    say!("peer_is_busy", peer)
}

pub(super) fn invitation_taken_back(peer: &Username) -> Phrase {
    say!("invitation_taken_back", peer)
}

pub(super) fn waiting_for_answer(peer: &Username) -> Phrase {
    say!("waiting_for_answer", peer)
}

pub(super) fn not_sent_while_waiting(peer: &Username) -> Phrase {
    say!("not_sent_while_waiting", peer)
}

pub(super) fn refused_by(peer: &Username) -> Phrase {
    say!("refused_by", peer)
}

pub(super) fn withdrawn_by(peer: &Username) -> Phrase {
    say!("withdrawn_by", peer)
}

pub(super) fn ended_by(peer: &Username) -> Phrase {
    say!("ended_by", peer)
}

pub(super) fn lost_during_key(peer: &Username) -> Phrase {
    say!("lost_during_key", peer)
}

pub(super) fn conversation_open(peer: &Username) -> Phrase {
    say!("conversation_open", peer)
}

pub(super) fn conversation_open_again(peer: &Username) -> Phrase {
    say!("conversation_open_again", peer)
}

pub(super) fn reopening_takes_a_new_key(peer: &Username) -> Phrase {
    say!("reopening_takes_a_new_key", peer)
}

pub(super) fn peer_is_away(peer: &Username) -> Phrase {
    say!("peer_is_away", peer)
}

pub(super) fn reopens_later(peer: &Username) -> Phrase {
    say!("reopens_later", peer)
}

pub(super) fn ended_with_the_connection(peer: &Username) -> Phrase {
    say!("ended_with_the_connection", peer)
}

pub(super) fn rekeyed(peer: &Username, epoch: u32) -> Phrase {
    say!("rekeyed", peer, epoch)
}

pub(super) fn rekey_wanted(peer: &Username) -> Phrase {
    say!("rekey_wanted", peer)
}

pub(super) fn rekey_asked(peer: &Username) -> Phrase {
    say!("rekey_asked", peer)
}

pub(super) fn left_by(peer: &Username, lost: bool) -> Phrase {
    if lost { say!("left_by_loss", peer) } else { say!("left_by", peer) }
}

// Lines that were begun for something else than what is there by now: all of them are given back.

pub(super) fn draft_not_taken(typed: &str) -> Phrase {
    say!("draft_not_taken", line = given_back(typed))
}

pub(super) fn draft_not_sent(typed: &str) -> Phrase {
    say!("draft_not_sent", line = given_back(typed))
}

pub(super) fn draft_for_another(peer: &Username, meant: &Username, typed: &str) -> Phrase {
    say!("draft_for_another", peer, meant, line = given_back(typed))
}

pub(super) fn draft_for_nobody(peer: &Username, typed: &str) -> Phrase {
    say!("draft_for_nobody", peer, line = given_back(typed))
}

pub(super) fn command_not_done(typed: &str) -> Phrase {
    say!("command_not_done", line = Printable::line(typed).to_string())
}

pub(super) fn unknown_command(line: &str) -> Phrase {
    say!("unknown_command", line)
}

/// What has to follow a command.
pub(super) fn takes(what: Takes) -> Phrase {
    match what {
        Takes::Name(command) => say!("takes_name", command),
        Takes::Count => say!("takes_count"),
        Takes::Words => say!("takes_words"),
        Takes::Comparison => say!("takes_comparison"),
        Takes::Nothing(command) => say!("takes_nothing", command),
    }
}

pub(super) fn who(names: &[Username], total: u64) -> Phrase {
    let connected = names.iter().map(Username::as_str).collect::<Vec<_>>().join(", ");
    match total.saturating_sub(names.len() as u64) {
        0 => say!("who", connected),
        more => say!("who_and_more", connected, more),
    }
}

/// The sentence of a name that nobody has.
pub(super) const UNKNOWN_USER: &str = "unknown_user";

/// Why the server refused, in this person's words.
pub(super) fn refusal(code: ErrorCode, peer: Option<&Username>) -> Phrase {
    match (code, peer) {
        (ErrorCode::UnknownUser, Some(peer)) => say!("unknown_user", peer),
        (ErrorCode::UnknownUser, None) => say!("they_are_unknown"),
        (ErrorCode::NotConnected, Some(peer)) => say!("peer_not_connected", peer),
        (ErrorCode::NotConnected, None) => say!("they_are_not_connected"),
        (ErrorCode::Yourself, _) => YOURSELF.into(),
        (ErrorCode::Busy, _) => say!("you_are_busy"),
        (ErrorCode::NotOpen, Some(peer)) => say!("not_open", peer),
        (ErrorCode::NotOpen, None) => say!("nothing_open"),
        (ErrorCode::NoKey, Some(peer)) => say!("no_key", peer),
        (ErrorCode::NoKey, None) => say!("no_key_at_all"),
        (ErrorCode::OutOfOrder, _) => say!("out_of_order"),
        (ErrorCode::Different, _) => say!("another_in_its_place"),
        (ErrorCode::UnknownEpoch, _) => say!("unknown_epoch"),
        (ErrorCode::Storage, _) => SERVER_COULD_NOT_STORE.into(),
        (ErrorCode::BadRequest, _) => say!("not_understood"),
        (ErrorCode::WrongUsernameOrPassword, _) => WRONG_LOGIN.into(),
        (ErrorCode::NameTaken, _) => say!("this_name_is_taken"),
        (ErrorCode::TooManyAttempts, _) => say!("too_many_attempts"),
        (ErrorCode::RegistrationClosed, _) => REGISTRATION_CLOSED.into(),
        (ErrorCode::BadInvitation, _) => BAD_INVITATION.into(),
        (ErrorCode::TooManyRegistrations, _) => say!("too_many_registrations"),
        (ErrorCode::ServerFull, _) => say!("server_full"),
        (ErrorCode::AddressFull, _) => say!("address_full"),
        (ErrorCode::TooSlow, _) => say!("too_slow"),
        (ErrorCode::TooManyInvitations, _) => say!("too_many_invitations"),
        (ErrorCode::TooManyOpen, _) => say!("too_many_open"),
        (ErrorCode::PeerBusy, Some(peer)) => say!("peer_busy", peer),
        (ErrorCode::PeerBusy, None) => say!("they_are_busy"),
        (ErrorCode::TooManyWaiting, Some(peer)) => say!("too_many_waiting", peer),
        (ErrorCode::TooManyWaiting, None) => say!("too_many_waiting_for_them"),
    }
}

/// A path, for people: any bytes may be in it.
fn shown(path: &Path) -> String {
    Printable::line(&path.to_string_lossy()).to_string()
}

#[cfg(test)]
mod tests;
