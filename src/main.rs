//! The `rok-deploy` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    rok_deploy::commands::main()
}
