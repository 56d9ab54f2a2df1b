//! Encrypted files and lists of recipients: read or refused, never a panic. What is encrypted comes
//! back, and is then the same file.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rok_deploy::clients::sops::{
    AgeKeys, Format, Keyring, Recipients, Rule, open, recipients_of, reseal, seal,
};
use rok_deploy::engine::ports::{Clock as _, SystemClock};

static KEYS: LazyLock<AgeKeys> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keyring = Keyring::at(folder.path().join("age.key"));
    keyring
        .open_or_make(SystemClock.now())
        .expect("it is writable")
});

fuzz_target!(|text: &str| {
    let now = SystemClock.now();
    for format in [Format::Yaml, Format::Dotenv] {
        recipients_of(format, text).ok();
        open(format, "f", text, &KEYS).ok();
        let us = [KEYS.recipient()];
        if let Ok(sealed) = seal(format, "f", text, &us, &Rule::default(), now) {
            let opened = open(format, "f", &sealed, &KEYS).expect("what was sealed opens");
            let clear = opened.text.expose();
            let again = reseal(format, "f", &sealed, &KEYS, clear, &[], now);
            assert_eq!(again.expect("it is sealed again"), sealed);
        }
    }
    if let Ok(read) = Recipients::read(Some(text)) {
        assert_eq!(read.text(), text);
    }
});
