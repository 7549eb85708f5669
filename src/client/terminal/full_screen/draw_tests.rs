//! Screens, at the sizes that people have.

use proptest::prelude::*;
use ratatui::style::Modifier;

use super::*;
use crate::client::{
    overview::Mark,
    terminal::{
        Emphasis,
        full_screen::{
            model::tests::{about, message_of, model, overview, question},
            palette::{Glyphs, Palette},
        },
    },
};

/// The screen as rows of text, and the cursor's place.
fn screen(model: &Model) -> (Vec<String>, Option<Position>) {
    let mut buffer = Buffer::empty(Rect::new(0, 0, model.columns, model.rows));
    let cursor = draw(model, &mut buffer);
    (rows(&buffer), cursor)
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    (0..area.height)
        .map(|y| {
            let mut row = String::new();
            let mut x = 0;
            while x < area.width {
                let symbol = buffer.cell((x, y)).unwrap().symbol();
                row.push_str(symbol);
                x += u16::try_from(wrap::width(symbol)).unwrap().max(1);
            }
            row.truncate(row.trim_end().len());
            row
        })
        .collect()
}

fn says(model: &mut Model, number: u64, minute: u32, text: &str) {
    model.show(Emphasis::Plain, &message_of("bob", false, number, minute, text));
}

/// Alice says it; it is stored or not.
fn said_by_alice(model: &mut Model, number: u64, minute: u32, text: &str) {
    model.show(Emphasis::Plain, &message_of("bob", true, number, minute, text));
}

/// Alice, talking to bob.
fn talking(columns: u16, rows: u16) -> Model {
    let mut model = model();
    model.resize(columns, rows);
    model.conversational = true;
    model.look_at(overview(Some("bob")));
    says(&mut model, 1, 3, "hello alice");
    said_by_alice(&mut model, 2, 4, "only you can read this, and nobody else, however long it is");
    model.mark(&Mark::Delivered { peer: "bob".parse().unwrap(), number: 2 });
    said_by_alice(&mut model, 3, 5, "ok?");
    model.show(Emphasis::Notice, &about("invited", "carol", "carol wants to start a conversation with you"));
    model.listen(None);
    model.editor.insert("and now");
    model
}

#[test]
fn a_conversation_on_80_by_24() {
    let (rows, cursor) = screen(&talking(80, 24));
    assert_eq!(rows[0], " alice · chat.example.org · connected                                   F1 help");
    assert_eq!(rows[1], format!("─ Contacts ────────┬─ bob · key verified · connected {}", "─".repeat(27)));
    assert!(rows[2].starts_with("▸1 ● bob           │"), "{rows:#?}");
    assert!(rows[3].starts_with(" 2 ○ carol       2 │"), "{rows:#?}");
    assert!(rows[4].starts_with(" 3 · dave        ! │"), "{rows:#?}");
    let talk: Vec<_> = rows[16..22].iter().map(|row| row.chars().skip(20).collect::<String>()).collect();
    assert_eq!(
        talk,
        [
            " ── Tuesday 24 November 2026 ──",
            " 14:03 bob  hello alice",
            " 14:04 you  only you can read this, and nobody else,",
            "            however long it is ✓✓",
            " 14:05 you  ok? ✓",
            " - carol wants to start a conversation with you",
        ]
    );
    assert_eq!(rows[22], format!("{}┴{}", "─".repeat(19), "─".repeat(60)));
    assert_eq!(rows[23], " > and now");
    assert_eq!(cursor, Some(Position::new(10, 23)));
}

#[test]
fn a_conversation_on_40_by_12_has_its_contacts_in_one_line() {
    let (rows, _) = screen(&talking(40, 12));
    assert_eq!(rows[0], " alice · connected · unread: carol 2");
    assert_eq!(rows[1], "─ bob · key verified · connected ───────");
    assert_eq!(rows[8..10], [" - carol wants to start a conversation", "   with you"]);
    assert_eq!(rows[11], " > and now");
}

#[test]
fn a_conversation_on_200_by_50_has_room_for_everything() {
    let (rows, cursor) = screen(&talking(200, 50));
    assert_eq!(rows[2], format!("▸1 ● bob{}│", " ".repeat(17)));
    assert!(
        rows[45].ends_with("only you can read this, and nobody else, however long it is ✓✓"),
        "{rows:#?}"
    );
    assert_eq!(cursor, Some(Position::new(10, 49)));
}

