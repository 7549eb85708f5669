//! What the client says and asks, and where it is seen.

use chrono::{TimeZone, Utc};

use super::*;
use crate::client::{
    overview::{Contact, Presence, Trust},
    terminal::full_screen::palette::Glyphs,
    words,
};
use crate::wire::Bytes;

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
        open: focus.is_some_and(|focus| [focus, "bob"].contains(&name)),
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

pub(in crate::client::terminal::full_screen) fn question(text: &str) -> Phrase {
    Phrase::literal(text)
}

/// A sentence about somebody.
pub(in crate::client::terminal::full_screen) fn about(id: &'static str, peer: &str, text: &str) -> Phrase {
    Phrase::composed(id, vec![("peer", Arg::from(peer))], text.to_owned())
}

/// A message as it was read from the log, sent at this minute past two.
pub(in crate::client::terminal::full_screen) fn message_of(
    peer: &str,
    own: bool,
    number: u64,
    minute: u32,
    text: &str,
) -> Phrase {
    let from = if own { "alice" } else { peer };
    let sent = Local.with_ymd_and_hms(2026, 11, 24, 14, minute, 0).unwrap().with_timezone(&Utc);
    let message = words::Message {
        peer: &peer.parse().unwrap(),
        from: &from.parse().unwrap(),
        own,
        number,
        sent: Some(sent),
        text,
    };
    words::message(&message)
}

fn said(scrollback: &Scrollback) -> Vec<&str> {
    fn text(said: &Said) -> &str {
        match said {
            Said::Message { text, .. } | Said::Notice { text, .. } | Said::Typed(text) => text,
        }
    }
    scrollback.entries().map(|entry| text(&entry.said)).collect()
}

#[test]
fn messages_stay_in_their_conversation_and_notices_are_seen_where_one_looks() {
    let mut model = model();
    model.look_at(overview(Some("bob")));
    model.show(Emphasis::Plain, &message_of("bob", false, 1, 3, "hello"));
    model.show(Emphasis::Plain, &message_of("carol", false, 1, 3, "psst"));
    model.show(Emphasis::Notice, &about("invited", "dave", "dave wants to start a conversation with you\n"));
    model.show(Emphasis::Notice, &about("left_by", "carol", "carol left"));
    model.show(Emphasis::Plain, &Phrase::literal("the commands"));
    let all = ["dave wants to start a conversation with you", "carol left", "the commands"];
    assert_eq!(said(model.scrollback()), [&["hello"], &all[..]].concat());
    model.look_at(overview(Some("carol")));
    assert_eq!(said(model.scrollback()), ["psst", "carol left"]);
    model.look_at(overview(None));
    assert_eq!(said(model.scrollback()), all);
    model.look_at(overview(Some("dave")));
    assert_eq!(said(model.scrollback()), all, "with whom there is nothing yet");
}

#[test]
fn own_messages_are_seen_as_they_are_sent_and_marked_as_they_go() {
    let mut model = model();
    model.look_at(overview(Some("bob")));
    let (bob, stream) = ("bob".parse().unwrap(), Bytes([1; 16]));
    let peer = || Username::clone(&bob);
    for (counter, text) in [(0, "one\nof two lines"), (1, "two"), (2, "three")] {
        model.mark(&Mark::Sent { peer: peer(), stream, counter, text: text.into() });
    }
    model.mark(&Mark::Stored { peer: peer(), stream, counter: 0, number: 7 });
    model.mark(&Mark::NotStored { peer: peer(), stream, counter: 1 });
    model.mark(&Mark::Stored { peer: peer(), stream, counter: 2, number: 8 });
    model.mark(&Mark::Delivered { peer: peer(), number: 7 });
    let progress: Vec<_> = model
        .scrollback()
        .entries()
        .map(|entry| match &entry.said {
            Said::Message { from, own: true, progress, .. } if from == "alice" => *progress,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(progress, [Progress::Delivered, Progress::Failed, Progress::Stored]);
    assert_eq!(said(model.scrollback()), ["one\nof two lines", "two", "three"]);
    // Read from the log again, they are not shown a second time.
    model.show(Emphasis::Plain, &message_of("bob", true, 8, 3, "three"));
    assert_eq!(model.scrollback().entries().count(), 3);
}

#[test]
fn a_message_of_several_lines_has_several_rows_and_nothing_else_of_it_passes() {
    let mut model = model();
    model.look_at(overview(Some("bob")));
    model.show(Emphasis::Plain, &message_of("bob", false, 1, 3, "one\ntwo\u{1b}[2J\u{202e}"));
    assert_eq!(said(model.scrollback()), ["one\ntwo\\u{1b}[2J\\u{202e}"]);
}

#[test]
fn the_block_of_a_key_stays_with_its_question_and_goes_with_it() {
    let mut model = model();
    model.show(Emphasis::Notice, &about("key_block", "bob", "your code: 123456"));
    model.ask(words::key_question(&"bob".parse().unwrap()));
    assert_eq!(model.block.as_ref().map(|block| block.text.as_str()), Some("your code: 123456"));
    model.listen(None);
    assert!(model.block.is_none());
}

#[test]
fn a_secret_that_was_begun_is_gone_when_something_else_is_asked() {
    let mut model = model();
    model.ask_secret(question("Password: "));
    assert!(model.secret.push("half a pass"));
    model.ask(question("Username: "));
    assert!(model.secret.is_empty());
    assert_eq!(model.outstanding, Outstanding::Line);
}

#[test]
fn warnings_that_nobody_can_have_seen_are_kept_for_the_end() {
    let mut model = model();
    model.show(Emphasis::Warning, &Phrase::literal("seen"));
    model.seen();
    for number in 0..=UNSEEN_MAX {
        model.show(Emphasis::Warning, &Phrase::literal(&format!("NOT CONFIRMED: {number}")));
    }
    model.show(Emphasis::Notice, &Phrase::literal("of no matter"));
    let unseen = model.take_unseen();
    assert_eq!(unseen.lines().count(), UNSEEN_MAX);
    assert_eq!(unseen.lines().last(), Some("NOT CONFIRMED: 100"));
    assert_eq!(model.take_unseen(), "");
}
