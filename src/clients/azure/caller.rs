//! Who Azure takes us for, told by the claims of our token.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::connect::Azure;
use super::error::AzureError;

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The id of the tenant.
    pub tenant: String,
    /// The object id in the tenant's directory: the principal of role assignments.
    pub object_id: String,
    /// The id of the application or identity; of a user that of the program they logged in with.
    pub app_id: Option<String>,
    /// A user's name: `ops@example.com`.
    pub name: Option<String>,
    /// What kind of principal it is.
    pub kind: CallerKind,
    /// Where the credentials came from.
    pub source: CredentialSource,
}

/// A kind of principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    /// A person.
    User,
    /// An application with a secret of its own.
    ServicePrincipal,
    /// A managed identity, of a machine or of a workload.
    ManagedIdentity,
}

/// The link of the chain that had credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialSource {
    /// They were given to us: those of a practice cloud.
    Given,
    /// `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET` and `AZURE_TENANT_ID`.
    Environment,
    /// The token that Kubernetes projects into a Pod.
    WorkloadIdentity,
    /// `az login`.
    AzureCli,
    /// `azd auth login`.
    AzureDeveloperCli,
    /// The identity of the machine.
    ManagedIdentity,
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Given => "practice credentials",
            Self::Environment => "environment",
            Self::WorkloadIdentity => "workload identity",
            Self::AzureCli => "Azure CLI",
            Self::AzureDeveloperCli => "Azure Developer CLI",
            Self::ManagedIdentity => "managed identity",
        })
    }
}

impl Azure {
    /// Returns who is calling, for Resource Manager.
    pub async fn caller(&self) -> Result<Caller, AzureError> {
        let scope = self.inner.cloud.resource_manager_scope();
        let found = self.inner.login.token(&scope).await;
        found
            .and_then(|found| {
                let what = "claims that tell who is calling";
                found
                    .caller
                    .ok_or_else(|| AzureError::incomplete("credentials", what))
            })
            .map_err(|error| self.failed(error))
    }
}

/// What a token tells of itself. Nobody checks its signature: who it is sent to will.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Claims {
    tid: Option<String>,
    pub(super) oid: Option<String>,
    pub(super) appid: Option<String>,
    azp: Option<String>,
    upn: Option<String>,
    unique_name: Option<String>,
    preferred_username: Option<String>,
    idtyp: Option<String>,
    scp: Option<String>,
    xms_mirid: Option<String>,
    exp: Option<i64>,
}

impl Claims {
    /// Reads a token; nothing of one that is opaque.
    pub(super) fn of(token: &str) -> Option<Self> {
        let claims = token.split('.').nth(1)?;
        let claims = BASE64_URL_SAFE_NO_PAD
            .decode(claims.trim_end_matches('='))
            .ok()?;
        serde_json::from_slice(&claims).ok()
    }

    /// Returns when the token ends.
    pub(super) fn until(&self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_second(self.exp?).ok()
    }

    /// Returns the id of the application: its name depends on the token's version.
    pub(super) fn app_id(&self) -> Option<&String> {
        self.appid.as_ref().or(self.azp.as_ref())
    }
}

impl Caller {
    /// Reads who a token is for.
    pub(super) fn of(claims: &Claims, source: CredentialSource) -> Option<Self> {
        let name = [&claims.upn, &claims.preferred_username, &claims.unique_name]
            .into_iter()
            .find_map(Clone::clone);
        let is_user = match claims.idtyp.as_deref() {
            Some(kind) => kind == "user",
            None => name.is_some() || claims.scp.is_some(),
        };
        let kind = if claims.xms_mirid.is_some() || source == CredentialSource::ManagedIdentity {
            CallerKind::ManagedIdentity
        } else if is_user {
            CallerKind::User
        } else {
            CallerKind::ServicePrincipal
        };
        Some(Self {
            tenant: claims.tid.clone()?,
            object_id: claims.oid.clone()?,
            app_id: claims.app_id().cloned(),
            name,
            kind,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn caller(claims: &serde_json::Value) -> Option<Caller> {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        let claims = Claims::of(&format!("e30.{claims}.x"))?;
        Caller::of(&claims, CredentialSource::AzureCli)
    }

    #[test]
    fn claims_tell_three_kinds_of_callers() {
        let user =
            json!({"tid": "t", "oid": "o", "appid": "cli", "upn": "ops@example.com", "scp": "x"});
        let found = caller(&user).unwrap();
        assert_eq!(found.kind, CallerKind::User);
        assert_eq!(found.name.as_deref(), Some("ops@example.com"));

        let application = json!({"tid": "t", "oid": "o", "azp": "a", "idtyp": "app"});
        let found = caller(&application).unwrap();
        assert_eq!(found.kind, CallerKind::ServicePrincipal);
        assert_eq!(found.app_id.as_deref(), Some("a"));

        let machine =
            json!({"tid": "t", "oid": "o", "idtyp": "app", "xms_mirid": "/subscriptions/s"});
        assert_eq!(caller(&machine).unwrap().kind, CallerKind::ManagedIdentity);
    }

    #[test]
    fn a_token_that_tells_nothing_has_no_caller() {
        assert_eq!(caller(&json!({"oid": "o"})), None);
        assert!(Claims::of("opaque").is_none());
        assert!(Claims::of("a.!.c").is_none());
    }
}
