//! What the client says and asks, and where it is seen.

use super::*;
use crate::client::{
    overview::{Contact, Presence, Trust},
    terminal::full_screen::palette::Glyphs,
};

/// A model of 80 columns and 24 rows.
pub(in crate::client::terminal::full_screen) fn model() -> Model {
    Model::new(80, 24, Palette { glyphs: &Glyphs::UNICODE, colours: true })
}

/// What bob, carol and dave are, and who is in focus.
pub(in crate::client::terminal::full_screen) fn overview(focus: Option<&str>) -> Overview {
    let contact = |name: &str, presence, unread, standing| Contact {
        name: name.parse().unwrap(),
        presence,
        unread,
        open: focus == Some(name),
        standing,
    };
    Overview {
        me: "alice".parse().unwrap(),
        server: "chat.example.org".into(),
        connected: true,
        contacts: vec![
            contact("bob", Presence::Connected, 0, Trust::Verified),
            contact("carol", Presence::Away, 2, Trust::Known),
            contact("dave", Presence::Unknown, 0, Trust::Changed),
        ],
        focus: focus.map(|name| name.parse().unwrap()),
    }
}

pub(in crate::client::terminal::full_screen) fn question(text: &str) -> Question {
    Question { id: "", text: text.to_owned() }
}

fn words(scrollback: &Scrollback) -> Vec<&str> {
    fn text(said: &Said) -> &str {
        match said {
            Said::Message { text, .. } | Said::Notice { text, .. } | Said::Typed(text) => text,
        }
    }
    scrollback.entries().map(|entry| text(&entry.said)).collect()
}

fn message(peer: &str, text: &str) -> Said {
    Said::Message {
        peer: peer.into(),
        from: peer.into(),
        own: false,
        number: None,
        sent: None,
        text: text.into(),
        mark: super::super::scrollback::Mark::Stored,
    }
}

#[test]
fn messages_stay_in_their_conversation_and_notices_are_seen_where_one_looks() {
    let mut model = model();
    model.look_at(overview(Some("bob")));
    model.message("bob", message("bob", "hello"));
    model.message("carol", message("carol", "psst"));
    model.notice("invited", Some("dave"), Emphasis::Notice, "dave wants to start a conversation with you\n");
    model.notice("left_by", Some("carol"), Emphasis::Notice, "carol left");
    model.notice("help", None, Emphasis::Plain, "the commands");
    let all = ["dave wants to start a conversation with you", "carol left", "the commands"];
    assert_eq!(words(model.scrollback()), [&["hello"], &all[..]].concat());
    model.look_at(overview(Some("carol")));
    assert_eq!(words(model.scrollback()), ["psst", "carol left"]);
    model.look_at(overview(None));
    assert_eq!(words(model.scrollback()), all);
    model.look_at(overview(Some("dave")));
    assert_eq!(words(model.scrollback()), [""; 0], "whom there is nothing with has no words of their own");
}

#[test]
fn the_block_of_a_key_stays_with_its_question_and_goes_with_it() {
    let mut model = model();
    model.notice("key_block", Some("bob"), Emphasis::Notice, "your code: 123456");
    model.ask(Some(Question { id: "key_question", text: "Accept this key? ".into() }));
    assert_eq!(model.block.as_ref().map(|block| block.text.as_str()), Some("your code: 123456"));
    model.ask(None);
    assert!(model.block.is_none());
}

#[test]
fn a_secret_that_was_begun_is_gone_when_something_else_is_asked() {
    let mut model = model();
    model.ask_secret(question("Password: "));
    assert!(model.secret.push("half a pass"));
    model.ask(Some(question("Username: ")));
    assert!(model.secret.is_empty());
    assert_eq!(model.outstanding, Outstanding::Line);
}

#[test]
fn warnings_that_nobody_can_have_seen_are_kept_for_the_end() {
    let mut model = model();
    model.notice("", None, Emphasis::Warning, "seen");
    model.seen();
    for number in 0..=UNSEEN_MAX {
        model.notice("", None, Emphasis::Warning, &format!("NOT CONFIRMED: {number}"));
    }
    model.notice("", None, Emphasis::Notice, "of no matter");
    let unseen = model.take_unseen();
    assert_eq!(unseen.lines().count(), UNSEEN_MAX);
    assert_eq!(unseen.lines().last(), Some("NOT CONFIRMED: 100"));
    assert_eq!(model.take_unseen(), "");
}
