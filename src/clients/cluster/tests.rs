//! The cluster client against a small API server on loopback.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse as _;
use axum::{Router, serve};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::clients::wire::WireLog;

mod exec;
mod requests;

const ACCOUNT: &str = "/api/v1/namespaces/rok/serviceaccounts/rok";

#[tokio::test]
async fn a_401_runs_the_plugin_again_and_the_request_again() {
    let server = Server::start(|_, seen| {
        if seen.header("authorization") == "Bearer canary-2" {
            (200, json!({"gitVersion": "v1.33.2", "major": "1", "minor": "33", "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}))
        } else {
            (401, refusal(401, "Unauthorized", "Unauthorized"))
        }
    })
    .await;
    let home = Home::new();
    let kubeconfig = home.with_plugin(&server.url);
    let wire = WireLog::in_memory();
    let cluster = connect(&kubeconfig, wire.clone()).await.unwrap();
    assert_eq!(home.plugin_runs(), 1);

    assert_eq!(cluster.server_version().await.unwrap(), "v1.33.2");
    assert_eq!(home.plugin_runs(), 2);
    assert_eq!(cluster.server_version().await.unwrap(), "v1.33.2");
    assert_eq!(home.plugin_runs(), 2, "the new token is kept");

    let records = wire.records();
    let seen: Vec<_> = records
        .iter()
        .map(|record| (record.attempt, record.status, record.error.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [
            (1, Some(401), Some("Unauthorized")),
            (2, Some(200), None),
            (1, Some(200), None)
        ]
    );
    assert_eq!(records[0].operation, "GET /version");
    assert_eq!(records[0].target, server.url);
    assert_eq!(records[0].request_id.as_deref(), Some("audit-1"));

    let info = fs::read_to_string(home.path("info")).unwrap();
    assert!(info.contains(r#""interactive":false"#), "{info}");
    assert!(!format!("{records:?} {cluster:?}").contains("canary"));
}

#[tokio::test]
async fn credentials_about_to_end_are_renewed_before_a_request() {
    let server = Server::start(|_, _| (200, namespace())).await;
    let home = Home::new();
    let kubeconfig = home.with_plugin(&server.url);
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(30);
    fs::write(home.path("expires"), soon.to_string()).unwrap();
    let cluster = connect(&kubeconfig, WireLog::new()).await.unwrap();
    fs::write(home.path("expires"), "2099-01-01T00:00:00Z").unwrap();

    for _ in 0..2 {
        cluster.kube_system_uid().await.unwrap();
    }
    assert_eq!(home.plugin_runs(), 2);
    for seen in server.seen() {
        assert_eq!(seen.header("authorization"), "Bearer canary-2");
    }
}

#[tokio::test]
async fn who_stays_unknown_is_told_so_after_one_new_login() {
    let server = Server::start(|_, _| (401, refusal(401, "Unauthorized", "Unauthorized"))).await;
    let home = Home::new();
    let cluster = connect(&home.with_plugin(&server.url), WireLog::new())
        .await
        .unwrap();
    let error = cluster.server_version().await.unwrap_err();
    assert_eq!(error.kind, ClusterErrorKind::Unauthorized);
    assert!(error.hint().is_some());
    assert_eq!((server.seen().len(), home.plugin_runs()), (2, 2));
}

#[tokio::test]
async fn a_new_login_does_not_follow_the_context_to_another_cluster() {
    let server = Server::start(|_, _| (401, refusal(401, "Unauthorized", "Unauthorized"))).await;
    let other = Server::start(|_, _| (200, json!({}))).await;
    let home = Home::new();
    let kubeconfig = home.with_plugin(&server.url);
    let cluster = connect(&kubeconfig, WireLog::new()).await.unwrap();
    home.with_plugin(&other.url);
    let error = cluster.server_version().await.unwrap_err();
    assert_eq!(error.kind, ClusterErrorKind::Kubeconfig);
    assert!(error.message.contains(&server.url) && error.message.contains(&other.url));
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_missing_plugin_is_named_with_its_own_advice() {
    let home = Home::new();
    let kubeconfig = home.kubeconfig(
        "http://127.0.0.1:1",
        &json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
            "command": "no-such-plugin", "installHint": "Install it\nfrom there.\n"}}),
    );
    let error = connect(&kubeconfig, WireLog::new()).await.unwrap_err();
    assert_eq!(error.kind, ClusterErrorKind::Kubeconfig);
    assert!(error.to_string().contains("`no-such-plugin`"), "{error}");
    assert_eq!(error.hint().unwrap(), "Install it from there.");
}

#[tokio::test]
async fn a_failing_plugin_says_why_and_gives_nothing_away() {
    let home = Home::new();
    let plugin =
        home.script("echo canary\necho first >&2\necho 'SSO session expired' >&2\nexit 255");
    let kubeconfig = home.kubeconfig(
        "http://127.0.0.1:1",
        &json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
            "args": [plugin, "--token", "canary"], "env": [{"name": "TOKEN", "value": "canary"}]}}),
    );
    let error = connect(&kubeconfig, WireLog::new()).await.unwrap_err();
    assert_eq!(error.kind, ClusterErrorKind::Unauthorized);
    assert!(error.message.ends_with("SSO session expired"), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let server = Server::start(|number, _| match number {
        1 => (503, json!({})),
        2 => (429, refusal(429, "TooManyRequests", "later")),
        _ => (200, account()),
    })
    .await;
    let wire = WireLog::in_memory();
    let cluster = server.cluster(wire.clone()).await;
    let found = cluster
        .service_account("rok", "rok")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.uid, "uid-1");
    let statuses: Vec<_> = wire
        .records()
        .iter()
        .map(|record| (record.attempt, record.status.unwrap()))
        .collect();
    assert_eq!(statuses, [(1, 503), (2, 429), (3, 200)]);
}

#[tokio::test]
async fn a_request_given_up_leaves_its_line() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = Home::new();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let wire = WireLog::in_memory();
    let cluster = connect(&home.kubeconfig(&url, &json!({})), wire.clone())
        .await
        .unwrap();
    let silent = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        stream
    };
    let sent = tokio::select! {
        _ = cluster.server_version() => panic!("nobody answers"),
        stream = silent => stream,
    };
    // The request was dropped above; its worker notices when it runs next.
    while wire.records().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(sent);
    let [record] = &wire.records()[..] else {
        panic!("{:?}", wire.records())
    };
    assert_eq!(record.status, None);
    assert_eq!(record.error.as_deref(), Some("given up before an answer"));
}

