//! Round trips, what stays as it is, and what is refused. `tests/it/sops.rs` holds it against SOPS itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

/// A machine with a key.
struct Machine {
    _folder: TempDir,
    keys: AgeKeys,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keyring::at(folder.path().join("age.key")).open_or_make(NOW);
        Self {
            keys: keys.unwrap(),
            _folder: folder,
        }
    }

    fn sealed(&self, format: Format, clear: &str) -> String {
        self.sealed_by(format, clear, &Rule::default())
    }

    fn sealed_by(&self, format: Format, clear: &str, rule: &Rule) -> String {
        seal(format, "a file", clear, &[self.keys.recipient()], rule, NOW).unwrap()
    }

    fn opened(&self, format: Format, text: &str) -> Result<String, Trouble> {
        let opened = open(format, "a file", text, &self.keys);
        opened
            .map(|opened| opened.text.expose().to_owned())
            .map_err(|error| error.trouble)
    }

    fn resealed(&self, format: Format, text: &str, clear: &str, whom: &[Recipient]) -> String {
        reseal(format, "a file", text, &self.keys, clear, whom, NOW).unwrap()
    }
}

/// As people write it: comments, quotes, lists, numbers.
const WRITTEN: &str = "\
# Head.
a: \"x: y\" # line
b:
    # In b.
    c: [1, true, 'it''s', 0.5]
    d: ~
list:
- plain text
- e: ''
  f: 007.0.0.1

last: -12
";

#[test]
fn a_file_comes_back_as_it_was_written() {
    let machine = Machine::new();
    let sealed = machine.sealed(Format::Yaml, WRITTEN);
    assert!(
        !sealed.contains("plain text") && !sealed.contains("Head"),
        "{sealed}"
    );
    let expected = WRITTEN.replace("- plain text", "- \"plain text\"");
    assert_eq!(machine.opened(Format::Yaml, &sealed).unwrap(), expected);
    let env = "# Head.\nA=1\n\nB=two = \\n words\nC=\n";
    let sealed = machine.sealed(Format::Dotenv, env);
    assert!(
        !sealed.contains("words") && !sealed.contains("Head"),
        "{sealed}"
    );
    assert_eq!(machine.opened(Format::Dotenv, &sealed).unwrap(), env);
}

#[test]
fn blocks_of_lines_come_back_as_texts() {
    let machine = Machine::new();
    let clear = "a: |\n  one\n  two\n\nb: >-\n  three\n  four\nc: 1\n";
    let sealed = machine.sealed(Format::Yaml, clear);
    assert_eq!(
        machine.opened(Format::Yaml, &sealed).unwrap(),
        "a: \"one\\ntwo\\n\"\n\nb: \"three four\"\nc: 1\n"
    );
}

#[test]
fn the_sign_of_a_block_is_not_looked_for_in_comments() {
    let machine = Machine::new();
    let clear = "list:\n# first > second\n- | # third > fourth\n  one\n- !str |-\n  two\nlast: 1\n";
    let sealed = machine.sealed(Format::Yaml, clear);
    assert_eq!(
        machine.opened(Format::Yaml, &sealed).unwrap(),
        "list:\n# first > second\n- \"one\\n\"\n- !str two\nlast: 1\n"
    );
    // Behind the sign it goes with the block, and stays where that does.
    let sealed = machine.sealed_by(Format::Yaml, clear, &Rule::matching("^last$"));
    assert!(sealed.contains("- | # third > fourth\n  one\n"), "{sealed}");
    assert_eq!(machine.opened(Format::Yaml, &sealed).unwrap(), clear);
}

