//! Archives of runs: opened within bounds, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::journal::Archive;

fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("it can be written");
    if let Ok(archive) = Archive::open(file.path()) {
        for (name, _) in archive.files() {
            assert!(!name.contains(".."), "{name}");
        }
    }
});
