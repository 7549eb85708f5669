//! What a program said, collected while it speaks.

use std::{
    io::{ErrorKind, Read},
    sync::Arc,
    thread,
    time::Instant,
};

use parking_lot::{Condvar, Mutex};

use super::PATIENCE;

/// Everything that came out of one stream so far; a clone is the same transcript.
#[derive(Clone, Default)]
pub struct Transcript(Arc<Shared>);

#[derive(Default)]
struct Shared {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    ended: bool,
}

impl Transcript {
    /// Collects a stream until it ends, on a thread of its own.
    pub fn of(mut stream: impl Read + Send + 'static) -> Self {
        let transcript = Self::default();
        let collected = transcript.clone();
        thread::spawn(move || {
            let mut chunk = [0_u8; 8192];
            loop {
                let read = match stream.read(&mut chunk) {
                    Ok(read) => read,
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(_) => 0,
                };
                let mut said = collected.0.said.lock();
                said.bytes.extend_from_slice(&chunk[..read]);
                said.ended = read == 0;
                collected.0.more.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        transcript
    }

    /// What was said so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.said.lock().bytes).into_owned()
    }

    /// Waits for the first of several words at or after `from`, a position in bytes: which of them, and where they end.
    /// `None` when they did not come in time, or cannot come because the stream ended.
    pub fn find(&self, from: usize, words: &[&str]) -> Option<(usize, usize)> {
        let deadline = Instant::now() + PATIENCE;
        let mut said = self.0.said.lock();
        loop {
            if let Some(found) = first_of(&said.bytes, from, words) {
                return Some(found);
            }
            if said.ended || self.0.more.wait_until(&mut said, deadline).timed_out() {
                return first_of(&said.bytes, from, words);
            }
        }
    }

    /// Waits for the stream's end; whether it came in time.
    pub fn ends(&self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut said = self.0.said.lock();
        while !said.ended {
            if self.0.more.wait_until(&mut said, deadline).timed_out() {
                return said.ended;
            }
        }
        true
    }

    /// The bytes between two positions, as text.
    pub fn between(&self, from: usize, to: usize) -> String {
        let said = self.0.said.lock();
        String::from_utf8_lossy(said.bytes.get(from..to).unwrap_or_default()).into_owned()
    }
}

/// The words that come first; of two that begin at the same place, the longer.
fn first_of(bytes: &[u8], from: usize, words: &[&str]) -> Option<(usize, usize)> {
    let rest = bytes.get(from..)?;
    let places = words.iter().enumerate().filter_map(|(which, words)| {
        let at = find(rest, words.as_bytes())?;
        Some((at, std::cmp::Reverse(words.len()), which))
    });
    let (at, length, which) = places.min()?;
    Some((which, from + at + length.0))
}

fn find(bytes: &[u8], words: &[u8]) -> Option<usize> {
    assert!(!words.is_empty(), "words to wait for");
    bytes.windows(words.len()).position(|window| window == words)
}
