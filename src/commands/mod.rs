//! Commands, one file each; [`session`] wires settings, clients, journal, recipe and frontend.

mod apply;
mod authorize;
mod export;
mod frontend;
mod handoff;
mod launch;
mod plan;
mod process;
mod recorded;
mod recording;
mod render;
mod replay;
mod rerun;
pub mod resume;
mod rotate;
mod run;
mod runs;
mod sandbox;
pub mod session;
mod signals;
mod tasks;
mod teardown;
mod verify;
mod wizard;

pub use authorize::authorize;
pub use launch::launch_of;
pub use process::Process;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::cli::{Cli, Color, Command, Options, RunsAction};
use crate::failure::Failure;
use crate::ui::plain::Plain;

/// Runs the program and returns its exit code.
pub fn main() -> ExitCode {
    // Before anything else is set up: `--help` answers from here.
    let cli = Cli::parse();
    let result = match &cli.command {
        Some(Command::Completions { shell }) => {
            clap_complete::generate(*shell, &mut Cli::command(), "rok-deploy", &mut io::stdout());
            Ok(0)
        }
        Some(Command::Man) => manual(),
        Some(Command::Render {
            template,
            out,
            env_file,
        }) => render::render(template, out.as_deref(), env_file),
        Some(Command::Runs { run, action }) => match action {
            None => runs::runs(&cli.options, run.as_deref()),
            Some(RunsAction::Export { run, out }) => {
                export::export(&cli.options, run, out.as_deref())
            }
        },
        None if cli.list_tasks => tasks::list(&cli.options),
        _ => apply::options(cli.command.as_ref(), &cli.options)
            .and_then(|options| teardown::options(cli.command.as_ref(), options))
            .and_then(|options| rotate::options(cli.command.as_ref(), options))
            .and_then(|options| on_runtime(command(&cli, options))),
    };
    ends(result)
}

/// Says what went wrong, if anything did, and returns the exit code.
fn ends(result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            // A closed stderr leaves nobody to tell.
            write!(io::stderr(), "{failure}").ok();
            ExitCode::from(failure.code)
        }
    }
}

/// Runs a command that needs more than this thread.
fn on_runtime(command: impl Future<Output = Result<u8, Failure>>) -> Result<u8, Failure> {
    // The one TLS provider of all clients; a second call in one process changes nothing.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the async runtime cannot start: {error}")))?;
    let result = runtime.block_on(command);
    // What still blocks (a Git child, a name look-up) must not hold up the exit.
    runtime.shutdown_background();
    result
}

async fn command(cli: &Cli, options: Options) -> Result<u8, Failure> {
    let options = &options;
    match &cli.command {
        None if options.apply.is_some() => run::run(options).await,
        None => wizard::wizard(options).await,
        Some(Command::Plan) => plan::plan(options).await,
        Some(Command::Run | Command::Apply { .. } | Command::Teardown | Command::Rotate) => {
            run::run(options).await
        }
        Some(Command::Verify { task }) => verify::verify(options, task.as_deref()).await,
        Some(Command::Resume { run }) => resume::resume(options, run.as_deref()).await,
        Some(Command::Handoff { out }) => handoff::handoff(options, out.as_deref()).await,
        Some(Command::Replay { run, wire, rerun }) => {
            replay::replay(options, run, *wire, *rerun).await
        }
        Some(Command::Sandbox { env_file }) => sandbox::sandbox(options, env_file.as_deref()).await,
        Some(_) => unreachable!("answered before the runtime was built"),
    }
}

fn manual() -> Result<u8, Failure> {
    clap_mangen::Man::new(Cli::command()).render(&mut io::stdout())?;
    Ok(0)
}

/// Whether what goes to a place may use colour.
fn uses_color(options: &Options, place: &impl io::IsTerminal) -> bool {
    match options.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            place.is_terminal() && !no_color
        }
    }
}

/// Returns the writer of plain lines: talk to stderr, results to stdout.
fn plain(options: &Options) -> Plain<io::Stderr, io::Stdout> {
    let (talk, result) = (io::stderr(), io::stdout());
    let colors = (uses_color(options, &talk), uses_color(options, &result));
    Plain::new(talk, result, colors)
}
