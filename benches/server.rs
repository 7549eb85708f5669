//! The server: a line appended to a pair's log, a receiver found among those who are connected.

// What fails here ends the measurement.
#![allow(clippy::unwrap_used)]

use divan::{Bencher, black_box};
use securechat::{
    server::benching::{PairLog, People},
    wire::{Body, Bytes, Header, Pair, Username},
};

/// People who are connected.
const CROWDS: [usize; 3] = [10, 1_000, 10_000];

/// A frame of a message.
const FRAME: [u8; 400] = [b'x'; 400];

fn main() {
    divan::main();
}

fn name(number: usize) -> Username {
    format!("person{number:06}").parse().unwrap()
}

#[divan::bench]
fn append(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let (alice, bob) = (name(1), name(2));
    let log = PairLog::new(folder.path(), Pair::new(&alice, &bob).unwrap());
    let mut counter = 0;
    bencher
        .with_inputs(|| {
            let header = Header { epoch: 1, stream: Bytes([7; 16]), counter, previous: Bytes([0; 32]) };
            counter += 1;
            Body::new(&header, &[3; 128 + 16]).unwrap()
        })
        .bench_local_refs(|body| log.append(&alice, body).unwrap());
}

#[divan::bench(args = CROWDS)]
fn find_the_receiver(bencher: Bencher, crowd: usize) {
    let names: Vec<Username> = (0..crowd).map(name).collect();
    let people = People::new(&names);
    let receiver = name(crowd / 2);
    bencher.bench(|| people.deliver(black_box(&receiver), &FRAME));
}
