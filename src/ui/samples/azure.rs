//! Made-up proofs on Azure, of both kinds of chain.

use super::{Story, answers, done, proves};
use crate::engine::event::{StepOutline, TaskOutline};
use crate::engine::{
    Chain, ChainKind, Event, EventKind, Link, LinkState, Outcome, Phase, StepError, StepOutcome,
    TaskMode,
};

const IDENTITY: &str = "`rok-arrikto-cluster`, client id 5c3b7a0e-1d2f-4c61-9a77-0e6f1f6a2b90";

/// A chain that was proven to its end.
pub(crate) fn proven(kind: ChainKind) -> Chain {
    let mut chain = Chain::unknown(kind, "");
    for (link, note) in [
        (
            Link::ServiceAccount,
            "`rok/rok`, annotated with client id 5c3b7a0e-1d2f-4c61-9a77-0e6f1f6a2b90",
        ),
        (
            Link::Token,
            "audience `api://AzureADTokenExchange`, valid for 1 h",
        ),
        (
            Link::Issuer,
            "`https://eastus.oic.prod-aks.azure.com/c0ffee00-1111/5e1f0000-2222/`",
        ),
        (
            Link::FederatedCredential,
            "`rok-rok` trusts `system:serviceaccount:rok:rok`",
        ),
        (
            Link::PodIdentity,
            "`rok` in `rok` is Assigned; no exceptions",
        ),
        (Link::AzureIdentity, "`rok/rok` names the identity"),
        (
            Link::Binding,
            "`rok/rok-binding` selects Pods labelled `rok`",
        ),
        (Link::Node, "`aks-workers-12345678-vmss` holds the identity"),
        (Link::ManagedIdentity, IDENTITY),
        (
            Link::RoleAssignment,
            "`Storage Blob Data Contributor` at the storage account",
        ),
        (
            Link::StorageAccount,
            "`https://rokpractice.blob.core.windows.net/`",
        ),
        (
            Link::Container,
            "may list `rok-arrikto-cluster-chocks-ca`, which does not exist yet",
        ),
    ] {
        chain.set(link, LinkState::Proven, note);
    }
    chain
}

/// A chain that breaks where the workload becomes the identity.
pub(crate) fn broken(kind: ChainKind) -> Chain {
    let mut chain = proven(kind);
    let (broken, note) = match kind {
        ChainKind::PodIdentity => (
            Link::Binding,
            "found selector `rok-s3proxy`; expected `rok`",
        ),
        _ => (
            Link::FederatedCredential,
            "found `system:serviceaccount:rok:Rok`; expected `system:serviceaccount:rok:rok`",
        ),
    };
    let later = kind.links().iter().skip_while(|link| **link != broken);
    for link in later.skip(1) {
        chain.set(*link, LinkState::Unknown, "not reached");
    }
    chain.set(broken, LinkState::Broken, note);
    chain
}

/// A chain of which only the beginning could be looked at.
pub(crate) fn unknown(kind: ChainKind) -> Chain {
    let mut chain = proven(kind);
    for link in &kind.links()[1..] {
        let note = "`ops@example.com` may not look at resource group `arrikto`";
        chain.set(*link, LinkState::Unknown, note);
    }
    chain
}

/// A verification up to its first look at object storage.
fn verifying(kind: ChainKind) -> Story {
    let step = |id: &str, title: &str, phase| StepOutline {
        id: id.into(),
        title: title.into(),
        phase,
    };
    let started = EventKind::RunStarted {
        run: "20260401-101500-k3v9".into(),
        recipe: "rok-aks".into(),
        tool_version: "0.1.0".into(),
        practice: true,
        resumed: false,
        tasks: vec![TaskOutline {
            name: "objectstorage".into(),
            title: "Authorize access to object storage".into(),
            mode: TaskMode::Run,
            proves: Some(kind),
            steps: vec![
                step(
                    "azure.managed-identity",
                    "Managed identity of Rok",
                    Phase::Apply,
                ),
                step(
                    "rok.chain",
                    "Identity and container without a Pod",
                    Phase::Verify,
                ),
                step("rok.pod", "A Pod of the workload", Phase::Verify),
            ],
        }],
    };
    let ready = EventKind::PlanReady {
        changes: 0,
        fingerprint: "9f86d081884c7d659a2feaa0c55ad015".into(),
        touches: Vec::new(),
    };
    let task = EventKind::TaskStarted {
        task: "objectstorage".into(),
    };
    let is_there = done(
        "azure.managed-identity",
        StepOutcome::Unchanged,
        "name and tags equal",
    );
    Story::new()
        .then(0, started)
        .then(5, answers())
        .then(5, ready)
        .then(5, task)
        .looks("azure.managed-identity", is_there)
        .then(
            5,
            EventKind::StepObserving {
                step: "rok.chain".into(),
            },
        )
}

/// A verification that has just begun.
pub(crate) fn proof_begins(kind: ChainKind) -> Vec<Event> {
    verifying(kind).tell()
}

/// A verification in the middle: proven without a Pod.
pub(crate) fn proving(kind: ChainKind) -> Vec<Event> {
    let found = "may list `rok-arrikto-cluster-chocks-ca`, which does not exist yet";
    verifying(kind)
        .then(940, proves("rok.chain", found, proven(kind)))
        .then(
            5,
            EventKind::StepObserving {
                step: "rok.pod".into(),
            },
        )
        .tell()
}

/// A verification whose chain breaks.
pub(crate) fn unproven(kind: ChainKind) -> Vec<Event> {
    let error = StepError::verification("`rok-arrikto-cluster` is for another workload")
        .hint("`az identity federated-credential list --identity-name rok-arrikto-cluster --resource-group arrikto` shows whom it trusts")
        .with_chain(broken(kind));
    verifying(kind)
        .then(
            700,
            EventKind::StepFailed {
                step: "rok.chain".into(),
                error,
            },
        )
        .then(
            5,
            EventKind::RunFinished {
                outcome: Outcome::Verification,
                summary: "1 verification did not pass; nothing was changed".into(),
                next: vec![],
                handoff: None,
            },
        )
        .tell()
}
