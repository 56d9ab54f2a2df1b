//! `rok-deploy resume`: goes on with an unfinished run.
//!
//! The world is looked at again and trusted; the journal says what was meant and approved.

use std::io::IsTerminal as _;

use super::frontend::{Asking, follow};
use super::run::finish;
use super::session::{Session, approval_of, state_directory};
use crate::cli::Options;
use crate::engine::RunState;
use crate::engine::run::Earlier;
use crate::failure::Failure;
use crate::journal::{RunFolder, Runs, Writer};

pub(super) async fn resume(options: &Options, run: Option<&str>) -> Result<u8, Failure> {
    let runs = Runs::new(&state_directory(options)?);
    let folder = match run {
        Some(id) => one(&runs, id)?,
        None => newest(&runs, options.sandbox)?,
    };
    let (writer, journal) = Writer::resume(&folder.journal())?;
    let state = RunState::of(&journal.events);
    if !state.is_unfinished() {
        return Err(Failure::usage(format!("run {} is finished", folder.run))
            .hint("`rok-deploy run` looks at everything anew, and changes nothing that is as intended"));
    }
    let session = Session::open(
        &as_launched(options, &folder, &journal.header.recipe),
        journal.header.launch.clone(),
    )
    .await?;
    let answers = session.answers().await?;
    let earlier = earlier(&state);
    let handle = session
        .resume(&answers, approval_of(options), &folder, earlier, writer)
        .await?;
    let asking = Asking::of_process();
    let end = match follow(handle, options, asking).await {
        Ok((outcome, state)) => finish(outcome, &state, asking, &folder, &answers),
        Err(failure) => Err(failure),
    };
    session.close().await;
    end
}

/// Returns what the journal leaves to a resumed run.
pub(super) fn earlier(state: &RunState) -> Earlier {
    Earlier {
        seq: state.seq,
        acted: state.acted.clone(),
        approved: state.approved_changes.clone(),
    }
}

/// Returns the options with the run's own answers below those of the command line.
pub(super) fn as_launched(options: &Options, folder: &RunFolder, recipe: &str) -> Options {
    let answers = folder.answers();
    Options {
        recipe: Some(recipe.to_owned()),
        answers: options
            .answers
            .clone()
            .or_else(|| answers.is_file().then_some(answers)),
        // A new world would not know the run.
        fresh: false,
        ..options.clone()
    }
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

fn newest(runs: &Runs, practice_only: bool) -> Result<RunFolder, Failure> {
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
