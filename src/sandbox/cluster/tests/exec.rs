//! Commands in containers, with kube's own client.

use base64::Engine as _;
use kube::api::AttachParams;
use tokio::io::AsyncReadExt as _;

use super::pods::{Practice, running};
use super::*;
use crate::sandbox::cluster::Sabotage;

/// What a command wrote and the status it ended with.
struct Ended {
    stdout: String,
    stderr: String,
    status: Value,
}

impl Ended {
    fn code(&self) -> Option<&str> {
        let cause = &self.status["details"]["causes"][0];
        assert_eq!(cause["reason"], "ExitCode", "{}", self.status);
        cause["message"].as_str()
    }

    fn message(&self) -> &str {
        self.status["message"].as_str().unwrap()
    }
}

async fn practice() -> Practice {
    let practice = Practice::new().await;
    practice.create("probe", running(&["wait"])).await;
    practice.until_phase("probe", "Running").await;
    practice
}

async fn exec(practice: &Practice, pod: &str, command: &[&str]) -> Result<Ended, Error> {
    let parameters = AttachParams::default();
    let mut process = practice
        .pods
        .exec(pod, command.to_vec(), &parameters)
        .await?;
    let status = process.take_status().unwrap();
    let (mut out, mut err) = (process.stdout().unwrap(), process.stderr().unwrap());
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let read = tokio::join!(
        out.read_to_string(&mut stdout),
        err.read_to_string(&mut stderr)
    );
    read.0.unwrap();
    read.1.unwrap();
    let status = serde_json::to_value(status.await.unwrap()).unwrap();
    process.join().await.unwrap();
    Ok(Ended {
        stdout,
        stderr,
        status,
    })
}

#[tokio::test]
async fn output_and_exit_codes_come_back() {
    let practice = practice().await;
    let ended = exec(&practice, "probe", &["echo", "hello"]).await.unwrap();
    assert_eq!(
        (ended.stdout.as_str(), ended.stderr.as_str()),
        ("hello\n", "")
    );
    assert_eq!(ended.status["status"], "Success");
    let ended = exec(&practice, "probe", &["fail", "7"]).await.unwrap();
    assert_eq!(
        (ended.stdout.as_str(), ended.stderr.as_str()),
        ("", "it failed\n")
    );
    assert_eq!(ended.code(), Some("7"));
    assert_eq!(ended.status["reason"], "NonZeroExitCode");
    let asked = practice.server.requests();
    let asked = asked.last().unwrap();
    assert_eq!((asked.status, asked.write), (101, false), "{asked:?}");
    assert_eq!(asked.path, "/api/v1/namespaces/rok/pods/probe/exec");
    let large = "x".repeat(50_000);
    let ended = exec(&practice, "probe", &["echo", &large]).await.unwrap();
    assert_eq!(ended.stdout.len(), 50_001);
}

#[tokio::test]
async fn a_mounted_token_is_bound_to_its_pod() {
    let practice = practice().await;
    let path = "/var/run/secrets/kubernetes.io/serviceaccount";
    let cat = async |file: &str| {
        let file = format!("{path}/{file}");
        let ended = exec(&practice, "probe", &["cat", &file]).await.unwrap();
        ended.stdout
    };
    assert_eq!(cat("namespace").await, "rok");
    assert_eq!(cat("ca.crt").await, practice.server.ca_pem());
    let token = cat("token").await;
    assert_eq!(cat("token").await, token);
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["kubernetes.io"]["pod"]["name"], "probe");
    assert_eq!(claims["iss"], practice.server.issuer());

    let other = Sabotage::OtherIssuer("https://elsewhere.example".into());
    practice.server.sabotage(other).unwrap();
    practice.create("later", running(&["wait"])).await;
    practice.until_phase("later", "Running").await;
    let file = format!("{path}/token");
    let token = exec(&practice, "later", &["cat", &file])
        .await
        .unwrap()
        .stdout;
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["iss"], "https://elsewhere.example");
}

#[tokio::test]
async fn what_fails_at_the_node_comes_after_the_upgrade() {
    let practice = practice().await;
    let ended = exec(&practice, "probe", &["teapot"]).await.unwrap();
    assert_eq!(ended.status["reason"], "InternalError");
    assert!(
        ended.message().ends_with(
            "unable to start container process: exec: \"teapot\": executable file not found in $PATH: unknown"
        ),
        "{}",
        ended.message()
    );

    practice.create("ended", running(&["echo", "1"])).await;
    practice.until_phase("ended", "Succeeded").await;
    let ended = exec(&practice, "ended", &["echo", "1"]).await.unwrap();
    assert_eq!(
        ended.message(),
        "Internal error occurred: unable to upgrade connection: container not found (\"main\")"
    );

    practice
        .server
        .sabotage(Sabotage::ExecBreaksAfterUpgrade)
        .unwrap();
    let ended = exec(&practice, "probe", &["echo", "1"]).await.unwrap();
    assert!(
        ended
            .message()
            .ends_with("dial tcp 192.168.10.20:10250: connect: connection refused"),
        "{}",
        ended.message()
    );
    assert_eq!(ended.status["code"], 500);
}

/// The refusal of a request that was not upgraded, which kube's client does not read out.
async fn refused(practice: &Practice, path: &str) -> Value {
    let token = practice.server.kubeconfig_user_token();
    let config = Config::from_custom_kubeconfig(
        kubeconfig(&practice.server, &token),
        &KubeConfigOptions::default(),
    )
    .await
    .unwrap();
    let client = Client::try_from(config).unwrap();
    let request = http::Request::get(format!("/api/v1/namespaces/rok/pods/{path}"))
        .body(Vec::new())
        .unwrap();
    match client.request::<Value>(request).await.unwrap_err() {
        Error::Api(status) => serde_json::to_value(status).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_request_comes_before() {
    let practice = practice().await;
    let two = json!({ "containers": [
        { "name": "a", "image": "i:1" },
        { "name": "b", "image": "i:1" },
    ] });
    practice.create("two", two).await;
    practice.until_phase("two", "Running").await;
    for (path, code, words) in [
        ("gone/exec?command=env", 404, "pods \"gone\" not found"),
        (
            "two/exec?command=env",
            400,
            "a container name must be specified for pod two, choose one of: [a b]",
        ),
        (
            "two/exec?command=env&container=c",
            400,
            "container c is not valid for pod two",
        ),
        (
            "probe/exec",
            400,
            "you must specify at least one command for the container",
        ),
        ("probe/exec?command=env", 400, "Upgrade request required"),
    ] {
        let status = refused(&practice, path).await;
        assert_eq!(
            (&status["code"], &status["message"]),
            (&json!(code), &json!(words))
        );
    }
    practice.server.sabotage(Sabotage::ExecRefused).unwrap();
    let status = refused(&practice, "probe/exec?command=env").await;
    assert_eq!(status["code"], 403);
    let message = status["message"].as_str().unwrap();
    assert!(message.starts_with("pods \"probe\" is forbidden: ValidatingAdmissionPolicy"));

    let anonymous = client_with(&practice.server, "").await;
    let request = http::Request::get("/api/v1/namespaces/rok/pods/probe/exec?command=env");
    let request = request.body(Vec::new()).unwrap();
    let refused = refusal(anonymous.request::<Value>(request).await);
    assert_eq!(
        refused.message,
        "pods \"probe\" is forbidden: User \"system:anonymous\" cannot get resource \"pods/exec\" in API group \"\" in the namespace \"rok\""
    );
}
