//! What the editor draws besides the line: the text that waits above it, and a prompt that can change while it is typed.
//!
//! The editor knows no way to give a line another prompt, or to end one from outside, but by a key. So where it draws its
//! prompt for the bell, and only there, [`AboveThePrompt`] unwinds out of it: the prompt is cleared at that moment, what
//! was read is in the line, and the editor's own guards put the terminal's mode back. Whoever called it begins again with
//! the same line. It is no panic: no hook runs, and nothing is said.

use std::{
    borrow::Cow,
    cell::Cell,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustyline::{
    Context, Helper, Result,
    completion::Completer,
    highlight::{CmdKind, Highlighter},
    hint::Hinter,
    validate::Validator,
};

use super::super::{completion::Completion, mode, screen::Screen, wrap};

/// Moves the cursor to the screen's first row.
const TO_THE_TOP: &str = "\x1b[H";

/// What is unwound with: the line being typed should have another prompt.
pub(super) struct AnotherPrompt;

/// Draws what waits above the prompt, in the same write as the prompt. The editor measures from where its prompt begins,
/// so whole lines before it do not disturb it.
pub(super) struct AboveThePrompt {
    screen: Arc<Screen>,
    /// The line that ended is to be gone on with in the person's own editor.
    pub(super) elsewhere: Arc<AtomicBool>,
    /// The screen was cleared, and nothing was drawn above the line since: it begins on the first row, and the bell, which
    /// cannot go up from there, leaves it one row below.
    pub(super) at_the_top: Arc<AtomicBool>,
    /// The editor draws because of a key: it asked for a hint, or whether to highlight, and the bell does not.
    by_key: Cell<bool>,
}

impl AboveThePrompt {
    pub(super) fn new(screen: Arc<Screen>) -> Self {
        Self { screen, elsewhere: Arc::default(), at_the_top: Arc::default(), by_key: Cell::new(false) }
    }
}

impl Highlighter for AboveThePrompt {
    /// A pasted line may hold characters that would move the cursor. They have no width, so leaving them out moves
    /// nothing.
    fn highlight<'l>(&self, line: &'l str, cursor: usize) -> Cow<'l, str> {
        self.screen.draft_is(line, cursor);
        let harmful = |c: char| c.is_control() && c != '\n' && c != '\t';
        if line.contains(harmful) { Cow::Owned(line.replace(harmful, "")) } else { Cow::Borrowed(line) }
    }

    /// Called for every key, also where the line is not drawn anew.
    fn highlight_char(&self, line: &str, cursor: usize, _kind: CmdKind) -> bool {
        self.by_key.set(true);
        self.screen.draft_is(line, cursor);
        false
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, default: bool) -> Cow<'b, str> {
        let by_key = self.by_key.replace(false);
        if default && self.screen.wants_another_prompt(prompt) {
            if !by_key {
                resume_unwind(Box::new(AnotherPrompt));
            }
            self.screen.ring();
        }
        let above = self.screen.drawing();
        if self.at_the_top.load(Ordering::Relaxed) {
            self.at_the_top.store(above.is_empty(), Ordering::Relaxed);
            return Cow::Owned(format!("{TO_THE_TOP}{above}{prompt}"));
        }
        if above.is_empty() { Cow::Borrowed(prompt) } else { Cow::Owned(above + prompt) }
    }
}

impl Completer for AboveThePrompt {
    type Candidate = String;

    /// At most one candidate for the editor to put in place. A list would be drawn where the line is being typed, so it
    /// is shown above, as everything else.
    fn complete(&self, line: &str, cursor: usize, _context: &Context<'_>) -> Result<(usize, Vec<String>)> {
        Ok(match self.screen.known().complete(line, cursor) {
            Completion::Nothing => (cursor, Vec::new()),
            Completion::Becomes(start, word) => (start, vec![word]),
            Completion::AnyOf(words) => {
                let rows = wrap::rows(&words.join("  "), mode::columns(), 0);
                self.screen.note(&format!("{}\n", rows.join("\n")));
                (cursor, Vec::new())
            }
        })
    }
}

impl Hinter for AboveThePrompt {
    type Hint = String;

    fn hint(&self, _line: &str, _cursor: usize, _context: &Context<'_>) -> Option<String> {
        self.by_key.set(true);
        None
    }
}

impl Validator for AboveThePrompt {}

impl Helper for AboveThePrompt {}
