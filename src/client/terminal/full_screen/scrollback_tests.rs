//! The scrollback, scrolled through windows of several sizes.

use chrono::NaiveDate;

use super::*;

fn window(columns: usize, rows: usize) -> Window {
    Window { columns, rows, glyphs: &Glyphs::UNICODE, hidden: None }
}

fn notice(text: &str) -> Said {
    Said::Notice { emphasis: Emphasis::Plain, text: text.to_owned() }
}

fn message(number: Option<u64>, own: bool, text: &str) -> Said {
    let sent = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap().and_hms_opt(14, 3, 0);
    let from = if own { "alice" } else { "bob" }.to_owned();
    Said::Message {
        peer: "bob".into(),
        from,
        own,
        number,
        sent,
        text: text.to_owned(),
        progress: Progress::Stored,
        sealed: None,
    }
}

fn numbered(count: u64) -> Scrollback {
    let mut scrollback = Scrollback::default();
    for number in 1..=count {
        scrollback.add(number, notice(&format!("line {number}")));
    }
    scrollback
}

/// What is seen, and whether there is more below.
fn seen(scrollback: &Scrollback, window: Window) -> (Vec<String>, bool) {
    let (rows, more) = scrollback.seen(window);
    let text = |row: Row| row.into_iter().map(|(text, _)| text).collect::<String>().trim().to_owned();
    (rows.into_iter().map(text).collect(), more)
}

#[test]
fn the_end_is_seen_until_somebody_scrolls_and_again_when_they_come_back() {
    let mut scrollback = numbered(10);
    let window = window(20, 3);
    assert_eq!(seen(&scrollback, window), (vec!["line 8".into(), "line 9".into(), "line 10".into()], false));
    scrollback.up(2, window);
    assert_eq!(seen(&scrollback, window), (vec!["line 6".into(), "line 7".into(), "line 8".into()], true));
    scrollback.add(11, notice("line 11"));
    assert_eq!(seen(&scrollback, window).0[0], "line 6", "what is read does not move");
    assert_eq!(scrollback.new_below(), 1);
    scrollback.down(1, window);
    assert_eq!(seen(&scrollback, window).0[0], "line 7");
    scrollback.down(9, window);
    assert_eq!(seen(&scrollback, window), (vec!["line 9".into(), "line 10".into(), "line 11".into()], false));
    assert_eq!(scrollback.new_below(), 0);
    scrollback.see_start(window);
    assert_eq!(seen(&scrollback, window).0[0], "line 1");
    scrollback.up(5, window);
    assert_eq!(seen(&scrollback, window).0[0], "line 1");
    scrollback.see_end();
    assert_eq!(seen(&scrollback, window).0[2], "line 11");
}

#[test]
fn little_text_neither_scrolls_nor_has_more_below() {
    let mut scrollback = numbered(2);
    scrollback.up(1, window(20, 5));
    scrollback.see_start(window(20, 5));
    assert_eq!(seen(&scrollback, window(20, 5)), (vec!["line 1".into(), "line 2".into()], false));
    let mut empty = Scrollback::default();
    empty.up(1, window(20, 5));
    empty.down(1, window(20, 5));
    assert_eq!(seen(&empty, window(20, 5)), (Vec::new(), false));
}

#[test]
fn what_is_read_stays_in_sight_when_the_window_changes_its_size() {
    let mut scrollback = Scrollback::default();
    for number in 1..=20 {
        scrollback.add(number, notice(&format!("number {number} is a line of several words")));
    }
    scrollback.up(30, window(16, 5));
    let first = seen(&scrollback, window(16, 5)).0[0].clone();
    for size in [window(60, 5), window(10, 3), window(16, 5)] {
        assert!(!seen(&scrollback, size).0.is_empty());
    }
    assert_eq!(seen(&scrollback, window(16, 5)).0[0], first);
    let wide = seen(&scrollback, window(60, 5)).0;
    assert!(wide[0].contains("is a line of several words"), "{wide:?}");
}

#[test]
fn a_long_entry_is_scrolled_row_by_row() {
    let mut scrollback = Scrollback::default();
    scrollback.add(1, notice(&(1..=9).map(|n| n.to_string()).collect::<Vec<_>>().join("\n")));
    let window = window(20, 3);
    assert_eq!(seen(&scrollback, window).0, ["7", "8", "9"]);
    scrollback.up(1, window);
    assert_eq!(seen(&scrollback, window).0, ["6", "7", "8"]);
    scrollback.down(1, window);
    assert_eq!(seen(&scrollback, window), (vec!["7".into(), "8".into(), "9".into()], false));
}

#[test]
fn a_message_that_is_read_again_stands_in_its_place_once() {
    let mut scrollback = Scrollback::default();
    for (id, number) in [(1, 5), (2, 6), (3, 5), (4, 3), (5, 4)] {
        scrollback.add(id, message(Some(number), false, &format!("message {number}")));
    }
    let numbers: Vec<_> = scrollback.entries().filter_map(|entry| entry.said.number()).collect();
    assert_eq!(numbers, [3, 4, 5, 6]);
}

#[test]
fn the_oldest_make_room_and_who_reads_them_sees_the_oldest_there_are() {
    let window = window(20, 3);
    let mut scrollback = numbered(ENTRIES_MAX as u64);
    scrollback.see_start(window);
    scrollback.add(ENTRIES_MAX as u64 + 1, notice("one more"));
    assert_eq!(scrollback.entries().count(), ENTRIES_MAX);
    assert_eq!(seen(&scrollback, window).0[0], "line 2");
    let mut scrollback = Scrollback::default();
    for id in 0..40 {
        scrollback.add(id, notice(&"a".repeat(BYTES_MAX / 32)));
    }
    assert_eq!(scrollback.entries().count(), 32);
}

#[test]
fn a_line_with_the_day_stands_before_the_first_message_of_it() {
    let mut scrollback = Scrollback::default();
    for (id, day) in [(1, 21), (2, 21), (3, 22)] {
        let sent = NaiveDate::from_ymd_opt(2026, 11, day).unwrap().and_hms_opt(9, 0, 0);
        let said = message(Some(id), false, "hello");
        let Said::Message { peer, from, own, number, text, progress, sealed, .. } = said else { panic!() };
        scrollback.add(id, Said::Message { peer, from, own, number, sent, text, progress, sealed });
    }
    let rows = |columns| seen(&scrollback, window(columns, 9)).0;
    let day = |rows: &[String], at: usize| rows.get(at).cloned().unwrap();
    let (wide, narrow) = (rows(40), rows(20));
    assert_eq!(wide.len(), 5);
    assert_eq!(day(&wide, 0), "── Saturday 21 November 2026 ──");
    assert_eq!(day(&wide, 3), "── Sunday 22 November 2026 ──");
    assert_eq!(day(&narrow, 0), "── 2026-11-21 ──", "where there is no room for more");
}
