//! The whole practice cloud in one directory, served by one process at a time.
//!
//! Whoever gets the lock of the directory serves. Everyone else connects to that process by the
//! environment it has written down. The lock goes with its process, so a world whose server died
//! is simply free; what that process wrote down is never believed without a server that answers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::aws::AwsServer;
use super::azure::AzureServer;
use super::cluster::{self, ClusterServer};
use super::conduct::Conduct;
use super::environment::{kubeconfig, write_private};
use super::faults::Faults;
use super::store::Store;
use super::{git, random};

mod aws;
mod azure;

const CLUSTER: &str = "arrikto-cluster";

const LOCK: &str = "lock";
const ENVIRONMENT: &str = "environment.json";
const CREDENTIALS: &str = "credentials.json";
const AWS: &str = "aws.json";
const AZURE: &str = "azure.json";
const KUBERNETES: &str = "cluster.json";
const AKS: &str = "aks.json";
/// How often the world was opened with faults.
const OPENINGS: &str = "openings.json";
const KUBECONFIG: &str = "kubeconfig";
/// The certificates that clients of Azure trust.
const BUNDLE: &str = "certificates.pem";
const REMOTE: &str = "gitops.git";

/// How long to wait for a process that took the lock to get ready.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// How to open the practice cloud.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the world is kept; made when it is not there.
    pub directory: PathBuf,
    /// The files of the Git remote's first commit: paths and contents.
    pub skeleton: Vec<(String, Vec<u8>)>,
    /// Forgets the old world first.
    pub fresh: bool,
    /// How the world behaves. The serving process decides this.
    pub conduct: Conduct,
    /// What goes wrong in it. The serving process decides this, too.
    pub faults: Option<u64>,
}

/// Why the practice cloud cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A new world was asked for, and someone is using the old one.
    #[error("the practice cloud in {} is served by another process and cannot be started afresh", .directory.display())]
    InUse {
        /// The world's directory.
        directory: PathBuf,
    },
    /// Someone holds the lock and does not answer.
    #[error("the practice cloud in {} is locked by another process that did not get ready within {} s", .directory.display(), PATIENCE.as_secs())]
    NotReady {
        /// The world's directory.
        directory: PathBuf,
    },
    /// A file or directory of the world cannot be used.
    #[error("{}", .path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A server does not start.
    #[error("start the practice {server}")]
    Server {
        /// `AWS`, `Azure` or `Kubernetes`.
        server: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The Git remote cannot be made.
    #[error("make the practice Git remote")]
    Git(#[source] git2::Error),
}

/// The practice cloud, served by this process or by another one. Dropping it stops what it serves.
pub struct Sandbox {
    environment: BTreeMap<String, String>,
    serving: Option<Serving>,
}

/// What the serving process holds. The lock comes last: it is dropped when nothing serves any more.
struct Serving {
    aws: AwsServer,
    azure: AzureServer,
    cluster: ClusterServer,
    aks: ClusterServer,
    faults: Option<Arc<Faults>>,
    directory: PathBuf,
    _lock: File,
}

/// The operator's access key in the practice account, and secret in the practice tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Credentials {
    access_key: String,
    secret_key: String,
    /// Empty in a world that was made before there was an Azure.
    #[serde(default)]
    client_secret: String,
}

