//! `rok-deploy verify`: every check of the installed state, and what it proves.

use super::frontend::Asking;
use super::launch::launch_of;
use super::run::to_the_end;
use super::session::Session;
use crate::cli::Options;
use crate::engine::Approval;
use crate::engine::recipe::Only;
use crate::failure::Failure;
use crate::journal::Launch;

pub(super) async fn verify(options: &Options, task: Option<&str>) -> Result<u8, Failure> {
    if options.only.is_some() || options.run_from.is_some() {
        return Err(Failure::usage(
            "`verify` checks everything; `--only` and `--run-from` have no say in it",
        )
        .hint("`rok-deploy verify TASK` checks one task"));
    }
    let launch = Launch {
        only: Only::Verify,
        within: task.map(str::to_owned),
        ..launch_of(options)
    };
    let session = Session::open(options, launch).await?;
    let settled = session.answers().await?;
    // Who asks for proofs has approved what they write.
    let (folder, handle) = session.start(&settled, Approval::Given).await?;
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
