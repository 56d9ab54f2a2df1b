//! The `rok-s3-authorize` program: the IAM resources without the wizard. It is not there yet.

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let text = "rok-s3-authorize will create the IAM role and policy without the wizard, or with\n\
                --dry-run write a CloudFormation stack for an administrator. It does neither yet.\n\
                hint: `rok-deploy --run-from cloudidentity` creates them\n";
    // A closed stderr leaves nobody to tell.
    io::stderr().write_all(text.as_bytes()).ok();
    ExitCode::from(2)
}
