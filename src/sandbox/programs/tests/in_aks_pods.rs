//! What the programs say in Pods of AKS: both ways to an identity, and each of their edges broken.

use std::collections::BTreeMap;
use std::convert::Infallible;

use kube::api::{Patch, PatchParams};

use super::*;
use crate::sandbox::azure::AzureState;
use crate::sandbox::azure::state::{FederatedCredential, Identity, Trust, key};
use crate::sandbox::cluster::{PodIdentity, PodIdentityException};
use crate::sandbox::lagged::Lagged;

pub(super) const CLIENT: &str = "09a3e33e-4bfb-4247-afa2-2b7c453d860d";
const PRINCIPAL: &str = "3b183c53-db99-4ea6-914d-c743b56c3d4f";
const TOKEN_URL: &str = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://storage.azure.com/";
const LIST: &str = "az storage blob list --account-name rokpractice --container-name rok-chocks-ca --auth-mode login";
const LOGIN: &str = r#"az login --service-principal --username "$AZURE_CLIENT_ID" --tenant "$AZURE_TENANT_ID" --federated-token "$(cat "$AZURE_FEDERATED_TOKEN_FILE")" --allow-no-subscriptions"#;
pub(super) const MACHINE_LOGIN: &str = "az login --identity --allow-no-subscriptions";
const NO_ROLE: &str = "\nYou do not have the required permissions needed to perform this operation.\nDepending on your operation, you may need to be assigned one of the following roles:\n    \"Storage Blob Data Contributor\"\n";

pub(super) struct Aks {
    pub(super) sandbox: Sandbox,
    client: Client,
    _directory: TempDir,
}

impl Aks {
    /// A world with the managed identity `rok-arrikto-cluster`, and nothing that leads to it.
    pub(super) async fn new() -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let directory = TempDir::new().unwrap();
        let options = Options {
            directory: directory.path().join("practice"),
            skeleton: vec![("README.md".into(), b"# Deployments\n".to_vec())],
            fresh: false,
            conduct: Conduct::default(),
            faults: None,
        };
        let sandbox = Sandbox::open(options).await.unwrap();
        let kubeconfig = Kubeconfig::read_from(&sandbox.environment()["KUBECONFIG"]).unwrap();
        let options = KubeConfigOptions {
            context: Some("arrikto-cluster-aks".into()),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let world = Self {
            client: Client::try_from(config.unwrap()).unwrap(),
            sandbox,
            _directory: directory,
        };
        let namespaces: Api<Namespace> = Api::all(world.client.clone());
        let namespace = object(json!({ "metadata": { "name": "rok" } }));
        namespaces
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap();
        let account = object(json!({ "metadata": { "name": "rok" } }));
        world
            .accounts()
            .create(&PostParams::default(), &account)
            .await
            .unwrap();
        world.change(|state| {
            let id = identity_of(state);
            let identity = Identity {
                id: id.clone(),
                name: "rok-arrikto-cluster".into(),
                location: "eastus".into(),
                tags: BTreeMap::new(),
                client_id: CLIENT.into(),
                principal_id: PRINCIPAL.into(),
                known: Lagged::settled(()),
                credentials: BTreeMap::new(),
            };
            state.identities.insert(key(&id), identity);
        });
        world
    }

    fn accounts(&self) -> Api<ServiceAccount> {
        Api::namespaced(self.client.clone(), "rok")
    }

    fn change(&self, change: impl FnOnce(&mut AzureState)) {
        let state = self.sandbox.azure().unwrap().state();
        let Ok(()) = state
            .write(|state| {
                change(state);
                Ok::<_, Infallible>(())
            })
            .unwrap();
    }

    pub(super) fn identity(&self) -> String {
        let state = self.sandbox.azure().unwrap().state();
        state.read(identity_of)
    }

    /// Lets Entra take tokens of this subject for the identity's.
    pub(super) fn trust(&self, subject: &str) {
        let trust = Trust {
            issuer: self.sandbox.aks().unwrap().issuer(),
            subject: subject.into(),
            audiences: vec!["api://AzureADTokenExchange".into()],
        };
        let id = key(&self.identity());
        self.change(|state| {
            let credential = FederatedCredential {
                name: "rok".into(),
                trust: Lagged::settled(trust),
            };
            let identity = state.identities.get_mut(&id).unwrap();
            identity.credentials.insert("rok".into(), credential);
        });
    }

