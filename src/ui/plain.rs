//! Plain lines, for pipes, logs and `--linear`: talk goes one way, results the other.
//!
//! A line for each outcome of a step, so that a log of a run reads as a list of what was done.
//! What comes many times a second (looking, settling) is said rarely or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::chain;
use super::harmless::Harmless;
use super::wire::Request;
use super::words::{self, Label, Part, Tone};
use crate::engine::event::FindingKind;
use crate::engine::state::StepView;
use crate::engine::{Approval, Chain, Event, EventKind, Phase, RunState, Scope, StepStatus};

/// How long a step settles before it is said, and then between two lines about it.
const SETTLING_PAUSE_MS: u64 = 5_000;

/// Writes a run as lines.
#[derive(Debug)]
pub struct Plain<T: Write, R: Write> {
    talk: Harmless<T>,
    result: Harmless<R>,
    paint: Paint,
    result_paint: Paint,
    state: RunState,
    said_settling: BTreeMap<String, u64>,
    said_notices: BTreeSet<String>,
}

impl<T: Write, R: Write> Plain<T, R> {
    /// Returns a writer of talk (stderr) and results (stdout), each in colour or not.
    pub fn new(talk: T, result: R, colors: (bool, bool)) -> Self {
        Self {
            talk: Harmless::new(talk, colors.0),
            result: Harmless::new(result, colors.1),
            paint: Paint(colors.0),
            result_paint: Paint(colors.1),
            state: RunState::default(),
            said_settling: BTreeMap::new(),
            said_notices: BTreeSet::new(),
        }
    }

