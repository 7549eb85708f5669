//! The terminal itself: entered and left, and one write a frame.
//!
//! Two hands on it. [`Tty`] draws, and is locked while it does. [`Way`] is the way out: it can be taken at any moment
//! and from any thread, by a panic and by a second signal too.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ratatui::{
    buffer::{Buffer, Cell},
    crossterm::{
        cursor::{Hide, MoveTo, Show},
        queue,
        terminal::{Clear, ClearType},
    },
    layout::{Position, Rect},
    style::{Color, Modifier},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::tcgetwinsize,
};

use super::super::mode::SavedMode;

/// Another screen, and marked pastes (xterm's "ctlseqs").
const ENTER: &str = "\x1b[?1049h\x1b[?2004h";

/// The mouse's buttons and wheel, in SGR form.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";

/// All of it undone, the cursor seen, and no colour left.
const LEAVE: &str = "\x1b[?1006l\x1b[?1000l\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l";

/// How long leaving waits for a terminal that takes nothing, in nanoseconds.
const LEAVE_WAITS_NS: i64 = 200_000_000;

/// What a terminal that does not know its size is taken for.
const SIZE_UNKNOWN: (u16, u16) = (80, 24);

/// The way out of the view, for whoever has to take it.
#[derive(Debug, Clone)]
pub(in crate::client::terminal) struct Way(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    output: File,
    mode: SavedMode,
    inside: AtomicBool,
    mouse: bool,
}

impl Way {
    pub(in crate::client::terminal) fn new(mode: SavedMode, mouse: bool) -> io::Result<Self> {
        // A handle of its own: the lock of standard output may be held by a thread that waits.
        let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self(Arc::new(Inner { output, mode, inside: AtomicBool::new(false), mouse })))
    }

    fn is_inside(&self) -> bool {
        self.0.inside.load(Ordering::SeqCst)
    }

    fn enter(&self) -> io::Result<()> {
        self.0.inside.store(true, Ordering::SeqCst);
        self.0.mode.raw();
        let mouse = if self.0.mouse { MOUSE_ON } else { "" };
        (&self.0.output).write_all(format!("{ENTER}{mouse}").as_bytes())
    }

    /// Leaves the view, once; the terminal is in the mode it was found in.
    pub(in crate::client::terminal) fn leave(&self) {
        if !self.0.inside.swap(false, Ordering::SeqCst) {
            return;
        }
        let wait = Timespec { tv_sec: 0, tv_nsec: LEAVE_WAITS_NS };
        let ready = poll(&mut [PollFd::new(&self.0.output, PollFlags::OUT)], Some(&wait));
        // One that takes nothing cannot be left in a better state by waiting for ever.
        if ready.is_ok_and(|ready| ready > 0) {
            let _ = (&self.0.output).write_all(LEAVE.as_bytes());
        }
        self.0.mode.restore();
    }

    /// How many columns and rows there are.
    pub(super) fn size(&self) -> (u16, u16) {
        match tcgetwinsize(&self.0.output) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            _ => SIZE_UNKNOWN,
        }
    }

    /// Whole lines for the normal screen, once the view is left.
    pub(super) fn say(&self, lines: &str) {
        // Nobody can be told that telling failed.
        let _ = (&self.0.output).write_all(lines.as_bytes());
    }
}

/// The terminal as it is drawn on; see the module.
#[derive(Debug)]
pub(super) struct Tty {
    way: Way,
    /// What is on the screen; `None` when that is not known.
    shown: Option<Buffer>,
    cursor: Option<Position>,
}

impl Tty {
    pub(super) fn enter(way: Way) -> io::Result<Self> {
        way.enter()?;
        Ok(Self { way, shown: None, cursor: None })
    }

    /// Again, after the view was left, or somebody may have changed the terminal meanwhile.
    pub(super) fn enter_again(&mut self) -> io::Result<()> {
        self.shown = None;
        self.way.enter()
    }

    /// The next frame draws everything.
    pub(super) fn forget(&mut self) {
        self.shown = None;
    }

    /// Draws what has changed, in one write, and sends `notice`; nothing where nothing has.
    pub(super) fn frame(
        &mut self,
        (columns, rows): (u16, u16),
        notice: &str,
        draw: impl FnOnce(&mut Buffer) -> Option<Position>,
    ) -> io::Result<()> {
        let mut next = Buffer::empty(Rect::new(0, 0, columns, rows));
        let cursor = draw(&mut next);
        let mut bytes = changes(self.shown.as_ref(), &next, (self.cursor, cursor))?;
        bytes.extend_from_slice(notice.as_bytes());
        (self.shown, self.cursor) = (Some(next), cursor);
        if bytes.is_empty() || !self.way.is_inside() {
            return Ok(());
        }
        (&self.way.0.output).write_all(&bytes)
    }
}

