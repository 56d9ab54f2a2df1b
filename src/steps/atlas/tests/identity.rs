//! One broken link at a time, from the service account to the role, with STS's own refusals.

use std::collections::BTreeSet;

use super::super::Source;
use super::*;

#[tokio::test]
async fn a_provider_that_is_gone_is_registered_again() {
    let practice = Practice::new().await;
    practice.change(|state| state.providers.clear());
    let diagnosis = practice.broken("provider-missing", Link::Provider).await;
    let issuer = &practice.prober.place.issuer;
    assert!(diagnosis.cause.contains(issuer.as_str()));
    assert_remedy(
        &diagnosis,
        "eksctl utils associate-iam-oidc-provider --cluster arrikto-cluster --approve --profile ops --region us-west-2",
    );
    assert_remedy(
        &diagnosis,
        &format!(
            "aws iam create-open-id-connect-provider --url https://{issuer} --client-id-list sts.amazonaws.com --profile ops"
        ),
    );
}

#[tokio::test]
async fn a_client_id_that_is_missing_is_added() {
    let practice = Practice::new().await;
    let arn = practice.prober.place.provider_arn();
    practice.change(|state| {
        let provider = state.providers.get_mut(&arn).unwrap();
        provider.client_ids = Lagged::settled(BTreeSet::from(["other".to_owned()]));
    });
    let diagnosis = practice.broken("client-id-missing", Link::Provider).await;
    let found = "found client ids other, expected sts.amazonaws.com";
    assert!(diagnosis.cause.contains(found), "{}", diagnosis.cause);
    assert_remedy(
        &diagnosis,
        &format!(
            "aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {arn} --client-id sts.amazonaws.com --profile ops"
        ),
    );
}

#[tokio::test]
async fn trust_for_another_subject_shows_both_and_the_policy_that_mends_it() {
    let practice = Practice::new().await;
    let key = format!("{}:sub", practice.prober.place.issuer);
    let other = "system:serviceaccount:rok:other";
    practice.retrust(|trust| {
        trust["Statement"][0]["Condition"]["StringEquals"][&key] = other.into();
    });
    let diagnosis = practice.broken("trust-subject", Link::Trust).await;
    let found = format!("found {other}, expected system:serviceaccount:rok:rok");
    assert!(diagnosis.cause.contains(&found), "{}", diagnosis.cause);
    let trust = practice.prober.place.admission().trust_policy();
    assert_remedy(
        &diagnosis,
        &format!(
            "aws iam update-assume-role-policy --role-name {ROLE} --policy-document '{trust}' --profile ops"
        ),
    );
    let note = practice.diagnosis().await.1[Link::Trust].note.clone();
    assert!(
        note.contains("the role wants") && note.contains("the token has"),
        "{note}"
    );
}

#[tokio::test]
async fn trust_for_another_audience_is_told_from_a_wrong_provider() {
    let practice = Practice::new().await;
    let key = format!("{}:aud", practice.prober.place.issuer);
    practice.retrust(|trust| {
        trust["Statement"][0]["Condition"]["StringEquals"][&key] =
            "sts.us-west-2.amazonaws.com".into();
    });
    let diagnosis = practice.broken("trust-audience", Link::Trust).await;
    assert!(
        diagnosis
            .cause
            .contains("found sts.us-west-2.amazonaws.com")
    );
}

#[tokio::test]
async fn trust_in_another_cluster_is_told_by_its_provider() {
    let practice = Practice::new().await;
    let issuer = practice.prober.place.issuer.clone();
    practice.role(|role| {
        let other = role
            .trust
            .current
            .replace(&issuer, "oidc.eks.us-west-2.amazonaws.com/id/OLD");
        role.trust = Lagged::settled(other);
    });
    let diagnosis = practice.broken("trust-provider", Link::Trust).await;
    assert!(
        diagnosis.cause.contains("/id/OLD, expected arn:aws:iam"),
        "{}",
        diagnosis.cause
    );
}

#[tokio::test]
async fn trust_that_denies_is_told_as_a_denial() {
    let practice = Practice::new().await;
    practice.retrust(|trust| {
        let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "sts:*" });
        trust["Statement"].as_array_mut().unwrap().push(deny);
    });
    let diagnosis = practice.broken("trust-denies", Link::Trust).await;
    assert!(diagnosis.cause.contains("\"Effect\":\"Deny\""));
}

#[tokio::test]
async fn a_role_that_is_gone_is_created_again() {
    let practice = Practice::new().await;
    practice.change(|state| state.roles.remove(ROLE));
    let diagnosis = practice.broken("role-missing", Link::Role).await;
    assert!(diagnosis.remedies[0].contains("rok-deploy run"));
}

