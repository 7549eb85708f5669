//! Frames: from a message to bytes and back, of the two that a server sees most and of a full page.

// What fails here ends the measurement.
#![allow(clippy::unwrap_used)]

use chrono::DateTime;
use divan::{Bencher, black_box, counter::BytesCount};
use securechat::wire::{Body, Bytes, Entry, Event, Frames, Header, Request, encode, limits::FRAME_BYTES_MAX};

/// The smallest body, and one of the longest text.
const CIPHERTEXTS: [usize; 2] = [128 + 16, 16_640 + 16];

/// Entries of a page.
const PAGE: u64 = 150;

fn main() {
    divan::main();
}

fn body(ciphertext_bytes: usize) -> Body {
    let header = Header { epoch: 1, stream: Bytes([7; 16]), counter: 9, previous: Bytes([5; 32]) };
    Body::new(&header, &vec![3; ciphertext_bytes]).unwrap()
}

fn send(ciphertext_bytes: usize) -> Request {
    Request::Send { peer: "bob".parse().unwrap(), body: body(ciphertext_bytes) }
}

fn entry(number: u64) -> Entry {
    let time = DateTime::from_timestamp_millis(1_800_000_000_123).unwrap();
    Entry { number, time, sender: "alice".parse().unwrap(), body: body(128 + 16) }
}

#[divan::bench(args = CIPHERTEXTS)]
fn encode_a_send(bencher: Bencher, ciphertext_bytes: usize) {
    let request = send(ciphertext_bytes);
    let length = encode(&request, FRAME_BYTES_MAX).unwrap().len();
    bencher.counter(BytesCount::new(length)).bench(|| encode(black_box(&request), FRAME_BYTES_MAX));
}

#[divan::bench(args = CIPHERTEXTS)]
fn decode_a_send(bencher: Bencher, ciphertext_bytes: usize) {
    let frame = encode(&send(ciphertext_bytes), FRAME_BYTES_MAX).unwrap();
    let mut frames = Frames::new(FRAME_BYTES_MAX);
    bencher.counter(BytesCount::new(frame.len())).bench_local(|| {
        frames.push(black_box(&frame));
        frames.take::<Request>()
    });
}

#[divan::bench]
fn encode_a_message(bencher: Bencher) {
    let event = Event::Message { peer: "alice".parse().unwrap(), entry: entry(42) };
    bencher.bench(|| encode(black_box(&event), FRAME_BYTES_MAX));
}

#[divan::bench]
fn decode_a_page(bencher: Bencher) {
    let entries = (1..=PAGE).map(entry).collect();
    let event = Event::Entries { peer: "alice".parse().unwrap(), entries, last: PAGE };
    let frame = encode(&event, FRAME_BYTES_MAX).unwrap();
    let mut frames = Frames::new(FRAME_BYTES_MAX);
    bencher.counter(BytesCount::new(frame.len())).bench_local(|| {
        frames.push(black_box(&frame));
        frames.take::<Event>()
    });
}
