//! Every code and text of the list of failures, as it was seen, and the entry that it leads to.

use super::super::{Response, Source, look_up};
use super::*;

const SEEN: &[(Source, &str, &str, u8, &str)] = &[
    (
        Source::Iam,
        "MalformedPolicyDocument",
        "Invalid principal in policy: \"AWS\":\"arn:aws:iam::1:role/x\"",
        1,
        "principal-unknown",
    ),
    (
        Source::S3,
        "MalformedPolicy",
        "Invalid principal in policy",
        1,
        "principal-unknown",
    ),
    (
        Source::Iam,
        "EntityAlreadyExists",
        "Role with name rok already exists.",
        3,
        "role-exists",
    ),
    (
        Source::CloudFormation,
        "ValidationError",
        "Stack:arn:aws:cloudformation:us-west-2:1:stack/rok/1 is in ROLLBACK_COMPLETE state and can not be updated.",
        5,
        "stack-rolled-back",
    ),
    (
        Source::CloudFormation,
        "AlreadyExistsException",
        "Stack [rok] already exists",
        6,
        "stack-exists",
    ),
    (
        Source::CloudFormation,
        "ValidationError",
        "No updates are to be performed.",
        6,
        "stack-unchanged",
    ),
    (
        Source::CloudFormation,
        "InsufficientCapabilitiesException",
        "Requires capabilities : [CAPABILITY_NAMED_IAM]",
        7,
        "capability-missing",
    ),
    (
        Source::Iam,
        "NoSuchEntity",
        "Policy arn:aws:iam::1:policy/rok does not exist or is not attachable.",
        8,
        "policy-unknown",
    ),
    (
        Source::Iam,
        "AccessDenied",
        "User: u is not authorized to perform: iam:CreateRole on resource: r with an explicit deny",
        9,
        "boundary-demanded",
    ),
    (
        Source::Iam,
        "AccessDenied",
        "User: u is not authorized to perform: iam:TagRole on resource: r with an explicit deny in an identity-based policy",
        9,
        "denied-outright",
    ),
    (
        Source::Iam,
        "LimitExceeded",
        "Cannot exceed quota for ACLSizePerRole: 2048",
        10,
        "trust-too-big",
    ),
    (
        Source::Iam,
        "LimitExceeded",
        "Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100",
        11,
        "providers-full",
    ),
    (
        Source::Iam,
        "LimitExceeded",
        "Cannot exceed quota for PoliciesPerRole: 10",
        12,
        "policies-full",
    ),
    (
        Source::Iam,
        "LimitExceeded",
        "Cannot exceed quota for PolicySize: 6144",
        12,
        "policies-full",
    ),
    (
        Source::Iam,
        "LimitExceeded",
        "Maximum policy size of 10240 bytes exceeded for role rok",
        12,
        "policies-full",
    ),
    (
        Source::Iam,
        "LimitExceeded",
        "A managed policy can have up to 5 versions.",
        13,
        "versions-full",
    ),
    (
        Source::Iam,
        "DeleteConflict",
        "Cannot delete entity, must detach all policies first.",
        14,
        "still-in-use",
    ),
    (
        Source::Iam,
        "ValidationError",
        "1 validation error detected: Value 'x' at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64",
        15,
        "name-too-long",
    ),
    (
        Source::S3,
        "IllegalLocationConstraintException",
        "The us-east-1 location constraint is incompatible",
        17,
        "bucket-location",
    ),
    (
        Source::S3,
        "BucketAlreadyExists",
        "The requested bucket name is not available.",
        17,
        "bucket-taken",
    ),
    (Source::S3, "BucketAlreadyOwnedByYou", "", 17, "bucket-ours"),
    (Source::Iam, "Throttling", "Rate exceeded", 18, "throttled"),
    (Source::Eks, "TooManyRequestsException", "", 18, "throttled"),
    (
        Source::Iam,
        "ConcurrentModification",
        "",
        19,
        "changed-meanwhile",
    ),
    (
        Source::Eks,
        "InvalidParameterException",
        "Role provided in the request does not exist",
        20,
        "association-role-new",
    ),
    (
        Source::Eks,
        "InvalidParameterException",
        "Trust policy of the role provided is invalid",
        21,
        "association-trust",
    ),
    (
        Source::Eks,
        "ResourceInUseException",
        "Association already exists: a-1",
        22,
        "association-exists",
    ),
    (
        Source::Sts,
        "AccessDenied",
        "User: u is not authorized to perform: sts:TagSession on resource: r",
        23,
        "tag-session",
    ),
    (
        Source::Aws,
        "",
        "no credentials: the SSO token has expired and cannot be refreshed",
        24,
        "sso-expired",
    ),
    (
        Source::Pod,
        "",
        "The SSO session associated with this profile has expired or is otherwise invalid.",
        24,
        "sso-expired",
    ),
    (Source::Aws, "InvalidGrantException", "", 24, "sso-expired"),
    (
        Source::Sts,
        "ExpiredToken",
        "The provided token has expired.",
        26,
        "session-expired",
    ),
    (
        Source::Aws,
        "",
        "assume role requires MFA token but mfa_serial",
        27,
        "mfa",
    ),
    (
        Source::Sts,
        "SignatureDoesNotMatch",
        "Signature expired: 20220101T000000Z is now earlier than 20220101T000110Z (20220101T000610Z - 5 min.)",
        28,
        "clock-skew",
    ),
    (
        Source::S3,
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
        28,
        "clock-skew",
    ),
    (
        Source::Sts,
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
        29,
        "key-unknown",
    ),
    (
        Source::Sts,
        "RegionDisabledException",
        "STS is not activated in this region for account:1.",
        31,
        "region-disabled",
    ),
    (
        Source::Sts,
        "",
        "no answer: operation timed out",
        32,
        "no-answer",
    ),
    (
        Source::Sts,
        "InvalidIdentityToken",
        "No OpenIDConnect provider found in your account for https://oidc.eks.us-west-2.amazonaws.com/id/1",
        34,
        "provider-missing",
    ),
    (
        Source::Sts,
        "InvalidIdentityTokenException",
        "Incorrect token audience",
        35,
        "wrong-audience",
    ),
    (
        Source::Sts,
        "InvalidIdentityToken",
        "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
        36,
        "thumbprint",
    ),
    (
        Source::Sts,
        "InvalidIdentityToken",
        "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
        37,
        "issuer-unreachable",
    ),
    (
        Source::Sts,
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        38,
        "trust-mismatch",
    ),
    (
        Source::Sts,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        39,
        "session-too-long",
    ),
    (
        Source::Kubernetes,
        "",
        "Failed calling webhook, failing open pod-identity-webhook.amazonaws.com",
        40,
        "webhook-failing-open",
    ),
    (
        Source::S3,
        "AccessDenied",
        "User: arn:aws:sts::1:assumed-role/x-NodeInstanceRole-1/i is not authorized to perform: s3:ListBucket",
        44,
        "permission",
    ),
    (
        Source::Pod,
        "",
        "[Errno 13] Permission denied: '/var/run/secrets/eks.amazonaws.com/serviceaccount/token'",
        43,
        "token-unreadable",
    ),
    (
        Source::Pod,
        "",
        "open /var/run/secrets/eks.amazonaws.com/serviceaccount/token: permission denied",
        43,
        "token-unreadable",
    ),
    (
        Source::S3,
        "AccessDenied",
        "Access Denied",
        44,
        "permission",
    ),
    (
        Source::S3,
        "NoSuchBucket",
        "The specified bucket does not exist",
        45,
        "no-such-bucket",
    ),
    (
        Source::Azure,
        "ContainerNotFound",
        "",
        45,
        "az-container-missing",
    ),
    (
        Source::Azure,
        "PrincipalNotFound",
        "Principal 1 does not exist in the directory 2.",
        46,
        "az-principal-new",
    ),
    (
        Source::Azure,
        "RoleAssignmentExists",
        "The role assignment already exists.",
        47,
        "az-assignment-exists",
    ),
    (
        Source::Azure,
        "AuthorizationFailed",
        "The client does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over scope s",
        48,
        "az-no-right",
    ),
    (
        Source::Azure,
        "RoleDefinitionDoesNotExist",
        "",
        49,
        "az-role-definition",
    ),
    (
        Source::Azure,
        "ParentResourceNotFound",
        "",
        50,
        "az-parent-new",
    ),
    (
        Source::Azure,
        "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
        "",
        51,
        "az-parallel-credentials",
    ),
    (
        Source::Azure,
        "",
        "Issuer and subject combination already exists for this Managed Identity.",
        52,
        "az-credential-exists",
    ),
    (
        Source::Azure,
        "",
        "AADSTS70021: No matching federated identity record found for presented assertion. Assertion Issuer: x",
        54,
        "az-no-matching-credential",
    ),
    (
        Source::Azure,
        "",
        "AADSTS700211: No matching issuer",
        55,
        "az-issuer-unknown",
    ),
    (
        Source::Azure,
        "",
        "AADSTS700213: No matching federated identity record found for presented assertion subject",
        54,
        "az-no-matching-credential",
    ),
    (
        Source::Azure,
        "",
        "AADSTS90061: Request to External OIDC endpoint failed.",
        56,
        "az-issuer-unreachable",
    ),
    (
        Source::Azure,
        "",
        "AADSTS50005: User tried to log in to a device from a platform (Unknown) that's currently not supported",
        57,
        "az-conditional-access",
    ),
    (
        Source::Azure,
        "",
        "AADSTS700024: Client assertion is not within its valid time range.",
        58,
        "az-clock-skew",
    ),
    (
        Source::Azure,
        "BadRequest",
        "Cluster identity has no assignment permission over identity 'resourceId: /x'. Please grant at least 'Managed Identity Operator' permission before assigning pod identity",
        59,
        "az-identity-operator",
    ),
    (
        Source::Azure,
        "",
        "Could not grant Managed Identity Operator permission for cluster",
        60,
        "az-operator-not-granted",
    ),
    (
        Source::Azure,
        "LinkedAuthorizationFailed",
        "",
        61,
        "az-linked-authorization",
    ),
    (
        Source::Azure,
        "PodIdentityAddonUserAssignedIdentitiesNotAllowedInCreation",
        "",
        62,
        "az-addon-order",
    ),
    (
        Source::Azure,
        "",
        "no azure identity found for request clientID 1",
        63,
        "az-binding-label",
    ),
    (
        Source::Azure,
        "",
        "AZURE_CLIENT_ID environment variable is not set",
        64,
        "az-not-injected",
    ),
    (
        Source::Azure,
        "AuthorizationPermissionMismatch",
        "This request is not authorized to perform this operation using this permission.",
        65,
        "az-data-not-yet",
    ),
    (
        Source::Azure,
        "",
        "You do not have the required permissions needed to perform this operation.",
        65,
        "az-data-not-yet",
    ),
    (
        Source::Azure,
        "RequestDisallowedByPolicy",
        "",
        67,
        "az-policy",
    ),
    (Source::Azure, "ScopeLocked", "", 67, "az-locked"),
    (
        Source::Azure,
        "InvalidResourceGroupLocation",
        "Invalid resource group location 'eastus'. The Resource group already exists in location 'westus'.",
        66,
        "az-group-elsewhere",
    ),
    (
        Source::Azure,
        "MissingSubscriptionRegistration",
        "",
        67,
        "az-provider-not-registered",
    ),
    (
        Source::Pod,
        "",
        "Error from server (AlreadyExists): error when creating \"x.yaml\": serviceaccounts \"rok\" already exists",
        68,
        "account-exists",
    ),
    (
        Source::Kubernetes,
        "AlreadyExists",
        "serviceaccounts \"rok\" already exists",
        68,
        "account-exists",
    ),
    (
        Source::Pod,
        "",
        "error: You must be logged in to the server (the server has asked for the client to provide credentials)",
        69,
        "login-expired",
    ),
    (
        Source::Kubernetes,
        "Unauthorized",
        "Unauthorized",
        69,
        "login-expired",
    ),
    (
        Source::Kubernetes,
        "Conflict",
        "Apply failed with 1 conflict: conflict with \"kustomize-controller\" using v1: .data",
        71,
        "field-conflict",
    ),
    (
        Source::Kubernetes,
        "Forbidden",
        "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false",
        72,
        "pod-security",
    ),
    (
        Source::Pod,
        "ErrImagePull",
        "rpc error: code = NotFound",
        73,
        "image-not-pulled",
    ),
    (
        Source::Pod,
        "ImagePullBackOff",
        "Back-off pulling image \"x\"",
        73,
        "image-not-pulled",
    ),
    (
        Source::Pod,
        "ErrImagePull",
        "failed to authorize: 401 Unauthorized",
        73,
        "image-not-allowed",
    ),
    (
        Source::Kubernetes,
        "Forbidden",
        "pods \"p\" is forbidden: User \"ann\" cannot create resource \"pods/exec\" in API group \"\" in the namespace \"rok\"",
        74,
        "exec-forbidden",
    ),
    (
        Source::Kubernetes,
        "Forbidden",
        "pods \"p\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1",
        74,
        "quota-exceeded",
    ),
    (
        Source::Pod,
        "Unschedulable",
        "0/3 nodes are available: 3 Insufficient memory.",
        74,
        "unschedulable",
    ),
    (
        Source::Git,
        "",
        " ! [rejected]        main -> main (fetch first)",
        76,
        "diverged",
    ),
    (
        Source::Git,
        "",
        "non-fast-forward update: refs/heads/main",
        76,
        "diverged",
    ),
    (
        Source::Git,
        "Rejected",
        "remote: error: GH006: Protected branch update failed for refs/heads/main.",
        77,
        "branch-rules",
    ),
    (
        Source::Git,
        "",
        "remote: error: GH013: Repository rule violations found for refs/heads/main.",
        77,
        "branch-rules",
    ),
    (
        Source::Git,
        "",
        "fatal: You are not currently on a branch.",
        78,
        "detached",
    ),
    (
        Source::Git,
        "",
        "fatal: Unable to create '/x/.git/index.lock': File exists.",
        80,
        "busy",
    ),
    (
        Source::Git,
        "",
        "*** Please tell me who you are.",
        81,
        "identity",
    ),
    (
        Source::Git,
        "Refused",
        "commit: refused: error: gpg failed to sign the data",
        81,
        "not-signed",
    ),
    (
        Source::Git,
        "",
        "fatal: detected dubious ownership in repository at '/ops'",
        82,
        "dubious-ownership",
    ),
    (
        Source::Git,
        "",
        "fatal: tag 'deploy/1' already exists",
        83,
        "tag-exists",
    ),
    (Source::Git, "", "already up-to-date", 84, "up-to-date"),
    (
        Source::Git,
        "",
        "undefined value (in patch.yaml.j2:3)",
        86,
        "template-variable",
    ),
    (
        Source::Git,
        "",
        "Error: accumulating resources: accumulation err",
        89,
        "kustomize-build",
    ),
];

