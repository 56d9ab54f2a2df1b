//! The atlas against the practice cloud of Azure, where real refusals come from: by workload identity
//! up to an answer of the storage account, by pod identity up to the nodes.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::{AzurePlace, AzureProber, Diagnosis, Place, Prober, Symptom};
use super::assert_remedy;
use crate::clients::azure::{
    AssignedPodIdentity, Azure, AzureError, AzureSettings, ClusterChange, FederatedCredential,
    ManagedCluster, NewAssignment, NewIdentity, PodIdentityProfile, PodIdentityTarget, RoleFilter,
    Tags, Token,
};
use crate::clients::cluster::{Cluster, ClusterSettings};
use crate::clients::wire::WireLog;
use crate::engine::{Chain, ChainKind, Link, LinkState};
use crate::sandbox::azure::AzureState;
use crate::sandbox::cluster::Sabotage;
use crate::sandbox::{Conduct, Lag, Options, Sandbox};
use crate::steps::cluster::ClusterAccess;

const AUDIENCE: &str = "api://AzureADTokenExchange";
const DATA_ROLE: &str = "Storage Blob Data Contributor";
const OPERATOR_ROLE: &str = "Managed Identity Operator";
const ASSIGNMENT: &str = "c0ffee00-a551-5000-8000-000000000001";
const OPERATOR: &str = "c0ffee00-a551-5000-8000-000000000002";

/// A practice cloud with everything in place, and a world to break.
struct Practice {
    sandbox: Sandbox,
    prober: AzureProber,
    _folder: tempfile::TempDir,
}

impl Practice {
    async fn new() -> Self {
        Self::with_lag(Lag::default()).await
    }

