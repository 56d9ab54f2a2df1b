//! One step at work: look, ask, act, look again until it is so.
//!
//! This is the only place that waits for the world and the only one that retries.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::change::Change;
use super::event::HandOff;
use super::facts::Facts;
use super::failure::{ErrorKind, StepError};
use super::ports::Clock;
use super::recipe::Phase;
use super::step::{Context, Finding, Observation, Settle, Step};

/// How often the world is looked at, at least, before it counts as not coming.
const LOOKS: u32 = 3;
/// How often a paused step tries whether the operator has logged in again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

const WAIT_LONGER: &str = "`--wait DURATION` waits longer, e.g. `--wait 10m`";

/// What a worker needs to bring its step to an end.
pub(super) struct Job {
    /// The step's place in the run.
    pub(super) index: usize,
    pub(super) step: Arc<dyn Step>,
    pub(super) phase: Phase,
    pub(super) facts: Facts,
    pub(super) context: Context,
    /// What planning saw, when that still counts.
    pub(super) seen: Option<Observation>,
    pub(super) settle: Settle,
    /// How long it waits for an operator whose login has ended.
    pub(super) patience: Duration,
    pub(super) differing: Differing,
    /// Steps that took something which every act depends on.
    pub(super) guards: Vec<Arc<dyn Step>>,
    pub(super) clock: Arc<dyn Clock>,
    /// Ends all waiting.
    pub(super) stop: CancellationToken,
    pub(super) messages: mpsc::UnboundedSender<Message>,
}

/// What to do about a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Differing {
    /// Make it so.
    Apply,
    /// Leave it: its phase does not act in this run.
    Leave,
    /// Fail: it was said to exist already.
    Fail,
}

/// What a worker says on its way.
pub(super) enum Message {
    /// It looks.
    Observing(usize),
    /// It has looked.
    Observed(usize, Observation),
    /// It would act now. The answer says whether it may.
    Asks {
        index: usize,
        changes: Vec<Change>,
        may: oneshot::Sender<May>,
    },
    /// It has acted.
    Acted(usize),
    /// It waits.
    Settling {
        index: usize,
        reason: String,
        attempt: u32,
        waited: Duration,
        limit: Duration,
    },
    /// Its act was refused for want of a right. The answer says whether somebody was asked who has
    /// it, and how long to wait.
    Refused {
        index: usize,
        asked: oneshot::Sender<Option<Asked>>,
    },
    /// It waits for a person; without limit, until stopped.
    Paused {
        index: usize,
        error: StepError,
        limit: Option<Duration>,
        handoff: Option<HandOff>,
    },
    /// The person has done what was waited for.
    WentOn(usize, Duration),
}

/// An administrator was asked to make what the caller may not.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// What was written down.
    pub(super) handoff: HandOff,
    /// How long to wait for it; without one, until stopped.
    pub(super) patience: Option<Duration>,
}

/// The answer to a worker that would act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// It acts.
    Act,
    /// The answer took so long that the world may have moved: it looks, and asks again.
    LookAgain,
    /// It stops.
    Stop,
}

/// How a worker ended.
pub(super) enum Ended {
    /// The step is satisfied.
    Satisfied {
        observation: Observation,
        acted: bool,
    },
    /// It differs and is left so.
    Left { observation: Observation },
    /// It was told not to go on.
    Stopped,
}

