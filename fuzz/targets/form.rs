//! Forms that ask AWS for something: read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::sandbox::aws::feed_form;

fuzz_target!(|body: &[u8]| feed_form(body));
