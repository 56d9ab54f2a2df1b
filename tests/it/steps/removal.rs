//! What was made is taken back; what others have to do with stays, and is named.

use rok_deploy::clients::aws::{NewPolicy, NewRole};
use rok_deploy::engine::Step;
use rok_deploy::steps::aws::Identity;
use rok_deploy::steps::aws::remove::{
    FormerCluster, KeptBuckets, Removal, RemoveAttachment, RemovePolicy, RemoveProvider,
    RemoveRole, RemoveStack,
};
use serde_json::{Value, json};

use super::*;

/// The steps in their order.
fn steps(removal: &Removal) -> Vec<Box<dyn Step>> {
    let removal = || removal.clone();
    vec![
        Box::new(RemoveStack { removal: removal() }),
        Box::new(RemoveAttachment { removal: removal() }),
        Box::new(RemovePolicy { removal: removal() }),
        Box::new(RemoveRole { removal: removal() }),
        Box::new(RemoveProvider { removal: removal() }),
    ]
}

impl Practice {
    fn removal(&self) -> Removal {
        Removal {
            aws: self.aws.clone(),
            identity: identity(),
        }
    }

    /// Does all steps, and returns what they said stays and how many acted.
    async fn remove(&mut self) -> (Vec<String>, usize) {
        let (mut stay, mut acted) = (Vec::new(), 0);
        for step in steps(&self.removal()) {
            let mut seen = self.look(&*step).await;
            if is_differing(&seen) {
                acted += 1;
                self.act(&*step).await.expect("the step acts");
                // A second time finds it gone, as a resumed run may.
                self.act(&*step).await.expect("what is gone is gone");
                seen = self.look(&*step).await;
            }
            assert!(is_satisfied(&seen), "{}: {seen:?}", step.meta().id);
            stay.extend(seen.next);
            self.facts.merge(&seen.facts);
        }
        (stay, acted)
    }

    /// Roles, policies, providers, profiles and buckets.
    fn account(&self) -> Value {
        self.change(|state| {
            json!([
                state.roles,
                state.policies,
                state.providers,
                state.instance_profiles,
                state.buckets,
            ])
        })
    }

    async fn policy_of_others(&self, name: &str) -> String {
        let policy = NewPolicy {
            name: name.into(),
            path: "/".into(),
            document: json!({"Version": "2012-10-17", "Statement": {
                "Effect": "Allow", "Action": "sqs:*", "Resource": "*",
            }})
            .to_string(),
            description: None,
            tags: BTreeMap::new(),
        };
        let made = self.aws.create_policy(policy).await;
        made.expect("the policy is made").arn
    }

    /// A role of others that trusts the cluster's provider.
    async fn role_of_others(&self, name: &str) {
        let grant = identity().grant(&self.facts).expect("the facts are known");
        let role = NewRole {
            name: name.into(),
            path: "/".into(),
            trust_policy: grant.trust_policy().to_string(),
            permissions_boundary: None,
            description: None,
            tags: BTreeMap::new(),
        };
        self.aws.create_role(role).await.expect("the role is made");
    }
}

#[tokio::test]
async fn what_was_made_is_gone_with_all_its_versions_and_a_second_time_does_nothing() {
    let practice = Practice::new().await;
    practice.policy_of_others("theirs").await;
    let before = practice.account();
    let mut practice = practice.with_identity().await;
    for round in 0..3 {
        let other = IamPolicy {
            identity: with_prefix(&format!("other-{round}")),
            ..practice.policy()
        };
        practice.act(&other).await.expect("a further version");
    }
    let (stay, acted) = practice.remove().await;
    assert_eq!((stay, acted), (Vec::new(), 4));
    assert_eq!(practice.account(), before);
    let writes = practice.writes();
    assert_eq!(practice.remove().await.1, 0);
    assert_eq!(practice.writes(), writes);
}

