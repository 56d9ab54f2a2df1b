//! The `rok-s3-authorize` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    rok_deploy::commands::authorize()
}
