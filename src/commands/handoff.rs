//! What an administrator needs who has the rights that the operator lacks.

use crate::engine::{Answers, RunState, StepStatus, Verb};
use crate::failure::Failure;
use crate::journal::RunFolder;
use crate::steps::aws::policy::AUDIENCE;

/// The file that is handed over: the stack with role and policy, rendered.
const STACK: &str = "s3-iam-resources.yaml";

/// Writes the hand-off into the run's folder and returns what to do with it, one hint each.
pub(super) fn write(
    folder: &RunFolder,
    state: &RunState,
    answers: &Answers,
) -> Result<Vec<String>, Failure> {
    let stack = state
        .find("aws.stack-template")
        .into_iter()
        .flat_map(|step| &step.changes)
        .find(|change| change.target == "file")
        .and_then(|change| change.after.clone())
        .or_else(|| read_from_clone(answers));
    let Some(stack) = stack else {
        return Ok(vec![
            "give the rights named above to the caller, then `rok-deploy resume`".into(),
        ]);
    };
    let path = folder.path.join(STACK);
    folder.write(&path, &stack)?;
    let mut hints = vec![format!(
        "an administrator can deploy {}: `aws cloudformation deploy --stack-name {} --template-file {STACK} \
         --capabilities CAPABILITY_NAMED_IAM`; then `rok-deploy resume`",
        path.display(),
        answers.text("aws_cf_s3_resources"),
    )];
    // The stack trusts the cluster's provider and does not make it.
    let missing = state.find("aws.oidc-provider").filter(|step| {
        let done = matches!(step.status, StepStatus::Done(_));
        !done
            && step
                .changes
                .iter()
                .any(|change| change.verb == Verb::Create)
    });
    let arn = missing
        .and_then(|step| step.changes.first())
        .map(|change| change.name.as_str());
    if let Some((_, issuer)) = arn.and_then(|arn| arn.split_once(":oidc-provider/")) {
        hints.push(format!(
            "the account lacks the cluster's OIDC provider; an administrator adds it with `aws iam \
             create-open-id-connect-provider --url https://{issuer} --client-id-list {AUDIENCE}`"
        ));
    }
    Ok(hints)
}

fn read_from_clone(answers: &Answers) -> Option<String> {
    let environment = std::env::vars().collect();
    let clone = crate::settings::expand(answers.get("gitops_dir")?, &environment);
    std::fs::read_to_string(clone.join("rok/eks").join(STACK)).ok()
}
