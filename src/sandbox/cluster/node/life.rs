//! The life of one Pod, from the scheduler to the end of its last container.

use std::sync::Arc;

use futures::future::try_join_all;
use serde_json::Value;

use super::super::containers::List;
use super::super::events::{self, Note};
use super::super::kinds::{NODES, PODS};
use super::super::objects::timestamp;
use super::super::refusal::Refusal;
use super::super::server::Cluster;
use super::super::state::ClusterState;
use super::runs::Place;
use super::{Node, placement, status};

/// A Pod that lives. The uid tells it from a later one of the same name.
pub(super) struct Life {
    cluster: Arc<Cluster>,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
}

/// The Pod is gone or going, and so is everything that would happen to it.
pub(super) struct Gone;

impl Life {
    pub(super) fn of(cluster: &Arc<Cluster>, pod: &Value) -> Self {
        let text = |field: &str| {
            let text = pod["metadata"][field].as_str();
            text.unwrap_or_default().to_owned()
        };
        Self {
            cluster: Arc::clone(cluster),
            namespace: text("namespace"),
            name: text("name"),
            uid: text("uid"),
        }
    }

    pub(super) async fn run(self) {
        // When the Pod goes, its life simply ends.
        self.live().await.ok();
    }

    async fn live(&self) -> Result<(), Gone> {
        self.settle_on_a_node().await?;
        let pod = self.pod()?;
        for container in names(List::Init, &pod) {
            let place = Place {
                list: List::Init,
                name: &container,
            };
            if self.container(place).await? != 0 {
                return Ok(());
            }
        }
        let main = names(List::Main, &pod);
        let lives = main.iter().map(|name| {
            self.container(Place {
                list: List::Main,
                name,
            })
        });
        try_join_all(lives).await?;
        Ok(())
    }

    async fn settle_on_a_node(&self) -> Result<(), Gone> {
        let pod = self.pod()?;
        if pod["spec"]["nodeName"].is_null() {
            let placed = self.look(|state| placement::place(state, &pod));
            let node = match placed {
                Ok(node) => node,
                Err(why) => {
                    self.update(|pod| {
                        let words = ["Unschedulable", why.as_str()];
                        status::set_condition(pod, "PodScheduled", false, words, &self.now());
                        vec![Note::warning("FailedScheduling", why.clone()).by("default-scheduler")]
                    })?;
                    self.until(|state| placement::place(state, &pod).ok()).await
                }
            };
            self.update(|pod| {
                pod["spec"]["nodeName"] = node.clone().into();
                status::set_condition(pod, "PodScheduled", true, ["", ""], &self.now());
                let words = format!(
                    "Successfully assigned {}/{} to {node}",
                    self.namespace, self.name
                );
                vec![Note::normal("Scheduled", words).by("default-scheduler")]
            })?;
        }
        let pod = self.pod()?;
        if pod["status"]["startTime"].is_null() {
            let host = self.look(|state| host_address(state, &pod));
            self.update(|pod| {
                status::accept(pod, &host, &self.now());
                Vec::new()
            })?;
        }
        Ok(())
    }

    /// The time as objects write it.
    pub(super) fn now(&self) -> String {
        timestamp(self.cluster.clock.now())
    }

    pub(super) fn node(&self) -> &Node {
        let node = self.cluster.node.get();
        node.expect("the node that started this life is there")
    }

    /// The Pod as it is now.
    pub(super) fn pod(&self) -> Result<Value, Gone> {
        let found = self.look(|state| state.get(&PODS, &self.namespace, &self.name).cloned());
        found.ok().filter(|pod| self.is_it(pod)).ok_or(Gone)
    }

    fn is_it(&self, pod: &Value) -> bool {
        let metadata = &pod["metadata"];
        metadata["uid"] == self.uid && metadata["deletionTimestamp"].is_null()
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&ClusterState) -> T) -> T {
        self.cluster.store.read(look)
    }

    /// Changes the Pod and tells about it.
    pub(super) fn update(
        &self,
        mut change: impl FnMut(&mut Value) -> Vec<Note>,
    ) -> Result<(), Gone> {
        let changed = self.cluster.change(false, &mut |state| {
            let mut pod = state.get(&PODS, &self.namespace, &self.name)?.clone();
            if !self.is_it(&pod) {
                return Err(Refusal::not_found(&PODS, &self.name));
            }
            let notes = change(&mut pod);
            if !pod["status"]["startTime"].is_null() {
                status::settle(&mut pod, &self.now());
            }
            let (pod, _) = state.replace(&PODS, &self.namespace, &self.name, pod)?;
            for note in notes {
                events::record(state, &pod, note)?;
            }
            Ok(Value::Null)
        });
        changed.map(|_| ()).map_err(|_| Gone)
    }

    /// Waits for a change of the cluster that lets `look` find something.
    pub(super) async fn until<T>(&self, look: impl Fn(&ClusterState) -> Option<T>) -> T {
        let mut changed = self.cluster.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if let Some(found) = self.look(&look) {
                return found;
            }
            if changed.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

fn names(list: List, pod: &Value) -> Vec<String> {
    list.of(pod)
        .filter_map(|container| container["name"].as_str())
        .map(str::to_owned)
        .collect()
}

fn host_address(state: &ClusterState, pod: &Value) -> String {
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    let addresses = state
        .get(&NODES, "", node)
        .ok()
        .and_then(|node| node["status"]["addresses"].as_array());
    let address = addresses
        .into_iter()
        .flatten()
        .find(|address| address["type"] == "InternalIP")
        .and_then(|address| address["address"].as_str());
    address.unwrap_or_default().to_owned()
}
