//! The practice cloud, served by the built binary for other clients, and the clients that read it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::env::{TestEnv, finish};
use super::kill_group;
use super::peers::{Aws, Keys, kubectl};

const ANSWER_WITHIN: Duration = Duration::from_mins(1);

/// The sandbox ends with the shell's standard input, which the test holds: nothing is left behind
/// when the test process is killed.
const LEASH: &str = r#""$@" & sandbox=$!; read -r _; kill "$sandbox"; wait "$sandbox""#;

/// A running `rok-deploy sandbox` in a state directory of its own.
pub struct PracticeCloud {
    shell: Child,
    place: TestEnv,
    variables: BTreeMap<String, String>,
}

impl PracticeCloud {
    /// Serves a new world, and returns when its environment file is written.
    pub fn start() -> Self {
        let place = TestEnv::new();
        let file = place.home().join("practice.env");
        let mut command = place.program("sh", &["-c", LEASH, "leash"]);
        command
            .arg(env!("CARGO_BIN_EXE_rok-deploy"))
            .args(["sandbox", "--env-file"])
            .arg(&file);
        let mut shell = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("sh is on the PATH");
        let said = first_line(shell.stderr.take().expect("stderr is piped"));
        let mut cloud = Self {
            shell,
            place,
            variables: BTreeMap::new(),
        };
        assert!(said.contains("is ready"), "the sandbox said `{said}`");
        cloud.variables = exported(&file);
        cloud
    }

    /// All that the environment file exports.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    pub fn variable(&self, name: &str) -> &str {
        self.variables
            .get(name)
            .unwrap_or_else(|| panic!("the environment file exports no {name}"))
    }

    /// The AWS CLI as the operator of the practice account.
    pub fn aws(&self) -> Aws {
        let keys = Keys {
            id: self.variable("AWS_ACCESS_KEY_ID").to_owned(),
            secret: self.variable("AWS_SECRET_ACCESS_KEY").to_owned(),
        };
        Aws::new(
            self.variable("AWS_ENDPOINT_URL"),
            self.variable("AWS_DEFAULT_REGION"),
            keys,
        )
    }

    /// What a kubectl command prints that has to succeed.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        printed(
            kubectl(
                self.place.home(),
                &PathBuf::from(self.variable("KUBECONFIG")),
            )
            .args(arguments),
        )
    }

    /// The issuer of the cluster's tokens, without its scheme.
    pub fn issuer(&self) -> String {
        let discovery = self.kubectl(&["get", "--raw", "/.well-known/openid-configuration"]);
        let discovery: Value = serde_json::from_str(&discovery).expect("the discovery is JSON");
        let issuer = discovery["issuer"].as_str().expect("an issuer is a text");
        issuer
            .strip_prefix("https://")
            .expect("an issuer is an HTTPS URL")
            .to_owned()
    }
}

impl Drop for PracticeCloud {
    fn drop(&mut self) {
        kill_group(self.shell.id());
        self.shell.wait().ok();
    }
}

/// What a command prints that has to succeed.
pub fn printed(command: &mut Command) -> String {
    let output = finish(command, ANSWER_WITHIN);
    assert!(output.status.success(), "{command:?}: {}", output.stderr);
    output.stdout
}

/// Reads a line, and goes on reading so that nobody who writes more is stopped by a full pipe.
fn first_line(pipe: impl Read + Send + 'static) -> String {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody listens any more after the first line.
            sender.send(line).ok();
        }
    });
    receiver
        .recv_timeout(ANSWER_WITHIN)
        .expect("the sandbox says a line")
}

/// Reads the file as a shell does that sources it.
fn exported(file: &Path) -> BTreeMap<String, String> {
    let script = r#". "$1" && env"#;
    let environment = printed(
        Command::new("sh")
            .args(["-c", script, "source"])
            .arg(file)
            .env_clear()
            .env(
                "PATH",
                std::env::var_os("PATH").expect("tests run with a PATH"),
            ),
    );
    let lines = fs::read_to_string(file).expect("the environment file is readable");
    environment
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| lines.contains(&format!("export {name}=")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
