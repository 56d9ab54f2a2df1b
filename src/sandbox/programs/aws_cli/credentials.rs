//! Where a process finds its credentials, in the order of the real AWS CLI.

use aws_credential_types::Credentials;

use super::{AwsCli, Failure, GENERAL, SET_UP};
use crate::sandbox::cluster::Process;

impl AwsCli {
    /// Looks for credentials: in variables, behind a token, at the instance.
    pub(super) async fn credentials(
        &self,
        process: &Process,
        region: &str,
    ) -> Result<Credentials, Failure> {
        let variable = |name: &str| process.environment.get(name).map(String::as_str);
        if let (Some(key), Some(secret)) = (
            variable("AWS_ACCESS_KEY_ID"),
            variable("AWS_SECRET_ACCESS_KEY"),
        ) {
            let token = variable("AWS_SESSION_TOKEN").map(str::to_owned);
            return Ok(Credentials::new(key, secret, token, None, "practice"));
        }
        if let (Some(role), Some(file)) = (
            variable("AWS_ROLE_ARN"),
            variable("AWS_WEB_IDENTITY_TOKEN_FILE"),
        ) {
            let name = variable("AWS_ROLE_SESSION_NAME").map_or_else(
                || {
                    format!(
                        "botocore-session-{}",
                        self.instance.clock().now().as_second()
                    )
                },
                str::to_owned,
            );
            let token = process.files.get(file).ok_or_else(|| {
                let words = format!("[Errno 2] No such file or directory: '{file}'");
                Failure(GENERAL, words)
            })?;
            return self.assume(role, &name, token, region).await;
        }
        let found = if process.instance_metadata {
            let found = self.instance.credentials();
            found.map_err(|error| Failure(GENERAL, error.to_string()))?
        } else {
            None
        };
        let found = found.ok_or_else(|| {
            let words = "Unable to locate credentials. You can configure credentials by running \"aws configure\".";
            Failure(SET_UP, words.into())
        })?;
        Ok(Credentials::new(
            found.access_key,
            found.secret_key,
            Some(found.session_token),
            None,
            "practice",
        ))
    }

    async fn assume(
        &self,
        role: &str,
        name: &str,
        token: &[u8],
        region: &str,
    ) -> Result<Credentials, Failure> {
        let answer = aws_sdk_sts::Client::new(&self.config(region, None))
            .assume_role_with_web_identity()
            .role_arn(role)
            .role_session_name(name)
            .web_identity_token(String::from_utf8_lossy(token))
            .send()
            .await
            .map_err(|error| self.refused("AssumeRoleWithWebIdentity", error))?;
        let session = answer
            .credentials
            .ok_or_else(|| Failure(GENERAL, "the answer holds no credentials".into()))?;
        Ok(Credentials::new(
            session.access_key_id,
            session.secret_access_key,
            Some(session.session_token),
            None,
            "practice",
        ))
    }
}
