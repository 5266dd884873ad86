//! Every target: the parser that the binary is named after.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(probe) = hostile::probe(env!("CARGO_BIN_NAME")) {
        (probe.read)(bytes);
    }
});
