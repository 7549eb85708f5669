//! A line of a conversation's log.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    securechat::server::fuzzing::log_line(data);
});
