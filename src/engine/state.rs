//! What a reader makes of the events: a pure fold, shared by wizard, plain output and resume.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::{Chain, ChainKind};
use super::change::Change;
use super::choice::Choice;
use super::command::Scope;
use super::event::{
    Event, EventKind, FindingKind, HandOff, Outcome, ResolvedAnswer, RightView, StepOutcome,
};
use super::facts::Facts;
use super::failure::StepError;
use super::recipe::{Phase, TaskMode};

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepStatus {
    /// Nothing is known yet.
    Waiting,
    /// It looks at the world.
    Observing,
    /// It has looked.
    Observed(FindingKind),
    /// It is left out.
    NotChecked,
    /// It is changing the world. Left so by a crash: in doubt.
    Acting,
    /// It waits for the world to show it.
    Settling,
    /// It waits for a person: for a login, or for an administrator.
    Paused,
    /// It is done.
    Done(StepOutcome),
    /// It failed.
    Failed,
}

/// A step, as far as the events tell.
#[derive(Debug, Clone)]
pub struct StepView {
    /// The step's id.
    pub id: String,
    /// For a list.
    pub title: String,
    /// When in its task it runs.
    pub phase: Phase,
    /// Where it stands.
    pub status: StepStatus,
    /// What was compared, is waited for, or is in the way.
    pub note: String,
    /// What it would change, or has changed.
    pub changes: Vec<Change>,
    /// Things to notice.
    pub notices: Vec<String>,
    /// What to do about a conflict.
    pub hints: Vec<String>,
    /// Rights that the plan needs and the caller seems to lack.
    pub missing_rights: Vec<String>,
    /// Answers that settle a conflict.
    pub choices: Vec<Choice>,
    /// What is known of each right that the plan needs.
    pub rights: Vec<RightView>,
    /// What went wrong.
    pub error: Option<StepError>,
    /// When it began to look or act last.
    pub started: Option<jiff::Timestamp>,
    /// When it was done or failed.
    pub ended: Option<jiff::Timestamp>,
}

/// A task, as far as the events tell.
#[derive(Debug, Clone)]
pub struct TaskView {
    /// The symbolic name.
    pub name: String,
    /// For a list.
    pub title: String,
    /// How it takes part.
    pub mode: TaskMode,
    /// The chain that its verification proves.
    pub proves: Option<ChainKind>,
    /// Its steps, in order.
    pub steps: Vec<StepView>,
    /// Whether it is done and verified.
    pub finished: bool,
}

/// A run, as far as the events tell.
#[derive(Debug, Clone, Default)]
pub struct RunState {
    /// The run's id.
    pub run: String,
    /// The recipe's name.
    pub recipe: String,
    /// The version of the program that worked on it last.
    pub tool_version: String,
    /// Whether this is the practice cloud.
    pub practice: bool,
    /// The answers.
    pub answers: Vec<ResolvedAnswer>,
    /// The tasks, in order.
    pub tasks: Vec<TaskView>,
    /// The plan's number of changes and fingerprint, once it is ready.
    pub plan: Option<(usize, String)>,
    /// What verifications may write.
    pub touches: Vec<String>,
    /// What the run waits for somebody to approve, and why it asks again.
    pub awaiting: Option<(Scope, Option<String>)>,
    /// The fingerprint that was approved last.
    pub approved: Option<String>,
    /// Everything that was approved, by step.
    pub approved_changes: BTreeMap<String, Vec<Change>>,
    /// Steps that acted, in any process.
    pub acted: BTreeSet<String>,
    /// Whether an administrator was asked to make what the caller may not, in any process.
    pub handed_off: bool,
    /// What the administrator needs, as it was written down last.
    pub handoff: Option<HandOff>,
    /// How far the chain was proven, as the last step that tried found it.
    pub chain: Option<Chain>,
    /// Facts that done steps gave.
    pub facts: Facts,
    /// What belongs to no step.
    pub warnings: Vec<String>,
    /// Whether somebody asked to stop, and whether at once.
    pub stopping: Option<bool>,
    /// How it ended, its closing sentence, and what comes next.
    pub finished: Option<(Outcome, String, Vec<String>)>,
    /// When the first and the last event happened.
    pub span: Option<(jiff::Timestamp, jiff::Timestamp)>,
    /// The last event's number.
    pub seq: u64,
}