#[tokio::test]
async fn apply_never_forces_and_names_who_is_in_the_way() {
    let server = Server::start(|number, seen| match (seen.uri.path(), number) {
        ("/api/v1", _) => (200, core_kinds()),
        (ACCOUNT, 2) => (200, account()),
        (ACCOUNT, _) => {
            let mut conflict = refusal(409, "Conflict", "Apply failed with 1 conflict: …");
            conflict["details"] = json!({"causes": [{"reason": "FieldManagerConflict",
                "message": "conflict with \"kustomize-controller\" using v1",
                "field": ".metadata.labels.app"}]});
            (409, conflict)
        }
        _ => (404, refusal(404, "NotFound", "no such path")),
    })
    .await;
    let wire = WireLog::in_memory();
    let cluster = server.cluster(wire.clone()).await;

    let stored = cluster.apply(&account(), "rok-deploy").await.unwrap();
    assert_eq!(stored["metadata"]["uid"], "uid-1");
    let error = cluster.apply(&account(), "rok-deploy").await.unwrap_err();
    assert_eq!(error.kind, ClusterErrorKind::Conflict);
    assert_eq!(error.operation, "apply serviceaccounts/rok");
    assert_eq!(
        error.conflicts,
        [FieldConflict {
            manager: "kustomize-controller".into(),
            field: ".metadata.labels.app".into()
        }]
    );
    assert!(error.hint().unwrap().contains("push the change to Git"));

    let seen = server.seen();
    assert_eq!(seen.len(), 3, "the kind is discovered once");
    let patch = &seen[1];
    assert_eq!(patch.method, "PATCH");
    assert_eq!(patch.header("content-type"), "application/apply-patch+yaml");
    let query = patch.uri.query().unwrap();
    assert!(query.contains("fieldManager=rok-deploy"), "{query}");
    assert!(!query.contains("force"), "{query}");
    let sent: Value = serde_json::from_str(&patch.body).unwrap();
    assert_eq!(sent, account());
    let operation = &wire.records()[1].operation;
    assert_eq!(operation, &format!("PATCH {ACCOUNT}"));
    assert_eq!(wire.writes(), 2);
}

