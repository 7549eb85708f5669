//! The twins of the fuzz targets in fuzz/: the same checks, on inputs that proptest makes.
//!
//! Those of the server's and the client's insides are beside the code: `server::fuzzing`, `client::fuzzing`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::{collection::vec, prelude::*};

#[path = "../fuzz/checks.rs"]
mod checks;

/// A target: what it does with an input.
type Check = fn(&[u8]);

const SEEDS: [(&str, Check); 7] = [
    ("frame", checks::frame),
    ("key_file", checks::key_file),
    ("message_body", checks::message_body),
    ("names", checks::names),
    ("printable", checks::printable),
    ("recovery_form", checks::recovery_form),
    ("send", checks::send),
];

/// Bytes that are near one of a target's seeds, or any.
fn near_a_seed(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds: Vec<_> = seeds(target).into_iter().filter(|seed| !seed.is_empty()).collect();
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let near = (prop::sample::select(seeds), changes).prop_map(|(mut seed, changes)| {
        for (at, byte) in changes {
            *at.get_mut(&mut seed) = byte;
        }
        seed
    });
    prop_oneof![near, vec(any::<u8>(), 0..300)]
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn every_seed_passes_its_check() {
    for (target, check) in SEEDS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target}");
        seeds.iter().for_each(|seed| check(seed));
    }
}

proptest! {
    #[test]
    fn any_bytes_as_frames(bytes in near_a_seed("frame"), cut: u8) {
        checks::frame(&[[cut].as_slice(), &bytes].concat());
    }

    #[test]
    fn any_bytes_as_a_send_read_by_hand(bytes in near_a_seed("send"), cut: u8) {
        checks::send(&bytes);
        checks::send(&[[cut].as_slice(), &bytes].concat());
    }

    #[test]
    fn any_bytes_as_a_key_file(bytes in near_a_seed("key_file")) {
        checks::key_file(&bytes);
    }

    #[test]
    fn any_bytes_as_a_recovery_form(bytes in near_a_seed("recovery_form")) {
        checks::recovery_form(&bytes);
    }

    #[test]
    fn any_bytes_as_a_message_body(bytes in near_a_seed("message_body")) {
        checks::message_body(&bytes);
    }

    #[test]
    fn any_bytes_as_names(bytes in near_a_seed("names"), text in "[a-z0-9._+-]{0,40}") {
        checks::names(&bytes);
        checks::names(text.as_bytes());
    }

    #[test]
    fn any_text_made_printable(bytes in near_a_seed("printable"), text in any::<String>()) {
        checks::printable(&bytes);
        checks::printable(text.as_bytes());
    }
}
