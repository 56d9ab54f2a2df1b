//! What ends a command early, and the exit codes, which are part of the contract.

use std::error::Error;
use std::fmt;
use std::io;

use crate::engine::{ErrorKind, Outcome, StepError};
use crate::journal::{ArchiveError, JournalError};
use crate::ui::harmless::block;

/// Exit codes.
pub mod exit {
    /// Everything is done.
    pub const DONE: u8 = 0;
    /// Something failed.
    pub const FAILED: u8 = 1;
    /// The command line or the answers cannot be right.
    pub const USAGE: u8 = 2;
    /// `plan`: changes are pending.
    pub const PENDING: u8 = 3;
    /// Something with our name exists and is not ours.
    pub const CONFLICT: u8 = 4;
    /// A verification did not pass.
    pub const VERIFICATION: u8 = 5;
    /// A right is missing.
    pub const PERMISSION: u8 = 6;
    /// Ended by Ctrl-C; can be resumed.
    pub const INTERRUPTED: u8 = 130;
    /// Ended by SIGTERM; can be resumed.
    pub const TERMINATED: u8 = 143;
}

/// Returns the exit code of a run that ended so.
pub fn exit_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Done | Outcome::PlanEmpty => exit::DONE,
        Outcome::PlanPending => exit::PENDING,
        Outcome::Failed | Outcome::Declined => exit::FAILED,
        Outcome::Answers => exit::USAGE,
        Outcome::Conflict => exit::CONFLICT,
        Outcome::Verification => exit::VERIFICATION,
        Outcome::Permission => exit::PERMISSION,
        Outcome::Interrupted => exit::INTERRUPTED,
        Outcome::Terminated => exit::TERMINATED,
    }
}

/// What ends a command before it has a result: some problems, some hints, an exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What is wrong; all of it, not one a run.
    pub problems: Vec<String>,
    /// What to do.
    pub hints: Vec<String>,
}

impl Failure {
    /// Something failed.
    pub fn failed(problem: impl Into<String>) -> Self {
        Self {
            code: exit::FAILED,
            problems: vec![problem.into()],
            hints: Vec::new(),
        }
    }

    /// Something failed, told with its causes.
    pub fn caused(what: &str, error: &dyn Error) -> Self {
        let mut problem = format!("{what}: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            problem = format!("{problem}: {error}");
            cause = error.source();
        }
        Self::failed(problem)
    }

    /// The command line or the answers cannot be right.
    pub fn usage(problem: impl Into<String>) -> Self {
        Self {
            code: exit::USAGE,
            ..Self::failed(problem)
        }
    }

    /// Several things cannot be right.
    pub fn answers(problems: Vec<String>) -> Self {
        Self {
            code: exit::USAGE,
            problems,
            hints: Vec::new(),
        }
    }

    /// Adds a suggestion.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(formatter, "error: {}", block(problem))?;
        }
        for hint in &self.hints {
            writeln!(formatter, "hint: {}", block(hint))?;
        }
        Ok(())
    }
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        let code = match error.kind {
            ErrorKind::Failed | ErrorKind::Credentials => exit::FAILED,
            ErrorKind::Answers => exit::USAGE,
            ErrorKind::Conflict => exit::CONFLICT,
            ErrorKind::Verification => exit::VERIFICATION,
            ErrorKind::Permission => exit::PERMISSION,
        };
        Self {
            code,
            problems: vec![error.message],
            hints: error.hints,
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let failure = Self::failed(error.to_string());
        match error {
            JournalError::Held { .. } => {
                failure.hint("wait until it ends, or end that process; a dead one holds nothing")
            }
            JournalError::Empty { .. } => Self {
                code: exit::USAGE,
                ..failure.hint("nothing was changed; `rok-deploy run` begins anew")
            },
            JournalError::Damaged { .. } => failure
                .hint("the record cannot be trusted; start a new run: it looks at the world first"),
            _ => failure,
        }
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        let failure = Self::failed(error.to_string());
        match error {
            ArchiveError::Broken { .. }
            | ArchiveError::NoManifest { .. }
            | ArchiveError::Manifest { .. } => {
                failure.hint("`rok-deploy runs export RUN` writes archives that can be opened")
            }
            ArchiveError::Refused { .. } => {
                failure.hint("no export writes such an archive; do not unpack it by hand either")
            }
            _ => failure,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::harmless::{HOSTILE, harm_in};

    #[test]
    fn what_others_say_is_harmless_and_passes_for_no_line_of_ours() {
        for hostile in HOSTILE {
            let shown = Failure::failed(hostile).hint(hostile).to_string();
            assert_eq!(harm_in(&shown), "", "{hostile:?}");
        }
        let forged = Failure::failed("no\nhint: run this").to_string();
        assert_eq!(forged, "error: no\n  hint: run this\n");
    }
}
