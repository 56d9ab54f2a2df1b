//! `rok-deploy run`: the whole recipe without prompts.

use super::frontend::{Asking, follow};
use super::handoff;
use super::launch::{approval_of, launch_of};
use super::process::Process;
use super::session::{Session, Settled};
use crate::cli::Options;
use crate::engine::run::Handle;
use crate::engine::{Answers, Approval, Outcome, RunState};
use crate::failure::{Failure, exit_code};
use crate::journal::{Launch, RunFolder};
use crate::recipes::apply::DIRECTORY;
use crate::recipes::teardown;

pub(super) async fn run(options: &Options) -> Result<u8, Failure> {
    launched(options, launch_of(options), approval_of(options)).await
}

/// Does a run that is launched so, without prompts.
pub(super) async fn launched(
    options: &Options,
    launch: Launch,
    approval: Approval,
) -> Result<u8, Failure> {
    let session = Session::open(options, launch, Process::this()).await?;
    let settled = session.answers().await?;
    let (folder, handle) = session.start(&settled, approval).await?;
    to_the_end(
        session,
        handle,
        options,
        Asking::of_process(),
        &folder,
        &settled,
    )
    .await
}

/// Follows a run to its end, without screens, and returns the exit code.
pub(super) async fn to_the_end(
    session: Session,
    handle: Handle,
    options: &Options,
    asking: Asking,
    folder: &RunFolder,
    settled: &Settled,
) -> Result<u8, Failure> {
    let end = match follow(handle, options, asking).await {
        Ok((outcome, state)) => finish(outcome, &state, asking, folder, &settled.answers),
        Err(failure) => Err(failure),
    };
    session.close().await;
    end
}

/// Says what there is to say after a run, and returns its exit code.
pub(super) fn finish(
    outcome: Outcome,
    state: &RunState,
    asking: Asking,
    folder: &RunFolder,
    answers: &Answers,
) -> Result<u8, Failure> {
    match outcome {
        Outcome::Declined if asking == Asking::Nobody => {
            let applies = answers.get(DIRECTORY);
            let plan = match applies {
                Some(directory) => format!(" --apply {directory}"),
                None if state.recipe == teardown::NAME => format!(" --recipe {}", teardown::NAME),
                None => String::new(),
            };
            Err(
                Failure::usage("the plan needs an approval, and there is nobody to ask").hint(
                    format!(
                        "look at it with `rok-deploy plan{plan}`, then approve it with `--yes`"
                    ),
                ),
            )
        }
        // Who may not delete needs no files that create.
        Outcome::Permission if state.recipe == teardown::NAME => Err(Failure {
            code: exit_code(outcome),
            ..Failure::failed("a right is missing")
                .hint("give the rights named above to the caller, then `rok-deploy resume`")
        }),
        Outcome::Permission => {
            let hints = handoff::write(folder, state, answers)?;
            Err(Failure {
                code: exit_code(outcome),
                hints,
                ..Failure::failed("a right is missing")
            })
        }
        Outcome::Interrupted | Outcome::Terminated => Err(Failure {
            code: exit_code(outcome),
            ..Failure::answers(Vec::new())
        }
        .hint(format!("`rok-deploy resume {}` goes on", folder.run))),
        _ => Ok(exit_code(outcome)),
    }
}
