//! How Pods live and end, seen through the API.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Event, Pod, Secret};
use kube::api::{DeleteParams, ListParams, LogParams};
use std::sync::Arc;

use super::*;
use crate::sandbox::cluster::{Output, Process, Programs, Sabotage};

/// Programs that are easy to foresee.
#[derive(Debug)]
struct Shelf;

#[async_trait]
impl Programs for Shelf {
    async fn run(&self, process: &Process) -> Option<Output> {
        let command: Vec<&str> = process.command.iter().map(String::as_str).collect();
        let mut output = Output::default();
        match command[..] {
            ["echo", text] => output.stdout = format!("{text}\n").into_bytes(),
            ["cat", path] => output.stdout = process.files[path].clone(),
            ["env", name] => output.stdout = process.environment[name].clone().into_bytes(),
            ["fail", code] => {
                output.stderr = b"it failed\n".to_vec();
                output.code = code.parse().unwrap();
            }
            ["last-words", words] => output.termination_message = words.into(),
            ["wait"] => std::future::pending().await,
            _ => return None,
        }
        Some(output)
    }
}

/// A cluster with a node, and namespaces that its tests use.
pub(super) struct Practice {
    pub(super) server: ClusterServer,
    pub(super) client: Client,
    pub(super) pods: Api<Pod>,
    directory: TempDir,
}

impl Practice {
    pub(super) async fn new() -> Self {
        Self::of(seed()).await
    }

    /// A cluster that began like this.
    pub(super) async fn of(seed: ClusterSeed) -> Self {
        let directory = TempDir::new().unwrap();
        let server = start_from(&directory, seed).await;
        server.start_node(Arc::new(Shelf));
        let client = client(&server).await;
        create_namespace(&client, "rok").await;
        Self {
            pods: Api::namespaced(client.clone(), "rok"),
            server,
            client,
            directory,
        }
    }

    /// Stops the cluster and starts it again from its file.
    async fn restarted(self) -> Self {
        self.server.stop().await;
        let server = start(&self.directory).await;
        server.start_node(Arc::new(Shelf));
        let client = client(&server).await;
        Self {
            pods: Api::namespaced(client.clone(), "rok"),
            server,
            client,
            directory: self.directory,
        }
    }

    pub(super) async fn create(&self, name: &str, spec: Value) -> Pod {
        self.try_create(name, spec).await.unwrap()
    }

    pub(super) async fn try_create(&self, name: &str, spec: Value) -> Result<Pod, Error> {
        let pod = object(json!({ "metadata": { "name": name }, "spec": spec }));
        self.pods.create(&PostParams::default(), &pod).await
    }

    /// Waits until the Pod is as wanted, and returns it.
    pub(super) async fn until(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut changed = self.server.cluster.changed.subscribe();
        let found = async {
            loop {
                let state = self.server.state();
                let pod = state.read(|state| state.object("pods", "rok", name).cloned());
                if let Some(pod) = pod.filter(&wanted) {
                    return pod;
                }
                changed.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(10), found).await;
        found.unwrap_or_else(|_| {
            let state = self.server.state();
            let pod = state.read(|state| state.object("pods", "rok", name).cloned());
            panic!("still {pod:#?}")
        })
    }

    pub(super) async fn until_phase(&self, name: &str, phase: &str) -> Value {
        self.until(name, |pod| pod["status"]["phase"] == phase)
            .await
    }

    async fn until_gone(&self, name: &str) {
        let mut changed = self.server.cluster.changed.subscribe();
        let state = self.server.state();
        while state.read(|state| state.object("pods", "rok", name).is_some()) {
            let change = tokio::time::timeout(Duration::from_secs(10), changed.changed());
            change.await.expect("the Pod is still there").unwrap();
        }
    }

    /// The events about a Pod: reasons and messages.
    pub(super) async fn events(&self, name: &str) -> Vec<(String, String)> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), "rok");
        let about = ListParams::default().fields(&format!("involvedObject.name={name}"));
        let mut events = events.list(&about).await.unwrap().items;
        events.sort_by_key(|event| {
            let version = event.metadata.resource_version.as_deref();
            version.unwrap().parse::<u64>().unwrap()
        });
        events
            .into_iter()
            .map(|event| (event.reason.unwrap(), event.message.unwrap()))
            .collect()
    }

    async fn reasons(&self, name: &str) -> Vec<String> {
        let events = self.events(name).await.into_iter();
        events.map(|(reason, _)| reason).collect()
    }
}