    async fn with_lag(lag: Lag) -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            directory: folder.path().join("sandbox"),
            skeleton: Vec::new(),
            fresh: false,
            conduct: Conduct {
                lag,
                ..Conduct::default()
            },
            faults: None,
        };
        let sandbox = Sandbox::open(options).await.unwrap();
        let of = |name: &str| sandbox.environment()[name].clone();
        let settings = AzureSettings {
            tenant: Some(of("AZURE_TENANT_ID")),
            arm_endpoint: Some(of("ROK_AZURE_ARM_ENDPOINT")),
            authority_host: Some(of("AZURE_AUTHORITY_HOST")),
            secret: Some((of("AZURE_CLIENT_ID"), of("AZURE_CLIENT_SECRET"))),
            ca_file: Some(PathBuf::from(of("SSL_CERT_FILE"))),
            cloud: None,
        };
        let azure = Azure::connect(&settings, WireLog::new()).await.unwrap();
        let access = ClusterAccess::new(
            ClusterSettings {
                kubeconfig: Some(PathBuf::from(of("KUBECONFIG"))),
                context: Some("arrikto-cluster-aks".into()),
            },
            WireLog::new(),
        );
        let place = make(&azure, &of("AZURE_TENANT_ID"), &of("AZ_SUBSCRIPTION")).await;
        let prober = AzureProber {
            azure,
            access: Some(access),
            kind: ChainKind::WorkloadIdentity,
            place,
        };
        let practice = Self {
            sandbox,
            prober,
            _folder: folder,
        };
        let namespace =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "rok" } });
        practice
            .kubernetes()
            .await
            .create(&namespace)
            .await
            .unwrap();
        let client = practice.prober.place.azure.client_id.clone();
        practice.annotate(Some(&client)).await;
        practice
    }

    /// The same, by the add-on for pod identities.
    async fn by_pod_identity() -> Self {
        let mut practice = Self::new().await;
        practice.prober.kind = ChainKind::PodIdentity;
        practice.grant_operator().await;
        practice.add_pod_identity().await;
        practice
    }

    async fn kubernetes(&self) -> Cluster {
        let access = self.prober.access.as_ref().unwrap();
        access.client().await.unwrap().clone()
    }

    async fn annotate(&self, client: Option<&str>) {
        let cluster = self.kubernetes().await;
        let mut account = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": { "name": "rok", "namespace": "rok" },
        });
        cluster.delete(&account).await.unwrap();
        if let Some(client) = client {
            account["metadata"]["annotations"]["azure.workload.identity/client-id"] = client.into();
        }
        cluster.apply(&account, "test").await.unwrap();
    }

    async fn grant_operator(&self) {
        let AzureProber { azure, place, .. } = &self.prober;
        let place = &place.azure;
        assign(
            azure,
            &place.identity_id,
            OPERATOR,
            OPERATOR_ROLE,
            &place.operator,
        )
        .await;
    }

    async fn cluster(&self) -> ManagedCluster {
        let AzureProber { azure, place, .. } = &self.prober;
        let found = azure.cluster(&place.azure.subscription, "arrikto", "arrikto-cluster");
        found.await.unwrap().unwrap()
    }

    /// Asks AKS to hand the identity to Pods.
    async fn ask_for_pod_identity(&self) -> Result<(), AzureError> {
        let place = &self.prober.place.azure;
        let cluster = self.cluster().await;
        let identity = AssignedPodIdentity {
            name: "rok".into(),
            namespace: "rok".into(),
            identity: PodIdentityTarget {
                resource_id: place.identity_id.clone(),
                client_id: place.client_id.clone(),
                object_id: place.principal.clone(),
            },
            binding_selector: None,
            state: None,
            error: None,
        };
        let change = ClusterChange {
            pod_identity: Some(PodIdentityProfile {
                enabled: true,
                identities: vec![identity],
                ..PodIdentityProfile::default()
            }),
            ..ClusterChange::default()
        };
        self.prober.azure.update_cluster(&cluster, &change).await
    }

    async fn add_pod_identity(&self) {
        self.ask_for_pod_identity().await.unwrap();
        // What was accepted comes to its end while it is looked at.
        while !["Succeeded", "Failed"].contains(&self.cluster().await.state.as_str()) {
            tokio::task::yield_now().await;
        }
    }

    fn change<R>(&self, change: impl FnOnce(&mut AzureState) -> R) -> R {
        let store = self.sandbox.azure().unwrap().state();
        let Ok(result) = store
            .write(|state| Ok::<_, Infallible>(change(state)))
            .unwrap();
        result
    }

    async fn recredential(&self, change: impl FnOnce(&mut FederatedCredential)) {
        let AzureProber { azure, place, .. } = &self.prober;
        let mut changed = credential(place);
        change(&mut changed);
        let put = azure.put_federated_credential(&place.azure.identity_id, &changed);
        put.await.unwrap();
    }

    /// What the cloud says to a token of the service account; none when it says yes.
    async fn symptom(&self) -> Option<Symptom> {
        let AzureProber { azure, place, .. } = &self.prober;
        let kubernetes = self.kubernetes().await;
        let token = kubernetes
            .request_token("rok", "rok", AUDIENCE, 600)
            .await
            .unwrap();
        let scope = format!("{}/.default", azure.cloud().storage_audience);
        let Place { azure: names, .. } = place;
        let exchanged = azure
            .exchange(
                &names.tenant,
                &names.client_id,
                token.secret.expose(),
                &scope,
            )
            .await;
        let token = match exchanged {
            Ok(token) => token,
            Err(error) => return Some(Symptom::from(&error)),
        };
        let listed = azure
            .list_blobs(
                &names.blob_endpoint,
                &place.probe_bucket(),
                Token::Of(&token),
            )
            .await;
        listed.err().map(|error| Symptom::from(&error))
    }

    /// Sees what goes wrong and finds out why: a cause that is there to be seen is not waited for.
    async fn broken(&self, cause: &str, link: Link) -> Diagnosis {
        let symptom = self.symptom().await.expect("something is wrong");
        let mut told = None;
        for acted in [true, false] {
            let (diagnosis, chain) = self.prober.diagnose(&symptom, acted).await;
            assert_eq!(diagnosis.cause_id, Some(cause), "{symptom}: {diagnosis:?}");
            assert!(!diagnosis.not_yet, "{diagnosis:?}");
            assert_eq!(diagnosis.link, Some(link));
            assert_eq!(chain[link].state, LinkState::Broken, "{chain:?}");
            told = Some(diagnosis);
        }
        told.unwrap()
    }

    /// What is broken without anything having gone wrong.
    async fn weak(&self, cause: &str, link: Link) -> Diagnosis {
        let (weakness, chain) = self.prober.weakness(self.prober.kind.links()).await;
        let weakness = weakness.unwrap_or_else(|| panic!("{cause}: {chain:?}"));
        assert_eq!(weakness.cause_id, Some(cause), "{weakness:?}");
        assert_eq!(chain.weakest().unwrap().link, link, "{chain:?}");
        weakness
    }
}

