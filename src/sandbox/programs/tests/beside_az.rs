//! The real Azure CLI beside ours, against the same Azure. It is a newer one than that of the
//! practice images and has other words for some things; where a request gets, both agree.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::in_aks_pods::{Aks, CLIENT, MACHINE_LOGIN, asking};
use super::*;
use crate::sandbox::cluster::PodIdentity;

/// The real CLI with a home of its own.
struct Az<'a> {
    world: &'a Aks,
    home: TempDir,
    metadata: String,
}

fn installed() -> PathBuf {
    let peers = std::env::var_os("ROK_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers"),
        PathBuf::from,
    );
    peers.join("azure-cli/bin/az")
}

impl<'a> Az<'a> {
    /// A CLI that knows the practice Azure as a cloud, and meets this metadata service.
    async fn new(world: &'a Aks, metadata: &str) -> Self {
        let az = Self {
            world,
            home: TempDir::new().unwrap(),
            metadata: metadata.into(),
        };
        let azure = world.sandbox.azure().unwrap().endpoint();
        let register = [
            "cloud",
            "register",
            "--name",
            "practice",
            "--endpoint-resource-manager",
            &azure,
            "--endpoint-active-directory",
            &azure,
            "--endpoint-active-directory-resource-id",
            "https://management.core.windows.net/",
            "--endpoint-active-directory-graph-resource-id",
            "https://graph.microsoft.com/",
        ];
        az.succeed(&register).await;
        az.succeed(&["cloud", "set", "--name", "practice"]).await;
        az
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        let bundle = &self.world.sandbox.environment()["REQUESTS_CA_BUNDLE"];
        let output = Command::new(installed())
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("AZURE_CONFIG_DIR", self.home.path())
            .env("AZURE_CORE_INSTANCE_DISCOVERY", "false")
            .env("AZURE_CORE_COLLECT_TELEMETRY", "false")
            .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", &self.metadata)
            .env("REQUESTS_CA_BUNDLE", bundle)
            .output()
            .await
            .expect("the Azure CLI is installed");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (text(output.stdout), text(output.stderr), code)
    }

    async fn succeed(&self, arguments: &[&str]) -> String {
        let (stdout, stderr, code) = self.run(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {stderr}");
        stdout
    }

    /// Lists the probe's container, by the account's name in the path: this machine may not know
    /// the names below `localhost`.
    async fn list(&self) -> Ended {
        let azure = self.world.sandbox.azure().unwrap().endpoint();
        let account = format!("{azure}/rokpractice");
        let list = ["storage", "blob", "list", "--blob-endpoint", &account];
        let of = ["--container-name", "rok-chocks-ca", "--auth-mode", "login"];
        self.run(&[&list[..], &of].concat()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the peers of tests/run"]
async fn the_real_azure_cli_comes_as_far_as_ours() {
    let world = Aks::new().await;
    let aks = world.sandbox.aks().unwrap();
    world.annotate(CLIENT).await;
    world.trust("system:serviceaccount:rok:rok");
    world.pod("probe", asking()).await;
    world
        .pod("bound", json!({ "aadpodidbinding": "rok" }))
        .await;
    let azure = world.sandbox.azure().unwrap();
    let scale_set = azure
        .state()
        .read(|state| state.scale_sets.values().next().unwrap().id.clone());
    let imds = azure.imds(&scale_set, aks.pod_identities());
    let imds = imds.serve("rok", "bound").await.unwrap();
    let az = Az::new(&world, &imds.endpoint()).await;

    let token = "cat /var/run/secrets/azure/tokens/azure-identity-token";
    let token = world.said("probe", token).await;
    let tenant = azure.state().read(|state| state.tenant.clone());
    let login = ["login", "--service-principal", "--username", CLIENT];
    let with = ["--tenant", &tenant, "--federated-token", &token];
    let login = [&login[..], &with, &["--allow-no-subscriptions"]].concat();
    let shown: Value = serde_json::from_str(&az.succeed(&login).await).unwrap();
    assert_eq!(shown[0]["user"]["name"], CLIENT);
    let (_, words, code) = az.list().await;
    assert!(
        words
            .contains("You do not have the required permissions needed to perform this operation."),
        "{words}"
    );
    assert_eq!(code, 1);
    world.allow();
    let (_, words, code) = az.list().await;
    assert!(words.contains("\nErrorCode:ContainerNotFound"), "{words}");
    assert_eq!(code, 3);

    let identity = ["login", "--identity", "--allow-no-subscriptions"];
    // It takes the agent's plain words for JSON, and stumbles over them.
    let (_, words, code) = az.run(&identity).await;
    assert!(words.contains("JSONDecodeError"), "{words}");
    assert_eq!(code, 1);
    let bound = PodIdentity {
        name: "rok".into(),
        namespace: "rok".into(),
        resource_id: world.identity(),
        client_id: CLIENT.into(),
        binding_selector: None,
    };
    aks.pod_identities().set(&[bound], &[]).unwrap();
    world.assign_to_nodes();
    let theirs: Value = serde_json::from_str(&az.succeed(&identity).await).unwrap();
    let ours = world.said("bound", MACHINE_LOGIN).await;
    let ours: Value = serde_json::from_str(&ours).unwrap();
    for member in ["id", "name", "state", "tenantId", "user"] {
        assert_eq!(theirs[0][member], ours[0][member], "{member}");
    }
    let (_, words, code) = az.list().await;
    assert!(words.contains("\nErrorCode:ContainerNotFound"), "{words}");
    assert_eq!(code, 3);
}
