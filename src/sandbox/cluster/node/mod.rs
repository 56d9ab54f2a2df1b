//! The one node of the cluster: a scheduler and an agent that makes Pods live.
//!
//! A loop looks at all Pods after each change of the cluster. A new Pod gets a task of its own that
//! leads it through its life ([`life`]); a Pod that is being deleted loses its task and is removed.
//! All that a Pod is stands in its status, so a restarted cluster goes on where it stopped.

mod environment;
mod life;
mod obstacle;
mod placement;
mod runs;
mod status;
mod volumes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::task::{AbortHandle, JoinSet};

use super::containers::List;
use super::events::{self, Note};
use super::kinds::PODS;
use super::objects::timestamp;
use super::process::{Output, Process, Programs};
use super::refusal::Refusal;
use super::sabotage::Sabotage;
use super::selector::Selector;
use super::server::{Cluster, ClusterServer};
use super::state::ClusterState;
use life::Life;
use volumes::Tokens;

/// What the node knows beside the state of the cluster; it is gone when the node is.
#[derive(Debug)]
pub(super) struct Node {
    programs: Arc<dyn Programs>,
    /// By the Pod's uid and the container's name.
    logs: Mutex<BTreeMap<(String, String), Vec<u8>>>,
    tokens: Tokens,
}

impl ClusterServer {
    /// Starts the node's agent: from now on Pods are scheduled and run, and their containers hold
    /// these programs. A second call changes nothing.
    pub fn start_node(&self, programs: Arc<dyn Programs>) {
        let node = Node {
            programs,
            logs: Mutex::default(),
            tokens: Tokens::default(),
        };
        if self.cluster.node.set(node).is_ok() {
            let cluster = Arc::clone(&self.cluster);
            let stopping = cluster.stopping.clone();
            tokio::spawn(stopping.run_until_cancelled_owned(tend(cluster)));
        }
    }
}

impl Node {
    /// What a container has written so far.
    pub(super) fn log(&self, uid: &str, container: &str) -> Vec<u8> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.get(&(uid.to_owned(), container.to_owned()))
            .cloned()
            .unwrap_or_default()
    }

    fn write_log(&self, uid: &str, container: &str, output: &Output) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs
            .entry((uid.to_owned(), container.to_owned()))
            .or_default();
        log.extend_from_slice(&output.stdout);
        log.extend_from_slice(&output.stderr);
    }

    fn forget(&self, uid: &str) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.retain(|(pod, _), _| pod != uid);
        self.tokens.forget(uid);
    }

    /// Prepares a command in a container.
    pub(super) fn process(
        &self,
        state: &ClusterState,
        pod: &Value,
        container: &Value,
        command: Vec<String>,
    ) -> Process {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let is_it = |status: &&Value| status["name"] == container["name"];
        let running = [List::Init, List::Main]
            .into_iter()
            .find_map(|list| list.statuses(pod).find(is_it));
        Process {
            command,
            input: Vec::new(),
            namespace: text(&pod["metadata"]["namespace"]),
            pod: text(&pod["metadata"]["name"]),
            container: running.map_or_else(String::new, |status| text(&status["containerID"])),
            environment: environment::of(state, pod, container).unwrap_or_default(),
            files: self.tokens.files(state, pod, container),
            instance_metadata: !state.sabotage.contains(&Sabotage::NodeRoleOutOfReach),
        }
    }

    /// Runs a command to its end; `None` when the images have no such program.
    pub(super) async fn run(&self, process: &Process) -> Option<Output> {
        self.programs.run(process).await
    }
}

/// Looks at the Pods after each change, for as long as the cluster is there.
async fn tend(cluster: Arc<Cluster>) {
    let mut changed = cluster.changed.subscribe();
    let mut lives: JoinSet<()> = JoinSet::new();
    let mut tended: BTreeMap<String, AbortHandle> = BTreeMap::new();
    loop {
        changed.mark_unchanged();
        let pods = cluster
            .store
            .read(|state| state.list(&PODS, None, &Selector::default()));
        let pods: BTreeMap<&str, &Value> = pods["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|pod| Some((pod["metadata"]["uid"].as_str()?, pod)))
            .collect();
        let is_deleted = |pod: &Value| pod["metadata"]["deletionTimestamp"].is_string();
        tended.retain(|uid, life| {
            let stays = pods.get(uid.as_str()).is_some_and(|pod| !is_deleted(pod));
            if !stays {
                life.abort();
                if let Some(node) = cluster.node.get() {
                    node.forget(uid);
                }
            }
            stays
        });
        for (uid, pod) in pods {
            if is_deleted(pod) {
                if !is_held(pod) {
                    remove(&cluster, pod);
                }
            } else if !tended.contains_key(uid) && !status::is_finished(pod) {
                let life = lives.spawn(Life::of(&cluster, pod).run());
                tended.insert(uid.to_owned(), life);
            }
        }
        while lives.try_join_next().is_some() {}
        if changed.changed().await.is_err() {
            return;
        }
    }
}

/// Whether a Pod that is to be deleted has containers that must stop first.
pub(super) fn must_stop(pod: &Value, options: &Value) -> bool {
    pod["spec"]["nodeName"].is_string()
        && !status::is_finished(pod)
        && options["gracePeriodSeconds"] != 0
}

/// Whether someone else has to let go of a deleted Pod first.
fn is_held(pod: &Value) -> bool {
    let finalizers = pod["metadata"]["finalizers"].as_array();
    finalizers.is_some_and(|finalizers| !finalizers.is_empty())
}

/// Notes in a Pod that it is to be deleted; the node does it.
pub(super) fn ask_to_stop(pod: &mut Value, options: &Value, now: jiff::Timestamp) {
    if pod["metadata"]["deletionTimestamp"].is_string() {
        return;
    }
    let grace = options["gracePeriodSeconds"]
        .as_i64()
        .or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_i64())
        .unwrap_or(30);
    let end = now + jiff::SignedDuration::from_secs(grace);
    pod["metadata"]["deletionTimestamp"] = timestamp(end).into();
    pod["metadata"]["deletionGracePeriodSeconds"] = grace.into();
}

/// Stops the containers of a Pod, which takes no time here, and removes it.
fn remove(cluster: &Cluster, pod: &Value) {
    let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default();
    let (namespace, name, uid) = (text("namespace"), text("name"), text("uid"));
    let removed = cluster.change(false, &mut |state| {
        let options = json!({ "gracePeriodSeconds": 0, "preconditions": { "uid": uid } });
        state.delete(&PODS, namespace, name, &options)?;
        for status in List::Main.statuses(pod) {
            if status["state"]["running"].is_object() {
                let container = status["name"].as_str().unwrap_or_default();
                let note = Note::normal("Killing", format!("Stopping container {container}"));
                let note = note.about(format!("spec.containers{{{container}}}"));
                events::record(state, pod, note)?;
            }
        }
        Ok::<_, Refusal>(Value::Null)
    });
    // When the Pod is gone already there is nothing to do; when the disk is full, the next change
    // of the cluster brings us here again.
    removed.ok();
}
