//! What is said when something fails: the client's own errors, and the reasons of the parts it is made of.
//!
//! A part's error has its English words where it is defined; `reasons` has the others by them.

use std::{error::Error, io};

use crate::{
    client::{
        address::ServerAddress,
        error::ClientError,
        home::HomeError,
        phrase::{Arg, Phrase},
        scripts::PASSWORD_BYTES_MAX,
        terminal::NoFullScreen,
    },
    crypto::key_file::{FormatProblem, KeyFileError, KeyFileFormatError},
    store::{Action, StoreError},
    transport::TransportError,
    wire::BytesError,
};

use super::{Language, reasons, refusal, shown};

/// Why the client ends.
pub(in crate::client) fn failure(error: &ClientError) -> Phrase {
    match error {
        ClientError::Connect { address, source } => {
            say!("cannot_connect", address = address.to_string(), why = reason(source))
        }
        ClientError::TurnedAway { address, code } => {
            say!("turned_away", address = address.to_string(), why = refusal(*code, None).text())
        }
        ClientError::ServerKeyChanged { address, expected, actual, .. } => say!(
            "server_key_changed",
            address = address.to_string(),
            expected = expected.to_string(),
            actual = actual.to_string(),
        ),
        ClientError::ServerKeyNotConfirmed => say!("server_key_not_confirmed"),
        ClientError::Version { address, theirs, ours } => {
            say!("other_version", address = address.to_string(), theirs = *theirs, ours = *ours)
        }
        ClientError::Protocol(what) => say!("protocol_broken", what = in_our_language(what)),
        ClientError::Lost(_) => say!("lost"),
        ClientError::LoginRefused => say!("login_refused"),
        ClientError::TakenOver => say!("taken_over"),
        ClientError::Stopping => say!("stopping"),
        ClientError::TooManyAttempts => say!("attempts_ended_it"),
        ClientError::Home(error) => home(error),
        ClientError::NeedsAnswer(question) => super::needs_answer(question),
        ClientError::WrongLogin => say!("wrong_login_given"),
        ClientError::Password(error) => super::password_failed(error),
        ClientError::NoAccount { folder, .. } => super::no_account_here(folder),
        ClientError::WhichAccount => say!("which_account"),
        ClientError::Message(why) => why.clone(),
        ClientError::NotSent(why) => super::not_sent_by_script(why),
        ClientError::NotConfirmed => say!("not_confirmed"),
        ClientError::ClientGone => say!("client_gone"),
        ClientError::NoHistory(why) => say!("no_history", why = why.as_str()),
        ClientError::Flawed { peer, messages, flaws } => {
            say!("history_flawed", peer, messages = *messages, flaws = *flaws)
        }
        ClientError::CutShort => say!("history_cut_short"),
        ClientError::OutputTaken { path } => say!("output_taken", path = shown(path)),
        ClientError::OutputNoFile { path } => say!("output_no_file", path = shown(path)),
        ClientError::OutputClosed => say!("output_closed"),
        ClientError::Socket(error) => super::socket_failed(error),
        ClientError::KeyFile(error) => say!("key_file_failed", why = reason(error)),
        ClientError::Random(error) => say!("random_failed", why = reason(error)),
        ClientError::NoFullScreen(NoFullScreen::NotATerminal) => say!("no_full_screen_pipe"),
        ClientError::NoFullScreen(NoFullScreen::Dumb) => say!("no_full_screen_dumb"),
        ClientError::Terminal(error) => say!("terminal_failed", why = reason(error)),
    }
}

fn home(error: &HomeError) -> Phrase {
    match error {
        HomeError::Store(error) => store(error),
        HomeError::NoKeyFile { name, path } => say!("no_key_file", name, path = shown(path)),
        HomeError::KeyFile { path, .. } => say!("key_file_damaged", path = shown(path)),
        HomeError::ServerPin { path } => say!("server_pin_damaged", path = shown(path)),
        HomeError::Pins { path } => say!("pins_damaged", path = shown(path)),
    }
}

