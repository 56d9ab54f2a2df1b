//! The programs in Pods of a whole practice world.

mod beside_aws;
mod beside_az;
mod in_aks_pods;
mod in_pods;
mod with_kubectl;
mod with_kubectl_on_aks;

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

use crate::sandbox::cluster::{ClusterServer, Sabotage};
use crate::sandbox::{Conduct, Options, Sandbox};

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
            conduct: Conduct::default(),
            faults: None,
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
        until(self.sandbox.cluster().unwrap(), name, wanted).await
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
        let command: Vec<&str> = command.split(' ').collect();
        exec(&self.client, name, &command).await
    }

    async fn refused(&self, command: &str, words: &str, code: i32) {
        let expected = (String::new(), format!("\n{words}\n"), code);
        assert_eq!(self.exec("probe", command).await, expected, "{command}");
    }
}

/// Waits until a Pod of the namespace `rok` is as wanted, and returns it.
async fn until(cluster: &ClusterServer, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
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

/// Runs a command in a Pod of the namespace `rok`.
async fn exec(client: &Client, name: &str, command: &[&str]) -> Ended {
    let pods: Api<Pod> = Api::namespaced(client.clone(), "rok");
    let mut process = pods
        .exec(name, command.iter().copied(), &AttachParams::default())
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

fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

const LIST: &str = "aws s3api list-object-versions --bucket rok-chocks-ca --max-items 1";
const CREATE: &str = "aws s3api create-bucket --bucket rok-chocks-ca --region us-west-2 \
                      --create-bucket-configuration LocationConstraint=us-west-2";
