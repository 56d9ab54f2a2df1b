//! The documented verification on AKS, with the real kubectl and the skeleton's own manifest.

use std::path::Path;

use tokio::process::Command;

use super::in_aks_pods::{Aks, CLIENT};
use super::*;
use crate::sandbox::cluster::PodIdentity;

const POD_TEMPLATE: &str =
    include_str!("../../../../templates/gitops/rok/rok-test/rok-verify-storage-access-aks.yaml.j2");
const POD: &str = "rok-verify-storage-access";

impl Aks {
    async fn kubectl(&self, arguments: &[&str]) -> Ended {
        let kubeconfig = &self.sandbox.environment()["KUBECONFIG"];
        let home = Path::new(kubeconfig).parent().unwrap();
        let output = Command::new("kubectl")
            .args(["--context", "arrikto-cluster-aks", "-n", "rok"])
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("KUBECONFIG", kubeconfig)
            .output()
            .await
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (text(output.stdout), text(output.stderr), code)
    }

    async fn kubectl_says(&self, arguments: &[&str]) -> String {
        let (stdout, stderr, code) = self.kubectl(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {stderr}");
        stdout
    }

    /// A line of the documentation, typed in the Pod.
    async fn typed(&self, line: &str) -> Ended {
        self.kubectl(&["exec", POD, "--", "/bin/bash", "-c", line])
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_follows_the_documented_verification_of_azure() {
    let world = Aks::new().await;
    let bound = PodIdentity {
        name: "rok".into(),
        namespace: "rok".into(),
        resource_id: world.identity(),
        client_id: CLIENT.into(),
        binding_selector: None,
    };
    let pods = world.sandbox.aks().unwrap().pod_identities();
    pods.set(&[bound], &[]).unwrap();
    world.assign_to_nodes();
    world.allow();
    let of = async |what: &str, name: &str, path: &str| {
        let path = format!("jsonpath={path}");
        world.kubectl_says(&["get", what, name, "-o", &path]).await
    };
    assert_eq!(of("azureidentity", "rok", "{.spec.clientID}").await, CLIENT);
    let selector = of("azureidentitybinding", "rok-binding", "{.spec.selector}");
    assert_eq!(selector.await, "rok");

    let manifest = minijinja::Environment::new().render_str(
        POD_TEMPLATE,
        minijinja::context! {
            BUCKET_PREFIX => "rok",
            IDENTITY_RESOURCE_ID => world.identity(),
            POD_IDENTITY_NAME => "rok",
            ROK_CLUSTER_NAME => "rok",
            ROK_CLUSTER_NAMESPACE => "rok",
            STORAGE_ACCOUNT_NAME => "rokpractice",
        },
    );
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("pod.yaml");
    std::fs::write(&file, manifest.unwrap()).unwrap();
    let said = world
        .kubectl_says(&["apply", "-f", file.to_str().unwrap()])
        .await;
    assert_eq!(said, format!("pod/{POD} created\n"));
    let ready = ["wait", "--for=condition=Ready", "--timeout=30s"];
    let pod = format!("pod/{POD}");
    world
        .kubectl_says(&[&ready[..], &[pod.as_str()]].concat())
        .await;

    let (login, _, code) = world.typed("az login --identity").await;
    assert_eq!(code, 0);
    let login: Value = serde_json::from_str(&login).unwrap();
    assert_eq!(login[0]["user"]["assignedIdentityInfo"], "MSI");
    let token = "curl 'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://storage.azure.com/' -H \"Metadata: true\" -s | cut -d'.' -f2 | base64 -d | jq -r .xms_mirid";
    let (found, ..) = world.typed(token).await;
    let (expected, ..) = world.typed("echo ${IDENTITY_RESOURCE_ID?}").await;
    assert_eq!(found, expected);
    let list = "az storage blob list --account-name ${STORAGE_ACCOUNT_NAME?} --container-name ${BUCKET_PREFIX?}-chocks-ca --auth-mode login";
    let (_, words, code) = world.typed(list).await;
    assert!(
        words.starts_with("ERROR: The specified container does not exist.\nRequestId:"),
        "{words}"
    );
    assert!(
        words.contains("\nErrorCode:ContainerNotFound\nError:None\n"),
        "{words}"
    );
    assert_eq!(code, 3);
    let said = world.kubectl_says(&["delete", "pod", POD]).await;
    assert!(
        said.starts_with(&format!("pod \"{POD}\" deleted")),
        "{said}"
    );
}
