//! JSON for programs: one event a line, and the plan as one document.

use super::harmless::escaped;
use crate::engine::event::FindingKind;
use crate::engine::plan::{PlanDocument, PlanStep, PlanTask};
use crate::engine::state::StepView;
use crate::engine::{Event, Phase, RunState, StepOutcome, StepStatus};

/// Returns the event as one line, which means the same as that in the journal, without a line break.
pub fn json_line(event: &Event) -> String {
    escaped(serde_json::to_string(event).expect("events are plain values"))
}

/// Returns the plan that the events told of.
pub fn plan_document(state: &RunState) -> PlanDocument {
    let tasks = state.tasks.iter().map(|task| PlanTask {
        name: task.name.clone(),
        steps: task.steps.iter().map(plan_step).collect(),
    });
    PlanDocument {
        recipe: state.recipe.clone(),
        fingerprint: state
            .plan
            .as_ref()
            .map_or_else(String::new, |(_, print)| print.clone()),
        tasks: tasks.collect(),
    }
}

fn plan_step(step: &StepView) -> PlanStep {
    PlanStep {
        id: step.id.clone(),
        title: step.title.clone(),
        finding: finding(step).into(),
        note: step.note.clone(),
        changes: step.changes.clone(),
        notices: step.notices.clone(),
        choices: step.choices.clone(),
        rights: step.rights.clone(),
    }
}

/// Returns the word of [`PlanStep::finding`]. A step that has not looked yet waits for others,
/// except that a verification never looks before its time.
fn finding(step: &StepView) -> &'static str {
    match step.status {
        StepStatus::Observed(FindingKind::Satisfied)
        | StepStatus::Done(StepOutcome::Unchanged | StepOutcome::Changed | StepOutcome::Verified) => {
            "satisfied"
        }
        StepStatus::Observed(FindingKind::Differs) | StepStatus::Done(StepOutcome::Left) => {
            "differs"
        }
        StepStatus::Observed(FindingKind::Conflict) => "conflict",
        StepStatus::Waiting if step.phase == Phase::Verify => "verifies",
        StepStatus::NotChecked => "not_checked",
        StepStatus::Failed => "failed",
        StepStatus::Waiting
        | StepStatus::Observing
        | StepStatus::Observed(FindingKind::Pending)
        | StepStatus::Acting
        | StepStatus::Settling
        | StepStatus::Paused => "pending",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::samples;

    #[test]
    fn a_line_reads_back_as_the_same_event() {
        for event in samples::every_event() {
            let line = json_line(&event);
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
        }
    }

    #[test]
    fn a_plan_says_a_finding_for_every_step() {
        let document = plan_document(&RunState::of(&samples::planned()));
        let findings: Vec<_> = document
            .tasks
            .iter()
            .flat_map(|task| &task.steps)
            .map(|step| format!("{} {}", step.id, step.finding))
            .collect();
        insta::assert_snapshot!(findings.join("\n"));
        assert!(!document.fingerprint.is_empty());
    }
}