/// Makes identity, role and credential as the recipe does.
async fn make(azure: &Azure, tenant: &str, subscription: &str) -> Place {
    let cluster = azure.cluster(subscription, "arrikto", "arrikto-cluster");
    let cluster = cluster.await.unwrap().unwrap();
    let identity = NewIdentity {
        subscription: subscription.into(),
        group: "arrikto".into(),
        name: "rok-arrikto-cluster".into(),
        location: "eastus".into(),
        tags: Tags::new(),
    };
    let identity = azure.create_identity(&identity).await.unwrap();
    let storage = azure.storage_account(subscription, "arrikto", "rokpractice");
    let storage = storage.await.unwrap().unwrap();
    let place = Place {
        cluster: "arrikto-cluster".into(),
        context: Some("arrikto-cluster-aks".into()),
        namespace: "rok".into(),
        service_account: "rok".into(),
        issuer: cluster.oidc_issuer.clone().unwrap(),
        prefix: "rok".into(),
        run: "20240501T100000Z-abcd".into(),
        pod: "rok-verify-storage-access".into(),
        azure: AzurePlace {
            tenant: tenant.into(),
            exchange_audience: AUDIENCE.into(),
            subscription: subscription.into(),
            group: "arrikto".into(),
            node_group: cluster.node_resource_group.clone().unwrap(),
            operator: cluster.identity_principal.clone().unwrap(),
            identity: identity.name.clone(),
            identity_id: identity.id.clone(),
            client_id: identity.client_id.clone(),
            principal: identity.principal_id.clone(),
            credential: "rok-rok-rok".into(),
            pod_identity: "rok".into(),
            storage: storage.name.clone(),
            storage_id: storage.id.clone(),
            blob_endpoint: storage.blob_endpoint.clone().unwrap(),
        },
        ..Place::default()
    };
    assign(
        azure,
        &storage.id,
        ASSIGNMENT,
        DATA_ROLE,
        &identity.principal_id,
    )
    .await;
    let wanted = credential(&place);
    let put = azure.put_federated_credential(&identity.id, &wanted);
    put.await.unwrap();
    place
}

fn credential(place: &Place) -> FederatedCredential {
    FederatedCredential {
        name: place.azure.credential.clone(),
        issuer: place.issuer.clone(),
        subject: place.subject(),
        audiences: vec![AUDIENCE.into()],
    }
}

async fn assign(azure: &Azure, scope: &str, name: &str, role: &str, principal: &str) {
    let role = azure.role_definition(scope, role).await.unwrap().unwrap();
    let assignment = NewAssignment {
        principal_id: principal.into(),
        role_definition_id: role.id,
        description: None,
    };
    let put = azure.put_role_assignment(scope, name, &assignment);
    put.await.unwrap();
}

async fn unassign(azure: &Azure, scope: &str, principal: &str) {
    let filter = RoleFilter::Principal(principal);
    for assignment in azure.role_assignments(scope, filter).await.unwrap() {
        azure.delete_role_assignment(&assignment.id).await.unwrap();
    }
}

fn all(chain: &Chain, state: LinkState) -> bool {
    chain.links.iter().all(|found| found.state == state)
}

