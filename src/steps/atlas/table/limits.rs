//! What AWS gives only so much of: names, quotas and requests a second.

use super::super::entry::{Cause, Entry, Response};
use super::super::symptom::Source;
use super::{ANY_AWS, ENTRY};
use crate::engine::Link;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "trust-too-big",
        row: 10,
        sources: &[Source::Iam],
        codes: &["LimitExceeded"],
        texts: &["Cannot exceed quota for ACLSizePerRole: {found}"],
        causes: &[&Cause {
            id: "trust-too-big",
            link: Some(Link::Trust),
            text: "the role's trust policy would be longer than {found} characters: too many clusters share one role",
            remedies: &["give each cluster a role of its own: `--set aws_s3_role=NAME`"],
        }],
        ..ENTRY
    },
    Entry {
        id: "providers-full",
        row: 11,
        sources: &[Source::Iam],
        codes: &["LimitExceeded"],
        texts: &["Cannot exceed quota for OpenIdConnectProvidersPerAccount: {found}"],
        causes: &[&Cause {
            id: "providers-full",
            link: Some(Link::Provider),
            text: "the account holds {found} OIDC providers, as many as it may",
            remedies: &[
                "`aws iam list-open-id-connect-providers` lists them, `aws eks list-clusters` the clusters that live; have those of dead clusters removed",
                "or have the quota raised: `aws service-quotas list-service-quotas --service-code iam`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "policies-full",
        row: 12,
        sources: &[Source::Iam],
        codes: &["LimitExceeded"],
        texts: &[
            "Cannot exceed quota for PoliciesPerRole: {found}",
            "Cannot exceed quota for PolicySize: {found}",
            "Maximum policy size of {found} bytes exceeded for role",
        ],
        causes: &[&Cause {
            id: "policies-full",
            link: Some(Link::Policy),
            text: "the role's policies are too many or too large: at most {found}",
            remedies: &[
                "`aws iam list-attached-role-policies --role-name {role}` lists them; detach what is not needed, or choose another role: `--set aws_s3_role=NAME`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "versions-full",
        row: 13,
        sources: &[Source::Iam],
        codes: &["LimitExceeded"],
        texts: &["can have up to {found} versions", "version"],
        response: Response::Fix,
        causes: &[&Cause {
            id: "versions-full",
            link: Some(Link::Policy),
            text: "the policy keeps as many versions as it may",
            remedies: &[
                "`aws iam list-policy-versions --policy-arn {policy_arn}` lists them; `aws iam delete-policy-version --policy-arn {policy_arn} --version-id VERSION` removes one that is not in force",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "quota",
        row: 12,
        sources: ANY_AWS,
        codes: &["LimitExceeded", "ServiceQuotaExceeded"],
        causes: &[&Cause {
            id: "quota",
            link: None,
            text: "a quota of the account is used up",
            remedies: &[
                "remove what is not needed, or have the quota raised: `aws service-quotas list-service-quotas --service-code iam`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "name-too-long",
        row: 15,
        sources: ANY_AWS,
        codes: &["ValidationError", "Validation"],
        texts: &[
            "Member must have length less than or equal to {found}",
            "expected length of name_prefix to be in the range ({found})",
        ],
        response: Response::Fix,
        causes: &[&Cause {
            id: "name-too-long",
            link: None,
            text: "a name is longer than AWS takes it: at most {found}",
            remedies: &[
                "choose a shorter one: `--set aws_s3_role=NAME`, `--set aws_s3_bucket_prefix=PREFIX`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "throttled",
        row: 18,
        sources: ANY_AWS,
        codes: &[
            "Throttling",
            "Throttled",
            "TooManyRequests",
            "RequestThrottled",
            "RequestLimitExceeded",
            "SlowDown",
        ],
        texts: &["Rate exceeded"],
        seen: false,
        response: Response::Wait,
        causes: &[&Cause {
            id: "throttled",
            link: None,
            text: "AWS answers no more requests of this account for a while",
            remedies: &[
                "wait a minute and run again; other tools on the account share the same rate",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "service-fault",
        sources: ANY_AWS,
        codes: &[
            "InternalFailure",
            "InternalError",
            "Internal",
            "ServiceFailure",
            "ServiceUnavailable",
            "Server",
        ],
        response: Response::Wait,
        causes: &[&Cause {
            id: "service-fault",
            link: None,
            text: "AWS itself has a disturbance",
            remedies: &[
                "run again in a few minutes; https://health.aws.amazon.com tells of disturbances of region `{region}`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "changed-meanwhile",
        row: 19,
        sources: ANY_AWS,
        codes: &["ConcurrentModification"],
        seen: false,
        response: Response::Wait,
        causes: &[&Cause {
            id: "changed-meanwhile",
            link: None,
            text: "somebody else changed the same object at the same time",
            remedies: &["run again: what is there now is compared anew"],
        }],
        ..ENTRY
    },
];
