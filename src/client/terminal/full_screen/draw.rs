//! The model as a screen. Pure: it goes into a buffer, whose differences to the one before go to the terminal.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
};

use super::{
    layout::{self, Areas},
    model::{Model, Outstanding},
    rows::{Row, Tone, span},
    scrollback::Window,
    wrap,
};
use crate::client::{
    overview::{Contact, Presence, Trust},
    phrase::{Phrase, Sentence},
    words,
};

/// What stands before the line being typed.
const PROMPT: &str = "> ";

/// The columns of the keys in the help.
const HELP_KEYS_COLUMNS: usize = 16;

/// The blank at both sides of text that touches the edge of the screen or a line.
const MARGIN: usize = 1;

/// Where everything is at this moment, and what the panel says.
struct Face {
    areas: Areas,
    panel: Vec<Row>,
    window: Window,
    input: Input,
}

/// The line being typed, as rows, and where its cursor is.
struct Input {
    rows: Vec<Row>,
    cursor: (usize, usize),
}

/// Draws everything; the place of the cursor, if it is to be seen.
pub(super) fn draw(model: &Model, buffer: &mut Buffer) -> Option<Position> {
    let Some(face) = face(model) else {
        let words = words::view_too_small(layout::COLUMNS_MIN, layout::ROWS_MIN);
        let area = buffer.area;
        let rows = wrap::rows(words.text(), area.width.into());
        put_rows(
            model,
            buffer,
            area,
            0,
            &rows.into_iter().map(|row| vec![span(row, Tone::Text)]).collect::<Vec<_>>(),
        );
        return None;
    };
    let areas = face.areas;
    if areas.top.height > 0 {
        put(
            model,
            buffer,
            areas.top,
            0,
            MARGIN,
            &ends(&top(model, areas.contacts.is_some()), &help_hint(), areas.top),
        );
    }
    put(model, buffer, areas.title, 0, 0, &title(model, areas));
    if let Some(area) = areas.contacts {
        contacts(model, buffer, area);
    }
    if areas.rule.height > 0 {
        put(model, buffer, areas.rule, 0, 0, &rule(model, areas, None));
    }
    match model.help {
        Some(from) => help(model, buffer, &face, from),
        None => talk(model, buffer, &face),
    }
    put_rows(model, buffer, areas.panel, MARGIN, &face.panel);
    // The rows of the line around its cursor.
    let height = usize::from(areas.input.height);
    let first = (face.input.cursor.0 + 1).saturating_sub(height);
    let shown: Vec<Row> = face.input.rows.into_iter().skip(first).take(height).collect();
    put_rows(model, buffer, areas.input, MARGIN, &shown);
    let (row, column) = face.input.cursor;
    let column = MARGIN + wrap::width(PROMPT) + column;
    Some(Position {
        x: u16::try_from(column).unwrap_or(u16::MAX).min(buffer.area.width.saturating_sub(1)),
        y: areas.input.y + u16::try_from(row - first).unwrap_or(0),
    })
}

/// Through what the scrollback is seen now.
pub(super) fn window(model: &Model) -> Option<Window> {
    face(model).map(|face| face.window)
}

/// The number of the contact that is drawn there.
pub(super) fn contact_at(model: &Model, column: u16, row: u16) -> Option<usize> {
    let area = face(model)?.areas.contacts?;
    if column >= area.width - 1 || row < area.y || row >= area.y + area.height {
        return None;
    }
    let count = model.overview.as_ref()?.contacts.len();
    let number = first_contact(model, area.height) + usize::from(row - area.y);
    (number < count).then_some(number)
}

fn face(model: &Model) -> Option<Face> {
    let columns = usize::from(model.columns).saturating_sub(2 * MARGIN);
    let (panel, pinned) = panel(model, columns, layout::panel_rows_max(model.rows).into());
    let input = input(model, columns.saturating_sub(wrap::width(PROMPT)));
    let areas =
        layout::areas((model.columns, model.rows), panel.len(), input.rows.len(), model.overview.is_some())?;
    let window = Window {
        columns: usize::from(areas.talk.width).saturating_sub(2 * MARGIN),
        rows: areas.talk.height.into(),
        glyphs: model.palette.glyphs,
        hidden: model.block.as_ref().filter(|_| pinned).map(|block| block.id),
    };
    Some(Face { areas, panel, window, input })
}

