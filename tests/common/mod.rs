//! What the end-to-end tests share: programs under test that read like people in a story.
//!
//! ```ignore
//! let server = TestServer::starts();
//! let mut alice = server.registers("alice");
//! let mut bob = server.registers("bob");
//! open_conversation(&mut alice, &mut bob);
//! alice.types("hello");
//! bob.sees("alice: hello");
//! ```
//!
//! Everything waits for words, nothing sleeps; what does not come within [`PATIENCE`] fails the test with all that was
//! said until then.

// Each test program uses a part of it; a test that fails panics.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod at_a_terminal;
pub mod client;
pub mod proxy;
pub mod pty;
pub mod server;
pub mod story;
pub mod tmux;
pub mod transcript;
pub mod wire_client;

use std::{
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

#[allow(unused_imports, reason = "each test program uses a part of it")]
pub use self::{
    client::TestClient,
    proxy::{Cut, Proxy, Way},
    pty::Pty,
    server::TestServer,
    story::{invite, open_conversation, password_of, reach_the_key},
    wire_client::{Noise, WireClient, user},
};

/// How long a test waits for what must come. Never waited out by a test that passes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at a process that is about to end, which nothing announces.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A command that runs another one: what that one's environment differs in is this one's.
pub fn has_the_environment_of(command: &mut Command, program: &Command) {
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// The program under test, without what the tests' own environment may say to it.
pub fn securechat() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("securechat"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SECURECHAT_") {
            command.env_remove(name);
        }
    }
    for locale in ["LC_ALL", "LC_MESSAGES"] {
        command.env_remove(locale);
    }
    command.env("LANG", "C").env_remove("NO_COLOR").env("RUST_BACKTRACE", "1");
    command
}

/// Words as they are found again where a narrow screen may have broken a line anywhere: without blanks and line ends.
fn unbroken(words: &str) -> String {
    words.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Waits for a process to end by itself.
fn wait_for(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait().expect("a process to wait for") {
            Some(status) => return Some(status),
            None if Instant::now() > deadline => return None,
            None => thread::sleep(LOOK_AGAIN),
        }
    }
}

/// Sends a signal by its name ("TERM").
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(sent.expect("the command kill").success(), "kill -{name}");
}
