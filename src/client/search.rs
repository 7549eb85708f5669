//! `/search`: looking for words in the whole log of an open conversation.
//!
//! Every message is opened and checked on the way, as it is whenever the log is read; nothing of it is
//! written anywhere, and no index is kept.

use std::collections::VecDeque;

use unicode_normalization::UnicodeNormalization;

use super::{
    app::App,
    chain::Chains,
    command::Search,
    conversation::Shown,
    error::ClientError,
    phrase::{Arg, Phrase},
    words,
};
use crate::wire::Username;

/// The most messages that one search shows: the newest.
const FOUND_MAX: usize = 50;

/// The most that is wrong with a log that one search names one by one.
const WARNINGS_MAX: usize = 20;

/// The words looked for.
struct Needles(Vec<String>);

impl Needles {
    fn new(words: &str) -> Self {
        Self(words.split_whitespace().map(folded).collect())
    }

    /// Whether all of them occur, wherever and in whatever order.
    fn are_in(&self, text: &str) -> bool {
        let text = folded(text);
        self.0.iter().all(|word| text.contains(word))
    }
}

/// A text in the form that is compared: case, width and the way accents are typed make no difference.
fn folded(text: &str) -> String {
    text.nfkd().flat_map(char::to_lowercase).nfkc().collect()
}

/// What a search came to so far.
#[derive(Default)]
struct Found {
    /// The newest, in their order.
    newest: VecDeque<Phrase>,
    count: u64,
    read: u64,
    warned: usize,
}

impl App<'_> {
    pub(super) fn search(&mut self, what: &Search) -> Result<(), ClientError> {
        let Some(peer) = what.peer.as_ref().or_else(|| self.place.focus()).cloned() else {
            self.desk.show(words::OPEN_CONVERSATION_ONLY);
            return Ok(());
        };
        if !self.place.is_open(&peer) {
            self.desk.show(&words::search_needs_it_open(&peer));
            return Ok(());
        }
        let Some(last) = self.log_end(&peer)? else { return Ok(()) };
        let needles = Needles::new(&what.words);
        let mut chains = Chains::from_the_start();
        let mut found = Found::default();
        self.read_each(&peer, 1, last, |app, entry| {
            let shown = app.take_into(&peer, &mut chains, &entry)?;
            app.look_at(shown, &needles, &mut found);
            Ok(())
        })?;
        self.tell_found(&peer, &what.words, &found);
        Ok(())
    }

    fn look_at(&mut self, shown: Shown, needles: &Needles, found: &mut Found) {
        for warning in &shown.warnings {
            found.warned += 1;
            if found.warned <= WARNINGS_MAX {
                self.desk.warn(warning);
            }
        }
        let Some(message) = shown.message else { return };
        found.read += 1;
        let matches = match message.arg("text") {
            Some(Arg::Text(text)) => needles.are_in(text),
            _ => false,
        };
        if matches {
            found.count += 1;
            if found.newest.len() == FOUND_MAX {
                found.newest.pop_front();
            }
            found.newest.push_back(words::found_message(&message));
        }
    }

    fn tell_found(&mut self, peer: &Username, looked_for: &str, found: &Found) {
        if found.warned > WARNINGS_MAX {
            self.desk.warn(&words::more_is_wrong(peer, found.warned - WARNINGS_MAX));
        }
        for message in &found.newest {
            self.desk.show(message);
        }
        let shown = found.newest.len() as u64;
        self.desk.notice(&words::found(peer, looked_for, found.count, shown, found.read));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_are_looked_for_in_any_order_case_and_form() {
        for (words, text, is_in) in [
            ("hello", "Well, HELLO there", true),
            ("there hello", "Hello there", true),
            ("hello bob", "hello alice", false),
            ("ell", "hello", true),
            ("straße", "STRASSE", false),
            ("CAFÉ", "cafe\u{301} au lait", true),
            ("ﬁne", "fine", true),
            ("ПРИВЕТ", "привет, боб", true),
            ("２０２６", "2026", true),
            ("", "anything", true),
        ] {
            assert_eq!(Needles::new(words).are_in(text), is_in, "{words} in {text}");
        }
    }
}
