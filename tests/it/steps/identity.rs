//! Steps that look at the account and make the identity in it.

use super::*;

#[tokio::test]
async fn the_caller_must_be_of_the_answered_account_and_partition() {
    let practice = Practice::new().await;
    let other = Caller {
        account: "999999999999".into(),
        ..practice.caller()
    };
    let error = practice.refusal(&other).await;
    assert_eq!(error.kind, ErrorKind::Answers);
    assert!(error.message.contains(ACCOUNT) && error.message.contains("999999999999"));
    let china = Caller {
        region: "cn-north-1".into(),
        ..practice.caller()
    };
    let error = practice.refusal(&china).await;
    assert_eq!(error.kind, ErrorKind::Answers);
    assert!(error.message.contains("`aws-cn`"), "{}", error.message);
    let stranger = Caller {
        aws: connect(&practice.sandbox, "AKIANOBODYNOBODYNOBO", "wrong").await,
        ..practice.caller()
    };
    assert_eq!(
        practice.refusal(&stranger).await.kind,
        ErrorKind::Credentials
    );
}

#[tokio::test]
async fn the_cluster_must_be_there_active_and_of_the_named_issuer() {
    let practice = Practice::new().await;
    let missing = Cluster {
        name: "other".into(),
        ..practice.cluster()
    };
    let error = practice.refusal(&missing).await;
    assert_eq!(error.kind, ErrorKind::Answers);
    assert!(error.hints[0].contains(CLUSTER), "{:?}", error.hints);

    let named = Cluster {
        issuer: Some("https://elsewhere.example/id/1".into()),
        ..practice.cluster()
    };
    let error = practice.refusal(&named).await;
    assert_eq!(error.kind, ErrorKind::Answers);
    assert!(error.message.contains("`elsewhere.example/id/1`"));

    let weak = Cluster {
        aws: practice.weak().await,
        ..practice.cluster()
    };
    assert_permission(&practice.refusal(&weak).await, "eks:DescribeCluster");

    practice.change(|state| {
        state.clusters.get_mut(CLUSTER).unwrap().status = "CREATING".into();
    });
    // What was asked once is remembered by a client; another process asks again.
    let fresh = {
        let of = |name: &str| practice.sandbox.environment()[name].clone();
        connect(
            &practice.sandbox,
            &of("AWS_ACCESS_KEY_ID"),
            &of("AWS_SECRET_ACCESS_KEY"),
        )
        .await
    };
    let creating = Cluster {
        aws: fresh,
        ..practice.cluster()
    };
    let error = practice.refusal(&creating).await;
    assert_eq!(error.kind, ErrorKind::Answers);
    assert!(error.message.contains("CREATING; expected ACTIVE"));
}

#[tokio::test]
async fn the_provider_is_made_once_and_used_whoever_made_it() {
    let mut practice = Practice::new().await;
    let step = practice.provider();
    practice.make(&step).await;
    let arn = practice.change(|state| {
        let (arn, provider) = state.providers.iter_mut().next().unwrap();
        assert!(provider.tags["rok-deploy/cluster"] == CLUSTER);
        provider.client_ids = settled(BTreeSet::new());
        arn.clone()
    });
    let seen = practice.look(&step).await;
    assert!(is_differing(&seen), "ours lacks the client id: {seen:?}");
    practice.act(&step).await.unwrap();
    assert!(is_satisfied(&practice.look(&step).await));

    practice.change(|state| state.providers.get_mut(&arn).unwrap().tags.clear());
    let seen = practice.look(&step).await;
    let Finding::Satisfied { note } = &seen.finding else {
        panic!("a provider of others is used: {seen:?}")
    };
    assert!(note.contains("made by others"));

    practice.change(|state| {
        let provider = state.providers.get_mut(&arn).unwrap();
        provider.client_ids = settled(["other".to_owned()].into());
    });
    let seen = practice.look(&step).await;
    let Finding::Conflict { reason, hints, .. } = &seen.finding else {
        panic!("a provider of others is not changed: {seen:?}")
    };
    assert!(reason.contains("found other"), "{reason}");
    assert!(hints[0].contains("`--set aws_adopt=provider`"), "{hints:?}");
    assert!(hints[1].contains(&arn));

    let weak = OidcProvider {
        aws: practice.weak().await,
        ..practice.provider()
    };
    assert_permission(
        &practice.refusal(&weak).await,
        "iam:GetOpenIDConnectProvider",
    );
}

#[tokio::test]
async fn the_role_is_made_mended_in_place_and_never_taken_from_others() {
    let mut practice = Practice::new().await;
    let step = practice.role();
    practice.make(&step).await;
    let id = practice.change(|state| {
        let role = state.roles.get_mut(ROLE).unwrap();
        role.trust = settled(role.trust.current.replace("rok:rok", "rok:other"));
        role.id.clone()
    });
    let seen = practice.look(&step).await;
    assert_eq!(
        changes(&seen),
        [format!("updates role trust policy `{ROLE}`")]
    );
    practice.act(&step).await.unwrap();
    assert!(is_satisfied(&practice.look(&step).await));
    practice.change(|state| {
        let role = state.roles.get_mut(ROLE).unwrap();
        assert_eq!(role.id, id, "mended, not made anew");
        role.tags.clear();
    });
    let seen = practice.look(&step).await;
    assert!(is_conflict(&seen));
    assert_eq!(changes(&seen), [format!("adopts role tags `{ROLE}`")]);
    practice.change(|state| state.roles.get_mut(ROLE).unwrap().tags = tags_of("other-cluster"));
    let seen = practice.look(&step).await;
    let Finding::Conflict { reason, .. } = &seen.finding else {
        panic!("another cluster's: {seen:?}")
    };
    assert!(
        reason.contains("rok-deploy/cluster=other-cluster"),
        "{reason}"
    );

    let weak = IamRole {
        aws: practice.weak().await,
        ..practice.role()
    };
    assert_permission(&practice.refusal(&weak).await, "iam:GetRole");
    assert_permission(&practice.act(&weak).await.unwrap_err(), "iam:GetRole");
}