#[tokio::test]
async fn objects_are_created_once_read_and_deleted() {
    let server = Server::start(|_, seen| match (seen.method.as_str(), seen.uri.path()) {
        ("GET", "/api/v1") => (200, core_kinds()),
        ("GET", ACCOUNT) => (404, refusal(404, "NotFound", "not found")),
        ("DELETE", ACCOUNT) => (200, account()),
        ("POST", "/api/v1/namespaces/rok/serviceaccounts") => {
            (409, refusal(409, "AlreadyExists", "already exists"))
        }
        ("POST", "/api/v1/namespaces") => (201, namespace()),
        ("GET", "/apis/none.example/v1") => (404, refusal(404, "NotFound", "no such group")),
        (method, path) => panic!("{method} {path}"),
    })
    .await;
    let cluster = server.cluster(WireLog::new()).await;
    assert_eq!(cluster.read(&account()).await.unwrap(), None);
    assert_eq!(
        cluster.create(&account()).await.unwrap(),
        Creation::AlreadyExists
    );
    let created = cluster.create(&namespace()).await.unwrap();
    assert!(matches!(created, Creation::Created(stored) if stored["metadata"]["name"] == "rok"));
    assert!(cluster.delete(&account()).await.unwrap());

    let mut unknown = account();
    unknown["apiVersion"] = "none.example/v1".into();
    assert_eq!(cluster.read(&unknown).await.unwrap(), None);
    let error = cluster.apply(&unknown, "rok-deploy").await.unwrap_err();
    assert_eq!(error.kind, ClusterErrorKind::NotFound);
    let nameless = json!({"apiVersion": "v1", "kind": "Namespace"});
    let error = cluster.apply(&nameless, "rok-deploy").await.unwrap_err();
    assert_eq!(error.kind, ClusterErrorKind::Invalid);
    assert!(error.message.contains("/metadata/name"), "{error}");
}

#[tokio::test]
async fn a_token_is_asked_for_and_not_shown() {
    let payload = BASE64_URL_SAFE_NO_PAD
        .encode(json!({"aud": ["sts.amazonaws.com"], "sub": "canary-subject"}).to_string());
    let token = format!("canary.{payload}.canary");
    let answer = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": ["sts.amazonaws.com"]},
        "status": {"token": token, "expirationTimestamp": "2099-01-01T00:00:00Z"}});
    let server = Server::start(move |_, _| (201, answer.clone())).await;
    let wire = WireLog::in_memory();
    let cluster = server.cluster(wire.clone()).await;
    let token = cluster
        .request_token("rok", "rok", "sts.amazonaws.com", 600)
        .await
        .unwrap();
    assert_eq!(token_claims(&token).unwrap()["sub"], "canary-subject");
    assert!(token.expires > jiff::Timestamp::now());

    let seen = &server.seen()[0];
    assert_eq!(seen.uri.path(), format!("{ACCOUNT}/token"));
    let sent: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(sent["spec"]["audiences"], json!(["sts.amazonaws.com"]));
    assert_eq!(sent["spec"]["expirationSeconds"], 600);
    assert_eq!(wire.writes(), 0);
    assert!(!format!("{token:?} {:?}", wire.records()).contains("canary"));
}

#[tokio::test]
async fn a_cluster_tells_its_identity_and_its_regions() {
    let node = |region: Option<&str>| {
        let labels = region.map(|region| json!({"topology.kubernetes.io/region": region}));
        json!({"metadata": {"name": "n", "labels": labels}})
    };
    let first = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
        "metadata": {"continue": "next"}, "items": [node(Some("us-west-2")), node(None)]});
    let second = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
        "metadata": {}, "items": [node(Some("us-west-2")), node(Some("eu-west-1"))]});
    let server = Server::start(move |_, seen| match seen.uri.path() {
        "/api/v1/namespaces/kube-system" => (200, namespace()),
        "/api/v1/nodes" if seen.uri.query().unwrap().contains("continue=next") => {
            (200, second.clone())
        }
        "/api/v1/nodes" => (200, first.clone()),
        _ => (
            404,
            refusal(404, "NotFound", "namespaces \"absent\" not found"),
        ),
    })
    .await;
    let cluster = server.cluster(WireLog::new()).await;
    assert_eq!(cluster.kube_system_uid().await.unwrap(), "uid-2");
    let regions: Vec<_> = cluster.node_regions().await.unwrap().into_iter().collect();
    assert_eq!(regions, ["eu-west-1", "us-west-2"]);
    assert_eq!(cluster.namespace("absent").await.unwrap(), None);
}

#[tokio::test]
async fn a_refusal_says_what_the_server_said() {
    let message = "serviceaccounts \"rok\" is forbidden: User \"dev\" cannot get";
    let server = Server::start(move |_, _| (403, refusal(403, "Forbidden", message))).await;
    let cluster = server.cluster(WireLog::new()).await;
    let error = cluster.service_account("rok", "rok").await.unwrap_err();
    assert_eq!(error.kind, ClusterErrorKind::Forbidden);
    assert_eq!(
        error.to_string(),
        format!("get serviceaccounts/rok: Forbidden: {message}")
    );
}

