//! `rotate`, and builds of encrypted files, in the practice cloud: whole runs of the binary.

use std::fs;
use std::path::Path;
use std::process::Command;

use rok_deploy::clients::sops::{AgeKeys, Format, Keyring, Rule, open, seal};
use serde_json::Value;

use crate::rerun;
use crate::support::practice::{Practice, json_of};

const CREDENTIALS: &str =
    "rok/rok-external-services/s3proxy/overlays/deploy/secrets/credentials.env";
const SECRET_VARS: &str = "rok/rok-cluster/overlays/deploy/patches/configvars-secrets.yaml";

/// Values that must be found nowhere but in the files, encrypted. The second is as long as a real one.
const VALUES: [&str; 2] = [
    "canary-identity-0011",
    "canary-credential-2233445566778899aabbccddeeff00112233445566778899",
];

/// The keys of the practising operator.
fn keys(practice: &Practice) -> AgeKeys {
    let keyring = Keyring::at(practice.world().join("age.key"));
    let keys = keyring.open_or_make(jiff::Timestamp::now());
    keys.expect("a key is there or made")
}

fn sealed(practice: &Practice, name: &str, clear: &str, rule: &Rule) -> String {
    let format = Format::of(name).expect("a known ending");
    let recipients = [keys(practice).recipient()];
    let now = jiff::Timestamp::now();
    seal(format, name, clear, &recipients, rule, now).expect("it is sealed")
}

/// Puts files into the remote, as a colleague would.
fn put_into_remote(practice: &Practice, files: &[(&str, &str)]) {
    let place = practice.env.home().join("colleague");
    let remote = practice.remote().display().to_string();
    practice.git(practice.env.home(), &["clone", "-q", &remote, "colleague"]);
    for (path, text) in files {
        let path = place.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it is writable");
        fs::write(path, text).expect("it is writable");
    }
    practice.git(&place, &["add", "."]);
    let who = [
        "-c",
        "user.name=Colleague",
        "-c",
        "user.email=colleague@example.com",
    ];
    practice.git(
        &place,
        &[&who[..], &["commit", "-qm", "Credentials"]].concat(),
    );
    practice.git(&place, &["push", "-q"]);
}

/// A world whose remote holds encrypted credentials.
fn with_credentials() -> Practice {
    let practice = Practice::new();
    practice.make_world();
    let env = format!(
        "S3PROXY_IDENTITY={}\nS3PROXY_CREDENTIAL={}\nLEVEL=debug\n",
        VALUES[0], VALUES[1]
    );
    let vars = format!(
        "# Mine.\nspec:\n  configVars:\n    daemons.s3d.aws.access_key_id: \"{}\"\n    \
         daemons.s3d.aws.secret_access_key: \"{}\"\n",
        VALUES[0], VALUES[1]
    );
    let rule = Rule::matching(r"^daemons\.s3d\.");
    put_into_remote(
        &practice,
        &[
            (
                CREDENTIALS,
                &sealed(&practice, CREDENTIALS, &env, &Rule::default()),
            ),
            (SECRET_VARS, &sealed(&practice, SECRET_VARS, &vars, &rule)),
        ],
    );
    let (remote, clone) = (practice.remote(), practice.clone());
    let (remote, clone) = (remote.display().to_string(), clone.display().to_string());
    practice.git(practice.env.home(), &["clone", "-q", &remote, &clone]);
    practice
}

/// The values in both files of the clone, which have to be the same.
fn values(practice: &Practice) -> [String; 2] {
    let keys = keys(practice);
    let clear = |path: &str| {
        let text = fs::read_to_string(practice.clone().join(path)).expect("it is there");
        let format = Format::of(path).expect("a known ending");
        let opened = open(format, path, &text, &keys).expect("it opens");
        opened.text.expose().to_owned()
    };
    let env = clear(CREDENTIALS);
    let of = |name: &str| {
        let line = env.lines().find_map(|line| line.strip_prefix(name));
        line.expect("it has the name").to_owned()
    };
    let found = [of("S3PROXY_IDENTITY="), of("S3PROXY_CREDENTIAL=")];
    assert!(
        env.ends_with("LEVEL=debug\n"),
        "what others put there stays"
    );
    let vars = clear(SECRET_VARS);
    assert!(vars.starts_with("# Mine.\n"), "{vars}");
    for value in &found {
        assert!(
            vars.contains(&format!(": \"{value}\"\n")),
            "both are the same"
        );
    }
    found
}

