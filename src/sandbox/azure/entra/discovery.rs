//! What Entra publishes of itself.

use serde_json::{Value, json};

use super::super::cloud::Cloud;
use super::Version;

/// The endpoints of a tenant.
pub(super) fn configuration(cloud: &Cloud, tenant: &str, version: Version) -> Value {
    let base = format!("{}/{tenant}", cloud.endpoint());
    let (issuer, protocol, keys) = match version {
        Version::One => (
            format!("https://sts.windows.net/{tenant}/"),
            "oauth2",
            format!("{base}/discovery/keys"),
        ),
        Version::Two => (
            format!("{base}/v2.0"),
            "oauth2/v2.0",
            format!("{base}/discovery/v2.0/keys"),
        ),
    };
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/{protocol}/authorize"),
        "token_endpoint": format!("{base}/{protocol}/token"),
        "device_authorization_endpoint": format!("{base}/{protocol}/devicecode"),
        "end_session_endpoint": format!("{base}/{protocol}/logout"),
        "jwks_uri": keys,
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "oid", "tid", "ver"],
        "request_uri_parameter_supported": false,
        "http_logout_supported": true,
        "tenant_region_scope": "NA",
    })
}

/// The hosts that are this cloud's Entra.
pub(super) fn instance(cloud: &Cloud) -> Value {
    let tenant = cloud.store.read(|state| state.tenant.clone());
    let host = format!("localhost:{}", cloud.port);
    json!({
        "tenant_discovery_endpoint":
            format!("https://{host}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": host,
            "preferred_cache": host,
            "aliases": [host],
        }],
    })
}
