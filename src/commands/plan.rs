//! `rok-deploy plan`: observes, prints what would change, changes nothing.

use std::io::{self, Write as _};

use super::launch::launch_of;
use super::process::Process;
use super::session::Session;
use crate::cli::{Options, Output};
use crate::engine::{Command, EventKind, Outcome, RunState, Signal};
use crate::failure::{Failure, exit_code};
use crate::ui::harmless::escaped;
use crate::ui::json::plan_document;
use crate::ui::summary::plan_lines;

pub(super) async fn plan(options: &Options) -> Result<u8, Failure> {
    let session = Session::open(options, launch_of(options), Process::this()).await?;
    let settled = session.answers().await?;
    let mut handle = session.plan(&settled).await?;
    let mut state = RunState::default();
    loop {
        tokio::select! {
            event = handle.events.recv() => match event {
                Some(event) => {
                    if let EventKind::RunFinished { .. } = &event.event {
                        handle.events.close();
                    }
                    state.update(&event);
                }
                None => break,
            },
            _ = tokio::signal::ctrl_c() => {
                handle.commands.send(Command::Cancel(Signal::Interrupt)).ok();
            }
        }
    }
    let color = super::uses_color(options, &io::stdout());
    match options.output {
        Output::Plain => write!(io::stdout(), "{}", plan_lines(&state, color))?,
        Output::Json => {
            let document = serde_json::to_string_pretty(&plan_document(&state));
            let document = escaped(document.map_err(io::Error::from)?);
            writeln!(io::stdout(), "{document}")?;
        }
    }
    session.close().await;
    let Some((outcome, summary, _)) = &state.finished else {
        return Err(Failure::failed(
            "the plan broke off without an end; this is a bug",
        ));
    };
    if let Some(error) = state.failure().and_then(|step| step.error.clone()) {
        let mut failure = Failure::failed(summary.trim_end_matches('.'));
        failure.code = exit_code(*outcome);
        failure.hints = error.hints;
        return Err(failure);
    }
    match outcome {
        Outcome::Permission => {
            let mut failure = Failure::failed(summary.trim_end_matches('.'))
                .hint("`rok-deploy handoff` writes what an administrator needs to make it for you")
                .hint("`rok-deploy run` tries, and writes the same where it is refused");
            failure.code = exit_code(*outcome);
            Err(failure)
        }
        _ => Ok(exit_code(*outcome)),
    }
}
