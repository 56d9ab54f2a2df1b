//! Objects and patches in the encodings of Kubernetes: read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::sandbox::cluster::feed_body;

fuzz_target!(|body: &[u8]| feed_body(body));
