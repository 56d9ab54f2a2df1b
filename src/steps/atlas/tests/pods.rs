//! Pods that do not run, and Pods that got no role, in the shapes of a real API server.

use super::super::{PodEvent, ROLE_WEBHOOK, Source, diagnose_caller, diagnose_pod, look_up};
use super::*;
use crate::sandbox::cluster::Sabotage;

fn place() -> Place {
    Place {
        namespace: "rok".into(),
        service_account: "rok".into(),
        role: ROLE.into(),
        role_arn: role_arn(),
        ..Place::default()
    }
}

fn pod(status: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "rok-verify-storage-access", "namespace": "rok" },
        "spec": {
            "serviceAccountName": "rok",
            "containers": [{ "name": "main", "image": "gcr.io/arrikto/rok-tools:1" }],
        },
        "status": status,
    })
}

fn waiting(reason: &str, message: &str) -> Value {
    pod(json!({
        "phase": "Pending",
        "conditions": [{ "type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "containers with unready status: [main]" }],
        "containerStatuses": [{
            "name": "main",
            "ready": false,
            "lastState": {},
            "state": { "waiting": { "reason": reason, "message": message } },
        }],
    }))
}

fn of(pod: &Value) -> Diagnosis {
    diagnose_pod(&place(), pod, &[]).unwrap_or_else(|| panic!("{pod}"))
}

#[test]
fn an_image_that_cannot_be_pulled_names_it_and_the_two_answers() {
    for reason in ["ErrImagePull", "ImagePullBackOff"] {
        let diagnosis = of(&waiting(
            reason,
            "Back-off pulling image \"gcr.io/arrikto/rok-tools:1\"",
        ));
        assert_eq!(
            diagnosis.cause,
            format!("{reason}: image `gcr.io/arrikto/rok-tools:1` cannot be pulled")
        );
        let remedies = diagnosis.remedies.join("\n");
        for answer in [
            "--set verify_image=",
            "--set verify_pull_secret=",
            "--no-pod",
        ] {
            assert!(remedies.contains(answer), "{remedies}");
        }
    }
    let refused = of(&waiting(
        "ErrImagePull",
        "pull access denied, authentication required",
    ));
    assert_eq!(refused.entry, Some("image-not-allowed"));
    assert!(refused.remedies[0].contains("verify_pull_secret"));
}

#[test]
fn a_pod_that_no_node_takes_repeats_what_the_scheduler_says() {
    let text =
        "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available";
    let unschedulable = pod(json!({
        "phase": "Pending",
        "conditions": [{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": text }],
    }));
    let diagnosis = of(&unschedulable);
    assert_eq!(diagnosis.entry, Some("unschedulable"));
    assert!(diagnosis.cause.contains("3 Insufficient memory") && diagnosis.not_yet);
}

#[test]
fn a_container_that_ends_tells_why() {
    let crashed = |reason: &str, message: &str| {
        pod(json!({
            "phase": "Running",
            "containerStatuses": [{
                "name": "main",
                "ready": false,
                "lastState": { "terminated": { "reason": reason, "exitCode": 1, "message": message } },
                "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container" } },
            }],
        }))
    };
    let killed = of(&crashed("OOMKilled", "out of memory"));
    assert_eq!(killed.entry, Some("container-crashes"));
    assert!(killed.cause.contains("out of memory"));
    let text = "PermissionError: [Errno 13] Permission denied: '/var/run/secrets/eks.amazonaws.com/serviceaccount/token'";
    let unreadable = of(&crashed("Error", text));
    assert_eq!(unreadable.entry, Some("token-unreadable"));
    assert!(unreadable.remedies[0].contains("fsGroup: 65534"));
    let config = of(&waiting(
        "CreateContainerConfigError",
        "secret \"env\" not found",
    ));
    assert!(config.cause.contains("secret \"env\" not found"));
}

#[test]
fn events_speak_where_the_status_is_silent() {
    let pending = pod(json!({ "phase": "Pending" }));
    let event = |reason: &str, message: &str| PodEvent {
        reason: reason.into(),
        message: message.into(),
    };
    assert_eq!(diagnose_pod(&place(), &pending, &[]), None);
    assert_eq!(
        diagnose_pod(&place(), &pending, &[event("Pulling", "Pulling image")]),
        None
    );
    let events = [
        event("FailedScheduling", "0/1 nodes are available"),
        event(
            "FailedMount",
            "MountVolume.SetUp failed for volume \"aws-iam-token\"",
        ),
    ];
    let diagnosis = diagnose_pod(&place(), &pending, &events).unwrap();
    assert_eq!(
        diagnosis.entry,
        Some("volume-not-mounted"),
        "the newest speaks"
    );
    let quota = [event(
        "FailedCreate",
        "pods \"x\" is forbidden: exceeded quota: small, requested: pods=1",
    )];
    let diagnosis = diagnose_pod(&place(), &pending, &quota).unwrap();
    assert_eq!(diagnosis.entry, Some("quota-exceeded"));
    assert!(diagnosis.cause.contains("`small`"), "{}", diagnosis.cause);
    let evicted = pod(
        json!({ "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory." }),
    );
    assert_eq!(of(&evicted).entry, Some("pod-evicted"));
}

#[test]
fn a_pod_that_runs_is_left_alone() {
    let running = pod(json!({ "phase": "Running", "containerStatuses": [{ "ready": true }] }));
    let old = [PodEvent {
        reason: "FailedScheduling".into(),
        message: "0/1 nodes are available".into(),
    }];
    assert_eq!(diagnose_pod(&place(), &running, &old), None);
}

#[test]
fn the_caller_tells_whether_the_pod_has_its_role() {
    let arn = |role: &str| format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session");
    assert_eq!(diagnose_caller(&place(), &arn(ROLE)), None);
    let node = diagnose_caller(&place(), &arn("eksctl-NodeInstanceRole-1")).unwrap();
    assert_eq!(node.cause_id, Some("node-role"));
    assert!(node.cause.contains("`eksctl-NodeInstanceRole-1`"));
    assert!(diagnose_caller(&place(), &format!("arn:aws:iam::{ACCOUNT}:user/ann")).is_some());
}

/// A Pod as the webhook leaves it.
fn injected(role: &str) -> Value {
    let mut pod = pod(json!({ "phase": "Running" }));
    pod["metadata"]["creationTimestamp"] = "2024-05-01T10:00:00Z".into();
    pod["spec"]["volumes"] = json!([
        { "name": "aws-iam-token", "projected": {} },
        { "name": "kube-api-access-x7", "projected": {} },
    ]);
    pod["spec"]["containers"][0]["env"] = json!([
        { "name": "AWS_ROLE_ARN", "value": role },
        { "name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/eks.amazonaws.com/serviceaccount/token" },
    ]);
    pod["spec"]["containers"][0]["volumeMounts"] =
        json!([{ "name": "aws-iam-token", "mountPath": "/x" }]);
    pod
}

/// A Pod that got nothing, made at this time.
fn bare(created: &str) -> Value {
    let mut pod = pod(json!({ "phase": "Running" }));
    pod["metadata"]["creationTimestamp"] = created.into();
    pod
}

async fn injection(practice: &Practice, pod: &Value) -> Option<&'static str> {
    let diagnosis = practice.prober.diagnose_injection(pod).await?;
    assert!(!diagnosis.not_yet, "nothing injects a Pod later");
    diagnosis.cause_id
}

#[tokio::test]
async fn a_pod_without_a_role_is_older_than_the_annotation_or_met_no_webhook() {
    let practice = Practice::new().await;
    assert_eq!(injection(&practice, &injected(&role_arn())).await, None);
    assert_eq!(
        injection(&practice, &bare("2024-05-01T10:00:00Z")).await,
        Some("pod-older")
    );
    let young = bare("2124-05-01T10:00:00Z");
    // The webhook acts by now, and did not when this one was made.
    assert_eq!(injection(&practice, &young).await, Some("pod-older"));
    let cluster = practice.sandbox.cluster().unwrap();
    cluster.sabotage(Sabotage::WebhookOff).unwrap();
    assert_eq!(injection(&practice, &young).await, Some("webhook-off"));
    cluster.repair().unwrap();

    practice
        .annotate(Some("arn:aws:iam::123451234512:role/other"))
        .await;
    assert_eq!(
        injection(&practice, &young).await,
        Some("account-of-another-role")
    );
    practice.annotate(None).await;
    assert_eq!(
        injection(&practice, &young).await,
        Some("account-not-annotated")
    );
    practice.cluster().await.delete(&account()).await.unwrap();
    assert_eq!(injection(&practice, &young).await, Some("account-missing"));
}

#[test]
fn the_twin_of_a_pod_has_nothing_of_the_webhook() {
    let twin = ROLE_WEBHOOK.blueprint(&injected(&role_arn()));
    assert_eq!(
        twin["metadata"]["name"],
        "rok-verify-storage-access-dry-run"
    );
    assert_eq!(twin["spec"]["volumes"], json!([]));
    assert_eq!(twin["spec"]["containers"][0]["env"], json!([]));
    assert_eq!(twin["spec"]["containers"][0]["volumeMounts"], json!([]));
    assert!(ROLE_WEBHOOK.identity_in(&twin).is_none());
}

#[test]
fn a_program_that_the_image_lacks_is_named() {
    for (source, text) in [
        (
            Source::Kubernetes,
            "error executing command in container: failed to exec in container: failed to start exec: OCI runtime exec failed: exec failed: unable to start container process: exec: \"aws\": executable file not found in $PATH: unknown",
        ),
        (Source::Pod, "sh: 1: exec: aws: not found"),
        (Source::Pod, "sh: line 1: exec: aws: not found"),
    ] {
        let symptom = Symptom::new(source, text).code("InternalError");
        let entry = look_up(&symptom).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(
            (entry.id, entry.found_in(text).as_str()),
            ("image-lacks-program", "aws"),
            "{text}"
        );
    }
}