    /// Gives the identity the right to the account's blobs.
    pub(super) fn allow(&self) {
        self.change(|state| {
            let scope = state.accounts["rokpractice"].id.clone();
            let now = jiff::Timestamp::now();
            state.assign(PRINCIPAL, "Storage Blob Data Contributor", &scope, now);
        });
    }

    /// Gives the identity to the scale set. Azure writes ids as it likes.
    pub(super) fn assign_to_nodes(&self) {
        let identity = self.identity();
        self.change(|state| {
            for set in state.scale_sets.values_mut() {
                set.identities.push(identity.to_uppercase());
            }
        });
    }

    pub(super) async fn annotate(&self, client_id: &str) {
        let annotations = json!({ "azure.workload.identity/client-id": client_id });
        let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
        self.accounts()
            .patch("rok", &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    pub(super) async fn pod(&self, name: &str, labels: Value) {
        self.run(name, labels, &["sleep", "infinity"]).await;
        self.until(name, |pod| pod["status"]["phase"] == "Running")
            .await;
    }

    async fn run(&self, name: &str, labels: Value, command: &[&str]) {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), "rok");
        let pod = object(json!({
            "metadata": { "name": name, "labels": labels },
            "spec": {
                "serviceAccountName": "rok",
                "restartPolicy": "Never",
                "containers": [{ "name": "main", "image": "rok-tools:1", "command": command }],
            },
        }));
        pods.create(&PostParams::default(), &pod).await.unwrap();
    }

    async fn until(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        until(self.sandbox.aks().unwrap(), name, wanted).await
    }

    async fn sh(&self, pod: &str, script: &str) -> Ended {
        exec(&self.client, pod, &["sh", "-c", script]).await
    }

    /// What a script prints that succeeds.
    pub(super) async fn said(&self, pod: &str, script: &str) -> String {
        let (stdout, stderr, code) = self.sh(pod, script).await;
        assert_eq!((stderr.as_str(), code), ("", 0), "{script}");
        stdout
    }

    /// The words and the code of a script that fails.
    async fn failed(&self, pod: &str, script: &str) -> (String, i32) {
        let (stdout, stderr, code) = self.sh(pod, script).await;
        assert_eq!(stdout, "", "{script}");
        assert_ne!(code, 0, "{script}");
        let words = stderr.strip_prefix("ERROR: ").unwrap_or(&stderr);
        (words.to_owned(), code)
    }

    /// Z12, as the documentation has it.
    async fn assert_authorized(&self, pod: &str) {
        let (words, code) = self.failed(pod, LIST).await;
        let lines: Vec<&str> = words.lines().collect();
        assert_eq!(lines.len(), 5, "{words}");
        assert_eq!(lines[0], "The specified container does not exist.");
        assert!(lines[1].starts_with("RequestId:"), "{words}");
        assert!(lines[2].starts_with("Time:20"), "{words}");
        assert_eq!(lines[3..], ["ErrorCode:ContainerNotFound", "Error:None"]);
        assert_eq!(code, 3);
    }
}

fn identity_of(state: &AzureState) -> String {
    format!(
        "/subscriptions/{}/resourcegroups/arrikto/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rok-arrikto-cluster",
        state.subscription
    )
}

