//! A command line that is not understood: what is wrong with it, and its words in the person's language.

use std::{fmt, io, path::PathBuf};

use super::{ServerAddress, phrase::Phrase, words};
use crate::status;

/// What is wrong with a command line, an environment or a configuration file.
#[derive(Debug)]
pub enum Misuse {
    /// Nothing was said but the program's name.
    Nothing,
    /// No host was named.
    NoHost {
        /// The servers that this home knows.
        known: Vec<ServerAddress>,
        /// Another command than the client itself: it is to be gone on with.
        of_a_command: bool,
    },
    /// There is no folder to keep things in.
    NoHome,
    /// A setting has a value that it cannot have.
    Setting {
        /// Which setting.
        setting: &'static str,
        /// What is wrong, in English.
        why: String,
    },
    /// The configuration file cannot be read.
    ConfigRead {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration file is not right.
    Config {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where, in English.
        why: String,
    },
    /// Something of one command's arguments.
    Argument {
        /// The command, as it is typed: `securechat client send`.
        command: String,
        /// What of them.
        wrong: WrongArgument,
    },
}

/// What is wrong with an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrongArgument {
    /// There is no such option, or no room for another word.
    Unknown {
        /// What was typed.
        given: String,
        /// What may have been meant.
        meant: Option<String>,
    },
    /// There is no such command.
    NoCommand {
        /// What was typed.
        given: String,
        /// What may have been meant.
        meant: Option<String>,
    },
    /// An option stands without its value.
    NoValue {
        /// Which one.
        option: String,
    },
    /// An option has a value that it cannot have.
    Value {
        /// Which one.
        option: String,
        /// What was typed.
        value: String,
        /// What is wrong, in English, where more is known than that it is none of those that there are.
        why: Option<String>,
        /// Those that there are, where they are few.
        possible: Vec<String>,
    },
    /// What has to be there is not.
    Missing {
        /// What: `NAME`.
        what: String,
    },
    /// Two that cannot stand together.
    Conflict {
        /// The one.
        one: String,
        /// The other.
        other: String,
    },
}

impl Misuse {
    /// What happened, and what to type instead.
    #[must_use]
    pub fn last_words(&self) -> Vec<Phrase> {
        words::misuse(self)
    }

    /// The exit status: 64 for wrong usage, 78 for a wrong configuration file.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::ConfigRead { .. } | Self::Config { .. } => status::CONFIG,
            _ => status::USAGE,
        }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.last_words().iter().map(|line| line.text().to_owned()).collect();
        out.write_str(&words.join("\n"))
    }
}

impl std::error::Error for Misuse {}
