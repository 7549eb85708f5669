//! The terminal's mode, as it was found: put back at the end whatever a thread was doing in it.

#[cfg(unix)]
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use super::plain::Keys;

/// The mode standard input was found in; nothing when it is no terminal.
///
/// Threads that wait for a key cannot be stopped from outside, and their own clean-up does not run when the process
/// ends; so the mode is kept here.
#[derive(Debug, Clone)]
pub(super) struct SavedMode {
    #[cfg(unix)]
    found: Option<Termios>,
}

impl SavedMode {
    pub(super) fn of_standard_input() -> Self {
        Self {
            #[cfg(unix)]
            found: tcgetattr(rustix::stdio::stdin()).ok(),
        }
    }

    /// The keys that it has for lines, where it takes and shows whole lines by itself.
    pub(super) fn keys(&self) -> Option<Keys> {
        #[cfg(unix)]
        {
            let found = self.found.as_ref()?;
            let of = |code| found.special_codes[code];
            found.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO).then(|| Keys {
                erase: of(SpecialCodeIndex::VERASE),
                erase_word: of(SpecialCodeIndex::VWERASE),
                erase_line: of(SpecialCodeIndex::VKILL),
                say_again: of(SpecialCodeIndex::VREPRINT),
                end: of(SpecialCodeIndex::VEOF),
            })
        }
        #[cfg(not(unix))]
        None
    }

    /// As it was found. Errors are ignored, as in the others: a terminal that is gone needs no mode.
    pub(super) fn restore(&self) {
        #[cfg(unix)]
        if let Some(found) = &self.found {
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, found);
        }
    }

    /// For the time between two lines of the editor: keys are kept for the next one and not shown, or they would share
    /// a line with what is shown. Ctrl-C is a signal.
    pub(super) fn between_lines(&self) {
        #[cfg(unix)]
        self.set(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON);
    }

    /// For a hidden line: nothing is shown, and Ctrl-C and Ctrl-D are keys like any other. Set before its question is
    /// shown, so that no key is too early for it.
    pub(super) fn hide(&self) {
        #[cfg(unix)]
        self.set(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
    }

    /// For a view that takes every key by itself and draws every character by itself.
    pub(super) fn raw(&self) {
        #[cfg(unix)]
        if let Some(found) = &self.found {
            let mut mode = found.clone();
            mode.make_raw();
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &mode);
        }
    }

    /// As it was found, without these, and with each key on its own.
    #[cfg(unix)]
    fn set(&self, without: LocalModes) {
        if let Some(found) = &self.found {
            let mut mode = found.clone();
            mode.local_modes -= without;
            mode.special_codes[SpecialCodeIndex::VMIN] = 1;
            mode.special_codes[SpecialCodeIndex::VTIME] = 0;
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &mode);
        }
    }
}

/// How wide the terminal on standard output is now, in columns.
pub(super) fn columns() -> usize {
    /// Where the terminal does not say.
    const COLUMNS: u16 = 80;

    #[cfg(unix)]
    let columns = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).map_or(0, |size| size.ws_col);
    #[cfg(not(unix))]
    let columns = 0;
    usize::from(if columns == 0 { COLUMNS } else { columns })
}
