//! Namespaces, service accounts and the tokens that service accounts get.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::Api;
use kube::api::{ObjectMeta, PostParams};

use super::connect::Cluster;
use super::error::{ClusterError, ClusterErrorKind, found};
use crate::clients::secret::Secret;

/// A namespace, as far as we need to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceInfo {
    /// Its UID.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// A service account, as far as we need to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccountInfo {
    /// Its UID.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// A token of a service account. `Debug` does not show it.
#[derive(Debug)]
pub struct Token {
    /// The token itself.
    pub secret: Secret,
    /// When it ends.
    pub expires: jiff::Timestamp,
}

impl Cluster {
    /// Returns the namespace of this name.
    pub async fn namespace(&self, name: &str) -> Result<Option<NamespaceInfo>, ClusterError> {
        let namespaces: Api<Namespace> = Api::all(self.client());
        let answer = self
            .ask(&format!("get namespaces/{name}"), namespaces.get(name))
            .await;
        Ok(found(answer)?.map(|namespace| {
            let (uid, labels, annotations) = parts(namespace.metadata);
            NamespaceInfo {
                uid,
                labels,
                annotations,
            }
        }))
    }

    /// Returns the service account of this name.
    pub async fn service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<ServiceAccountInfo>, ClusterError> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let answer = self
            .ask(&format!("get serviceaccounts/{name}"), accounts.get(name))
            .await;
        Ok(found(answer)?.map(|account| {
            let (uid, labels, annotations) = parts(account.metadata);
            ServiceAccountInfo {
                uid,
                labels,
                annotations,
            }
        }))
    }

    /// Gets a token for `audience` that lives for `seconds`, or as long as the cluster allows.
    pub async fn request_token(
        &self,
        namespace: &str,
        name: &str,
        audience: &str,
        seconds: i64,
    ) -> Result<Token, ClusterError> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![audience.to_owned()],
                expiration_seconds: Some(seconds),
                bound_object_ref: None,
            },
            ..TokenRequest::default()
        };
        let operation = format!("create serviceaccounts/{name}/token");
        let parameters = PostParams::default();
        let answer = self
            .ask(
                &operation,
                accounts.create_token_request(name, &parameters, &request),
            )
            .await?;
        let status = answer.status.ok_or_else(|| {
            ClusterError::new(
                &operation,
                ClusterErrorKind::Other,
                "the answer has no token",
            )
        })?;
        Ok(Token {
            secret: Secret::new(status.token),
            expires: status.expiration_timestamp.0,
        })
    }
}

/// Returns what a token claims. Only decodes: whether it is true is for the one who gets it.
pub fn token_claims(token: &Token) -> Result<serde_json::Value, ClusterError> {
    let decoded = token
        .secret
        .expose()
        .split('.')
        .nth(1)
        .and_then(|payload| {
            BASE64_URL_SAFE_NO_PAD
                .decode(payload.trim_end_matches('='))
                .ok()
        })
        .and_then(|payload| serde_json::from_slice(&payload).ok());
    decoded.ok_or_else(|| {
        ClusterError::new(
            "decode token",
            ClusterErrorKind::Invalid,
            "it is not a JSON web token",
        )
    })
}

type Labels = BTreeMap<String, String>;

fn parts(metadata: ObjectMeta) -> (String, Labels, Labels) {
    (
        metadata.uid.unwrap_or_default(),
        metadata.labels.unwrap_or_default(),
        metadata.annotations.unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Token {
        Token {
            secret: Secret::new(text),
            expires: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn claims_are_the_middle_part() {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(r#"{"aud":["sts.amazonaws.com"]}"#);
        let claims = token_claims(&token(&format!("e30.{payload}.c2ln"))).unwrap();
        assert_eq!(claims["aud"][0], "sts.amazonaws.com");
    }

    #[test]
    fn what_is_no_token_is_not_repeated() {
        let error = token_claims(&token("canary")).unwrap_err();
        assert_eq!(error.kind, ClusterErrorKind::Invalid);
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}
