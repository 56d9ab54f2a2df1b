//! Who is calling, and a session of the role that a workload will assume.

use std::time::SystemTime;

use aws_credential_types::Credentials;

use super::connect::Aws;
use super::error::AwsError;
use crate::clients::secret::Secret;

/// Who AWS takes us for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account's twelve digits.
    pub account: String,
    /// The caller's ARN; of a role, that of its session.
    pub arn: String,
    /// The caller's unique id.
    pub user_id: String,
}

/// Credentials that a role gave out for a while. `Debug` shows no secret.
#[derive(Debug)]
pub struct SessionCredentials {
    /// The ARN of the role's session.
    pub arn: String,
    /// When the session ends.
    pub expires: jiff::Timestamp,
    access_key_id: String,
    secret_access_key: Secret,
    session_token: Secret,
}

impl SessionCredentials {
    pub(super) fn for_sdk(&self) -> Credentials {
        Credentials::new(
            &self.access_key_id,
            self.secret_access_key.expose(),
            Some(self.session_token.expose().to_owned()),
            Some(SystemTime::from(self.expires)),
            "web identity",
        )
    }
}

impl Aws {
    /// Returns who is calling. Asks once; a failure is not remembered.
    pub async fn caller_identity(&self) -> Result<Caller, AwsError> {
        const OPERATION: &str = "sts:GetCallerIdentity";
        let ask = || async {
            let answer = self
                .inner
                .sts
                .get_caller_identity()
                .send()
                .await
                .map_err(self.failed(OPERATION))?;
            let part = |part: Option<String>, what| {
                part.ok_or_else(|| AwsError::incomplete(OPERATION, what))
            };
            Ok(Caller {
                account: part(answer.account, "account")?,
                arn: part(answer.arn, "ARN")?,
                user_id: part(answer.user_id, "user id")?,
            })
        };
        self.inner.caller.get_or_try_init(ask).await.cloned()
    }

    /// Exchanges a service account's token for a session of `role_arn`, as a Pod does.
    pub async fn assume_role_with_web_identity(
        &self,
        role_arn: &str,
        session_name: &str,
        token: &str,
    ) -> Result<SessionCredentials, AwsError> {
        const OPERATION: &str = "sts:AssumeRoleWithWebIdentity";
        let answer = self
            .inner
            .sts
            .assume_role_with_web_identity()
            .role_arn(role_arn)
            .role_session_name(session_name)
            .web_identity_token(token)
            .send()
            .await
            .map_err(self.failed(OPERATION))?;
        let credentials = answer
            .credentials
            .ok_or_else(|| AwsError::incomplete(OPERATION, "credentials"))?;
        let expires = jiff::Timestamp::from_second(credentials.expiration.secs())
            .map_err(|_| AwsError::incomplete(OPERATION, "usable expiry"))?;
        Ok(SessionCredentials {
            arn: answer
                .assumed_role_user
                .map(|user| user.arn)
                .ok_or_else(|| AwsError::incomplete(OPERATION, "assumed role"))?,
            expires,
            access_key_id: credentials.access_key_id,
            secret_access_key: Secret::new(credentials.secret_access_key),
            session_token: Secret::new(credentials.session_token),
        })
    }
}
