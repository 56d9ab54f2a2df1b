//! One run at a time on a cluster: a Lease says who works on it, and ends by itself when that
//! process is gone.
//!
//! The Lease is in namespace `default`: it is there before Rok's own and in every cluster, managed
//! ones refuse writes to `kube-system`, and whoever may edit it may use Leases. It is deleted in the
//! end, so that nothing is left of a run. Whoever may not use Leases works without: a right that only
//! keeps runs apart is no reason to fail.

mod guard;
mod operator;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::task::AbortOnDropHandle;

use self::guard::{Guard, Hold};
pub use self::operator::Operator;
use self::operator::{Holder, seconds};
use super::access::{ClusterAccess, refused};
use crate::clients::cluster::{ClusterError, ClusterErrorKind, LeaseInfo};
use crate::engine::{
    Change, Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta, Verb, When,
};

const NAMESPACE: &str = "default";
const NAME: &str = "rok-deploy";
const PLACE: &str = "default/rok-deploy";

/// How long a Lease stands after its last renewal.
const DURATION: Duration = Duration::from_secs(30);

const WAITING: Settle = Settle {
    period: Duration::from_secs(2),
    limit: Duration::from_mins(5),
    reason: "waits for another run",
};

/// Takes the cluster for this run, and keeps it until the run ends.
pub struct HoldCluster {
    needs: &'static str,
    guard: Arc<Guard>,
    /// The Lease as it was seen last, and when that version was seen first.
    seen: Mutex<Option<(LeaseInfo, jiff::Timestamp)>>,
    /// Renews the Lease; ends with this step at the latest.
    beat: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl HoldCluster {
    /// Returns the step for the cluster of `access`; the fact `needs` says that it is the right one.
    pub fn new(access: ClusterAccess, operator: Operator, needs: &'static str) -> Self {
        Self {
            needs,
            guard: Arc::new(Guard::new(access, operator)),
            seen: Mutex::default(),
            beat: Mutex::default(),
        }
    }
}

#[async_trait]
impl Step for HoldCluster {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![self.needs],
            settle: WAITING,
            when: When::BeforeWrites,
            ..StepMeta::new(
                "cluster.lease",
                "No other run works on this cluster",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, _facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        match &*self.guard.hold.lock().await {
            Hold::Held { note, .. } => return Ok(Observation::satisfied(note.clone())),
            Hold::Unguarded(error) => return Ok(unguarded(error)),
            Hold::Lost(error) => return Err(error.clone()),
            Hold::None => {}
        }
        let client = self.guard.access.client().await?;
        let lease = match client.lease(NAMESPACE, NAME).await {
            Ok(lease) => lease,
            Err(error) if error.kind == ClusterErrorKind::Forbidden => {
                let observation = unguarded(&error);
                *self.guard.hold.lock().await = Hold::Unguarded(error);
                return Ok(observation);
            }
            Err(error) => return Err(passing(error)),
        };
        Ok(self.judge(lease, context))
    }

    async fn apply(&self, _facts: &Facts, context: &Context) -> Result<(), StepError> {
        // The version that was judged: if it is another one by now, somebody was faster.
        let over = lock(&self.seen).clone().map(|(lease, _)| lease);
        if self.guard.take(&context.run, over).await? {
            let guard = Arc::clone(&self.guard);
            let beat = tokio::spawn(async move { guard.beat().await });
            *lock(&self.beat) = Some(AbortOnDropHandle::new(beat));
        }
        Ok(())
    }

    async fn keep(&self) -> Result<(), StepError> {
        self.guard.keep().await
    }

    async fn release(&self) {
        self.guard.release().await;
        lock(&self.beat).take();
    }
}

impl HoldCluster {
    /// Says what a Lease that is not held by this process means for it.
    fn judge(&self, lease: Option<LeaseInfo>, context: &Context) -> Observation {
        let free = |note: &str, verb| {
            if context.planning {
                Observation::satisfied(note)
            } else {
                Observation::differs(vec![Change::new(verb, "Lease", PLACE)])
            }
        };
        let unchanged = self.unchanged_for(lease.as_ref());
        let Some(lease) = lease else {
            return free("nobody is at work", Verb::Create);
        };
        let Some(claim) = lease.claim else {
            return free("nobody is at work", Verb::Update);
        };
        let holder = Holder::of(&claim);
        let operator = &self.guard.operator;
        if operator.is_own(&holder, &context.run) {
            let note = format!("left by {holder}, which is over");
            return free(&note, Verb::Update);
        }
        let duration = claim.duration.unwrap_or(DURATION);
        let Some(left) = duration
            .checked_sub(unchanged)
            .filter(|left| !left.is_zero())
        else {
            let note = format!("left by {holder}, which renews it no more");
            return free(&note, Verb::Update);
        };
        let reason = format!("{holder}; free in {} s unless renewed", seconds(left));
        let error = StepError::failed(format!(
            "another run works on this cluster: {holder}; its Lease `{PLACE}` ends in {} s unless renewed",
            seconds(left)
        ));
        Observation::pending(reason).otherwise(
            error
                .hint(holder.advice())
                .hint("nothing has to be forced: 30 s after a process is gone its Lease is free"),
        )
    }

    /// Keeps in mind what was seen, and returns how long it is known to stand, by this machine's
    /// clock alone.
    fn unchanged_for(&self, lease: Option<&LeaseInfo>) -> Duration {
        let now = self.guard.operator.clock.now();
        let mut seen = lock(&self.seen);
        let before = seen
            .take()
            .filter(|(before, _)| lease.is_some_and(|lease| lease.version == before.version));
        let since = before.map_or(now, |(_, since)| since);
        *seen = lease.map(|lease| (lease.clone(), since));
        Duration::try_from(now.duration_since(since)).unwrap_or_default()
    }
}

/// What is known when Leases may not be used.
fn unguarded(error: &ClusterError) -> Observation {
    Observation::satisfied("unknown: Leases may not be used").notice(format!(
        "nothing keeps two runs apart on this cluster: {error}"
    ))
}

/// A request that failed: what is no refusal may pass.
fn passing(error: ClusterError) -> StepError {
    let passes = matches!(
        error.kind,
        ClusterErrorKind::Unreachable | ClusterErrorKind::Other
    );
    let refused = refused(error);
    if passes { refused.retryable() } else { refused }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
