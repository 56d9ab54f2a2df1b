//! The Pod Security Standards, enforced where a namespace's label says so.

use serde_json::Value;

use super::super::kinds::{NAMESPACES, PODS};
use super::super::refusal::Refusal;
use super::super::state::ClusterState;
use super::containers;

const LABEL: &str = "pod-security.kubernetes.io/enforce";

/// What `baseline` lets a container add to its capabilities.
const HARMLESS: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The kinds of volumes that `restricted` allows.
const PLAIN_VOLUMES: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

pub(super) fn check(
    state: &ClusterState,
    namespace: &str,
    name: &str,
    pod: &Value,
) -> Result<(), Refusal> {
    let labels = &state.get(&NAMESPACES, "", namespace)?["metadata"]["labels"];
    let Some(level) = labels[LABEL]
        .as_str()
        .filter(|level| *level != "privileged")
    else {
        return Ok(());
    };
    let restricted = level == "restricted";
    let mut violations = baseline(pod, restricted);
    if restricted {
        violations.extend(restrictions(pod));
    }
    if violations.is_empty() {
        return Ok(());
    }
    let version = labels[format!("{LABEL}-version")]
        .as_str()
        .unwrap_or("latest");
    let why = format!(
        "violates PodSecurity \"{level}:{version}\": {}",
        violations.join(", ")
    );
    Err(Refusal::forbidden_object(&PODS, name, &why))
}

/// What no ordinary workload needs. `restricted` has rules of its own for capabilities and volumes.
fn baseline(pod: &Value, restricted: bool) -> Vec<String> {
    let spec = &pod["spec"];
    let mut violations = Vec::new();
    let shared: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
        .iter()
        .filter(|field| spec[**field] == true)
        .map(|field| format!("{field}=true"))
        .collect();
    if !shared.is_empty() {
        violations.push(format!("host namespaces ({})", shared.join(", ")));
    }
    if !restricted {
        let adds_much = |container: &Value| added(container).any(|it| !HARMLESS.contains(&it));
        for container in containers(pod).filter(|container| adds_much(container)) {
            let much: Vec<String> = added(container)
                .filter(|it| !HARMLESS.contains(it))
                .map(|it| format!("\"{it}\""))
                .collect();
            violations.push(format!(
                "non-default capabilities (container {} must not include {} in securityContext.capabilities.add)",
                container["name"],
                much.join(", ")
            ));
        }
        let paths = volumes(pod, |volume| volume["hostPath"].is_object());
        if let Some(paths) = paths {
            violations.push(format!("hostPath volumes ({paths})"));
        }
    }
    let ports: Vec<String> = containers(pod)
        .flat_map(|container| container["ports"].as_array().into_iter().flatten())
        .filter_map(|port| port["hostPort"].as_i64().filter(|port| *port != 0))
        .map(|port| port.to_string())
        .collect();
    if !ports.is_empty() {
        let using = named(pod, |container| {
            let ports = container["ports"].as_array();
            ports.is_some_and(|ports| {
                ports
                    .iter()
                    .any(|port| port["hostPort"].as_i64().is_some_and(|port| port != 0))
            })
        });
        let word = if ports.len() > 1 {
            "hostPorts"
        } else {
            "hostPort"
        };
        violations.extend(
            using.map(|using| format!("hostPort ({using} uses {word} {})", ports.join(", "))),
        );
    }
    let privileged = named(pod, |container| {
        container["securityContext"]["privileged"] == true
    });
    violations.extend(privileged.map(|containers| {
        format!("privileged ({containers} must not set securityContext.privileged=true)")
    }));
    violations
}