impl RunState {
    /// Folds all events.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut state = Self::default();
        for event in events {
            state.update(event);
        }
        state
    }

    /// Takes in one event.
    pub fn update(&mut self, event: &Event) {
        self.seq = event.seq;
        self.span = Some((self.span.map_or(event.at, |(first, _)| first), event.at));
        match &event.event {
            EventKind::RunStarted {
                run,
                recipe,
                tool_version,
                practice,
                tasks,
                ..
            } => {
                self.run.clone_from(run);
                self.recipe.clone_from(recipe);
                self.tool_version.clone_from(tool_version);
                self.practice = *practice;
                self.tasks = tasks.iter().map(TaskView::from).collect();
                (self.plan, self.awaiting, self.stopping, self.finished) = (None, None, None, None);
                (self.chain, self.warnings) = (None, Vec::new());
            }
            EventKind::AnswersResolved { answers } => self.answers.clone_from(answers),
            EventKind::StepObserving { step } => {
                self.step(step, |view| {
                    view.status = StepStatus::Observing;
                    view.started = Some(event.at);
                });
            }
            EventKind::StepObserved {
                step,
                finding,
                note,
                changes,
                notices,
                hints,
                missing_rights,
                choices,
                rights,
            } => {
                self.step(step, |view| {
                    view.status = StepStatus::Observed(*finding);
                    view.note.clone_from(note);
                    view.changes.clone_from(changes);
                    view.notices.clone_from(notices);
                    view.hints.clone_from(hints);
                    view.missing_rights.clone_from(missing_rights);
                    view.choices.clone_from(choices);
                    view.rights.clone_from(rights);
                    view.ended = Some(event.at);
                });
            }
            EventKind::StepNotChecked { step, reason } => self.step(step, |view| {
                view.status = StepStatus::NotChecked;
                view.note.clone_from(reason);
            }),
            EventKind::PlanReady {
                changes,
                fingerprint,
                touches,
            } => {
                self.plan = Some((*changes, fingerprint.clone()));
                self.touches.clone_from(touches);
            }
            EventKind::ApprovalNeeded { scope, reason, .. } => {
                self.awaiting = Some((scope.clone(), reason.clone()));
            }
            EventKind::Approved {
                scope, fingerprint, ..
            } => {
                self.awaiting = None;
                self.approved = Some(fingerprint.clone());
                self.approve(scope);
            }
            EventKind::Declined { .. } => self.awaiting = None,
            EventKind::TaskStarted { .. } => {}
            EventKind::StepActing { step, changes } => {
                self.acted.insert(step.clone());
                // Nothing acts that was not approved: a resumed run need not ask again.
                let approved = self.approved_changes.entry(step.clone()).or_default();
                approved.extend(changes.iter().cloned());
                self.step(step, |view| {
                    view.status = StepStatus::Acting;
                    view.changes.clone_from(changes);
                    view.started = Some(event.at);
                    view.ended = None;
                });
            }
            EventKind::StepActed { step } => {
                self.step(step, |view| view.status = StepStatus::Settling);
            }
            EventKind::StepSettling { step, reason, .. } => self.step(step, |view| {
                view.status = StepStatus::Settling;
                view.note.clone_from(reason);
            }),
            EventKind::StepPaused {
                step,
                error,
                handoff,
                ..
            } => {
                self.hand_off(handoff.as_ref());
                self.step(step, |view| {
                    view.status = StepStatus::Paused;
                    view.note.clone_from(&error.message);
                    // What an administrator needs comes before what the refusal alone suggests.
                    view.hints = handoff
                        .as_ref()
                        .map_or_else(Vec::new, |it| it.hints.clone());
                    view.hints.extend(error.hints.iter().cloned());
                });
            }
            EventKind::StepWentOn { step, .. } => self.step(step, |view| {
                view.status = StepStatus::Observing;
                view.note.clear();
                view.hints.clear();
            }),
            EventKind::StepDone {
                step,
                outcome,
                note,
                facts,
                notices,
                chain,
            } => {
                self.facts.merge(facts);
                self.learn_chain(chain.as_ref());
                self.step(step, |view| {
                    view.status = StepStatus::Done(*outcome);
                    view.note.clone_from(note);
                    view.notices.clone_from(notices);
                    view.ended = Some(event.at);
                });
            }
            EventKind::StepFailed { step, error } => {
                self.learn_chain(error.chain.as_deref());
                self.step(step, |view| {
                    view.status = StepStatus::Failed;
                    view.note.clone_from(&error.message);
                    view.error = Some(error.clone());
                    view.ended = Some(event.at);
                });
            }
            EventKind::TaskFinished { task } => {
                if let Some(view) = self.tasks.iter_mut().find(|view| view.name == *task) {
                    view.finished = true;
                }
            }
            EventKind::Warning { text } => self.warnings.push(text.clone()),
            EventKind::StopRequested { now, .. } => self.stopping = Some(*now),
            EventKind::RunFinished {
                outcome,
                summary,
                next,
                handoff,
            } => {
                self.awaiting = None;
                self.hand_off(handoff.as_ref());
                self.handed_off |= *outcome == Outcome::Permission;
                self.finished = Some((*outcome, summary.clone(), next.clone()));
            }
        }
    }

    /// Iterates over all steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &StepView> {
        self.tasks.iter().flat_map(|task| &task.steps)
    }

    /// Returns the step of that id.
    pub fn find(&self, id: &str) -> Option<&StepView> {
        self.steps().find(|view| view.id == id)
    }

    /// Returns the first failed step.
    pub fn failure(&self) -> Option<&StepView> {
        self.steps().find(|view| view.error.is_some())
    }

    /// Returns steps that were about to act when the last process ended: nobody knows whether
    /// they did.
    pub fn in_doubt(&self) -> impl Iterator<Item = &StepView> {
        self.steps().filter(|view| match view.status {
            StepStatus::Acting | StepStatus::Settling => true,
            StepStatus::Paused => self.acted.contains(&view.id),
            _ => false,
        })
    }

    /// Whether a process may go on with the run.
    pub fn is_unfinished(&self) -> bool {
        self.finished
            .as_ref()
            .is_none_or(|(outcome, ..)| outcome.is_unfinished())
    }

    /// Whether going on is worth an offer. A plan that was declined, or could not be made of its
    /// answers, has nothing to go on with: it is made anew.
    pub fn is_worth_resuming(&self) -> bool {
        let ended = self.finished.as_ref().map(|(outcome, ..)| *outcome);
        let moot = matches!(ended, Some(Outcome::Declined | Outcome::Answers));
        self.is_unfinished() && !(moot && self.acted.is_empty())
    }

    fn hand_off(&mut self, handoff: Option<&HandOff>) {
        if let Some(handoff) = handoff {
            self.handed_off = true;
            self.handoff = Some(handoff.clone());
        }
    }

    fn learn_chain(&mut self, chain: Option<&Chain>) {
        if let Some(chain) = chain {
            self.chain = Some(chain.clone());
        }
    }

    fn approve(&mut self, scope: &Scope) {
        for task in &self.tasks {
            for step in &task.steps {
                let included = match scope {
                    Scope::Plan => true,
                    Scope::Task { task: name } => task.name == *name,
                    Scope::Step { step: id } => step.id == *id,
                };
                if !included {
                    continue;
                }
                // A plan without changes is approved too: for what its proofs may touch.
                let approved = self.approved_changes.entry(step.id.clone()).or_default();
                if !step.changes.is_empty() {
                    approved.clone_from(&step.changes);
                }
            }
        }
    }

    fn step(&mut self, id: &str, change: impl FnOnce(&mut StepView)) {
        let steps = self.tasks.iter_mut().flat_map(|task| &mut task.steps);
        if let Some(view) = steps.into_iter().find(|view| view.id == id) {
            change(view);
        }
    }
}

impl From<&super::event::TaskOutline> for TaskView {
    fn from(outline: &super::event::TaskOutline) -> Self {
        let steps = outline.steps.iter().map(|step| StepView {
            id: step.id.clone(),
            title: step.title.clone(),
            phase: step.phase,
            status: StepStatus::Waiting,
            note: String::new(),
            changes: Vec::new(),
            notices: Vec::new(),
            hints: Vec::new(),
            missing_rights: Vec::new(),
            choices: Vec::new(),
            rights: Vec::new(),
            error: None,
            started: None,
            ended: None,
        });
        Self {
            name: outline.name.clone(),
            title: outline.title.clone(),
            mode: outline.mode,
            proves: outline.proves,
            steps: steps.collect(),
            finished: false,
        }
    }
}
