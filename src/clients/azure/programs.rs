//! Starts `az` and `azd` for the SDK, which wants a shell for them: their command lines are taken
//! apart, and no shell is started.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use async_trait::async_trait;
use azure_identity::Executor;
use tokio::process::Command;

/// One program of the operator's.
#[derive(Debug)]
pub(super) struct Programs {
    name: String,
    path: PathBuf,
}

impl Programs {
    pub(super) fn new(name: &str, path: PathBuf) -> Self {
        Self {
            name: name.into(),
            path,
        }
    }

    /// Returns the arguments in `cd /bin && az account get-access-token …`. The SDK lets nothing into
    /// it that a shell would read otherwise.
    fn arguments<'a>(&self, script: &'a str) -> Option<Vec<&'a str>> {
        let (_, command) = script.split_once(" && ")?;
        let mut words = command.split_whitespace();
        (words.next()? == self.name).then(|| words.collect())
    }
}

#[async_trait]
impl Executor for Programs {
    async fn run(&self, _shell: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        let script = arguments.last().and_then(|script| script.to_str());
        let arguments = script
            .and_then(|script| self.arguments(script))
            .ok_or_else(|| io::Error::other("not a command that was expected"))?;
        Command::new(&self.path)
            .args(arguments)
            // As the SDK has it: where nobody leaves files for it to find.
            .current_dir("/")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
    }
}

/// Finds a program on a `PATH`.
pub(super) fn find(name: &str, path: &str) -> Option<PathBuf> {
    env::split_paths(path)
        // A relative folder is wherever one happens to be.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_taken_apart() {
        let programs = Programs::new("az", "/usr/bin/az".into());
        let script = "cd /bin && az account get-access-token -o json --scope https://x/.default";
        assert_eq!(
            programs.arguments(script).unwrap(),
            [
                "account",
                "get-access-token",
                "-o",
                "json",
                "--scope",
                "https://x/.default"
            ]
        );
        assert_eq!(programs.arguments("cd /bin && rm -rf x"), None);
        assert_eq!(programs.arguments("az account"), None);
    }
}
