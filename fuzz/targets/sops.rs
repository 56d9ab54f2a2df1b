//! Encrypted files, keys and recipients: read or refused. What is encrypted comes back, and is then
//! the same file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::clients::sops::{feed, feed_keys};

fuzz_target!(|bytes: &[u8]| {
    feed(bytes);
    feed_keys(bytes);
});
