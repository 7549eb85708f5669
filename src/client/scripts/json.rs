//! What a program and the client say to each other, one JSON object a line: the schema of docs/JSON.md.

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    client::{
        overview::{Overview, Presence, Trust},
        phrase::{Arg, Phrase},
        terminal::Emphasis,
    },
    wire::Username,
};

/// The version of the schema. Another one may say things that this one does not have.
pub(in crate::client) const VERSION: u32 = 1;

/// Messages that `history` gives at once.
pub(in crate::client) const HISTORY_MAX: u32 = 200;

/// What a program asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::client) enum Asked {
    /// Answers the question of that number.
    Answer { question: u64, text: String },
    /// A line that begins with `/`, as a person would type it.
    Command { line: String },
    /// A message for this peer.
    Send {
        #[serde(default)]
        id: Option<String>,
        peer: Username,
        text: String,
    },
    /// Who is connected.
    Who {
        #[serde(default)]
        id: Option<String>,
    },
    /// The last messages with this peer.
    History {
        #[serde(default)]
        id: Option<String>,
        peer: Username,
        #[serde(default = "twenty")]
        count: u32,
    },
    /// A whole conversation, a part at a time; or its last so many lines.
    Export {
        #[serde(default)]
        id: Option<String>,
        peer: Username,
        #[serde(default)]
        last: Option<u64>,
    },
    /// The next part of it.
    More {},
    /// From now on what arrives.
    Listen {},
    /// Leave everything, and log out.
    Quit {},
}

impl Asked {
    /// One line, with its end.
    pub(in crate::client) fn line(&self) -> String {
        line_of(self)
    }

    /// The answer that it is: to which question, and what.
    pub(in crate::client) fn answers(&self) -> Option<(u64, String)> {
        match self {
            Self::Answer { question, text } => Some((*question, text.clone())),
            _ => None,
        }
    }

    /// Whether it ends the client.
    pub(in crate::client) fn quits(&self) -> bool {
        *self == Self::Quit {}
    }

    /// What its answer is to be known by.
    pub(in crate::client) fn id(&self) -> Option<String> {
        match self {
            Self::Send { id, .. } | Self::Who { id } | Self::History { id, .. } | Self::Export { id, .. } => {
                id.clone()
            }
            _ => None,
        }
    }
}

fn twenty() -> u32 {
    20
}

/// What a program is told.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::client) enum Told {
    /// First of all.
    Hello { version: u32, release: &'static str, me: Option<String>, language: &'static str },
    /// Something is to be answered.
    Question { number: u64, id: &'static str, secret: bool, args: Args, text: String },
    /// Nothing is to be answered any more.
    NoQuestion {},
    /// A sentence for a person.
    Notice { id: &'static str, emphasis: &'static str, args: Args, text: String },
    /// A message.
    Message(Message),
    /// What there is to see at a glance.
    Overview { me: String, server: String, connected: bool, focus: Option<String>, contacts: Vec<Contact> },
    /// What was sent is on the server's disk.
    Stored { id: Option<String>, peer: String, number: u64 },
    /// The peer's client proved to have it.
    Delivered { id: Option<String>, peer: String, number: u64 },
    /// What was sent is not stored, and will not be.
    NotSent { id: Option<String>, peer: String, reason: &'static str, args: Args, text: String },
    /// The client ends before the server said whether it is stored.
    NotConfirmed { id: Option<String>, peer: String },
    /// Who is connected.
    Who { id: Option<String>, connected: Vec<String>, more: u64 },
    /// The last messages.
    History { id: Option<String>, peer: String, messages: Vec<Message>, warnings: Vec<Warning> },
    /// A place in an exported conversation that is not as it should be.
    Flaw(Flaw),
    /// A part of an export has been told, and there is more.
    More { id: Option<String> },
    /// All of an export has been told: how many messages, and how many flaws.
    Exported { id: Option<String>, peer: String, messages: u64, flaws: u64 },
    /// From now on what arrives is told.
    Listening {},
    /// What was asked for is nothing that can be done.
    Error { id: Option<String>, reason: &'static str, args: Args, text: String },
    /// Last of all.
    Ended { status: u8, text: Option<String> },
}

/// A message, as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::client) struct Message {
    /// Of which export it is a part, where that has an id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(in crate::client) id: Option<String>,
    pub(in crate::client) peer: String,
    pub(in crate::client) from: String,
    pub(in crate::client) own: bool,
    pub(in crate::client) number: u64,
    pub(in crate::client) sent: Option<DateTime<Utc>>,
    pub(in crate::client) text: String,
}

/// Something is wrong with a line of an exported log, or with its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::client) struct Flaw {
    pub(in crate::client) id: Option<String>,
    pub(in crate::client) peer: String,
    /// At which line; at the end without.
    pub(in crate::client) number: Option<u64>,
    /// The id of a sentence.
    pub(in crate::client) reason: Cow<'static, str>,
    #[serde(default)]
    pub(in crate::client) args: Args,
    pub(in crate::client) text: String,
}