pub(super) fn running(command: &[&str]) -> Value {
    json!({ "containers": [container("main", command)], "restartPolicy": "Never" })
}

fn container(name: &str, command: &[&str]) -> Value {
    json!({ "name": name, "image": "gcr.io/arrikto/rok-tools:1.5", "command": command })
}

fn condition<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let conditions = pod["status"]["conditions"].as_array().unwrap();
    conditions
        .iter()
        .find(|condition| condition["type"] == name)
        .unwrap_or_else(|| panic!("no {name} in {conditions:?}"))
}

#[tokio::test]
async fn a_pod_is_scheduled_started_and_ready() {
    let practice = Practice::new().await;
    let spec = json!({ "containers": [{ "name": "main", "image": "registry:5000/tools:1" }] });
    let made = practice.create("probe", spec).await;
    assert_eq!(made.status.unwrap().phase.unwrap(), "Pending");
    let pod = practice.until_phase("probe", "Running").await;
    assert_eq!(
        pod["spec"]["nodeName"],
        "ip-192-168-10-20.us-west-2.compute.internal"
    );
    let status = &pod["status"];
    assert_eq!(status["hostIP"], "192.168.10.20");
    assert!(status["podIP"].is_string() && status["startTime"].is_string());
    for name in ["PodScheduled", "Initialized", "ContainersReady", "Ready"] {
        assert_eq!(condition(&pod, name)["status"], "True", "{name}");
    }
    let container = &status["containerStatuses"][0];
    assert_eq!(container["ready"], true);
    assert_eq!(container["restartCount"], 0);
    assert_eq!(container["image"], "registry:5000/tools:1");
    let id = container["imageID"].as_str().unwrap();
    assert!(id.starts_with("registry:5000/tools@sha256:"), "{id}");
    assert!(container["state"]["running"]["startedAt"].is_string());
    assert_eq!(
        practice.reasons("probe").await,
        ["Scheduled", "Pulling", "Pulled", "Created", "Started"]
    );
}

