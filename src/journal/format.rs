//! The format of a journal: a header line, then a line for each event.

use serde::{Deserialize, Serialize};

use crate::engine::Event;
use crate::engine::recipe::Only;

/// The format's version, `major.minor`. A reader understands its own major and any lower minor.
///
/// - 1.0: the first.
/// - 1.1: proofs tell their chain; a launch may verify one task only, and without a Pod.
/// - 1.2: steps pause while nobody is logged in.
/// - 1.3: steps pause until an administrator has acted; what was handed over is told; rights are
///   told one by one.
/// - 1.4: chains of Azure's kinds; a task tells which kind of chain it proves.
pub const FORMAT: &str = "1.4";

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`] of the writer.
    pub format: String,
    /// The version of the program that made the run.
    pub tool_version: String,
    /// The run's id.
    pub run: String,
    /// The recipe's name.
    pub recipe: String,
    /// How the run was launched, so that `resume` launches it the same way.
    pub launch: Launch,
}

/// The options of a run that are not answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Whether it ran against the practice cloud.
    pub practice: bool,
    /// Which phases act.
    pub only: Only,
    /// The first task that runs in full.
    pub run_from: Option<String>,
    /// The task that is verified, when not all are.
    #[serde(default)]
    pub within: Option<String>,
    /// Whether cluster steps are left out.
    pub no_cluster: bool,
    /// Whether proofs do without a Pod.
    #[serde(default)]
    pub no_pod: bool,
    /// Whether somebody watches who decides how long to wait for an administrator.
    #[serde(default)]
    pub attended: bool,
    /// The bound on every wait, in seconds.
    pub wait_seconds: Option<u64>,
}

/// A line after the first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    /// SHA-256 of the line before, without its newline.
    pub(super) prev: String,
    /// Counts from 1.
    pub(super) seq: u64,
    /// When it happened.
    pub(super) at: jiff::Timestamp,
    /// What happened.
    pub(super) event: crate::engine::EventKind,
}

impl Line {
    pub(super) fn of(event: &Event, prev: String) -> Self {
        Self {
            prev,
            seq: event.seq,
            at: event.at,
            event: event.event.clone(),
        }
    }
}

impl From<Line> for Event {
    fn from(line: Line) -> Self {
        Self {
            seq: line.seq,
            at: line.at,
            event: line.event,
        }
    }
}

/// Whether a reader of format `ours` understands `found`: the same major, no higher minor.
pub(super) fn is_readable(found: &str, ours: &str) -> bool {
    let parts = |version: &str| {
        let (major, minor) = version.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    match (parts(found), parts(ours)) {
        (Some(found), Some(ours)) => found.0 == ours.0 && found.1 <= ours.1,
        _ => false,
    }
}
