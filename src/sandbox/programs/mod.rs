//! What runs in the containers of the practice cluster: the few programs with which people and
//! `rok-deploy` look at a Pod from inside, the AWS CLI among them.

mod aws_cli;
mod tools;

use std::fmt;

use async_trait::async_trait;

use self::aws_cli::AwsCli;
use super::aws::Instance;
use super::cluster::{Output, Process, Programs};

/// The one script that the practice images understand: it runs its arguments and leaves what they
/// write as the container's last words.
const LAST_WORDS: &str = r#"exec "$@" >/dev/termination-log 2>&1"#;

/// The programs of every practice image.
pub struct PracticePrograms {
    aws: AwsCli,
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
            aws: AwsCli::new(endpoint, instance),
        }
    }

    /// Runs anything but a shell.
    async fn plain(&self, process: &Process) -> Option<Output> {
        let (program, arguments) = process.command.split_first()?;
        match name(program)? {
            "aws" => Some(self.aws.run(arguments, process).await),
            "sleep" => Some(tools::sleep(arguments).await),
            name => tools::run(name, arguments, process),
        }
    }
}

#[async_trait]
impl Programs for PracticePrograms {
    async fn run(&self, process: &Process) -> Option<Output> {
        let (program, arguments) = process.command.split_first()?;
        if name(program) != Some("sh") {
            return self.plain(process).await;
        }
        match arguments {
            [flag, script, _, command @ ..] if flag == "-c" && script == LAST_WORDS => {
                let inner = Process {
                    command: command.to_vec(),
                    ..process.clone()
                };
                let mut output = match self.plain(&inner).await {
                    Some(output) => output,
                    None => not_found(command.first().map_or("", String::as_str)),
                };
                output.termination_message.append(&mut output.stdout);
                output.termination_message.append(&mut output.stderr);
                Some(output)
            }
            _ => Some(tools::failed(
                127,
                &format!("sh: the practice images run no script but {LAST_WORDS}\n"),
            )),
        }
    }
}

/// What a shell says when it is to become a program that is not there.
fn not_found(program: &str) -> Output {
    tools::failed(127, &format!("sh: 1: exec: {program}: not found\n"))
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
