//! CloudFormation: stacks of IAM objects, made and changed by change sets or at once.

mod change_sets;
mod changes;
mod parameters;
mod plan;
mod resolve;
mod resources;
mod show;
pub mod stack;
mod stacks;
mod template;
mod work;

use jiff::Timestamp;

use super::call::Call;
use super::cloud::Cloud;
use super::refusal::Refusal;
use super::state::AwsState;
use super::xml::Xml;

pub(super) const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";

type Read = fn(&Call<'_>, &AwsState) -> Result<Xml, Refusal>;
type Write = fn(&Call<'_>, &mut AwsState) -> Result<Xml, Refusal>;

#[derive(Clone, Copy)]
enum Operation {
    Read(Read),
    Write(Write),
}

pub(super) fn answer(cloud: &Cloud, operation: &str, call: &Call<'_>) -> Result<Xml, Refusal> {
    parameters::check(operation, call.params)?;
    match find(operation) {
        Some(Operation::Read(read)) => cloud.store.read(|state| read(call, state)),
        Some(Operation::Write(write)) => cloud.write(|state| write(call, state)),
        None => Err(Refusal::new(
            400,
            "InvalidAction",
            format!("Could not find operation {operation} for version 2010-05-15"),
        )),
    }
}

/// Does whatever is due of all stacks. Every request asks for it, so that it is done in time for
/// whoever looks, by whichever service.
pub(super) fn go_on(cloud: &Cloud, now: Timestamp) -> Result<(), Refusal> {
    let due: Vec<String> = cloud.store.read(|state| {
        let due = state.stacks.iter().filter(|(_, stack)| stack.is_due(now));
        due.map(|(key, _)| key.clone()).collect()
    });
    if due.is_empty() {
        return Ok(());
    }
    cloud.write(|state| {
        for key in &due {
            work::advance(state, key, now, cloud.conduct.lag);
        }
        Ok(())
    })
}

pub(super) fn is_write(operation: &str) -> bool {
    matches!(find(operation), Some(Operation::Write(_)))
}

fn find(operation: &str) -> Option<Operation> {
    use Operation::{Read, Write};
    Some(match operation {
        "CreateStack" => Write(stacks::create),
        "UpdateStack" => Write(stacks::update),
        "DeleteStack" => Write(stacks::delete),
        "DescribeStacks" => Read(stacks::describe),
        "DescribeStackEvents" => Read(stacks::events),
        "DescribeStackResource" => Read(stacks::resource),
        "DescribeStackResources" => Read(stacks::resources),
        "ListStackResources" => Read(stacks::list_resources),
        "ListStacks" => Read(stacks::list),
        "GetTemplate" => Read(stacks::template),
        "GetTemplateSummary" => Read(stacks::summary),
        "ValidateTemplate" => Read(stacks::validate),

        "CreateChangeSet" => Write(change_sets::create),
        "DescribeChangeSet" => Read(change_sets::describe),
        "ListChangeSets" => Read(change_sets::list),
        "ExecuteChangeSet" => Write(change_sets::execute),
        "DeleteChangeSet" => Write(change_sets::delete),
        _ => return None,
    })
}
