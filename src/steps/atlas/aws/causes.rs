//! What may be wrong with a link of the chain, found by looking at it.
//!
//! `{found}` is what the prober saw there.

use crate::engine::Link;
use crate::steps::atlas::entry::Cause;

const RUN: &str = "`rok-deploy run` mends what is this tool's own";

pub(in crate::steps::atlas) const ACCOUNT_MISSING: Cause = Cause {
    id: "account-missing",
    link: Some(Link::ServiceAccount),
    text: "service account `{namespace}/{service_account}` does not exist",
    remedies: &[
        "`kubectl create serviceaccount {service_account} --namespace {namespace}`",
        ANNOTATE,
    ],
};

const ANNOTATE: &str = "`kubectl annotate serviceaccount {service_account} --namespace {namespace} eks.amazonaws.com/role-arn={role_arn} --overwrite`";

pub(in crate::steps::atlas) const NOT_ANNOTATED: Cause = Cause {
    id: "account-not-annotated",
    link: Some(Link::ServiceAccount),
    text: "service account `{namespace}/{service_account}` has no annotation `eks.amazonaws.com/role-arn`, so its Pods get no role",
    remedies: &[ANNOTATE, RECREATE],
};

pub(in crate::steps::atlas) const OTHER_ROLE: Cause = Cause {
    id: "account-of-another-role",
    link: Some(Link::ServiceAccount),
    text: "service account `{namespace}/{service_account}` is annotated with another role: found {found}, expected {role_arn}",
    remedies: &[
        "if the account is yours: `kubectl annotate serviceaccount {service_account} --namespace {namespace} eks.amazonaws.com/role-arn={role_arn} --overwrite`",
        "if the annotated role is the right one: `--set aws_identity_method=existing`, and its name as `--set aws_s3_role=NAME`",
    ],
};

/// A Pod keeps what it was given when it was made.
pub(in crate::steps::atlas) const RECREATE: &str = "then make the Pod anew: `kubectl delete pod {pod} --namespace {namespace}`, and start the proof again";

pub(in crate::steps::atlas) const TOKEN_SUBJECT: Cause = Cause {
    id: "token-subject",
    link: Some(Link::Token),
    text: "the token is of another service account: found {found}, expected {subject}",
    remedies: &[
        "set `serviceAccountName: {service_account}` in the Pod of namespace `{namespace}`",
        RECREATE,
    ],
};

pub(in crate::steps::atlas) const TOKEN_AUDIENCE: Cause = Cause {
    id: "token-audience",
    link: Some(Link::Token),
    text: "the token is for another audience: found {found}, expected {audience}; the audience names who reads the token, not an endpoint",
    remedies: &[
        "`kubectl annotate serviceaccount {service_account} --namespace {namespace} eks.amazonaws.com/audience={audience} --overwrite`",
        RECREATE,
    ],
};

pub(in crate::steps::atlas) const OTHER_ISSUER: Cause = Cause {
    id: "issuer-other",
    link: Some(Link::Issuer),
    text: "the token comes from another issuer: found {found}, expected https://{issuer}",
    remedies: &[
        "`aws eks update-kubeconfig --name {cluster}` makes a context of that cluster; choose it with `--set kube_context=NAME`",
        "`aws eks describe-cluster --name {cluster} --query cluster.identity.oidc.issuer` tells which issuer the cluster has; leave `eks_cluster_oidc` out to have it discovered",
    ],
};

pub(in crate::steps::atlas) const PROVIDER_MISSING: Cause = Cause {
    id: "provider-missing",
    link: Some(Link::Provider),
    text: "the account has no IAM OIDC provider for issuer `{issuer}`: found {found}, expected {provider_arn}",
    remedies: &[
        "`rok-deploy run` registers it",
        "`eksctl utils associate-iam-oidc-provider --cluster {cluster} --approve`",
        "`aws iam create-open-id-connect-provider --url https://{issuer} --client-id-list {audience}`",
    ],
};

pub(in crate::steps::atlas) const CLIENT_ID_MISSING: Cause = Cause {
    id: "client-id-missing",
    link: Some(Link::Provider),
    text: "the IAM OIDC provider does not know the token's audience: found client ids {found}, expected {audience}",
    remedies: &[
        "`aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {provider_arn} --client-id {audience}`",
    ],
};

