//! The service account of a Pod: it must be there, and its token is mounted.

use serde_json::{Value, json};

use super::super::kinds::{PODS, SERVICE_ACCOUNTS};
use super::super::refusal::Refusal;
use super::super::state::ClusterState;
use super::{containers_mut, default, list};
use crate::sandbox::random;

const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub(super) fn attach(
    state: &ClusterState,
    namespace: &str,
    name: &str,
    pod: &mut Value,
) -> Result<(), Refusal> {
    let spec = &mut pod["spec"];
    let older = spec["serviceAccount"]
        .as_str()
        .unwrap_or("default")
        .to_owned();
    default(spec, "serviceAccountName", older);
    let account = spec["serviceAccountName"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    spec["serviceAccount"] = account.clone().into();
    let Ok(found) = state.get(&SERVICE_ACCOUNTS, namespace, &account) else {
        let why = format!(
            "error looking up service account {namespace}/{account}: serviceaccount \"{account}\" not found"
        );
        return Err(Refusal::forbidden_object(&PODS, name, &why));
    };
    if !found["imagePullSecrets"].is_null() {
        default(spec, "imagePullSecrets", found["imagePullSecrets"].clone());
    }
    let mounts_token = spec["automountServiceAccountToken"]
        .as_bool()
        .or_else(|| found["automountServiceAccountToken"].as_bool())
        .unwrap_or(true);
    if mounts_token {
        mount(pod);
    }
    Ok(())
}

/// Gives each container the token of its account, unless it has something else in that place.
fn mount(pod: &mut Value) {
    let volume = format!(
        "kube-api-access-{}",
        random::text(5, b"bcdfghjklmnpqrstvwxz2456789")
    );
    let mut mounted = false;
    for container in containers_mut(pod) {
        let mounts = list(container, "volumeMounts");
        if !mounts.iter().any(|mount| mount["mountPath"] == MOUNT_PATH) {
            mounts.push(json!({ "name": volume, "mountPath": MOUNT_PATH, "readOnly": true }));
            mounted = true;
        }
    }
    if mounted {
        list(&mut pod["spec"], "volumes").push(json!({
            "name": volume,
            "projected": { "defaultMode": 420, "sources": [
                { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                { "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{ "key": "ca.crt", "path": "ca.crt" }],
                } },
                { "downwardAPI": { "items": [{
                    "path": "namespace",
                    "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" },
                }] } },
            ] },
        }));
    }
}
