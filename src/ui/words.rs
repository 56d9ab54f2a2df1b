//! Wording that plain output and the wizard share: words and symbols of statuses, counts, times.
//!
//! Meaning is in the word and the symbol. A [`Tone`] only repeats it, for terminals with colour.

use std::borrow::Cow;

use crate::engine::event::FindingKind;
use crate::engine::state::StepView;
use crate::engine::{Change, LinkState, Outcome, Phase, RunState, StepOutcome, StepStatus};

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

/// Returns how a link of the chain is shown.
pub fn link(state: LinkState) -> Label {
    let (symbol, word, tone) = match state {
        LinkState::Proven => ("✓", "proven", Tone::Good),
        LinkState::Broken => ("✗", "BROKEN", Tone::Bad),
        LinkState::Unknown => ("·", "unknown", Tone::Dim),
    };
    Label { symbol, word, tone }
}

/// A hint as it is used: what to do, and the exact commands, each to be copied as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy<'a> {
    /// What to do.
    pub text: &'a str,
    /// How, line by line.
    pub commands: Vec<&'a str>,
}

/// Takes a hint apart: every line after the first is a command, and so is what the first one ends
/// with after a colon, in backticks.
pub fn remedy(hint: &str) -> Remedy<'_> {
    let mut lines = hint.lines();
    let first = lines.next().unwrap_or_default();
    let (text, command) = match first.rfind(": `") {
        Some(place) if is_command(first[place + 2..].trim_end()) => {
            (&first[..=place], Some(&first[place + 2..]))
        }
        _ => (first, None),
    };
    let commands = command.into_iter().chain(lines).map(|line| {
        let bare = line.trim();
        let bare = bare
            .strip_prefix('`')
            .and_then(|bare| bare.strip_suffix('`'));
        bare.unwrap_or(line.trim_end())
    });
    Remedy {
        text,
        commands: commands.filter(|line| !line.is_empty()).collect(),
    }
}

/// Whether a text is one command in backticks; an option or a value alone is none.
fn is_command(text: &str) -> bool {
    let inner = text
        .strip_prefix('`')
        .and_then(|text| text.strip_suffix('`'));
    inner.is_some_and(|inner| {
        inner.contains(' ') && !inner.contains('`') && inner.starts_with(char::is_alphanumeric)
    })
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

/// Returns the text without control characters: what a cloud or a file says must not move the
/// cursor. Line breaks and tabs stay.
pub fn clean(text: &str) -> Cow<'_, str> {
    let is_bad = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if text.chars().any(is_bad) {
        Cow::Owned(text.replace(is_bad, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
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
    fn a_command_at_the_end_of_a_hint_stands_apart() {
        let apart = |hint| {
            let Remedy { text, commands } = remedy(hint);
            (text, commands)
        };
        assert_eq!(
            apart("wait for it: `aws eks wait cluster-active --name rok`"),
            (
                "wait for it:",
                vec!["aws eks wait cluster-active --name rok"]
            )
        );
        assert_eq!(
            apart("add the audience\naws iam get\n  --url x\n`aws iam put`\n"),
            (
                "add the audience",
                vec!["aws iam get", "  --url x", "aws iam put"]
            )
        );
        for whole in [
            "otherwise choose another name: `--set aws_s3_role=NAME`",
            "`git remote add origin URL` in the clone, or `gitops_push=no`",
            "look at it: `aws iam get-role`, then at `aws sts get-caller-identity`",
            "",
        ] {
            assert_eq!(apart(whole), (whole, vec![]));
        }
    }

    #[test]
    fn a_remote_text_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\tc\r\nd"), "a\u{fffd}[2Jb\tc\u{fffd}\nd");
    }
}
