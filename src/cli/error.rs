//! What can be wrong with a command line, and what the client has words for of it.

use std::ffi::OsString;

use clap::{
    Command, CommandFactory,
    error::{ContextKind, ContextValue, ErrorKind},
};
use thiserror::Error;

use super::Cli;
use crate::{
    client::{Language, Misuse, WrongArgument},
    status,
};

/// Why nothing is done.
#[derive(Debug, Error)]
pub enum CliError {
    /// Help or the version was asked for; or what is wrong is only in clap's own words.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The command line, the environment or the configuration file is not right.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

impl CliError {
    /// The exit status.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Usage(_) => status::USAGE,
            Self::Misuse(misuse) => misuse.exit_status(),
        }
    }

    /// What clap found wrong with these arguments.
    pub(super) fn of_clap(error: clap::Error, arguments: &[OsString]) -> Self {
        if arguments.len() < 2 {
            return Misuse::Nothing.into();
        }
        match wrong_argument(&error) {
            Some(wrong) => Misuse::Argument { command: command_of(arguments), wrong }.into(),
            None => error.into(),
        }
    }
}

/// The language in which a command line is answered, before any of it is understood. An operator's commands
/// speak English, as the server's log does.
#[must_use]
pub fn language_of(arguments: &[OsString], variable: impl Fn(&str) -> Option<String>) -> Language {
    if arguments.get(1).is_some_and(|command| command == "server") {
        return Language::English;
    }
    let flag = arguments.windows(2).find(|pair| pair.first().is_some_and(|flag| flag == "--language"));
    let flag = flag.and_then(|pair| pair.last()?.to_str().map(str::to_owned));
    let chosen = flag.or_else(|| variable("SECURECHAT_LANGUAGE")).and_then(|chosen| chosen.parse().ok());
    chosen.unwrap_or_else(|| Language::of_environment(variable))
}

/// The words of it that name a command: `securechat client send`.
fn command_of(arguments: &[OsString]) -> String {
    let mut words = vec!["securechat".to_owned()];
    let mut command: Option<Command> = Some(Cli::command());
    for argument in arguments.iter().skip(1).filter_map(|argument| argument.to_str()) {
        let below = command.as_ref().and_then(|command| command.find_subcommand(argument)).cloned();
        if below.is_some() {
            words.push(argument.to_owned());
            command = below;
        }
    }
    words.join(" ")
}

/// What clap found, as data; nothing where we have no words of our own for it.
fn wrong_argument(error: &clap::Error) -> Option<WrongArgument> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(all)) => all.first().cloned(),
        _ => None,
    };
    // `--host <HOST[:PORT]>` is `--host` to whoever typed it.
    let option = || text(ContextKind::InvalidArg).map(|option| option_of(&option));
    Some(match error.kind() {
        ErrorKind::UnknownArgument => WrongArgument::Unknown {
            given: text(ContextKind::InvalidArg)?,
            meant: text(ContextKind::SuggestedArg),
        },
        ErrorKind::InvalidSubcommand => WrongArgument::NoCommand {
            given: text(ContextKind::InvalidSubcommand)?,
            meant: text(ContextKind::SuggestedSubcommand),
        },
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = text(ContextKind::InvalidValue)?;
            let possible = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(all)) => all.clone(),
                _ => Vec::new(),
            };
            let why = std::error::Error::source(error).map(|why| of_a_number(&why.to_string()));
            match (why, possible.is_empty()) {
                (None, _) if value.is_empty() => WrongArgument::NoValue { option: option()? },
                (None, true) => return None,
                (why, _) => WrongArgument::Value { option: option()?, value, why, possible },
            }
        }
        ErrorKind::MissingRequiredArgument => WrongArgument::Missing { what: option()? },
        ErrorKind::ArgumentConflict => WrongArgument::Conflict {
            one: option()?,
            other: text(ContextKind::PriorArg).map(|option| option_of(&option))?,
        },
        _ => return None,
    })
}

/// What the standard library and clap say of a number, in words for who typed it.
fn of_a_number(why: &str) -> String {
    match why {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "expected a whole number"
        }
        "number too large to fit in target type" => "that number is too large",
        none if none.starts_with("0 is not in 1..") => "expected a whole number, 1 or more",
        other => other,
    }
    .to_owned()
}

/// An option as it is typed, without the sign for its value; or what stands by itself: `NAME`.
fn option_of(shown: &str) -> String {
    match shown.split_once(' ') {
        Some((option, _)) if option.starts_with('-') => option.to_owned(),
        _ => shown.trim_matches(['<', '>']).to_owned(),
    }
}