#[tokio::test]
async fn a_pod_ends_as_its_containers_do() {
    let practice = Practice::new().await;
    practice
        .create("good", running(&["last-words", "done"]))
        .await;
    practice.create("bad", running(&["fail", "7"])).await;
    practice.create("odd", running(&["teapot"])).await;

    let good = practice.until_phase("good", "Succeeded").await;
    let ended = &good["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(ended["exitCode"], 0);
    assert_eq!(ended["reason"], "Completed");
    assert_eq!(ended["message"], "done");
    assert_eq!(condition(&good, "Ready")["reason"], "PodCompleted");

    let bad = practice.until_phase("bad", "Failed").await;
    let ended = &bad["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(ended["exitCode"], 7);
    assert_eq!(ended["reason"], "Error");
    assert_eq!(ended["message"], Value::Null);
    let log = practice.pods.logs("bad", &LogParams::default()).await;
    assert_eq!(log.unwrap(), "it failed\n");

    let odd = practice.until_phase("odd", "Failed").await;
    let ended = &odd["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(ended["reason"], "StartError");
    let message = ended["message"].as_str().unwrap();
    assert!(
        message.contains("exec: \"teapot\": executable file not found in $PATH"),
        "{message}"
    );
}

#[tokio::test]
async fn a_long_farewell_is_cut_to_its_end() {
    let practice = Practice::new().await;
    let words = "x".repeat(5000) + "end";
    practice
        .create("chatty", running(&["last-words", &words]))
        .await;
    let pod = practice.until_phase("chatty", "Succeeded").await;
    let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    let message = ended["message"].as_str().unwrap();
    assert_eq!(message.len(), 4096);
    assert!(message.ends_with("end"));
}

#[tokio::test]
async fn containers_that_prepare_run_first_and_in_order() {
    let practice = Practice::new().await;
    let spec = json!({
        "initContainers": [container("first", &["echo", "1"]), container("second", &["echo", "2"])],
        "containers": [container("main", &["wait"])],
    });
    practice.create("probe", spec).await;
    let pod = practice.until_phase("probe", "Running").await;
    let moment = |list: &str, index: usize, path: &str| {
        pod["status"][list][index]
            .pointer(path)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    let ends = moment("initContainerStatuses", 0, "/state/terminated/finishedAt");
    assert!(ends <= moment("initContainerStatuses", 1, "/state/terminated/startedAt"));
    let started: Vec<String> = practice
        .events("probe")
        .await
        .into_iter()
        .filter(|(reason, _)| reason == "Started")
        .map(|(_, message)| message)
        .collect();
    assert_eq!(
        started,
        [
            "Started container first",
            "Started container second",
            "Started container main"
        ]
    );

    let spec = json!({
        "initContainers": [container("first", &["fail", "1"])],
        "containers": [container("main", &["wait"])],
        "restartPolicy": "Never",
    });
    practice.create("never", spec).await;
    let pod = practice.until_phase("never", "Failed").await;
    let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
    assert_eq!(waiting["reason"], "PodInitializing");
    assert_eq!(
        condition(&pod, "Initialized")["message"],
        "containers with incomplete status: [first]"
    );
}

#[tokio::test]
async fn a_container_that_keeps_failing_is_held_back() {
    let practice = Practice::new().await;
    let spec = json!({ "containers": [container("main", &["fail", "3"])] });
    practice.create("loop", spec).await;
    let pod = practice
        .until("loop", |pod| {
            let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
            waiting["reason"] == "CrashLoopBackOff"
        })
        .await;
    let container = &pod["status"]["containerStatuses"][0];
    assert_eq!(container["restartCount"], 1);
    assert_eq!(container["lastState"]["terminated"]["exitCode"], 3);
    let message = container["state"]["waiting"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("back-off 10s restarting failed container=main pod=loop_rok("),
        "{message}"
    );
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(condition(&pod, "Ready")["status"], "False");
}

#[tokio::test]
async fn a_deleted_pod_stops_and_is_gone_and_its_name_is_free() {
    let practice = Practice::new().await;
    let first = practice.create("probe", running(&["wait"])).await;
    practice.until_phase("probe", "Running").await;
    let deleted = practice
        .pods
        .delete("probe", &DeleteParams::default())
        .await;
    let deleted = deleted.unwrap().left().unwrap();
    assert!(deleted.metadata.deletion_timestamp.is_some());
    practice.until_gone("probe").await;
    assert_eq!(practice.reasons("probe").await.last().unwrap(), "Killing");

    let second = practice.create("probe", running(&["wait"])).await;
    assert_ne!(first.metadata.uid, second.metadata.uid);
    practice.until_phase("probe", "Running").await;
}

#[tokio::test]
async fn a_restarted_cluster_finds_its_pods_as_they_were() {
    let practice = Practice::new().await;
    practice.create("stays", running(&["wait"])).await;
    practice.create("ended", running(&["echo", "done"])).await;
    let before = practice.until_phase("stays", "Running").await;
    practice.until_phase("ended", "Succeeded").await;
    let practice = practice.restarted().await;
    practice.create("new", running(&["wait"])).await;
    practice.until_phase("new", "Running").await;
    let after = practice.until_phase("stays", "Running").await;
    assert_eq!(before["status"], after["status"]);
    practice.until_phase("ended", "Succeeded").await;
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_told_and_tried_again() {
    let practice = Practice::new().await;
    practice
        .server
        .sabotage(Sabotage::ImageNotPullable)
        .unwrap();
    practice.create("probe", running(&["wait"])).await;
    let held = |pod: &Value| {
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"
    };
    let pod = practice.until("probe", held).await;
    assert_eq!(pod["status"]["phase"], "Pending");
    let message = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"];
    assert_eq!(
        message.as_str().unwrap(),
        "Back-off pulling image \"gcr.io/arrikto/rok-tools:1.5\": ErrImagePull: rpc error: code = \
         NotFound desc = failed to pull and unpack image \"gcr.io/arrikto/rok-tools:1.5\": failed to \
         resolve reference \"gcr.io/arrikto/rok-tools:1.5\": gcr.io/arrikto/rok-tools:1.5: not found"
    );
    assert_eq!(
        practice.reasons("probe").await,
        [
            "Scheduled",
            "Pulling",
            "Failed",
            "Failed",
            "BackOff",
            "Failed"
        ]
    );
    let refused = practice.pods.logs("probe", &LogParams::default()).await;
    assert_eq!(
        refusal(refused).message,
        "container \"main\" in pod \"probe\" is waiting to start: trying and failing to pull image"
    );
    practice.server.repair().unwrap();
    practice.until_phase("probe", "Running").await;
}

#[tokio::test]
async fn a_pull_secret_that_is_missing_is_waited_for() {
    let practice = Practice::new().await;
    let mut spec = running(&["wait"]);
    spec["imagePullSecrets"] = json!([{ "name": "registry" }]);
    practice.create("probe", spec).await;
    let held = |pod: &Value| {
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"
    };
    practice.until("probe", held).await;
    let events = practice.events("probe").await;
    assert!(
        events.contains(&(
            "FailedToRetrieveImagePullSecret".into(),
            "Unable to retrieve some image pull secrets (registry); attempting to pull the image may not succeed.".into()
        )),
        "{events:?}"
    );
    let secrets: Api<Secret> = Api::namespaced(practice.client.clone(), "rok");
    let secret = object(json!({ "metadata": { "name": "registry" } }));
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    practice.until_phase("probe", "Running").await;
}

#[tokio::test]
async fn a_pod_that_fits_no_node_waits() {
    let practice = Practice::new().await;
    practice.server.sabotage(Sabotage::Unschedulable).unwrap();
    practice.create("probe", running(&["wait"])).await;
    let pod = practice
        .until("probe", |pod| pod["status"]["conditions"].is_array())
        .await;
    let words = "0/1 nodes are available: 1 Too many pods. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
    assert_eq!(condition(&pod, "PodScheduled")["reason"], "Unschedulable");
    assert_eq!(condition(&pod, "PodScheduled")["message"], words);
    assert_eq!(
        practice.events("probe").await,
        [("FailedScheduling".into(), words.into())]
    );
    practice.server.repair().unwrap();
    practice.until_phase("probe", "Running").await;

    let mut spec = running(&["wait"]);
    spec["nodeSelector"] = json!({ "disk": "fast" });
    practice.create("picky", spec).await;
    let pod = practice
        .until("picky", |pod| pod["status"]["conditions"].is_array())
        .await;
    let message = condition(&pod, "PodScheduled")["message"].as_str().unwrap();
    assert!(
        message.contains("1 node(s) didn't match Pod's node affinity/selector"),
        "{message}"
    );
    let options = DeleteParams::default();
    practice.pods.delete("picky", &options).await.unwrap();
    practice.until_gone("picky").await;
}

#[tokio::test]
async fn what_is_broken_stays_broken_over_a_restart() {
    let practice = Practice::new().await;
    practice.server.sabotage(Sabotage::Unschedulable).unwrap();
    let practice = practice.restarted().await;
    practice.create("probe", running(&["wait"])).await;
    let pod = practice
        .until("probe", |pod| pod["status"]["conditions"].is_array())
        .await;
    assert_eq!(condition(&pod, "PodScheduled")["status"], "False");
}

#[tokio::test]
async fn the_state_of_a_cluster_that_knew_no_sabotage_is_read() {
    let practice = Practice::new().await;
    let issuer = practice.server.issuer();
    let file = practice.directory.path().join("cluster.json");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert!(state.as_object_mut().unwrap().remove("sabotage").is_some());
    std::fs::write(&file, state.to_string()).unwrap();
    let practice = practice.restarted().await;
    assert_eq!(practice.server.issuer(), issuer);
}
