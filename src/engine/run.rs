//! The loop: observes everything, asks once, then acts task by task.
//!
//! 1. Every step that can look does so, all at the same time as far as their facts allow. A step
//!    that differs also tells the facts it *will* give, so that later steps can be planned.
//! 2. The plan is shown and approved.
//! 3. Task by task, steps whose facts are there and whose predecessors are done go to a
//!    [`worker`](super::worker). What planning saw counts as long as nothing it depends on was
//!    changed since and it is fresh; otherwise the step looks again, and changes that nobody
//!    approved are asked about again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::change::Change;
use super::command::{Approval, Command, Scope, Signal};
use super::event::{
    Event, EventKind, FindingKind, Outcome, ResolvedAnswer, StepOutcome, StepOutline, TaskOutline,
};
use super::facts::Facts;
use super::failure::{ErrorKind, StepError};
use super::plan::{self, Planned};
use super::ports::{Clock, Recorder};
use super::recipe::{Only, Phase, Recipe, TaskMode};
use super::step::{Context, Finding, Observation, Step, StepMeta};
use super::worker::{self, Differing, Ended, Job, Message};

/// How long an observation made while planning counts.
const FRESH: Duration = Duration::from_mins(1);

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
    /// How much is approved at a time.
    pub approval: Approval,
    /// Bounds every wait, when set.
    pub wait: Option<Duration>,
    /// The answers, for the record.
    pub answers: Vec<ResolvedAnswer>,
    /// What earlier processes left of the run.
    pub earlier: Option<Earlier>,
}

/// What earlier processes left of a run that is resumed.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    /// The last event's number.
    pub seq: u64,
    /// Steps that acted.
    pub acted: BTreeSet<String>,
    /// Changes that were approved, by step.
    pub approved: BTreeMap<String, Vec<Change>>,
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
        planned_at: BTreeMap::new(),
        facts: Facts::default(),
        approved: earlier.approved,
        everything_approved: false,
        fingerprint: String::new(),
        done: BTreeSet::new(),
        acted: earlier.acted,
        changed: BTreeSet::new(),
        counts: Counts::default(),
        stop: CancellationToken::new(),
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

/// An act that waits for an approval of its step.
struct Asking {
    index: usize,
    changes: Vec<Change>,
    may: oneshot::Sender<bool>,
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
    planned_at: BTreeMap<String, jiff::Timestamp>,
    /// What is known for certain.
    facts: Facts,
    approved: BTreeMap<String, Vec<Change>>,
    everything_approved: bool,
    fingerprint: String,
    done: BTreeSet<String>,
    /// Steps that acted, in any process.
    acted: BTreeSet<String>,
    /// Steps that changed something in this process.
    changed: BTreeSet<String>,
    counts: Counts,
    stop: CancellationToken,
    /// The first reason to start nothing more.
    ending: Option<(Outcome, String)>,
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
        let next = if outcome == Outcome::Done {
            self.recipe.next.clone()
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
        self.observe().await?;
        let changes = self.conclude_plan()?;
        if let Some((outcome, summary)) = self.obstacle() {
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
        Ok((Outcome::Done, self.summary()))
    }

    // ---- observe ------------------------------------------------------------------------------

    async fn observe(&mut self) -> Result<(), Halt> {
        let mut foreseen = Facts::default();
        let mut waiting: BTreeSet<usize> = BTreeSet::new();
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            if let Some(reason) = self.recipe.left_out.get(entry.meta.id).cloned() {
                self.leave_out(index, reason)?;
            } else if entry.meta.phase == Phase::Verify {
                self.planned.insert(entry.meta.id.into(), Planned::Verifies);
            } else {
                waiting.insert(index);
            }
        }
        let mut running = JoinSet::new();
        loop {
            let ready: Vec<_> = waiting
                .iter()
                .copied()
                .filter(|index| {
                    self.entries[*index]
                        .meta
                        .needs
                        .iter()
                        .all(|name| foreseen.has(name))
                })
                .collect();
            for index in ready {
                waiting.remove(&index);
                let step = Arc::clone(&self.entries[index].step);
                self.emit(EventKind::StepObserving {
                    step: self.id(index),
                })?;
                let (facts, context) = (foreseen.clone(), self.context());
                running.spawn(guarded(
                    index,
                    async move { step.check(&facts, &context).await },
                ));
            }
            if running.is_empty() {
                break;
            }
            tokio::select! {
                Some(joined) = running.join_next() => {
                    let Ok((index, result)) = joined else { continue };
                    self.planned_at.insert(self.id(index), self.clock.now());
                    match result {
                        Ok(observation) => {
                            foreseen.merge(&observation.facts);
                            self.tell_observed(index, &observation)?;
                            self.planned.insert(self.id(index), Planned::Observed(observation));
                        }
                        Err(error) => {
                            self.emit(EventKind::StepFailed { step: self.id(index), error: error.clone() })?;
                            self.planned.insert(self.id(index), Planned::Failed(error));
                        }
                    }
                }
                Some(command) = self.commands.recv() => {
                    // Nothing was changed yet, so there is nothing to wait for.
                    if let Command::Cancel(signal) = command {
                        self.emit(EventKind::StopRequested { signal, now: true })?;
                        return Err(Halt::Ended(stopped(signal), "Stopped while planning; nothing was changed.".into()));
                    }
                }
            }
        }
        for index in waiting {
            self.plan_later(index, &foreseen)?;
        }
        Ok(())
    }

