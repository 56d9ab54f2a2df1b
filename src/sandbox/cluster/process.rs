//! What runs inside a container, as far as the cluster needs to know: it is given a command line,
//! an environment and files, and ends with what it wrote and an exit code.
//!
//! The cluster has no images. Whoever starts the node says which programs they hold.

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;

/// A command in a container, with all it can see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The container's variables.
    pub environment: BTreeMap<String, String>,
    /// The mounted files, by absolute path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What it reads from its standard input.
    pub input: Vec<u8>,
    /// Whether the node's instance metadata, and with it the node's role, can be reached.
    pub instance_metadata: bool,
    /// The namespace of its Pod.
    pub namespace: String,
    /// Its Pod.
    pub pod: String,
    /// Its container, as the node's runtime names it: after a restart it is another one.
    pub container: String,
}

/// How a process ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
    /// What it wrote to `/dev/termination-log`.
    pub termination_message: Vec<u8>,
    /// Zero is success.
    pub code: i32,
}

/// The programs that containers hold, the same in every image.
#[async_trait]
pub trait Programs: Debug + Send + Sync {
    /// Runs a process to its end. `None` when there is no such program.
    async fn run(&self, process: &Process) -> Option<Output>;
}