#[test]
fn a_rule_leaves_the_rest_readable() {
    let machine = Machine::new();
    let clear = "spec: # all\n  vars:\n    a.key: \"s1\" # one\n    prefix: rok\n  size: 3\n";
    let sealed = machine.sealed_by(Format::Yaml, clear, &Rule::matching(r"^a\.key$"));
    assert!(
        sealed.starts_with("spec: # all\n  vars:\n    a.key: \"ENC[AES256_GCM,"),
        "{sealed}"
    );
    assert!(
        sealed.contains(" # one\n    prefix: rok\n  size: 3\nsops:\n"),
        "{sealed}"
    );
    assert!(
        sealed.contains("    encrypted_regex: \"^a\\\\.key$\"\n"),
        "{sealed}"
    );
    assert_eq!(machine.opened(Format::Yaml, &sealed).unwrap(), clear);
    // What is readable is under the MAC all the same.
    let touched = sealed.replace("size: 3", "size: 4");
    assert_eq!(machine.opened(Format::Yaml, &touched), Err(Trouble::Mac));
}

#[test]
fn what_did_not_change_stays_and_what_did_is_one_line() {
    let machine = Machine::new();
    let us = [machine.keys.recipient()];
    for (format, clear, changed) in [
        (Format::Yaml, "a: one\nb: two\n", "a: one\nb: three\n"),
        (Format::Dotenv, "A=one\nB=two\n", "A=one\nB=three\n"),
    ] {
        let first = machine.sealed(format, clear);
        assert_eq!(machine.resealed(format, &first, clear, &us), first);
        assert_eq!(
            machine.resealed(format, &first, clear.trim_end(), &us),
            first
        );
        let second = machine.resealed(format, &first, changed, &us);
        assert_eq!(first.lines().next(), second.lines().next());
        assert_ne!(first.lines().nth(1), second.lines().nth(1));
        assert_eq!(machine.opened(format, &second).unwrap(), changed);
    }
}

#[test]
fn a_recipient_more_reads_it_and_nothing_else_changes() {
    let (machine, colleague) = (Machine::new(), Machine::new());
    let both = [machine.keys.recipient(), colleague.keys.recipient()];
    for (format, clear) in [(Format::Yaml, "a: one\n"), (Format::Dotenv, "A=one\n")] {
        let first = machine.sealed(format, clear);
        let refused = colleague.opened(format, &first).unwrap_err();
        assert!(matches!(&refused, Trouble::NoKey { recipients, .. } if recipients.len() == 1));
        let told = refused.to_string();
        assert!(
            told.contains(both[0].as_str()) && told.contains(both[1].as_str()),
            "{told}"
        );
        let second = machine.resealed(format, &first, clear, &both);
        assert_eq!(first.lines().next(), second.lines().next());
        assert_eq!(colleague.opened(format, &second).unwrap(), clear);
        assert_eq!(machine.opened(format, &second).unwrap(), clear);
        assert_eq!(machine.resealed(format, &second, clear, &both), second);
        // Anew for one of them.
        let third = renew(
            format,
            "a file",
            &second,
            &machine.keys,
            clear,
            &both[..1],
            NOW,
        )
        .unwrap();
        assert!(colleague.opened(format, &third).is_err());
        assert_eq!(machine.opened(format, &third).unwrap(), clear);
    }
}

#[test]
fn keys_of_others_stay_where_the_data_key_does_and_are_not_renewed() {
    let machine = Machine::new();
    let us = [machine.keys.recipient()];
    let theirs = "    pgp:\n        - created_at: \"2024-01-01T00:00:00Z\"\n          enc: |\n            -----BEGIN PGP MESSAGE-----\n            abc\n          fp: AB12\n";
    let first = machine.sealed(Format::Yaml, "a: one\n");
    let first = first.replace("    lastmodified", &format!("{theirs}    lastmodified"));
    let second = machine.resealed(Format::Yaml, &first, "a: two\n", &us);
    assert!(
        second.contains(
            "            -----BEGIN PGP MESSAGE-----\n            abc\n          fp: AB12\n"
        ),
        "{second}"
    );
    let refused = renew(
        Format::Yaml,
        "a file",
        &first,
        &machine.keys,
        "a: two\n",
        &us,
        NOW,
    );
    assert!(refused.unwrap_err().to_string().contains("keys of `pgp`"));
}

