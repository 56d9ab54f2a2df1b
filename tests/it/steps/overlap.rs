//! Whether names and prefix are somebody else's already.

use rok_deploy::clients::aws::{NewPolicy, NewRole};
use rok_deploy::engine::{Finding, Observation};
use rok_deploy::steps::aws::policy::bucket_policy;
use rok_deploy::steps::aws::{Identity, Overlap};
use rok_deploy::steps::names::{check_prefix, check_role};
use serde_json::json;

use super::*;

impl Practice {
    fn overlap(&self) -> Overlap {
        Overlap {
            aws: self.aws.clone(),
            identity: identity(),
            region: REGION.into(),
            namespace: "rok".into(),
            name: "rok".into(),
            uses_stack: false,
            accepts: false,
        }
    }

    async fn bucket(&self, name: &str) {
        let made = self.aws.create_bucket(name, REGION, None).await;
        made.expect("the bucket is made");
    }

    /// A policy that gives a prefix, with the tags of a cluster's installation or without.
    async fn installation(&self, name: &str, prefix: &str, cluster: Option<&str>) {
        let policy = NewPolicy {
            name: name.into(),
            path: "/".into(),
            document: bucket_policy("aws", prefix).to_string(),
            description: None,
            tags: cluster.map(tags_of).unwrap_or_default(),
        };
        let made = self.aws.create_policy(policy).await;
        made.expect("the policy is made");
    }

    /// A role of our name that lets a service account of our cluster in.
    async fn role_for(&self, subject: &str, cluster: &str) {
        let grant = Identity {
            subject: subject.into(),
            ..identity()
        }
        .grant(&self.facts)
        .expect("the facts are known");
        let role = NewRole {
            name: ROLE.into(),
            path: "/".into(),
            trust_policy: grant.trust_policy().to_string(),
            permissions_boundary: None,
            description: None,
            tags: tags_of(cluster),
        };
        self.aws.create_role(role).await.expect("the role is made");
    }
}

fn reason(seen: &Observation) -> &str {
    match &seen.finding {
        Finding::Conflict { reason, .. } => reason,
        other => panic!("no conflict: {other:?}"),
    }
}

/// What `--set KEY=` is proposed.
fn proposed(seen: &Observation, key: &str) -> String {
    let Finding::Conflict { hints, .. } = &seen.finding else {
        panic!("no conflict: {seen:?}")
    };
    let start = format!("--set {key}=");
    let (_, rest) = hints
        .iter()
        .find_map(|hint| hint.split_once(&start))
        .unwrap_or_else(|| panic!("no {key} in {hints:?}"));
    let end = rest.find([' ', '`']).expect("the command ends");
    rest[..end].to_owned()
}

#[tokio::test]
async fn an_account_without_neighbours_is_fine() {
    let practice = Practice::new().await;
    let seen = practice.look(&practice.overlap()).await;
    assert!(is_satisfied(&seen) && seen.notices.is_empty(), "{seen:?}");
}

#[tokio::test]
async fn buckets_under_the_prefix_are_somebodys_until_the_identity_is_there() {
    let mut practice = Practice::new().await;
    let step = practice.overlap();
    practice.bucket(&format!("{PREFIX}-chocks-ca")).await;
    let seen = practice.look(&step).await;
    assert!(is_satisfied(&seen), "a proof of before: {seen:?}");
    assert!(seen.notices[0].contains("earlier installation"), "{seen:?}");

    practice.bucket(&format!("{PREFIX}-data")).await;
    practice.bucket("somebodys-else").await;
    let seen = practice.look(&step).await;
    assert!(
        reason(&seen).contains(&format!("`{PREFIX}-data`")),
        "{seen:?}"
    );
    assert!(!reason(&seen).contains("somebodys-else"));
    let accepted = Overlap {
        accepts: true,
        ..practice.overlap()
    };
    let seen = practice.look(&accepted).await;
    assert!(is_satisfied(&seen), "{seen:?}");
    assert!(seen.notices[0].contains(&format!("`{PREFIX}-data`")));

    // Half made: provider and policy, no role. The buckets are Rok's by now.
    practice.make(&practice.provider()).await;
    assert!(is_conflict(&practice.look(&step).await));
    practice.make(&practice.policy()).await;
    let seen = practice.look(&step).await;
    assert!(is_satisfied(&seen) && seen.notices.is_empty(), "{seen:?}");
    // Another prefix would make the buckets under that one Rok's.
    let other = Overlap {
        identity: with_prefix("somebodys"),
        ..practice.overlap()
    };
    assert!(reason(&practice.look(&other).await).contains("`somebodys-else`"));
}