impl Sandbox {
    /// Serves the world of a directory, or connects to the process that does.
    pub async fn open(options: Options) -> Result<Self, SandboxError> {
        let directory = private_directory(&options.directory)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(lock) = take_lock(&directory)? {
                return serve(directory, options, lock).await;
            }
            if options.fresh {
                return Err(SandboxError::InUse { directory });
            }
            if let Some(environment) = announced(&directory).await {
                return Ok(Self {
                    environment,
                    serving: None,
                });
            }
            if Instant::now() > deadline {
                return Err(SandboxError::NotReady { directory });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Returns the variables that point clients here.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Returns whether this process serves the world.
    pub fn is_serving(&self) -> bool {
        self.serving.is_some()
    }

    /// Returns the AWS server, in the process that serves it.
    pub fn aws(&self) -> Option<&AwsServer> {
        self.serving.as_ref().map(|serving| &serving.aws)
    }

    /// Returns the Azure server, in the process that serves it.
    pub fn azure(&self) -> Option<&AzureServer> {
        self.serving.as_ref().map(|serving| &serving.azure)
    }

    /// Returns the Kubernetes server of AKS, in the process that serves it.
    pub fn aks(&self) -> Option<&ClusterServer> {
        self.serving.as_ref().map(|serving| &serving.aks)
    }

    /// Returns the Kubernetes server of EKS, in the process that serves it.
    pub fn cluster(&self) -> Option<&ClusterServer> {
        self.serving.as_ref().map(|serving| &serving.cluster)
    }

    /// Returns what goes wrong here, in the process that serves it, when anything does.
    pub fn faults(&self) -> Option<&Faults> {
        self.serving.as_ref()?.faults.as_deref()
    }

    /// Stops serving; requests under way are finished. Does nothing when another process serves.
    pub async fn stop(self) {
        if let Some(serving) = self.serving {
            // Left behind, it would do no harm and say something untrue.
            fs::remove_file(serving.directory.join(ENVIRONMENT)).ok();
            tokio::join!(
                serving.aws.stop(),
                serving.azure.stop(),
                serving.cluster.stop(),
                serving.aks.stop(),
            );
        }
    }
}

async fn serve(directory: PathBuf, options: Options, lock: File) -> Result<Sandbox, SandboxError> {
    remove(&directory.join(ENVIRONMENT))?;
    if options.fresh {
        let clouds = [CREDENTIALS, AWS, AZURE, KUBERNETES, AKS];
        for part in clouds
            .into_iter()
            .chain([KUBECONFIG, BUNDLE, REMOTE, OPENINGS])
        {
            remove(&directory.join(part))?;
        }
    }
    let remote = directory.join(REMOTE);
    let skeleton = options.skeleton;
    let remote = tokio::task::spawn_blocking(move || git::ensure_remote(&remote, &skeleton));

    let credentials = credentials(&directory.join(CREDENTIALS))?;
    let mut conduct = options.conduct;
    if let Some(seed) = options.faults {
        let opening = count_opening(&directory.join(OPENINGS))?;
        let faults = Faults::of(seed, opening);
        conduct.clock = conduct.clock.ahead_by(faults.skew);
        conduct.lag = conduct.lag.max(faults.lag);
        conduct.faults = Some(Arc::new(faults));
    }
    let faults = conduct.faults.clone();
    // Most of it is drawing keys and writing files, which two can do at the same time.
    let amazon = tokio::spawn(aws::open(
        directory.clone(),
        credentials.clone(),
        conduct.clone(),
    ));
    let microsoft = azure::open(&directory, &credentials, conduct);
    let (amazon, microsoft) = tokio::join!(amazon, microsoft);
    let (aws, cluster) = amazon.expect("opening AWS does not panic")?;
    let (azure, aks) = microsoft?;

    let kubeconfig_file = directory.join(KUBECONFIG);
    let clusters = [(CLUSTER, &cluster), (azure::CONTEXT, &aks)];
    let document =
        serde_yaml::to_string(&kubeconfig(&clusters)).expect("a JSON document is a YAML document");
    write_private(&kubeconfig_file, document.as_bytes()).map_err(at(&kubeconfig_file))?;
    let bundle = directory.join(BUNDLE);
    let remote = remote
        .await
        .expect("making the remote does not panic")
        .map_err(SandboxError::Git)?;

    let environment: BTreeMap<String, String> = [
        ("AWS_ACCESS_KEY_ID", credentials.access_key),
        ("AWS_DEFAULT_REGION", aws::REGION.to_owned()),
        ("AWS_ENDPOINT_URL", aws.endpoint()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_key),
        ("AZURE_AUTHORITY_HOST", azure.endpoint()),
        ("AZURE_CLIENT_ID", azure::CLIENT.to_owned()),
        ("AZURE_CLIENT_SECRET", credentials.client_secret),
        ("AZURE_TENANT_ID", azure::TENANT.to_owned()),
        ("AZ_SUBSCRIPTION", azure::SUBSCRIPTION.to_owned()),
        ("GITOPS_URL", remote),
        ("KUBECONFIG", kubeconfig_file.display().to_string()),
        ("REQUESTS_CA_BUNDLE", bundle.display().to_string()),
        ("ROK_AZURE_ARM_ENDPOINT", azure.endpoint()),
        ("SSL_CERT_FILE", bundle.display().to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let announcement = directory.join(ENVIRONMENT);
    let document = serde_json::to_vec(&environment).expect("texts are JSON");
    write_private(&announcement, &document).map_err(at(&announcement))?;
    Ok(Sandbox {
        environment,
        serving: Some(Serving {
            aws,
            azure,
            cluster,
            aks,
            faults,
            directory,
            _lock: lock,
        }),
    })
}

async fn start_cluster(
    state_file: &Path,
    seed: cluster::ClusterSeed,
    conduct: &Conduct,
) -> Result<ClusterServer, SandboxError> {
    ClusterServer::start(state_file, seed, conduct)
        .await
        .map_err(failed("Kubernetes"))
}

fn failed(server: &'static str) -> impl FnOnce(io::Error) -> SandboxError {
    move |source| SandboxError::Server { server, source }
}

fn count_opening(path: &Path) -> Result<u32, SandboxError> {
    let store = Store::open(path, || 0_u32).map_err(at(path))?;
    let Ok(count) = store
        .write(|count| {
            *count += 1;
            Ok::<_, Infallible>(*count)
        })
        .map_err(at(path))?;
    Ok(count)
}

fn credentials(path: &Path) -> Result<Credentials, SandboxError> {
    let client_secret = || format!("prq8Q~{}", random::text(34, random::ALPHANUMERIC));
    let store = Store::open(path, || Credentials {
        access_key: format!("AKIA{}", random::text(16, random::CAPITALS)),
        secret_key: random::text(40, random::ALPHANUMERIC),
        client_secret: client_secret(),
    });
    let store = store.map_err(at(path))?;
    if store.read(|known| known.client_secret.is_empty()) {
        let Ok(()) = store
            .write(|known| {
                known.client_secret = client_secret();
                Ok::<_, Infallible>(())
            })
            .map_err(at(path))?;
    }
    Ok(store.read(Clone::clone))
}

/// What the serving process wrote down, if it is ready: its AWS server must answer the door.
async fn announced(directory: &Path) -> Option<BTreeMap<String, String>> {
    let document = fs::read(directory.join(ENVIRONMENT)).ok()?;
    let environment: BTreeMap<String, String> = serde_json::from_slice(&document).ok()?;
    let address = environment
        .get("AWS_ENDPOINT_URL")?
        .strip_prefix("http://")?;
    TcpStream::connect(address).await.ok()?;
    Some(environment)
}

fn take_lock(directory: &Path) -> Result<Option<File>, SandboxError> {
    let path = directory.join(LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(at(&path)(error)),
    }
}

/// Makes sure the directory is there and its owner's alone. Its path becomes absolute, as clients
/// in other directories are told of it, and must be text, as environments are.
fn private_directory(path: &Path) -> Result<PathBuf, SandboxError> {
    let absolute = std::path::absolute(path).map_err(at(path))?;
    if absolute.to_str().is_none() {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "the path is not valid UTF-8");
        return Err(at(&absolute)(error));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&absolute)
        .map_err(at(&absolute))?;
    fs::set_permissions(&absolute, Permissions::from_mode(0o700)).map_err(at(&absolute))?;
    Ok(absolute)
}

fn remove(path: &Path) -> Result<(), SandboxError> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SandboxError {
    let path = path.to_owned();
    |source| SandboxError::File { path, source }
}

#[cfg(test)]
mod tests;