fn store(error: &StoreError) -> Phrase {
    let path = format!("{:?}", error.path);
    match error.action {
        Action::CreateFolder => say!("cannot_make_folder", path),
        Action::Open => say!("cannot_open", path),
        Action::Lock => say!("cannot_lock", path),
        Action::Read => say!("cannot_read", path),
        Action::Write => say!("cannot_write", path),
        Action::Sync => say!("cannot_sync", path),
        Action::Replace => say!("cannot_replace", path),
    }
}

/// The next step, if there is one to name.
pub(in crate::client) fn hint(error: &ClientError) -> Option<Phrase> {
    Some(match error {
        ClientError::Connect { source, address } => return connect_hint(source, address),
        ClientError::ServerKeyChanged { pinned_at: Some(path), actual, .. } => {
            say!("ask_for_fingerprint", actual = actual.to_string(), path = shown(path))
        }
        ClientError::ServerKeyChanged { pinned_at: None, .. } => say!("compare_fingerprint"),
        ClientError::ServerKeyNotConfirmed => say!("ask_for_the_line"),
        ClientError::Version { theirs, ours, .. } if theirs > ours => say!("install_newer_here"),
        ClientError::Version { .. } => say!("install_newer_there"),
        ClientError::Lost(_) | ClientError::Stopping | ClientError::TurnedAway { .. } => {
            say!("start_again_later")
        }
        ClientError::LoginRefused => say!("use_the_key_file_from_there"),
        ClientError::TakenOver => say!("change_it_if_not_you"),
        ClientError::TooManyAttempts => say!("check_name_and_key_file"),
        ClientError::Home(HomeError::KeyFile { .. }) => say!("put_a_copy"),
        ClientError::Home(HomeError::NoKeyFile { .. }) => say!("copy_the_key_file"),
        ClientError::Home(HomeError::Pins { path }) => say!("move_pins_away", path = shown(path)),
        ClientError::Home(HomeError::ServerPin { path }) => say!("remove_server_pin", path = shown(path)),
        ClientError::Home(HomeError::Store(error)) => {
            say!("store_hint", what = in_our_language(error.hint()?))
        }
        ClientError::NoFullScreen(_) => say!("leave_full_screen_out"),
        ClientError::NeedsAnswer(_) => say!("give_user_and_password"),
        ClientError::WrongLogin => say!("check_user_and_password"),
        ClientError::Password(error) => return super::password_hint(error, PASSWORD_BYTES_MAX),
        ClientError::NoAccount { server, .. } => {
            say!("make_an_account_first", server = server.to_string())
        }
        ClientError::WhichAccount => say!("name_one"),
        ClientError::NotConfirmed => say!("ask_again_if_it_is_there"),
        ClientError::ClientGone => say!("start_again_later"),
        ClientError::Flawed { .. } => say!("tell_the_operator"),
        ClientError::OutputTaken { .. } => say!("give_force"),
        ClientError::Message(_)
        | ClientError::NotSent(_)
        | ClientError::NoHistory(_)
        | ClientError::CutShort
        | ClientError::OutputNoFile { .. }
        | ClientError::OutputClosed
        | ClientError::Socket(_)
        | ClientError::Protocol(_)
        | ClientError::KeyFile(_)
        | ClientError::Random(_)
        | ClientError::Terminal(_) => return None,
    })
}

fn connect_hint(source: &TransportError, address: &ServerAddress) -> Option<Phrase> {
    let port = u64::from(address.port());
    Some(match source {
        TransportError::HostNotFound { .. } => say!("check_spelling"),
        TransportError::Refused { .. } => say!("is_it_running", port),
        TransportError::TimedOut => say!("check_the_way"),
        TransportError::NotTls | TransportError::NotSecurechat => say!("something_else_answers", port),
        TransportError::Closed => say!("closed_at_once", port),
        TransportError::OtherVersion => say!("use_the_same_version"),
        TransportError::Untrusted(_) => say!("leave_ca_out"),
        _ => return None,
    })
}

/// The client's last words: what happened, what caused it, what to do.
pub(in crate::client) fn last_words(error: &ClientError) -> Vec<Phrase> {
    if matches!(error, ClientError::OutputClosed) {
        // Whoever read it has enough, and knows that.
        return Vec::new();
    }
    let mut said = failure(error).text().to_owned();
    let mut lines = vec![say!("error_line", what = &said)];
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let why = reason(cause);
        // Where the words of an error hold those of its cause already, once is enough.
        if !said.contains(&why) {
            lines.push(say!("because_line", why = &why));
        }
        said = why;
    }
    lines.extend(hint(error).map(|hint| say!("hint_line", hint = hint.text())));
    lines
}

