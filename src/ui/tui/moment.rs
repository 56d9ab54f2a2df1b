//! A moment of a recorded run: an event, what it changed, and the requests since the event before.

use std::ops::Range;
use std::sync::Arc;

use super::log;
use super::pages::{change, hints};
use super::widgets::page::Lines;
use crate::engine::event::{FindingKind, ResolvedAnswer};
use crate::engine::{Change, Event, EventKind, RunState, StepOutcome, StepStatus};
use crate::ui::wire::Request;
use crate::ui::words::{self, Label, Tone};

/// The most requests on either side of a moment that its wire log shows.
const AROUND: usize = 200;

/// What of the run an event can change, as it was before.
#[derive(Debug, Clone)]
pub(super) struct Before {
    label: Option<Label>,
    done: usize,
    facts: Vec<(String, Option<String>)>,
    at: Option<jiff::Timestamp>,
}

/// A moment of a recorded run.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    /// How many events have happened, this one too.
    number: usize,
    event: Event,
    before: Before,
    requests: Arc<Vec<Request>>,
    here: Range<usize>,
    /// The request of them that a search has led to.
    sought: Option<usize>,
}

impl Before {
    /// Returns what the event may change of the run so far.
    pub(super) fn of(state: &RunState, event: &Event) -> Self {
        let step = event.event.step().and_then(|id| state.find(id));
        let facts = match &event.event {
            EventKind::StepDone { facts, .. } => facts
                .iter()
                .map(|(name, _)| (name.to_owned(), state.facts.value(name).map(shown)))
                .collect(),
            _ => Vec::new(),
        };
        Self {
            label: step.map(words::label),
            done: done(state),
            facts,
            at: state.span.map(|(_, last)| last),
        }
    }
}

impl Moment {
    /// Returns the moment of the event with that number; `here` are its requests, `sought` the one
    /// that a search has led to.
    pub(super) fn new(
        number: usize,
        event: Event,
        before: Before,
        requests: Arc<Vec<Request>>,
        here: Range<usize>,
        sought: Option<usize>,
    ) -> Self {
        Self {
            number,
            event,
            before,
            requests,
            here,
            sought,
        }
    }

    /// Returns what changed here, and which of its lines was sought; `after` is the run with the event.
    pub(super) fn page(&self, after: &RunState) -> (Lines, Option<usize>) {
        let mut lines = Lines::default();
        let (tone, sentence) = log::sentence(&self.event.event);
        lines.marked(0, 2, tone, &sentence);
        lines.bold();
        let time = self.event.at.strftime("%Y-%m-%d %H:%M:%S%.3f");
        let since = self.before.at.map_or(String::new(), |before| {
            let since = match words::between(before, self.event.at) {
                short @ ..1_000 => format!("{short} ms"),
                long => words::duration(long),
            };
            format!(", {since} after the event before")
        });
        lines.line(0, Tone::Dim, &format!("{time} UTC{since}"));
        self.changes(after, &mut lines);
        let sought = self.wire(&mut lines);
        (lines, sought)
    }

    fn changes(&self, after: &RunState, lines: &mut Lines) {
        lines.heading("What changed here");
        let step = self.event.event.step().and_then(|id| after.find(id));
        let mut said = false;
        if let (Some(step), Some(before)) = (step, self.before.label) {
            let now = words::label(step);
            if now.word != before.word {
                let text = format!(
                    "{} {}: {} → {}",
                    now.symbol, step.title, before.word, now.word
                );
                lines.marked(2, 2, now.tone, &text);
                said = true;
            }
        }
        let counted = done(after);
        if counted != self.before.done {
            let (before, all) = (self.before.done, after.steps().count());
            let text = format!("{counted} of {all} steps done, before {before}");
            lines.line(2, Tone::Plain, &text);
            said = true;
        }
        said |= self.content(after, lines);
        if !said {
            lines.line(2, Tone::Dim, "The steps stand as before.");
        }
    }

