//! Journals: what is taken can be followed to its end.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use rok_deploy::engine::RunState;
use rok_deploy::journal::parse;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(sound) = parse(bytes, Path::new("journal.jsonl")) {
        RunState::of(&sound.journal.events);
    }
});
