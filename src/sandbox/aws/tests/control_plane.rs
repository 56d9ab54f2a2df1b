//! IAM as the SDK sees it: objects, texts of refusals, pages.

use aws_sdk_iam::types::Tag;
use serde_json::json;

use super::practice::{ACCOUNT, ISSUER, Practice, refused, role_arn, storage_policy, trust};

fn policy_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{name}")
}

fn decoded(document: Option<&str>) -> String {
    percent_encoding::percent_decode_str(document.unwrap())
        .decode_utf8()
        .unwrap()
        .into_owned()
}

#[tokio::test]
async fn a_role_reads_back_as_it_was_made() {
    let practice = Practice::start().await;
    let iam = practice.iam();
    let trust = trust("system:serviceaccount:rok:rok");
    let boundary = iam
        .create_policy()
        .policy_name("limit")
        .policy_document(storage_policy("a"))
        .send()
        .await;
    let boundary = boundary
        .unwrap()
        .policy()
        .unwrap()
        .arn()
        .unwrap()
        .to_owned();
    iam.create_role()
        .role_name("rok")
        .path("/team/")
        .description("a <role> & more")
        .assume_role_policy_document(&trust)
        .permissions_boundary(&boundary)
        .tags(
            Tag::builder()
                .key("rok-deploy/cluster")
                .value("arrikto-cluster")
                .build()
                .unwrap(),
        )
        .send()
        .await
        .unwrap();
    let answer = iam.get_role().role_name("rok").send().await.unwrap();
    let role = answer.role().unwrap();
    assert_eq!(role.arn(), "arn:aws:iam::123451234512:role/team/rok");
    assert_eq!(role.path(), "/team/");
    assert_eq!(role.description(), Some("a <role> & more"));
    assert_eq!(role.max_session_duration(), Some(3600));
    assert!(role.role_id().starts_with("AROA") && role.role_id().len() == 21);
    assert_eq!(decoded(role.assume_role_policy_document()), trust);
    assert_eq!(
        role.permissions_boundary()
            .unwrap()
            .permissions_boundary_arn(),
        Some(boundary.as_str())
    );
    assert_eq!(role.tags()[0].value(), "arrikto-cluster");

    iam.untag_role()
        .role_name("rok")
        .tag_keys("rok-deploy/cluster")
        .send()
        .await
        .unwrap();
    assert!(
        iam.list_role_tags()
            .role_name("rok")
            .send()
            .await
            .unwrap()
            .tags()
            .is_empty()
    );
    iam.delete_role_permissions_boundary()
        .role_name("rok")
        .send()
        .await
        .unwrap();
    let role = iam.get_role().role_name("rok").send().await.unwrap();
    assert!(role.role().unwrap().permissions_boundary().is_none());
    iam.delete_role().role_name("rok").send().await.unwrap();
    let gone = iam.get_role().role_name("rok").send().await.unwrap_err();
    assert!(
        gone.as_service_error()
            .unwrap()
            .is_no_such_entity_exception()
    );
    let gone = refused(gone);
    assert_eq!(gone.message, "The role with name rok cannot be found.");
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn what_exists_is_not_made_again() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    let iam = practice.iam();
    let role = iam
        .create_role()
        .role_name("ROK")
        .assume_role_policy_document(trust("x"));
    let role = refused(role.send().await.unwrap_err());
    assert_eq!(
        (role.code.as_str(), role.status),
        ("EntityAlreadyExists", 409)
    );
    assert_eq!(role.message, "Role with name ROK already exists.");
    let policy = iam
        .create_policy()
        .policy_name("rok")
        .policy_document(storage_policy("a"));
    let policy = refused(policy.send().await.unwrap_err());
    assert_eq!(
        policy.message,
        "A policy called rok already exists. Duplicate names are not allowed."
    );
    let provider = iam
        .create_open_id_connect_provider()
        .url(ISSUER)
        .send()
        .await;
    let provider = refused(provider.unwrap_err());
    assert_eq!(
        provider.message,
        format!("Provider with url {ISSUER} already exists.")
    );
}

