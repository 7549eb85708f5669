//! What a client that runs tells a script, in the script's own language: the client's person may speak another.
//!
//! It comes as the id of a sentence and what that is about, and in the client's words for who knows no sentences.

use serde::Deserialize;
use serde_json::Value;

use super::json::Args;
use crate::client::{
    Language,
    phrase::{Arg, filled, placeholders},
    words,
};

/// Why something was not done.
#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    pub(super) reason: String,
    #[serde(default)]
    pub(super) args: Args,
    pub(super) text: String,
}

/// A sentence for a person.
#[derive(Debug, Deserialize)]
pub(super) struct Notice {
    pub(super) id: String,
    #[serde(default)]
    pub(super) args: Args,
    pub(super) text: String,
}

impl Reason {
    pub(super) fn words(self) -> String {
        retold(&self.reason, &self.args, self.text)
    }
}

impl Notice {
    pub(super) fn words(&self) -> String {
        retold(&self.id, &self.args, self.text.clone())
    }
}

/// The sentence in the language that is spoken here; or as it was told, where it is none that this release has, or one
/// that was put together from several.
pub(super) fn retold(id: &str, args: &Args, told: String) -> String {
    let language = Language::spoken();
    let Some(template) = words::find_template(id, language) else { return told };
    let about = placeholders(template).into_iter().map(|name| {
        let arg = match args.get(name)? {
            Value::String(text) => Arg::from(text),
            number => Arg::Number(number.as_u64()?),
        };
        Some((name, arg))
    });
    match about.collect::<Option<Vec<_>>>() {
        Some(about) => filled(template, &about, language).trim_end().to_owned(),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(args: Value) -> Args {
        serde_json::from_value(args).unwrap()
    }

    #[test]
    fn a_sentence_is_said_again_in_the_language_that_is_spoken_here() {
        let about = args(serde_json::json!({ "sender": "bob", "number": 17 }));
        let told = "ATTENTION".to_owned();
        let english = "WARNING: one or more messages of bob before number 17 are missing";
        assert_eq!(retold("gap", &about, told), english);
    }

    #[test]
    fn one_that_is_not_known_here_or_not_whole_stays_as_it_was_told() {
        for (id, about) in [
            ("a_sentence_of_a_later_release", serde_json::json!({})),
            ("gap", serde_json::json!({ "sender": "bob" })),
            ("gap", serde_json::json!({ "sender": "bob", "number": -1 })),
            ("gap", serde_json::json!({ "sender": ["bob"], "number": 17 })),
        ] {
            assert_eq!(retold(id, &args(about), "as told".into()), "as told", "{id}");
        }
    }
}