#[tokio::test]
async fn a_chain_of_a_token_is_proven_and_looking_writes_nothing() {
    let practice = Practice::new().await;
    let writes = || {
        let lines = practice.sandbox.azure().unwrap().requests();
        lines.into_iter().filter(|line| line.write).count()
    };
    let before = writes();
    let chain = practice.prober.chain().await;
    assert!(all(&chain, LinkState::Proven), "{chain:?}");
    assert!(chain[Link::Container].note.contains("does not exist yet"));
    assert_eq!(writes(), before, "looking writes nothing");
    assert_eq!(practice.symptom().await, None);
}

#[tokio::test]
async fn a_credential_is_compared_with_the_token_to_the_letter() {
    let practice = Practice::new().await;
    let link = Link::FederatedCredential;
    let issuer = practice.prober.place.issuer.clone();
    practice
        .recredential(|it| it.subject = "system:serviceaccount:rok:Rok".into())
        .await;
    let diagnosis = practice.broken("az-credential-subject", link).await;
    assert!(
        diagnosis.cause.contains("upper and lower case count"),
        "{}",
        diagnosis.cause
    );
    let subscription = &practice.prober.place.azure.subscription;
    assert_remedy(
        &diagnosis,
        &format!(
            "az identity federated-credential update --name rok-rok-rok --identity-name rok-arrikto-cluster --resource-group arrikto --issuer {issuer} --subject system:serviceaccount:rok:rok --audiences api://AzureADTokenExchange --subscription {subscription}"
        ),
    );

    practice
        .recredential(|it| it.issuer = issuer.trim_end_matches('/').into())
        .await;
    practice.broken("az-credential-issuer", link).await;
    practice
        .recredential(|it| it.audiences = vec!["api://other".into()])
        .await;
    practice.broken("az-credential-audience", link).await;

    let AzureProber { azure, place, .. } = &practice.prober;
    let id = &place.azure.identity_id;
    azure
        .delete_federated_credential(id, "rok-rok-rok")
        .await
        .unwrap();
    practice.broken("az-credential-missing", link).await;
}

#[tokio::test]
async fn a_role_is_missing_or_another_or_elsewhere() {
    let practice = Practice::new().await;
    let AzureProber { azure, place, .. } = &practice.prober;
    let names = &place.azure;
    let link = Link::RoleAssignment;
    unassign(azure, &names.storage_id, &names.principal).await;
    let diagnosis = practice.broken("az-assignment-missing", link).await;
    assert_remedy(
        &diagnosis,
        &format!(
            "az role assignment create --role '{DATA_ROLE}' --assignee-object-id {} --assignee-principal-type ServicePrincipal --scope {} --subscription {}",
            names.principal, names.storage_id, names.subscription
        ),
    );
    assign(
        azure,
        &names.storage_id,
        ASSIGNMENT,
        "Contributor",
        &names.principal,
    )
    .await;
    practice.broken("az-assignment-of-another-role", link).await;
    unassign(azure, &names.storage_id, &names.principal).await;
    assign(
        azure,
        &names.identity_id,
        ASSIGNMENT,
        DATA_ROLE,
        &names.principal,
    )
    .await;
    practice.broken("az-assignment-elsewhere", link).await;
}

#[tokio::test]
async fn what_azure_has_not_heard_of_is_waited_for() {
    let lag = Lag {
        federated_credential: Duration::from_hours(1),
        role_assignment: Duration::from_hours(1),
        ..Lag::default()
    };
    let practice = Practice::with_lag(lag).await;
    let symptom = practice.symptom().await.unwrap();
    for acted in [true, false] {
        let (diagnosis, chain) = practice.prober.diagnose(&symptom, acted).await;
        assert!(diagnosis.not_yet, "{symptom}: {diagnosis:?}");
        assert!(diagnosis.into_error(&symptom, chain).retry);
    }
}

