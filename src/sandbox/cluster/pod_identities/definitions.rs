//! The kinds of AAD pod identity, as the add-on of AKS defines them: without columns of their own,
//! so that kubectl shows a name and an age.

use serde_json::{Value, json};

pub(super) const GROUP: &str = "aadpodidentity.k8s.io";
pub(super) const VERSION: &str = "v1";

/// The definitions, established already: they are as old as the cluster.
pub(in super::super) fn all() -> [Value; 4] {
    [
        definition(
            "AzureAssignedIdentity",
            "azureassignedidentities",
            "AzureAssignedIdentity contains the identity <-> pod mapping which is matched.",
            assigned_identity(),
        ),
        definition(
            "AzureIdentity",
            "azureidentities",
            "AzureIdentity is the specification of the identity data structure.",
            identity(),
        ),
        definition(
            "AzureIdentityBinding",
            "azureidentitybindings",
            "AzureIdentityBinding brings together the spec of matching pods and the identity which they can use.",
            binding(),
        ),
        definition(
            "AzurePodIdentityException",
            "azurepodidentityexceptions",
            "AzurePodIdentityException contains the pod selectors for all pods that don't require NMI to process and request token on their behalf.",
            exception(),
        ),
    ]
}

fn definition(kind: &str, plural: &str, description: &str, spec: Value) -> Value {
    let names = json!({
        "kind": kind,
        "listKind": format!("{kind}List"),
        "plural": plural,
        "singular": kind.to_lowercase(),
    });
    json!({
        "metadata": {
            "name": format!("{plural}.{GROUP}"),
            "annotations": { "api-approved.kubernetes.io": "unapproved" },
            "labels": {
                "addonmanager.kubernetes.io/mode": "Reconcile",
                "kubernetes.azure.com/managedby": "aks",
            },
        },
        "spec": {
            "group": GROUP,
            "names": names,
            "scope": "Namespaced",
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "schema": { "openAPIV3Schema": {
                    "description": description,
                    "type": "object",
                    "properties": {
                        "apiVersion": { "type": "string" },
                        "kind": { "type": "string" },
                        "metadata": { "type": "object" },
                        "spec": spec,
                        "status": {
                            "type": "object",
                            "properties": {
                                "availableReplicas": { "type": "integer", "format": "int32" },
                                "metadata": { "type": "object" },
                                "status": { "type": "string" },
                            },
                        },
                    },
                } },
            }],
        },
        "status": {
            "acceptedNames": names,
            "storedVersions": [VERSION],
            "conditions": [
                established("NamesAccepted", "NoConflicts", "no conflicts found"),
                established(
                    "Established",
                    "InitialNamesAccepted",
                    "the initial names have been accepted",
                ),
            ],
        },
    })
}

fn established(name: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": name,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2021-08-06T08:00:00Z",
    })
}

fn identity() -> Value {
    json!({
        "type": "object",
        "properties": {
            "adEndpoint": { "type": "string" },
            "adResourceID": { "type": "string" },
            "auxiliaryTenantIDs": {
                "type": "array", "nullable": true, "items": { "type": "string" },
            },
            "clientID": {
                "type": "string",
                "description": "Both User Assigned MSI and SP can use this field.",
            },
            "clientPassword": { "type": "object", "properties": {
                "name": { "type": "string" },
                "namespace": { "type": "string" },
            } },
            "metadata": { "type": "object" },
            "replicas": { "type": "integer", "format": "int32", "nullable": true },
            "resourceID": { "type": "string", "description": "User assigned MSI resource id." },
            "tenantID": { "type": "string" },
            "type": { "type": "integer", "description": "UserAssignedMSI or Service Principal" },
        },
    })
}

fn binding() -> Value {
    json!({
        "type": "object",
        "properties": {
            "azureIdentity": { "type": "string" },
            "metadata": { "type": "object" },
            "selector": { "type": "string" },
            "weight": { "type": "integer" },
        },
    })
}

fn assigned_identity() -> Value {
    let embedded = |spec: Value| {
        json!({
            "type": "object",
            "x-kubernetes-embedded-resource": true,
            "properties": {
                "apiVersion": { "type": "string" },
                "kind": { "type": "string" },
                "metadata": { "type": "object" },
                "spec": spec,
            },
        })
    };
    json!({
        "type": "object",
        "properties": {
            "azureBindingRef": embedded(binding()),
            "azureIdentityRef": embedded(identity()),
            "metadata": { "type": "object" },
            "nodename": { "type": "string" },
            "pod": { "type": "string" },
            "podNamespace": { "type": "string" },
            "replicas": { "type": "integer", "format": "int32", "nullable": true },
        },
    })
}

fn exception() -> Value {
    json!({
        "type": "object",
        "properties": {
            "metadata": { "type": "object" },
            "podLabels": { "type": "object", "additionalProperties": { "type": "string" } },
        },
    })
}
