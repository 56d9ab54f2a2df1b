//! Finding moments of a recording: by step, by task, by what went wrong, by text.

use std::collections::BTreeSet;
use std::ops::Range;

use super::widgets::editor::Editor;
use crate::engine::event::FindingKind;
use crate::engine::{Event, EventKind, Outcome, StepError, StepOutcome};
use crate::ui::wire::Request;

/// Where something begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Nothing.
    None,
    /// A step begins to act, or is over.
    Step,
    /// A task, the plan or the run.
    Task,
}

/// How bad an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Not at all.
    Fine,
    /// Worth a look.
    Warning,
    /// Something failed.
    Failure,
}

/// An event that somebody may look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its place among the events.
    pub place: usize,
    /// What begins or ends with it.
    pub bound: Bound,
    /// How bad it is.
    pub severity: Severity,
}

impl Mark {
    /// Returns the mark of an event, when it deserves one.
    pub(super) fn of(place: usize, event: &EventKind) -> Option<Self> {
        use Bound::{None as Nowhere, Step, Task};
        use Severity::{Failure, Fine, Warning};
        let (bound, severity) = match event {
            EventKind::RunFinished { outcome, .. } => (
                Task,
                match outcome {
                    Outcome::Done | Outcome::PlanEmpty | Outcome::PlanPending => Fine,
                    Outcome::Declined | Outcome::Interrupted | Outcome::Terminated => Warning,
                    _ => Failure,
                },
            ),
            EventKind::RunStarted { .. }
            | EventKind::PlanReady { .. }
            | EventKind::TaskStarted { .. }
            | EventKind::TaskFinished { .. } => (Task, Fine),
            EventKind::StepDone {
                outcome: StepOutcome::Left,
                ..
            } => (Step, Warning),
            EventKind::StepActing { .. }
            | EventKind::StepDone { .. }
            | EventKind::StepNotChecked { .. } => (Step, Fine),
            EventKind::StepFailed { .. } => (Step, Failure),
            EventKind::StepObserved {
                finding: FindingKind::Conflict,
                ..
            } => (Nowhere, Failure),
            EventKind::Warning { .. }
            | EventKind::StepPaused { .. }
            | EventKind::Declined { .. }
            | EventKind::StopRequested { .. }
            | EventKind::ApprovalNeeded {
                reason: Some(_), ..
            } => (Nowhere, Warning),
            _ => return None,
        };
        Some(Self {
            place,
            bound,
            severity,
        })
    }
}

/// What is asked for on the line below the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A text to find.
    Text,
    /// A place to go to.
    Place,
}

/// A line that is being typed.
#[derive(Debug)]
pub struct Prompt {
    /// What for.
    pub wanted: Wanted,
    /// The line.
    pub editor: Editor,
}

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// The text.
    pub text: String,
    /// The places of the events, in order.
    pub places: Vec<usize>,
}

/// Returns the places of the events that hold the text, in themselves or in their requests; `ends`
/// says where the requests of each event end.
pub(super) fn find(events: &[Event], requests: &[Request], ends: &[usize], text: &str) -> Found {
    let search = Search::new(text);
    let titled = search.titled(events);
    let mut wired = BTreeSet::new();
    for (place, request) in requests.iter().enumerate() {
        if search.meets_request(request) {
            wired.insert(ends.partition_point(|end| *end <= place));
        }
    }
    let holds = |(place, event): (usize, &Event)| {
        let kind = &event.event;
        let is_met = wired.contains(&place)
            || kind.step().is_some_and(|step| titled.contains(step))
            || search.meets(kind);
        is_met.then_some(place)
    };
    Found {
        text: text.to_owned(),
        places: events.iter().enumerate().filter_map(holds).collect(),
    }
}

/// Returns the first of some requests that holds the text.
pub(super) fn request(requests: &[Request], mut here: Range<usize>, text: &str) -> Option<usize> {
    let search = Search::new(text);
    here.find(|place| search.meets_request(&requests[*place]))
}