#[test]
fn a_screen_that_is_too_small_says_so_and_the_line_is_still_there_afterwards() {
    for (columns, rows) in [(19, 24), (80, 5), (1, 1), (8, 2)] {
        let (shown, cursor) = screen(&talking(columns, rows));
        assert_eq!(cursor, None);
        assert!("too small: 20x6 needed".starts_with(shown[0].trim_end()), "{shown:?}");
    }
    let mut model = talking(3, 3);
    model.resize(80, 24);
    assert_eq!(screen(&model).0[23], " > and now");
    assert_eq!(screen(&talking(20, 6)).0[5], " > and now");
}

/// A key is offered while alice is asked whom to meet.
fn asked(columns: u16, rows: u16) -> Model {
    let mut model = model();
    model.resize(columns, rows);
    model.conversational = true;
    model.look_at(overview(None));
    let block = "A new key with bob (number 1)\n  bob's identity: phlp oaj5 gz7p n5at g56l sxzt xowu vb5b\n  \
                 this identity is new to you, and not verified\n  your code: 728688\n  read it to bob, by telephone or \
                 face to face, and type the code\n  that bob reads to you";
    model.show(Emphasis::Notice, &about("key_block", "bob", block));
    model.ask(words::key_question(&"bob".parse().unwrap()));
    model
}

#[test]
fn what_is_asked_stands_above_the_line_with_all_that_belongs_to_it() {
    let mut model = asked(80, 24);
    for number in 0..30 {
        model.show(Emphasis::Plain, &Phrase::literal(&format!("news {number}")));
    }
    let (rows, _) = screen(&model);
    assert_eq!(rows[22], " Accept this key? (yes / no / the code bob reads to you)");
    assert_eq!(rows[19], "   your code: 728688");
    assert_eq!(rows[16], " A new key with bob (number 1)");
    assert_eq!(rows.iter().filter(|row| row.contains("your code")).count(), 1, "{rows:#?}");
    // Where there is no room for all of it, it stays among what was said.
    let (rows, _) = screen(&asked(40, 12));
    assert_eq!(rows[9..11], [" Accept this key? (yes / no / the code", " bob reads to you)"]);
    assert_eq!(rows[7].trim(), "that bob reads to you");
}

#[test]
fn a_secret_is_asked_for_and_nothing_of_it_drawn() {
    let mut model = model();
    model.editor.insert("a draft");
    model.ask_secret(question("Password: "));
    assert!(model.secret.push("open sesame"));
    let (rows, cursor) = screen(&model);
    assert_eq!((rows[22].as_str(), rows[23].as_str()), (" Password:", " > (not shown)"));
    assert_eq!(cursor, Some(Position::new(3, 23)), "not even its length");
    assert!(!rows.concat().contains("sesame") && !rows.concat().contains("draft"));
}

#[test]
fn the_state_of_the_key_is_always_in_sight_in_words() {
    for (trust, words) in [
        (Trust::None, "no key yet"),
        (Trust::New, "new key, not verified"),
        (Trust::Known, "key not verified"),
        (Trust::Verified, "key verified"),
        (Trust::Changed, "KEY CHANGED"),
    ] {
        for (columns, height) in [(80, 24), (40, 12), (200, 50)] {
            let mut model = talking(columns, height);
            let mut overview = overview(Some("bob"));
            overview.contacts[0].standing = trust;
            model.look_at(overview);
            model.help = Some(0);
            let (rows, _) = screen(&model);
            assert!(rows[1].contains(words), "{rows:#?}");
        }
    }
}

#[test]
fn the_help_names_keys_and_signs_and_can_be_scrolled_to_its_end() {
    for (columns, height) in [(80, 24), (40, 12), (20, 6), (200, 50)] {
        let mut model = talking(columns, height);
        model.help = Some(0);
        assert!(screen(&model).0.iter().any(|row| row.contains("Enter")), "{:#?}", screen(&model).0);
        model.help = Some(help_end(&model));
        let rows = screen(&model).0;
        assert!(rows.iter().any(|row| row.contains("away")), "{rows:#?}");
        assert!(!rows.iter().any(|row| row.contains("more below")), "{rows:#?}");
    }
}

