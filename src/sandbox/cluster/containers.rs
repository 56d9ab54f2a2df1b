//! The containers of a Pod: where their state is kept, and which one a request means.

use serde_json::Value;

use super::refusal::Refusal;

/// The two lists of containers: those that prepare the Pod one after the other, and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Init,
    Main,
}

impl List {
    /// The field of the specification.
    pub(super) fn spec(self) -> &'static str {
        match self {
            Self::Init => "initContainers",
            Self::Main => "containers",
        }
    }

    /// The field of the status.
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::Init => "initContainerStatuses",
            Self::Main => "containerStatuses",
        }
    }

    /// The containers as they were asked for.
    pub(super) fn of(self, pod: &Value) -> impl Iterator<Item = &Value> {
        pod["spec"][self.spec()].as_array().into_iter().flatten()
    }

    /// The containers as they are.
    pub(super) fn statuses(self, pod: &Value) -> impl Iterator<Item = &Value> {
        pod["status"][self.status()]
            .as_array()
            .into_iter()
            .flatten()
    }
}

/// A container that a request means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    /// As it was asked for.
    pub(super) spec: &'a Value,
    /// As it is; null before the Pod has a node.
    pub(super) status: &'a Value,
}

/// Finds the container that a request means. It may leave the name out when there is only one.
pub(super) fn find<'a>(pod: &'a Value, name: Option<&str>) -> Result<Found<'a>, Refusal> {
    let names = |list: List| -> Vec<&str> {
        list.of(pod)
            .filter_map(|container| container["name"].as_str())
            .collect()
    };
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let name = match (name.filter(|name| !name.is_empty()), &names(List::Main)[..]) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, several) => {
            let first = match &names(List::Init)[..] {
                [] => String::new(),
                first => format!(" or one of the init containers: [{}]", first.join(" ")),
            };
            return Err(Refusal::bad_request(format!(
                "a container name must be specified for pod {pod_name}, choose one of: [{}]{first}",
                several.join(" ")
            )));
        }
    };
    [List::Main, List::Init]
        .into_iter()
        .find_map(|list| {
            let spec = list.of(pod).find(|container| container["name"] == name)?;
            let status = list.statuses(pod).find(|status| status["name"] == name);
            Some(Found {
                spec,
                status: status.unwrap_or(&Value::Null),
            })
        })
        .ok_or_else(|| {
            Refusal::bad_request(format!("container {name} is not valid for pod {pod_name}"))
        })
}
