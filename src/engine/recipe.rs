//! A recipe: a whole journey, as tasks of steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::chain::ChainKind;
use super::step::Step;

/// When in its task a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Only looks, and gives facts.
    Observe,
    /// Writes and commits files.
    Generate,
    /// Changes cloud and cluster.
    Apply,
    /// Proves what was made. Runs after everything else of its task.
    Verify,
}

/// How a task takes part in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskMode {
    /// In full.
    Run,
    /// It exists already: nothing is written, everything is verified.
    FastForward,
}

/// A named part of a recipe.
#[derive(Clone)]
pub struct Task {
    /// The symbolic name, for `--run-from`.
    pub name: &'static str,
    /// For a list.
    pub title: &'static str,
    /// How it takes part.
    pub mode: TaskMode,
    /// The chain that its verification proves.
    pub proves: Option<ChainKind>,
    /// Its steps; the order is the order of display, facts decide the order of work.
    pub steps: Vec<Arc<dyn Step>>,
}

/// A whole journey, ready to run.
#[derive(Clone)]
pub struct Recipe {
    /// Its name: `rok-eks`.
    pub name: &'static str,
    /// The tasks in order. A task acts when the one before it is done and verified.
    pub tasks: Vec<Task>,
    /// Ids of steps that are left out of this run, and why.
    pub left_out: BTreeMap<&'static str, String>,
    /// How a run that changed something says that it went well: "Everything is in place".
    pub closing: &'static str,
    /// What to say at the end of a run that went well: what comes next.
    pub next: Vec<String>,
}

/// Which phases of a run act. What is left out is still observed, for its facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Only {
    /// All of them.
    #[default]
    Everything,
    /// Files and commits.
    Generate,
    /// Cloud and cluster.
    Apply,
    /// Proofs.
    Verify,
}

impl Only {
    /// Whether a step of that phase acts.
    pub fn includes(self, phase: Phase) -> bool {
        match self {
            Self::Everything => true,
            Self::Generate => matches!(phase, Phase::Observe | Phase::Generate),
            Self::Apply => matches!(phase, Phase::Observe | Phase::Apply),
            Self::Verify => matches!(phase, Phase::Observe | Phase::Verify),
        }
    }
}
