#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    cos_fuzz::readers::read("edid", bytes);
});
