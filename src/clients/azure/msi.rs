//! `azure_mgmt_msi`, the one management library of Azure's that is made, and archived. Nothing else
//! sees it or the SDK that it was made with.
//!
//! Its requests go through our pipeline: that signs them, tries them again, writes their lines and
//! leads them through the gate. What goes wrong there comes out here as it was.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::{Method, Pipeline, Url};
use azure_core_legacy as legacy;
use azure_mgmt_msi::package_2023_01_31::{Client, models};
use futures::{StreamExt as _, stream};
use legacy::auth::{AccessToken, TokenCredential};
use legacy::headers::{HeaderName, HeaderValue, Headers};
use serde_json::Value;

use super::attempts::Authorization;
use super::cloud::CloudEnvironment;
use super::error::{AzureError, AzureErrorKind, found, gone};
use super::identity::{FederatedCredential, Identities, ManagedIdentity, NewIdentity};
use super::request::{Asked, send};
use super::resource_id::ResourceId;
use super::resources::Tags;

/// Managed identities by way of the library.
pub(super) struct Msi {
    client: Client,
}

impl Msi {
    pub(super) fn new(cloud: &CloudEnvironment, pipeline: Pipeline) -> Result<Self, AzureError> {
        let endpoint = Url::parse(&cloud.resource_manager).map_err(|error| {
            let endpoint = &cloud.resource_manager;
            AzureError::configuration(&format!("`{endpoint}` is no endpoint: {error}"))
        })?;
        let scope = cloud.resource_manager_scope();
        let transport = Transport {
            pipeline,
            endpoint: endpoint.clone(),
            scope: scope.clone(),
        };
        let client = Client::builder(Arc::new(Unsigned))
            .endpoint(endpoint)
            .scopes(&[&scope])
            .retry(legacy::RetryOptions::none())
            .transport(legacy::TransportOptions::new(Arc::new(transport)))
            .build()
            .map_err(|error| AzureError::configuration(&error.to_string()))?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Identities for Msi {
    async fn identity(&self, at: &ResourceId) -> Result<Option<ManagedIdentity>, AzureError> {
        let answer = self
            .client
            .user_assigned_identities_client()
            .get(&at.subscription, &at.group, &at.name)
            .await
            .map_err(failed("GET", at, ""));
        let Some(identity) = found(answer)? else {
            return Ok(None);
        };
        read("GET", at, identity).map(Some)
    }

    async fn create(&self, identity: &NewIdentity) -> Result<ManagedIdentity, AzureError> {
        let at = ResourceId {
            subscription: identity.subscription.clone(),
            group: identity.group.clone(),
            kind: KIND.into(),
            name: identity.name.clone(),
        };
        let mut wanted = models::TrackedResource::new(identity.location.clone());
        let tags = identity.tags.iter();
        wanted.tags = Some(
            tags.map(|(name, value)| (name.clone(), Value::from(value.clone())))
                .collect(),
        );
        let answer = self
            .client
            .user_assigned_identities_client()
            .create_or_update(
                &at.subscription,
                &at.group,
                &at.name,
                models::Identity::new(wanted),
            )
            .await
            .map_err(failed("PUT", &at, ""))?;
        read("PUT", &at, answer)
    }

    async fn delete(&self, at: &ResourceId) -> Result<(), AzureError> {
        let answer = self
            .client
            .user_assigned_identities_client()
            .delete(&at.subscription, &at.group, &at.name)
            .send()
            .await
            .map_err(failed("DELETE", at, ""));
        gone(answer)
    }

    async fn federated(&self, at: &ResourceId) -> Result<Vec<FederatedCredential>, AzureError> {
        let mut pages = self
            .client
            .federated_identity_credentials_client()
            .list(&at.subscription, &at.group, &at.name)
            .into_stream();
        let mut credentials = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("GET", at, "/federatedIdentityCredentials"));
            let Some(page) = found(page)? else {
                break;
            };
            credentials.extend(page.value.into_iter().filter_map(credential));
        }
        Ok(credentials)
    }

    async fn put_federated(
        &self,
        at: &ResourceId,
        credential: &FederatedCredential,
    ) -> Result<(), AzureError> {
        let wanted = models::FederatedIdentityCredential {
            properties: Some(models::FederatedIdentityCredentialProperties::new(
                credential.issuer.clone(),
                credential.subject.clone(),
                credential.audiences.clone(),
            )),
            ..models::FederatedIdentityCredential::new()
        };
        self.client
            .federated_identity_credentials_client()
            .create_or_update(
                &at.subscription,
                &at.group,
                &at.name,
                &credential.name,
                wanted,
            )
            .send()
            .await
            .map_err(failed("PUT", at, "/federatedIdentityCredentials"))?;
        Ok(())
    }

