//! The columns of each kind's table, and what stands in them.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::groups::{
    CUSTOM_RESOURCE_DEFINITIONS, DAEMON_SETS, DEPLOYMENTS, JOBS, LEASES, STATEFUL_SETS,
};
use super::kinds::{
    CONFIG_MAPS, EVENTS, Kind, NAMESPACES, NODES, PODS, SECRETS, SERVICE_ACCOUNTS, SERVICES,
};

#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) form: String,
    /// Zero is always shown, what is greater only on demand.
    pub(super) priority: i64,
    cell: Cell,
}

#[derive(Debug)]
enum Cell {
    Computed(fn(&Value) -> Value),
    /// A simple JSON path such as `.status.health`.
    Path(String),
}

impl Column {
    /// What stands in this column for an object.
    pub(super) fn cell(&self, object: &Value) -> Value {
        match &self.cell {
            Cell::Computed(compute) => compute(object),
            Cell::Path(path) => at_path(object, path, &self.form),
        }
    }
}

/// The columns of a kind; a definition may bring its own.
pub(super) fn columns(kind: &Kind, custom: Option<&Vec<Value>>) -> Vec<Column> {
    let name = column("Name", |object| object["metadata"]["name"].clone());
    match custom {
        Some(custom) => {
            let custom = custom.iter().map(custom_column);
            std::iter::once(name).chain(custom).collect()
        }
        // Events have no name that anyone would want to read.
        None if kind == &EVENTS => event_columns(),
        None => std::iter::once(name).chain(columns_of(kind)).collect(),
    }
}

fn column(name: &str, cell: fn(&Value) -> Value) -> Column {
    Column {
        name: name.into(),
        form: "string".into(),
        priority: 0,
        cell: Cell::Computed(cell),
    }
}

fn custom_column(told: &Value) -> Column {
    let text = |field: &str| told[field].as_str().unwrap_or_default().to_owned();
    Column {
        name: text("name"),
        form: text("type"),
        priority: told["priority"].as_i64().unwrap_or_default(),
        cell: Cell::Path(text("jsonPath")),
    }
}

fn columns_of(kind: &Kind) -> Vec<Column> {
    let phase = |object: &Value| object["status"]["phase"].clone();
    let data = |object: &Value| count(&object["data"]);
    let ready = |object: &Value| {
        let status = &object["status"];
        let wanted = number(&object["spec"]["replicas"]);
        format!("{}/{wanted}", number(&status["readyReplicas"])).into()
    };
    let mut columns = if kind == &PODS {
        vec![
            column("Ready", pod_ready),
            column("Status", pod_status),
            column("Restarts", pod_restarts),
        ]
    } else if kind == &NAMESPACES {
        vec![column("Status", phase)]
    } else if kind == &NODES {
        vec![
            column("Status", node_status),
            column("Roles", |_| "<none>".into()),
        ]
    } else if kind == &SERVICE_ACCOUNTS {
        vec![column("Secrets", |object| count(&object["secrets"]))]
    } else if kind == &CONFIG_MAPS {
        vec![column("Data", data)]
    } else if kind == &SECRETS {
        vec![
            column("Type", |object| object["type"].clone()),
            column("Data", data),
        ]
    } else if kind == &SERVICES {
        vec![
            column("Type", |object| object["spec"]["type"].clone()),
            column("Cluster-IP", |object| object["spec"]["clusterIP"].clone()),
            column("External-IP", |_| "<none>".into()),
            column("Port(s)", service_ports),
        ]
    } else if kind == &LEASES {
        vec![column("Holder", |object| {
            object["spec"]["holderIdentity"].clone()
        })]
    } else if kind == &DEPLOYMENTS {
        vec![
            column("Ready", ready),
            column("Up-to-date", |object| {
                number(&object["status"]["updatedReplicas"]).into()
            }),
            column("Available", |object| {
                number(&object["status"]["availableReplicas"]).into()
            }),
        ]
    } else if kind == &STATEFUL_SETS {
        vec![column("Ready", ready)]
    } else if kind == &DAEMON_SETS {
        vec![
            column("Desired", |object| {
                number(&object["status"]["desiredNumberScheduled"]).into()
            }),
            column("Ready", |object| {
                number(&object["status"]["numberReady"]).into()
            }),
        ]
    } else if kind == &JOBS {
        vec![
            column("Status", job_status),
            column("Completions", |object| {
                let done = number(&object["status"]["succeeded"]);
                format!("{done}/{}", number(&object["spec"]["completions"])).into()
            }),
        ]
    } else if kind == &CUSTOM_RESOURCE_DEFINITIONS {
        return vec![column("Created At", |object| {
            object["metadata"]["creationTimestamp"].clone()
        })];
    } else {
        Vec::new()
    };
    columns.push(column("Age", |object| {
        age(&object["metadata"]["creationTimestamp"])
    }));
    if kind == &NODES {
        columns.push(column("Version", |object| {
            object["status"]["nodeInfo"]["kubeletVersion"].clone()
        }));
    }
    if kind == &PODS {
        columns.extend(
            [
                column("IP", |pod| or_none(&pod["status"]["podIP"])),
                column("Node", |pod| or_none(&pod["spec"]["nodeName"])),
            ]
            .map(|column| Column {
                priority: 1,
                ..column
            }),
        );
    }
    columns
}

