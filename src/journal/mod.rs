//! The journal of a run: its append-only event log, durable before the act it announces.
//!
//! Each line holds the hash of the line before it, so that an edited, dropped or reordered line
//! is found; a torn last line is forgiven, since that is what a crash leaves. An [`Archive`] is a
//! run's folder in one file, for somebody else.

mod archive;
mod chain;
mod damage;
mod export;
mod format;
mod holder;
mod reader;
mod redact;
mod store;
mod writer;

#[cfg(fuzzing)]
pub use archive::feed as feed_archive;
pub use archive::{Altered, Archive, ArchiveError, Manifest, is_archive};
pub use chain::{ChainedFile, chained_lines};
pub use export::{Export, export};
pub use format::{FORMAT, Header, Launch};
pub use holder::Holder;
pub use reader::{Journal, JournalError, Sound, parse, read, read_sound, whole_lines};
pub use store::{RunFolder, RunSummary, Runs};
pub use writer::Writer;
