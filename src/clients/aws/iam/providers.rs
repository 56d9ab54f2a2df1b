//! OIDC providers: which issuers the account believes.

use super::super::connect::Aws;
use super::super::error::{AwsError, found};
use super::{Tags, for_sdk, from_sdk};

/// An issuer that the account believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcProvider {
    /// Its ARN, which ends in the issuer without its scheme.
    pub arn: String,
    /// The issuer; AWS leaves the scheme out.
    pub url: String,
    /// The audiences it may issue tokens for.
    pub client_ids: Vec<String>,
    /// Fingerprints of its certificate authority.
    pub thumbprints: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

impl Aws {
    /// Returns the provider with this ARN.
    pub async fn oidc_provider(&self, arn: &str) -> Result<Option<OidcProvider>, AwsError> {
        let answer = self
            .inner
            .iam
            .get_open_id_connect_provider()
            .open_id_connect_provider_arn(arn)
            .send()
            .await
            .map_err(self.failed("iam:GetOpenIDConnectProvider"));
        Ok(found(answer)?.map(|answer| OidcProvider {
            arn: arn.to_owned(),
            tags: from_sdk(answer.tags()),
            url: answer.url.unwrap_or_default(),
            client_ids: answer.client_id_list.unwrap_or_default(),
            thumbprints: answer.thumbprint_list.unwrap_or_default(),
        }))
    }

    /// Returns the ARNs of all providers of the account.
    pub async fn list_oidc_providers(&self) -> Result<Vec<String>, AwsError> {
        let answer = self
            .inner
            .iam
            .list_open_id_connect_providers()
            .send()
            .await
            .map_err(self.failed("iam:ListOpenIDConnectProviders"))?;
        Ok(answer
            .open_id_connect_provider_list
            .unwrap_or_default()
            .into_iter()
            .filter_map(|provider| provider.arn)
            .collect())
    }

    /// Creates a provider and returns its ARN. AWS finds the thumbprint itself.
    pub async fn create_oidc_provider(
        &self,
        url: &str,
        client_ids: &[&str],
        tags: &Tags,
    ) -> Result<String, AwsError> {
        const OPERATION: &str = "iam:CreateOpenIDConnectProvider";
        let answer = self
            .inner
            .iam
            .create_open_id_connect_provider()
            .url(url)
            .set_client_id_list(Some(client_ids.iter().map(ToString::to_string).collect()))
            .set_tags(for_sdk(tags))
            .send()
            .await
            .map_err(self.failed(OPERATION))?;
        answer
            .open_id_connect_provider_arn
            .ok_or_else(|| AwsError::incomplete(OPERATION, "ARN"))
    }

    /// Deletes a provider. Returns whether it was there.
    pub async fn delete_oidc_provider(&self, arn: &str) -> Result<bool, AwsError> {
        let answer = self
            .inner
            .iam
            .delete_open_id_connect_provider()
            .open_id_connect_provider_arn(arn)
            .send()
            .await
            .map_err(self.failed("iam:DeleteOpenIDConnectProvider"));
        Ok(found(answer)?.is_some())
    }

    /// Lets the provider issue tokens for one more audience. Adding one it has is no error.
    pub async fn add_client_id(&self, arn: &str, client_id: &str) -> Result<(), AwsError> {
        self.inner
            .iam
            .add_client_id_to_open_id_connect_provider()
            .open_id_connect_provider_arn(arn)
            .client_id(client_id)
            .send()
            .await
            .map_err(self.failed("iam:AddClientIDToOpenIDConnectProvider"))?;
        Ok(())
    }
}