fn symptom(source: Source, code: &str, text: &str) -> Symptom {
    let symptom = Symptom::new(source, text);
    if code.is_empty() {
        symptom
    } else {
        symptom.code(code)
    }
}

#[test]
fn every_recorded_failure_leads_to_its_entry() {
    for (source, code, text, row, id) in SEEN {
        let entry = look_up(&symptom(*source, code, text));
        let found = entry.map(|entry| (entry.row, entry.id));
        assert_eq!(found, Some((*row, *id)), "{code}: {text}");
    }
}

#[test]
fn what_nobody_has_recorded_leads_nowhere() {
    for (source, code) in [
        (Source::Iam, "ValidationError"),
        (Source::S3, "Werewolf"),
        (Source::Kubernetes, "Gone"),
        (Source::Git, "Other"),
    ] {
        assert_eq!(look_up(&symptom(source, code, "the moon is full")), None);
    }
}

#[test]
fn a_right_is_named_by_the_message_else_by_the_call() {
    let found = |symptom: &Symptom| symptom.found(look_up(symptom).unwrap());
    let text = "User: u is not authorized to perform: eks:DescribeCluster on resource: r";
    assert_eq!(
        found(&symptom(Source::Eks, "AccessDeniedException", text)),
        "eks:DescribeCluster"
    );
    let listing = Symptom {
        operation: Some("s3:ListObjectVersions".into()),
        ..symptom(Source::S3, "AccessDenied", "Access Denied")
    };
    assert_eq!(found(&listing), "s3:ListBucketVersions");
}

