//! Workload identity: from the service account to the managed identity that trusts its token.

use super::{RECREATE, RUN};
use crate::engine::Link;
use crate::steps::atlas::entry::Cause;

const ANNOTATE: &str = "`kubectl annotate serviceaccount {service_account} --namespace {namespace} azure.workload.identity/client-id={client_id} --overwrite`";

pub(in crate::steps::atlas) const ACCOUNT_MISSING: Cause = Cause {
    id: "az-account-missing",
    link: Some(Link::ServiceAccount),
    text: "service account `{namespace}/{service_account}` does not exist",
    remedies: &[
        "`kubectl create serviceaccount {service_account} --namespace {namespace}`",
        ANNOTATE,
    ],
};

pub(in crate::steps::atlas) const NOT_ANNOTATED: Cause = Cause {
    id: "az-account-not-annotated",
    link: Some(Link::ServiceAccount),
    text: "service account `{namespace}/{service_account}` has no annotation `azure.workload.identity/client-id`, so its Pods get no identity",
    remedies: &[ANNOTATE, RECREATE],
};

pub(in crate::steps::atlas) const OTHER_CLIENT: Cause = Cause {
    id: "az-account-of-another-identity",
    link: Some(Link::ServiceAccount),
    text: "service account `{namespace}/{service_account}` is annotated with another identity: found {found}, expected {client_id}",
    remedies: &[
        "if the account is yours: `kubectl annotate serviceaccount {service_account} --namespace {namespace} azure.workload.identity/client-id={client_id} --overwrite`",
        "if the annotated identity is the right one, name it with `--set az_managed_identity=NAME`: `az identity list --query '[].[name,clientId]'` tells its name",
    ],
};

pub(in crate::steps::atlas) const TOKEN_SUBJECT: Cause = Cause {
    id: "az-token-subject",
    link: Some(Link::Token),
    text: "the token is of another service account: found {found}, expected {subject}",
    remedies: &[
        "set `serviceAccountName: {service_account}` in the Pod of namespace `{namespace}`",
        RECREATE,
    ],
};

pub(in crate::steps::atlas) const TOKEN_AUDIENCE: Cause = Cause {
    id: "az-token-audience",
    link: Some(Link::Token),
    text: "the token is for another audience: found {found}, expected {exchange_audience}",
    remedies: &[
        "the webhook sets it, unless the Pod has a volume `azure-identity-token` of its own: take that out",
        RECREATE,
    ],
};

pub(in crate::steps::atlas) const ISSUER_OFF: Cause = Cause {
    id: "az-issuer-off",
    link: Some(Link::Issuer),
    text: "AKS cluster `{cluster}` has no OIDC issuer that Entra could reach",
    remedies: &[
        "`az aks update --name {cluster} --resource-group {group} --enable-oidc-issuer --enable-workload-identity`",
        "`rok-deploy run --set az_cluster_enable=yes` switches it on",
    ],
};

pub(in crate::steps::atlas) const OTHER_ISSUER: Cause = Cause {
    id: "az-issuer-other",
    link: Some(Link::Issuer),
    text: "the token comes from another issuer: found {found}, expected {issuer}",
    remedies: &[
        "`az aks get-credentials --name {cluster} --resource-group {group}` makes a context of that cluster; choose it with `--set kube_context=NAME`",
        "`az aks show --name {cluster} --resource-group {group} --query oidcIssuerProfile.issuerUrl` tells which issuer the cluster has, with its trailing `/`",
    ],
};

pub(in crate::steps::atlas) const ISSUER_UNREACHABLE: Cause = Cause {
    id: "az-issuer-unreachable",
    link: Some(Link::Issuer),
    text: "Entra cannot read the signing keys of issuer `{issuer}`",
    remedies: &[
        "`az aks update --name {cluster} --resource-group {group}` reconciles the cluster's issuer",
        "`curl --fail {issuer}.well-known/openid-configuration` must answer, and so must the `jwks_uri` in it",
    ],
};

