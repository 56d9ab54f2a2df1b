//! Every verb against the practice Azure, as the owner of its subscription.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::clients::azure::{
    AssignedPodIdentity, Azure, AzureErrorKind, AzureSettings, CallerKind, ClusterChange,
    CredentialSource, FederatedCredential, ManagedIdentity, NewAssignment, NewIdentity,
    NewStorageAccount, PodIdentityProfile, PodIdentityTarget, RoleFilter, Tags, Token, allows,
    is_same_id,
};
use crate::clients::wire::WireLog;
use crate::sandbox::azure::{AzureServer, ClusterSeed, Seed};
use crate::sandbox::{Clock, Conduct};

const TENANT: &str = "7e4a4e70-0000-4000-8000-000000000001";
const SUBSCRIPTION: &str = "c0ffee00-0000-4000-8000-000000000001";
const CLIENT: &str = "c11e4700-0000-4000-8000-000000000001";
const ISSUER: &str = "https://eastus.oic.prod-aks.azure.com/t/i/";

/// The practice Azure, and our clients for it.
struct Practice {
    azure: Azure,
    server: AzureServer,
    wire: WireLog,
    time: Arc<Mutex<jiff::Timestamp>>,
    _folder: TempDir,
}

impl Practice {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seed = Seed {
            tenant: TENANT.into(),
            subscription: SUBSCRIPTION.into(),
            client_id: CLIENT.into(),
            client_secret: "practice-secret".into(),
            group: "arrikto".into(),
            location: "eastus".into(),
            storage_account: "rokpractice".into(),
            cluster: ClusterSeed {
                name: "arrikto-cluster".into(),
                endpoint: "https://127.0.0.1:6443".into(),
                certificate_authority_pem: "PEM".into(),
                issuer: ISSUER.into(),
                token: "operator".into(),
                version: "1.33.1".into(),
            },
        };
        let state = folder.path().join("azure.json");
        let time = Arc::new(Mutex::new(jiff::Timestamp::now()));
        let clock = Arc::clone(&time);
        let conduct = Conduct {
            clock: Clock::of(move || *clock.lock().unwrap()),
            ..Conduct::default()
        };
        let server = AzureServer::start(&state, seed, Arc::new(|_| None), conduct)
            .await
            .unwrap();
        let ca_file = folder.path().join("ca.pem");
        fs::write(&ca_file, server.ca_pem()).unwrap();
        let settings = AzureSettings {
            tenant: Some(TENANT.into()),
            arm_endpoint: Some(server.endpoint()),
            secret: Some((CLIENT.into(), "practice-secret".into())),
            ca_file: Some(ca_file),
            ..AzureSettings::default()
        };
        let wire = WireLog::in_memory();
        Self {
            azure: Azure::connect(&settings, wire.clone()).await.unwrap(),
            server,
            wire,
            time,
            _folder: folder,
        }
    }

    /// Lets what takes its time come to its end.
    fn wait(&self) {
        *self.time.lock().unwrap() += jiff::SignedDuration::from_secs(60);
    }

    async fn identity(&self) -> ManagedIdentity {
        let wanted = NewIdentity {
            subscription: SUBSCRIPTION.into(),
            group: "arrikto".into(),
            name: "rok-arrikto-cluster".into(),
            location: "eastus".into(),
            tags: tags(),
        };
        self.azure.create_identity(&wanted).await.unwrap()
    }
}

fn tags() -> Tags {
    Tags::from([(
        "rok-deploy-cluster".to_owned(),
        "arrikto-cluster".to_owned(),
    )])
}

#[tokio::test]
async fn the_operator_and_the_subscription_are_found() {
    let practice = Practice::start().await;
    let azure = &practice.azure;
    let caller = azure.caller().await.unwrap();
    assert_eq!(
        (&caller.tenant[..], caller.kind),
        (TENANT, CallerKind::ServicePrincipal)
    );
    assert_eq!(caller.source, CredentialSource::Given);
    assert_eq!(caller.app_id.as_deref(), Some(CLIENT));
    assert_eq!(azure.tenants().await.unwrap()[0].id, TENANT);
    let subscriptions = azure.subscriptions().await.unwrap();
    assert_eq!(
        (&subscriptions[0].id[..], &subscriptions[0].tenant[..]),
        (SUBSCRIPTION, TENANT)
    );

    let group = azure.resource_group(SUBSCRIPTION, "arrikto").await.unwrap();
    assert_eq!(group.as_ref().unwrap().location, "eastus");
    let none = azure.resource_group(SUBSCRIPTION, "absent").await.unwrap();
    assert_eq!(none, None);
    let permissions = azure.permissions(&group.unwrap().id).await.unwrap();
    assert!(allows(
        &permissions,
        "Microsoft.Authorization/roleAssignments/write",
        false
    ));
    assert!(!allows(
        &permissions,
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
        true
    ));
}

