//! Env files: what is taken reads the same when it is written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::clients::envfile::{parse, quote};

fuzz_target!(|text: &str| {
    if let Ok(read) = parse("env", text) {
        let line = |(name, value): &(String, String)| format!("{name}={}\n", quote(value));
        let written: String = read.iter().map(line).collect();
        assert_eq!(parse("env", &written), Ok(read));
    }
});