#[test]
fn every_tampering_is_found_and_told() {
    let machine = Machine::new();
    let env = machine.sealed(Format::Dotenv, "A=one\nB=two\nC=three\n");
    let lines: Vec<&str> = env.lines().collect();
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        change(&mut lines);
        machine
            .opened(Format::Dotenv, &(lines.join("\n") + "\n"))
            .unwrap_err()
    };
    assert_eq!(with(&|lines| drop(lines.remove(1))), Trouble::Mac);
    assert_eq!(with(&|lines| lines.swap(0, 1)), Trouble::Mac);
    assert_eq!(
        with(&|lines| lines.push("D_unencrypted=x".into())),
        Trouble::Mac
    );
    assert_eq!(
        with(&|lines| lines[0] = "A=clear".into()),
        Trouble::InClear { path: "A".into() }
    );
    let moved = with(&|lines| lines[0] = lines[0].replacen("A=", "D=", 1));
    assert!(
        matches!(&moved, Trouble::Value { path, .. } if path == "D"),
        "{moved}"
    );
    let changed = with(&|lines| lines[0] = lines[0].replace("type:str", "type:int"));
    assert!(changed.to_string().contains("it is no int"), "{changed}");
    let cut = with(&|lines| lines[0] = lines[0].replace("tag:", "tug:"));
    assert!(cut.to_string().contains("no whole"), "{cut}");
    let older = with(&|lines| {
        for line in lines {
            *line = line.replace("sops_version=3.", "sops_version=4.");
        }
    });
    assert_eq!(
        older.to_string(),
        "written by version 4.9.4 of SOPS, expected version 3"
    );
    let no_mac = with(&|lines| lines.retain(|line| !line.starts_with("sops_mac")));
    assert!(no_mac.to_string().contains("nothing for `mac`"), "{no_mac}");
    assert_eq!(
        machine.opened(Format::Dotenv, "A=1\n"),
        Err(Trouble::NotEncrypted)
    );
    for trouble in [moved, changed, cut, older] {
        let error = trouble.of("secrets/credentials.env");
        assert!(error.to_string().starts_with("`secrets/credentials.env`: "));
        assert!(!error.advice().is_empty());
    }
}

#[test]
fn what_sops_would_not_take_is_not_made() {
    let machine = Machine::new();
    let recipients = [machine.keys.recipient()];
    let refusal = |format, clear: &str| {
        let sealed = seal(format, "f", clear, &recipients, &Rule::default(), NOW);
        sealed.unwrap_err().to_string()
    };
    for (clear, told) in [
        ("a: &x 1\nb: *x\n", "an anchor"),
        ("- a\n", "a document that is a list"),
        ("{a: b}\n", "a document in braces"),
        ("just text\n", "a single value"),
        ("a: 1\n---\nb: 2\n", "several documents"),
        ("a: 1\n...\n", "`...`"),
        ("1: a\n", "a key that is no text"),
        ("? [a]\n: b\n", "a key that is no text"),
        ("a: !!binary YQ==\n", "`!!binary`"),
        ("a: 99999999999999999999\n", "more than 64 bits (`a`)"),
        ("sops: {}\n", "named as SOPS names"),
        ("a: \"ENC[AES256_GCM,x]\"\n", "looks encrypted already"),
        ("a: [b\n", "no YAML"),
    ] {
        let refused = refusal(Format::Yaml, clear);
        assert!(refused.contains(told), "{clear}: {refused}");
    }
    assert!(refusal(Format::Dotenv, "words\n").contains("line 1: found a line without `=`"));
    assert!(
        refusal(Format::Dotenv, "sops_x=1\n").contains("a name that fits to no other")
            || refusal(Format::Dotenv, "sops_x=1\n").contains("named as SOPS names")
    );
}