#[tokio::test]
async fn the_authority_of_the_kubeconfig_is_the_one_that_counts() {
    crypto();
    let (url, pem) = tls_server().await;
    let home = Home::new();
    fs::write(home.path("ca.pem"), &pem).unwrap();

    let kubeconfig = home.kubeconfig(&url, &json!({}));
    let wire = WireLog::in_memory();
    let cluster = connect(&kubeconfig, wire.clone()).await.unwrap();
    let error = cluster.kube_system_uid().await.unwrap_err();
    assert_eq!(error.kind, ClusterErrorKind::Unreachable, "{error}");
    assert!(error.hint().unwrap().contains("certificate-authority-data"));
    assert_eq!(wire.records()[0].status, None);
    assert!(wire.records()[0].error.is_some());

    // A path beside the kubeconfig, and the same as data.
    for (key, value) in [
        ("certificate-authority", "ca.pem".to_owned()),
        ("certificate-authority-data", BASE64_STANDARD.encode(&pem)),
    ] {
        Home::edit(&kubeconfig, |config| {
            config["clusters"][0]["cluster"] = json!({"server": url, key: value});
        });
        let cluster = connect(&kubeconfig, WireLog::new()).await.unwrap();
        assert_eq!(cluster.kube_system_uid().await.unwrap(), "uid-2");
        assert_eq!(
            cluster.certificate_authority(),
            Some(BASE64_STANDARD.encode(&pem).as_str())
        );
        assert_eq!(cluster.server(), url);
    }
}

#[tokio::test]
async fn a_proxy_of_the_kubeconfig_is_asked_for_the_cluster() {
    crypto();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        let connect = String::from_utf8_lossy(&request[..length]).into_owned();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(http_answer().as_bytes()).await.unwrap();
        connect
    });
    let home = Home::new();
    let kubeconfig = home.kubeconfig("http://cluster.example:6443", &json!({}));
    Home::edit(&kubeconfig, |config| {
        config["clusters"][0]["cluster"]["proxy-url"] = proxy.into();
    });
    let cluster = connect(&kubeconfig, WireLog::new()).await.unwrap();
    assert_eq!(cluster.kube_system_uid().await.unwrap(), "uid-2");
    let asked = asked.await.unwrap();
    assert!(
        asked.starts_with("CONNECT cluster.example:6443 "),
        "{asked}"
    );
}

#[test]
fn a_file_that_is_not_there_has_no_contexts() {
    let home = Home::new();
    assert_eq!(
        contexts(Some(&home.path("absent"))).unwrap(),
        Contexts::default()
    );
}

#[test]
fn a_broken_file_is_named_and_not_quoted() {
    let home = Home::new();
    let path = home.path("config");
    fs::write(&path, "users: [{name: a, user: {token: canary, : }}]").unwrap();
    let error = contexts(Some(&path)).unwrap_err();
    assert_eq!(error.kind, ClusterErrorKind::Kubeconfig);
    assert!(error.message.contains("config"), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[tokio::test]
async fn an_unknown_context_is_answered_with_those_there_are() {
    let home = Home::new();
    let settings = ClusterSettings {
        kubeconfig: Some(home.kubeconfig("http://127.0.0.1:1", &json!({}))),
        context: Some("other".into()),
    };
    let error = Cluster::connect(&settings, WireLog::new())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "kubeconfig: no context `other`; there are: practice"
    );
}

/// The list in `KUBECONFIG` is tried in a child process, whose environment is ours to set.
#[test]
fn files_of_the_environment_are_merged_and_missing_ones_skipped() {
    let home = Home::new();
    let first = home.kubeconfig("https://one.example", &json!({}));
    let second = home.path("second");
    fs::copy(&first, &second).unwrap();
    Home::edit(&second, |config| {
        config["current-context"] = "second".into();
        config["contexts"][0]["name"] = "second".into();
        config["contexts"][0]["context"]["namespace"] = "rok".into();
        config["clusters"][0]["cluster"]["server"] = "https://two.example".into();
    });
    let absent = home.path("absent");
    let list = std::env::join_paths([&absent, &first, &second]).unwrap();
    let test = module_path!().split_once("::").unwrap().1;
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg(format!("{test}::child_with_a_list_of_files"))
        .env(CHILD, "1")
        .env("KUBECONFIG", list)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

/// Tells the next test that its parent has prepared its environment.
const CHILD: &str = "ROK_DEPLOY_TEST_CHILD";

#[test]
fn child_with_a_list_of_files() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let found = contexts(None).unwrap();
    assert_eq!(found.current.as_deref(), Some("practice"));
    let names: Vec<_> = found
        .contexts
        .iter()
        .map(|context| {
            let namespace = context.namespace.as_deref();
            (context.name.as_str(), context.server.as_str(), namespace)
        })
        .collect();
    // Both files name the same cluster: the first one counts.
    assert_eq!(
        names,
        [
            ("practice", "https://one.example", None),
            ("second", "https://one.example", Some("rok")),
        ]
    );
}

async fn connect(kubeconfig: &Path, wire: WireLog) -> Result<Cluster, ClusterError> {
    crypto();
    let settings = ClusterSettings {
        kubeconfig: Some(kubeconfig.to_owned()),
        context: None,
    };
    Cluster::connect(&settings, wire).await
}

fn crypto() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
}

