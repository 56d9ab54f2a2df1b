//! `rok-deploy verify`: every check of the installed state, and what it proves.

use super::launch::launch_of;
use super::run::launched;
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
    // Who asks for proofs has approved what they write.
    launched(options, launch, Approval::Given).await
}