#[tokio::test]
async fn a_whole_installation_sees_no_overlap_with_itself() {
    let practice = Practice::new().await.with_identity().await;
    practice.bucket(&format!("{PREFIX}-data")).await;
    // The same cluster's, under the name that its role had before.
    practice
        .installation("rok-before", PREFIX, Some(CLUSTER))
        .await;
    let seen = practice.look(&practice.overlap()).await;
    assert!(is_satisfied(&seen) && seen.notices.is_empty(), "{seen:?}");
}

#[tokio::test]
async fn a_prefix_that_begins_anothers_is_told_with_both_and_their_buckets() {
    let practice = Practice::new().await;
    let theirs = format!("{PREFIX}2");
    practice.installation("rok-two", &theirs, Some("two")).await;
    practice.bucket(&format!("{theirs}-data")).await;
    let seen = practice.look(&practice.overlap()).await;
    for part in [
        format!("`{PREFIX}` takes in `{theirs}`"),
        "`rok-two` of cluster `two`".into(),
        format!("`{theirs}-data`"),
    ] {
        assert!(reason(&seen).contains(&part), "{part}: {seen:?}");
    }
    assert_proposal_is_free(&practice, &seen).await;

    // Who is there already is told and goes on.
    let practice = Practice::new().await.with_identity().await;
    practice.installation("rok-two", &theirs, Some("two")).await;
    let seen = practice.look(&practice.overlap()).await;
    assert!(is_satisfied(&seen), "{seen:?}");
    assert!(seen.notices[0].contains("`rok-two` of cluster `two`"));
}

#[tokio::test]
async fn a_prefix_that_anothers_begins_is_told_too() {
    let practice = Practice::new().await;
    let theirs = PREFIX.trim_end_matches("-cluster");
    practice.installation("rok-short", theirs, None).await;
    practice.bucket(&format!("{theirs}-data")).await;
    let seen = practice.look(&practice.overlap()).await;
    let text = format!("`{PREFIX}` lies within `{theirs}` of `rok-short`, which has no tag");
    assert!(reason(&seen).contains(&text), "{seen:?}");
    assert!(
        !reason(&seen).contains("-data"),
        "that bucket is theirs alone"
    );
    assert_proposal_is_free(&practice, &seen).await;
}

