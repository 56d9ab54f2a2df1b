//! Entra: what it publishes of itself, and the tokens it gives.

mod assertion;
mod denial;
mod discovery;
mod token;

use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use super::cloud::Cloud;
use super::server::{Arrived, Outcome, json};
pub(super) use denial::Denial;

/// What Entra can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// The endpoints of a tenant, of version 1 or 2.
    Configuration(Version),
    /// Which hosts are Entra's.
    Instance,
    Keys,
    Token(Version),
}

/// Of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Operation {
    pub(super) fn of(parts: &Parts) -> Option<Self> {
        use Version::{One, Two};
        let segments = segments(parts);
        Some(match (&parts.method, segments.get(1..)?) {
            (&Method::POST, ["oauth2", "token"]) => Self::Token(One),
            (&Method::POST, ["oauth2", "v2.0", "token"]) => Self::Token(Two),
            (&Method::GET, [".well-known", "openid-configuration"]) => Self::Configuration(One),
            (&Method::GET, ["v2.0", ".well-known", "openid-configuration"]) => {
                Self::Configuration(Two)
            }
            (&Method::GET, ["discovery", "instance"]) => Self::Instance,
            (&Method::GET, ["discovery", "keys"] | ["discovery", "v2.0", "keys"]) => Self::Keys,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Configuration(_) => "configuration",
            Self::Instance => "instance",
            Self::Keys => "keys",
            Self::Token(_) => "token",
        }
    }
}

pub(super) fn answer(cloud: &Cloud, arrived: &Arrived) -> Outcome {
    let tenant = segments(&arrived.parts)
        .first()
        .copied()
        .unwrap_or_default();
    let operation = Operation::of(&arrived.parts);
    let answer = match operation {
        Some(Operation::Configuration(version)) => {
            tenant_of(cloud, tenant).map(|tenant| discovery::configuration(cloud, &tenant, version))
        }
        Some(Operation::Instance) => Ok(discovery::instance(cloud)),
        Some(Operation::Keys) => Ok(cloud.store.read(|state| state.tokens.jwks())),
        Some(Operation::Token(version)) => tenant_of(cloud, tenant)
            .and_then(|_| token::answer(cloud, &arrived.body, version, arrived.now)),
        None => Err(Denial::new(
            404,
            "invalid_request",
            90023,
            "The request is unsupported.",
        )),
    };
    Outcome {
        operation: operation.map_or("unknown", Operation::name).into(),
        write: false,
        response: match answer {
            Ok(document) => json(StatusCode::OK, &document),
            Err(denial) => refuse(&denial, arrived),
        },
    }
}

pub(super) fn refuse(denial: &Denial, arrived: &Arrived) -> Response {
    let status = StatusCode::from_u16(denial.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = json(status, &denial.document(&arrived.id, arrived.now));
    if matches!(denial.status, 429 | 503) {
        let second = HeaderValue::from_static("1");
        response.headers_mut().insert("retry-after", second);
    }
    response
}

/// The tenant that a path names, by its id or by a word for "the one of who asks".
fn tenant_of(cloud: &Cloud, named: &str) -> Result<String, Denial> {
    let tenant = cloud.store.read(|state| state.tenant.clone());
    let is_known =
        named.eq_ignore_ascii_case(&tenant) || ["common", "organizations"].contains(&named);
    if is_known {
        return Ok(tenant);
    }
    Err(Denial::new(
        400,
        "invalid_request",
        90002,
        format!(
            "Tenant '{named}' not found. Check to make sure you have the correct tenant ID and are \
             signing into the correct cloud. Check with your subscription administrator, this may \
             happen if there are no active subscriptions for the tenant."
        ),
    ))
}

fn segments(parts: &Parts) -> Vec<&str> {
    let path = parts.uri.path();
    path.split('/').filter(|part| !part.is_empty()).collect()
}