#[tokio::test]
async fn a_role_of_the_same_name_and_another_path_is_told_by_its_arn() {
    let practice = Practice::new().await;
    practice.role(|role| role.path = "/team/".into());
    let diagnosis = practice.broken("role-of-another-path", Link::Role).await;
    let other = format!("arn:aws:iam::{ACCOUNT}:role/team/{ROLE}");
    assert!(
        diagnosis
            .cause
            .contains(&format!("found {other}, expected {}", role_arn()))
    );
    assert_remedy(
        &diagnosis,
        &format!(
            "kubectl annotate serviceaccount rok --namespace rok {ANNOTATION}={other} --overwrite --context practice"
        ),
    );
}

#[tokio::test]
async fn a_context_of_another_cluster_is_told_by_the_issuer() {
    let practice = Practice::new().await;
    let other = "https://oidc.eks.us-west-2.amazonaws.com/id/OTHER";
    practice.change(|state| {
        // The account knows the chosen cluster's issuer; the context's tokens come from another.
        let cluster = state.clusters.get_mut("arrikto-cluster").unwrap();
        cluster.issuer = other.into();
        let (arn, mut provider) = state.providers.pop_first().unwrap();
        let old = provider.url.clone();
        provider.url = other.trim_start_matches("https://").into();
        state
            .providers
            .insert(arn.replace(&old, &provider.url), provider);
    });
    let mut prober = practice
        .as_user(&[r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#])
        .await;
    prober.place.issuer = other.trim_start_matches("https://").into();
    let symptom = practice.symptom().await.unwrap();
    let (diagnosis, chain) = prober.diagnose(&symptom, true).await;
    assert_eq!(diagnosis.cause_id, Some("issuer-other"), "{diagnosis:?}");
    assert_eq!(chain.weakest().unwrap().link, Link::Issuer);
    let found = format!(
        "found https://{}, expected {other}",
        practice.prober.place.issuer
    );
    assert!(diagnosis.cause.contains(&found), "{}", diagnosis.cause);
    assert_remedy(
        &diagnosis,
        "aws eks update-kubeconfig --name arrikto-cluster --profile ops --region us-west-2",
    );
}

#[tokio::test]
async fn the_annotation_of_the_account_is_compared_with_the_role() {
    let practice = Practice::new().await;
    let other = format!("arn:aws:iam::{ACCOUNT}:role/other");
    practice.annotate(Some(&other)).await;
    let chain = practice.prober.chain().await;
    let found = &chain[Link::ServiceAccount];
    assert_eq!(found.state, LinkState::Broken);
    assert!(
        found
            .note
            .contains(&format!("found {other}, expected {}", role_arn()))
    );

    practice.annotate(None).await;
    let chain = practice.prober.chain().await;
    // A token leads to the bucket all the same.
    assert_eq!(chain[Link::ServiceAccount].state, LinkState::Unknown);
    assert_eq!(chain[Link::Bucket].state, LinkState::Proven);

    practice.cluster().await.delete(&account()).await.unwrap();
    let chain = practice.prober.chain().await;
    assert_eq!(chain.weakest().unwrap().link, Link::ServiceAccount);
}

#[tokio::test]
async fn refusals_that_the_chain_does_not_explain_show_what_they_are_about() {
    let practice = Practice::new().await;
    let told = async |code: &str, text: &str| {
        let symptom = Symptom::new(Source::Sts, text).code(code);
        practice.prober.diagnose(&symptom, true).await.0
    };
    let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    let session = told("ValidationError", text).await;
    assert!(
        session.cause.contains("at most 3600 seconds"),
        "{}",
        session.cause
    );
    assert_remedy(
        &session,
        &format!(
            "aws iam update-role --role-name {ROLE} --max-session-duration 43200 --profile ops"
        ),
    );

    let text = "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint";
    let thumbprint = told("InvalidIdentityToken", text).await;
    assert_eq!(thumbprint.cause_id, Some("thumbprint"));
    assert!(!thumbprint.not_yet, "no wait mends a thumbprint");

    let text = "Couldn't retrieve verification key from your identity provider, please reference \
                AssumeRoleWithWebIdentity documentation for requirements";
    let unreachable = told("InvalidIdentityToken", text).await;
    assert_eq!(unreachable.cause_id, Some("issuer-unreachable"));
    assert!(unreachable.not_yet, "AWS itself may be disturbed");

    let text = "Incorrect token audience";
    let audience = told("InvalidIdentityToken", text).await;
    assert!(
        audience.not_yet,
        "the provider has the client id: {audience:?}"
    );
}
