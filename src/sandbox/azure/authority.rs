//! Access tokens: how Entra signs them and how services read them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::state::{Application, Identity, PrincipalKind};
use crate::sandbox::random;
use crate::sandbox::signing_key::SigningKey;
use crate::sandbox::web_token::WebToken;

/// How long a token is good.
pub(super) const LIFE: SignedDuration = SignedDuration::from_hours(1);

/// The tenant's key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Authority {
    tenant: String,
    key: SigningKey,
}

/// Who asks, as its token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    pub(super) object_id: String,
    pub(super) client_id: String,
    pub(super) kind: PrincipalKind,
    /// The resource id of a managed identity.
    pub(super) identity: Option<String>,
}

impl Principal {
    pub(super) fn of_application(application: &Application) -> Self {
        Self {
            object_id: application.object_id.clone(),
            client_id: application.client_id.clone(),
            kind: PrincipalKind::ServicePrincipal,
            identity: None,
        }
    }

    pub(super) fn of_identity(identity: &Identity) -> Self {
        Self {
            object_id: identity.principal_id.clone(),
            client_id: identity.client_id.clone(),
            kind: PrincipalKind::ManagedIdentity,
            identity: Some(identity.id.clone()),
        }
    }
}

/// The services that tokens are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Azure Resource Manager.
    Management,
    Storage,
    /// Microsoft Graph.
    Graph,
}

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Invalid {
    /// It is none, or nobody of ours has signed it.
    Unreadable,
    Expired {
        at: Timestamp,
    },
    /// It is for another service.
    Audience(String),
}

impl Authority {
    pub(super) fn generate(tenant: &str) -> Self {
        Self {
            tenant: tenant.into(),
            key: SigningKey::generate(),
        }
    }

    /// The keys that verify the tokens, as Entra publishes them.
    pub(super) fn jwks(&self) -> Value {
        self.key.jwks()
    }

    /// Makes a token for a resource, named as it was asked for.
    pub(super) fn issue(&self, principal: &Principal, resource: &str, now: Timestamp) -> String {
        let tenant = &self.tenant;
        let mut claims = json!({
            "aud": resource,
            "iss": format!("https://sts.windows.net/{tenant}/"),
            "iat": now.as_second(),
            "nbf": now.as_second(),
            "exp": (now + LIFE).as_second(),
            "aio": random::text(40, random::ALPHANUMERIC),
            "appid": principal.client_id,
            // 1: by a secret; 2: by a certificate or an assertion.
            "appidacr": match principal.kind {
                PrincipalKind::ServicePrincipal => "1",
                PrincipalKind::ManagedIdentity => "2",
            },
            "idp": format!("https://sts.windows.net/{tenant}/"),
            "idtyp": "app",
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": tenant,
            "uti": random::text(22, random::ALPHANUMERIC),
            "ver": "1.0",
        });
        if let Some(identity) = &principal.identity {
            claims["xms_mirid"] = identity.as_str().into();
        }
        self.key.sign(&claims)
    }

    /// Reads a token that a service was shown.
    pub(super) fn verify(
        &self,
        bearer: &str,
        audience: Audience,
        now: Timestamp,
    ) -> Result<Principal, Invalid> {
        let token = WebToken::read(bearer).ok_or(Invalid::Unreadable)?;
        if !token.is_signed_by(&self.jwks()) {
            return Err(Invalid::Unreadable);
        }
        let text = |name| token.claim(name).map(str::to_owned);
        let (Some(object_id), Some(client_id)) = (text("oid"), text("appid")) else {
            return Err(Invalid::Unreadable);
        };
        let expires = token.moment("exp").ok_or(Invalid::Unreadable)?;
        if now >= expires {
            return Err(Invalid::Expired { at: expires });
        }
        let asked = token.claim("aud").unwrap_or_default();
        if Audience::of(asked) != Some(audience) {
            return Err(Invalid::Audience(asked.into()));
        }
        let identity = text("xms_mirid");
        Ok(Principal {
            object_id,
            client_id,
            kind: match identity {
                Some(_) => PrincipalKind::ManagedIdentity,
                None => PrincipalKind::ServicePrincipal,
            },
            identity,
        })
    }
}

impl Audience {
    /// The service that a resource names; its last slash does not matter.
    pub(super) fn of(resource: &str) -> Option<Self> {
        let resource = resource.trim_end_matches('/');
        let host = resource.strip_prefix("https://").unwrap_or(resource);
        match host {
            "management.azure.com"
            | "management.core.windows.net"
            | "797f4846-ba00-4fd7-ba43-dac1f8f63013" => Some(Self::Management),
            "storage.azure.com" | "e406a681-f3d4-42a8-90b6-c2b029497af1" => Some(Self::Storage),
            "graph.microsoft.com" | "00000003-0000-0000-c000-000000000000" => Some(Self::Graph),
            _ if host.contains(".blob.") => Some(Self::Storage),
            // The practice cloud itself, wherever it listens.
            _ if host == "localhost" || host.starts_with("localhost:") => Some(Self::Management),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal() -> Principal {
        Principal {
            object_id: random::uuid(),
            client_id: random::uuid(),
            kind: PrincipalKind::ManagedIdentity,
            identity: Some("/subscriptions/s/x".into()),
        }
    }

    #[test]
    fn a_token_is_good_for_its_service_and_its_hour() {
        let authority = Authority::generate("tenant");
        let (now, principal) = (Timestamp::UNIX_EPOCH, principal());
        let token = authority.issue(&principal, "https://storage.azure.com/", now);
        let read = |audience, now| authority.verify(&token, audience, now);
        assert_eq!(read(Audience::Storage, now), Ok(principal));
        assert_eq!(
            read(Audience::Management, now),
            Err(Invalid::Audience("https://storage.azure.com/".into()))
        );
        let later = now + LIFE;
        assert_eq!(
            read(Audience::Storage, later),
            Err(Invalid::Expired { at: later })
        );
    }

    #[test]
    fn a_token_of_another_tenants_key_is_not_taken() {
        let ours = Authority::generate("tenant");
        let now = Timestamp::UNIX_EPOCH;
        let foreign =
            Authority::generate("tenant").issue(&principal(), "management.azure.com", now);
        for token in [foreign.as_str(), "", "a.b.c"] {
            assert_eq!(
                ours.verify(token, Audience::Management, now),
                Err(Invalid::Unreadable)
            );
        }
    }
}
