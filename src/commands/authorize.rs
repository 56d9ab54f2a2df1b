//! `rok-s3-authorize`: the IAM resources without the wizard, or a CloudFormation stack of them.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;

use super::handoff::{cannot_write, looking};
use super::launch::{approval_of, launch_of};
use super::process::Process;
use super::session::Session;
use super::{ends, on_runtime, run};
use crate::cli::{Authorize, Options};
use crate::failure::{Failure, exit};
use crate::recipes::authorize::{self as recipe, SPEC};
use crate::steps::aws::handoff::{Handoff, NoStack, STACK};
use crate::steps::handoff::Part;
use crate::ui::harmless::Harmless;

/// Runs the program and returns its exit code.
pub fn authorize() -> ExitCode {
    let asked = Authorize::parse();
    let options = Options {
        recipe: Some(SPEC.name.into()),
        ..asked.options
    };
    ends(if asked.dry_run {
        destination(asked.out).and_then(|out| on_runtime(dry_run(&options, &out)))
    } else {
        on_runtime(create(&options))
    })
}

/// Creates what is missing.
async fn create(options: &Options) -> Result<u8, Failure> {
    let ended = run::launched(options, launch_of(options), approval_of(options)).await;
    ended.map_err(|failure| match failure.code {
        exit::PERMISSION => failure.hint(
            "or `rok-s3-authorize --dry-run` with the same answers writes the CloudFormation stack alone",
        ),
        _ => failure,
    })
}

/// Where the stack goes.
enum Destination {
    Stdout,
    File(PathBuf),
}

/// Returns where the stack goes; asks, when that was not said.
fn destination(out: Option<PathBuf>) -> Result<Destination, Failure> {
    let path = match out {
        Some(path) => path,
        None if io::stdin().is_terminal() && io::stderr().is_terminal() => {
            write!(
                io::stderr(),
                "Write the CloudFormation stack to [{STACK}]: "
            )?;
            let mut line = String::new();
            io::stdin().read_line(&mut line)?;
            match line.trim() {
                "" => STACK.into(),
                path => path.into(),
            }
        }
        None => {
            return Err(Failure::usage("nobody can be asked where the stack goes")
                .hint("`-o FILE` names a file, `-o -` is standard output"));
        }
    };
    Ok(if path.as_os_str() == "-" {
        Destination::Stdout
    } else {
        Destination::File(path)
    })
}

/// Writes the stack of what is missing, and changes nothing.
async fn dry_run(options: &Options, out: &Destination) -> Result<u8, Failure> {
    let session = Session::open(options, launch_of(options), Process::this()).await?;
    let settled = session.answers().await?;
    let context = looking("handoff", false);
    let looked = recipe::handoff(&settled.answers, &session.tools(), &context).await;
    session.close().await;
    let handoff = looked?;
    if let Err(taken @ NoStack::Taken(_)) = &handoff.stack {
        let mut failure = Failure::failed(taken.to_string());
        failure.code = exit::CONFLICT;
        return Err(failure.hint("choose another name: `--set aws_cf_s3_resources=NAME`"));
    }
    let stack = handoff.stack.as_ref().unwrap_or(&handoff.whole_stack);
    let mut talk = Harmless::new(io::stderr(), false);
    for remark in remarks(&handoff) {
        writeln!(talk, "note: {remark}")?;
    }
    match out {
        Destination::Stdout => {
            io::stdout().write_all(stack.as_bytes())?;
            let file = Path::new(STACK);
            writeln!(
                talk,
                "Save it as {STACK}; an administrator deploys it unchanged:"
            )?;
            writeln!(talk, "{}", handoff.deploy_command(file))?;
        }
        Destination::File(path) => {
            write_new(path, stack, options.yes)?;
            let mut result = Harmless::new(io::stdout(), false);
            let path = path.as_path();
            writeln!(
                result,
                "Wrote {}; nothing else was changed. An administrator deploys it unchanged:",
                path.display()
            )?;
            writeln!(result, "{}", handoff.deploy_command(path))?;
        }
    }
    Ok(exit::DONE)
}

/// Returns what there is to know about the stack.
fn remarks(handoff: &Handoff) -> Vec<String> {
    let standing = &handoff.standing;
    let mut remarks = Vec::new();
    if standing.is_complete() {
        remarks.push(
            "everything is there as intended; the stack is for the record, and cannot be deployed beside it"
                .to_owned(),
        );
    } else if let Err(reason) = &handoff.stack {
        remarks.push(format!(
            "{reason}; `rok-deploy handoff` writes a script that needs no stack"
        ));
    }
    if [standing.role, standing.policy].contains(&Part::Unknown) {
        remarks
            .push("the caller may not look at IAM: role and policy are taken for missing".into());
    }
    if standing.provider == Part::Unknown {
        remarks.push(format!(
            "the caller may not look at IAM: the OIDC provider `{}` is taken for there",
            handoff.grant.provider_arn()
        ));
    }
    remarks
}

/// Writes a file; one that is there and holds something else is kept.
fn write_new(path: &Path, text: &str, overwrites: bool) -> Result<(), Failure> {
    match fs::read(path) {
        Ok(found) if found == text.as_bytes() => return Ok(()),
        Ok(_) if !overwrites && path.is_file() => {
            return Err(Failure::usage(format!(
                "{} is there and holds something else",
                path.display()
            ))
            .hint("`-o FILE` names another file, `--yes` overwrites"));
        }
        _ => {}
    }
    fs::write(path, text).map_err(|error| cannot_write(path, &error))
}
