//! What is edited by hand in the documentation, as edits of a file's text: which Pods of S3Proxy get the
//! identity, and the parent of Rok's overlay.

use std::sync::Arc;

use serde_yaml::Value;

use super::identity::{AzureIdentity, Method};
use crate::clients::yaml_edit::{Item, YamlEdit, YamlEditError};
use crate::steps::gitops::Edit;
use crate::steps::secrets::Keeping;

/// Where the Pods of S3Proxy may be described, the newer one first.
pub const BINDING_FILES: &[&str] = &[
    "rok/rok-external-services/s3proxy/overlays/deploy/patches/daemonset.yaml",
    "rok/rok-external-services/s3proxy/overlays/deploy/patches/deployment.yaml",
];
/// The overlay of the Rok cluster.
pub const OVERLAY_FILES: &[&str] = &["rok/rok-cluster/overlays/deploy/kustomization.yaml"];

/// The label that the add-on for Pod identities looks for.
const POD_IDENTITY_LABEL: &str = "aadpodidbinding";
/// The label that the webhook of workload identity looks for.
const WORKLOAD_LABEL: &str = "azure.workload.identity/use";
const LABELS: [&str; 4] = ["spec", "template", "metadata", "labels"];

/// The parent of the overlay on AKS.
const PARENT: &str = "../aks";
/// What the parent was before, on whatever platform.
const PARENTS: [&str; 3] = [PARENT, "../eks", "../gke"];
/// The patch that only AWS needs.
const AWS_PATCH: &str = "patches/storage.yaml";
/// The patch with the secret values.
const SECRETS_PATCH: &str = "patches/configvars-secrets.yaml";

/// Returns the edit that gives the identity to the Pods of S3Proxy, and takes away what the other
/// method needed.
pub fn binding(identity: &AzureIdentity) -> Edit {
    let (method, pod_identity) = (identity.method, identity.pod_identity.clone());
    let account = identity.service_account.clone();
    Arc::new(move |text| {
        let mut yaml = YamlEdit::new(text)?;
        let label = |name| [&LABELS[..], &[name]].concat();
        match method {
            Method::PodIdentity => {
                yaml.set(&label(POD_IDENTITY_LABEL), &pod_identity)?;
                yaml.unset(&label(WORKLOAD_LABEL));
            }
            Method::WorkloadIdentity => {
                yaml.set(&label(WORKLOAD_LABEL), "true")?;
                yaml.unset(&label(POD_IDENTITY_LABEL));
                let path = ["spec", "template", "spec", "serviceAccountName"];
                yaml.set(&path, &account)?;
            }
        }
        yaml.finish("spec.template")
    })
}

/// Returns the edit that makes the overlay one of AKS, in the list that the file uses, with the patch
/// that holds the secret values where they are in a file of their own.
pub fn overlay(keeping: Keeping) -> Edit {
    Arc::new(move |text| {
        let mut yaml = YamlEdit::new(text)?;
        let list = if yaml.value().get("bases").is_some() {
            "bases"
        } else {
            "resources"
        };
        let parent = position(yaml.value(), list, |item| {
            item.as_str().is_some_and(|item| PARENTS.contains(&item))
        });
        match parent {
            Some((index, item)) if item != PARENT => {
                yaml.replace(list, index, PARENT)?;
                // What another platform's parent needed would contradict this one.
                drop_patch(&mut yaml, AWS_PATCH)?;
            }
            Some(_) => {}
            None => yaml.push(list, &Item::Text(PARENT))?,
        }
        match keeping {
            Keeping::Encrypted => add_patch(&mut yaml, SECRETS_PATCH)?,
            Keeping::InClear => drop_patch(&mut yaml, SECRETS_PATCH)?,
        }
        yaml.finish("the parent and its patches")
    })
}

/// The lists that name patches, in the order that kustomize came to have them.
const PATCHES: [&str; 2] = ["patches", "patchesStrategicMerge"];

fn drop_patch(yaml: &mut YamlEdit, path: &str) -> Result<(), YamlEditError> {
    for list in PATCHES {
        if let Some((index, _)) = position(yaml.value(), list, |item| is_patch(item, path)) {
            yaml.remove(list, index)?;
        }
    }
    Ok(())
}

