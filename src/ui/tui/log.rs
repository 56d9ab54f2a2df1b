//! The log pane: one line for each event that a person watching wants to see go by.

use crate::engine::event::FindingKind;
use crate::engine::{Event, EventKind, Scope, StepOutcome};
use crate::ui::words::{self, Tone};

/// Returns the event's line and tone, or nothing for what the list of steps shows anyway.
pub(super) fn entry(event: &Event) -> Option<(Tone, String)> {
    let (tone, text) = said(&event.event)?;
    Some((tone, format!("{}  {text}", event.at.strftime("%H:%M:%S"))))
}

/// Returns the event's sentence and tone, for those too that the log leaves out.
pub(super) fn sentence(event: &EventKind) -> (Tone, String) {
    said(event).unwrap_or_else(|| {
        let text = match event {
            EventKind::StepObserving { step } => format!("{step}: looks"),
            EventKind::StepActed { step } => {
                format!("{step}: has acted, and looks whether it shows")
            }
            _ => "every question has its answer".into(),
        };
        (Tone::Plain, text)
    })
}

fn said(event: &EventKind) -> Option<(Tone, String)> {
    Some(match event {
        EventKind::RunStarted {
            run,
            resumed: false,
            ..
        } => (Tone::Plain, format!("run {run} begins")),
        EventKind::RunStarted { run, .. } => (Tone::Plain, format!("goes on with run {run}")),
        EventKind::StepObserved {
            step,
            finding,
            note,
            changes,
            ..
        } => match finding {
            FindingKind::Satisfied => (Tone::Dim, format!("{step}: as intended, {note}")),
            FindingKind::Differs => {
                let changes = words::count(changes.len(), "change", "changes");
                (Tone::Plain, format!("{step}: differs, {changes}"))
            }
            FindingKind::Pending => (Tone::Dim, format!("{step}: later, {note}")),
            FindingKind::Conflict => (Tone::Bad, format!("{step}: CONFLICT, {note}")),
        },
        EventKind::StepNotChecked { step, reason } => {
            (Tone::Warn, format!("{step}: not checked, {reason}"))
        }
        EventKind::PlanReady { changes, .. } => {
            let changes = words::count(*changes, "change", "changes");
            (Tone::Plain, format!("the plan is ready: {changes}"))
        }
        EventKind::ApprovalNeeded { scope, .. } => {
            (Tone::Accent, format!("asks to approve {}", about(scope)))
        }
        EventKind::Approved { scope, .. } => (Tone::Plain, format!("approved: {}", about(scope))),
        EventKind::Declined { scope } => (Tone::Warn, format!("declined: {}", about(scope))),
        EventKind::TaskStarted { task } => (Tone::Plain, format!("task {task} begins")),
        EventKind::StepActing { step, changes } => {
            let sentences: Vec<_> = changes
                .iter()
                .map(crate::engine::Change::sentence)
                .collect();
            (Tone::Accent, format!("{step}: {}", sentences.join(", ")))
        }
        EventKind::StepSettling {
            step,
            reason,
            attempt,
            ..
        } => (Tone::Dim, format!("{step}: look {attempt}, {reason}")),
        EventKind::StepPaused { step, error, .. } => {
            (Tone::Warn, format!("{step}: PAUSED, {}", error.message))
        }
        EventKind::StepWentOn { step, paused_ms } => {
            let paused = words::duration(*paused_ms);
            (Tone::Good, format!("{step}: goes on after {paused}"))
        }
        EventKind::StepDone {
            step,
            outcome,
            note,
            ..
        } => {
            let (tone, word) = match outcome {
                StepOutcome::Unchanged => (Tone::Dim, "unchanged"),
                StepOutcome::Changed => (Tone::Good, "changed"),
                StepOutcome::Verified => (Tone::Good, "verified"),
                StepOutcome::Left => (Tone::Warn, "left"),
            };
            let comma = if note.is_empty() { "" } else { ", " };
            (tone, format!("{step}: {word}{comma}{note}"))
        }
        EventKind::StepFailed { step, error } => {
            (Tone::Bad, format!("{step}: FAILED, {}", error.message))
        }
        EventKind::TaskFinished { task } => (Tone::Good, format!("task {task} is done")),
        EventKind::Warning { text } => (Tone::Warn, format!("note: {text}")),
        EventKind::StopRequested { now: false, .. } => {
            (Tone::Warn, "stops before the next change".into())
        }
        EventKind::StopRequested { .. } => (Tone::Warn, "stops at once".into()),
        EventKind::RunFinished { summary, .. } => (Tone::Plain, summary.clone()),
        EventKind::AnswersResolved { .. }
        | EventKind::StepObserving { .. }
        | EventKind::StepActed { .. } => {
            return None;
        }
    })
}

fn about(scope: &Scope) -> String {
    match scope {
        Scope::Plan => "the plan".into(),
        Scope::Task { task } => format!("task {task}"),
        Scope::Step { step } => format!("step {step}"),
    }
}
