//! A run at a glance: the whole plan before it, the list of outcomes after it.

use std::fmt::Write as _;

use super::diff::{Diff, Side};
use super::harmless::painted;
use super::plain::{Paint, chain_lines, hint_lines, step_line};
use super::words::{self, Tone};
use crate::engine::event::FindingKind;
use crate::engine::state::{StepView, TaskView};
use crate::engine::{Change, RunState, StepStatus, TaskMode};

/// Returns the whole plan as text: each task, each step, each change with its difference, and one
/// closing sentence.
pub fn plan_lines(state: &RunState, color: bool) -> String {
    let paint = Paint(color);
    let mut text = String::new();
    if state.practice {
        line(&mut text, &paint.tone(Tone::Warn, "PRACTICE"));
    }
    for task in &state.tasks {
        line(&mut text, &task_title(task));
        for step in &task.steps {
            plan_step(&mut text, paint, step);
        }
        line(&mut text, "");
    }
    for touch in &state.touches {
        line(
            &mut text,
            &format!("note: a verification {}", words::clean(touch)),
        );
    }
    for warning in &state.warnings {
        line(&mut text, &format!("note: {}", words::clean(warning)));
    }
    hints(&mut text, "", words::all_at_once(state).iter());
    line(&mut text, &closing(state));
    painted(&text, color)
}

/// Returns what became of a run as text: each step, its outcome, its time.
pub fn run_summary_lines(state: &RunState, color: bool) -> String {
    let paint = Paint(color);
    let mut text = String::new();
    let practice = if state.practice { ", PRACTICE" } else { "" };
    line(
        &mut text,
        &format!("Run {} of {}{practice}", state.run, state.recipe),
    );
    if let Some((first, last)) = state.span {
        let took = words::duration(words::between(first, last));
        line(
            &mut text,
            &format!(
                "Began {first:.0}, last event {took} later, by rok-deploy {}",
                state.tool_version
            ),
        );
    }
    let width = words::id_width(state);
    for task in &state.tasks {
        line(&mut text, "");
        line(&mut text, &task_title(task));
        for step in &task.steps {
            let took = words::took(step).map(words::duration);
            let took = took.map_or_else(String::new, |took| format!(" ({took})"));
            line(
                &mut text,
                &format!("  {}{took}", step_line(paint, step, width)),
            );
        }
    }
    line(&mut text, "");
    if let Some(chain) = &state.chain {
        for row in chain_lines(paint, chain) {
            line(&mut text, &format!("  {row}"));
        }
        line(&mut text, "");
    }
    what_to_do(&mut text, paint, state);
    for warning in &state.warnings {
        line(&mut text, &format!("note: {}", words::clean(warning)));
    }
    if let Some((outcome, summary, next)) = &state.finished {
        for next in next {
            line(&mut text, &format!("next: {}", words::clean(next)));
        }
        let label = words::outcome(*outcome);
        let summary = words::clean(summary);
        if words::is_in_its_sentence(*outcome) {
            line(&mut text, &paint.tone(label.tone, &summary));
        } else {
            let word = paint.tone(label.tone, label.word);
            line(&mut text, &format!("{word}: {summary}"));
        }
    } else {
        for step in state.in_doubt() {
            line(
                &mut text,
                &format!("note: {} is in doubt until the next look", step.id),
            );
        }
        line(&mut text, "Not finished: go on with `rok-deploy resume`");
    }
    painted(&text, color)
}

/// Returns one sentence about the plan: "5 changes in 2 tasks; nothing was changed".
pub fn closing(state: &RunState) -> String {
    let changes_of = |task: &TaskView| -> usize {
        let steps = task.steps.iter().filter(|step| words::will_change(step));
        steps.map(|step| step.changes.len()).sum()
    };
    let changes: usize = state.tasks.iter().map(changes_of).sum();
    let tasks = state
        .tasks
        .iter()
        .filter(|task| changes_of(task) > 0)
        .count();
    let steps_where =
        |wanted: fn(&StepStatus) -> bool| state.steps().filter(|step| wanted(&step.status)).count();
    let conflicts = steps_where(|status| *status == StepStatus::Observed(FindingKind::Conflict));
    let failures = steps_where(|status| *status == StepStatus::Failed);
    let mut parts = Vec::new();
    if changes > 0 {
        let changes = words::count(changes, "change", "changes");
        parts.push(format!(
            "{changes} in {}",
            words::count(tasks, "task", "tasks")
        ));
    }
    if conflicts > 0 {
        parts.push(words::count(conflicts, "conflict", "conflicts"));
    }
    if failures > 0 {
        parts.push(words::count(
            failures,
            "step that failed to look",
            "steps that failed to look",
        ));
    }
    if parts.is_empty() {
        "Nothing would change.".into()
    } else {
        format!("{}; nothing was changed.", parts.join(", "))
    }
}