    /// A step whose facts nobody could give: left out like the step that would have given them,
    /// else planned for later.
    fn plan_later(&mut self, index: usize, foreseen: &Facts) -> Result<(), Halt> {
        if let Some(reason) = self.missing_because_left_out(index) {
            return self.leave_out(index, reason);
        }
        let needs: Vec<String> = self.entries[index]
            .meta
            .needs
            .iter()
            .filter(|name| !foreseen.has(name))
            .map(|name| (*name).to_owned())
            .collect();
        self.emit(EventKind::StepObserved {
            step: self.id(index),
            finding: FindingKind::Pending,
            note: format!("looks once {} known", list(&needs, "is", "are")),
            changes: Vec::new(),
            notices: Vec::new(),
            hints: Vec::new(),
            missing_rights: Vec::new(),
        })?;
        self.planned
            .insert(self.id(index), Planned::Later { needs });
        Ok(())
    }

    fn leave_out(&mut self, index: usize, reason: String) -> Result<(), Halt> {
        self.counts.not_checked += 1;
        self.done.insert(self.id(index));
        self.emit(EventKind::StepNotChecked {
            step: self.id(index),
            reason: reason.clone(),
        })?;
        self.planned
            .insert(self.id(index), Planned::NotChecked { reason });
        Ok(())
    }

    fn missing_because_left_out(&self, index: usize) -> Option<String> {
        let meta = &self.entries[index].meta;
        meta.needs
            .iter()
            .filter(|name| !self.facts.has(name))
            .find_map(|name| {
                let giver = self
                    .entries
                    .iter()
                    .find(|entry| entry.meta.gives.contains(name))?;
                let planned = self.planned.get(giver.meta.id)?;
                matches!(planned, Planned::NotChecked { .. })
                    .then(|| format!("needs what `{}` finds, which is left out", giver.meta.id))
            })
    }

    /// Whether differences of this step are changes of this run.
    fn counts_as_change(&self, entry: &Entry) -> bool {
        entry.mode == TaskMode::Run && self.options.only.includes(entry.meta.phase)
    }

    fn conclude_plan(&mut self) -> Result<usize, Halt> {
        let changes = self
            .entries
            .iter()
            .filter(|entry| self.counts_as_change(entry))
            .filter_map(|entry| self.planned.get(entry.meta.id))
            .filter(|planned| {
                !matches!(
                    planned,
                    Planned::Observed(Observation {
                        finding: Finding::Conflict { .. },
                        ..
                    })
                )
            })
            .map(|planned| planned.changes().len())
            .sum();
        self.fingerprint = plan::fingerprint(&self.planned);
        let touches = self
            .entries
            .iter()
            .filter(|entry| !self.done.contains(entry.meta.id))
            .filter(|entry| self.options.only.includes(entry.meta.phase))
            .filter_map(|entry| entry.meta.touches.map(str::to_owned))
            .collect();
        let fingerprint = self.fingerprint.clone();
        self.emit(EventKind::PlanReady {
            changes,
            fingerprint,
            touches,
        })?;
        Ok(changes)
    }

