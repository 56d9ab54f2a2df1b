//! What people see of a run: plain lines, JSON lines, and the wizard.
//!
//! All three read the engine's events and nothing else, and share their wording in [`words`], so
//! that a step is called the same wherever it is read. The only way back is a
//! [`crate::engine::Command`].

pub mod chain;
pub mod diff;
pub mod harmless;
pub mod json;
pub mod plain;
pub mod summary;
pub mod tui;
pub mod wire;
pub mod words;

pub use json::{json_line, plan_document};
pub use plain::Plain;
pub use summary::{plan_lines, run_summary_lines};

#[cfg(test)]
pub(crate) mod samples;