fn add_patch(yaml: &mut YamlEdit, path: &str) -> Result<(), YamlEditError> {
    let is_there = PATCHES
        .iter()
        .any(|list| position(yaml.value(), list, |item| is_patch(item, path)).is_some());
    if is_there {
        return Ok(());
    }
    let has_old = yaml.value().get(PATCHES[1]).is_some();
    if has_old && yaml.value().get(PATCHES[0]).is_none() {
        return yaml.push(PATCHES[1], &Item::Text(path));
    }
    let target = [("kind", Item::Text("RokCluster"))];
    let fields = [
        ("path", Item::Text(path)),
        ("target", Item::Fields(&target)),
    ];
    yaml.push(PATCHES[0], &Item::Fields(&fields))
}

fn is_patch(item: &Value, path: &str) -> bool {
    let named = item.get("path").unwrap_or(item);
    named
        .as_str()
        .is_some_and(|named| named.trim_start_matches("./") == path)
}

/// Returns where in a list of the root an item is, and its text.
fn position(value: &Value, list: &str, is: impl Fn(&Value) -> bool) -> Option<(usize, String)> {
    let items = value.get(list)?.as_sequence()?;
    let index = items.iter().position(is)?;
    Some((index, items[index].as_str().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Answers;

    fn identity(method: Method) -> AzureIdentity {
        AzureIdentity {
            method,
            pod_identity: "rok".into(),
            service_account: "rok".into(),
            ..AzureIdentity::of(&Answers::default(), "rok-aks").unwrap()
        }
    }

    const PATCH: &str = "# of the operator\nspec:\n  template:\n    metadata:\n      labels:\n        aadpodidbinding: old  # <-- Update this line with your Pod identity name\n";

    #[test]
    fn a_pod_identity_is_the_label_on_the_pod() {
        let edit = binding(&identity(Method::PodIdentity));
        assert_eq!(edit(PATCH).unwrap(), PATCH.replace("old", "rok"));
        let once = edit(PATCH).unwrap();
        assert_eq!(edit(&once).unwrap(), once);
    }

    #[test]
    fn workload_identity_is_label_and_account_and_takes_the_other_label_away() {
        let edit = binding(&identity(Method::WorkloadIdentity));
        let new = edit(PATCH).unwrap();
        let value: Value = serde_yaml::from_str(&new).unwrap();
        let template = &value["spec"]["template"];
        assert_eq!(
            template["metadata"]["labels"][WORKLOAD_LABEL],
            Value::from("true")
        );
        assert_eq!(template["spec"]["serviceAccountName"], Value::from("rok"));
        assert!(
            !new.contains("aadpodidbinding:") && new.contains("# of the operator"),
            "{new}"
        );
        assert_eq!(edit(&new).unwrap(), new);
        // And back.
        let back = binding(&identity(Method::PodIdentity))(&new).unwrap();
        assert!(
            back.contains("aadpodidbinding: rok") && !back.contains(WORKLOAD_LABEL),
            "{back}"
        );
    }

    #[test]
    fn the_parent_is_changed_in_the_list_that_the_file_uses() {
        let edit = overlay(Keeping::Encrypted);
        for list in ["bases", "resources"] {
            let text = format!(
                "# ours\n{list}:\n- ../eks  # the parent\npatchesStrategicMerge:\n- patches/configvars.yaml\n- patches/storage.yaml\n"
            );
            let new = edit(&text).unwrap();
            let expected = format!(
                "# ours\n{list}:\n- ../aks  # the parent\npatchesStrategicMerge:\n- patches/configvars.yaml\n- patches/configvars-secrets.yaml\n"
            );
            assert_eq!(new, expected);
            assert_eq!(edit(&new).unwrap(), new);
            let clear = overlay(Keeping::InClear)(&new).unwrap();
            assert_eq!(
                clear,
                expected.replace("- patches/configvars-secrets.yaml\n", "")
            );
        }
    }

    #[test]
    fn our_own_overlay_becomes_one_of_aks() {
        let path = OVERLAY_FILES[0];
        let skeleton = crate::steps::gitops::skeleton().iter();
        let (_, text) = skeleton.clone().find(|(name, _)| *name == path).unwrap();
        let new = overlay(Keeping::Encrypted)(std::str::from_utf8(text).unwrap()).unwrap();
        let value: Value = serde_yaml::from_str(&new).unwrap();
        assert_eq!(value["resources"][0], Value::from("../aks"));
        let paths = value["patches"].as_sequence().unwrap().iter();
        let paths: Vec<_> = paths.map(|patch| patch["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["patches/configvars.yaml", SECRETS_PATCH]);
    }
}
