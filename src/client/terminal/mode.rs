//! The terminal's mode, as it was found: put back at the end whatever a thread was doing in it.

#[cfg(unix)]
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

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
    #[cfg(unix)]
    pub(super) fn of_standard_input() -> Self {
        Self { found: tcgetattr(rustix::stdio::stdin()).ok() }
    }

    /// As it was found. Errors are ignored: a terminal that is gone needs no mode.
    #[cfg(unix)]
    pub(super) fn restore(&self) {
        if let Some(found) = &self.found {
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, found);
        }
    }

    /// As it was found, but what is typed is not shown.
    #[cfg(unix)]
    pub(super) fn hide(&self) {
        if let Some(found) = &self.found {
            let mut hidden = found.clone();
            hidden.local_modes &= !LocalModes::ECHO;
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &hidden);
        }
    }

    #[cfg(not(unix))]
    pub(super) fn of_standard_input() -> Self {
        Self {}
    }

    #[cfg(not(unix))]
    pub(super) fn restore(&self) {}

    #[cfg(not(unix))]
    pub(super) fn hide(&self) {}
}
