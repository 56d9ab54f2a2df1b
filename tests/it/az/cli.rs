//! The Azure CLI in a home of its own, pointed at a served practice cloud.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::env::{Output, finish};
use crate::support::peers::{installed, kubectl};
use crate::support::practice::{Practice, Served};

/// Its first command compiles the whole of it.
const ANSWER_WITHIN: Duration = Duration::from_mins(3);

/// A practice cloud, and somebody who has `az`.
pub struct Az {
    pub practice: Practice,
    served: Served,
    variables: BTreeMap<String, String>,
}

impl Az {
    /// Serves a new world.
    pub fn start() -> Self {
        Self::of(Practice::new())
    }

    /// Serves a world and tells `az` of it, as its documentation has it for clouds of one's own.
    pub fn of(practice: Practice) -> Self {
        let served = practice.serve();
        let text = fs::read_to_string(served.env_file()).expect("it is ready");
        let variables = text
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
            .collect();
        let az = Self {
            practice,
            served,
            variables,
        };
        let endpoint = az.variable("ROK_AZURE_ARM_ENDPOINT").to_owned();
        az.call(&[
            "cloud",
            "register",
            "--name",
            "Practice",
            "--endpoint-resource-manager",
            &endpoint,
        ]);
        az.call(&["cloud", "set", "--name", "Practice"]);
        az.call(&["config", "set", "core.instance_discovery=false"]);
        az
    }

    /// Does the same and logs in as the operator.
    pub fn logged_in() -> Self {
        let az = Self::start();
        let login = az.log_in();
        assert_eq!(login[0]["state"], "Enabled");
        az
    }

    pub fn log_in(&self) -> Value {
        self.log_in_as(
            self.variable("AZURE_CLIENT_ID"),
            self.variable("AZURE_CLIENT_SECRET"),
        )
    }

    /// Logs in as that application.
    pub fn log_in_as(&self, client: &str, secret: &str) -> Value {
        self.call(&[
            "login",
            "--service-principal",
            "--username",
            client,
            "--password",
            secret,
            "--tenant",
            self.variable("AZURE_TENANT_ID"),
        ])
    }

    pub fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// The answer to a command that has to succeed; `Null` where it prints nothing.
    pub fn call(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "az {arguments:?}: {output:?}");
        if output.stdout.trim().is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&output.stdout).expect("az prints JSON")
    }

    /// What it says of a command that has to fail.
    pub fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "az {arguments:?}: {output:?}");
        output.stderr
    }

    /// What a line of bash prints that has to succeed, in a folder and with `az` on the path.
    pub fn shell(&self, folder: &Path, line: &str) -> String {
        let mut command = Command::new("bash");
        command.args(["-c", line]).current_dir(folder);
        let output = finish(self.surrounded(&mut command), ANSWER_WITHIN);
        assert!(output.status.success(), "{line}: {output:?}");
        output.stdout
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(installed("azure-cli", "az"));
        command
            .args(arguments)
            .current_dir(self.practice.env.home());
        finish(self.surrounded(&mut command), ANSWER_WITHIN)
    }

    /// Gives a command the surroundings of somebody who has `az`.
    fn surrounded<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let home = self.practice.env.home();
        let az = installed("azure-cli", "az");
        let path = std::env::var_os("PATH").expect("tests run with a PATH");
        let folders = az.parent().map(Path::to_owned).into_iter();
        let path = std::env::join_paths(folders.chain(std::env::split_paths(&path)));
        command
            .env_clear()
            .env("PATH", path.expect("no folder holds a colon"))
            .env("HOME", home)
            .env("LANG", "C.UTF-8")
            .env("AZURE_CONFIG_DIR", home.join("azure"))
            .env("REQUESTS_CA_BUNDLE", self.variable("REQUESTS_CA_BUNDLE"))
            .env("AZURE_CORE_COLLECT_TELEMETRY", "0")
            .env("AZURE_CORE_ONLY_SHOW_ERRORS", "1")
            .env("AZURE_CORE_OUTPUT", "json")
            .env("AZURE_EXTENSION_USE_DYNAMIC_INSTALL", "no")
    }

    /// A token of a service account of the AKS cluster, for Entra.
    pub fn cluster_token(&self, namespace: &str, account: &str) -> String {
        let kubeconfig = self.variable("KUBECONFIG");
        let mut command = kubectl(self.practice.env.home(), kubeconfig.as_ref());
        command.args([
            "--context",
            "arrikto-cluster-aks",
            "create",
            "token",
            account,
        ]);
        command.args([
            "--namespace",
            namespace,
            "--audience",
            "api://AzureADTokenExchange",
        ]);
        let output = finish(&mut command, ANSWER_WITHIN);
        assert!(output.status.success(), "{output:?}");
        output.stdout.trim().to_owned()
    }

    /// The Azure half of the world, as it is on disk.
    pub fn state(&self) -> Value {
        self.practice.state("azure")
    }

    pub fn stop(self) {
        self.served.stop();
    }
}
