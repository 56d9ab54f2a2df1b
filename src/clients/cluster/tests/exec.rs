//! Exec against a server that does what a real one was seen to do.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::serve::Listener;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;

const EXEC: &str = "/api/v1/namespaces/rok/pods/verify/exec";
const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn both_streams_and_the_exit_code_come_back() {
    let long = "x".repeat(200_000);
    let frames = vec![
        frame(1, &long),
        frame(2, "canary-error"),
        frame(1, " end"),
        frame(
            3,
            r#"{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: exit status 7","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}"#,
        ),
    ];
    let server = ExecServer::start("v5.channel.k8s.io", move |_| Reply::Says(frames.clone())).await;
    let wire = WireLog::in_memory();
    let cluster = server.cluster(wire.clone()).await;
    let argv = ["sh", "-c", "echo canary-command && exit 7"];
    let output = cluster
        .exec("rok", "verify", "main", &argv, LONG)
        .await
        .unwrap();
    assert_eq!(output.stdout, format!("{long} end"));
    assert_eq!(output.stderr, "canary-error");
    assert_eq!(output.code, 7);

    let [seen] = &server.seen()[..] else {
        panic!("{:?}", server.seen())
    };
    assert_eq!((seen.method.as_str(), seen.uri.path()), ("GET", EXEC));
    let query: Vec<_> = form_urlencoded::parse(seen.uri.query().unwrap().as_bytes())
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let expected = ["stdout=true", "stderr=true", "container=main"].map(str::to_owned);
    let commands = argv.map(|argument| format!("command={argument}"));
    assert_eq!(query, [&expected[..], &commands].concat());
    assert_eq!(
        seen.header("sec-websocket-protocol"),
        "v5.channel.k8s.io, v4.channel.k8s.io"
    );

    let [record] = &wire.records()[..] else {
        panic!("{:?}", wire.records())
    };
    assert_eq!(record.operation, format!("GET {EXEC}"));
    assert_eq!((record.status, &record.error), (Some(101), &None));
    assert!(!format!("{record:?}").contains("canary"));
}

#[tokio::test]
async fn a_server_of_the_older_protocol_is_understood() {
    let frames = vec![frame(1, "ok\n"), frame(3, r#"{"status":"Success"}"#)];
    let server = ExecServer::start("v4.channel.k8s.io", move |_| Reply::Says(frames.clone())).await;
    let cluster = server.cluster(WireLog::new()).await;
    let output = cluster
        .exec("rok", "verify", "main", &["true"], LONG)
        .await
        .unwrap();
    assert_eq!((output.stdout.as_str(), output.code), ("ok\n", 0));
}

/// Seen with `get` and without `create`: the message ends where the reason should stand.
#[tokio::test]
async fn a_refused_exec_names_both_rights() {
    let server = ExecServer::start("v5.channel.k8s.io", |_| {
        let mut refusal = refusal(403, "Forbidden", "pods \"verify\" is forbidden: ");
        refusal["metadata"] = json!({});
        refusal["details"] = json!({"name": "verify", "kind": "pods"});
        Reply::Refuses(403, refusal)
    })
    .await;
    let wire = WireLog::in_memory();
    let cluster = server.cluster(wire.clone()).await;
    let error = cluster
        .exec("rok", "verify", "main", &["true"], LONG)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ClusterErrorKind::Forbidden);
    assert_eq!(
        error.to_string(),
        "exec pods/verify: Forbidden: pods \"verify\" is forbidden: exec takes `get` and `create` \
         on `pods/exec`"
    );
    assert_eq!(
        error.hint().unwrap(),
        "ask for a Role in namespace `rok` that allows `get` and `create` on `pods/exec`"
    );
    assert_eq!(wire.records()[0].status, Some(403));
}

#[tokio::test]
async fn a_failure_after_the_upgrade_is_an_error_with_its_text() {
    let frames = vec![frame(
        3,
        r#"{"metadata":{},"status":"Failure","message":"container not found (\"main\")","reason":"InternalError","details":{"causes":[{"message":"container not found (\"main\")"}]},"code":500}"#,
    )];
    let server = ExecServer::start("v5.channel.k8s.io", move |_| Reply::Says(frames.clone())).await;
    let cluster = server.cluster(WireLog::new()).await;
    let error = cluster
        .exec("rok", "verify", "main", &["true"], LONG)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "exec pods/verify: InternalError: container not found (\"main\")"
    );
    assert_eq!(error.status, Some(500));
}