    /// What keeps the plan from being carried out, the gravest first.
    fn obstacle(&self) -> Option<(Outcome, String)> {
        let failed = self
            .entries
            .iter()
            .find_map(|entry| match self.planned.get(entry.meta.id) {
                Some(Planned::Failed(error)) => Some((entry, error)),
                _ => None,
            });
        let conflict =
            self.entries
                .iter()
                .find_map(|entry| match self.planned.get(entry.meta.id) {
                    Some(Planned::Observed(Observation {
                        finding: Finding::Conflict { reason, .. },
                        ..
                    })) => Some((entry, reason)),
                    _ => None,
                });
        if let Some((entry, error)) = failed {
            let text = format!("`{}`: {error}; nothing was changed.", entry.meta.id);
            return Some((outcome_of(error.kind), text));
        }
        if let Some((entry, reason)) = conflict {
            let text = format!("`{}`: {reason}; nothing was changed.", entry.meta.id);
            return Some((Outcome::Conflict, text));
        }
        // A right that seems to be missing stops a plan, but never a run: only the act itself
        // is a proof.
        let missing = self
            .entries
            .iter()
            .find_map(|entry| match self.planned.get(entry.meta.id) {
                Some(Planned::Observed(seen)) if !seen.missing_rights.is_empty() => Some(seen),
                _ => None,
            });
        missing.filter(|_| self.options.plan_only).map(|seen| {
            let rights = list(&seen.missing_rights, "seems", "seem");
            (
                Outcome::Permission,
                format!("{rights} to be missing; nothing was changed."),
            )
        })
    }

    // ---- approve ------------------------------------------------------------------------------

    async fn approve_plan(&mut self, changes: usize) -> Result<(), Halt> {
        let touches = self.entries.iter().any(|entry| {
            entry.meta.touches.is_some()
                && !self.done.contains(entry.meta.id)
                && self.options.only.includes(entry.meta.phase)
        });
        if changes == 0 && !touches {
            return Ok(());
        }
        let stored = self.options.earlier.is_some() && self.is_covered_by_approval();
        match self.options.approval {
            Approval::Given => self.everything_approved = true,
            _ if stored => {}
            Approval::Plan => {
                let reason = (!self.approved.is_empty())
                    .then(|| "the plan changed since it was approved".to_owned());
                return self.ask(Scope::Plan, reason).await;
            }
            Approval::Task | Approval::Step => return Ok(()),
        }
        self.note_approval(Scope::Plan)
    }

    fn is_covered_by_approval(&self) -> bool {
        self.entries
            .iter()
            .filter(|entry| self.counts_as_change(entry))
            .all(|entry| {
                let changes = self
                    .planned
                    .get(entry.meta.id)
                    .map_or(&[][..], Planned::changes);
                changes
                    .iter()
                    .all(|change| self.is_approved(entry.meta.id, change))
            })
    }

    fn is_approved(&self, id: &str, change: &Change) -> bool {
        self.approved
            .get(id)
            .is_some_and(|known| known.iter().any(|known| known.covers(change)))
    }

    fn note_approval(&mut self, scope: Scope) -> Result<(), Halt> {
        for index in self.steps_in(&scope) {
            let id = self.id(index);
            let changes = self
                .planned
                .get(&id)
                .map_or(&[][..], Planned::changes)
                .to_vec();
            self.approved.entry(id).or_default().extend(changes);
        }
        let (fingerprint, approval) = (self.fingerprint.clone(), self.options.approval);
        self.emit(EventKind::Approved {
            scope,
            fingerprint,
            approval,
        })
    }

    fn steps_in(&self, scope: &Scope) -> Vec<usize> {
        let included = |index: &usize| match scope {
            Scope::Plan => true,
            Scope::Task { task } => self.recipe.tasks[self.entries[*index].task].name == task,
            Scope::Step { step } => self.entries[*index].meta.id == step,
        };
        (0..self.entries.len()).filter(included).collect()
    }

