//! What the end-to-end tests share: programs under test that read like people in a story.

// Each test program uses a part of it; a test that fails panics.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod pty;

use std::time::Duration;

/// How long a test waits for what must come. Never waited out by a test that passes.
pub const PATIENCE: Duration = Duration::from_secs(30);