/// Returns the place that a person means by a number, a time, a step or a task.
pub(super) fn place_of(events: &[Event], wanted: &str) -> Option<usize> {
    if let Ok(number) = wanted.parse::<usize>() {
        return (1..=events.len()).contains(&number).then(|| number - 1);
    }
    let is_time = |text: &str| {
        text.chars()
            .all(|letter| letter.is_ascii_digit() || letter == ':')
    };
    if is_time(wanted) {
        let at_or_after =
            |event: &Event| event.at.strftime("%H:%M:%S").to_string().as_str() >= wanted;
        return events.iter().position(at_or_after);
    }
    let starts_task = |name: &str| {
        let starts =
            |event: &Event| matches!(&event.event, EventKind::TaskStarted { task } if task == name);
        events.iter().position(starts)
    };
    // What acts is what somebody wants to see of a step; one that only looked is met when it does.
    let of_step = |id: &str| {
        let is_its = |event: &&Event| event.event.step() == Some(id);
        let acts =
            |event: &Event| is_its(&event) && matches!(event.event, EventKind::StepActing { .. });
        let found = events.iter().position(acts);
        found.or_else(|| events.iter().position(|event| is_its(&event)))
    };
    starts_task(wanted).or_else(|| of_step(wanted)).or_else(|| {
        let search = Search::new(wanted);
        let steps = events.iter().filter_map(|event| event.event.step());
        let near = steps
            .into_iter()
            .find(|step| search.within(step))
            .map(str::to_owned);
        let titled = || search.titled(events).into_iter().next().map(str::to_owned);
        near.or_else(titled).and_then(|step| of_step(&step))
    })
}

/// A text to look for, whatever the case of its letters.
struct Search {
    needle: Vec<u8>,
}

impl Search {
    fn new(text: &str) -> Self {
        Self {
            needle: text.to_ascii_lowercase().into_bytes(),
        }
    }

    fn within(&self, text: &str) -> bool {
        let Some(first) = self.needle.first() else {
            return false;
        };
        // Texts of 100,000 events are searched while somebody waits: most places end at one letter.
        text.as_bytes().windows(self.needle.len()).any(|window| {
            window[0].to_ascii_lowercase() == *first && window.eq_ignore_ascii_case(&self.needle)
        })
    }

    fn any<'a>(&self, texts: impl IntoIterator<Item = &'a String>) -> bool {
        texts.into_iter().any(|text| self.within(text))
    }

    /// Returns the ids of steps whose titles hold the text.
    fn titled<'a>(&self, events: &'a [Event]) -> BTreeSet<&'a str> {
        let tasks = events.iter().filter_map(|event| match &event.event {
            EventKind::RunStarted { tasks, .. } => Some(tasks),
            _ => None,
        });
        let steps = tasks.flatten().flat_map(|task| &task.steps);
        let titled = steps.filter(|step| self.within(&step.title));
        titled.map(|step| step.id.as_str()).collect()
    }

    fn meets_request(&self, request: &Request) -> bool {
        self.within(&request.operation)
            || self.within(&request.target)
            || self.any(&request.request_id)
            || self.any(&request.error)
    }

    fn meets_error(&self, error: &StepError) -> bool {
        self.within(&error.message) || self.any(&error.hints)
    }

    fn meets(&self, event: &EventKind) -> bool {
        if event.step().is_some_and(|step| self.within(step)) {
            return true;
        }
        match event {
            EventKind::RunStarted { run, recipe, .. } => self.within(run) || self.within(recipe),
            EventKind::AnswersResolved { answers } => answers
                .iter()
                .any(|answer| self.within(&answer.key) || self.within(&answer.value)),
            EventKind::StepObserved {
                note,
                changes,
                notices,
                hints,
                missing_rights,
                ..
            } => {
                self.within(note)
                    || self.any(notices)
                    || self.any(hints)
                    || self.any(missing_rights)
                    || changes.iter().any(|change| self.meets_change(change))
            }
            EventKind::StepNotChecked { reason, .. } | EventKind::StepSettling { reason, .. } => {
                self.within(reason)
            }
            EventKind::PlanReady { touches, .. } => self.any(touches),
            EventKind::ApprovalNeeded { reason, .. } => self.any(reason),
            EventKind::TaskStarted { task } | EventKind::TaskFinished { task } => self.within(task),
            EventKind::StepActing { changes, .. } => {
                changes.iter().any(|change| self.meets_change(change))
            }
            EventKind::StepDone {
                note,
                notices,
                facts,
                ..
            } => {
                let told = |(name, value): (&str, &serde_json::Value)| {
                    self.within(name) || value.as_str().is_some_and(|value| self.within(value))
                };
                self.within(note) || self.any(notices) || facts.iter().any(told)
            }
            EventKind::StepFailed { error, .. } | EventKind::StepPaused { error, .. } => {
                self.meets_error(error)
            }
            EventKind::Warning { text } => self.within(text),
            EventKind::RunFinished { summary, next, .. } => self.within(summary) || self.any(next),
            _ => false,
        }
    }

    fn meets_change(&self, change: &crate::engine::Change) -> bool {
        self.within(&change.target)
            || self.within(&change.name)
            || self.any(&change.before)
            || self.any(&change.after)
            || self.within(change.verb.present())
    }
}
