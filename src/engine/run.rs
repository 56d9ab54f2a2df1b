//! The loop: observes everything, asks once, then acts task by task.
//!
//! 1. Every step that can look does so, all at the same time as far as their facts allow. A step
//!    that differs also tells the facts it *will* give, so that later steps can be planned.
//! 2. The plan is shown and approved.
//! 3. Task by task, steps whose facts are there and whose predecessors are done go to a
//!    [`worker`](super::worker). What planning saw counts as long as nothing it depends on was
//!    changed since and it is fresh; otherwise the step looks again, and changes that nobody
//!    approved are asked about again.

mod act;
mod approve;
mod listen;
mod observe;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::at_work::works_for;
use super::change::Change;
use super::command::{Approval, Command, Signal};
use super::event::{Event, EventKind, Outcome, ResolvedAnswer};
use super::facts::Facts;
use super::failure::{ErrorKind, StepError};
use super::plan::Planned;
use super::ports::{Clock, Recorder};
use super::recipe::{Only, Phase, Recipe, TaskMode};
use super::state::RunState;
use super::step::{Context, Step, StepMeta, When};
use super::worker::{Ended, May};
use words::count;

/// How long an observation made while planning counts.
const FRESH: Duration = Duration::from_mins(1);

/// How long the end of a run may take to give back what its steps took.
const RELEASE: Duration = Duration::from_secs(5);

/// How long a run waits for an operator whose login has ended on the way.
const PATIENCE: Duration = Duration::from_mins(15);

/// A run in progress: what it says, and how to talk to it.
#[derive(Debug)]
pub struct Handle {
    /// Every event, in order; closes after [`EventKind::RunFinished`].
    pub events: mpsc::UnboundedReceiver<Event>,
    /// Commands to the run.
    pub commands: mpsc::UnboundedSender<Command>,
}

/// What a run needs to know besides its recipe.
#[derive(Debug, Clone)]
pub struct Options {
    /// The run's id.
    pub run: String,
    /// The version of this program.
    pub tool_version: String,
    /// Whether this is the practice cloud.
    pub practice: bool,
    /// Whether to stop when the plan is ready.
    pub plan_only: bool,
    /// Which phases act.
    pub only: Only,
    /// The task whose checks count, when not all do; the others only give their facts.
    pub within: Option<String>,
    /// How much is approved at a time.
    pub approval: Approval,
    /// Bounds every wait, when set.
    pub wait: Option<Duration>,
    /// The answers, for the record.
    pub answers: Vec<ResolvedAnswer>,
    /// What the operator should know about the answers.
    pub warnings: Vec<String>,
    /// What earlier processes left of the run.
    pub earlier: Option<Earlier>,
}

/// What earlier processes left of a run that is resumed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earlier {
    /// The last event's number.
    pub seq: u64,
    /// Steps that acted.
    pub acted: BTreeSet<String>,
    /// Changes that were approved, by step.
    pub approved: BTreeMap<String, Vec<Change>>,
    /// Whether an administrator was asked to make what the caller may not.
    pub handed_off: bool,
}

impl Earlier {
    /// Returns all that a run takes from the events of earlier processes.
    pub fn of(state: RunState) -> Self {
        Self {
            seq: state.seq,
            acted: state.acted,
            approved: state.approved_changes,
            handed_off: state.handed_off,
        }
    }
}

/// Starts the run on the current runtime.
pub fn start(
    recipe: Recipe,
    options: Options,
    clock: Arc<dyn Clock>,
    recorder: Box<dyn Recorder>,
) -> Handle {
    let (event_sender, events) = mpsc::unbounded_channel();
    let (commands, command_receiver) = mpsc::unbounded_channel();
    let earlier = options.earlier.clone().unwrap_or_default();
    let entries: Vec<_> = recipe
        .tasks
        .iter()
        .enumerate()
        .flat_map(|(task, outline)| {
            outline.steps.iter().map(move |step| Entry {
                task,
                mode: outline.mode,
                meta: step.meta(),
                step: Arc::clone(step),
            })
        })
        .collect();
    let run = Run {
        recipe,
        options,
        clock,
        recorder,
        events: event_sender,
        commands: command_receiver,
        seq: earlier.seq,
        entries,
        planned: BTreeMap::new(),
        planned_with: BTreeMap::new(),
        facts: Facts::default(),
        approved: earlier.approved,
        everything_approved: false,
        fingerprint: String::new(),
        done: BTreeSet::new(),
        failed: BTreeMap::new(),
        acted: earlier.acted,
        handed_off: earlier.handed_off,
        changed: BTreeSet::new(),
        counts: Counts::default(),
        next: Vec::new(),
        outdated: false,
        stop: CancellationToken::new(),
        stop_requested: false,
        stopped_at_once: false,
        ending: None,
    };
    tokio::spawn(run.go());
    Handle { events, commands }
}

