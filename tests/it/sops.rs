//! Encrypted files against others that know the format: SOPS itself (its library in Go), sops-age (in
//! TypeScript), and the format written anew in Python. Each reads what we write, and we read what is written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rok_deploy::clients::sops::{AgeKeys, Format, Keyring, Recipient, Rule, open, reseal, seal};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::env::finish;
use crate::support::peers;

const WITHIN: Duration = Duration::from_mins(2);

/// What is held in YAML: what a patch of ours holds, and what others may.
const YAML: &str = "\
# Head.
spec:
  configVars: # inline
    daemons.s3d.bucket_prefix: rok
    daemons.s3d.aws.access_key_id: \"00112233445566778899aabbccddeeff\"
    daemons.s3d.aws.secret_access_key: '1e5' # note
  # In spec.
  numbers: [1, -7, 2.5, true, false, ~]
  texts:
  - plain
  - \"two\\nlines: é ✓\"
  - ''
  # One > two.
  - | # behind
    lines
last_unencrypted: 3
";

const DOTENV: &str =
    "# Head.\nS3PROXY_IDENTITY=0011\n\nS3PROXY_CREDENTIAL=a=b #c\nTWO=x\\ny\nNONE=\n";

struct Place {
    folder: TempDir,
    keys: AgeKeys,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let keyring = Keyring::at(folder.path().join("age.key"));
        let keys = keyring.open_or_make(jiff::Timestamp::now());
        Self {
            keys: keys.expect("a key is made"),
            folder,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, text: &str) -> PathBuf {
        let path = self.path().join("file");
        fs::write(&path, text).expect("it is writable");
        path
    }

    fn sealed(&self, format: Format, text: &str, rule: &Rule) -> String {
        let recipients = [Self::new().keys.recipient(), self.keys.recipient()];
        seal(
            format,
            "file",
            text,
            &recipients,
            rule,
            jiff::Timestamp::now(),
        )
        .expect("it is sealed")
    }

    fn opened(&self, format: Format, text: &str) -> String {
        let opened = open(format, "file", text, &self.keys).expect("it opens");
        opened.text.expose().to_owned()
    }

    /// What a reader says that a file holds, or its refusal.
    fn read_by(&self, mut reader: Command, form: &str, text: &str) -> Result<Value, String> {
        reader.arg(form).arg(self.path().join("age.key"));
        let output = finish(reader.arg(self.file(text)), WITHIN);
        if output.status.success() {
            Ok(serde_json::from_str(&output.stdout).expect("it prints JSON"))
        } else {
            Err(output.stderr)
        }
    }

    fn reference(&self, verb: &str) -> Command {
        let mut command = peers::sops_reference(self.path());
        command.arg(verb);
        command
    }
}

/// A document by flat names, as SOPS's Lambda tells it.
fn flat(value: &Value, name: &str, into: &mut serde_json::Map<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let dot = if name.is_empty() { "" } else { "." };
                flat(value, &format!("{name}{dot}{key}"), into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flat(item, &format!("{name}[{index}]"), into);
            }
        }
        value => {
            into.insert(name.to_owned(), value.clone());
        }
    }
}

fn held(yaml: &str) -> Value {
    serde_yaml::from_str(yaml).expect("it is YAML")
}

fn rules() -> [Rule; 2] {
    [
        Rule::default(),
        Rule::matching(r"^daemons\.s3d\.(aws\.)?(access_key_id|secret_access_key)$"),
    ]
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn others_read_what_we_write() {
    let place = Place::new();
    for rule in rules() {
        let sealed = place.sealed(Format::Yaml, YAML, &rule);
        let expected = held(YAML);
        let read = |reader| place.read_by(reader, "yaml", &sealed);
        assert_eq!(read(place.reference("open")), Ok(expected.clone()));
        assert_eq!(read(peers::sops_age(place.path())), Ok(expected.clone()));
        let mut names = serde_json::Map::new();
        flat(&expected, "", &mut names);
        assert_eq!(read(peers::sops_go(place.path())), Ok(Value::Object(names)));
    }
    let sealed = place.sealed(Format::Dotenv, DOTENV, &Rule::default());
    let read = |reader| place.read_by(reader, "dotenv", &sealed);
    let expected = json!({"S3PROXY_IDENTITY": "0011", "S3PROXY_CREDENTIAL": "a=b #c", "TWO": "x\ny", "NONE": ""});
    assert_eq!(read(place.reference("open")), Ok(expected));
    let told = read(peers::sops_go(place.path())).expect("SOPS reads it");
    assert_eq!(told["S3PROXY_CREDENTIAL"], "a=b #c");
    let told = read(peers::sops_age(place.path())).expect("sops-age reads it");
    assert_eq!(told["S3PROXY_IDENTITY"], "0011");
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn others_read_what_we_have_changed_and_refuse_what_was_tampered_with() {
    let place = Place::new();
    let first = place.sealed(Format::Yaml, YAML, &rules()[1]);
    let clear = YAML
        .replace("1e5", "other")
        .replace("prefix: rok", "prefix: mine");
    let us = [place.keys.recipient(), Place::new().keys.recipient()];
    let now = jiff::Timestamp::now();
    let second = reseal(Format::Yaml, "file", &first, &place.keys, &clear, &us, now);
    let second = second.expect("it is sealed again");
    let mut names = serde_json::Map::new();
    flat(&held(&clear), "", &mut names);
    let read = |text: &str| place.read_by(peers::sops_go(place.path()), "yaml", text);
    assert_eq!(read(&second), Ok(Value::Object(names)));
    let tampered = second.replace("prefix: mine", "prefix: theirs");
    assert!(
        read(&tampered)
            .unwrap_err()
            .contains("Failed to verify data integrity")
    );
    let swapped = second.replace("secret_access_key: ", "secret_access_key_: ");
    assert!(read(&swapped).is_err());
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn we_read_what_others_write() {
    let place = Place::new();
    let write = |form: &str, text: &str, regex: &str, whom: &[Recipient]| {
        let whom: Vec<_> = whom.iter().map(Recipient::as_str).collect();
        let mut command = place.reference("seal");
        command.args([form, &whom.join(","), regex]);
        let output = finish(command.arg(place.file(text)), WITHIN);
        assert!(output.status.success(), "{}", output.stderr);
        output.stdout
    };
    let colleagues = [
        Place::new().keys.recipient(),
        place.keys.recipient(),
        Place::new().keys.recipient(),
    ];
    for regex in ["", "^daemons\\.", "^(texts|numbers)$"] {
        let sealed = write("yaml", YAML, regex, &colleagues);
        assert_eq!(
            held(&place.opened(Format::Yaml, &sealed)),
            held(YAML),
            "{regex}"
        );
    }
    let sealed = write("dotenv", DOTENV, "", &colleagues);
    let values = "S3PROXY_IDENTITY=0011\nS3PROXY_CREDENTIAL=a=b #c\nTWO=x\\ny\nNONE=\n";
    assert_eq!(place.opened(Format::Dotenv, &sealed), values);
    let theirs = write("yaml", YAML, "", &colleagues[..1]);
    let refused = open(Format::Yaml, "file", &theirs, &place.keys)
        .unwrap_err()
        .to_string();
    assert!(refused.contains(colleagues[0].as_str()), "{refused}");
}
