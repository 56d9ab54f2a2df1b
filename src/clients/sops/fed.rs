//! What holds for all files, whoever wrote them: fed by tests and by `fuzz/`.

use std::sync::LazyLock;

use super::{AgeKeys, Format, Keyring, Recipients, Rule, keys, open, recipients_of, reseal, seal};

const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

static KEYS: LazyLock<AgeKeys> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keyring = Keyring::at(folder.path().join("age.key"));
    keyring.open_or_make(NOW).expect("it is writable")
});

/// A file that is taken can be encrypted and comes back meaning the same, and nothing panics.
pub fn feed(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for format in [Format::Yaml, Format::Dotenv] {
        recipients_of(format, text).ok();
        open(format, "f", text, &KEYS).ok();
        let us = [KEYS.recipient()];
        if let Ok(sealed) = seal(format, "f", text, &us, &Rule::default(), NOW) {
            let opened = open(format, "f", &sealed, &KEYS).expect("what was sealed opens");
            let clear = opened.text.expose();
            let again = reseal(format, "f", &sealed, &KEYS, clear, &[], NOW);
            assert_eq!(again.expect("it is sealed again"), sealed);
        }
    }
}

/// A file of keys, or of recipients, is taken or refused without being quoted.
pub fn feed_keys(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(trouble) = keys::parse(&text) {
        assert!(!trouble.to_string().contains("canary"), "{trouble}");
    }
    match Recipients::read(Some(&text)) {
        Ok(read) => assert_eq!(read.text(), text),
        Err(trouble) => assert!(!trouble.to_string().contains("canary"), "{trouble}"),
    }
}
