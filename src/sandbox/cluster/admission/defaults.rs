//! What a Pod says when it does not say it.

use serde_json::{Value, json};

use super::{containers_mut, default, list};

pub(super) fn fill(pod: &mut Value) {
    let spec = &mut pod["spec"];
    default(spec, "restartPolicy", "Always");
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "schedulerName", "default-scheduler");
    default(spec, "enableServiceLinks", true);
    default(spec, "preemptionPolicy", "PreemptLowerPriority");
    default(spec, "priority", 0);
    default(spec, "securityContext", json!({}));
    let tolerations = list(spec, "tolerations");
    for key in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        if !tolerations
            .iter()
            .any(|toleration| toleration["key"] == key)
        {
            tolerations.push(json!({
                "key": key,
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }));
        }
    }
    for container in containers_mut(pod) {
        let image = container["image"].as_str().unwrap_or_default();
        let policy = if is_latest(image) {
            "Always"
        } else {
            "IfNotPresent"
        };
        default(container, "imagePullPolicy", policy);
        default(container, "resources", json!({}));
        default(container, "terminationMessagePath", "/dev/termination-log");
        default(container, "terminationMessagePolicy", "File");
    }
}

/// Whether an image has the tag `latest`, or none.
fn is_latest(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    !image.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}