#[tokio::test]
async fn a_stream_that_stalls_is_given_up_at_the_limit() {
    let server = ExecServer::start("v5.channel.k8s.io", |_| Reply::Stalls).await;
    let wire = WireLog::in_memory();
    let cluster = server.cluster(wire.clone()).await;
    let error = cluster
        .exec(
            "rok",
            "verify",
            "main",
            &["sleep"],
            Duration::from_millis(500),
        )
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "exec pods/verify: did not end within 500ms"
    );
    assert_eq!(wire.records()[0].status, Some(101));
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_before_the_limit() {
    let server =
        ExecServer::start("v5.channel.k8s.io", |_| Reply::Says(vec![frame(1, "half")])).await;
    let cluster = server.cluster(WireLog::new()).await;
    let began = Instant::now();
    let error = cluster
        .exec("rok", "verify", "main", &["true"], LONG)
        .await
        .unwrap_err();
    assert!(began.elapsed() < LONG / 2, "{:?}", began.elapsed());
    assert_eq!(error.kind, ClusterErrorKind::Other, "{error}");
}

#[tokio::test]
async fn a_login_that_ran_out_is_renewed_for_an_exec_too() {
    let frames = vec![frame(3, r#"{"status":"Success"}"#)];
    let server = ExecServer::start("v5.channel.k8s.io", move |seen| {
        if seen.header("authorization") == "Bearer canary-2" {
            Reply::Says(frames.clone())
        } else {
            Reply::Refuses(401, refusal(401, "Unauthorized", "Unauthorized"))
        }
    })
    .await;
    let home = Home::new();
    let kubeconfig = home.with_plugin(&server.url);
    server.trusted_by(&kubeconfig);
    let cluster = connect(&kubeconfig, WireLog::new()).await.unwrap();
    let output = cluster
        .exec("rok", "verify", "main", &["true"], LONG)
        .await
        .unwrap();
    assert_eq!((output.code, home.plugin_runs()), (0, 2));
}

/// What the server does with an exec.
enum Reply {
    /// Answers without an upgrade.
    Refuses(u16, Value),
    /// Upgrades, sends these messages and closes.
    Says(Vec<Vec<u8>>),
    /// Upgrades and says nothing.
    Stalls,
}

fn frame(channel: u8, text: &str) -> Vec<u8> {
    [&[channel], text.as_bytes()].concat()
}

/// An API server, over TLS, that knows exec and nothing else.
struct ExecServer {
    url: String,
    authority: String,
    requests: Arc<Mutex<Vec<Seen>>>,
}

impl ExecServer {
    async fn start<F>(protocol: &'static str, script: F) -> Self
    where
        F: Fn(&Seen) -> Reply + Clone + Send + Sync + 'static,
    {
        crypto();
        let (acceptor, authority) = tls_acceptor();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", tcp.local_addr().unwrap().port());
        let requests: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let kept = requests.clone();
        let handler = move |method, uri, headers, upgrade: WebSocketUpgrade| async move {
            let seen = Seen {
                method,
                uri,
                headers,
                body: String::new(),
            };
            kept.lock().unwrap().push(seen.clone());
            answer(upgrade.protocols([protocol]), script(&seen))
        };
        let listener = TlsListener { tcp, acceptor };
        tokio::spawn(async move { serve(listener, Router::new().fallback(handler)).await });
        Self {
            url,
            authority,
            requests,
        }
    }

    async fn cluster(&self, wire: WireLog) -> Cluster {
        let home = Home::new();
        let kubeconfig = home.kubeconfig(&self.url, &json!({"token": "static"}));
        self.trusted_by(&kubeconfig);
        connect(&kubeconfig, wire).await.unwrap()
    }

    fn trusted_by(&self, kubeconfig: &Path) {
        Home::edit(kubeconfig, |config| {
            config["clusters"][0]["cluster"]["certificate-authority-data"] =
                BASE64_STANDARD.encode(&self.authority).into();
        });
    }

    fn seen(&self) -> Vec<Seen> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(upgrade: WebSocketUpgrade, reply: Reply) -> Response {
    match reply {
        Reply::Refuses(status, body) => {
            let status = StatusCode::from_u16(status).unwrap();
            let head = [("content-type", "application/json")];
            (status, head, body.to_string()).into_response()
        }
        Reply::Says(frames) => upgrade.on_upgrade(async move |mut socket: WebSocket| {
            for frame in frames {
                socket.send(Message::binary(frame)).await.unwrap();
            }
        }),
        Reply::Stalls => upgrade.on_upgrade(
            async move |mut socket: WebSocket| {
                while socket.recv().await.is_some() {}
            },
        ),
    }
}

struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
