//! The first look at everything, and the plan it makes.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::words::list;
use super::{Entry, Halt, Run, guarded, outcome_of, stopped};
use crate::engine::command::Command;
use crate::engine::event::{EventKind, FindingKind, Outcome};
use crate::engine::facts::Facts;
use crate::engine::failure::StepError;
use crate::engine::plan::{self, Planned};
use crate::engine::ports::Clock;
use crate::engine::recipe::{Phase, TaskMode};
use crate::engine::step::{Context, Finding, Observation, Step, When};

/// How often a step looks while planning before a failure in passing counts.
const LOOKS: u32 = 4;

impl Run {
    pub(super) async fn observe(&mut self) -> Result<(), Halt> {
        let mut foreseen = Facts::default();
        let mut waiting: BTreeSet<usize> = BTreeSet::new();
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            if let Some(reason) = self.recipe.left_out.get(entry.meta.id).cloned() {
                self.leave_out(index, reason)?;
            } else if entry.meta.phase == Phase::Verify && !self.is_guard(index) {
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
                let clock = Arc::clone(&self.clock);
                let id = self.entries[index].meta.id;
                running.spawn(guarded(index, id, async move {
                    let seen = look(&*step, &facts, &context, &*clock).await?;
                    Ok((seen, facts))
                }));
            }
            if running.is_empty() {
                break;
            }
            tokio::select! {
                Some(joined) = running.join_next() => {
                    let Ok((index, result)) = joined else { continue };
                    match result {
                        Ok((observation, known)) => {
                            self.planned_with.insert(self.id(index), (self.clock.now(), known));
                            foreseen.merge(&observation.facts);
                            self.tell_observed(index, &observation)?;
                            self.planned.insert(self.id(index), Planned::Observed(observation));
                        }
                        Err(error) => {
                            self.note_refusal(index, error.kind);
                            if self.goes_on() && !self.is_guard(index) {
                                self.failed.insert(self.id(index), error.kind);
                            }
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
        if let Some(reason) = self.missing_for_good(index) {
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
            choices: Vec::new(),
            rights: Vec::new(),
        })?;
        self.planned
            .insert(self.id(index), Planned::Later { needs });
        Ok(())
    }

    pub(super) fn leave_out(&mut self, index: usize, reason: String) -> Result<(), Halt> {
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

    /// Why a fact that the step needs will never be known, if so.
    pub(super) fn missing_for_good(&self, index: usize) -> Option<String> {
        let meta = &self.entries[index].meta;
        meta.needs
            .iter()
            .filter(|name| !self.facts.has(name))
            .find_map(|name| {
                let giver = self
                    .entries
                    .iter()
                    .find(|entry| entry.meta.gives.contains(name))?;
                let id = giver.meta.id;
                if self.failed.contains_key(id) {
                    return Some(format!("needs what `{id}` finds, which failed"));
                }
                let planned = self.planned.get(id)?;
                matches!(planned, Planned::NotChecked { .. })
                    .then(|| format!("needs what `{id}` finds, which is left out"))
            })
    }

    /// Whether differences of this step are changes of this run.
    pub(super) fn counts_as_change(&self, entry: &Entry) -> bool {
        entry.mode == TaskMode::Run
            && entry.meta.when != When::BeforeWrites
            && self.options.only.includes(entry.meta.phase)
    }

    /// Returns how many changes the plan holds.
    pub(super) fn planned_changes(&self) -> usize {
        self.entries
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
            .sum()
    }

    pub(super) fn conclude_plan(&mut self) -> Result<usize, Halt> {
        let changes = self.planned_changes();
        // Who else is at work is no part of what is approved.
        let entries = self.entries.iter().map(|entry| &entry.meta);
        let guards: BTreeSet<_> = entries
            .filter(|meta| meta.when == When::BeforeWrites)
            .map(|meta| meta.id)
            .collect();
        let planned = self.planned.iter();
        self.fingerprint =
            plan::fingerprint(planned.filter(|(id, _)| !guards.contains(id.as_str())));
        let touches = self.touches(changes).map(str::to_owned).collect();
        let fingerprint = self.fingerprint.clone();
        self.emit(EventKind::PlanReady {
            changes,
            fingerprint,
            touches,
        })?;
        Ok(changes)
    }

    /// What verifications of this run may write.
    pub(super) fn touches(&self, changes: usize) -> impl Iterator<Item = &'static str> {
        self.entries
            .iter()
            .filter(|entry| !self.done.contains(entry.meta.id))
            .filter(|entry| self.options.only.includes(entry.meta.phase))
            .filter(move |entry| changes > 0 || !self.is_spared(entry))
            .filter_map(|entry| entry.meta.touches)
    }

    /// What keeps the plan from being carried out, the gravest first.
    pub(super) fn obstacle(&self, changes: usize) -> Option<(Outcome, String)> {
        if self.goes_on() {
            return None;
        }
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
            // What differs is told where the step is; here one line is enough.
            let reason = reason.lines().next().unwrap_or_default();
            let reason = reason.trim_end_matches(':');
            let text = format!("`{}`: {reason}; nothing was changed.", entry.meta.id);
            return Some((Outcome::Conflict, text));
        }
        // A right that seems to be missing stops a plan, but never a run: only the act itself
        // is a proof. A plan without changes needs no right.
        let missing = self
            .entries
            .iter()
            .find_map(|entry| match self.planned.get(entry.meta.id) {
                Some(Planned::Observed(seen)) if !seen.missing_rights.is_empty() => Some(seen),
                _ => None,
            });
        let matters = self.options.plan_only && changes > 0;
        missing.filter(|_| matters).map(|seen| {
            let rights = list(&seen.missing_rights, "seems", "seem");
            (
                Outcome::Permission,
                format!("{rights} to be missing; nothing was changed."),
            )
        })
    }
}

/// Looks; what fails in passing is tried again, a few times.
async fn look(
    step: &dyn Step,
    facts: &Facts,
    context: &Context,
    clock: &dyn Clock,
) -> Result<Observation, StepError> {
    let settle = step.meta().settle;
    for attempt in 1..LOOKS {
        match step.check(facts, context).await {
            Err(error) if error.retry => clock.sleep(settle.pause(attempt)).await,
            result => return result,
        }
    }
    step.check(facts, context).await
}