/// What is asked, with the words that belong to it where there is room for all of them; and whether there is.
fn panel(model: &Model, columns: usize, rows_max: usize) -> (Vec<Row>, bool) {
    let toned =
        |text: &str, tone| wrap::rows(text, columns).into_iter().map(move |row| vec![span(row, tone)]);
    let mut rows = Vec::new();
    let mut pinned = false;
    if let Some(pasted) = &model.pasted {
        rows.extend(toned(
            words::view_paste(pasted.split('\n').count(), pasted.len()).text(),
            Tone::Question,
        ));
    } else if let Some(question) =
        model.question.as_ref().filter(|_| model.outstanding != Outstanding::Nothing)
    {
        let asked: Vec<Row> = toned(question.text().trim_end(), Tone::Question).collect();
        if let Some(block) = &model.block {
            let block: Vec<Row> = toned(&block.text, Tone::Notice).collect();
            pinned = block.len() + asked.len() <= rows_max;
            rows.extend(block.into_iter().filter(|_| pinned));
        }
        rows.extend(asked);
    }
    if let Some(note) = &model.note {
        rows.extend(toned(note.text(), Tone::Caution));
    }
    (rows, pinned)
}

fn input(model: &Model, columns: usize) -> Input {
    if model.hides_keys() {
        let words =
            if model.outstanding == Outstanding::Secret { said(words::VIEW_HIDDEN) } else { String::new() };
        return Input {
            rows: vec![vec![span(PROMPT, Tone::Title), span(words, Tone::Quiet)]],
            cursor: (0, 0),
        };
    }
    let (rows, cursor) = model.editor.layout(columns);
    let rows = rows.into_iter().enumerate().map(|(at, row)| {
        let prompt = if at == 0 { PROMPT.to_owned() } else { " ".repeat(wrap::width(PROMPT)) };
        vec![span(prompt, Tone::Title), span(row, Tone::Text)]
    });
    Input { rows: rows.collect(), cursor }
}

fn said(sentence: Sentence) -> String {
    Phrase::from(sentence).text().to_owned()
}

fn help_hint() -> Row {
    vec![span(said(words::VIEW_HELP_KEY), Tone::Quiet)]
}

/// The first line: who one is, and where.
fn top(model: &Model, with_contacts: bool) -> Row {
    let Some(overview) = &model.overview else { return vec![span("securechat", Tone::Title)] };
    let mut row = vec![span(overview.me.to_string(), Tone::Title)];
    let separator = format!(" {} ", model.palette.glyphs.separator);
    // Where there is little room, the server is what everybody knows by heart.
    if with_contacts {
        row.push(span(format!("{separator}{}", overview.server), Tone::Quiet));
    }
    row.push(span(separator.clone(), Tone::Quiet));
    row.push(if overview.connected {
        span(said(words::VIEW_CONNECTED), Tone::Quiet)
    } else {
        span(said(words::VIEW_NOT_CONNECTED), Tone::Warning)
    });
    let elsewhere = unread_elsewhere(model);
    // Where the contacts are drawn they say so themselves.
    if !elsewhere.is_empty() && !with_contacts {
        row.push(span(separator, Tone::Quiet));
        row.push(span(elsewhere, Tone::Unread));
    }
    row
}

fn unread_elsewhere(model: &Model) -> String {
    let Some(overview) = &model.overview else { return String::new() };
    let unread = overview
        .contacts
        .iter()
        .filter(|contact| contact.unread > 0 && overview.focus.as_ref() != Some(&contact.name));
    let listed: Vec<String> = unread.map(|contact| format!("{} {}", contact.name, contact.unread)).collect();
    if listed.is_empty() { String::new() } else { words::view_unread(&listed.join(", ")).text().to_owned() }
}

/// The title of what is looked at, within the rule above it.
fn title(model: &Model, areas: Areas) -> Row {
    let words = match (&model.overview, focused(model)) {
        (_, Some(contact)) => of_contact(model, contact),
        (Some(_), None) => vec![span(said(words::VIEW_NO_CONVERSATION), Tone::Title)],
        (None, None) => vec![span("securechat", Tone::Title)],
    };
    rule(model, areas, Some(words))
}

fn focused(model: &Model) -> Option<&Contact> {
    let overview = model.overview.as_ref()?;
    overview.contacts.iter().find(|contact| Some(&contact.name) == overview.focus.as_ref())
}

fn of_contact(model: &Model, contact: &Contact) -> Row {
    let separator = format!(" {} ", model.palette.glyphs.separator);
    let tone = match contact.standing {
        Trust::Verified => Tone::Good,
        Trust::None | Trust::New | Trust::Known => Tone::Caution,
        Trust::Changed => Tone::Bad,
    };
    let mut row = vec![span(contact.name.to_string(), Tone::Title), span(separator.clone(), Tone::Quiet)];
    // The state of the key comes first: what is cut off where there is no room is the rest.
    row.push(span(words::view_trust(contact.standing).text(), tone));
    if let Some(presence) = words::view_presence(contact.presence) {
        row.push(span(format!("{separator}{}", presence.text()), Tone::Quiet));
    }
    row
}

