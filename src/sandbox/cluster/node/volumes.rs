//! The files of a container: mounted tokens, ConfigMaps and Secrets.
//!
//! A token is made when it is first looked at and kept until most of its life is over, as the
//! node's agent does it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::kinds::{CONFIG_MAPS, Kind, SECRETS};
use super::super::state::ClusterState;
use super::super::tokens;
use super::environment::field;

/// The files of one mount or volume, by path.
type Files = BTreeMap<String, Vec<u8>>;

/// The tokens that are mounted, by the Pod's uid and the volume's name.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<BTreeMap<(String, String), Mounted>>);

#[derive(Debug, Clone)]
struct Mounted {
    token: String,
    renew_at: Timestamp,
}

impl Tokens {
    pub(super) fn forget(&self, uid: &str) {
        let mut mounted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        mounted.retain(|(pod, _), _| pod != uid);
    }

    /// All files of a container.
    pub(super) fn files(&self, state: &ClusterState, pod: &Value, container: &Value) -> Files {
        let mut files = Files::new();
        let volumes = pod["spec"]["volumes"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        for mount in container["volumeMounts"].as_array().into_iter().flatten() {
            let place = mount["mountPath"]
                .as_str()
                .unwrap_or_default()
                .trim_end_matches('/');
            let volume = volumes
                .iter()
                .find(|volume| volume["name"] == mount["name"]);
            if let Some(volume) = volume {
                for (path, content) in self.volume(state, pod, volume) {
                    files.insert(format!("{place}/{path}"), content);
                }
            }
        }
        files
    }

    fn volume(&self, state: &ClusterState, pod: &Value, volume: &Value) -> Files {
        let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
        let mut files = Files::new();
        files.extend(entries(
            state,
            &CONFIG_MAPS,
            namespace,
            &volume["configMap"],
            "name",
        ));
        files.extend(entries(
            state,
            &SECRETS,
            namespace,
            &volume["secret"],
            "secretName",
        ));
        for source in volume["projected"]["sources"]
            .as_array()
            .into_iter()
            .flatten()
        {
            files.extend(entries(
                state,
                &CONFIG_MAPS,
                namespace,
                &source["configMap"],
                "name",
            ));
            files.extend(entries(
                state,
                &SECRETS,
                namespace,
                &source["secret"],
                "name",
            ));
            for item in source["downwardAPI"]["items"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let value = field(
                    pod,
                    item["fieldRef"]["fieldPath"].as_str().unwrap_or_default(),
                );
                files.insert(path(item), value.into_bytes());
            }
            let wish = &source["serviceAccountToken"];
            if wish.is_object()
                && let Some(token) = self.token(state, pod, volume, wish)
            {
                files.insert(path(wish), token.into_bytes());
            }
        }
        files
    }

    fn token(
        &self,
        state: &ClusterState,
        pod: &Value,
        volume: &Value,
        wish: &Value,
    ) -> Option<String> {
        let metadata = &pod["metadata"];
        let uid = metadata["uid"].as_str()?.to_owned();
        let key = (uid, volume["name"].as_str()?.to_owned());
        let now = state.clock.now();
        let mut mounted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mounted) = mounted.get(&key).filter(|mounted| now < mounted.renew_at) {
            return Some(mounted.token.clone());
        }
        let audience = wish["audience"].as_str().unwrap_or(&state.issuer);
        let request = json!({ "spec": {
            "audiences": [audience],
            "expirationSeconds": wish["expirationSeconds"].as_i64().unwrap_or(3600),
            "boundObjectRef": {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        } });
        let namespace = metadata["namespace"].as_str()?;
        let account = pod["spec"]["serviceAccountName"].as_str()?;
        let answer = tokens::issue(state, namespace, account, request).ok()?;
        let token = answer["status"]["token"].as_str()?.to_owned();
        let life = answer["spec"]["expirationSeconds"].as_i64()?;
        let renew_at = now + SignedDuration::from_secs(life * 4 / 5);
        mounted.insert(
            key,
            Mounted {
                token: token.clone(),
                renew_at,
            },
        );
        Some(token)
    }
}

/// The entries of a ConfigMap or Secret: those that the source lists, or all.
fn entries(
    state: &ClusterState,
    kind: &Kind,
    namespace: &str,
    source: &Value,
    name: &str,
) -> Files {
    let Some(name) = source[name].as_str() else {
        return Files::new();
    };
    let mut found: Files = state
        .get(kind, namespace, name)
        .ok()
        .and_then(|object| object["data"].as_object())
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), entry(kind, value)))
        .collect();
    if name == "kube-root-ca.crt" && found.is_empty() {
        // A real cluster publishes this in every namespace.
        let authority = state.authority.certificate_pem.clone();
        found.insert("ca.crt".into(), authority.into_bytes());
    }
    match source["items"].as_array() {
        None => found,
        Some(items) => items
            .iter()
            .filter_map(|item| Some((path(item), found.remove(item["key"].as_str()?)?)))
            .collect(),
    }
}

/// The bytes of one entry; those of a Secret are stored as base64.
pub(super) fn entry(kind: &Kind, value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_default();
    if *kind == SECRETS {
        STANDARD.decode(text).unwrap_or_default()
    } else {
        text.as_bytes().to_vec()
    }
}

fn path(item: &Value) -> String {
    item["path"].as_str().unwrap_or_default().to_owned()
}
