//! Stacks, by the SDK: what takes time, what is refused, and in which words.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_sdk_cloudformation::types::{Capability, ChangeSetType};
use jiff::{SignedDuration, Timestamp};

use super::practice::{Practice, Refused, refused};
use crate::sandbox::clock::Clock;
use crate::sandbox::{Conduct, Lag};

const PROVIDER_AND_POLICY: &str = "
Resources:
  Provider:
    Type: AWS::IAM::OIDCProvider
    Properties: { Url: https://oidc.example/id/1, ClientIdList: [sts.amazonaws.com] }
  Policy:
    Type: AWS::IAM::ManagedPolicy
    DependsOn: Provider
    Properties:
      ManagedPolicyName: rok
      PolicyDocument:
        Version: '2012-10-17'
        Statement: { Effect: Allow, Action: s3:*, Resource: !Sub 'arn:${AWS::Partition}:s3:::rok*' }
Outputs:
  Arn: { Value: !Ref Policy }
  Joined: { Value: !Join ['-', [!Ref AWS::AccountId, !GetAtt Provider.Arn]] }
";

async fn plan(practice: &Practice, template: &str) -> Result<(), Refused> {
    let create = practice.cloudformation().create_change_set();
    create
        .stack_name("rok")
        .change_set_name("first")
        .change_set_type(ChangeSetType::Create)
        .capabilities(Capability::CapabilityNamedIam)
        .template_body(template)
        .send()
        .await
        .map(drop)
        .map_err(refused)
}

async fn status(practice: &Practice) -> String {
    let describe = practice.cloudformation().describe_stacks();
    let answer = describe.stack_name("rok").send().await.unwrap();
    let status = answer.stacks()[0].stack_status();
    status.unwrap().as_str().to_owned()
}

#[tokio::test]
async fn with_a_lag_a_stack_is_seen_on_its_way() {
    let seconds = Arc::new(AtomicI64::new(0));
    let start = Timestamp::now();
    let now = Arc::clone(&seconds);
    let practice = Practice::behaving(Conduct {
        clock: Clock::of(move || start + SignedDuration::from_secs(now.load(Ordering::SeqCst))),
        lag: Lag::of(Duration::from_secs(40)),
        ..Conduct::default()
    })
    .await;
    let client = practice.cloudformation();
    plan(&practice, PROVIDER_AND_POLICY).await.unwrap();
    let execute = || {
        let execute = client.execute_change_set();
        execute.stack_name("rok").change_set_name("first").send()
    };
    let early = refused(execute().await.unwrap_err());
    assert_eq!(early.code, "InvalidChangeSetStatus");
    seconds.store(10, Ordering::SeqCst);
    execute().await.unwrap();
    assert_eq!(status(&practice).await, "CREATE_IN_PROGRESS");
    assert!(
        practice
            .server
            .state()
            .read(|state| state.providers.is_empty())
    );

    seconds.store(30, Ordering::SeqCst);
    assert_eq!(status(&practice).await, "CREATE_IN_PROGRESS");
    let made = practice
        .server
        .state()
        .read(|state| (state.providers.len(), state.policies.len()));
    assert_eq!(made, (1, 1), "the provider, and not yet the policy");

    seconds.store(60, Ordering::SeqCst);
    assert_eq!(status(&practice).await, "CREATE_COMPLETE");
    let describe = client.describe_stacks().stack_name("rok").send();
    let stack = describe.await.unwrap().stacks()[0].clone();
    let outputs: Vec<_> = stack
        .outputs()
        .iter()
        .map(|output| output.output_value().unwrap())
        .collect();
    assert_eq!(
        outputs,
        [
            "arn:aws:iam::123451234512:policy/rok",
            "123451234512-arn:aws:iam::123451234512:oidc-provider/oidc.example/id/1"
        ]
    );
}

#[tokio::test]
async fn what_is_not_known_is_refused_by_its_name() {
    let practice = Practice::start().await;
    for (template, words) in [
        ("a: [", "YAML not well-formed"),
        ("Description: x", "At least one Resources member"),
        (
            "Resources: { A: { Type: AWS::S3::Bucket } }",
            "Unrecognized resource types: [AWS::S3::Bucket]",
        ),
        (
            "Resources: { A: { Type: AWS::IAM::Role, Properties: { RoleName: !If [x, y, z] } } }",
            "Fn::If",
        ),
        (
            "Resources: { A: { Type: AWS::IAM::Role, Properties: { RoleName: !Ref B } } }",
            "Unresolved resource dependencies [B]",
        ),
        (
            "Resources: { A: { Type: AWS::IAM::Role, Properties: { RoleName: !GetAtt A.Foo } } }",
            "attribute type Foo",
        ),
        (
            "Resources: { A: { Type: AWS::IAM::Role, DependsOn: B }, B: { Type: AWS::IAM::Role, \
             DependsOn: A } }",
            "Circular dependency between resources: [A, B]",
        ),
        (
            "Transform: AWS::Serverless\nResources: { A: { Type: AWS::IAM::Role } }",
            "[Transform]",
        ),
    ] {
        let refused = plan(&practice, template).await.unwrap_err();
        assert_eq!(refused.code, "ValidationError", "{template}");
        assert!(
            refused.message.contains(words),
            "{}: {words}",
            refused.message
        );
    }
    let unknown = practice.cloudformation().create_stack();
    let unknown = unknown
        .stack_name("rok")
        .template_url("https://example.com");
    let unknown = refused(unknown.send().await.unwrap_err());
    assert!(
        unknown.message.contains("TemplateURL"),
        "{}",
        unknown.message
    );
    assert!(
        practice
            .server
            .state()
            .read(|state| state.stacks.is_empty())
    );
}

#[tokio::test]
async fn a_custom_name_is_not_made_anew_and_everything_goes_back() {
    let practice = Practice::start().await;
    let client = practice.cloudformation();
    plan(&practice, PROVIDER_AND_POLICY).await.unwrap();
    let execute = client.execute_change_set();
    let execute = execute.stack_name("rok").change_set_name("first");
    execute.send().await.unwrap();
    assert_eq!(status(&practice).await, "CREATE_COMPLETE");
    let held = || {
        practice.server.state().read(|state| {
            let providers = state.providers.values();
            let ids = providers.map(|provider| provider.client_ids.current.clone());
            let policies = serde_json::to_value(&state.policies).unwrap();
            (policies, ids.collect::<Vec<_>>())
        })
    };
    let before = held();
    let changed = PROVIDER_AND_POLICY
        .replace(
            "ManagedPolicyName: rok",
            "ManagedPolicyName: rok\n      Path: /other/",
        )
        .replace("[sts.amazonaws.com]", "[sts.amazonaws.com, another]");
    let update = || {
        let update = client.update_stack().stack_name("rok");
        update
            .template_body(&changed)
            .capabilities(Capability::CapabilityNamedIam)
            .send()
    };
    update().await.unwrap();
    assert_eq!(status(&practice).await, "UPDATE_ROLLBACK_COMPLETE");
    let events = client.describe_stack_events().stack_name("rok").send();
    let events = events.await.unwrap();
    let reasons = events.stack_events().iter();
    let mut reasons = reasons.filter_map(|event| event.resource_status_reason());
    assert!(reasons.any(|reason| reason.contains("custom-named resource requires replacing")));
    assert_eq!(held(), before);
    let update = client.update_stack().stack_name("rok");
    let same = update
        .template_body(PROVIDER_AND_POLICY)
        .capabilities(Capability::CapabilityNamedIam);
    let same = refused(same.send().await.unwrap_err());
    assert_eq!(same.message, "No updates are to be performed.");
}
