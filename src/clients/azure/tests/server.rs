//! A server that answers by script, over TLS on loopback, as Entra, Resource Manager and Blob.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::clients::azure::{Azure, AzureSettings};
use crate::clients::wire::WireLog;

/// The secret of the practice client, and the signature of every token.
pub(super) const SECRET: &str = "canary-client-secret";
pub(super) const SIGNATURE: &str = "canary-signature";

/// What a server was sent.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) head: String,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(super) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }
}

/// What a script says to a request.
pub(super) enum Said {
    /// A status, a document, and more headers.
    Json(u16, Value, Vec<(&'static str, String)>),
    /// A status and a text.
    Text(u16, String),
    /// Half an answer.
    HalfOf(Value),
    /// Nothing: the connection is closed.
    Closed,
}

pub(super) fn ok(document: Value) -> Said {
    Said::Json(200, document, Vec::new())
}

pub(super) fn refusal(status: u16, code: &str, message: &str) -> Said {
    let document = json!({"error": {"code": code, "message": message}});
    Said::Json(status, document, Vec::new())
}

/// The server. Tokens it gives itself: each of them is another one.
pub(super) struct Server {
    pub(super) url: String,
    folder: TempDir,
    requests: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Starts one; the script hears the number of the request, tokens not counted, from 1.
    pub(super) async fn start<F>(script: F) -> Self
    where
        F: Fn(usize, &Seen) -> Said + Send + Sync + 'static,
    {
        let made = rcgen::generate_simple_self_signed([
            "localhost".to_owned(),
            "rok.blob.localhost".to_owned(),
        ])
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let kept = Arc::clone(&requests);
        let script = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, kept, script) =
                    (acceptor.clone(), Arc::clone(&kept), Arc::clone(&script));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let Some(seen) = read(&mut stream).await else {
                        return;
                    };
                    let said = answer(&kept, seen, &*script);
                    let text = match said {
                        Said::Closed => return,
                        Said::Json(status, document, headers) => {
                            written(status, &document.to_string(), &headers)
                        }
                        Said::Text(status, text) => written(status, &text, &[]),
                        Said::HalfOf(document) => {
                            let whole = written(200, &document.to_string(), &[]);
                            whole[..whole.len() - 5].to_owned()
                        }
                    };
                    let _ = stream.write_all(text.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self {
            url: format!("https://localhost:{port}"),
            folder,
            requests,
        }
    }

    pub(super) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Returns the endpoint of the storage account `rok`.
    pub(super) fn blob_endpoint(&self) -> String {
        self.url.replace("localhost", "rok.blob.localhost")
    }

    pub(super) fn settings(&self) -> AzureSettings {
        AzureSettings {
            tenant: Some("tenant-1".into()),
            arm_endpoint: Some(self.url.clone()),
            secret: Some(("client-1".into(), SECRET.into())),
            ca_file: Some(self.ca_file()),
            ..AzureSettings::default()
        }
    }

    pub(super) async fn azure(&self, wire: &WireLog) -> Azure {
        Azure::connect(&self.settings(), wire.clone())
            .await
            .unwrap()
    }

    /// Returns what it was sent but for the endpoints and tokens.
    pub(super) fn seen(&self) -> Vec<Seen> {
        let requests = self.requests.lock().unwrap();
        let seen = requests.iter().filter(|seen| !is_of_login(seen));
        seen.cloned().collect()
    }

    /// Returns how often it was asked for a token.
    pub(super) fn tokens(&self) -> usize {
        let requests = self.requests.lock().unwrap();
        let tokens = requests
            .iter()
            .filter(|seen| seen.path.ends_with("/token") && seen.body.contains("client_secret"));
        tokens.count()
    }
}

fn is_of_login(seen: &Seen) -> bool {
    seen.path == "/metadata/endpoints" || seen.body.contains("client_secret")
}

fn answer(kept: &Mutex<Vec<Seen>>, seen: Seen, script: &dyn Fn(usize, &Seen) -> Said) -> Said {
    let (number, others) = {
        let mut kept = kept.lock().unwrap();
        kept.push(seen.clone());
        let others = kept.iter().filter(|seen| !is_of_login(seen)).count();
        (kept.len(), others)
    };
    if seen.path == "/metadata/endpoints" {
        let host = seen.header("host").unwrap();
        return ok(json!({
            "name": "Scripted",
            "resourceManager": format!("https://{host}/"),
            "authentication": {
                "loginEndpoint": format!("https://{host}/"),
                "audiences": ["https://management.core.windows.net/"],
            },
            "suffixes": {"storage": "localhost"},
        }));
    }
    if is_of_login(&seen) {
        return ok(
            json!({"token_type": "Bearer", "expires_in": 3600, "access_token": token(number)}),
        );
    }
    script(others, &seen)
}

/// Makes a token; its number tells it from others.
pub(super) fn token(number: usize) -> String {
    let claims = json!({
        "tid": "tenant-1", "oid": "object-1", "appid": "client-1", "idtyp": "app",
        "number": number, "exp": 4_102_444_800_i64,
    });
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("eyJhbGciOiJFUzI1NiJ9.{claims}.{SIGNATURE}")
}

async fn read(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            break end;
        }
        let read = stream.read_buf(&mut bytes).await.ok()?;
        if read == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let (line, headers) = text.split_once("\r\n").unwrap();
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut seen = Seen {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        head: headers.replace("\r\n", "\n"),
        body: String::new(),
    };
    let length: usize = seen
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = String::from_utf8(bytes[head + 4..].to_vec()).unwrap();
    Some(seen)
}

fn written(status: u16, body: &str, headers: &[(&'static str, String)]) -> String {
    let more: String = headers
        .iter()
        .flat_map(|(name, value)| [name, ": ", value, "\r\n"])
        .collect();
    format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\
         x-ms-correlation-request-id: correlation-1\r\nx-ms-request-id: request-1\r\n{more}\r\n\
         {body}",
        body.len()
    )
}
