//! The Blob client against Azurite, Microsoft's own idea of Blob storage, as `tests/run` installs it.
//!
//! It reads a token's audience, issuer and times and lets everybody do everything, so that a right
//! that is missing is tried against the practice cloud.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::clients::secret::Secret;
use crate::clients::wire::WireLog;

const ACCOUNT: &str = "rokstorage";

#[tokio::test]
#[ignore = "needs the peers of tests/run"]
async fn a_container_is_missed_made_listed_and_deleted() {
    let azurite = Azurite::start();
    let wire = WireLog::in_memory();
    let azure = azurite.azure(&wire).await;
    let token = token("https://storage.azure.com", 3600);
    let token = Token::Of(&token);
    // Both ways to name an account.
    for endpoint in [azurite.host_style(), azurite.path_style()] {
        let list = || azure.list_blobs(&endpoint, "rok-chocks-ca", token);
        assert_eq!(list().await.unwrap(), None, "{endpoint}");
        azure
            .create_container(&endpoint, "rok-chocks-ca", token)
            .await
            .unwrap();
        let error = azure
            .create_container(&endpoint, "rok-chocks-ca", token)
            .await
            .unwrap_err();
        assert_eq!(error.kind, AzureErrorKind::AlreadyExists, "{error}");
        assert_eq!(error.code.as_deref(), Some("ContainerAlreadyExists"));
        assert!(error.request_id.is_some());
        let listing = list().await.unwrap().unwrap();
        assert_eq!((listing.blobs.len(), listing.has_more), (0, false));
        let found = azure
            .list_containers(&endpoint, "rok", token)
            .await
            .unwrap();
        assert_eq!(found, ["rok-chocks-ca"]);
        let none = azure.list_containers(&endpoint, "velero", token).await;
        assert!(none.unwrap().is_empty());
        for _ in 0..2 {
            azure
                .delete_container(&endpoint, "rok-chocks-ca", token)
                .await
                .unwrap();
        }
        assert_eq!(list().await.unwrap(), None);
    }
    let first = &wire.records()[0];
    assert_eq!(first.operation, "GET blobs rok-chocks-ca");
    assert_eq!(first.error.as_deref(), Some("ContainerNotFound"));
}

#[tokio::test]
#[ignore = "needs the peers of tests/run"]
async fn a_token_for_somebody_else_is_the_workloads_own_fault() {
    let azurite = Azurite::start();
    let azure = azurite.azure(&WireLog::new()).await;
    for token in [
        token("https://management.azure.com", 3600),
        token("https://storage.azure.com", -60),
    ] {
        let error = azure
            .list_blobs(&azurite.host_style(), "rok-chocks-ca", Token::Of(&token))
            .await
            .unwrap_err();
        assert_eq!(
            error.code.as_deref(),
            Some("AuthenticationFailed"),
            "{error}"
        );
        assert_eq!(error.kind, AzureErrorKind::Invalid);
    }
}

/// A token that nobody signed: Azurite does not look.
fn token(audience: &str, lasts: i64) -> AccessToken {
    let now = jiff::Timestamp::now();
    let claims = json!({
        "aud": audience, "iss": "https://sts.windows.net/tenant-1/",
        "nbf": now.as_second() - 600, "iat": now.as_second() - 600,
        "exp": now.as_second() + lasts,
    });
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let head = part(r#"{"alg":"RS256","typ":"JWT"}"#);
    AccessToken {
        expires: now,
        object_id: None,
        client_id: None,
        token: Secret::new(format!(
            "{head}.{}.{}",
            part(&claims.to_string()),
            part("x")
        )),
    }
}

/// A running Azurite, with a certificate of its own.
struct Azurite {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Azurite {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hosts = ["127.0.0.1", "localhost", "rokstorage.blob.localhost"];
        let made = rcgen::generate_simple_self_signed(hosts.map(str::to_owned)).unwrap();
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let certificate = write("cert.pem", made.cert.pem());
        let key = write("key.pem", made.signing_key.serialize_pem());
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new("node")
            .arg(installed())
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
            .args(["--oauth", "basic", "--inMemoryPersistence", "--silent"])
            .arg("--disableTelemetry")
            .args([Path::new("--cert"), &certificate, Path::new("--key"), &key])
            .current_dir(folder.path())
            .env(
                "AZURITE_ACCOUNTS",
                format!("{ACCOUNT}:{}", BASE64_STANDARD.encode("key")),
            )
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Node is there");
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "Azurite did not start");
            thread::sleep(Duration::from_millis(50));
        }
        Self {
            process,
            port,
            folder,
        }
    }

    fn host_style(&self) -> String {
        format!("https://{ACCOUNT}.blob.localhost:{}/", self.port)
    }

    fn path_style(&self) -> String {
        format!("https://127.0.0.1:{}/{ACCOUNT}", self.port)
    }

    async fn azure(&self, wire: &WireLog) -> Azure {
        let settings = AzureSettings {
            cloud: Some("AzureCloud".into()),
            secret: Some(("client-1".into(), "unused".into())),
            ca_file: Some(self.folder.path().join("cert.pem")),
            ..AzureSettings::default()
        };
        Azure::connect(&settings, wire.clone()).await.unwrap()
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn installed() -> PathBuf {
    let peers = std::env::var_os("ROK_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers"),
        PathBuf::from,
    );
    let program = peers.join("azurite/node_modules/azurite/dist/src/blob/main.js");
    assert!(program.exists(), "run tests/run, which installs Azurite");
    program
}
