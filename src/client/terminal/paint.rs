//! Emphasis, where a terminal has colours.

/// Whose words a line is, or how urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emphasis {
    /// As it is.
    Plain,
    /// Something may be wrong, and the person should look.
    Warning,
    /// The person's own words.
    Own,
    /// The other's words.
    Peer,
    /// The client's own words about what happens.
    Notice,
}

const RESET: &str = "\x1b[0m";

impl Emphasis {
    /// The SGR sequence (ECMA-48 section 8.3.117) that begins it. Only attributes and the eight colours every terminal
    /// has, none of which vanishes on a light or a dark background.
    fn begin(self) -> &'static str {
        match self {
            Self::Plain | Self::Peer => "",
            Self::Warning => "\x1b[1;31m",
            Self::Own => "\x1b[2m",
            Self::Notice => "\x1b[36m",
        }
    }
}

/// Whether emphasis is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    colours: bool,
}

impl Paint {
    /// Colours on a terminal, unless `NO_COLOR` is set to anything (<https://no-color.org>).
    pub(super) fn choose(terminal_has_colours: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colours: terminal_has_colours && !refused }
    }

    pub(super) fn has_colours(self) -> bool {
        self.colours
    }

    /// Never colours.
    pub(super) const fn none() -> Self {
        Self { colours: false }
    }

    /// The text as whole lines, each with its end, each emphasised by itself: a line that scrolls away or is copied
    /// carries its own reset.
    pub(super) fn lines(self, emphasis: Emphasis, text: &str) -> String {
        let begin = if self.colours { emphasis.begin() } else { "" };
        let reset = if begin.is_empty() { "" } else { RESET };
        let text = text.strip_suffix('\n').unwrap_or(text);
        text.split('\n').fold(String::with_capacity(text.len() + 16), |mut lines, line| {
            lines.push_str(begin);
            lines.push_str(line);
            lines.push_str(reset);
            lines.push('\n');
            lines
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_whole_and_carries_its_own_emphasis() {
        let colours = Paint { colours: true };
        assert_eq!(colours.lines(Emphasis::Warning, "a\nb"), "\x1b[1;31ma\x1b[0m\n\x1b[1;31mb\x1b[0m\n");
        assert_eq!(colours.lines(Emphasis::Plain, "a\n"), "a\n");
        assert_eq!(Paint::none().lines(Emphasis::Warning, "a\n\nb\n"), "a\n\nb\n");
        assert_eq!(Paint::none().lines(Emphasis::Plain, ""), "\n");
    }
}