/// Every file below a folder that holds one of these words.
fn holders(folder: &Path, words: &[&str]) -> Vec<String> {
    let mut command = Command::new("grep");
    command.args(["-r", "-l", "-a", "-F"]);
    for word in words {
        command.args(["-e", word]);
    }
    let output = command.arg(folder).output().expect("grep runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn it_renews_both_files_in_one_commit_and_tells_no_value() {
    let practice = with_credentials();
    let plan = practice.expect(3, &["plan", "--recipe", "rotate"]);
    assert!(
        plan.stdout.contains("identity: *** (new)"),
        "{}",
        plan.stdout
    );
    let output = practice.expect(0, &["rotate", "--yes"]);
    let first = values(&practice);
    assert_eq!((first[0].len(), first[1].len()), (32, 64));
    let subjects = practice.subjects();
    assert_eq!(
        subjects.last().map(String::as_str),
        Some("Rotate the credentials of S3Proxy")
    );
    let tags = practice.git(&practice.remote(), &["tag", "--list", "deploy/*/rotate"]);
    assert_eq!(tags.lines().count(), 1, "tagged and pushed: {tags}");
    let run = practice.run_of(&output);
    rerun::assert_identical(&run);

    Practice::next_second();
    practice.expect(0, &["rotate", "--yes"]);
    let second = values(&practice);
    assert!(first[0] != second[0] && first[1] != second[1]);
    assert_eq!(practice.subjects().len(), subjects.len() + 1);
    let all = [
        &first[0], &first[1], &second[0], &second[1], VALUES[0], VALUES[1],
    ];
    let all = all.map(|value| value as &str);
    assert_eq!(holders(practice.env.home(), &all), [""; 0]);
    for text in [&plan.stdout, &plan.stderr, &output.stdout, &output.stderr] {
        assert!(!all.iter().any(|value| text.contains(value)), "{text}");
    }
    assert!(
        output.stderr.contains("rok-deploy apply") || output.stdout.contains("rok-deploy apply")
    );
}

#[test]
fn without_the_key_it_is_exit_2_and_the_file_is_named() {
    let practice = with_credentials();
    let key = practice.world().join("age.key");
    fs::rename(&key, practice.env.home().join("elsewhere")).expect("it is there");
    let output = practice.expect(2, &["rotate", "--yes"]);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(
        said.contains(&format!("the private key {} does not exist", key.display())),
        "{said}"
    );
    assert!(said.contains("SOPS_AGE_KEY_FILE"), "{said}");
    assert!(!key.exists(), "no other key is made");
}

#[test]
fn where_there_is_nothing_to_rotate_it_says_so() {
    let practice = Practice::new();
    practice.make_world();
    let output = practice.expect(2, &["rotate", "--yes"]);
    assert!(
        output.stdout.contains("found no credentials of S3Proxy"),
        "{output:?}"
    );
    let output = practice.expect(2, &["rotate", "--recipe", "rok-eks"]);
    assert!(
        output.stderr.contains("has no credentials to rotate"),
        "{output:?}"
    );
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn apply_builds_what_is_encrypted_and_leaves_nothing_of_it_behind() {
    let practice = Practice::new();
    practice.make_world();
    let home = practice.env.home().to_owned();
    let put = |path: &str, text: &str| {
        let path = home.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it is writable");
        fs::write(path, text).expect("it is writable");
    };
    put("base/kustomization.yaml", "resources: [config.yaml]\n");
    put(
        "base/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: default}\ndata: {color: blue}\n",
    );
    put(
        "proxy/kustomization.yaml",
        "namespace: default\nresources: [../base]\ngeneratorOptions: {disableNameSuffixHash: true}\nsecretGenerator:\n- name: s3proxy\n  envs: [secrets/credentials.env]\n",
    );
    let env = format!(
        "S3PROXY_IDENTITY={}\nS3PROXY_CREDENTIAL={}\n",
        VALUES[0], VALUES[1]
    );
    put(
        "proxy/secrets/credentials.env",
        &sealed(&practice, CREDENTIALS, &env, &Rule::default()),
    );
    let plan = practice.expect(3, &["plan", "--apply", "proxy"]);
    let output = practice.expect(0, &["apply", "proxy", "--yes"]);
    let cluster: Value = json_of(&practice.world().join("cluster.json"));
    let secret = cluster["objects"].to_string();
    let encoded = {
        use base64::Engine as _;
        base64::prelude::BASE64_STANDARD.encode(VALUES[1])
    };
    assert!(
        secret.contains(&encoded),
        "the cluster has the value itself"
    );
    let found = holders(&home, &[VALUES[0], VALUES[1], &encoded]);
    assert_eq!(
        found,
        [practice.world().join("cluster.json").display().to_string()]
    );
    for text in [&plan.stdout, &plan.stderr, &output.stdout, &output.stderr] {
        assert!(!VALUES.iter().any(|value| text.contains(value)), "{text}");
    }
    rerun::assert_identical(&practice.run_of(&output));
    fs::remove_file(practice.world().join("age.key")).expect("it is there");
    let refused = practice.expect(2, &["plan", "--apply", "proxy"]);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(
        said.contains("proxy/secrets/credentials.env") && said.contains("age.key"),
        "{said}"
    );
}
