//! What a proof stands on: a workload in a cluster, and the cloud beneath it.

use async_trait::async_trait;

use super::probe::{Probe, TestPod};
use super::workload::Workload;
use crate::engine::{Chain, Context, Facts, StepError};
use crate::steps::atlas::{Prober, Symptom};

/// What a proof with a Pod needs to know of its cloud.
#[async_trait]
pub trait Ground: Clone + Send + Sync + 'static {
    /// Returns the workload that the proof speaks for.
    fn workload(&self) -> &Workload;

    /// Returns how the ids of the steps begin that change the cloud.
    fn area(&self) -> &'static str;

    /// Returns the facts that every step of the proof needs.
    fn needs(&self) -> Vec<&'static str>;

    /// Returns the documented test Pod.
    fn test_pod(&self) -> TestPod;

    /// Returns what of the identity is missing in the test Pod, or wrong: found beside expected.
    ///
    /// # Errors
    ///
    /// When nobody has found out what to expect.
    fn faults(&self, probe: &Probe, facts: &Facts) -> Result<Vec<String>, StepError>;

    /// Returns what looks for causes.
    ///
    /// # Errors
    ///
    /// When nobody has found out where to look.
    fn prober(&self, facts: &Facts, context: &Context) -> Result<Box<dyn Prober>, StepError>;

    /// Returns the chain as it was proven before there was a Pod, and why none proves the rest.
    ///
    /// # Errors
    ///
    /// When it was not.
    fn without_pod(&self, facts: &Facts, why: &str) -> Result<Chain, StepError>;

    /// Finds out what is behind a symptom, and fails with it; something that passes may be tried
    /// again.
    async fn judge<T: Send>(
        &self,
        symptom: &Symptom,
        facts: &Facts,
        context: &Context,
    ) -> Result<T, StepError> {
        let acted = context.has_acted(self.area());
        let prober = self.prober(facts, context)?;
        let (diagnosis, chain) = prober.diagnose(symptom, acted).await;
        Err(diagnosis.into_error(symptom, chain))
    }
}
