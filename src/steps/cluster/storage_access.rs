//! Proves the chain without a Pod: a token of the service account, a session of the role, a
//! request to S3.
//!
//! The token comes from the TokenRequest API, so it is the very token that a Pod would hold, less
//! the Pod. Nothing is created: a bucket that does not exist is proof enough, since S3 tells so
//! only to those who may ask.

use async_trait::async_trait;
use serde_json::Value;

use super::access::{ClusterAccess, refused};
use super::context::CLUSTER_UID;
use crate::clients::aws::{Aws, AwsError, AwsErrorKind};
use crate::clients::cluster::token_claims;
use crate::engine::{Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta};
use crate::steps::aws::policy::AUDIENCE;
use crate::steps::aws::{ISSUER, ROLE_ARN};
use crate::steps::names;

/// How long the token of the proof lives, in seconds: the shortest that Kubernetes gives.
const TOKEN_SECONDS: i64 = 600;

/// Walks the chain.
pub struct StorageAccess {
    /// The account.
    pub aws: Aws,
    /// The way to the cluster.
    pub access: ClusterAccess,
    /// The service account's namespace.
    pub namespace: String,
    /// The service account's name.
    pub name: String,
    /// The bucket prefix.
    pub prefix: String,
}

#[async_trait]
impl Step for StorageAccess {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![CLUSTER_UID.name(), ROLE_ARN.name(), ISSUER.name()],
            after: vec!["rok.verify-account"],
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "rok.storage-access",
                "Service account reaches its buckets",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let (role, issuer) = (facts.get(&ROLE_ARN)?, facts.get(&ISSUER)?);
        let client = self.access.client().await?;
        let token = client
            .request_token(&self.namespace, &self.name, AUDIENCE, TOKEN_SECONDS)
            .await
            .map_err(refused)?;
        let claims = token_claims(&token).map_err(refused)?;
        self.judge(&claims, &issuer)?;
        let session = format!("rok-deploy-{}", context.run);
        let assumed = self
            .aws
            .assume_role_with_web_identity(&role, &session, token.secret.expose())
            .await;
        let session = match assumed {
            Ok(session) => session,
            Err(error) => return Self::not_assumed(error, &claims, context),
        };
        let bucket = names::probe_bucket(&self.prefix);
        let subject = format!("{}/{}", self.namespace, self.name);
        match self.aws.list_object_versions(&bucket, Some(&session)).await {
            Ok(listing) => Ok(Observation::satisfied(format!(
                "`{subject}` became {}, listed {} versions in `{bucket}`",
                session.arn, listing.versions
            ))),
            Err(error) if error.code.as_deref() == Some("NoSuchBucket") => {
                Ok(Observation::satisfied(format!(
                    "`{subject}` became {}, may list `{bucket}`, which does not exist yet",
                    session.arn
                )))
            }
            Err(error) => self.not_allowed(error, &bucket, context),
        }
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl StorageAccess {
    /// Compares the token's claims with what the trust policy expects, before AWS does, whose
    /// refusal would not tell which of them is wrong.
    fn judge(&self, claims: &Value, issuer: &str) -> Result<(), StepError> {
        let subject = format!("system:serviceaccount:{}:{}", self.namespace, self.name);
        let text = |claim: &Value| match claim {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let audiences = match &claims["aud"] {
            Value::Array(audiences) => audiences.iter().map(text).collect(),
            single => vec![text(single)],
        };
        let found_issuer = text(&claims["iss"]);
        let expected_issuer = format!("https://{issuer}");
        let plain_issuer = format!("http://{issuer}");
        let mut wrong = Vec::new();
        if ![&expected_issuer, &plain_issuer].contains(&&found_issuer) {
            wrong.push(format!(
                "`iss`: found {found_issuer}, expected {expected_issuer}"
            ));
        }
        if text(&claims["sub"]) != subject {
            wrong.push(format!(
                "`sub`: found {}, expected {subject}",
                text(&claims["sub"])
            ));
        }
        if !audiences.iter().any(|audience| audience == AUDIENCE) {
            wrong.push(format!(
                "`aud`: found {}, expected {AUDIENCE}",
                audiences.join(", ")
            ));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(StepError::verification(format!(
            "the service account's token differs: {}",
            wrong.join("; ")
        ))
        .hint("a wrong issuer means that this context is not the chosen cluster"))
    }

    fn not_assumed(
        error: AwsError,
        claims: &Value,
        context: &Context,
    ) -> Result<Observation, StepError> {
        let code = error.code.as_deref().unwrap_or_default();
        let about_identity = matches!(code, "AccessDenied" | "InvalidIdentityToken");
        if about_identity && context.has_acted("aws.") {
            // What was just made equals what was intended, or the steps before would have failed:
            // the refusal comes from a replica that has not heard of it.
            return Ok(Observation::pending(error.to_string()));
        }
        let failed = StepError::verification(error.to_string());
        Err(match code {
            "InvalidIdentityToken" => failed.hint(format!(
                "AWS does not accept the token: look at the IAM OIDC provider of {} and its client ids (`{AUDIENCE}`)",
                claims["iss"].as_str().unwrap_or("the issuer")
            )),
            "AccessDenied" => failed.hint(format!(
                "the trust policy does not admit this identity: the token has sub {}, aud {}",
                claims["sub"], claims["aud"]
            )),
            _ => transient(failed, &error),
        })
    }

    fn not_allowed(
        &self,
        error: AwsError,
        bucket: &str,
        context: &Context,
    ) -> Result<Observation, StepError> {
        let denied = error.kind == AwsErrorKind::AccessDenied;
        if denied && context.has_acted("aws.") {
            return Ok(Observation::pending(error.to_string()));
        }
        let failed = StepError::verification(error.to_string());
        Err(if denied {
            failed
                .hint("the role was assumed, so the identity is proven; its permissions are not enough")
                .hint(format!(
                    "check that the role's policy allows the prefix `{}` of bucket `{bucket}`",
                    self.prefix
                ))
        } else {
            transient(failed, &error)
        })
    }
}

fn transient(failed: StepError, error: &AwsError) -> StepError {
    let mut failed = if error.is_transient() {
        failed.retryable()
    } else {
        failed
    };
    failed.hints.extend(error.hint());
    failed
}
