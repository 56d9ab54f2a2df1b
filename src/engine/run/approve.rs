//! Asking for an approval while nothing else goes on, and what is approved.

use super::{Halt, Run, stopped};
use crate::engine::change::Change;
use crate::engine::command::{Approval, Command, Scope};
use crate::engine::event::{EventKind, Outcome};
use crate::engine::plan::Planned;

impl Run {
    pub(super) async fn approve_plan(&mut self, changes: usize) -> Result<(), Halt> {
        if changes == 0 && self.touches(changes).next().is_none() {
            return Ok(());
        }
        // A run that stopped before anybody approved anything has no approval to reuse.
        let stored = self.options.earlier.is_some()
            && !(self.approved.is_empty() && self.acted.is_empty())
            && self.is_covered_by_approval();
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

    pub(super) fn is_approved(&self, id: &str, change: &Change) -> bool {
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

    pub(super) fn steps_in(&self, scope: &Scope) -> Vec<usize> {
        let included = |index: &usize| match scope {
            Scope::Plan => true,
            Scope::Task { task } => self.recipe.tasks[self.entries[*index].task].name == task,
            Scope::Step { step } => self.entries[*index].meta.id == step,
        };
        (0..self.entries.len()).filter(included).collect()
    }

    /// Asks, and waits for the answer; used where nothing else goes on meanwhile.
    pub(super) async fn ask(&mut self, scope: Scope, reason: Option<String>) -> Result<(), Halt> {
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
                    return self.note_approval(Scope::Plan);
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
}
