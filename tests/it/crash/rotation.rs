//! `rotate`, stopped anywhere: the run that goes on ends with one new pair of credentials, the same in
//! both files, whatever the stopped one has left.
//!
//! It is no row of the matrix, since its next run is to change everything once more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rok_deploy::clients::gate::Keeper;
use rok_deploy::clients::sops::{AgeKeys, Format, Keyring, Rule, open, seal};

use crate::support::apart;

use super::camera::Camera;
use super::operator::{Operator, Yes};

const CLONE: &str = "state/sandbox/deployments";
const ENV: &str = "rok/rok-external-services/s3proxy/overlays/deploy/secrets/credentials.env";
const VARS: &str = "rok/rok-cluster/overlays/deploy/patches/configvars-secrets.yaml";

fn keys(home: &Path) -> AgeKeys {
    let keyring = Keyring::at(home.join("state/sandbox/age.key"));
    let keys = keyring.open_or_make(jiff::Timestamp::UNIX_EPOCH);
    keys.expect("a key is there or made")
}

fn git(home: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(home.join(CLONE))
        .env("HOME", home)
        .env("GIT_CONFIG_GLOBAL", home.join(".gitconfig"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

/// Puts a pair into the clone and the remote.
fn put_credentials(home: &Path) {
    let keys = keys(home);
    for (path, clear) in [
        (ENV, "S3PROXY_IDENTITY=first\nS3PROXY_CREDENTIAL=pair\n"),
        (
            VARS,
            "spec:\n  configVars:\n    daemons.s3d.access_key_id: first\n    daemons.s3d.secret_access_key: pair\n",
        ),
    ] {
        let format = Format::of(path).expect("a known ending");
        let whom = [keys.recipient()];
        let now = jiff::Timestamp::UNIX_EPOCH;
        let sealed = seal(format, path, clear, &whom, &Rule::default(), now).expect("it is sealed");
        let path = home.join(CLONE).join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it is writable");
        fs::write(path, sealed).expect("it is writable");
    }
    git(home, &["add", "."]);
    git(home, &["commit", "-qm", "Credentials"]);
    git(home, &["push", "-q"]);
}

/// What HEAD has of a file, in clear.
fn committed(home: &Path, path: &str) -> String {
    let text = git(home, &["show", &format!("HEAD:{path}")]) + "\n";
    let format = Format::of(path).expect("a known ending");
    let opened = open(format, path, &text, &keys(home)).expect("it opens");
    opened.text.expose().to_owned()
}

/// Why a world is not as it should be, when it is not.
fn differs(home: &Path) -> Option<String> {
    let env = committed(home, ENV);
    let vars = committed(home, VARS);
    for line in env.lines() {
        let (_, value) = line.split_once('=').expect("an assignment");
        let is_new = value.len() >= 32 && vars.contains(value);
        if !is_new {
            return Some("the files do not hold one new pair".into());
        }
    }
    let status = git(home, &["status", "--porcelain"]);
    if !status.is_empty() {
        return Some(format!("left behind: {status}"));
    }
    if git(home, &["rev-parse", "HEAD"]) != git(home, &["rev-parse", "@{upstream}"]) {
        return Some("not pushed".into());
    }
    let runs = git(
        home,
        &[
            "log",
            "--grep=Rotate the",
            "--format=%(trailers:key=Rok-Deploy-Run,valueonly,separator=)",
        ],
    );
    let different: BTreeSet<_> = runs.lines().collect();
    (different.len() != runs.lines().count()).then(|| format!("a run rotated twice: {runs}"))
}

#[test]
fn stopped_anywhere_a_rotation_ends_with_one_new_pair() {
    if apart::began("crash::rotation::stopped_anywhere_a_rotation_ends_with_one_new_pair") {
        return;
    }
    let place = tempfile::Builder::new()
        .prefix("rok-crash-")
        .tempdir()
        .expect("a temporary folder");
    let home = place.path().join("home");
    fs::create_dir(&home).expect("it is writable");
    let operator = Operator::new(&home, "rotate");
    let made = operator.with("run --no-pod").run(&[], Yes::Given);
    made.expect("the world is made");
    put_credentials(&home);
    let camera = Arc::new(Camera::new(&home));
    let keepers = [Arc::clone(&camera) as Arc<dyn Keeper>];
    operator.run(&keepers, Yes::Asked).expect("undisturbed");
    let film = std::mem::take(&mut *camera.film());
    let worlds = film.pictures.len();
    let mut failures = Vec::new();
    for (index, (picture, _)) in film.pictures.iter().enumerate() {
        picture.put(&home);
        let end = if operator.unfinished().is_some() {
            operator.resume(&[], Yes::Asked)
        } else {
            operator.run(&[], Yes::Asked)
        };
        let wrong = end.err().or_else(|| differs(&home));
        failures.extend(wrong.map(|wrong| format!("world {index}: {wrong}")));
    }
    assert!(worlds >= 20, "{worlds} worlds");
    assert_eq!(failures, [""; 0], "of {worlds} worlds");
}
