//! What a frontend may tell a run.

use serde::{Deserialize, Serialize};

/// What an approval is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Scope {
    /// The whole plan.
    Plan,
    /// What one task changes.
    Task {
        /// The task's name.
        task: String,
    },
    /// What one step changes.
    Step {
        /// The step's id.
        step: String,
    },
}

/// How much is approved at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// The plan was approved beforehand (`--yes`, or stored by an earlier process).
    Given,
    /// The whole plan at once.
    Plan,
    /// Task by task.
    Task,
    /// Step by step.
    Step,
}

/// Who asked to stop; it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Ctrl-C, or the wizard's quit key.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// A command to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Approves what [`super::EventKind::ApprovalNeeded`] asked for.
    Approve(Scope),
    /// Approves what was asked for and everything after it.
    ApproveAll,
    /// Declines it; the run ends and can be resumed.
    Decline,
    /// The first stops before the next write, the second stops at once and leaves a step in doubt.
    Cancel(Signal),
}