#[test]
fn the_key_file_is_made_once_for_nobody_else_and_read_as_age_keygen_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = Keyring::at(folder.path().join("config/rok-deploy/age.key"));
    assert!(keyring.keys().unwrap().is_none());
    let first = keyring.open_or_make(NOW).unwrap();
    let text = fs::read_to_string(&keyring.file).unwrap();
    let recipient = first.recipient();
    assert!(text.starts_with(&format!(
        "# created: 1970-01-01T00:00:00Z\n# public key: {recipient}\nAGE-SECRET-KEY-1"
    )));
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&keyring.file), 0o600);
    assert_eq!(mode(keyring.file.parent().unwrap()), 0o700);
    assert_eq!(keyring.open_or_make(NOW).unwrap().recipient(), recipient);
    assert_eq!(format!("{first:?}"), "AgeKeys(1)");

    fs::set_permissions(&keyring.file, fs::Permissions::from_mode(0o644)).unwrap();
    let error = keyring.keys().unwrap_err();
    assert!(
        error.to_string().contains("(mode 0644), expected 0600"),
        "{error}"
    );
    let chosen = Keyring {
        is_chosen: true,
        ..keyring.clone()
    };
    let keys = chosen.keys().unwrap().unwrap();
    assert!(keys.warning().unwrap().contains("(mode 0644)"));
    for (text, told) in [
        ("# nothing\n", "holds no key"),
        (
            "AGE-PLUGIN-YUBIKEY-1XX\n",
            "line 1: found the key of a plugin",
        ),
        (
            "\nAGE-SECRET-KEY-1XX\n",
            "line 2: found a key that is damaged",
        ),
        ("canary\n", "line 1: found something else"),
    ] {
        fs::write(&chosen.file, text).unwrap();
        let error = chosen.keys().unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains("canary"), "{error}");
    }
}

#[test]
fn where_the_key_is_follows_the_environment() {
    let of = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Keyring::of(&pairs.collect())
    };
    assert_eq!(
        of(&[("HOME", "/h")]).file.to_str(),
        Some("/h/.config/rok-deploy/age.key")
    );
    let both = [("HOME", "/h"), ("XDG_CONFIG_HOME", "/c")];
    assert_eq!(of(&both).file.to_str(), Some("/c/rok-deploy/age.key"));
    let named = of(&[("HOME", "/h"), ("SOPS_AGE_KEY_FILE", "/k")]);
    assert!(named.is_chosen && named.file.to_str() == Some("/k"));
}

#[test]
fn recipients_keep_what_people_wrote() {
    let (one, other) = (
        Machine::new().keys.recipient(),
        Machine::new().keys.recipient(),
    );
    let text = format!("# Alice\n{one}\n\n# Bob, since May\n  {other}  \n{one}");
    let mut read = Recipients::read(Some(&text)).unwrap();
    assert_eq!(read.list(), [one.clone(), other.clone()]);
    read.add(other);
    assert_eq!(read.text(), text);
    let new = Machine::new().keys.recipient();
    read.add(new.clone());
    assert_eq!(read.text(), format!("{text}\n{new}\n"));
    let mut first = Recipients::read(None).unwrap();
    first.add(one.clone());
    assert!(
        first.text().starts_with("# Who can read") && first.text().ends_with(&format!("{one}\n"))
    );
    for (line, told) in [
        ("ssh-ed25519 AAAA", "an SSH key in line 1"),
        ("age1yubikey1qqqq", "a recipient of a plugin"),
        ("AGE-SECRET-KEY-1CANARY", "a private key"),
        ("canary", "something else in line 1"),
    ] {
        let error = Recipients::read(Some(line)).unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains("canary"), "{error}");
    }
}