    /// Returns what the events have told so far.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// Writes what there is to say about the event.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        self.state.update(event);
        match &event.event {
            EventKind::RunStarted {
                run,
                recipe,
                practice,
                resumed,
                ..
            } => {
                if *practice {
                    let word = self.paint.tone(Tone::Warn, "PRACTICE");
                    writeln!(
                        self.talk,
                        "{word}: nothing here is real, and nothing real is touched"
                    )?;
                }
                let verb = if *resumed { "Goes on with" } else { "Starts" };
                writeln!(self.talk, "{verb} run {run} of {recipe}")
            }
            EventKind::StepObserved {
                step,
                finding,
                notices,
                hints,
                ..
            } => {
                if *finding == FindingKind::Conflict {
                    self.step(step)?;
                    self.hints(hints)?;
                }
                self.notices(notices)
            }
            EventKind::StepNotChecked { step, .. } => self.step(step),
            EventKind::PlanReady {
                changes, touches, ..
            } => {
                let changes = words::count(*changes, "change", "changes");
                writeln!(self.talk, "The plan is ready: {changes}")?;
                let touches: Vec<_> = touches
                    .iter()
                    .map(|text| format!("a verification {text}"))
                    .collect();
                self.notices(&touches)?;
                let hint = words::all_at_once(&self.state);
                self.hints(hint.as_slice())
            }
            EventKind::ApprovalNeeded {
                scope,
                steps,
                reason,
            } => {
                let what = about(scope);
                match reason {
                    Some(reason) => writeln!(
                        self.talk,
                        "Approval of {what} is needed again: {}",
                        words::clean(reason)
                    )?,
                    None => writeln!(self.talk, "Approval of {what} is needed:")?,
                }
                self.would_change(|step| steps.contains(&step.id))
            }
            EventKind::Approved {
                scope,
                approval: Approval::Given,
                ..
            } => {
                writeln!(self.talk, "Approved beforehand: {}", about(scope))?;
                self.would_change(|_| true)
            }
            EventKind::Approved { scope, .. } => writeln!(self.talk, "Approved: {}", about(scope)),
            EventKind::Declined { scope } => writeln!(self.talk, "Declined: {}", about(scope)),
            EventKind::TaskStarted { task } => {
                let title = self.state.tasks.iter().find(|view| view.name == *task);
                let title = title.map_or_else(String::new, |view| format!(": {}", view.title));
                writeln!(self.talk, "Task {task}{title}")
            }
            EventKind::StepSettling {
                step,
                waited_ms,
                limit_ms,
                ..
            } => {
                let before = self.said_settling.get(step).copied().unwrap_or_default();
                if *waited_ms < before + SETTLING_PAUSE_MS {
                    return Ok(());
                }
                self.said_settling.insert(step.clone(), *waited_ms);
                let waited = words::duration(*waited_ms);
                self.step_with(
                    step,
                    &format!(" ({waited} of at most {})", words::duration(*limit_ms)),
                )
            }
            EventKind::StepPaused {
                step,
                error,
                limit_ms,
                handoff,
            } => {
                self.step(step)?;
                let limit = match limit_ms {
                    0 => "until you stop it".to_owned(),
                    limit => format!("for {} at most", words::duration(*limit)),
                };
                let advice = if let Some(handoff) = handoff {
                    self.hints(&handoff.hints)?;
                    format!("the run goes on by itself as soon as it is there, and waits {limit}")
                } else {
                    self.hints(&error.hints)?;
                    format!("log in in another window; the run goes on by itself and waits {limit}")
                };
                self.hints(&[advice])
            }
            EventKind::StepWentOn { step, paused_ms } => {
                let paused = words::duration(*paused_ms);
                self.step_with(step, &format!(" (goes on after {paused})"))
            }
            EventKind::StepDone { step, notices, .. } => {
                self.said_settling.remove(step);
                self.step(step)?;
                self.notices(notices)
            }
            EventKind::StepFailed { step, error } => {
                self.step(step)?;
                self.hints(&error.hints)
            }
            EventKind::TaskFinished { task } => writeln!(self.talk, "Task {task} is done"),
            EventKind::Warning { text } => self.notices(std::slice::from_ref(text)),
            EventKind::StopRequested { now: false, .. } => {
                writeln!(
                    self.talk,
                    "Stops before the next change; once more stops at once"
                )
            }
            EventKind::StopRequested { now: true, .. } => {
                writeln!(self.talk, "Stops at once")?;
                let doubts: Vec<_> = self.state.in_doubt().map(|step| step.id.as_str()).collect();
                if doubts.is_empty() {
                    return Ok(());
                }
                writeln!(
                    self.talk,
                    "note: in doubt until the next look: {}",
                    doubts.join(", ")
                )
            }
            EventKind::RunFinished { summary, next, .. } => {
                self.failures()?;
                for next in next {
                    writeln!(self.talk, "next: {}", words::clean(next))?;
                }
                self.talk.flush()?;
                for line in self
                    .state
                    .chain
                    .iter()
                    .flat_map(|chain| chain_lines(self.result_paint, chain))
                {
                    writeln!(self.result, "  {line}")?;
                }
                writeln!(self.result, "{}", words::clean(summary))?;
                self.result.flush()
            }
            EventKind::AnswersResolved { .. }
            | EventKind::StepObserving { .. }
            | EventKind::StepActing { .. }
            | EventKind::StepActed { .. } => Ok(()),
        }
    }

    /// Writes a request of a recorded run.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn request(&mut self, request: &Request) -> io::Result<()> {
        let (mark, tone) = request.mark();
        let mark = self.paint.tone(tone, &mark.to_string());
        writeln!(self.talk, "  {mark} {}", request.line())
    }

    /// Says where the step stands now.
    fn step(&mut self, id: &str) -> io::Result<()> {
        let took = self.state.find(id).and_then(words::took);
        let suffix = took.map_or_else(String::new, |took| format!(" ({})", words::duration(took)));
        self.step_with(id, &suffix)
    }

    fn step_with(&mut self, id: &str, suffix: &str) -> io::Result<()> {
        let Some(step) = self.state.find(id) else {
            return Ok(());
        };
        let line = step_line(self.paint, step, self.id_width());
        writeln!(self.talk, "{line}{suffix}")
    }

    fn would_change(&mut self, wanted: impl Fn(&StepView) -> bool) -> io::Result<()> {
        let width = self.id_width();
        let differs = |step: &&StepView| words::will_change(step) && wanted(step);
        for step in self.state.steps().filter(differs) {
            writeln!(self.talk, "{}", step_line(self.paint, step, width))?;
        }
        Ok(())
    }

    fn hints(&mut self, hints: &[String]) -> io::Result<()> {
        for hint in hints {
            for line in hint_lines(self.paint, hint) {
                writeln!(self.talk, "{line}")?;
            }
        }
        Ok(())
    }

    /// Names the checks that failed, when there is more than one to look for among the lines.
    fn failures(&mut self) -> io::Result<()> {
        let failed: Vec<_> = self
            .state
            .steps()
            .filter(|step| step.phase == Phase::Verify && step.status == StepStatus::Failed)
            .map(|step| step.id.as_str())
            .collect();
        if failed.len() < 2 {
            return Ok(());
        }
        let word = self.paint.tone(Tone::Bad, "FAILED");
        writeln!(self.talk, "{word}: {}", failed.join(", "))
    }

    /// Says each once: a step notices the same when it looks and when it is done.
    fn notices(&mut self, notices: &[String]) -> io::Result<()> {
        for notice in notices {
            if self.said_notices.insert(notice.clone()) {
                let word = self.paint.tone(Tone::Warn, "note:");
                writeln!(self.talk, "{word} {}", words::clean(notice))?;
            }
        }
        Ok(())
    }

    fn id_width(&self) -> usize {
        words::id_width(&self.state)
    }
}

/// Returns what an approval is about, in words.
fn about(scope: &Scope) -> String {
    match scope {
        Scope::Plan => "the whole plan".into(),
        Scope::Task { task } => format!("task {task}"),
        Scope::Step { step } => format!("step {step}"),
    }
}

