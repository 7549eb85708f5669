//! Pairs of the product's own protocol, at the product and at the relays.

use anyhow::{Result, anyhow};

use crate::{
    crowd::{Crowd, Way, name},
    line::Line,
    noise::Noise,
    person::Entrance,
    talk::{Heard, Ready, Tongue},
};

/// The two events that are counted. They are told apart by their first bytes: to parse 300,000 frames a
/// second would make this process the bottleneck.
const MESSAGE: &[u8] = b"{\"message\":";
const STORED: &[u8] = b"{\"stored\":";

/// Events after which nothing can be counted any more; all others, as of who comes and goes, are passed over.
const FAILURES: [&str; 5] = ["not_stored", "error", "closed", "taken_over", "stopping"];

/// Logs in both of each pair and opens their conversations.
pub fn prepare(way: &Way, pairs: &[usize], text_bytes: usize) -> Result<Vec<Ready>> {
    let names = pairs.iter().flat_map(|pair| [name('a', *pair), name('b', *pair)]);
    let names = names.collect::<Result<Vec<_>>>()?;
    let mut crowd = Crowd::arrives(way, names.into_iter(), Entrance::Login)?;
    if way.meets {
        crowd.meets(pairs.len(), false)?;
    }
    let mut people = crowd.people.into_iter();
    let mut ready = Vec::new();
    while let (Some(sender), Some(receiver)) = (people.next(), people.next()) {
        let tongue = Box::new(Noise::new(&receiver.name, text_bytes)?);
        ready.push(Ready { lines: [sender.line, receiver.line], tongue });
    }
    Ok(ready)
}

impl Tongue for Noise {
    fn say(&mut self, line: &mut Line) -> Result<()> {
        line.say(self.next_frame())
    }

    fn hear(&mut self, line: &mut Line) -> Result<Heard> {
        let mut heard = Heard::default();
        while let Some(json) = line.frame() {
            if json.starts_with(MESSAGE) {
                heard.delivered += 1;
            } else if json.starts_with(STORED) {
                heard.stored += 1;
            } else if is_a_failure(json) {
                return Err(anyhow!("the server said {}", String::from_utf8_lossy(json)));
            }
        }
        Ok(heard)
    }
}

fn is_a_failure(json: &[u8]) -> bool {
    let name = json.get(2..).unwrap_or_default();
    FAILURES.iter().any(|failure| name.starts_with(failure.as_bytes()))
}

#[cfg(test)]
mod tests {
    use securechat::wire::{ErrorCode, Event};

    use super::*;

    #[test]
    fn what_ends_a_measurement_is_told_from_what_does_not() {
        let of = |event: &Event| is_a_failure(&serde_json::to_vec(event).unwrap());
        assert!(of(&Event::Stopping {}));
        assert!(of(&Event::Error { code: ErrorCode::NotOpen, peer: None }));
        assert!(!of(&Event::Invited { peer: "bob".parse().unwrap() }));
    }
}
