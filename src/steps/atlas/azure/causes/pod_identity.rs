//! Pod identity: from the label of a Pod to the managed identity that its node holds.

use super::RECREATE;
use crate::engine::Link;
use crate::steps::atlas::entry::Cause;

const RETIRED: &str = "Microsoft has retired the add-on; `rok-deploy run --set az_identity_method=workload-identity` migrates to its successor";
const ADD: &str = "`az aks pod-identity add --cluster-name {cluster} --resource-group {group} --namespace {namespace} --name {pod_identity} --identity-resource-id {identity_id}`";

pub(in crate::steps::atlas) const ADD_ON_OFF: Cause = Cause {
    id: "az-add-on-off",
    link: Some(Link::PodIdentity),
    text: "AKS cluster `{cluster}` does not have the add-on for pod identities switched on",
    remedies: &[
        "`az aks update --name {cluster} --resource-group {group} --enable-pod-identity`",
        RETIRED,
    ],
};

pub(in crate::steps::atlas) const POD_IDENTITY_MISSING: Cause = Cause {
    id: "az-pod-identity-missing",
    link: Some(Link::PodIdentity),
    text: "AKS cluster `{cluster}` has no pod identity `{namespace}/{pod_identity}`: found {found}",
    remedies: &["`rok-deploy run` adds it", ADD],
};

pub(in crate::steps::atlas) const POD_IDENTITY_OTHER: Cause = Cause {
    id: "az-pod-identity-other",
    link: Some(Link::PodIdentity),
    text: "pod identity `{namespace}/{pod_identity}` stands for another managed identity: found {found}, expected {identity_id}",
    remedies: &[
        "if nobody else needs it: `az aks pod-identity delete --cluster-name {cluster} --resource-group {group} --namespace {namespace} --name {pod_identity}`, then `rok-deploy run`",
        "otherwise take another name: `--set pod_identity_name=NAME`",
    ],
};

pub(in crate::steps::atlas) const POD_IDENTITY_FAILED: Cause = Cause {
    id: "az-pod-identity-failed",
    link: Some(Link::PodIdentity),
    text: "pod identity `{namespace}/{pod_identity}` is not assigned: found {found}",
    remedies: &["`rok-deploy run` adds it again", ADD],
};

pub(in crate::steps::atlas) const POD_EXCEPTION: Cause = Cause {
    id: "az-pod-exception",
    link: Some(Link::PodIdentity),
    text: "an exception lets Pods of namespace `{namespace}` past the add-on: found {found}, expected none",
    remedies: &[
        "`az aks pod-identity exception list --cluster-name {cluster} --resource-group {group}` shows it; `az aks pod-identity exception delete --cluster-name {cluster} --resource-group {group} --namespace {namespace} --name NAME` takes it away",
    ],
};

pub(in crate::steps::atlas) const OPERATOR_MISSING: Cause = Cause {
    id: "az-operator-missing",
    link: Some(Link::PodIdentity),
    text: "AKS cluster `{cluster}` may not hand out managed identity `{identity}`: its own identity {operator} has {found}, expected `Managed Identity Operator` at the scope of that very identity",
    remedies: &[
        "`az role assignment create --role 'Managed Identity Operator' --assignee-object-id {operator} --assignee-principal-type ServicePrincipal --scope {identity_id}`",
        "`rok-deploy run` assigns it, where the caller may",
    ],
};

pub(in crate::steps::atlas) const OPERATOR_INHERITED: Cause = Cause {
    id: "az-operator-inherited",
    link: Some(Link::PodIdentity),
    text: "AKS looks for `Managed Identity Operator` at the scope of managed identity `{identity}` only, and an inherited one is not seen: found {found}, expected {identity_id}",
    remedies: OPERATOR_MISSING.remedies,
};

pub(in crate::steps::atlas) const OBJECT_MISSING: Cause = Cause {
    id: "az-object-missing",
    link: Some(Link::AzureIdentity),
    text: "the cluster has no AzureIdentity `{namespace}/{pod_identity}`, although AKS was told of it",
    remedies: &[
        "`az aks update --name {cluster} --resource-group {group}` has AKS make it anew",
        "`kubectl get azureidentity --all-namespaces` lists those there are",
    ],
};