#[tokio::test]
async fn the_policy_is_made_and_gets_new_versions_as_long_as_it_must() {
    let mut practice = Practice::new().await;
    let step = practice.policy();
    practice.make(&step).await;
    // More often than AWS keeps versions.
    for round in 0..6 {
        let other = IamPolicy {
            identity: with_prefix(&format!("other-{round}")),
            ..practice.policy()
        };
        let seen = practice.look(&other).await;
        let changes = changes(&seen);
        assert_eq!(changes.last(), Some(&format!("updates policy `{ROLE}`")));
        // The sixth needs room.
        assert_eq!(changes.len(), if round < 4 { 1 } else { 2 });
        practice.act(&other).await.unwrap();
        assert!(is_satisfied(&practice.look(&other).await));
    }
    assert!(is_differing(&practice.look(&step).await));
    let versions = practice.change(|state| state.policies[&policy_arn()].versions.len());
    assert_eq!(versions, 5);
    let weak = IamPolicy {
        aws: practice.weak().await,
        ..practice.policy()
    };
    assert_permission(&practice.refusal(&weak).await, "iam:GetPolicy");
}

#[tokio::test]
async fn an_unmarked_policy_is_ours_only_on_our_role() {
    let practice = Practice::new().await.with_identity().await;
    let (step, arn) = (practice.policy(), policy_arn());
    // As CloudFormation leaves it.
    practice.change(|state| state.policies.get_mut(&arn).unwrap().tags.clear());
    let seen = practice.look(&step).await;
    let Finding::Satisfied { note } = &seen.finding else {
        panic!("the policy of our stack is ours: {seen:?}")
    };
    assert!(note.contains("on the role that carries our tags"), "{note}");
    let other = IamPolicy {
        identity: with_prefix("other"),
        ..practice.policy()
    };
    assert!(
        is_differing(&practice.look(&other).await),
        "and may be updated"
    );

    let marked = |cluster| {
        let tags = tags_of(cluster);
        practice.change(|state| state.policies.get_mut(&arn).unwrap().tags = tags);
    };
    marked("other-cluster");
    assert!(
        is_conflict(&practice.look(&step).await),
        "another cluster's mark counts"
    );
    practice.change(|state| {
        state.policies.get_mut(&arn).unwrap().tags.clear();
        state.roles.get_mut(ROLE).unwrap().tags.clear();
    });
    assert!(
        is_conflict(&practice.look(&step).await),
        "on somebody's role"
    );
    practice.change(|state| {
        let role = state.roles.get_mut(ROLE).unwrap();
        role.tags = tags_of(CLUSTER);
        role.grants.attached.clear();
    });
    assert!(is_conflict(&practice.look(&step).await), "on no role");
    practice.change(|state| state.roles.remove(ROLE));
    let seen = practice.look(&step).await;
    assert!(is_conflict(&seen), "without a role");
    assert_eq!(changes(&seen), [format!("adopts policy tags `{ROLE}`")]);
}

#[tokio::test]
async fn the_policy_is_attached_beside_those_of_others() {
    let practice = Practice::new().await.with_identity().await;
    let step = practice.attachment();
    let arn = policy_arn();
    practice.change(|state| {
        let attached = &mut state.roles.get_mut(ROLE).unwrap().grants.attached;
        attached.clear();
        let others = "arn:aws:iam::aws:policy/AdministratorAccess";
        attached.insert(others.into(), settled(()));
    });
    let seen = practice.look(&step).await;
    assert_eq!(
        changes(&seen),
        [format!("attaches policy to role `{ROLE}`")]
    );
    practice.act(&step).await.unwrap();
    let seen = practice.look(&step).await;
    let Finding::Satisfied { note } = &seen.finding else {
        panic!("{seen:?}")
    };
    assert_eq!(note, "attached, besides 1 of others");
    practice.change(|state| {
        let attached = &state.roles[ROLE].grants.attached;
        assert!(attached.len() == 2 && attached.contains_key(&arn));
    });
    let weak = PolicyAttachment {
        aws: practice.weak().await,
        ..practice.attachment()
    };
    assert_permission(
        &practice.refusal(&weak).await,
        "iam:ListAttachedRolePolicies",
    );
    assert_permission(
        &practice.act(&weak).await.unwrap_err(),
        "iam:AttachRolePolicy",
    );
}

#[tokio::test]
async fn looking_writes_nothing() {
    let practice = Practice::new().await.with_identity().await;
    let before = practice.writes();
    assert!(before >= 4, "provider, policy, role, attachment");
    practice.look(&practice.provider()).await;
    practice.look(&practice.policy()).await;
    practice.look(&practice.role()).await;
    practice.look(&practice.attachment()).await;
    assert_eq!(practice.writes(), before);
}