pub(in crate::steps::atlas) const THUMBPRINT: Cause = Cause {
    id: "thumbprint",
    link: Some(Link::Provider),
    text: "the certificate of issuer `{issuer}` does not fit the thumbprints of its IAM OIDC provider: found {found}",
    remedies: &[
        "`openssl s_client -showcerts -connect {issuer_host}:443 -servername {issuer_host}` shows the chain; the last certificate's SHA-1 is the thumbprint",
        "`aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn {provider_arn} --thumbprint-list THUMBPRINT`",
    ],
};

pub(in crate::steps::atlas) const ISSUER_UNREACHABLE: Cause = Cause {
    id: "issuer-unreachable",
    link: Some(Link::Issuer),
    text: "AWS cannot read the signing keys of issuer `{issuer}`; it passes when AWS itself has a disturbance, and stays when the issuer is not open to the internet",
    remedies: &[
        "`curl --fail https://{issuer}/.well-known/openid-configuration` must answer from outside of your network, and so must the `jwks_uri` in it",
    ],
};

const TRUST: &str =
    "`aws iam get-role --role-name {role} --query Role.AssumeRolePolicyDocument` shows it as it is";
const RETRUST: &str = "`aws iam update-assume-role-policy --role-name {role} --policy-document {trust}` puts a trust policy for this service account alone in its place";

pub(in crate::steps::atlas) const TRUST_SUBJECT: Cause = Cause {
    id: "trust-subject",
    link: Some(Link::Trust),
    text: "the trust policy of role `{role}` is for another subject: found {found}, expected {subject}",
    remedies: &[RUN, RETRUST, TRUST],
};

pub(in crate::steps::atlas) const TRUST_AUDIENCE: Cause = Cause {
    id: "trust-audience",
    link: Some(Link::Trust),
    text: "the trust policy of role `{role}` is for another audience: found {found}, expected {audience}",
    remedies: &[RUN, RETRUST, TRUST],
};

pub(in crate::steps::atlas) const TRUST_PROVIDER: Cause = Cause {
    id: "trust-provider",
    link: Some(Link::Trust),
    text: "the trust policy of role `{role}` is for another issuer's provider: found {found}, expected {provider_arn}",
    remedies: &[RUN, RETRUST, TRUST],
};

pub(in crate::steps::atlas) const TRUST_DENIES: Cause = Cause {
    id: "trust-denies",
    link: Some(Link::Trust),
    text: "a statement of the trust policy of role `{role}` denies: found {found}",
    remedies: &[
        "take the `Deny` statement out, or narrow it: `aws iam get-role --role-name {role} --query Role.AssumeRolePolicyDocument`",
    ],
};

pub(in crate::steps::atlas) const TRUST_OTHER: Cause = Cause {
    id: "trust-other",
    link: Some(Link::Trust),
    text: "the trust policy of role `{role}` does not let the service account in: found {found}, expected {subject} with audience {audience} through {provider_arn}",
    remedies: &[RUN, RETRUST, TRUST],
};

pub(in crate::steps::atlas) const ROLE_MISSING: Cause = Cause {
    id: "role-missing",
    link: Some(Link::Role),
    text: "role `{role}` does not exist",
    remedies: &[
        "`rok-deploy run` creates it",
        "`aws iam create-role --role-name {role} --assume-role-policy-document {trust}`",
    ],
};

pub(in crate::steps::atlas) const ROLE_ELSEWHERE: Cause = Cause {
    id: "role-of-another-path",
    link: Some(Link::Role),
    text: "role `{role}` has another path: found {found}, expected {role_arn}; a name is unique in the account, whatever its path",
    remedies: &[
        "if that role is the one: `kubectl annotate serviceaccount {service_account} --namespace {namespace} eks.amazonaws.com/role-arn={found} --overwrite`",
        "otherwise choose another name: `--set aws_s3_role=NAME`",
    ],
};

const ATTACH: &str = "`aws iam attach-role-policy --role-name {role} --policy-arn {policy_arn}`";
const REVISE: &str = "`aws iam create-policy-version --policy-arn {policy_arn} --policy-document {permissions} --set-as-default`";

pub(in crate::steps::atlas) const POLICY_DETACHED: Cause = Cause {
    id: "policy-detached",
    link: Some(Link::Policy),
    text: "policy `{policy_arn}` exists and is not attached to role `{role}`: found {found}",
    remedies: &[ATTACH],
};

