//! `pods/exec`: a command in a running container, over a WebSocket.
//!
//! As on a real server, what is wrong with the request is answered before the connection is
//! upgraded, and what goes wrong at the node comes after it, as a `Status` on the error channel.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::FromRequestParts as _;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{Method, StatusCode, request};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::access;
use super::containers;
use super::kinds::PODS;
use super::process::{Output, Process};
use super::refusal::Refusal;
use super::router::Target;
use super::sabotage::Sabotage;
use super::server::Cluster;

/// The newest protocol first: in it the server closes channels, and speaks for the node.
const NEWEST: &str = "v5.channel.k8s.io";
const OLDER: &str = "v4.channel.k8s.io";

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
/// No frame is larger than a real server's copy buffer.
const FRAME: usize = 32 << 10;
/// How long a client may take to answer that the connection is closed.
const GOODBYE: Duration = Duration::from_secs(2);

/// What the query asks for.
#[derive(Debug, Default)]
struct Wish {
    command: Vec<String>,
    container: Option<String>,
    stdout: bool,
    stderr: bool,
    tty: bool,
}

impl Wish {
    fn parse(query: &str) -> Self {
        let mut wish = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_true = value == "true" || value == "1";
            match &*name {
                "command" => wish.command.push(value.into()),
                "container" => wish.container = Some(value.into()),
                "stdout" => wish.stdout = is_true,
                "stderr" => wish.stderr = is_true,
                "tty" => wish.tty = is_true,
                _ => {}
            }
        }
        wish
    }
}

/// Why the node does not run a command, in its own words.
struct NodeFailure(String);

impl NodeFailure {
    /// What the server makes of it for its client.
    fn status(&self) -> Value {
        let mut status = Refusal::internal(&self.0).body();
        status["details"] = json!({ "causes": [{ "message": self.0 }] });
        status
    }
}

/// The Pod that a request wants to execute in.
pub(super) fn wanted(head: &request::Parts) -> Option<Target> {
    let path = percent_encoding::percent_decode_str(head.uri.path()).decode_utf8_lossy();
    let target = Target::of(&path)?;
    let is_exec = *target.kind == PODS && target.subresource.as_deref() == Some("exec");
    let connects = head.method == Method::GET || head.method == Method::POST;
    (is_exec && connects).then_some(target)
}

/// Answers a request that is [`wanted`].
pub(super) async fn answer(
    cluster: &Arc<Cluster>,
    head: &mut request::Parts,
    target: &Target,
) -> Response {
    connect(cluster, head, target)
        .await
        .unwrap_or_else(Refusal::into_response)
}

async fn connect(
    cluster: &Arc<Cluster>,
    head: &mut request::Parts,
    target: &Target,
) -> Result<Response, Refusal> {
    cluster
        .store
        .read(|state| access::check(state, head, Some(target)))?;
    let name = target.name.as_deref().unwrap_or_default();
    let wish = Wish::parse(head.uri.query().unwrap_or_default());
    let prepared = cluster.store.read(|state| {
        if state.sabotage.contains(&Sabotage::ExecRefused) {
            let why = "ValidatingAdmissionPolicy 'no-exec' with binding 'no-exec' denied request: connecting to Pods is not allowed in this cluster";
            return Err(Refusal::forbidden_object(&PODS, name, why));
        }
        let pod = state.get(&PODS, target.place(), name)?;
        let found = containers::find(pod, wish.container.as_deref())?;
        if pod["spec"]["nodeName"].is_null() {
            return Err(Refusal::bad_request(format!("pod {name} does not have a host assigned")));
        }
        if wish.command.is_empty() {
            return Err(Refusal::bad_request(
                "you must specify at least one command for the container",
            ));
        }
        let host = pod["status"]["hostIP"].as_str().unwrap_or_default();
        let container = found.spec["name"].as_str().unwrap_or_default();
        Ok(if state.sabotage.contains(&Sabotage::ExecBreaksAfterUpgrade) {
            let path = format!("exec/{}/{name}/{container}", target.place());
            Err(NodeFailure(format!(
                "error sending request: Post \"https://{host}:10250/{path}\": dial tcp {host}:10250: connect: connection refused"
            )))
        } else if let Some(node) = cluster.node.get()
            && found.status["state"]["running"].is_object()
        {
            Ok(node.process(state, pod, found.spec, wish.command.clone()))
        } else {
            Err(NodeFailure(format!(
                "unable to upgrade connection: container not found (\"{container}\")"
            )))
        })
    })?;
    let upgrade = WebSocketUpgrade::from_request_parts(head, &())
        .await
        .map_err(|_| Refusal::bad_request("Upgrade request required"))?
        .protocols([NEWEST, OLDER]);
    match (upgrade.selected_protocol(), &prepared) {
        (None, _) => Err(Refusal::bad_request(format!(
            "none of the WebSocket protocols is known here, only {NEWEST} and {OLDER}"
        ))),
        // In the older protocol the node answers by itself, and before the upgrade.
        (Some(protocol), Err(failure)) if protocol == OLDER => {
            let said = failure.0.rsplit("connection: ").next().unwrap_or_default();
            Ok((StatusCode::INTERNAL_SERVER_ERROR, said.to_owned()).into_response())
        }
        _ => {
            let cluster = Arc::clone(cluster);
            Ok(upgrade.on_upgrade(move |socket| serve(cluster, socket, wish, prepared)))
        }
    }
}

