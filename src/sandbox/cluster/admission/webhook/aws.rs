//! The identity webhook of AWS: a Pod whose service account names a role gets that role's variables
//! and a token that STS accepts.

use serde_json::{Value, json};

use super::super::super::kinds::NODES;
use super::super::super::selector::Selector;
use super::super::super::state::ClusterState;
use super::{Webhook, containers_mut, list, token_volume};

pub(super) const WEBHOOK: Webhook = Webhook {
    name: "pod-identity-webhook.amazonaws.com",
    url: "https://127.0.0.1:23443/mutate",
    address: "127.0.0.1:23443",
};
const VOLUME: &str = "aws-iam-token";
const MOUNT_PATH: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
/// The webhook raises shorter wishes to an hour.
const SHORTEST: i64 = 3600;
const USUAL: i64 = 86_400;

pub(super) fn mutate(state: &ClusterState, account: &Value, pod: &mut Value) {
    if let Some(identity) = Identity::of(account, pod, region(state)) {
        identity.put_into(pod);
    }
}

/// What a Pod gets.
struct Identity {
    role: String,
    audience: String,
    seconds: i64,
    regional: bool,
    region: Option<String>,
}

impl Identity {
    fn of(account: &Value, pod: &Value, region: Option<String>) -> Option<Self> {
        let wish = |object: &Value, name: &str| {
            let annotations = &object["metadata"]["annotations"];
            let wish = &annotations[format!("eks.amazonaws.com/{name}")];
            wish.as_str().map(str::to_owned)
        };
        let seconds = wish(pod, "token-expiration")
            .or_else(|| wish(account, "token-expiration"))
            .and_then(|seconds| seconds.parse().ok());
        Some(Self {
            role: wish(account, "role-arn").filter(|role| !role.is_empty())?,
            audience: wish(account, "audience").unwrap_or_else(|| "sts.amazonaws.com".into()),
            seconds: seconds.map_or(USUAL, |seconds: i64| seconds.max(SHORTEST)),
            regional: wish(account, "sts-regional-endpoints").is_none_or(|wish| wish == "true"),
            region,
        })
    }

    fn put_into(&self, pod: &mut Value) {
        let volumes = list(&mut pod["spec"], "volumes");
        if !volumes.iter().any(|volume| volume["name"] == VOLUME) {
            let volume = token_volume(VOLUME, &self.audience, self.seconds, "token");
            volumes.insert(0, volume);
        }
        for container in containers_mut(pod) {
            self.put_into_container(container);
        }
    }

    /// Variables that the container sets itself stay as they are, the related ones away.
    fn put_into_container(&self, container: &mut Value) {
        let environment = list(container, "env");
        let has_any = |environment: &[Value], names: &[&str]| {
            environment
                .iter()
                .any(|variable| names.iter().any(|name| variable["name"] == *name))
        };
        let mut add = |names: &[&str], values: &[&str]| {
            if !has_any(environment, names) {
                for (name, value) in names.iter().zip(values) {
                    environment.push(json!({ "name": name, "value": value }));
                }
            }
        };
        if self.regional {
            add(&["AWS_STS_REGIONAL_ENDPOINTS"], &["regional"]);
        }
        if let Some(region) = &self.region {
            add(&["AWS_DEFAULT_REGION", "AWS_REGION"], &[region, region]);
        }
        let token = format!("{MOUNT_PATH}/token");
        add(
            &["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"],
            &[&self.role, &token],
        );
        let mounts = list(container, "volumeMounts");
        if !mounts.iter().any(|mount| mount["name"] == VOLUME) {
            mounts.push(json!({ "name": VOLUME, "mountPath": MOUNT_PATH, "readOnly": true }));
        }
    }
}

/// The cluster's region, as its node tells it.
fn region(state: &ClusterState) -> Option<String> {
    let nodes = state.list(&NODES, None, &Selector::default());
    let region = &nodes["items"][0]["metadata"]["labels"]["topology.kubernetes.io/region"];
    region.as_str().map(str::to_owned)
}
