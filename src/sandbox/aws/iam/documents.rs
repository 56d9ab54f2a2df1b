//! Policy documents on their way in and out: checked, measured, percent-encoded.

use super::super::call::Call;
use super::super::policy::{Document, Kind, Malformed, invalid_principal};
use super::super::refusal::Refusal;
use super::super::state::AwsState;
use super::super::text::encode;

/// The document of that field, when it is one that identities may hold.
pub(super) fn identity<'a>(call: &Call<'a>, field: &str) -> Result<&'a str, Refusal> {
    let text = call.params.required(field)?;
    Document::parse(text, Kind::Identity).map_err(refuse)?;
    Ok(text)
}

/// The document of that field, when it can be a role's trust.
pub(super) fn trust<'a>(
    call: &Call<'a>,
    state: &AwsState,
    field: &str,
) -> Result<&'a str, Refusal> {
    let text = call.params.required(field)?;
    let document = Document::parse(text, Kind::Trust).map_err(refuse)?;
    for (kind, value) in document.principals() {
        if kind == "AWS" && names_nobody(call, state, value) {
            return Err(refuse(invalid_principal(kind, value)));
        }
    }
    within(text, 2048, "ACLSizePerRole")?;
    Ok(text)
}

/// Checks the size that AWS counts: without blanks.
pub(super) fn within(text: &str, most: usize, quota: &str) -> Result<(), Refusal> {
    if size(text) > most {
        return Err(Refusal::limit(format!(
            "Cannot exceed quota for {quota}: {most}"
        )));
    }
    Ok(())
}

pub(super) fn size(text: &str) -> usize {
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .count()
}

/// IAM sends documents percent-encoded, inside the XML.
pub(super) fn sent(text: &str) -> String {
    encode(text)
}

/// Whether a principal of this account is not there (or not yet there for those who check).
fn names_nobody(call: &Call<'_>, state: &AwsState, principal: &str) -> bool {
    let Some(rest) = principal.strip_prefix(&state.iam_arn("")) else {
        return false;
    };
    if rest.starts_with("role/") {
        !state
            .roles
            .values()
            .any(|role| state.role_arn(role) == principal && role.trust.seen(call.now).is_some())
    } else if rest.starts_with("user/") {
        !state
            .users
            .values()
            .any(|user| state.user_arn(user) == principal)
    } else {
        false
    }
}

fn refuse(malformed: Malformed) -> Refusal {
    Refusal::malformed_policy(malformed.0)
}