#[test]
fn unread_messages_elsewhere_are_told_where_there_is_no_room_for_contacts() {
    let mut model = talking(59, 12);
    assert!(screen(&model).0[0].contains("unread: carol 2"), "{:?}", screen(&model).0);
    model.resize(60, 12);
    assert!(!screen(&model).0[0].contains("unread"));
}

#[test]
fn who_reads_what_was_said_before_is_told_of_what_is_new() {
    let mut model = talking(80, 24);
    for number in 0..40 {
        says(&mut model, 10 + number, 6, &format!("message {number}"));
    }
    let window = window(&model).unwrap();
    model.scrollback_mut().up(10, window);
    assert!(screen(&model).0[21].contains("▼ more below ▼"), "{:#?}", screen(&model).0);
    says(&mut model, 100, 7, "new");
    says(&mut model, 101, 7, "newer");
    assert!(screen(&model).0[21].contains("▼ 2 new below ▼"));
    model.scrollback_mut().see_end();
    assert!(screen(&model).0[21].ends_with("14:07 bob  newer"));
}

#[test]
fn many_contacts_are_drawn_so_that_the_one_in_focus_is_seen() {
    let mut model = talking(80, 12);
    let mut overview = overview(Some("bob"));
    let template = overview.contacts[0].clone();
    overview.contacts = (0..30)
        .map(|n| Contact { name: format!("user{n:02}").parse().unwrap(), ..template.clone() })
        .collect();
    overview.focus = Some("user20".parse().unwrap());
    model.look_at(overview);
    let (rows, _) = screen(&model);
    let row = rows.iter().position(|row| row.starts_with("▸  ● user20")).unwrap();
    assert_eq!(contact_at(&model, 5, u16::try_from(row).unwrap()), Some(20));
    assert_eq!(contact_at(&model, 5, 1), None);
    assert_eq!(contact_at(&model, 19, 3), None, "that is the line beside them");
}

#[test]
fn a_line_of_many_rows_shows_the_rows_around_its_cursor() {
    let mut model = talking(80, 24);
    model.editor.replace((0..30).map(|n| format!("row {n}")).collect::<Vec<_>>().join("\n"));
    let (rows, cursor) = screen(&model);
    assert_eq!(rows[23], "   row 29");
    assert_eq!(rows[16], "   row 22");
    assert!(rows[15].starts_with('─'));
    assert_eq!(cursor, Some(Position::new(9, 23)));
}

#[test]
fn without_colours_or_unicode_it_is_the_same_screen() {
    let mut model = talking(80, 24);
    model.palette = Palette { glyphs: &Glyphs::ASCII, colours: false };
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    draw(&model, &mut buffer);
    assert!(buffer.content().iter().all(|cell| cell.symbol().is_ascii()), "{:#?}", rows(&buffer));
    let reset = ratatui::style::Color::Reset;
    assert!(buffer.content().iter().all(|cell| cell.fg == reset && cell.bg == reset));
    assert!(buffer.content().iter().any(|cell| cell.modifier.contains(Modifier::BOLD)));
}

proptest! {
    #[test]
    fn no_text_moves_anything_beside_it(text: String, draft: String, columns in 20_u16..120, rows in 6_u16..40) {
        let mut model = talking(columns, rows);
        says(&mut model, 9, 9, &text);
        model.show(Emphasis::Warning, &Phrase::literal(&text));
        model.editor.insert(&draft);
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        let cursor = draw(&model, &mut buffer).unwrap();
        prop_assert!(cursor.x < columns && cursor.y < rows);
        for y in 0..rows {
            let mut taken = 0;
            while taken < columns {
                let symbol = buffer.cell((taken, y)).unwrap().symbol();
                prop_assert!(!symbol.contains(char::is_control));
                let width = u16::try_from(wrap::width(symbol)).unwrap();
                prop_assert!(width > 0, "{:?}", symbol);
                taken += width;
            }
            prop_assert_eq!(taken, columns, "a row is as wide as the screen");
        }
    }
}
