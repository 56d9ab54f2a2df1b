//! `rok-deploy sandbox`: serves the practice cloud for other clients.

use std::io::{self, Write as _};
use std::path::Path;

use super::launch::state_directory;
use super::session::world_options;
use super::signals::{self, Signals};
use crate::cli::Options;
use crate::clients::envfile;
use crate::clients::wire::WireLog;
use crate::failure::Failure;
use crate::sandbox::{Sandbox, write_env_file};

pub(super) async fn sandbox(options: &Options, env_file: Option<&Path>) -> Result<u8, Failure> {
    let mut signals = Signals::listen()?;
    let state = state_directory(options)?;
    let sandbox = Sandbox::open(world_options(options, &state, &WireLog::new()))
        .await
        .map_err(|error| Failure::caused("the practice cloud cannot start", &error))?;
    if !sandbox.is_serving() {
        return Err(
            Failure::failed("another process serves this practice cloud already")
                .hint("use that one, or another `--state-dir`"),
        );
    }
    let mut talk = io::stderr();
    if let Some(path) = env_file {
        write_env_file(path, sandbox.environment())
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
        writeln!(
            talk,
            "PRACTICE cloud is ready; `source {}` in another shell",
            path.display()
        )?;
    } else {
        writeln!(
            talk,
            "PRACTICE cloud is ready; `--env-file FILE` writes these lines:"
        )?;
        let mut out = io::stdout();
        for (name, value) in sandbox.environment() {
            writeln!(out, "export {name}={}", envfile::quote(value))?;
        }
        out.flush()?;
    }
    let signal = signals.next().await;
    sandbox.stop().await;
    writeln!(
        talk,
        "PRACTICE cloud stopped; its world is kept in {}",
        state.display()
    )?;
    Ok(signals::code(signal))
}
