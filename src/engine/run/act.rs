//! One task at work: which step may start, and what it starts with.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::words::list;
use super::{Asking, Closing, Entry, FRESH, Halt, PATIENCE, Run, Workers, guarded};
use crate::engine::command::{Approval, Command, Scope};
use crate::engine::event::EventKind;
use crate::engine::failure::StepError;
use crate::engine::plan::Planned;
use crate::engine::recipe::{Only, Phase, TaskMode};
use crate::engine::step::{Finding, Observation, When};
use crate::engine::worker::{self, Differing, Ended, Job, May, Message};

impl Run {
    pub(super) async fn act(&mut self, task: usize) -> Result<(), Halt> {
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
                self.entries[*index].task == task && !self.is_settled(self.entries[*index].meta.id)
            })
            .collect();
        let (sender, mut messages) = mpsc::unbounded_channel();
        let mut running: Workers = JoinSet::new();
        let mut asking: VecDeque<Asking> = VecDeque::new();
        let mut is_heard = true;
        let mut cleaning = false;
        loop {
            if !is_heard {
                // Nobody is left who could approve.
                self.obey(Command::Decline, &mut asking, &mut running)?;
            }
            self.start_ready(&mut pending, &mut running, &sender)?;
            if self.ending.is_some() {
                refuse(&mut asking);
            }
            self.hand_over_at_rest(&running).await?;
            if running.is_empty() {
                if self.ending.is_some() && !cleaning {
                    cleaning = true;
                    self.clean_up(task, &mut pending, &mut running, &sender);
                    continue;
                }
                if pending.is_empty() || self.ending.is_some() {
                    break;
                }
                self.resolve_deadlock(&mut pending)?;
                continue;
            }
            tokio::select! {
                // Who asked to stop is heard before who asks to act, and a worker's messages come
                // before its end.
                biased;
                command = self.commands.recv(), if is_heard => match command {
                    Some(command) => self.obey(command, &mut asking, &mut running)?,
                    None => is_heard = false,
                },
                Some(message) = messages.recv() => self.hear(message, &mut asking)?,
                Some(joined) = running.join_next() => {
                    // On another thread a worker may have spoken and ended since its messages were
                    // looked at.
                    while let Ok(message) = messages.try_recv() {
                        self.hear(message, &mut asking)?;
                    }
                    if let Ok((index, result)) = joined {
                        self.end_of(index, result)?;
                    }
                }
            }
        }
        match self.ending.take() {
            Some((outcome, Closing::Sentence(summary))) => Err(Halt::Ended(outcome, summary)),
            Some((outcome, Closing::Opening(opening))) => {
                Err(Halt::Ended(outcome, self.nothing_more(opening)))
            }
            None if self.has_failed(task) => Ok(()),
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
            if let Some(reason) = self.not_in_this_run(index) {
                self.leave_out(index, reason.into())?;
                continue;
            }
            self.outdated |= self.is_guard(index) && self.was_taken(index);
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
            let job = self.job(index, seen, self.stop.clone(), sender);
            let id = self.entries[index].meta.id;
            running.spawn(guarded(index, id, worker::work(job)));
        }
        Ok(())
    }

    /// Starts the clean-up of a task that ends before its time, where proofs have written
    /// something. Whoever asked to stop at once is obeyed: the next run cleans up.
    fn clean_up(
        &mut self,
        task: usize,
        pending: &mut BTreeSet<usize>,
        running: &mut Workers,
        sender: &mpsc::UnboundedSender<Message>,
    ) {
        if self.stopped_at_once || !self.proofs_wrote(task) {
            return;
        }
        let at_last = |index: &usize| {
            let meta = &self.entries[*index].meta;
            let known = meta.needs.iter().all(|name| self.facts.has(name));
            meta.when == When::AtLast && known && self.not_in_this_run(*index).is_none()
        };
        for index in pending.clone().into_iter().filter(at_last) {
            pending.remove(&index);
            // The run has stopped waiting for the world; the clean-up may still wait.
            let job = self.job(index, None, CancellationToken::new(), sender);
            let id = self.entries[index].meta.id;
            running.spawn(guarded(index, id, worker::work(job)));
        }
    }

    fn proofs_wrote(&self, task: usize) -> bool {
        self.entries.iter().any(|entry| {
            entry.task == task
                && entry.meta.phase == Phase::Verify
                && self.acted.contains(entry.meta.id)
        })
    }

    fn job(
        &self,
        index: usize,
        seen: Option<Observation>,
        stop: CancellationToken,
        messages: &mpsc::UnboundedSender<Message>,
    ) -> Job {
        let entry = &self.entries[index];
        let mut settle = entry.meta.settle;
        settle.limit = self.options.wait.unwrap_or(settle.limit);
        Job {
            index,
            step: Arc::clone(&entry.step),
            phase: entry.meta.phase,
            facts: self.facts.clone(),
            context: self.context(),
            seen,
            settle,
            patience: self.options.wait.unwrap_or(PATIENCE),
            differing: self.differing(entry),
            guards: self.guards(index),
            clock: Arc::clone(&self.clock),
            stop,
            messages: messages.clone(),
        }
    }

    /// Why the step is left out now that its turn has come, if so.
    fn not_in_this_run(&self, index: usize) -> Option<&'static str> {
        let entry = &self.entries[index];
        let proof = entry.meta.phase == Phase::Verify;
        if self.is_guard(index) {
            (!self.will_write()).then_some("nothing is to be written")
        } else if proof && !self.options.only.includes(Phase::Verify) {
            Some("verification is left out of this run")
        } else if proof && !self.is_within(entry.task) {
            Some("belongs to a task that is not verified in this run")
        } else if self.is_spared(entry) {
            Some("nothing was changed; `rok-deploy verify` proves it again")
        } else {
            None
        }
    }

    fn has_failed(&self, task: usize) -> bool {
        let steps = self.entries.iter().filter(|entry| entry.task == task);
        steps
            .into_iter()
            .any(|entry| self.failed.contains_key(entry.meta.id))
    }

    fn is_ready(&self, index: usize, pending: &BTreeSet<usize>, running: &Workers) -> bool {
        let meta = &self.entries[index].meta;
        let known = |id: &&&str| self.entries.iter().any(|entry| entry.meta.id == **id);
        let facts = meta.needs.iter().all(|name| self.facts.has(name));
        let after = meta
            .after
            .iter()
            .filter(known)
            .all(|id| self.is_settled(id));
        let guard = self.is_guard(index);
        let task = self.entries[index].task;
        let kept = guard
            || meta.phase == Phase::Observe
            || self.entries.iter().enumerate().all(|(place, other)| {
                !self.is_guard(place) || other.task > task || self.is_settled(other.meta.id)
            });
        let proven_last = guard
            || meta.phase != Phase::Verify
            || (pending
                .iter()
                .all(|other| self.entries[*other].meta.phase == Phase::Verify)
                && self.is_quiet_but_for_proofs(index, running));
        let at_last = |other: &usize| self.entries[*other].meta.when == When::AtLast;
        let cleaned_last = !at_last(&index) || (running.is_empty() && pending.iter().all(at_last));
        facts && after && kept && proven_last && cleaned_last
    }

    /// Whether all steps of the task that are not verifications are done.
    fn is_quiet_but_for_proofs(&self, index: usize, running: &Workers) -> bool {
        running.is_empty()
            || self.entries.iter().all(|entry| {
                entry.task != self.entries[index].task
                    || entry.meta.phase == Phase::Verify
                    || self.is_settled(entry.meta.id)
            })
    }

    /// Whether somebody else had, while planning, what the step takes.
    fn was_taken(&self, index: usize) -> bool {
        let planned = self.planned.get(self.entries[index].meta.id);
        planned.is_some_and(Planned::is_pending)
    }

    /// Whether the run will write something, as far as can be told when its plan is approved.
    fn will_write(&self) -> bool {
        let changes = self.planned_changes();
        let open = |entry: &Entry| {
            let planned = self.planned.get(entry.meta.id);
            self.counts_as_change(entry) && planned.is_some_and(Planned::is_pending)
        };
        // An earlier process may have left taken what this one would not need: it is given back.
        let resumed = self.options.earlier.is_some();
        resumed
            || changes > 0
            || self.touches(changes).next().is_some()
            || self.entries.iter().any(open)
    }

    /// Returns what planning saw, when nothing that matters to it has changed since.
    fn still_seen(&self, index: usize) -> Option<Observation> {
        let meta = &self.entries[index].meta;
        if self.outdated || self.is_guard(index) {
            return None;
        }
        let Some(Planned::Observed(observation)) = self.planned.get(meta.id) else {
            return None;
        };
        let (at, foreseen) = self.planned_with.get(meta.id)?;
        let as_foreseen = meta
            .needs
            .iter()
            .all(|name| self.facts.value(name) == foreseen.value(name));
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
        (as_foreseen && !moved && self.age(*at) < FRESH).then(|| observation.clone())
    }

    fn differing(&self, entry: &Entry) -> Differing {
        if entry.meta.phase == Phase::Verify {
            Differing::Apply
        } else if !self.is_within(entry.task) {
            Differing::Leave
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
            if let Some(reason) = self.missing_for_good(index) {
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
        let text = if missing.is_empty() {
            "cannot start: it waits for a step that waits for it".to_owned()
        } else {
            format!("cannot start: {} not known", list(&missing, "is", "are"))
        };
        self.end_of(index, Err(StepError::failed(text)))
    }
}

fn refuse(asking: &mut VecDeque<Asking>) {
    for asking in asking.drain(..) {
        asking.may.send(May::Stop).ok();
    }
}
