//! From a service account token to a bucket.

use std::convert::Infallible;
use std::time::Duration;

use serde_json::json;

use super::practice::{ISSUER, Practice, REGION, Refused, refused, role_arn, s3, trust};
use crate::sandbox::aws::state::AwsState;

const NOT_AUTHORIZED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

fn is(refused: &Refused, code: &str, message: &str) {
    assert_eq!(
        (refused.code.as_str(), refused.message.as_str()),
        (code, message)
    );
}

fn change(practice: &Practice, change: impl FnOnce(&mut AwsState)) {
    practice
        .server
        .state()
        .write(|state| {
            change(state);
            Ok::<_, Infallible>(())
        })
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn the_session_may_what_the_role_may_and_no_more() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    let session = practice.assume(practice.token()).await.unwrap();
    assert!(session.access_key_id().starts_with("ASIA"));
    let config = practice.config_of(session, REGION);
    let me = aws_sdk_sts::Client::new(&config)
        .get_caller_identity()
        .send()
        .await
        .unwrap();
    assert_eq!(
        me.arn(),
        Some("arn:aws:sts::123451234512:assumed-role/rok/test")
    );

    let s3 = s3(&config);
    let list = |bucket: &str| s3.list_object_versions().bucket(bucket).send();
    let absent = refused(list("rok-prefix-chocks-ca").await.unwrap_err());
    is(
        &absent,
        "NoSuchBucket",
        "The specified bucket does not exist",
    );
    let denied = refused(list("others-bucket").await.unwrap_err());
    is(&denied, "AccessDenied", "Access Denied");
    s3.create_bucket()
        .bucket("rok-prefix-chocks-ca")
        .create_bucket_configuration(
            aws_sdk_s3::types::CreateBucketConfiguration::builder()
                .location_constraint(REGION.into())
                .build(),
        )
        .send()
        .await
        .unwrap();
    assert!(
        list("rok-prefix-chocks-ca")
            .await
            .unwrap()
            .versions()
            .is_empty()
    );
    is(
        &refused(s3.list_buckets().send().await.unwrap_err()),
        "AccessDenied",
        "Access Denied",
    );

    let roles = aws_sdk_iam::Client::new(&config).list_roles().send().await;
    let roles = refused(roles.unwrap_err());
    assert_eq!(
        roles.message,
        "User: arn:aws:sts::123451234512:assumed-role/rok/test is not authorized to perform: \
         iam:ListRoles on resource: arn:aws:iam::123451234512:role/ because no identity-based \
         policy allows the iam:ListRoles action"
    );
}

#[tokio::test]
async fn a_wrong_subject_and_a_missing_role_get_the_same_answer() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    let other = practice.token_with("system:serviceaccount:rok:other", "sts.amazonaws.com", 60);
    is(
        &practice.assume(other).await.unwrap_err(),
        "AccessDenied",
        NOT_AUTHORIZED,
    );
    change(&practice, |state| state.roles.clear());
    is(
        &practice.assume(practice.token()).await.unwrap_err(),
        "AccessDenied",
        NOT_AUTHORIZED,
    );
}

#[tokio::test]
async fn a_changed_trust_counts_at_once_without_lag() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    practice
        .iam()
        .update_assume_role_policy()
        .role_name("rok")
        .policy_document(trust("system:serviceaccount:rok:someone-else"))
        .send()
        .await
        .unwrap();
    let denied = practice.assume(practice.token()).await.unwrap_err();
    is(&denied, "AccessDenied", NOT_AUTHORIZED);
}

#[tokio::test]
async fn each_flaw_of_the_token_has_its_own_words() {
    let practice = Practice::start().await;
    let no_provider = practice.assume(practice.token()).await.unwrap_err();
    let message = format!("No OpenIDConnect provider found in your account for {ISSUER}");
    is(&no_provider, "InvalidIdentityToken", &message);

    practice.authorize_rok().await;
    let subject = "system:serviceaccount:rok:rok";
    let audience = practice.token_with(subject, "elsewhere", 60);
    let audience = practice.assume(audience).await.unwrap_err();
    is(
        &audience,
        "InvalidIdentityToken",
        "Incorrect token audience",
    );

    let expired = practice.token_with(subject, "sts.amazonaws.com", -60);
    assert_eq!(
        practice.assume(expired).await.unwrap_err().code,
        "ExpiredTokenException"
    );

    let impostor = super::issuer::Issuer::new(ISSUER);
    let claims = json!({
        "iss": ISSUER, "sub": subject, "aud": "sts.amazonaws.com", "exp": 9_999_999_999_i64,
    });
    let forged = practice.assume(impostor.token(&claims)).await.unwrap_err();
    assert!(
        forged
            .message
            .starts_with("Couldn't retrieve verification key"),
        "{forged:?}"
    );
    assert_eq!(forged.code, "InvalidIdentityToken");
    assert!(
        practice
            .assume(practice.issuer.token(&claims))
            .await
            .is_ok()
    );

    let garbage = practice.assume("no-token".into()).await.unwrap_err();
    assert_eq!(garbage.code, "InvalidIdentityToken");
}

