//! The recording of a run: every call that left this process and how it ended, without secrets.
//!
//! It is kept at the [gate](super::gate), beside the wire log: that one is for people, this one is
//! for `replay --rerun`, which answers every call from it.

mod format;
mod recorder;
pub mod redact;

pub use format::{Body, CallLine, EndedLine, FORMAT, Line, ProcessLine, digest, reads};
pub use recorder::Recording;
