//! What an administrator needs who has the rights that the operator lacks.

use crate::engine::{Answers, RunState};
use crate::failure::Failure;
use crate::journal::RunFolder;

/// The file that is handed over: the stack with role and policy, rendered.
const STACK: &str = "s3-iam-resources.yaml";

/// Writes the hand-off into the run's folder and returns what to do with it.
pub(super) fn write(
    folder: &RunFolder,
    state: &RunState,
    answers: &Answers,
) -> Result<String, Failure> {
    let stack = state
        .find("aws.stack-template")
        .into_iter()
        .flat_map(|step| &step.changes)
        .find(|change| change.target == "file")
        .and_then(|change| change.after.clone())
        .or_else(|| read_from_clone(answers));
    let Some(stack) = stack else {
        return Ok("give the rights named above to the caller, then `rok-deploy resume`".into());
    };
    let path = folder.path.join(STACK);
    folder.write(&path, &stack)?;
    Ok(format!(
        "an administrator can deploy {}: `aws cloudformation deploy --stack-name {} --template-file {STACK} \
         --capabilities CAPABILITY_NAMED_IAM`; then `rok-deploy resume`",
        path.display(),
        answers.text("aws_cf_s3_resources"),
    ))
}

fn read_from_clone(answers: &Answers) -> Option<String> {
    let environment = std::env::vars().collect();
    let clone = crate::settings::expand(answers.get("gitops_dir")?, &environment);
    std::fs::read_to_string(clone.join("rok/eks").join(STACK)).ok()
}
