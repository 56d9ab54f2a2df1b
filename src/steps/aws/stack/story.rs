//! What the events of a stack tell: what it is doing, and why it failed.

use crate::clients::aws::StackEvent;
use crate::engine::{ErrorKind, StepError};
use crate::steps::atlas::{Source, Symptom, advice};

/// The type of a stack among its own events.
const STACK: &str = "AWS::CloudFormation::Stack";

/// Returns the newest event in words.
pub(super) fn newest(events: &[StackEvent]) -> Option<String> {
    events.first().map(in_words)
}

/// Returns the first failure of the last attempt that is not a mere consequence: when one resource
/// fails, the others that are being made are cancelled, and what was made is removed. Events come
/// the newest first.
pub(super) fn root_cause(events: &[StackEvent]) -> Option<&StackEvent> {
    const BEGINNINGS: [&str; 3] = [
        "CREATE_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
    ];
    let is_beginning =
        |event: &StackEvent| event.kind == STACK && BEGINNINGS.contains(&event.status.as_str());
    let end = events.iter().position(is_beginning);
    let attempt = &events[..end.unwrap_or(events.len())];
    let is_cause = |event: &&StackEvent| {
        let reason = event.reason.as_deref().unwrap_or_default();
        event.kind != STACK && event.status.ends_with("_FAILED") && !reason.ends_with("cancelled")
    };
    attempt.iter().rev().find(is_cause)
}

/// Returns the error of an attempt that failed.
pub(in crate::steps::aws) fn failure(
    stack: &str,
    status: &str,
    events: &[StackEvent],
) -> StepError {
    let Some(cause) = root_cause(events) else {
        return StepError::failed(format!(
            "stack `{stack}` is {status}, and its events tell no cause"
        ))
        .hint(see_events(stack));
    };
    let reason = cause.reason.as_deref().unwrap_or_default();
    let denied = [
        "not authorized to perform",
        "HandlerErrorCode: AccessDenied",
    ];
    let kind = if denied.iter().any(|words| reason.contains(words)) {
        ErrorKind::Permission
    } else {
        ErrorKind::Failed
    };
    let message = format!("stack `{stack}` is {status}: {}", in_words(cause));
    let mut error = StepError::new(kind, message);
    error.hints = advice(&Symptom::new(Source::CloudFormation, reason));
    error.hint(see_events(stack))
}

fn see_events(stack: &str) -> String {
    format!("`aws cloudformation describe-stack-events --stack-name {stack}` tells the whole story")
}

/// `RokRole (AWS::IAM::Role) CREATE_FAILED: Role with name rok already exists.`
fn in_words(event: &StackEvent) -> String {
    let what = format!("{} ({}) {}", event.logical_id, event.kind, event.status);
    match &event.reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(logical_id: &str, status: &str, reason: &str) -> StackEvent {
        let is_stack = logical_id == "rok";
        StackEvent {
            id: String::new(),
            at: None,
            logical_id: logical_id.into(),
            kind: if is_stack { STACK } else { "AWS::IAM::Role" }.into(),
            status: status.into(),
            reason: (!reason.is_empty()).then(|| reason.into()),
        }
    }

    #[test]
    fn the_first_failure_of_the_last_attempt_is_the_cause() {
        let mut events = vec![
            event("rok", "CREATE_IN_PROGRESS", "User Initiated"),
            event("Old", "CREATE_FAILED", "an old cause"),
            event("rok", "UPDATE_IN_PROGRESS", "User Initiated"),
            event("RokRole", "UPDATE_IN_PROGRESS", ""),
            event("Other", "UPDATE_FAILED", "Resource update cancelled"),
            event(
                "RokRole",
                "UPDATE_FAILED",
                "User: x is not authorized to perform: iam:TagRole on y",
            ),
            event("Third", "UPDATE_FAILED", "Resource update cancelled"),
            event(
                "rok",
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "failed to update: [RokRole]",
            ),
            event("rok", "UPDATE_ROLLBACK_COMPLETE", ""),
        ];
        events.reverse();
        assert_eq!(root_cause(&events).unwrap().logical_id, "RokRole");
        let error = failure("rok", "UPDATE_ROLLBACK_COMPLETE", &events);
        assert_eq!(error.kind, ErrorKind::Permission);
        assert!(
            error.message.contains("RokRole (AWS::IAM::Role)"),
            "{error}"
        );
        assert!(error.message.contains("iam:TagRole"), "{error}");
    }

    #[test]
    fn events_without_a_cause_say_so() {
        let error = failure("rok", "ROLLBACK_COMPLETE", &[]);
        assert!(error.message.contains("tell no cause"), "{error}");
        assert_eq!(newest(&[]), None);
    }
}