    /// Writes what the event itself holds, and says whether there was anything.
    fn content(&self, after: &RunState, lines: &mut Lines) -> bool {
        match &self.event.event {
            EventKind::RunStarted { tasks, .. } => {
                let steps: usize = tasks.iter().map(|task| task.steps.len()).sum();
                let text = format!(
                    "{} in {}",
                    words::count(steps, "step", "steps"),
                    words::count(tasks.len(), "task", "tasks")
                );
                lines.line(2, Tone::Plain, &text);
            }
            EventKind::AnswersResolved { answers } => {
                for ResolvedAnswer { key, value, .. } in answers {
                    lines.marked(2, 2, Tone::Plain, &format!("{key}: {value}"));
                }
            }
            EventKind::StepObserved {
                changes,
                notices,
                step,
                finding,
                ..
            } => {
                notes(notices, lines);
                diffs(changes, lines);
                if let Some(step) = after
                    .find(step)
                    .filter(|_| *finding == FindingKind::Conflict)
                {
                    hints(lines, 2, step);
                }
                return !changes.is_empty() || !notices.is_empty();
            }
            EventKind::StepActing { changes, .. } => diffs(changes, lines),
            EventKind::StepDone {
                step,
                outcome,
                notices,
                facts,
                ..
            } => {
                notes(notices, lines);
                for (name, value) in facts.iter() {
                    let before = self.before.facts.iter().find(|(known, _)| known == name);
                    let before = before.and_then(|(_, value)| value.as_deref());
                    let now = shown(value);
                    match before {
                        Some(before) if before == now => {}
                        Some(before) => {
                            lines.marked(
                                2,
                                2,
                                Tone::Plain,
                                &format!("fact {name}: {before} → {now}"),
                            );
                        }
                        None => lines.marked(2, 2, Tone::Plain, &format!("new fact {name}: {now}")),
                    }
                }
                let step = after
                    .find(step)
                    .filter(|_| *outcome == StepOutcome::Changed);
                diffs(step.map_or(&[][..], |step| &step.changes), lines);
                return !facts.is_empty() || step.is_some();
            }
            EventKind::StepFailed { step, .. } | EventKind::StepPaused { step, .. } => {
                if let Some(step) = after.find(step) {
                    hints(lines, 2, step);
                }
            }
            EventKind::ApprovalNeeded { steps, .. } => {
                let asked = after.steps().filter(|step| steps.contains(&step.id));
                for each in asked.flat_map(|step| &step.changes) {
                    let text = format!("{} {}", each.verb.mark(), each.sentence());
                    lines.marked(2, 2, Tone::Plain, &text);
                }
            }
            EventKind::PlanReady { touches, .. } => {
                notes(touches, lines);
                return !touches.is_empty();
            }
            EventKind::RunFinished { next, .. } => {
                for next in next {
                    lines.marked(2, 2, Tone::Accent, &format!("→ {next}"));
                }
                return !next.is_empty();
            }
            _ => return false,
        }
        true
    }

    /// Writes the requests of the moment, and returns which line was sought.
    fn wire(&self, lines: &mut Lines) -> Option<usize> {
        if self.requests.is_empty() {
            return None;
        }
        lines.heading(&match self.here.len() {
            0 => "No request since the event before".to_owned(),
            number => format!(
                "{} since the event before",
                words::count(number, "request", "requests")
            ),
        });
        self.rows(' ', lines)
    }

    /// Writes a row for each request of the moment, and returns which line was sought.
    fn rows(&self, here: char, lines: &mut Lines) -> Option<usize> {
        let mut sought = None;
        for place in self.here.clone() {
            let line = lines.len();
            row(&self.requests[place], here, lines);
            if self.sought == Some(place) {
                lines.bold();
                sought = Some(line);
            }
        }
        sought
    }

    /// Returns the wire log around the moment, and which of its lines was sought, or is the first of
    /// the moment.
    pub(super) fn wire_page(&self) -> (Lines, usize) {
        let mut lines = Lines::default();
        let (number, all) = (self.here.len(), self.requests.len());
        lines.heading(&format!(
            "Wire log: {} of {all} at event {}",
            words::count(number, "request", "requests"),
            self.number
        ));
        let start = self.here.start.saturating_sub(AROUND);
        let end = (self.here.end + AROUND).min(all);
        let left_out = |number: usize, which: &str, lines: &mut Lines| {
            if number > 0 {
                let requests = words::count(number, "request", "requests");
                lines.line(2, Tone::Dim, &format!("… {requests} {which}"));
            }
        };
        left_out(start, "before these", &mut lines);
        for request in &self.requests[start..self.here.start] {
            row(request, ' ', &mut lines);
        }
        let first = lines.len();
        let sought = self.rows('▸', &mut lines);
        let (_, sentence) = log::sentence(&self.event.event);
        let time = self.event.at.strftime("%H:%M:%S%.3f");
        lines.marked(0, 4, Tone::Plain, &format!("▸ ● {time}  {sentence}"));
        lines.bold();
        for request in &self.requests[self.here.end..end] {
            row(request, ' ', &mut lines);
        }
        left_out(all - end, "after these", &mut lines);
        (lines, sought.unwrap_or(first))
    }
}

fn row(request: &Request, here: char, lines: &mut Lines) {
    let (mark, tone) = request.mark();
    lines.marked(0, 4, tone, &format!("{here} {mark} {}", request.line()));
}

fn diffs(changes: &[Change], lines: &mut Lines) {
    for each in changes {
        lines.blank();
        change(lines, each);
    }
}

fn notes(notes: &[String], lines: &mut Lines) {
    for note in notes {
        lines.marked(2, 6, Tone::Warn, &format!("note: {note}"));
    }
}

fn done(state: &RunState) -> usize {
    let is_done = |status| matches!(status, StepStatus::Done(_) | StepStatus::NotChecked);
    state.steps().filter(|step| is_done(step.status)).count()
}

/// Returns a fact's value as people read it: a text without its quotes.
fn shown(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
