//! Why a webhook gave a Pod no identity: looked for in the order in which it is most often wrong.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::diagnosis::Diagnosis;
use super::entry::Cause;
use super::in_cluster::InCluster;
use super::place::Place;

/// A webhook that gives a Pod its identity, and what may be wrong with that.
pub(in crate::steps) struct Webhook {
    /// The label, with its value, without which a Pod is left as it is, and the cause that says so.
    pub(super) label: Option<(&'static str, &'static str, &'static Cause)>,
    /// The annotation of the service account that names the identity.
    pub(super) annotation: &'static str,
    /// The variables that every container gets; the first names the identity.
    pub(super) variables: &'static [&'static str],
    /// The volume with the token.
    pub(super) volume: &'static str,
    pub(super) account_missing: &'static Cause,
    pub(super) not_annotated: &'static Cause,
    pub(super) other: &'static Cause,
    pub(super) older: &'static Cause,
    pub(super) off: &'static Cause,
}

impl Webhook {
    /// Whether the webhook left no trace in a Pod.
    pub(in crate::steps) fn is_absent(&self, pod: &Value) -> bool {
        let spec = pod["spec"].to_string();
        !spec.contains(self.variables[0]) && !spec.contains(self.volume)
    }

    /// Returns the identity that the webhook gave to the Pod, with the token to prove it.
    pub(super) fn identity_in<'a>(&self, pod: &'a Value) -> Option<&'a str> {
        let spec = &pod["spec"];
        let volumes = spec["volumes"].as_array()?;
        let has_token = volumes.iter().any(|volume| volume["name"] == self.volume);
        let mut variables = spec["containers"]
            .as_array()?
            .iter()
            .flat_map(|container| container["env"].as_array().into_iter().flatten());
        let identity = variables.find(|variable| variable["name"] == self.variables[0])?;
        identity["value"].as_str().filter(|_| has_token)
    }

    /// Finds out why a Pod did not get the identity `expected`: it is not labelled, its account is
    /// not annotated, it is older than the annotation, or the webhook is off. None when it has it.
    pub(super) async fn diagnose(
        &self,
        cluster: InCluster<'_>,
        pod: &Value,
        expected: &str,
    ) -> Option<Diagnosis> {
        let place = &Place {
            pod: pod["metadata"]["name"]
                .as_str()
                .map_or_else(|| cluster.place.pod.clone(), str::to_owned),
            ..cluster.place.clone()
        };
        if self.identity_in(pod) == Some(expected) {
            return None;
        }
        let because = |cause, found: &str| Some(Diagnosis::of(None, cause, place, found));
        if let Some((label, value, cause)) = self.label {
            let found = &pod["metadata"]["labels"][label];
            if found != value {
                return because(cause, found.as_str().unwrap_or("nothing"));
            }
        }
        let account = match cluster.account().await {
            Ok(Some(account)) => account,
            Ok(None) => return because(self.account_missing, "none"),
            Err(why) => return because(self.off, &format!("no identity in the Pod; {why}")),
        };
        match account["metadata"]["annotations"][self.annotation].as_str() {
            None => return because(self.not_annotated, "none"),
            Some(annotated) if annotated != expected => return because(self.other, annotated),
            Some(_) => {}
        }
        if let (Some(made), Some(annotated)) =
            (created(pod), annotated_at(&account, self.annotation))
            && made < annotated
        {
            let ages = format!("Pod of {made}, annotation of {annotated}");
            return because(self.older, &ages);
        }
        match cluster.dry_run(&self.blueprint(pod)).await {
            Ok(twin) if self.identity_in(&twin) == Some(expected) => {
                because(self.older, "a Pod made now gets the identity")
            }
            Ok(_) => because(self.off, "a Pod made now would get no identity either"),
            Err(why) => because(
                self.off,
                &format!("no identity in the Pod, and no dry run to tell why: {why}"),
            ),
        }
    }

    /// Returns what a Pod was made from, under another name: without what the server and the
    /// webhook added, so that both may add it again.
    pub(super) fn blueprint(&self, pod: &Value) -> Value {
        let mut spec = pod["spec"].clone();
        if let Some(fields) = spec.as_object_mut() {
            fields.remove("nodeName");
            if let Some(Value::Array(volumes)) = fields.get_mut("volumes") {
                volumes.retain(|volume| !self.is_injected(&volume["name"]));
            }
            for list in ["containers", "initContainers"] {
                let Some(Value::Array(containers)) = fields.get_mut(list) else {
                    continue;
                };
                for container in containers {
                    if let Some(Value::Array(mounts)) = container.get_mut("volumeMounts") {
                        mounts.retain(|mount| !self.is_injected(&mount["name"]));
                    }
                    if let Some(Value::Array(variables)) = container.get_mut("env") {
                        variables.retain(|variable| {
                            let name = variable["name"].as_str().unwrap_or_default();
                            !self.variables.contains(&name)
                        });
                    }
                }
            }
        }
        let metadata = &pod["metadata"];
        let name = metadata["name"].as_str().unwrap_or("pod");
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": format!("{}-dry-run", name.get(..50).unwrap_or(name)),
                "namespace": metadata["namespace"],
                "labels": metadata["labels"],
            },
            "spec": spec,
        })
    }

    /// The server's own token volume, or the webhook's.
    fn is_injected(&self, name: &Value) -> bool {
        name.as_str()
            .is_some_and(|name| name == self.volume || name.starts_with("kube-api-access-"))
    }
}

/// Returns when the Pod was made.
fn created(pod: &Value) -> Option<Timestamp> {
    moment(&pod["metadata"]["creationTimestamp"])
}

/// Returns when an annotation was last set, as `managedFields` tell.
fn annotated_at(account: &Value, annotation: &str) -> Option<Timestamp> {
    let field = format!("f:{annotation}");
    let managed = account["metadata"]["managedFields"].as_array()?;
    managed
        .iter()
        .filter(|entry| {
            let annotations = &entry["fieldsV1"]["f:metadata"]["f:annotations"];
            annotations.get(&field).is_some()
        })
        .filter_map(|entry| moment(&entry["time"]))
        .max()
}

fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}