    /// Asks, and waits for the answer; used where nothing else goes on meanwhile.
    async fn ask(&mut self, scope: Scope, reason: Option<String>) -> Result<(), Halt> {
        let acting = |index: &usize| {
            self.planned
                .get(self.entries[*index].meta.id)
                .is_some_and(|planned| !planned.changes().is_empty())
        };
        let steps = self
            .steps_in(&scope)
            .into_iter()
            .filter(acting)
            .map(|index| self.id(index))
            .collect();
        self.emit(EventKind::ApprovalNeeded {
            scope: scope.clone(),
            steps,
            reason,
        })?;
        loop {
            match self.commands.recv().await {
                Some(Command::Approve(approved)) if approved == scope => {
                    return self.note_approval(scope);
                }
                Some(Command::ApproveAll) => {
                    self.everything_approved = true;
                    return self.note_approval(scope);
                }
                Some(Command::Approve(_)) => {}
                Some(Command::Decline) | None => {
                    self.emit(EventKind::Declined { scope })?;
                    return Err(Halt::Ended(
                        Outcome::Declined,
                        self.nothing_more("Not approved"),
                    ));
                }
                Some(Command::Cancel(signal)) => {
                    self.emit(EventKind::StopRequested { signal, now: false })?;
                    return Err(Halt::Ended(stopped(signal), self.nothing_more("Stopped")));
                }
            }
        }
    }

    // ---- act ----------------------------------------------------------------------------------

    async fn act(&mut self, task: usize) -> Result<(), Halt> {
        let name = self.recipe.tasks[task].name.to_owned();
        let scope = Scope::Task { task: name.clone() };
        let asks = self.options.approval == Approval::Task && !self.everything_approved;
        let differs = self.steps_in(&scope).into_iter().any(|index| {
            let entry = &self.entries[index];
            let changes = self
                .planned
                .get(entry.meta.id)
                .map_or(&[][..], Planned::changes);
            self.counts_as_change(entry)
                && changes
                    .iter()
                    .any(|change| !self.is_approved(entry.meta.id, change))
        });
        if asks && differs {
            self.ask(scope, None).await?;
        }
        self.emit(EventKind::TaskStarted { task: name.clone() })?;
        let mut pending: BTreeSet<usize> = (0..self.entries.len())
            .filter(|index| {
                self.entries[*index].task == task
                    && !self.done.contains(self.entries[*index].meta.id)
            })
            .collect();
        let (sender, mut messages) = mpsc::unbounded_channel();
        let mut running: Workers = JoinSet::new();
        let mut asking: VecDeque<Asking> = VecDeque::new();
        loop {
            self.start_ready(&mut pending, &mut running, &sender)?;
            if self.ending.is_some() {
                refuse(&mut asking);
            }
            if running.is_empty() {
                if pending.is_empty() || self.ending.is_some() {
                    break;
                }
                self.resolve_deadlock(&mut pending)?;
                continue;
            }
            tokio::select! {
                // A worker's messages come before its end.
                biased;
                Some(message) = messages.recv() => self.hear(message, &mut asking)?,
                Some(command) = self.commands.recv() => {
                    self.obey(command, &mut asking, &mut running)?;
                }
                Some(joined) = running.join_next() => {
                    if let Ok((index, result)) = joined {
                        self.end_of(index, result)?;
                    }
                }
            }
        }
        match self.ending.take() {
            Some((outcome, summary)) => Err(Halt::Ended(outcome, summary)),
            None => self.emit(EventKind::TaskFinished { task: name }),
        }
    }

    /// Starts every step whose facts are there and whose predecessors are done. What is
    /// satisfied already needs no worker and may make further steps ready.
    fn start_ready(
        &mut self,
        pending: &mut BTreeSet<usize>,
        running: &mut Workers,
        sender: &mpsc::UnboundedSender<Message>,
    ) -> Result<(), Halt> {
        while self.ending.is_none() {
            let ready = pending
                .iter()
                .copied()
                .find(|index| self.is_ready(*index, pending, running));
            let Some(index) = ready else { break };
            pending.remove(&index);
            if self.entries[index].meta.phase == Phase::Verify
                && !self.options.only.includes(Phase::Verify)
            {
                self.leave_out(index, "verification is left out of this run".into())?;
                continue;
            }
            let seen = self.still_seen(index);
            if let Some(observation) = &seen
                && let Finding::Satisfied { .. } = observation.finding
            {
                let ended = Ended::Satisfied {
                    observation: observation.clone(),
                    acted: false,
                };
                self.end_of(index, Ok(ended))?;
                continue;
            }
            let entry = &self.entries[index];
            let mut settle = entry.meta.settle;
            settle.limit = self.options.wait.unwrap_or(settle.limit);
            let job = Job {
                index,
                step: Arc::clone(&entry.step),
                phase: entry.meta.phase,
                facts: self.facts.clone(),
                context: self.context(),
                seen,
                settle,
                differing: self.differing(entry),
                clock: Arc::clone(&self.clock),
                stop: self.stop.clone(),
                messages: sender.clone(),
            };
            running.spawn(guarded(index, worker::work(job)));
        }
        Ok(())
    }