#[tokio::test]
async fn a_session_is_not_longer_than_the_role_allows() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    let wish = |seconds: i32| {
        practice
            .sts()
            .assume_role_with_web_identity()
            .role_arn(role_arn("rok"))
            .role_session_name("test")
            .web_identity_token(practice.token())
            .duration_seconds(seconds)
            .send()
    };
    let long = refused(wish(7200).await.unwrap_err());
    let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    is(&long, "ValidationError", message);
    assert!(
        refused(wish(60).await.unwrap_err())
            .message
            .contains("durationSeconds")
    );
    practice
        .iam()
        .update_role()
        .role_name("rok")
        .max_session_duration(7200)
        .send()
        .await
        .unwrap();
    wish(7200).await.unwrap();
}

#[tokio::test]
async fn what_iam_reads_back_sts_and_s3_learn_later() {
    let practice = Practice::with_lag(Duration::from_hours(1)).await;
    practice.authorize_rok().await;
    practice
        .iam()
        .get_role()
        .role_name("rok")
        .send()
        .await
        .unwrap();
    let lagging = practice.assume(practice.token()).await.unwrap_err();
    assert!(
        lagging
            .message
            .starts_with("No OpenIDConnect provider found")
    );

    let past = jiff::Timestamp::UNIX_EPOCH;
    change(&practice, |state| {
        for provider in state.providers.values_mut() {
            provider.client_ids.visible_at = past;
        }
    });
    is(
        &practice.assume(practice.token()).await.unwrap_err(),
        "AccessDenied",
        NOT_AUTHORIZED,
    );

    change(&practice, |state| {
        state.roles.get_mut("rok").unwrap().trust.visible_at = past;
    });
    let session = practice.assume(practice.token()).await.unwrap();
    let s3 = s3(&practice.config_of(session, REGION));
    let list = || s3.list_object_versions().bucket("rok-prefix-a").send();
    assert_eq!(refused(list().await.unwrap_err()).code, "AccessDenied");

    change(&practice, |state| {
        for attached in state
            .roles
            .get_mut("rok")
            .unwrap()
            .grants
            .attached
            .values_mut()
        {
            attached.visible_at = past;
        }
    });
    assert_eq!(refused(list().await.unwrap_err()).code, "AccessDenied");
    change(&practice, |state| {
        for policy in state.policies.values_mut() {
            policy.default_version.visible_at = past;
        }
    });
    assert_eq!(refused(list().await.unwrap_err()).code, "NoSuchBucket");
}

#[tokio::test]
async fn a_user_assumes_a_role_that_trusts_its_account() {
    let practice = Practice::start().await;
    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": "arn:aws:iam::123451234512:root" },
    } });
    practice
        .iam()
        .create_role()
        .role_name("admin")
        .assume_role_policy_document(trust.to_string())
        .send()
        .await
        .unwrap();
    let assume = |sts: aws_sdk_sts::Client| {
        sts.assume_role()
            .role_arn(role_arn("admin"))
            .role_session_name("me")
            .send()
    };
    let session = assume(practice.sts()).await.unwrap();
    let arn = session.assumed_role_user().unwrap().arn();
    assert_eq!(arn, "arn:aws:sts::123451234512:assumed-role/admin/me");

    change(&practice, |state| {
        state.add_user("weak", "AKIAWEAK", "weak", &[]);
    });
    let weak = aws_credential_types::Credentials::new("AKIAWEAK", "weak", None, None, "test");
    let weak = aws_sdk_sts::Client::new(&practice.config_of(weak, REGION));
    let message = "User: arn:aws:iam::123451234512:user/weak is not authorized to perform: \
                   sts:AssumeRole on resource: arn:aws:iam::123451234512:role/admin";
    is(
        &refused(assume(weak).await.unwrap_err()),
        "AccessDenied",
        message,
    );
}
