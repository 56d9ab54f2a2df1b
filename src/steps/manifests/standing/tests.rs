//! Statuses as controllers write them.

use serde_json::json;

use super::*;

/// An object of this kind, generation 2, with these fields.
fn stored(version: &str, kind: &str, fields: Value) -> Value {
    let mut object = json!({"apiVersion": version, "kind": kind,
        "metadata": {"name": "x", "generation": 2}});
    for (name, value) in fields.as_object().expect("fields are an object") {
        object[name] = value.clone();
    }
    object
}

fn waiting(reason: &str) -> Standing {
    Waiting(reason.into())
}

fn failed(reason: &str) -> Standing {
    Failed(reason.into())
}

#[test]
fn a_deployment_is_ready_when_its_new_replicas_are_available_and_alone() {
    let of = |status: Value| {
        let spec = json!({"replicas": 3});
        standing(&stored(
            "apps/v1",
            "Deployment",
            json!({"spec": spec, "status": status}),
        ))
    };
    assert_eq!(of(json!({})), waiting("0 of 3 replicas updated"));
    assert_eq!(
        of(
            json!({"observedGeneration": 1, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 3})
        ),
        waiting("its controller has not seen the change")
    );
    let with = |replicas: i64, updated: i64, available: i64| {
        of(
            json!({"observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated,
            "availableReplicas": available}),
        )
    };
    assert_eq!(with(3, 1, 3), waiting("1 of 3 replicas updated"));
    assert_eq!(with(4, 3, 4), waiting("old replicas left: 1"));
    assert_eq!(with(3, 3, 2), waiting("2 of 3 replicas available"));
    assert_eq!(with(3, 3, 3), Ready);
    assert_eq!(
        of(
            json!({"observedGeneration": 2, "conditions": [{"type": "Progressing", "status": "False",
            "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"x\" has timed out"}]})
        ),
        failed("ProgressDeadlineExceeded: ReplicaSet \"x\" has timed out")
    );
    let none = json!({"spec": {"replicas": 0}, "status": {"observedGeneration": 2}});
    assert_eq!(standing(&stored("apps/v1", "Deployment", none)), Ready);
}

#[test]
fn a_stateful_set_moves_to_its_new_revision() {
    let of = |spec: Value, status: Value| {
        let fields = json!({"spec": spec, "status": status});
        standing(&stored("apps/v1", "StatefulSet", fields))
    };
    let status = |ready: i64, updated: i64, current: &str| {
        json!({"observedGeneration": 2, "readyReplicas": ready, "updatedReplicas": updated,
            "currentRevision": current, "updateRevision": "new"})
    };
    let three = json!({"replicas": 3});
    assert_eq!(
        of(three.clone(), json!({})),
        waiting("0 of 3 replicas ready")
    );
    assert_eq!(
        of(three.clone(), status(3, 1, "old")),
        waiting("1 of 3 replicas updated")
    );
    assert_eq!(of(three.clone(), status(3, 3, "new")), Ready);
    assert_eq!(
        of(three, status(2, 3, "new")),
        waiting("2 of 3 replicas ready")
    );
    let partly = json!({"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}});
    assert_eq!(of(partly, status(3, 1, "old")), Ready);
    let by_hand = json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}});
    assert_eq!(of(by_hand, status(3, 0, "old")), Ready);
}

#[test]
fn daemon_sets_and_replica_sets_count_their_pods() {
    let daemons = |status: Value| {
        standing(&stored(
            "apps/v1",
            "DaemonSet",
            json!({"spec": {}, "status": status}),
        ))
    };
    assert_eq!(
        daemons(json!({})),
        waiting("its controller has not seen it")
    );
    let status = |updated: i64, available: i64| {
        json!({"observedGeneration": 2, "desiredNumberScheduled": 2,
            "updatedNumberScheduled": updated, "numberAvailable": available})
    };
    assert_eq!(daemons(status(1, 2)), waiting("updated on 1 of 2 nodes"));
    assert_eq!(daemons(status(2, 1)), waiting("1 of 2 Pods available"));
    assert_eq!(daemons(status(2, 2)), Ready);
    let set = json!({"spec": {"replicas": 2}, "status": {"readyReplicas": 1}});
    assert_eq!(
        standing(&stored("apps/v1", "ReplicaSet", set)),
        waiting("1 of 2 replicas ready")
    );
}

