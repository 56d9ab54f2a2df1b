//! Third-party servers and clients that `rok-deploy` is held against, as `tests/run` installs them.
//!
//! The servers are started anew by each test that wants one, and are gone with their value.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::env::finish;
use super::server::Server;

/// The account that both AWS peers serve.
pub const ACCOUNT: &str = "123456789012";
/// The name of the one cluster that the documentation's examples, and so our tests, use.
pub const CLUSTER: &str = "arrikto-cluster";

const ANSWER_WITHIN: Duration = Duration::from_mins(1);

/// An AWS that verifies signatures and enforces policies, issues OIDC tokens and runs stacks.
pub struct Ministack(Server);

impl Ministack {
    /// Starts an empty account; with `auth`, requests are refused as AWS would.
    pub fn start(auth: bool, region: &str) -> Self {
        Self(Server::start(
            "ministack",
            "/_ministack/health",
            |port, folder| {
                let mut command = python("ministack", "ministack-irsa.py", folder);
                command
                    .env("BIND_HOST", "127.0.0.1")
                    .env("GATEWAY_PORT", port.to_string())
                    .env("AUTH", auth.to_string())
                    .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
                    .env("MINISTACK_REGION", region)
                    .env("AWS_ACCESS_KEY_ID", "test")
                    .env("AWS_SECRET_ACCESS_KEY", "test")
                    .env("STATE_DIR", folder.join("state"))
                    // Both would listen on fixed ports of every address.
                    .env("IOT_MTLS_ENABLED", "0")
                    .env("SFTP_ENABLED", "0");
                command
            },
        ))
    }

    pub fn endpoint(&self) -> String {
        self.0.endpoint()
    }
}

/// An AWS that validates what it is given, pages its lists, and speaks the error texts of IAM.
pub struct Moto(Server);

impl Moto {
    /// Starts an empty account that refuses nobody.
    pub fn start() -> Self {
        Self(Server::start(
            "moto",
            "/moto-api/data.json",
            |port, folder| {
                let mut command = python("moto", "moto-server.py", folder);
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
                command
            },
        ))
    }

    pub fn endpoint(&self) -> String {
        self.0.endpoint()
    }
}

/// A proxy that lets requests to an AWS peer fail by rules.
pub struct Microburst(Server);

impl Microburst {
    /// Starts before the AWS of an endpoint, with rules of its own form.
    pub fn start(upstream: &str, rules: &Value) -> Self {
        let proxy = Self(Server::start(
            "microburst",
            "/_microburst/health",
            |port, folder| {
                let mut command = python("microburst", "microburst-proxy.py", folder);
                command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
                command.args(["--upstream", upstream]);
                command
            },
        ));
        let taken = proxy.0.post_json("/_microburst/rules", rules);
        assert!(taken.is_array(), "microburst takes the rules: {taken}");
        proxy
    }

    pub fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    /// What it did, oldest first.
    pub fn fired(&self) -> Vec<Value> {
        let fired = self.0.get_json("/_microburst/fired?limit=1000");
        fired.as_array().expect("a log is a list").clone()
    }
}

/// An access key.
#[derive(Clone, Debug)]
pub struct Keys {
    pub id: String,
    pub secret: String,
}

impl Keys {
    /// The peers' root user. Ministack does not look at its signatures: use [`Aws::make_admin`] for that.
    pub fn root() -> Self {
        Self {
            id: "test".to_owned(),
            secret: "test".to_owned(),
        }
    }
}

/// The AWS CLI with one identity at one endpoint: prepares a peer, and reads back what we made.
pub struct Aws {
    home: TempDir,
    endpoint: String,
    region: String,
    keys: Keys,
    session: Option<String>,
}

impl Aws {
    pub fn new(endpoint: &str, region: &str, keys: Keys) -> Self {
        let home = tempfile::Builder::new()
            .prefix("rok-aws-")
            .tempdir()
            .expect("a temporary home");
        Self {
            home,
            endpoint: endpoint.to_owned(),
            region: region.to_owned(),
            keys,
            session: None,
        }
    }

    /// The keys are those of a session.
    #[must_use]
    pub fn with_session(self, token: String) -> Self {
        Self {
            session: Some(token),
            ..self
        }
    }