/// A step in its place.
struct Entry {
    task: usize,
    mode: TaskMode,
    meta: StepMeta,
    step: Arc<dyn Step>,
}

#[derive(Default)]
struct Counts {
    changed: usize,
    unchanged: usize,
    verified: usize,
    left: usize,
    not_checked: usize,
}

/// Why the loop ends before its time.
enum Halt {
    /// What is about to happen cannot be written down.
    Journal(std::io::Error),
    /// Events have told why.
    Ended(Outcome, String),
}

/// The closing sentence of a run that ends before its time.
enum Closing {
    /// This one.
    Sentence(String),
    /// This opening, and what had changed by the time that everything had come to rest.
    Opening(&'static str),
}

/// An act that waits for an approval of its step.
struct Asking {
    index: usize,
    changes: Vec<Change>,
    may: oneshot::Sender<May>,
    since: jiff::Timestamp,
}

type Workers = JoinSet<(usize, Result<Ended, StepError>)>;

struct Run {
    recipe: Recipe,
    options: Options,
    clock: Arc<dyn Clock>,
    recorder: Box<dyn Recorder>,
    events: mpsc::UnboundedSender<Event>,
    commands: mpsc::UnboundedReceiver<Command>,
    seq: u64,
    entries: Vec<Entry>,
    planned: BTreeMap<String, Planned>,
    /// When planning saw it, and what was known or foreseen then.
    planned_with: BTreeMap<String, (jiff::Timestamp, Facts)>,
    /// What is known for certain.
    facts: Facts,
    approved: BTreeMap<String, Vec<Change>>,
    everything_approved: bool,
    fingerprint: String,
    done: BTreeSet<String>,
    /// Steps that failed in a run that goes on after a failure, and how.
    failed: BTreeMap<String, ErrorKind>,
    /// Steps that acted, in any process.
    acted: BTreeSet<String>,
    /// Whether an administrator was asked to make what the caller may not, in any process.
    handed_off: bool,
    /// Steps that changed something in this process.
    changed: BTreeSet<String>,
    counts: Counts,
    /// What steps have to say at the end.
    next: Vec<String>,
    /// Whether another run was at work since planning: what planning saw may have changed.
    outdated: bool,
    stop: CancellationToken,
    /// Whether somebody asked to stop; who asks again means at once.
    stop_requested: bool,
    /// Whether acts under way were broken off.
    stopped_at_once: bool,
    /// The first reason to start nothing more.
    ending: Option<(Outcome, Closing)>,
}

impl Run {
    async fn go(mut self) {
        let (outcome, summary) = match self.all().await {
            Ok(end) => end,
            Err(Halt::Ended(outcome, summary)) => (outcome, summary),
            Err(Halt::Journal(error)) => {
                let summary = format!("the journal cannot be written: {error}");
                (Outcome::Failed, summary)
            }
        };
        self.release().await;
        let next = if outcome == Outcome::Done {
            [&self.next[..], &self.recipe.next].concat()
        } else {
            Vec::new()
        };
        let finished = EventKind::RunFinished {
            outcome,
            summary,
            next,
        };
        if self.emit(finished.clone()).is_err() {
            // The journal cannot take it; the frontends must hear it all the same.
            self.seq += 1;
            self.events
                .send(Event {
                    seq: self.seq,
                    at: self.clock.now(),
                    event: finished,
                })
                .ok();
        }
    }

    async fn all(&mut self) -> Result<(Outcome, String), Halt> {
        self.emit(EventKind::RunStarted {
            run: self.options.run.clone(),
            recipe: self.recipe.name.into(),
            tool_version: self.options.tool_version.clone(),
            practice: self.options.practice,
            resumed: self.options.earlier.is_some(),
            tasks: self.outline(),
        })?;
        self.emit(EventKind::AnswersResolved {
            answers: self.options.answers.clone(),
        })?;
        for text in self.options.warnings.clone() {
            self.emit(EventKind::Warning { text })?;
        }
        self.observe().await?;
        let changes = self.conclude_plan()?;
        if let Some((outcome, summary)) = self.obstacle(changes) {
            return Ok((outcome, summary));
        }
        if self.options.plan_only {
            return Ok(if changes == 0 {
                (Outcome::PlanEmpty, "Nothing would change.".into())
            } else {
                (
                    Outcome::PlanPending,
                    format!("{} pending.", count(changes, "change is", "changes are")),
                )
            });
        }
        self.approve_plan(changes).await?;
        for task in 0..self.recipe.tasks.len() {
            self.act(task).await?;
        }
        Ok(self.conclusion())
    }

