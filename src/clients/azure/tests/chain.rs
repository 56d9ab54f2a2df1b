//! Where credentials are looked for, and what is said when there are none.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::json;

use super::server::{SECRET, Server, ok, token};
use crate::clients::azure::chain::Variables;
use crate::clients::azure::{Azure, AzureErrorKind, AzureSettings, CallerKind, CredentialSource};
use crate::clients::wire::WireLog;

/// Connects to a server as an operator does, with nothing but these variables.
async fn operator(server: &Server, variables: &[(&str, &str)]) -> Azure {
    let settings = AzureSettings {
        secret: None,
        tenant: None,
        ..server.settings()
    };
    let variables: HashMap<String, String> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let variables: Variables = Arc::new(move |name| variables.get(name).cloned());
    Azure::connect_in(&settings, variables, WireLog::new())
        .await
        .unwrap()
}

async fn quiet() -> Server {
    Server::start(|_, _| ok(json!({"value": []}))).await
}

/// Writes a program of the operator's.
fn program(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn the_environment_comes_before_the_programs() {
    let server = quiet().await;
    let azure = operator(
        &server,
        &[
            ("AZURE_TENANT_ID", "tenant-1"),
            ("AZURE_CLIENT_ID", "client-1"),
            ("AZURE_CLIENT_SECRET", SECRET),
        ],
    )
    .await;
    let caller = azure.caller().await.unwrap();
    assert_eq!(caller.source, CredentialSource::Environment);
    assert_eq!(caller.kind, CallerKind::ServicePrincipal);
    assert_eq!(
        (&caller.tenant[..], &caller.object_id[..]),
        ("tenant-1", "object-1")
    );
}

#[tokio::test]
async fn what_is_set_by_halves_ends_the_chain() {
    let server = quiet().await;
    let azure = operator(&server, &[("AZURE_CLIENT_SECRET", SECRET)]).await;
    let error = azure.caller().await.unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::Credentials);
    assert_eq!(
        error.message,
        "environment: AZURE_CLIENT_SECRET is set, AZURE_CLIENT_ID is not"
    );
    assert!(!error.surroundings.unwrap().is_renewable);
}

#[tokio::test]
async fn what_kubernetes_projects_is_exchanged() {
    let server = Server::start(|_, seen| {
        assert!(
            seen.body.contains("client_assertion=projected"),
            "{}",
            seen.body
        );
        ok(json!({"token_type": "Bearer", "expires_in": 3600, "access_token": token(7)}))
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "projected").unwrap();
    let azure = operator(
        &server,
        &[
            ("AZURE_TENANT_ID", "tenant-1"),
            ("AZURE_CLIENT_ID", "client-1"),
            ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
        ],
    )
    .await;
    let caller = azure.caller().await.unwrap();
    assert_eq!(caller.source, CredentialSource::WorkloadIdentity);
}

#[tokio::test]
async fn az_is_started_without_a_shell_and_again_after_a_new_login() {
    let server = quiet().await;
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display();
    program(
        folder.path(),
        "az",
        &format!(
            "echo \"$@\" >> {home}/said\n\
             [ -e {home}/login ] || {{ echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1; }}\n\
             cat {home}/login"
        ),
    );
    let azure = operator(
        &server,
        &[
            ("AZURE_TENANT_ID", "tenant-1"),
            ("PATH", folder.path().to_str().unwrap()),
        ],
    )
    .await;
    let error = azure.caller().await.unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::Credentials);
    for said in [
        "nobody is logged in to Azure; run `az login --tenant tenant-1`",
        "environment: AZURE_CLIENT_SECRET is not set",
        "workload identity: AZURE_FEDERATED_TOKEN_FILE is not set",
        "Azure CLI: ERROR: Please run 'az login' to setup account.",
        "Azure Developer CLI: there is no `azd` on the PATH",
        "managed identity: ",
    ] {
        assert!(error.message.contains(said), "{said}\n{error}");
    }
    assert!(error.surroundings.unwrap().is_renewable);

    let answer =
        json!({"accessToken": token(1), "expires_on": 4_102_444_800_i64, "tokenType": "Bearer"});
    fs::write(folder.path().join("login"), answer.to_string()).unwrap();
    let caller = azure.caller().await.unwrap();
    assert_eq!(caller.source, CredentialSource::AzureCli);
    let said = fs::read_to_string(folder.path().join("said")).unwrap();
    assert_eq!(
        said.lines().last(),
        Some(
            "account get-access-token -o json --scope \
             https://management.core.windows.net//.default --tenant tenant-1"
        )
    );
}