    /// The answer to a call that has to succeed; `Null` when there is none.
    pub fn call(&self, arguments: &[&str]) -> Value {
        let output = finish(&mut self.command(arguments), ANSWER_WITHIN);
        assert!(
            output.status.success(),
            "aws {arguments:?}: {}",
            output.stderr
        );
        if output.stdout.trim().is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&output.stdout).expect("aws prints JSON")
    }

    /// The error text of a call that has to be refused.
    pub fn refusal(&self, arguments: &[&str]) -> String {
        let output = finish(&mut self.command(arguments), ANSWER_WITHIN);
        assert!(
            !output.status.success(),
            "aws {arguments:?} succeeded: {}",
            output.stdout
        );
        // The remark is about the one attempt that the CLI is given here.
        output.stderr.replace(" (reached max retries: 0)", "")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(&installed("awscli", "aws"));
        command.args(arguments);
        command
    }

    /// Another program of the same person, who has the CLI on the PATH.
    pub fn program(&self, program: &Path) -> Command {
        let cli = installed("awscli", "aws");
        let folder = cli.parent().expect("a program is in a folder").display();
        let path = std::env::var("PATH").expect("tests run with a PATH");
        let mut command = surroundings(client(program, self.home.path()), self.home.path());
        command
            .env("PATH", format!("{folder}:{path}"))
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_DEFAULT_REGION", &self.region)
            .env("AWS_ACCESS_KEY_ID", &self.keys.id)
            .env("AWS_SECRET_ACCESS_KEY", &self.keys.secret)
            .envs(
                self.session
                    .iter()
                    .map(|token| ("AWS_SESSION_TOKEN", token)),
            );
        command
    }

    /// Makes the cluster [`CLUSTER`] with the role that its control plane wants; returns its description.
    pub fn make_cluster(&self) -> Value {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        self.call(&[
            "iam",
            "create-role",
            "--role-name",
            "eks-cluster",
            "--assume-role-policy-document",
            trust,
        ]);
        let role = format!("arn:aws:iam::{ACCOUNT}:role/eks-cluster");
        let network = "subnetIds=subnet-11111111,subnet-22222222";
        self.call(&[
            "eks",
            "create-cluster",
            "--name",
            CLUSTER,
            "--role-arn",
            &role,
            "--resources-vpc-config",
            network,
        ]);
        self.call(&["eks", "describe-cluster", "--name", CLUSTER])["cluster"].take()
    }

    /// Makes an IAM user who may do everything, and whose requests have to be signed properly.
    pub fn make_admin(&self, name: &str) -> Keys {
        self.make_user(name, &[r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#])
    }

    /// Makes an IAM user whose one policy has these statements.
    pub fn make_user(&self, name: &str, statements: &[&str]) -> Keys {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
            statements.join(",")
        );
        self.call(&["iam", "create-user", "--user-name", name]);
        self.call(&[
            "iam",
            "put-user-policy",
            "--user-name",
            name,
            "--policy-name",
            "rights",
            "--policy-document",
            &policy,
        ]);
        let key = self.call(&["iam", "create-access-key", "--user-name", name]);
        let part = |field: &str| {
            key["AccessKey"][field]
                .as_str()
                .expect("an access key has an id and a secret")
                .to_owned()
        };
        Keys {
            id: part("AccessKeyId"),
            secret: part("SecretAccessKey"),
        }
    }
}

/// Sets what the AWS CLI reads besides endpoint, region and keys, which the caller names.
///
/// Its home must be new for every endpoint: it caches credentials there under a key that says nothing
/// of where they came from.
fn surroundings(mut command: Command, home: &Path) -> Command {
    command
        .env("AWS_CONFIG_FILE", home.join("aws-config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", home.join("aws-credentials"))
        .env("AWS_PAGER", "")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_RETRY_MODE", "standard")
        .env("AWS_MAX_ATTEMPTS", "1");
    command
}

/// kubectl with a home and a kubeconfig of its own.
pub fn kubectl(home: &Path, kubeconfig: &Path) -> Command {
    let mut command = client(Path::new("kubectl"), home);
    command.env("KUBECONFIG", kubeconfig);
    command
}

/// The j2 tool, whose output `rok-deploy render` has to equal.
pub fn j2(home: &Path) -> Command {
    client(&installed("j2cli", "j2"), home)
}

/// What checks CloudFormation templates against the published schemas.
pub fn cfn_lint(home: &Path) -> Command {
    client(&installed("cfn-lint", "cfn-lint"), home)
}

/// The SOPS format once more, in Python.
pub fn sops_reference(home: &Path) -> Command {
    python("sops", "sops-reference.py", home)
}

/// SOPS itself: its library, in the Lambda that it is published in.
pub fn sops_go(home: &Path) -> Command {
    let mut command = python("sops", "sops-go.py", home);
    command.arg(sops_readers().join("lambda/bootstrap"));
    command
}

/// Another program that reads the format, in TypeScript.
pub fn sops_age(home: &Path) -> Command {
    let launcher = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/sops-age.mjs");
    let mut command = client(Path::new("node"), home);
    command.arg(launcher).arg(sops_readers());
    command
}

fn sops_readers() -> PathBuf {
    let folder = peers().join("sops-readers");
    assert!(
        folder.join("stamp").is_file(),
        "the readers of SOPS files are not installed: tests/run does it"
    );
    folder
}

fn client(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(home)
        .env_clear()
        .env(
            "PATH",
            std::env::var_os("PATH").expect("tests run with a PATH"),
        )
        .env("HOME", home)
        .env("LANG", "C.UTF-8");
    command
}

/// A launcher of `tests/peers` in the environment of its peer.
fn python(peer: &str, launcher: &str, home: &Path) -> Command {
    let mut command = client(&installed(peer, "python"), home);
    command
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/peers")
                .join(launcher),
        )
        // The launchers lie in the source tree.
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Where `tests/run` installs.
fn peers() -> PathBuf {
    std::env::var_os("ROK_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers"),
        PathBuf::from,
    )
}

/// A program in one of the environments of `tests/run`.
pub fn installed(peer: &str, program: &str) -> PathBuf {
    let path = peers().join(peer).join("bin").join(program);
    assert!(
        path.exists(),
        "{} is missing: run tests/run, which installs it",
        path.display()
    );
    path
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn the_servers_end_when_their_test_is_gone() {
    Ministack::start(false, "us-west-2")
        .0
        .abandon(ANSWER_WITHIN);
    Moto::start().0.abandon(ANSWER_WITHIN);
    Microburst::start("http://127.0.0.1:9", &json!([]))
        .0
        .abandon(ANSWER_WITHIN);
}
