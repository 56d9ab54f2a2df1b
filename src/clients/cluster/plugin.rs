//! Runs the program that a kubeconfig names for a user's credentials, such as `aws eks get-token`.
//!
//! `kube` could do it too, but runs it three times for one client, cannot give up on it, and lets it
//! draw on the terminal.

use std::io::ErrorKind;
use std::process::Stdio;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kube::config::{AuthInfo, Cluster, ExecAuthCluster, ExecConfig};
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use super::error::{ClusterError, ClusterErrorKind};
use crate::clients::secret::hushed;
use crate::clients::yaml;

/// An exec plugin, ready to run.
pub(super) struct Plugin {
    exec: ExecConfig,
    /// What the plugin is told about its task, by the protocol's environment variable.
    info: String,
}

#[derive(Deserialize)]
struct Answer {
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<jiff::Timestamp>,
}

impl Plugin {
    pub(super) fn new(exec: ExecConfig, cluster: &Cluster) -> Result<Self, ClusterError> {
        let mut spec = json!({ "interactive": false });
        if exec.provide_cluster_info {
            spec["cluster"] = ExecAuthCluster::try_from(cluster)
                .ok()
                .and_then(|info| serde_json::to_value(info).ok())
                .ok_or_else(|| {
                    ClusterError::kubeconfig(
                        "the cluster entry cannot be handed to the exec plugin",
                    )
                })?;
        }
        let info = json!({
            "apiVersion": exec.api_version,
            "kind": "ExecCredential",
            "spec": spec,
        });
        Ok(Self {
            info: info.to_string(),
            exec,
        })
    }

    /// Runs the plugin, puts what it hands out into `user`, and returns until when that is good.
    ///
    /// No error shows what the plugin wrote to stdout, nor its arguments and environment:
    /// credentials may be among them.
    pub(super) async fn authenticate(
        &self,
        user: &mut AuthInfo,
    ) -> Result<Option<jiff::Timestamp>, ClusterError> {
        let name = self.exec.command.as_deref().unwrap_or_default();
        let variables = self.exec.env.iter().flatten();
        let output = Command::new(name)
            .args(self.exec.args.iter().flatten())
            .envs(variables.filter_map(|pair| Some((pair.get("name")?, pair.get("value")?))))
            .env("KUBERNETES_EXEC_INFO", &self.info)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| self.not_run(name, &error))?;
        let refused = |message: String| {
            ClusterError::new("connect", ClusterErrorKind::Unauthorized, &message)
        };
        if !output.status.success() {
            return Err(refused(format!(
                "the exec plugin `{name}` failed ({}): {}",
                output.status,
                self.last_words(&output.stderr)
            )));
        }
        let status = status(&output.stdout)
            .map_err(|_| refused(format!("the exec plugin `{name}` wrote no ExecCredential")))?;
        if status.token.is_none() && status.client_certificate_data.is_none() {
            return Err(refused(format!(
                "the exec plugin `{name}` wrote neither a token nor a certificate"
            )));
        }
        user.token = status.token.map(Into::into);
        if let (Some(certificate), Some(key)) =
            (status.client_certificate_data, status.client_key_data)
        {
            user.client_certificate_data = Some(BASE64_STANDARD.encode(certificate));
            user.client_key_data = Some(BASE64_STANDARD.encode(key).into());
        }
        Ok(status.expiration_timestamp)
    }

    /// The last line that it wrote is the one that says why it gave up; what the kubeconfig gave it
    /// in variables does not belong there.
    fn last_words(&self, stderr: &[u8]) -> String {
        let text = String::from_utf8_lossy(stderr);
        let line = text
            .lines()
            .rev()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or("it said nothing");
        let variables = self.exec.env.iter().flatten();
        let values = variables.filter_map(|pair| pair.get("value").map(String::as_str));
        hushed(line, values).chars().take(300).collect()
    }

    fn not_run(&self, name: &str, error: &std::io::Error) -> ClusterError {
        let reason = if error.kind() == ErrorKind::NotFound {
            "there is no such program".to_owned()
        } else {
            error.to_string()
        };
        let advice = self
            .exec
            .install_hint
            .as_deref()
            .map(|hint| hint.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|hint| !hint.is_empty())
            .unwrap_or_else(|| format!("install `{name}`, or put it on the PATH"));
        ClusterError::kubeconfig(&format!("cannot run the exec plugin `{name}`: {reason}"))
            .with_hint(&advice)
    }
}

/// Reads what a plugin wrote. Some plugins write YAML; JSON is YAML too.
fn status(text: &[u8]) -> Result<Status, serde_yaml::Error> {
    yaml::within_bounds(text)?;
    serde_yaml::from_slice(text).map(|Answer { status }| status)
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::corpus::fed!("exec-credential", feed);

    fn feed(text: &[u8]) {
        status(text).ok();
    }
}
