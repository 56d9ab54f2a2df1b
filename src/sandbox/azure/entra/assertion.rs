//! Whether somebody else's token stands for a managed identity: its federated credentials decide.

use jiff::{SignedDuration, Timestamp};

use super::super::authority::Principal;
use super::super::cloud::Cloud;
use super::super::state::{Identity, Trust};
use super::{Denial, token};
use crate::sandbox::web_token::WebToken;

/// By how much clocks may differ.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
const DOCUMENTS: &str =
    "https://learn.microsoft.com/entra/workload-id/workload-identity-federation";

/// What counts of an assertion.
struct Presented {
    issuer: String,
    subject: String,
    audiences: Vec<String>,
}

/// Returns whom the assertion stands for.
pub(super) fn check(
    cloud: &Cloud,
    client: &str,
    assertion: &str,
    now: Timestamp,
) -> Result<Principal, Denial> {
    let malformed = || Denial::client(50027, "JWT token is invalid or malformed.");
    let token = WebToken::read(assertion).ok_or_else(malformed)?;
    let text = |name| token.claim(name).map(str::to_owned);
    let presented = Presented {
        issuer: text("iss").ok_or_else(malformed)?,
        subject: text("sub").ok_or_else(malformed)?,
        audiences: token.claims("aud"),
    };
    let identity = cloud.store.read(|state| {
        state
            .identity_of_client(client)
            // Entra itself is among those who learn of an identity late.
            .filter(|identity| identity.known.seen(now).is_some())
            .cloned()
    });
    let identity = identity.ok_or_else(|| token::unknown(client))?;
    compare(&identity, &presented, now)?;

    let keys = (cloud.keys)(&presented.issuer).filter(|_| is_published(cloud, &presented.issuer));
    let keys = keys.ok_or_else(|| {
        Denial::new(
            400,
            "invalid_request",
            90061,
            "Request to External OIDC endpoint failed.",
        )
    })?;
    if !token.is_signed_by(&keys) {
        return Err(Denial::client(
            5_002_711,
            "The signature of the presented assertion could not be verified with the keys of its \
             issuer.",
        ));
    }
    check_life(&token, now)?;
    Ok(Principal::of_identity(&identity))
}

/// An AKS cluster publishes its keys only while its OIDC issuer is on.
fn is_published(cloud: &Cloud, issuer: &str) -> bool {
    cloud.store.read(|state| {
        let mut clusters = state.clusters.values();
        let owner = clusters.find(|cluster| {
            cluster.properties["oidcIssuerProfile"]["issuerURL"].as_str() == Some(issuer)
        });
        owner.is_none_or(|cluster| cluster.issuer().is_some())
    })
}

/// Finds a credential that fits letter by letter, or says what comes nearest.
fn compare(identity: &Identity, presented: &Presented, now: Timestamp) -> Result<(), Denial> {
    let Presented {
        issuer,
        subject,
        audiences,
    } = presented;
    let seen: Vec<&Trust> = identity
        .credentials
        .values()
        .filter_map(|credential| credential.trust.seen(now))
        .collect();
    if seen.is_empty() {
        let audience = audiences.first().map_or("", String::as_str);
        return Err(Denial::client(
            70021,
            format!(
                "No matching federated identity record found for presented assertion. Assertion \
                 Issuer: '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience: \
                 '{audience}'. {DOCUMENTS}"
            ),
        ));
    }
    let advice = format!(
        "Check your federated identity credential Subject, Audience and Issuer against the \
         presented assertion. {DOCUMENTS}"
    );
    let none = "No matching federated identity record found for presented assertion";
    let of_issuer: Vec<&Trust> = seen
        .into_iter()
        .filter(|trust| trust.issuer == *issuer)
        .collect();
    if of_issuer.is_empty() {
        return Err(Denial::client(
            700_211,
            format!("{none} issuer '{issuer}'. {advice}"),
        ));
    }
    let of_subject: Vec<&Trust> = of_issuer
        .iter()
        .copied()
        .filter(|trust| trust.subject == *subject)
        .collect();
    if of_subject.is_empty() {
        let is_near = of_issuer
            .iter()
            .any(|trust| trust.subject.eq_ignore_ascii_case(subject));
        return Err(if is_near {
            Denial::client(
                7_002_138,
                format!(
                    "{none} subject '{subject}'. The subject matches with case-insensitive \
                     comparison, but not with case-sensitive comparison. {advice}"
                ),
            )
        } else {
            Denial::client(700_213, format!("{none} subject '{subject}'. {advice}"))
        });
    }
    let fits = of_subject
        .iter()
        .any(|trust| trust.audiences.iter().any(|one| audiences.contains(one)));
    if fits {
        return Ok(());
    }
    let audience = audiences.first().map_or("", String::as_str);
    Err(Denial::client(
        700_212,
        format!("{none} audience '{audience}'. {advice}"),
    ))
}

fn check_life(token: &WebToken, now: Timestamp) -> Result<(), Denial> {
    let begins = token.moment("nbf").unwrap_or(Timestamp::MIN);
    let ends = token.moment("exp").unwrap_or(Timestamp::MIN);
    let is_early = now.saturating_add(TOLERANCE).unwrap_or(now) < begins;
    let is_late = now.saturating_sub(TOLERANCE).unwrap_or(now) >= ends;
    if !is_early && !is_late {
        return Ok(());
    }
    let write = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S%.7fZ").to_string();
    Err(Denial::client(
        700_024,
        format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion valid \
             from {}, expiry time of assertion {}. Review the documentation at \
             https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
            write(now),
            write(begins),
            write(ends)
        ),
    ))
}