    fn is_ready(&self, index: usize, pending: &BTreeSet<usize>, running: &Workers) -> bool {
        let meta = &self.entries[index].meta;
        let known = |id: &&&str| self.entries.iter().any(|entry| entry.meta.id == **id);
        let facts = meta.needs.iter().all(|name| self.facts.has(name));
        let after = meta
            .after
            .iter()
            .filter(known)
            .all(|id| self.done.contains(*id));
        let proven_last = meta.phase != Phase::Verify
            || (pending
                .iter()
                .all(|other| self.entries[*other].meta.phase == Phase::Verify)
                && self.is_quiet_but_for_proofs(index, running));
        facts && after && proven_last
    }

    /// Whether all steps of the task that are not verifications are done.
    fn is_quiet_but_for_proofs(&self, index: usize, running: &Workers) -> bool {
        running.is_empty()
            || self.entries.iter().all(|entry| {
                entry.task != self.entries[index].task
                    || entry.meta.phase == Phase::Verify
                    || self.done.contains(entry.meta.id)
            })
    }

    /// Returns what planning saw, when nothing that matters to it has changed since.
    fn still_seen(&self, index: usize) -> Option<Observation> {
        let meta = &self.entries[index].meta;
        let Some(Planned::Observed(observation)) = self.planned.get(meta.id) else {
            return None;
        };
        let at = self.planned_at.get(meta.id)?;
        let age = Duration::try_from(self.clock.now().duration_since(*at)).unwrap_or_default();
        let depends_on = |entry: &&Entry| {
            meta.after.contains(&entry.meta.id)
                || entry
                    .meta
                    .gives
                    .iter()
                    .any(|name| meta.needs.contains(name))
        };
        let moved = self
            .entries
            .iter()
            .filter(depends_on)
            .any(|entry| self.changed.contains(entry.meta.id));
        (!moved && age < FRESH).then(|| observation.clone())
    }

    fn differing(&self, entry: &Entry) -> Differing {
        if entry.meta.phase == Phase::Verify {
            Differing::Apply
        } else if entry.mode == TaskMode::FastForward || self.options.only == Only::Verify {
            Differing::Fail
        } else if self.options.only.includes(entry.meta.phase) {
            Differing::Apply
        } else {
            Differing::Leave
        }
    }

    /// Nothing runs and nothing can start: what waits for facts of a step that was left out is
    /// left out too, anything else is a mistake in the recipe.
    fn resolve_deadlock(&mut self, pending: &mut BTreeSet<usize>) -> Result<(), Halt> {
        for index in pending.clone() {
            if let Some(reason) = self.missing_because_left_out(index) {
                pending.remove(&index);
                return self.leave_out(index, reason);
            }
        }
        let index = *pending.first().expect("called with steps pending");
        pending.remove(&index);
        let missing: Vec<String> = self.entries[index]
            .meta
            .needs
            .iter()
            .filter(|name| !self.facts.has(name))
            .map(|name| (*name).to_owned())
            .collect();
        let text = format!("cannot start: {} not known", list(&missing, "is", "are"));
        self.end_of(index, Err(StepError::failed(text)))
    }

    fn hear(&mut self, message: Message, asking: &mut VecDeque<Asking>) -> Result<(), Halt> {
        match message {
            Message::Observing(index) => self.emit(EventKind::StepObserving {
                step: self.id(index),
            }),
            Message::Observed(index, observation) => self.tell_observed(index, &observation),
            Message::Acted(index) => {
                self.changed.insert(self.id(index));
                self.emit(EventKind::StepActed {
                    step: self.id(index),
                })
            }
            Message::Settling {
                index,
                reason,
                attempt,
                waited,
                limit,
            } => self.emit(EventKind::StepSettling {
                step: self.id(index),
                reason,
                attempt,
                waited_ms: millis(waited),
                limit_ms: millis(limit),
            }),
            Message::Asks {
                index,
                changes,
                may,
            } => {
                if self.ending.is_some() {
                    may.send(false).ok();
                    return Ok(());
                }
                let id = self.id(index);
                let proof = self.entries[index].meta.phase == Phase::Verify;
                let approved = self.everything_approved
                    || (proof && self.options.approval != Approval::Step)
                    || changes.iter().all(|change| self.is_approved(&id, change));
                if approved {
                    return self.let_act(Asking {
                        index,
                        changes,
                        may,
                    });
                }
                asking.push_back(Asking {
                    index,
                    changes,
                    may,
                });
                if asking.len() == 1 {
                    self.ask_for_step(&asking[0])?;
                }
                Ok(())
            }
        }
    }

