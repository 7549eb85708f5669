//! What the server called stored is there after it was killed; what is sent again is there once.

use std::{collections::BTreeMap, time::Duration};

use securechat::wire::{Body, Bytes, Event};

use crate::{
    Chance,
    common::{
        TestServer,
        wire_client::{Noise, WireClient, user},
    },
    dictionaries_are_valid, rounds,
};

/// Messages under way at a kill.
const FLIGHT: usize = 40;

/// One pair's sender, and what it knows to be stored.
struct Sender {
    client: WireClient,
    noise: Noise,
    sent: Vec<Body>,
    /// By the message's index: the number it was stored under.
    acknowledged: BTreeMap<usize, u64>,
}

impl Sender {
    fn sends_more(&mut self) {
        for _ in 0..FLIGHT {
            let body = self.noise.body(0);
            self.client.sends(&user("bob"), &body);
            self.sent.push(body);
        }
    }

    /// Takes every acknowledgement that came before the connection ended.
    fn hears_the_rest(&mut self) {
        while let Some(event) = self.client.next(Duration::from_secs(20)) {
            self.note(&event);
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Stored { counter, number, .. } => {
                let index = usize::try_from(*counter).unwrap();
                let before = self.acknowledged.insert(index, *number);
                assert!(before.is_none_or(|before| before == *number), "one message, two numbers");
            }
            Event::NotStored { counter, code, .. } => panic!("{counter} was not stored: {code:?}"),
            _ => {}
        }
    }

    /// Sends again what is not known to be stored, the same bytes, until all of it is.
    fn sends_again(&mut self) {
        for (index, body) in self.sent.iter().enumerate() {
            if !self.acknowledged.contains_key(&index) {
                self.client.sends(&user("bob"), body);
            }
        }
        while self.acknowledged.len() < self.sent.len() {
            let event = self.client.hears();
            self.note(&event);
        }
    }
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_after_it_and_nothing_is_there_twice() {
    let mut chance = Chance::new("acknowledged");
    let mut server = TestServer::starts();
    let mut alice = WireClient::registers(&server, "alice");
    let mut bob = WireClient::registers(&server, "bob");
    alice.agrees_with(&mut bob);
    bob.vanishes();
    let (noise, sent, acknowledged) = (Noise::new(), Vec::new(), BTreeMap::new());
    let mut sender = Sender { client: alice, noise, sent, acknowledged };
    for _ in 0..rounds() {
        sender.sends_more();
        chance.waits(6);
        server.is_killed();
        sender.hears_the_rest();
        dictionaries_are_valid(&server);
        server.restarts();
        sender.client = WireClient::logs_in(&server, "alice");
        let there = sender.client.reads_all(&user("bob"));
        for (index, number) in &sender.acknowledged {
            let entry = &there[usize::try_from(number - 1).unwrap()];
            assert_eq!((entry.number, &entry.body), (*number, &sender.sent[*index]));
        }
        sender.sends_again();
    }
    let there = sender.client.reads_all(&user("bob"));
    let bodies: Vec<&Body> = there.iter().map(|entry| &entry.body).collect();
    assert_eq!(bodies, sender.sent.iter().collect::<Vec<_>>(), "each once, in order");
    assert!(there.iter().zip(1..).all(|(entry, number)| entry.number == number));
    let zeros: Bytes<32> = Bytes([0; 32]);
    assert_ne!(there[0].body.header().stream.0[..], zeros.0[..16]);
}
