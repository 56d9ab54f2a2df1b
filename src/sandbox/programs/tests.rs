//! The programs in Pods of a whole practice world.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::{AttachParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::sandbox::cluster::Sabotage;
use crate::sandbox::{Options, Sandbox};

const ACCOUNT: &str = "123451234512";
const ROLE: &str = "arn:aws:iam::123451234512:role/rok";
const NODE_ROLE: &str = "eksctl-arrikto-cluster-nodegroup-workers-NodeInstanceRole";

struct World {
    sandbox: Sandbox,
    client: Client,
    directory: TempDir,
}

/// What came of a command: output, errors, exit code.
type Ended = (String, String, i32);

impl World {
    /// A world in which the account `rok` of the namespace `rok` names a role, and nothing else.
    async fn new() -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let directory = TempDir::new().unwrap();
        let options = Options {
            directory: directory.path().join("practice"),
            skeleton: vec![("README.md".into(), b"# Deployments\n".to_vec())],
            fresh: false,
            lag: std::time::Duration::ZERO,
            latency: std::time::Duration::ZERO,
        };
        let sandbox = Sandbox::open(options).await.unwrap();
        let kubeconfig = Kubeconfig::read_from(&sandbox.environment()["KUBECONFIG"]).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let client = Client::try_from(config.unwrap()).unwrap();
        let world = Self {
            sandbox,
            client,
            directory,
        };
        let namespaces: Api<Namespace> = Api::all(world.client.clone());
        let namespace = object(json!({ "metadata": { "name": "rok" } }));
        namespaces
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap();
        let accounts: Api<ServiceAccount> = Api::namespaced(world.client.clone(), "rok");
        let account = object(json!({ "metadata": {
            "name": "rok",
            "annotations": { "eks.amazonaws.com/role-arn": ROLE },
        } }));
        accounts
            .create(&PostParams::default(), &account)
            .await
            .unwrap();
        world
    }

    fn iam(&self) -> aws_sdk_iam::Client {
        let environment = self.sandbox.environment();
        let (id, secret) = (
            &environment["AWS_ACCESS_KEY_ID"],
            &environment["AWS_SECRET_ACCESS_KEY"],
        );
        let key = Credentials::new(id, secret, None, None, "practice");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-west-2"))
            .endpoint_url(&environment["AWS_ENDPOINT_URL"])
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(SharedCredentialsProvider::new(key))
            .build();
        aws_sdk_iam::Client::new(&config)
    }

    fn issuer(&self) -> String {
        self.sandbox.cluster().unwrap().issuer()
    }

    async fn make_provider(&self) {
        let provider = self.iam().create_open_id_connect_provider();
        let provider = provider
            .url(self.issuer())
            .client_id_list("sts.amazonaws.com");
        provider.send().await.unwrap();
    }

    /// Makes the role that trusts this account, with rights to buckets that begin with `rok-`.
    async fn make_role(&self, subject: &str) {
        let host = self.issuer().replace("https://", "");
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{host}") },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": { format!("{host}:sub"): subject } },
        }] });
        let role = self.iam().create_role().role_name("rok");
        role.assume_role_policy_document(trust.to_string())
            .send()
            .await
            .unwrap();
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::rok-*"],
        }] });
        let put = self
            .iam()
            .put_role_policy()
            .role_name("rok")
            .policy_name("p");
        put.policy_document(policy.to_string())
            .send()
            .await
            .unwrap();
    }

    async fn pod(&self, name: &str, command: &[&str]) {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), "rok");
        let pod = object(json!({
            "metadata": { "name": name },
            "spec": {
                "serviceAccountName": "rok",
                "restartPolicy": "Never",
                "containers": [{ "name": "main", "image": "rok-tools:1", "command": command }],
            },
        }));
        pods.create(&PostParams::default(), &pod).await.unwrap();
        self.until(name, |pod| pod["status"]["phase"] != "Pending")
            .await;
    }

    /// Waits until the Pod is as wanted, and returns it.
    async fn until(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let cluster = self.sandbox.cluster().unwrap();
        let mut changed = cluster.changes();
        loop {
            let state = cluster.state();
            let pod = state.read(|state| state.object("pods", "rok", name).cloned());
            if let Some(pod) = pod.filter(&wanted) {
                return pod;
            }
            let patience = std::time::Duration::from_secs(10);
            let change = tokio::time::timeout(patience, changed.changed());
            change.await.expect("nothing happens to the Pod").unwrap();
        }
    }

    async fn until_gone(&self, name: &str) {
        let cluster = self.sandbox.cluster().unwrap();
        let mut changed = cluster.changes();
        while cluster
            .state()
            .read(|state| state.object("pods", "rok", name).is_some())
        {
            changed.changed().await.unwrap();
        }
    }

    async fn exec(&self, name: &str, command: &str) -> Ended {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), "rok");
        let command: Vec<&str> = command.split(' ').collect();
        let mut process = pods
            .exec(name, command, &AttachParams::default())
            .await
            .unwrap();
        let status = process.take_status().unwrap();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let (mut out, mut err) = (process.stdout().unwrap(), process.stderr().unwrap());
        let read = tokio::join!(
            out.read_to_string(&mut stdout),
            err.read_to_string(&mut stderr)
        );
        assert!(read.0.is_ok() && read.1.is_ok());
        let status = serde_json::to_value(status.await.unwrap()).unwrap();
        let code = &status["details"]["causes"][0]["message"];
        let code = code.as_str().map_or(0, |code| code.parse().unwrap());
        (stdout, stderr, code)
    }

    /// Runs the real kubectl.
    async fn kubectl(&self, arguments: &[&str]) -> Ended {
        let output = Command::new("kubectl")
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.directory.path())
            .env("KUBECONFIG", &self.sandbox.environment()["KUBECONFIG"])
            .output()
            .await
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (text(output.stdout), text(output.stderr), code)
    }

    /// A command of kubectl that has to succeed.
    async fn kubectl_says(&self, arguments: &[&str]) -> String {
        let (stdout, stderr, code) = self.kubectl(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {stderr}");
        stdout
    }

    /// A file of the skeleton's `rok-test`, rendered.
    fn rendered(&self, name: &str, template: &str) -> String {
        let context = minijinja::context! {
            AWS_ACCOUNT_ID => ACCOUNT,
            AWS_DEFAULT_REGION => "us-west-2",
            AWS_S3_BUCKET_PREFIX => "rok-bucket",
            AWS_S3_ROLE => "rok",
            EKS_CLUSTER_OIDC => self.issuer().replace("https://", ""),
            ROK_CLUSTER_NAME => "rok",
            ROK_CLUSTER_NAMESPACE => "rok",
        };
        let rendered = minijinja::Environment::new().render_str(template, context);
        let path = self.directory.path().join(name);
        std::fs::write(&path, rendered.unwrap()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    async fn refused(&self, command: &str, words: &str, code: i32) {
        let expected = (String::new(), format!("\n{words}\n"), code);
        assert_eq!(self.exec("probe", command).await, expected, "{command}");
    }
}

fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

const LIST: &str = "aws s3api list-object-versions --bucket rok-chocks-ca --max-items 1";
const CREATE: &str = "aws s3api create-bucket --bucket rok-chocks-ca --region us-west-2 \
                      --create-bucket-configuration LocationConstraint=us-west-2";

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_comes_by_its_bucket_step_by_step() {
    let world = World::new().await;
    world.pod("probe", &["sleep", "infinity"]).await;
    let assume = "when calling the AssumeRoleWithWebIdentity operation:";
    let words = format!(
        "An error occurred (InvalidIdentityToken) {assume} No OpenIDConnect provider found in your account for {}",
        world.issuer()
    );
    world.refused(LIST, &words, 254).await;
    world.make_provider().await;
    let words = format!(
        "An error occurred (AccessDenied) {assume} Not authorized to perform sts:AssumeRoleWithWebIdentity"
    );
    world.refused(LIST, &words, 254).await;
    world.make_role("system:serviceaccount:rok:rok").await;

    let (identity, _, code) = world.exec("probe", "aws sts get-caller-identity").await;
    assert_eq!(code, 0);
    let lines: Vec<&str> = identity.lines().collect();
    assert!(lines[1].starts_with("    \"UserId\": \"AROA"), "{identity}");
    assert_eq!(lines[2], "    \"Account\": \"123451234512\",");
    assert!(
        lines[3].starts_with(
            "    \"Arn\": \"arn:aws:sts::123451234512:assumed-role/rok/botocore-session-"
        ),
        "{identity}"
    );

    let words = "An error occurred (NoSuchBucket) when calling the ListObjectVersions operation: The specified bucket does not exist";
    world.refused(LIST, words, 254).await;
    let (made, _, code) = world.exec("probe", CREATE).await;
    assert_eq!(code, 0);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert!(made["Location"].is_string(), "{made}");
    assert_eq!(world.exec("probe", LIST).await, Ended::default());
    let words = "An error occurred (AccessDenied) when calling the ListObjectVersions operation: Access Denied";
    let elsewhere = "aws s3api list-object-versions --bucket elsewhere";
    world.refused(elsewhere, words, 254).await;
    let words =
        "An error occurred (AccessDenied) when calling the CreateBucket operation: Access Denied";
    world
        .refused(&CREATE.replace("rok-chocks-ca", "elsewhere"), words, 254)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_an_identity_is_its_node_and_may_nothing() {
    let world = World::new().await;
    let cluster = world.sandbox.cluster().unwrap();
    cluster.sabotage(Sabotage::WebhookOff).unwrap();
    world.pod("probe", &["sleep", "infinity"]).await;
    let region = "aws --region us-west-2";
    let ask = format!("{region} sts get-caller-identity --query Arn --output text");
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{NODE_ROLE}/i-0practice00000001\n");
    assert_eq!(world.exec("probe", &ask).await, (arn, String::new(), 0));
    let words = "An error occurred (AccessDenied) when calling the ListObjectVersions operation: Access Denied";
    world
        .refused(&format!("{LIST} --region us-west-2"), words, 254)
        .await;
    cluster.sabotage(Sabotage::NodeRoleOutOfReach).unwrap();
    let words =
        "Unable to locate credentials. You can configure credentials by running \"aws configure\".";
    world.refused(&ask, words, 253).await;
    let words = "You must specify a region. You can also configure your region by running \"aws configure\".";
    world
        .refused("aws sts get-caller-identity", words, 253)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_another_issuer_are_not_known_to_aws() {
    let world = World::new().await;
    world.make_provider().await;
    world.make_role("system:serviceaccount:rok:rok").await;
    let other = Sabotage::OtherIssuer("https://oidc.eks.us-west-2.amazonaws.com/id/0".into());
    world.sandbox.cluster().unwrap().sabotage(other).unwrap();
    world.pod("probe", &["sleep", "infinity"]).await;
    let words = "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: No OpenIDConnect provider found in your account for https://oidc.eks.us-west-2.amazonaws.com/id/0";
    world
        .refused("aws sts get-caller-identity", words, 254)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_leaves_its_output_as_last_words() {
    let world = World::new().await;
    let ended = async |name: &str, command: &[&str]| {
        let shell = ["sh", "-c", r#"exec "$@" >/dev/termination-log 2>&1"#, "sh"];
        world.pod(name, &[&shell, command].concat()).await;
        let is_finished = |pod: &Value| {
            pod["status"]["phase"] == "Succeeded" || pod["status"]["phase"] == "Failed"
        };
        let pod = world.until(name, is_finished).await;
        let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
        let message = ended["message"].as_str().unwrap_or_default().to_owned();
        (ended["exitCode"].as_i64().unwrap(), message)
    };
    let token = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
    let (code, read) = ended("token", &["cat", token]).await;
    assert_eq!((code, read.split('.').count()), (0, 3), "{read}");
    let (code, said) = ended("list", &LIST.split(' ').collect::<Vec<_>>()).await;
    assert_eq!(code, 254);
    assert!(
        said.starts_with("\nAn error occurred (InvalidIdentityToken)"),
        "{said}"
    );
    assert_eq!(
        ended("odd", &["teapot"]).await,
        (127, "sh: 1: exec: teapot: not found\n".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_look_around_in_a_pod() {
    let world = World::new().await;
    world.pod("probe", &["sleep", "infinity"]).await;
    let stdout = async |command: &str| {
        let (stdout, stderr, code) = world.exec("probe", command).await;
        assert_eq!((stderr.as_str(), code), ("", 0), "{command}");
        stdout
    };
    let environment = stdout("env").await;
    assert!(
        environment.contains(&format!("\nAWS_ROLE_ARN={ROLE}\n")),
        "{environment}"
    );
    let file = stdout("printenv AWS_WEB_IDENTITY_TOKEN_FILE").await;
    assert_eq!(
        file,
        "/var/run/secrets/eks.amazonaws.com/serviceaccount/token\n"
    );
    let token = stdout(&format!("cat {}", file.trim())).await;
    let claims = stdout(&format!("cut -d. -f2 {}", file.trim())).await;
    assert_eq!(claims.trim(), token.split('.').nth(1).unwrap());
    assert_eq!(stdout("echo a b").await, "a b\n");
    assert!(stdout("aws --version").await.starts_with("aws-cli/2."));
    assert_eq!(stdout("sleep 0").await, "");
    assert_eq!(
        world.exec("probe", "printenv NOTHING").await,
        (String::new(), String::new(), 1)
    );
    let (_, said, code) = world.exec("probe", "cat /nothing").await;
    assert_eq!(
        (said.as_str(), code),
        ("cat: /nothing: No such file or directory\n", 1)
    );
    let (_, said, code) = world.exec("probe", "sh -c ls").await;
    assert_eq!(code, 127, "{said}");
    let (_, said, code) = world
        .exec("probe", "aws s3api list-object-versions --teapot 1")
        .await;
    assert_eq!(code, 252);
    assert!(
        said.ends_with("aws: error: Unknown options: --teapot, 1\n"),
        "{said}"
    );
}

const ACCOUNT_TEMPLATE: &str =
    include_str!("../../../templates/gitops/rok/rok-test/rok-verify-service-account-eks.yaml.j2");
const POD_TEMPLATE: &str =
    include_str!("../../../templates/gitops/rok/rok-test/rok-verify-storage-access-eks.yaml.j2");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_follows_the_documented_verification() {
    let world = World::new().await;
    world.make_provider().await;
    world.make_role("system:serviceaccount:rok:rok").await;
    let account = world.rendered("account.yaml", ACCOUNT_TEMPLATE);
    let pod = world.rendered("pod.yaml", POD_TEMPLATE);

    let (_, said, code) = world.kubectl(&["create", "-f", &account]).await;
    let exists = format!(
        "Error from server (AlreadyExists): error when creating \"{account}\": serviceaccounts \"rok\" already exists\n"
    );
    assert_eq!((said, code), (exists, 1));
    let said = world.kubectl_says(&["create", "-f", &pod]).await;
    assert_eq!(said, "pod/rok-verify-storage-access created\n");
    let name = "rok-verify-storage-access";
    world
        .until(name, |pod| pod["status"]["phase"] == "Running")
        .await;
    let get = ["get", "pod", "-n", "rok", name, "-o"];
    let ready = "jsonpath={.status.phase} {.status.containerStatuses[*].ready}";
    let said = world.kubectl_says(&[&get[..], &[ready]].concat()).await;
    assert_eq!(said, "Running true");
    let described = world
        .kubectl_says(&["describe", "pod", "-n", "rok", name])
        .await;
    for line in [
        "AWS_ROLE_ARN:",
        "aws-iam-token",
        "Successfully assigned rok/rok-verify",
    ] {
        assert!(described.contains(line), "{described}");
    }

    let exec = ["exec", "-n", "rok", name, "--"];
    let exec = |command: &'static str| {
        let command: Vec<&str> = command.split(' ').collect();
        [&exec[..], &command].concat()
    };
    let environment = world.kubectl_says(&exec("env")).await;
    assert!(
        environment.contains("\nAWS_S3_BUCKET_PREFIX=rok-bucket\n"),
        "{environment}"
    );
    let read = exec("cat /var/run/secrets/eks.amazonaws.com/serviceaccount/token");
    let token = world.kubectl_says(&read).await;
    assert_eq!(token.split('.').count(), 3, "{token}");

    let list = exec("aws s3api list-object-versions --bucket rok-bucket-chocks-ca");
    let (_, said, code) = world.kubectl(&list).await;
    assert_eq!(code, 254);
    assert_eq!(
        said,
        "\nAn error occurred (NoSuchBucket) when calling the ListObjectVersions operation: The specified bucket does not exist\ncommand terminated with exit code 254\n"
    );
    let create = exec(
        "aws s3api create-bucket --bucket rok-bucket-chocks-ca --region us-west-2 --create-bucket-configuration LocationConstraint=us-west-2",
    );
    let made = world.kubectl_says(&create).await;
    assert!(made.contains("\"Location\": "), "{made}");
    assert_eq!(world.kubectl_says(&list).await, "");

    let (_, said, code) = world.kubectl(&exec("teapot")).await;
    assert_eq!(code, 1);
    assert!(
        said.contains("exec: \"teapot\": executable file not found in $PATH"),
        "{said}"
    );
    let delete = ["delete", "pod", "-n", "rok", name, "--wait=false"];
    let said = world.kubectl_says(&delete).await;
    assert!(
        said.starts_with("pod \"rok-verify-storage-access\" deleted"),
        "{said}"
    );
    world.until_gone(name).await;
    let (_, said, _) = world.kubectl(&get[..5]).await;
    assert_eq!(
        said,
        format!("Error from server (NotFound): pods \"{name}\" not found\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_tells_why_it_cannot_execute() {
    let world = World::new().await;
    let cluster = world.sandbox.cluster().unwrap();
    world.pod("ended", &["true"]).await;
    world.pod("probe", &["sleep", "infinity"]).await;
    let said = async |pod: &str, more: &[&str]| {
        let arguments = [&["exec", "-n", "rok", pod], more, &["--", "env"]].concat();
        let (_, said, code) = world.kubectl(&arguments).await;
        assert_eq!(code, 1, "{said}");
        said
    };
    assert_eq!(
        said("gone", &[]).await,
        "Error from server (NotFound): pods \"gone\" not found\n"
    );
    assert_eq!(
        said("ended", &[]).await,
        "error: cannot exec into a container in a completed pod; current phase is Succeeded\n"
    );
    assert_eq!(
        said("probe", &["-c", "other"]).await,
        "Error from server (BadRequest): container other is not valid for pod probe\n"
    );
    cluster.sabotage(Sabotage::ExecBreaksAfterUpgrade).unwrap();
    let broken = said("probe", &[]).await;
    assert!(
        broken.contains("10250: connect: connection refused"),
        "{broken}"
    );
    cluster.sabotage(Sabotage::ExecRefused).unwrap();
    let refused = said("probe", &[]).await;
    assert!(
        refused.starts_with(
            "Error from server (Forbidden): pods \"probe\" is forbidden: ValidatingAdmissionPolicy"
        ),
        "{refused}"
    );
}
