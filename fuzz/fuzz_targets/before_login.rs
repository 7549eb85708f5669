//! What a client that has not logged in may send.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    securechat::server::fuzzing::before_login(data);
});
