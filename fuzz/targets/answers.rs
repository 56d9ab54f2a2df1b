//! Answers files: taken, or refused with a reason.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use rok_deploy::settings::Sources;

fuzz_target!(|text: &[u8]| {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("it can be written");
    if let Err(failure) = Sources::read(&[], Some(file.path()), BTreeMap::new()) {
        assert!(!failure.problems.is_empty());
    }
});