#[tokio::test]
async fn an_identity_that_is_gone_or_made_anew_is_named() {
    let practice = Practice::new().await;
    let AzureProber { azure, place, .. } = &practice.prober;
    azure
        .delete_identity(&place.azure.identity_id)
        .await
        .unwrap();
    practice
        .weak("az-identity-missing", Link::ManagedIdentity)
        .await;
    let identity = NewIdentity {
        subscription: place.azure.subscription.clone(),
        group: "arrikto".into(),
        name: "rok-arrikto-cluster".into(),
        location: "eastus".into(),
        tags: Tags::new(),
    };
    azure.create_identity(&identity).await.unwrap();
    let (_, chain) = practice.prober.weakness(&[]).await;
    assert!(
        chain[Link::ManagedIdentity].note.contains("made anew"),
        "{chain:?}"
    );
}

fn pod(label: Option<(&str, &str)>) -> Value {
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "rok-verify-storage-access", "namespace": "rok" },
        "spec": {
            "serviceAccountName": "rok",
            "containers": [{ "name": "main", "image": "gcr.io/arrikto/rok-tools:1" }],
        },
    });
    if let Some((name, value)) = label {
        pod["metadata"]["labels"][name] = value.into();
    }
    pod
}

#[tokio::test]
async fn a_pod_without_an_identity_is_looked_into_in_the_usual_order() {
    let practice = Practice::new().await;
    let injection = async |pod: &Value| {
        let diagnosis = practice.prober.diagnose_injection(pod).await;
        diagnosis.and_then(|diagnosis| diagnosis.cause_id)
    };
    let labelled = pod(Some(("azure.workload.identity/use", "true")));
    let made = practice
        .kubernetes()
        .await
        .create_dry_run(&labelled)
        .await
        .unwrap();
    assert_eq!(injection(&made).await, None);
    assert_eq!(injection(&pod(None)).await, Some("az-pod-unlabelled"));
    // One made now would get it.
    assert_eq!(injection(&labelled).await, Some("az-pod-older"));
    let aks = practice.sandbox.aks().unwrap();
    aks.sabotage(Sabotage::WebhookOff).unwrap();
    assert_eq!(injection(&labelled).await, Some("az-webhook-off"));
    aks.repair().unwrap();
    practice.annotate(Some("another")).await;
    assert_eq!(
        injection(&labelled).await,
        Some("az-account-of-another-identity")
    );
    practice.annotate(None).await;
    assert_eq!(injection(&labelled).await, Some("az-account-not-annotated"));
}

#[tokio::test]
async fn a_pod_identity_is_proven_to_the_nodes() {
    let practice = Practice::by_pod_identity().await;
    let (weakness, chain) = practice
        .prober
        .weakness(ChainKind::PodIdentity.links())
        .await;
    assert_eq!(weakness, None, "{chain:?}");
    let weakest = chain.weakest().unwrap();
    assert_eq!(weakest.link, Link::Container, "{chain:?}");
    assert_eq!(weakest.note, "only a Pod can ask");
}

#[tokio::test]
async fn aks_wants_its_operator_at_the_identity_itself() {
    let mut practice = Practice::new().await;
    practice.prober.kind = ChainKind::PodIdentity;
    practice
        .weak("az-operator-missing", Link::PodIdentity)
        .await;
    let refused = practice.ask_for_pod_identity().await.unwrap_err();
    let refused = Symptom::from(&refused);
    let (diagnosis, _) = practice.prober.diagnose(&refused, true).await;
    assert_eq!(diagnosis.entry, Some("az-identity-operator"), "{refused}");
    assert_eq!(diagnosis.cause_id, Some("az-operator-missing"));
    let names = practice.prober.place.azure.clone();
    assert_remedy(
        &diagnosis,
        &format!(
            "az role assignment create --role '{OPERATOR_ROLE}' --assignee-object-id {} --assignee-principal-type ServicePrincipal --scope {} --subscription {}",
            names.operator, names.identity_id, names.subscription
        ),
    );

    let group = format!(
        "/subscriptions/{}/resourceGroups/arrikto",
        names.subscription
    );
    assign(
        &practice.prober.azure,
        &group,
        ASSIGNMENT,
        OPERATOR_ROLE,
        &names.operator,
    )
    .await;
    let (diagnosis, _) = practice.prober.diagnose(&refused, true).await;
    assert_eq!(diagnosis.cause_id, Some("az-operator-inherited"));

    practice.grant_operator().await;
    let (diagnosis, _) = practice.prober.diagnose(&refused, true).await;
    assert!(diagnosis.not_yet, "{diagnosis:?}");
}

