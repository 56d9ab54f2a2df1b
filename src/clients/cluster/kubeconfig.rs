//! The operator's kubeconfig: which contexts there are, and how to reach the cluster of one.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use kube::Config;
use kube::config::{self, AuthInfo, Kubeconfig, KubeconfigError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};

use super::error::ClusterError;
use super::plugin::Plugin;
use super::proxy::ProxyEnvironment;

/// The contexts of a kubeconfig.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contexts {
    /// The current one.
    pub current: Option<String>,
    /// All of them, in the order of the files.
    pub contexts: Vec<ContextInfo>,
}

/// A context: a cluster and a user of it. What the files leave out is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextInfo {
    /// Its name.
    pub name: String,
    /// The name of its cluster.
    pub cluster: String,
    /// The URL of the cluster's API server.
    pub server: String,
    /// The name of its user.
    pub user: String,
    /// The program that gives the user's credentials, when one does: `aws`, `kubelogin`.
    pub program: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
}

/// Returns the contexts of `kubeconfig`, else of the files in `KUBECONFIG`, else of
/// `~/.kube/config`. A file that does not exist counts as empty.
pub fn contexts(kubeconfig: Option<&Path>) -> Result<Contexts, ClusterError> {
    let kubeconfig = read(kubeconfig)?;
    let contexts = kubeconfig.contexts.iter().filter_map(|named| {
        let context = named.context.as_ref()?;
        Some(ContextInfo {
            name: named.name.clone(),
            cluster: context.cluster.clone(),
            server: cluster_of(&kubeconfig, &context.cluster)
                .and_then(|cluster| cluster.server.as_deref().map(shown))
                .unwrap_or_default(),
            user: context.user.clone().unwrap_or_default(),
            program: user_of(&kubeconfig, context.user.as_deref())
                .exec
                .and_then(|exec| exec.command),
            namespace: context.namespace.clone(),
        })
    });
    Ok(Contexts {
        contexts: contexts.collect(),
        current: kubeconfig.current_context.filter(|name| !name.is_empty()),
    })
}

/// How to reach one cluster.
pub(super) struct Access {
    pub(super) config: Config,
    pub(super) server: String,
    /// PEM in base64.
    pub(super) certificate_authority: Option<String>,
    /// Where the user's credentials come from, if the kubeconfig does not hold them.
    pub(super) plugin: Option<Plugin>,
}

/// What a recording keeps of a way to a cluster.
#[derive(Serialize, Deserialize)]
struct Written {
    server: String,
    certificate_authority: Option<String>,
    namespace: String,
    expires: Option<jiff::Timestamp>,
}

impl Access {
    /// Resolves `context`, else the current context, else, inside a Pod without a kubeconfig, the
    /// Pod's own service account.
    pub(super) fn resolve(
        kubeconfig: Option<&Path>,
        context: Option<&str>,
        proxies: &ProxyEnvironment,
    ) -> Result<Self, ClusterError> {
        let merged = read(kubeconfig)?;
        if kubeconfig.is_none()
            && context.is_none()
            && merged.contexts.is_empty()
            && let Ok(config) = Config::incluster()
        {
            return Ok(Self::in_cluster(config));
        }
        let name = context
            .or(merged.current_context.as_deref())
            .filter(|name| !name.is_empty())
            .ok_or_else(|| {
                ClusterError::kubeconfig("no context is given and no current context is set")
            })?;
        Self::of_context(&merged, name, proxies)
    }

