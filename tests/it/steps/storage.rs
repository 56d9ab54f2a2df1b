//! The proof without a Pod, with each link of the chain broken in turn.

use rok_deploy::engine::{Link, LinkState};
use rok_deploy::steps::aws::chosen;
use rok_deploy::steps::cluster::{ClusterContext, Namespaces};
use rok_deploy::steps::proof::aws::{StorageAccess, VerifyAccount};

use super::*;

/// Identity, namespace and service account, as a run leaves them.
async fn installed() -> Practice {
    let mut practice = Practice::new().await.with_identity().await;
    let context = ClusterContext {
        access: practice.access(),
        chosen: chosen(CLUSTER, REGION),
        accepts_other_server: false,
    };
    let seen = practice.look(&context).await;
    practice.facts.merge(&seen.facts);
    let namespaces = Namespaces {
        access: practice.access(),
        names: vec!["rok".into(), "rok-system".into()],
    };
    if is_differing(&practice.look(&namespaces).await) {
        practice.make(&namespaces).await;
    }
    let account = VerifyAccount {
        ground: practice.ground(),
    };
    practice.make(&account).await;
    practice
}

fn access(practice: &Practice) -> StorageAccess {
    StorageAccess {
        ground: practice.ground(),
    }
}

/// Broken, the proof fails as a verification that names the link, its cause and what mends it; also
/// right after our own act, since what differs for good is not waited for.
async fn assert_broken(break_it: impl FnOnce(&mut AwsState), link: Link, remedy: &str) {
    let practice = installed().await;
    let step = access(&practice);
    assert!(is_satisfied(&practice.look(&step).await), "whole at first");
    practice.change(break_it);
    for acted in [&[][..], &["aws.iam-role"]] {
        let error = practice.try_look(&step, acted).await;
        let error = error.expect_err("it is broken");
        assert_eq!(error.kind, ErrorKind::Verification, "{error:?}");
        let chain = error.chain.as_ref().expect("the chain is told");
        let weakest = chain.weakest().expect("it is broken");
        assert_eq!(
            (weakest.link, weakest.state),
            (link, LinkState::Broken),
            "{error:?}"
        );
        let hints = error.hints.join("\n");
        assert!(hints.contains(remedy), "{remedy} in {error:?}");
    }
}

fn trust(state: &mut AwsState, from: &str, to: &str) {
    let role = state.roles.get_mut(ROLE).expect("made before");
    assert!(role.trust.current.contains(from));
    role.trust = settled(role.trust.current.replace(from, to));
}

#[tokio::test]
async fn the_chain_is_proven_without_writing_anything() {
    let practice = installed().await;
    let before = practice.writes();
    let seen = practice.look(&access(&practice)).await;
    let Finding::Satisfied { note } = &seen.finding else {
        panic!("{seen:?}")
    };
    assert!(note.contains("does not exist yet"), "{note}");
    assert_eq!(practice.writes(), before);
    practice.change(|state| assert!(state.buckets.is_empty()));
}

#[tokio::test]
async fn a_deleted_provider_is_named() {
    assert_broken(
        |state| state.providers.clear(),
        Link::Provider,
        "rok-deploy run",
    )
    .await;
}

#[tokio::test]
async fn a_missing_client_id_is_named() {
    let without = |state: &mut AwsState| {
        for provider in state.providers.values_mut() {
            provider.client_ids = settled(["other".to_owned()].into());
        }
    };
    assert_broken(
        without,
        Link::Provider,
        "add-client-id-to-open-id-connect-provider",
    )
    .await;
}

#[tokio::test]
async fn a_trust_policy_for_another_subject_is_named() {
    let other = |state: &mut AwsState| trust(state, "rok:rok", "rok:other");
    assert_broken(other, Link::Trust, "rok-deploy run").await;
}

#[tokio::test]
async fn a_trust_policy_for_another_audience_is_named() {
    let other = |state: &mut AwsState| trust(state, "sts.amazonaws.com", "sts.example.com");
    assert_broken(other, Link::Trust, "rok-deploy run").await;
}

#[tokio::test]
async fn a_policy_for_another_prefix_is_named() {
    let other = |state: &mut AwsState| {
        for policy in state.policies.values_mut() {
            for version in &mut policy.versions {
                version.document = version.document.replace(PREFIX, "rok-other");
            }
        }
    };
    assert_broken(other, Link::Prefix, "rok-deploy run").await;
}

#[tokio::test]
async fn a_detached_policy_is_named() {
    let detached =
        |state: &mut AwsState| state.roles.get_mut(ROLE).unwrap().grants.attached.clear();
    assert_broken(detached, Link::Policy, "attach-role-policy").await;
}

#[tokio::test]
async fn a_service_account_that_is_not_there_cannot_speak() {
    let practice = installed().await;
    let mut ground = practice.ground();
    ground.workload.name = "nobody".into();
    let nobody = StorageAccess { ground };
    let error = practice.refusal(&nobody).await;
    assert!(error.message.contains("nobody"), "{error:?}");
    assert!(!error.retry);
}