#[tokio::test]
async fn the_same_prefix_and_a_single_bucket_count_and_other_prefixes_do_not() {
    let practice = Practice::new().await;
    practice
        .installation("rok-far", "rok-other", Some("far"))
        .await;
    practice
        .installation("custom", PREFIX, Some("custom"))
        .await;
    let seen = practice.look(&practice.overlap()).await;
    assert!(is_satisfied(&seen), "only `rok-*` is read: {seen:?}");
    practice
        .installation("rok-same", PREFIX, Some("same"))
        .await;
    let seen = practice.look(&practice.overlap()).await;
    assert!(reason(&seen).contains("is that of `rok-same`"), "{seen:?}");

    let practice = Practice::new().await;
    let document = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow",
        "Action": "s3:*",
        "Resource": format!("arn:aws:s3:::{PREFIX}-loki/*"),
    }});
    let loki = NewPolicy {
        name: "rok-loki".into(),
        path: "/".into(),
        document: document.to_string(),
        description: None,
        tags: tags_of("loki"),
    };
    practice.aws.create_policy(loki).await.expect("it is made");
    let seen = practice.look(&practice.overlap()).await;
    assert!(
        reason(&seen).contains(&format!("takes in bucket `{PREFIX}-loki`")),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_role_of_our_name_is_named_by_whom_it_belongs_to() {
    let practice = Practice::new().await;
    practice.role_for(SUBJECT, "arrikto-cluster-rok").await;
    let seen = practice.look(&practice.overlap()).await;
    assert!(
        reason(&seen).contains("belongs to cluster `arrikto-cluster-rok`"),
        "{seen:?}"
    );
    assert_ne!(proposed(&seen, "aws_s3_role"), ROLE);

    // Namespace `dev-rok` and cluster name `rok` drop `-rok-rok`, and so are named like `dev`.
    let practice = Practice::new().await;
    practice
        .role_for("system:serviceaccount:rok:rok", CLUSTER)
        .await;
    let twin = Overlap {
        namespace: "other".into(),
        ..practice.overlap()
    };
    let seen = practice.look(&twin).await;
    assert!(
        reason(&seen).contains("service account `rok/rok` of this cluster"),
        "{seen:?}"
    );
    // A subject that is another name's is a difference of trust, and no collision.
    let practice = Practice::new().await;
    practice
        .role_for("system:serviceaccount:rok:other", CLUSTER)
        .await;
    assert!(is_satisfied(&practice.look(&practice.overlap()).await));
}

#[tokio::test]
async fn without_the_rights_to_look_it_is_unknown_and_stops_nothing() {
    let practice = Practice::new().await;
    practice.bucket(&format!("{PREFIX}-data")).await;
    let weak = Overlap {
        aws: practice.weak().await,
        ..practice.overlap()
    };
    let seen = practice.look(&weak).await;
    assert!(is_satisfied(&seen), "{seen:?}");
    for right in ["s3:ListBuckets", "iam:ListPolicies", "iam:GetRole"] {
        assert!(
            seen.notices.iter().any(|notice| notice.contains(right)),
            "{right}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn one_bad_neighbour_does_not_hide_the_others_and_a_thousand_are_not_read() {
    let practice = Practice::new().await;
    practice.installation("rok-bad", "rok-bad", None).await;
    practice.installation("rok-worse", "rok-worse", None).await;
    practice.installation("rok-two", PREFIX, Some("two")).await;
    practice.change(|state| {
        let bad = format!("arn:aws:iam::{ACCOUNT}:policy/rok-bad");
        state.policies.get_mut(&bad).unwrap().versions.clear();
        let worse = format!("arn:aws:iam::{ACCOUNT}:policy/rok-worse");
        state.policies.get_mut(&worse).unwrap().versions[0].document = "no JSON".into();
    });
    let seen = practice.look(&practice.overlap()).await;
    assert!(reason(&seen).contains("`rok-two`"), "{seen:?}");
    assert!(seen.notices[0].contains("`rok-bad`"), "{seen:?}");

    let practice = Practice::new().await;
    practice.installation("rok-0", "rok-0", None).await;
    practice.change(|state| {
        let arn = format!("arn:aws:iam::{ACCOUNT}:policy/rok-0");
        for index in 1..2_000 {
            let mut policy = state.policies[&arn].clone();
            policy.name = format!("rok-{index}");
            policy.arn = format!("arn:aws:iam::{ACCOUNT}:policy/rok-{index}");
            state.policies.insert(policy.arn.clone(), policy);
        }
    });
    let requests = || {
        let server = practice.sandbox.aws().expect("this process serves");
        server.requests().len()
    };
    let before = requests();
    let seen = practice.look(&practice.overlap()).await;
    assert!(is_satisfied(&seen), "{seen:?}");
    assert!(seen.notices[0].contains("only 100"), "{seen:?}");
    assert!(requests() - before < 110, "{}", requests() - before);
}

/// The proposal is valid, another one than before, and collides with nothing either.
async fn assert_proposal_is_free(practice: &Practice, seen: &Observation) {
    let (prefix, role) = (
        proposed(seen, "aws_s3_bucket_prefix"),
        proposed(seen, "aws_s3_role"),
    );
    check_prefix(&prefix).expect("it is a prefix");
    check_role(&role).expect("it is a role's name");
    let taken = Overlap {
        identity: Identity {
            role,
            prefix,
            ..identity()
        },
        ..practice.overlap()
    };
    let seen = practice.look(&taken).await;
    assert!(is_satisfied(&seen) && seen.notices.is_empty(), "{seen:?}");
}
