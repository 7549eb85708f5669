//! What people see, in a real terminal emulator (tmux): whole screens, compared with the ones kept in `tests/screens/`.
//!
//! The goldens are also what the README shows. How to write them anew is said in `screens/stage.rs`.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

#[path = "screens/colours.rs"]
mod colours;
#[path = "screens/full_screen.rs"]
mod full_screen;
#[path = "screens/line.rs"]
mod line;
#[path = "screens/stage.rs"]
mod stage;