/// A line across the screen, with words in it and a joint where the contacts end.
fn rule(model: &Model, areas: Areas, words: Option<Row>) -> Row {
    let glyphs = model.palette.glyphs;
    let columns = usize::from(model.columns);
    let joint = if words.is_some() { glyphs.tee_down } else { glyphs.tee_up };
    let mut row = Row::new();
    let line = |count: usize| span(glyphs.rule.repeat(count), Tone::Quiet);
    let mut taken = 0;
    if let Some(contacts) = areas.contacts {
        let before = usize::from(contacts.width) - 1;
        let name = if words.is_some() { said(words::VIEW_CONTACTS) } else { String::new() };
        if name.is_empty() {
            row.push(line(before));
        } else {
            let name = wrap::shortened(&name, before.saturating_sub(4), glyphs.ellipsis);
            let rest = before.saturating_sub(wrap::width(&name) + 3);
            row.extend([line(1), span(format!(" {name} "), Tone::Title), line(rest)]);
        }
        row.push(span(joint, Tone::Quiet));
        taken = before + 1;
    }
    if let Some(words) = words {
        row.extend([line(1), span(" ", Tone::Quiet)]);
        let room = columns.saturating_sub(taken + 4);
        let words = cut(words, room, glyphs.ellipsis);
        let width: usize = words.iter().map(|(text, _)| wrap::width(text)).sum();
        row.extend(words);
        row.push(span(" ", Tone::Quiet));
        taken += width + 3;
    }
    row.push(line(columns.saturating_sub(taken)));
    row
}

/// A row that has at most so many columns.
fn cut(row: Row, columns: usize, ellipsis: &str) -> Row {
    let mut left = columns;
    row.into_iter()
        .map(|(text, tone)| {
            let text = wrap::shortened(&text, left, ellipsis);
            left -= wrap::width(&text);
            (text, tone)
        })
        .collect()
}

/// One row at the left and one at the right of an area; the right one goes where there is no room for both.
fn ends(left: &Row, right: &Row, area: Rect) -> Row {
    let room = usize::from(area.width).saturating_sub(2 * MARGIN);
    let width = |row: &Row| row.iter().map(|(text, _)| wrap::width(text)).sum::<usize>();
    let mut row = left.clone();
    if let Some(between) = room.checked_sub(width(left) + width(right)).filter(|between| *between > 1) {
        row.push(span(" ".repeat(between), Tone::Quiet));
        row.extend(right.iter().cloned());
    }
    row
}

/// The first contact that is drawn where not all have room: so that the one in focus is seen.
fn first_contact(model: &Model, height: u16) -> usize {
    let Some(overview) = &model.overview else { return 0 };
    let focus = overview.contacts.iter().position(|contact| Some(&contact.name) == overview.focus.as_ref());
    focus.map_or(0, |focus| (focus + 1).saturating_sub(height.into()))
}

fn contacts(model: &Model, buffer: &mut Buffer, area: Rect) {
    let glyphs = model.palette.glyphs;
    for y in 0..area.height {
        let column = Rect { x: area.x + area.width - 1, width: 1, ..area };
        put(model, buffer, column, y, 0, &vec![span(glyphs.column, Tone::Quiet)]);
    }
    let Some(overview) = &model.overview else { return };
    let first = first_contact(model, area.height);
    let list = Rect { width: area.width - 1, ..area };
    if overview.contacts.is_empty() {
        let rows = wrap::rows(&said(words::VIEW_NO_CONTACTS), usize::from(list.width).saturating_sub(2));
        put_rows(
            model,
            buffer,
            list,
            MARGIN,
            &rows.into_iter().map(|row| vec![span(row, Tone::Quiet)]).collect::<Vec<_>>(),
        );
    }
    for (y, (number, contact)) in (0..area.height).zip(overview.contacts.iter().enumerate().skip(first)) {
        let focused = overview.focus.as_ref() == Some(&contact.name);
        put(model, buffer, list, y, 0, &contact_row(model, number, contact, focused, list.width.into()));
    }
}