    /// Gives back what steps took, unless that takes too long: then it ends by itself.
    async fn release(&mut self) {
        let guards = self.guards(usize::MAX);
        let releases = guards.iter().map(|guard| guard.release());
        tokio::select! {
            biased;
            _ = futures::future::join_all(releases) => {}
            () = self.clock.sleep(RELEASE) => {}
        }
    }

    /// Returns the steps that take something which the acts of step `index` depend on.
    fn guards(&self, index: usize) -> Vec<Arc<dyn Step>> {
        let takes_part = |(place, entry): &(usize, &Entry)| {
            *place != index
                && entry.meta.when == When::BeforeWrites
                && !self.recipe.left_out.contains_key(entry.meta.id)
        };
        let entries = self.entries.iter().enumerate().filter(takes_part);
        entries.map(|(_, entry)| Arc::clone(&entry.step)).collect()
    }

    /// Whether the step takes something for the run, which is no change.
    fn is_guard(&self, index: usize) -> bool {
        self.entries[index].meta.when == When::BeforeWrites
    }

    /// Whether a failed check does not keep the others from being made: who asks what is wrong
    /// wants to hear all of it.
    fn goes_on(&self) -> bool {
        self.options.only == Only::Verify && !self.options.plan_only
    }

    /// Whether nothing more is to be expected of a step.
    fn is_settled(&self, id: &str) -> bool {
        self.done.contains(id) || self.failed.contains_key(id)
    }

    /// Whether the step is left out of a run that changes nothing.
    fn is_spared(&self, entry: &Entry) -> bool {
        entry.meta.when == When::AfterChanges
            && self.options.only != Only::Verify
            && !self.entries.iter().any(|entry| {
                entry.meta.phase != Phase::Verify && self.acted.contains(entry.meta.id)
            })
    }

    /// Whether the checks of a task count in this run.
    fn is_within(&self, task: usize) -> bool {
        let within = self.options.within.as_deref();
        within.is_none_or(|name| self.recipe.tasks[task].name == name)
    }

    fn id(&self, index: usize) -> String {
        self.entries[index].meta.id.into()
    }

    fn age(&self, since: jiff::Timestamp) -> Duration {
        // A clock that was set back makes everything fresh.
        Duration::try_from(self.clock.now().duration_since(since)).unwrap_or_default()
    }

    fn context(&self) -> Context {
        Context {
            run: self.options.run.clone(),
            acted: self.acted.clone(),
            // The plan has its fingerprint when it is ready.
            planning: self.fingerprint.is_empty(),
            handed_off: self.handed_off,
        }
    }

    /// Writes the event down, then tells it.
    fn emit(&mut self, event: EventKind) -> Result<(), Halt> {
        let event = Event {
            seq: self.seq + 1,
            at: self.clock.now(),
            event,
        };
        self.recorder
            .record(&event, event.event.is_durable())
            .map_err(Halt::Journal)?;
        self.seq = event.seq;
        // A frontend that has gone does not stop the run.
        self.events.send(event).ok();
        Ok(())
    }
}

/// Runs the future in a task of its own, so that a panic is an error of the step and no more.
async fn guarded<T: Send + 'static>(
    index: usize,
    step: &'static str,
    future: impl Future<Output = Result<T, StepError>> + Send + 'static,
) -> (usize, Result<T, StepError>) {
    let mut task = AbortOnDrop(tokio::spawn(works_for(step, future)));
    let result = match (&mut task.0).await {
        Ok(result) => result,
        Err(error) => Err(StepError::failed(format!("the step broke off: {error}"))
            .hint("this is a bug of rok-deploy; please report it with the run's folder")),
    };
    (index, result)
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn outcome_of(kind: ErrorKind) -> Outcome {
    match kind {
        ErrorKind::Failed | ErrorKind::Credentials => Outcome::Failed,
        ErrorKind::Answers => Outcome::Answers,
        ErrorKind::Conflict => Outcome::Conflict,
        ErrorKind::Verification => Outcome::Verification,
        ErrorKind::Permission => Outcome::Permission,
    }
}

fn stopped(signal: Signal) -> Outcome {
    match signal {
        Signal::Interrupt => Outcome::Interrupted,
        Signal::Terminate => Outcome::Terminated,
    }
}

#[cfg(test)]
mod tests;
