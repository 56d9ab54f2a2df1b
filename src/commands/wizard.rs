//! `rok-deploy`: the wizard.

use crate::cli::Options;
use crate::failure::Failure;

pub(super) fn wizard(_options: &Options) -> Result<u8, Failure> {
    Err(Failure::usage("the wizard needs a terminal")
        .hint("`rok-deploy run` does the same without prompts, `rok-deploy plan` only looks"))
}
