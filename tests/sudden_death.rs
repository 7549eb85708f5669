//! Programs killed at moments that nobody chose: server and clients, in conversation, in `/passwd`, in a
//! registration, while an acknowledgement is on its way.
//!
//! `cargo test` plays a few rounds of each; `scripts/kill-rounds` a thousand. A failure names the seed that
//! plays the same rounds again (`SECURECHAT_SEED`), as far as a machine's own timing can be repeated.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

#[path = "sudden_death/accounts.rs"]
mod accounts;
#[path = "sudden_death/acknowledged.rs"]
mod acknowledged;
#[path = "sudden_death/conversations.rs"]
mod conversations;

use std::{
    env,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use common::{TestClient, TestServer};

/// Rounds of each kind in `cargo test`; `SECURECHAT_ROUNDS` asks for more.
const ROUNDS: usize = 5;

fn rounds() -> usize {
    env::var("SECURECHAT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

/// Moments and choices: xorshift64 (Marsaglia 2003), so that a seed says all.
struct Chance(u64);

impl Chance {
    fn new(kind: &str) -> Self {
        let given = env::var("SECURECHAT_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            now.as_secs() ^ (u64::from(now.subsec_nanos()) << 20)
        });
        println!("{kind}: SECURECHAT_SEED={seed}");
        Self(seed | 1)
    }

    /// Below `bound`.
    fn pick(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// Lets some time pass, at most so many milliseconds: the moment that nobody chose.
    fn waits(&mut self, most_ms: u64) {
        std::thread::sleep(Duration::from_micros(self.pick(most_ms * 1000)));
    }
}

/// Both dictionaries are whole, whatever the server was doing when it died.
fn dictionaries_are_valid(server: &TestServer) {
    for name in ["dico.json", "keys_dico.json"] {
        let path = server.data().join(name);
        if !path.exists() {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&text);
        assert!(parsed.is_ok_and(|value| value.is_object()), "{name}: {text}");
    }
}

/// Nobody was warned of what did not happen.
fn no_alarm(person: &TestClient) {
    for words in ["WARNING", "may be lying", "Someone may be between", "the server tried", "NOT SENT"] {
        person.never_saw(words);
    }
}
