//! The texts beside and below the list of steps: a step, the plan, the result. Made when something
//! changes, not when something is drawn.

use super::fold::Fold;
use super::ways::{self, Ways};
use super::widgets::page::Lines;
use crate::engine::event::FindingKind;
use crate::engine::state::StepView;
use crate::engine::{Chain, Change, Outcome, Phase, Scope, StepOutcome, StepStatus};
use crate::ui::chain::{self, Row};
use crate::ui::diff::{Diff, Side};
use crate::ui::summary::closing;
use crate::ui::words::{self, Part, Tone};

/// Where a note stands below its link, and what of it is too long for a row.
const BELOW: u16 = 4;

/// Returns all about a step: what it saw, how far the chain holds, what to do about it, what it
/// changes, line by line.
pub(super) fn step(step: &StepView, chain: Option<&Chain>, columns: usize) -> Lines {
    let mut lines = Lines::default();
    let label = words::label(step);
    let phase = match step.phase {
        Phase::Observe => "looks",
        Phase::Generate => "writes files",
        Phase::Apply => "changes cloud and cluster",
        Phase::Verify => "proves",
    };
    lines.line(0, Tone::Plain, &step.title);
    lines.bold();
    lines.line(0, Tone::Dim, &format!("{} · {phase}", step.id));
    let note = if step.note.is_empty() {
        String::new()
    } else {
        format!(": {}", step.note)
    };
    lines.line(
        0,
        label.tone,
        &format!("{} {}{note}", label.symbol, label.word),
    );
    if let Some(chain) = chain {
        lines.blank();
        rows(&mut lines, chain::picture(chain, columns), BELOW);
        lines.blank();
    }
    hints(&mut lines, 2, step);
    for notice in &step.notices {
        lines.marked(2, 6, Tone::Warn, &format!("note: {notice}"));
    }
    for each in &step.changes {
        lines.blank();
        change(&mut lines, each);
    }
    lines
}

/// Returns the chain, link by link.
pub(super) fn chain(chain: &Chain, columns: usize) -> Lines {
    let mut lines = Lines::default();
    lines.heading(&chain::heading(chain));
    lines.blank();
    rows(&mut lines, chain::picture(chain, columns), BELOW);
    lines
}

/// Returns the chain for a place beside other things: with notes where it is wide, else without, on
/// one line where it has no more.
pub(super) fn chain_beside(chain: &Chain, columns: usize, height: usize) -> Lines {
    let mut lines = Lines::default();
    let picture = chain::picture(chain, columns);
    let shows_notes = columns >= 50 && picture.len() <= height;
    let picture = match height {
        ..2 => vec![chain::strip(chain)],
        _ if shows_notes => picture,
        _ => chain::compact(chain, height),
    };
    let hang = if shows_notes { BELOW } else { 0 };
    rows(&mut lines, picture, hang);
    lines
}

fn rows(lines: &mut Lines, rows: Vec<Row>, hang: u16) {
    for row in rows {
        lines.marked(0, hang, row.tone, &row.text());
    }
}

/// Writes what to do about a step.
pub(super) fn hints(lines: &mut Lines, indent: u16, step: &StepView) {
    let error_hints = step.error.iter().flat_map(|error| &error.hints);
    for hint in step.hints.iter().chain(error_hints) {
        let mut begun = false;
        for part in words::remedy(hint) {
            match part {
                Part::Text(text) if begun => lines.line(indent + 2, Tone::Accent, text),
                Part::Text(text) => lines.marked(indent, 6, Tone::Accent, &format!("hint: {text}")),
                Part::Command(command) => {
                    if !begun {
                        lines.line(indent, Tone::Accent, "hint:");
                    }
                    lines.command(indent + 4, command);
                }
            }
            begun = true;
        }
    }
}

/// Writes a change: its sentence, and line by line what goes and what comes.
pub(super) fn change(lines: &mut Lines, change: &Change) {
    let diff = Diff::of(change);
    let counts = diff
        .counts()
        .map_or_else(String::new, |counts| format!("  ({counts})"));
    lines.line(
        0,
        Tone::Plain,
        &format!("{} {}{counts}", change.verb.mark(), change.sentence()),
    );
    lines.bold();
    for shown in &diff.lines {
        let tone = match shown.side {
            Side::Both => Tone::Plain,
            Side::Gap => Tone::Dim,
            Side::Removed => Tone::Bad,
            Side::Added => Tone::Good,
        };
        // Later rows of a broken line stand deeper than any line of its block begins.
        let indent = shown.text.len() - shown.text.trim_start().len();
        let hang = u16::try_from(indent.min(12)).expect("at most 12") + 4;
        let text = format!("{} {}", shown.side.mark(), shown.text);
        lines.marked(2, hang, tone, &text);
    }
}