pub(super) fn asking() -> Value {
    json!({ "azure.workload.identity/use": "true" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_identity_is_proven_link_by_link() {
    let world = Aks::new().await;
    world.pod("bare", json!({})).await;
    world.pod("unnamed", asking()).await;
    let missing = "AZURE_FEDERATED_TOKEN_FILE";
    let (_, code) = world.failed("bare", &format!("printenv {missing}")).await;
    assert_eq!(code, 1);
    let usage =
        "usage error: --service-principal --username NAME --password SECRET --tenant TENANT\n";
    assert_eq!(world.failed("unnamed", LOGIN).await, (usage.into(), 1));

    let denied = async |pod: &str, start: &str| {
        let (words, code) = world.failed(pod, LOGIN).await;
        assert!(words.starts_with(start), "{words}");
        assert_eq!(code, 1);
    };
    world.annotate("c0ffee00-0000-4000-8000-000000000777").await;
    world.pod("stranger", asking()).await;
    denied("stranger", "AADSTS700016: ").await;
    world.annotate(CLIENT).await;
    world.pod("probe", asking()).await;
    denied(
        "probe",
        "AADSTS70021: No matching federated identity record found for presented assertion.",
    )
    .await;
    world.trust("system:serviceaccount:rok:other");
    denied("probe", "AADSTS700213: ").await;
    world.trust("system:serviceaccount:Rok:rok");
    denied("probe", "AADSTS7002138: ").await;
    world.trust("system:serviceaccount:rok:rok");
    let setup = "Please run 'az login' to setup account.\n";
    assert_eq!(world.failed("probe", LIST).await, (setup.into(), 1));
    let strict = LOGIN.replace(" --allow-no-subscriptions", "");
    let none = format!("No subscriptions found for {CLIENT}.\n");
    assert_eq!(world.failed("probe", &strict).await, (none, 1));
    let login: Value = serde_json::from_str(&world.said("probe", LOGIN).await).unwrap();
    assert_eq!(login[0]["user"]["name"], CLIENT);
    assert_eq!(login[0]["user"]["type"], "servicePrincipal");

    let (words, code) = world.failed("probe", LIST).await;
    assert!(words.starts_with(NO_ROLE), "{words}");
    assert_eq!(code, 1);
    world.allow();
    world.assert_authorized("probe").await;
    let script = format!(
        r#"{LOGIN} --output none && exec az storage blob list --account-name "$1" --container-name "$2" --auth-mode login --num-results 1"#
    );
    let command = ["sh", "-c", &script, "sh", "rokpractice", "rok-chocks-ca"];
    let (_, words, code) = exec(&world.client, "probe", &command).await;
    assert!(words.contains("\nErrorCode:ContainerNotFound\n"), "{words}");
    assert_eq!(code, 3);
    let subscriptions = world.said("probe", &strict).await;
    let subscriptions: Value = serde_json::from_str(&subscriptions).unwrap();
    let state = world.sandbox.azure().unwrap().state();
    let subscription = state.read(|state| state.subscription.clone());
    assert_eq!(subscriptions[0]["id"], subscription);

    let token = "az account get-access-token --resource https://storage.azure.com/ --query accessToken -o tsv";
    let token = world.said("probe", token).await;
    let curl = format!(
        "curl -s -o /dev/null -w '%{{http_code}}' -X PUT -d '' -H 'x-ms-version: 2023-11-03' -H 'Authorization: Bearer {}' 'https://rokpractice.blob.core.windows.net/rok-chocks-ca?restype=container'",
        token.trim()
    );
    assert_eq!(world.said("probe", &curl).await, "201");
    assert_eq!(world.said("probe", LIST).await, "[]\n");
    let mirid = "az account get-access-token --query accessToken -o tsv | cut -d. -f2 | base64 -d 2>/dev/null | jq -r .xms_mirid";
    let found = world.said("probe", mirid).await;
    assert_eq!(found.trim(), world.identity());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_exec_a_container_leaves_what_it_is_told() {
    let world = Aks::new().await;
    world.annotate(CLIENT).await;
    world.trust("system:serviceaccount:rok:rok");
    world.allow();
    let script = format!(
        r#"{LOGIN} --output none && exec az storage blob list --account-name "$1" --container-name "$2" --auth-mode login"#
    );
    let keep = ["sh", "-c", r#"exec "$@" >/dev/termination-log 2>&1"#, "sh"];
    let inner = ["sh", "-c", &script, "sh", "rokpractice", "rok-chocks-ca"];
    world
        .run("asks", asking(), &[&keep[..], &inner].concat())
        .await;
    let pod = world
        .until("asks", |pod| pod["status"]["phase"] == "Failed")
        .await;
    let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(ended["exitCode"], 3);
    let message = ended["message"].as_str().unwrap();
    assert!(
        message.starts_with("ERROR: The specified container does not exist.\nRequestId:"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_identity_is_proven_link_by_link() {
    let world = Aks::new().await;
    let pods = world.sandbox.aks().unwrap().pod_identities();
    let bound = PodIdentity {
        name: "rok".into(),
        namespace: "rok".into(),
        resource_id: world.identity(),
        client_id: CLIENT.into(),
        binding_selector: None,
    };
    pods.set(std::slice::from_ref(&bound), &[]).unwrap();
    world.pod("bare", json!({})).await;
    world
        .pod("probe", json!({ "aadpodidbinding": "rok" }))
        .await;

    let silent = "MSI endpoint is not responding. Please make sure MSI is configured correctly.\nError detail: MSI: Failed to acquire tokens after 12 times\n";
    assert_eq!(
        world.failed("bare", MACHINE_LOGIN).await,
        (silent.into(), 1)
    );
    let ask = format!(r#"curl '{TOKEN_URL}' -H "Metadata: true" -i"#);
    let refused = world.said("bare", &ask).await;
    let lines: Vec<&str> = refused.split("\r\n").collect();
    assert_eq!(lines[0], "HTTP/1.1 404 Not Found");
    assert!(
        lines.contains(&"Content-Type: text/plain; charset=utf-8"),
        "{refused}"
    );
    assert!(
        lines.contains(&"X-Content-Type-Options: nosniff"),
        "{refused}"
    );
    assert!(lines.contains(&"Content-Length: 46"), "{refused}");
    assert!(
        refused.ends_with("\r\n\r\nno azure identity found for request clientID \n"),
        "{refused}"
    );

    // The identity is bound to the Pod, and not yet the scale set's.
    let refused = world.said("probe", &ask).await;
    assert!(
        refused.starts_with("HTTP/1.1 403 Forbidden\r\n"),
        "{refused}"
    );
    assert!(
        refused.contains("\"error_description\":\"Identity not found\""),
        "{refused}"
    );
    let identity = world.identity();
    world.assign_to_nodes();
    let mirid = format!(
        r#"curl '{TOKEN_URL}' -H "Metadata: true" -s | cut -d'.' -f2 | base64 -d 2>/dev/null | jq -r .xms_mirid"#
    );
    assert_eq!(world.said("probe", &mirid).await.trim(), identity);
    let bare = format!("curl -s '{TOKEN_URL}'");
    assert_eq!(
        world.said("probe", &bare).await,
        r#"{"error":"invalid_request","error_description":"Required metadata header not specified"}"#
    );

    let no_access = "No access was configured for the VM, hence no subscriptions were found. If this is expected, use '--allow-no-subscriptions' to have tenant level access.\n";
    let strict = "az login --identity";
    assert_eq!(world.failed("probe", strict).await, (no_access.into(), 1));
    world.said("probe", MACHINE_LOGIN).await;
    let (words, _) = world.failed("probe", LIST).await;
    assert!(words.starts_with(NO_ROLE), "{words}");
    world.allow();
    let login: Value = serde_json::from_str(&world.said("probe", strict).await).unwrap();
    let expected = json!({
        "assignedIdentityInfo": "MSI",
        "name": "systemAssignedIdentity",
        "type": "servicePrincipal",
    });
    assert_eq!(login[0]["user"], expected);
    assert_eq!(login[0]["environmentName"], "AzureCloud");
    world.assert_authorized("probe").await;

    // An exception lets the Pod through to the node, which has more than one identity.
    let free = PodIdentityException {
        name: "free".into(),
        namespace: "rok".into(),
        pod_labels: BTreeMap::from([("aadpodidbinding".to_owned(), "rok".to_owned())]),
    };
    pods.set(&[bound], &[free]).unwrap();
    let refused = world.said("probe", &ask).await;
    assert!(
        refused.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{refused}"
    );
    assert!(
        refused.contains("Multiple user assigned identities exist"),
        "{refused}"
    );
    let chosen = ask.replace("&resource", &format!("&client_id={CLIENT}&resource"));
    assert!(
        world
            .said("probe", &chosen)
            .await
            .starts_with("HTTP/1.1 200 OK\r\n")
    );

    let aks = world.sandbox.aks().unwrap();
    aks.sabotage(Sabotage::NodeRoleOutOfReach).unwrap();
    let (words, code) = world.failed("probe", &ask).await;
    assert_eq!(
        words,
        "curl: (7) Failed to connect to 169.254.169.254 port 80: Connection refused\n"
    );
    assert_eq!(code, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_container_has_forgotten_who_logged_in() {
    let world = Aks::new().await;
    world.annotate(CLIENT).await;
    world.trust("system:serviceaccount:rok:rok");
    world.pod("one", asking()).await;
    world.pod("two", asking()).await;
    world.said("one", &format!("{LOGIN} -o none")).await;
    let shown = "az account show --query user.name -o tsv";
    assert_eq!(world.said("one", shown).await, format!("{CLIENT}\n"));
    let (words, _) = world.failed("two", shown).await;
    assert_eq!(words, "Please run 'az login' to setup account.\n");
}
