//! JSON as Resource Manager takes it, with comments: read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::sandbox::azure::feed_body;

fuzz_target!(|body: &[u8]| feed_body(body));