/// Brings one step to an end.
pub(super) async fn work(mut job: Job) -> Result<Ended, StepError> {
    let mut acted = false;
    let mut refusal: Option<StepError> = None;
    let mut attempt = 0;
    // When the world began to take its time; a person's time to approve is not the world's.
    let mut started = job.clock.now();
    let mut observation = match job.seen.clone() {
        Some(observation) => observation,
        None => match job.logged_in(job.look().await, acted).await? {
            Some(observation) => observation,
            None => return Ok(Ended::Stopped),
        },
    };
    loop {
        let seen = match &observation.finding {
            Finding::Satisfied { .. } => {
                if refusal.is_some() {
                    // The answer was lost, the act was not.
                    acted = true;
                    job.say(Message::Acted(job.index));
                }
                return Ok(Ended::Satisfied { observation, acted });
            }
            Finding::Conflict { reason, hints, .. } => {
                let mut error = StepError::new(ErrorKind::Conflict, reason.clone());
                error.hints.clone_from(hints);
                return Err(error);
            }
            Finding::Pending { reason } => reason.clone(),
            Finding::Differs { changes } => {
                match job.differing {
                    Differing::Leave => return Ok(Ended::Left { observation }),
                    Differing::Fail => return Err(differs(changes)),
                    Differing::Apply => {}
                }
                if !acted {
                    let asked = job.clock.now();
                    let may = job.may_act(changes).await;
                    started += job.clock.now().duration_since(asked);
                    match may {
                        May::Act => {}
                        May::LookAgain => {
                            let looked = job.logged_in(job.look().await, acted).await?;
                            let Some(looked) = looked else {
                                return Ok(Ended::Stopped);
                            };
                            observation = looked;
                            continue;
                        }
                        May::Stop => return Ok(Ended::Stopped),
                    }
                    match job.act().await {
                        Ok(()) => {
                            acted = true;
                            refusal = None;
                            started = job.clock.now();
                            job.say(Message::Acted(job.index));
                            let asked = job.clock.now();
                            let looked = job.logged_in(job.look_quietly().await, acted).await?;
                            let Some(looked) = looked else {
                                return Ok(Ended::Stopped);
                            };
                            started += job.clock.now().duration_since(asked);
                            observation = looked;
                            continue;
                        }
                        // The world refused in a way that may pass: look first, since an answer
                        // that was lost may have been a yes.
                        Err(error) if error.retry => refusal = Some(error),
                        Err(error) => {
                            // What the refused act has done meanwhile shows in the next look.
                            let changes = changes.clone();
                            let looked = match error.kind {
                                ErrorKind::Permission => {
                                    job.made_by_others(error, &changes).await?
                                }
                                _ => job.logged_in(Err(error), acted).await?,
                            };
                            let Some(looked) = looked else {
                                return Ok(Ended::Stopped);
                            };
                            observation = looked;
                            continue;
                        }
                    }
                }
                let first = changes.first().map(Change::sentence).unwrap_or_default();
                refusal
                    .as_ref()
                    .map_or(first, |error| error.message.clone())
            }
        };
        attempt += 1;
        let waited =
            Duration::try_from(job.clock.now().duration_since(started)).unwrap_or_default();
        // A look that itself took all the time is no reason not to look again.
        if waited >= job.settle.limit && attempt >= LOOKS {
            // What is seen now tells more than why an act was refused before.
            let refusal = refusal.filter(|_| observation.otherwise.is_none());
            return Err(refusal.unwrap_or_else(|| job.gave_up(&observation, &seen, acted)));
        }
        job.say(Message::Settling {
            index: job.index,
            reason: format!("{}: {seen}", job.settle.reason),
            attempt,
            waited,
            limit: job.settle.limit,
        });
        let pause = job
            .settle
            .pause(attempt)
            .min(job.settle.limit.saturating_sub(waited));
        tokio::select! {
            biased;
            () = job.stop.cancelled() => return Ok(Ended::Stopped),
            () = job.clock.sleep(pause) => {}
        }
        let asked = job.clock.now();
        let Some(looked) = job.logged_in(job.look_quietly().await, acted).await? else {
            return Ok(Ended::Stopped);
        };
        started += job.clock.now().duration_since(asked);
        observation = looked;
    }
}

impl Job {
    async fn look(&self) -> Result<Observation, StepError> {
        self.say(Message::Observing(self.index));
        let observation = self.look_quietly().await?;
        self.say(Message::Observed(self.index, observation.clone()));
        Ok(observation)
    }

    /// Looks; what fails in passing counts as "not yet".
    async fn look_quietly(&self) -> Result<Observation, StepError> {
        match self.step.check(&self.facts, &self.context).await {
            Err(error) if error.retry => {
                Ok(Observation::pending(error.message.clone()).otherwise(error))
            }
            result => result,
        }
    }

    /// Acts, if what every act depends on still is the run's.
    async fn act(&self) -> Result<(), StepError> {
        for guard in &self.guards {
            guard.keep().await?;
        }
        self.step.apply(&self.facts, &self.context).await
    }