#[tokio::test]
async fn an_exception_and_objects_that_differ_are_named() {
    let practice = Practice::by_pod_identity().await;
    let cluster = practice.kubernetes().await;
    let edit = async |kind: &str, name: &str, field: &str, value: &str| {
        let address = json!({
            "apiVersion": "aadpodidentity.k8s.io/v1",
            "kind": kind,
            "metadata": { "name": name, "namespace": "rok" },
        });
        let mut object = cluster.read(&address).await.unwrap().unwrap();
        let before = object["spec"][field].as_str().unwrap().to_owned();
        object["spec"][field] = value.into();
        let uid = object["metadata"]["uid"].as_str().unwrap().to_owned();
        for server_owned in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "managedFields",
            "generation",
        ] {
            object["metadata"]
                .as_object_mut()
                .unwrap()
                .remove(server_owned);
        }
        cluster.delete_exact(&address, &uid).await.unwrap();
        cluster.create(&object).await.unwrap();
        before
    };
    for (kind, name, field, cause, link) in [
        (
            "AzureIdentity",
            "rok",
            "clientID",
            "az-object-client",
            Link::AzureIdentity,
        ),
        (
            "AzureIdentity",
            "rok",
            "resourceID",
            "az-object-resource",
            Link::AzureIdentity,
        ),
        (
            "AzureIdentityBinding",
            "rok-binding",
            "azureIdentity",
            "az-binding-identity",
            Link::Binding,
        ),
        (
            "AzureIdentityBinding",
            "rok-binding",
            "selector",
            "az-binding-selector",
            Link::Binding,
        ),
    ] {
        let before = edit(kind, name, field, "other").await;
        practice.weak(cause, link).await;
        edit(kind, name, field, &before).await;
    }
    practice.change(|state| {
        let cluster = state.clusters.values_mut().next().unwrap();
        let exceptions =
            &mut cluster.properties["podIdentityProfile"]["userAssignedIdentityExceptions"];
        *exceptions = json!([{ "name": "all", "namespace": "rok", "podLabels": {} }]);
    });
    practice.weak("az-pod-exception", Link::PodIdentity).await;
    practice.change(|state| {
        let cluster = state.clusters.values_mut().next().unwrap();
        cluster.properties["podIdentityProfile"]["userAssignedIdentityExceptions"] = json!([]);
        for nodes in state.scale_sets.values_mut() {
            nodes.identities.clear();
        }
    });
    practice.weak("az-node-without-identity", Link::Node).await;
    // The label of the Pod itself.
    let labelled = pod(Some(("aadpodidbinding", "rok")));
    assert_eq!(practice.prober.diagnose_injection(&labelled).await, None);
    let other = pod(Some(("aadpodidbinding", "rok-s3proxy")));
    let diagnosis = practice.prober.diagnose_injection(&other).await.unwrap();
    assert_eq!(diagnosis.cause_id, Some("az-binding-label"));
    assert!(
        diagnosis.cause.contains("rok-s3proxy"),
        "{}",
        diagnosis.cause
    );
}

#[tokio::test]
async fn a_right_that_was_granted_since_is_seen() {
    let practice = Practice::new().await;
    let text = |scope: &str| {
        format!(
            "The client 'x' with object id 'x' does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
        )
    };
    let scope = &practice.prober.place.azure.storage_id;
    let denied = Symptom::new(super::super::Source::Azure, text(scope)).code("AuthorizationFailed");
    // The operator owns the subscription.
    let (diagnosis, _) = practice.prober.diagnose(&denied, false).await;
    assert!(
        diagnosis.not_yet && diagnosis.remedies[0].contains("az login"),
        "{diagnosis:?}"
    );
}