/// Returns what an approval is asked for: totals, what to notice, conflicts, changes.
pub(super) fn plan(fold: &Fold) -> Lines {
    let state = &fold.state;
    let mut lines = Lines::default();
    let (scope, reason) = match &state.awaiting {
        Some((scope, reason)) => (scope.clone(), reason.clone()),
        None => (Scope::Plan, None),
    };
    let whole = scope == Scope::Plan;
    let included = |step: &&StepView| whole || fold.asked.contains(&step.id);
    let changing = || {
        state
            .steps()
            .filter(included)
            .filter(|step| words::will_change(step))
    };
    let number: usize = changing().map(|step| step.changes.len()).sum();
    match &scope {
        Scope::Plan if state.acted.is_empty() => lines.line(0, Tone::Plain, &closing(state)),
        Scope::Plan => lines.line(0, Tone::Plain, &words::count(number, "change", "changes")),
        Scope::Task { task } => {
            let changes = words::count(number, "change", "changes");
            lines.line(0, Tone::Plain, &format!("Task {task} is next: {changes}."));
        }
        Scope::Step { step } => {
            let changes = words::count(number, "change", "changes");
            lines.line(0, Tone::Plain, &format!("Step {step} is next: {changes}."));
        }
    }
    lines.bold();
    if let Some(reason) = reason {
        lines.line(0, Tone::Warn, &format!("Asked again: {reason}"));
    }

    let conflicts = |step: &&StepView| step.status == StepStatus::Observed(FindingKind::Conflict);
    if state.steps().any(|step| conflicts(&step)) {
        lines.heading("In the way");
        for step in state.steps().filter(conflicts) {
            lines.marked(2, 2, Tone::Bad, &format!("! {}: {}", step.id, step.note));
            hints(&mut lines, 4, step);
        }
    }
    let notices: Vec<_> = state
        .steps()
        .filter(included)
        .flat_map(|step| &step.notices)
        .chain(if whole { &state.warnings[..] } else { &[] })
        .cloned()
        .chain(
            state
                .touches
                .iter()
                .filter(|_| whole)
                .map(|text| format!("a verification {text}")),
        )
        .collect();
    if !notices.is_empty() {
        lines.heading("Notice");
        for notice in notices {
            lines.marked(2, 2, Tone::Warn, &format!("• {notice}"));
        }
    }
    if number > 0 {
        lines.heading("What would change");
        for change in changing().flat_map(|step| &step.changes) {
            lines.marked(
                2,
                2,
                Tone::Plain,
                &format!("{} {}", change.verb.mark(), change.sentence()),
            );
        }
    }
    let left_out = |step: &&StepView| step.status == StepStatus::NotChecked;
    if whole && state.steps().any(|step| left_out(&step)) {
        lines.heading("Not checked");
        for step in state.steps().filter(left_out) {
            lines.marked(
                2,
                2,
                Tone::Warn,
                &format!("- {}: {}", step.title, step.note),
            );
        }
    }
    lines
}