/// The last words of a part beside the client, which has put what happened, and the hint, in the person's language.
pub(crate) fn last_words_of(what: &str, cause: Option<&io::Error>, hint: Option<&str>) -> Vec<Phrase> {
    let mut lines = vec![say!("error_line", what)];
    lines.extend(cause.map(|cause| say!("because_line", why = reason(cause))));
    lines.extend(hint.map(|hint| say!("hint_line", hint = in_our_language(hint))));
    lines
}

/// Something about the account that can be put right at once: what, why, and how.
pub(in crate::client) fn trouble(error: &ClientError) -> Phrase {
    let mut what = failure(error).text().to_owned();
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let why = reason(cause);
        if !what.contains(&why) {
            what = say!("what_and_why", what, why).text().to_owned();
        }
    }
    match hint(error) {
        Some(hint) => say!("trouble_with_hint", what, hint = hint.text()),
        None => say!("trouble", what),
    }
}

/// What was typed is not one of what was asked for.
pub(in crate::client) fn not_valid(error: &(dyn Error + 'static)) -> Phrase {
    say!("not_valid", why = reason(error))
}

/// An error of a part of the client, in the person's language.
pub(crate) fn reason(error: &(dyn Error + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<TransportError>() {
        return transport(error);
    }
    if let Some(error) = error.downcast_ref::<HomeError>() {
        return home(error).text().to_owned();
    }
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return store(error).text().to_owned();
    }
    if let Some(error) = error.downcast_ref::<KeyFileFormatError>() {
        let problem = match error.problem {
            FormatProblem::Expected(field) => say!("field_expected", field).text().to_owned(),
            FormatProblem::Bytes(BytesError::Length(bytes)) => {
                say!("bytes_expected", bytes).text().to_owned()
            }
            fixed => in_our_language(&fixed.to_string()),
        };
        return say!("at_line", line = error.line, problem).text().to_owned();
    }
    if let Some(KeyFileError::Memory(kib)) = error.downcast_ref() {
        return say!("no_memory_to_open", kib = *kib).text().to_owned();
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return system(error);
    }
    in_our_language(&error.to_string())
}

fn transport(error: &TransportError) -> String {
    match error {
        TransportError::HostNotFound { host, .. } => say!("host_not_found", host = host.to_string()),
        TransportError::Refused { host, port } => {
            say!("connection_refused", host = host.to_string(), port = u64::from(*port))
        }
        TransportError::WrongServerKey { expected, actual } => {
            say!("wrong_server_key", expected = expected.to_string(), actual = actual.to_string())
        }
        TransportError::Untrusted(_) => {
            let words = error.to_string();
            let why = words.split_once(": ").map_or(words.as_str(), |(_, why)| why);
            say!("untrusted", why = in_our_language(why))
        }
        TransportError::Io(error) => return system(error),
        fixed => return in_our_language(&fixed.to_string()),
    }
    .text()
    .to_owned()
}

/// What the system said. It says it in English, so that is added to be looked up.
fn system(error: &io::Error) -> String {
    let what = error.to_string();
    let said = match error.kind() {
        io::ErrorKind::NotFound => say!("system_not_found", what),
        io::ErrorKind::PermissionDenied => say!("system_permission_denied", what),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => say!("system_full", what),
        io::ErrorKind::ReadOnlyFilesystem => say!("system_read_only", what),
        io::ErrorKind::NotADirectory => say!("system_not_a_folder", what),
        io::ErrorKind::IsADirectory => say!("system_a_folder", what),
        io::ErrorKind::AlreadyExists => say!("system_exists", what),
        io::ErrorKind::BrokenPipe => say!("system_broken_pipe", what),
        _ => say!("system", what),
    };
    said.text().to_owned()
}

/// Fixed words of a part of the client, in the person's language.
pub(in crate::client) fn in_our_language(english: &str) -> String {
    match Language::spoken() {
        Language::English => english.to_owned(),
        Language::French => reasons::in_french(english).unwrap_or_else(|| english.to_owned()),
    }
}
