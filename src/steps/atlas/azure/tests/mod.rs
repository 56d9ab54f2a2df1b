//! What is made of what was seen: each row of the list of failures with its cause and its remedy,
//! and "not yet" told from "never".

mod by_node;
mod by_token;
mod control_plane;

use serde_json::json;

use super::evidence::{About, ByNode, ByToken, Seeing, Walk, Way};
use crate::clients::azure::{
    AssignedPodIdentity, FederatedCredential, ManagedCluster, ManagedIdentity, PodIdentityProfile,
    PodIdentityTarget, RoleAssignment, ScaleSet, StorageAccount, Tags,
};
use crate::engine::{Chain, ChainKind, Link, LinkState};
use crate::steps::atlas::diagnosis::{Diagnosis, conclude};
use crate::steps::atlas::place::{AzurePlace, Place};
use crate::steps::atlas::prober::Evidence;
use crate::steps::atlas::symptom::{Source, Symptom};

const ISSUER: &str = "https://eastus.oic.prod-aks.azure.com/tenant/cluster/";
const SUBJECT: &str = "system:serviceaccount:rok:rok";
const AUDIENCE: &str = "api://AzureADTokenExchange";
const CLIENT: &str = "5c3b7a0e-1d2f-4c61-9a77-0e6f1f6a2b90";
const GROUP: &str = "/subscriptions/s/resourceGroups/arrikto";
const DATA: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
const OPERATOR: &str = "f1a07417-d97a-45cb-824c-7a7467783830";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

fn identity_id() -> String {
    format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rok-arrikto")
}

fn storage_id() -> String {
    format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/rokpractice")
}

fn place() -> Place {
    Place {
        cluster: "arrikto-cluster".into(),
        namespace: "rok".into(),
        service_account: "rok".into(),
        issuer: ISSUER.into(),
        prefix: "rok".into(),
        pod: "rok-verify-storage-access".into(),
        azure: AzurePlace {
            tenant: "t".into(),
            exchange_audience: AUDIENCE.into(),
            subscription: "s".into(),
            group: "arrikto".into(),
            node_group: "MC_arrikto".into(),
            operator: "operator".into(),
            identity: "rok-arrikto".into(),
            identity_id: identity_id(),
            client_id: CLIENT.into(),
            principal: "principal".into(),
            credential: "rok-rok-rok".into(),
            pod_identity: "rok".into(),
            storage: "rokpractice".into(),
            storage_id: storage_id(),
            blob_endpoint: "https://rokpractice.blob.core.windows.net/".into(),
        },
        ..Place::default()
    }
}

fn assigned(role: &str, scope: &str) -> RoleAssignment {
    RoleAssignment {
        id: format!("{scope}/providers/Microsoft.Authorization/roleAssignments/1"),
        name: "1".into(),
        scope: scope.into(),
        principal_id: "p".into(),
        principal_type: None,
        role_definition_id: format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        description: None,
        condition: None,
    }
}

fn credential() -> FederatedCredential {
    FederatedCredential {
        name: "rok-rok-rok".into(),
        issuer: ISSUER.into(),
        subject: SUBJECT.into(),
        audiences: vec![AUDIENCE.into()],
    }
}

fn cluster() -> ManagedCluster {
    let pod_identity = AssignedPodIdentity {
        name: "rok".into(),
        namespace: "rok".into(),
        identity: PodIdentityTarget {
            resource_id: identity_id(),
            client_id: CLIENT.into(),
            object_id: "principal".into(),
        },
        binding_selector: None,
        state: Some("Assigned".into()),
        error: None,
    };
    ManagedCluster {
        id: format!("{GROUP}/providers/Microsoft.ContainerService/managedClusters/arrikto-cluster"),
        name: "arrikto-cluster".into(),
        group: "arrikto".into(),
        location: "eastus".into(),
        state: "Succeeded".into(),
        failure: None,
        power: None,
        fqdn: None,
        node_resource_group: Some("MC_arrikto".into()),
        oidc_issuer: Some(ISSUER.into()),
        is_oidc_enabled: true,
        is_workload_identity_enabled: true,
        pod_identity: Some(PodIdentityProfile {
            enabled: true,
            allow_kubenet: false,
            identities: vec![pod_identity],
            exceptions: Vec::new(),
        }),
        identity_principal: Some("operator".into()),
        network_plugin: None,
        version: None,
        raw: json!({}),
    }
}

