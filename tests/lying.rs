//! A server that lies, and what people see of it.
//!
//! In most of these tests the test itself is the server: it holds the server's end of each real client's
//! connection ([`liar::Line`]), says what it likes and hears what the client answers. Who is not a real
//! client is an [`impostor::Impostor`], with the cryptography and none of the manners. Where the lie is
//! in what is stored, the real server is stopped, its files are edited as its operator could, and it is
//! started again (`stored_files`).
//!
//! Each test is named by what a person sees. Each ends with words or requests that could not have come
//! had the lie been believed.

// A test that fails panics; an enum of the wire is taken apart where one variant is right.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "lying/impostor.rs"]
mod impostor;
#[path = "lying/liar.rs"]
mod liar;
#[path = "lying/stored.rs"]
mod stored;

#[path = "lying/agreements.rs"]
mod agreements;
#[path = "lying/conversations.rs"]
mod conversations;
#[path = "lying/days.rs"]
mod days;
#[path = "lying/histories.rs"]
mod histories;
#[path = "lying/nonsense.rs"]
mod nonsense;
#[path = "lying/reopening.rs"]
mod reopening;
#[path = "lying/several.rs"]
mod several;
#[path = "lying/silent_runs.rs"]
mod silent_runs;
#[path = "lying/stored_keys.rs"]
mod stored_keys;
#[path = "lying/stored_logs.rs"]
mod stored_logs;