/// Adds what to do about each step that failed.
fn what_to_do(text: &mut String, paint: Paint, state: &RunState) {
    for step in state.steps() {
        let Some(error) = step.error.as_ref().filter(|error| !error.hints.is_empty()) else {
            continue;
        };
        let label = words::label(step);
        let word = paint.tone(label.tone, label.word);
        line(text, &format!("{word}: {} — {}", step.id, step.title));
        hints(text, "  ", &error.hints);
        line(text, "");
    }
}

fn hints<'a>(text: &mut String, indent: &str, hints: impl IntoIterator<Item = &'a String>) {
    for hint in hints {
        for shown in hint_lines(Paint(false), hint) {
            line(text, &format!("{indent}{shown}"));
        }
    }
}

fn task_title(task: &TaskView) -> String {
    let mode = match task.mode {
        TaskMode::Run => "",
        TaskMode::FastForward => " (fast-forwarded: looked at, not written)",
    };
    format!("Task {}: {}{mode}", task.name, task.title)
}

fn plan_step(text: &mut String, paint: Paint, step: &StepView) {
    let label = words::label(step);
    let mark = paint.tone(label.tone, label.symbol);
    let word = paint.tone(label.tone, label.word);
    let note = words::clean(&step.note).replace('\n', "\n      ");
    let colon = if note.is_empty() { "" } else { ": " };
    line(
        text,
        &format!("  {mark} {}  {} — {word}{colon}{note}", step.id, step.title),
    );
    for change in &step.changes {
        plan_change(text, paint, change);
    }
    for notice in &step.notices {
        line(text, &format!("      note: {}", words::clean(notice)));
    }
    let error_hints = step.error.iter().flat_map(|error| &error.hints);
    hints(text, "      ", step.hints.iter().chain(error_hints));
}

fn plan_change(text: &mut String, paint: Paint, change: &Change) {
    let diff = Diff::of(change);
    let counts = diff
        .counts()
        .map_or_else(String::new, |counts| format!(" ({counts})"));
    let sentence = words::clean(&change.sentence()).into_owned();
    line(
        text,
        &format!("    {} {sentence}{counts}", change.verb.mark()),
    );
    for shown in &diff.lines {
        let tone = match shown.side {
            Side::Both => Tone::Plain,
            Side::Gap => Tone::Dim,
            Side::Removed => Tone::Bad,
            Side::Added => Tone::Good,
        };
        let whole = format!("{} {}", shown.side.mark(), shown.text);
        line(
            text,
            &format!("        {}", paint.tone(tone, whole.trim_end())),
        );
    }
}

fn line(text: &mut String, line: &str) {
    // What follows on lines of its own passes for no line of ours.
    let line = line.trim_end().replace('\n', "\n  ");
    writeln!(text, "{line}").expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{EventKind, Outcome};
    use crate::ui::samples;

    #[test]
    fn a_plan_with_changes() {
        insta::assert_snapshot!(plan_lines(&RunState::of(&samples::planned()), false));
    }

    #[test]
    fn a_conflict_is_counted_apart_and_shows_its_hints() {
        let text = plan_lines(&RunState::of(&samples::conflicting()), false);
        assert!(
            text.contains("CONFLICT: role `rok-us-west-2-arrikto-cluster` exists without our tag")
        );
        assert!(text.contains("hint: `--set aws_adopt=role` takes it over"));
        assert!(
            text.ends_with("4 changes in 2 tasks, 1 conflict; nothing was changed.\n"),
            "{text}"
        );
    }

    #[test]
    fn a_plan_without_changes_says_so_in_one_sentence() {
        let events = samples::Story::new()
            .then(0, samples::started(false))
            .tell();
        assert!(plan_lines(&RunState::of(&events), false).ends_with("Nothing would change.\n"));
    }

    #[test]
    fn a_finished_and_a_broken_run() {
        insta::assert_snapshot!(
            "finished",
            run_summary_lines(&RunState::of(&samples::finished()), false)
        );
        insta::assert_snapshot!(
            "failed",
            run_summary_lines(&RunState::of(&samples::failed()), false)
        );
        insta::assert_snapshot!(
            "unproven",
            run_summary_lines(&RunState::of(&samples::unproven()), false)
        );
        insta::assert_snapshot!(
            "broken",
            run_summary_lines(&RunState::of(&samples::settling()), false)
        );
    }

    #[test]
    fn who_stopped_or_declined_is_told_once() {
        for (outcome, summary) in [
            (Outcome::Interrupted, "Stopped; nothing was changed."),
            (Outcome::Declined, "Not approved; nothing was changed."),
        ] {
            let end = EventKind::RunFinished {
                outcome,
                summary: summary.into(),
                next: Vec::new(),
                handoff: None,
            };
            let events = samples::Story::new().then(0, samples::started(false));
            let text = run_summary_lines(&RunState::of(&events.then(5, end).tell()), false);
            assert_eq!(text.lines().last(), Some(summary));
        }
    }
}
