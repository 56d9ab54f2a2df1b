//! Change sets: what would change, before it does.

use aws_sdk_cloudformation::types;

use super::super::connect::Aws;
use super::super::error::{AwsError, found};
use super::super::iam::Tags;
use super::{for_sdk, from_sdk};

/// A change set to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChangeSet {
    /// The stack's name.
    pub stack: String,
    /// Its own name, unique among the stack's change sets.
    pub name: String,
    /// The template.
    pub template: String,
    /// Whether the stack is still to be made.
    pub creates: bool,
    /// Whether what was changed behind the stack's back is to become as the template says.
    pub reverts_drift: bool,
    /// The tags that the stack will have.
    pub tags: Tags,
}

/// A change set as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    /// Its name.
    pub name: String,
    /// `CREATE_PENDING`, `CREATE_COMPLETE`, `FAILED` and so on.
    pub status: String,
    /// Why it has that status.
    pub reason: Option<String>,
    /// Whether it can be executed: `AVAILABLE`, `EXECUTE_COMPLETE` and so on.
    pub execution: String,
    /// The tags that the stack will have.
    pub tags: Tags,
    /// What it changes.
    pub changes: Vec<StackChange>,
}

/// A change of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackChange {
    /// `Add`, `Modify`, `Remove` and so on.
    pub action: String,
    /// The resource's name in the template.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// Whether it is made anew under another id: `True`, `False` or `Conditional`.
    pub replacement: Option<String>,
}

impl ChangeSet {
    /// Whether it failed for having nothing to change. The service has no code for that.
    pub fn is_empty(&self) -> bool {
        const SAID: [&str; 3] = [
            "didn't contain changes",
            "No updates are to be performed",
            "no changes to deploy",
        ];
        let reason = self.reason.as_deref().unwrap_or_default();
        self.status == "FAILED" && SAID.iter().any(|said| reason.contains(said))
    }
}

impl Aws {
    /// Begins to compute what a template changes. IAM objects with names of their own may be among
    /// it.
    pub async fn create_change_set(&self, set: NewChangeSet) -> Result<(), AwsError> {
        let kind = if set.creates {
            types::ChangeSetType::Create
        } else {
            types::ChangeSetType::Update
        };
        self.inner
            .cloudformation
            .create_change_set()
            .stack_name(set.stack)
            .change_set_name(set.name)
            .change_set_type(kind)
            .template_body(set.template)
            .capabilities(types::Capability::CapabilityNamedIam)
            .set_deployment_mode(
                set.reverts_drift
                    .then_some(types::DeploymentMode::RevertDrift),
            )
            .set_tags(for_sdk(&set.tags))
            .send()
            .await
            .map_err(self.failed("cloudformation:CreateChangeSet"))?;
        Ok(())
    }

    /// Returns a change set of a stack.
    pub async fn change_set(&self, stack: &str, name: &str) -> Result<Option<ChangeSet>, AwsError> {
        let mut whole: Option<ChangeSet> = None;
        let mut next = None;
        loop {
            let answer = self
                .inner
                .cloudformation
                .describe_change_set()
                .stack_name(stack)
                .change_set_name(name)
                .set_next_token(next.clone())
                .send()
                .await
                .map_err(self.failed("cloudformation:DescribeChangeSet"));
            let Some(page) = found(answer)? else {
                return Ok(None);
            };
            next.clone_from(&page.next_token);
            let set = whole.get_or_insert_with(|| ChangeSet {
                name: name.to_owned(),
                status: page
                    .status
                    .as_ref()
                    .map(|status| status.as_str().to_owned())
                    .unwrap_or_default(),
                reason: page.status_reason.clone(),
                execution: page
                    .execution_status
                    .as_ref()
                    .map(|status| status.as_str().to_owned())
                    .unwrap_or_default(),
                tags: from_sdk(page.tags()),
                changes: Vec::new(),
            });
            let changes = page.changes().iter();
            set.changes
                .extend(changes.filter_map(|change| change.resource_change().map(change_of)));
            if next.is_none() {
                return Ok(whole);
            }
        }
    }

    /// Returns the names of a stack's change sets.
    pub async fn change_sets(&self, stack: &str) -> Result<Vec<String>, AwsError> {
        let answer = self
            .inner
            .cloudformation
            .list_change_sets()
            .stack_name(stack)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(self.failed("cloudformation:ListChangeSets"));
        let sets: Vec<types::ChangeSetSummary> = found(answer)?.unwrap_or_default();
        Ok(sets
            .into_iter()
            .filter_map(|set| set.change_set_name)
            .collect())
    }

    /// Begins to make what a change set says.
    pub async fn execute_change_set(&self, stack: &str, name: &str) -> Result<(), AwsError> {
        self.inner
            .cloudformation
            .execute_change_set()
            .stack_name(stack)
            .change_set_name(name)
            .send()
            .await
            .map_err(self.failed("cloudformation:ExecuteChangeSet"))?;
        Ok(())
    }

    /// Deletes a change set. Deleting one that is not there is no error.
    pub async fn delete_change_set(&self, stack: &str, name: &str) -> Result<(), AwsError> {
        let answer = self
            .inner
            .cloudformation
            .delete_change_set()
            .stack_name(stack)
            .change_set_name(name)
            .send()
            .await
            .map_err(self.failed("cloudformation:DeleteChangeSet"));
        found(answer).map(|_| ())
    }
}

fn change_of(change: &types::ResourceChange) -> StackChange {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    StackChange {
        action: text(change.action().map(types::ChangeAction::as_str)),
        logical_id: text(change.logical_resource_id()),
        kind: text(change.resource_type()),
        replacement: change
            .replacement()
            .map(|replacement| replacement.as_str().to_owned()),
    }
}
