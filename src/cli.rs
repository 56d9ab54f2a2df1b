//! The command line. The doc comments are the help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::engine::recipe::Only;

/// Gives a Kubernetes workload its own object storage, without stored keys.
///
/// Without a command, and in a terminal, starts the wizard: it asks, shows one plan, and changes
/// nothing before you approve it. Try it without any cloud: `rok-deploy --sandbox`.
#[derive(Debug, Parser)]
#[command(
    name = "rok-deploy",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage or answers, 3 changes are pending (plan), \
                  4 something that is not ours is in the way, 5 a verification failed, \
                  6 a right is missing and a hand-off was written, 130 and 143 interrupted \
                  (`rok-deploy resume` goes on)."
)]
pub struct Cli {
    /// Lists the tasks with their symbolic names.
    #[arg(long)]
    pub list_tasks: bool,

    #[command(flatten)]
    pub options: Options,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options that every command takes where they make sense.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Works in the practice cloud: an AWS account, an Azure subscription, a cluster in each and a Git
    /// remote, on this machine.
    #[arg(long, global = true)]
    pub sandbox: bool,

    /// Reads answers from a YAML file of `key: value` lines.
    #[arg(long, global = true, value_name = "FILE")]
    pub answers: Option<PathBuf>,

    /// Answers one question; can be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// The clone of the deployments repository (the answer `gitops_dir`).
    #[arg(long, global = true, value_name = "DIR")]
    pub repo: Option<String>,

    /// The recipe to follow.
    #[arg(long, global = true, value_name = "NAME")]
    pub recipe: Option<String>,

    /// Applies the manifests of a directory, like the command `apply`; `plan --apply DIR` only looks.
    #[arg(long, global = true, value_name = "DIR")]
    pub apply: Option<PathBuf>,

    /// Starts at this task; earlier ones are fast-forwarded: verified, not written.
    #[arg(long, global = true, value_name = "TASK")]
    pub run_from: Option<String>,

    /// How to print.
    #[arg(long, global = true, value_enum, default_value_t = Output::Plain)]
    pub output: Output,

    /// Approves the plan without asking.
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,

    /// Acts in one phase only.
    #[arg(long, global = true, value_enum)]
    pub only: Option<PhaseChoice>,

    /// Leaves out what needs the cluster, and lists it as not checked.
    #[arg(long, global = true)]
    pub no_cluster: bool,

    /// Leaves the test Pod out: the chain is proven from outside only.
    #[arg(long, global = true)]
    pub no_pod: bool,

    /// How much to approve at a time.
    #[arg(long, global = true, value_enum, default_value_t = ApprovalChoice::Plan)]
    pub approve: ApprovalChoice,

    /// Bounds every wait for something to show, e.g. `90s` or `10m`.
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub wait: Option<Duration>,

    /// Asks line by line instead of drawing screens.
    #[arg(long, global = true)]
    pub linear: bool,

    /// Practice cloud: starts a new world.
    #[arg(long, global = true)]
    pub fresh: bool,

    /// Practice cloud: how long changes take to show, e.g. `10s`.
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub lag: Option<Duration>,

    /// Practice cloud: how long every answer takes, e.g. `60ms`.
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub latency: Option<Duration>,

    /// Practice cloud: what goes wrong, by a number; the same number lets the same go wrong.
    ///
    /// Requests are throttled, refused with a server's error, cut off, answered late or by half; credentials expire;
    /// the clouds' clock differs; changes take up to ten minutes to show. Each time it is another part of that.
    #[arg(long, global = true, value_name = "SEED")]
    pub faults: Option<u64>,

    /// Where runs and the practice cloud are kept [default: $XDG_STATE_HOME/rok-deploy].
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// When to use colour; NO_COLOR is honoured.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,

    /// Whether somebody watches the run who decides how long it waits for an administrator.
    #[arg(skip)]
    pub attended: bool,
}

