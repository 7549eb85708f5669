//! The list of changes that `cargo mutants --list --json` writes.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

/// One change to one place.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// Its number, from 1; what `MUTANT` says to have it in force.
    pub id: u32,
    /// The index of its part on the command line.
    pub part: usize,
    /// The file, from the crate's folder.
    pub file: String,
    /// As cargo-mutants says it.
    pub name: String,
    /// What kind of change it is.
    pub genre: Genre,
    /// Where it begins and ends.
    start: Position,
    end: Position,
    /// The text that goes there.
    pub replacement: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Genre {
    FnValue,
    BinaryOperator,
    UnaryOperator,
    MatchArm,
    MatchArmGuard,
    StructField,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    file: String,
    genre: Genre,
    replacement: String,
    span: Span,
}

#[derive(Deserialize)]
struct Span {
    start: Position,
    end: Position,
}

/// Both from 1; columns are of characters.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Position {
    line: usize,
    column: usize,
}

/// Reads the list of one part; the numbers go on after those of the parts before.
pub fn read(path: &Path, part: usize, mutants: &mut Vec<Mutant>) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    for Listed { name, file, genre, replacement, span } in serde_json::from_str::<Vec<Listed>>(&text)? {
        let id = u32::try_from(mutants.len())? + 1;
        let Span { start, end } = span;
        mutants.push(Mutant { id, part, file, name, genre, start, end, replacement });
    }
    Ok(())
}

impl Mutant {
    /// The byte of the source at which it begins.
    pub fn start(&self, source: &str) -> Result<usize> {
        byte(source, self.start)
    }

    /// The source with this change and no other.
    pub fn applied(&self, source: &str) -> Result<String> {
        let (start, end) = (byte(source, self.start)?, byte(source, self.end)?);
        Ok(format!("{}{}{}", &source[..start], self.replacement, &source[end..]))
    }
}

fn byte(source: &str, Position { line, column }: Position) -> Result<usize> {
    let start: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let (at, _) = source[start..].char_indices().nth(column - 1).context("no such column")?;
    Ok(start + at)
}
