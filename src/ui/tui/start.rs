//! The choice at the start, when an earlier run is unfinished.

use super::Unfinished;
use crate::engine::StepError;

/// Go on, or start anew.
#[derive(Debug)]
pub struct Start {
    /// The earlier run.
    pub unfinished: Unfinished,
    /// Whether going on is chosen.
    pub goes_on: bool,
    /// Whether the run is being opened.
    pub starting: bool,
    /// Why it could not be.
    pub failure: Option<StepError>,
}

impl Start {
    /// Returns the choice, going on chosen.
    pub fn new(unfinished: Unfinished) -> Self {
        Self {
            unfinished,
            goes_on: true,
            starting: false,
            failure: None,
        }
    }
}
