//! What a check finds, in one line each.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::printable::Printable;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something is not as the server wrote it.
    Damage,
    /// Worth knowing; nothing is lost.
    Note,
}

/// One thing that was found: `conversations/alice+bob.txt:42: not a line of a conversation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// In which file.
    pub path: PathBuf,
    /// In which line, from 1, where it is about one.
    pub line: Option<u64>,
    /// What was found there.
    pub what: String,
    /// How bad it is.
    pub severity: Severity,
}

impl Finding {
    pub(super) fn damage(path: &Path, line: Option<u64>, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), severity: Severity::Damage }
    }

    pub(super) fn note(path: &Path, line: Option<u64>, what: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::damage(path, line, what) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", Printable::line(&self.path.to_string_lossy()))?;
        if let Some(line) = self.line {
            write!(out, "{line}:")?;
        }
        if self.severity == Severity::Note {
            write!(out, " note:")?;
        }
        write!(out, " {}", self.what)
    }
}
