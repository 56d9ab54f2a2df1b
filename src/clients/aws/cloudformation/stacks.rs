//! Stacks as they are: status, resources, events, template.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types;

use super::super::connect::Aws;
use super::super::error::{AwsError, found};
use super::super::iam::Tags;
use super::{from_sdk, moment};

/// A stack that lives, or is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its ARN, which no later stack of its name will have.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `CREATE_COMPLETE`, `ROLLBACK_IN_PROGRESS` and so on.
    pub status: String,
    /// Why it has that status, where the service says so.
    pub reason: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Its outputs, by key.
    pub outputs: BTreeMap<String, String>,
}

/// One thing that happened to a stack or to a resource of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackEvent {
    /// Its id.
    pub id: String,
    /// When it happened.
    pub at: Option<jiff::Timestamp>,
    /// The resource's name in the template; the stack's own name for the stack.
    pub logical_id: String,
    /// The resource's type, such as `AWS::IAM::Role`.
    pub kind: String,
    /// The status that the resource took.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackResource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name or ARN outside of the stack; nothing before it was made.
    pub physical_id: Option<String>,
    /// Its type, such as `AWS::IAM::Role`.
    pub kind: String,
    /// Its status.
    pub status: String,
}

impl Aws {
    /// Returns the stack of this name.
    pub async fn stack(&self, name: &str) -> Result<Option<Stack>, AwsError> {
        const OPERATION: &str = "cloudformation:DescribeStacks";
        let answer = self
            .inner
            .cloudformation
            .describe_stacks()
            .stack_name(name)
            .send()
            .await
            .map_err(self.failed(OPERATION));
        let stacks = found(answer)?.and_then(|answer| answer.stacks);
        let Some(stack) = stacks.and_then(|stacks| stacks.into_iter().next()) else {
            return Ok(None);
        };
        let outputs = stack.outputs().iter().filter_map(|output| {
            Some((
                output.output_key()?.to_owned(),
                output.output_value()?.to_owned(),
            ))
        });
        Ok(Some(Stack {
            outputs: outputs.collect(),
            tags: from_sdk(stack.tags()),
            id: stack
                .stack_id
                .ok_or_else(|| AwsError::incomplete(OPERATION, "stack id"))?,
            name: name.to_owned(),
            status: stack
                .stack_status
                .map(|status| status.as_str().to_owned())
                .ok_or_else(|| AwsError::incomplete(OPERATION, "stack status"))?,
            reason: stack.stack_status_reason,
        }))
    }

    /// Returns what has happened to a stack, the newest first, up to `most` events.
    pub async fn stack_events(&self, name: &str, most: usize) -> Result<Vec<StackEvent>, AwsError> {
        let mut pages = self
            .inner
            .cloudformation
            .describe_stack_events()
            .stack_name(name)
            .into_paginator()
            .send();
        let mut events = Vec::new();
        while events.len() < most
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(self.failed("cloudformation:DescribeStackEvents"))?;
            events.extend(page.stack_events().iter().map(event));
        }
        events.truncate(most);
        Ok(events)
    }

    /// Returns the resources of a stack, or `None` when there is no such stack.
    pub async fn stack_resources(
        &self,
        name: &str,
    ) -> Result<Option<Vec<StackResource>>, AwsError> {
        let answer = self
            .inner
            .cloudformation
            .list_stack_resources()
            .stack_name(name)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(self.failed("cloudformation:ListStackResources"));
        let resource = |resource: types::StackResourceSummary| StackResource {
            status: resource
                .resource_status
                .map(|status| status.as_str().to_owned())
                .unwrap_or_default(),
            logical_id: resource.logical_resource_id.unwrap_or_default(),
            physical_id: resource
                .physical_resource_id
                .filter(|physical| !physical.is_empty()),
            kind: resource.resource_type.unwrap_or_default(),
        };
        Ok(found(answer)?.map(|resources| resources.into_iter().map(resource).collect()))
    }

    /// Returns the template that a stack was last made or changed with, as it was written.
    pub async fn stack_template(&self, name: &str) -> Result<Option<String>, AwsError> {
        let answer = self
            .inner
            .cloudformation
            .get_template()
            .stack_name(name)
            .template_stage(types::TemplateStage::Original)
            .send()
            .await
            .map_err(self.failed("cloudformation:GetTemplate"));
        Ok(found(answer)?.and_then(|answer| answer.template_body))
    }

    /// Begins to delete a stack. Deleting one that is not there is no error.
    pub async fn delete_stack(&self, name: &str) -> Result<(), AwsError> {
        self.inner
            .cloudformation
            .delete_stack()
            .stack_name(name)
            .send()
            .await
            .map_err(self.failed("cloudformation:DeleteStack"))?;
        Ok(())
    }
}

fn event(event: &types::StackEvent) -> StackEvent {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    StackEvent {
        id: text(event.event_id()),
        at: moment(event.timestamp()),
        logical_id: text(event.logical_resource_id()),
        kind: text(event.resource_type()),
        status: text(event.resource_status().map(types::ResourceStatus::as_str)),
        reason: event.resource_status_reason().map(str::to_owned),
    }
}