/// Creates the IAM role and policy that let Rok use its S3 buckets.
///
/// From the same answers as `rok-deploy`, without its wizard, a clone or access to the cluster. Shows
/// what it would create, and changes nothing before you approve it.
#[derive(Debug, Parser)]
#[command(
    name = "rok-s3-authorize",
    version,
    max_term_width = 100,
    mut_arg("recipe", |arg| arg.hide(true)),
    mut_arg("apply", |arg| arg.hide(true)),
    mut_arg("run_from", |arg| arg.hide(true)),
    mut_arg("only", |arg| arg.hide(true)),
    mut_arg("no_cluster", |arg| arg.hide(true)),
    mut_arg("no_pod", |arg| arg.hide(true)),
    mut_arg("linear", |arg| arg.hide(true)),
    after_help = "Exit codes: 0 done, 1 failed, 2 usage or answers, 4 something that is not ours is in the way, \
                  5 a verification failed, 6 a right is missing and a hand-off was written, 130 and 143 \
                  interrupted (`rok-deploy resume` goes on)."
)]
pub struct Authorize {
    /// Writes a CloudFormation stack for an administrator instead, and changes nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Where to write the stack; `-` is standard output. Asked in a terminal when left out.
    #[arg(long, short, value_name = "FILE", requires = "dry_run")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub options: Options,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Observes, prints what would change, and changes nothing.
    Plan,
    /// Runs the whole recipe without prompts.
    Run,
    /// Goes on with an unfinished run.
    Resume {
        /// The run's id, or its beginning or end; the newest unfinished one when left out.
        run: Option<String>,
    },
    /// Checks the installed state, with causes and remedies, and draws the chain that it proves.
    ///
    /// Never commits and never creates a bucket. Starts the documented test Pod and removes it.
    Verify {
        /// The task to check; all of them when left out.
        task: Option<String>,
    },
    /// Lists runs, or shows one: steps, outcomes, times.
    Runs {
        /// The run's id, or its beginning or end.
        run: Option<String>,

        #[command(subcommand)]
        action: Option<RunsAction>,
    },
    /// Plays a recorded run; without a terminal as lines. Needs no network.
    ///
    /// Of a record that somebody edited, the part before the damage is played, the damage is told,
    /// and the exit code is 1.
    Replay {
        /// The run's id, its folder, its journal, or an archive of `runs export`.
        run: String,

        /// Tells the requests too, between the lines of the events; the player always has them.
        #[arg(long)]
        wire: bool,

        /// Does it again against the recorded answers, offline, and stops at the first difference.
        #[arg(long)]
        rerun: bool,
    },
    /// Writes what an administrator needs to make the identity that you may not make: a
    /// CloudFormation stack or an ARM template, a script, and a page that explains both. Changes
    /// nothing.
    ///
    /// Only what is missing is asked for.
    Handoff {
        /// Where to write [default: ./rok-handoff-CLUSTER].
        #[arg(long, short, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Applies the manifests of a directory: kustomize build, server-side apply, wait until ready.
    Apply {
        /// A directory with a kustomization: a base or an overlay.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Removes what this tool made, and nothing else; shows it first.
    ///
    /// What carries our tags and this cluster's name is removed, unless others use it. Buckets, storage accounts,
    /// their data and the namespaces always stay. `--set teardown_git=yes` reverts our commits too.
    Teardown,
    /// Makes new credentials of S3Proxy in the deployments repository: one commit, tagged and pushed.
    ///
    /// Shows first which files change, and no value. Applies nothing: it says what to apply next.
    Rotate,
    /// Renders a Jinja template like the j2 tool, from the environment and env files.
    Render {
        /// The template.
        template: PathBuf,
        /// Where to write; standard output when left out.
        #[arg(long, short, value_name = "OUT")]
        out: Option<PathBuf>,
        /// A file of NAME=value lines, which win over the environment; can be repeated.
        #[arg(long, value_name = "FILE")]
        env_file: Vec<PathBuf>,
    },
    /// Serves the practice cloud until interrupted, for other clients: aws, kubectl, git.
    Sandbox {
        /// Where to write `export NAME=value` lines once it is ready.
        #[arg(long, value_name = "FILE")]
        env_file: Option<PathBuf>,
    },
    /// Prints the completion script of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Prints the manual page.
    Man,
}

/// What to do with a run.
#[derive(Debug, Subcommand)]
pub enum RunsAction {
    /// Writes one archive of a run for support: self-contained, without secrets.
    ///
    /// `rok-deploy replay` opens it anywhere. A run may be unfinished, or still at work.
    Export {
        /// The run's id, or its beginning or end.
        run: String,

        /// Where to write; `-` is standard output [default: RUN.tar.gz].
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Lines for people and logs.
    Plain,
    /// One JSON object a line.
    Json,
}

/// A phase, for `--only`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PhaseChoice {
    /// Files and commits.
    Generate,
    /// Cloud and cluster.
    Apply,
    /// Proofs.
    Verify,
}

impl From<PhaseChoice> for Only {
    fn from(choice: PhaseChoice) -> Self {
        match choice {
            PhaseChoice::Generate => Self::Generate,
            PhaseChoice::Apply => Self::Apply,
            PhaseChoice::Verify => Self::Verify,
        }
    }
}

/// How much to approve at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ApprovalChoice {
    /// The whole plan.
    Plan,
    /// Task by task.
    Task,
    /// Step by step.
    Step,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// In a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("expected a duration such as `90s`, `10m` or `1h30m`, found `{text}`"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_what_clap_can_parse() {
        Cli::command().debug_assert();
    }

    #[test]
    #[should_panic(expected = "Short option names must be unique")]
    fn clap_asserts_of_commands_what_it_knows() {
        // What it asserts is switched on for it alone, in Cargo.toml.
        let twice = ["first", "second"].map(|name| clap::Arg::new(name).short('x'));
        clap::Command::new("twice").args(twice).debug_assert();
    }
}
