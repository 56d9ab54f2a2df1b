//! Policy documents: the same as themselves, also written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::steps::aws::policy::feed;

fuzz_target!(|text: &[u8]| feed(text));
