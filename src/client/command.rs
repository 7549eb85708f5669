//! What a typed line is: text, or one of the commands that begin with `/`.

use super::words;
use crate::{
    crypto::{conversation_key::looks_like_code, safety_number::looks_like_safety_number},
    wire::Username,
};

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
    /// `/search [@name] words`
    Search(Search),
    /// `/verify [name] [yes | no | code | safety number]`
    Verify(Verify),
    /// `/edit [text]`, where the terminal did not take it
    Edit,
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
    /// One of them, with something else after it than it takes.
    Misused(Takes),
    /// Begins with `/` and is none of them.
    Unknown(String),
}

/// What has to follow a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// `/with`, `/leave`
    Name(&'static str),
    /// `/history`
    Count,
    /// `/search`
    Words,
    /// `/verify`
    Comparison,
    /// The others.
    Nothing(&'static str),
}

/// What follows `/search`: in which conversation, and which words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    /// Nobody named: the conversation that lines go to.
    pub(super) peer: Option<Username>,
    /// At least one.
    pub(super) words: String,
}

impl Search {
    fn read(argument: &str) -> Option<Self> {
        let (peer, words) = match argument.strip_prefix('@') {
            Some(rest) => {
                let (name, words) = rest.split_once(char::is_whitespace)?;
                (Some(Username::from_typed(name).ok()?), words.trim())
            }
            None => (None, argument),
        };
        (!words.is_empty()).then(|| Self { peer, words: words.to_owned() })
    }
}

/// What follows `/verify`: of whom, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verify {
    /// Nobody named: the peer of the open conversation.
    pub(super) peer: Option<Username>,
    pub(super) act: VerifyAct,
}

/// What is to be done about an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum VerifyAct {
    /// Show what is known of it, and the safety number.
    Show,
    /// The safety numbers were compared, and are the same.
    Mark,
    /// It is not to count as verified any more.
    Unmark,
    /// Compare the code that the peer read out.
    Code(String),
    /// Compare the safety number that the peer sees.
    Number(String),
}

impl Verify {
    fn read(argument: &str) -> Option<Self> {
        // Nobody is called yes or no; after a name any word for them will do.
        let act = match argument.to_lowercase().as_str() {
            "yes" => Some(VerifyAct::Mark),
            "no" => Some(VerifyAct::Unmark),
            _ => VerifyAct::compared(argument),
        };
        if let Some(act) = act {
            return Some(Self { peer: None, act });
        }
        let (name, rest) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
        let peer = Username::from_typed(name).ok()?;
        let act = match rest.trim() {
            yes if words::is_yes(yes) => VerifyAct::Mark,
            no if words::is_no(no) => VerifyAct::Unmark,
            rest => VerifyAct::compared(rest)?,
        };
        Some(Self { peer: Some(peer), act })
    }
}

impl VerifyAct {
    /// Nothing, or what the peer gave to be compared.
    fn compared(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::Show),
            code if looks_like_code(code) => Some(Self::Code(code.to_owned())),
            number if looks_like_safety_number(number) => Some(Self::Number(number.to_owned())),
            _ => None,
        }
    }
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
                _ => Self::Misused(Takes::Count),
            },
            ("search", argument) => Search::read(argument).map_or(Self::Misused(Takes::Words), Self::Search),
            ("verify", argument) => {
                Verify::read(argument).map_or(Self::Misused(Takes::Comparison), Self::Verify)
            }
            ("edit", _) => Self::Edit,
            ("rekey", "") => Self::Rekey,
            ("with", name) => match Username::from_typed(name) {
                Ok(name) => Self::With(name),
                Err(_) => Self::Misused(Takes::Name("/with")),
            },
            ("leave", "") => Self::Leave(None),
            ("leave", name) => match Username::from_typed(name) {
                Ok(name) => Self::Leave(Some(name)),
                Err(_) => Self::Misused(Takes::Name("/leave")),
            },
            ("passwd", "") => Self::Passwd,
            ("quit", "") => Self::Quit,
            ("help", _) => Self::Misused(Takes::Nothing("/help")),
            ("who", _) => Self::Misused(Takes::Nothing("/who")),
            ("rekey", _) => Self::Misused(Takes::Nothing("/rekey")),
            ("passwd", _) => Self::Misused(Takes::Nothing("/passwd")),
            ("quit", _) => Self::Misused(Takes::Nothing("/quit")),
            _ => Self::Unknown(typed.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(peer: Option<&str>, words: &str) -> Line {
        Line::Search(Search { peer: peer.map(|peer| peer.parse().unwrap()), words: words.into() })
    }

    fn verify(peer: Option<&str>, act: VerifyAct) -> Line {
        Line::Verify(Verify { peer: peer.map(|peer| peer.parse().unwrap()), act })
    }

    #[test]
    fn commands_text_and_the_literal_slash_are_told_apart() {
        let number = ["12345"; 12].join(" ");
        for (typed, line) in [
            ("hello", Line::Text("hello".into())),
            ("exit", Line::Text("exit".into())),
            ("//help", Line::Text("/help".into())),
            ("/help", Line::Help),
            ("/history", Line::History(20)),
            ("/history 5", Line::History(5)),
            ("/history 0", Line::Misused(Takes::Count)),
            ("/search two words", search(None, "two words")),
            ("/search @Bob two words ", search(Some("bob"), "two words")),
            ("/search", Line::Misused(Takes::Words)),
            ("/search @bob", Line::Misused(Takes::Words)),
            ("/verify", verify(None, VerifyAct::Show)),
            ("/verify bob", verify(Some("bob"), VerifyAct::Show)),
            ("/verify 123 456", verify(None, VerifyAct::Code("123 456".into()))),
            ("/verify yes", verify(None, VerifyAct::Mark)),
            ("/verify Bob YES", verify(Some("bob"), VerifyAct::Mark)),
            ("/verify bob no", verify(Some("bob"), VerifyAct::Unmark)),
            ("/verify bob  123 456", verify(Some("bob"), VerifyAct::Code("123 456".into()))),
            (&format!("/verify {number}"), verify(None, VerifyAct::Number(number.clone()))),
            (&format!("/verify bob {number}"), verify(Some("bob"), VerifyAct::Number(number.clone()))),
            ("/verify y", verify(Some("y"), VerifyAct::Show)),
            ("/verify bob y", verify(Some("bob"), VerifyAct::Mark)),
            ("/verify bob maybe", Line::Misused(Takes::Comparison)),
            ("/verify bob carol", Line::Misused(Takes::Comparison)),
            ("/edit", Line::Edit),
            ("/edit hello", Line::Edit),
            ("/with bob", Line::With("bob".parse().unwrap())),
            ("/with  Bob ", Line::With("bob".parse().unwrap())),
            ("/with", Line::Misused(Takes::Name("/with"))),
            ("/with b b", Line::Misused(Takes::Name("/with"))),
            ("/leave", Line::Leave(None)),
            ("/leave bob", Line::Leave(Some("bob".parse().unwrap()))),
            ("/quit", Line::Quit),
            ("/quit now", Line::Misused(Takes::Nothing("/quit"))),
            ("/nonsense", Line::Unknown("/nonsense".into())),
            ("/", Line::Unknown("/".into())),
        ] {
            assert_eq!(Line::read(typed), line, "{typed}");
        }
    }
}