/// What turns one screen into another, for the terminal.
fn changes(
    shown: Option<&Buffer>,
    next: &Buffer,
    (before, cursor): (Option<Position>, Option<Position>),
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let empty = Buffer::empty(next.area);
    let known = shown.filter(|shown| shown.area == next.area);
    let changed: Vec<_> = known.unwrap_or(&empty).diff_iter(next).collect();
    if known.is_some() && changed.is_empty() && before == cursor {
        return Ok(bytes);
    }
    queue!(bytes, Hide)?;
    if known.is_none() {
        queue!(bytes, Clear(ClearType::All))?;
    }
    draw_cells(&mut bytes, &changed)?;
    if let Some(cursor) = cursor {
        queue!(bytes, MoveTo(cursor.x, cursor.y), Show)?;
    }
    Ok(bytes)
}

/// Draws cells. By hand, as crossterm has only one form of colour, which terminals of sixteen colours take for
/// something else (38;5;2 is blinking to them).
fn draw_cells(bytes: &mut Vec<u8>, cells: &[(u16, u16, &Cell)]) -> io::Result<()> {
    let mut at = None;
    let mut painted = String::new();
    for (x, y, cell) in cells {
        if at != Some((*x, *y)) {
            queue!(bytes, MoveTo(*x, *y))?;
        }
        let paint = paint(cell);
        if paint != painted {
            bytes.extend_from_slice(paint.as_bytes());
            painted = paint;
        }
        bytes.extend_from_slice(cell.symbol().as_bytes());
        at = Some((x + 1, *y));
    }
    if !cells.is_empty() {
        bytes.extend_from_slice(b"\x1b[0m");
    }
    Ok(())
}

/// What paints a cell (ECMA-48 section 8.3.117): the terminal's own colours, and attributes.
fn paint(cell: &Cell) -> String {
    let attributes = [(Modifier::BOLD, ";1"), (Modifier::DIM, ";2"), (Modifier::REVERSED, ";7")];
    let attributes = attributes.iter().filter(|(attribute, _)| cell.modifier.contains(*attribute));
    let attributes: String = attributes.map(|(_, number)| *number).collect();
    let colour = match cell.fg {
        Color::Red => ";31",
        Color::Green => ";32",
        Color::Yellow => ";33",
        Color::Cyan => ";36",
        _ => "",
    };
    format!("\x1b[0{attributes}{colour}m")
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    fn screen(text: &str) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 2));
        buffer.set_string(0, 0, text, Style::new());
        buffer
    }

    fn bytes(shown: Option<&str>, next: &str) -> String {
        let shown = shown.map(screen);
        let cursor = Some(Position::new(1, 1));
        String::from_utf8(changes(shown.as_ref(), &screen(next), (cursor, cursor)).unwrap()).unwrap()
    }

    #[test]
    fn every_tone_has_a_form_that_a_terminal_of_sixteen_colours_understands() {
        use super::super::{
            palette::{Glyphs, Palette},
            rows::Tone,
        };
        let palette = Palette { glyphs: &Glyphs::UNICODE, colours: true };
        for (tone, painted) in [
            (Tone::Text, "\x1b[0m"),
            (Tone::Quiet, "\x1b[0;2m"),
            (Tone::Notice, "\x1b[0;36m"),
            (Tone::Good, "\x1b[0;32m"),
            (Tone::Unread, "\x1b[0;1;33m"),
            (Tone::Bad, "\x1b[0;1;7;31m"),
            (Tone::Marker, "\x1b[0;7m"),
        ] {
            let mut cell = Cell::default();
            cell.set_style(palette.style(tone));
            assert_eq!(paint(&cell), painted, "{tone:?}");
        }
    }

    #[test]
    fn only_what_has_changed_is_drawn() {
        assert_eq!(bytes(Some("hello"), "hello"), "");
        let first = bytes(None, "hello");
        assert!(first.contains("\x1b[2J") && first.contains("hello"), "{first:?}");
        let second = bytes(Some("hello"), "hallo");
        assert!(second.contains('a') && !second.contains('o') && !second.contains("\x1b[2J"), "{second:?}");
        assert!(second.len() < 70, "{second:?}");
    }
}