async fn serve(
    cluster: Arc<Cluster>,
    socket: WebSocket,
    wish: Wish,
    prepared: Result<Process, NodeFailure>,
) {
    let stopping = cluster.stopping.clone();
    // A client that went away is no failure of ours.
    stopping
        .run_until_cancelled(converse(&cluster, socket, &wish, prepared))
        .await;
}

async fn converse(
    cluster: &Cluster,
    mut socket: WebSocket,
    wish: &Wish,
    prepared: Result<Process, NodeFailure>,
) {
    let status = match prepared {
        Err(failure) => failure.status(),
        Ok(process) => {
            let Some(output) = run(cluster, &process, &mut socket).await else {
                return;
            };
            match output {
                None => not_found(&process.command[0]).status(),
                Some(output) => {
                    let stderr = if wish.tty { STDOUT } else { STDERR };
                    for (channel, asked, bytes) in [
                        (STDOUT, wish.stdout, &output.stdout),
                        (stderr, wish.stderr || wish.tty, &output.stderr),
                    ] {
                        if asked && send(&mut socket, channel, bytes).await.is_err() {
                            return;
                        }
                    }
                    ended(output.code)
                }
            }
        }
    };
    let status = status.to_string();
    if send(&mut socket, ERROR, status.as_bytes()).await.is_ok() {
        close(socket).await;
    }
}

/// Runs the command while the client is there. The outer `None`: it went away.
async fn run(
    cluster: &Cluster,
    process: &Process,
    socket: &mut WebSocket,
) -> Option<Option<Output>> {
    let node = cluster.node.get()?;
    let mut running = std::pin::pin!(node.run(process));
    loop {
        tokio::select! {
            output = &mut running => return Some(output),
            // Input and window sizes are nothing that our programs read.
            message = socket.recv() => match message {
                None | Some(Err(_) | Ok(Message::Close(_))) => return None,
                Some(Ok(_)) => {}
            },
        }
    }
}

async fn send(socket: &mut WebSocket, channel: u8, bytes: &[u8]) -> Result<(), axum::Error> {
    for part in bytes.chunks(FRAME) {
        let mut frame = Vec::with_capacity(part.len() + 1);
        frame.push(channel);
        frame.extend_from_slice(part);
        socket.send(Message::Binary(Bytes::from(frame))).await?;
    }
    Ok(())
}

/// Says goodbye and waits for the answer, so that nothing sent before is lost.
async fn close(mut socket: WebSocket) {
    let goodbye = Message::Close(Some(CloseFrame {
        code: close_code::NORMAL,
        reason: "".into(),
    }));
    if socket.send(goodbye).await.is_ok() {
        let answered = async { while let Some(Ok(_)) = socket.recv().await {} };
        tokio::time::timeout(GOODBYE, answered).await.ok();
    }
}

fn ended(code: i32) -> Value {
    if code == 0 {
        return json!({ "metadata": {}, "status": "Success" });
    }
    json!({
        "metadata": {},
        "status": "Failure",
        "message": format!("command terminated with non-zero exit code: command terminated with exit code {code}"),
        "reason": "NonZeroExitCode",
        "details": { "causes": [{ "reason": "ExitCode", "message": code.to_string() }] },
    })
}

/// The program is not in the image. The server wraps the node's words once more in its own.
fn not_found(program: &str) -> NodeFailure {
    let id = crate::sandbox::random::text(64, crate::sandbox::random::HEX);
    NodeFailure(format!(
        "Internal error occurred: error executing command in container: failed to exec in container: failed to start exec \"{id}\": OCI runtime exec failed: exec failed: unable to start container process: exec: \"{program}\": executable file not found in $PATH: unknown"
    ))
}
