//! Env files: what is taken reads the same when it is written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::clients::envfile::feed;

fuzz_target!(|text: &[u8]| feed(text));