#[tokio::test]
async fn teardown_has_an_order() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    let iam = practice.iam();
    let arn = policy_arn("rok");
    let role = refused(iam.delete_role().role_name("rok").send().await.unwrap_err());
    assert_eq!((role.code.as_str(), role.status), ("DeleteConflict", 409));
    assert_eq!(
        role.message,
        "Cannot delete entity, must detach all policies first."
    );
    let policy = refused(
        iam.delete_policy()
            .policy_arn(&arn)
            .send()
            .await
            .unwrap_err(),
    );
    assert_eq!(
        policy.message,
        "Cannot delete a policy attached to entities."
    );
    let holders = iam
        .list_entities_for_policy()
        .policy_arn(&arn)
        .send()
        .await
        .unwrap();
    assert_eq!(holders.policy_roles()[0].role_name(), Some("rok"));

    iam.detach_role_policy()
        .role_name("rok")
        .policy_arn(&arn)
        .send()
        .await
        .unwrap();
    let twice = iam
        .detach_role_policy()
        .role_name("rok")
        .policy_arn(&arn)
        .send()
        .await;
    assert_eq!(refused(twice.unwrap_err()).code, "NoSuchEntity");
    iam.put_role_policy()
        .role_name("rok")
        .policy_name("inline")
        .policy_document(storage_policy("b"))
        .send()
        .await
        .unwrap();
    let inline = iam
        .list_role_policies()
        .role_name("rok")
        .send()
        .await
        .unwrap();
    assert_eq!(inline.policy_names(), ["inline"]);
    let role = refused(iam.delete_role().role_name("rok").send().await.unwrap_err());
    assert_eq!(
        role.message,
        "Cannot delete entity, must delete policies first."
    );
    iam.delete_role_policy()
        .role_name("rok")
        .policy_name("inline")
        .send()
        .await
        .unwrap();
    iam.delete_role().role_name("rok").send().await.unwrap();
    iam.delete_policy().policy_arn(&arn).send().await.unwrap();
    practice
        .server
        .state()
        .read(|state| assert!(state.roles.is_empty()));
}

#[tokio::test]
async fn a_policy_has_five_versions_and_one_default() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    let iam = practice.iam();
    let arn = policy_arn("rok");
    let create = |prefix: &str| {
        iam.create_policy_version()
            .policy_arn(&arn)
            .policy_document(storage_policy(prefix))
            .set_as_default(true)
            .send()
    };
    for prefix in ["b", "c", "d", "e"] {
        create(prefix).await.unwrap();
    }
    let sixth = refused(create("f").await.unwrap_err());
    assert_eq!((sixth.code.as_str(), sixth.status), ("LimitExceeded", 409));
    let default = iam
        .delete_policy_version()
        .policy_arn(&arn)
        .version_id("v5")
        .send()
        .await;
    let default = refused(default.unwrap_err());
    assert_eq!(
        default.message,
        "Cannot delete the default version of a policy."
    );
    iam.delete_policy_version()
        .policy_arn(&arn)
        .version_id("v1")
        .send()
        .await
        .unwrap();
    create("f").await.unwrap();
    let versions = iam
        .list_policy_versions()
        .policy_arn(&arn)
        .send()
        .await
        .unwrap();
    let ids: Vec<_> = versions
        .versions()
        .iter()
        .filter_map(|one| one.version_id())
        .collect();
    assert_eq!(ids, ["v6", "v5", "v4", "v3", "v2"]);
    iam.set_default_policy_version()
        .policy_arn(&arn)
        .version_id("v3")
        .send()
        .await
        .unwrap();
    let policy = iam.get_policy().policy_arn(&arn).send().await.unwrap();
    assert_eq!(policy.policy().unwrap().default_version_id(), Some("v3"));
    assert_eq!(policy.policy().unwrap().attachment_count(), Some(1));
    let version = iam
        .get_policy_version()
        .policy_arn(&arn)
        .version_id("v3")
        .send()
        .await
        .unwrap();
    assert_eq!(
        decoded(version.policy_version().unwrap().document()),
        storage_policy("c")
    );
}

