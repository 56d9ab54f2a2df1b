//! One broken link at a time, from the policy to the bucket, with S3's own refusals.

use super::super::Source;
use super::*;

#[tokio::test]
async fn a_policy_for_another_prefix_names_both() {
    let practice = Practice::new().await;
    practice.permit(&bucket_policy("aws", "rok-other"));
    let diagnosis = practice.broken("prefix-other", Link::Prefix).await;
    let both = format!("found rok-other*, rok-other*/*, expected {PREFIX}*");
    assert!(diagnosis.cause.contains(&both), "{}", diagnosis.cause);
    let document = bucket_policy("aws", PREFIX);
    assert_remedy(
        &diagnosis,
        &format!(
            "aws iam create-policy-version --policy-arn {} --policy-document '{document}' --set-as-default --profile ops",
            policy_arn()
        ),
    );
    let chain = practice.diagnosis().await.1;
    assert_eq!(chain[Link::Policy].state, LinkState::Proven);
    assert_eq!(
        chain[Link::Role].state,
        LinkState::Proven,
        "the identity is proven"
    );
    assert_eq!(chain[Link::Bucket].state, LinkState::Broken);
}

#[tokio::test]
async fn a_policy_that_is_not_attached_is_attached() {
    let practice = Practice::new().await;
    practice.role(|role| role.grants.attached.clear());
    let diagnosis = practice.broken("policy-detached", Link::Policy).await;
    assert_remedy(
        &diagnosis,
        &format!(
            "aws iam attach-role-policy --role-name {ROLE} --policy-arn {} --profile ops",
            policy_arn()
        ),
    );
    practice.change(|state| state.policies.remove(&policy_arn()));
    practice.broken("policy-missing", Link::Policy).await;
}

#[tokio::test]
async fn an_action_that_no_policy_allows_is_named() {
    let practice = Practice::new().await;
    let mut document = bucket_policy("aws", PREFIX);
    document["Statement"][0]["Action"] = json!(["s3:PutObject", "s3:GetObject", "s3:DeleteObject"]);
    practice.permit(&document);
    let diagnosis = practice.broken("action-missing", Link::Policy).await;
    assert!(
        diagnosis
            .cause
            .ends_with("allows s3:ListBucketVersions, s3:CreateBucket"),
        "{}",
        diagnosis.cause
    );
}

#[tokio::test]
async fn a_denial_names_the_policy_that_denies() {
    let practice = Practice::new().await;
    practice.role(|role| {
        let deny = json!({
            "Version": "2012-10-17",
            "Statement": { "Effect": "Deny", "Action": "s3:List*", "Resource": "*" },
        });
        let deny = Lagged::settled(deny.to_string());
        role.grants.inline.insert("no-lists".into(), deny);
    });
    let diagnosis = practice.broken("policy-denies", Link::Policy).await;
    assert!(
        diagnosis
            .cause
            .contains("`no-lists` denies s3:ListBucketVersions")
    );
}

#[tokio::test]
async fn a_boundary_that_keeps_the_right_back_is_named() {
    let practice = Practice::new().await;
    let mut document = bucket_policy("aws", PREFIX);
    document["Statement"][0]["Action"] = json!("ec2:*");
    let boundary = NewPolicy {
        name: "limits".into(),
        path: "/".into(),
        document: document.to_string(),
        description: None,
        tags: BTreeMap::new(),
    };
    let boundary = practice.prober.aws.create_policy(boundary).await.unwrap();
    practice.role(|role| role.grants.boundary = Some(boundary.arn.clone()));
    let diagnosis = practice.broken("boundary", Link::Policy).await;
    let found = format!("`{}` keeps back s3:ListBucketVersions", boundary.arn);
    assert!(diagnosis.cause.contains(&found), "{}", diagnosis.cause);
}

#[tokio::test]
async fn a_condition_leaves_the_prefix_open_until_it_is_used() {
    let practice = Practice::new().await;
    let mut document = bucket_policy("aws", PREFIX);
    document["Statement"][0]["Condition"] = json!({ "Bool": { "aws:SecureTransport": "true" } });
    practice.permit(&document);
    let mut prober = practice.as_user(&[]).await;
    prober.aws = practice.prober.aws.clone();
    let chain = prober.chain().await;
    assert_eq!(chain[Link::Policy].state, LinkState::Proven);
    assert!(chain[Link::Prefix].note.starts_with("by use"), "{chain:?}");
    prober.access = None;
    let chain = prober.chain().await;
    assert_eq!(chain[Link::Prefix].state, LinkState::Unknown);
    assert!(
        chain[Link::Prefix]
            .note
            .starts_with("depends on conditions")
    );
}

#[tokio::test]
async fn the_role_of_the_node_is_told_from_ours() {
    let practice = Practice::new().await;
    let text = "User: arn:aws:sts::123451234512:assumed-role/eks-NodeInstanceRole-1/i-0 is not \
                authorized to perform: s3:ListBucketVersions on resource: x";
    let symptom = Symptom::new(Source::S3, text).code("AccessDenied");
    let (diagnosis, _) = practice.prober.diagnose(&symptom, true).await;
    assert_eq!(diagnosis.cause_id, Some("node-role"), "{diagnosis:?}");
    assert!(diagnosis.cause.contains("`eks-NodeInstanceRole-1`") && !diagnosis.not_yet);
    let ours = text.replace("eks-NodeInstanceRole-1", ROLE);
    let symptom = Symptom::new(Source::S3, ours).code("AccessDenied");
    let (diagnosis, _) = practice.prober.diagnose(&symptom, false).await;
    assert_eq!(diagnosis.entry, Some("permission"));
}

#[tokio::test]
async fn no_bucket_is_a_success() {
    let practice = Practice::new().await;
    let symptom = Symptom::of_aws_cli(
        "\nAn error occurred (NoSuchBucket) when calling the ListObjectVersions operation: The specified bucket does not exist\n",
    );
    let (diagnosis, _) = practice.prober.diagnose(&symptom, false).await;
    assert_eq!(diagnosis.entry, Some("no-such-bucket"));
    assert!(diagnosis.cause.starts_with("access is proven") && diagnosis.remedies.is_empty());
}
