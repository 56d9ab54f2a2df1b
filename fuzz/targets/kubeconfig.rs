//! Kubeconfigs: their contexts, and how to reach them, or a reason without a secret.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::clients::cluster::feed_kubeconfig;

fuzz_target!(|text: &[u8]| feed_kubeconfig(text));