#[tokio::test]
async fn a_provider_is_shown_without_its_scheme_and_needs_no_thumbprint() {
    let practice = Practice::start().await;
    let iam = practice.iam();
    let made = iam
        .create_open_id_connect_provider()
        .url(ISSUER)
        .tags(Tag::builder().key("k").value("v").build().unwrap())
        .send()
        .await
        .unwrap();
    let arn = made.open_id_connect_provider_arn().unwrap();
    assert_eq!(
        arn,
        ISSUER.replace("https://", "arn:aws:iam::123451234512:oidc-provider/")
    );
    iam.add_client_id_to_open_id_connect_provider()
        .open_id_connect_provider_arn(arn)
        .client_id("sts.amazonaws.com")
        .send()
        .await
        .unwrap();
    let get = || {
        iam.get_open_id_connect_provider()
            .open_id_connect_provider_arn(arn)
            .send()
    };
    let provider = get().await.unwrap();
    assert_eq!(provider.url(), Some(ISSUER.trim_start_matches("https://")));
    assert_eq!(provider.client_id_list(), ["sts.amazonaws.com"]);
    assert_eq!(provider.tags()[0].key(), "k");
    let list = iam.list_open_id_connect_providers().send().await.unwrap();
    assert_eq!(list.open_id_connect_provider_list()[0].arn(), Some(arn));
    iam.delete_open_id_connect_provider()
        .open_id_connect_provider_arn(arn)
        .send()
        .await
        .unwrap();
    assert_eq!(refused(get().await.unwrap_err()).code, "NoSuchEntity");
    let plain = iam
        .create_open_id_connect_provider()
        .url("http://issuer.example")
        .send()
        .await;
    assert_eq!(refused(plain.unwrap_err()).code, "ValidationError");
}

#[tokio::test]
async fn documents_and_names_are_validated() {
    let practice = Practice::start().await;
    let iam = practice.iam();
    let role = |name: String, trust: String| {
        iam.create_role()
            .role_name(name)
            .assume_role_policy_document(trust)
            .send()
    };
    let broken = refused(role("r".into(), "{\"bad\"".into()).await.unwrap_err());
    assert_eq!(
        (broken.code.as_str(), broken.status),
        ("MalformedPolicyDocument", 400)
    );
    let long = refused(role("x".repeat(65), trust("s")).await.unwrap_err());
    assert_eq!(long.code, "ValidationError");
    assert!(long.message.ends_with(
        "at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64"
    ));
    let nobody = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": role_arn("nobody") },
    }] });
    let nobody = refused(role("r".into(), nobody.to_string()).await.unwrap_err());
    assert_eq!(
        nobody.message,
        "Invalid principal in policy: \"AWS\":\"arn:aws:iam::123451234512:role/nobody\""
    );
    let policy = iam.create_policy().policy_name("p").policy_document(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*"}]}"#,
    );
    let policy = refused(policy.send().await.unwrap_err());
    assert_eq!(policy.message, "Policy statement must contain resources.");
    practice
        .server
        .state()
        .read(|state| assert!(state.roles.is_empty()));
}

#[tokio::test]
async fn lists_come_in_pages_that_the_paginator_joins() {
    let practice = Practice::start().await;
    let iam = practice.iam();
    for index in 0..7 {
        iam.create_role()
            .role_name(format!("role-{index}"))
            .assume_role_policy_document(trust("s"))
            .send()
            .await
            .unwrap();
    }
    let first = iam.list_roles().max_items(3).send().await.unwrap();
    assert_eq!((first.roles().len(), first.is_truncated()), (3, true));
    let all = iam
        .list_roles()
        .max_items(3)
        .into_paginator()
        .items()
        .send();
    let all: Vec<_> = all.collect::<Result<Vec<_>, _>>().await.unwrap();
    let names: Vec<_> = all
        .iter()
        .map(aws_sdk_iam::types::Role::role_name)
        .collect();
    assert_eq!(
        names,
        [
            "role-0", "role-1", "role-2", "role-3", "role-4", "role-5", "role-6"
        ]
    );

    let clusters = practice
        .eks()
        .list_clusters()
        .max_results(1)
        .into_paginator()
        .items()
        .send();
    let clusters: Vec<_> = clusters.collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(clusters, ["arrikto-cluster", "other-cluster"]);
}
