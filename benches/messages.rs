//! Messages: sealed and opened, in the sizes that padding makes.

// What fails here ends the measurement.
#![allow(clippy::unwrap_used)]

use divan::{Bencher, black_box, counter::BytesCount};
use securechat::{
    crypto::{
        agreement::{self, Members},
        conversation_key::ConversationKey,
        key_file::{KdfCost, KeyFile, Password, Unlocked},
        session::{Plain, Stream, open},
    },
    wire::{Bytes, Username},
};

/// Bytes of text: the smallest padding, one step, and the longest.
const TEXTS: [usize; 3] = [20, 200, 16_384];

/// What precedes the first message.
const NOTHING: Bytes<32> = Bytes([0; 32]);

fn main() {
    divan::main();
}

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

fn keys(of: &str) -> Unlocked {
    let password = Password::new("a password".to_owned()).unwrap();
    KeyFile::create(&name(of), &password, KdfCost::FLOOR).unwrap().1
}

/// A key on which two people agreed.
fn key() -> ConversationKey {
    let (alice, bob) = (keys("alice"), keys("bob"));
    let members = Members::new(name("alice"), name("bob")).unwrap();
    let (offering, offer) = agreement::offer(&alice.identity, &members, 1).unwrap();
    let (_, reply) = agreement::reply(&bob.identity, &members, &offer).unwrap();
    offering.receive(&alice.identity, &reply).unwrap().0.into_key()
}

fn plain(text_bytes: usize) -> Plain {
    Plain { sent: 1_800_000_000_123, seen: None, text: "x".repeat(text_bytes) }
}

#[divan::bench(args = TEXTS)]
fn seal(bencher: Bencher, text_bytes: usize) {
    let mut stream = Stream::start(&key(), &name("alice")).unwrap();
    let plain = plain(text_bytes);
    let bencher = bencher.counter(BytesCount::new(text_bytes));
    bencher.bench_local(|| stream.seal(&NOTHING, black_box(&plain)));
}

#[divan::bench(args = TEXTS)]
fn open_a_message(bencher: Bencher, text_bytes: usize) {
    let (key, alice) = (key(), name("alice"));
    let body = Stream::start(&key, &alice).unwrap().seal(&NOTHING, &plain(text_bytes)).unwrap();
    bencher.counter(BytesCount::new(text_bytes)).bench(|| open(&key, &alice, black_box(&body)));
}