    async fn delete_federated(&self, at: &ResourceId, name: &str) -> Result<(), AzureError> {
        let answer = self
            .client
            .federated_identity_credentials_client()
            .delete(&at.subscription, &at.group, &at.name, name)
            .send()
            .await
            .map_err(failed("DELETE", at, "/federatedIdentityCredentials"));
        gone(answer)
    }
}

const KIND: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

fn named(verb: &str, at: &ResourceId, below: &str) -> String {
    format!("{verb} {KIND}{below} {}", at.name)
}

/// Takes our own error out of the library's, or says that it could not read an answer.
fn failed<'a>(
    verb: &'a str,
    at: &'a ResourceId,
    below: &'a str,
) -> impl FnOnce(legacy::Error) -> AzureError + 'a {
    move |error| {
        let mut ours = AzureError::of_pipeline(&named(verb, at, below), &error);
        if matches!(error.kind(), legacy::error::ErrorKind::DataConversion) {
            ours.kind = AzureErrorKind::Other;
            ours.message = format!("the answer has no expected form: {}", ours.message);
        }
        ours
    }
}

fn read(
    verb: &str,
    at: &ResourceId,
    identity: models::Identity,
) -> Result<ManagedIdentity, AzureError> {
    let operation = named(verb, at, "");
    let part =
        |part: Option<String>, what| part.ok_or_else(|| AzureError::incomplete(&operation, what));
    let properties = identity.properties.unwrap_or_default();
    let resource = identity.tracked_resource;
    Ok(ManagedIdentity {
        id: part(resource.resource.id, "id")?,
        name: part(resource.resource.name, "name")?,
        location: resource.location,
        client_id: part(properties.client_id, "client id")?,
        principal_id: part(properties.principal_id, "principal id")?,
        tenant_id: part(properties.tenant_id, "tenant id")?,
        tags: tags(resource.tags),
    })
}

fn tags(value: Option<Value>) -> Tags {
    let Some(Value::Object(tags)) = value else {
        return Tags::new();
    };
    let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
    tags.into_iter().filter_map(text).collect()
}

fn credential(found: models::FederatedIdentityCredential) -> Option<FederatedCredential> {
    let properties = found.properties?;
    Some(FederatedCredential {
        name: found.proxy_resource.resource.name?,
        issuer: properties.issuer,
        subject: properties.subject,
        audiences: properties.audiences,
    })
}

/// The credential that the library wants to have. Our pipeline signs what it sends.
#[derive(Debug)]
struct Unsigned;

#[async_trait]
impl TokenCredential for Unsigned {
    async fn get_token(&self, _scopes: &[&str]) -> legacy::Result<AccessToken> {
        let end = azure_core::time::OffsetDateTime::UNIX_EPOCH;
        Ok(AccessToken::new(String::new(), end))
    }

    async fn clear_cache(&self) -> legacy::Result<()> {
        Ok(())
    }
}

/// The transport that the library sends with: our pipeline.
#[derive(Debug)]
struct Transport {
    pipeline: Pipeline,
    endpoint: Url,
    scope: String,
}

#[async_trait]
impl legacy::HttpClient for Transport {
    async fn execute_request(&self, request: &legacy::Request) -> legacy::Result<legacy::Response> {
        let carried = |error| legacy::Error::new(legacy::error::ErrorKind::Other, error);
        let method = match request.method() {
            legacy::Method::Get => Method::Get,
            legacy::Method::Put => Method::Put,
            legacy::Method::Delete => Method::Delete,
            other => {
                let text = format!("`{other}` is no request of ours");
                return Err(carried(AzureError::configuration(&text)));
            }
        };
        let url = request.url().clone();
        if url.origin() != self.endpoint.origin() {
            let text = "the answer leads to another server, which must not get our token";
            return Err(carried(AzureError::invalid(&format!("GET {KIND}"), text)));
        }
        let mut asked = Asked::new(method, url).with(Authorization::Caller(self.scope.clone()));
        if let legacy::Body::Bytes(bytes) = request.body()
            && !bytes.is_empty()
        {
            asked = asked.body("application/json", bytes.clone());
        }
        let answer = send(&self.pipeline, asked).await.map_err(carried)?;
        let mut headers = Headers::new();
        for (name, value) in answer.headers {
            headers.insert(HeaderName::from(name), HeaderValue::from(value));
        }
        let status = legacy::StatusCode::try_from(answer.status).map_err(|error| {
            let text = error.to_string();
            legacy::Error::message(legacy::error::ErrorKind::DataConversion, text)
        })?;
        let body = stream::once(std::future::ready(Ok(answer.body)));
        Ok(legacy::Response::new(status, headers, Box::pin(body)))
    }
}
