//! What happens to Pods on their way in.

use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use kube::api::{Patch, PatchParams};

use super::pods::{Practice, running};
use super::*;
use crate::sandbox::cluster::Sabotage;

const ROLE: &str = "arn:aws:iam::123451234512:role/rok";

async fn with_account(annotations: Value) -> Practice {
    let practice = Practice::new().await;
    let accounts: Api<ServiceAccount> = Api::namespaced(practice.client.clone(), "rok");
    let account = object(json!({ "metadata": { "name": "rok", "annotations": annotations } }));
    accounts
        .create(&PostParams::default(), &account)
        .await
        .unwrap();
    practice
}

fn as_rok() -> Value {
    let mut spec = running(&["wait"]);
    spec["serviceAccountName"] = "rok".into();
    spec["initContainers"] =
        json!([{ "name": "before", "image": "i:1", "command": ["echo", "1"] }]);
    spec
}

fn value(pod: Pod) -> Value {
    serde_json::to_value(pod).unwrap()
}

#[tokio::test]
async fn an_account_with_a_role_gives_its_pods_an_identity() {
    let practice = with_account(json!({ "eks.amazonaws.com/role-arn": ROLE })).await;
    let mut spec = as_rok();
    spec["containers"][0]["env"] = json!([{ "name": "AWS_DEFAULT_REGION", "value": "eu-west-1" }]);
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let pod = object(json!({ "metadata": { "name": "probe" }, "spec": spec }));
    let tried = value(practice.pods.create(&dry, &pod).await.unwrap());
    let made = value(practice.create("probe", spec).await);
    for pod in [tried, made] {
        let variable = |name: &str, value: &str| json!({ "name": name, "value": value });
        let token = variable(
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
        );
        let own = json!([
            variable("AWS_DEFAULT_REGION", "eu-west-1"),
            variable("AWS_STS_REGIONAL_ENDPOINTS", "regional"),
            variable("AWS_ROLE_ARN", ROLE),
            token,
        ]);
        assert_eq!(pod["spec"]["containers"][0]["env"], own);
        let full = json!([
            variable("AWS_STS_REGIONAL_ENDPOINTS", "regional"),
            variable("AWS_DEFAULT_REGION", "us-west-2"),
            variable("AWS_REGION", "us-west-2"),
            variable("AWS_ROLE_ARN", ROLE),
            token,
        ]);
        assert_eq!(pod["spec"]["initContainers"][0]["env"], full);
        let source = json!({ "serviceAccountToken": {
            "audience": "sts.amazonaws.com",
            "expirationSeconds": 86400,
            "path": "token",
        } });
        let volume = &pod["spec"]["volumes"][0];
        assert_eq!(volume["name"], "aws-iam-token");
        assert_eq!(volume["projected"]["sources"], json!([source]));
        for list in ["containers", "initContainers"] {
            let mounts = pod["spec"][list][0]["volumeMounts"].as_array().unwrap();
            let mount = json!({
                "name": "aws-iam-token",
                "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount",
                "readOnly": true,
            });
            assert!(mounts.contains(&mount), "{mounts:?}");
        }
    }
}

#[tokio::test]
async fn annotations_choose_the_audience_and_the_life_of_the_token() {
    let practice = with_account(json!({
        "eks.amazonaws.com/role-arn": ROLE,
        "eks.amazonaws.com/audience": "elsewhere",
        "eks.amazonaws.com/token-expiration": "7200",
        "eks.amazonaws.com/sts-regional-endpoints": "false",
    }))
    .await;
    let pod = value(practice.create("probe", as_rok()).await);
    let token = &pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(token["audience"], "elsewhere");
    assert_eq!(token["expirationSeconds"], 7200);
    let environment = pod["spec"]["containers"][0]["env"].to_string();
    assert!(!environment.contains("REGIONAL"), "{environment}");
}

#[tokio::test]
async fn without_the_annotation_or_the_webhook_a_pod_is_untouched() {
    let practice = with_account(json!({})).await;
    let untouched = |pod: &Value| {
        assert_eq!(pod["spec"]["containers"][0]["env"], Value::Null);
        let volumes = pod["spec"]["volumes"].as_array().unwrap();
        assert_eq!(volumes.len(), 1, "{volumes:?}");
        let name = volumes[0]["name"].as_str().unwrap();
        assert!(name.starts_with("kube-api-access-"), "{name}");
    };
    untouched(&value(practice.create("plain", as_rok()).await));

    let accounts: Api<ServiceAccount> = Api::namespaced(practice.client.clone(), "rok");
    let role = json!({ "metadata": { "annotations": { "eks.amazonaws.com/role-arn": ROLE } } });
    let patch = Patch::Merge(role);
    accounts
        .patch("rok", &PatchParams::default(), &patch)
        .await
        .unwrap();
    practice.server.sabotage(Sabotage::WebhookOff).unwrap();
    untouched(&value(practice.create("open", as_rok()).await));
    let events = practice.events("open").await;
    assert!(
        events[0]
            .1
            .starts_with("Failed calling webhook, failing open pod-identity-webhook.amazonaws.com"),
        "{events:?}"
    );

    practice
        .server
        .sabotage(Sabotage::WebhookDownAndFailing)
        .unwrap();
    let refused = refusal(practice.try_create("closed", as_rok()).await);
    assert_eq!(refused.code, 500);
    assert_eq!(
        refused.message,
        "Internal error occurred: failed calling webhook \"pod-identity-webhook.amazonaws.com\": \
         failed to call webhook: Post \"https://127.0.0.1:23443/mutate?timeout=10s\": dial tcp \
         127.0.0.1:23443: connect: connection refused"
    );
}

