//! Wire logs: lines in a chain.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use rok_deploy::clients::wire::WireRecord;
use rok_deploy::journal::chained_lines;

fuzz_target!(|bytes: &[u8]| {
    let (lines, _) = chained_lines(bytes, Path::new("wire.jsonl"));
    for line in lines {
        serde_json::from_slice::<WireRecord>(line).ok();
    }
});