#[tokio::test]
async fn a_role_that_others_have_hung_something_on_stays_and_all_of_it_is_named() {
    let mut practice = Practice::new().await.with_identity().await;
    let theirs = practice.policy_of_others("theirs").await;
    practice
        .aws
        .attach_role_policy(ROLE, &theirs)
        .await
        .expect("it is attached");
    practice.change(|state| {
        let grants = &mut state.roles.get_mut(ROLE).unwrap().grants;
        grants.inline.insert("by-hand".into(), settled("{}".into()));
        let profile = rok_deploy::sandbox::aws::state::InstanceProfile {
            name: "nodes".into(),
            path: "/".into(),
            id: "AIPA".into(),
            created: jiff::Timestamp::UNIX_EPOCH,
            role: Some(ROLE.into()),
        };
        state.instance_profiles.insert("nodes".into(), profile);
    });
    let (stay, acted) = practice.remove().await;
    assert_eq!(acted, 2, "attachment and policy go: {stay:?}");
    let told = stay.join("\n");
    for part in [
        "policy `theirs`",
        "inline policy `by-hand`",
        "instance profile `nodes`",
        &format!("role `{ROLE}` stays"),
        &format!("others trust it: role `{ROLE}`"),
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    practice.change(|state| {
        assert_eq!(state.roles[ROLE].grants.attached.len(), 1);
        assert!(!state.policies.contains_key(&policy_arn()));
        assert_eq!(state.providers.len(), 1);
    });
}

#[tokio::test]
async fn what_carries_other_tags_or_none_stays_byte_equal() {
    for tags in [BTreeMap::new(), tags_of("other-cluster")] {
        let mut practice = Practice::new().await.with_identity().await;
        practice.change(|state| {
            state.roles.get_mut(ROLE).unwrap().tags = tags.clone();
            state.policies.get_mut(&policy_arn()).unwrap().tags = tags.clone();
            let mut providers = state.providers.values_mut();
            providers.next().unwrap().tags = tags.clone();
        });
        let before = practice.account();
        let (stay, acted) = practice.remove().await;
        assert_eq!((stay.len(), acted), (3, 0), "{stay:?}");
        assert_eq!(practice.account(), before);
    }
}

#[tokio::test]
async fn a_policy_that_others_have_stays() {
    let mut practice = Practice::new().await.with_identity().await;
    practice.role_of_others("theirs").await;
    let arn = policy_arn();
    let attached = practice.aws.attach_role_policy("theirs", &arn).await;
    attached.expect("it is attached");
    let (stay, _) = practice.remove().await;
    let told = stay.join("\n");
    assert!(told.contains("others have it: role/theirs"), "{told}");
    assert!(told.contains("others trust it: role `theirs`"), "{told}");
    practice.change(|state| {
        assert!(state.policies.contains_key(&policy_arn()) && !state.roles.contains_key(ROLE));
        assert!(
            state.roles["theirs"]
                .grants
                .attached
                .contains_key(&policy_arn())
        );
    });
}

#[tokio::test]
async fn a_provider_that_others_trust_is_found_on_every_page() {
    let mut practice = Practice::new().await.with_identity().await;
    practice.role_of_others("zz-theirs").await;
    practice.change(|state| {
        let one = state.roles[ROLE].clone();
        for index in 0..1_100 {
            let mut role = one.clone();
            role.name = format!("a-{index:04}");
            role.trust = settled("{}".into());
            role.grants.attached.clear();
            state.roles.insert(role.name.clone(), role);
        }
    });
    let (stay, acted) = practice.remove().await;
    assert_eq!(acted, 3);
    assert!(stay[0].contains("role `zz-theirs`"), "{stay:?}");
}

#[tokio::test]
async fn without_the_right_to_list_roles_the_provider_stays() {
    let mut practice = Practice::new().await.with_identity().await;
    let rights = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"*","Resource":"*"},
        {"Effect":"Deny","Action":"iam:ListRoles","Resource":"*"}]}"#;
    practice.change(|state| state.add_user("ops", "AKIAOPSOPSOPSOPSOPSO", "ops-secret", &[rights]));
    practice.aws = connect(&practice.sandbox, "AKIAOPSOPSOPSOPSOPSO", "ops-secret").await;
    let (stay, acted) = practice.remove().await;
    assert_eq!(acted, 3);
    assert!(stay[0].contains("iam:ListRoles"), "{stay:?}");
}

