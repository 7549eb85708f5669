//! What is said of a command line that is not understood.

use super::in_our_language;
use crate::{
    client::{
        ServerAddress,
        misuse::{Misuse, WrongArgument},
        phrase::{Arg, Phrase},
    },
    printable::Printable,
    wire::DEFAULT_PORT,
};

/// What happened, and what to type instead.
pub(in crate::client) fn misuse(misuse: &Misuse) -> Vec<Phrase> {
    let (what, hint) = match misuse {
        Misuse::Nothing => return vec![say!("usage_nothing")],
        Misuse::NoHost { known, of_a_command } => (say!("usage_no_host"), host_hint(known, *of_a_command)),
        Misuse::NoHome => (say!("usage_no_home"), say!("usage_name_home")),
        Misuse::Setting { setting, why } => {
            let why = in_our_language(why);
            return vec![say!("error_line", what = say!("what_and_why", what = *setting, why).text())];
        }
        Misuse::ConfigRead { path, source } => {
            let what = say!("usage_config", path = super::shown(path), why = super::reason(source));
            return vec![say!("error_line", what = what.text())];
        }
        Misuse::Config { path, why } => (
            say!("usage_config", path = super::shown(path), why = why.trim_end()),
            say!("usage_config_names"),
        ),
        Misuse::Argument { command, wrong } => (argument(wrong), argument_hint(command, wrong)),
    };
    vec![say!("error_line", what = what.text()), say!("hint_line", hint = hint.text())]
}

fn argument(wrong: &WrongArgument) -> Phrase {
    match wrong {
        WrongArgument::Unknown { given, .. } if given.starts_with('-') => {
            say!("usage_no_option", given = shown(given))
        }
        WrongArgument::Unknown { given, .. } => say!("usage_too_much", given = shown(given)),
        WrongArgument::NoCommand { given, .. } => say!("usage_no_command", given = shown(given)),
        WrongArgument::NoValue { option } => say!("usage_no_value", option = option.as_str()),
        WrongArgument::Value { option, value, why, possible } => {
            let (option, value) = (option.as_str(), shown(value));
            match why {
                Some(why) => say!("usage_wrong_value", option, value, why = in_our_language(why)),
                None => say!("usage_none_of", option, value, possible = possible.join(", ")),
            }
        }
        WrongArgument::Missing { what } => say!("usage_missing", what = what.as_str()),
        WrongArgument::Conflict { one, other } => {
            say!("usage_conflict", one = one.as_str(), other = other.as_str())
        }
    }
}

fn argument_hint(command: &str, wrong: &WrongArgument) -> Phrase {
    match wrong {
        WrongArgument::Unknown { meant: Some(meant), .. }
        | WrongArgument::NoCommand { meant: Some(meant), .. } => {
            say!("usage_meant", meant = meant.as_str(), command)
        }
        _ => say!("usage_see", command),
    }
}

/// What to type where no host was named: of the servers that are known here. A command is gone on with.
fn host_hint(known: &[ServerAddress], of_a_command: bool) -> Phrase {
    let option = |server: &ServerAddress| match server.port() {
        DEFAULT_PORT => format!("--host {}", server.host()),
        _ => format!("--host {server}"),
    };
    let line = |server: &ServerAddress| format!("securechat client {}", option(server));
    match (known, of_a_command) {
        ([], false) => say!("usage_type_host"),
        ([only], false) => say!("usage_type", line = line(only)),
        (several, false) => {
            say!("usage_type_one_of", lines = several.iter().map(line).collect::<Vec<_>>().join("; "))
        }
        ([], true) => say!("usage_add_host"),
        ([only], true) => say!("usage_add", option = option(only)),
        (several, true) => {
            say!("usage_add_one_of", options = several.iter().map(option).collect::<Vec<_>>().join("; "))
        }
    }
}

/// What was typed, as it can be shown.
fn shown(given: &str) -> String {
    Printable::line(given).to_string()
}
