//! `rok-deploy run`: the whole recipe without prompts.

use super::frontend::{Asking, Frontend};
use super::launch::{approval_of, launch_of};
use super::process::Process;
use super::session::Session;
use crate::cli::Options;
use crate::engine::run::Handle;
use crate::engine::{Approval, Outcome, RunState};
use crate::failure::{Failure, exit_code};
use crate::journal::{Launch, RunFolder};
use crate::recipes::{apply, authorize, teardown};

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
    let mut frontend = Frontend::new(Asking::of_process())?;
    let (folder, handle) = frontend.begun(session.start(&settled, approval)).await?;
    to_the_end(session, handle, options, frontend, &folder).await
}

/// Follows a run to its end, without screens, and returns the exit code.
pub(super) async fn to_the_end(
    session: Session,
    handle: Handle,
    options: &Options,
    mut frontend: Frontend,
    folder: &RunFolder,
) -> Result<u8, Failure> {
    let end = match frontend.follow(handle, options).await {
        Ok((outcome, state)) => finish(outcome, &state, frontend.asking, folder),
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
) -> Result<u8, Failure> {
    match outcome {
        Outcome::Declined if asking == Asking::Nobody => {
            let failure = Failure::usage("the plan needs an approval, and there is nobody to ask");
            if state.recipe == authorize::SPEC.name {
                return Err(failure.hint("`--yes` approves it, `--dry-run` changes nothing"));
            }
            let applies = state
                .answers
                .iter()
                .find(|answer| answer.key == apply::DIRECTORY);
            let plan = match applies {
                Some(directory) => format!(" --apply {}", directory.value),
                None if teardown::of(&state.recipe)
                    .is_some_and(|spec| spec.name == state.recipe) =>
                {
                    format!(" --recipe {}", state.recipe)
                }
                None => String::new(),
            };
            Err(failure.hint(format!(
                "look at it with `rok-deploy plan{plan}`, then approve it with `--yes`"
            )))
        }
        Outcome::Permission => {
            let mut failure = Failure::failed("a right is missing");
            failure.code = exit_code(outcome);
            match &state.handoff {
                Some(handoff) => failure.hints.clone_from(&handoff.hints),
                None => failure
                    .hints
                    .push("give the rights named above to the caller".into()),
            }
            Err(failure.hint(format!("then `rok-deploy resume {}` goes on", folder.run)))
        }
        Outcome::Interrupted | Outcome::Terminated => Err(Failure {
            code: exit_code(outcome),
            ..Failure::answers(Vec::new())
        }
        .hint(format!("`rok-deploy resume {}` goes on", folder.run))),
        _ => Ok(exit_code(outcome)),
    }
}