fn event_columns() -> Vec<Column> {
    vec![
        column("Last Seen", |event| age(&event["lastTimestamp"])),
        column("Type", |event| event["type"].clone()),
        column("Reason", |event| event["reason"].clone()),
        column("Object", |event| {
            let about = &event["involvedObject"];
            let kind = about["kind"].as_str().unwrap_or_default().to_lowercase();
            format!("{kind}/{}", about["name"].as_str().unwrap_or_default()).into()
        }),
        column("Message", |event| event["message"].clone()),
    ]
}

fn pod_ready(pod: &Value) -> Value {
    let statuses = pod["status"]["containerStatuses"].as_array();
    let ready = statuses
        .into_iter()
        .flatten()
        .filter(|status| status["ready"] == true)
        .count();
    format!("{ready}/{}", number(&count(&pod["spec"]["containers"]))).into()
}

/// The Pod's phase, or what keeps one of its containers from running.
fn pod_status(pod: &Value) -> Value {
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return "Terminating".into();
    }
    let statuses = pod["status"]["containerStatuses"].as_array();
    let reason = statuses.into_iter().flatten().find_map(|status| {
        let state = &status["state"];
        let reason = [&state["waiting"]["reason"], &state["terminated"]["reason"]];
        reason.into_iter().find(|reason| reason.is_string())
    });
    reason.unwrap_or(&pod["status"]["phase"]).clone()
}

fn pod_restarts(pod: &Value) -> Value {
    let statuses = pod["status"]["containerStatuses"].as_array();
    let restarts = statuses.into_iter().flatten();
    let restarts: i64 = restarts.map(|status| number(&status["restartCount"])).sum();
    restarts.to_string().into()
}

fn node_status(node: &Value) -> Value {
    let conditions = node["status"]["conditions"].as_array();
    let is_ready = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    if is_ready { "Ready" } else { "NotReady" }.into()
}

fn job_status(job: &Value) -> Value {
    let conditions = job["status"]["conditions"].as_array();
    let done = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["status"] == "True");
    done.map_or("Running".into(), |condition| condition["type"].clone())
}

fn service_ports(service: &Value) -> Value {
    let ports: Vec<String> = service["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or_default();
            format!("{}/{protocol}", port["port"])
        })
        .collect();
    ports.join(",").into()
}

fn or_none(value: &Value) -> Value {
    match value {
        Value::Null => "<none>".into(),
        value => value.clone(),
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn count(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.len().into(),
        Value::Array(list) => list.len().into(),
        _ => 0.into(),
    }
}

/// A value that a definition points to; a point in time is shown as the time since then.
fn at_path(object: &Value, path: &str, form: &str) -> Value {
    let found = path
        .split('.')
        .filter(|step| !step.is_empty())
        .try_fold(object, |value, step| value.get(step))
        .unwrap_or(&Value::Null);
    if form == "date" {
        age(found)
    } else {
        found.clone()
    }
}

fn age(since: &Value) -> Value {
    let parsed = since.as_str().and_then(|at| at.parse::<Timestamp>().ok());
    parsed.map_or("<unknown>".into(), |at| {
        in_words(Timestamp::now().duration_since(at)).into()
    })
}

/// A span as `kubectl` shows it: two units while they tell something, then one.
fn in_words(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let both = |large: i64, unit: &str, small: i64, smaller: &str| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{smaller}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => both(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => both(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => both(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        _ => both(days / 365, "y", days % 365, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_shown_as_kubectl_shows_them() {
        for (seconds, expected) in [
            (-5, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (3600, "60m"),
            (11_000, "3h3m"),
            (100_000, "27h"),
            (180_000, "2d2h"),
            (900_000, "10d"),
        ] {
            assert_eq!(in_words(SignedDuration::from_secs(seconds)), expected);
        }
    }
}
