//! Pods of a workload, and what happened to a Pod, in the words of the cluster's own events.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::Api;
use kube::api::ListParams;
use serde_json::Value;

use super::connect::Cluster;
use super::error::{ClusterError, ClusterErrorKind};

/// An event about an object: `Warning FailedScheduling 0/3 nodes are available`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventInfo {
    /// `Normal` or `Warning`.
    pub type_: String,
    /// One word: `FailedScheduling`, `Pulled`.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// How often it happened.
    pub count: u32,
    /// When it happened last.
    pub last: Option<jiff::Timestamp>,
}

impl Cluster {
    /// Returns the Pods that carry all of these labels.
    pub async fn pods(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<Value>, ClusterError> {
        const OPERATION: &str = "list pods";
        let pods: Api<Pod> = Api::namespaced(self.client(), namespace);
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let parameters = ListParams::default().labels(&labels.join(","));
        let list = self.ask(OPERATION, pods.list(&parameters)).await?;
        let pods = list.items.iter().map(serde_json::to_value);
        pods.collect::<Result<_, _>>().map_err(|error| {
            ClusterError::new(OPERATION, ClusterErrorKind::Invalid, &error.to_string())
        })
    }

    /// Returns the events about the Pod of this UID, the newest last. A Pod of the same name that
    /// was there before has another UID.
    pub async fn pod_events(
        &self,
        namespace: &str,
        pod_uid: &str,
    ) -> Result<Vec<EventInfo>, ClusterError> {
        let events: Api<Event> = Api::namespaced(self.client(), namespace);
        let about = ListParams::default().fields(&format!("involvedObject.uid={pod_uid}"));
        let list = self.ask("list events", events.list(&about)).await?;
        let mut events: Vec<_> = list.items.into_iter().map(EventInfo::of).collect();
        events.sort_by_key(|event| event.last);
        Ok(events)
    }
}

impl EventInfo {
    /// Components write events in the old form, with first and last time, or in the new one, with
    /// one time and perhaps a series.
    fn of(event: Event) -> Self {
        let series = event.series;
        let repeated = series.as_ref().and_then(|series| series.count);
        let seen = series.and_then(|series| series.last_observed_time);
        let count = event.count.or(repeated).unwrap_or(1);
        let last = seen
            .or(event.event_time)
            .map(|time| time.0)
            .max(event.last_timestamp.map(|time| time.0))
            .or_else(|| event.metadata.creation_timestamp.map(|time| time.0));
        Self {
            type_: event.type_.unwrap_or_default(),
            reason: event.reason.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
            count: u32::try_from(count).unwrap_or(1),
            last,
        }
    }
}
