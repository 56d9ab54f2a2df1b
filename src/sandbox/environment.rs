//! How clients learn where the practice cloud is and whom to trust: environment variables, a
//! kubeconfig, certificates, in files that only their owner may read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::cluster::ClusterServer;

/// Writes `export NAME='value'` lines for a shell to source. Whoever waits for the file never sees
/// a part of it: it is written beside `path` and renamed.
pub fn write_env_file(path: &Path, environment: &BTreeMap<String, String>) -> io::Result<()> {
    let mut lines = String::new();
    for (name, value) in environment {
        let quoted = value.replace('\'', r"'\''");
        writeln!(lines, "export {name}='{quoted}'").expect("a String takes all that is written");
    }
    write_private(path, lines.as_bytes())
}

/// Writes a file at once or not at all, readable by its owner only.
pub(super) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let mut file = tempfile::NamedTempFile::new_in(parent.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A kubeconfig with a context for each cluster; the first one is the current one.
pub(super) fn kubeconfig(servers: &[(&str, &ClusterServer)]) -> Value {
    let each = |entry: fn(&str, &ClusterServer) -> Value| -> Vec<Value> {
        let entries = servers.iter();
        entries.map(|(name, server)| entry(name, server)).collect()
    };
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": each(|name, server| json!({ "name": name, "cluster": {
            "server": server.endpoint(),
            "certificate-authority-data": STANDARD.encode(server.ca_pem()),
        } })),
        "users": each(|name, server| json!({ "name": name, "user": {
            "token": server.kubeconfig_user_token(),
        } })),
        "contexts": each(|name, _| json!({ "name": name, "context": {
            "cluster": name,
            "user": name,
        } })),
        "current-context": servers.first().map(|(name, _)| name),
    })
}

/// Writes the certificates that clients trust: one of ours before those of the system, so that
/// whoever is pointed at the file still reaches the rest of the world.
pub(super) fn write_bundle(path: &Path, certificate: &str) -> io::Result<()> {
    let mut bundle = certificate.as_bytes().to_vec();
    bundle.extend(system_certificates(path));
    write_private(path, &bundle)
}

/// The certificates that this system trusts, where it keeps them in one file.
fn system_certificates(own: &Path) -> Vec<u8> {
    let usual = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];
    let configured = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let candidates = configured.into_iter().chain(usual.map(PathBuf::from));
    candidates
        // Whoever sourced the variables of this very world names its own bundle.
        .filter(|candidate| candidate != own)
        .find_map(|candidate| fs::read(candidate).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_back_every_value() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("practice.env");
        let value = "it's $HOME `and` \"more\"\\";
        let environment = BTreeMap::from([
            ("PLAIN".to_owned(), "x".to_owned()),
            ("TRICKY".to_owned(), value.to_owned()),
        ]);
        write_env_file(&path, &environment).unwrap();
        let output = Command::new("sh")
            .args(["-c", r#". "$0"; exec printenv PLAIN TRICKY"#])
            .arg(&path)
            .output()
            .unwrap();
        let read = String::from_utf8(output.stdout).unwrap();
        assert_eq!(read, format!("x\n{value}\n"));
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let left = std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 1, "a temporary file was left behind");
    }
}