/// Something is wrong with a message.
#[derive(Debug, Clone, Serialize)]
pub(in crate::client) struct Warning {
    id: &'static str,
    args: Args,
    text: String,
}

/// Somebody, at a glance.
#[derive(Debug, Clone, Serialize)]
pub(in crate::client) struct Contact {
    pub(super) name: String,
    pub(super) presence: &'static str,
    pub(super) unread: u64,
    pub(super) open: bool,
    pub(super) standing: &'static str,
}

/// What a sentence is about, by name.
pub(in crate::client) type Args = BTreeMap<String, Value>;

/// What this sentence is about.
fn about(phrase: &Phrase) -> Args {
    let args = phrase.args().iter().filter(|(name, _)| *name != "exact");
    let valued = args.map(|(name, arg)| {
        let value = match arg {
            Arg::Text(text) | Arg::Exact(text) => Value::from(text.as_str()),
            Arg::Number(number) => Value::from(*number),
            Arg::Flag(flag) => Value::from(*flag),
            Arg::Time(time) => Value::from(time.to_rfc3339_opts(SecondsFormat::Millis, true)),
        };
        ((*name).to_owned(), value)
    });
    valued.collect()
}

impl Told {
    /// One line, with its end.
    pub(in crate::client) fn line(&self) -> String {
        line_of(self)
    }

    /// The first line.
    pub(in crate::client) fn hello(me: Option<&Username>) -> Self {
        let language = match crate::client::Language::spoken() {
            crate::client::Language::English => "en",
            crate::client::Language::French => "fr",
        };
        let release = env!("CARGO_PKG_VERSION");
        Self::Hello { version: VERSION, release, me: me.map(Username::to_string), language }
    }

    /// A question.
    pub(in crate::client) fn question(number: u64, phrase: &Phrase, secret: bool) -> Self {
        let (id, args, text) = parts(phrase);
        Self::Question { number, id, secret, args, text }
    }

    /// A sentence; one that is a message, as such.
    pub(in crate::client) fn phrase(emphasis: Emphasis, phrase: &Phrase) -> Self {
        if let Some(message) = Message::of(phrase) {
            return Self::Message(message);
        }
        let emphasis = match emphasis {
            Emphasis::Warning => "warning",
            Emphasis::Notice => "notice",
            _ => "plain",
        };
        let (id, args, text) = parts(phrase);
        Self::Notice { id, emphasis, args, text }
    }

    /// What there is to see.
    pub(in crate::client) fn overview(overview: &Overview) -> Self {
        let contacts = overview.contacts.iter().map(|contact| Contact {
            name: contact.name.to_string(),
            presence: match contact.presence {
                Presence::Connected => "connected",
                Presence::Away => "away",
                Presence::Unknown => "unknown",
            },
            unread: contact.unread,
            open: contact.open,
            standing: match contact.standing {
                Trust::None => "none",
                Trust::New => "new",
                Trust::Known => "known",
                Trust::Verified => "verified",
                Trust::Changed => "changed",
            },
        });
        Self::Overview {
            me: overview.me.to_string(),
            server: overview.server.clone(),
            connected: overview.connected,
            focus: overview.focus.as_ref().map(Username::to_string),
            contacts: contacts.collect(),
        }
    }

