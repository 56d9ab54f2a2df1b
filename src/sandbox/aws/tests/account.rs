//! The account as a whole: clusters, weak users, the simulator, restarts, the log.

use std::convert::Infallible;

use aws_credential_types::Credentials;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use serde_json::json;

use super::practice::{
    ACCOUNT, ISSUER, KEY, Practice, REGION, SECRET, refused, role_arn, storage_policy, trust,
};

fn policy_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{name}")
}

#[tokio::test]
async fn a_cluster_is_described_in_its_own_region_only() {
    let practice = Practice::start().await;
    let cluster = practice
        .eks()
        .describe_cluster()
        .name("arrikto-cluster")
        .send()
        .await
        .unwrap();
    let cluster = cluster.cluster().unwrap();
    assert_eq!(
        cluster.arn(),
        Some("arn:aws:eks:us-west-2:123451234512:cluster/arrikto-cluster")
    );
    assert_eq!(cluster.status().unwrap().as_str(), "ACTIVE");
    assert_eq!(
        cluster.identity().unwrap().oidc().unwrap().issuer(),
        Some(ISSUER)
    );
    let authority = cluster.certificate_authority().unwrap().data().unwrap();
    assert_eq!(authority, "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t");

    let credentials = Credentials::new(KEY, SECRET, None, None, "test");
    let elsewhere = aws_sdk_eks::Client::new(&practice.config_of(credentials, "eu-west-1"));
    assert!(
        elsewhere
            .list_clusters()
            .send()
            .await
            .unwrap()
            .clusters()
            .is_empty()
    );
    let absent = elsewhere
        .describe_cluster()
        .name("arrikto-cluster")
        .send()
        .await
        .unwrap_err();
    assert!(
        absent
            .as_service_error()
            .unwrap()
            .is_resource_not_found_exception()
    );
    let absent = refused(absent);
    assert_eq!(
        absent.message,
        "No cluster found for name: arrikto-cluster."
    );
}

#[tokio::test]
async fn a_third_party_can_make_a_weak_user_and_its_boundary_limits_it() {
    let practice = Practice::start().await;
    let iam = practice.iam();
    iam.create_user().user_name("weak").send().await.unwrap();
    let document = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "iam:Get*", "Resource": "*" },
        { "Effect": "Deny", "Action": "iam:GetPolicy", "Resource": "*" },
    ] });
    iam.put_user_policy()
        .user_name("weak")
        .policy_name("read")
        .policy_document(document.to_string())
        .send()
        .await
        .unwrap();
    let key = iam
        .create_access_key()
        .user_name("weak")
        .send()
        .await
        .unwrap();
    let key = key.access_key().unwrap();
    let credentials = Credentials::new(
        key.access_key_id(),
        key.secret_access_key(),
        None,
        None,
        "test",
    );
    let weak = aws_sdk_iam::Client::new(&practice.config_of(credentials, REGION));
    let me = weak.get_user().send().await.unwrap();
    assert_eq!(me.user().unwrap().user_name(), "weak");
    let denied = weak
        .create_role()
        .role_name("r")
        .assume_role_policy_document(trust("s"));
    let denied = refused(denied.send().await.unwrap_err());
    assert_eq!((denied.code.as_str(), denied.status), ("AccessDenied", 403));
    assert_eq!(
        denied.message,
        "User: arn:aws:iam::123451234512:user/weak is not authorized to perform: iam:CreateRole \
         on resource: arn:aws:iam::123451234512:role/r because no identity-based policy allows \
         the iam:CreateRole action"
    );
    let explicit = weak.get_policy().policy_arn(policy_arn("p")).send().await;
    let explicit = refused(explicit.unwrap_err());
    assert!(
        explicit
            .message
            .ends_with("with an explicit deny in an identity-based policy")
    );

    iam.create_policy()
        .policy_name("limit")
        .policy_document(storage_policy("a"))
        .send()
        .await
        .unwrap();
    practice
        .server
        .state()
        .write(|state| {
            let limit = Some(policy_arn("limit"));
            state.users.get_mut("weak").unwrap().grants.boundary = limit;
            Ok::<_, Infallible>(())
        })
        .unwrap()
        .unwrap();
    let limited = refused(weak.get_user().send().await.unwrap_err());
    assert!(
        limited
            .message
            .ends_with("because no permissions boundary allows the iam:GetUser action")
    );
}

#[tokio::test]
async fn the_simulator_decides_as_the_services_do() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    let answer = practice
        .iam()
        .simulate_principal_policy()
        .policy_source_arn(role_arn("rok"))
        .action_names("s3:ListBucketVersions")
        .action_names("iam:CreateRole")
        .resource_arns("arn:aws:s3:::rok-prefix-chocks-ca")
        .send()
        .await
        .unwrap();
    let decisions: Vec<_> = answer
        .evaluation_results()
        .iter()
        .map(|one| (one.eval_action_name(), one.eval_decision().clone()))
        .collect();
    assert_eq!(
        decisions,
        [
            (
                "s3:ListBucketVersions",
                PolicyEvaluationDecisionType::Allowed
            ),
            ("iam:CreateRole", PolicyEvaluationDecisionType::ImplicitDeny),
        ]
    );
    let document = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Deny", "Action": "*", "Resource": "*",
        "Condition": { "StringEquals": { "aws:RequestedRegion": "eu-west-1" } },
    } });
    let custom = practice
        .iam()
        .simulate_custom_policy()
        .policy_input_list(document.to_string())
        .action_names("s3:GetObject");
    let missing = custom.clone().send().await.unwrap();
    let missing = &missing.evaluation_results()[0];
    assert_eq!(missing.missing_context_values(), ["aws:RequestedRegion"]);
    let entry = ContextEntry::builder()
        .context_key_name("aws:RequestedRegion")
        .context_key_type(ContextKeyTypeEnum::String)
        .context_key_values("eu-west-1")
        .build();
    let denied = custom.context_entries(entry).send().await.unwrap();
    assert_eq!(
        denied.evaluation_results()[0].eval_decision(),
        &PolicyEvaluationDecisionType::ExplicitDeny
    );
}

#[tokio::test]
async fn the_world_outlives_the_server_and_the_cluster_may_move() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    let practice = practice.restart("https://127.0.0.1:7443").await;
    practice
        .iam()
        .get_role()
        .role_name("rok")
        .send()
        .await
        .unwrap();
    practice.assume(practice.token()).await.unwrap();
    let cluster = practice
        .eks()
        .describe_cluster()
        .name("arrikto-cluster")
        .send()
        .await
        .unwrap();
    assert_eq!(
        cluster.cluster().unwrap().endpoint(),
        Some("https://127.0.0.1:7443")
    );
}

#[tokio::test]
async fn the_log_tells_writes_from_reads() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    practice
        .iam()
        .get_role()
        .role_name("rok")
        .send()
        .await
        .unwrap();
    let again = practice
        .iam()
        .create_open_id_connect_provider()
        .url(ISSUER)
        .send()
        .await;
    assert!(again.is_err());
    let log: Vec<_> = practice
        .server
        .requests()
        .into_iter()
        .map(|line| (line.operation, line.write, line.status))
        .collect();
    assert_eq!(
        log,
        [
            ("CreateOpenIDConnectProvider".into(), true, 200),
            ("CreateRole".into(), true, 200),
            ("CreatePolicy".into(), true, 200),
            ("AttachRolePolicy".into(), true, 200),
            ("GetRole".into(), false, 200),
            ("CreateOpenIDConnectProvider".into(), true, 409),
        ]
    );
}
