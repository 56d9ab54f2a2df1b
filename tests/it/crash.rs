//! The crash matrix: stopped anywhere, every run converges to the world of the uninterrupted one.
//!
//! A process that is killed leaves nothing but what is on disk: its files and the world, which the
//! practice cloud writes down before it answers. So every row is run once, undisturbed, while a
//! [`Camera`] at the gate takes a picture of the disk before each call goes out and when it has
//! ended, its answer not yet heard. Every picture that differs from the others is then a world to
//! resume in: the run goes on, ends as if nothing had been, and another run finds nothing to do. Runs
//! that end in the same world, down to what its clones remember, share that other run: it is the same
//! for all of them.
//! Between hearing an answer and the next call nothing leaves the process, so the third moment, the
//! answer heard, is the picture of whatever comes next.
//!
//! A picture also holds what a process that ends in good order would have put away: drafts,
//! temporary files, locks. `killed` does the same to the real binary, at fewer points.

mod camera;
mod disk;
mod git;
mod journal;
mod matrix;
mod meaning;
mod operator;
mod others;
mod points;
mod rotation;
mod sealed;

use crate::support::apart;

use matrix::{Row, cover};
pub use meaning::differences;
pub use others::{AKS_WITHOUT_ISSUER, AZURE_MADE, MADE, NOBODY, Others, STACK_MADE};

/// What is covered. A recipe, a method or a mode joins with a line.
const ROWS: &[Row] = &[
    Row::of("rok-eks", "run"),
    Row::of(
        "rok-eks from the skeleton",
        "run --no-pod --set gitops_url=",
    ),
    Row {
        before: &["run --no-pod"],
        ..Row::of(
            "rok-eks with other answers",
            "run --no-pod --set aws_s3_bucket_prefix=rok-other",
        )
    },
    Row {
        before: &["run --no-pod"],
        ..Row::of(
            "rok-eks, existing role",
            "run --no-pod --set aws_identity_method=existing",
        )
    },
    Row::of(
        "rok-eks, stack",
        "run --no-pod --set aws_identity_method=cloudformation",
    ),
    Row {
        before: &["run --no-pod --set aws_identity_method=cloudformation"],
        ..Row::of(
            "rok-eks, stack with other answers",
            "run --no-pod --set aws_identity_method=cloudformation --set aws_s3_bucket_prefix=rok-other",
        )
    },
    Row {
        before: &["run --no-pod"],
        others: MADE,
        ..Row::of(
            "rok-eks, taken over",
            "run --no-pod --set aws_adopt=role,policy",
        )
    },
    Row {
        before: &["run --no-pod --set aws_identity_method=cloudformation"],
        others: STACK_MADE,
        ..Row::of(
            "rok-eks, stack taken over",
            "run --no-pod --set aws_identity_method=cloudformation --set aws_adopt=stack",
        )
    },
    Row::of("rok-aks", "run --recipe rok-aks"),
    Row::of(
        "rok-aks, pod identity",
        "run --recipe rok-aks --no-pod --set az_identity_method=pod-identity",
    ),
    Row {
        before: &["run --recipe rok-aks --no-pod --set az_identity_method=pod-identity"],
        ..Row::of(
            "rok-aks, migrated",
            "run --recipe rok-aks --no-pod --set az_identity_method=workload-identity",
        )
    },
    Row::of(
        "rok-aks, account made",
        "run --recipe rok-aks --no-pod --set storage_account_name=rokmadeanew --set az_storage_account_create=yes",
    ),
    Row {
        // What makes a world without touching Azure.
        before: &["run --recipe authorize"],
        others: AKS_WITHOUT_ISSUER,
        ..Row::of(
            "rok-aks, issuer switched on",
            "run --recipe rok-aks --no-pod --set az_cluster_enable=yes",
        )
    },
    Row {
        before: &["run --recipe rok-aks --no-pod"],
        others: AZURE_MADE,
        ..Row::of(
            "rok-aks, taken over",
            "run --recipe rok-aks --no-pod --set az_adopt=identity,credential",
        )
    },
    Row {
        before: &["run --no-pod"],
        ..Row::of("verify", "verify")
    },
    Row::of("apply", "apply {home}/shop"),
    Row::of("authorize", "run --recipe authorize"),
    Row {
        before: &["run --recipe rok-aks --no-pod"],
        ..Row::of(
            "teardown of rok-aks",
            "teardown --recipe rok-aks --set teardown_git=yes",
        )
    },
    Row {
        before: &["run --recipe rok-aks --no-pod --set az_identity_method=pod-identity"],
        ..Row::of("teardown of a pod identity", "teardown --recipe rok-aks")
    },
    Row {
        before: &["run --no-pod"],
        ..Row::of("teardown", "teardown --set teardown_git=yes")
    },
    Row {
        before: &["run --no-pod --set aws_identity_method=cloudformation"],
        ..Row::of("teardown of a stack", "teardown")
    },
];

#[test]
fn stopped_anywhere_every_run_converges() {
    if !apart::began("crash::stopped_anywhere_every_run_converges") {
        cover(ROWS);
    }
}
