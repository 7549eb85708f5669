//! How tones and signs are drawn: the terminal's own sixteen colours, or none; signs of Unicode, or of ASCII.
//!
//! Nothing is told by colour alone: what matters has words or a sign of its own as well.

use ratatui::style::{Color, Modifier, Style};

use super::{rows::Tone, scrollback::Progress};
use crate::client::{phrase::Phrase, words};

/// The signs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Glyphs {
    pub(super) rule: &'static str,
    pub(super) column: &'static str,
    pub(super) tee_down: &'static str,
    pub(super) tee_up: &'static str,
    pub(super) connected: &'static str,
    pub(super) away: &'static str,
    pub(super) unknown: &'static str,
    pub(super) focus: &'static str,
    pub(super) below: &'static str,
    pub(super) ellipsis: &'static str,
    pub(super) separator: &'static str,
    sent: &'static str,
    stored: &'static str,
    delivered: &'static str,
    failed: &'static str,
}

impl Glyphs {
    pub(super) const UNICODE: Self = Self {
        rule: "─",
        column: "│",
        tee_down: "┬",
        tee_up: "┴",
        connected: "●",
        away: "○",
        unknown: "·",
        focus: "▸",
        below: "▼",
        ellipsis: "…",
        separator: "·",
        sent: "…",
        stored: "✓",
        delivered: "✓✓",
        failed: "✗",
    };

    /// For terminals whose characters are not UTF-8.
    pub(super) const ASCII: Self = Self {
        rule: "-",
        column: "|",
        tee_down: "+",
        tee_up: "+",
        connected: "*",
        away: "o",
        unknown: ".",
        focus: ">",
        below: "v",
        ellipsis: "~",
        separator: "-",
        sent: "~",
        stored: "+",
        delivered: "++",
        failed: "x",
    };

    /// What they mean, in words.
    pub(super) fn explained(&self) -> Phrase {
        words::view_signs((self.sent, self.stored, self.delivered, self.failed), (self.connected, self.away))
    }

    pub(super) fn mark(&self, progress: Progress) -> &'static str {
        match progress {
            Progress::Sent => self.sent,
            Progress::Stored => self.stored,
            Progress::Delivered => self.delivered,
            Progress::Failed => self.failed,
        }
    }
}

/// Signs, and whether there are colours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub(super) glyphs: &'static Glyphs,
    pub(super) colours: bool,
}

impl Palette {
    pub(super) fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        let colour = |style: Style, colour: Color| if self.colours { style.fg(colour) } else { style };
        match tone {
            Tone::Text | Tone::Own => plain,
            Tone::Quiet => plain.add_modifier(Modifier::DIM),
            Tone::OwnName => colour(plain, Color::Cyan),
            Tone::PeerName | Tone::Title => plain.add_modifier(Modifier::BOLD),
            Tone::Question => plain.add_modifier(Modifier::BOLD),
            Tone::Notice => colour(plain, Color::Cyan),
            Tone::Warning => colour(plain, Color::Red).add_modifier(Modifier::BOLD),
            Tone::Unread => colour(plain, Color::Yellow).add_modifier(Modifier::BOLD),
            Tone::Good => colour(plain, Color::Green),
            Tone::Caution => colour(plain, Color::Yellow),
            Tone::Bad => colour(plain, Color::Red).add_modifier(Modifier::BOLD | Modifier::REVERSED),
            Tone::Marker => plain.add_modifier(Modifier::REVERSED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_there_are_none_and_what_matters_stands_out_all_the_same() {
        let bare = Palette { glyphs: &Glyphs::UNICODE, colours: false };
        let painted = Palette { colours: true, ..bare };
        for tone in [Tone::Warning, Tone::Bad, Tone::Unread, Tone::Good, Tone::Caution, Tone::Notice] {
            assert_eq!((bare.style(tone).fg, bare.style(tone).bg), (None, None), "{tone:?}");
            assert!(painted.style(tone).fg.is_some(), "{tone:?}");
        }
        for tone in [Tone::Warning, Tone::Bad, Tone::Unread, Tone::Question] {
            assert!(!bare.style(tone).add_modifier.is_empty(), "{tone:?}");
        }
    }
}