    /// Passes on what a look saw. Where the operator's login has ended it waits for another one
    /// and looks again; nothing when the run was stopped meanwhile.
    async fn logged_in(
        &self,
        looked: Result<Observation, StepError>,
        acted: bool,
    ) -> Result<Option<Observation>, StepError> {
        // Before the run has changed anything nothing is lost by ending it, and it may be that the
        // login never was any good.
        let is_under_way = acted || !self.context.acted.is_empty();
        let paused = match looked {
            Err(error) if error.kind == ErrorKind::Credentials && is_under_way => error,
            looked => return looked.map(Some),
        };
        let began = self.clock.now();
        self.say(Message::Paused {
            index: self.index,
            error: paused,
            limit: Some(self.patience),
            handoff: None,
        });
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(None),
                () = self.clock.sleep(TRY_AGAIN) => {}
            }
            let looked = self.look_quietly().await;
            let waited =
                Duration::try_from(self.clock.now().duration_since(began)).unwrap_or_default();
            match looked {
                Err(error) if error.kind == ErrorKind::Credentials && waited < self.patience => {}
                looked => {
                    self.say(Message::WentOn(self.index, waited));
                    return looked.map(Some);
                }
            }
        }
    }

    /// Waits until somebody who may has made what the caller may not, where somebody was asked, and
    /// returns what is there then; nothing when the run was stopped meanwhile.
    async fn made_by_others(
        &mut self,
        error: StepError,
        refused: &[Change],
    ) -> Result<Option<Observation>, StepError> {
        let (asked, answer) = oneshot::channel();
        let index = self.index;
        self.say(Message::Refused { index, asked });
        let Asked { handoff, patience } = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(error),
            answer = answer => match answer {
                Ok(Some(asked)) => asked,
                _ => return Err(error),
            },
        };
        self.context.handed_off = true;
        let pause = || Message::Paused {
            index,
            error: error.clone(),
            limit: patience,
            handoff: Some(handoff.clone()),
        };
        let began = self.clock.now();
        self.say(pause());
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(None),
                () = self.clock.sleep(TRY_AGAIN) => {}
            }
            let looked = match self.look_quietly().await {
                Err(error) if error.kind == ErrorKind::Credentials => {
                    let Some(looked) = self.logged_in(Err(error), true).await? else {
                        return Ok(None);
                    };
                    self.say(pause());
                    Ok(looked)
                }
                looked => looked,
            };
            let waited =
                Duration::try_from(self.clock.now().duration_since(began)).unwrap_or_default();
            let is_as_before = match looked.as_ref().map(|looked| &looked.finding) {
                Ok(Finding::Differs { changes }) => changes == refused,
                // On its way, or not seen by every replica.
                Ok(Finding::Pending { .. }) => true,
                _ => false,
            };
            if !is_as_before {
                self.say(Message::WentOn(index, waited));
                return looked.map(Some);
            }
            if patience.is_some_and(|patience| waited >= patience) {
                return Err(error);
            }
        }
    }

    async fn may_act(&self, changes: &[Change]) -> May {
        let (may, answer) = oneshot::channel();
        self.say(Message::Asks {
            index: self.index,
            changes: changes.to_vec(),
            may,
        });
        answer.await.unwrap_or(May::Stop)
    }

    fn say(&self, message: Message) {
        // The loop outlives its workers unless it was stopped at once; then nobody listens.
        self.messages.send(message).ok();
    }

    fn gave_up(&self, observation: &Observation, seen: &str, acted: bool) -> StepError {
        let limit = self.settle.limit.as_secs();
        if let Some(error) = &observation.otherwise {
            let mut error = StepError::clone(error);
            error.message = format!("gave up after {limit} s: {}", error.message);
            error.retry = false;
            return error.hint(WAIT_LONGER);
        }
        let kind = if self.phase == Phase::Verify {
            ErrorKind::Verification
        } else {
            ErrorKind::Failed
        };
        let message = if acted {
            format!("what was done does not show after {limit} s: {seen}")
        } else {
            format!("gave up after {limit} s: {seen}")
        };
        StepError::new(kind, message).hint(WAIT_LONGER)
    }
}

fn differs(changes: &[Change]) -> StepError {
    let what: Vec<_> = changes
        .iter()
        .map(|change| format!("{} `{}`", change.target, change.name))
        .collect();
    StepError::verification(format!("is not as intended: {} differs", what.join(", ")))
        .hint("`rok-deploy plan` shows the difference, `rok-deploy run` mends it")
}