#[test]
fn a_wrong_clock_explains_a_signature() {
    let refused = symptom(
        Source::Iam,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match",
    );
    assert_eq!(look_up(&refused).unwrap().id, "signature");
    let mut slow = refused.clone();
    slow.surroundings.skew = Some(jiff::SignedDuration::from_secs(372));
    let entry = look_up(&slow).unwrap();
    assert_eq!(
        (entry.id, slow.found(entry).as_str()),
        ("clock-skew", "6m 12s behind")
    );
    let told = SEEN.iter().find(|seen| seen.4 == "clock-skew").unwrap();
    let told = symptom(told.0, told.1, told.2);
    assert_eq!(told.found(look_up(&told).unwrap()), "6m 10s behind");
}

#[test]
fn what_the_aws_cli_prints_is_taken_apart() {
    let printed = "\nAn error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity \
                   operation: Not authorized to perform sts:AssumeRoleWithWebIdentity\n";
    let seen = Symptom::of_aws_cli(printed);
    assert_eq!(seen.source, Source::Sts);
    assert_eq!(
        seen.operation.as_deref(),
        Some("sts:AssumeRoleWithWebIdentity")
    );
    assert_eq!(look_up(&seen).unwrap().id, "trust-mismatch");
    let printed = "An error occurred (SlowDown) when calling the CreateBucket operation (reached max retries: 4): Please reduce your request rate.";
    let seen = Symptom::of_aws_cli(printed);
    assert_eq!(
        (seen.source, seen.text.as_str()),
        (Source::S3, "Please reduce your request rate.")
    );
    let seen =
        Symptom::of_aws_cli("warning: x\n\nUnable to locate credentials. You can configure\n");
    assert_eq!(look_up(&seen).unwrap().id, "token-file-missing");
}

