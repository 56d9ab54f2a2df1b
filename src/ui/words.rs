//! Wording that plain output and the wizard share: words and symbols of statuses, counts, times.
//!
//! Meaning is in the word and the symbol. A [`Tone`] only repeats it, for terminals with colour.

use std::borrow::Cow;
use std::collections::BTreeMap;

pub use super::harmless::{block, clean};
use crate::engine::event::FindingKind;
use crate::engine::state::StepView;
use crate::engine::{Change, Choice, LinkState, Outcome, Phase, RunState, StepOutcome, StepStatus};

/// The feeling of a piece of text; what a frontend makes a colour of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
    /// Less important.
    Dim,
    /// Where the eye should go.
    Accent,
}

/// How a status is shown: a symbol, a word, a tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// One column wide.
    pub symbol: &'static str,
    /// At most [`WORD`] columns wide.
    pub word: &'static str,
    /// Repeats what the word says.
    pub tone: Tone,
}

/// The width of the longest word of a [`Label`].
pub const WORD: usize = 11;

/// Returns how the step's status is shown.
pub fn label(step: &StepView) -> Label {
    let (symbol, word, tone) = match step.status {
        StepStatus::Waiting if step.phase == Phase::Verify => ("·", "to verify", Tone::Dim),
        StepStatus::Waiting => ("·", "waiting", Tone::Dim),
        StepStatus::Observing => ("○", "looking", Tone::Accent),
        StepStatus::Observed(FindingKind::Satisfied) | StepStatus::Done(StepOutcome::Unchanged) => {
            ("=", "unchanged", Tone::Dim)
        }
        StepStatus::Observed(FindingKind::Differs) => (
            match step.changes.first().map(|change| change.verb.mark()) {
                Some('+') => "+",
                Some('-') => "-",
                Some('>') => ">",
                _ => "~",
            },
            "will change",
            Tone::Accent,
        ),
        StepStatus::Observed(FindingKind::Pending) => ("·", "later", Tone::Dim),
        StepStatus::Observed(FindingKind::Conflict) => ("!", "CONFLICT", Tone::Bad),
        StepStatus::NotChecked => ("-", "not checked", Tone::Warn),
        StepStatus::Acting => ("▶", "acting", Tone::Accent),
        StepStatus::Settling => ("◌", "settling", Tone::Accent),
        StepStatus::Paused => ("‖", "PAUSED", Tone::Warn),
        StepStatus::Done(StepOutcome::Changed) => ("✓", "changed", Tone::Good),
        StepStatus::Done(StepOutcome::Verified) => ("✓", "verified", Tone::Good),
        StepStatus::Done(StepOutcome::Left) => ("-", "left", Tone::Warn),
        StepStatus::Failed => ("✗", "FAILED", Tone::Bad),
    };
    Label { symbol, word, tone }
}

/// Returns how a run's end is shown.
pub fn outcome(outcome: Outcome) -> Label {
    let (symbol, word, tone) = match outcome {
        Outcome::Done => ("✓", "Done", Tone::Good),
        Outcome::PlanEmpty => ("=", "Unchanged", Tone::Good),
        Outcome::PlanPending => ("~", "Planned", Tone::Accent),
        Outcome::Failed => ("✗", "FAILED", Tone::Bad),
        Outcome::Answers => ("✗", "ANSWERS", Tone::Bad),
        Outcome::Conflict => ("!", "CONFLICT", Tone::Bad),
        Outcome::Verification => ("✗", "UNPROVEN", Tone::Bad),
        Outcome::Permission => ("✗", "NO RIGHT", Tone::Bad),
        Outcome::Declined => ("-", "Declined", Tone::Warn),
        Outcome::Interrupted | Outcome::Terminated => ("-", "Stopped", Tone::Warn),
    };
    Label { symbol, word, tone }
}

/// Whether the sentence that a run ends with says itself how it ended: "Stopped after 3 steps …".
pub fn is_in_its_sentence(outcome: Outcome) -> bool {
    use Outcome::{Declined, Interrupted, Terminated};
    matches!(outcome, Declined | Interrupted | Terminated)
}

/// Returns how a link of the chain is shown.
pub fn link(state: LinkState) -> Label {
    let (symbol, word, tone) = match state {
        LinkState::Proven => ("✓", "proven", Tone::Good),
        LinkState::Broken => ("✗", "BROKEN", Tone::Bad),
        LinkState::Unknown => ("·", "unknown", Tone::Dim),
    };
    Label { symbol, word, tone }
}

/// A part of a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// What to do.
    Text(&'a str),
    /// An exact command: it gets a line of its own and is copied as it is.
    Command(&'a str),
}

/// Takes a hint apart: commands in backticks stand apart from the words around them, and so do all
/// lines after the first. Short ones, which nobody needs to copy, stay where they are.
pub fn remedy(hint: &str) -> Vec<Part<'_>> {
    let mut lines = hint.lines();
    let first = lines.next().unwrap_or_default();
    let mut parts = Vec::new();
    let (mut from, mut opened) = (0, None);
    for (place, _) in first.match_indices('`') {
        let Some(open) = opened.take() else {
            opened = Some(place);
            continue;
        };
        let (command, after) = (&first[open + 1..place], &first[place + 1..]);
        if is_command(command) && !after.starts_with(')') {
            parts.push(Part::Text(&first[from..open]));
            parts.push(Part::Command(command));
            from = place + 1;
        }
    }
    parts.push(Part::Text(&first[from..]));
    parts.extend(lines.map(|line| Part::Command(line.trim_end())));
    // The line's end says what a mark after a command said.
    let trimmed = parts.iter().enumerate().map(|(place, part)| match part {
        Part::Text(text) if place == 0 => Part::Text(text.trim()),
        Part::Text(text) => Part::Text(text.trim_start_matches([';', ',', '.']).trim()),
        Part::Command(command) => Part::Command(command),
    });
    trimmed
        .filter(|part| !matches!(part, Part::Text("") | Part::Command("")))
        .collect()
}

