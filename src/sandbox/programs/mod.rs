//! What runs in the containers of the practice clusters: the few programs with which people and
//! `rok-deploy` look at a Pod from inside, the CLI of the platform among them.

mod aws_cli;
mod az_cli;
mod curl;
mod filters;
mod network;
mod shell;
mod tools;

use std::fmt;

use async_trait::async_trait;
use futures::future::{BoxFuture, FutureExt as _};

use self::aws_cli::AwsCli;
use self::az_cli::AzCli;
pub use self::network::Network;
use super::aws::Instance;
use super::cluster::{Output, Process, Programs};

/// The programs of every practice image of one platform.
pub struct PracticePrograms {
    aws: Option<AwsCli>,
    az: AzCli,
    network: Network,
}

impl fmt::Debug for PracticePrograms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PracticePrograms")
            .finish_non_exhaustive()
    }
}

impl PracticePrograms {
    /// Programs that find AWS at this endpoint, and the node's role at this instance.
    pub fn new(endpoint: &str, instance: Instance) -> Self {
        Self {
            aws: Some(AwsCli::new(endpoint, instance)),
            ..Self::without_clouds()
        }
    }

    /// Programs that find Azure in this network.
    pub fn on_azure(network: Network) -> Self {
        Self {
            network,
            ..Self::without_clouds()
        }
    }

    /// Programs that reach nobody.
    fn without_clouds() -> Self {
        Self {
            aws: None,
            az: AzCli::default(),
            network: Network::default(),
        }
    }

    /// Runs a program, a shell among them; `None` when there is none of that name.
    fn ran<'a>(&'a self, process: &'a Process) -> BoxFuture<'a, Option<Output>> {
        async move {
            let (program, arguments) = process.command.split_first()?;
            match name(program)? {
                "aws" => Some(self.aws.as_ref()?.run(arguments, process).await),
                "az" => Some(self.az.run(&self.network, arguments, process).await),
                "bash" | "sh" => Some(shell::run(self, arguments, process).await),
                "curl" => Some(curl::run(&self.network, arguments, process).await),
                "sleep" => Some(tools::sleep(arguments).await),
                name => tools::run(name, arguments, process),
            }
        }
        .boxed()
    }
}

#[async_trait]
impl Programs for PracticePrograms {
    async fn run(&self, process: &Process) -> Option<Output> {
        self.ran(process).await
    }
}

/// The name of a program, if it is where a search for it would look.
fn name(program: &str) -> Option<&str> {
    match program.rsplit_once('/') {
        None => Some(program),
        Some(("/bin" | "/usr/bin" | "/usr/local/bin", name)) => Some(name),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