#[test]
fn successes_in_disguise_are_few() {
    let successes: std::collections::BTreeSet<_> = super::super::table::entries()
        .filter(|entry| entry.response == Response::Success)
        .map(|entry| entry.id)
        .collect();
    let expected = [
        "account-exists",
        "az-assignment-exists",
        "az-container-missing",
        "bucket-ours",
        "no-such-bucket",
        "stack-unchanged",
        "up-to-date",
    ];
    assert_eq!(Vec::from_iter(successes), expected);
}

/// The advice that a step gives with this refusal, where nobody looks any further.
fn advised(symptom: &Symptom) -> String {
    super::super::advice(symptom).join("\n")
}

fn at(mut symptom: Symptom, region: &str) -> Symptom {
    symptom.surroundings.profile = Some("ops".into());
    symptom.surroundings.region = Some(region.into());
    symptom
}

#[test]
fn advice_about_credentials_names_the_profile_and_what_to_do() {
    let text = "no credentials: the SSO token has expired and cannot be refreshed";
    let expired = at(symptom(Source::Sts, "", text), "cn-north-1");
    assert_eq!(
        advised(&expired),
        "run `aws sso login --profile ops`, then go on"
    );
    let unknown = at(
        symptom(Source::Sts, "InvalidClientTokenId", ""),
        "cn-north-1",
    );
    let partition = "profile `ops` belongs to partition `aws-cn` of region `cn-north-1`";
    assert!(
        advised(&unknown).contains(partition),
        "{}",
        advised(&unknown)
    );
    let mut slow = symptom(Source::Sts, "SignatureDoesNotMatch", "");
    slow.surroundings.skew = Some(jiff::SignedDuration::from_secs(-372));
    let clock = "set this machine's clock: it is 6m 12s ahead of AWS";
    assert_eq!(advised(&slow), clock);
}

