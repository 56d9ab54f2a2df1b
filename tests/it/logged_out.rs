//! The operator's login ends in the middle of a run, which waits and goes on.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::env::TestEnv;
use crate::support::identity::ROLE;
use crate::support::practice::{Running, events, json_lines};
use crate::support::served::PracticeCloud;

/// The profile of an operator who logs in by files, as `aws sso login` and `aws configure` do.
struct Login {
    file: PathBuf,
}

impl Login {
    fn new(place: &TestEnv) -> Self {
        Self {
            file: place.home().join("credentials"),
        }
    }

    fn with(&self, id: &str, secret: &str) {
        let text = format!("[op]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
        fs::write(&self.file, text).expect("the home is writable");
    }
}

fn run_folder(place: &TestEnv) -> Option<PathBuf> {
    let runs = fs::read_dir(place.state_dir().join("runs")).ok()?;
    runs.filter_map(Result::ok).map(|entry| entry.path()).next()
}

fn has(folder: &Path, kind: &str) -> bool {
    events(folder)
        .iter()
        .any(|event| event["event"]["kind"] == kind)
}

#[test]
#[ignore = "needs the AWS CLI of tests/run"]
fn the_run_goes_on_once_the_operator_has_logged_in_again() {
    let cloud = PracticeCloud::start();
    let admin = cloud.aws();
    let place = TestEnv::new();
    let login = Login::new(&place);
    admin.call(&["iam", "create-user", "--user-name", "op"]);
    let everything =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let arguments = [
        "iam",
        "put-user-policy",
        "--user-name",
        "op",
        "--policy-name",
        "all",
        "--policy-document",
        everything,
    ];
    admin.call(&arguments);
    let new_key = || {
        let made = admin.call(&["iam", "create-access-key", "--user-name", "op"]);
        let of = |name: &str| made["AccessKey"][name].as_str().expect("a text").to_owned();
        (of("AccessKeyId"), of("SecretAccessKey"))
    };
    let (first, secret) = new_key();
    login.with(&first, &secret);

    let credentials = login.file.display().to_string();
    let mut command = place.command(&["run", "--recipe", "rok-eks", "--set", "aws_profile=op"]);
    command
        .args(["--set", "aws_default_region=us-west-2", "--no-pod"])
        .env("AWS_SHARED_CREDENTIALS_FILE", credentials)
        .env("AWS_ENDPOINT_URL", cloud.variable("AWS_ENDPOINT_URL"))
        .env("KUBECONFIG", cloud.variable("KUBECONFIG"))
        .env("GITOPS_URL", cloud.variable("GITOPS_URL"))
        .args(["--yes", "--set"])
        .arg(format!("eks_cluster_oidc={}", cloud.issuer()));
    // The login ends while the run commits: a hook of the operator's takes the key away.
    let hooks = place.home().join("hooks");
    fs::create_dir(&hooks).expect("the home is writable");
    let gone = place.home().join("gone");
    let hook = format!(
        "#!/bin/sh\ntouch '{}'\nwhile [ -e '{}' ]; do sleep 0.05; done\n",
        gone.display(),
        gone.display()
    );
    let pre_commit = hooks.join("pre-commit");
    fs::write(&pre_commit, hook).expect("the home is writable");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&pre_commit, mode).expect("it is ours");
    command
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "core.hooksPath")
        .env("GIT_CONFIG_VALUE_0", hooks.display().to_string());
    let mut running = Running::start(command);

    running.wait_for("the first commit", || gone.exists().then_some(()));
    let arguments = ["iam", "delete-access-key", "--user-name", "op"];
    admin.call(&[&arguments[..], &["--access-key-id", &first]].concat());
    fs::remove_file(&pre_commit).expect("it is ours");
    fs::remove_file(&gone).expect("it is ours");
    let folder = running.wait_for("the pause", || {
        run_folder(&place).filter(|folder| has(folder, "step_paused"))
    });
    let (second, secret) = new_key();
    login.with(&second, &secret);

    let output = running.finish();
    assert_eq!(output.status.code(), Some(0), "{}", output.stderr);
    assert!(output.stderr.contains("PAUSED"), "{}", output.stderr);
    assert!(has(&folder, "step_went_on"));
    let created = json_lines(&folder.join("wire.jsonl"))
        .into_iter()
        .filter(|line| line["operation"] == "iam:CreateRole" && line["error"] == Value::Null)
        .count();
    assert_eq!(created, 1);
    let roles = admin.call(&["iam", "get-role", "--role-name", ROLE]);
    assert_eq!(roles["Role"]["RoleName"], ROLE);
}