    fn ask_for_step(&mut self, asking: &Asking) -> Result<(), Halt> {
        let step = self.id(asking.index);
        let reason = (self.options.approval != Approval::Step)
            .then(|| "this was not in the plan that was approved".to_owned());
        // The plan view shows what is asked about now.
        let observation = Observation::differs(asking.changes.clone());
        self.tell_observed(asking.index, &observation)?;
        self.emit(EventKind::ApprovalNeeded {
            scope: Scope::Step { step: step.clone() },
            steps: vec![step],
            reason,
        })
    }

    fn let_act(&mut self, asking: Asking) -> Result<(), Halt> {
        let step = self.id(asking.index);
        self.acted.insert(step.clone());
        self.approved
            .entry(step.clone())
            .or_default()
            .extend(asking.changes.clone());
        // On disk before the act.
        self.emit(EventKind::StepActing {
            step,
            changes: asking.changes,
        })?;
        asking.may.send(true).ok();
        Ok(())
    }

    fn obey(
        &mut self,
        command: Command,
        asking: &mut VecDeque<Asking>,
        running: &mut Workers,
    ) -> Result<(), Halt> {
        match command {
            Command::ApproveAll => {
                self.everything_approved = true;
                let (fingerprint, approval) = (self.fingerprint.clone(), self.options.approval);
                self.emit(EventKind::Approved {
                    scope: Scope::Plan,
                    fingerprint,
                    approval,
                })?;
                for asking in asking.drain(..) {
                    self.let_act(asking)?;
                }
            }
            Command::Approve(scope) => {
                let asked = asking.front().map(|asking| Scope::Step {
                    step: self.id(asking.index),
                });
                if asked.as_ref() == Some(&scope) {
                    let (fingerprint, approval) = (self.fingerprint.clone(), self.options.approval);
                    self.emit(EventKind::Approved {
                        scope,
                        fingerprint,
                        approval,
                    })?;
                    let approved = asking.pop_front().expect("just looked at");
                    self.let_act(approved)?;
                    if let Some(next) = asking.front() {
                        self.ask_for_step(next)?;
                    }
                }
            }
            Command::Decline => {
                if let Some(declined) = asking.front() {
                    let scope = Scope::Step {
                        step: self.id(declined.index),
                    };
                    self.emit(EventKind::Declined { scope })?;
                    let summary = self.nothing_more("Not approved");
                    self.end(Outcome::Declined, summary);
                }
            }
            Command::Cancel(signal) => {
                let now = matches!(
                    self.ending,
                    Some((Outcome::Interrupted | Outcome::Terminated, _))
                );
                self.emit(EventKind::StopRequested { signal, now })?;
                if now {
                    running.abort_all();
                    let summary = "Stopped at once; a step is in doubt and is looked at first when the run is resumed.";
                    self.ending = Some((stopped(signal), summary.into()));
                } else {
                    let summary = self.nothing_more("Stopped");
                    self.end(stopped(signal), summary);
                }
            }
        }
        Ok(())
    }

    /// Starts nothing more: waiting ends, whoever asks is told no, an act under way is finished.
    fn end(&mut self, outcome: Outcome, summary: String) {
        self.ending.get_or_insert((outcome, summary));
        self.stop.cancel();
    }