pub(in crate::steps::atlas) const OBJECT_CLIENT: Cause = Cause {
    id: "az-object-client",
    link: Some(Link::AzureIdentity),
    text: "AzureIdentity `{namespace}/{pod_identity}` has another client id: found {found}, expected {client_id}",
    remedies: &[
        "`az aks update --name {cluster} --resource-group {group}` has AKS write it anew",
        ADD,
    ],
};

pub(in crate::steps::atlas) const OBJECT_RESOURCE: Cause = Cause {
    id: "az-object-resource",
    link: Some(Link::AzureIdentity),
    text: "AzureIdentity `{namespace}/{pod_identity}` is of another managed identity: found {found}, expected {identity_id}",
    remedies: &[
        "`az aks update --name {cluster} --resource-group {group}` has AKS write it anew",
        ADD,
    ],
};

pub(in crate::steps::atlas) const BINDING_MISSING: Cause = Cause {
    id: "az-binding-missing",
    link: Some(Link::Binding),
    text: "the cluster has no AzureIdentityBinding `{namespace}/{pod_identity}-binding`",
    remedies: &[
        "`az aks update --name {cluster} --resource-group {group}` has AKS make it anew",
        "`kubectl get azureidentitybinding --all-namespaces` lists those there are",
    ],
};

const REBIND: &str = "`kubectl get azureidentitybinding {pod_identity}-binding --namespace {namespace} -o yaml` shows it; `az aks update --name {cluster} --resource-group {group}` has AKS write it anew";

pub(in crate::steps::atlas) const BINDING_IDENTITY: Cause = Cause {
    id: "az-binding-identity",
    link: Some(Link::Binding),
    text: "the binding `{pod_identity}-binding` is of another AzureIdentity: found {found}, expected {pod_identity}",
    remedies: &[REBIND],
};

pub(in crate::steps::atlas) const BINDING_SELECTOR: Cause = Cause {
    id: "az-binding-selector",
    link: Some(Link::Binding),
    text: "the binding `{pod_identity}-binding` selects other Pods: found selector {found}, expected {pod_identity}",
    remedies: &[REBIND],
};

pub(in crate::steps::atlas) const POD_LABEL: Cause = Cause {
    id: "az-binding-label",
    link: Some(Link::Binding),
    text: "no identity is bound to Pod `{pod}`: its label `aadpodidbinding` is {found}, expected {pod_identity}; the label of a Deployment does not count",
    remedies: &[
        "put the label `aadpodidbinding: {pod_identity}` into the Pod's template: `kubectl get pod {pod} --namespace {namespace} --show-labels` must show it",
        RECREATE,
    ],
};

pub(in crate::steps::atlas) const NODE_MISSING: Cause = Cause {
    id: "az-node-pool-missing",
    link: Some(Link::Node),
    text: "resource group `{node_group}` has no scale set of a node pool: found {found}",
    remedies: &[
        "`az vmss list --resource-group {node_group} --query '[].[name,tags]'` lists them; pod identity needs node pools of scale sets",
    ],
};

pub(in crate::steps::atlas) const NODE_WITHOUT_IDENTITY: Cause = Cause {
    id: "az-node-without-identity",
    link: Some(Link::Node),
    text: "the nodes do not hold managed identity `{identity}`: found {found} without it",
    remedies: &[
        "AKS assigns it once a Pod with the label is there; `kubectl logs --namespace kube-system --selector component=mic` tells why it does not",
        "`az vmss identity assign --resource-group {node_group} --name NAME --identities {identity_id}` does it by hand",
    ],
};

pub(in crate::steps::atlas) const OTHER_TOKEN: Cause = Cause {
    id: "az-token-of-another-identity",
    link: Some(Link::Node),
    text: "the node gave the Pod a token of another identity: found {found}, expected {identity_id}",
    remedies: &[
        "another binding selects the Pod, too: `kubectl get azureidentitybinding --all-namespaces -o yaml` shows them",
        "`kubectl get pod {pod} --namespace {namespace} --show-labels` shows the label that they select by",
    ],
};

pub(in crate::steps::atlas) const LOGIN_WITHOUT_IDENTITY: Cause = Cause {
    id: "az-login-without-identity",
    link: Some(Link::Node),
    text: "the Pod logged in as something else than a managed identity: found {found}, expected MSI",
    remedies: &[
        "the image must not hold a login of its own: `az account clear` in it, or `--set verify_image=IMAGE` takes another one",
    ],
};
