//! A sentence of the client as data: which one it is, about what, and its words.
//!
//! What a person reads is the text; what sorts, counts or writes for programs goes by the id and the
//! arguments. Only `words` makes phrases, but for tests.

use std::borrow::Cow;

use chrono::{DateTime, Local, Utc};

use super::words::{Language, template, typography};
use crate::wire::Username;

/// What the client says: which sentence, about what, and its words in the person's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    id: &'static str,
    args: Vec<(&'static str, Arg)>,
    text: String,
}

/// What a sentence is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// A name, a path, a message: printable.
    Text(String),
    /// The same as it came: for programs, and never for a terminal.
    Exact(String),
    /// A count or a number.
    Number(u64),
    /// Whether.
    Flag(bool),
    /// A moment; in a sentence its day, here.
    Time(DateTime<Utc>),
}

/// A sentence that always has the same words: it becomes a phrase where it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sentence(pub(super) &'static str);

impl Phrase {
    /// The sentence with that id, said of these arguments.
    pub(super) fn new(id: &'static str, args: Vec<(&'static str, Arg)>) -> Self {
        let language = Language::spoken();
        let text = filled(template(id, language), &args, language);
        Self { id, args, text }
    }

    /// One whose words were put together from several sentences.
    pub(super) fn composed(id: &'static str, args: Vec<(&'static str, Arg)>, text: String) -> Self {
        Self { id, args, text }
    }

    /// Words that are in no catalogue, for what shows any.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self { id: "literal", args: Vec::new(), text: text.to_owned() }
    }

    /// A question as a line of its own: without the space that what is typed would follow.
    pub(super) fn as_line(&self) -> Self {
        Self { text: self.text.trim_end().to_owned(), ..self.clone() }
    }

    /// The same, said in the conversation with this peer.
    #[must_use]
    pub(super) fn about(mut self, peer: &Username) -> Self {
        if self.peer().is_none() {
            self.args.insert(0, ("peer", peer.into()));
        }
        self
    }

    /// Which sentence it is: the same in every language.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// Its words, printable.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it is about, in order.
    #[must_use]
    pub fn args(&self) -> &[(&'static str, Arg)] {
        &self.args
    }

    /// One thing that it is about.
    #[must_use]
    pub fn arg(&self, name: &str) -> Option<&Arg> {
        self.args.iter().find(|(of, _)| *of == name).map(|(_, arg)| arg)
    }

    /// Which conversation it is about.
    #[must_use]
    pub fn peer(&self) -> Option<&str> {
        match self.arg("peer") {
            Some(Arg::Text(peer)) => Some(peer),
            _ => None,
        }
    }
}

impl Sentence {
    /// It, said in the conversation with this peer.
    pub(super) fn about(self, peer: &Username) -> Phrase {
        Phrase::from(self).about(peer)
    }
}

impl From<Sentence> for Phrase {
    fn from(Sentence(id): Sentence) -> Self {
        Self::new(id, Vec::new())
    }
}

// What the desk is given: a phrase that was made, or a sentence as it is.

impl<'p> From<&'p Phrase> for Cow<'p, Phrase> {
    fn from(phrase: &'p Phrase) -> Self {
        Self::Borrowed(phrase)
    }
}

impl From<Sentence> for Cow<'_, Phrase> {
    fn from(sentence: Sentence) -> Self {
        Self::Owned(sentence.into())
    }
}

/// A placeholder's name, and the word that stands before it and is elided as what fills it wants it.
fn read_place(place: &str) -> (Option<&str>, &str) {
    place.split_once(':').map_or((None, place), |(word, name)| (Some(word), name))
}

/// A template with its placeholders filled. In one pass: an argument is never read as a template.
pub(super) fn filled(template: &str, args: &[(&'static str, Arg)], language: Language) -> String {
    let set = |words: &str| match language {
        Language::English => words.to_owned(),
        Language::French => typography::typeset(words),
    };
    let mut text = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(&set(before));
        let Some((place, after)) = after.split_once('}') else { break };
        let (elided, name) = read_place(place);
        let arg = args.iter().find(|(of, _)| *of == name);
        debug_assert!(arg.is_some(), "nothing fills {{{name}}} of {template:?}");
        if let Some((_, arg)) = arg {
            let words = arg.words(language);
            if let Some(word) = elided {
                text.push_str(&typography::before(word, &words));
            }
            text.push_str(&words);
        }
        rest = after;
    }
    text.push_str(&set(rest));
    text
}

/// The names of a template's placeholders, in order.
pub(super) fn placeholders(template: &str) -> Vec<&str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|piece| piece.split_once('}'))
        .map(|(place, _)| read_place(place).1)
        .collect()
}

impl Arg {
    fn words(&self, language: Language) -> Cow<'_, str> {
        let day = match language {
            Language::English => "%Y-%m-%d",
            Language::French => "%d/%m/%Y",
        };
        match self {
            Self::Text(words) => words.into(),
            Self::Number(number) => number.to_string().into(),
            Self::Time(time) => time.with_timezone(&Local).format(day).to_string().into(),
            // Neither is for people.
            Self::Exact(_) | Self::Flag(_) => "".into(),
        }
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Arg {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&Username> for Arg {
    fn from(name: &Username) -> Self {
        Self::Text(name.as_str().to_owned())
    }
}

impl From<u64> for Arg {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Arg {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Arg {
    fn from(number: usize) -> Self {
        Self::Number(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<bool> for Arg {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<DateTime<Utc>> for Arg {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_never_read_as_a_template() {
        let args = [("peer", Arg::from("{text}")), ("text", Arg::from("{peer} {nobody} }{"))];
        assert_eq!(filled("{peer}: {text}.", &args, Language::English), "{text}: {peer} {nobody} }{.");
    }

    #[test]
    #[should_panic(expected = "nothing fills {peer}")]
    fn a_placeholder_without_its_argument_is_noticed() {
        let _ = filled("{peer} left", &[("name", Arg::from("bob"))], Language::English);
    }

    #[test]
    fn what_a_sentence_is_about_is_never_typeset() {
        let args = [("peer", Arg::from("alice")), ("text", Arg::from("l'un : \"c'est\" ..."))];
        let filled = filled("le mot {de:peer} : {text} !", &args, Language::French);
        assert_eq!(filled, "le mot d’alice\u{a0}: l'un : \"c'est\" ...\u{a0}!");
    }

    #[test]
    fn a_phrase_knows_its_sentence_what_it_is_about_and_its_words() {
        let bob: Username = "bob".parse().unwrap();
        let phrase = crate::client::words::refused_by(&bob);
        assert_eq!((phrase.id(), phrase.text()), ("refused_by", "bob refused the key"));
        assert_eq!((phrase.peer(), phrase.arg("nothing")), (Some("bob"), None));
    }
}
