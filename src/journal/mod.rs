//! The journal of a run: its append-only event log, durable before the act it announces.
//!
//! Each line holds the hash of the line before it, so that an edited, dropped or reordered line
//! is found; a torn last line is forgiven, since that is what a crash leaves.

mod chain;
mod format;
mod reader;
mod store;
mod writer;

pub use chain::{ChainedFile, chained_lines};
pub use format::{FORMAT, Header, Launch};
pub use reader::{Journal, JournalError, read};
pub use store::{RunFolder, RunSummary, Runs};
pub use writer::Writer;
