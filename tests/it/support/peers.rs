//! Third-party servers and clients that `rok-deploy` is held against, as `tests/run` installs them.
//!
//! Each server gets a port of its own from the kernel and is gone when its value is dropped, or, by
//! way of the pipe on its standard input, when the test process dies.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::env::finish;
use super::kill_group;

/// The account that both AWS peers serve.
pub const ACCOUNT: &str = "123456789012";
/// The name of the one cluster that the documentation's examples, and so our tests, use.
pub const CLUSTER: &str = "arrikto-cluster";

const READY_WITHIN: Duration = Duration::from_mins(1);
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
const STARTS: usize = 3;

/// An AWS that verifies signatures and enforces policies, issues OIDC tokens and runs stacks.
pub struct Ministack(Server);

impl Ministack {
    /// Starts an empty account; with `auth`, requests are refused as AWS would.
    pub fn start(auth: bool, region: &str) -> Self {
        Self(Server::start(
            "ministack",
            "/_ministack/health",
            |command, port, folder| {
                command
                    .arg(launcher("ministack-irsa.py"))
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
            |command, port, _| {
                command.arg(launcher("moto-server.py")).args([
                    "-H",
                    "127.0.0.1",
                    "-p",
                    &port.to_string(),
                ]);
            },
        ))
    }

    pub fn endpoint(&self) -> String {
        self.0.endpoint()
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
        output.stderr
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = aws_cli(self.home.path());
        command
            .args(arguments)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_DEFAULT_REGION", &self.region)
            .env("AWS_ACCESS_KEY_ID", &self.keys.id)
            .env("AWS_SECRET_ACCESS_KEY", &self.keys.secret);
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
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        self.call(&["iam", "create-user", "--user-name", name]);
        self.call(&[
            "iam",
            "put-user-policy",
            "--user-name",
            name,
            "--policy-name",
            "admin",
            "--policy-document",
            policy,
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

/// The AWS CLI with a home of its own and no configuration. The caller names endpoint, region and keys.
///
/// Its home must be new for every endpoint: it caches credentials there under a key that says nothing
/// of where they came from.
pub fn aws_cli(home: &Path) -> Command {
    let mut command = client(&installed("awscli", "aws"), home);
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

/// A running server, its port and the folder with its log.
struct Server {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Server {
    /// Starts a Python program of `tests/run` and waits until `health` answers 200.
    ///
    /// The port is free when it is chosen and may be taken before the server binds it, so a server
    /// that ends instead of answering gets another chance with another port.
    fn start(name: &str, health: &str, configure: impl Fn(&mut Command, u16, &Path)) -> Self {
        let mut log = String::new();
        for _ in 0..STARTS {
            let mut server = Self::spawn(name, &configure);
            if server.is_ready(health) {
                return server;
            }
            log = fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
        }
        panic!("{name} does not answer {health}; its log:\n{log}");
    }

    fn spawn(name: &str, configure: impl Fn(&mut Command, u16, &Path)) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("rok-peer-")
            .tempdir()
            .expect("a temporary folder");
        let log =
            File::create(folder.path().join("log")).expect("the temporary folder is writable");
        let port = free_port();
        let mut command = client(&installed(name, "python"), folder.path());
        // The launchers lie in the source tree.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        configure(&mut command, port, folder.path());
        let child = command
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a file handle can be cloned"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"));
        Self {
            child,
            port,
            folder,
        }
    }

    fn is_ready(&mut self, health: &str) -> bool {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            let answers = answers_ok(self.port, health);
            // Another process may have taken the port: only a living server's answer counts.
            if self
                .child
                .try_wait()
                .expect("a child can be asked")
                .is_some()
            {
                return false;
            }
            if answers {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        kill_group(self.child.id());
        self.child.wait().ok();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener
        .local_addr()
        .expect("a bound listener has an address")
        .port()
}

fn answers_ok(port: u16, path: &str) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        )?;
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status)?;
        Ok(status.split(' ').nth(1) == Some("200"))
    };
    ask().unwrap_or(false)
}

fn launcher(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(name)
}

/// A program in one of the environments of `tests/run`.
fn installed(peer: &str, program: &str) -> PathBuf {
    let peers = std::env::var_os("ROK_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers"),
        PathBuf::from,
    );
    let path = peers.join(peer).join("bin").join(program);
    assert!(
        path.exists(),
        "{} is missing: run tests/run, which installs it",
        path.display()
    );
    path
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_server_ends_when_its_test_is_gone() {
    let mut peer = Ministack::start(false, "us-west-2").0;
    drop(peer.child.stdin.take());
    let deadline = Instant::now() + ANSWER_WITHIN;
    while peer
        .child
        .try_wait()
        .expect("a child can be asked")
        .is_none()
    {
        assert!(Instant::now() < deadline, "the server outlives its test");
        thread::sleep(Duration::from_millis(20));
    }
}
