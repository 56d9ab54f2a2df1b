//! The AWS control plane: what IAM, EKS, S3 and CloudFormation refuse to make or remove.

use super::super::entry::{Cause, Entry, Response};
use super::super::symptom::Source;
use super::{ANY_AWS, ENTRY};
use crate::engine::Link;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "principal-unknown",
        row: 1,
        codes: &["MalformedPolicyDocument", "MalformedPolicy"],
        texts: &[
            "Invalid principal in policy: \"AWS\":\"{found}\"",
            "Invalid principal in policy",
        ],
        response: Response::Wait,
        causes: &[&Cause {
            id: "principal-unknown",
            link: None,
            text: "the policy names a principal that AWS does not know: `{found}`; one made a moment ago is known within a minute, any other is gone",
            remedies: &[
                "`aws iam get-role --role-name NAME` tells whether it exists; an id such as `AROA…` is what is left of a role that was deleted: name the new role's ARN instead",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "role-exists",
        row: 3,
        sources: &[Source::Iam, Source::CloudFormation],
        codes: &["EntityAlreadyExists"],
        texts: &["Role with name {found} already exists"],
        response: Response::Ask,
        causes: &[&Cause {
            id: "role-exists",
            link: None,
            text: "role `{found}` exists already; a name is unique in the account, whatever its path",
            remedies: &[
                "`rok-deploy plan` compares it with what is intended",
                "or choose another name: `--set aws_s3_role=NAME`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "stack-rolled-back",
        row: 5,
        sources: &[Source::CloudFormation],
        codes: &["ValidationError"],
        texts: &["Stack:{found} is in ROLLBACK_COMPLETE state"],
        response: Response::Fix,
        causes: &[&Cause {
            id: "stack-rolled-back",
            link: None,
            text: "the stack never came to be: its first creation was rolled back, and such a stack can only be deleted",
            remedies: &[
                "`rok-deploy run --set aws_identity_method=cloudformation` deletes a dead stack of its own and makes it anew",
                "`aws cloudformation delete-stack --stack-name {found}`, then run again",
                "`aws cloudformation describe-stack-events --stack-name {found}` tells why it failed",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "stack-under-way",
        row: 5,
        sources: &[Source::CloudFormation],
        codes: &["ValidationError"],
        texts: &[
            "Stack:{found} is in CREATE_IN_PROGRESS state",
            "Stack:{found} is in UPDATE_IN_PROGRESS state",
            "Stack:{found} is in DELETE_IN_PROGRESS state",
        ],
        seen: true,
        response: Response::Wait,
        causes: &[&Cause {
            id: "stack-under-way",
            link: None,
            text: "somebody is changing the stack just now",
            remedies: &[
                "`aws cloudformation describe-stack-events --stack-name {found}` shows how far it is; then run again",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "stack-not-finished",
        row: 5,
        sources: &[Source::CloudFormation],
        codes: &["ValidationError"],
        texts: &["Stack:{found} is in REVIEW_IN_PROGRESS state"],
        seen: true,
        response: Response::Fix,
        causes: &[&Cause {
            id: "stack-not-finished",
            link: None,
            text: "the stack has a change set that nobody has executed, and no resources",
            remedies: &[
                "execute the change set, or `aws cloudformation delete-stack --stack-name {found}`, then run again",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "stack-renames",
        row: 5,
        sources: &[Source::CloudFormation],
        texts: &[
            "cannot update a stack when a custom-named resource requires replacing. Rename {found} and",
        ],
        seen: true,
        response: Response::Ask,
        causes: &[&Cause {
            id: "stack-renames",
            link: None,
            text: "`{found}` would have to be made anew under the same name, which CloudFormation refuses: path and description of a policy, and the path of a role, cannot be changed",
            remedies: &[
                "choose another name: `--set aws_s3_role=NAME`",
                "or keep the former `aws_iam_path`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "stack-exists",
        row: 6,
        sources: &[Source::CloudFormation],
        codes: &["AlreadyExists"],
        seen: false,
        response: Response::Fix,
        causes: &[&Cause {
            id: "stack-exists",
            link: None,
            text: "the stack exists already: it has to be updated",
            remedies: &["run again: what exists is compared and updated"],
        }],
        ..ENTRY
    },
    Entry {
        id: "stack-unchanged",
        row: 6,
        sources: &[Source::CloudFormation],
        texts: &["No updates are to be performed", "didn't contain changes"],
        seen: false,
        response: Response::Success,
        causes: &[&Cause {
            id: "stack-unchanged",
            link: None,
            text: "the stack is as intended",
            remedies: &[],
        }],
        ..ENTRY
    },
    Entry {
        id: "capability-missing",
        row: 7,
        sources: &[Source::CloudFormation],
        codes: &["InsufficientCapabilities"],
        texts: &["Requires capabilities : [{found}]"],
        seen: false,
        response: Response::Fix,
        causes: &[&Cause {
            id: "capability-missing",
            link: None,
            text: "the stack makes IAM objects with names of their own, which has to be said",
            remedies: &["add `--capabilities CAPABILITY_NAMED_IAM` to `aws cloudformation deploy`"],
        }],
        ..ENTRY
    },
    Entry {
        id: "policy-unknown",
        row: 8,
        sources: &[Source::Iam],
        codes: &["NoSuchEntity"],
        texts: &["Policy {found} does not exist or is not attachable"],
        response: Response::Wait,
        causes: &[&Cause {
            id: "policy-unknown",
            link: Some(Link::Policy),
            text: "policy `{found}` is not known: one made a moment ago is known within a minute, any other has another ARN",
            remedies: &[
                "`aws iam list-policies --scope Local --query Policies[].Arn` lists those of the account",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "boundary-demanded",
        row: 9,
        sources: &[Source::Iam],
        codes: &["AccessDenied"],
        texts: &["is not authorized to perform: iam:CreateRole on…with an explicit deny"],
        response: Response::Ask,
        causes: &[&Cause {
            id: "boundary-demanded",
            link: None,
            text: "a policy denies `iam:CreateRole` outright; accounts do so for roles without a permissions boundary",
            remedies: &[
                "ask for the ARN of the boundary: `--set aws_permissions_boundary=ARN`",
                "or let an administrator make the change: `rok-deploy handoff` writes the files",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "denied-outright",
        row: 9,
        sources: ANY_AWS,
        codes: &["AccessDenied", "UnauthorizedOperation"],
        texts: &["not authorized to perform: {found} …explicit deny"],
        response: Response::Ask,
        causes: &[&Cause {
            id: "denied-outright",
            link: None,
            text: "a policy denies `{found}` outright",
            remedies: &[
                "a policy denies `{found}` outright, which no policy of the caller can outweigh: an administrator has to make the change",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "right-missing",
        sources: ANY_AWS,
        codes: &["AccessDenied", "UnauthorizedOperation"],
        texts: &["not authorized to perform: {found} "],
        response: Response::Ask,
        causes: &[&RIGHT_MISSING],
        ..ENTRY
    },
    Entry {
        id: "right-missing",
        sources: ANY_AWS,
        codes: &["AccessDenied", "UnauthorizedOperation"],
        response: Response::Ask,
        causes: &[&RIGHT_MISSING],
        ..ENTRY
    },
    Entry {
        id: "still-in-use",
        row: 14,
        sources: &[Source::Iam],
        codes: &["DeleteConflict"],
        response: Response::Fix,
        causes: &[&Cause {
            id: "still-in-use",
            link: None,
            text: "something is attached to what is to be deleted: policies are detached first, then deleted, then the role leaves its instance profiles",
            remedies: &[
                "`aws iam list-attached-role-policies --role-name {role}` and `aws iam list-role-policies --role-name {role}` list the policies",
                "`aws iam list-instance-profiles-for-role --role-name {role}` lists the profiles",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "bucket-location",
        row: 17,
        sources: &[Source::S3],
        codes: &["IllegalLocationConstraint", "InvalidLocationConstraint"],
        seen: false,
        response: Response::Fix,
        causes: &[&Cause {
            id: "bucket-location",
            link: Some(Link::Bucket),
            text: "the bucket was asked for in another region than the one that answered: in us-east-1 no location is named, elsewhere the region itself",
            remedies: &[
                "`aws s3api create-bucket --bucket {bucket} --create-bucket-configuration LocationConstraint={region}`, without the last option in us-east-1",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "bucket-taken",
        row: 17,
        sources: &[Source::S3],
        codes: &["BucketAlreadyExists"],
        seen: false,
        response: Response::Ask,
        causes: &[&Cause {
            id: "bucket-taken",
            link: Some(Link::Bucket),
            text: "bucket `{bucket}` belongs to another account: bucket names are unique in the world",
            remedies: &["choose another prefix: `--set aws_s3_bucket_prefix=PREFIX`"],
        }],
        ..ENTRY
    },
    Entry {
        id: "bucket-ours",
        row: 17,
        sources: &[Source::S3],
        codes: &["BucketAlreadyOwnedByYou"],
        response: Response::Success,
        causes: &[&Cause {
            id: "bucket-ours",
            link: None,
            text: "bucket `{bucket}` is there and belongs to this account",
            remedies: &[],
        }],
        ..ENTRY
    },
    Entry {
        id: "bucket-elsewhere",
        sources: &[Source::S3],
        codes: &["PermanentRedirect", "AuthorizationHeaderMalformed"],
        causes: &[&Cause {
            id: "bucket-elsewhere",
            link: Some(Link::Bucket),
            text: "bucket `{bucket}` is in another region than `{region}`",
            remedies: &[
                "`aws s3api get-bucket-location --bucket {bucket}` tells which; set it: `--set aws_default_region=REGION`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "association-role-new",
        row: 20,
        sources: &[Source::Eks],
        codes: &["InvalidParameter"],
        texts: &["Role provided in the request does not exist"],
        response: Response::Wait,
        causes: &[&Cause {
            id: "association-role-new",
            link: Some(Link::Role),
            text: "EKS has not heard of the role yet, or it does not exist",
            remedies: &["`aws iam get-role --role-name {role}` must find it"],
        }],
        ..ENTRY
    },
    Entry {
        id: "association-trust",
        row: 21,
        sources: &[Source::Eks],
        codes: &["InvalidParameter"],
        texts: &["Trust policy of the role provided is invalid"],
        causes: &[&Cause {
            id: "association-trust",
            link: Some(Link::Trust),
            text: "for Pod Identity the role has to trust service `pods.eks.amazonaws.com` with `sts:AssumeRole` and `sts:TagSession`",
            remedies: &[
                "`aws iam get-role --role-name {role} --query Role.AssumeRolePolicyDocument` shows whom it trusts",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "association-exists",
        row: 22,
        sources: &[Source::Eks],
        codes: &["ResourceInUse"],
        texts: &["Association already exists"],
        response: Response::Ask,
        causes: &[&Cause {
            id: "association-exists",
            link: None,
            text: "the service account has a Pod Identity association already",
            remedies: &[
                "`aws eks list-pod-identity-associations --cluster-name {cluster} --namespace {namespace} --service-account {service_account}` shows it; it is fine if its role is `{role}`",
            ],
        }],
        ..ENTRY
    },
    Entry {
        id: "tag-session",
        row: 23,
        sources: ANY_AWS,
        codes: &["AccessDenied"],
        texts: &["is not authorized to perform: sts:TagSession on resource"],
        causes: &[&Cause {
            id: "tag-session",
            link: Some(Link::Role),
            text: "Pod Identity tags its sessions, and the next role in the chain does not let it",
            remedies: &[
                "allow `sts:TagSession` beside `sts:AssumeRole` both in the caller's policy and in the trust policy of the role it assumes",
            ],
        }],
        ..ENTRY
    },
];

const RIGHT_MISSING: Cause = Cause {
    id: "right-missing",
    link: None,
    text: "the caller lacks the right `{found}`",
    remedies: &["add `{found}` to the caller's policy, or let an administrator do it"],
};