#[test]
fn metadata_that_is_odd_is_refused_in_words() {
    let machine = Machine::new();
    let sealed = machine.sealed(Format::Yaml, "a: one\n");
    let with = |from: &str, to: &str| {
        let text = sealed.replace(from, to);
        assert_ne!(text, sealed, "{from}");
        machine.opened(Format::Yaml, &text).unwrap_err().to_string()
    };
    let groups = "    key_groups:\n        - age: []\n        - age: []\n    lastmodified";
    assert!(with("    lastmodified", groups).contains("split among 2 groups"));
    assert!(with("\"1970-01-01T00:00:00Z\"", "soon").contains("a time of RFC 3339"));
    assert!(with("1970-01-01", "1971-01-01").contains("MAC does not match"));
    assert!(
        with("unencrypted_suffix: ", "unencrypted_regex: \"[\"\n    x: ")
            .contains("a regular expression")
    );
    assert!(
        with(
            "    unencrypted_suffix",
            "    encrypted_comment_regex: x\n    unencrypted_suffix"
        )
        .contains("the rule `encrypted_comment_regex`")
    );
    assert!(
        with(
            "    unencrypted_suffix",
            "    encrypted_regex: x\n    unencrypted_suffix"
        )
        .contains("a second rule")
    );
    assert!(with("recipient: age1", "recipient: age9").contains("is encrypted for age9"));
    assert!(with("        - recipient", "        - nobody").contains("an entry without one"));
    assert!(
        machine
            .opened(Format::Yaml, "a: b\nsops: x\n")
            .unwrap_err()
            .to_string()
            .contains("expected a mapping")
    );
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        any::<i64>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|value| value.to_string()),
        (-1.0e9_f64..1.0e9).prop_map(|number| format!("{number:?}")),
        "\\PC{0,12}".prop_map(|text| yaml::quoted(&text)),
        "[ -&(-~]{0,12}".prop_map(|text| format!("'{text}'")),
        Just("~".to_owned()),
    ]
}

fn document() -> impl Strategy<Value = String> {
    let entry = (
        "[a-z][a-z0-9.]{0,6}",
        prop_oneof![
            scalar(),
            proptest::collection::vec(scalar(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            proptest::collection::vec(scalar(), 1..4)
                .prop_map(|items| format!("\n- {}", items.join("\n- "))),
            scalar().prop_map(|value| format!("\n    inner: {value} # note")),
        ],
        any::<bool>(),
    );
    proptest::collection::vec(entry, 1..6).prop_map(|entries| {
        let lines = entries
            .into_iter()
            .enumerate()
            .map(|(index, (name, value, has_comment))| {
                let comment = if has_comment { "# A comment.\n" } else { "" };
                let space = if value.starts_with('\n') { "" } else { " " };
                format!("{comment}k{index}.{name}:{space}{value}\n")
            });
        lines.collect()
    })
}

fn meaning(yaml: &str) -> serde_yaml::Value {
    serde_yaml::from_str(yaml).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_document_means_the_same_when_it_was_encrypted(clear in document()) {
        let machine = Machine::new();
        let sealed = machine.sealed(Format::Yaml, &clear);
        let opened = machine.opened(Format::Yaml, &sealed).unwrap();
        prop_assert_eq!(meaning(&opened), meaning(&clear));
        let us = [machine.keys.recipient()];
        prop_assert_eq!(machine.resealed(Format::Yaml, &sealed, &opened, &us), sealed);
    }

    #[test]
    fn any_lines_come_back(pairs in proptest::collection::vec(("[A-Z]{1,6}", "[^\n\\\\]{0,20}"), 0..6)) {
        let line = |(name, value): &(String, String)| format!("{name}={value}\n");
        let clear: String = pairs.iter().map(line).collect();
        let machine = Machine::new();
        let sealed = machine.sealed(Format::Dotenv, &clear);
        prop_assert_eq!(machine.opened(Format::Dotenv, &sealed).unwrap(), clear);
    }

    #[test]
    fn one_letter_changed_anywhere_never_opens_as_something_else(at in any::<proptest::sample::Index>()) {
        let machine = Machine::new();
        let clear = "a: one\nb: {c: 2, d: true}\n";
        let sealed = machine.sealed(Format::Yaml, clear);
        let mut bytes = sealed.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        if let Ok(opened) = machine.opened(Format::Yaml, std::str::from_utf8(&bytes).unwrap()) {
            // A letter of a field that nobody reads.
            prop_assert_eq!(meaning(&opened), meaning(clear));
        }
    }
}

mod files {
    crate::corpus::fed!("sops", super::fed::feed);
}

mod age_keys {
    crate::corpus::fed!("age-keys", super::fed::feed_keys);
}
