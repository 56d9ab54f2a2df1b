//! The operator's own way to AWS: logins, keys, clocks and networks.

use super::super::entry::{Cause, Entry, Response};
use super::super::symptom::Source;
use super::{ANY_AWS, ENTRY};

/// The entry of a wrong clock, which explains several codes when the clock is known to be wrong.
pub(in crate::steps::atlas) const CLOCK: &str = "clock-skew";

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "sso-expired",
        row: 24,
        sources: ANY_AWS,
        codes: &["InvalidGrant", "Unauthorized"],
        texts: &[
            "SSO session associated with this profile has expired",
            "Token has expired and refresh failed",
            "no credentials:…sso",
            "no credentials:…InvalidGrantException",
            "no credentials:…UnauthorizedException",
        ],
        seen: false,
        response: Response::Ask,
        causes: &[&Cause {
            id: "sso-expired",
            link: None,
            text: "the login of profile `{profile}` has expired",
            remedies: &["run `aws sso login --profile {profile}`, then go on"],
        }],
        ..ENTRY
    },
    Entry {
        id: "session-expired",
        row: 26,
        sources: ANY_AWS,
        codes: &["ExpiredToken", "RequestExpired", "InvalidToken"],
        response: Response::Ask,
        causes: &[&Cause {
            id: "session-expired",
            link: None,
            text: "the credentials have expired in mid-run",
            remedies: &[
                "renew the credentials of profile `{profile}` (for SSO: `aws sso login --profile {profile}`), then go on",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "mfa",
        row: 27,
        sources: ANY_AWS,
        texts: &["mfa_serial", "MultiFactorAuthentication", "MFA token"],
        response: Response::Ask,
        causes: &[&Cause {
            id: "mfa",
            link: None,
            text: "profile `{profile}` asks for a second factor",
            remedies: &[
                "`aws sts get-session-token --serial-number ARN --token-code CODE --profile {profile}` gives credentials for the variables `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: CLOCK,
        row: 28,
        sources: ANY_AWS,
        codes: &["SignatureDoesNotMatch", "InvalidSignature"],
        texts: &["Signature expired", "Signature not yet current"],
        causes: &[&CLOCK_WRONG],
        ..ENTRY
    },
    Entry {
        id: CLOCK,
        row: 28,
        sources: ANY_AWS,
        codes: &["RequestTimeTooSkewed"],
        seen: false,
        causes: &[&CLOCK_WRONG],
        ..ENTRY
    },
    Entry {
        id: "signature",
        sources: ANY_AWS,
        codes: &[
            "SignatureDoesNotMatch",
            "InvalidSignature",
            "IncompleteSignature",
            "MissingAuthenticationToken",
            "AuthFailure",
        ],
        causes: &[&Cause {
            id: "signature",
            link: None,
            text: "the request was signed with another secret key than the one AWS knows",
            remedies: &["check the secret key of profile `{profile}`, and this machine's clock"],
        }],
        ..ENTRY
    },
    Entry {
        id: "key-unknown",
        row: 29,
        sources: ANY_AWS,
        codes: &[
            "InvalidClientTokenId",
            "UnrecognizedClient",
            "InvalidAccessKeyId",
        ],
        response: Response::Ask,
        causes: &[&Cause {
            id: "key-unknown",
            link: None,
            text: "AWS does not know the access key: it is of another partition, deleted, or made just now",
            remedies: &[
                "check that profile `{profile}` belongs to partition `{partition}` of region `{region}`; a key made just now needs about ten seconds",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "region-disabled",
        row: 31,
        sources: ANY_AWS,
        codes: &["RegionDisabled"],
        causes: &[&Cause {
            id: "region-disabled",
            link: None,
            text: "STS is not active in region `{region}`",
            remedies: &[
                "activate STS for region `{region}` in the account settings of IAM, or choose another region",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "certificate-unknown",
        row: 32,
        sources: &[
            Source::Aws,
            Source::Sts,
            Source::Iam,
            Source::Eks,
            Source::S3,
        ],
        texts: &["no answer…certificate"],
        causes: &[&Cause {
            id: "certificate-unknown",
            link: None,
            text: "the certificate of the one who answered is signed by an authority that is not trusted",
            remedies: &[
                "if a proxy or private endpoint signs with its own authority, name that authority's certificate in `AWS_CA_BUNDLE`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "no-answer",
        row: 32,
        sources: ANY_AWS,
        texts: &[
            "no answer",
            "Could not connect to the endpoint URL",
            "Connect timeout on endpoint URL",
            "Read timeout on endpoint URL",
        ],
        response: Response::Wait,
        causes: &[&Cause {
            id: "no-answer",
            link: None,
            text: "nothing answers at {found}",
            remedies: &[
                "check that something answers at {found}",
                "check the network, `HTTPS_PROXY` and `NO_PROXY`, and that region `{region}` exists; in a private network set `AWS_STS_REGIONAL_ENDPOINTS=regional`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "no-credentials",
        sources: ANY_AWS,
        texts: &["no credentials", "loading credentials took too long"],
        response: Response::Ask,
        causes: &[&Cause {
            id: "no-credentials",
            link: None,
            text: "this machine has no credentials for AWS",
            remedies: &[
                "set `AWS_PROFILE` or `aws_profile`, or the variables `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "no-region",
        sources: ANY_AWS,
        texts: &["no region is set", "You must specify a region"],
        response: Response::Ask,
        causes: &[&Cause {
            id: "no-region",
            link: None,
            text: "nothing names a region",
            remedies: &["name one: set `aws_default_region`, or `AWS_REGION` in the environment"],
        }],
        ..ENTRY
    },
];

const CLOCK_WRONG: Cause = Cause {
    id: CLOCK,
    link: None,
    text: "this machine's clock is {found} AWS",
    remedies: &["set this machine's clock: it is {found} AWS"],
};
