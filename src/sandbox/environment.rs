//! How clients learn where the practice cloud is: environment variables, a kubeconfig, and files
//! that only their owner may read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

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

/// A kubeconfig with one context, which is the current one.
pub(super) fn kubeconfig(name: &str, server: &ClusterServer) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": name, "cluster": {
            "server": server.endpoint(),
            "certificate-authority-data": STANDARD.encode(server.ca_pem()),
        } }],
        "users": [{ "name": name, "user": { "token": server.kubeconfig_user_token() } }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
        "current-context": name,
    })
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
