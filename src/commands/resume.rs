//! `rok-deploy resume`: goes on with an unfinished run.
//!
//! The world is looked at again and trusted; the journal says what was meant and approved.

use std::io::IsTerminal as _;

use super::frontend::{Asking, Frontend};
use super::launch::{approval_of, state_directory};
use super::process::Process;
use super::run::to_the_end;
use super::session::{Session, Settled};
use crate::cli::Options;
use crate::engine::recipe::Only;
use crate::engine::run::{Earlier, Handle};
use crate::engine::{Approval, RunState};
use crate::failure::Failure;
use crate::journal::{Launch, RunFolder, Runs, Writer};

pub(super) async fn resume(options: &Options, run: Option<&str>) -> Result<u8, Failure> {
    let runs = Runs::new(&state_directory(options)?);
    let folder = match run {
        Some(id) => one(&runs, id)?,
        None => newest(&runs, options.sandbox)?,
    };
    let mut frontend = Frontend::new(Asking::of_process())?;
    let beginning = go_on(options, &folder, Process::this());
    let (session, _, handle) = frontend.begun(beginning).await?;
    to_the_end(session, handle, options, frontend, &folder).await
}

/// Goes on with a run in a session of its own, launched as the run was.
///
/// # Errors
///
/// When another process works on it, it is finished, or its journal or answers cannot be used.
pub async fn go_on(
    options: &Options,
    folder: &RunFolder,
    process: Process,
) -> Result<(Session, Settled, Handle), Failure> {
    let (writer, journal) = Writer::resume(&folder.journal())?;
    let state = RunState::of(&journal.events);
    if !state.is_unfinished() {
        return Err(Failure::usage(format!("run {} is finished", folder.run))
            .hint("`rok-deploy run` looks at everything anew, and changes nothing that is as intended"));
    }
    let options = Options {
        recipe: Some(journal.header.recipe),
        // A new world would not know the run.
        fresh: false,
        ..options.clone()
    };
    // Whoever goes on may wait longer than before, and do without the Pod.
    let launch = Launch {
        wait_seconds: options
            .wait
            .map(|wait| wait.as_secs())
            .or(journal.header.launch.wait_seconds),
        attended: options.attended,
        no_pod: options.no_pod || journal.header.launch.no_pod,
        ..journal.header.launch
    };
    let approval = if launch.only == Only::Verify {
        Approval::Given
    } else {
        approval_of(&options)
    };
    let session = Session::open_for(&options, launch, process, Some(folder)).await?;
    let settled = session.answers().await?;
    let handle = session
        .resume(&settled, approval, folder, Earlier::of(state), writer)
        .await?;
    Ok((session, settled, handle))
}

/// Returns the one run of that id.
pub(super) fn one(runs: &Runs, id: &str) -> Result<RunFolder, Failure> {
    let mut found = runs.find(id)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => {
            Err(Failure::usage(format!("there is no run `{id}`"))
                .hint("`rok-deploy runs` lists them"))
        }
        _ => {
            let ids: Vec<_> = found.into_iter().map(|folder| folder.run).collect();
            Err(Failure::usage(format!(
                "`{id}` could be any of {}",
                ids.join(", ")
            )))
        }
    }
}

/// Returns the newest run that can be gone on with.
///
/// # Errors
///
/// When there is none.
pub fn newest(runs: &Runs, practice_only: bool) -> Result<RunFolder, Failure> {
    let unfinished = runs.list()?.find(|summary| {
        let practice = summary.state.as_ref().is_ok_and(|state| state.practice);
        summary.is_unfinished() && (practice || !practice_only)
    });
    unfinished.map(|summary| summary.folder).ok_or_else(|| {
        let failure = Failure::usage("there is no unfinished run");
        if std::io::stdin().is_terminal() {
            failure.hint("`rok-deploy` starts one")
        } else {
            failure.hint("`rok-deploy run` starts one")
        }
    })
}