#[tokio::test]
async fn the_cluster_its_nodes_and_its_kubeconfig_are_read() {
    let practice = Practice::start().await;
    let azure = &practice.azure;
    let clusters = azure.clusters(SUBSCRIPTION).await.unwrap();
    assert_eq!(
        (&clusters[0].name[..], &clusters[0].group[..]),
        ("arrikto-cluster", "arrikto")
    );
    let cluster = azure
        .cluster(SUBSCRIPTION, "arrikto", "arrikto-cluster")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(cluster.oidc_issuer.as_deref(), Some(ISSUER));
    assert!(cluster.is_oidc_enabled && cluster.is_workload_identity_enabled);
    assert_eq!(cluster.network_plugin.as_deref(), Some("azure"));
    assert!(cluster.identity_principal.is_some());
    let none = azure.cluster(SUBSCRIPTION, "arrikto", "absent").await;
    assert_eq!(none.unwrap(), None);
    let access = azure.cluster_access(&cluster.id).await.unwrap().unwrap();
    assert_eq!(access.server, "https://127.0.0.1:6443");
    let nodes = cluster.node_resource_group.unwrap();
    let scale_sets = azure.scale_sets(SUBSCRIPTION, &nodes).await.unwrap();
    assert_eq!(scale_sets[0].tags["poolName"], "workers");
}

