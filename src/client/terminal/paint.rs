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
    /// Where a day begins.
    Day,
}

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";

impl Emphasis {
    /// The SGR sequence (ECMA-48 section 8.3.117) that begins it. Only attributes and the eight colours every terminal
    /// has, none of which vanishes on a light or a dark background.
    fn begin(self) -> &'static str {
        match self {
            Self::Plain | Self::Peer => "",
            Self::Warning => "\x1b[1;31m",
            Self::Own | Self::Day => DIM,
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
    /// Colours on a terminal that has them, unless the person's environment says otherwise.
    pub(super) fn choose(terminal_has_colours: bool) -> Self {
        Self { colours: terminal_has_colours && wanted(|name| std::env::var(name).ok()) }
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

    /// The rows of a message, `[14:03] bob: ...`, as whole lines: its time is dim, and the name of whoever is not this
    /// person stands out.
    pub(super) fn message(self, own: bool, rows: &str) -> String {
        let header = rows.split_once("] ").and_then(|(time, rest)| Some((time, rest.split_once(": ")?)));
        let Some((time, (name, text))) = header.filter(|(_, (name, _))| self.colours && !name.contains('\n'))
        else {
            return self.lines(Emphasis::Plain, rows);
        };
        let begin = if own { DIM } else { BOLD };
        self.lines(Emphasis::Plain, &format!("{DIM}{time}]{RESET} {begin}{name}:{RESET} {text}"))
    }
}

/// `NO_COLOR` set to anything refuses colours (<https://no-color.org>), `CLICOLOR=0` does, too, and `CLICOLOR_FORCE`
/// overrules only that (<https://bixense.com/clicolors>).
fn wanted(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name| variable(name).is_some_and(|value| !value.is_empty());
    let forced = set("CLICOLOR_FORCE") && variable("CLICOLOR_FORCE").as_deref() != Some("0");
    !set("NO_COLOR") && (forced || variable("CLICOLOR").as_deref() != Some("0"))
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
    #[test]
    fn a_message_has_the_same_words_with_colours_and_without() {
        let rows = "[14:03] bob: [14:04] carol: x\n        y";
        assert_eq!(Paint::none().message(false, rows), format!("{rows}\n"));
        assert_eq!(
            Paint { colours: true }.message(false, rows),
            "\x1b[2m[14:03]\x1b[0m \x1b[1mbob:\x1b[0m [14:04] carol: x\n        y\n"
        );
        assert_eq!(
            Paint { colours: true }.message(true, "[14:03] alice: x"),
            "\x1b[2m[14:03]\x1b[0m \x1b[2malice:\x1b[0m x\n"
        );
    }

    #[test]
    fn the_environment_can_refuse_colours() {
        for (environment, colours) in [
            (&[][..], true),
            (&[("NO_COLOR", "1")], false),
            (&[("NO_COLOR", "")], true),
            (&[("CLICOLOR", "0")], false),
            (&[("CLICOLOR", "1")], true),
            (&[("CLICOLOR", "0"), ("CLICOLOR_FORCE", "1")], true),
            (&[("CLICOLOR", "0"), ("CLICOLOR_FORCE", "0")], false),
            (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false),
        ] {
            let variable = |name: &str| {
                environment.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(wanted(variable), colours, "{environment:?}");
        }
    }
}
