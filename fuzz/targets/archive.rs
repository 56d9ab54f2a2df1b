//! Archives of runs: opened within bounds, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::journal::feed_archive;

fuzz_target!(|tar: &[u8]| feed_archive(tar));
