//! What the operator can do about an AWS error.

use super::error::{AwsError, AwsErrorKind, NO_REGION, Surroundings};
use super::partition::partition_of_region;

/// From here on a clock that is off explains a refused signature. AWS allows five minutes.
const SKEW_WORTH_A_WORD: jiff::SignedDuration = jiff::SignedDuration::from_mins(4);

/// Returns what to do next, where that is known.
pub(super) fn of(error: &AwsError, around: &Surroundings) -> Option<String> {
    match error.kind {
        AwsErrorKind::Credentials => Some(about_credentials(error, around)),
        AwsErrorKind::Network => Some(about_network(error, around)),
        AwsErrorKind::AccessDenied => about_access(error),
        AwsErrorKind::Invalid if error.message == NO_REGION => {
            Some("name one: set `aws_default_region`, or `AWS_REGION` in the environment".into())
        }
        _ => None,
    }
}

fn about_credentials(error: &AwsError, around: &Surroundings) -> String {
    let profile = around.profile.as_deref().unwrap_or("default");
    let code = error.code.as_deref().unwrap_or_default();
    let skew = around
        .skew
        .filter(|skew| skew.abs() >= SKEW_WORTH_A_WORD || code == "RequestTimeTooSkewed");
    if let Some(skew) = skew {
        let side = if skew.is_positive() {
            "behind"
        } else {
            "ahead of"
        };
        return format!(
            "set this machine's clock: it is {:#} {side} AWS",
            skew.abs()
        );
    }
    match code {
        "" if names_sso(&error.message) => {
            format!("run `aws sso login --profile {profile}`, then go on")
        }
        "" => "set `AWS_PROFILE` or `aws_profile`, or the variables `AWS_ACCESS_KEY_ID` and \
               `AWS_SECRET_ACCESS_KEY`"
            .into(),
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "InvalidToken" => format!(
            "renew the credentials of profile `{profile}` (for SSO: `aws sso login --profile \
             {profile}`), then go on"
        ),
        "RegionDisabledException" => format!(
            "activate STS for region `{}` in the account settings of IAM, or choose another region",
            around.region.as_deref().unwrap_or("us-east-1")
        ),
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => {
            let region = around.region.as_deref().unwrap_or("us-east-1");
            format!(
                "check that profile `{profile}` belongs to partition `{}` of region `{region}`; a \
                 key made just now needs about ten seconds",
                partition_of_region(region).id
            )
        }
        _ => format!("check the secret key of profile `{profile}`, and this machine's clock"),
    }
}

fn names_sso(message: &str) -> bool {
    message.to_ascii_lowercase().contains("sso")
        || message.contains("UnauthorizedException")
        || message.contains("InvalidGrantException")
}

fn about_network(error: &AwsError, around: &Surroundings) -> String {
    if error.message.contains("certificate") {
        return "if a proxy or private endpoint signs with its own authority, name that \
                authority's certificate in `AWS_CA_BUNDLE`"
            .into();
    }
    match (&around.endpoint, &around.region) {
        (Some(endpoint), _) => format!("check that something answers at {endpoint}"),
        (None, Some(region)) => format!(
            "check the network, `HTTPS_PROXY` and `NO_PROXY`, and that region `{region}` exists"
        ),
        (None, None) => "check the network, `HTTPS_PROXY` and `NO_PROXY`".into(),
    }
}

/// The message names the missing right, and not always the one that the call is named after:
/// `ListObjectVersions` needs `s3:ListBucketVersions`.
fn about_access(error: &AwsError) -> Option<String> {
    let (_, after) = error.message.split_once("not authorized to perform: ")?;
    let action = after.split_whitespace().next()?.trim_end_matches('.');
    if error.message.contains("explicit deny") {
        return Some(format!(
            "a policy denies `{action}` outright, which no policy of the caller can outweigh: an \
             administrator has to make the change"
        ));
    }
    Some(format!("add `{action}` to the caller's policy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> Surroundings {
        Surroundings {
            profile: Some("ops".into()),
            region: Some("cn-north-1".into()),
            ..Surroundings::default()
        }
    }

    fn hint(kind: AwsErrorKind, code: &str, message: &str, around: &Surroundings) -> String {
        let mut error = AwsError::configuration(message);
        error.kind = kind;
        error.code = (!code.is_empty()).then(|| code.to_owned());
        of(&error, around).unwrap_or_default()
    }

    #[test]
    fn an_expired_sso_session_names_the_login_of_the_profile() {
        let message = "no credentials: the SSO token has expired and cannot be refreshed";
        assert_eq!(
            hint(AwsErrorKind::Credentials, "", message, &around()),
            "run `aws sso login --profile ops`, then go on"
        );
    }

    #[test]
    fn a_key_of_another_partition_is_explained_by_the_region() {
        let hint = hint(
            AwsErrorKind::Credentials,
            "InvalidClientTokenId",
            "",
            &around(),
        );
        assert!(hint.contains("`aws-cn` of region `cn-north-1`"), "{hint}");
    }

    #[test]
    fn a_wrong_clock_comes_before_other_reasons() {
        let slow = Surroundings {
            skew: Some(jiff::SignedDuration::from_secs(372)),
            ..around()
        };
        let hint = hint(
            AwsErrorKind::Credentials,
            "SignatureDoesNotMatch",
            "",
            &slow,
        );
        assert_eq!(hint, "set this machine's clock: it is 6m 12s behind AWS");
    }

    #[test]
    fn a_missing_right_is_the_one_the_message_names() {
        let denied = AwsErrorKind::AccessDenied;
        let message = "User: u is not authorized to perform: s3:ListBucketVersions because no";
        assert_eq!(
            hint(denied, "AccessDenied", message, &around()),
            "add `s3:ListBucketVersions` to the caller's policy"
        );
        let message = "u is not authorized to perform: iam:CreateRole on x with an explicit deny";
        assert!(hint(denied, "AccessDenied", message, &around()).contains("an administrator"));
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        assert_eq!(hint(denied, "AccessDenied", message, &around()), "");
    }

    #[test]
    fn a_dead_network_names_what_to_check() {
        let network = AwsErrorKind::Network;
        assert!(
            hint(network, "", "no answer: dns error", &around()).contains("`cn-north-1` exists")
        );
        let message = "no answer: invalid peer certificate: UnknownIssuer";
        assert!(hint(network, "", message, &around()).contains("AWS_CA_BUNDLE"));
    }
}