    fn end_of(&mut self, index: usize, result: Result<Ended, StepError>) -> Result<(), Halt> {
        let step = self.id(index);
        let phase = self.entries[index].meta.phase;
        match result {
            Ok(Ended::Satisfied { observation, acted }) => {
                let Finding::Satisfied { note } = observation.finding else {
                    unreachable!("workers end satisfied with a satisfied finding");
                };
                let outcome = match (phase, acted) {
                    (Phase::Verify, _) => StepOutcome::Verified,
                    (_, true) => StepOutcome::Changed,
                    (_, false) => StepOutcome::Unchanged,
                };
                match outcome {
                    StepOutcome::Verified => self.counts.verified += 1,
                    StepOutcome::Changed => self.counts.changed += 1,
                    _ => self.counts.unchanged += 1,
                }
                self.facts.merge(&observation.facts);
                self.done.insert(step.clone());
                let (facts, notices) = (observation.facts, observation.notices);
                self.emit(EventKind::StepDone {
                    step,
                    outcome,
                    note,
                    facts,
                    notices,
                })
            }
            Ok(Ended::Left { observation }) => {
                self.counts.left += 1;
                // What would be is as good as what is for steps that only need to know.
                self.facts.merge(&observation.facts);
                self.done.insert(step.clone());
                self.emit(EventKind::StepDone {
                    step,
                    outcome: StepOutcome::Left,
                    note: "differs, and is left as it is in this run".into(),
                    facts: Facts::default(),
                    notices: observation.notices,
                })
            }
            Ok(Ended::Stopped) => Ok(()),
            Err(error) => {
                let summary = format!("`{step}`: {error}.");
                let outcome = outcome_of(error.kind);
                self.emit(EventKind::StepFailed { step, error })?;
                self.end(outcome, summary);
                Ok(())
            }
        }
    }

    // ---- words and small things ---------------------------------------------------------------

    fn summary(&self) -> String {
        let counts = &self.counts;
        let mut parts = Vec::new();
        if counts.changed > 0 {
            parts.push(format!("{} changed", counts.changed));
        }
        parts.push(format!("{} unchanged", counts.unchanged));
        if counts.verified > 0 {
            parts.push(format!("{} verified", counts.verified));
        }
        if counts.left > 0 {
            parts.push(format!("{} left as they are", counts.left));
        }
        if counts.not_checked > 0 {
            parts.push(format!("{} not checked", counts.not_checked));
        }
        let parts = parts.join(", ");
        if counts.changed == 0 {
            format!("Nothing had to be changed: {parts}.")
        } else {
            format!("Everything is in place: {parts}.")
        }
    }

    fn nothing_more(&self, opening: &str) -> String {
        if self.changed.is_empty() {
            format!("{opening}; nothing was changed.")
        } else {
            let steps = count(self.changed.len(), "step has", "steps have");
            format!(
                "{opening} after {steps} changed something; `rok-deploy resume` goes on from here."
            )
        }
    }

    fn tell_observed(&mut self, index: usize, observation: &Observation) -> Result<(), Halt> {
        let (note, changes, hints) = match &observation.finding {
            Finding::Satisfied { note } => (note.clone(), Vec::new(), Vec::new()),
            Finding::Differs { changes } => (String::new(), changes.clone(), Vec::new()),
            Finding::Pending { reason } => (reason.clone(), Vec::new(), Vec::new()),
            Finding::Conflict {
                reason,
                changes,
                hints,
            } => (reason.clone(), changes.clone(), hints.clone()),
        };
        self.emit(EventKind::StepObserved {
            step: self.id(index),
            finding: FindingKind::from(&observation.finding),
            note,
            changes,
            notices: observation.notices.clone(),
            hints,
            missing_rights: observation.missing_rights.clone(),
        })
    }

    fn id(&self, index: usize) -> String {
        self.entries[index].meta.id.into()
    }

    fn context(&self) -> Context {
        Context {
            run: self.options.run.clone(),
            acted: self.acted.clone(),
        }
    }

    fn outline(&self) -> Vec<TaskOutline> {
        let step = |step: &Arc<dyn Step>| {
            let meta = step.meta();
            StepOutline {
                id: meta.id.into(),
                title: meta.title.into(),
                phase: meta.phase,
            }
        };
        let task = |task: &super::recipe::Task| TaskOutline {
            name: task.name.into(),
            title: task.title.into(),
            mode: task.mode,
            steps: task.steps.iter().map(step).collect(),
        };
        self.recipe.tasks.iter().map(task).collect()
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
    future: impl Future<Output = Result<T, StepError>> + Send + 'static,
) -> (usize, Result<T, StepError>) {
    let mut task = AbortOnDrop(tokio::spawn(future));
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

fn refuse(asking: &mut VecDeque<Asking>) {
    for asking in asking.drain(..) {
        asking.may.send(false).ok();
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

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn list(names: &[String], one: &str, many: &str) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    format!(
        "{} {}",
        quoted.join(", "),
        if names.len() == 1 { one } else { many }
    )
}