pub(in crate::steps::atlas) const POLICY_MISSING: Cause = Cause {
    id: "policy-missing",
    link: Some(Link::Policy),
    text: "role `{role}` has no policy at all",
    remedies: &[
        "`rok-deploy run` creates and attaches it",
        "`aws iam put-role-policy --role-name {role} --policy-name {role} --policy-document {permissions}`",
    ],
};

pub(in crate::steps::atlas) const ACTION_MISSING: Cause = Cause {
    id: "action-missing",
    link: Some(Link::Policy),
    text: "no policy of role `{role}` allows {found}",
    remedies: &[RUN, REVISE],
};

pub(in crate::steps::atlas) const DENIED: Cause = Cause {
    id: "policy-denies",
    link: Some(Link::Policy),
    text: "a policy of role `{role}` denies outright: found {found}; no other policy can outweigh it",
    remedies: &[
        "take the `Deny` statement out, or narrow it to other buckets than `{prefix}*`; `aws iam list-attached-role-policies --role-name {role}` lists the policies",
    ],
};

pub(in crate::steps::atlas) const BOUNDARY: Cause = Cause {
    id: "boundary",
    link: Some(Link::Policy),
    text: "the permissions boundary of role `{role}` does not allow it: found {found}",
    remedies: &[
        "have `s3:*` on `arn:{partition}:s3:::{prefix}*` and `arn:{partition}:s3:::{prefix}*/*` added to the boundary",
        "`aws iam get-role --role-name {role} --query Role.PermissionsBoundary` names it",
    ],
};

pub(in crate::steps::atlas) const PREFIX_OTHER: Cause = Cause {
    id: "prefix-other",
    link: Some(Link::Prefix),
    text: "the policy is for another bucket prefix: found {found}, expected {prefix}*",
    remedies: &[
        "if `{prefix}` is right, `rok-deploy run` mends a policy of its own",
        REVISE,
        "otherwise set the authorized one: `--set aws_s3_bucket_prefix=PREFIX`",
    ],
};

pub(in crate::steps::atlas) const SESSION_TOO_LONG: Cause = Cause {
    id: "session-too-long",
    link: Some(Link::Role),
    text: "the session asked for is longer than role `{role}` allows: found at most {found} seconds",
    remedies: &["`aws iam update-role --role-name {role} --max-session-duration 43200`"],
};

pub(in crate::steps::atlas) const POD_OLDER: Cause = Cause {
    id: "pod-older",
    link: Some(Link::Token),
    text: "Pod `{pod}` is older than what gives it the role, and a Pod keeps what it was made with: found {found}",
    remedies: &[
        "make the Pod anew: `kubectl delete pod {pod} --namespace {namespace}`; a Pod of a Deployment comes back by itself",
    ],
};

pub(in crate::steps::atlas) const WEBHOOK: Cause = Cause {
    id: "webhook-off",
    link: Some(Link::Token),
    text: "the webhook `pod-identity-webhook` does not act: found {found}",
    remedies: &[
        "`kubectl get mutatingwebhookconfiguration pod-identity-webhook -o yaml` must be there, and its namespace selector must not leave out `{namespace}`",
        "the API server tells `Failed calling webhook, failing open pod-identity-webhook.amazonaws.com` where it cannot reach the webhook: `aws logs filter-log-events --log-group-name /aws/eks/{cluster}/cluster --filter-pattern pod-identity-webhook`",
    ],
};

pub(in crate::steps::atlas) const NODE_ROLE: Cause = Cause {
    id: "node-role",
    link: Some(Link::Token),
    text: "the Pod does not act as role `{role}`: AWS takes it for `{found}`, usually the role of its node, since it was given none of its own",
    remedies: &[
        "`kubectl get pod {pod} --namespace {namespace} -o yaml` must have `AWS_ROLE_ARN` and the volume `aws-iam-token`",
        "make the Pod anew: `kubectl delete pod {pod} --namespace {namespace}`",
    ],
};

pub(in crate::steps::atlas) const NO_ROLE_IN_POD: Cause = Cause {
    id: "no-role-in-pod",
    link: Some(Link::Token),
    text: "the Pod was given no role: it has no token for AWS, or no `AWS_ROLE_ARN`",
    remedies: NODE_ROLE.remedies,
};
