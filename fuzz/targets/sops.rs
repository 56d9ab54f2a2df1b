//! Encrypted files and lists of recipients: read or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rok_deploy::clients::sops::{Format, Recipients, recipients_of};

fuzz_target!(|text: &str| {
    for format in [Format::Yaml, Format::Dotenv] {
        recipients_of(format, text).ok();
    }
    if let Ok(read) = Recipients::read(Some(text)) {
        assert_eq!(read.text(), text);
    }
});