#[test]
fn advice_about_rights_tells_what_an_administrator_has_to_do() {
    let text = "User: u is not authorized to perform: iam:TagRole on resource: r because no";
    let missing = symptom(Source::Iam, "AccessDenied", text);
    let expected = "add `iam:TagRole` to the caller's policy";
    assert!(
        advised(&missing).starts_with(expected),
        "{}",
        advised(&missing)
    );
    let mut silent = symptom(Source::Eks, "AccessDeniedException", "");
    silent.operation = Some("eks:DescribeCluster".into());
    assert!(advised(&silent).contains("`eks:DescribeCluster`"));
    let text = "u is not authorized to perform: iam:TagRole on x with an explicit deny";
    let denied = symptom(Source::Iam, "AccessDenied", text);
    assert!(advised(&denied).contains("an administrator"));
}

#[test]
fn advice_about_a_network_names_what_to_check() {
    let dead = at(
        symptom(Source::Sts, "", "no answer: dns error"),
        "cn-north-1",
    );
    assert!(
        advised(&dead).contains("`cn-north-1` exists"),
        "{}",
        advised(&dead)
    );
    let mut local = dead.clone();
    local.surroundings.endpoint = Some("http://127.0.0.1:9".into());
    assert!(advised(&local).contains("answers at http://127.0.0.1:9"));
    let text = "no answer: invalid peer certificate: UnknownIssuer";
    assert!(advised(&symptom(Source::Sts, "", text)).contains("AWS_CA_BUNDLE"));
    let text = "no answer: invalid peer certificate: UnknownIssuer";
    let cluster = symptom(Source::Kubernetes, "Unreachable", text);
    assert!(advised(&cluster).contains("certificate-authority-data"));
    assert!(
        advised(&cluster).contains("update-kubeconfig --name CLUSTER`"),
        "no region is guessed"
    );
}

