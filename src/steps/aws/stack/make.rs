//! The act: a change set, looked for by its name, made where it is missing, and executed.

use ring::digest::{SHA256, digest};

use super::deploy::{Attempt, not_yet};
use super::look::Look;
use crate::clients::aws::{AwsError, NewChangeSet, Stack};
use crate::engine::{Context, StepError};
use crate::steps::aws::refused;
use crate::steps::names::hex;

/// What our change sets begin with.
pub(super) const PREFIX: &str = "rok-deploy-";

impl Look<'_> {
    /// Makes the stack, or changes one that stands.
    pub(super) async fn make(
        &self,
        stack: Option<&Stack>,
        context: &Context,
    ) -> Result<(), StepError> {
        let mut reverts_drift = false;
        let mut last = String::new();
        let mut tags = stack.map(|stack| stack.tags.clone()).unwrap_or_default();
        // Tags of the company's own stay, and so does the run that made it.
        if !self.ownership().is_ours(&tags) {
            tags.extend(self.ownership().tags(&context.run));
        }
        if stack.is_some() {
            let deployed = self.deployed().await?;
            reverts_drift = deployed.is_some_and(|(_, template)| template.means(&self.intended));
            let newest = self.aws().stack_events(self.name(), 1).await;
            let newest = newest.map_err(refused)?.into_iter().next();
            last = newest.map(|event| event.id).unwrap_or_default();
        }
        let name = self.change_set_name(&last);
        let ask = || async {
            let set = self.aws().change_set(self.name(), &name).await;
            set.map_err(refused)
        };
        let set = if let Some(set) = ask().await? {
            Some(set)
        } else {
            let set = NewChangeSet {
                stack: self.name().to_owned(),
                name: name.clone(),
                template: self.text.clone(),
                creates: stack.is_none(),
                reverts_drift,
                tags,
            };
            self.aws().create_change_set(set).await.map_err(refused)?;
            ask().await?
        };
        let Some(set) = set else {
            return Err(not_yet("the change set does not show yet"));
        };
        if set.is_empty() {
            self.discard(&name).await?;
            self.step.remember(Attempt::Unchanged);
            return Ok(());
        }
        match (set.status.as_str(), set.execution.as_str()) {
            ("CREATE_COMPLETE", "AVAILABLE") => {
                self.step.remember(Attempt::Going);
                let executed = self.aws().execute_change_set(self.name(), &name).await;
                executed.map_err(executing)
            }
            ("CREATE_PENDING" | "CREATE_IN_PROGRESS", _) => {
                Err(not_yet("the change set is being computed"))
            }
            (_, "EXECUTE_IN_PROGRESS") => Err(not_yet("the change set is being executed")),
            (status, execution) => {
                self.discard(&name).await?;
                let reason = set.reason.unwrap_or_else(|| execution.to_owned());
                Err(StepError::failed(format!(
                    "change set `{name}` is {status}: {reason}"
                )))
            }
        }
    }

    async fn discard(&self, set: &str) -> Result<(), StepError> {
        let discarded = self.aws().delete_change_set(self.name(), set).await;
        discarded.map_err(refused)
    }

    /// Returns the name of the change set that leads from what was seen last to what is intended.
    pub(super) fn change_set_name(&self, last: &str) -> String {
        let hash = digest(&SHA256, format!("{last}\n{}", self.text).as_bytes());
        format!("{PREFIX}{}", hex(&hash.as_ref()[..8]))
    }
}

/// A change set whose execution was asked for twice, since the first answer was lost, is none that
/// can be executed any more.
fn executing(error: AwsError) -> StepError {
    let twice = error
        .code
        .as_deref()
        .is_some_and(|code| code.starts_with("InvalidChangeSetStatus"));
    let refused = refused(error);
    if twice { refused.retryable() } else { refused }
}