    fn of_context(
        kubeconfig: &Kubeconfig,
        name: &str,
        proxies: &ProxyEnvironment,
    ) -> Result<Self, ClusterError> {
        let context = kubeconfig
            .contexts
            .iter()
            .find(|named| named.name == name)
            .and_then(|named| named.context.as_ref())
            .ok_or_else(|| {
                let known: Vec<&str> = kubeconfig
                    .contexts
                    .iter()
                    .map(|named| named.name.as_str())
                    .collect();
                ClusterError::kubeconfig(&format!(
                    "no context `{name}`; there are: {}",
                    known.join(", ")
                ))
            })?;
        let lacking =
            |what: &str| ClusterError::kubeconfig(&format!("context `{name}` has no {what}"));
        let cluster =
            cluster_of(kubeconfig, &context.cluster).ok_or_else(|| lacking("cluster entry"))?;
        let address = cluster.server.as_deref().ok_or_else(|| lacking("server"))?;
        let server = shown(address);
        let uri: Uri = address
            .parse()
            .map_err(|_| lacking(&format!("usable server URL: `{server}`")))?;

        let authority = certificate_authority(cluster)?;
        let mut user = user_of(kubeconfig, context.user.as_deref());
        let plugin = user
            .exec
            .take()
            .map(|exec| Plugin::new(exec, cluster))
            .transpose()?;
        let proxy = proxies.proxy_for(&uri, cluster.proxy_url.as_deref());

        let mut config = Config::new(uri.clone());
        config.proxy_url = proxy
            .map(str::parse)
            .transpose()
            .map_err(|_| lacking("usable proxy URL"))?;
        config.root_cert = authority.as_deref().map(certificates).transpose()?;
        config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
        config.tls_server_name.clone_from(&cluster.tls_server_name);
        config.auth_info = user;
        if let Some(namespace) = &context.namespace {
            config.default_namespace.clone_from(namespace);
        }
        Ok(Self {
            config: with_our_ways(config),
            server,
            certificate_authority: authority.map(|pem| BASE64_STANDARD.encode(pem)),
            plugin,
        })
    }

    /// Writes down how to reach the cluster, for whoever keeps the gate: without credentials.
    pub(super) fn written(&self, expires: Option<jiff::Timestamp>) -> String {
        let written = Written {
            server: self.server.clone(),
            certificate_authority: self.certificate_authority.clone(),
            namespace: self.config.default_namespace.clone(),
            expires,
        };
        serde_json::to_string(&written).expect("texts are JSON")
    }

    /// Returns what was written down: a way to a cluster that nobody goes.
    pub(super) fn told(written: &[u8]) -> Result<(Self, Option<jiff::Timestamp>), ClusterError> {
        let unusable = |what: &str| ClusterError::kubeconfig(&format!("the record has no {what}"));
        let written: Written =
            serde_json::from_slice(written).map_err(|_| unusable("way to the cluster"))?;
        let uri = written.server.parse().map_err(|_| unusable("server"))?;
        let mut config = Config::new(uri);
        config.default_namespace = written.namespace;
        let access = Self {
            config: with_our_ways(config),
            server: written.server,
            certificate_authority: written.certificate_authority,
            plugin: None,
        };
        Ok((access, written.expires))
    }

    fn in_cluster(config: Config) -> Self {
        let authority = config
            .root_cert_file
            .as_ref()
            .and_then(|path| std::fs::read(path).ok());
        Self {
            server: config.cluster_url.to_string(),
            certificate_authority: authority.map(|pem| BASE64_STANDARD.encode(pem)),
            plugin: None,
            config: with_our_ways(config),
        }
    }
}

/// Retrying is the transport's business, so that each attempt is logged.
fn with_our_ways(mut config: Config) -> Config {
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(10));
    config
}

/// Merges the files by kubectl's rules: the first to name a thing wins.
fn read(kubeconfig: Option<&Path>) -> Result<Kubeconfig, ClusterError> {
    let mut merged = Kubeconfig::default();
    for path in locations(kubeconfig).iter().filter(|path| path.exists()) {
        expect_whole_letters(path)?;
        merged = Kubeconfig::read_from(path)
            .and_then(|next| merged.merge(next))
            .map_err(|error| unreadable(path, &error))?;
    }
    Ok(merged)
}

/// `Kubeconfig::read_from` panics at UTF-16 that ends within a letter.
fn expect_whole_letters(path: &Path) -> Result<(), ClusterError> {
    // What cannot be read is told by who reads it next.
    let bytes = fs::read(path).unwrap_or_default();
    let is_utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    if is_utf16 && bytes.len() % 2 == 1 {
        return Err(ClusterError::kubeconfig(&format!(
            "cannot use `{}`: it is cut off: UTF-16 of {} bytes, expected an even number",
            path.display(),
            bytes.len()
        )));
    }
    Ok(())
}

fn locations(kubeconfig: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = kubeconfig {
        return vec![path.to_owned()];
    }
    match env::var_os("KUBECONFIG") {
        Some(list) if !list.is_empty() => env::split_paths(&list)
            .filter(|path| !path.as_os_str().is_empty())
            .collect(),
        _ => env::home_dir()
            .map(|home| home.join(".kube").join("config"))
            .into_iter()
            .collect(),
    }
}