/// Everything in order.
fn right(way: Way) -> Seeing {
    let kind = match way {
        Way::Token(_) => ChainKind::WorkloadIdentity,
        Way::Node(_) => ChainKind::PodIdentity,
    };
    Seeing {
        kind,
        pod: Ok(None),
        pool: Ok(None),
        cluster: Ok(Some(cluster())),
        identity: Ok(Some(ManagedIdentity {
            id: identity_id(),
            name: "rok-arrikto".into(),
            location: "eastus".into(),
            client_id: CLIENT.into(),
            principal_id: "principal".into(),
            tenant_id: "t".into(),
            tags: Tags::new(),
        })),
        assignments: Ok(vec![assigned(DATA, &storage_id())]),
        storage: Ok(Some(StorageAccount {
            id: storage_id(),
            name: "rokpractice".into(),
            group: "arrikto".into(),
            location: "eastus".into(),
            kind: "StorageV2".into(),
            blob_endpoint: Some("https://rokpractice.blob.core.windows.net/".into()),
            allows_shared_key: false,
            allows_public_access: false,
            minimum_tls: None,
            public_network_access: Some("Enabled".into()),
            is_hierarchical: false,
            tags: Tags::new(),
            state: "Succeeded".into(),
        })),
        way,
        about: About::Nothing,
    }
}

fn by_token() -> Seeing {
    right(Way::Token(ByToken {
        account: Ok(Some(json!({ "metadata": { "annotations": {
            "azure.workload.identity/client-id": CLIENT,
        } } }))),
        claims: Ok(json!({ "sub": SUBJECT, "aud": [AUDIENCE], "iss": ISSUER })),
        credentials: Ok(vec![credential()]),
        walk: Walk::NotBegun("not tried".into()),
    }))
}

fn by_node() -> Seeing {
    right(Way::Node(ByNode {
        object: Ok(Some(json!({ "spec": {
            "clientID": CLIENT,
            "resourceID": identity_id().replace("resourceGroups", "resourcegroups"),
        } }))),
        binding: Ok(Some(
            json!({ "spec": { "azureIdentity": "rok", "selector": "rok" } }),
        )),
        scale_sets: Ok(vec![scale_set("workers", &[&identity_id()])]),
        operator: Ok(vec![assigned(OPERATOR, &identity_id())]),
    }))
}

fn scale_set(pool: &str, identities: &[&str]) -> ScaleSet {
    ScaleSet {
        id: String::new(),
        name: format!("aks-{pool}-vmss"),
        tags: Tags::from([("poolName".to_owned(), pool.to_owned())]),
        // Services write ids in different cases.
        identities: identities
            .iter()
            .map(|id| id.to_ascii_lowercase())
            .collect(),
    }
}

fn token(seeing: &mut Seeing) -> &mut ByToken {
    match &mut seeing.way {
        Way::Token(way) => way,
        Way::Node(_) => unreachable!("it is workload identity"),
    }
}

fn node(seeing: &mut Seeing) -> &mut ByNode {
    match &mut seeing.way {
        Way::Node(way) => way,
        Way::Token(_) => unreachable!("it is pod identity"),
    }
}

fn pod_identities(seeing: &mut Seeing) -> &mut PodIdentityProfile {
    let cluster = seeing.cluster.as_mut().unwrap().as_mut().unwrap();
    cluster.pod_identity.as_mut().unwrap()
}

fn said(code: &str, text: &str) -> Symptom {
    Symptom::new(Source::Azure, text).code(code)
}

fn refused() -> Symptom {
    said(
        "AADSTS70021",
        "AADSTS70021: No matching federated identity record found for presented assertion.",
    )
}

fn mismatch() -> Symptom {
    said(
        "AuthorizationPermissionMismatch",
        "This request is not authorized to perform this operation using this permission.",
    )
}

fn unbound() -> Symptom {
    Symptom::of_az("no azure identity found for request clientID")
}

fn bad_request() -> Symptom {
    said(
        "BadRequest",
        "Cluster identity has no assignment permission over identity 'resourceId: /x'. Please grant at least 'Managed Identity Operator' permission before assigning pod identity",
    )
}

fn told(seeing: &Seeing, symptom: &Symptom, acted: bool) -> (Diagnosis, Chain) {
    let place = place();
    let judged = seeing.judge(&place);
    let diagnosis = conclude(&place, symptom, seeing, &judged, acted);
    (diagnosis, judged.chain)
}

/// A cause that is there to be seen is not waited for, whatever this run has changed.
fn never(seeing: &Seeing, symptom: &Symptom, cause: &str, link: Link, remedy: &str) {
    for acted in [false, true] {
        let (diagnosis, chain) = told(seeing, symptom, acted);
        assert_eq!(diagnosis.cause_id, Some(cause), "{diagnosis:?}");
        assert!(!diagnosis.not_yet, "{diagnosis:?}");
        assert_eq!(diagnosis.link, Some(link), "{cause}");
        let error = diagnosis.clone().into_error(symptom, chain);
        assert!(!error.retry, "{error:?}");
        let weakest = error.chain.as_ref().and_then(|chain| chain.weakest());
        assert_eq!(weakest.map(|found| found.link), Some(link), "{cause}");
        let remedies = diagnosis.remedies.join("\n");
        assert!(remedies.contains(remedy), "{remedy} in {remedies}");
    }
}

fn not_yet(seeing: &Seeing, symptom: &Symptom) {
    for acted in [false, true] {
        let (diagnosis, chain) = told(seeing, symptom, acted);
        assert!(diagnosis.not_yet, "{diagnosis:?}");
        assert!(diagnosis.into_error(symptom, chain).retry);
    }
}