/// Returns the line about a step: word, id, title, detail.
pub(super) fn step_line(paint: Paint, step: &StepView, id_width: usize) -> String {
    let Label { word, tone, .. } = words::label(step);
    let word = paint.tone(tone, &format!("{word:<width$}", width = words::WORD));
    let detail = words::detail(step);
    let dash = if detail.is_empty() { "" } else { " — " };
    format!(
        "{word}  {:<id_width$}  {}{dash}{detail}",
        step.id, step.title
    )
}

/// Returns the lines of a hint: what to do, and each command on a line of its own and never broken,
/// to be copied as it is.
pub(super) fn hint_lines(paint: Paint, hint: &str) -> Vec<String> {
    let word = paint.tone(Tone::Accent, "hint:");
    let mut lines = Vec::new();
    for part in words::remedy(hint) {
        match part {
            Part::Text(text) if lines.is_empty() => {
                lines.push(format!("{word} {}", words::clean(text)));
            }
            Part::Text(text) => lines.push(format!("  {}", words::clean(text))),
            Part::Command(command) => {
                if lines.is_empty() {
                    lines.push(word.clone());
                }
                lines.push(format!("    {}", words::clean(command)));
            }
        }
    }
    lines
}

/// Returns the picture of a chain.
pub(super) fn chain_lines(paint: Paint, chain: &Chain) -> impl Iterator<Item = String> {
    let rows = chain::picture(chain, chain::COLUMNS - 2).into_iter();
    rows.map(move |row| paint.tone(row.tone, &row.head) + &row.note)
}

/// Colours words, when colour is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    /// Returns the text in the colour of the tone.
    pub(super) fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.into(),
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "1;31",
            Tone::Dim => "2",
            Tone::Accent => "36",
        };
        if self.0 {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::samples;

    fn told(events: &[Event], color: bool) -> (String, String) {
        let (mut talk, mut result) = (Vec::new(), Vec::new());
        let mut plain = Plain::new(&mut talk, &mut result, (color, color));
        for event in events {
            plain.event(event).unwrap();
        }
        (
            String::from_utf8(talk).unwrap(),
            String::from_utf8(result).unwrap(),
        )
    }

    #[test]
    fn every_event_once() {
        let (talk, result) = told(&samples::every_event(), false);
        insta::assert_snapshot!(format!("{talk}--- result ---\n{result}"));
    }

    #[test]
    fn a_whole_run() {
        let (talk, result) = told(&samples::finished(), false);
        insta::assert_snapshot!(format!("{talk}--- result ---\n{result}"));
    }

    #[test]
    fn a_proof_that_failed() {
        let (talk, result) = told(&samples::unproven(), false);
        insta::assert_snapshot!(format!("{talk}--- result ---\n{result}"));
    }

    #[test]
    fn the_same_picture_is_shown_once() {
        for (events, pictures) in [(samples::finished(), 1), (samples::unproven(), 1)] {
            let (talk, result) = told(&events, false);
            let picture = "service account  `rok`";
            assert_eq!(result.matches(picture).count(), pictures, "{result}");
            assert_eq!(talk.matches(picture).count(), 0, "{talk}");
        }
    }

    #[test]
    fn a_command_is_a_line_of_its_own() {
        let (talk, _) = told(&samples::unproven(), false);
        let lines: Vec<_> = talk.lines().map(str::trim_start).collect();
        for command in [
            "aws iam update-assume-role-policy --role-name rok-us-west-2-arrikto-cluster --policy-document file://trust.json",
            "rok-deploy verify objectstorage",
        ] {
            assert!(lines.contains(&command), "{talk}");
        }
    }

    #[test]
    fn colour_adds_codes_and_no_words() {
        let (plain, _) = told(&samples::every_event(), false);
        let (colored, _) = told(&samples::every_event(), true);
        let mut stripped = String::new();
        let mut pieces = colored.split("\u{1b}[");
        stripped += pieces.next().unwrap();
        for piece in pieces {
            stripped += piece.split_once('m').unwrap().1;
        }
        assert_ne!(colored, plain);
        assert_eq!(stripped, plain);
    }

    #[test]
    fn settling_is_said_every_few_seconds_only() {
        let settling = |waited_ms| {
            let step = "aws.iam-role".into();
            let reason = "waits".into();
            EventKind::StepSettling {
                step,
                reason,
                attempt: 1,
                waited_ms,
                limit_ms: 60_000,
            }
        };
        let mut story = samples::Story::new().then(0, samples::started(false));
        for waited in 0..120 {
            story = story.then(100, settling(waited * 100));
        }
        let (talk, _) = told(&story.tell(), false);
        assert_eq!(talk.matches("settling").count(), 2, "{talk}");
    }
}