#[test]
fn advice_about_git_fits_its_own_errors() {
    use crate::clients::git::GitError;
    let of = |error: &GitError| advised(&Symptom::from(error));
    let path = std::path::PathBuf::from("/my ops");
    let owned = of(&GitError::DubiousOwnership { path: path.clone() });
    assert!(owned.contains("--add safe.directory '/my ops'`"), "{owned}");
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    assert_eq!(of(&GitError::Io { path, source: full }), "free disk space");
    assert!(
        of(&GitError::Identity).contains("user.name")
            && of(&GitError::Identity).contains("user.email")
    );
    let program = "git".to_owned();
    assert_eq!(
        of(&GitError::ProgramMissing { program }),
        "install `git`, or put it on the PATH"
    );
    let rules = GitError::Rejected {
        remote: "r".into(),
        text: "GH013: Repository rule violations found".into(),
    };
    assert!(of(&rules).contains("pull request"));
    let remote = "r".to_owned();
    let text = "Authentication failed for 'r'".to_owned();
    assert!(of(&GitError::Authentication { remote, text }).contains("credential helper"));
}

#[test]
fn an_exec_that_fails_tells_rights_policies_and_networks_apart() {
    for (code, text, id) in [
        (
            "Forbidden",
            "pods \"p\" is forbidden: exec takes `get` and `create` on `pods/exec`",
            "exec-refused",
        ),
        (
            "Forbidden",
            "pods \"p\" is forbidden: ValidatingAdmissionPolicy 'no-exec' denied request: not here",
            "exec-denied",
        ),
        (
            "InternalError",
            "error sending request: Post \"https://n:10250/exec\": dial tcp: connection refused",
            "exec-broken",
        ),
        ("", "did not end within 60s", "exec-unended"),
        (
            "",
            "the stream ended before the command's exit code came",
            "exec-unended",
        ),
    ] {
        let said = Symptom {
            operation: Some("exec pods/p".into()),
            code: (!code.is_empty()).then(|| code.into()),
            ..symptom(Source::Kubernetes, code, text)
        };
        let entry = look_up(&said).unwrap();
        assert_eq!(entry.id, id, "{text}");
        assert_eq!(
            entry.causes[0].link,
            Some(Link::Token),
            "no token gets out of the Pod"
        );
    }
}
