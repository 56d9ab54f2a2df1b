use super::*;
use crate::steps::proof::aws::{TOKEN_FILE, injection};

fn manifest() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": POD, "namespace": "rok", "labels": { "app": POD } },
        "spec": {
            "serviceAccountName": "rok",
            "tolerations": [{ "key": "infra" }],
            "containers": [{ "name": POD, "image": "mirror/rok-tools", "args": ["serve"] }],
        },
    })
}

fn probe(object: Value) -> Probe {
    let question = |container| Question::new(container, &["ask", container]);
    let test = TestPod {
        title: "",
        manifest: "",
        after: "",
        proven: None,
        holds: "",
        odd: String::new(),
        questions: ["claims", "caller", "list"].map(question).into(),
        heard: Symptom::of_aws_cli,
    };
    Probe { object, test }
}

fn faults(probe: &Probe) -> Vec<String> {
    injection("arn:role".into()).faults(probe)
}

fn injected(role: &str) -> Probe {
    let mut object = manifest();
    let container = &mut object["spec"]["containers"][0];
    container["env"] = json!([
        { "name": "AWS_ROLE_ARN", "value": role },
        { "name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": TOKEN_FILE },
    ]);
    container["volumeMounts"] = json!([
        { "name": "aws-iam-token", "mountPath": "/var/run/secrets", "readOnly": true },
    ]);
    object["spec"]["volumes"] = json!([{
        "name": "aws-iam-token",
        "projected": { "sources": [{ "serviceAccountToken": {
            "audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token",
        } }] },
    }]);
    probe(object)
}

#[test]
fn an_injected_pod_has_nothing_wrong() {
    assert_eq!(faults(&injected("arn:role")), Vec::<String>::new());
}

#[test]
fn each_part_of_the_injection_is_looked_at() {
    for (path, value, says) in [
        (
            "/spec/containers/0/env/0/value",
            json!("arn:other"),
            "AWS_ROLE_ARN: found arn:other, expected arn:role",
        ),
        (
            "/spec/containers/0/env/1/value",
            json!("/token"),
            "AWS_WEB_IDENTITY_TOKEN_FILE: found /token",
        ),
        (
            "/spec/containers/0/volumeMounts/0/readOnly",
            json!(false),
            "mount of aws-iam-token, read-only: found false",
        ),
        (
            "/spec/volumes/0/projected/sources/0/serviceAccountToken/audience",
            json!("other"),
            "audience of aws-iam-token: found other",
        ),
        (
            "/spec/volumes/0/projected/sources/0/serviceAccountToken/expirationSeconds",
            json!(3600),
            "expirationSeconds of aws-iam-token: found 3600, expected 86400",
        ),
        (
            "/spec/volumes/0/projected/sources/0/serviceAccountToken/path",
            json!("other"),
            "path of aws-iam-token: found other, expected token",
        ),
    ] {
        let mut probe = injected("arn:role");
        *probe.object.pointer_mut(path).unwrap() = value;
        let wrong = faults(&probe);
        assert!(
            wrong.len() == 1 && wrong[0].starts_with(says),
            "{path}: {wrong:?}"
        );
    }
    let bare = probe(manifest());
    assert_eq!(faults(&bare).len(), 2, "nothing at all is told in short");
}

#[test]
fn a_pod_without_exec_asks_in_containers_of_its_own() {
    let asks = probe(Value::Null).test.questions;
    let pod = asking_itself(labelled(manifest(), "r1"), &asks);
    let probe = probe(pod.clone());
    assert!(probe.asks_itself());
    assert_eq!(probe.run(), Some("r1"));
    assert_eq!(pod["spec"]["restartPolicy"], "Never");
    assert_eq!(
        pod["spec"]["tolerations"],
        manifest()["spec"]["tolerations"]
    );
    for container in pod["spec"]["containers"].as_array().unwrap() {
        assert_eq!(container["image"], "mirror/rok-tools");
        assert_eq!(container["args"], Value::Null);
        assert_eq!(
            container["securityContext"]["allowPrivilegeEscalation"],
            false
        );
        assert_eq!(container["command"][2], KEEP_OUTPUT);
    }
    let list = &pod["spec"]["containers"][2]["command"];
    assert_eq!(list[4], "ask");
    assert_eq!(list[5], "list");
}

/// The wrapper keeps what a real shell's command says, and its exit code.
#[test]
fn the_wrapper_keeps_output_and_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("kept");
    let script = KEEP_OUTPUT.replace("/dev/termination-log", &kept.display().to_string());
    let status = std::process::Command::new("sh")
        .args([
            "-c",
            &script,
            "sh",
            "sh",
            "-c",
            "echo $1; echo bad >&2; exit 7",
            "x",
            "a b; $HOME",
        ])
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(7));
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "a b; $HOME\nbad\n");
}

#[test]
fn a_restricted_pod_keeps_what_was_set() {
    let mut own = manifest();
    own["spec"]["securityContext"] = json!({ "runAsUser": 1000 });
    let pod = restricted(own);
    assert_eq!(pod["spec"]["securityContext"]["runAsUser"], 1000);
    assert_eq!(pod["spec"]["securityContext"]["fsGroup"], 65534);
}

#[test]
fn a_container_that_ended_without_words_says_how() {
    let mut probe = injected("arn:role");
    probe.object["spec"]["containers"][0]["name"] = "claims".into();
    probe.object["status"]["containerStatuses"] = json!([{
        "name": "caller",
        "state": { "terminated": { "exitCode": 137, "reason": "OOMKilled" } },
    }]);
    let Said::Trouble(symptom) = probe.read("caller").unwrap() else {
        panic!("it failed");
    };
    assert!(symptom.text.contains("137: OOMKilled"), "{}", symptom.text);
    assert!(probe.read("list").is_err(), "it has not ended");
}

#[test]
fn a_mesh_beside_the_containers_changes_nothing() {
    let mut probe = injected("arn:role");
    let containers = probe.object["spec"]["containers"].as_array_mut().unwrap();
    containers.insert(0, json!({ "name": "istio-proxy" }));
    assert_eq!(faults(&probe), Vec::<String>::new());

    let asks = &probe.test.questions;
    let pod = asking_itself(labelled(manifest(), "r1"), asks);
    probe.object = pod;
    let ended = |name: &str| json!({ "name": name, "state": { "terminated": { "exitCode": 0 } } });
    let mut statuses = vec![
        json!({ "name": "istio-proxy", "state": { "running": {} } }),
        ended("claims"),
        ended("caller"),
    ];
    probe.object["status"] = json!({ "phase": "Running", "containerStatuses": statuses });
    assert!(!probe.is_up(), "one has not answered yet");
    statuses.push(ended("list"));
    probe.object["status"]["containerStatuses"] = statuses.into();
    assert!(probe.is_up());
}
