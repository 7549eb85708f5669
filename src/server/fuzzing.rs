//! What the server reads of strangers and of its own disk, for the fuzzer and its twins. Compiled for tests
//! and for cargo-fuzz only.
// A broken expectation here is the finding: it has to end the run.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::sync::LazyLock;

use super::{
    accounts::{self, Accounts},
    fail_stop::FailStop,
    keyring, log_line,
};
use crate::{
    crypto::login,
    wire::{Frames, Request, limits::FRAME_BYTES_MAX_BEFORE_LOGIN},
};

const EXPORTER: login::Exporter = [7; 32];

/// Bytes of a client that has not logged in, in reads of any size: nothing is held beyond the limit, and
/// nothing but a signature over this connection by the account's key logs in.
///
/// # Panics
/// When something does not hold that must.
pub fn before_login(input: &[u8]) {
    static ACCOUNTS: LazyLock<Accounts> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Accounts::load(folder.path(), FailStop::default()).expect("no accounts")
    });
    let mut frames = Frames::new(FRAME_BYTES_MAX_BEFORE_LOGIN);
    let Some((size, bytes)) = input.split_first() else { return };
    for read in bytes.chunks(usize::from(*size).max(1)) {
        frames.push(read);
        loop {
            match frames.take::<Request>() {
                Ok(Some(Request::Login { username, signature })) => {
                    assert!(
                        ACCOUNTS.verify_login(&username, &EXPORTER, &signature).is_none(),
                        "nobody has an account"
                    );
                }
                Ok(Some(Request::Register { username, login_key, signature, .. })) => {
                    // Right only for who has the key: and then for this name and connection only.
                    if login::verify_register(&login_key, &username, &EXPORTER, &signature) {
                        assert!(!login::verify_login(&login_key, &username, &EXPORTER, &signature));
                        assert!(!login::verify_register(&login_key, &username, &[8; 32], &signature));
                    }
                }
                // The connection ends.
                Ok(Some(_)) | Err(_) => return,
                Ok(None) => break,
            }
        }
    }
}

/// `dico.json` and `keys_dico.json`: what is read is written in one form, which is read as the same.
///
/// # Panics
/// When something does not hold that must.
pub fn dictionaries(input: &[u8]) {
    type Rewritten = fn(&[u8]) -> Option<Vec<u8>>;
    for rewritten in [accounts::rewritten as Rewritten, keyring::rewritten] {
        if let Some(text) = rewritten(input) {
            assert_eq!(rewritten(&text).as_ref(), Some(&text), "written in one form");
        }
    }
}

/// A line of a log: read only in the one form in which it is written.
///
/// # Panics
/// When something does not hold that must.
pub fn log_line(input: &[u8]) {
    if let Some(entry) = log_line::read(input) {
        assert_eq!(log_line::write(&entry), [input, b"\n"].concat(), "one form");
        assert!(input.len() < log_line::LINE_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(json: &str) -> Vec<u8> {
        [&u32::try_from(json.len()).unwrap().to_be_bytes(), json.as_bytes()].concat()
    }

    /// Bytes of a file with a few of them changed.
    fn near(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4).prop_map(move |changes| {
            let mut bytes = text.as_bytes().to_vec();
            for (at, byte) in changes {
                *at.get_mut(&mut bytes) = byte;
            }
            bytes
        })
    }

    const ACCOUNTS: &str = include_str!("../../fuzz/corpus/dictionaries/accounts");
    const KEYS: &str = include_str!("../../fuzz/corpus/dictionaries/keys");
    const LINE: &str = include_str!("../../fuzz/corpus/log_line/line");

    #[test]
    fn the_seeds_are_what_they_are_seeds_of() {
        assert!(accounts::rewritten(ACCOUNTS.as_bytes()).is_some());
        assert!(keyring::rewritten(KEYS.as_bytes()).is_some());
        assert!(log_line::read(LINE.as_bytes()).is_some());
    }

    #[test]
    fn a_registration_by_a_key_of_small_order_is_by_nobody() {
        before_login(include_bytes!("../../fuzz/corpus/before_login/key_of_small_order"));
    }

    proptest! {
        #[test]
        fn any_bytes_before_a_login_are_no_login(
            size: u8, bytes in prop::collection::vec(any::<u8>(), 0..200), length in 0..6000_u32,
        ) {
            let announced = [&length.to_be_bytes(), bytes.as_slice()].concat();
            let json = frame(&String::from_utf8_lossy(&bytes));
            for bytes in [bytes, announced, json] {
                before_login(&[[size].as_slice(), &bytes].concat());
            }
        }

        #[test]
        fn any_json_is_a_dictionary_in_one_form_or_none(
            bytes in prop_oneof![near(ACCOUNTS), near(KEYS), prop::collection::vec(any::<u8>(), 0..100)],
        ) {
            dictionaries(&bytes);
        }

        #[test]
        fn any_line_is_an_entry_in_one_form_or_none(
            bytes in prop_oneof![near(LINE), prop::collection::vec(any::<u8>(), 0..100)],
        ) {
            log_line(&bytes);
        }
    }
}