#[tokio::test]
async fn the_developer_cli_is_asked_after_az() {
    let server = quiet().await;
    let folder = tempfile::tempdir().unwrap();
    let answer = json!({"token": token(1), "expiresOn": "2100-01-01T00:00:00Z"});
    fs::write(folder.path().join("login"), answer.to_string()).unwrap();
    program(
        folder.path(),
        "azd",
        &format!("cat {}/login", folder.path().display()),
    );
    let azure = operator(&server, &[("PATH", folder.path().to_str().unwrap())]).await;
    let caller = azure.caller().await.unwrap();
    assert_eq!(caller.source, CredentialSource::AzureDeveloperCli);
}

#[tokio::test]
async fn an_entra_that_nobody_reaches_is_no_wrong_login() {
    let server = quiet().await;
    let mut settings = server.settings();
    settings.authority_host = Some("https://localhost:1".into());
    let azure = Azure::connect(&settings, WireLog::new()).await.unwrap();
    let error = azure.caller().await.unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::Unavailable, "{error}");
}

/// Tells a test that a parent has prepared its environment. Without it there is nothing to try.
const CHILD: &str = "ROK_DEPLOY_TEST_CHILD";

/// What depends on the environment is tried in a child process that has only what it is given.
async fn in_child(test: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--nocapture"])
        .arg(format!(
            "{}::{test}",
            module_path!().split_once("::").unwrap().1
        ))
        .env_clear()
        .env(CHILD, "1")
        .envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_alone_lead_to_a_cloud_of_ones_own() {
    let server = quiet().await;
    in_child(
        "child_with_variables_alone",
        &[
            ("ROK_AZURE_ARM_ENDPOINT", &server.url),
            ("SSL_CERT_FILE", server.ca_file().to_str().unwrap()),
            ("AZURE_TENANT_ID", "tenant-1"),
            ("AZURE_CLIENT_ID", "client-1"),
            ("AZURE_CLIENT_SECRET", SECRET),
            // Nobody is asked through a proxy for this machine.
            ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ],
    )
    .await;
    assert_eq!(server.tokens(), 1);
}

#[tokio::test]
async fn child_with_variables_alone() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let azure = Azure::connect(&AzureSettings::default(), WireLog::new())
        .await
        .unwrap();
    assert_eq!(azure.cloud().name, "Scripted");
    let caller = azure.caller().await.unwrap();
    assert_eq!(caller.source, CredentialSource::Environment);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_is_asked_for_everybody_else() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let read = stream.read(&mut head).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    in_child("child_behind_a_proxy", &[("HTTPS_PROXY", &proxy)]).await;
    let asked = asked.await.unwrap();
    assert!(
        asked.starts_with("CONNECT arm.far-away.example:443 "),
        "{asked}"
    );
}

#[tokio::test]
async fn child_behind_a_proxy() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let settings = AzureSettings {
        arm_endpoint: Some("https://arm.far-away.example".into()),
        ..AzureSettings::default()
    };
    let connecting = Azure::connect(&settings, WireLog::new());
    // The first refusal is enough; nobody needs to wait for the others.
    let limit = std::time::Duration::from_millis(400);
    let connected = tokio::time::timeout(limit, connecting).await;
    assert!(!matches!(connected, Ok(Ok(_))));
}
