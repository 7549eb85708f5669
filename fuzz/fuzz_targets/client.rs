//! The client against any sequence of events and typed lines.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = securechat::client::fuzzing::client_against_server(data);
});