/// Returns how the run ended: what went wrong, what was made, what is proven, what comes next. Where
/// it can be planned again, conflicts show their ways out.
pub(super) fn result(fold: &Fold, ways: Option<&Ways>) -> Lines {
    let state = &fold.state;
    let mut lines = Lines::default();
    let Some((outcome, summary, next)) = &state.finished else {
        lines.line(0, Tone::Bad, "The run ended without a closing word.");
        return lines;
    };
    let label = words::outcome(*outcome);
    let opening = match outcome {
        // A good end speaks for itself.
        Outcome::Done => label.symbol.to_owned(),
        outcome if words::is_in_its_sentence(*outcome) => label.symbol.to_owned(),
        _ => format!("{} {}:", label.symbol, label.word),
    };
    lines.marked(0, 2, label.tone, &format!("{opening} {summary}"));
    lines.bold();

    failures(&mut lines, fold, ways);
    // What a proof made on its way was made too.
    let changed = |step: &&StepView| {
        state.acted.contains(&step.id) && matches!(step.status, StepStatus::Done(_))
    };
    let made: Vec<_> = state
        .steps()
        .filter(changed)
        .flat_map(|step| &step.changes)
        .collect();
    if !made.is_empty() {
        lines.heading(if outcome.is_unfinished() {
            "Made before that"
        } else {
            "Made"
        });
        for change in &made {
            lines.marked(2, 2, Tone::Good, &format!("✓ {}", change.sentence()));
        }
    }
    let doubts: Vec<_> = state.in_doubt().collect();
    if !doubts.is_empty() {
        lines.heading("In doubt until the next look");
        for step in &doubts {
            lines.marked(2, 2, Tone::Warn, &format!("? {}: {}", step.id, step.title));
        }
    } else if outcome.is_unfinished() {
        let nothing = if made.is_empty() {
            "Nothing was changed."
        } else {
            "Nothing else was changed."
        };
        lines.blank();
        lines.line(0, Tone::Plain, nothing);
    }
    by_status(
        &mut lines,
        fold,
        "Proven",
        StepStatus::Done(StepOutcome::Verified),
        "✓",
        Tone::Good,
    );
    by_status(
        &mut lines,
        fold,
        "Unchanged",
        StepStatus::Done(StepOutcome::Unchanged),
        "=",
        Tone::Dim,
    );
    by_status(
        &mut lines,
        fold,
        "Left as it is",
        StepStatus::Done(StepOutcome::Left),
        "-",
        Tone::Warn,
    );
    by_status(
        &mut lines,
        fold,
        "Not checked",
        StepStatus::NotChecked,
        "-",
        Tone::Warn,
    );
    if *outcome == Outcome::PlanPending {
        by_status(
            &mut lines,
            fold,
            "Would change",
            StepStatus::Observed(FindingKind::Differs),
            "~",
            Tone::Accent,
        );
    }
    let notices: Vec<_> = state
        .steps()
        .flat_map(|step| &step.notices)
        .chain(&state.warnings)
        .collect();
    if !notices.is_empty() {
        lines.heading("Notice");
        for notice in notices {
            lines.marked(2, 2, Tone::Warn, &format!("• {notice}"));
        }
    }
    lines.heading("Next");
    for next in next {
        lines.marked(2, 2, Tone::Accent, &format!("→ {next}"));
    }
    if state.is_worth_resuming() {
        let resume = format!("→ go on with `rok-deploy resume {}`", state.run);
        lines.marked(2, 2, Tone::Accent, &resume);
    }
    lines.marked(
        2,
        2,
        Tone::Plain,
        &format!("→ look again with `rok-deploy runs {}`", state.run),
    );
    lines
}

fn failures(lines: &mut Lines, fold: &Fold, ways: Option<&Ways>) {
    let failed = |step: &&StepView| {
        matches!(
            step.status,
            StepStatus::Failed | StepStatus::Observed(FindingKind::Conflict)
        )
    };
    for step in fold.state.steps().filter(failed) {
        let label = words::label(step);
        lines.blank();
        lines.marked(
            0,
            2,
            label.tone,
            &format!("{} {}: {}", label.symbol, step.id, step.title),
        );
        lines.line(2, Tone::Plain, &step.note);
        match ways {
            Some(ways) if !step.choices.is_empty() => ways_out(lines, fold, &step.id, ways),
            _ => hints(lines, 2, step),
        }
    }
    if ways.is_some_and(Ways::has_any) {
        lines.blank();
        lines.line(
            0,
            Tone::Accent,
            "`p` makes the plan again with what is chosen.",
        );
    }
}

/// Writes what can be done about a conflict, each with its key.
fn ways_out(lines: &mut Lines, fold: &Fold, step: &str, ways: &Ways) {
    for way in ways::offered(&fold.state).filter(|way| way.step == step) {
        let (mark, tone) = if ways.has(&way) {
            ('●', Tone::Good)
        } else {
            ('○', Tone::Accent)
        };
        let (number, choice) = (way.number, way.choice);
        let text = format!("{number} {mark} {}", choice.label);
        lines.marked(2, 4, tone, &text);
        lines.marked(6, 2, Tone::Dim, &format!("{}={}", choice.key, choice.value));
    }
}

fn by_status(
    lines: &mut Lines,
    fold: &Fold,
    heading: &str,
    status: StepStatus,
    mark: &str,
    tone: Tone,
) {
    let mut steps = fold
        .state
        .steps()
        .filter(|step| step.status == status)
        .peekable();
    if steps.peek().is_some() {
        lines.heading(heading);
    }
    for step in steps {
        let note = words::detail(step);
        let colon = if note.is_empty() { "" } else { ": " };
        lines.marked(2, 2, tone, &format!("{mark} {}{colon}{note}", step.title));
    }
}