#[test]
fn a_job_ends_well_or_not() {
    let of = |spec: Value, status: Value| {
        standing(&stored(
            "batch/v1",
            "Job",
            json!({"spec": spec, "status": status}),
        ))
    };
    assert_eq!(
        of(json!({"completions": 3}), json!({"succeeded": 1})),
        waiting("1 of 3 complete")
    );
    let ended = |name: &str| {
        json!({"conditions": [{"type": name, "status": "True", "reason": "BackoffLimitExceeded",
            "message": "Job has reached the specified backoff limit"}]})
    };
    assert_eq!(of(json!({}), ended("Complete")), Ready);
    assert_eq!(
        of(json!({}), ended("Failed")),
        failed("BackoffLimitExceeded: Job has reached the specified backoff limit")
    );
    assert_eq!(of(json!({"suspend": true}), json!({})), Ready);
}

#[test]
fn a_pod_says_what_it_waits_for() {
    let of = |status: Value| standing(&stored("v1", "Pod", json!({"status": status})));
    assert_eq!(of(json!({"phase": "Pending"})), waiting("not ready"));
    assert_eq!(
        of(
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": "0/3 nodes are available"}]})
        ),
        waiting("Unschedulable: 0/3 nodes are available")
    );
    assert_eq!(
        of(json!({"phase": "Pending", "containerStatuses": [
            {"state": {"running": {}}},
            {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"x\""}}}]})),
        waiting("ImagePullBackOff: Back-off pulling image \"x\"")
    );
    let running = |ready: &str| json!({"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]});
    assert_eq!(of(running("False")), waiting("not ready"));
    assert_eq!(of(running("True")), Ready);
    assert_eq!(of(json!({"phase": "Succeeded"})), Ready);
    assert_eq!(
        of(json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"})),
        failed("Evicted: low on memory")
    );
    assert_eq!(
        of(json!({"phase": "Failed"})),
        failed("its containers failed")
    );
}

#[test]
fn claims_services_namespaces_and_definitions() {
    let claim = |phase: &str| {
        standing(&stored(
            "v1",
            "PersistentVolumeClaim",
            json!({"status": {"phase": phase}}),
        ))
    };
    assert_eq!(claim("Pending"), waiting("not bound"));
    assert_eq!(claim("Bound"), Ready);
    assert_eq!(claim("Lost"), failed("its volume is lost"));

    let service = |kind: &str, status: Value| {
        standing(&stored(
            "v1",
            "Service",
            json!({"spec": {"type": kind}, "status": status}),
        ))
    };
    assert_eq!(service("ClusterIP", json!({"loadBalancer": {}})), Ready);
    assert_eq!(
        service("LoadBalancer", json!({"loadBalancer": {}})),
        waiting("its load balancer has no address")
    );
    let address = json!({"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}});
    assert_eq!(service("LoadBalancer", address), Ready);

    let namespace = |phase: &str| {
        standing(&stored(
            "v1",
            "Namespace",
            json!({"status": {"phase": phase}}),
        ))
    };
    assert_eq!(namespace("Active"), Ready);
    assert_eq!(namespace("Terminating"), waiting("it is being deleted"));

    let definition = |conditions: Value| {
        let fields = json!({"status": {"conditions": conditions}});
        standing(&stored(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            fields,
        ))
    };
    assert_eq!(definition(json!(null)), waiting("not established"));
    assert_eq!(
        definition(json!([{"type": "Established", "status": "True"}])),
        Ready
    );
    assert_eq!(
        definition(
            json!([{"type": "NamesAccepted", "status": "False", "reason": "ListKindConflict"}])
        ),
        failed("ListKindConflict")
    );
}

#[test]
fn other_kinds_count_by_the_conditions_of_their_controllers() {
    let of = |status: Value| {
        standing(&stored(
            "rok.example/v1",
            "Cluster",
            json!({"status": status}),
        ))
    };
    assert_eq!(of(json!(null)), Ready);
    assert_eq!(
        of(json!({"observedGeneration": 1})),
        waiting("its controller has not seen the change")
    );
    let condition = |name: &str, status: &str| {
        json!({"conditions": [{"type": name, "status": status, "reason": "Working",
            "message": "on it"}]})
    };
    assert_eq!(of(condition("Ready", "Unknown")), waiting("Working: on it"));
    assert_eq!(
        of(condition("Available", "False")),
        waiting("Working: on it")
    );
    assert_eq!(of(condition("Available", "True")), Ready);
    assert_eq!(of(condition("Stalled", "True")), failed("Working: on it"));
    assert_eq!(of(condition("Progressing", "False")), Ready);
    let old = json!({"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]});
    assert_eq!(of(old), waiting("its controller has not seen the change"));
}