#[tokio::test]
async fn an_identity_gets_a_credential_and_a_role_and_loses_them() {
    let practice = Practice::start().await;
    let azure = &practice.azure;
    let none = azure.identity(SUBSCRIPTION, "arrikto", "rok-arrikto-cluster");
    assert_eq!(none.await.unwrap(), None);
    let made = practice.identity().await;
    assert_eq!(made.tags, tags());
    let read = azure
        .identity(SUBSCRIPTION, "arrikto", "rok-arrikto-cluster")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read, made);

    let credential = FederatedCredential {
        name: "rok-rok".into(),
        issuer: ISSUER.into(),
        subject: "system:serviceaccount:rok:rok".into(),
        audiences: vec![azure.cloud().exchange_audience.clone()],
    };
    azure
        .put_federated_credential(&made.id, &credential)
        .await
        .unwrap();
    azure
        .put_federated_credential(&made.id, &credential)
        .await
        .unwrap();
    let found = azure.federated_credentials(&made.id).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&credential));
    let other = FederatedCredential {
        name: "other".into(),
        ..credential
    };
    let error = azure
        .put_federated_credential(&made.id, &other)
        .await
        .unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::AlreadyExists, "{error}");

    let account = azure
        .storage_account(SUBSCRIPTION, "arrikto", "rokpractice")
        .await
        .unwrap()
        .unwrap();
    let role = azure
        .role_definition(&account.id, "Storage Blob Data Contributor")
        .await
        .unwrap()
        .unwrap();
    assert!(allows(
        &role.permissions,
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
        true
    ));
    let unknown = azure.role_definition(&account.id, "No such role").await;
    assert_eq!(unknown.unwrap(), None);
    let guid = "11111111-2222-4333-8444-555555555555";
    let wanted = NewAssignment {
        principal_id: made.principal_id.clone(),
        role_definition_id: role.id.clone(),
        description: None,
    };
    let assigned = azure
        .put_role_assignment(&account.id, guid, &wanted)
        .await
        .unwrap();
    assert!(is_same_id(&assigned.scope, &account.id));
    let named = azure
        .role_assignment(&account.id, guid)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(named, assigned);
    let another = "11111111-2222-4333-8444-666666666666";
    let error = azure
        .put_role_assignment(&account.id, another, &wanted)
        .await
        .unwrap_err();
    assert_eq!(error.code.as_deref(), Some("RoleAssignmentExists"));
    for filter in [
        RoleFilter::AtScope,
        RoleFilter::Principal(&made.principal_id),
    ] {
        let found = azure.role_assignments(&account.id, filter).await.unwrap();
        assert!(found.contains(&assigned), "{filter:?}: {found:?}");
    }
    for _ in 0..2 {
        azure.delete_role_assignment(&assigned.id).await.unwrap();
        azure
            .delete_federated_credential(&made.id, "rok-rok")
            .await
            .unwrap();
    }
    for _ in 0..2 {
        azure.delete_identity(&made.id).await.unwrap();
    }
    assert!(
        azure
            .federated_credentials(&made.id)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn tags_and_locks_are_found() {
    let practice = Practice::start().await;
    let azure = &practice.azure;
    let made = practice.identity().await;
    let more = Tags::from([("rok-deploy-run".to_owned(), "run-1".to_owned())]);
    azure.tag(&made.id, &more).await.unwrap();
    let tagged = || azure.resources_with_tag(SUBSCRIPTION, "rok-deploy-run", "run-1");
    let found = tagged().await.unwrap();
    assert!(is_same_id(&found[0].id, &made.id), "{found:?}");
    assert_eq!(found[0].tags.len(), 2, "the other one stays");
    azure.untag(&made.id, &more).await.unwrap();
    assert!(tagged().await.unwrap().is_empty());
    assert!(azure.locks(&made.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_storage_account_is_made_and_its_data_belongs_to_data_roles() {
    let practice = Practice::start().await;
    let azure = &practice.azure;
    let taken = azure
        .storage_name_available(SUBSCRIPTION, "rokpractice")
        .await;
    assert!(!taken.unwrap().available);
    let wanted = NewStorageAccount {
        subscription: SUBSCRIPTION.into(),
        group: "arrikto".into(),
        name: "rokanother".into(),
        location: "eastus".into(),
        allows_shared_key: false,
        tags: tags(),
    };
    azure.create_storage_account(&wanted).await.unwrap();
    practice.wait();
    let made = azure
        .storage_account(SUBSCRIPTION, "arrikto", "rokanother")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(made.state, "Succeeded");
    assert!(!made.allows_shared_key && !made.allows_public_access);
    assert_eq!(made.minimum_tls.as_deref(), Some("TLS1_2"));
    assert_eq!(azure.storage_accounts(SUBSCRIPTION).await.unwrap().len(), 2);

    let endpoint = azure
        .storage_account(SUBSCRIPTION, "arrikto", "rokpractice")
        .await
        .unwrap()
        .unwrap()
        .blob_endpoint
        .unwrap();
    // An owner may do everything with an account, and nothing with what is in it.
    let listed = azure
        .list_blobs(&endpoint, "rok-chocks-ca", Token::Caller)
        .await;
    let error = listed.unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::AccessDenied, "{error}");
    assert_eq!(
        error.code.as_deref(),
        Some("AuthorizationPermissionMismatch")
    );
    azure.delete_storage_account(&made.id).await.unwrap();
    azure.delete_storage_account(&made.id).await.unwrap();
}

#[tokio::test]
async fn a_pod_identity_needs_the_right_at_the_identity_itself() {
    let practice = Practice::start().await;
    let azure = &practice.azure;
    let made = practice.identity().await;
    let read = || azure.cluster(SUBSCRIPTION, "arrikto", "arrikto-cluster");
    let cluster = read().await.unwrap().unwrap();
    let change = ClusterChange {
        pod_identity: Some(PodIdentityProfile {
            enabled: true,
            allow_kubenet: false,
            identities: vec![AssignedPodIdentity {
                name: "rok".into(),
                namespace: "rok".into(),
                identity: PodIdentityTarget {
                    resource_id: made.id.clone(),
                    client_id: made.client_id.clone(),
                    object_id: made.principal_id.clone(),
                },
                binding_selector: None,
                state: None,
                error: None,
            }],
            exceptions: Vec::new(),
        }),
        ..ClusterChange::default()
    };
    let error = azure.update_cluster(&cluster, &change).await.unwrap_err();
    assert!(
        error
            .message
            .contains("Cluster identity has no assignment permission"),
        "{error}"
    );
    let role = azure
        .role_definition(&made.id, "Managed Identity Operator")
        .await
        .unwrap()
        .unwrap();
    let wanted = NewAssignment {
        principal_id: cluster.identity_principal.clone().unwrap(),
        role_definition_id: role.id,
        description: None,
    };
    azure
        .put_role_assignment(&made.id, "21111111-2222-4333-8444-555555555555", &wanted)
        .await
        .unwrap();
    azure.update_cluster(&cluster, &change).await.unwrap();
    assert_eq!(read().await.unwrap().unwrap().state, "Updating");
    practice.wait();
    let changed = read().await.unwrap().unwrap();
    assert_eq!((&changed.state[..], &changed.failure), ("Succeeded", &None));
    let assigned = &changed.pod_identity.unwrap().identities[0];
    assert_eq!(
        (&assigned.name[..], assigned.state.as_deref()),
        ("rok", Some("Assigned"))
    );
    // Somebody else has changed it since.
    let error = azure
        .update_cluster(&cluster, &ClusterChange::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::Conflict, "{error}");
}

#[tokio::test]
async fn a_token_of_an_issuer_that_nobody_reaches_is_told_by_its_code() {
    let practice = Practice::start().await;
    let azure = &practice.azure;
    let made = practice.identity().await;
    let exchanged = azure
        .exchange(
            TENANT,
            &made.client_id,
            "e30.e30.x",
            &azure.cloud().storage_scope(),
        )
        .await;
    let error = exchanged.unwrap_err();
    assert!(error.code.unwrap().starts_with("AADSTS"));

    // What we sent has its line here and there.
    let asked: BTreeMap<_, _> = practice
        .wire
        .records()
        .into_iter()
        .filter(|record| record.write)
        .map(|record| (record.operation, record.status))
        .collect();
    assert_eq!(
        asked.into_iter().collect::<Vec<_>>(),
        [(
            "PUT Microsoft.ManagedIdentity/userAssignedIdentities rok-arrikto-cluster".to_owned(),
            Some(201)
        )]
    );
    assert!(!practice.server.requests().is_empty());
}
