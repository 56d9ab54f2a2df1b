//! From a token to an answer of S3: the failures that only a look at the chain explains.

use super::super::aws::causes::{
    ACTION_MISSING, BOUNDARY, CLIENT_ID_MISSING, DENIED, ISSUER_UNREACHABLE, NO_ROLE_IN_POD,
    NODE_ROLE, NOT_ANNOTATED, OTHER_ISSUER, POLICY_DETACHED, POLICY_MISSING, PREFIX_OTHER,
    PROVIDER_MISSING, ROLE_ELSEWHERE, ROLE_MISSING, SESSION_TOO_LONG, THUMBPRINT, TOKEN_AUDIENCE,
    TOKEN_SUBJECT, TRUST_AUDIENCE, TRUST_DENIES, TRUST_OTHER, TRUST_PROVIDER, TRUST_SUBJECT,
    WEBHOOK,
};
use super::super::entry::{Cause, Entry, Response};
use super::super::symptom::Source;
use super::ENTRY;
use crate::engine::Link;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "provider-missing",
        row: 34,
        sources: &[Source::Sts],
        codes: &["InvalidIdentityToken"],
        texts: &["No OpenIDConnect provider found in your account for {found}"],
        response: Response::Fix,
        in_chain: true,
        causes: &[&PROVIDER_MISSING, &OTHER_ISSUER],
        ..ENTRY
    },
    Entry {
        id: "wrong-audience",
        row: 35,
        sources: &[Source::Sts],
        codes: &["InvalidIdentityToken"],
        texts: &["Incorrect token audience"],
        in_chain: true,
        causes: &[&TOKEN_AUDIENCE, &CLIENT_ID_MISSING],
        ..ENTRY
    },
    Entry {
        id: "thumbprint",
        row: 36,
        sources: &[Source::Sts],
        codes: &["InvalidIdentityToken"],
        texts: &["HTTPS certificate doesn't match configured thumbprint"],
        causes: &[&THUMBPRINT],
        ..ENTRY
    },
    Entry {
        id: "issuer-unreachable",
        row: 37,
        sources: &[Source::Sts],
        codes: &["InvalidIdentityToken", "IDPCommunicationError"],
        texts: &[
            "Couldn't retrieve verification key from your identity provider",
            "Identity provider could not be reached",
        ],
        seen: false,
        response: Response::Wait,
        causes: &[&ISSUER_UNREACHABLE, &OTHER_ISSUER],
        ..ENTRY
    },
    Entry {
        id: "trust-mismatch",
        row: 38,
        sources: &[Source::Sts],
        codes: &["AccessDenied"],
        texts: &["Not authorized to perform sts:AssumeRoleWithWebIdentity"],
        in_chain: true,
        causes: &[
            &TRUST_OTHER,
            &ROLE_MISSING,
            &ROLE_ELSEWHERE,
            &TRUST_PROVIDER,
            &TRUST_SUBJECT,
            &TRUST_AUDIENCE,
            &TRUST_DENIES,
            &TOKEN_SUBJECT,
            &OTHER_ISSUER,
        ],
        ..ENTRY
    },
    Entry {
        id: "session-too-long",
        row: 39,
        sources: &[Source::Sts],
        codes: &["ValidationError"],
        texts: &["DurationSeconds exceeds the MaxSessionDuration set for this role"],
        response: Response::Fix,
        causes: &[&SESSION_TOO_LONG],
        ..ENTRY
    },
    Entry {
        id: "webhook-failing-open",
        row: 40,
        sources: &[Source::Kubernetes, Source::Pod],
        texts: &["Failed calling webhook, failing open pod-identity-webhook"],
        causes: &[&WEBHOOK],
        ..ENTRY
    },
    Entry {
        id: "node-role",
        row: 41,
        texts: &["{found}NodeInstanceRole…is not authorized to perform"],
        causes: &[&NODE_ROLE],
        ..ENTRY
    },
    Entry {
        id: "token-unreadable",
        row: 43,
        sources: &[Source::Pod, Source::Aws],
        codes: &["Error", "CrashLoopBackOff", "ContainerCannotRun"],
        texts: &[
            "ermission denied…serviceaccount/token",
            "serviceaccount/token…ermission denied",
        ],
        response: Response::Fix,
        causes: &[&Cause {
            id: "token-unreadable",
            link: Some(Link::Token),
            text: "the user in the container may not read the token's file: on old clusters only root may",
            remedies: &[
                "set `spec.securityContext.fsGroup: 65534` in the Pod, so that its group owns the token",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "token-file-missing",
        sources: &[Source::Pod, Source::Aws],
        texts: &[
            "No such file or directory…serviceaccount/token",
            "Unable to locate credentials",
        ],
        causes: &[&NO_ROLE_IN_POD, &NOT_ANNOTATED],
        ..ENTRY
    },
    Entry {
        id: "token-expired",
        sources: &[Source::Sts],
        codes: &["ExpiredToken"],
        texts: &["Token expired: current date/time {found} must be before"],
        response: Response::Wait,
        causes: &[&Cause {
            id: "token-expired",
            link: Some(Link::Token),
            text: "the service account's token has expired: it was kept for too long, or the clock that judged it is wrong",
            remedies: &[
                "start the proof again: it asks for a new token",
                "in a Pod, read the token's file at each use: the kubelet renews it",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "permission",
        row: 44,
        sources: &[Source::S3],
        codes: &["AccessDenied"],
        in_chain: true,
        causes: PERMISSION,
        ..ENTRY
    },
    Entry {
        id: "permission",
        row: 44,
        sources: &[Source::S3],
        codes: &["AccessDenied"],
        texts: &["is not authorized to perform: {found} "],
        in_chain: true,
        causes: PERMISSION,
        ..ENTRY
    },
    Entry {
        id: "boundary",
        row: 44,
        sources: &[Source::S3],
        codes: &["AccessDenied"],
        texts: &["is not authorized to perform: {found} …because no permissions boundary allows"],
        causes: &[&BOUNDARY],
        ..ENTRY
    },
    Entry {
        id: "organization-denies",
        sources: &[Source::S3, Source::Sts, Source::Iam, Source::Eks],
        codes: &["AccessDenied"],
        texts: &[
            "is not authorized to perform: {found} …explicit deny in a service control policy",
            "is not authorized to perform: {found} …no service control policy allows",
            "is not authorized to perform: {found} …explicit deny in a resource control policy",
        ],
        causes: &[&Cause {
            id: "organization-denies",
            link: None,
            text: "a policy of the organization denies `{found}`, whatever the account's own policies say",
            remedies: &[
                "ask who runs the AWS organization to allow `{found}` in account {account}",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "bucket-policy-denies",
        sources: &[Source::S3],
        codes: &["AccessDenied"],
        texts: &["is not authorized to perform: {found} …explicit deny in a resource-based policy"],
        causes: &[&Cause {
            id: "bucket-policy-denies",
            link: Some(Link::Bucket),
            text: "the policy of bucket `{bucket}` itself denies `{found}`",
            remedies: &[
                "`aws s3api get-bucket-policy --bucket {bucket}` shows it; have `{role}` left out of the denial",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "no-such-bucket",
        row: 45,
        sources: &[Source::S3],
        codes: &["NoSuchBucket"],
        response: Response::Success,
        causes: &[&Cause {
            id: "no-such-bucket",
            link: None,
            text: "access is proven: S3 says that bucket `{bucket}` does not exist only to those who may list it",
            remedies: &[],
        }],
        ..ENTRY
    },
];

const PERMISSION: &[&Cause] = &[
    &ACTION_MISSING,
    &POLICY_MISSING,
    &POLICY_DETACHED,
    &DENIED,
    &BOUNDARY,
    &PREFIX_OTHER,
];
