//! To come.

pub mod terminal;