/// Whether a text is a command with enough words to be copied: a program, and what it is given.
fn is_command(text: &str) -> bool {
    let is_program = |word: &str| word.starts_with(|letter: char| letter.is_ascii_lowercase());
    text.split_whitespace().next().is_some_and(is_program) && text.split_whitespace().count() >= 4
}

/// Returns the answers that some choices come to, with what the run was answered.
pub fn settled<'a>(
    state: &RunState,
    choices: impl IntoIterator<Item = &'a Choice>,
) -> BTreeMap<String, String> {
    let mut answers: BTreeMap<String, String> = BTreeMap::new();
    for choice in choices {
        let given = state.answers.iter().find(|given| given.key == choice.key);
        let given = given.map(|given| given.value.as_str()).unwrap_or_default();
        let held = answers.get(&choice.key).map_or(given, String::as_str);
        let answer = choice.answer(held);
        answers.insert(choice.key.clone(), answer);
    }
    answers
}

/// Returns the hint that settles several conflicts with one answer, by the first choice of each.
pub fn all_at_once(state: &RunState) -> Option<String> {
    let conflicts = state
        .steps()
        .filter(|step| step.status == StepStatus::Observed(FindingKind::Conflict));
    let firsts: Option<Vec<&Choice>> = conflicts.map(|step| step.choices.first()).collect();
    let firsts = firsts?;
    let first = firsts.first()?;
    let is_one_answer = |choice: &&Choice| choice.joins && choice.key == first.key;
    if firsts.len() < 2 || !firsts.iter().all(is_one_answer) {
        return None;
    }
    let answers = settled(state, firsts.iter().copied());
    let (key, value) = answers.into_iter().next()?;
    Some(format!(
        "`--set {key}={value}` does the first of each at once"
    ))
}

/// Returns "1 change", "2 changes".
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Returns a time as people say it: `0.3 s`, `12 s`, `2 min 5 s`, `1 h 3 min`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..10 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Returns a size as people say it: `340 bytes`, `12 KB`, `3.4 MB`.
pub fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => count(bytes, "byte", "bytes"),
        1_000..1_000_000 => format!("{} KB", bytes.div_ceil(1_000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// Returns the time between two moments in milliseconds; none when it runs backwards.
pub fn between(from: jiff::Timestamp, to: jiff::Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or_default()
}

/// Returns how long the step took to act, to prove or to fail. A step that only looked took no
/// time worth telling, and its moments lie on both sides of an approval.
pub fn took(step: &StepView) -> Option<u64> {
    matches!(
        step.status,
        StepStatus::Done(StepOutcome::Changed | StepOutcome::Verified) | StepStatus::Failed
    )
    .then_some(between(step.started?, step.ended?))
}

/// Returns what is worth saying about the step in one line: its changes while they matter, else
/// what was compared, is waited for or is in the way.
pub fn detail(step: &StepView) -> Cow<'_, str> {
    let by_changes = matches!(
        step.status,
        StepStatus::Acting
            | StepStatus::Done(StepOutcome::Changed | StepOutcome::Left)
            | StepStatus::Observed(FindingKind::Differs)
    );
    if by_changes && !step.changes.is_empty() {
        let sentences: Vec<_> = step.changes.iter().map(Change::sentence).collect();
        Cow::Owned(clean(&sentences.join(", ")).into_owned())
    } else {
        clean(&step.note)
    }
}

/// Whether the plan holds changes of the step that an approval would let happen.
pub fn will_change(step: &StepView) -> bool {
    step.status == StepStatus::Observed(FindingKind::Differs)
}

/// Returns the width of the longest step id, for columns.
pub fn id_width(state: &RunState) -> usize {
    state
        .steps()
        .map(|step| step.id.len())
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_naturally() {
        let said: Vec<_> = [0, 340, 9_999, 12_500, 125_000, 3_780_000]
            .into_iter()
            .map(duration)
            .collect();
        assert_eq!(
            said,
            ["0.0 s", "0.3 s", "9.9 s", "12 s", "2 min 5 s", "1 h 3 min"]
        );
    }

    #[test]
    fn commands_in_a_hint_stand_apart() {
        use Part::{Command, Text};
        assert_eq!(
            remedy("wait for it: `aws eks wait cluster-active --name rok`; then go on"),
            [
                Text("wait for it:"),
                Command("aws eks wait cluster-active --name rok"),
                Text("then go on")
            ]
        );
        assert_eq!(
            remedy("`aws iam get-role --role-name a` and `aws iam get-user --user-name b` tell"),
            [
                Command("aws iam get-role --role-name a"),
                Text("and"),
                Command("aws iam get-user --user-name b"),
                Text("tell")
            ]
        );
        assert_eq!(
            remedy("add the audience\naws iam get\n  --url x\n"),
            [
                Text("add the audience"),
                Command("aws iam get"),
                Command("  --url x")
            ]
        );
        for whole in [
            "otherwise choose another name: `--set aws_s3_role=NAME`",
            "`rok-deploy verify --no-pod` leaves the Pod out",
            "renew them (for SSO: `aws sso login --profile default`), then go on",
            "found `No OpenIDConnect provider found in your account`",
            "an odd `aws iam get-role --role-name a",
        ] {
            assert_eq!(remedy(whole), [Text(whole)]);
        }
        assert_eq!(remedy(""), []);
    }
}
