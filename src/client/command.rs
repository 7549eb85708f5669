//! What a typed line is: text, or one of the commands that begin with `/`.

use crate::wire::Username;

/// How many messages `/history` shows when no number is given.
const HISTORY_DEFAULT: u32 = 20;

/// The most that `/history` shows at once.
const HISTORY_MAX: u32 = 10_000;

/// A line, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// Not a command. A first `//` has become `/`.
    Text(String),
    /// `/help`
    Help,
    /// `/who`
    Who,
    /// `/history [n]`
    History(u32),
    /// `/verify [name | code]`
    Verify(Verify),
    /// `/rekey`
    Rekey,
    /// `/with name`
    With(Username),
    /// `/leave [name]`
    Leave(Option<Username>),
    /// `/passwd`
    Passwd,
    /// `/quit`
    Quit,
    /// Begins with `/` and is none of them, or has an argument that it does not take.
    Unknown(String),
}

/// What follows `/verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verify {
    /// Nothing: the peer of the open conversation.
    Current,
    /// Somebody, by name.
    Peer(Username),
    /// What the peer read out.
    Code(String),
}

impl Line {
    /// Reads a typed line.
    pub(super) fn read(typed: &str) -> Self {
        let Some(rest) = typed.strip_prefix('/') else { return Self::Text(typed.to_owned()) };
        if rest.starts_with('/') {
            return Self::Text(rest.to_owned());
        }
        let (word, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        match (word, argument.trim()) {
            ("help", "") => Self::Help,
            ("who", "") => Self::Who,
            ("history", "") => Self::History(HISTORY_DEFAULT),
            ("history", number) => match number.parse() {
                Ok(number @ 1..=HISTORY_MAX) => Self::History(number),
                _ => Self::Unknown(typed.to_owned()),
            },
            ("verify", "") => Self::Verify(Verify::Current),
            ("verify", argument) => match Username::from_typed(argument) {
                _ if crate::crypto::conversation_key::looks_like_code(argument) => {
                    Self::Verify(Verify::Code(argument.to_owned()))
                }
                Ok(name) => Self::Verify(Verify::Peer(name)),
                Err(_) => Self::Unknown(typed.to_owned()),
            },
            ("rekey", "") => Self::Rekey,
            ("with", name) => match Username::from_typed(name) {
                Ok(name) => Self::With(name),
                Err(_) => Self::Unknown(typed.to_owned()),
            },
            ("leave", "") => Self::Leave(None),
            ("leave", name) => match Username::from_typed(name) {
                Ok(name) => Self::Leave(Some(name)),
                Err(_) => Self::Unknown(typed.to_owned()),
            },
            ("passwd", "") => Self::Passwd,
            ("quit", "") => Self::Quit,
            _ => Self::Unknown(typed.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_text_and_the_literal_slash_are_told_apart() {
        for (typed, line) in [
            ("hello", Line::Text("hello".into())),
            ("exit", Line::Text("exit".into())),
            ("//help", Line::Text("/help".into())),
            ("/help", Line::Help),
            ("/history", Line::History(20)),
            ("/history 5", Line::History(5)),
            ("/history 0", Line::Unknown("/history 0".into())),
            ("/verify", Line::Verify(Verify::Current)),
            ("/verify bob", Line::Verify(Verify::Peer("bob".parse().unwrap()))),
            ("/verify 123 456", Line::Verify(Verify::Code("123 456".into()))),
            ("/with bob", Line::With("bob".parse().unwrap())),
            ("/with  Bob ", Line::With("bob".parse().unwrap())),
            ("/with", Line::Unknown("/with".into())),
            ("/with b b", Line::Unknown("/with b b".into())),
            ("/leave", Line::Leave(None)),
            ("/leave bob", Line::Leave(Some("bob".parse().unwrap()))),
            ("/quit", Line::Quit),
            ("/quit now", Line::Unknown("/quit now".into())),
            ("/nonsense", Line::Unknown("/nonsense".into())),
            ("/", Line::Unknown("/".into())),
        ] {
            assert_eq!(Line::read(typed), line, "{typed}");
        }
    }
}