/// A parser's own message may quote the file, and with it a token.
fn unreadable(path: &Path, error: &KubeconfigError) -> ClusterError {
    let reason = match error {
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => error.to_string(),
        _ => "it is not a kubeconfig in YAML".into(),
    };
    ClusterError::kubeconfig(&format!("cannot use `{}`: {reason}", path.display()))
}

fn cluster_of<'a>(kubeconfig: &'a Kubeconfig, name: &str) -> Option<&'a config::Cluster> {
    kubeconfig
        .clusters
        .iter()
        .find(|named| named.name == name)
        .and_then(|named| named.cluster.as_ref())
}

/// A context whose user is missing is an anonymous one, as in kubectl.
fn user_of(kubeconfig: &Kubeconfig, name: Option<&str>) -> AuthInfo {
    kubeconfig
        .auth_infos
        .iter()
        .find(|named| Some(named.name.as_str()) == name)
        .and_then(|named| named.auth_info.clone())
        .unwrap_or_default()
}

fn certificate_authority(cluster: &config::Cluster) -> Result<Option<Vec<u8>>, ClusterError> {
    if let Some(data) = cluster
        .certificate_authority_data
        .as_deref()
        .filter(|data| !data.is_empty())
    {
        return BASE64_STANDARD
            .decode(data.trim())
            .map(Some)
            .map_err(|_| ClusterError::kubeconfig("`certificate-authority-data` is not base64"));
    }
    let Some(path) = cluster
        .certificate_authority
        .as_deref()
        .filter(|path| !path.is_empty())
    else {
        return Ok(None);
    };
    fs::read(path)
        .map(Some)
        .map_err(|error| ClusterError::kubeconfig(&format!("cannot read `{path}`: {error}")))
}

/// A server's address without user and password, which may be anywhere in one that is mistyped.
fn shown(address: &str) -> String {
    let Some((before, host)) = address.rsplit_once('@') else {
        return address.into();
    };
    match before.split_once("://") {
        Some((scheme @ ("http" | "https"), _)) => format!("{scheme}://{host}"),
        _ => host.into(),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, ClusterError> {
    let found: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(pem)
        .flatten()
        .map(|certificate| certificate.to_vec())
        .collect();
    if found.is_empty() {
        return Err(ClusterError::kubeconfig(
            "the cluster's certificate authority holds no certificate, expected PEM",
        ));
    }
    Ok(found)
}

/// What is nobody's secret: names, and where the servers are.
#[cfg(any(test, fuzzing))]
fn in_the_open(kubeconfig: &Kubeconfig) -> Vec<String> {
    let mut words: Vec<String> = kubeconfig.current_context.iter().cloned().collect();
    for named in &kubeconfig.contexts {
        words.push(named.name.clone());
        if let Some(context) = &named.context {
            words.push(context.cluster.clone());
            let more = [&context.user, &context.namespace];
            words.extend(more.into_iter().flatten().cloned());
        }
    }
    let servers = kubeconfig.clusters.iter().filter_map(|named| {
        let server = named.cluster.as_ref()?.server.as_deref()?;
        server.rsplit('@').next().map(str::to_owned)
    });
    words.extend(servers);
    let users = kubeconfig.auth_infos.iter().filter_map(|named| {
        let plugin = named.auth_info.as_ref()?.exec.as_ref()?;
        plugin.command.clone()
    });
    words.extend(users);
    words
}

/// No kubeconfig makes us panic or hang, and no refusal quotes a credential of it.
#[cfg(any(test, fuzzing))]
pub fn feed(text: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("config");
    fs::write(&path, text).expect("it is writable");
    let proxies = ProxyEnvironment::default();
    let said = match contexts(Some(&path)) {
        Ok(found) => {
            // Each of them reads the file anew.
            let few = found.contexts.iter().take(4);
            let names = few.map(|context| context.name.as_str());
            let refused =
                names.filter_map(|name| Access::resolve(Some(&path), Some(name), &proxies).err());
            refused.map(|error| error.to_string()).collect()
        }
        Err(error) => error.to_string(),
    };
    let is_open = |word: &String| word.contains("canary-secret");
    if read(Some(&path)).is_ok_and(|read| in_the_open(&read).iter().any(is_open)) {
        return;
    }
    assert!(!said.contains("canary-secret"), "{said}");
}

#[cfg(test)]
mod tests {
    crate::corpus::fed!("kubeconfig", super::feed);
}