/// `▸1 ● bob           2`: in focus or not, the digit that goes there with Alt, presence, name, unread.
fn contact_row(model: &Model, number: usize, contact: &Contact, focused: bool, columns: usize) -> Row {
    let glyphs = model.palette.glyphs;
    let presence = match contact.presence {
        Presence::Connected => span(glyphs.connected, Tone::Good),
        Presence::Away => span(glyphs.away, Tone::Quiet),
        Presence::Unknown => span(glyphs.unknown, Tone::Quiet),
    };
    let digit = if number < 9 { (number + 1).to_string() } else { " ".to_owned() };
    let trailing = match (contact.unread, contact.standing) {
        (0, Trust::Changed) => span("!", Tone::Bad),
        (unread, Trust::Changed) => span(format!("! {unread}"), Tone::Bad),
        (0, _) => span("", Tone::Text),
        (unread, _) => span(unread.to_string(), Tone::Unread),
    };
    let tone = if focused { Tone::Title } else { Tone::Text };
    let room = columns.saturating_sub(7 + wrap::width(&trailing.0));
    let name = wrap::shortened(contact.name.as_str(), room, glyphs.ellipsis);
    let gap = room.saturating_sub(wrap::width(&name)) + 1;
    vec![
        span(if focused { glyphs.focus } else { " " }, Tone::Title),
        span(format!("{digit} "), Tone::Quiet),
        presence,
        span(" ", Tone::Text),
        span(name, tone),
        span(" ".repeat(gap), Tone::Text),
        trailing,
    ]
}

fn talk(model: &Model, buffer: &mut Buffer, face: &Face) {
    let scrollback = model.scrollback();
    let (mut rows, more) = scrollback.seen(face.window);
    // What there is stands at the bottom, above the line being typed.
    let above = face.window.rows.saturating_sub(rows.len());
    rows.splice(0..0, std::iter::repeat_n(Row::new(), above));
    if more {
        let words = match scrollback.new_below() {
            0 => words::VIEW_MORE_BELOW.into(),
            count => words::view_new_below(count),
        };
        more_below(model, &mut rows, face.window.columns, words);
    }
    put_rows(model, buffer, face.areas.talk, MARGIN, &rows);
}

/// The rows of the help: each line's words to the right of its keys, where there is room.
fn help_rows(model: &Model, columns: usize) -> Vec<Row> {
    let text = format!("{}\n{}", said(words::VIEW_HELP), model.palette.glyphs.explained().text());
    let beside = if columns >= 2 * HELP_KEYS_COLUMNS { HELP_KEYS_COLUMNS } else { 2 };
    let mut all = Vec::new();
    for line in text.lines() {
        let Some((keys, what)) = line.split_once("  ") else {
            all.extend(wrap::rows(line, columns).into_iter().map(|row| vec![span(row, Tone::Text)]));
            continue;
        };
        let gap = beside.saturating_sub(wrap::width(keys));
        let mut before = vec![span(keys, Tone::Title), span(" ".repeat(gap), Tone::Text)];
        if gap == 0 {
            all.push(std::mem::take(&mut before));
        }
        for row in wrap::rows(what.trim_start(), columns.saturating_sub(beside)) {
            let mut row_of = std::mem::take(&mut before);
            if row_of.is_empty() {
                row_of.push(span(" ".repeat(beside), Tone::Text));
            }
            row_of.push(span(row, Tone::Text));
            all.push(row_of);
        }
    }
    all
}

/// How far down the help can be looked at.
pub(super) fn help_end(model: &Model) -> usize {
    face(model).map_or(0, |face| help_rows(model, face.window.columns).len().saturating_sub(face.window.rows))
}

fn help(model: &Model, buffer: &mut Buffer, face: &Face, from: usize) {
    let mut rows = help_rows(model, face.window.columns);
    rows.drain(..from.min(rows.len()));
    if rows.len() > face.window.rows {
        rows.truncate(face.window.rows);
        more_below(model, &mut rows, face.window.columns, words::VIEW_MORE_BELOW.into());
    }
    put_rows(model, buffer, face.areas.talk, MARGIN, &rows);
}

/// The last of the rows makes room for a word on what is below.
fn more_below(model: &Model, rows: &mut [Row], columns: usize, words: Phrase) {
    let text = format!(" {0} {1} {0} ", model.palette.glyphs.below, words.text());
    if let Some(last) = rows.last_mut() {
        *last = vec![span(wrap::fitting(&text, columns), Tone::Marker)];
    }
}

fn put_rows(model: &Model, buffer: &mut Buffer, area: Rect, margin: usize, rows: &[Row]) {
    for (y, row) in (0..area.height).zip(rows) {
        put(model, buffer, area, y, margin, row);
    }
}

/// Draws a row within an area, `margin` columns from its left edge; what does not fit is cut off.
fn put(model: &Model, buffer: &mut Buffer, area: Rect, y: u16, margin: usize, row: &Row) {
    let area = area.intersection(buffer.area);
    if y >= area.height {
        return;
    }
    let mut left = usize::from(area.width).saturating_sub(margin);
    let mut x = area.x.saturating_add(u16::try_from(margin).unwrap_or(u16::MAX));
    for (text, tone) in row {
        if left == 0 {
            return;
        }
        let fitting = wrap::fitting(text, left);
        left -= wrap::width(&fitting);
        (x, _) = buffer.set_stringn(x, area.y + y, &fitting, usize::MAX, model.palette.style(*tone));
    }
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
