//! Looks at every link of a chain by requests that change nothing, and names the cause.

use async_trait::async_trait;
use serde_json::Value;

use super::bench::{Break, Judged};
use super::diagnosis::{Diagnosis, conclude};
use super::entry::Cause;
use super::place::Place;
use super::symptom::Symptom;
use crate::engine::{Chain, Link};

/// Looks at a chain and tells what is behind a failure.
#[async_trait]
pub trait Prober: Send + Sync {
    /// Returns what messages and commands may name.
    fn place(&self) -> &Place;

    /// Looks at everything at once, and at what a symptom is about. Nothing here changes anything.
    async fn look(&self, about: Option<&Symptom>) -> Box<dyn Evidence>;

    /// Finds out why a Pod did not get its identity, or got another one. None when it has it.
    async fn diagnose_injection(&self, pod: &Value) -> Option<Diagnosis>;

    /// Looks at every link. What may not be looked at stays unknown, with the reason.
    async fn chain(&self) -> Chain {
        self.look(None).await.judge(self.place()).chain
    }

    /// Looks whether one of these links is broken, the first before the others, without anything
    /// having gone wrong.
    async fn weakness(&self, links: &[Link]) -> (Option<Diagnosis>, Chain) {
        let judged = self.look(None).await.judge(self.place());
        let is_asked = |found: &&Break| found.cause.link.is_some_and(|link| links.contains(&link));
        let first = judged.breaks.iter().find(is_asked);
        let diagnosis =
            first.map(|found| Diagnosis::of(None, found.cause, self.place(), &found.found));
        (diagnosis, judged.chain)
    }

    /// Finds out what is behind a symptom. After a change of this very run (`acted`) a chain that
    /// holds means that the cloud has not heard of it yet.
    async fn diagnose(&self, symptom: &Symptom, acted: bool) -> (Diagnosis, Chain) {
        let evidence = self.look(Some(symptom)).await;
        let judged = evidence.judge(self.place());
        let diagnosis = conclude(self.place(), symptom, evidence.as_ref(), &judged, acted);
        (diagnosis, judged.chain)
    }
}

/// What was seen of a chain, before anybody judges it.
pub trait Evidence: Send + Sync {
    /// Judges every link.
    fn judge(&self, place: &Place) -> Judged;

    /// Returns what people call the cloud.
    fn cloud(&self) -> &'static str;

    /// Returns a cause that needs no look at the chain, since the symptom's own words tell it.
    fn told_outright(&self, place: &Place, symptom: &Symptom) -> Option<Diagnosis>;

    /// Returns what a cause outside of the chain needs to name.
    fn detail(&self, cause: &'static Cause) -> Option<String>;

    /// Whether what was refused has been tried again by now, and was not refused.
    fn answers(&self, symptom: &Symptom) -> bool;
}