/// A folder for a kubeconfig and a plugin.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a kubeconfig with one context; JSON is YAML too.
    fn kubeconfig(&self, server: &str, user: &Value) -> PathBuf {
        let path = self.path("kubeconfig");
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "practice",
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "practice", "context": {"cluster": "c", "user": "u"}}]});
        fs::write(&path, config.to_string()).unwrap();
        path
    }

    fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
        let mut config = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        change(&mut config);
        fs::write(path, config.to_string()).unwrap();
    }

    /// A script for `sh`. To start the file itself would fail while another test forks.
    fn script(&self, lines: &str) -> PathBuf {
        let path = self.path("plugin");
        fs::write(&path, lines).unwrap();
        path
    }

    /// A kubeconfig whose plugin hands out `canary-1`, `canary-2` and so on.
    fn with_plugin(&self, server: &str) -> PathBuf {
        let plugin = self.script(
            r#"cd "$(dirname "$0")"
echo run >>runs
echo "$KUBERNETES_EXEC_INFO" >info
number=$(grep -c run runs)
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
expires=$(cat expires 2>/dev/null || echo 2099-01-01T00:00:00Z)
echo '"status":{"token":"canary-'$number'","expirationTimestamp":"'$expires'"}}'"#,
        );
        self.kubeconfig(
            server,
            &json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
                "command": "sh", "args": [plugin], "interactiveMode": "IfAvailable"}}),
        )
    }

    fn plugin_runs(&self) -> usize {
        fs::read_to_string(self.path("runs"))
            .unwrap()
            .lines()
            .count()
    }
}

/// What the server was sent.
#[derive(Debug, Clone)]
struct Seen {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// A server that answers by script: the number of the request (from 1) and the request make the
/// status and the body.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    async fn start<F>(script: F) -> Self
    where
        F: Fn(usize, &Seen) -> (u16, Value) + Clone + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let kept = requests.clone();
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let seen = Seen {
                method,
                uri,
                headers,
                body: String::from_utf8(body.to_vec()).unwrap(),
            };
            let number = {
                let mut kept = kept.lock().unwrap();
                kept.push(seen.clone());
                kept.len()
            };
            let (status, body) = script(number, &seen);
            let head = [
                ("content-type", "application/json"),
                ("audit-id", "audit-1"),
            ];
            let status = StatusCode::from_u16(status).unwrap();
            (status, head, body.to_string()).into_response()
        };
        tokio::spawn(async move { serve(listener, Router::new().fallback(handler)).await });
        Self { url, requests }
    }

    async fn cluster(&self, wire: WireLog) -> Cluster {
        let home = Home::new();
        let kubeconfig = home.kubeconfig(&self.url, &json!({"token": "static"}));
        connect(&kubeconfig, wire).await.unwrap()
    }

    fn seen(&self) -> Vec<Seen> {
        self.requests.lock().unwrap().clone()
    }
}

/// TLS for `localhost`, with a certificate that is its own authority.
fn tls_acceptor() -> (tokio_rustls::TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    (acceptor, made.cert.pem())
}

/// Serves one namespace over TLS with a certificate of its own, which it returns.
async fn tls_server() -> (String, String) {
    let (acceptor, authority) = tls_acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(http_answer().as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (format!("https://localhost:{port}"), authority)
}

fn http_answer() -> String {
    let body = namespace().to_string();
    format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn refusal(code: u16, reason: &str, message: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code,
        "reason": reason, "message": message})
}

fn account() -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "rok", "namespace": "rok", "uid": "uid-1"}})
}

fn namespace() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "rok", "uid": "uid-2"}})
}

fn core_kinds() -> Value {
    let kind = |name: &str, kind: &str, namespaced: bool| {
        json!({"name": name, "singularName": "", "namespaced": namespaced, "kind": kind,
            "verbs": ["get", "create", "patch", "delete"]})
    };
    json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
        kind("namespaces", "Namespace", false),
        kind("serviceaccounts", "ServiceAccount", true),
    ]})
}
