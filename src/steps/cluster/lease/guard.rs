//! Takes a Lease, renews it as long as it is held, and notices when it is lost.

use std::time::Duration;

use tokio::sync::Mutex;

use super::operator::{Holder, Operator};
use super::{NAME, NAMESPACE, PLACE, passing};
use crate::clients::cluster::{ClusterError, ClusterErrorKind, LeaseClaim, LeaseInfo};
use crate::engine::StepError;
use crate::steps::cluster::{ClusterAccess, refused};

/// How often a Lease is renewed.
const BEAT: Duration = Duration::from_secs(10);

/// How soon a renewal that failed is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// How long a renewal may take. What takes longer is tried again while the Lease still stands.
const RENEWAL: Duration = Duration::from_secs(5);

/// How old the last renewal may be when something is to be done. The rest of the Lease's time is
/// for the act itself.
const FRESH: Duration = Duration::from_secs(20);

/// How a run stands to the Lease.
pub(super) enum Hold {
    /// It has not taken it.
    None,
    /// It holds it.
    Held {
        lease: LeaseInfo,
        claim: LeaseClaim,
        /// When it was renewed last, by this machine's clock.
        renewed: jiff::Timestamp,
        note: String,
    },
    /// It may not use Leases.
    Unguarded(ClusterError),
    /// Somebody else has taken it.
    Lost(StepError),
}

/// The Lease of one run, shared by its step and the task that renews it.
pub(super) struct Guard {
    pub(super) access: ClusterAccess,
    pub(super) operator: Operator,
    pub(super) hold: Mutex<Hold>,
}

impl Guard {
    pub(super) fn new(access: ClusterAccess, operator: Operator) -> Self {
        Self {
            access,
            operator,
            hold: Mutex::new(Hold::None),
        }
    }

    /// Takes the Lease over whoever has it; the step has judged that it may. Returns whether it is
    /// held now and has to be renewed.
    pub(super) async fn take(&self, run: &str, over: Option<LeaseInfo>) -> Result<bool, StepError> {
        let mut hold = self.hold.lock().await;
        let client = self.access.client().await?;
        let renewed = self.operator.clock.now();
        let claim = self.operator.claim(run, renewed);
        let taken = client.claim_lease(NAMESPACE, NAME, &claim, over.as_ref());
        match taken.await {
            Ok(Some(lease)) => {
                let before = over.and_then(|lease| lease.claim);
                let note = before.map_or_else(
                    || "held until this run ends".into(),
                    |before| format!("taken over from {}", Holder::of(&before)),
                );
                *hold = Hold::Held {
                    lease,
                    claim,
                    renewed,
                    note,
                };
                Ok(true)
            }
            Ok(None) => Err(StepError::failed(format!(
                "somebody else was faster to take Lease `{PLACE}`"
            ))
            .retryable()),
            Err(error) if error.kind == ClusterErrorKind::Forbidden => {
                *hold = Hold::Unguarded(error);
                Ok(false)
            }
            Err(error) => Err(passing(error)),
        }
    }

    /// Renews the Lease from time to time, until it is lost.
    pub(super) async fn beat(&self) {
        let mut pause = BEAT;
        loop {
            self.operator.clock.sleep(pause).await;
            let mut hold = self.hold.lock().await;
            let renewal = self.renew(&mut hold).await;
            pause = if renewal.is_ok() { BEAT } else { AGAIN };
            if !matches!(*hold, Hold::Held { .. }) {
                return;
            }
        }
    }

    /// Makes sure that the Lease is held. One that was not renewed for a while, such as while the
    /// machine slept, is renewed first: if nobody has touched it, nothing is lost.
    pub(super) async fn keep(&self) -> Result<(), StepError> {
        let mut hold = self.hold.lock().await;
        match &*hold {
            Hold::Unguarded(_) => Ok(()),
            Hold::Lost(error) => Err(error.clone()),
            Hold::None => Err(StepError::failed(format!(
                "nothing was to be written, so this run does not hold Lease `{PLACE}`"
            ))
            .hint("`rok-deploy resume` makes a new plan")),
            Hold::Held { renewed, .. } => {
                let age = self.operator.clock.now().duration_since(*renewed);
                if Duration::try_from(age).unwrap_or_default() < FRESH {
                    Ok(())
                } else {
                    self.renew(&mut hold).await
                }
            }
        }
    }

    /// Gives the Lease back, if it still is this run's.
    pub(super) async fn release(&self) {
        let mut hold = self.hold.lock().await;
        if let Hold::Held { lease, .. } = &*hold
            && let Ok(client) = self.access.client().await
        {
            // Whatever fails: it ends by itself.
            client.delete_lease(NAMESPACE, NAME, lease).await.ok();
        }
        *hold = Hold::None;
    }

    async fn renew(&self, hold: &mut Hold) -> Result<(), StepError> {
        let Hold::Held {
            lease,
            claim,
            renewed,
            ..
        } = hold
        else {
            return Ok(());
        };
        let now = self.operator.clock.now();
        claim.renewed = Some(now);
        let renewal = tokio::select! {
            biased;
            renewal = self.claim_again(lease, claim) => renewal,
            () = self.operator.clock.sleep(RENEWAL) => Err(not_renewed("no answer in time")),
        };
        match renewal {
            Ok(Renewal::Done) => {
                *renewed = now;
                Ok(())
            }
            Ok(Renewal::TakenBy(holder)) => {
                let error = StepError::failed(format!(
                    "this run no longer holds the cluster: Lease `{PLACE}` was taken by {holder}"
                ))
                .hint(holder.advice());
                *hold = Hold::Lost(error.clone());
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the claim again; where the Lease has changed or is gone, it is looked at first.
    async fn claim_again(
        &self,
        lease: &mut LeaseInfo,
        claim: &LeaseClaim,
    ) -> Result<Renewal, StepError> {
        let client = self.access.client().await?;
        let renewed = client.claim_lease(NAMESPACE, NAME, claim, Some(lease));
        if let Some(renewed) = renewed.await.map_err(failed)? {
            *lease = renewed;
            return Ok(Renewal::Done);
        }
        let found = client.lease(NAMESPACE, NAME).await.map_err(failed)?;
        let holder = found.as_ref().and_then(|found| found.claim.as_ref());
        let holder = holder.map(Holder::of);
        if let Some(other) = holder.filter(|holder| !holder.has_made(claim)) {
            return Ok(Renewal::TakenBy(other));
        }
        // Somebody has labelled or removed it: it is this run's all the same.
        let renewed = client.claim_lease(NAMESPACE, NAME, claim, found.as_ref());
        match renewed.await.map_err(failed)? {
            Some(renewed) => {
                *lease = renewed;
                Ok(Renewal::Done)
            }
            None => Err(not_renewed("it changes all the time")),
        }
    }
}

/// How a renewal ended.
enum Renewal {
    Done,
    TakenBy(Holder),
}

/// What failed is tried again; a login that has ended is waited for.
fn failed(error: ClusterError) -> StepError {
    if error.kind == ClusterErrorKind::Unauthorized {
        refused(error)
    } else {
        not_renewed(&error.to_string())
    }
}

fn not_renewed(why: &str) -> StepError {
    StepError::failed(format!("cannot renew Lease `{PLACE}`: {why}")).retryable()
}