/// What a workload must say about itself beyond that.
fn restrictions(pod: &Value) -> Vec<String> {
    let spec = &pod["spec"];
    let shared = &spec["securityContext"];
    let mut violations = Vec::new();

    let escalating = named(pod, |container| {
        container["securityContext"]["allowPrivilegeEscalation"] != false
    });
    violations.extend(escalating.map(|containers| {
        format!("allowPrivilegeEscalation != false ({containers} must set securityContext.allowPrivilegeEscalation=false)")
    }));

    let keeping = named(pod, |container| {
        let dropped = container["securityContext"]["capabilities"]["drop"].as_array();
        !dropped.is_some_and(|dropped| dropped.iter().any(|it| it == "ALL"))
    });
    let adding = named(pod, |container| {
        added(container).any(|it| it != "NET_BIND_SERVICE")
    });
    let capabilities: Vec<String> = keeping
        .map(|containers| {
            format!("{containers} must set securityContext.capabilities.drop=[\"ALL\"]")
        })
        .into_iter()
        .chain(adding.map(|containers| {
            let mut much: Vec<String> = super::containers(pod)
                .flat_map(added)
                .filter(|it| *it != "NET_BIND_SERVICE")
                .map(|it| format!("\"{it}\""))
                .collect();
            much.sort();
            much.dedup();
            format!(
                "{containers} must not include {} in securityContext.capabilities.add",
                much.join(", ")
            )
        }))
        .collect();
    if !capabilities.is_empty() {
        violations.push(format!(
            "unrestricted capabilities ({})",
            capabilities.join("; ")
        ));
    }

    let plain = |volume: &Value| PLAIN_VOLUMES.iter().any(|kind| volume[*kind].is_object());
    let special = volumes(pod, |volume| {
        !plain(volume) && volume.as_object().is_some_and(|fields| fields.len() > 1)
    });
    violations.extend(special.map(|volumes| {
        let kind = spec["volumes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|volume| !plain(volume))
            .find_map(|volume| {
                volume
                    .as_object()?
                    .keys()
                    .find(|field| *field != "name")
                    .cloned()
            });
        format!(
            "restricted volume types ({volumes} uses restricted volume type \"{}\")",
            kind.unwrap_or_default()
        )
    }));

    if shared["runAsNonRoot"] != true {
        let roots = named(pod, |container| {
            container["securityContext"]["runAsNonRoot"] != true
        });
        violations.extend(roots.map(|containers| {
            format!("runAsNonRoot != true (pod or {containers} must set securityContext.runAsNonRoot=true)")
        }));
    }
    if shared["runAsUser"] == 0 {
        violations.push("runAsUser=0 (pod must not set runAsUser=0)".into());
    }
    let roots = named(pod, |container| {
        container["securityContext"]["runAsUser"] == 0
    });
    violations.extend(
        roots.map(|containers| format!("runAsUser=0 ({containers} must not set runAsUser=0)")),
    );

    let fits = |context: &Value| {
        let kind = &context["seccompProfile"]["type"];
        kind == "RuntimeDefault" || kind == "Localhost"
    };
    let open = named(pod, |container| {
        let own = &container["securityContext"];
        !fits(own) && (!fits(shared) || own["seccompProfile"]["type"].is_string())
    });
    violations.extend(open.map(|containers| {
        format!("seccompProfile (pod or {containers} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")")
    }));
    violations
}

/// The capabilities that a container asks for.
fn added(container: &Value) -> impl Iterator<Item = &str> {
    container["securityContext"]["capabilities"]["add"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// `container "a"`, or `containers "a", "b"`; nothing when there are none like that.
fn named(pod: &Value, is_meant: impl Fn(&Value) -> bool) -> Option<String> {
    let names = containers(pod).filter(|container| is_meant(container));
    plural("container", names)
}

fn volumes(pod: &Value, is_meant: impl Fn(&Value) -> bool) -> Option<String> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    plural("volume", volumes.filter(|volume| is_meant(volume)))
}

fn plural<'a>(word: &str, objects: impl Iterator<Item = &'a Value>) -> Option<String> {
    let names: Vec<String> = objects.map(|object| object["name"].to_string()).collect();
    match names.len() {
        0 => None,
        1 => Some(format!("{word} {}", names[0])),
        _ => Some(format!("{word}s {}", names.join(", "))),
    }
}
