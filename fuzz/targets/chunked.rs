//! Bodies in chunks, as S3 gets them: never more than what came in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::sandbox::aws::feed_chunked;

fuzz_target!(|body: &[u8]| feed_chunked(body));
