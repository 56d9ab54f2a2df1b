//! The Azure CLI in a home of its own, pointed at a served practice cloud.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::env::{Output, finish};
use crate::support::peers::{installed, kubectl};
use crate::support::practice::{Practice, Served};

/// Its first command compiles the whole of it.
const ANSWER_WITHIN: Duration = Duration::from_mins(3);

/// A practice cloud, and somebody who has `az`.
pub(super) struct Az {
    pub(super) practice: Practice,
    served: Served,
    variables: BTreeMap<String, String>,
}

impl Az {
    /// Serves a new world and tells `az` of it, as its documentation has it for clouds of one's own.
    pub(super) fn start() -> Self {
        let practice = Practice::new();
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
    pub(super) fn logged_in() -> Self {
        let az = Self::start();
        let login = az.log_in();
        assert_eq!(login[0]["state"], "Enabled");
        az
    }

    pub(super) fn log_in(&self) -> Value {
        self.call(&[
            "login",
            "--service-principal",
            "--username",
            self.variable("AZURE_CLIENT_ID"),
            "--password",
            self.variable("AZURE_CLIENT_SECRET"),
            "--tenant",
            self.variable("AZURE_TENANT_ID"),
        ])
    }

    pub(super) fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// The answer to a command that has to succeed; `Null` where it prints nothing.
    pub(super) fn call(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "az {arguments:?}: {output:?}");
        if output.stdout.trim().is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&output.stdout).expect("az prints JSON")
    }

    /// What it says of a command that has to fail.
    pub(super) fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "az {arguments:?}: {output:?}");
        output.stderr
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let home = self.practice.env.home();
        let mut command = Command::new(installed("azure-cli", "az"));
        command
            .args(arguments)
            .current_dir(home)
            .env_clear()
            .env(
                "PATH",
                std::env::var_os("PATH").expect("tests run with a PATH"),
            )
            .env("HOME", home)
            .env("LANG", "C.UTF-8")
            .env("AZURE_CONFIG_DIR", home.join("azure"))
            .env("REQUESTS_CA_BUNDLE", self.variable("REQUESTS_CA_BUNDLE"))
            .env("AZURE_CORE_COLLECT_TELEMETRY", "0")
            .env("AZURE_CORE_ONLY_SHOW_ERRORS", "1")
            .env("AZURE_CORE_OUTPUT", "json")
            .env("AZURE_EXTENSION_USE_DYNAMIC_INSTALL", "no");
        finish(&mut command, ANSWER_WITHIN)
    }

    /// A token of a service account of the AKS cluster, for Entra.
    pub(super) fn cluster_token(&self, namespace: &str, account: &str) -> String {
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
    pub(super) fn state(&self) -> Value {
        self.practice.state("azure")
    }

    pub(super) fn stop(self) {
        self.served.stop();
    }
}