#[tokio::test]
async fn an_account_must_be_there() {
    let practice = Practice::new().await;
    let refused = refusal(practice.try_create("probe", as_rok()).await);
    assert_eq!(refused.code, 403);
    assert_eq!(
        refused.message,
        "pods \"probe\" is forbidden: error looking up service account rok/rok: serviceaccount \
         \"rok\" not found"
    );
}

async fn enforce(practice: &Practice, level: &str) {
    let namespaces: Api<Namespace> = Api::all(practice.client.clone());
    let labels = json!({ "pod-security.kubernetes.io/enforce": level });
    let patch = Patch::Merge(json!({ "metadata": { "labels": labels } }));
    namespaces
        .patch("rok", &PatchParams::default(), &patch)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_restricted_namespace_names_everything_a_pod_lacks() {
    let practice = Practice::new().await;
    enforce(&practice, "restricted").await;
    let refused = refusal(practice.try_create("probe", running(&["wait"])).await);
    assert_eq!(refused.code, 403);
    assert_eq!(
        refused.message,
        "pods \"probe\" is forbidden: violates PodSecurity \"restricted:latest\": \
         allowPrivilegeEscalation != false (container \"main\" must set \
         securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container \
         \"main\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod \
         or container \"main\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or \
         container \"main\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \
         \"Localhost\")"
    );
    let mut spec = running(&["wait"]);
    spec["securityContext"] =
        json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
    spec["containers"][0]["securityContext"] = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] },
    });
    practice.create("probe", spec.clone()).await;
    spec["volumes"] = json!([{ "name": "root", "hostPath": { "path": "/" } }]);
    let refused = refusal(practice.try_create("rooted", spec).await);
    assert!(
        refused.message.ends_with(
            "\"restricted:latest\": restricted volume types (volume \"root\" uses restricted volume type \"hostPath\")"
        ),
        "{}",
        refused.message
    );
}

#[tokio::test]
async fn a_baseline_namespace_refuses_only_what_is_dangerous() {
    let practice = Practice::new().await;
    enforce(&practice, "baseline").await;
    practice.create("plain", running(&["wait"])).await;
    let mut spec = running(&["wait"]);
    spec["hostNetwork"] = true.into();
    spec["containers"][0]["securityContext"] =
        json!({ "privileged": true, "capabilities": { "add": ["CHOWN", "NET_ADMIN"] } });
    let refused = refusal(practice.try_create("probe", spec).await);
    assert_eq!(
        refused.message,
        "pods \"probe\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces \
         (hostNetwork=true), non-default capabilities (container \"main\" must not include \
         \"NET_ADMIN\" in securityContext.capabilities.add), privileged (container \"main\" must \
         not set securityContext.privileged=true)"
    );
}

#[tokio::test]
async fn a_quota_counts_pods_and_wants_their_resources_said() {
    let practice = Practice::new().await;
    let quotas: Api<ResourceQuota> = Api::namespaced(practice.client.clone(), "rok");
    let quota = |name: &str, hard: Value| -> ResourceQuota {
        object(json!({ "metadata": { "name": name }, "spec": { "hard": hard } }))
    };
    let few = quota("few", json!({ "pods": "1" }));
    quotas.create(&PostParams::default(), &few).await.unwrap();
    practice.create("ended", running(&["echo", "1"])).await;
    practice.until_phase("ended", "Succeeded").await;
    practice.create("first", running(&["wait"])).await;
    let refused = refusal(practice.try_create("second", running(&["wait"])).await);
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (
            403,
            "pods \"second\" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1"
        )
    );

    quotas
        .delete("few", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    let sized = quota(
        "sized",
        json!({ "limits.cpu": "4", "requests.memory": "1Gi" }),
    );
    quotas.create(&PostParams::default(), &sized).await.unwrap();
    let refused = refusal(practice.try_create("second", running(&["wait"])).await);
    assert_eq!(
        refused.message,
        "pods \"second\" is forbidden: failed quota: sized: must specify limits.cpu for: main; requests.memory for: main"
    );
    let mut spec = running(&["wait"]);
    spec["containers"][0]["resources"] = json!({ "limits": { "cpu": "1", "memory": "1Mi" } });
    practice.create("second", spec).await;
}
