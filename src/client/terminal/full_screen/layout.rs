//! Where everything stands on a screen of some size. Pure.
//!
//! From the top: who one is; beside each other the contacts and the title of the conversation with its messages; a
//! rule; what is asked; the line being typed. Where there is little room, first the contacts go, then the rules.

use ratatui::layout::Rect;

/// The least columns and rows that the view needs.
pub(super) const COLUMNS_MIN: u16 = 20;
/// See [`COLUMNS_MIN`].
pub(super) const ROWS_MIN: u16 = 6;

/// From so many columns on, the contacts are shown.
const COLUMNS_WITH_CONTACTS: u16 = 60;

/// Below so many rows there is neither a first line nor a rule.
const ROWS_WITH_RULES: u16 = 10;

/// The rows of what was said that always stay.
const TALK_ROWS_MIN: u16 = 2;

/// The most rows of the line being typed.
const INPUT_ROWS_MAX: u16 = 8;

/// The parts of the screen. An area without rows is not drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Areas {
    pub(super) top: Rect,
    /// The contacts, and the column that separates them from the rest.
    pub(super) contacts: Option<Rect>,
    /// One row above everything that has contacts beside it, over the whole width.
    pub(super) title: Rect,
    pub(super) talk: Rect,
    pub(super) rule: Rect,
    pub(super) panel: Rect,
    pub(super) input: Rect,
}

/// How many rows a panel may have at most on a screen of so many rows, with one row to type in.
pub(super) fn panel_rows_max(rows: u16) -> u16 {
    rows.saturating_sub(fixed_rows(rows) + TALK_ROWS_MIN + 1)
}

fn fixed_rows(rows: u16) -> u16 {
    if rows < ROWS_WITH_RULES { 1 } else { 3 }
}

/// The parts of a screen of this size, with contacts or without; `None` when it is too small. A panel or a line that wants more rows than there
/// are gets fewer.
pub(super) fn areas(
    (columns, rows): (u16, u16),
    panel_rows: usize,
    input_rows: usize,
    with_contacts: bool,
) -> Option<Areas> {
    if columns < COLUMNS_MIN || rows < ROWS_MIN {
        return None;
    }
    let wanted = |rows: usize| u16::try_from(rows).unwrap_or(u16::MAX);
    let ruled = rows >= ROWS_WITH_RULES;
    let panel_rows = wanted(panel_rows).min(panel_rows_max(rows));
    let left = rows - fixed_rows(rows) - TALK_ROWS_MIN - panel_rows;
    let input_rows = wanted(input_rows).clamp(1, INPUT_ROWS_MAX.min(rows / 3)).min(left).max(1);
    let one_if_ruled = u16::from(ruled);
    let talk_rows = rows - fixed_rows(rows) - panel_rows - input_rows;
    let mut y = 0;
    let mut next = |height: u16| {
        let area = Rect { x: 0, y, width: columns, height };
        y += height;
        area
    };
    let (top, title, middle) = (next(one_if_ruled), next(1), next(talk_rows));
    let (rule, panel, input) = (next(one_if_ruled), next(panel_rows), next(input_rows));
    let contacts = (with_contacts && columns >= COLUMNS_WITH_CONTACTS)
        .then(|| Rect { width: (columns / 4).clamp(18, 26), ..middle });
    let beside = contacts.map_or(0, |contacts| contacts.width);
    let talk = Rect { x: beside, width: columns - beside, ..middle };
    Some(Areas { top, contacts, title, talk, rule, panel, input })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_contacts_go_first_where_there_is_little_room() {
        assert!(areas((80, 24), 0, 1, true).unwrap().contacts.is_some());
        assert!(areas((40, 12), 0, 1, true).unwrap().contacts.is_none());
        assert_eq!(areas((40, 9), 0, 1, true).unwrap().rule.height, 0);
        assert_eq!(areas((19, 24), 0, 1, true), None);
        assert_eq!(areas((80, 5), 0, 1, true), None);
    }

    proptest! {
        #[test]
        fn every_row_belongs_to_one_part(
            columns in COLUMNS_MIN..300, rows in ROWS_MIN..100, panel in 0_usize..200, input in 0_usize..200,
        ) {
            let areas = areas((columns, rows), panel, input, true).unwrap();
            let parts = [areas.top, areas.title, areas.talk, areas.rule, areas.panel, areas.input];
            let mut y = 0;
            for part in parts {
                prop_assert_eq!(part.y, y);
                y += part.height;
            }
            prop_assert_eq!(y, rows);
            prop_assert!(areas.talk.height >= TALK_ROWS_MIN && areas.input.height >= 1);
            prop_assert_eq!(areas.contacts.map_or(0, |area| area.width) + areas.talk.width, columns);
        }
    }
}
