//! Who may speak at all: keys, signatures, tokens, clocks.

use std::convert::Infallible;

use aws_credential_types::Credentials;
use jiff::Timestamp;

use super::practice::{KEY, Practice, REGION, SECRET, refused, s3};
use crate::sandbox::aws::RequestLine;

fn key(id: &str, secret: &str) -> Credentials {
    Credentials::new(id, secret, None, None, "test")
}

#[tokio::test]
async fn the_operator_is_known_by_its_signature() {
    let practice = Practice::start().await;
    let me = practice.sts().get_caller_identity().send().await.unwrap();
    assert_eq!(me.arn(), Some("arn:aws:iam::123451234512:user/operator"));
    assert_eq!(me.account(), Some("123451234512"));
    assert!(me.user_id().unwrap().starts_with("AIDA"));
    let line = RequestLine {
        service: "sts",
        operation: "GetCallerIdentity".into(),
        write: false,
        status: 200,
    };
    assert_eq!(practice.server.requests(), [line]);
}

#[tokio::test]
async fn an_unknown_key_is_refused_in_the_words_of_each_service() {
    let practice = Practice::start().await;
    let config = practice.config_of(key("AKIANOBODY", SECRET), REGION);
    let sts = aws_sdk_sts::Client::new(&config)
        .get_caller_identity()
        .send()
        .await;
    assert_eq!(refused(sts.unwrap_err()).code, "InvalidClientTokenId");
    let iam = aws_sdk_iam::Client::new(&config).list_roles().send().await;
    assert_eq!(refused(iam.unwrap_err()).code, "InvalidClientTokenId");
    let eks = aws_sdk_eks::Client::new(&config)
        .list_clusters()
        .send()
        .await;
    assert_eq!(
        refused(eks.unwrap_err()).code,
        "UnrecognizedClientException"
    );
    let s3 = s3(&config).list_buckets().send().await;
    assert_eq!(refused(s3.unwrap_err()).code, "InvalidAccessKeyId");
}

#[tokio::test]
async fn a_wrong_secret_is_a_wrong_signature() {
    let practice = Practice::start().await;
    let config = practice.config_of(key(KEY, "guessed"), REGION);
    let sts = aws_sdk_sts::Client::new(&config)
        .get_caller_identity()
        .send()
        .await;
    let sts = refused(sts.unwrap_err());
    assert_eq!(
        (sts.code.as_str(), sts.status),
        ("SignatureDoesNotMatch", 403)
    );
    let eks = aws_sdk_eks::Client::new(&config)
        .list_clusters()
        .send()
        .await;
    assert_eq!(refused(eks.unwrap_err()).code, "InvalidSignatureException");
    let s3 = s3(&config).list_buckets().send().await;
    assert_eq!(refused(s3.unwrap_err()).code, "SignatureDoesNotMatch");
}

#[tokio::test]
async fn an_expired_session_is_told_so() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    let session = practice.assume(practice.token()).await.unwrap();
    practice
        .server
        .state()
        .write(|state| {
            for session in state.sessions.values_mut() {
                session.expires_at = Timestamp::UNIX_EPOCH;
            }
            Ok::<_, Infallible>(())
        })
        .unwrap()
        .unwrap();
    let config = practice.config_of(session, REGION);
    let sts = aws_sdk_sts::Client::new(&config)
        .get_caller_identity()
        .send()
        .await;
    assert_eq!(refused(sts.unwrap_err()).code, "ExpiredToken");
    let eks = aws_sdk_eks::Client::new(&config)
        .list_clusters()
        .send()
        .await;
    assert_eq!(refused(eks.unwrap_err()).code, "ExpiredTokenException");
    let s3 = s3(&config).list_buckets().send().await;
    let s3 = refused(s3.unwrap_err());
    assert_eq!(s3.message, "The provided token has expired.");
}

#[tokio::test]
async fn a_session_without_its_token_is_nobody() {
    let practice = Practice::start().await;
    practice.authorize_rok().await;
    let session = practice.assume(practice.token()).await.unwrap();
    let config = practice.config_of(
        key(session.access_key_id(), session.secret_access_key()),
        REGION,
    );
    let sts = aws_sdk_sts::Client::new(&config)
        .get_caller_identity()
        .send()
        .await;
    assert_eq!(refused(sts.unwrap_err()).code, "InvalidClientTokenId");
    let s3 = s3(&config).list_buckets().send().await;
    assert_eq!(refused(s3.unwrap_err()).code, "InvalidToken");
}