    /// Why something was not sent.
    pub(in crate::client) fn not_sent(id: Option<String>, peer: &Username, why: &Phrase) -> Self {
        let (reason, args, text) = parts(why);
        Self::NotSent { id, peer: peer.to_string(), reason, args, text }
    }

    /// Why something cannot be done. The reasons are the ids of the sentences.
    pub(in crate::client) fn error(id: Option<String>, why: &Phrase) -> Self {
        let (reason, args, text) = parts(why);
        Self::Error { id, reason, args, text }
    }
}

impl Message {
    /// The message that a phrase is, if it is one.
    pub(in crate::client) fn of(phrase: &Phrase) -> Option<Self> {
        if phrase.id() != "message" {
            return None;
        }
        let text = |name| match phrase.arg(name) {
            Some(Arg::Text(text) | Arg::Exact(text)) => Some(text.clone()),
            _ => None,
        };
        let Some(Arg::Number(number)) = phrase.arg("number") else { return None };
        let sent = match phrase.arg("sent") {
            Some(Arg::Time(sent)) => Some(*sent),
            _ => None,
        };
        Some(Self {
            id: None,
            peer: text("peer")?,
            from: text("from")?,
            own: phrase.arg("own") == Some(&Arg::Flag(true)),
            number: *number,
            sent,
            text: text("exact").or_else(|| text("text"))?,
        })
    }
}

impl Flaw {
    /// This is wrong, at that line of the log with this peer.
    pub(in crate::client) fn of(
        id: Option<String>,
        peer: &Username,
        number: Option<u64>,
        what: &Phrase,
    ) -> Self {
        let (reason, args, text) = parts(what);
        Self { id, peer: peer.to_string(), number, reason: reason.into(), args, text }
    }
}

impl Warning {
    /// A sentence that warns.
    pub(in crate::client) fn of(phrase: &Phrase) -> Self {
        let (id, args, text) = parts(phrase);
        Self { id, args, text }
    }
}

fn line_of(said: &impl Serialize) -> String {
    // Strings, numbers and lists: nothing of it can fail.
    serde_json::to_string(said).map(|line| line + "\n").unwrap_or_default()
}

fn parts(phrase: &Phrase) -> (&'static str, Args, String) {
    // A question's last blank is for what a person types behind it.
    (phrase.id(), about(phrase), phrase.text().trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Asked, String> {
        serde_json::from_str(line).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_program_asks_for_is_read_strictly() {
        let bob: Username = "bob".parse().unwrap();
        let send = Asked::Send { id: Some("7".into()), peer: bob.clone(), text: "a\nb".into() };
        assert_eq!(read(r#"{"type":"send","id":"7","peer":"bob","text":"a\nb"}"#), Ok(send));
        assert_eq!(
            read(r#"{"type":"history","peer":"bob"}"#),
            Ok(Asked::History { id: None, peer: bob, count: 20 })
        );
        for wrong in [
            r#"{"type":"send","peer":"bob"}"#,
            r#"{"type":"send","peer":"bob","text":"x","subject":"y"}"#,
            r#"{"type":"send","peer":"BOB","text":"x"}"#,
            r#"{"type":"shout","text":"x"}"#,
            r#"{"type":"answer","question":"1","text":"x"}"#,
            r#"{"text":"x"}"#,
            r#"[1]"#,
            r#"{"type":"quit"} {}"#,
            "",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_message_is_told_as_it_was_written() {
        let bob: Username = "bob".parse().unwrap();
        let text = "red \u{1b}[31m\nnext";
        let sent = "2026-11-24T14:03:00.123Z".parse().ok();
        let of = crate::client::words::Message { peer: &bob, from: &bob, own: false, number: 7, sent, text };
        let phrase = crate::client::words::message(&of);
        let line = Told::phrase(Emphasis::Plain, &phrase).line();
        assert_eq!(
            line,
            "{\"type\":\"message\",\"peer\":\"bob\",\"from\":\"bob\",\"own\":false,\"number\":7,\
             \"sent\":\"2026-11-24T14:03:00.123Z\",\"text\":\"red \\u001b[31m\\nnext\"}\n"
        );
    }
}
