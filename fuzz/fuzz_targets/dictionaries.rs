//! `dico.json` and `keys_dico.json`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    securechat::server::fuzzing::dictionaries(data);
});
