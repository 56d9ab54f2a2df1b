//! Runs a command in a container, over WebSocket.
//!
//! kubectl falls back to SPDY where WebSocket is refused; we do not. So this needs both rights on
//! `pods/exec` that current servers ask for, where kubectl seems to get by with one.

use std::io;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::connect::Cluster;
use super::error::{ClusterError, ClusterErrorKind};
use crate::clients::gate::{Answer, Call, Ended};

/// What an exec takes, in the words of a Role.
const RIGHTS: &str = "`get` and `create` on `pods/exec`";

/// What a command said and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecOutput {
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// Its exit code.
    pub code: i32,
}

impl Cluster {
    /// Runs `argv` in a container and waits for its end, for `limit` at most. A command that ends
    /// with another code than 0 is an answer, one that could not be run is an error.
    pub async fn exec(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        argv: &[&str],
        limit: Duration,
    ) -> Result<ExecOutput, ClusterError> {
        let operation = format!("exec pods/{pod}");
        let running = async {
            let pods: Api<Pod> = Api::namespaced(self.client(), namespace);
            let parameters = AttachParams::default().container(container);
            let process = self
                .ask(
                    &operation,
                    pods.exec(pod, argv.iter().copied(), &parameters),
                )
                .await
                .map_err(with_rights)?;
            follow(process, &operation).await
        };
        let late = || format!("did not end within {limit:?}");
        let closed = |error: io::Error| failed(&operation, &error.to_string());
        let mut passage = self
            .inner
            .wire
            .pass(|| Call {
                client: "kubernetes",
                operation: operation.clone(),
                input: argv.join(" ").into(),
                write: true,
            })
            .map_err(closed)?;
        if let Some(ended) = passage.instead().await.map_err(closed)? {
            passage.end(|| ended.clone()).map_err(closed)?;
            return told(&operation, &ended);
        }
        let output = tokio::time::timeout(limit, running)
            .await
            .unwrap_or_else(|_| Err(failed(&operation, &late())));
        passage
            .end(|| match &output {
                Ok(output) => Ended::Answered(answer(output)),
                Err(error) => Ended::Failed(error.written()),
            })
            .map_err(closed)?;
        output
    }
}

fn answer(output: &ExecOutput) -> Answer {
    Answer {
        status: 200,
        headers: Vec::new(),
        body: serde_json::to_vec(output).expect("texts are JSON").into(),
    }
}

fn told(operation: &str, ended: &Ended) -> Result<ExecOutput, ClusterError> {
    match ended {
        Ended::Answered(answer) => serde_json::from_slice(&answer.body)
            .map_err(|error| failed(operation, &error.to_string())),
        Ended::Failed(error) => Err(ClusterError::read(error)),
        Ended::GivenUp => Err(failed(operation, "was given up")),
    }
}

/// Reads what the command says until the server tells how it ended.
async fn follow(mut process: AttachedProcess, operation: &str) -> Result<ExecOutput, ClusterError> {
    let stdout = process.stdout().expect("it is attached by default");
    let stderr = process.stderr().expect("it is attached by default");
    let ended = process.take_status().expect("nobody took it before");
    // A connection that breaks ends the status, but not the other two streams.
    let ended = async { ended.await.ok_or(()) };
    let said = async { Ok(tokio::join!(read(stdout), read(stderr))) };
    let Ok((status, (stdout, stderr))) = tokio::try_join!(ended, said) else {
        let broken = match process.join().await {
            Ok(()) => "the stream ended before the command's exit code came".to_owned(),
            Err(error) => error.to_string(),
        };
        return Err(failed(operation, &broken));
    };
    let code = exit_code(&status).ok_or_else(|| refusal(operation, &status))?;
    Ok(ExecOutput {
        stdout,
        stderr,
        code,
    })
}

async fn read(mut stream: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    // A pipe in memory has no errors of its own.
    stream.read_to_end(&mut bytes).await.ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn exit_code(status: &Status) -> Option<i32> {
    if status.status.as_deref() == Some("Success") {
        return Some(0);
    }
    let causes = status.details.as_ref()?.causes.as_ref()?;
    let code = causes
        .iter()
        .find(|cause| cause.reason.as_deref() == Some("ExitCode"))?;
    code.message.as_ref()?.parse().ok()
}

/// The command never ran, although the connection was made.
fn refusal(operation: &str, status: &Status) -> ClusterError {
    let status = serde_json::to_value(status).and_then(serde_json::from_value);
    match status {
        Ok(status) => ClusterError::from_status(operation, &status),
        Err(error) => failed(operation, &error.to_string()),
    }
}

fn failed(operation: &str, message: &str) -> ClusterError {
    ClusterError::new(operation, ClusterErrorKind::Other, message)
}

/// Says which rights an exec takes: what the server says may end right before it.
fn with_rights(mut error: ClusterError) -> ClusterError {
    if error.kind == ClusterErrorKind::Forbidden && error.message.ends_with(':') {
        error.message = format!("{} exec takes {RIGHTS}", error.message);
    }
    error
}