#[tokio::test]
async fn who_may_not_delete_is_told_every_right_that_it_takes() {
    let mut practice = Practice::new().await.with_identity().await;
    let role = RemoveRole {
        removal: practice.removal(),
    };
    let stack = RemoveStack {
        removal: practice.removal(),
    };
    let facts = practice.look(&stack).await.facts;
    practice.facts.merge(&facts);
    assert!(is_differing(&practice.look(&role).await));
    let rights = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":["iam:Get*","iam:List*"],"Resource":"*"}]}"#;
    practice
        .change(|state| state.add_user("reads", "AKIAREADREADREADREAD", "read-secret", &[rights]));
    let reader = Removal {
        aws: connect(&practice.sandbox, "AKIAREADREADREADREAD", "read-secret").await,
        identity: identity(),
    };
    let error = practice
        .act(&RemoveAttachment { removal: reader })
        .await
        .expect_err("it may only read");
    for right in ["iam:DetachRolePolicy", "DeleteRole", "DeletePolicyVersion"] {
        assert_permission(&error, right);
    }
}

#[tokio::test]
async fn a_cluster_that_is_gone_leaves_its_provider_to_be_found_by_tags() {
    let mut practice = Practice::new().await.with_identity().await;
    practice.change(|state| {
        state.clusters.clear();
        let other = state.providers.values().next().unwrap().clone();
        for index in 0..12 {
            let mut other = other.clone();
            other.tags = tags_of("other-cluster");
            let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example/id/{index}");
            state.providers.insert(arn, other);
        }
    });
    let of = |name: &str| practice.sandbox.environment()[name].clone();
    // A client remembers the cluster; another process asks anew.
    let aws = connect(
        &practice.sandbox,
        &of("AWS_ACCESS_KEY_ID"),
        &of("AWS_SECRET_ACCESS_KEY"),
    )
    .await;
    practice.aws = aws;
    let former = |is_left_out| FormerCluster {
        cluster: practice.cluster(),
        is_left_out,
    };
    let error = practice.refusal(&former(false)).await;
    assert!(
        error.hints.iter().any(|hint| hint.contains("--no-cluster")),
        "{error:?}"
    );
    let seen = practice.look(&former(true)).await;
    assert!(is_satisfied(&seen) && seen.notices[0].contains("by our tags"));
    practice.facts.merge(&seen.facts);
    let (stay, acted) = practice.remove().await;
    assert_eq!((stay, acted), (Vec::new(), 4));
    assert_eq!(practice.change(|state| state.providers.len()), 12);
}

#[tokio::test]
async fn buckets_are_named_and_never_touched() {
    let practice = Practice::new().await;
    let step = KeptBuckets {
        aws: practice.aws.clone(),
        prefix: PREFIX.into(),
    };
    assert_eq!(practice.look(&step).await.next, [""; 0]);
    for name in [format!("{PREFIX}-data"), "theirs".into()] {
        let made = practice.aws.create_bucket(&name, REGION, None).await;
        made.expect("the bucket is made");
    }
    let seen = practice.look(&step).await;
    assert!(
        seen.next[0].contains(&format!("`{PREFIX}-data`")),
        "{seen:?}"
    );
    assert!(!seen.next[0].contains("theirs"));
    let weak = KeptBuckets {
        aws: practice.weak().await,
        prefix: PREFIX.into(),
    };
    assert!(practice.look(&weak).await.next[0].contains("unknown"));
}

/// Another installation of the cluster keeps the provider that the first one made.
#[tokio::test]
async fn two_installations_of_one_cluster_leave_each_other_alone() {
    let mut practice = Practice::new().await.with_identity().await;
    let second = Identity {
        role: format!("{ROLE}-rok-rok2"),
        subject: "system:serviceaccount:rok:rok2".into(),
        prefix: "rok-second".into(),
        ..identity()
    };
    let (policy, role) = (
        IamPolicy {
            identity: second.clone(),
            ..practice.policy()
        },
        IamRole {
            identity: second.clone(),
            ..practice.role()
        },
    );
    practice.act(&policy).await.expect("the second policy");
    practice.act(&role).await.expect("the second role");
    let (stay, acted) = practice.remove().await;
    assert_eq!(acted, 3);
    assert!(stay[0].contains(&second.role), "{stay:?}");
    let seen = practice.look(&role).await;
    assert!(is_satisfied(&seen), "the second one is as it was: {seen:?}");
}
