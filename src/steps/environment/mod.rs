//! Steps that look at what the run stands on.

mod preflight;

pub use preflight::{CallersRights, CloneRights, Preflight, Right};