const CREDENTIALS: &str = "`az identity federated-credential list --identity-name {identity} --resource-group {group}` shows them as they are";
const CREATE: &str = "`az identity federated-credential create --name {credential} --identity-name {identity} --resource-group {group} --issuer {issuer} --subject {subject} --audiences {exchange_audience}`";
const UPDATE: &str = "`az identity federated-credential update --name {credential} --identity-name {identity} --resource-group {group} --issuer {issuer} --subject {subject} --audiences {exchange_audience}`";

pub(in crate::steps::atlas) const CREDENTIAL_MISSING: Cause = Cause {
    id: "az-credential-missing",
    link: Some(Link::FederatedCredential),
    text: "managed identity `{identity}` trusts no token of this service account: found {found}, expected subject {subject} of issuer {issuer}",
    remedies: &["`rok-deploy run` makes the credential", CREATE],
};

pub(in crate::steps::atlas) const CREDENTIAL_ISSUER: Cause = Cause {
    id: "az-credential-issuer",
    link: Some(Link::FederatedCredential),
    text: "the federated credential of managed identity `{identity}` is for another issuer: found {found}, expected {issuer}; the trailing `/` counts",
    remedies: &[RUN, UPDATE, CREDENTIALS],
};

pub(in crate::steps::atlas) const CREDENTIAL_SUBJECT: Cause = Cause {
    id: "az-credential-subject",
    link: Some(Link::FederatedCredential),
    text: "the federated credential of managed identity `{identity}` is for another subject: found {found}, expected {subject}; upper and lower case count",
    remedies: &[RUN, UPDATE, CREDENTIALS],
};

pub(in crate::steps::atlas) const CREDENTIAL_AUDIENCE: Cause = Cause {
    id: "az-credential-audience",
    link: Some(Link::FederatedCredential),
    text: "the federated credential of managed identity `{identity}` is for another audience: found {found}, expected {exchange_audience}",
    remedies: &[RUN, UPDATE, CREDENTIALS],
};

pub(in crate::steps::atlas) const UNLABELLED: Cause = Cause {
    id: "az-pod-unlabelled",
    link: Some(Link::Token),
    text: "Pod `{pod}` asks for no identity: its label `azure.workload.identity/use` is {found}, expected `true`; the label of a Deployment or of a service account does not count",
    remedies: &[
        "put the label `azure.workload.identity/use: \"true\"` into the Pod's template: `kubectl get pod {pod} --namespace {namespace} --show-labels` must show it",
        RECREATE,
    ],
};

pub(in crate::steps::atlas) const POD_OLDER: Cause = Cause {
    id: "az-pod-older",
    link: Some(Link::Token),
    text: "Pod `{pod}` is older than what gives it the identity, and a Pod keeps what it was made with: found {found}",
    remedies: &[
        "make the Pod anew: `kubectl delete pod {pod} --namespace {namespace}`; a Pod of a Deployment comes back by itself",
    ],
};

pub(in crate::steps::atlas) const WEBHOOK: Cause = Cause {
    id: "az-webhook-off",
    link: Some(Link::Token),
    text: "the webhook of workload identity does not act: found {found}",
    remedies: &[
        "`az aks show --name {cluster} --resource-group {group} --query securityProfile.workloadIdentity.enabled` must be `true`; `az aks update --name {cluster} --resource-group {group} --enable-oidc-issuer --enable-workload-identity` switches it on",
        "`kubectl get mutatingwebhookconfiguration azure-wi-webhook-mutating-webhook-configuration -o yaml` must be there; it leaves out `kube-system`, and its selectors must not leave out `{namespace}`",
        "`kubectl logs --namespace kube-system --selector azure-workload-identity.io/system=true` shows what it says",
    ],
};

pub(in crate::steps::atlas) const OTHER_LOGIN: Cause = Cause {
    id: "az-other-login",
    link: Some(Link::Token),
    text: "the Pod does not act as managed identity `{identity}`: found {found}, expected {client_id}",
    remedies: &[
        "`kubectl get pod {pod} --namespace {namespace} -o yaml` must have `AZURE_CLIENT_ID` with that value, and the volume `azure-identity-token`",
        ANNOTATE,
        RECREATE,
    ],
};
