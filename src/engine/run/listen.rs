//! What the loop hears while steps work: their messages, the operator's commands, their ends.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Asking, Closing, FRESH, Halt, Run, Workers, outcome_of, stopped};
use crate::engine::command::{Approval, Command, Scope};
use crate::engine::event::{EventKind, Outcome, StepOutcome};
use crate::engine::facts::Facts;
use crate::engine::failure::StepError;
use crate::engine::plan::Planned;
use crate::engine::recipe::Phase;
use crate::engine::step::{Finding, Observation, When};
use crate::engine::worker::{Ended, May, Message};

impl Run {
    pub(super) fn hear(
        &mut self,
        message: Message,
        asking: &mut VecDeque<Asking>,
    ) -> Result<(), Halt> {
        match message {
            Message::Observing(index) => self.emit(EventKind::StepObserving {
                step: self.id(index),
            }),
            Message::Observed(index, observation) => self.tell_observed(index, &observation),
            // What is taken for the run and given back is no change of the world.
            Message::Acted(index) if self.is_guard(index) => Ok(()),
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
            } => {
                self.outdated |= self.is_guard(index);
                self.emit(EventKind::StepSettling {
                    step: self.id(index),
                    reason,
                    attempt,
                    waited_ms: millis(waited),
                    limit_ms: millis(limit),
                })
            }
            Message::Paused {
                index,
                error,
                limit,
            } => self.emit(EventKind::StepPaused {
                step: self.id(index),
                error,
                limit_ms: millis(limit),
            }),
            Message::WentOn(index, paused) => self.emit(EventKind::StepWentOn {
                step: self.id(index),
                paused_ms: millis(paused),
            }),
            Message::Asks {
                index,
                changes,
                may,
            } => {
                let cleans_up = self.entries[index].meta.when == When::AtLast;
                if self.ending.is_some() && !cleans_up {
                    may.send(May::Stop).ok();
                    return Ok(());
                }
                if self.is_guard(index) {
                    may.send(May::Act).ok();
                    return Ok(());
                }
                let asks = Asking {
                    index,
                    changes,
                    may,
                    since: self.clock.now(),
                };
                let (id, changes) = (self.id(index), &asks.changes);
                let proof = self.entries[index].meta.phase == Phase::Verify;
                let approved = self.everything_approved
                    || cleans_up
                    || (proof && self.options.approval != Approval::Step)
                    || changes.iter().all(|change| self.is_approved(&id, change));
                if approved {
                    return self.let_act(asks);
                }
                asking.push_back(asks);
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

    /// Lets an approved step act; one that waited long for its approval looks again before.
    fn let_act(&mut self, asking: Asking) -> Result<(), Halt> {
        let step = self.id(asking.index);
        self.approved
            .entry(step.clone())
            .or_default()
            .extend(asking.changes.clone());
        if self.age(asking.since) >= FRESH {
            asking.may.send(May::LookAgain).ok();
            return Ok(());
        }
        self.acted.insert(step.clone());
        // On disk before the act.
        self.emit(EventKind::StepActing {
            step,
            changes: asking.changes,
        })?;
        asking.may.send(May::Act).ok();
        Ok(())
    }

    pub(super) fn obey(
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
                    self.end(Outcome::Declined, Closing::Opening("Not approved"));
                }
            }
            Command::Cancel(signal) => {
                let now = self.stop_requested;
                self.stop_requested = true;
                self.emit(EventKind::StopRequested { signal, now })?;
                if now {
                    self.stopped_at_once = true;
                    running.abort_all();
                    let summary = "Stopped at once; a step is in doubt and is looked at first when the run is resumed.";
                    self.ending = Some((stopped(signal), Closing::Sentence(summary.into())));
                } else {
                    self.end(stopped(signal), Closing::Opening("Stopped"));
                }
            }
        }
        Ok(())
    }

    /// Starts nothing more: waiting ends, whoever asks is told no, an act under way is finished.
    fn end(&mut self, outcome: Outcome, closing: Closing) {
        self.ending.get_or_insert((outcome, closing));
        self.stop.cancel();
    }

    pub(super) fn end_of(
        &mut self,
        index: usize,
        result: Result<Ended, StepError>,
    ) -> Result<(), Halt> {
        let step = self.id(index);
        let phase = self.entries[index].meta.phase;
        // Without what every act depends on there is nothing to go on with.
        let goes_on = self.goes_on() && !self.is_guard(index);
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
                self.next.extend(observation.next);
                self.done.insert(step.clone());
                let (facts, notices) = (observation.facts, observation.notices);
                self.emit(EventKind::StepDone {
                    step,
                    outcome,
                    note,
                    facts,
                    notices,
                    chain: observation.chain,
                })?;
                for text in observation.warnings {
                    self.emit(EventKind::Warning { text })?;
                }
                Ok(())
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
                    chain: observation.chain,
                })
            }
            Ok(Ended::Stopped) => Ok(()),
            Err(error) => {
                let summary = format!("`{step}`: {error}.");
                let kind = error.kind;
                self.emit(EventKind::StepFailed {
                    step: step.clone(),
                    error,
                })?;
                if goes_on {
                    // What should be is as good as what is for checks that only need to know.
                    if let Some(Planned::Observed(seen)) = self.planned.get(&step) {
                        self.facts.merge(&seen.facts);
                    }
                    self.failed.insert(step, kind);
                    return Ok(());
                }
                let outcome = outcome_of(kind);
                self.end(outcome, Closing::Sentence(summary));
                Ok(())
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
