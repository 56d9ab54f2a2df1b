//! Kubeconfigs: their contexts, or a reason.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::clients::cluster::contexts;

fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("it can be written");
    contexts(Some(file.path())).ok();
});
